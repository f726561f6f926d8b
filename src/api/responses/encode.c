/* The order of events is the one that OpenAI's recordings show; clients' accumulators depend on it: an item
 * is added before anything is said of it, its parts come in order, annotations come after the last
 * delta and before the part is done, and an item's last event shows it whole. */
#include "api/responses/encode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/responses/encode_internal.h"

enum { EVENT_MAX = REPLY_MAX, TEXT_MAX = 64 << 20 };

/* ---- items ---- */

static json_t *new_item(enum item_kind kind, const json_t *e)
{
    const char *id = json_text(e, "id");
    if (!id)
        return NULL;
    switch (kind) {
    case ITEM_MESSAGE:
        return json_pack("{s:s,s:s,s:s,s:s,s:[]}", "id", id, "type", "message", "status",
            "in_progress", "role", "assistant", "content");
    case ITEM_CODE:
        return json_pack("{s:s,s:s,s:s,s:s,s:O?,s:O?,s:[]}", "id", id, "type",
            "code_interpreter_call", "status", "in_progress", "code", "", "container_id",
            json_object_get(e, "container_id"), "call_id", json_object_get(e, "call_id"),
            "outputs");
    case ITEM_FUNCTION:
        return json_pack("{s:s,s:s,s:s,s:O?,s:O?,s:s}", "id", id, "type", "function_call", "status",
            "in_progress", "call_id", json_object_get(e, "call_id"), "name",
            json_object_get(e, "name"), "arguments", "");
    case ITEM_REASONING:
        return json_pack("{s:s,s:s,s:[]}", "id", id, "type", "reasoning", "summary");
    default: return NULL;
    }
}

static enum item_kind kind_of(const json_t *e)
{
    const char *kind = json_text(e, "kind");
    return !kind                            ? ITEM_NONE
           : strcmp(kind, "message") == 0   ? ITEM_MESSAGE
           : strcmp(kind, "code") == 0      ? ITEM_CODE
           : strcmp(kind, "function") == 0  ? ITEM_FUNCTION
           : strcmp(kind, "reasoning") == 0 ? ITEM_REASONING
                                            : ITEM_NONE;
}

