/* What an execution shows: order, bounds, mending, displays; and the heads of a kernel's frames. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/fd.h"
#include "session/kernel.h"
#include "session/outputs.h"

static const struct output_limits limits = {64 << 10, 64 << 10, 16 << 20};
static const struct output_limits small = {8, 8, 64};

static struct execution finish(struct outputs *o)
{
    static const char *const where[2] = {"/mnt/data/.output/x.stdout.txt", NULL};
    struct execution e = {0};
    outputs_close(o);
    assert_int_equal(outputs_finish(o, &e, where), 0);
    outputs_deinit(o);
    return e;
}

static void say(struct outputs *o, enum output_kind kind, const char *text)
{
    outputs_text(o, kind, text, strlen(text));
}

static void joins_neighbours(void **state)
{
    (void)state;
    struct outputs o;
    outputs_init(&o, NULL, NULL, &limits, NULL, NULL);
    say(&o, OUTPUT_STDOUT, "a");
    say(&o, OUTPUT_STDOUT, "b");
    say(&o, OUTPUT_STDERR, "c");
    say(&o, OUTPUT_STDOUT, "d");
    struct execution e = finish(&o);
    assert_int_equal(e.outputs, 3);
    assert_string_equal(e.output[0].text, "ab");
    assert_string_equal(e.output[1].text, "c");
    assert_int_equal(e.output[1].kind, OUTPUT_STDERR);
    assert_string_equal(e.output[2].text, "d");
    assert_int_equal(e.truncations, 0);
    execution_deinit(&e);
}

static int clear(struct outputs *o, const char *head)
{
    json_t *json = json_loads(head, 0, NULL);
    int rc = outputs_clear(o, json);
    json_decref(json);
    return rc;
}

static void clears_at_once_or_with_the_next(void **state)
{
    (void)state;
    struct outputs o;
    outputs_init(&o, NULL, NULL, &small, NULL, NULL);
    say(&o, OUTPUT_STDOUT, "much more than what is kept of it");
    say(&o, OUTPUT_STDERR, "a");
    assert_int_equal(clear(&o, "{}"), 0);
    say(&o, OUTPUT_STDOUT, "one");
    assert_int_equal(clear(&o, "{\"wait\":true}"), 0);
    assert_int_equal(clear(&o, "{\"wait\":1}"), -EBADMSG);
    say(&o, OUTPUT_STDOUT, "two");
    say(&o, OUTPUT_STDERR, "three");
    assert_int_equal(clear(&o, "{\"wait\":true}"), 0); /* and nothing follows */
    struct execution e = finish(&o);
    assert_int_equal(e.outputs, 2);
    assert_string_equal(e.output[0].text, "two");
    assert_string_equal(e.output[1].text, "three");
    assert_int_equal(e.truncations, 0);
    execution_deinit(&e);
}

static int whole_fd;
static int open_memory(void *context, enum output_kind kind)
{
    (void)context;
    (void)kind;
    return dup(whole_fd);
}

/* The first and the last bytes stay, order is kept, and the whole is written elsewhere. */
static void keeps_head_and_tail(void **state)
{
    (void)state;
    struct outputs o;
    whole_fd = memfd_create("whole", MFD_CLOEXEC);
    outputs_init(&o, NULL, NULL, &small, open_memory, NULL);
    say(&o, OUTPUT_STDOUT, "0123456789");
    say(&o, OUTPUT_STDERR, "mid");
    say(&o, OUTPUT_STDOUT, "abcdefghij");
    struct execution e = finish(&o);
    assert_int_equal(e.outputs, 3);
    assert_string_equal(e.output[0].text, "01234567");
    assert_string_equal(e.output[1].text, "mid");
    assert_non_null(strstr(
        e.output[2].text, "4 bytes left out here; the whole is in /mnt/data/.output/x.stdout.txt"));
    assert_string_equal(e.output[2].text + e.output[2].text_length - 8, "cdefghij");
    assert_int_equal(e.truncations, 1);
    assert_int_equal(e.truncated[0].total_bytes, 20);
    assert_int_equal(e.truncated[0].kept_bytes, 16);
    char text[64] = "";
    assert_int_equal(pread(whole_fd, text, sizeof text, 0), 20);
    assert_string_equal(text, "0123456789abcdefghij");
    close(whole_fd);
    execution_deinit(&e);
}

