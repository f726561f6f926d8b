/* The table of settings: precedence, bounds, files, and words for mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <getopt.h>
#include <math.h>

#include "base/nearest.h"
#include "cli/settings.h"

static int memory_with(const char *text)
{
    int fd = memfd_create("config", 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    return fd;
}

static int file(struct settings *s, const char *text, struct error *e)
{
    int fd = memory_with(text);
    int r = settings_file(s, fd, "c.json", e);
    close(fd);
    return r;
}

static void test_defaults(void **state)
{
    struct settings s;
    (void)state;
    assert_int_equal(settings_init(&s), 0);
    assert_int_equal(s.listen.n, 1);
    assert_string_equal(s.listen.items[0], "127.0.0.1:8000");
    assert_int_equal(s.memory_limit, 1 << 30);
    assert_int_equal(s.socket_mode, 0600);
    assert_int_equal(s.ready_fd, -1);
    assert_int_equal(s.log_level, 1);
    assert_int_equal(s.timeout_s, 30);
    assert_null(s.state);
    settings_deinit(&s);
}

static void test_precedence(void **state)
{
    struct settings s;
    struct error e;
    (void)state;
    settings_init(&s);
    assert_int_equal(settings_set(&s, SETTING_pids, FROM_FLAG, "20", &e), 0);
    assert_int_equal(settings_set(&s, SETTING_pids, FROM_ENVIRONMENT, "30", &e), 0);
    assert_int_equal(file(&s, "{\"pids\": 40, \"queue\": 3}", &e), 0);
    assert_int_equal(s.pids, 20);
    assert_int_equal(s.queue, 3);
    setenv("CLOCHE_QUEUE", "5", 1);
    setenv("CLOCHE_LOG_LEVEL", "", 1); /* empty: not said */
    assert_int_equal(settings_environment(&s, &e), 0);
    assert_int_equal(s.queue, 5);
    unsetenv("CLOCHE_QUEUE");
    unsetenv("CLOCHE_LOG_LEVEL");
    settings_deinit(&s);
}

static void test_flags(void **state)
{
    struct settings s;
    (void)state;
    settings_init(&s);
    char *argv[] = {
        "serve", "--listen", "127.0.0.1:1", "--listen=unix:/x", "--memory-limit", "512m", NULL};
    optind = 0;
    assert_int_equal(settings_flags(&s, 6, argv), 0);
    assert_int_equal(s.listen.n, 2);
    assert_string_equal(s.listen.items[1], "unix:/x");
    assert_int_equal(s.memory_limit, 512 << 20);
    optind = 0;
    char *wrong[] = {"serve", "--memory-limt", "1g", NULL};
    assert_true(settings_flags(&s, 3, wrong) < 0);
    optind = 0;
    char *surplus[] = {"serve", "word", NULL};
    assert_true(settings_flags(&s, 2, surplus) < 0);
    optind = 0;
    char *help[] = {"serve", "--help", NULL};
    assert_int_equal(settings_flags(&s, 2, help), 'h');
    settings_deinit(&s);
}

static void test_bounds(void **state)
{
    static const struct {
        enum setting_index i;
        const char *text;
    } wrong[] = {
        {SETTING_pids, "7"},
        {SETTING_pids, "x"},
        {SETTING_pids, ""},
        {SETTING_pids, " 64"},
        {SETTING_pids, "64 "},
        {SETTING_pids, "99999999999999999999"},
        {SETTING_socket_mode, "0800"},
        {SETTING_socket_mode, "7777"},
        {SETTING_memory_limit, "1x"},
        {SETTING_memory_limit, "-1g"},
        {SETTING_memory_limit, "1"},
        {SETTING_memory_limit, "9000000p"},
        {SETTING_log_level, "loud"},
        {SETTING_log_level, "debu"},
        {SETTING_listen, ""},
        {SETTING_listen, ",,"},
        {SETTING_timezone, ""},
    };
    struct settings s;
    (void)state;
    settings_init(&s);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct error e = {0};
        assert_true(settings_set(&s, wrong[i].i, FROM_ENVIRONMENT, wrong[i].text, &e) < 0);
        assert_true(e.message[0] != '\0');
    }
    settings_deinit(&s);
}

