/* frame.h - the frames between server and kernel: bounded, incremental, over non-blocking pipes.
 *
 * Used by the server only (kernels have their own writer in _cloche). Every byte that comes in is an
 * attacker's: a length beyond the bounds is refused before anything is allocated for it, and memory
 * grows with what has arrived, never with what was promised. The head is left as text here; who
 * parses it is session/'s. The layout is docs/internals/frames.md's. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum {
    FRAME_HEAD_MAX = 1 << 20,
    FRAME_BUFFERS_MAX = 64,
    FRAME_BUFFERS_BYTES_MAX = 64 << 20, /* of one frame's buffers together */
};

struct frame_buffer {
    const char *data;
    size_t length;
};

/* A whole frame, as frame_reader_next shows it: borrowed from the reader. */
struct frame {
    const char *head; /* NUL-terminated, but may hold NULs: trust head_length */
    size_t head_length;
    size_t buffers;
    struct frame_buffer buffer[FRAME_BUFFERS_MAX];
};

/* Embedded; all zero is a fresh reader. */
struct frame_reader {
    char *data;
    size_t start, length, capacity; /* unread bytes are data[start .. length) */
};

void frame_reader_deinit(struct frame_reader *r);
/* Reads what is there now, at most a bounded amount, from a non-blocking descriptor. Returns the
 * number of bytes; 0 at the end of the stream; -EAGAIN when nothing is there; -ENOMEM; -errno. */
long frame_reader_fill(struct frame_reader *r, int fd);
/* Adds bytes by hand (tests, fuzzing). 0 or -ENOMEM. */
int frame_reader_push(struct frame_reader *r, const void *data, size_t n);
/* 1: `*ret` is the next frame, valid until the next call on this reader. 0: not all of it has come.
 * -EBADMSG: a bound is broken; the stream is worthless from here on. */
int frame_reader_next(struct frame_reader *r, struct frame *ret);
/* How many bytes are held: for accounts. */
size_t frame_reader_held(const struct frame_reader *r);

/* A frame on its way out. Its parts are borrowed until it is written whole or given up. */
struct frame_writer {
    uint32_t prefix[2 + FRAME_BUFFERS_MAX];
    struct iovec part[2 + FRAME_BUFFERS_MAX];
    size_t parts, next; /* next: the first part that is not written whole */
};

/* Prepares a frame; 0, or -EMSGSIZE when it is beyond the bounds the other side holds. */
int frame_writer_init(struct frame_writer *w, const char *head, size_t head_length,
    const struct frame_buffer *buffers, size_t n);
/* Writes as much as the pipe takes, in one writev where it fits. 1: all is written; 0: the pipe is
 * full, call again when it is writable; -errno (-EPIPE: the kernel closed it; SIGPIPE must be
 * ignored in this process). Never blocks on a non-blocking descriptor. */
int frame_writer_run(struct frame_writer *w, int fd);
