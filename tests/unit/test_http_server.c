/* A real server on loopback and on a unix socket, spoken to in raw bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "http/http.h"
#include "http/internal.h"
#include "http/multipart.h"

/* ---- the server under test ---- */

static struct http_server *server;
static int listeners[2];
static struct sockaddr_in address;
static struct sockaddr_un unix_address;
static bool keys;
static sem_t entered, gone;

static void handle_ok(struct http_exchange *x) { http_respond(x, 200, "text/plain", "ok\n", 3); }

static void handle_echo(struct http_exchange *x)
{
    cleanup_strbuf struct strbuf body = STRBUF_INIT(1 << 20);
    if (http_body_all(x, 1 << 20, &body) == 0)
        http_respond(x, 200, "application/octet-stream", body.data, body.length);
}

static void handle_param(struct http_exchange *x)
{
    cleanup_strbuf struct strbuf out = STRBUF_INIT(4096);
    strbuf_printf(&out, "%s|%s|%s|%s", http_param(x, "id"),
        http_query(x, "q") ? http_query(x, "q") : "-",
        http_query_nth(x, "include", 1) ? http_query_nth(x, "include", 1) : "-",
        (char *)x->scratch);
    http_respond(x, 200, "text/plain", out.data, out.length);
}

static void handle_silent(struct http_exchange *x) { (void)x; }

static void handle_stream(struct http_exchange *x)
{
    http_stream_begin(x, 200, "text/plain");
    http_stream_write(x, "one", 3);
    http_stream_write(x, "", 0);
    http_stream_write(x, "two", 3);
    http_stream_end(x);
}

static void handle_unfinished(struct http_exchange *x)
{
    http_stream_begin(x, 200, "text/plain");
    http_stream_write(x, "one", 3);
}

static void handle_events(struct http_exchange *x)
{
    http_sse_begin(x);
    http_sse_event(x, "a.b", "{\"n\":1}", 7);
    assert_int_equal(http_sse_event(x, "a\nb", "{}", 2), -EINVAL);
    assert_int_equal(http_sse_event(x, NULL, "{\n}", 3), -EINVAL);
    http_sse_comment(x, "keep-alive");
    http_sse_event(x, NULL, "{}", 2);
    http_stream_end(x);
}

static void handle_endless(struct http_exchange *x)
{
    char block[4096] = {0};
    http_stream_begin(x, 200, "text/plain");
    while (http_stream_write(x, block, sizeof block) == 0)
        ;
    sem_post(&gone);
}

/* Waits as an execution would: beside the client. */
static void handle_wait(struct http_exchange *x)
{
    sem_post(&entered);
    int64_t end_us = clock_monotonic_us() + 300000;
    while (clock_monotonic_us() < end_us) {
        struct pollfd p = {http_client_fd(x), http_client_events(x), 0};
        if (poll(&p, 1, 20) > 0 && http_client_gone(x)) {
            sem_post(&gone);
            return;
        }
    }
    http_respond(x, 200, "text/plain", "waited", 6);
}

static void handle_headers(struct http_exchange *x)
{
    assert_int_equal(http_set_header(x, "x-a", "b"), 0);
    assert_int_equal(http_set_header(x, "x-b", "b\r\nx-evil: 1"), -EINVAL);
    assert_int_equal(http_set_header(x, "x b", "b"), -EINVAL);
    assert_int_equal(http_set_header(x, "Content-Length", "1"), -EINVAL);
    http_fail(x, ERROR_CONTAINER_BUSY, "files[0]", "\"busy\" \x01\xff");
}

static void handle_twice(struct http_exchange *x)
{
    http_respond(x, 200, "text/plain", "1", 1);
    assert_int_equal(http_respond(x, 200, "text/plain", "2", 1), -EALREADY);
}

static void respond_file(struct http_exchange *x, size_t content, size_t promised, const char *name)
{
    cleanup_fd int fd = memfd_create("file", MFD_CLOEXEC);
    cleanup_free char *data = malloc(content);
    memset(data, 'f', content);
    assert_int_equal(fd_write_all(fd, data, content), 0);
    http_respond_file(x, fd, promised, "text/csv", name);
}
static void handle_file(struct http_exchange *x)
{
    respond_file(x, 100000, 100000,
        "r\xc3\xa9"
        "sum\xc3\xa9 \"1\"\r\nx: y.csv");
}
static void handle_small_file(struct http_exchange *x) { respond_file(x, 10, 10, NULL); }
static void handle_short_file(struct http_exchange *x) { respond_file(x, 1000, 100000, NULL); }

