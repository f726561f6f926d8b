/* The life of a connection: wait, read a head, judge it, answer, again. One blocking receive and one
 * send for a small exchange; polls and clocks only on the slow paths. Every refusal goes through
 * refuse(), which answers once, closes, and thereby forgets whatever the peer sent behind it. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/gate.h"
#include "http/internal.h"

enum { REFUSED_WAIT_MS = 1000 };

int http_wait(struct http_connection *c, short events, int64_t deadline_us)
{
    for (;;) {
        int64_t left = deadline_us - clock_monotonic_us();
        if (left <= 0)
            return 0;
        struct pollfd p = {.fd = c->fd, .events = events};
        int n = poll(&p, 1, (int)((left + 999) / 1000));
        if (n > 0)
            return p.revents & events ? 1 : -EPIPE;
        if (n < 0 && errno != EINTR)
            return -EPIPE;
    }
}

/* Waits for the first bytes of a request: the number, or 0 when none will come. */
static ssize_t receive_idle(struct http_connection *c)
{
    ssize_t n = 0;
    atomic_store(&c->idle, true);
    /* Either we see `closing`, or whoever set it sees `idle` and ends our receive. */
    if (!atomic_load(&c->server->closing))
        do
            n = recv(c->fd, c->buffer, BUFFER_SIZE, 0); /* SO_RCVTIMEO bounds it */
        while (n < 0 && errno == EINTR);
    atomic_store(&c->idle, false);
    return n < 0 ? 0 : n;
}

static int late(struct error *e)
{
    return error_set(
        e, ERROR_REQUEST_TIMEOUT, ETIMEDOUT, "The request's head did not arrive in time.");
}

/* Reads until a head is complete. Its length; 0 when the connection ends silently; negative with `e`
 * when it ends with an answer. */
static ssize_t read_head(struct http_connection *c, struct http_scan *scan, struct error *e)
{
    int timeout_ms = c->refused ? REFUSED_WAIT_MS : c->server->config.head_timeout_ms;
    memmove(c->buffer, c->buffer + c->start, c->end - c->start);
    c->end -= c->start;
    c->start = 0;
    *scan = (struct http_scan){0};
    if (c->end == 0) {
        c->end = (size_t)receive_idle(c);
        if (c->end == 0)
            return 0;
    }
    c->started_us = c->said_us = clock_monotonic_us();
    int64_t deadline_us = c->started_us + timeout_ms * INT64_C(1000);
    for (;;) {
        ssize_t length = http_head_scan(scan, c->buffer, c->end, e);
        if (length != 0)
            return length;
        int r = http_wait(c, POLLIN, deadline_us);
        if (r < 0 || (r == 0 && c->end == scan->start))
            return 0;
        if (r == 0)
            return late(e);
        ssize_t n = recv(c->fd, c->buffer + c->end, BUFFER_SIZE - c->end, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n < 0 || (n == 0 && c->end == scan->start))
            return 0;
        if (n == 0)
            return error_set(
                e, ERROR_BAD_REQUEST, EPROTO, "Malformed HTTP request: it ended early.");
        c->end += (size_t)n;
    }
}

static void begin_request(struct http_connection *c)
{
    c->head.method = NULL;
    c->head.n_fields = 0;
    c->answer = ANSWER_NONE;
    c->status = 0;
    c->close = c->half_closed = c->probed = c->has_retry_after = c->has_should_retry = false;
    c->continue_due = false;
    c->body_done = true;
    c->body_error.code = ERROR_NONE;
    strbuf_clear(&c->extra);
    http_unsent_begin(c);
}

static void log_access(const struct http_connection *c)
{
    log_line(LOG_DEBUG, "http", "request",
        "request_id=%s method=%s path=\"%.200s\" status=%d duration_us=%lld", c->request_id,
        c->head.method ? c->head.method : "-", c->head.method ? c->head.path : "-", c->status,
        (long long)(clock_monotonic_us() - c->started_us));
}

/* A request that is not even one: the only answer it gets. */
static void refuse(struct http_connection *c, const struct error *e)
{
    struct error ignored;
    c->head.method = NULL;
    c->head.n_fields = 0;
    c->head.minor = 1;
    c->close = true;
    http_request_prepare(c, &ignored);
    http_error(&c->x, e);
}

