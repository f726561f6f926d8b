/* Reading JSON from clients: what is refused before the parser runs, and the words of each refusal. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/json_in.h"

static struct error refuse(const char *body, size_t length)
{
    struct error e = {0};
    json_t *root = NULL;
    assert_int_equal(json_in_parse(body, length, &root, &e), -EINVAL);
    assert_null(root);
    return e;
}
#define REFUSE(text) refuse(text, sizeof(text) - 1)

static json_t *parse(const char *body)
{
    struct error e = {0};
    json_t *root = NULL;
    if (json_in_parse(body, strlen(body), &root, &e) != 0)
        fail_msg("%s", e.message);
    return root;
}

static void malformed_bodies(void **state)
{
    (void)state;
    static const char *const bad[] = {"{", "{\"a\"", "{\"a\":}", "{\"a\":1,}", "{'a':1}", "{a:1}",
        "nul", "{\"a\":01}", "{\"a\":1}{", "{\"a\":1} x", "{\"a\":\"\t\"}", "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\x\"}", "{\"a\":NaN}", "{\"a\":1,\"a\":2}", "{\"a\\u0000b\":1}", "\"\\"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error e = refuse(bad[i], strlen(bad[i]));
        assert_int_equal(e.code, ERROR_INVALID_JSON);
        assert_string_equal(error_wire_code(e.code), "invalid_json");
        assert_non_null(strstr(e.message, "We could not parse the JSON body of your request"));
    }
    assert_non_null(strstr(REFUSE("{\"a\":1} x").message, "behind its end"));
    assert_non_null(strstr(REFUSE("{\"a\":1,\"a\":2}").message, "twice"));
}

static void roots_that_are_no_objects(void **state)
{
    (void)state;
    assert_string_equal(REFUSE("[]").message,
        "Invalid type for the request body: expected an object, but got an array instead.");
    assert_int_equal(REFUSE("\"x\"").code, ERROR_INVALID_TYPE);
    assert_int_equal(REFUSE("null").code, ERROR_INVALID_TYPE);
}

static void an_empty_body_is_an_empty_object(void **state)
{
    (void)state;
    cleanup_json json_t *a = parse(""), *b = parse(" \r\n\t");
    assert_int_equal(json_object_size(a), 0);
    assert_int_equal(json_object_size(b), 0);
}

static void depth(void **state)
{
    (void)state;
    char body[400];
    size_t n = 0;
    n += (size_t)snprintf(body, sizeof body, "{\"a\":");
    for (int i = 0; i < 63; i++)
        body[n++] = '[';
    for (int i = 0; i < 63; i++)
        body[n++] = ']';
    body[n++] = '}';
    body[n] = 0;
    json_decref(parse(body)); /* 64 levels */
    memmove(body + 6, body + 5, n - 4);
    body[5] = '[';
    size_t end = strlen(body);
    body[end - 1] = ']';
    body[end] = '}';
    struct error e = refuse(body, end + 1);
    assert_int_equal(e.code, ERROR_INVALID_JSON);
    assert_non_null(strstr(e.message, "64 levels"));
    /* Brackets in strings do not count. */
    json_decref(parse(
        "{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[\"}"));
    /* A million brackets must cost nothing but a look. */
    size_t million = 1000000;
    char *deep = malloc(million);
    memset(deep, '[', million);
    e = refuse(deep, million);
    assert_int_equal(e.code, ERROR_INVALID_JSON);
    free(deep);
}

static void text_that_is_not_utf8_names_its_field(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char body[64];
        snprintf(body, sizeof body, "{\"name\": 1, \"code\": \"a%s\"}", bad[i]);
        struct error e = refuse(body, strlen(body));
        assert_int_equal(e.code, ERROR_INVALID_JSON);
        assert_string_equal(e.param, "code");
        assert_non_null(strstr(e.message, "UTF-8"));
    }
}

static void numbers_out_of_range_name_their_field(void **state)
{
    (void)state;
    struct error e = REFUSE("{\"code\":\"\",\"timeout\":99999999999999999999}");
    assert_int_equal(e.code, ERROR_INVALID_VALUE);
    assert_string_equal(e.param, "timeout");
    e = REFUSE("{\"timeout\":1e999}");
    assert_string_equal(e.param, "timeout");
}

static struct error last;
static struct json_in open_object(json_t *root, enum json_manners manners)
{
    struct json_in in;
    last = (struct error){0};
    json_in_begin(&in, root, "", manners, &last);
    return in;
}

