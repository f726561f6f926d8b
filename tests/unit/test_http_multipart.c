#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http/multipart.h"

/* A body in memory, handed out `step` bytes at a time. */
struct memory {
    const char *data;
    size_t left, step;
};

static ssize_t from_memory(void *context, void *to, size_t n)
{
    struct memory *m = context;
    n = n < m->left ? n : m->left;
    n = n < m->step ? n : m->step;
    memcpy(to, m->data, n);
    m->data += n;
    m->left -= n;
    return (ssize_t)n;
}

static struct error failure;
static const char *const type = "multipart/form-data; boundary=XX";

/* Reads everything: "name|filename|type|content;" for each part. 0 or negative. */
static int read_all(
    const char *content_type, const char *body, size_t n, size_t step, struct strbuf *to)
{
    struct memory memory = {body, n, step};
    struct multipart m;
    struct multipart_part part;
    strbuf_clear(to);
    int r = multipart_init_source(&m, content_type, from_memory, &memory, &failure);
    while (r >= 0 && (r = multipart_next(&m, &part, &failure)) > 0) {
        strbuf_printf(
            to, "%s|%s|%s|", part.name, part.has_filename ? part.filename : "-", part.content_type);
        r = multipart_text(&m, 1 << 20, to, &failure);
        strbuf_puts(to, ";");
    }
    multipart_deinit(&m);
    return r;
}

#define PART(disposition) "--XX\r\nContent-Disposition: form-data; " disposition "\r\n\r\n"
#define END "\r\n--XX--\r\n"

static void test_parts(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf out = STRBUF_INIT(1 << 20);
    const char *body =
        PART("name=\"purpose\"") "user_data\r\n"
                                 "--XX\r\ncontent-disposition: form-data; name=\"file\"; "
                                 "filename=\"a b.csv\"\r\n"
                                 "Content-Type: text/csv; charset=utf-8\r\n\r\n"
                                 "1,2\r\n--X\r\n\r\n--XY\r\n-\r\n--XX\r\n"
                                 "Content-Disposition: form-data; name=\"empty\"\r\n\r\n" END;
    for (size_t step = 1; step < 300; step++) {
        assert_int_equal(read_all(type, body, strlen(body), step, &out), 0);
        assert_string_equal(out.data,
            "purpose|-||user_data;file|a b.csv|text/csv; charset=utf-8|1,2\r\n--X\r\n\r\n--XY\r\n-;"
            "empty|-||;");
    }
    assert_int_equal(
        read_all("Multipart/Form-Data ;charset=x; boundary=\"XX\"", body, strlen(body), 7, &out),
        0);
    const char *none = "--XX--";
    assert_int_equal(read_all(type, none, 6, 7, &out), 0);
    assert_int_equal(out.length, 0);
}

static void check_name(const char *disposition, const char *wanted)
{
    cleanup_strbuf struct strbuf out = STRBUF_INIT(1 << 20);
    cleanup_strbuf struct strbuf body = STRBUF_INIT(1 << 20);
    strbuf_printf(
        &body, "--XX\r\nContent-Disposition: form-data; name=\"f\"; %s\r\n\r\n" END, disposition);
    int r = read_all(type, body.data, body.length, 50, &out);
    if (!wanted) {
        if (r != -EPROTO)
            fail_msg("accepted: %s", disposition);
        return;
    }
    if (r < 0)
        fail_msg("refused: %s: %s", disposition, failure.message);
    cleanup_strbuf struct strbuf expected = STRBUF_INIT(4096);
    strbuf_printf(&expected, "f|%s||;", wanted);
    assert_string_equal(out.data, expected.data);
}

static void test_filenames(void **state)
{
    (void)state;
    check_name("filename=plain.txt", "plain.txt");
    check_name("filename=\"\"", "");
    check_name("filename=\"\xe8\xa1\xa8.csv\"", "\xe8\xa1\xa8.csv");
    check_name("filename=\"a%22b%20.csv\"", "a\"b%20.csv");
    check_name("filename=\"a\\\"b\\\\c.csv\"", "a\"b\\c.csv");
    check_name("filename=\"C:\\dir\\f.csv\"", "C:\\dir\\f.csv");
    check_name("filename*=utf-8''%e2%82%ac%20x", "\xe2\x82\xac x");
    check_name("filename=\"fallback\"; filename*=UTF-8'en'true", "true");
    check_name("filename*=UTF-8''true; filename=\"fallback\"", "true");
    check_name("filename=\"../../etc/passwd\"", "../../etc/passwd"); /* the caller's to judge */
    check_name("filename=\"\xff\"", NULL);
    check_name("filename=\"\xed\xa0\x80\"", NULL);
    check_name("filename*=utf-8''%00", NULL);
    check_name("filename*=utf-8''%0a", NULL);
    check_name("filename*=utf-8''%ff", NULL);
    check_name("filename*=utf-8''%e", NULL);
    check_name("filename*=iso-8859-1''x", NULL);
    check_name("filename=\"a\"; filename=\"b\"", NULL);
    check_name("name=\"again\"", NULL);
    check_name("filename=\"open", NULL);
    check_name("filename=\"a\"b", NULL);
    check_name("filename=", NULL);
    check_name("filename", NULL);
    check_name("filename=a b", NULL);
    check_name("filename=\"a\tb\"", NULL);
}

