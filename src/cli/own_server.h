/* own_server.h - a server for the length of one command: `attack`, `bench`, `chat`, `notebook` without --url.
 *
 * It is a whole `cloche serve` on a free port of loopback with a state directory that is removed at its end;
 * it dies with the command, however that ends. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct own_server {
    pid_t pid;
    char directory[64]; /* temporary; state and the rest below it */
    char url[300];
};
struct own_server_spec {
    const char *environments; /* NULL: where they usually are */
    bool any_environment;     /* it need not be ready for the default one, which may not be built */
    const char *const *flags; /* further flags of `cloche serve`, NULL-terminated; may be NULL */
};
/* Starts it and waits until /readyz says yes (any_environment: until it answers). 0 or -errno with `e`. */
int own_server_start(const struct own_server_spec *spec, struct own_server *ret, struct error *e);
/* Ends it, waits for that and removes its directory. A zeroed one is allowed. */
void own_server_stop(struct own_server *s);
