#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "api/chat/chat.h"

struct pass {
    struct http_exchange *x;
    bool begun, events;
};

static int on_head(void *context, int status, const char *content_type, int64_t retry_after_ms)
{
    static const char events[] = "text/event-stream";
    struct pass *pass = context;
    char seconds[32];
    if (status >= 300) { /* an error, which is answered when it is whole */
        snprintf(seconds, sizeof seconds, "%" PRId64, (retry_after_ms + 999) / 1000);
        if (retry_after_ms >= 0)
            http_set_header(pass->x, "retry-after", seconds);
        return 0;
    }
    pass->begun = true;
    pass->events = strncasecmp(content_type, events, sizeof events - 1) == 0;
    if (pass->events)
        return http_sse_begin(pass->x);
    return http_stream_begin(pass->x, status, *content_type ? content_type : "application/json");
}

static int on_data(void *context, const char *data, size_t n)
{
    struct pass *pass = context;
    return http_stream_write(pass->x, data, n);
}

static bool unwanted(void *context)
{
    struct pass *pass = context;
    return http_client_gone(pass->x);
}

void chat_stream_error(struct http_exchange *x, const struct error *e)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(4096);
    struct json_writer w = JSON_WRITER(&text);
    jw_begin_object(&w);
    http_error_field(&w, e);
    jw_end(&w);
    if (!text.failed)
        http_sse_event(x, NULL, text.data, text.length);
}

void chat_pass(struct http_exchange *x, const struct model_route *route, json_t *root)
{
    struct pass pass = {.x = x};
    struct provider_pass_to to = {
        .head = on_head, .write = on_data, .unwanted = unwanted, .context = &pass};
    struct error e = {0};
    int r = provider_pass(route, root, &to, &e);
    if (r < 0 && e.code == ERROR_NONE)
        return; /* nobody is there */
    if (r < 0 && !pass.begun) {
        http_error(x, &e);
        return;
    }
    if (r < 0 && pass.events) {
        http_stream_write(x, "\n\n", 2); /* upstream may have stopped in the middle of an event */
        chat_stream_error(x, &e);
    }
    if (r == 0 || pass.events)
        http_stream_end(x); /* else it is cut, so that half a document is seen to be one */
}