static void handle_upload(struct http_exchange *x)
{
    struct multipart m;
    struct multipart_part part;
    struct error e;
    cleanup_strbuf struct strbuf out = STRBUF_INIT(4096);
    int r = multipart_init(&m, x, &e);
    while (r >= 0 && (r = multipart_next(&m, &part, &e)) > 0) {
        strbuf_printf(&out, "%s=", part.filename);
        r = multipart_text(&m, 1000, &out, &e);
    }
    multipart_deinit(&m);
    if (r == -EPROTO || r == -EINVAL)
        http_error(x, &e);
    else if (r == 0)
        http_respond(x, 200, "text/plain", out.data, out.length);
}

static int authorize(struct http_exchange *x, unsigned flags)
{
    memcpy(x->scratch, "scratch", 8);
    const char *given = http_header(x, "authorization");
    if (flags & HTTP_PUBLIC || !given || strcmp(given, "Bearer wrong") != 0)
        return 0;
    http_fail(x, ERROR_UNAUTHORIZED, NULL, "No.");
    return 1;
}

static bool keys_exist(void *user) { return *(bool *)user; }

static const struct http_route routes[] = {
    {"GET", "/v1/ok", handle_ok},
    {"GET", "/public", handle_ok, HTTP_PUBLIC},
    {"POST", "/v1/echo", handle_echo, 0, 200000},
    {"POST", "/v1/unread", handle_ok},
    {"GET", "/v1/items/{id}/x", handle_param},
    {"GET", "/silent", handle_silent},
    {"GET", "/stream", handle_stream},
    {"GET", "/unfinished", handle_unfinished},
    {"GET", "/events", handle_events},
    {"GET", "/endless", handle_endless},
    {"GET", "/wait", handle_wait},
    {"GET", "/headers", handle_headers},
    {"GET", "/twice", handle_twice},
    {"GET", "/file", handle_file},
    {"GET", "/small-file", handle_small_file},
    {"GET", "/short-file", handle_short_file},
    {"POST", "/upload", handle_upload},
};

static const char *const hosts[] = {"cloche.example"};

static int start(void **state)
{
    (void)state;
    keys = false;
    sem_init(&entered, 0, 0);
    sem_init(&gone, 0, 0);
    listeners[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    assert_int_equal(bind(listeners[0], (struct sockaddr *)&address, sizeof address), 0);
    getsockname(listeners[0], (struct sockaddr *)&address, &length);
    listeners[1] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unix_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(unix_address.sun_path + 1, 60, "cloche-test-%d",
        (int)getpid()); /* abstract: leaves no file */
    assert_int_equal(bind(listeners[1], (struct sockaddr *)&unix_address, sizeof unix_address), 0);
    listen(listeners[0], 64);
    listen(listeners[1], 64);
    struct http_config config = {
        .listeners = listeners,
        .n_listeners = 2,
        .routes = routes,
        .n_routes = sizeof routes / sizeof *routes,
        .user = &keys,
        .authorize = authorize,
        .keys_exist = keys_exist,
        .hosts = hosts,
        .n_hosts = 1,
        .max_connections = 3,
        .head_timeout_ms = 250,
        .idle_timeout_ms = 400,
        .body_timeout_ms = 300,
        .send_timeout_ms = 300,
    };
    assert_int_equal(http_server_start(&server, &config), 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    int left = http_server_join(server, 2000);
    server = http_server_free(server);
    fds_close(listeners, 2);
    sem_destroy(&entered);
    sem_destroy(&gone);
    return left;
}

/* ---- a client that says what it likes ---- */

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *text, size_t n)
{
    assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), (ssize_t)n);
}

static void say_text(int fd, const char *text) { say(fd, text, strlen(text)); }

/* Everything until the server closes; fails if it does not within 30 s. */
static const char *hear_all(int fd, struct strbuf *to)
{
    int64_t deadline_us = clock_monotonic_us() + 30000000;
    strbuf_clear(to);
    for (;;) {
        struct pollfd p = {fd, POLLIN, 0};
        char *room = strbuf_reserve(to, 65536);
        if (poll(&p, 1, (int)((deadline_us - clock_monotonic_us()) / 1000)) <= 0)
            fail_msg("the server did not close; so far: %s", strbuf_text(to));
        ssize_t n = recv(fd, room, 65536, 0);
        if (n <= 0)
            break;
        to->length += (size_t)n;
        to->data[to->length] = 0;
    }
    close(fd);
    return strbuf_text(to);
}