static void says_what_the_file_lacks(void **state)
{
    (void)state;
    struct outputs o;
    char text[200] = "";
    whole_fd = memfd_create("whole", MFD_CLOEXEC);
    outputs_init(&o, NULL, NULL, &small, open_memory, NULL);
    for (int i = 0; i < 100; i++)
        say(&o, OUTPUT_STDERR, "x");
    struct execution e = finish(&o);
    assert_true(pread(whole_fd, text, sizeof text, 0) > 64);
    assert_string_equal(text + 64, "\n[Cloche: 36 bytes more were not kept.]\n");
    close(whole_fd);
    execution_deinit(&e);
}

/* Endless printing costs a bounded amount of memory and stays fast. */
static void endless_text_is_bounded(void **state)
{
    (void)state;
    struct outputs o;
    static char chunk[32768];
    memset(chunk, 'y', sizeof chunk);
    outputs_init(&o, NULL, NULL, &limits, NULL, NULL);
    for (int i = 0; i < 4096; i++) /* 128 MiB */
        outputs_text(&o, OUTPUT_STDOUT, chunk, sizeof chunk);
    for (int i = 0; i < 20000; i++) /* alternating: as many outputs as may be, not more */
        say(&o, i % 2 ? OUTPUT_STDOUT : OUTPUT_STDERR, "line\n");
    struct execution e = finish(&o);
    assert_true(e.outputs <= OUTPUTS_MAX);
    size_t bytes = 0;
    for (size_t i = 0; i < e.outputs; i++)
        bytes += e.output[i].text_length;
    assert_true(bytes < 5 * (64 << 10));
    execution_deinit(&e);
}

static void mends_text(void **state)
{
    (void)state;
    struct outputs o;
    outputs_init(&o, NULL, NULL, &limits, NULL, NULL);
    say(&o, OUTPUT_STDOUT, "\xe2\x82"); /* the euro sign in two pieces */
    say(&o, OUTPUT_STDOUT, "\xac \xff \xed\xa0\x80 \xf0\x9f");
    struct execution e = finish(&o);
    assert_string_equal(e.output[0].text,
        "\xe2\x82\xac \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd");
    execution_deinit(&e);
    assert_true(utf8_valid("a\0b", 3));
    assert_false(utf8_valid("\xc0\x80", 2));
    assert_false(utf8_valid("\xf4\x90\x80\x80", 4));
    assert_int_equal(utf8_floor("\xe2\x82\xac", 3, 2), 0);
}

static int show(struct outputs *o, const char *head, const char *a, size_t an, size_t buffers)
{
    json_t *json = json_loads(head, 0, NULL);
    struct frame f = {.buffers = buffers};
    for (size_t i = 0; i < buffers; i++)
        f.buffer[i] = (struct frame_buffer){a, an};
    int rc = outputs_display(o, OUTPUT_DISPLAY, json, &f);
    json_decref(json);
    return rc;
}

static void checks_displays(void **state)
{
    (void)state;
    struct outputs o;
    outputs_init(&o, NULL, NULL, &limits, NULL, NULL);
    assert_int_equal(show(&o, "{\"mime\":[\"image/png\"]}", "\x89PNG\0", 5, 1), 0);
    assert_int_equal(
        show(&o, "{\"mime\":[\"application/json\"]}", "{ \"a b\" : [1, 2] }", 18, 1), 0);
    /* left out, a note */
    assert_int_equal(show(&o, "{\"mime\":[\"application/json\"]}", "{nope", 5, 1), 0);
    assert_int_equal(show(&o, "{\"mime\":[\"text/plain\"],\"display_id\":\"d\"}", "one", 3, 1), 0);
    assert_int_equal(
        show(&o, "{\"mime\":[\"text/plain\"],\"display_id\":\"d\",\"update\":true}", "two", 3, 1),
        0);
    assert_int_equal(show(&o, "{\"mime\":[\"text/plain\"]}", "x", 1, 2), -EBADMSG);
    assert_int_equal(show(&o, "{\"mime\":[7]}", "x", 1, 1), -EBADMSG);
    assert_int_equal(show(&o, "{\"mime\":[\"a\\nb/c\"]}", "x", 1, 1), -EBADMSG);
    assert_int_equal(show(&o, "{\"mime\":[\"text/plain\"],\"metadata\":[]}", "x", 1, 1), -EBADMSG);
    struct execution e = finish(&o);
    assert_int_equal(e.outputs, 3);
    assert_int_equal(e.output[0].part[0].length, 5);
    assert_string_equal(e.output[1].part[0].data, "{\"a b\":[1,2]}");
    assert_string_equal(e.output[2].part[0].data, "two");
    assert_int_equal(e.notes, 1);
    struct strbuf json = STRBUF_INIT(1 << 20);
    assert_int_equal(output_to_json(&e.output[0], &json), 0);
    assert_string_equal(json.data,
        "{\"type\":\"display_data\",\"data\":{\"image/png\":\"iVBORwA=\"},\"metadata\":{}}");
    strbuf_deinit(&json);
    execution_deinit(&e);
}

