/* router.h - from a path to a row of the table. Pure functions over the table and the path as sent;
 * used by the connection. It never normalises: "//", "." and ".." are segments that match nothing. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"
#include "http/http.h"

struct http_match {
    const struct http_route *route; /* NULL: no row for this method */
    bool known;                     /* some row has this path */
    unsigned n_params;
    struct {
        const char *name; /* in the pattern, not terminated */
        size_t name_length;
        size_t offset, length; /* of the segment as sent, in the path */
    } params[HTTP_PARAMS_MAX];
};

/* Aborts on a pattern that breaks the rules of http.h; called once at the start. */
void http_routes_check(const struct http_route *routes, size_t n);
/* The first row whose pattern and method fit. HEAD fits GET rows. */
void http_route_match(const struct http_route *routes, size_t n, const char *method,
    const char *path, struct http_match *ret);
/* The value of `allow` for this path: "GET, HEAD, POST, OPTIONS". At most 256 bytes. */
void http_route_allow(
    const struct http_route *routes, size_t n, const char *path, struct strbuf *to);
