/* http_client.h - the smallest keep-alive HTTP/1.1 client that can time a server without weighing on it.
 *
 * Used by `cloche bench` alone (`cloche run --session` uses libcurl). It trusts the server it speaks
 * to as far as its own: bounded answers with Content-Length, no redirects, no TLS. One thread at a
 * time uses a client. */
#pragma once
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "cli/listen.h"

struct http_client {
    struct listen_address address;
    char host[300];
    char authorization[256]; /* a whole field, or "" */
    int fd;
    struct strbuf out, in; /* in: from the end of the last answer on */
};

/* `url` as http://HOST:PORT or unix:PATH; `key` may be NULL. Connects nowhere yet. 0 or -EINVAL. */
int http_client_init(struct http_client *c, const char *url, const char *key, struct error *e);
void http_client_deinit(struct http_client *c);
/* Sends one request (body may be NULL) and reads the answer; connects when there is no connection.
 * The status; *ret_body is borrowed until the next call. -errno when there was no whole answer: the
 * connection is gone then, nothing is repeated. */
int http_client_request(struct http_client *c, const char *method, const char *path,
    const char *body, const char **ret_body, size_t *ret_length);
