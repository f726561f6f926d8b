/* events.c - the JSON of each event of run.h, in one place. */
#include <errno.h>
#include <string.h>

#include "agent/loop.h"
#include "base/clock.h"

/* An event that is being written: its type comes first, which log.c relies on. */
struct event {
    struct strbuf text;
    struct json_writer w;
    const char *type;
};

static void begin(struct event *x, const char *type)
{
    x->text = STRBUF_INIT(EVENT_MAX);
    x->w = (struct json_writer)JSON_WRITER(&x->text);
    x->type = type;
    jw_begin_object(&x->w);
    jw_field_string(&x->w, "type", type);
}

static void begin_of(struct event *x, const char *type, const struct item *item)
{
    begin(x, type);
    jw_field_uint(&x->w, "item", item->number);
}

/* A NUL is U+FFFD in events: what code prints may hold some, and readers of JSON refuse them. Both are six
 * bytes when escaped, and a backslash that is itself escaped escapes nothing. */
static void replace_nuls(struct strbuf *json)
{
    for (size_t i = 0; i + 5 < json->length; i++) {
        if (json->data[i] != '\\')
            continue;
        if (memcmp(json->data + i, "\\u0000", 6) == 0)
            memcpy(json->data + i, "\\ufffd", 6);
        i++;
    }
}

static int end(struct loop *l, struct event *x)
{
    jw_end(&x->w);
    if (!x->text.failed)
        replace_nuls(&x->text);
    int r = log_append(l->run, x->type, &x->text, &l->error);
    strbuf_deinit(&x->text);
    return r;
}

static void field_buffer(struct json_writer *w, const char *key, const struct strbuf *b)
{
    jw_field_bytes(w, key, strbuf_text(b), b->length);
}

void event_field_at(struct json_writer *w) { jw_field_int(w, "at", clock_realtime_s()); }

int event_run_started(struct loop *l)
{
    struct event x;
    begin(&x, "run.started");
    jw_field_string(&x.w, "model", l->run->model);
    jw_field_string(&x.w, "container_id", l->run->container_id[0] ? l->run->container_id : NULL);
    event_field_at(&x.w);
    return end(l, &x);
}

int event_run_resumed(struct loop *l)
{
    struct event x;
    const json_t *result;
    size_t i;
    begin(&x, "run.resumed");
    jw_field_array(&x.w, "results");
    json_array_foreach (l->run->results, i, result) {
        json_t *text = json_object_get(result, "text");
        jw_begin_object(&x.w);
        jw_field_string(&x.w, "call_id", json_string_value(json_object_get(result, "call_id")));
        jw_field_bytes(&x.w, "text", json_string_value(text), json_string_length(text));
        jw_end(&x.w);
    }
    jw_end(&x.w);
    event_field_at(&x.w);
    return end(l, &x);
}

static const struct {
    const char *name, *prefix;
} kinds[] = {
    [ITEM_MESSAGE] = {"message", "msg_"},
    [ITEM_CODE] = {"code", "ci_"},
    [ITEM_FUNCTION] = {"function", "fc_"},
    [ITEM_REASONING] = {"reasoning", "rs_"},
};

int event_item_started(
    struct loop *l, enum item_kind kind, struct item *ret, const struct call *call)
{
    struct event x;
    struct item item = {.kind = kind};
    pthread_mutex_lock(&l->run->lock);
    item.number = l->run->items++;
    pthread_mutex_unlock(&l->run->lock);
    id_child(item.id, kinds[kind].prefix, l->run->id, item.number + 1);
    begin_of(&x, "item.started", &item);
    jw_field_string(&x.w, "kind", kinds[kind].name);
    jw_field_string(&x.w, "id", item.id);
    if (call)
        jw_field_string(&x.w, "call_id", call->call_id);
    if (kind == ITEM_CODE)
        jw_field_string(&x.w, "container_id", l->run->container_id);
    if (kind == ITEM_FUNCTION)
        jw_field_string(&x.w, "name", call->name);
    event_field_at(&x.w);
    *ret = item;
    return end(l, &x);
}

int event_delta(
    struct loop *l, const char *type, const struct item *item, const char *text, size_t n)
{
    struct event x;
    begin_of(&x, type, item);
    jw_field_bytes(&x.w, "text", text, n);
    return end(l, &x);
}

int event_code_completed(struct loop *l, const struct item *item, const struct strbuf *code)
{
    struct event x;
    begin_of(&x, "code.completed", item);
    field_buffer(&x.w, "code", code);
    return end(l, &x);
}

