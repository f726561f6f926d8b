/* A line of the log as programs read it (src/base/log_json.c), and as people do. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/log.h"

static char said[8192];
static int kept_stderr, file;

static void listen(enum log_format format)
{
    log_configure(LOG_DEBUG, format);
    file = memfd_create("log", MFD_CLOEXEC);
    kept_stderr = dup(STDERR_FILENO);
    assert_true(file >= 0 && kept_stderr >= 0 && dup2(file, STDERR_FILENO) >= 0);
}

/* What was written meanwhile: one line. */
static const char *heard(void)
{
    assert_true(dup2(kept_stderr, STDERR_FILENO) >= 0);
    close(kept_stderr);
    ssize_t n = pread(file, said, sizeof said - 1, 0);
    close(file);
    assert_true(n > 0);
    said[n] = 0;
    assert_ptr_equal(strchr(said, '\n'), said + n - 1);
    return said;
}

/* The line as an object; jansson refuses what is not UTF-8. */
static json_t *heard_object(void)
{
    heard();
    json_t *line = json_loads(said, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_object(line));
    for (const unsigned char *c = (const unsigned char *)said; *c != '\n'; c++)
        assert_true(*c >= 0x20 && *c != 0x7f);
    return line;
}

#define OBJECT(...) \
    (listen(LOG_JSON), log_line(LOG_INFO, "test", "said", __VA_ARGS__), heard_object())
#define TEXT(...) (listen(LOG_TEXT), log_line(LOG_INFO, "test", "said", __VA_ARGS__), heard())

/* `wanted`, in the order of the format, is all that the line has behind its head. Frees both. */
static void assert_members(json_t *line, json_t *wanted)
{
    assert_non_null(wanted);
    assert_int_equal(strlen(json_string_value(json_object_get(line, "time"))), 24);
    assert_string_equal(json_string_value(json_object_get(line, "level")), "info");
    assert_string_equal(json_string_value(json_object_get(line, "module")), "test");
    assert_string_equal(json_string_value(json_object_get(line, "message")), "said");
    static const char *const head[] = {"time", "level", "module", "message"};
    for (size_t i = 0; i < 4; i++)
        json_object_del(line, head[i]);
    char *found = json_dumps(line, 0), *expected = json_dumps(wanted, 0);
    assert_string_equal(found, expected);
    free(found);
    free(expected);
    json_decref(line);
    json_decref(wanted);
}

static void each_pair_is_a_member(void **state)
{
    (void)state;
    assert_members(OBJECT("id=%s took_ms=%d why=\"%s\"", "a", 3, "it is over"),
        json_pack("{s:s, s:i, s:s}", "id", "a", "took_ms", 3, "why", "it is over"));
    assert_members(OBJECT("address=%s:%u now=\"in %d s, %s\"", "::1", 80u, 5, "é"),
        json_pack("{s:s, s:s}", "address", "::1:80", "now", "in 5 s, é"));
    assert_members(OBJECT("a= b=\"\" c=é d=1"),
        json_pack("{s:s, s:s, s:s, s:s}", "a", "", "b", "", "c", "é", "d", "1"));
}

static void a_lone_integer_is_a_number(void **state)
{
    (void)state;
    assert_members(OBJECT("a=%d b=%u c=%ld d=%lu e=%lld", -1, UINT32_MAX, LONG_MIN, 7ul, LLONG_MIN),
        json_pack("{s:i, s:I, s:I, s:i, s:I}", "a", -1, "b", (json_int_t)UINT32_MAX, "c",
            (json_int_t)LONG_MIN, "d", 7, "e", (json_int_t)LLONG_MIN));
    assert_members(OBJECT("f=%zu g=%zd h=%" PRIu64 " i=%" PRId64, (size_t)8, (ssize_t)-9,
                       UINT64_C(10), INT64_C(-11)),
        json_pack("{s:i, s:i, s:i, s:i}", "f", 8, "g", -9, "h", 10, "i", -11));
    listen(LOG_JSON); /* more than jansson's integers hold, and still every digit */
    log_line(LOG_INFO, "test", "said", "n=%llu", ULLONG_MAX);
    assert_non_null(strstr(heard(), ",\"n\":18446744073709551615}"));
    assert_members(OBJECT("quoted=\"%d\" string=%s", 1, "2"),
        json_pack("{s:s, s:s}", "quoted", "1", "string", "2"));
}

