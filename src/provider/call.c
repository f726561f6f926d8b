/* call.c - provider_chat: encode, send, read events, decode, and again where that may help. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "provider/internal.h"
#include "provider/retry.h"
#include "provider/sse.h"

enum {
    DOCUMENT_MAX = 64 << 20,
    ERROR_BODY_MAX = 64 << 10,
    HEADERS_MAX = 40,
    WAIT_SLICE_MS = 50, /* how often a wait looks at its cancel flag */
};
static const uint64_t STREAM_MAX = 512 << 20;

/* One attempt at one call. */
struct attempt {
    const struct provider *p;
    const struct provider_adapter *adapter;
    const struct encoded *encoded;
    struct answer *a;
    void *decoder;
    struct sse sse;
    struct strbuf body; /* of a reply that is no stream, or of an error */
    enum { READ_EVENTS, READ_DOCUMENT, READ_ERROR } mode;
    bool ended; /* the decoder has seen the end */
    struct upstream_head head;
    struct error *e;
};

/* ---- headers --------------------------------------------------------------------------------------- */

int provider_header(struct encoded *ret, const char *format, ...)
{
    char line[512];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(line, sizeof(line), format, ap);
    va_end(ap);
    return n >= (int)sizeof(line) ? -E2BIG : strbuf_append(&ret->headers, line, (size_t)n + 1);
}

size_t provider_headers(const struct provider *p, const struct strbuf *more, struct strbuf *text,
    const char **lines, size_t size)
{
    static const char *const shown[] = {[AUTH_BEARER] = "Authorization: Bearer ",
        [AUTH_API_KEY] = "api-key: ",
        [AUTH_X_API_KEY] = "x-api-key: "};
    size_t n = 0;
    strbuf_clear(text);
    if (p->key != NULL && strbuf_printf(text, "%s%s", shown[p->auth], p->key) == 0)
        lines[n++] = text->data;
    if (p->adapter->header != NULL)
        lines[n++] = p->adapter->header;
    for (size_t i = 0; i < p->n_headers && n < size; i++)
        lines[n++] = p->headers[i];
    for (const char *at = strbuf_text(more), *end = at + more->length; at < end && n < size;
         at += strlen(at) + 1)
        lines[n++] = at;
    return n;
}

/* ---- reading ----------------------------------------------------------------------------------------- */

static int on_head(void *context, const struct upstream_head *head)
{
    struct attempt *t = context;
    bool events = strncasecmp(head->content_type, "text/event-stream", 17) == 0;
    bool json = strncasecmp(head->content_type, "application/json", 16) == 0;
    t->mode = head->status < 200 || head->status > 299  ? READ_ERROR
              : events || (t->encoded->stream && !json) ? READ_EVENTS
                                                        : READ_DOCUMENT;
    t->body = STRBUF_INIT(t->mode == READ_ERROR ? ERROR_BODY_MAX : DOCUMENT_MAX);
    return 0;
}

static int on_event(void *context, const char *event, const char *data, size_t n)
{
    struct attempt *t = context;
    if (t->ended)
        return 0;
    int r = t->adapter->event(t->decoder, event, data, n, t->e);
    t->ended = r > 0;
    return r;
}

static int on_data(void *context, const char *data, size_t n)
{
    struct attempt *t = context;
    if (t->mode == READ_EVENTS)
        return sse_feed(&t->sse, data, n, on_event, t);
    int r = strbuf_append(&t->body, data, n);
    return r == -E2BIG && t->mode == READ_ERROR ? 1 : r;
}

static int document(struct attempt *t)
{
    json_error_t where;
    json_t *root = json_loadb(strbuf_text(&t->body), t->body.length, 0, &where);
    if (root == NULL)
        return provider_malformed(t->p, "an answer that is no JSON", t->e);
    int r = json_object_get(root, "error") != NULL && !json_is_null(json_object_get(root, "error"))
                ? provider_error_object(t->p, 0, json_object_get(root, "error"), t->e)
                : t->adapter->whole(t->decoder, root, t->e);
    json_decref(root);
    return r;
}

/* The reply was read to its end: what does it say? */
static int finish(struct attempt *t)
{
    int r = 0;
    if (t->mode == READ_ERROR)
        return provider_error_body(
            t->p, t->head.status, strbuf_text(&t->body), t->body.length, t->e);
    if (t->mode == READ_DOCUMENT)
        return document(t);
    if (!t->ended)
        r = sse_end(&t->sse, on_event, t);
    return r < 0 ? r : t->adapter->end(t->decoder, t->e);
}

/* Names what answer.h's functions refuse. */
static int explained(const struct provider *p, int r, struct error *e)
{
    if (r >= 0 || r == -ECANCELED || e->code != ERROR_NONE)
        return r;
    if (r == -E2BIG || r == -EPROTO)
        return provider_malformed(p, r == -E2BIG ? "an answer too long" : "calls out of order", e);
    return error_set(e, ERROR_INTERNAL, -r, "The answer of the provider %s cannot be kept: %s.",
        p->name, strerror(-r));
}

