/* sse.h - server-sent events as upstreams really send them, one event at a time.
 *
 * Lines end in LF, CRLF or CR, cut anywhere by the network; comments, `id` and `retry` are passed
 * over; `data:` with or without a space; several data lines are joined by LF. What comes out is valid
 * UTF-8 (U+FFFD for what is not). Used by the adapters' driver inside the server; pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

enum { SSE_EVENT_MAX = 16 << 20 /* one event's data; one line of any kind */ };

struct sse {
    struct strbuf line, data, mended;
    char event[64]; /* longer names are cut; no upstream has one */
    bool has_data;
    bool after_cr; /* an LF that comes next belongs to the line before */
    bool begun;    /* the first line was seen: no byte order mark any more */
};

/* Nonzero from it ends the reading and is forwarded. `event` is "" without an event line; `data` is
 * NUL-terminated at n and borrowed for the call. Events without data are not told. */
typedef int sse_sink(void *context, const char *event, const char *data, size_t n);

void sse_init(struct sse *s);
void sse_deinit(struct sse *s);
/* 0; what the sink said; -E2BIG for an event beyond SSE_EVENT_MAX, -ENOMEM. */
int sse_feed(struct sse *s, const char *bytes, size_t n, sse_sink *sink, void *context);
/* The stream is over: an event whose last empty line is missing is told, as some servers leave it out. */
int sse_end(struct sse *s, sse_sink *sink, void *context);
