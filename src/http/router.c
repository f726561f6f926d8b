#include "http/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void bad_pattern(const char *pattern)
{
    fprintf(stderr, "http: the pattern %s breaks the rules of http.h\n", pattern);
    abort();
}

void http_routes_check(const struct http_route *routes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *p = routes[i].pattern;
        unsigned params = 0;
        if (*p != '/' || !routes[i].handler || !routes[i].method)
            bad_pattern(p);
        while (*p == '/') {
            size_t length = strcspn(++p, "/");
            bool braced = length > 2 && p[0] == '{' && p[length - 1] == '}';
            size_t special = strcspn(p, "{}*");
            if (braced)
                special = 1 + strcspn(p + 1, "{}*"), params++;
            bool rest = braced && p[special] == '*' && special == length - 2 && length > 3;
            if (params > HTTP_PARAMS_MAX ||
                (special < length && !(braced && special == length - 1) && !rest) ||
                (rest && p[length] != 0))
                bad_pattern(routes[i].pattern);
            p += length;
        }
    }
}

/* `pattern` against `path`, segment by segment. */
static bool fits(const char *pattern, const char *path, struct http_match *m)
{
    const char *start = path;
    m->n_params = 0;
    while (*pattern == '/' && *path == '/') {
        size_t wanted = strcspn(++pattern, "/"), given = strcspn(++path, "/");
        if (*pattern == '{') {
            bool rest = pattern[wanted - 2] == '*';
            if (rest)
                given = strlen(path);
            else if (given == 0)
                return false;
            unsigned i = m->n_params++;
            m->params[i].name = pattern + 1;
            m->params[i].name_length = wanted - 2 - rest;
            m->params[i].offset = (size_t)(path - start);
            m->params[i].length = given;
        } else if (wanted != given || memcmp(pattern, path, given) != 0) {
            return false;
        }
        pattern += wanted;
        path += given;
    }
    return *pattern == 0 && *path == 0;
}

/* Each pattern under /v1/ answers without /v1 too. */
static bool row_fits(const struct http_route *row, const char *path, struct http_match *m)
{
    return fits(row->pattern, path, m) ||
           (!strncmp(row->pattern, "/v1/", 4) && fits(row->pattern + 3, path, m));
}

void http_route_match(const struct http_route *routes, size_t n, const char *method,
    const char *path, struct http_match *ret)
{
    if (!strcmp(method, "HEAD"))
        method = "GET";
    struct http_match m = {NULL};
    bool known = false;
    for (size_t i = 0; i < n; i++) {
        if (!row_fits(&routes[i], path, &m))
            continue;
        known = true;
        if (!strcmp(routes[i].method, method)) {
            m.route = &routes[i];
            break;
        }
    }
    m.known = known;
    *ret = m;
}

void http_route_allow(
    const struct http_route *routes, size_t n, const char *path, struct strbuf *to)
{
    struct http_match m;
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    for (size_t k = 0; k < sizeof methods / sizeof *methods; k++)
        for (size_t i = 0; i < n; i++)
            if (!strcmp(routes[i].method, methods[k]) && row_fits(&routes[i], path, &m)) {
                strbuf_puts(to, k == 0 ? "GET, HEAD, " : methods[k]);
                if (k > 0)
                    strbuf_puts(to, ", ");
                break;
            }
    strbuf_puts(to, "OPTIONS");
}
