/* pipes.h - the four pipes of each kernel, made by the supervisor in batches, ahead of need.
 * The supervisor keeps duplicates of the server's ends, so that a next server finds them. */
#pragma once
#include <stdint.h>

#include "ipc/protocol.h"
#include "session/link.h"

struct pipe_set {
    int64_t id; /* the supervisor's; -1: none */
    int server[KERNEL_PIPES], kernel[KERNEL_PIPES];
};
#define PIPE_SET_NONE ((struct pipe_set){-1, {-1, -1, -1, -1}, {-1, -1, -1, -1}})

struct pipes;

/* `low`: refill in the background when fewer than this many sets are left. NULL: no memory. */
struct pipes *pipes_new(struct link *supervisor, unsigned low);
/* Nobody may be calling, and the supervisor's link must have ended. */
void pipes_free(struct pipes *p);
/* A set, the server's ends non-blocking. Blocks only when none is in stock. 0 or -errno. */
int pipes_take(struct pipes *p, struct pipe_set *ret);
/* Closes what is open of it and tells the supervisor, who drops its duplicates. */
void pipes_end(struct pipes *p, struct pipe_set *set);