static void test_file_mistakes(void **state)
{
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"{\"memory_limt\": \"1g\"}", "memory_limit"},
        {"{\"pids\": 20, \"pids\": 30}", "uplicate"},
        {"{\"pids\": true}", "pids"},
        {"{\"pids\": [1]}", "pids"},
        {"{\"listen\": [1]}", "listen"},
        {"{\"pids\": 1}", "between"},
        {"{\"ready_fd\": 3}", "ready_fd"},
        {"[]", "object"},
        {"{", "line"},
        {"", "c.json"},
        {"{\"model\": \"a\\u0000b\"}", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct settings s;
        struct error e = {0};
        settings_init(&s);
        assert_true(file(&s, wrong[i].text, &e) < 0);
        if (strstr(e.message, wrong[i].says) == NULL)
            fail_msg("%s: %s", wrong[i].text, e.message);
        settings_deinit(&s);
    }
}

static void test_file_values(void **state)
{
    struct settings s;
    struct error e = {0};
    (void)state;
    settings_init(&s);
    assert_int_equal(
        file(&s,
            "{\"host\": [\"a.example\", \"b\"], \"memory_limit\": 1073741824, \"output_head\": \"8k\","
            "\"log_format\": \"json\", \"listen\": \"unix:/s\"}",
            &e),
        0);
    assert_int_equal(s.host.n, 2);
    assert_string_equal(s.host.items[1], "b");
    assert_int_equal(s.output_head, 8192);
    assert_int_equal(s.log_format, 1);
    assert_string_equal(s.listen.items[0], "unix:/s");
    settings_deinit(&s);
}

static void test_decimals(void **state)
{
    struct settings s;
    struct error e;
    (void)state;
    settings_init(&s);
    assert_true(isnan(s.temperature)); /* not said */
    assert_int_equal(file(&s, "{\"temperature\": 0.25}", &e), 0);
    assert_true(s.temperature == 0.25);
    assert_int_equal(settings_set(&s, SETTING_temperature, FROM_FLAG, "1", &e), 0);
    assert_true(s.temperature == 1);
    static const char *const wrong[] = {"", "warm", "2.1", "-0.1", "nan", "inf", "1x", " 1"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_true(settings_set(&s, SETTING_temperature, FROM_FLAG, wrong[i], &e) < 0);
    assert_true(s.temperature == 1);
    settings_deinit(&s);
}

/* MODEL and its like are read where the setting's own variable says nothing. */
static void test_second_variables(void **state)
{
    struct settings s;
    struct error e;
    (void)state;
    settings_init(&s);
    setenv("MODEL", "one", 1);
    setenv("TEMPERATURE", "0.5", 1);
    setenv("MAX_ITERATIONS", "3", 1);
    setenv("CLOCHE_MAX_ITERATIONS", "4", 1);
    assert_int_equal(settings_environment(&s, &e), 0);
    assert_string_equal(s.model, "one");
    assert_true(s.temperature == 0.5);
    assert_int_equal(s.max_iterations, 4);
    setenv("TEMPERATURE", "hot", 1);
    assert_true(settings_environment(&s, &e) < 0);
    assert_non_null(strstr(e.message, "TEMPERATURE:"));
    static const char *const set[] = {
        "MODEL", "TEMPERATURE", "MAX_ITERATIONS", "CLOCHE_MAX_ITERATIONS"};
    for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++)
        unsetenv(set[i]);
    settings_deinit(&s);
}

static void test_tables(void **state)
{
    struct settings s;
    struct error e;
    (void)state;
    settings_init(&s);
    assert_int_equal(file(&s, "{\"pids\": 40, \"prices\": {\"m\": {\"input\": 1}}}", &e), 0);
    assert_int_equal(json_object_size(s.tables), 1);
    assert_non_null(json_object_get(json_object_get(s.tables, "prices"), "m"));
    assert_true(file(&s, "{\"models\": []}", &e) < 0);
    assert_non_null(strstr(e.message, "must be an object"));
    assert_true(file(&s, "{\"provider\": {}}", &e) < 0);
    assert_non_null(strstr(e.message, "\"providers\""));
    settings_deinit(&s);
}

