#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/ids.h"
#include "http/internal.h"

const char *http_method(const struct http_exchange *x) { return x->connection->head.method; }
bool http_is_head(const struct http_exchange *x)
{
    return !strcmp(x->connection->head.method, "HEAD");
}
const char *http_path(const struct http_exchange *x) { return x->connection->head.path; }
const char *http_request_id(const struct http_exchange *x) { return x->connection->request_id; }
bool http_from_unix_socket(const struct http_exchange *x) { return x->connection->unix_socket; }
bool http_from_loopback(const struct http_exchange *x) { return x->connection->loopback; }

const char *http_header(const struct http_exchange *x, const char *name)
{
    return http_head_field(&x->connection->head, name);
}

/* Splits and decodes in place: no text grows by decoding. */
static int prepare_query(struct http_connection *c, struct error *e)
{
    char *rest = c->head.query;
    while (rest && *rest) {
        char *pair = strsep(&rest, "&");
        if (!*pair)
            continue;
        if (c->n_query == HTTP_QUERY_MAX)
            return error_set(e, ERROR_BAD_REQUEST, EINVAL, "The query has more than %d parameters.",
                HTTP_QUERY_MAX);
        char *equals = strchr(pair, '='), *value = equals ? equals + 1 : pair + strlen(pair);
        size_t name_length = equals ? (size_t)(equals - pair) : strlen(pair);
        if (http_percent_decode(pair, pair, name_length, true) < 0 ||
            http_percent_decode(value, value, strlen(value), true) < 0)
            return error_set(
                e, ERROR_BAD_REQUEST, EINVAL, "Invalid percent-encoding in the query.");
        c->query[c->n_query++] = (struct http_pair){pair, value};
    }
    return 0;
}

static int prepare_params(struct http_connection *c, struct error *e)
{
    strbuf_clear(&c->params);
    if (c->match.n_params == 0)
        return 0;
    /* One reservation for all, so that the pointers handed out stay. */
    if (!strbuf_reserve(&c->params, strlen(c->head.path) + HTTP_PARAMS_MAX))
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    for (unsigned i = 0; i < c->match.n_params; i++) {
        char *to = c->params.data + c->params.length;
        ssize_t n = http_percent_decode(
            to, c->head.path + c->match.params[i].offset, c->match.params[i].length, false);
        if (n < 0) /* the parser has checked the path */
            return error_set(e, ERROR_BAD_REQUEST, EINVAL, "Invalid percent-encoding in the path.");
        c->param_offset[i] = c->params.length;
        c->params.length += (size_t)n + 1;
    }
    return 0;
}

/* "." and ".." as whole segments are somebody's hope for a joined path; they name nothing here. */
static bool names_parent(const struct http_connection *c)
{
    for (unsigned i = 0; i < c->match.n_params; i++) {
        const char *text = c->params.data + c->param_offset[i];
        if (!strcmp(text, ".") || !strcmp(text, ".."))
            return true;
    }
    return false;
}

int http_request_prepare(struct http_connection *c, struct error *e)
{
    const struct http_config *config = &c->server->config;
    char id[ID_SIZE];
    id_new(id, "req_", 32);
    memcpy(c->request_id, id, strlen(id) + 1);
    c->n_query = 0;
    c->match = (struct http_match){NULL};
    c->x = (struct http_exchange){.user = config->user, .connection = c};
    if (!c->head.method)
        return 0; /* a refused head: only the answer's identity was wanted */
    http_route_match(config->routes, config->n_routes, c->head.method, c->head.path, &c->match);
    int r = prepare_params(c, e);
    if (r < 0)
        return r;
    if (names_parent(c))
        c->match = (struct http_match){NULL};
    c->x.route = c->match.route;
    return prepare_query(c, e);
}

const char *http_param(const struct http_exchange *x, const char *name)
{
    const struct http_connection *c = x->connection;
    size_t n = strlen(name);
    for (unsigned i = 0; i < c->match.n_params; i++)
        if (c->match.params[i].name_length == n && !memcmp(c->match.params[i].name, name, n))
            return c->params.data + c->param_offset[i];
    return NULL;
}

const char *http_query(const struct http_exchange *x, const char *name)
{
    const struct http_connection *c = x->connection;
    for (unsigned i = 0; i < c->n_query; i++)
        if (!strcmp(c->query[i].name, name))
            return c->query[i].value;
    return NULL;
}

const char *http_query_nth(const struct http_exchange *x, const char *name, unsigned n)
{
    const struct http_connection *c = x->connection;
    size_t length = strlen(name);
    for (unsigned i = 0; i < c->n_query; i++) {
        const char *given = c->query[i].name;
        if (strncmp(given, name, length) != 0 ||
            (given[length] && strcmp(given + length, "[]") != 0))
            continue;
        if (n-- == 0)
            return c->query[i].value;
    }
    return NULL;
}

int http_cookie(const struct http_exchange *x, const char *name, char *out, size_t size)
{
    const struct http_head *head = &x->connection->head;
    size_t length = strlen(name);
    for (unsigned i = 0; i < head->n_fields; i++) {
        if (strcasecmp(head->fields[i].name, "cookie") != 0)
            continue;
        for (const char *p = head->fields[i].value; *p; p += strcspn(p, ";"), p += *p == ';') {
            p += strspn(p, " \t");
            if (strncmp(p, name, length) != 0 || p[length] != '=')
                continue;
            const char *value = p + length + 1;
            size_t n = strcspn(value, "; \t");
            if (n >= size)
                return -ENOENT;
            memcpy(out, value, n);
            out[n] = 0;
            return 0;
        }
    }
    return -ENOENT;
}
