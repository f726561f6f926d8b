/* One message over a SOCK_SEQPACKET socket, with descriptors: src/ipc/message. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/fd.h"
#include "ipc/message.h"

static int pair[2];

static int open_pair(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int close_pair(void **state)
{
    (void)state;
    fd_close(&pair[0]);
    fd_close(&pair[1]);
    return 0;
}

static int open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void arrives_whole(void **state)
{
    (void)state;
    struct message out = {.op = 7, .serial = 9, .status = -ENOENT, .sandbox = 3, .word = {1, 2}},
                   in;
    message_text(&out, "step %s failed", "mount");
    int fds[2] = {pair[0], pair[1]}, got[4];
    assert_int_equal(message_send(pair[0], &out, fds, 2), 0);
    assert_int_equal(message_receive(pair[1], &in, got, 4), 2);
    assert_int_equal(in.op, 7);
    assert_int_equal(in.serial, 9);
    assert_int_equal(in.status, -ENOENT);
    assert_int_equal(in.sandbox, 3);
    assert_int_equal(in.word[1], 2);
    assert_string_equal(in.text, "step mount failed");
    assert_true(fcntl(got[0], F_GETFD) & FD_CLOEXEC);
    assert_int_equal(got[2], -1);
    fds_close(got, 4);
}

static void long_text_is_cut(void **state)
{
    (void)state;
    char text[MESSAGE_TEXT_MAX * 2];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    struct message m = {.op = 1}, in;
    message_text(&m, "%s", text);
    assert_true(m.length <= MESSAGE_TEXT_MAX);
    assert_int_equal(message_send(pair[0], &m, NULL, 0), 0);
    assert_int_equal(message_receive(pair[1], &in, NULL, 0), 0);
    assert_int_equal(strlen(in.text), m.length);
}

static void the_end_is_epipe(void **state)
{
    (void)state;
    struct message m = {.op = 1};
    fd_close(&pair[0]);
    assert_int_equal(message_receive(pair[1], &m, NULL, 0), -EPIPE);
    assert_int_equal(message_send(pair[1], &m, NULL, 0), -EPIPE);
}

/* As when a server refuses the first of three messages, says why and ends. */
static void last_words_are_heard_of_a_peer_that_did_not_read_all(void **state)
{
    (void)state;
    struct message unread = {.op = 1}, said = {.op = 2}, in;
    assert_int_equal(message_send(pair[1], &unread, NULL, 0), 0);
    message_text(&said, "why");
    assert_int_equal(message_send(pair[0], &said, NULL, 0), 0);
    fd_close(&pair[0]);
    assert_int_equal(message_receive(pair[1], &in, NULL, 0), 0);
    assert_string_equal(in.text, "why");
    assert_int_equal(message_receive(pair[1], &in, NULL, 0), -EPIPE);
}

static void an_empty_nonblocking_socket_is_eagain(void **state)
{
    (void)state;
    struct message m;
    fd_set_nonblock(pair[1], true);
    assert_int_equal(message_receive(pair[1], &m, NULL, 0), -EAGAIN);
}

static void more_descriptors_than_wanted_are_refused_and_closed(void **state)
{
    (void)state;
    struct message m = {.op = 1};
    int fds[3] = {pair[0], pair[0], pair[0]}, got[1], before = open_descriptors();
    assert_int_equal(message_send(pair[0], &m, fds, 3), 0);
    assert_int_equal(message_receive(pair[1], &m, got, 1), -EBADMSG);
    assert_int_equal(open_descriptors(), before);
}

static void a_length_that_lies_is_refused(void **state)
{
    (void)state;
    struct message m = {.op = 1, .length = 200}, in;
    /* the head alone, promising 200 bytes of text that never come */
    assert_true(send(pair[0], &m, offsetof(struct message, text), 0) > 0);
    assert_int_equal(message_receive(pair[1], &in, NULL, 0), -EBADMSG);
    assert_int_equal(send(pair[0], &m, 3, 0), 3);
    assert_int_equal(message_receive(pair[1], &in, NULL, 0), -EBADMSG);
    /* one byte more than there is room for before the NUL, though the struct ends later */
    m.length = MESSAGE_TEXT_MAX + 1;
    assert_true(send(pair[0], &m, offsetof(struct message, text) + m.length, 0) > 0);
    assert_int_equal(message_receive(pair[1], &in, NULL, 0), -EBADMSG);
}

static void the_permit_table_decides(void **state)
{
    (void)state;
    static const struct permit table[] = {{1, 0, 0, false}, {2, 1, 2, true}};
    struct message one = {.op = 1}, two = {.op = 2, .length = 3}, other = {.op = 3};
    assert_int_equal(message_permitted(table, 2, &one, 0), 0);
    assert_int_equal(message_permitted(table, 2, &one, 1), -EBADMSG);
    one.length = 1;
    assert_int_equal(message_permitted(table, 2, &one, 0), -EBADMSG);
    assert_int_equal(message_permitted(table, 2, &two, 0), -EBADMSG);
    assert_int_equal(message_permitted(table, 2, &two, 2), 0);
    assert_int_equal(message_permitted(table, 2, &two, 3), -EBADMSG);
    assert_int_equal(message_permitted(table, 2, &other, 0), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(arrives_whole, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(long_text_is_cut, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(the_end_is_epipe, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(
            last_words_are_heard_of_a_peer_that_did_not_read_all, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(
            an_empty_nonblocking_socket_is_eagain, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(
            more_descriptors_than_wanted_are_refused_and_closed, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(a_length_that_lies_is_refused, open_pair, close_pair),
        cmocka_unit_test(the_permit_table_decides),
    };
    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
