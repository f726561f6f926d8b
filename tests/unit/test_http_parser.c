#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http/chunk.h"
#include "http/parser.h"
#include "http/router.h"

static struct http_head head;
static struct error failure;
static char *copy;

/* Scans in steps of `step` bytes, then parses: the length of the head, 0 if incomplete, or negative. */
static long parse_steps(const char *text, size_t n, size_t step)
{
    struct http_scan scan = {0};
    free(copy);
    copy = malloc(n + 1); /* of exactly this size, for the sanitizer's sake */
    memcpy(copy, text, n);
    copy[n] = 0;
    ssize_t length = 0;
    for (size_t have = 0; length == 0 && have < n;) {
        have = have + step < n ? have + step : n;
        length = http_head_scan(&scan, copy, have, &failure);
    }
    if (length <= 0)
        return length;
    int r = http_head_parse(copy + scan.start, (size_t)length - scan.start, &head, &failure);
    return r < 0 ? r : length;
}

static long parse(const char *text) { return parse_steps(text, strlen(text), 1 << 20); }

#define HOST "Host: localhost\r\n"

static void test_sound(void **state)
{
    (void)state;
    const char *text =
        "POST /v1/a%20b?x=1&y HTTP/1.1\r\nHOST: localhost:80\r\nContent-Length:  12 \t\r\n"
        "X-Empty:\r\nConnection: keep-alive, Close\r\nExpect: 100-Continue\r\n\r\nbody";
    for (size_t step = 1; step < 200; step++) {
        assert_int_equal(parse_steps(text, strlen(text), step), (long)strlen(text) - 4);
        assert_string_equal(head.method, "POST");
        assert_string_equal(head.path, "/v1/a%20b");
        assert_string_equal(head.query, "x=1&y");
        assert_string_equal(head.host, "localhost:80");
        assert_true(head.has_length && head.content_length == 12 && !head.chunked && head.close &&
                    head.expect_continue);
        assert_string_equal(http_head_field(&head, "x-empty"), "");
        assert_null(http_head_field(&head, "x-other"));
    }
    assert_true(parse("\r\nGET / HTTP/1.1\r\n" HOST "\r\n") > 0); /* one empty line before */
    assert_true(parse("GET / HTTP/1.0\r\n\r\n") > 0);
    assert_true(head.close && head.minor == 0 && !head.host);
    assert_true(parse("GET http://LocalHost/x?y HTTP/1.1\r\n" HOST "\r\n") > 0);
    assert_string_equal(head.path, "/x");
    assert_string_equal(head.query, "y");
    assert_true(parse("OPTIONS * HTTP/1.1\r\n" HOST "\r\n") > 0);
    assert_true(parse("PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n") > 0);
    assert_true(head.chunked);
    assert_true(parse("PUT / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775807\r\n\r\n") > 0);
    assert_int_equal(parse("GET / HTTP/1.1\r\n" HOST), 0);
}

