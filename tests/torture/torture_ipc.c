/* Messages, frames and buffers while the n-th call fails: an error and nothing lost, never half a result. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/json_writer.h"
#include "base/strbuf.h"
#include "faults.h"
#include "ipc/frame.h"
#include "ipc/message.h"

enum { ROUNDS_MAX = 10000 };

/* Runs a scenario with the n-th call failing, for every n, until it passes untouched. It returns 0 or a
 * negative errno; `must_pass`: the fault is one that has to be survived. */
static void torture(unsigned kinds, int number, bool must_pass, int (*scenario)(void))
{
    long n = 1;
    for (;; n++) {
        int before = fault_descriptors();
        fault_arm(kinds, n, number);
        int r = scenario();
        bool hit = fault_disarm();
        if (fault_descriptors() != before)
            fail_msg("round %ld (%s): %d descriptors before, %d after", n, fault_name(), before,
                fault_descriptors());
        if ((!hit || must_pass) && r != 0)
            fail_msg("round %ld (%s): %d", n, hit ? fault_name() : "no fault", r);
        if (r > 0)
            fail_msg("round %ld (%s): wrong result at line %d", n, fault_name(), r);
        if (!hit)
            break;
        assert_true(n < ROUNDS_MAX);
    }
    if (n < 2)
        fail_msg("no call of these kinds was made");
}

/* In a scenario: forward a failure; a wrong result is told by its line. */
#define TRY(call) \
    do { \
        if ((r = (int)(call)) < 0) \
            goto out; \
    } while (0)
#define EXPECT(condition) \
    do { \
        if (!(condition)) { \
            r = __LINE__; \
            goto out; \
        } \
    } while (0)

/* ---- messages -------------------------------------------------------------------------------------- */

static int exchange(void)
{
    static struct message out, in;
    int pair[2] = {-1, -1}, carried[2] = {-1, -1}, got[MESSAGE_FDS_MAX], r = 0;
    memset(got, 0xff, sizeof got);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
        pipe2(carried, O_CLOEXEC) < 0) {
        r = -errno;
        goto out;
    }
    for (int i = 0; i < 3; i++) {
        out = (struct message){.op = 1, .serial = (uint32_t)i};
        message_text(&out, "step %d", i);
        TRY(message_send(pair[0], &out, carried, (size_t)i));
        TRY(message_receive(pair[1], &in, got, MESSAGE_FDS_MAX));
        EXPECT(r == i && in.serial == (uint32_t)i && !strcmp(in.text, out.text));
        for (int k = 0; k < MESSAGE_FDS_MAX; k++)
            EXPECT((got[k] >= 0) == (k < i));
        fds_close(got, MESSAGE_FDS_MAX);
    }
    r = 0;
out:
    fds_close(got, MESSAGE_FDS_MAX);
    fds_close(pair, 2);
    fds_close(carried, 2);
    return r;
}

static void messages(void **state)
{
    (void)state;
    torture(FAULT_ANY, 0, false, exchange);
    torture(FAULT_SENDS | FAULT_RECEIVES, EINTR, true, exchange);
    /* The kernel is short of memory, or of descriptors that travel, for a moment. */
    torture(FAULT_SENDS, ENOBUFS, true, exchange);
    torture(FAULT_SENDS, ENOMEM, true, exchange);
    torture(FAULT_SENDS, ETOOMANYREFS, true, exchange);
}

/* ---- frames ----------------------------------------------------------------------------------------- */