static void test_finish(void **state)
{
    struct settings s;
    struct error e = {0};
    (void)state;
    settings_init(&s);
    settings_set(&s, SETTING_state, FROM_FLAG, "/s", &e);
    settings_set(&s, SETTING_environments, FROM_FLAG, "/nowhere", &e);
    assert_int_equal(settings_finish(&s, &e), 0);
    assert_string_equal(s.default_environment, "base");
    settings_set(&s, SETTING_timeout_s, FROM_FLAG, "601", &e);
    assert_true(settings_finish(&s, &e) < 0);
    settings_set(&s, SETTING_timeout_s, FROM_FLAG, "600", &e);
    settings_set(&s, SETTING_memory_limit, FROM_FLAG, "64m", &e);
    assert_int_equal(settings_finish(&s, &e), 0);
    settings_set(&s, SETTING_scratch_percent, FROM_FLAG, "90", &e);
    /* files plus a floor for the kernel exceed the limit */
    assert_true(settings_finish(&s, &e) < 0);
    settings_deinit(&s);
}

static void test_env_file(void **state)
{
    char path[] = "/tmp/cloche-env-XXXXXX";
    static const char text[] =
        "# a comment\n\nexport CLOCHE_PIDS=77\r\nMODEL_OF_TEST='a b'\nCLOCHE_QUEUE=9\n";
    struct settings s;
    struct error e = {0};
    (void)state;
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    settings_init(&s);
    setenv("CLOCHE_QUEUE", "4", 1); /* the environment itself wins over the file */
    settings_set(&s, SETTING_env_file, FROM_FLAG, path, &e);
    assert_int_equal(settings_environment(&s, &e), 0);
    assert_int_equal(s.pids, 77);
    assert_int_equal(s.queue, 4);
    assert_string_equal(getenv("MODEL_OF_TEST"), "a b");
    assert_int_equal(pwrite(fd, "no equals", 9, 0), 9);
    assert_true(settings_environment(&s, &e) < 0);
    settings_deinit(&s);
    unsetenv("CLOCHE_PIDS");
    unsetenv("CLOCHE_QUEUE");
    unsetenv("MODEL_OF_TEST");
    close(fd);
    unlink(path);
}

static void test_bytes(void **state)
{
    int64_t n;
    char text[32];
    (void)state;
    assert_int_equal(setting_bytes_parse("4g", &n), 0);
    assert_int_equal(n, 4LL << 30);
    assert_int_equal(setting_bytes_parse("16MiB", &n), 0);
    assert_int_equal(n, 16 << 20);
    assert_int_equal(setting_bytes_parse("10b", &n), 0);
    assert_int_equal(n, 10);
    assert_true(setting_bytes_parse("", &n) < 0);
    assert_true(setting_bytes_parse("1gg", &n) < 0);
    setting_bytes_text(1536LL << 20, text);
    assert_string_equal(text, "1536m");
    setting_bytes_text(1000, text);
    assert_string_equal(text, "1000");
    setting_bytes_text(0, text);
    assert_string_equal(text, "0");
}

static void test_reloading_rows_are_numbers(void **state)
{
    struct settings a, b;
    (void)state;
    settings_init(&a);
    settings_init(&b);
    b.pids = 99;
    for (int i = 0; i < SETTINGS_COUNT; i++)
        if (setting_reloads(i))
            settings_copy_number(&a, &b, i);
    assert_int_equal(a.pids, 99);
    for (int i = 0; i < SETTINGS_COUNT; i++)
        assert_true(settings_same(&a, &b, i));
    settings_deinit(&a);
    settings_deinit(&b);
}

static void test_nearest(void **state)
{
    static const char *const words[] = {"serve", "run", "env", "key", "doctor", "bench"};
    (void)state;
    assert_string_equal(nearest_word("sevre", words, 6), "serve");
    assert_string_equal(nearest_word("rnu", words, 6), "run");
    assert_string_equal(nearest_word("docter", words, 6), "doctor");
    assert_null(nearest_word("completely", words, 6));
    assert_null(nearest_word("", words, 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_file_mistakes),
        cmocka_unit_test(test_file_values),
        cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_second_variables),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_finish),
        cmocka_unit_test(test_env_file),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_reloading_rows_are_numbers),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