static void bounds_displays(void **state)
{
    (void)state;
    struct outputs o;
    enum { BIG = 12 << 20 };
    char *big = calloc(1, BIG);
    outputs_init(&o, NULL, NULL, &limits, NULL, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(show(&o, "{\"mime\":[\"image/png\"]}", big, BIG, 1), 0);
    for (int i = 0; i < 2000; i++)
        assert_int_equal(show(&o, "{\"mime\":[\"text/html\"]}", "<b>", 3, 1), 0);
    outputs_error_text(&o, "ValueError", "the error is always there");
    struct execution e = finish(&o);
    assert_true(e.outputs <= OUTPUTS_MAX);
    assert_int_equal(e.notes, 1);
    assert_non_null(e.error);
    execution_deinit(&e);
    free(big);
}

static size_t bytes_of_parts(const struct execution *e)
{
    size_t n = 0;
    for (size_t i = 0; i < e->outputs; i++)
        for (size_t k = 0; k < e->output[i].parts; k++)
            n += e->output[i].part[k].length;
    return n;
}

/* What is no UTF-8 becomes three times as long: the bound is of what is kept, not of what came. */
static void bounds_mended_displays(void **state)
{
    (void)state;
    struct outputs o;
    enum { MENDED = 11 << 20, PLAIN = 30 << 20 };
    char *bad = malloc(MENDED), *plain = malloc(PLAIN);
    memset(bad, 0xff, MENDED);
    memset(plain, 'x', PLAIN);
    outputs_init(&o, NULL, NULL, &limits, NULL, NULL);
    assert_int_equal(show(&o, "{\"mime\":[\"text/html\"]}", bad, MENDED, 1), 0); /* 33 MiB */
    assert_int_equal(show(&o, "{\"mime\":[\"text/html\"]}", bad, MENDED / 4, 1), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(show(&o, "{\"mime\":[\"text/html\"]}", plain, PLAIN, 1), 0);
    assert_int_equal(
        show(&o, "{\"mime\":[\"text/html\",\"text/a\",\"text/b\"]}", bad, MENDED / 4, 3), 0);
    struct execution e = finish(&o);
    assert_int_equal(bytes_of_parts(&e), MENDED / 4 * 3);
    assert_int_equal(e.outputs, 1);
    assert_non_null(strstr(e.note[0], "6 displays were left out"));
    execution_deinit(&e);
    free(bad);
    free(plain);
}

/* A thousand outputs may carry a thousand heads' worth of metadata, or of errors. */
static void bounds_metadata_and_errors(void **state)
{
    (void)state;
    struct outputs o;
    size_t metadata = 0, errors = 0;
    enum { LONG = 200 << 10 };
    char *text = malloc(LONG + 1);
    memset(text, 'm', LONG);
    text[LONG] = 0;
    json_t *head = json_pack("{s[s]s{ss}}", "mime", "text/html", "metadata", "a", text);
    json_t *error = json_pack("{ssss}", "name", text, "value", text);
    struct frame f = {.buffers = 1, .buffer = {{"x", 1}}};
    outputs_init(&o, NULL, NULL, &limits, NULL, NULL);
    for (int i = 0; i < 500; i++)
        assert_int_equal(outputs_display(&o, OUTPUT_DISPLAY, head, &f), 0);
    for (int i = 0; i < 400; i++)
        assert_int_equal(outputs_error(&o, error), 0);
    struct execution e = finish(&o);
    for (size_t i = 0; i < e.outputs; i++) {
        metadata += e.output[i].metadata ? strlen(e.output[i].metadata) : 0;
        errors += e.output[i].value ? strlen(e.output[i].value) : 0;
    }
    assert_true(metadata <= OUTPUTS_DISPLAY_BYTES_MAX);
    assert_true(errors > 0 && errors <= 4 << 20);
    assert_non_null(e.error);
    json_decref(head);
    json_decref(error);
    execution_deinit(&e);
    free(text);
}

static void parses_heads(void **state)
{
    (void)state;
    struct kernel_head h;
    size_t values = 100;
    char deep[4096] = "{\"type\":\"done\",\"x\":";
    memset(deep + strlen(deep), '[', 2000);
    assert_int_equal(kernel_head_parse("{\"type\":\"done\",\"id\":\"a\"}", 24, &h), 0);
    assert_int_equal(h.type, FRAME_DONE);
    assert_string_equal(h.id, "a");
    kernel_head_deinit(&h);
    assert_int_equal(kernel_head_parse("[]", 2, &h), -EBADMSG);
    assert_int_equal(kernel_head_parse("{\"type\":\"nope\"}", 15, &h), -EBADMSG);
    assert_int_equal(kernel_head_parse("{\"type\":\"done\",\"id\":7}", 22, &h), -EBADMSG);
    assert_int_equal(kernel_head_parse(deep, strlen(deep), &h), -EBADMSG);
    assert_int_equal(kernel_head_parse("", 0, &h), -EBADMSG);
    assert_int_equal(json_check("1e400", 5, &values, NULL), -EBADMSG);
    assert_int_equal(json_check("123456789012345678901234567890", 30, &values, NULL), 0);
}

/* An empty array costs three bytes and a hundred: what is parsed whole may not hold any number of them. */
static void bounds_the_values_of_json(void **state)
{
    (void)state;
    enum { ARRAYS = 1 << 20 };
    struct kernel_head h;
    struct outputs o;
    struct strbuf text = STRBUF_INIT(4 * ARRAYS);
    strbuf_puts(&text, "{\"type\":\"done\",\"a\":[[]");
    while (text.length < FRAME_HEAD_MAX - 10)
        strbuf_puts(&text, ",[]");
    strbuf_puts(&text, "]}");
    assert_int_equal(kernel_head_parse(text.data, text.length, &h), -EBADMSG);
    strbuf_clear(&text);
    strbuf_puts(&text, "[1");
    for (int i = 0; i < ARRAYS; i++)
        strbuf_puts(&text, ",1");
    strbuf_puts(&text, "]");
    outputs_init(&o, NULL, NULL, &limits, NULL, NULL);
    /* a million numbers are a chart; a million empty arrays, or those numbers three times, are not */
    assert_int_equal(show(&o, "{\"mime\":[\"application/json\"]}", text.data, text.length, 1), 0);
    assert_int_equal(show(&o, "{\"mime\":[\"application/json\",\"a/b+json\",\"a/c+json\"]}",
                         text.data, text.length, 3),
        0);
    strbuf_clear(&text);
    strbuf_puts(&text, "[[]");
    for (int i = 0; i < ARRAYS; i++)
        strbuf_puts(&text, ",[]");
    strbuf_puts(&text, "]");
    assert_int_equal(show(&o, "{\"mime\":[\"application/json\"]}", text.data, text.length, 1), 0);
    struct execution e = finish(&o);
    assert_int_equal(e.outputs, 2);
    assert_int_equal(e.output[0].parts, 1);
    assert_true(e.output[1].parts < 3);
    assert_non_null(strstr(e.note[0], "too many values"));
    execution_deinit(&e);
    strbuf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_neighbours),
        cmocka_unit_test(clears_at_once_or_with_the_next),
        cmocka_unit_test(keeps_head_and_tail),
        cmocka_unit_test(says_what_the_file_lacks),
        cmocka_unit_test(endless_text_is_bounded),
        cmocka_unit_test(mends_text),
        cmocka_unit_test(checks_displays),
        cmocka_unit_test(bounds_displays),
        cmocka_unit_test(bounds_mended_displays),
        cmocka_unit_test(bounds_metadata_and_errors),
        cmocka_unit_test(parses_heads),
        cmocka_unit_test(bounds_the_values_of_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