static const char *const hostile[] = {
    "GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Content-Length: 1 2\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Content-Length: 0x10\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775808\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551617\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Content-Length: 00000000000000000001\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked;q=1\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding:\x0b"
    "chunked\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding\x0b: chunked\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Content-Length : 4\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Content-Length\t: 4\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST " Content-Length: 4\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n",
    "GET / HTTP/1.1\r\n X: first\r\n" HOST "\r\n",
    "GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "X: a\r\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "X: a\nY: b\r\n\r\n",
    "GET / HTTP/1.1\nHost: localhost\n\n",
    "GET / HTTP/1.1\r\n" HOST "\n",
    "GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "X: a\x7f\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "X: \x1b[2J\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "X y: b\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "X(y): b\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "\xc3\xa9: b\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "nocolon\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Host: localhost\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "hOST: other\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Authorization: a\r\nAuthorization: b\r\n\r\n",
    "GET / HTTP/1.1\r\n" HOST "Origin: a\r\nOrigin: b\r\n\r\n",
    "GET /a%00b HTTP/1.1\r\n" HOST "\r\n",
    "GET /a%0 HTTP/1.1\r\n" HOST "\r\n",
    "GET /a% HTTP/1.1\r\n" HOST "\r\n",
    "GET /a%zz HTTP/1.1\r\n" HOST "\r\n",
    "GET /%%20 HTTP/1.1\r\n" HOST "\r\n",
    "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n",
    "GET /a#b HTTP/1.1\r\n" HOST "\r\n",
    "GET http://other/ HTTP/1.1\r\n" HOST "\r\n",
    "GET http://localhost HTTP/1.1\r\n" HOST "\r\n",
    "GET http://localhost?x HTTP/1.1\r\n" HOST "\r\n",
    "GET http://a@localhost/ HTTP/1.1\r\n" HOST "\r\n",
    "GET http://localhost/ HTTP/1.0\r\n\r\n",
    "GET ftp://localhost/ HTTP/1.1\r\n" HOST "\r\n",
    "GET x HTTP/1.1\r\n" HOST "\r\n",
    "GET * HTTP/1.1\r\n" HOST "\r\n",
    "CONNECT localhost:80 HTTP/1.1\r\n" HOST "\r\n",
    "GET  / HTTP/1.1\r\n" HOST "\r\n",
    "GET /  HTTP/1.1\r\n" HOST "\r\n",
    "GET / HTTP/1.1 \r\n" HOST "\r\n",
    " GET / HTTP/1.1\r\n" HOST "\r\n",
    "GET\t/\tHTTP/1.1\r\n" HOST "\r\n",
    "GET /a\tb HTTP/1.1\r\n" HOST "\r\n",
    "GET /a b HTTP/1.1\r\n" HOST "\r\n",
    "GET /\r\n" HOST "\r\n",
    "GET\r\n" HOST "\r\n",
    "G(T / HTTP/1.1\r\n" HOST "\r\n",
    "GETGETGETGETGETGETGETGETGETGET / HTTP/1.1\r\n" HOST "\r\n",
    "GET / http/1.1\r\n" HOST "\r\n",
    "GET / HTTP/1,1\r\n" HOST "\r\n",
    "GET / HTTP/1.10\r\n" HOST "\r\n",
    "GET / HTTP/01.1\r\n" HOST "\r\n",
    "GET / HTTP/1.2\r\n" HOST "\r\n",
    "GET / HTTP/2.0\r\n" HOST "\r\n",
    "GET / HTTP/0.9\r\n" HOST "\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n",
    "\nGET / HTTP/1.1\r\n" HOST "\r\n",
    "\x16\x03\x01\x02",
};

static void test_hostile(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++)
        for (size_t step = 1; step < 60; step += 13) {
            failure = (struct error){.code = ERROR_NONE};
            long r = parse_steps(hostile[i], strlen(hostile[i]), step);
            if (r >= 0)
                fail_msg("accepted (%ld): %s", r, hostile[i]);
            assert_true(failure.message[0] && error_http_status(failure.code) >= 400);
        }
    assert_true(parse_steps("GET /\0 HTTP/1.1\r\n" HOST "\r\n", 36, 99) < 0);
    assert_true(parse_steps("GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n", 16 + 17 + 10, 99) < 0);
}

/* The border is the scan's alone to draw: it refuses by itself, before the head is complete. */
static void test_scan_alone(void **state)
{
    (void)state;
    static const char *const torn[] = {
        "GET / HTTP/1.1\rX", "GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nX: \x02", "\n", "\rG"};
    static const char *const why[] = {"CR", "bare LF", "control byte", "bare LF", "CR"};
    for (size_t i = 0; i < sizeof torn / sizeof *torn; i++) {
        struct http_scan scan = {0};
        assert_true(http_head_scan(&scan, torn[i], strlen(torn[i]), &failure) < 0);
        assert_non_null(strstr(failure.message, why[i]));
    }
}

