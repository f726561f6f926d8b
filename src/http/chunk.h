/* chunk.h - the chunked coding of RFC 9112, section 7.1, as a state machine over whatever bytes have
 * arrived. Used by the body reader and the fuzzer. Strict like parser.h: sizes of at most 15 hex
 * digits, CR LF only, extensions and trailers bounded, checked and dropped. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { CHUNK_LINE_MAX = 256, CHUNK_EXTENSIONS_MAX = 4096, CHUNK_TRAILER_MAX = 4096 };

struct http_chunk {
    uint8_t state;
    uint8_t digits;
    bool value_seen;              /* in a trailer line: beyond the colon */
    uint16_t line;                /* bytes of the present size line or trailer line */
    uint16_t extensions, trailer; /* bytes in all */
    uint64_t left;                /* of the present chunk */
};

/* Takes up to n bytes. Returns how many it consumed; a stretch of body among them is left in
 * *ret_data, *ret_length (it lies in `bytes`; at most one stretch for each call; length 0: none).
 * 0 consumed means n was 0 or the body is complete (http_chunk_done). -EPROTO with `e` filled. */
long http_chunk_take(struct http_chunk *c, const char *bytes, size_t n, const char **ret_data,
    size_t *ret_length, struct error *e);
bool http_chunk_done(const struct http_chunk *c);
