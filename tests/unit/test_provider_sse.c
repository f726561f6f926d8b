/* Server-sent events as upstreams really send them, cut wherever the network likes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fd.h"
#include "provider/sse.h"

static int tell(void *context, const char *event, const char *data, size_t n)
{
    strbuf_printf(context, "[%s|", event);
    strbuf_append(context, data, n);
    strbuf_puts(context, "]");
    return 0;
}

/* What is told of a stream that comes in the parts [0, cut) and [cut, n), or byte by byte (cut > n). */
static char *told(const char *stream, size_t n, size_t cut)
{
    struct strbuf out = STRBUF_INIT(1 << 20);
    struct sse s;
    sse_init(&s);
    if (cut <= n) {
        assert_int_equal(sse_feed(&s, stream, cut, tell, &out), 0);
        assert_int_equal(sse_feed(&s, stream + cut, n - cut, tell, &out), 0);
    }
    for (size_t i = 0; cut > n && i < n; i++)
        assert_int_equal(sse_feed(&s, stream + i, 1, tell, &out), 0);
    assert_int_equal(sse_end(&s, tell, &out), 0);
    sse_deinit(&s);
    strbuf_puts(&out, "");
    return strbuf_take(&out);
}

static void says(const char *stream, size_t n, const char *expected)
{
    for (size_t cut = 0; cut <= n + 1; cut++) {
        cleanup_free char *seen = told(stream, n, cut);
        if (strcmp(seen, expected) != 0)
            fail_msg("cut at %zu of %zu: %s instead of %s", cut, n, seen, expected);
    }
}
#define SAYS(stream, expected) says(stream, sizeof(stream) - 1, expected)

static void line_ends(void **state)
{
    (void)state;
    SAYS("data: a\n\ndata: b\n\n", "[|a][|b]");
    SAYS("data: a\r\n\r\ndata: b\r\n\r\n", "[|a][|b]");
    SAYS("data: a\r\rdata: b\r\r", "[|a][|b]");
    SAYS("data: a\r\n\ndata: b\n\r\n", "[|a][|b]");
}

static void fields(void **state)
{
    (void)state;
    SAYS("data:a\n\n", "[|a]");
    SAYS("data:  a \n\n", "[| a ]");
    SAYS("data: a\ndata: b\n\n", "[|a\nb]");
    SAYS("data\n\n", "[|]");
    SAYS("event: x\ndata: a\n\ndata: b\n\n", "[x|a][|b]");
    SAYS("event:x\nid: 7\nretry: 10\nfoo: bar\ndata: a:b\n\n", "[x|a:b]");
    SAYS(": OPENROUTER PROCESSING\n\n:\n\ndata: a\n\n", "[|a]");
    SAYS("event: nothing\n\ndata: a\n\n", "[|a]");
    SAYS("\xef\xbb\xbf"
         "data: a\n\n",
        "[|a]");
    SAYS("dat: a\ndatas: b\n\n", "");
}

static void end_without_empty_line(void **state)
{
    (void)state;
    SAYS("data: a\n\ndata: [DONE]", "[|a][|[DONE]]");
    SAYS("data: [DONE]\n", "[|[DONE]]");
    SAYS("", "");
}

static void characters(void **state)
{
    (void)state;
    SAYS("data: h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\n\n",
        "[|h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80]");
    SAYS("data: a\xf0\x9f\n\ndata: b\xff"
         "c\n\n",
        "[|a\xef\xbf\xbd][|b\xef\xbf\xbd"
        "c]");
}

static int refuse(void *context, const char *event, const char *data, size_t n)
{
    (void)event;
    (void)data;
    (void)n;
    (*(int *)context)++;
    return -ECANCELED;
}

static void the_sink_ends_it(void **state)
{
    (void)state;
    struct sse s;
    int calls = 0;
    sse_init(&s);
    assert_int_equal(sse_feed(&s, "data: a\n\ndata: b\n\n", 18, refuse, &calls), -ECANCELED);
    assert_int_equal(calls, 1);
    sse_deinit(&s);
}

/* Neither a line without end nor an event of ever more lines is kept beyond the bound. */
static void bounded(void **state)
{
    (void)state;
    static char part[1 << 20];
    static const char *const shapes[] = {"data: aaaaaaa", ": aaaaaaaaaaa", "data: aaaaaa\n"};
    for (size_t i = 0; i < 3; i++) {
        struct sse s;
        struct strbuf out = STRBUF_INIT(1 << 20);
        int r = 0, parts = 0;
        size_t n = strlen(shapes[i]);
        for (size_t k = 0; k + n <= sizeof(part); k += n)
            memcpy(part + k, shapes[i], n);
        sse_init(&s);
        for (; r == 0 && parts < 64; parts++)
            r = sse_feed(&s, part, sizeof(part) / n * n, tell, &out);
        assert_int_equal(r, -E2BIG);
        assert_in_range(parts, 2, SSE_EVENT_MAX / (1 << 20) * 3);
        assert_int_equal(out.length, 0);
        sse_deinit(&s);
        strbuf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_ends),
        cmocka_unit_test(fields),
        cmocka_unit_test(end_without_empty_line),
        cmocka_unit_test(characters),
        cmocka_unit_test(the_sink_ends_it),
        cmocka_unit_test(bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