static void a_value_forges_nothing(void **state)
{
    (void)state;
    const char *hostile = "x\" level=error \"},{\"level\":\"error\"\n\r\t\x1b[31m\x7f\\u0000\\";
    assert_members(OBJECT("id=%s why=\"%s\" n=%d", hostile, hostile, 1),
        json_pack("{s:s, s:s, s:i}", "id", hostile, "why", hostile, "n", 1));
    assert_members(OBJECT("path=%s", "%s%n%d a=b"), json_pack("{s:s}", "path", "%s%n%d a=b"));
}

static void a_percent_sign_stands_for_itself(void **state)
{
    (void)state;
    assert_members(OBJECT("used=%d%% of=%%%s", 90, "all"),
        json_pack("{s:s, s:s}", "used", "90%", "of", "%all"));
}

static void what_is_not_utf8_is_replaced(void **state)
{
    (void)state;
    assert_members(
        OBJECT("a=%s b=\"%.2s\" c=\"%.3sx\"", "\xff-\xc3(\xed\xa0\x80", "a\xc3\xa9", "€€"),
        json_pack(
            "{s:s, s:s, s:s}", "a", "\ufffd-\ufffd(\ufffd\ufffd\ufffd", "b", "a\ufffd", "c", "€x"));
    /* what some readers take for the end of a line is there, escaped */
    json_t *line = OBJECT("a=%s", "\xc2\x85\xe2\x80\xa8");
    assert_non_null(strstr(said, "\"\\u0085\\u2028\""));
    assert_members(line, json_pack("{s:s}", "a", "\xc2\x85\xe2\x80\xa8"));
}

static void without_pairs_there_is_only_the_head(void **state)
{
    (void)state;
    assert_members(OBJECT(" "), json_object());
    const char *volatile none = NULL;
    assert_members(OBJECT("id=%s", none), json_pack("{s:s}", "id", "(null)"));
}

static const char *member(const json_t *line, const char *key)
{
    return json_string_value(json_object_get(line, key));
}

static void what_is_too_long_is_cut_inside_its_string(void **state)
{
    (void)state;
    char euros[9001], bells[6001];
    for (size_t i = 0; i < sizeof euros - 1; i += 3)
        memcpy(euros + i, "€", 3);
    memset(bells, '\a', sizeof bells - 1);
    euros[sizeof euros - 1] = bells[sizeof bells - 1] = 0;
    for (int i = 0; i < 3; i++) { /* the cut falls on every byte of a character */
        json_t *line = OBJECT("a=\"%s%s\" b=%s n=%lld c=\"%s\" d=%u", &"xx"[i], euros, bells,
            LLONG_MIN, "too late", 5u);
        assert_true(strlen(said) <= 4096);
        size_t n = strlen(member(line, "a"));
        assert_true(n > 2000 && n < 4000);
        assert_string_equal(member(line, "a") + n - 6, "€…");
        n = strlen(member(line, "b")); /* what was kept free for the rest leaves a little */
        assert_true(n < 300);
        assert_string_equal(member(line, "b") + n - 3, "…");
        assert_true(json_integer_value(json_object_get(line, "n")) == LLONG_MIN);
        assert_true(json_is_string(json_object_get(line, "c")));
        assert_int_equal(json_integer_value(json_object_get(line, "d")), 5);
        json_decref(line);
    }
    bool cut = false, whole = false;
    for (size_t n = 500; n < 800; n++) { /* six bytes each: around the length that fits */
        json_t *line = OBJECT("a=%s n=%d", bells + sizeof bells - 1 - n, 1);
        size_t found = strlen(member(line, "a"));
        if (found == n)
            whole = true;
        else {
            cut = true;
            assert_string_equal(member(line, "a") + found - 4, "\a…");
        }
        assert_int_equal(json_integer_value(json_object_get(line, "n")), 1);
        json_decref(line);
    }
    assert_true(cut && whole);
}

