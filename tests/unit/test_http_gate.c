#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "http/gate.h"

static void test_hosts_are_hosts(void **state)
{
    (void)state;
    static const char *const good[] = {"localhost", "localhost:8000", "127.0.0.1:1", "[::1]",
        "[::1]:65535", "a-b.example:80", "x_y"};
    static const char *const bad[] = {"", ":80", "a:", "a:b", "a:123456", "a:65536", "[::1", "[]",
        "[::1]x", "a b", "a,b", "u@h", "a/b", "[::1]:", "a:1:2", "\xc3\xa9", "a?b", "a#b", "a\\b"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!http_host_valid(good[i]))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (http_host_valid(bad[i]))
            fail_msg("accepted: %s", bad[i]);
}

static void test_local(void **state)
{
    (void)state;
    static const char *const local[] = {"localhost", "LOCALHOST:9", "127.0.0.1", "127.255.3.4:80",
        "[::1]:8000", "[0:0:0:0:0:0:0:1]"};
    static const char *const foreign[] = {"localhost.", "localhost.evil.example",
        "127.0.0.1.evil.example", "127.1", "0x7f.0.0.1", "0177.0.0.1", "128.0.0.1", "0.0.0.0",
        "[::]", "[::2]", "[::ffff:127.0.0.1]", "evil.example", "2130706433", "::1"};
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        if (!http_host_local(local[i]))
            fail_msg("refused: %s", local[i]);
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (http_host_local(foreign[i]))
            fail_msg("accepted: %s", foreign[i]);
}

static void test_listed(void **state)
{
    (void)state;
    static const char *const hosts[] = {"Cloche.example", "other:8443", "[fd00::1]"};
    assert_true(http_host_listed("cloche.EXAMPLE", hosts, 3));
    assert_true(http_host_listed("cloche.example:1234", hosts, 3));
    assert_true(http_host_listed("other:8443", hosts, 3));
    assert_true(http_host_listed("[FD00::1]:1", hosts, 3));
    assert_false(http_host_listed("other", hosts, 3));
    assert_false(http_host_listed("other:80", hosts, 3));
    assert_false(http_host_listed("x.cloche.example", hosts, 3));
    assert_false(http_host_listed("", hosts, 3));
}

static void test_origins(void **state)
{
    (void)state;
    assert_true(http_origin_own("http://localhost:8000", "localhost:8000"));
    assert_true(http_origin_own("HTTP://LocalHost:8000", "localhost:8000"));
    assert_true(http_origin_own("http://a", "a:80"));
    assert_true(http_origin_own("https://a", "a"));
    assert_true(http_origin_own("https://a:443", "a"));
    assert_false(http_origin_own("http://localhost:8001", "localhost:8000"));
    assert_false(http_origin_own("http://localhost", "localhost:8000"));
    assert_false(http_origin_own("http://127.0.0.1:8000", "localhost:8000"));
    assert_false(http_origin_own("null", "localhost:8000"));
    assert_false(http_origin_own("", "localhost:8000"));
    assert_false(http_origin_own("file://", "localhost"));
    assert_false(http_origin_own("http://localhost:8000/", "localhost:8000"));
    assert_false(http_origin_own("http://localhost:8000.evil.example", "localhost:8000"));
    assert_false(http_origin_own("http://evil@localhost:8000", "localhost:8000"));
}

static void test_gate(void **state)
{
    (void)state;
    static const char *const hosts[] = {"cloche.example"};
    struct http_gate open = {hosts, 1, false, false}, keyed = {hosts, 1, false, true},
                     local = {hosts, 1, true, false};
    struct error e;
    assert_int_equal(http_gate_check(&open, "localhost:1", NULL, &e), 0);
    assert_int_equal(http_gate_check(&open, NULL, NULL, &e), 0);
    assert_int_equal(http_gate_check(&open, "cloche.example", NULL, &e), -EACCES);
    assert_int_equal(e.code, ERROR_FORBIDDEN);
    assert_int_equal(http_gate_check(&keyed, "cloche.example:80", NULL, &e), 0);
    assert_int_equal(http_gate_check(&keyed, "127.0.0.9", NULL, &e), 0);
    assert_int_equal(http_gate_check(&keyed, "evil.example", NULL, &e), -EACCES);
    assert_int_equal(http_gate_check(&local, "evil.example", NULL, &e), 0);
    assert_int_equal(http_gate_check(&local, "evil.example", "http://x", &e), -EACCES);
    assert_int_equal(http_gate_check(&open, "", NULL, &e), -EPROTO);
    assert_int_equal(http_gate_check(&open, "a b", NULL, &e), -EPROTO);
    assert_int_equal(http_gate_check(&open, "localhost:1", "http://localhost:1", &e), 0);
    assert_int_equal(http_gate_check(&open, "localhost:1", "http://evil.example", &e), -EACCES);
    assert_int_equal(http_gate_check(&open, "localhost:1", "null", &e), -EACCES);
    assert_int_equal(http_gate_check(&open, NULL, "http://localhost", &e), -EACCES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts_are_hosts),
        cmocka_unit_test(test_local),
        cmocka_unit_test(test_listed),
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_gate),
    };
    return cmocka_run_group_tests_name("http_gate", tests, NULL, NULL);
}
