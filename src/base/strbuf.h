/* strbuf.h - a growing byte buffer with a compulsory maximum. Whatever a peer sizes goes through one.
 * Used by the server and the command line; never after clone. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct strbuf {
    char *data; /* NUL-terminated once anything was appended; NULL before */
    size_t length, capacity, maximum;
    bool failed; /* an append went beyond the maximum, or memory ran out; sticky */
};

#define STRBUF_INIT(max) ((struct strbuf){.maximum = (max)})

void strbuf_deinit(struct strbuf *b);
#define cleanup_strbuf __attribute__((cleanup(strbuf_deinit)))
/* Forgets the content, keeps the memory, clears `failed`. */
void strbuf_clear(struct strbuf *b);
/* Room for n more bytes and a NUL; returns where to write, or NULL with `failed` set. */
char *strbuf_reserve(struct strbuf *b, size_t n);
/* Appends; 0, -E2BIG beyond the maximum, -ENOMEM. After a failure everything is refused. */
int strbuf_append(struct strbuf *b, const void *data, size_t n);
int strbuf_puts(struct strbuf *b, const char *text);
int strbuf_printf(struct strbuf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The text, or "" while empty. Borrowed. */
const char *strbuf_text(const struct strbuf *b);
/* Hands the memory to the caller (free), leaving an empty buffer. Never NULL unless out of memory. */
char *strbuf_take(struct strbuf *b);