/* One answer with a content-length, on a connection that stays. */
static const char *hear_one(int fd, struct strbuf *to)
{
    strbuf_clear(to);
    for (;;) {
        const char *end = to->length ? strstr(to->data, "\r\n\r\n") : NULL;
        const char *length = to->length ? strstr(to->data, "content-length: ") : NULL;
        if (end && (!length || length > end ||
                       (size_t)(end + 4 - to->data) + strtoul(length + 16, NULL, 10) <= to->length))
            return to->data;
        struct pollfd p = {fd, POLLIN, 0};
        char *room = strbuf_reserve(to, 1);
        if (poll(&p, 1, 3000) <= 0 || recv(fd, room, 1, 0) != 1)
            fail_msg("no whole answer; so far: %s", strbuf_text(to));
        to->data[++to->length] = 0;
    }
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;
    for (; (text = strstr(text, what)); text += strlen(what))
        n++;
    return n;
}

static struct strbuf heard = {.maximum = 64 << 20};

/* Says all, finishes sending if asked, hears all. */
static const char *talk_n(const char *text, size_t n, bool finish)
{
    int fd = dial();
    say(fd, text, n);
    if (finish)
        shutdown(fd, SHUT_WR);
    return hear_all(fd, &heard);
}
static const char *talk(const char *text) { return talk_n(text, strlen(text), false); }

#define HOST "Host: localhost\r\n"
#define GET_OK "GET /v1/ok HTTP/1.1\r\n" HOST "\r\n"

static void check_status(const char *answer, int status)
{
    char wanted[32];
    snprintf(wanted, sizeof wanted, "HTTP/1.1 %d ", status);
    if (strncmp(answer, wanted, strlen(wanted)) != 0)
        fail_msg("not %d: %s", status, answer);
}

