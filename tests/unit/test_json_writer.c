#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/json_writer.h"

static struct strbuf out = {.maximum = 1 << 20};

static int fresh(void **state)
{
    (void)state;
    strbuf_deinit(&out);
    out = STRBUF_INIT(1 << 20);
    return 0;
}

static void test_nesting_and_commas(void **state)
{
    (void)state;
    struct json_writer w = JSON_WRITER(&out);
    jw_begin_object(&w);
    jw_field_string(&w, "a", "x");
    jw_field_array(&w, "b");
    jw_int(&w, -1);
    jw_uint(&w, UINT64_MAX);
    jw_begin_object(&w);
    jw_end(&w);
    jw_begin_array(&w);
    jw_null(&w);
    jw_end(&w);
    jw_bool(&w, true);
    jw_end(&w);
    jw_field_string(&w, "c", NULL);
    jw_field_raw(&w, "d", "{\"r\":1}", 7);
    jw_field_bool(&w, "e", false);
    jw_field_object(&w, "f");
    jw_field_int(&w, "g", INT64_MIN);
    jw_end(&w);
    jw_end(&w);
    assert_string_equal(out.data,
        "{\"a\":\"x\",\"b\":[-1,18446744073709551615,{},[null],true],\"c\":null,"
        "\"d\":{\"r\":1},\"e\":false,\"f\":{\"g\":-9223372036854775808}}");
}

static void check_string(const char *in, size_t n, const char *wanted)
{
    struct json_writer w = JSON_WRITER(&out);
    strbuf_clear(&out);
    jw_string(&w, in, n);
    assert_string_equal(out.data, wanted);
}

#define BAD "\xef\xbf\xbd"
static void test_strings(void **state)
{
    (void)state;
    check_string("plain", 5, "\"plain\"");
    check_string("", 0, "\"\"");
    check_string(NULL, 0, "\"\"");
    check_string("q\"b\\\n\r\t\b\f\x01\x0b\x1f\x7f", 14 - 1,
        "\"q\\\"b\\\\\\n\\r\\t\\b\\f\\u0001\\u000b\\u001f\\u007f\"");
    check_string("a\0b", 3, "\"a\\u0000b\"");
    check_string(
        "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
    check_string("\xff", 1, "\"" BAD "\"");
    check_string("\xc3", 1, "\"" BAD "\"");                 /* cut */
    check_string("\xc0\xaf", 2, "\"" BAD BAD "\"");         /* overlong */
    check_string("\xe0\x80\xaf", 3, "\"" BAD BAD BAD "\""); /* overlong */
    check_string("\xed\xa0\x80", 3, "\"" BAD BAD BAD "\""); /* surrogate */
    check_string("\xf4\x90\x80\x80", 4, "\"" BAD BAD BAD BAD "\"");
    check_string("\xe2\x82", 2, "\"" BAD BAD "\"");
    check_string("\xe2\x82x", 3, "\"" BAD BAD "x\"");
}

static void check_double(double value, const char *wanted)
{
    struct json_writer w = JSON_WRITER(&out);
    strbuf_clear(&out);
    jw_double(&w, value);
    assert_string_equal(out.data, wanted);
}

static void test_doubles(void **state)
{
    (void)state;
    check_double(0, "0.0");
    check_double(0.1, "0.1");
    check_double(1.0 / 3, "0.3333333333333333");
    check_double(1e300, "1e+300");
    check_double(-2, "-2.0");
    check_double(0.1 + 0.2, "0.30000000000000004");
    check_double(NAN, "null");
    check_double(-INFINITY, "null");
}

static void check_base64(const char *in, const char *wanted)
{
    struct json_writer w = JSON_WRITER(&out);
    strbuf_clear(&out);
    jw_base64(&w, in, strlen(in));
    assert_string_equal(out.data, wanted);
}

static void test_base64(void **state)
{
    (void)state;
    check_base64("", "\"\"");
    check_base64("f", "\"Zg==\"");
    check_base64("fo", "\"Zm8=\"");
    check_base64("foobar", "\"Zm9vYmFy\"");
    check_base64("\xff\xfe\xfb", "\"//77\"");
}

static void test_pieces(void **state)
{
    (void)state;
    struct json_writer w = JSON_WRITER(&out);
    jw_begin_array(&w);
    jw_string_begin(&w);
    jw_string_piece(&w, "a\n", 2);
    jw_string_piece(&w, "b", 1);
    jw_string_end(&w);
    jw_int(&w, 1);
    jw_end(&w);
    assert_string_equal(out.data, "[\"a\\nb\",1]");
}

static void test_maximum_is_sticky(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf small = STRBUF_INIT(8);
    struct json_writer w = JSON_WRITER(&small);
    jw_begin_array(&w);
    jw_text(&w, "0123456789");
    jw_end(&w);
    assert_true(small.failed);
    assert_true(small.length <= 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nesting_and_commas, fresh),
        cmocka_unit_test_setup(test_strings, fresh),
        cmocka_unit_test_setup(test_doubles, fresh),
        cmocka_unit_test_setup(test_base64, fresh),
        cmocka_unit_test_setup(test_pieces, fresh),
        cmocka_unit_test_setup(test_maximum_is_sticky, fresh),
    };
    int r = cmocka_run_group_tests_name("json_writer", tests, NULL, NULL);
    strbuf_deinit(&out);
    return r;
}
