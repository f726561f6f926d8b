#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "http/internal.h"

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "";
}

int http_send(struct http_connection *c, struct iovec *iov, int n, int flags)
{
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = (size_t)n};
    struct taking taking = {.since_us = clock_monotonic_us()};
    if (c->keeps)
        return http_unsent_send(c, iov, n);
    while (!c->gone && message.msg_iovlen > 0) {
        ssize_t sent = sendmsg(c->fd, &message, MSG_NOSIGNAL | flags);
        if (sent < 0) {
            /* EAGAIN: SO_SNDTIMEO has passed and not one byte was taken. */
            c->gone = errno != EINTR;
            continue;
        }
        size_t taken = (size_t)sent;
        while (message.msg_iovlen > 0 && (size_t)sent >= message.msg_iov->iov_len) {
            sent -= (ssize_t)message.msg_iov->iov_len;
            message.msg_iov++;
            message.msg_iovlen--;
        }
        if (message.msg_iovlen > 0) {
            message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + sent;
            message.msg_iov->iov_len -= (size_t)sent;
            if (!taking_enough(
                    &taking, taken, clock_monotonic_us(), c->server->config.send_timeout_ms))
                c->gone = true;
        }
    }
    return c->gone ? -EPIPE : 0;
}

/* RFC 9110, section 5.6.7; names of our own because strftime's follow a locale. */
static const char *http_date(struct http_connection *c)
{
    static const char days[] = "SunMonTueWedThuFriSat",
                      months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t now = clock_realtime_s();
    if (now != c->date_s) {
        time_t t = (time_t)now;
        struct tm tm;
        gmtime_r(&t, &tm);
        snprintf(c->date, sizeof c->date, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
            days + 3 * tm.tm_wday, (unsigned)tm.tm_mday % 100, months + 3 * tm.tm_mon,
            (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
            (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
        c->date_s = now;
    }
    return c->date;
}

int http_begin_answer(struct http_connection *c)
{
    if (c->answer != ANSWER_NONE) {
        log_line(LOG_ERROR, "http", "second answer to one request", "request_id=%s", c->request_id);
        return -EALREADY;
    }
    if (!http_body_drainable(c) ||
        atomic_load_explicit(&c->server->closing, memory_order_relaxed) ||
        atomic_load_explicit(&c->server->refusing, memory_order_relaxed))
        c->close = true;
    return 0;
}

int http_write_head(struct http_connection *c, int status, const char *content_type, int64_t length)
{
    struct strbuf *out = &c->out;
    strbuf_clear(out);
    c->status = status;
    if (length < 0 && c->head.minor == 0)
        c->close = true;
    strbuf_printf(out, "HTTP/1.1 %d %s\r\ndate: %s\r\nx-request-id: %s\r\n", status, reason(status),
        http_date(c), c->request_id);
    if (content_type)
        strbuf_printf(out, "content-type: %s\r\nx-content-type-options: nosniff\r\n", content_type);
    if (length >= 0 && status != 204 && status != 304)
        strbuf_printf(out, "content-length: %lld\r\n", (long long)length);
    else if (length < 0 && c->head.minor > 0)
        strbuf_puts(out, "transfer-encoding: chunked\r\n");
    if (c->close)
        strbuf_puts(out, "connection: close\r\n");
    strbuf_append(out, c->extra.data, c->extra.length);
    return strbuf_append(out, "\r\n", 2);
}

static bool value_ok(const char *value)
{
    for (const unsigned char *p = (const unsigned char *)value; *p; p++)
        if ((*p < 0x20 && *p != '\t') || *p == 0x7f)
            return false;
    return true;
}

int http_set_header(struct http_exchange *x, const char *name, const char *value)
{
    static const char *const ours[] = {
        "content-length", "connection", "transfer-encoding", "date", "x-request-id"};
    struct http_connection *c = x->connection;
    if (!http_is_token(name, strlen(name)) || !value_ok(value))
        return -EINVAL;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (!strcasecmp(name, ours[i]))
            return -EINVAL;
    size_t before = c->extra.length;
    if (strbuf_printf(&c->extra, "%s: %s\r\n", name, value) < 0) {
        c->extra.failed = false; /* the fields set before stay */
        c->extra.length = before;
        return -E2BIG;
    }
    c->has_retry_after |= !strcasecmp(name, "retry-after");
    c->has_should_retry |= !strcasecmp(name, "x-should-retry");
    return 0;
}

static bool sends_body(const struct http_connection *c)
{
    return !c->head.method || strcmp(c->head.method, "HEAD") != 0;
}

int http_respond(
    struct http_exchange *x, int status, const char *content_type, const void *data, size_t n)
{
    struct http_connection *c = x->connection;
    int r = http_begin_answer(c);
    if (r < 0)
        return r;
    c->answer = ANSWER_DONE;
    if (http_write_head(c, status, content_type, (int64_t)n) < 0) {
        c->gone = true; /* no memory for a head: nothing can be said */
        return -EPIPE;
    }
    struct iovec iov[2] = {{c->out.data, c->out.length}, {(void *)data, n}};
    return http_send(c, iov, n > 0 && sends_body(c) ? 2 : 1, 0);
}

int http_respond_empty(struct http_exchange *x, int status)
{
    return http_respond(x, status, NULL, NULL, 0);
}

int http_respond_json(struct http_exchange *x, int status, const struct strbuf *json)
{
    if (json->failed)
        return http_fail(x, ERROR_INTERNAL, NULL, "The answer is too large.");
    return http_respond(x, status, "application/json", json->data, json->length);
}

/* What clients would repeat by its status although a repeat cannot help: conflicts, a full disk, a key
 * that the provider refuses, what this server does not do. */
static bool error_permanent(enum error_code code)
{
    int status = error_http_status(code);
    return status == 409 || status == 507 || status == 501 || code == ERROR_PROVIDER_AUTHENTICATION;
}

void http_error_field(struct json_writer *w, const struct error *e)
{
    const char *type = error_wire_type(e->code), *code = error_wire_code(e->code);
    jw_field_object(w, "error");
    jw_field_string(w, "message", e->message);
    jw_field_string(w, "type", *type ? type : NULL);
    jw_field_string(w, "param", e->param[0] ? e->param : NULL);
    jw_field_string(w, "code", *code ? code : NULL);
    jw_end(w);
}

int http_error(struct http_exchange *x, const struct error *e)
{
    struct http_connection *c = x->connection;
    int status = error_http_status(e->code);
    if ((status == 429 || status == 503) && !c->has_retry_after)
        http_set_header(x, "retry-after", "1");
    if (error_permanent(e->code) && !c->has_should_retry)
        http_set_header(x, "x-should-retry", "false");
    char fixed
        [2200]; /* 304 bytes of text, six for each at worst: always enough, and no allocation */
    struct strbuf body = {.data = fixed, .capacity = sizeof fixed, .maximum = sizeof fixed - 1};
    struct json_writer w = JSON_WRITER(&body);
    const struct http_config *config = &c->server->config;
    /* what was no request has no path, so nobody knows whose it was */
    int own = config->error_body && c->head.method ? config->error_body(x, e, &w) : 0;
    if (own > 0) {
        status = own;
    } else {
        jw_begin_object(&w);
        http_error_field(&w, e);
        jw_end(&w);
    }
    return body.failed ? http_respond(x, status, "application/json", "{}", 2)
                       : http_respond(x, status, "application/json", body.data, body.length);
}

int http_fail(
    struct http_exchange *x, enum error_code code, const char *param, const char *format, ...)
{
    struct error e = {.code = code};
    va_list ap;
    va_start(ap, format);
    vsnprintf(e.message, sizeof e.message, format, ap);
    va_end(ap);
    if (param)
        snprintf(e.param, sizeof e.param, "%s", param);
    return http_error(x, &e);
}

bool http_answered(const struct http_exchange *x) { return x->connection->answer != ANSWER_NONE; }

/* RFC 6266: a plain fallback for old clients, the true name as RFC 5987 asks. Nothing but letters,
 * digits and harmless marks leaves here unencoded, so no name can end the field. */
static void set_disposition(struct http_exchange *x, const char *name)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
    cleanup_strbuf struct strbuf value = STRBUF_INIT(4096);
    strbuf_puts(&value, "attachment; filename=\"");
    for (const char *p = name; *p; p++)
        strbuf_append(&value, strchr(plain, *p) || (*p && strchr(" ()", *p)) ? p : "_", 1);
    strbuf_puts(&value, "\"; filename*=UTF-8''");
    for (const char *p = name; *p; p++) {
        if (strchr(plain, *p))
            strbuf_append(&value, p, 1);
        else
            strbuf_printf(&value, "%%%02X", (unsigned)(unsigned char)*p);
    }
    http_set_header(x, "content-disposition", value.failed ? "attachment" : value.data);
}

/* The rest of a file by sendfile; by hand where the file system cannot. */
static int send_file(struct http_connection *c, int fd, off_t offset, uint64_t size)
{
    char piece[16 * 1024];
    bool by_hand = false;
    struct taking taking = {.since_us = clock_monotonic_us()};
    while ((uint64_t)offset < size && !c->gone) {
        size_t left =
            size - (uint64_t)offset < (1 << 20) ? (size_t)(size - (uint64_t)offset) : 1 << 20;
        ssize_t n = by_hand ? pread(fd, piece, left < sizeof piece ? left : sizeof piece, offset)
                            : sendfile(c->fd, fd, &offset, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && !by_hand && (errno == EINVAL || errno == ENOSYS)) {
            by_hand = true;
            continue;
        }
        if (n <=
            0) /* the file is shorter than promised or unreadable; or the client takes nothing */
            c->gone = true;
        else if (by_hand) {
            struct iovec iov = {piece, (size_t)n};
            http_send(c, &iov, 1, 0);
            offset += n;
        }
        if (n > 0 && (size_t)n < left &&
            !taking_enough(
                &taking, (size_t)n, clock_monotonic_us(), c->server->config.send_timeout_ms))
            c->gone = true;
        else if (n > 0 && (size_t)n == left)
            taking = (struct taking){.since_us = clock_monotonic_us()};
    }
    return c->gone ? -EPIPE : 0;
}

int http_respond_file(struct http_exchange *x, int fd, uint64_t size, const char *content_type,
    const char *download_name)
{
    struct http_connection *c = x->connection;
    int r = http_begin_answer(c);
    if (r < 0)
        return r;
    if (download_name)
        set_disposition(x, download_name);
    c->answer = ANSWER_DONE;
    if (http_write_head(c, 200, content_type, (int64_t)size) < 0) {
        c->gone = true;
        return -EPIPE;
    }
    /* Small files go out with the head, in one send. */
    char small[16 * 1024];
    ssize_t n = 0;
    bool body = sends_body(c);
    if (body && size > 0 && size <= sizeof small) {
        n = pread(fd, small, (size_t)size, 0);
        n = n < 0 ? 0 : n;
    }
    struct iovec iov[2] = {{c->out.data, c->out.length}, {small, (size_t)n}};
    r = http_send(c, iov, n > 0 ? 2 : 1, body && (uint64_t)n < size ? MSG_MORE : 0);
    return r < 0 || !body ? r : send_file(c, fd, n, size);
}
