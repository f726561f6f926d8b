#include "api/chat/encode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"

enum { CHUNK_MAX = REPLY_MAX, TEXT_MAX = 64 << 20 };

/* An item of the run, as far as chunks have told it. */
struct told {
    size_t bytes;    /* of its text or arguments */
    unsigned number; /* of a function's call: its index */
    bool function, message, refusal;
};

struct chat_encoder {
    struct chat_base base;
    chat_sink *sink;
    void *context;
    bool sink_done;
    struct response_encoder *items; /* what the run made, as Responses keep it */
    struct told *told;
    size_t n_told;
    unsigned functions;
    bool role;            /* was told */
    bool texts, refusals; /* some was told */
    struct strbuf out;    /* the chunk being written */
    json_t *usage, *error;
    char *container_id;
    const char *finish; /* literal; NULL: it has not ended well */
};

/* ---- the message, whole ---- */

/* Texts of different messages are apart from each other; those of one are not. */
static const char *gap(bool before) { return before ? "\n\n" : ""; }

struct said {
    struct strbuf text, refusal;
    json_t *citations;
};

static int64_t characters(const char *text, size_t n)
{
    int64_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* Citations count from where their message begins; figures stand at 0,0, wherever they belong. */
static void add_citations(struct said *s, const json_t *annotations, int64_t offset)
{
    const json_t *annotation;
    size_t i;
    json_array_foreach (annotations, i, annotation) {
        json_t *copy = json_copy((json_t *)annotation);
        json_int_t start = json_integer_value(json_object_get(copy, "start_index"));
        json_int_t end = json_integer_value(json_object_get(copy, "end_index"));
        if (end > 0) {
            json_object_set_new(copy, "start_index", json_integer(start + offset));
            json_object_set_new(copy, "end_index", json_integer(end + offset));
        }
        json_array_append_new(s->citations, copy);
    }
}

static void add_message(struct said *s, const json_t *item)
{
    bool text_before = s->text.length > 0, refusal_before = s->refusal.length > 0;
    const json_t *part;
    size_t i;
    json_array_foreach (json_object_get(item, "content"), i, part) {
        const json_t *text = json_object_get(part, "text"), *no = json_object_get(part, "refusal");
        if (json_string_length(text) > 0) {
            strbuf_puts(&s->text, gap(text_before));
            text_before = false;
            int64_t offset = characters(strbuf_text(&s->text), s->text.length);
            strbuf_append(&s->text, json_string_value(text), json_string_length(text));
            add_citations(s, json_object_get(part, "annotations"), offset);
        } else {
            add_citations(s, json_object_get(part, "annotations"), 0);
        }
        if (json_string_length(no) > 0) {
            strbuf_puts(&s->refusal, gap(refusal_before));
            refusal_before = false;
            strbuf_append(&s->refusal, json_string_value(no), json_string_length(no));
        }
    }
}

static void said_init(struct said *s, const struct chat_encoder *enc)
{
    const json_t *item;
    size_t i;
    *s = (struct said){STRBUF_INIT(TEXT_MAX), STRBUF_INIT(TEXT_MAX), json_array()};
    json_array_foreach (response_encoder_items(enc->items), i, item)
        if (item_is(item, "message"))
            add_message(s, item);
}

static void said_deinit(struct said *s)
{
    strbuf_deinit(&s->text);
    strbuf_deinit(&s->refusal);
    json_decref(s->citations);
}

static void write_interpreter(
    struct json_writer *w, const struct chat_encoder *enc, const struct said *s)
{
    const json_t *item;
    size_t i;
    jw_field_object(w, "code_interpreter");
    jw_field_string(w, "container_id", enc->container_id);
    jw_field_array(w, "calls");
    json_array_foreach (response_encoder_items(enc->items), i, item)
        if (item_is(item, "code_interpreter_call"))
            item_write(w, item, &enc->base.view);
    jw_end(w);
    jw_field_json(w, "citations", s->citations);
    jw_end(w);
}

static void write_calls(struct json_writer *w, const struct chat_encoder *enc)
{
    const json_t *item;
    size_t i;
    if (enc->functions == 0)
        return;
    jw_field_array(w, "tool_calls");
    json_array_foreach (response_encoder_items(enc->items), i, item) {
        if (!item_is(item, "function_call"))
            continue;
        jw_begin_object(w);
        jw_field_string(w, "id", json_text(item, "call_id"));
        jw_field_string(w, "type", "function");
        jw_field_object(w, "function");
        jw_field_string(w, "name", json_text(item, "name"));
        jw_field_json(w, "arguments", json_object_get(item, "arguments"));
        jw_end(w);
        jw_end(w);
    }
    jw_end(w);
}

/* Null beside calls or a refusal alone; an answer without words is "". */
static void write_content(
    struct json_writer *w, const struct chat_encoder *enc, const struct said *s)
{
    if (s->text.length > 0 || (enc->functions == 0 && s->refusal.length == 0))
        jw_field_bytes(w, "content", strbuf_text(&s->text), s->text.length);
    else
        jw_field_null(w, "content");
}

static void write_usage(struct json_writer *w, const struct chat_encoder *enc)
{
    static const struct {
        const char *ours, *theirs;
    } details[] = {{"cached_tokens", "prompt_tokens_details"},
        {"reasoning_tokens", "completion_tokens_details"}};
    int64_t in = json_integer_value(json_object_get(enc->usage, "input_tokens"));
    int64_t out = json_integer_value(json_object_get(enc->usage, "output_tokens"));
    jw_field_object(w, "usage");
    jw_field_int(w, "prompt_tokens", in);
    jw_field_int(w, "completion_tokens", out);
    jw_field_int(w, "total_tokens", in + out);
    for (size_t i = 0; i < sizeof details / sizeof *details; i++) {
        jw_field_object(w, details[i].theirs);
        jw_field_int(
            w, details[i].ours, json_integer_value(json_object_get(enc->usage, details[i].ours)));
        jw_end(w);
    }
    jw_end(w);
}

static void write_head(struct json_writer *w, const struct chat_encoder *enc, const char *object)
{
    jw_begin_object(w);
    jw_field_string(w, "id", enc->base.id);
    jw_field_string(w, "object", object);
    jw_field_int(w, "created", enc->base.created_at);
    jw_field_string(w, "model", enc->base.model);
    jw_field_array(w, "choices");
}

void chat_encoder_object(const struct chat_encoder *enc, struct json_writer *w)
{
    struct said s;
    said_init(&s, enc);
    write_head(w, enc, "chat.completion");
    jw_begin_object(w);
    jw_field_int(w, "index", 0);
    jw_field_object(w, "message");
    jw_field_string(w, "role", "assistant");
    write_content(w, enc, &s);
    if (s.refusal.length > 0)
        jw_field_bytes(w, "refusal", strbuf_text(&s.refusal), s.refusal.length);
    else
        jw_field_null(w, "refusal");
    write_calls(w, enc);
    if (enc->base.interpreter)
        write_interpreter(w, enc, &s);
    jw_end(w);
    jw_field_null(w, "logprobs");
    jw_field_string(w, "finish_reason", enc->finish);
    jw_end(w);
    jw_end(w);
    write_usage(w, enc);
    response_encoder_cloche(enc->items, w);
    jw_end(w);
    said_deinit(&s);
}

/* ---- chunks ---- */

/* Begins a chunk up to what its delta says. The first one says whose words follow. */
static struct json_writer chunk(struct chat_encoder *enc)
{
    strbuf_clear(&enc->out);
    struct json_writer w = JSON_WRITER(&enc->out);
    write_head(&w, enc, "chat.completion.chunk");
    jw_begin_object(&w);
    jw_field_int(&w, "index", 0);
    jw_field_object(&w, "delta");
    if (!enc->role)
        jw_field_string(&w, "role", "assistant");
    return w;
}

static void send(struct chat_encoder *enc, struct json_writer *w)
{
    jw_end(w);
    if (enc->sink && !enc->sink_done)
        enc->sink_done =
            enc->out.failed || enc->sink(enc->context, enc->out.data, enc->out.length) != 0;
}

/* Ends the delta and the chunk. */
static void chunk_send(struct chat_encoder *enc, struct json_writer *w, const char *finish)
{
    jw_end(w);
    jw_field_null(w, "logprobs");
    jw_field_string(w, "finish_reason", finish);
    jw_end(w);
    jw_end(w);
    if (enc->base.usage)
        jw_field_null(w, "usage");
    if (finish)
        response_encoder_cloche(enc->items, w);
    enc->role = true;
    send(enc, w);
}

static void tell_text(
    struct chat_encoder *enc, struct told *t, bool refusal, const char *text, size_t n)
{
    bool *any = refusal ? &enc->refusals : &enc->texts;
    if (n == 0)
        return;
    struct json_writer w = chunk(enc);
    jw_key(&w, refusal ? "refusal" : "content");
    jw_string_begin(&w);
    if (t->bytes == 0 || t->refusal != refusal)
        jw_string_piece(&w, gap(*any), strlen(gap(*any)));
    jw_string_piece(&w, text, n);
    jw_string_end(&w);
    chunk_send(enc, &w, NULL);
    t->bytes += n;
    t->refusal = refusal;
    *any = true;
}

static struct json_writer call_chunk(struct chat_encoder *enc, const struct told *t)
{
    struct json_writer w = chunk(enc);
    if (!enc->role)
        jw_field_null(&w, "content");
    jw_field_array(&w, "tool_calls");
    jw_begin_object(&w);
    jw_field_uint(&w, "index", t->number);
    return w;
}

static void call_chunk_send(struct chat_encoder *enc, struct json_writer *w)
{
    jw_end(w);
    jw_end(w);
    jw_end(w);
    chunk_send(enc, w, NULL);
}

static void tell_call(struct chat_encoder *enc, const struct told *t, const json_t *e)
{
    struct json_writer w = call_chunk(enc, t);
    jw_field_string(&w, "id", json_text(e, "call_id"));
    jw_field_string(&w, "type", "function");
    jw_field_object(&w, "function");
    jw_field_string(&w, "name", json_text(e, "name"));
    jw_field_string(&w, "arguments", "");
    call_chunk_send(enc, &w);
}

static void tell_arguments(struct chat_encoder *enc, struct told *t, const char *text, size_t n)
{
    if (n == 0)
        return;
    struct json_writer w = call_chunk(enc, t);
    jw_field_object(&w, "function");
    jw_field_bytes(&w, "arguments", text, n);
    call_chunk_send(enc, &w);
    t->bytes += n;
}

/* The chunk with finish_reason, then the usage. */
static void tell_end(struct chat_encoder *enc)
{
    struct said s;
    said_init(&s, enc);
    struct json_writer w = chunk(enc);
    if (!enc->role)
        write_content(&w, enc, &s);
    if (enc->base.interpreter)
        write_interpreter(&w, enc, &s);
    said_deinit(&s);
    chunk_send(enc, &w, enc->finish);
    if (!enc->base.usage)
        return;
    strbuf_clear(&enc->out);
    w = (struct json_writer)JSON_WRITER(&enc->out);
    write_head(&w, enc, "chat.completion.chunk");
    jw_end(&w);
    write_usage(&w, enc);
    send(enc, &w);
}

/* ---- events ---- */

static int item_started(struct chat_encoder *enc, size_t i, const json_t *e)
{
    const char *kind = json_text(e, "kind"), *container = json_text(e, "container_id");
    struct told *grown =
        i == enc->n_told && kind ? realloc(enc->told, (i + 1) * sizeof *grown) : NULL;
    if (!grown)
        return -EINVAL;
    enc->told = grown;
    struct told *t = &enc->told[enc->n_told++];
    *t = (struct told){
        .message = strcmp(kind, "message") == 0, .function = strcmp(kind, "function") == 0};
    if (t->function) {
        t->number = enc->functions++;
        tell_call(enc, t, e);
    }
    if (container) {
        free(enc->container_id);
        enc->container_id = strdup(container);
    }
    return 0;
}

/* What an item's end says beyond what its deltas said. */
static void tell_rest(struct chat_encoder *enc, struct told *t, const json_t *e)
{
    bool refusal = json_text(e, "refusal") != NULL;
    const json_t *text = json_object_get(e, t->function ? "arguments"
                                            : refusal   ? "refusal"
                                                        : "text");
    size_t n = json_string_length(text);
    if (n <= t->bytes || (!t->function && !t->message))
        return;
    const char *rest = json_string_value(text) + t->bytes;
    if (t->function)
        tell_arguments(enc, t, rest, n - t->bytes);
    else
        tell_text(enc, t, refusal, rest, n - t->bytes);
}

static int feed_item(struct chat_encoder *enc, const char *type, const json_t *e)
{
    size_t i = (size_t)json_integer_value(json_object_get(e, "item"));
    const json_t *text = json_object_get(e, "text");
    if (strcmp(type, "item.started") == 0)
        return item_started(enc, i, e);
    if (i >= enc->n_told)
        return -EINVAL;
    const char *bytes = json_string_value(text);
    size_t n = json_string_length(text);
    if (strcmp(type, "text.delta") == 0)
        tell_text(enc, &enc->told[i], false, bytes, n);
    else if (strcmp(type, "refusal.delta") == 0)
        tell_text(enc, &enc->told[i], true, bytes, n);
    else if (strcmp(type, "arguments.delta") == 0)
        tell_arguments(enc, &enc->told[i], bytes, n);
    else if (strcmp(type, "item.completed") == 0)
        tell_rest(enc, &enc->told[i], e);
    return 0;
}

static void feed_run(struct chat_encoder *enc, const char *what, const json_t *e)
{
    const char *container = json_text(e, "container_id"), *reason = json_text(e, "reason");
    if (strcmp(what, "started") == 0) {
        enc->container_id = container ? strdup(container) : NULL;
        return;
    }
    if (strcmp(what, "completed") == 0)
        enc->finish = "stop";
    else if (strcmp(what, "requires_action") == 0)
        enc->finish = "tool_calls";
    else if (strcmp(what, "incomplete") == 0)
        enc->finish = reason && strcmp(reason, "content_filter") == 0 ? "content_filter" : "length";
    else if (strcmp(what, "failed") == 0)
        enc->error = json_incref(json_object_get(e, "error"));
    if (enc->finish)
        tell_end(enc);
    else if (!enc->error)
        enc->error = json_pack("{s:s,s:s}", "code", "unavailable", "message",
            "The run was ended before it had an answer.");
}

int chat_encoder_feed(struct chat_encoder *enc, const char *json, size_t n)
{
    int r = response_encoder_feed(enc->items, json, n, 0);
    cleanup_json json_t *e = r == 0 ? json_loadb(json, n, JSON_ALLOW_NUL, NULL) : NULL;
    const char *type = json_text(e, "type");
    if (r < 0 || !type)
        return -EINVAL;
    if (strncmp(type, "run.", 4) == 0) {
        feed_run(enc, type + 4, e);
    } else if (strcmp(type, "usage") == 0) {
        json_decref(enc->usage);
        enc->usage = json_incref(e);
    } else if (json_object_get(e, "item")) {
        return feed_item(enc, type, e);
    }
    return 0;
}

struct chat_encoder *chat_encoder_new(const struct chat_base *base, chat_sink *sink, void *context)
{
    struct response_base items = {.id = base->id, .created_at = base->created_at};
    struct chat_encoder *enc = calloc(1, sizeof *enc);
    if (!enc)
        return NULL;
    enc->base = *base;
    enc->base.view.outputs = true; /* a message has no other way to be asked for them */
    enc->sink = sink;
    enc->context = context;
    enc->out = STRBUF_INIT(CHUNK_MAX);
    enc->items = response_encoder_new(&items, NULL, NULL);
    return enc->items ? enc : chat_encoder_free(enc);
}

struct chat_encoder *chat_encoder_free(struct chat_encoder *enc)
{
    if (!enc)
        return NULL;
    response_encoder_free(enc->items);
    free(enc->told);
    strbuf_deinit(&enc->out);
    json_decref(enc->usage);
    json_decref(enc->error);
    free(enc->container_id);
    free(enc);
    return NULL;
}

const json_t *chat_encoder_error(const struct chat_encoder *enc) { return enc->error; }
