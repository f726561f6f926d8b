/* gate.h - who a request says it talks to, and on whose behalf: Host and Origin.
 *
 * A page on the open web must not reach a server on loopback through the browser of the person who
 * runs it: neither by a name that resolves to 127.0.0.1 (Host) nor by a cross-site request (Origin).
 * Pure functions over the two values; used by the connection. Keys are not its business. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct http_gate {
    const char *const *hosts; /* configured names; count only if keys_exist */
    size_t n_hosts;
    bool unix_socket; /* any Host will do: no browser gets here */
    bool keys_exist;
};

/* `host` and `origin` as sent, NULL when absent (host: only in HTTP/1.0, which no browser speaks).
 * 0; or -EACCES (403) or -EPROTO (400: no host at all) with `e` filled. */
int http_gate_check(
    const struct http_gate *g, const char *host, const char *origin, struct error *e);

/* "name", "name:port", "1.2.3.4:port", "[v6]:port", and nothing else. */
bool http_host_valid(const char *host);
/* localhost, 127.0.0.0/8 or [::1], any port. */
bool http_host_local(const char *host);
/* Equal to one of the names in any case; a name without a port stands for every port. */
bool http_host_listed(const char *host, const char *const *hosts, size_t n);
/* Whether the origin ("http://name:port") is this host; ports default by the origin's scheme. */
bool http_origin_own(const char *origin, const char *host);
