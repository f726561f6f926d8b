#include "frame.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FILL = 64 << 10,  /* read at once: what a pipe holds */
    KEEP = 256 << 10, /* memory a reader keeps while it holds nothing */
    PREFIX = 2 * sizeof(uint32_t),
};

void frame_reader_deinit(struct frame_reader *r)
{
    free(r->data);
    *r = (struct frame_reader){0};
}

size_t frame_reader_held(const struct frame_reader *r) { return r->capacity; }

/* Room for n more bytes behind what is held. */
static int make_room(struct frame_reader *r, size_t n)
{
    if (r->start == r->length) {
        r->start = r->length = 0;
        if (r->capacity > KEEP) {
            free(r->data);
            r->data = NULL;
            r->capacity = 0;
        }
    }
    if (r->capacity - r->length >= n)
        return 0;
    if (r->start > 0) {
        memmove(r->data, r->data + r->start, r->length - r->start);
        r->length -= r->start;
        r->start = 0;
        if (r->capacity - r->length >= n)
            return 0;
    }
    size_t wanted = r->length + n, capacity = r->capacity * 2;
    if (capacity < wanted)
        capacity = wanted;
    char *data = realloc(r->data, capacity);
    if (!data)
        return -ENOMEM;
    r->data = data;
    r->capacity = capacity;
    return 0;
}

long frame_reader_fill(struct frame_reader *r, int fd)
{
    int rc = make_room(r, FILL);
    if (rc < 0)
        return rc;
    ssize_t n;
    do
        n = read(fd, r->data + r->length, r->capacity - r->length);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    r->length += (size_t)n;
    return n;
}

int frame_reader_push(struct frame_reader *r, const void *data, size_t n)
{
    if (n == 0)
        return 0;
    int rc = make_room(r, n);
    if (rc < 0)
        return rc;
    memcpy(r->data + r->length, data, n);
    r->length += n;
    return 0;
}

static uint32_t get_u32(const char *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return v; /* little-endian, as every machine we build for */
}

/* Checks the lengths that have arrived and adds them up. 1: the prefix is whole and `*ret` is the
 * length of the frame behind it; 0: more must come; -EBADMSG. */
static int measure(const char *at, size_t have, size_t *ret_prefix, size_t *ret_body)
{
    if (have < PREFIX)
        return 0;
    uint32_t head = get_u32(at), buffers = get_u32(at + 4);
    if (head > FRAME_HEAD_MAX || buffers > FRAME_BUFFERS_MAX)
        return -EBADMSG;
    size_t prefix = PREFIX + buffers * sizeof(uint32_t);
    uint64_t bytes = 0;
    bool whole = have >= prefix;
    size_t known = whole ? buffers : (have - PREFIX) / sizeof(uint32_t);
    for (size_t i = 0; i < known; i++)
        bytes += get_u32(at + PREFIX + i * sizeof(uint32_t));
    if (bytes > FRAME_BUFFERS_BYTES_MAX)
        return -EBADMSG;
    if (!whole)
        return 0;
    *ret_prefix = prefix;
    *ret_body = head + (size_t)bytes;
    return 1;
}

int frame_reader_next(struct frame_reader *r, struct frame *ret)
{
    char *at = r->data + r->start;
    size_t have = r->length - r->start, prefix, body;
    if (have == 0)
        return 0;
    int rc = measure(at, have, &prefix, &body);
    if (rc <= 0)
        return rc;
    if (have - prefix < body)
        return 0;
    ret->head_length = get_u32(at);
    ret->buffers = get_u32(at + 4);
    /* The lengths are read before the head moves down over the last of them, to make room for its
     * NUL without touching what follows. */
    size_t lengths[FRAME_BUFFERS_MAX];
    for (size_t i = 0; i < ret->buffers; i++)
        lengths[i] = get_u32(at + PREFIX + i * sizeof(uint32_t));
    char *head = at + prefix - 1;
    memmove(head, at + prefix, ret->head_length);
    head[ret->head_length] = 0;
    ret->head = head;
    const char *data = at + prefix + ret->head_length;
    for (size_t i = 0; i < ret->buffers; i++) {
        ret->buffer[i] = (struct frame_buffer){data, lengths[i]};
        data += lengths[i];
    }
    r->start += prefix + body;
    return 1;
}

int frame_writer_init(struct frame_writer *w, const char *head, size_t head_length,
    const struct frame_buffer *buffers, size_t n)
{
    size_t bytes = 0;
    if (head_length > FRAME_HEAD_MAX || n > FRAME_BUFFERS_MAX)
        return -EMSGSIZE;
    for (size_t i = 0; i < n; i++) {
        if (buffers[i].length > FRAME_BUFFERS_BYTES_MAX - bytes)
            return -EMSGSIZE;
        bytes += buffers[i].length;
        w->prefix[2 + i] = (uint32_t)buffers[i].length;
        w->part[2 + i] = (struct iovec){(void *)buffers[i].data, buffers[i].length};
    }
    w->prefix[0] = (uint32_t)head_length;
    w->prefix[1] = (uint32_t)n;
    w->part[0] = (struct iovec){w->prefix, PREFIX + n * sizeof(uint32_t)};
    w->part[1] = (struct iovec){(void *)head, head_length};
    w->parts = 2 + n;
    w->next = 0;
    return 0;
}

int frame_writer_run(struct frame_writer *w, int fd)
{
    for (;;) {
        while (w->next < w->parts && w->part[w->next].iov_len == 0)
            w->next++;
        if (w->next == w->parts)
            return 1;
        ssize_t n = writev(fd, w->part + w->next, (int)(w->parts - w->next));
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return errno == EAGAIN ? 0 : -errno;
        }
        for (size_t left = (size_t)n; left > 0;) {
            struct iovec *v = &w->part[w->next];
            size_t took = left < v->iov_len ? left : v->iov_len;
            v->iov_base = (char *)v->iov_base + took;
            v->iov_len -= took;
            left -= took;
            w->next += v->iov_len == 0;
        }
    }
}
