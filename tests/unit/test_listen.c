/* --listen: what is an address, which are loopback, and how they are said again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>

#include <cmocka.h>

#include "cli/listen.h"

static void test_good(void **state)
{
    static const struct {
        const char *text, *said;
        int n;
        bool loopback;
    } good[] = {
        {"127.0.0.1:8000", "127.0.0.1:8000", 1, true},
        {"127.9.8.7:1", "127.9.8.7:1", 1, true},
        {"0.0.0.0:80", "0.0.0.0:80", 1, false},
        {"192.168.1.2:65535", "192.168.1.2:65535", 1, false},
        {"[::1]:0", "[::1]:0", 1, true},
        {"[::]:8000", "[::]:8000", 1, false},
        {"[::ffff:127.0.0.1]:9", "[::ffff:127.0.0.1]:9", 1, true},
        {"[::ffff:10.0.0.1]:9", "[::ffff:10.0.0.1]:9", 1, false},
        {"localhost:0", "127.0.0.1:0", 2, true},
        {"unix:/run/c.sock", "unix:/run/c.sock", 1, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct listen_address a[LISTEN_ADDRESSES];
        struct error e = {0};
        assert_int_equal(listen_parse(good[i].text, a, &e), good[i].n);
        assert_string_equal(a[0].text, good[i].said);
        assert_int_equal(a[0].loopback, good[i].loopback);
    }
}

static void test_localhost_is_both(void **state)
{
    struct listen_address a[LISTEN_ADDRESSES];
    (void)state;
    assert_int_equal(listen_parse("localhost:8000", a, NULL), 2);
    assert_string_equal(a[1].text, "[::1]:8000");
    assert_true(a[1].loopback);
    assert_int_equal(ntohs(((struct sockaddr_in6 *)&a[1].address)->sin6_port), 8000);
}

static void test_relative_unix_path(void **state)
{
    struct listen_address a[LISTEN_ADDRESSES];
    (void)state;
    assert_int_equal(listen_parse("unix:x.sock", a, NULL), 1);
    assert_true(((struct sockaddr_un *)&a[0].address)->sun_path[0] == '/');
}

static void test_bad(void **state)
{
    static const char *const bad[] = {
        "",
        ":",
        "8000",
        ":8000",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:+1",
        "127.0.0.1: 1",
        "127.0.0.1:1 ",
        "::1:8000",
        "[::1]",
        "[::1]8000",
        "[]:1",
        "[:1",
        "]:1",
        "example.org:80",
        "256.0.0.1:1",
        "127.1:80",
        "unix:",
        "http://127.0.0.1:80",
        "127.0.0.1:80/x",
        "unix:/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
        "0123456789",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct listen_address a[LISTEN_ADDRESSES];
        struct error e = {0};
        if (listen_parse(bad[i], a, &e) >= 0)
            fail_msg("\"%s\" is taken for %s", bad[i], a[0].text);
        assert_true(e.message[0] != '\0');
    }
}

static void test_url(void **state)
{
    char url[300];
    (void)state;
    listen_url("127.0.0.1:8000", url);
    assert_string_equal(url, "http://127.0.0.1:8000");
    listen_url("unix:/x", url);
    assert_string_equal(url, "unix:/x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_localhost_is_both),
        cmocka_unit_test(test_relative_unix_path),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