static void test_plain(void **state)
{
    (void)state;
    int fd = dial();
    for (int i = 0; i < 3; i++) {
        say(fd, GET_OK, strlen(GET_OK));
        const char *answer = hear_one(fd, &heard);
        check_status(answer, 200);
        assert_non_null(strstr(answer, "\r\n\r\nok\n"));
        assert_non_null(strstr(answer, "\r\nx-request-id: req_"));
        assert_non_null(strstr(answer, "\r\ndate: "));
        assert_non_null(strstr(answer, " GMT\r\n"));
        assert_null(strstr(answer, "connection: close"));
    }
    close(fd);
    check_status(talk("GET /v1/ok HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), 200);
    assert_non_null(strstr(heard.data, "connection: close"));
    check_status(talk("GET /ok HTTP/1.0\r\n\r\n"), 200);
    check_status(
        talk("GET http://localhost/ok HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), 200);
}

static void test_pipelining(void **state)
{
    (void)state;
    const char *both =
        "POST /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nfirst"
        "POST /v1/echo HTTP/1.1\r\n" HOST
        "Transfer-Encoding: chunked\r\n\r\n3\r\nsec\r\n3\r\nond\r\n0\r\nT: x\r\n\r\n"
        "POST /v1/unread HTTP/1.1\r\n" HOST "Content-Length: 20\r\n\r\nGET /smuggled HTTP/1"
        "GET /v1/items/a%2Fb/x?q=%41+b&include[]=u&include[]=v HTTP/1.1\r\n" HOST
        "Connection: close\r\n\r\n"
        "GET /never HTTP/1.1\r\n" HOST "\r\n";
    for (int step = 1; step < 400; step += 57) { /* also torn into pieces */
        int fd = dial();
        for (size_t at = 0; at < strlen(both); at += (size_t)step) {
            size_t n = strlen(both) - at;
            if (send(fd, both + at, n < (size_t)step ? n : (size_t)step, MSG_NOSIGNAL) < 0)
                break; /* closed before /never was through */
        }
        const char *answer = hear_all(fd, &heard);
        assert_int_equal(count(answer, "HTTP/1.1 200 "), 4);
        assert_int_equal(count(answer, "HTTP/1.1 "), 4);
        assert_non_null(strstr(answer, "\r\n\r\nfirst"));
        assert_non_null(strstr(answer, "\r\n\r\nsecond"));
        assert_non_null(strstr(answer, "a/b|A b|v|scratch"));
    }
}

static void test_methods(void **state)
{
    (void)state;
    const char *answer = talk("HEAD /v1/ok HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    check_status(answer, 200);
    assert_non_null(strstr(answer, "content-length: 3\r\n"));
    assert_null(strstr(answer, "\r\n\r\nok"));
    answer = talk("HEAD /stream HTTP/1.1\r\n" HOST "\r\nGET /ok HTTP/1.1\r\n" HOST
                  "Connection: close\r\n\r\n");
    assert_int_equal(count(answer, "HTTP/1.1 200 "), 2);
    assert_null(strstr(answer, "one"));
    answer = talk("DELETE /v1/ok HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    check_status(answer, 405);
    assert_non_null(strstr(answer, "\r\nallow: GET, HEAD, OPTIONS\r\n"));
    assert_non_null(strstr(answer, "\"code\":\"method_not_allowed\""));
    answer = talk("OPTIONS /v1/echo HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    check_status(answer, 204);
    assert_non_null(strstr(answer, "\r\nallow: POST, OPTIONS\r\n"));
    check_status(talk("OPTIONS * HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), 204);
    check_status(talk("TRACE /v1/ok HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), 405);
    answer = talk("GET /v1/nope HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    check_status(answer, 404);
    assert_non_null(strstr(answer,
        "{\"error\":{\"message\":\"Invalid URL (GET /v1/nope)\",\"type\":\"invalid_request_error\","
        "\"param\":null,\"code\":\"not_found\"}}"));
    check_status(talk("GET /v1/items/../x HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), 404);
    check_status(talk("GET /v1/items/%2e%2E/x HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), 404);
    check_status(talk("GET /silent HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), 500);
    answer = talk("GET /twice HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    assert_int_equal(count(answer, "HTTP/1.1 "), 1);
}

/* Each gets one 4xx or 5xx and a close, whatever stands behind it. */
static const char *const hostile[] = {
    "POST /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "POST /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
    "POST /v1/echo HTTP/1.1\r\n" HOST
    "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /v1/echo HTTP/1.1\r\n" HOST
    "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "POST /v1/echo HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "POST /v1/echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "POST /v1/echo HTTP/1.1\r\n" HOST
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "POST /v1/echo HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "POST /v1/echo HTTP/1.1\r\n" HOST "Transfer-Encoding:\x0b"
    "chunked\r\n\r\n0\r\n\r\n",
    "POST /v1/echo HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /v1/echo HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\na",
    "POST /v1/echo HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\na",
    "POST /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 1 1\r\n\r\na",
    "POST /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\na",
    "POST /v1/echo HTTP/1.1\r\n" HOST "Content-Length : 1\r\n\r\na",
    "GET /v1/ok HTTP/1.1\r\n" HOST "X : y\r\n\r\n",
    "GET /v1/ok HTTP/1.1\r\n" HOST "X: a\r\n folded\r\n\r\n",
    "GET /v1/ok HTTP/1.1\r\n" HOST "X: a\rY: b\r\n\r\n",
    "GET /v1/ok HTTP/1.1\rHost: localhost\r\r",
    "GET /v1/ok HTTP/1.1\nHost: localhost\n\n",
    "GET /v1/ok HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n",
    "GET /v1/ok HTTP/1.1\r\n" HOST "Host: localhost\r\n\r\n",
    "GET /v1/ok HTTP/1.1\r\n" HOST "Host: other\r\n\r\n",
    "GET /v1/ok HTTP/1.1\r\n\r\n",
    "GET /v1/ok HTTP/1.1\r\nHost:\r\n\r\n",
    "GET /v1/ok HTTP/1.1\r\nHost: a b\r\n\r\n",
    "GET /v1/%00 HTTP/1.1\r\n" HOST "\r\n",
    "GET /v1/%4 HTTP/1.1\r\n" HOST "\r\n",
    "GET /v1/ok?a=%zz HTTP/1.1\r\n" HOST "\r\n",
    "GET /v1/ok?a=%00 HTTP/1.1\r\n" HOST "\r\n",
    "GET http://other/v1/ok HTTP/1.1\r\n" HOST "\r\n",
    "GET  /v1/ok HTTP/1.1\r\n" HOST "\r\n",
    "GET /v1/ok\r\n\r\n",
    "GET /v1/ok HTTP/1.1 \r\n" HOST "\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\x16\x03\x01\x02\x01",
    "POST /v1/echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx",
    "POST /v1/echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n-1\r\nx",
    "POST /v1/echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    "POST /v1/echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n",
    "POST /v1/echo HTTP/1.1\r\n" HOST
    "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nbad trailer\r\n\r\n",
    "POST /v1/echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n20000000\r\nabc",
    "POST /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 200001\r\n\r\n",
    "POST /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 10737418240\r\n\r\n",
    "POST /v1/unread HTTP/1.1\r\n" HOST "Content-Length: 10737418240\r\n\r\n",
    "POST /v1/echo HTTP/1.1\r\n" HOST "Expect: the-unexpected\r\nContent-Length: 1\r\n\r\na",
    "GET /v1/ok HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "GET /v1/ok HTTP/1.1\r\n" HOST "Origin: http://evil.example\r\n\r\n",
};

static void check_refused(const char *request, size_t n, bool finish)
{
    const char *answer = talk_n(request, n, finish);
    if (count(answer, "HTTP/1.1 ") != 1 || (answer[9] != '4' && answer[9] != '5') ||
        !strstr(answer, "connection: close\r\n") || !strstr(answer, "x-request-id: req_") ||
        !strstr(answer, "\"code\":\""))
        fail_msg("to: %s\nanswered: %s", request, answer);
}

static void test_hostile(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        char text[2048];
        int n = snprintf(text, sizeof text, "%s%s", hostile[i], GET_OK);
        check_refused(hostile[i], strlen(hostile[i]), true);
        check_refused(text, (size_t)n, false); /* and what follows is not another request */
    }
    static const char nul[] = "GET /v1/ok HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n",
                      nul_path[] = "GET /\0 HTTP/1.1\r\n" HOST "\r\n";
    check_refused(nul, sizeof nul - 1, false);
    check_refused(nul_path, sizeof nul_path - 1, false);
    check_refused("GET /v1/ok HTT", 14, true); /* ends early */
    check_status(talk(hostile[sizeof hostile / sizeof *hostile - 1]), 403);
    check_status(talk(hostile[sizeof hostile / sizeof *hostile - 2]), 403);
    check_status(talk(hostile[sizeof hostile / sizeof *hostile - 3]), 417);
    check_status(talk(hostile[sizeof hostile / sizeof *hostile - 4]), 413);
    assert_non_null(strstr(heard.data, "payload_too_large"));
    check_status(talk("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
    /* A client that goes on sending can still read why it was refused. */
    int fd = dial();
    say_text(fd, hostile[0]);
    poll(NULL, 0, 30);
    say_text(fd, "more");
    poll(NULL, 0, 30);
    say_text(fd, "and more");
    shutdown(fd, SHUT_WR);
    check_status(hear_all(fd, &heard), 400);
    /* A chunked body beyond the route's maximum, and an endless head. */
    size_t n = 0, size = 400000;
    cleanup_free char *large = malloc(size);
    n += (size_t)snprintf(large, size,
        "POST /v1/echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n40000\r\n");
    memset(large + n, 'x', size - n);
    check_refused(large, size, false);
    check_status(heard.data, 413);
    n = (size_t)snprintf(large, size, "GET /v1/ok HTTP/1.1\r\n" HOST "X: ");
    memset(large + n, 'x', size - n);
    check_refused(large, size, false);
    check_status(heard.data, 431);
}

static void test_slow_loris(void **state)
{
    (void)state;
    int fd = dial();
    say(fd, "GET / HT", 8);
    int64_t begin_us = clock_monotonic_us();
    for (int i = 0; i < 20; i++) {
        poll(NULL, 0, 20);
        if (send(fd, "T", 1, MSG_NOSIGNAL) < 0)
            break;
    }
    check_status(hear_all(fd, &heard), 408);
    assert_true(clock_monotonic_us() - begin_us < 2000000);
    assert_int_equal(count(heard.data, "HTTP/1.1 "), 1);
    /* A body that stalls, by length and chunked. */
    check_status(talk("POST /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc"), 408);
    check_status(
        talk("POST /v1/echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nabc"), 408);
    /* Nothing at all: a silent close. */
    assert_int_equal(strlen(talk("")), 0);
}

static void test_half_close(void **state)
{
    (void)state;
    assert_non_null(strstr(talk_n(GET_OK, strlen(GET_OK), true), "\r\n\r\nok\n"));
    const char *post = "POST /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc";
    assert_non_null(strstr(talk_n(post, strlen(post), true), "\r\n\r\nabc"));
    const char *wait = "GET /wait HTTP/1.1\r\n" HOST "\r\n";
    const char *answer = talk_n(wait, strlen(wait), true); /* still listening: not gone */
    assert_non_null(strstr(answer, "\r\n\r\nwaited"));
    assert_int_equal(sem_trywait(&gone), -1);
    post = "POST /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc";
    check_refused(post, strlen(post), true);
}

static void wait_for(sem_t *s, const char *what)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += 3;
    if (sem_timedwait(s, &t) < 0)
        fail_msg("%s", what);
}

static void test_vanishing_clients(void **state)
{
    (void)state;
    int fd = dial(); /* before the answer: an orderly close, seen by the probe */
    say_text(fd, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    wait_for(&entered, "the handler was not entered");
    close(fd);
    wait_for(&gone, "the handler did not see the client go");
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&unix_address, sizeof unix_address), 0);
    say_text(fd, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    wait_for(&entered, "the handler was not entered");
    close(fd);
    wait_for(&gone, "the handler did not see the unix client go");
    fd = dial(); /* amid the answer */
    say_text(fd, "GET /endless HTTP/1.1\r\n" HOST "\r\n");
    char piece[1000];
    assert_true(recv(fd, piece, sizeof piece, 0) > 0);
    close(fd);
    wait_for(&gone, "writing to a client that is gone did not end");
    fd = dial(); /* there, but takes nothing */
    say_text(fd, "GET /endless HTTP/1.1\r\n" HOST "\r\n");
    wait_for(&gone, "a client that takes nothing was waited for");
    close(fd);
}

/* A byte now and then is no reading. */
static void test_who_trickles_is_gone(void **state)
{
    (void)state;
    enum { WINDOW_MS = 30000 };
    struct taking t = {0};
    bool enough = true;
    for (int s = 1; s < 30; s++)
        assert_true(taking_enough(&t, 1, s * INT64_C(1000000), WINDOW_MS));
    for (int s = 30; s < 40 && enough; s++)
        enough = taking_enough(&t, 1, s * INT64_C(1000000), WINDOW_MS);
    assert_false(enough);
    t = (struct taking){0};
    for (int s = 1; s < 200; s++) /* slow, and there */
        assert_true(taking_enough(&t, 2 * 1024, s * INT64_C(1000000), WINDOW_MS));
}

/* Bounded is what is kept already: one long event is no slow client. */
static void test_a_long_event_is_kept(void **state)
{
    (void)state;
    static struct http_server s = {.config.send_timeout_ms = 30000};
    static struct http_connection c = {.server = &s};
    int ends[2];
    bool behind = false;
    struct iovec event = {NULL, HTTP_UNSENT_MAX + (8 << 20)}, little = {(char *)"x", 1};
    char *data = event.iov_base = calloc(1, event.iov_len);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    c.fd = ends[0];
    c.x.connection = &c;
    http_unsent_begin(&c);
    assert_int_equal(http_stream_unsent(&c.x, &behind), -1);
    assert_false(behind);
    event.iov_len = HTTP_BEHIND; /* more than goes at once, and not much */
    assert_int_equal(http_unsent_send(&c, &event, 1), 0);
    assert_int_equal(http_stream_unsent(&c.x, &behind), c.fd);
    assert_false(behind);
    event = (struct iovec){data, HTTP_UNSENT_MAX + (8 << 20)};
    assert_int_equal(http_unsent_send(&c, &event, 1), 0);
    assert_int_equal(http_stream_unsent(&c.x, &behind), c.fd);
    assert_true(behind);
    assert_int_equal(http_unsent_send(&c, &little, 1), -EPIPE);
    assert_int_equal(http_stream_unsent(&c.x, &behind), -1);
    assert_false(behind);
    http_unsent_begin(&c);
    fds_close(ends, 2);
    free(data);
}

static void test_continue(void **state)
{
    (void)state;
    int fd = dial();
    const char *head =
        "POST /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n";
    say(fd, head, strlen(head));
    assert_string_equal(hear_one(fd, &heard), "HTTP/1.1 100 Continue\r\n\r\n");
    say(fd, "abc", 3);
    check_status(hear_one(fd, &heard), 200);
    say(fd, GET_OK, strlen(GET_OK)); /* and the connection lives */
    check_status(hear_one(fd, &heard), 200);
    close(fd);
    /* A handler that does not read it never asks for it. */
    const char *answer = talk(
        "POST /v1/unread HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    check_status(answer, 200);
    assert_non_null(strstr(answer, "connection: close"));
    answer = talk(
        "POST /v1/echo HTTP/1.1\r\n" HOST "Authorization: Bearer wrong\r\nContent-Length: 3\r\n"
        "Expect: 100-continue\r\n\r\n");
    check_status(answer, 401);
    assert_int_equal(count(answer, "HTTP/1.1 "), 1);
}

static void test_bodies(void **state)
{
    (void)state;
    check_status(talk("POST /v1/echo HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"),
        200); /* no length: empty */
    assert_non_null(strstr(heard.data, "content-length: 0\r\n"));
    enum { LARGE = 200000 };
    cleanup_free char *text = malloc(2 * LARGE);
    size_t n = (size_t)snprintf(text, LARGE,
        "POST /v1/echo HTTP/1.1\r\n" HOST "Connection: close\r\nContent-Length: %d\r\n\r\n", LARGE);
    for (int i = 0; i < LARGE; i++)
        text[n + i] = "0123456789"[i % 10];
    const char *answer = talk_n(text, n + LARGE, false);
    check_status(answer, 200);
    assert_memory_equal(strstr(answer, "\r\n\r\n") + 4, text + n, LARGE);
    size_t at = (size_t)snprintf(text, LARGE,
        "POST /v1/echo HTTP/1.1\r\n" HOST
        "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n");
    cleanup_strbuf struct strbuf wanted = STRBUF_INIT(LARGE);
    for (int i = 1; i < 500; i++) {
        int k = i % 97 + 1;
        at += (size_t)snprintf(text + at, 16, "%x\r\n", k);
        memset(text + at, 'a' + i % 26, (size_t)k);
        strbuf_append(&wanted, text + at, (size_t)k);
        at += (size_t)k;
        memcpy(text + at, "\r\n", 2), at += 2;
    }
    memcpy(text + at, "0\r\n\r\n", 5), at += 5;
    answer = talk_n(text, at, false);
    check_status(answer, 200);
    assert_string_equal(strstr(answer, "\r\n\r\n") + 4, wanted.data);
    /* Too long to be drained after an answer that did not want it: said, and closed. */
    n = (size_t)snprintf(
        text, LARGE, "POST /v1/unread HTTP/1.1\r\n" HOST "Content-Length: 300000\r\n\r\n");
    answer = talk_n(text, n + 10000, false);
    check_status(answer, 200);
    assert_non_null(strstr(answer, "connection: close"));
}

static void test_upload(void **state)
{
    (void)state;
    const char *body = "--B\r\nContent-Disposition: form-data; name=\"file\"; "
                       "filename=\"a.csv\"\r\n\r\n1,2\r\n--B--\r\n";
    char text[1024];
    snprintf(text, sizeof text,
        "POST /upload HTTP/1.1\r\n" HOST
        "Connection: close\r\nContent-Type: multipart/form-data; boundary=B\r\n"
        "Content-Length: %zu\r\n\r\n%s",
        strlen(body), body);
    assert_non_null(strstr(talk(text), "\r\n\r\na.csv=1,2"));
    snprintf(text, sizeof text,
        "POST /upload HTTP/1.1\r\n" HOST "Connection: close\r\nContent-Type: text/plain\r\n"
        "Content-Length: %zu\r\n\r\n%s",
        strlen(body), body);
    check_status(talk(text), 400);
    snprintf(text, sizeof text,
        "POST /upload HTTP/1.1\r\n" HOST "Content-Type: multipart/form-data; boundary=B\r\n"
        "Content-Length: %zu\r\n\r\n%s",
        strlen(body) + 9, body);
    check_status(talk(text), 408); /* the source's error answers itself */
}

static void test_streams(void **state)
{
    (void)state;
    const char *answer = talk("GET /stream HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    assert_non_null(strstr(answer, "transfer-encoding: chunked\r\n"));
    assert_non_null(strstr(answer, "\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"));
    answer = talk("GET /stream HTTP/1.0\r\n\r\n");
    assert_null(strstr(answer, "transfer-encoding"));
    assert_non_null(strstr(answer, "\r\n\r\nonetwo"));
    answer = talk("GET /unfinished HTTP/1.1\r\n" HOST "\r\n");
    assert_non_null(strstr(answer, "3\r\none\r\n"));
    assert_null(strstr(answer, "\r\n0\r\n"));
    answer = talk("GET /events HTTP/1.0\r\n\r\n");
    assert_non_null(strstr(answer, "content-type: text/event-stream"));
    assert_non_null(
        strstr(answer, "\r\n\r\nevent: a.b\ndata: {\"n\":1}\n\n: keep-alive\n\ndata: {}\n\n"));
}

static void test_headers_and_errors(void **state)
{
    (void)state;
    const char *answer = talk("GET /headers HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    check_status(answer, 409);
    assert_non_null(strstr(answer, "\r\nx-a: b\r\n"));
    assert_non_null(strstr(answer, "\r\nx-should-retry: false\r\n"));
    assert_null(strstr(answer, "x-evil"));
    assert_non_null(strstr(answer, "\"message\":\"\\\"busy\\\" \\u0001\xef\xbf\xbd\""));
    assert_non_null(strstr(answer, "\"param\":\"files[0]\",\"code\":\"container_busy\"}}"));
}

static void test_files(void **state)
{
    (void)state;
    const char *answer = talk("GET /file HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    check_status(answer, 200);
    assert_int_equal(strlen(strstr(answer, "\r\n\r\n") + 4), 100000);
    assert_non_null(
        strstr(answer, "filename=\"r__sum__ _1___x_ y.csv\"; "
                       "filename*=UTF-8''r%C3%A9sum%C3%A9%20%221%22%0D%0Ax%3A%20y.csv\r\n"));
    assert_null(strstr(answer, "\nx: y"));
    answer = talk(
        "GET /small-file HTTP/1.1\r\n" HOST "\r\nGET /file HTTP/1.1\r\n" HOST
        "\r\nHEAD /file HTTP/1.1\r\n" HOST "\r\nGET /short-file HTTP/1.1\r\n" HOST "\r\n" GET_OK);
    assert_int_equal(count(answer, "HTTP/1.1 200 "), 4); /* the last is cut, and closed */
    assert_non_null(strstr(answer, "\r\n\r\nffffffffffHTTP/1.1 "));
}

static void test_hosts_and_unix(void **state)
{
    (void)state;
    const char *named =
        "GET /v1/ok HTTP/1.1\r\nHost: Cloche.example:80\r\nConnection: close\r\n\r\n";
    check_status(talk(named), 403);
    keys = true;
    check_status(talk(named), 200);
    check_status(talk("GET /v1/ok HTTP/1.1\r\nHost: a\r\nOrigin: http://a\r\n\r\n"), 403);
    check_status(talk("GET /v1/ok HTTP/1.1\r\nHost: localhost:5\r\nOrigin: "
                      "http://localhost:5\r\nConnection: close\r\n\r\n"),
        200);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&unix_address, sizeof unix_address), 0);
    const char *any = "GET /v1/ok HTTP/1.1\r\nHost: whatever.example\r\nConnection: close\r\n\r\n";
    say(fd, any, strlen(any));
    check_status(hear_all(fd, &heard), 200);
    check_status(talk("GET /v1/nope HTTP/1.1\r\n" HOST
                      "Authorization: Bearer wrong\r\nConnection: close\r\n\r\n"),
        401);
    check_status(talk("GET /public HTTP/1.1\r\n" HOST
                      "Authorization: Bearer wrong\r\nConnection: close\r\n\r\n"),
        200);
}

static void test_too_many_connections(void **state)
{
    (void)state;
    int held[3];
    for (int i = 0; i < 3; i++) {
        held[i] = dial();
        say(held[i], GET_OK, strlen(GET_OK));
        check_status(hear_one(held[i], &heard), 200);
    }
    const char *answer = talk(GET_OK);
    check_status(answer, 503);
    assert_non_null(strstr(answer, "retry-after: 1"));
    fds_close(held, 3);
    for (int i = 0; i < 100 && http_server_connections(server) > 0; i++)
        poll(NULL, 0, 10);
    check_status(talk("GET /ok HTTP/1.0\r\n\r\n"), 200);
}

static void test_graceful_stop(void **state)
{
    (void)state;
    int waiting = dial(), idle = dial();
    say(idle, GET_OK, strlen(GET_OK));
    check_status(hear_one(idle, &heard), 200);
    say_text(waiting, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    wait_for(&entered, "the handler was not entered");
    http_server_stop(server, true);
    const char *answer = talk(GET_OK);
    check_status(answer, 503);
    assert_non_null(strstr(answer, "retry-after:"));
    say(idle, GET_OK, strlen(GET_OK));
    check_status(hear_all(idle, &heard), 503);
    int quiet = dial();
    assert_int_equal(http_server_join(server, 2000), 0);
    answer = hear_all(waiting, &heard); /* answered in full all the same */
    assert_non_null(strstr(answer, "\r\n\r\nwaited"));
    assert_non_null(strstr(answer, "connection: close"));
    close(quiet);
}

static void test_join_closes_idle(void **state)
{
    (void)state;
    int fd = dial();
    say_text(fd, GET_OK);
    check_status(hear_one(fd, &heard), 200);
    int64_t begin_us = clock_monotonic_us();
    assert_int_equal(http_server_join(server, 2000), 0);
    assert_true(clock_monotonic_us() - begin_us < 200000); /* sooner than the idle time */
    assert_int_equal(strlen(hear_all(fd, &heard)), 0);
}

static void test_join_cuts(void **state)
{
    (void)state;
    int fd = dial();
    say_text(fd, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    wait_for(&entered, "the handler was not entered");
    int64_t begin_us = clock_monotonic_us();
    assert_int_equal(http_server_join(server, 50), 0);
    assert_true(clock_monotonic_us() - begin_us < 250000);
    wait_for(&gone, "the handler did not see the cut");
    close(fd);
}

int main(void)
{
#define SERVED(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        SERVED(test_plain),
        SERVED(test_pipelining),
        SERVED(test_methods),
        SERVED(test_hostile),
        cmocka_unit_test(test_who_trickles_is_gone),
        cmocka_unit_test(test_a_long_event_is_kept),
        SERVED(test_slow_loris),
        SERVED(test_half_close),
        SERVED(test_vanishing_clients),
        SERVED(test_continue),
        SERVED(test_bodies),
        SERVED(test_upload),
        SERVED(test_streams),
        SERVED(test_headers_and_errors),
        SERVED(test_files),
        SERVED(test_hosts_and_unix),
        SERVED(test_too_many_connections),
        SERVED(test_graceful_stop),
        SERVED(test_join_closes_idle),
        SERVED(test_join_cuts),
    };
    int r = cmocka_run_group_tests_name("http_server", tests, NULL, NULL);
    strbuf_deinit(&heard);
    return r;
}