static void test_hostile(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf out = STRBUF_INIT(1 << 20);
    static const char *const bodies[] = {
        "",
        "--XX",
        "--XX\r\n",
        "preamble\r\n" PART("name=\"a\"") "x" END,
        PART("name=\"a\"") "never ends",
        PART("name=\"a\"") "x\r\n--XX",
        PART("name=\"a\"") "x\r\n--XX-",
        PART("name=\"a\"") "x\r\n--XXjunk\r\n",
        PART("name=\"a\"") "x\r\n--XX \r\n",
        PART("name=\"a\"") "x" END "epilogue",
        PART("name=\"a\"") "x\r\n--XX--\n",
        PART("name=\"\"") "x" END,
        PART("filename=\"a\"") "x" END,
        "--XX\r\n\r\nx" END,
        "--XX\r\nContent-Type: text/plain\r\n\r\nx" END,
        "--XX\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx" END,
        "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; "
        "name=\"b\"\r\n\r\nx" END,
        "--XX\r\nContent-Disposition: form-data;\r\n name=\"a\"\r\n\r\nx" END,
        "--XX\r\nContent-Disposition : form-data; name=\"a\"\r\n\r\nx" END,
        "--XX\r\nContent-Disposition: form-data; name=\"a\"\nX: y\r\n\r\nx" END,
        "--XX\r\nContent-Disposition: form-data; name=\"a\rb\"\r\n\r\nx" END,
        "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: "
        "base64\r\n\r\nx" END,
        "--XX\nContent-Disposition: form-data; name=\"a\"\n\nx\n--XX--\n",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        for (size_t step = 1; step < 100; step += 9)
            if (read_all(type, bodies[i], strlen(bodies[i]), step, &out) != -EPROTO)
                fail_msg("accepted: %s", bodies[i]);
    static const char *const types[] = {
        NULL,
        "",
        "multipart/form-data",
        "multipart/mixed; boundary=XX",
        "multipart/form-datax; boundary=XX",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=\"a\x01\"",
        "multipart/form-data; boundary=\"a\"x",
        "multipart/form-data, boundary=a",
        "multipart/form-data; "
        "boundary=01234567890123456789012345678901234567890123456789012345678901234567890",
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (read_all(types[i], "--XX--", 6, 99, &out) != -EINVAL)
            fail_msg("accepted: %s", types[i]);
}

static void test_bounds(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf out = STRBUF_INIT(1 << 20);
    cleanup_strbuf struct strbuf body = STRBUF_INIT(1 << 20);
    for (int extra = 0; extra < 2; extra++) {
        strbuf_clear(&body);
        for (int i = 0; i < MULTIPART_PARTS_MAX + extra; i++)
            strbuf_puts(&body, i ? "\r\n" PART("name=\"a\"") "x" : PART("name=\"a\"") "x");
        strbuf_puts(&body, END);
        assert_int_equal(read_all(type, body.data, body.length, 1000, &out), extra ? -EPROTO : 0);
    }
    strbuf_clear(&body);
    strbuf_puts(&body, "--XX\r\nX: ");
    for (int i = 0; i < MULTIPART_HEAD_MAX; i++)
        strbuf_puts(&body, "y");
    strbuf_puts(&body, "\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx" END);
    assert_int_equal(read_all(type, body.data, body.length, 1000, &out), -EPROTO);
    /* Text beyond what the caller allows. */
    struct memory memory = {.data = PART("name=\"a\"") "12345" END, .step = 9};
    memory.left = strlen(memory.data);
    struct multipart m;
    struct multipart_part part;
    assert_int_equal(multipart_init_source(&m, type, from_memory, &memory, &failure), 0);
    assert_int_equal(multipart_next(&m, &part, &failure), 1);
    assert_int_equal(multipart_text(&m, 4, &out, &failure), -E2BIG);
    multipart_deinit(&m);
}

/* More than the buffer holds, full of beginnings of the delimiter, skipped or read. */
static void test_large_part(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf out = STRBUF_INIT(1 << 20);
    cleanup_strbuf struct strbuf body = STRBUF_INIT(1 << 20);
    strbuf_puts(&body, PART("name=\"big\"; filename=\"b\""));
    size_t begin = body.length;
    for (int i = 0; i < 30000; i++)
        strbuf_puts(&body, i % 3 ? "\r\n--X" : "\r\n--XY");
    size_t length = body.length - begin;
    strbuf_puts(&body, "\r\n" PART("name=\"after\"") "z" END);
    assert_int_equal(read_all(type, body.data, body.length, 40000, &out), 0);
    assert_int_equal(out.length, strlen("big|b||;after|-||z;") + length);
    assert_memory_equal(out.data + strlen("big|b||"), body.data + begin, length);
    struct memory memory = {body.data, body.length, 1777};
    struct multipart m;
    struct multipart_part part;
    assert_int_equal(multipart_init_source(&m, type, from_memory, &memory, &failure), 0);
    assert_int_equal(multipart_next(&m, &part, &failure), 1);
    assert_int_equal(multipart_next(&m, &part, &failure), 1);
    assert_string_equal(part.name, "after");
    assert_int_equal(multipart_next(&m, &part, &failure), 0);
    assert_int_equal(multipart_next(&m, &part, &failure), 0);
    multipart_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_filenames),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_large_part),
    };
    return cmocka_run_group_tests_name("http_multipart", tests, NULL, NULL);
}