static int frames(void)
{
    static char large[300000];
    static struct frame_writer w;
    static struct frame f;
    struct frame_reader reader = {0};
    struct frame_buffer buffers[] = {{large, sizeof large}, {"abc", 3}};
    const char *head = "{\"type\":\"x\"}";
    int p[2], r = pipe2(p, O_CLOEXEC | O_NONBLOCK);
    if (r < 0)
        return -errno;
    memset(large, 'x', sizeof large);
    for (int i = 0; i < 3; i++) {
        bool written = false;
        TRY(frame_writer_init(&w, head, strlen(head), buffers, 2));
        while ((r = frame_reader_next(&reader, &f)) == 0) {
            if (!written) {
                TRY(frame_writer_run(&w, p[1]));
                written = r == 1;
            }
            long n = frame_reader_fill(&reader, p[0]);
            if (n != -EAGAIN)
                TRY(n);
        }
        TRY(r);
        EXPECT(f.head_length == strlen(head) && !strcmp(f.head, head) && f.buffers == 2);
        EXPECT(
            f.buffer[0].length == sizeof large && !memcmp(f.buffer[0].data, large, sizeof large));
        EXPECT(f.buffer[1].length == 3 && !memcmp(f.buffer[1].data, "abc", 3));
    }
    TRY(frame_reader_push(&reader, large, sizeof large));
    r = 0;
out:
    frame_reader_deinit(&reader);
    fds_close(p, 2);
    return r;
}

static void frames_over_a_pipe(void **state)
{
    (void)state;
    torture(FAULT_ANY, 0, false, frames);
    torture(FAULT_FILES, EINTR, true, frames);
    torture(FAULT_SHORT, 0, true, frames);
}

/* A frame that could not be read for want of memory is whole when it can. */
static void a_reader_goes_on_after_a_failure(void **state)
{
    (void)state;
    static char text[4 * 1024];
    static struct frame f;
    for (long n = 1;; n++) {
        struct frame_reader reader = {0};
        struct frame_writer w;
        struct frame_buffer buffer = {text, sizeof text};
        int p[2], r;
        assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
        assert_int_equal(frame_writer_init(&w, "{}", 2, &buffer, 1), 0);
        assert_int_equal(frame_writer_run(&w, p[1]), 1);
        fault_arm(FAULT_MEMORY | FAULT_FILES, n, 0);
        while ((r = frame_reader_next(&reader, &f)) == 0)
            (void)frame_reader_fill(&reader, p[0]);
        bool hit = fault_disarm();
        assert_int_equal(r, 1);
        assert_int_equal(f.buffer[0].length, sizeof text);
        frame_reader_deinit(&reader);
        fds_close(p, 2);
        if (!hit)
            break;
    }
}

/* ---- buffers ----------------------------------------------------------------------------------------- */

static int buffers(void)
{
    int r = 0;
    char *taken = NULL;
    cleanup_strbuf struct strbuf b = STRBUF_INIT(1 << 20);
    for (int i = 0; i < 200; i++) {
        TRY(strbuf_puts(&b, "some text, "));
        TRY(strbuf_printf(&b, "%d and %s\n", i, "more of it"));
    }
    EXPECT(!b.failed && b.length == strlen(b.data));
    size_t length = b.length;
    taken = strbuf_take(&b);
    if (!taken)
        r = -ENOMEM;
    else
        EXPECT(strlen(taken) == length);
    free(taken);
    taken = r == 0 ? strbuf_take(&b) : NULL; /* an empty one has to be allocated */
    if (r == 0 && !taken)
        r = -ENOMEM;
out:
    free(taken);
    return r;
}

static int json(void)
{
    cleanup_strbuf struct strbuf b = STRBUF_INIT(1 << 20);
    struct json_writer w = JSON_WRITER(&b);
    jw_begin_array(&w);
    for (int i = 0; i < 100; i++)
        jw_text(&w, "a \"text\" with\ncontrols \x01 and caf\xc3\xa9");
    jw_end(&w);
    return b.failed ? -ENOMEM : b.length > 100 && b.data[b.length - 1] == ']' ? 0 : __LINE__;
}

static void growing_buffers(void **state)
{
    (void)state;
    torture(FAULT_MEMORY, 0, false, buffers);
    torture(FAULT_MEMORY, 0, false, json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages),
        cmocka_unit_test(frames_over_a_pipe),
        cmocka_unit_test(a_reader_goes_on_after_a_failure),
        cmocka_unit_test(growing_buffers),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("torture_ipc", tests, NULL, NULL);
}