static void answer_options(struct http_connection *c)
{
    const struct http_config *config = &c->server->config;
    cleanup_strbuf struct strbuf allow = STRBUF_INIT(256);
    if (!strcmp(c->head.path, "*"))
        strbuf_puts(&allow, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    else
        http_route_allow(config->routes, config->n_routes, c->head.path, &allow);
    http_set_header(&c->x, "allow", strbuf_text(&allow));
    if (!strcmp(c->head.method, "OPTIONS"))
        http_respond_empty(&c->x, 204);
    else
        http_fail(&c->x, ERROR_METHOD_NOT_ALLOWED, NULL, "%s is not allowed here; allowed: %s.",
            c->head.method, strbuf_text(&allow));
}

/* What is wrong with a sound request before anybody is asked who sent it. 0, or negative with `e`. */
static int judge(struct http_connection *c, struct error *e)
{
    const struct http_config *config = &c->server->config;
    if (c->refused || atomic_load_explicit(&c->server->refusing, memory_order_relaxed))
        return error_set(e, ERROR_UNAVAILABLE, EBUSY,
            c->refused ? "The server has too many connections." : "The server is shutting down.");
    struct http_gate gate = {config->hosts, config->n_hosts, c->unix_socket, false};
    if (c->head.host && !c->unix_socket && config->keys_exist && !http_host_local(c->head.host))
        gate.keys_exist = config->keys_exist(config->user);
    int r = http_gate_check(&gate, c->head.host, http_head_field(&c->head, "origin"), e);
    if (r < 0)
        return r;
    if (c->head.expect_unknown)
        return error_set(e, ERROR_EXPECTATION_FAILED, EPROTO,
            "The only expectation understood is 100-continue.");
    return 0;
}

static void answer(struct http_connection *c)
{
    const struct http_config *config = &c->server->config;
    const struct http_route *route = c->match.route;
    struct error e;
    if (judge(c, &e) < 0) {
        c->close = true;
        http_error(&c->x, &e);
        return;
    }
    if (config->authorize && config->authorize(&c->x, route ? route->flags : 0) != 0)
        return;
    if (!strcmp(c->head.path, "*") || (c->match.known && !route)) {
        answer_options(c);
    } else if (!route) {
        http_fail(
            &c->x, ERROR_NOT_FOUND, NULL, "Invalid URL (%s %.180s)", c->head.method, c->head.path);
    } else {
        c->body_max = route->body_max ? route->body_max : HTTP_BODY_DEFAULT;
        if (c->head.content_length > c->body_max)
            error_set(&c->body_error, ERROR_PAYLOAD_TOO_LARGE, E2BIG,
                "The request's body is larger than the %llu bytes allowed here.",
                (unsigned long long)c->body_max);
        else
            route->handler(&c->x);
    }
}

/* The handler came back, or was never called: an answer there shall be. */
static void complete(struct http_connection *c)
{
    if (c->answer == ANSWER_NONE && !c->gone) {
        if (c->body_error.code == ERROR_NONE)
            error_set(
                &c->body_error, ERROR_INTERNAL, 0, "The server has no answer to this request.");
        http_error(&c->x, &c->body_error);
    } else if (c->answer != ANSWER_DONE && !c->gone) {
        log_line(LOG_WARN, "http", "stream left unfinished", "request_id=%s", c->request_id);
        c->gone = true; /* no final chunk: the client notices */
    }
}

/* A close with unread data would send a reset, and the reset would overtake our answer. */
static void linger(struct http_connection *c)
{
    char scrap[4096];
    int64_t deadline_us = clock_monotonic_us() + LINGER_MS * INT64_C(1000);
    shutdown(c->fd, SHUT_WR);
    atomic_store(&c->idle, true);
    if (atomic_load(&c->server->closing))
        return;
    while (http_wait(c, POLLIN, deadline_us) > 0) {
        ssize_t n = recv(c->fd, scrap, sizeof scrap, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return;
    }
}

/* One request and its answer; whether another may follow. */
static bool serve_one(struct http_connection *c)
{
    struct http_scan scan;
    struct error e;
    begin_request(c);
    ssize_t length = read_head(c, &scan, &e);
    if (length == 0)
        return false;
    if (length > 0) {
        c->start = c->head_end = (size_t)length;
        length = http_head_parse(c->buffer + scan.start, (size_t)length - scan.start, &c->head, &e);
    }
    if (length == 0) {
        c->close = c->head.close;
        http_body_begin(c);
        length = http_request_prepare(c, &e);
    }
    if (length < 0) {
        refuse(c, &e);
    } else {
        answer(c);
        complete(c);
    }
    log_access(c);
    atomic_fetch_add_explicit(&c->server->requests, 1, memory_order_relaxed);
    if (!c->gone && !c->close && (c->body_done || http_body_drain(c) == 0))
        return true;
    if (!c->gone && (length < 0 || !c->body_done || c->start < c->end))
        linger(c);
    return false;
}

static void set_timeout(int fd, int option, int ms)
{
    struct timeval t = {ms / 1000, ms % 1000 * 1000};
    setsockopt(fd, SOL_SOCKET, option, &t, sizeof t);
}

void http_connection_serve(struct http_connection *c)
{
    const struct http_config *config = &c->server->config;
    int on = 1;
    if (!c->unix_socket)
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    set_timeout(c->fd, SO_RCVTIMEO, c->refused ? REFUSED_WAIT_MS : config->idle_timeout_ms);
    set_timeout(c->fd, SO_SNDTIMEO, config->send_timeout_ms);
    while (serve_one(c))
        ;
}
