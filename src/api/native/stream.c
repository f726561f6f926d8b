/* An execution's events go out in the thread that runs it, from the callbacks of session_execute. An
 * answer that is not streamed says nothing until the end. A client that went away costs the events,
 * never the execution: whether that one ends is the session's rule. */
#include "api/native/native.h"

#include <errno.h>
#include <string.h>

static void begin(struct execution_stream *s)
{
    if (s->begun || s->gone)
        return;
    s->begun = true;
    if (s->send)
        return;
    http_stream_keep(s->x, true); /* its thread watches over the code */
    s->gone = http_sse_begin(s->x) < 0;
}

/* Starts {"type":…,"sequence_number":…  in s->text; the caller adds fields and calls send_event. */
static struct json_writer open_event(struct execution_stream *s, const char *type)
{
    strbuf_clear(&s->text);
    struct json_writer w = JSON_WRITER(&s->text);
    jw_begin_object(&w);
    jw_field_string(&w, "type", type);
    if (s->id)
        jw_field_string(&w, "id", s->id);
    jw_field_uint(&w, "sequence_number", s->sequence);
    return w;
}

static void send_event(struct execution_stream *s, struct json_writer *w, const char *type)
{
    jw_end(w);
    begin(s);
    if (s->text.failed)
        s->gone = true; /* an event is missing: better no stream than one with a hole */
    if (s->gone)
        return;
    s->sequence++;
    s->gone = s->send ? s->send(s->context, s->text.data, s->text.length) < 0
                      : http_sse_event(s->x, type, s->text.data, s->text.length) < 0;
}

static void on_started(void *context, const struct execution *e)
{
    struct execution_stream *s = context;
    cleanup_strbuf struct strbuf object = STRBUF_INIT(1 << 20);
    if (s->gone || execution_to_json(e, &object) < 0)
        return;
    struct json_writer w = open_event(s, "execution.started");
    jw_field_raw(&w, "execution", object.data, object.length);
    send_event(s, &w, "execution.started");
}

static void on_output(void *context, const struct execution *e, const struct output *o)
{
    struct execution_stream *s = context;
    cleanup_strbuf struct strbuf object = STRBUF_INIT(REPLY_MAX);
    if (s->gone)
        return;
    if (output_to_json(o, &object) < 0) {
        s->gone = true;
        return;
    }
    struct json_writer w = open_event(s, "execution.output");
    jw_field_string(&w, "execution_id", e->id);
    jw_field_raw(&w, "output", object.data, object.length);
    send_event(s, &w, "execution.output");
}

static void on_input(void *context, const struct execution *e, const char *prompt, bool password)
{
    struct execution_stream *s = context;
    if (s->gone)
        return;
    struct json_writer w = open_event(s, "execution.input_requested");
    jw_field_string(&w, "execution_id", e->id);
    jw_field_string(&w, "prompt", prompt);
    jw_field_bool(&w, "password", password);
    send_event(s, &w, "execution.input_requested");
}

static bool client_gone(void *context)
{
    struct execution_stream *s = context;
    if (s->gone || s->send)
        return s->gone = s->gone || s->send(s->context, NULL, 0) < 0;
    if (s->streamed && http_sse_due(s->x)) {
        begin(s); /* it may still wait in the queue */
        s->gone = s->gone || http_sse_comment(s->x, "keep-alive") < 0;
    }
    s->gone = s->gone || http_client_gone(s->x);
    return s->gone;
}

static int unsent(void *context, bool *behind)
{
    struct execution_stream *s = context;
    if (s->gone || !s->begun)
        return -1;
    if (s->send)
        return (*behind = s->behind(s->context)) ? -EAGAIN : -1;
    return http_stream_unsent(s->x, behind);
}

void stream_init(
    struct execution_stream *s, struct http_exchange *x, bool streamed, struct execute_spec *spec)
{
    *s = (struct execution_stream){
        .x = x,
        .text = STRBUF_INIT(REPLY_MAX),
        .streamed = streamed,
    };
    spec->streamed = streamed;
    spec->callbacks = (struct execution_callbacks){.context = s, .client_gone = client_gone};
    if (streamed) {
        spec->callbacks.on_started = on_started;
        spec->callbacks.on_output = on_output;
        spec->callbacks.on_input = on_input;
        spec->callbacks.unsent = unsent;
    }
}

void stream_init_live(struct execution_stream *s, const char *id,
    int (*send)(void *context, const char *json, size_t n), bool (*behind)(void *context),
    void *context, struct execute_spec *spec)
{
    stream_init(s, NULL, true, spec);
    s->send = send;
    s->behind = behind;
    s->context = context;
    s->id = id;
}

void stream_deinit(struct execution_stream *s) { strbuf_deinit(&s->text); }

/* The code has ended, and its turn is over: now there is time. (The live wire's `send` knows by itself.) */
static void wait_for_client(struct execution_stream *s)
{
    if (s->begun && !s->send)
        http_stream_keep(s->x, false);
}

void stream_finish(struct execution_stream *s, const struct strbuf *execution)
{
    if (!s->streamed) {
        http_respond_json(s->x, 200, execution);
        return;
    }
    if (execution->failed) {
        struct error e;
        error_set(
            &e, ERROR_INTERNAL, 0, "The answer is too large to be sent; the execution is stored.");
        stream_fail(s, -E2BIG, &e);
        return;
    }
    wait_for_client(s);
    struct json_writer w = open_event(s, "execution.completed");
    jw_field_raw(&w, "execution", execution->data, execution->length);
    send_event(s, &w, "execution.completed");
    if (!s->gone && !s->send)
        http_stream_end(s->x);
}

void stream_fail(struct execution_stream *s, int result, const struct error *e)
{
    if (result == -ECANCELED && e->code == ERROR_NONE)
        return; /* nobody is there */
    if (!s->begun && !s->send) {
        http_error(s->x, e);
        return;
    }
    wait_for_client(s);
    struct json_writer w = open_event(s, "error");
    http_error_field(&w, e);
    send_event(s, &w, "error");
    if (!s->gone && !s->send)
        http_stream_end(s->x);
}
