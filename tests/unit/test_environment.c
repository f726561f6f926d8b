/* Environments on disk: what is listed, what is refused, what is held, which one code needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "env/environment.h"

static char root[] = "/tmp/cloche-environment-XXXXXX";
static int root_fd = -1;

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static void write_text(const char *path, const char *text)
{
    int fd = openat(root_fd, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
    close(fd);
}

/* ENVDIR/<name>/<generation> with a manifest, made current. */
static void make(const char *name, const char *generation, const char *manifest)
{
    char path[300];
    mkdirat(root_fd, name, 0755);
    snprintf(path, sizeof(path), "%s/%s", name, generation);
    assert_int_equal(mkdirat(root_fd, path, 0755), 0);
    snprintf(path, sizeof(path), "%s/%s/use.lock", name, generation);
    write_text(path, "");
    snprintf(path, sizeof(path), "%s/%s/manifest.json", name, generation);
    write_text(path, manifest);
    snprintf(path, sizeof(path), "%s/current", name);
    unlinkat(root_fd, path, 0);
    assert_int_equal(symlinkat(generation, root_fd, path), 0);
}

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(root));
    root_fd = open(root, O_RDONLY | O_DIRECTORY);
    make("small", "20260101T000000Z-0001",
        "{\"python_version\":\"3.11.2\",\"packages\":{\"numpy\":\"2.0\"},\"imports\":[\"numpy\",\"IPython\"]}");
    make("large", "20260101T000000Z-0002",
        "{\"packages\":{\"numpy\":\"2.0\",\"pandas\":\"3.0\"},\"imports\":[\"numpy\",\"pandas\"],"
        "\"source\":\"debian\",\"missing\":[\"pyarrow\"],\"size_bytes\":5}");
    make("broken", "20260101T000000Z-0003", "{\"packages\":");
    make("odd", "20260101T000000Z-0004",
        "{\"packages\":{\"a\\u0007\":\"1\",\"b\":2,\"c\":\"3\"},\"imports\":[1,null,\"x\",\"y\\n\"],"
        "\"python\":7,\"missing\":{}}");
    mkdirat(root_fd, "empty", 0755);
    mkdirat(root_fd, "Not A Name", 0755);
    mkdirat(root_fd, "escape", 0755);
    assert_int_equal(symlinkat("../small/20260101T000000Z-0001", root_fd, "escape/current"), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close(root_fd);
    return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void test_names(void **state)
{
    (void)state;
    char long_name[80];
    memset(long_name, 'a', sizeof(long_name));
    long_name[63] = '\0';
    assert_true(environment_name_valid(long_name));
    long_name[63] = 'a';
    long_name[64] = '\0';
    assert_false(environment_name_valid(long_name));
    static const char *const bad[] = {
        "", ".", "..", ".hidden", "-x", "A", "a/b", "a b", "a\n", "ä"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(environment_name_valid(bad[i]));
    assert_true(environment_name_valid("data-science"));
    assert_true(environment_name_valid("0.a_b-c"));
}

static void test_list(void **state)
{
    (void)state;
    struct environment *list;
    size_t count;
    assert_int_equal(environment_list(root_fd, &list, &count), 0);
    assert_int_equal(count, 4);
    assert_string_equal(list[0].name, "base");
    assert_string_equal(list[1].name, "large");
    assert_string_equal(list[2].name, "odd");
    assert_string_equal(list[3].name, "small");
    assert_string_equal(list[1].source, "debian");
    assert_int_equal(list[1].size_bytes, 5);
    assert_false(list[1].shell);
    assert_true(list[3].shell);
    assert_string_equal(list[3].python_version, "3.11.2");
    assert_string_equal(list[3].generation, "20260101T000000Z-0001");
    environment_list_free(list, count);
    assert_int_equal(environment_list(-1, &list, &count), 0);
    assert_int_equal(count, 1);
    environment_list_free(list, count);
}

static void test_odd_manifest(void **state)
{
    (void)state;
    struct environment env;
    struct error e;
    assert_int_equal(environment_load(root_fd, "odd", &env, &e), 0);
    assert_int_equal(json_object_size(env.packages), 1);
    assert_int_equal(json_array_size(env.imports), 1);
    assert_int_equal(json_array_size(env.missing), 0);
    assert_string_equal(env.python, "");
    environment_deinit(&env);
}

static void test_refused(void **state)
{
    (void)state;
    struct environment env;
    struct error e = {0};
    assert_int_equal(environment_load(root_fd, "absent", &env, &e), -ENOENT);
    assert_int_equal(e.code, ERROR_ENVIRONMENT_NOT_BUILT);
    assert_non_null(strstr(e.message, "cloche env build absent"));
    assert_int_equal(environment_load(root_fd, "empty", &env, &e), -ENOENT);
    assert_int_equal(e.code, ERROR_ENVIRONMENT_NOT_BUILT);
    assert_true(environment_load(root_fd, "broken", &env, &e) < 0);
    assert_int_equal(e.code, ERROR_INTERNAL);
    assert_true(environment_load(root_fd, "../small", &env, &e) < 0);
    assert_int_equal(e.code, ERROR_INVALID_VALUE);
    assert_true(environment_load(root_fd, "escape", &env, &e) < 0);
}

static void test_held(void **state)
{
    (void)state;
    struct generation g = GENERATION_NONE;
    struct error e;
    assert_int_equal(generation_hold(root_fd, "small", &g, &e), 0);
    assert_string_equal(g.name, "20260101T000000Z-0001");
    int other = openat(root_fd, "small/20260101T000000Z-0001/use.lock", O_RDONLY);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
    generation_release(&g);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(generation_hold(root_fd, "small", &g, &e), -ENOENT); /* being removed */
    close(other);
    assert_int_equal(generation_hold(root_fd, "small", &g, &e), 0);
    generation_release(&g);
}

static const char *choice(const char *code)
{
    static char name[ENVIRONMENT_NAME_SIZE];
    struct environment *list;
    size_t count;
    struct imports needed;
    imports_scan(code, strlen(code), &needed);
    assert_int_equal(environment_list(root_fd, &list, &count), 0);
    memcpy(name, list[environment_for_imports(list, count, &needed)].name, sizeof(name));
    environment_list_free(list, count);
    return name;
}

static void test_choice(void **state)
{
    (void)state;
    assert_string_equal(choice("print(1)"), "base");
    assert_string_equal(choice("import os, json"), "base");
    assert_string_equal(choice("import numpy"), "small");
    assert_string_equal(choice("import numpy, pandas"), "large");
    assert_string_equal(choice("import pandas, nowhere"), "large");
    assert_string_equal(choice("import nowhere"), "base");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_odd_manifest),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
