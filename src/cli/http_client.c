#include "cli/http_client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

enum { HEAD_MAX = 64 << 10, ANSWER_MAX = 256 << 20, READ_STEP = 16 << 10 };

int http_client_init(struct http_client *c, const char *url, const char *key, struct error *e)
{
    *c =
        (struct http_client){.fd = -1, .out = STRBUF_INIT(32 << 20), .in = STRBUF_INIT(ANSWER_MAX)};
    struct listen_address found[LISTEN_ADDRESSES];
    char host[280];
    const char *at = strncmp(url, "http://", 7) == 0 ? url + 7 : url;
    if (strncmp(url, "https://", 8) == 0)
        return error_set(
            e, ERROR_INVALID_VALUE, 0, "This command speaks plain HTTP only, to a server nearby.");
    snprintf(
        host, sizeof(host), "%.*s", strncmp(at, "unix:", 5) == 0 ? 270 : (int)strcspn(at, "/"), at);
    int r = listen_parse(host, found, e);
    if (r < 0)
        return r;
    c->address = found[0];
    snprintf(c->host, sizeof(c->host), "%s", strncmp(host, "unix:", 5) == 0 ? "localhost" : host);
    if (key != NULL && key[0] != '\0')
        snprintf(
            c->authorization, sizeof(c->authorization), "Authorization: Bearer %.200s\r\n", key);
    return 0;
}

void http_client_deinit(struct http_client *c)
{
    fd_close(&c->fd);
    strbuf_deinit(&c->out);
    strbuf_deinit(&c->in);
}

static int connected(struct http_client *c)
{
    if (c->fd >= 0)
        return 0;
    int one = 1;
    cleanup_fd int fd = socket(c->address.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&c->address.address, c->address.length) < 0)
        return -errno;
    if (c->address.address.ss_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    c->fd = take_fd(&fd);
    return 0;
}

static int read_more(struct http_client *c)
{
    char *to = strbuf_reserve(&c->in, READ_STEP);
    if (to == NULL)
        return -E2BIG;
    ssize_t n;
    do
        n = recv(c->fd, to, READ_STEP, 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? -errno : -EPIPE;
    c->in.length += (size_t)n;
    c->in.data[c->in.length] = '\0';
    return 0;
}

/* The value of Content-Length in a head that ends at `end`; -1 when there is none. */
static long long length_of(const char *head, const char *end)
{
    for (const char *line = head; line < end; line = strstr(line, "\r\n") + 2)
        if (strncasecmp(line, "content-length:", 15) == 0)
            return strtoll(line + 15, NULL, 10);
    return -1;
}

static int answer(struct http_client *c, const char **ret_body, size_t *ret_length)
{
    char *end;
    int r = 0;
    while ((end = c->in.length > 0 ? strstr(c->in.data, "\r\n\r\n") : NULL) == NULL)
        if (c->in.length > HEAD_MAX || (r = read_more(c)) < 0)
            return c->in.length > HEAD_MAX ? -EPROTO : r;
    size_t head = (size_t)(end - c->in.data) + 4;
    int status =
        strncmp(c->in.data, "HTTP/1.1 ", 9) == 0 ? (int)strtol(c->in.data + 9, NULL, 10) : 0;
    long long length = status == 204 ? 0 : length_of(c->in.data, end + 2);
    if (status < 100 || length < 0 || length > ANSWER_MAX - HEAD_MAX)
        return -EPROTO;
    while (c->in.length < head + (size_t)length)
        if ((r = read_more(c)) < 0)
            return r;
    *ret_body = c->in.data + head;
    *ret_length = (size_t)length;
    return status;
}

int http_client_request(struct http_client *c, const char *method, const char *path,
    const char *body, const char **ret_body, size_t *ret_length)
{
    strbuf_clear(&c->out);
    strbuf_clear(&c->in);
    strbuf_printf(
        &c->out, "%s %s HTTP/1.1\r\nHost: %s\r\n%s", method, path, c->host, c->authorization);
    if (body != NULL)
        strbuf_printf(
            &c->out, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n", strlen(body));
    else
        strbuf_puts(&c->out, "\r\n");
    int r = strbuf_puts(&c->out, body != NULL ? body : "");
    if (r == 0)
        r = connected(c);
    for (size_t sent = 0; r == 0 && sent < c->out.length;) {
        ssize_t n = send(c->fd, c->out.data + sent, c->out.length - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            r = -errno;
        sent += n > 0 ? (size_t)n : 0;
    }
    if (r == 0)
        r = answer(c, ret_body, ret_length);
    if (r < 0)
        fd_close(&c->fd);
    return r;
}