int event_execution_started(struct loop *l, const struct item *item, const char *execution_id)
{
    struct event x;
    begin_of(&x, "execution.started", item);
    jw_field_string(&x.w, "execution_id", execution_id);
    return end(l, &x);
}

int event_execution_output(
    struct loop *l, const struct item *item, const struct strbuf *json, const char *log, size_t n)
{
    struct event x;
    begin_of(&x, "execution.output", item);
    jw_field_raw(&x.w, "output", strbuf_text(json), json->length);
    if (log)
        jw_field_bytes(&x.w, "log", log, n);
    return end(l, &x);
}

int event_execution_completed(struct loop *l, const struct item *item, const struct execution *e,
    const char *status, const struct strbuf *logs, const struct figure *figures, size_t n_figures)
{
    struct event x;
    begin_of(&x, "execution.completed", item);
    jw_field_object(&x.w, "execution");
    execution_write_facts(&x.w, e);
    jw_end(&x.w);
    jw_field_string(&x.w, "status", status);
    field_buffer(&x.w, "logs", logs);
    jw_field_array(&x.w, "images");
    for (size_t i = 0; i < n_figures; i++) {
        jw_begin_object(&x.w);
        jw_field_string(&x.w, "file_id", figures[i].id);
        jw_field_string(&x.w, "media_type", figures[i].mime);
        jw_field_uint(&x.w, "bytes", figures[i].bytes);
        if (figures[i].published[0])
            jw_field_string(&x.w, "published", figures[i].published);
        jw_end(&x.w);
    }
    jw_end(&x.w);
    return end(l, &x);
}

static void begin_completed(struct event *x, const struct item *item)
{
    begin_of(x, "item.completed", item);
    jw_field_string(&x->w, "kind", kinds[item->kind].name);
    event_field_at(&x->w);
}

int event_message_completed(struct loop *l, const struct item *item, const struct strbuf *text,
    const struct strbuf *refusal, bool whole, const json_t *annotations)
{
    struct event x;
    char *json = json_dumps(annotations, JSON_COMPACT);
    begin_completed(&x, item);
    if (text->length > 0 || refusal->length == 0)
        field_buffer(&x.w, "text", text);
    if (refusal->length > 0)
        field_buffer(&x.w, "refusal", refusal);
    jw_field_string(&x.w, "status", whole ? "completed" : "incomplete");
    jw_field_raw(&x.w, "annotations", json ? json : "[]", json ? strlen(json) : 2);
    free(json);
    return end(l, &x);
}

int event_code_item_completed(
    struct loop *l, const struct item *item, const struct strbuf *code, const char *status)
{
    struct event x;
    begin_completed(&x, item);
    field_buffer(&x.w, "code", code);
    jw_field_string(&x.w, "status", status);
    return end(l, &x);
}

int event_function_completed(
    struct loop *l, const struct item *item, const struct strbuf *arguments)
{
    struct event x;
    begin_completed(&x, item);
    field_buffer(&x.w, "arguments", arguments);
    return end(l, &x);
}

int event_reasoning_completed(struct loop *l, const struct item *item, const struct strbuf *text)
{
    struct event x;
    begin_completed(&x, item);
    field_buffer(&x.w, "text", text);
    return end(l, &x);
}

int event_usage(struct loop *l)
{
    const struct provider_usage *u = &l->run->usage;
    struct event x;
    begin(&x, "usage");
    jw_field_int(&x.w, "input_tokens", u->input_tokens);
    jw_field_int(&x.w, "cached_tokens", u->cached_tokens);
    jw_field_int(&x.w, "cache_write_tokens", u->written_tokens);
    jw_field_int(&x.w, "output_tokens", u->output_tokens);
    jw_field_int(&x.w, "reasoning_tokens", u->reasoning_tokens);
    return end(l, &x);
}

int event_notice(struct loop *l, const char *text)
{
    struct event x;
    begin(&x, "notice");
    jw_field_string(&x.w, "text", text);
    return end(l, &x);
}

int event_masked(struct loop *l)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(8192);
    const char *key;
    const json_t *n;
    strbuf_puts(&text, "Before it went to the model, this was masked in results of code:");
    json_object_foreach (l->masked, key, n)
        strbuf_printf(&text, " %s (%lld)", key, (long long)json_integer_value(n));
    strbuf_puts(&text, ".");
    return event_notice(l, strbuf_text(&text));
}