static int item_started(struct response_encoder *enc, size_t i, const json_t *e)
{
    enum item_kind kind = kind_of(e);
    cleanup_json json_t *item = new_item(kind, e);
    if (!item || i != enc->n_open)
        return -EINVAL;
    struct open_item *grown = realloc(enc->open, (i + 1) * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    enc->open = grown;
    if (json_array_append(enc->items, item) < 0)
        return -ENOMEM;
    enc->open[enc->n_open++] = (struct open_item){.kind = kind, .text = STRBUF_INIT(TEXT_MAX)};
    tell_item(enc, i, "response.output_item.added");
    if (kind == ITEM_CODE)
        tell_plain(enc, i, "response.code_interpreter_call.in_progress");
    return 0;
}

static void item_completed(struct response_encoder *enc, size_t i, const json_t *e)
{
    json_t *item = json_array_get(enc->items, i), *status = json_object_get(e, "status");
    switch (enc->open[i].kind) {
    case ITEM_MESSAGE: encoder_message_done(enc, i, e); break;
    case ITEM_CODE:
        if (json_is_string(status))
            json_object_set(item, "status", status);
        if (json_object_get(e, "code"))
            json_object_set(item, "code", json_object_get(e, "code"));
        break;
    case ITEM_FUNCTION: encoder_function_done(enc, i, e); break;
    default: encoder_reasoning_done(enc, i, e); break;
    }
    enc->open[i].done = true;
    tell_item(enc, i, "response.output_item.done");
}

void encoder_keep_text(struct response_encoder *enc)
{
    for (size_t i = 0; i < enc->n_open; i++) {
        struct open_item *o = &enc->open[i];
        json_t *item = json_array_get(enc->items, i);
        if (o->done)
            continue;
        json_t *text = json_stringn(strbuf_text(&o->text), o->text.length);
        if (o->kind == ITEM_MESSAGE && o->part_open)
            json_object_set(json_array_get(encoder_content(enc, i), o->part),
                o->refusal ? "refusal" : "text", text);
        else if (o->kind == ITEM_CODE && o->text.length > 0 && !o->whole)
            json_object_set(item, "code", text);
        else if (o->kind == ITEM_FUNCTION)
            json_object_set(item, "arguments", text);
        else if (o->kind == ITEM_REASONING)
            encoder_reasoning_keep(item, strbuf_text(&o->text));
        json_decref(text);
    }
}

/* What a run that ends early leaves: items as far as they came. Nothing is sent of them: the answer's last
 * event shows them. */
static void keep_unfinished(struct response_encoder *enc)
{
    encoder_keep_text(enc);
    for (size_t i = 0; i < enc->n_open; i++)
        if (!enc->open[i].done && enc->open[i].kind != ITEM_REASONING)
            json_object_set_new(json_array_get(enc->items, i), "status", json_string("incomplete"));
}

/* ---- the run ---- */

static void failed(struct response_encoder *enc, const json_t *e)
{
    const json_t *error = json_object_get(e, "error");
    const char *code = json_text(error, "code"), *message = json_text(error, "message");
    if (!code || !message) {
        code = "internal";
        message = "The run failed.";
    }
    enc->status = RESPONSE_FAILED;
    enc->error = json_pack("{s:s,s:s}", "code", code, "message", message);
    /* nested, as OpenAI sends it, unlike its specification: both SDKs raise it */
    struct json_writer w = tell_begin(enc, "error");
    jw_field_object(&w, "error");
    jw_field_string(&w, "type", error_wire_type(error_code_find(code)));
    jw_field_string(&w, "code", code);
    jw_field_string(&w, "message", message);
    jw_field_null(&w, "param");
    jw_end(&w);
    tell_end(enc, &w, "error");
    tell_response(enc, "response.failed");
}

static void completed(struct response_encoder *enc, int64_t now_s)
{
    enc->status = RESPONSE_COMPLETED;
    enc->completed_at = now_s;
    tell_response(enc, "response.completed");
}

static int feed_run(struct response_encoder *enc, const char *what, const json_t *e, int64_t now_s)
{
    bool last = strcmp(what, "started") != 0;
    if (last) {
        keep_unfinished(enc);
        json_t *cloche = json_object_get(e, "cloche");
        enc->cloche = json_is_object(cloche) ? json_incref(cloche) : enc->cloche;
    }
    if (!last) {
        enc->status = RESPONSE_IN_PROGRESS;
        tell_response(enc, "response.in_progress");
    } else if (strcmp(what, "completed") == 0 || strcmp(what, "requires_action") == 0) {
        completed(enc, now_s);
    } else if (strcmp(what, "incomplete") == 0) {
        const char *reason = json_text(e, "reason");
        enc->status = RESPONSE_INCOMPLETE;
        enc->incomplete = reason && strcmp(reason, "content_filter") == 0 ? "content_filter"
                                                                          : "max_output_tokens";
        tell_response(enc, "response.incomplete");
    } else if (strcmp(what, "failed") == 0) {
        failed(enc, e);
    } else if (strcmp(what, "cancelled") == 0) {
        enc->status = RESPONSE_CANCELLED; /* there is no event for it: the stream ends */
    } else {
        return -EINVAL;
    }
    return 0;
}

static int feed_item(struct response_encoder *enc, const char *type, const json_t *e)
{
    const json_t *number = json_object_get(e, "item"), *text = json_object_get(e, "text");
    size_t i = (size_t)json_integer_value(number), n = json_string_length(text);
    const char *bytes = json_string_value(text);
    if (!json_is_integer(number))
        return -EINVAL;
    if (strcmp(type, "item.started") == 0)
        return item_started(enc, i, e);
    if (i >= enc->n_open || enc->open[i].done)
        return -EINVAL;
    enum item_kind kind = enc->open[i].kind;
    if (strcmp(type, "item.completed") == 0)
        item_completed(enc, i, e);
    else if (strcmp(type, "text.delta") == 0 && kind == ITEM_MESSAGE && bytes)
        encoder_message_delta(enc, i, false, bytes, n);
    else if (strcmp(type, "refusal.delta") == 0 && kind == ITEM_MESSAGE && bytes)
        encoder_message_delta(enc, i, true, bytes, n);
    else if (strcmp(type, "reasoning.delta") == 0 && kind == ITEM_REASONING && bytes)
        encoder_reasoning_delta(enc, i, bytes, n);
    else if (strcmp(type, "arguments.delta") == 0 && kind == ITEM_FUNCTION && bytes)
        encoder_arguments_delta(enc, i, bytes, n);
    else if (strcmp(type, "code.delta") == 0 && kind == ITEM_CODE && bytes)
        encoder_code_delta(enc, i, bytes, n);
    else if (strcmp(type, "code.completed") == 0 && kind == ITEM_CODE && json_text(e, "code"))
        encoder_code_completed(enc, i, e);
    else if (strcmp(type, "execution.started") == 0 && kind == ITEM_CODE)
        encoder_execution_started(enc, i, e);
    else if (strcmp(type, "execution.completed") == 0 && kind == ITEM_CODE)
        encoder_execution_completed(enc, i, e);
    else if (strcmp(type, "execution.output") == 0 && kind == ITEM_CODE)
        encoder_execution_output(enc, i, e);
    else
        return -EINVAL;
    return 0;
}

int response_encoder_feed(struct response_encoder *enc, const char *json, size_t n, int64_t now_s)
{
    cleanup_json json_t *e = json_loadb(json, n, JSON_ALLOW_NUL, NULL);
    const char *type = json_text(e, "type");
    if (!type || enc->status >= RESPONSE_COMPLETED)
        return -EINVAL;
    if (strncmp(type, "run.", 4) == 0)
        return feed_run(enc, type + 4, e, now_s);
    if (strcmp(type, "usage") == 0) {
        json_decref(enc->usage);
        enc->usage = json_incref(e);
        return 0;
    }
    if (strcmp(type, "notice") == 0)
        return json_array_append(enc->notices, json_object_get(e, "text")) < 0 ? -EINVAL : 0;
    return feed_item(enc, type, e);
}

struct response_encoder *response_encoder_new(
    const struct response_base *base, response_sink *sink, void *context)
{
    struct response_encoder *enc = calloc(1, sizeof *enc);
    if (!enc)
        return NULL;
    enc->base = *base;
    enc->sink = sink;
    enc->context = context;
    enc->out = STRBUF_INIT(EVENT_MAX);
    enc->items = json_array();
    enc->notices = json_array();
    if (!enc->items || !enc->notices)
        return response_encoder_free(enc);
    enc->status = base->background ? RESPONSE_QUEUED : RESPONSE_IN_PROGRESS;
    tell_response(enc, "response.created");
    if (base->background)
        tell_response(enc, "response.queued");
    return enc;
}

struct response_encoder *response_encoder_free(struct response_encoder *enc)
{
    if (!enc)
        return NULL;
    for (size_t i = 0; i < enc->n_open; i++)
        strbuf_deinit(&enc->open[i].text);
    free(enc->open);
    strbuf_deinit(&enc->out);
    json_decref(enc->items);
    json_decref(enc->notices);
    json_decref(enc->usage);
    json_decref(enc->error);
    json_decref(enc->cloche);
    free(enc);
    return NULL;
}

const json_t *response_encoder_items(struct response_encoder *enc) { return enc->items; }
const json_t *response_encoder_error(const struct response_encoder *enc) { return enc->error; }
bool response_encoder_failed_empty(const struct response_encoder *enc)
{
    return enc->status == RESPONSE_FAILED && enc->n_open == 0;
}
