/* Strings with a maximum, errors, ids, descriptors, the clock: src/base. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/ids.h"
#include "base/strbuf.h"

static void strbuf_grows_up_to_its_maximum(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf b = STRBUF_INIT(8);
    assert_string_equal(strbuf_text(&b), "");
    assert_int_equal(strbuf_puts(&b, "four"), 0);
    assert_int_equal(strbuf_printf(&b, "%d", 1234), 0);
    assert_string_equal(strbuf_text(&b), "four1234");
    assert_int_equal(strbuf_append(&b, "x", 1), -E2BIG);
    assert_true(b.failed);
}

static void strbuf_refuses_everything_after_a_failure(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf b = STRBUF_INIT(4);
    assert_int_equal(strbuf_puts(&b, "too long"), -E2BIG);
    assert_int_not_equal(strbuf_puts(&b, "ok"), 0);
    strbuf_clear(&b);
    assert_false(b.failed);
    assert_int_equal(strbuf_puts(&b, "ok"), 0);
    assert_string_equal(strbuf_text(&b), "ok");
}

static void strbuf_take_hands_over_the_memory(void **state)
{
    (void)state;
    struct strbuf b = STRBUF_INIT(64);
    cleanup_free char *empty = strbuf_take(&b);
    assert_string_equal(empty, "");
    strbuf_puts(&b, "mine");
    cleanup_free char *text = strbuf_take(&b);
    assert_string_equal(text, "mine");
    assert_int_equal(b.length, 0);
    strbuf_deinit(&b);
}

static void strbuf_keeps_nul_bytes(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf b = STRBUF_INIT(64);
    strbuf_append(&b, "a\0b", 3);
    assert_int_equal(b.length, 3);
    assert_memory_equal(b.data, "a\0b\0", 4);
}

static void error_carries_code_text_and_errno(void **state)
{
    (void)state;
    struct error e;
    assert_int_equal(error_set(&e, ERROR_NOT_FOUND, ENOENT, "No %s here.", "file"), -ENOENT);
    assert_int_equal(e.code, ERROR_NOT_FOUND);
    assert_string_equal(e.message, "No file here.");
    assert_int_equal(e.saved_errno, ENOENT);
    assert_int_equal(error_set(NULL, ERROR_INTERNAL, 0, "Nobody listens."), -EINVAL);
    error_param(&e, ERROR_INVALID_TYPE, "files[0].content", "Must be a string.");
    assert_string_equal(e.param, "files[0].content");
}

static void error_cuts_long_text_and_ends_it(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    struct error e;
    error_set(&e, ERROR_INTERNAL, 0, "%s", text);
    assert_true(strlen(e.message) < sizeof e.message);
    error_param(&e, ERROR_INTERNAL, text, "Long name.");
    assert_true(strlen(e.param) < sizeof e.param);
}

static void permanent_errors_are_never_statuses_that_clients_repeat(void **state)
{
    (void)state;
    static const enum error_code permanent[] = {
        ERROR_INVALID_JSON,
        ERROR_INVALID_TYPE,
        ERROR_INVALID_VALUE,
        ERROR_UNKNOWN_PARAMETER,
        ERROR_UNSUPPORTED_PARAMETER,
        ERROR_ENVIRONMENT_NOT_BUILT,
        ERROR_CONTAINER_EXPIRED,
        ERROR_NOT_WAITING,
        ERROR_SCRATCH_FULL,
        ERROR_UNAUTHORIZED,
        ERROR_FORBIDDEN,
        ERROR_NOT_FOUND,
        ERROR_METHOD_NOT_ALLOWED,
        ERROR_PAYLOAD_TOO_LARGE,
    };
    for (size_t i = 0; i < sizeof permanent / sizeof permanent[0]; i++) {
        int status = error_http_status(permanent[i]);
        assert_true(status >= 400 && status < 500);
        assert_true(status != 408 && status != 409 && status != 429);
    }
}

static void every_error_has_a_wire_code(void **state)
{
    (void)state;
    for (int i = ERROR_NONE + 1; i < ERROR_COUNT; i++) {
        assert_true(strlen(error_wire_code(i)) > 0);
        assert_true(strlen(error_wire_type(i)) > 0);
        assert_string_equal(
            error_wire_code(error_code_find(error_wire_code(i))), error_wire_code(i));
    }
    assert_int_equal(error_code_find("budget_exceeded"), ERROR_BUDGET_EXCEEDED);
    assert_int_equal(error_code_find("no such code"), ERROR_INTERNAL);
}

static void ids_look_like_openais_and_differ(void **state)
{
    (void)state;
    char a[ID_SIZE], b[ID_SIZE];
    id_new(a, "cntr_", 48);
    id_new(b, "cntr_", 48);
    assert_int_equal(strlen(a), 5 + 48);
    assert_int_equal(strncmp(a, "cntr_", 5), 0);
    assert_int_equal(strspn(a + 5, "0123456789abcdef"), 48);
    assert_string_not_equal(a, b);
    assert_true(id_valid(a));
}

static void a_childs_id_leads_to_its_parents(void **state)
{
    (void)state;
    char parent[ID_SIZE], child[ID_SIZE], found[ID_SIZE];
    unsigned n = 0;
    id_new_parent(parent, "resp_");
    assert_int_equal(strlen(parent), 5 + 48);
    assert_string_equal(parent + strlen(parent) - 4, "0000");
    id_child(child, "msg_", parent, 0x8001);
    assert_string_equal(child + strlen(child) - 4, "8001");
    assert_true(id_valid(child));
    assert_true(id_parent(found, "resp_", child, &n));
    assert_string_equal(found, parent);
    assert_int_equal(n, 0x8001);
    assert_false(id_parent(found, "resp_", parent, NULL));
    assert_false(id_parent(found, "resp_", "msg_1", NULL));
    assert_false(id_parent(found, "resp_", "", NULL));
    /* without a place in the family: an id of its own */
    id_child(child, "msg_", parent, 0x10000);
    assert_int_equal(strlen(child), 4 + 48);
    assert_true(strncmp(child + 4, parent + 5, 44) != 0);
    id_child(child, "msg_", "chatcmpl-1", 1);
    assert_int_equal(strlen(child), 4 + 48);
}