static void test_bounds(void **state)
{
    (void)state;
    char *text = malloc(2 * HTTP_HEAD_MAX);
    int n = snprintf(text, HTTP_HEAD_MAX, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 1; i < HTTP_FIELDS_MAX; i++)
        n += snprintf(text + n, 64, "X-%d: y\r\n", i);
    int hundred = n;
    snprintf(text + n, 64, "\r\n");
    assert_true(parse(text) > 0);
    assert_int_equal(head.n_fields, HTTP_FIELDS_MAX);
    snprintf(text + hundred, 64, "One: more\r\n\r\n");
    assert_true(parse(text) < 0);
    assert_int_equal(failure.code, ERROR_HEADERS_TOO_LARGE);

    for (int extra = 0; extra < 2; extra++) {
        n = snprintf(text, HTTP_HEAD_MAX, "GET / HTTP/1.1\r\n" HOST "X: ");
        size_t fill = HTTP_HEAD_MAX - (size_t)n - 4 + (size_t)extra;
        memset(text + n, 'a', fill);
        memcpy(text + n + fill, "\r\n\r\n", 5);
        long r = parse(text);
        assert_int_equal(r > 0 ? 1 : 0, extra ? 0 : 1);
    }
    assert_int_equal(failure.code, ERROR_HEADERS_TOO_LARGE);
    /* Endless, without any line end. */
    memset(text, 'a', 2 * HTTP_HEAD_MAX);
    assert_true(parse_steps(text, 2 * HTTP_HEAD_MAX, 1000) < 0);
    free(text);
}

/* Decodes in steps; 0 when complete with the number of bytes used in *used, 1 when more is needed. */
static int dechunk(const char *text, size_t n, size_t step, char *to, size_t *used)
{
    struct http_chunk c = {0};
    size_t at = 0, length = 0;
    while (at < n && !http_chunk_done(&c)) {
        const char *data;
        size_t got, give = n - at < step ? n - at : step;
        long r = http_chunk_take(&c, text + at, give, &data, &got, &failure);
        if (r < 0)
            return (int)r;
        assert_true(r > 0 && (size_t)r <= give);
        memcpy(to + length, data ? data : "", got);
        length += got;
        at += (size_t)r;
    }
    to[length] = 0;
    *used = at;
    return http_chunk_done(&c) ? 0 : 1;
}

