/* A response as server-sent events: new, or told again from some event on. All events go through the
 * encoder, also those that the client has; it gets the ones it asked for. */
#include <string.h>

#include "api/responses/responses.h"

enum { LOOK_MS = 1000 };

struct listener {
    struct http_exchange *x;
    int64_t after;
    uint64_t sent; /* the number of the next event */
    bool gone;
};

static int on_event(void *context, const char *type, uint64_t sequence, const char *json, size_t n)
{
    struct listener *l = context;
    l->sent = sequence + (strcmp(type, RESPONSE_LIVE_OUTPUT) != 0);
    if (l->after >= 0 && sequence <= (uint64_t)l->after)
        return 0;
    l->gone = http_sse_event(l->x, type, json, n) < 0;
    return l->gone;
}

static void keep_alive(struct listener *l)
{
    if (!l->gone && http_sse_due(l->x))
        l->gone = http_sse_comment(l->x, "keep-alive") < 0;
    l->gone = l->gone || http_client_gone(l->x);
}

/* The store broke in the middle: what it said is all that is left to say. */
static void tell_error(struct listener *l, const struct error *e)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(4096);
    struct json_writer w = JSON_WRITER(&text);
    jw_begin_object(&w);
    jw_field_string(&w, "type", "error");
    jw_field_uint(&w, "sequence_number", l->sent);
    http_error_field(&w, e);
    jw_end(&w);
    if (!text.failed)
        http_sse_event(l->x, "error", text.data, text.length);
}

bool response_stream(
    struct http_exchange *x, struct run *run, const struct item_view *view, int64_t after)
{
    struct listener l = {.x = x, .after = after};
    struct response_state state;
    struct error e = {0};
    l.gone = http_sse_begin(x) < 0;
    int r = response_state_init(&state, api_of(x), run, view, on_event, &l, &e);
    bool begun = r == 0;
    while (r == 0 && !l.gone && !state.reader.ended) {
        r = response_state_advance(&state, LOOK_MS, &e);
        if (r == 0 && !state.reader.ended)
            keep_alive(&l);
    }
    if (r < 0 && !l.gone)
        tell_error(&l, &e);
    if (!l.gone)
        http_stream_end(x);
    if (begun)
        response_state_deinit(&state);
    return l.gone;
}