static void strings(void **state)
{
    (void)state;
    cleanup_json json_t *root = parse(
        "{\"code\":\"x = 1\",\"n\":5,\"nul\":\"a\\u0000b\",\"long\":\"abcdef\",\"none\":null}");
    struct json_in in = open_object(root, JSON_OPENAI);
    assert_string_equal(json_in_string(&in, "code", JSON_REQUIRED, 100), "x = 1");
    assert_null(json_in_string(&in, "absent", JSON_OPTIONAL, 100));
    assert_null(json_in_string(&in, "none", JSON_OPTIONAL, 100));
    assert_int_equal(json_in_end(&in), 0);

    in = open_object(root, JSON_OPENAI);
    assert_null(json_in_string(&in, "none", JSON_REQUIRED, 100));
    assert_null(json_in_string(&in, "n", JSON_REQUIRED, 100)); /* the first error stays */
    assert_int_equal(json_in_end(&in), -EINVAL);
    assert_string_equal(last.message, "Missing required parameter: 'none'.");
    assert_string_equal(error_wire_code(last.code), "missing_required_parameter");

    in = open_object(root, JSON_OPENAI);
    json_in_string(&in, "n", JSON_REQUIRED, 100);
    assert_string_equal(
        last.message, "Invalid type for 'n': expected a string, but got an integer instead.");
    in = open_object(root, JSON_OPENAI);
    json_in_string(&in, "nul", JSON_REQUIRED, 100);
    assert_string_equal(last.message, "Invalid 'nul': the string contains a NUL character.");
    in = open_object(root, JSON_OPENAI);
    json_in_string(&in, "long", JSON_REQUIRED, 5);
    assert_string_equal(error_wire_code(last.code), "string_above_max_length");
}

static void numbers(void **state)
{
    (void)state;
    cleanup_json json_t *root =
        parse("{\"timeout\":\"5\",\"half\":0.5,\"five\":5,\"big\":601,\"yes\":true}");
    struct json_in in = open_object(root, JSON_OURS);
    json_in_number(&in, "timeout", 30, 1, 600);
    assert_string_equal(
        last.message, "Invalid type for 'timeout': expected a number, but got a string instead.");
    in = open_object(root, JSON_OURS);
    assert_true(json_in_number(&in, "five", 30, 1, 600) == 5);
    assert_true(json_in_number(&in, "absent", 30, 1, 600) == 30);
    json_in_number(&in, "big", 30, 1, 600);
    assert_string_equal(last.message,
        "Invalid 'big': integer above maximum value. Expected a value <= "
        "600, but got 601 instead.");
    assert_string_equal(error_wire_code(last.code), "invalid_value");
    in = open_object(root, JSON_OPENAI);
    json_in_number(&in, "half", 30, 1, 600);
    assert_string_equal(error_wire_code(last.code), "decimal_below_min_value");
    in = open_object(root, JSON_OPENAI);
    json_in_integer(&in, "big", 20, 1, 20);
    assert_string_equal(error_wire_code(last.code), "integer_above_max_value");
    in = open_object(root, JSON_OPENAI);
    json_in_integer(&in, "half", 20, 1, 20);
    assert_string_equal(
        last.message, "Invalid type for 'half': expected an integer, but got a decimal instead.");
    in = open_object(root, JSON_OPENAI);
    json_in_bool(&in, "five", false);
    assert_string_equal(
        last.message, "Invalid type for 'five': expected a boolean, but got an integer instead.");
    in = open_object(root, JSON_OPENAI);
    assert_true(json_in_bool(&in, "yes", false));
    assert_int_equal(json_in_end(&in), 0);
}

static void words(void **state)
{
    (void)state;
    static const char *const two[] = {"asc", "desc", NULL}, *const three[] = {"a", "b", "c", NULL};
    cleanup_json json_t *root = parse("{\"order\":\"up\",\"good\":\"asc\"}");
    struct json_in in = open_object(root, JSON_OPENAI);
    assert_string_equal(json_in_word(&in, "good", two, "desc"), "asc");
    assert_string_equal(json_in_word(&in, "absent", two, "desc"), "desc");
    json_in_word(&in, "order", two, "desc");
    assert_string_equal(
        last.message, "Invalid value: 'up'. Supported values are: 'asc' and 'desc'.");
    in = open_object(root, JSON_OPENAI);
    json_in_word(&in, "order", three, NULL);
    assert_string_equal(
        last.message, "Invalid value: 'up'. Supported values are: 'a', 'b', and 'c'.");
}

static void unknown_fields(void **state)
{
    (void)state;
    cleanup_json json_t *root = parse("{\"timout\":5,\"code\":\"\"}"), *far = parse("{\"zzz\":1}");
    struct json_in in = open_object(root, JSON_OURS);
    json_in_string(&in, "code", JSON_REQUIRED, 9);
    json_in_number(&in, "timeout", 30, 1, 600);
    assert_int_equal(json_in_end(&in), -EINVAL);
    assert_string_equal(last.message, "Unknown parameter: 'timout'. Did you mean 'timeout'?");
    assert_string_equal(last.param, "timout");

    in = open_object(root, JSON_OPENAI);
    json_in_string(&in, "code", JSON_REQUIRED, 9);
    assert_int_equal(json_in_end(&in), 0);

    in = open_object(far, JSON_OURS); /* reported before what is missing */
    json_in_string(&in, "code", JSON_REQUIRED, 9);
    assert_int_equal(json_in_end(&in), -EINVAL);
    assert_string_equal(last.message, "Unknown parameter: 'zzz'.");
}