static void ids_with_other_characters_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "a/b", "a.b", "a b", "a%00", "../x", "\xc3\xa9",
        "0123456789012345678901234567890123456789012345678901234567890123456789"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(id_valid(bad[i]));
    assert_true(id_valid("file-AZaz09_"));
}

static void descriptors_have_one_owner(void **state)
{
    (void)state;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), number = fd;
    int taken = take_fd(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(taken, number);
    errno = ENOTTY;
    fd_close(&taken);
    assert_int_equal(errno, ENOTTY);
    assert_int_equal(taken, -1);
    assert_int_equal(fcntl(number, F_GETFD), -1);
    fd_close(&taken);
}

static void reading_past_the_end_is_epipe(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    char buffer[8];
    assert_int_equal(fd_write_all(pair[0], "12345678", 8), 0);
    assert_int_equal(fd_read_all(pair[1], buffer, 8), 0);
    assert_memory_equal(buffer, "12345678", 8);
    assert_int_equal(fd_write_all(pair[0], "123", 3), 0);
    fd_close(&pair[0]);
    assert_int_equal(fd_read_all(pair[1], buffer, 8), -EPIPE);
    fd_close(&pair[1]);
}

static void clock_moves_by_hand(void **state)
{
    (void)state;
    int64_t monotonic = clock_monotonic_us(), real = clock_realtime_s();
    clock_advance_us(3600 * INT64_C(1000000));
    assert_true(clock_monotonic_us() - monotonic >= 3600 * INT64_C(1000000));
    assert_true(clock_realtime_s() - real >= 3600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strbuf_grows_up_to_its_maximum),
        cmocka_unit_test(strbuf_refuses_everything_after_a_failure),
        cmocka_unit_test(strbuf_take_hands_over_the_memory),
        cmocka_unit_test(strbuf_keeps_nul_bytes),
        cmocka_unit_test(error_carries_code_text_and_errno),
        cmocka_unit_test(error_cuts_long_text_and_ends_it),
        cmocka_unit_test(permanent_errors_are_never_statuses_that_clients_repeat),
        cmocka_unit_test(every_error_has_a_wire_code),
        cmocka_unit_test(ids_look_like_openais_and_differ),
        cmocka_unit_test(a_childs_id_leads_to_its_parents),
        cmocka_unit_test(ids_with_other_characters_are_refused),
        cmocka_unit_test(descriptors_have_one_owner),
        cmocka_unit_test(reading_past_the_end_is_epipe),
        cmocka_unit_test(clock_moves_by_hand),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