static void test_chunks(void **state)
{
    (void)state;
    char out[256];
    size_t used;
    const char *good = "4;ext=\"v\"\r\nWiki\r\n5\r\npedia\r\n00E\r\n "
                       "in\r\n\r\nchunks.\r\n0\r\nTrailer: x\r\n\r\nGET /";
    for (size_t step = 1; step < 90; step++) {
        assert_int_equal(dechunk(good, strlen(good), step, out, &used), 0);
        assert_string_equal(out, "Wikipedia in\r\n\r\nchunks.");
        assert_int_equal(used, strlen(good) - 5);
    }
    static const char *const bad[] = {
        "\r\n",
        "g\r\n",
        "-1\r\n",
        "+1\r\n",
        " 1\r\n",
        "1 \r\nx\r\n0\r\n\r\n",
        "0x1\r\nx\r\n0\r\n\r\n",
        ";a\r\n",
        "1\nx\r\n",
        "1\rx",
        "1\r\nxy\r\n0\r\n\r\n",
        "1\r\nx0\r\n\r\n",
        "1\r\nx\n0\r\n\r\n",
        "1\r\nx\r0\r\n\r\n",
        "1111111111111111\r\n",
        "fffffffffffffffff\r\n",
        "0000000000000000\r\n",
        "1;a\nb\r\nx",
        "1;a\x01\r\nx",
        "1;\rx",
        "0\r\n\n",
        "0\r\nX\r\n\r\n",
        "0\r\n: x\r\n\r\n",
        "0\r\nX : y\r\n\r\n",
        "0\r\n X: y\r\n\r\n",
        "0\r\nX: y\n\r\n",
        "0\r\nX: \x01\r\n\r\n",
        "0\r\n\rx",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (size_t step = 1; step < 5; step++)
            if (dechunk(bad[i], strlen(bad[i]), step, out, &used) >= 0)
                fail_msg("accepted: %s", bad[i]);
    assert_int_equal(dechunk("5\r\nab", 5, 9, out, &used), 1);

    char *text = malloc(100000);
    memset(text, 'a', 100000);
    memcpy(text, "1;", 2);
    assert_true(dechunk(text, 300, 7, out, &used) < 0); /* one long extension */
    memcpy(text, "0\r\nX:", 5);
    assert_true(dechunk(text, 5000, 7, out, &used) < 0); /* a long trailer */
    size_t n = 0;
    while (n < 90000)
        n += (size_t)snprintf(text + n, 100, "1;%060d\r\nx\r\n", 0);
    char *to = malloc(100000);
    assert_true(dechunk(text, n, 4096, to, &used) < 0); /* many extensions */
    free(to);
    free(text);
}

static void test_percent(void **state)
{
    (void)state;
    char out[64];
    assert_int_equal(http_percent_decode(out, "a%2Fb%c3%A9+", 12, false), 6);
    assert_string_equal(out, "a/b\xc3\xa9+");
    assert_int_equal(http_percent_decode(out, "a+b", 3, true), 3);
    assert_string_equal(out, "a b");
    assert_int_equal(http_percent_decode(out, "%0", 2, false), -EINVAL);
    assert_int_equal(http_percent_decode(out, "%", 1, false), -EINVAL);
    assert_int_equal(http_percent_decode(out, "%00", 3, false), -EINVAL);
    assert_int_equal(http_percent_decode(out, "%g0", 3, false), -EINVAL);
}

static void handler(struct http_exchange *x) { (void)x; }
static const struct http_route routes[] = {
    {"GET", "/", handler},
    {"GET", "/healthz", handler},
    {"POST", "/v1/execute", handler},
    {"POST", "/v1/execute/batch", handler},
    {"GET", "/v1/containers/{id}", handler},
    {"DELETE", "/v1/containers/{id}", handler},
    {"GET", "/v1/containers/{id}/files/{file_id}/content", handler},
    {"GET", "/assets/{path*}", handler},
};
enum { N_ROUTES = sizeof routes / sizeof *routes };

static int route_of(const char *method, const char *path)
{
    struct http_match m;
    http_route_match(routes, N_ROUTES, method, path, &m);
    return m.route ? (int)(m.route - routes) : m.known ? -405 : -404;
}

static void test_routes(void **state)
{
    (void)state;
    http_routes_check(routes, N_ROUTES);
    assert_int_equal(route_of("GET", "/"), 0);
    assert_int_equal(route_of("HEAD", "/healthz"), 1);
    assert_int_equal(route_of("GET", "/v1/healthz"), -404);
    assert_int_equal(route_of("POST", "/execute"), 2);
    assert_int_equal(route_of("POST", "/v1/execute/batch"), 3);
    assert_int_equal(route_of("POST", "/v1/v1/execute"), -404);
    assert_int_equal(route_of("PATCH", "/v1/execute"), -405);
    assert_int_equal(route_of("DELETE", "/containers/x"), 5);
    assert_int_equal(route_of("GET", "/v1/containers/"), -404);
    assert_int_equal(route_of("GET", "/v1/containers/x/"), -404);
    assert_int_equal(route_of("GET", "//v1/containers/x"), -404);
    assert_int_equal(route_of("GET", "/v1/containers/a%2Fb"), 4);
    assert_int_equal(route_of("GET", "/assets/a/b.js"), 7);
    assert_int_equal(route_of("GET", "/assets/"), 7);
    assert_int_equal(route_of("GET", "/assets"), -404);
    assert_int_equal(route_of("OPTIONS", "*"), -404);
    struct http_match m;
    http_route_match(routes, N_ROUTES, "GET", "/containers/c1/files/f22/content", &m);
    assert_ptr_equal(m.route, &routes[6]);
    assert_int_equal(m.n_params, 2);
    assert_memory_equal(m.params[1].name, "file_id", m.params[1].name_length);
    assert_int_equal(m.params[1].length, 3);
    cleanup_strbuf struct strbuf allow = STRBUF_INIT(256);
    http_route_allow(routes, N_ROUTES, "/v1/containers/x", &allow);
    assert_string_equal(allow.data, "GET, HEAD, DELETE, OPTIONS");
}

static void test_lists(void **state)
{
    (void)state;
    assert_true(http_list_has("close", "close"));
    assert_true(http_list_has(" keep-alive ,\tCLOSE , x", "close"));
    assert_false(http_list_has("closed, not-close", "close"));
    assert_false(http_list_has("", "close"));
    assert_false(http_list_has(",,, ,", "close"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_percent),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_scan_alone),
    };
    int r = cmocka_run_group_tests_name("http_parser", tests, NULL, NULL);
    free(copy);
    return r;
}