static void later_features(void **state)
{
    (void)state;
    cleanup_json json_t *root = parse("{\"a\":null,\"b\":false,\"tests\":[{}]}");
    struct json_in in = open_object(root, JSON_OURS);
    json_in_unsupported(&in, "a");
    json_in_unsupported(&in, "b");
    assert_false(in.failed);
    json_in_unsupported(&in, "tests");
    assert_int_equal(json_in_end(&in), -EINVAL);
    assert_int_equal(last.code, ERROR_UNSUPPORTED_PARAMETER);
    assert_string_equal(last.param, "tests");
}

static void maps_and_lists(void **state)
{
    (void)state;
    cleanup_json json_t *root = parse(
        "{\"env\":{\"A\":\"1\"},\"bad\":{\"A\":1},\"ids\":[\"x\",\"y\"],\"worse\":[\"x\",3]}");
    struct json_in in = open_object(root, JSON_OURS);
    size_t n;
    assert_non_null(json_in_map(&in, "env", 16, 64, 512));
    assert_non_null(json_in_strings(&in, "ids", 10, 64, &n));
    assert_int_equal(n, 2);
    assert_false(in.failed);
    assert_null(json_in_map(&in, "bad", 16, 64, 512));
    assert_string_equal(
        last.message, "Invalid type for 'bad.A': expected a string, but got an integer instead.");
    in = open_object(root, JSON_OURS);
    assert_null(json_in_strings(&in, "worse", 10, 64, &n));
    assert_string_equal(last.param, "worse[1]");
    in = open_object(root, JSON_OURS);
    json_in_strings(&in, "ids", 1, 64, &n);
    assert_non_null(strstr(last.message, "array too long"));
    in = open_object(root, JSON_OPENAI);
    assert_null(json_in_map(&in, "env", 0, 64, 512));
    assert_string_equal(error_wire_code(last.code), "object_above_max_properties");
}

static void nested_prefix(void **state)
{
    (void)state;
    cleanup_json json_t *root = parse("{}");
    struct json_in in;
    struct error e = {0};
    json_in_begin(&in, root, "files[0].", JSON_OURS, &e);
    json_in_string(&in, "name", JSON_REQUIRED, 9);
    assert_int_equal(json_in_end(&in), -EINVAL);
    assert_string_equal(e.message, "Missing required parameter: 'files[0].name'.");
    assert_string_equal(e.param, "files[0].name");
}

static void query_integers(void **state)
{
    (void)state;
    struct error e = {0};
    int64_t n = 20;
    assert_int_equal(json_in_integer_text("limit", NULL, JSON_OPENAI, 1, 100, &n, &e), 0);
    assert_int_equal(n, 20);
    assert_int_equal(json_in_integer_text("limit", "7", JSON_OPENAI, 1, 100, &n, &e), 0);
    assert_int_equal(n, 7);
    static const char *const bad[] = {"", " 7", "7x", "1e3", "0x10"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(
            json_in_integer_text("limit", bad[i], JSON_OPENAI, 1, 100, &n, &e), -EINVAL);
        assert_int_equal(e.code, ERROR_INVALID_TYPE);
    }
    assert_int_equal(json_in_integer_text("limit", "0", JSON_OPENAI, 1, 100, &n, &e), -EINVAL);
    assert_int_equal(e.code, ERROR_INTEGER_BELOW_MIN);
    assert_int_equal(
        json_in_integer_text("limit", "99999999999999999999", JSON_OPENAI, 1, 100, &n, &e),
        -EINVAL);
    assert_int_equal(e.code, ERROR_INTEGER_ABOVE_MAX);
    assert_int_equal(n, 7);
}

static void brief_texts_stay_whole_characters(void **state)
{
    (void)state;
    char out[72];
    assert_string_equal(json_in_brief(out, "a\x01\xff\n"), "a???");
    char text[400] = "";
    for (int i = 0; i < 100; i++)
        memcpy(text + i * 3, "\xe2\x82\xac", 4);
    assert_true(json_in_utf8(out, strlen(json_in_brief(out, text))));
    assert_int_equal(strlen(out), 63);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_bodies),
        cmocka_unit_test(roots_that_are_no_objects),
        cmocka_unit_test(an_empty_body_is_an_empty_object),
        cmocka_unit_test(depth),
        cmocka_unit_test(text_that_is_not_utf8_names_its_field),
        cmocka_unit_test(numbers_out_of_range_name_their_field),
        cmocka_unit_test(strings),
        cmocka_unit_test(numbers),
        cmocka_unit_test(words),
        cmocka_unit_test(unknown_fields),
        cmocka_unit_test(later_features),
        cmocka_unit_test(maps_and_lists),
        cmocka_unit_test(nested_prefix),
        cmocka_unit_test(query_integers),
        cmocka_unit_test(brief_texts_stay_whole_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
