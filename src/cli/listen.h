/* listen.h - what a person writes after --listen, as socket addresses.
 *
 * Used by `cloche serve` and by what speaks to a server (--url). Pure: resolves nothing, opens
 * nothing. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"

enum { LISTEN_ADDRESSES = 2 };

struct listen_address {
    struct sockaddr_storage address;
    uint32_t length;
    bool loopback;  /* this machine alone can reach it; unix sockets count */
    char text[256]; /* "127.0.0.1:8000", "[::1]:8000", "unix:/run/cloche.sock" */
};

/* "127.0.0.1:8000", "[::1]:0", "localhost:8000" (two addresses), "0.0.0.0:80", "unix:/path" (a relative
 * path is taken from the working directory). Returns how many of ret[] were filled, or -EINVAL. */
int listen_parse(const char *text, struct listen_address ret[LISTEN_ADDRESSES], struct error *e);
/* The text of a bound socket's address, as above. 0 or -errno. */
int listen_describe(const struct sockaddr_storage *address, uint32_t length, char out[256]);
/* An address as a URL a person can click: "http://127.0.0.1:8000"; unix sockets as they are. */
void listen_url(const char *text, char out[300]);
