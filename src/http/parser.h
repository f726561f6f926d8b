/* parser.h - the head of one HTTP/1.1 request, judged strictly; pure functions over a buffer.
 *
 * Used by the connection and by the fuzzer. Every doubt is a refusal: a request that two parsers
 * could read in two ways (RFC 9112, section 11.2) has no meaning here. It must never read beyond the bytes it is
 * given, never repair anything and never decide about hosts, routes or keys. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "http/http.h"

/* Where the search for the end of the head stands; all zero at the start of a request. */
struct http_scan {
    size_t start;   /* of the request line: 2 after the one empty line that may precede it */
    size_t offset;  /* looked at so far */
    unsigned lines; /* complete ones */
    bool after_cr, in_line;
};

/* Looks on from where it stood, so that a head arriving byte by byte is looked at once. Returns the
 * length of the head including its empty line; 0 when more is needed; or -EPROTO with `e` filled:
 * bare CR or LF, control bytes, longer than HTTP_HEAD_MAX, too many lines. */
ssize_t http_head_scan(struct http_scan *s, const char *bytes, size_t n, struct error *e);

struct http_field {
    const char *name, *value; /* NUL-terminated */
};

struct http_head {
    const char *method;
    char *path;       /* as sent, starts with '/' ("*" for OPTIONS *); percent-encoding checked */
    char *query;      /* without '?'; NULL when there is none */
    const char *host; /* value of Host; NULL only for HTTP/1.0 */
    int minor;        /* HTTP/1.minor: 0 or 1 */
    bool chunked, has_length, close, expect_continue, expect_unknown;
    uint64_t content_length; /* 0 unless has_length */
    unsigned n_fields;
    struct http_field fields[HTTP_FIELDS_MAX];
};

/* Parses the n bytes that a scan found (from s->start to the end of the head). Puts NULs over the
 * separators in `bytes`, which `ret_head` then borrows. 0, or -EPROTO with `e` filled. */
int http_head_parse(char *bytes, size_t n, struct http_head *ret_head, struct error *e);

/* The first field of that name, any case; NULL if absent. */
const char *http_head_field(const struct http_head *h, const char *name);

/* Decodes n bytes from `in` to `out` (may be the same place), with '+' as a blank if `plus`; adds a
 * NUL, so `out` has room for n + 1. The length, or -EINVAL for a bad escape or %00. */
ssize_t http_percent_decode(char *out, const char *in, size_t n, bool plus);
/* RFC 9110 token, at least one character. */
bool http_is_token(const char *text, size_t n);
/* Whether a comma-separated list has this item, in any case. */
bool http_list_has(const char *list, const char *item);
