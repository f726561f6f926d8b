/* Frames between server and kernel: every bound, every cut, and what a writer does on a full pipe. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/fd.h"
#include "ipc/frame.h"

static void push_u32(struct frame_reader *r, uint32_t v)
{
    assert_int_equal(frame_reader_push(r, &v, 4), 0);
}

static void reads_a_whole_frame(void **state)
{
    (void)state;
    struct frame_reader r = {0};
    struct frame f;
    push_u32(&r, 2);
    push_u32(&r, 2);
    push_u32(&r, 3);
    push_u32(&r, 0);
    assert_int_equal(frame_reader_next(&r, &f), 0);
    frame_reader_push(&r, "{}abc", 5);
    assert_int_equal(frame_reader_next(&r, &f), 1);
    assert_int_equal(f.head_length, 2);
    assert_string_equal(f.head, "{}");
    assert_int_equal(f.buffers, 2);
    assert_int_equal(f.buffer[0].length, 3);
    assert_memory_equal(f.buffer[0].data, "abc", 3);
    assert_int_equal(f.buffer[1].length, 0);
    assert_int_equal(frame_reader_next(&r, &f), 0);
    frame_reader_deinit(&r);
}

/* Whatever the pieces, the same frames come out. */
static void reads_in_pieces(void **state)
{
    (void)state;
    char stream[256];
    uint32_t prefix[] = {4, 1, 2};
    size_t n = 0;
    for (int i = 0; i < 5; i++) {
        memcpy(stream + n, prefix, 12);
        memcpy(stream + n + 12, "headxy", 6);
        n += 18;
    }
    for (size_t piece = 1; piece <= n; piece++) {
        struct frame_reader r = {0};
        int frames = 0;
        for (size_t at = 0; at < n; at += piece) {
            struct frame f;
            frame_reader_push(&r, stream + at, piece < n - at ? piece : n - at);
            while (frame_reader_next(&r, &f) == 1) {
                assert_memory_equal(f.head, "head", 5);
                assert_memory_equal(f.buffer[0].data, "xy", 2);
                frames++;
            }
        }
        assert_int_equal(frames, 5);
        frame_reader_deinit(&r);
    }
}

static void refuses_what_breaks_a_bound(void **state)
{
    (void)state;
    struct frame_reader r = {0};
    struct frame f;
    push_u32(&r, FRAME_HEAD_MAX + 1);
    push_u32(&r, 0);
    assert_int_equal(frame_reader_next(&r, &f), -EBADMSG);
    frame_reader_deinit(&r);
    push_u32(&r, 0);
    push_u32(&r, FRAME_BUFFERS_MAX + 1);
    assert_int_equal(frame_reader_next(&r, &f), -EBADMSG);
    frame_reader_deinit(&r);
    push_u32(&r, 0);
    push_u32(&r, 64);
    /* the second of them is too much, though 62 are missing */
    push_u32(&r, FRAME_BUFFERS_BYTES_MAX);
    assert_int_equal(frame_reader_next(&r, &f), 0);
    push_u32(&r, 1);
    assert_int_equal(frame_reader_next(&r, &f), -EBADMSG);
    frame_reader_deinit(&r);
    push_u32(&r, 0);
    push_u32(&r, 2);
    push_u32(&r, 0xffffffff);
    push_u32(&r, 0xffffffff);
    assert_int_equal(frame_reader_next(&r, &f), -EBADMSG);
    frame_reader_deinit(&r);
}

/* A promise of 64 MiB costs nothing until the bytes come. */
static void promises_cost_nothing(void **state)
{
    (void)state;
    struct frame_reader r = {0};
    struct frame f;
    push_u32(&r, FRAME_HEAD_MAX);
    push_u32(&r, 1);
    push_u32(&r, FRAME_BUFFERS_BYTES_MAX);
    assert_int_equal(frame_reader_next(&r, &f), 0);
    assert_true(frame_reader_held(&r) < 1 << 17);
    frame_reader_deinit(&r);
}

static void writes_through_a_full_pipe(void **state)
{
    (void)state;
    int p[2];
    enum { SIZE = 300000 };
    char *body = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        body[i] = (char)(i * 7);
    assert_int_equal(pipe2(p, O_NONBLOCK | O_CLOEXEC), 0);
    struct frame_writer w;
    struct frame_reader r = {0};
    struct frame f;
    struct frame_buffer buffers[] = {{"", 0}, {body, SIZE}};
    assert_int_equal(frame_writer_init(&w, "{\"a\":1}", 7, buffers, 2), 0);
    int rounds = 0, got;
    while ((got = frame_writer_run(&w, p[1])) == 0) {
        assert_true(frame_reader_fill(&r, p[0]) > 0);
        assert_int_equal(frame_reader_next(&r, &f), 0);
        rounds++;
    }
    assert_int_equal(got, 1);
    assert_true(rounds > 1);
    while (frame_reader_fill(&r, p[0]) > 0)
        ;
    assert_int_equal(frame_reader_next(&r, &f), 1);
    assert_int_equal(f.buffer[1].length, SIZE);
    assert_memory_equal(f.buffer[1].data, body, SIZE);
    assert_int_equal(frame_reader_fill(&r, p[0]), -EAGAIN);
    close(p[1]);
    assert_int_equal(frame_reader_fill(&r, p[0]), 0);
    close(p[0]);
    frame_reader_deinit(&r);
    free(body);
}

static void refuses_to_write_too_much(void **state)
{
    (void)state;
    struct frame_writer w;
    struct frame_buffer big[] = {{"", FRAME_BUFFERS_BYTES_MAX}, {"", 1}};
    assert_int_equal(frame_writer_init(&w, "", FRAME_HEAD_MAX + 1, NULL, 0), -EMSGSIZE);
    assert_int_equal(frame_writer_init(&w, "", 0, big, 2), -EMSGSIZE);
    assert_int_equal(frame_writer_init(&w, "", 0, big, FRAME_BUFFERS_MAX + 1), -EMSGSIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_whole_frame),
        cmocka_unit_test(reads_in_pieces),
        cmocka_unit_test(refuses_what_breaks_a_bound),
        cmocka_unit_test(promises_cost_nothing),
        cmocka_unit_test(writes_through_a_full_pipe),
        cmocka_unit_test(refuses_to_write_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
