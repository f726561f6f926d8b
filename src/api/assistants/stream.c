/* A run as server-sent events. A client that goes away leaves the run alone: it can be asked for later. */
#include <stdlib.h>
#include <string.h>

#include "api/assistants/request.h"
#include "base/clock.h"

enum { KEEP_ALIVE_US = 15 * 1000 * 1000, LOOK_MS = 1000 };

void stream_event(struct run_stream *s, const char *event, json_t *data)
{
    char *text = s->gone ? NULL : json_dumps(data, JSON_COMPACT);
    if (!text)
        return;
    s->gone = http_sse_event(s->x, event, text, strlen(text)) < 0;
    s->last_us = clock_monotonic_us();
    free(text);
}

/* Runs and messages have file_ids for clients of the first beta. */
static int on_event(void *context, const char *event, json_t *data)
{
    struct run_stream *s = context;
    cleanup_json json_t *shown = beta_v1(s->x) ? json_copy(data) : json_incref(data);
    const char *object = json_text(data, "object");
    if (object && strcmp(object, "thread.message") == 0)
        message_show(s->x, shown);
    else if (object && strcmp(object, "thread.run") == 0)
        run_show(s->x, shown);
    stream_event(s, event, shown);
    return s->gone;
}

void stream_begin(struct run_stream *s, struct http_exchange *x)
{
    *s = (struct run_stream){.x = x, .last_us = clock_monotonic_us()};
    s->gone = http_sse_begin(x) < 0;
}

static void keep_alive(struct run_stream *s)
{
    if (!s->gone && clock_monotonic_us() - s->last_us >= KEEP_ALIVE_US) {
        s->gone = http_sse_comment(s->x, "keep-alive") < 0;
        s->last_us = clock_monotonic_us();
    }
    s->gone = s->gone || http_client_gone(s->x);
}

static void tell_error(struct run_stream *s, const struct error *e)
{
    cleanup_json json_t *error = json_pack("{s:s,s:s,s:s,s:n}", "message", e->message, "type",
        error_wire_type(e->code), "code", error_wire_code(e->code), "param");
    stream_event(s, "error", error);
}

void stream_run(struct run_stream *s, struct run *run, uint64_t from)
{
    struct run_state state;
    struct error e = {0};
    int r = run_state_init(&state, run, on_event, s, from, &e);
    if (r < 0) {
        tell_error(s, &e);
        return;
    }
    while (r == 0 && !s->gone && !state.reader.ended) {
        r = run_state_advance(&state, LOOK_MS, &e);
        if (r == 0 && !state.reader.ended)
            keep_alive(s);
    }
    if (r < 0)
        tell_error(s, &e);
    run_state_deinit(&state);
}

void stream_end(struct run_stream *s)
{
    if (s->gone)
        return;
    http_sse_event(s->x, "done", "[DONE]", 6);
    http_stream_end(s->x);
}