static int attempt(const struct provider_request *q, int64_t deadline_us,
    const struct encoded *encoded, struct answer *a, struct upstream_head *ret_head,
    struct error *e)
{
    const struct provider *p = q->route->provider;
    struct attempt t = {.p = p,
        .adapter = p->adapter,
        .encoded = encoded,
        .a = a,
        .e = e,
        .mode = READ_ERROR,
        .body = STRBUF_INIT(0),
        .decoder = p->adapter->decoder_new(a)};
    if (t.decoder == NULL)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    const char *lines[HEADERS_MAX];
    cleanup_strbuf struct strbuf text = STRBUF_INIT(16 << 10);
    sse_init(&t.sse);
    struct upstream_request request = {.url = encoded->url.data,
        .headers = lines,
        .n_headers = provider_headers(p, &encoded->headers, &text, lines, HEADERS_MAX),
        .body = encoded->body.data,
        .length = encoded->body.length,
        .deadline_us = deadline_us,
        .silence_ms = p->silence_ms,
        .body_maximum = STREAM_MAX,
        .cancel = q->cancel,
        .head = on_head,
        .data = on_data,
        .context = &t};
    int r = upstream_call(p->upstream, &request, &t.head, e);
    if (r == 0)
        r = finish(&t);
    *ret_head = t.head;
    sse_deinit(&t.sse);
    strbuf_deinit(&t.body);
    p->adapter->decoder_free(t.decoder);
    return explained(p, r, e);
}

/* ---- again? ------------------------------------------------------------------------------------------- */

static bool cancelled(const struct provider_request *q)
{
    return q->cancel != NULL && atomic_load_explicit(q->cancel, memory_order_relaxed);
}

/* False: cancelled meanwhile. */
static bool wait_us(const struct provider_request *q, int64_t delay)
{
    int64_t until = clock_monotonic_us() + delay, left;
    while (!cancelled(q) && (left = until - clock_monotonic_us()) > 0) {
        left = left < WAIT_SLICE_MS * 1000 ? left : WAIT_SLICE_MS * 1000;
        nanosleep(&(struct timespec){.tv_nsec = left * 1000}, NULL);
    }
    return !cancelled(q);
}

static int attempts(const struct provider_request *q, int64_t deadline_us,
    const struct encoded *encoded, struct answer *a, struct error *e)
{
    const struct provider *p = q->route->provider;
    for (unsigned made = 1;; made++) {
        struct upstream_head head = {0};
        *e = (struct error){0};
        int r = attempt(q, deadline_us, encoded, a, &head, e);
        if (r >= 0 || r == -ECANCELED)
            return r;
        uint32_t random = 0;
        (void)!getrandom(&random, sizeof(random), 0);
        struct retry_failure failure = {.code = e->code,
            .status = head.status,
            .retry_after_ms = head.retry_after_ms,
            .should_retry = head.should_retry,
            .given = a->given};
        int64_t delay =
            retry_delay_us(&failure, made, p->attempts, random, clock_monotonic_us(), deadline_us);
        if (delay < 0)
            return r;
        if (!wait_us(q, delay))
            return -ECANCELED;
        answer_reset(a);
    }
}

static int over_http(
    const struct provider_request *q, int64_t deadline_us, struct answer *a, struct error *e)
{
    const struct provider *p = q->route->provider;
    struct encoded encoded = {.url = STRBUF_INIT(8 << 10),
        .body = STRBUF_INIT(256 << 20),
        .headers = STRBUF_INIT(16 << 10),
        .stream = p->streams};
    strbuf_puts(&encoded.url, p->base_url);
    int r = p->adapter->encode(q, &encoded, e);
    if (encoded.url.failed || encoded.body.failed || encoded.headers.failed)
        r = error_set(e, ERROR_PAYLOAD_TOO_LARGE, EFBIG, "The conversation is too long to send.");
    else if (r < 0 && e->code == ERROR_NONE)
        r = error_set(e, ERROR_INTERNAL, -r, "Out of memory.");
    if (r >= 0)
        r = attempts(q, deadline_us, &encoded, a, e);
    strbuf_deinit(&encoded.url);
    strbuf_deinit(&encoded.body);
    strbuf_deinit(&encoded.headers);
    return r;
}

int provider_chat(const struct provider_request *q, struct provider_answer *ret, struct error *e)
{
    const struct provider *p = q->route->provider;
    struct error own = {0};
    struct answer a;
    int64_t deadline_us =
        q->deadline_us > 0 ? q->deadline_us : clock_monotonic_us() + p->timeout_us;
    e = e != NULL ? e : &own;
    *e = own;
    if (cancelled(q))
        return -ECANCELED;
    struct provider_request mended = *q;
    json_t *transcript = provider_transcript_mend(q->transcript, q->route->tools);
    if (transcript == NULL)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    mended.transcript = transcript;
    q = &mended;
    answer_init(&a, q);
    int r = p->adapter->chat != NULL ? explained(p, p->adapter->chat(q, &a, e), e)
                                     : over_http(q, deadline_us, &a, e);
    if (r >= 0)
        r = explained(p, answer_take(&a, ret), e);
    answer_deinit(&a);
    json_decref(transcript);
    if (r == -ECANCELED) /* what an attempt before it met is nobody's matter any more */
        *e = (struct error){0};
    return r < 0 ? r : 0;
}
