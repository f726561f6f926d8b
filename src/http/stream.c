/* Answers of unknown length, server-sent events, and whether anybody still listens. */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "http/internal.h"

static bool is_head(const struct http_connection *c) { return !strcmp(c->head.method, "HEAD"); }

static int begin(struct http_exchange *x, int status, const char *content_type, enum answer kind)
{
    struct http_connection *c = x->connection;
    int r = http_begin_answer(c);
    if (r < 0)
        return r;
    c->answer = kind;
    if (http_write_head(c, status, content_type, -1) < 0) {
        c->gone = true;
        return -EPIPE;
    }
    struct iovec iov = {c->out.data, c->out.length};
    c->said_us = clock_monotonic_us();
    return http_send(c, &iov, 1, 0);
}

int http_stream_begin(struct http_exchange *x, int status, const char *content_type)
{
    return begin(x, status, content_type, ANSWER_STREAM);
}

/* One chunk of up to six pieces, in one send. */
static int write_pieces(struct http_connection *c, const struct iovec *pieces, int n)
{
    char size[24];
    size_t total = 0;
    struct iovec iov[8];
    if (c->answer != ANSWER_STREAM && c->answer != ANSWER_EVENTS)
        return -EALREADY;
    for (int i = 0; i < n; i++) {
        total += pieces[i].iov_len;
        iov[i + 1] = pieces[i];
    }
    if (total == 0 || is_head(c))
        return c->gone ? -EPIPE : 0;
    c->said_us = clock_monotonic_us();
    if (c->head.minor == 0)
        return http_send(c, iov + 1, n, 0);
    iov[0] = (struct iovec){size, (size_t)snprintf(size, sizeof size, "%zx\r\n", total)};
    iov[n + 1] = (struct iovec){(char *)"\r\n", 2};
    return http_send(c, iov, n + 2, 0);
}

int http_stream_write(struct http_exchange *x, const void *data, size_t n)
{
    struct iovec piece = {(void *)data, n};
    return write_pieces(x->connection, &piece, 1);
}

int http_stream_end(struct http_exchange *x)
{
    struct http_connection *c = x->connection;
    if (c->answer != ANSWER_STREAM && c->answer != ANSWER_EVENTS)
        return -EALREADY;
    http_stream_keep(x, false);
    c->answer = ANSWER_DONE;
    if (is_head(c) || c->head.minor == 0)
        return c->gone ? -EPIPE : 0;
    struct iovec iov = {(char *)"0\r\n\r\n", 5};
    return http_send(c, &iov, 1, 0);
}

int http_sse_begin(struct http_exchange *x)
{
    http_set_header(x, "cache-control", "no-cache");
    http_set_header(x, "x-accel-buffering", "no"); /* nginx would hold events back */
    return begin(x, 200, "text/event-stream; charset=utf-8", ANSWER_EVENTS);
}

static bool one_line(const char *text, size_t n)
{
    return !memchr(text, '\n', n) && !memchr(text, '\r', n);
}

int http_sse_event(struct http_exchange *x, const char *event, const char *json, size_t n)
{
    size_t length = event ? strlen(event) : 0;
    if (!one_line(json, n) || (event && !one_line(event, length)))
        return -EINVAL;
    struct iovec pieces[6];
    int count = 0;
    if (event) {
        pieces[count++] = (struct iovec){(char *)"event: ", 7};
        pieces[count++] = (struct iovec){(char *)event, length};
        pieces[count++] = (struct iovec){(char *)"\n", 1};
    }
    pieces[count++] = (struct iovec){(char *)"data: ", 6};
    pieces[count++] = (struct iovec){(char *)json, n};
    pieces[count++] = (struct iovec){(char *)"\n\n", 2};
    return write_pieces(x->connection, pieces, count);
}

int http_sse_comment(struct http_exchange *x, const char *text)
{
    if (!one_line(text, strlen(text)))
        return -EINVAL;
    struct iovec pieces[3] = {{(char *)": ", 2}, {(char *)text, strlen(text)}, {(char *)"\n\n", 2}};
    return write_pieces(x->connection, pieces, 3);
}

bool http_sse_due(const struct http_exchange *x)
{
    const struct http_connection *c = x->connection;
    return clock_monotonic_us() - c->said_us >= c->server->config.keep_alive_ms * INT64_C(1000);
}

int http_client_fd(const struct http_exchange *x) { return x->connection->fd; }
short http_client_events(const struct http_exchange *x)
{
    return x->connection->half_closed ? 0 : POLLRDHUP;
}

static bool hung_up(struct http_connection *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLRDHUP};
    if (poll(&p, 1, 0) <= 0)
        return false;
    if (p.revents & (POLLERR | POLLHUP | POLLNVAL))
        c->gone = true;
    else if (p.revents & POLLRDHUP)
        c->half_closed = true;
    return c->gone;
}

/* Something that a living client must skip (RFC 9110, section 15.2: any number of 1xx before the
 * answer; the event stream format: comments) and that a closed socket answers with a reset. */
static void probe(struct http_connection *c)
{
    c->probed = true;
    struct iovec iov;
    if (c->answer == ANSWER_NONE && c->head.minor == 1)
        iov = (struct iovec){(char *)"HTTP/1.1 100 Continue\r\n\r\n", 25};
    else if (c->answer == ANSWER_EVENTS && c->head.minor == 1 && !is_head(c))
        iov = (struct iovec){(char *)"3\r\n:\n\n\r\n", 8};
    else
        return;
    http_send(c, &iov, 1, 0);
}

bool http_client_gone(struct http_exchange *x)
{
    struct http_connection *c = x->connection;
    if (c->gone || hung_up(c))
        return true;
    if (!c->half_closed || c->probed || c->unix_socket)
        return false;
    probe(c);
    return c->gone || hung_up(c); /* on loopback the reset is here already */
}
