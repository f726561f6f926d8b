/* The body, pulled. What arrived with the head lies in the connection's buffer; after that, bodies
 * with a length are received straight into the handler's memory and chunked ones through the buffer
 * behind the head, whose fields the exchange still points into. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "http/internal.h"

void http_body_begin(struct http_connection *c)
{
    c->chunk = (struct http_chunk){0};
    c->body_left = c->head.content_length;
    c->body_taken = 0;
    c->body_done = !c->head.chunked && c->body_left == 0;
    c->continue_due = c->head.expect_continue && !c->body_done;
    c->body_error = (struct error){ERROR_NONE};
}

int64_t http_content_length(const struct http_exchange *x)
{
    const struct http_head *head = &x->connection->head;
    return head->chunked ? -1 : (int64_t)head->content_length;
}

static int send_continue(struct http_connection *c)
{
    c->continue_due = false;
    if (c->start < c->end || c->answer != ANSWER_NONE)
        return 0; /* it did not wait, or need not any more */
    struct iovec iov = {(char *)"HTTP/1.1 100 Continue\r\n\r\n", 25};
    return http_send(c, &iov, 1, 0);
}

/* Receives at least one byte. The number, or negative with body_error set. */
static ssize_t receive(struct http_connection *c, void *to, size_t n, int64_t deadline_us)
{
    struct error *e = &c->body_error;
    for (;;) {
        ssize_t got = recv(c->fd, to, n, MSG_DONTWAIT);
        if (got > 0)
            return got;
        if (got == 0)
            return error_set(e, ERROR_BAD_REQUEST, EPROTO, "The request's body ended early.");
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN) {
            c->gone = true;
            return error_set(e, ERROR_BAD_REQUEST, EPIPE, "The client is gone.");
        }
        int r = http_wait(c, POLLIN, deadline_us);
        if (r == 0)
            return error_set(
                e, ERROR_REQUEST_TIMEOUT, ETIMEDOUT, "The request's body did not arrive in time.");
        if (r < 0)
            return error_set(e, ERROR_BAD_REQUEST, EPIPE, "The client is gone.");
    }
}

static ssize_t read_plain(struct http_connection *c, char *to, size_t n, int64_t deadline_us)
{
    if (n > c->body_left)
        n = (size_t)c->body_left;
    ssize_t got = (ssize_t)(c->end - c->start);
    if (got > 0) {
        got = (size_t)got < n ? got : (ssize_t)n;
        memcpy(to, c->buffer + c->start, (size_t)got);
        c->start += (size_t)got;
    } else {
        got = receive(c, to, n, deadline_us);
    }
    if (got > 0) {
        c->body_left -= (uint64_t)got;
        c->body_done = c->body_left == 0;
    }
    return got;
}

static ssize_t read_chunked(struct http_connection *c, char *to, size_t n, int64_t deadline_us)
{
    for (;;) {
        if (c->start == c->end) {
            c->start = c->end = c->head_end;
            ssize_t got = receive(c, c->buffer + c->end, BUFFER_SIZE - c->end, deadline_us);
            if (got < 0)
                return got;
            c->end += (size_t)got;
        }
        const char *data;
        size_t length, available = c->end - c->start;
        struct http_chunk before = c->chunk;
        long used = http_chunk_take(
            &c->chunk, c->buffer + c->start, available, &data, &length, &c->body_error);
        if (used < 0)
            return used;
        if (length > n) { /* once more, with what fits */
            size_t line = (size_t)used - length;
            c->chunk = before;
            used = http_chunk_take(
                &c->chunk, c->buffer + c->start, line + n, &data, &length, &c->body_error);
        }
        c->start += (size_t)used;
        if (length > 0) {
            memcpy(to, data, length);
            return (ssize_t)length;
        }
        if (http_chunk_done(&c->chunk)) {
            c->body_done = true;
            return 0;
        }
    }
}

static ssize_t read_some(struct http_connection *c, void *to, size_t n, int64_t deadline_us)
{
    if (c->body_done || n == 0)
        return 0;
    ssize_t got =
        c->head.chunked ? read_chunked(c, to, n, deadline_us) : read_plain(c, to, n, deadline_us);
    if (got > 0)
        c->body_taken += (uint64_t)got;
    return got;
}

ssize_t http_body_read(struct http_exchange *x, void *to, size_t n)
{
    struct http_connection *c = x->connection;
    if (c->body_error.code != ERROR_NONE)
        return -c->body_error.saved_errno;
    if (c->continue_due && send_continue(c) < 0)
        return error_set(&c->body_error, ERROR_BAD_REQUEST, EPIPE, "The client is gone.");
    ssize_t got = read_some(
        c, to, n, clock_monotonic_us() + c->server->config.body_timeout_ms * INT64_C(1000));
    if (c->body_taken > c->body_max) /* chunked: lengths were judged before */
        return error_set(&c->body_error, ERROR_PAYLOAD_TOO_LARGE, E2BIG,
            "The request's body is larger than the %llu bytes allowed here.",
            (unsigned long long)c->body_max);
    return got;
}

int http_body_all(struct http_exchange *x, size_t max, struct strbuf *to)
{
    struct http_connection *c = x->connection;
    struct error *e = &c->body_error;
    size_t total = 0;
    if (!c->head.chunked && c->body_left > max)
        goto too_large;
    while (!c->body_done) {
        /* Room as it comes, never on a promise: 1 MiB at most beyond what has arrived. */
        size_t want = max - total < 1024 * 1024 ? max - total : 1024 * 1024;
        if (!c->head.chunked && want > c->body_left)
            want = (size_t)c->body_left;
        else if (c->head.chunked && want > 64 * 1024)
            want = 64 * 1024;
        char probe, *room = want > 0 ? strbuf_reserve(to, want) : &probe;
        if (!room)
            return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory for the request's body.");
        ssize_t got = http_body_read(x, room, want > 0 ? want : 1);
        if (got < 0)
            return (int)got;
        if (got > 0 && want == 0)
            goto too_large;
        total += (size_t)got;
        to->length += (size_t)got;
    }
    if (to->data)
        to->data[to->length] = 0;
    return 0;
too_large:
    return error_set(e, ERROR_PAYLOAD_TOO_LARGE, E2BIG,
        "The request's body is larger than the %zu bytes allowed here.", max);
}

bool http_body_drainable(const struct http_connection *c)
{
    if (c->body_done)
        return true;
    return c->body_error.code == ERROR_NONE && !c->continue_due && !c->head.chunked &&
           c->body_left <= HTTP_DRAIN_MAX;
}

int http_body_drain(struct http_connection *c)
{
    char scrap[8192];
    /* One deadline for all of it: a drip would hold the thread for no request at all. */
    int64_t deadline = clock_monotonic_us() + c->server->config.body_timeout_ms * INT64_C(1000);
    while (!c->body_done) {
        ssize_t got = read_some(c, scrap, sizeof scrap, deadline);
        if (got < 0)
            return (int)got;
    }
    return 0;
}