/* None is in the sources: tests/api/test_log.py looks. */
static void other_formats_come_whole(void **state)
{
    (void)state;
    assert_members(OBJECT("a=%x", 255u), json_pack("{s:s}", "details", "a=ff"));
    assert_members(OBJECT("id=%s a=%5d", "\"", 1), json_pack("{s:s}", "details", "id=\" a=    1"));
    assert_members(OBJECT("said \"%s\"", "so"), json_pack("{s:s}", "details", "said \"so\""));
    assert_members(OBJECT("a=\"%s", "x"), json_pack("{s:s}", "details", "a=\"x"));
    assert_members(OBJECT("a=\"%s\"b=%d", "x", 1), json_pack("{s:s}", "details", "a=\"x\"b=1"));
    assert_members(OBJECT("level=%s", "error"), json_pack("{s:s}", "details", "level=error"));
    json_t *line = OBJECT("%03000d", 1);
    assert_int_equal(strlen(member(line, "details")), 1023);
    json_decref(line);
}

/* The most that a format may ask for, behind the longest head. */
static void every_member_has_its_place(void **state)
{
    (void)state;
    char message[5000];
    memset(message, '\a', sizeof message - 1);
    message[sizeof message - 1] = 0;
    listen(LOG_JSON);
#define OF(c) \
    " " c "0" \
    "=%lld" \
    " " c "1" \
    "=%lld" \
    " " c "2" \
    "=%lld" \
    " " c "3" \
    "=%lld"
#define FOUR LLONG_MIN, LLONG_MIN, LLONG_MIN, LLONG_MIN
    log_line(LOG_ERROR, message, message,
        "s=%s" OF("a") OF("b") OF("c") OF("d") OF("e") OF("f") OF("g") " z=\"%s\"", message, FOUR,
        FOUR, FOUR, FOUR, FOUR, FOUR, FOUR, message);
    json_t *line = heard_object();
    assert_int_equal(json_object_size(line), 4 + 2 + 28);
    assert_true(json_integer_value(json_object_get(line, "g3")) == LLONG_MIN);
    assert_true(strlen(said) > 3000 && strlen(said) <= 4096);
    for (int i = 0; i < 4; i++) {
        const char *text = member(line, (const char *[]){"module", "message", "s", "z"}[i]);
        assert_string_equal(text + strlen(text) - 3, "…");
    }
    json_decref(line);
}

static void people_read_the_pairs_as_they_are(void **state)
{
    (void)state;
    const char *line = TEXT("id=%s why=\"%s\" n=%d%%", "a\n", "b \"c\"", 3);
    assert_string_equal(line + 24, " info  test: said id=a\\u000a why=\"b \"c\"\" n=3%\n");
    assert_string_equal(TEXT(" ") + 24, " info  test: said  \n");
    assert_true(strlen(TEXT("n=%02000d", 1)) < 1100);
    assert_string_equal(said + strlen(said) - 5, "0...\n");
}

static void errno_stays(void **state)
{
    (void)state;
    listen(LOG_JSON);
    errno = ENOTTY;
    log_line(LOG_INFO, "test", "said", "a=%s n=%d", "\xff\n", 1);
    assert_int_equal(errno, ENOTTY);
    heard();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_pair_is_a_member),
        cmocka_unit_test(a_lone_integer_is_a_number),
        cmocka_unit_test(a_value_forges_nothing),
        cmocka_unit_test(a_percent_sign_stands_for_itself),
        cmocka_unit_test(what_is_not_utf8_is_replaced),
        cmocka_unit_test(without_pairs_there_is_only_the_head),
        cmocka_unit_test(what_is_too_long_is_cut_inside_its_string),
        cmocka_unit_test(other_formats_come_whole),
        cmocka_unit_test(every_member_has_its_place),
        cmocka_unit_test(people_read_the_pairs_as_they_are),
        cmocka_unit_test(errno_stays),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
