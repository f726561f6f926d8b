/* pass.c - chat completions handed on as they are. */
#include <errno.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "provider/chat.h"

enum { HEADERS_MAX = 40, REFUSAL_MAX = 1 << 20 };
static const uint64_t PASS_MAX = 512 << 20;

struct pass {
    const struct provider_pass_to *to;
    struct strbuf refusal; /* the body of an error */
    int status;
    int stopped; /* what the caller's functions said */
};

static int on_head(void *context, const struct upstream_head *head)
{
    struct pass *pass = context;
    const struct provider_pass_to *to = pass->to;
    pass->status = head->status;
    pass->stopped = to->head(to->context, head->status, head->content_type, head->retry_after_ms);
    return pass->stopped != 0 ? -ECANCELED : 0;
}

static int on_data(void *context, const char *data, size_t n)
{
    struct pass *pass = context;
    if (pass->status >= 300) {
        strbuf_append(
            &pass->refusal, data, n); /* too long: its beginning is no JSON, the status speaks */
        return pass->refusal.failed ? 1 : 0;
    }
    pass->stopped = pass->to->write(pass->to->context, data, n);
    return pass->stopped != 0 ? -ECANCELED : 0;
}

static bool unwanted(void *context)
{
    const struct pass *pass = context;
    return pass->to->unwanted(pass->to->context);
}

/* The caller's request, for this model, with what the config adds. */
static int encode(const struct model_route *route, json_t *body, struct strbuf *ret)
{
    struct provider_request q = {.route = route};
    json_t *copy = json_copy(body);
    int r = copy == NULL || json_object_set_new(copy, "model", json_string(route->model)) < 0
                ? -ENOMEM
                : provider_extra_merge(copy, &q);
    if (r < 0) {
        json_decref(copy);
        return r;
    }
    return provider_body_dump(copy, ret);
}

int provider_pass(const struct model_route *route, json_t *body, const struct provider_pass_to *to,
    struct error *e)
{
    const struct provider *p = route->provider;
    if (p->wire != PROVIDER_CHAT)
        return error_param(e, ERROR_PROVIDER_REFUSED, "model",
            "The provider %s does not speak chat completions.", p->name);
    const char *lines[HEADERS_MAX];
    cleanup_strbuf struct strbuf url = STRBUF_INIT(8 << 10), text = STRBUF_INIT(16 << 10),
                                 none = STRBUF_INIT(1), request = STRBUF_INIT(256 << 20);
    strbuf_puts(&url, p->base_url);
    int r = chat_url(p, route->model, &url);
    if (r == 0)
        r = encode(route, body, &request);
    if (r < 0)
        return error_set(e, ERROR_INTERNAL, -r, "The request cannot be sent on: %s.", strerror(-r));
    struct pass pass = {.to = to, .refusal = STRBUF_INIT(REFUSAL_MAX)};
    struct upstream_head reply;
    struct upstream_request q = {.url = url.data,
        .headers = lines,
        .n_headers = provider_headers(p, &none, &text, lines, HEADERS_MAX),
        .body = request.data,
        .length = request.length,
        .deadline_us = clock_monotonic_us() + p->timeout_us,
        .silence_ms = p->silence_ms,
        .body_maximum = PASS_MAX,
        .unwanted = unwanted,
        .head = on_head,
        .data = on_data,
        .context = &pass};
    r = upstream_call(p->upstream, &q, &reply, e);
    if (r == 0 && pass.status >= 300)
        r = provider_error_body(p, pass.status, strbuf_text(&pass.refusal), pass.refusal.length, e);
    strbuf_deinit(&pass.refusal);
    return pass.stopped != 0 ? pass.stopped : r;
}
