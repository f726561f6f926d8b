/* What a client of a stream has not taken yet, and whether it takes enough. Who streams what it must go on
 * watching cannot wait here for a client: the rest is kept, and sent when there is room. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "http/internal.h"

enum { TAKE_BYTES_PER_S = 1024 };

bool taking_enough(struct taking *t, size_t taken, int64_t now_us, int timeout_ms)
{
    if (t->since_us == 0)
        *t = (struct taking){.since_us = now_us};
    t->bytes += taken;
    if (now_us - t->since_us < timeout_ms * INT64_C(1000))
        return true;
    bool enough = t->bytes >= (uint64_t)timeout_ms * TAKE_BYTES_PER_S / 1000;
    *t = (struct taking){.since_us = now_us};
    return enough;
}

/* Sends what goes at once; how much that was. */
static size_t send_now(struct http_connection *c, struct iovec *iov, size_t n)
{
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = n};
    ssize_t sent;
    do
        sent = sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno != EAGAIN)
        c->gone = true;
    return sent < 0 ? 0 : (size_t)sent;
}

static void forget_unsent(struct http_connection *c)
{
    strbuf_deinit(&c->unsent);
    c->unsent_at = 0;
    c->taking = (struct taking){0};
}

void http_unsent_begin(struct http_connection *c)
{
    c->keeps = false;
    forget_unsent(c);
    c->unsent.maximum = SIZE_MAX; /* events have bounds of their own */
}

static size_t kept(const struct http_connection *c) { return c->unsent.length - c->unsent_at; }

static void flush_now(struct http_connection *c)
{
    if (c->unsent.length == 0 || c->gone)
        return;
    struct iovec iov = {c->unsent.data + c->unsent_at, kept(c)};
    size_t sent = send_now(c, &iov, 1);
    c->unsent_at += sent;
    if (c->unsent_at == c->unsent.length)
        forget_unsent(c);
    else if (!taking_enough(
                 &c->taking, sent, clock_monotonic_us(), c->server->config.send_timeout_ms))
        c->gone = true;
}

int http_unsent_send(struct http_connection *c, struct iovec *iov, int n)
{
    flush_now(c);
    if (kept(c) > HTTP_UNSENT_MAX)
        c->gone = true;
    size_t sent = c->gone || c->unsent.length > 0 ? 0 : send_now(c, iov, (size_t)n);
    if (c->unsent_at > c->unsent.length / 2) { /* what has left makes room */
        c->unsent.length -= c->unsent_at;
        memmove(c->unsent.data, c->unsent.data + c->unsent_at, c->unsent.length);
        c->unsent_at = 0;
    }
    for (int i = 0; i < n && !c->gone; i++) {
        size_t skip = sent < iov[i].iov_len ? sent : iov[i].iov_len;
        sent -= skip;
        if (skip < iov[i].iov_len)
            strbuf_append(&c->unsent, (char *)iov[i].iov_base + skip, iov[i].iov_len - skip);
    }
    if (c->unsent.failed) /* a hole in a stream is worse than its end */
        c->gone = true;
    return c->gone ? -EPIPE : 0;
}

void http_stream_keep(struct http_exchange *x, bool keep)
{
    struct http_connection *c = x->connection;
    c->keeps = keep;
    if (keep || c->unsent.length == 0)
        return;
    struct iovec iov = {c->unsent.data + c->unsent_at, kept(c)};
    http_send(c, &iov, 1, 0);
    forget_unsent(c);
}

int http_stream_unsent(struct http_exchange *x, bool *ret_behind)
{
    struct http_connection *c = x->connection;
    flush_now(c);
    *ret_behind = !c->gone && kept(c) > HTTP_BEHIND;
    return c->gone || c->unsent.length == 0 ? -1 : c->fd;
}
