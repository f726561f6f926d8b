/* json_writer.h - JSON written as a stream into a strbuf: no tree, no allocation of its own.
 * Used by the server and the command line for replies, events and stored documents. Whatever goes
 * in, what comes out is valid JSON in valid UTF-8 on one line: bytes that are not UTF-8 become
 * U+FFFD, numbers that are not finite become null. It never reads JSON (jansson does) and never
 * guesses: a key outside an object or a value without its key is a bug and aborts. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

enum { JSON_WRITER_DEPTH = 64 };

struct json_writer {
    struct strbuf *out;
    uint64_t objects; /* bit d: level d is an object */
    uint8_t depth;    /* open containers */
    bool comma;       /* a value stands before what comes next */
    bool keyed;       /* a key was written, its value is due */
};

/* Writes to `out` (borrowed) from its present end. Failure is out's: look at out->failed once, at
 * the end. A writer holds nothing else, so there is no deinit. */
#define JSON_WRITER(buffer) ((struct json_writer){.out = (buffer)})

/* Containers; jw_end closes the innermost. Deeper than JSON_WRITER_DEPTH aborts: the depth of what
 * we write is ours, what peers nest goes in by jw_raw after jansson has bounded it. */
void jw_begin_object(struct json_writer *w);
void jw_begin_array(struct json_writer *w);
void jw_end(struct json_writer *w);

/* The key of the next value; only in an object. */
void jw_key(struct json_writer *w, const char *key);

/* Values. Commas and colons come by themselves. Borrow their arguments; `data` may be NULL if n is 0. */
void jw_string(struct json_writer *w, const char *text, size_t n); /* any bytes, NUL included */
void jw_text(struct json_writer *w, const char *text); /* NUL-terminated; NULL writes null */
void jw_int(struct json_writer *w, int64_t value);
void jw_uint(struct json_writer *w, uint64_t value);
void jw_double(struct json_writer *w, double value); /* shortest that reads back the same */
void jw_bool(struct json_writer *w, bool value);
void jw_null(struct json_writer *w);
/* one complete JSON value, trusted */
void jw_raw(struct json_writer *w, const char *json, size_t n);
void jw_base64(struct json_writer *w, const void *data, size_t n); /* RFC 4648 section 4, padded */

/* A value in pieces: begin, any number of pieces, end. A character cut at a piece's edge becomes
 * U+FFFD, so cut at characters. */
void jw_string_begin(struct json_writer *w);
void jw_string_piece(struct json_writer *w, const char *text, size_t n);
void jw_string_end(struct json_writer *w);

/* Key and value in one. */
/* NULL writes null */
void jw_field_string(struct json_writer *w, const char *key, const char *text);
void jw_field_bytes(struct json_writer *w, const char *key, const char *text, size_t n);
void jw_field_int(struct json_writer *w, const char *key, int64_t value);
void jw_field_uint(struct json_writer *w, const char *key, uint64_t value);
void jw_field_double(struct json_writer *w, const char *key, double value);
void jw_field_bool(struct json_writer *w, const char *key, bool value);
void jw_field_null(struct json_writer *w, const char *key);
void jw_field_raw(struct json_writer *w, const char *key, const char *json, size_t n);
void jw_field_object(struct json_writer *w, const char *key); /* then fields, then jw_end */
void jw_field_array(struct json_writer *w, const char *key);  /* then values, then jw_end */
