/* generation.h - where an environment lies on disk, and how to stand on it while it is replaced.
 *
 *     ENVDIR/<name>/current -> <generation>     swapped by rename: always a whole environment
 *     ENVDIR/<name>/<generation>/venv           mounted at /opt/env
 *                               /manifest.json  what is in it
 *                               /warmup.py      run by its zygotes at their start
 *                               /use.lock       held shared while anybody stands on the generation
 *
 * Used by the server, by `cloche env` and by whoever makes grounds. Plain C library, no allocation,
 * no parsing of what is inside: the privileged may link it. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

enum { ENVIRONMENT_NAME_SIZE = 64, GENERATION_SIZE = 64 };

/* [a-z0-9][a-z0-9._-]{0,62}. */
bool environment_name_valid(const char *name);
/* A name that a build may have given: 20261121T101500Z-1a2b. Never starts with a dot. */
bool generation_name_valid(const char *name);

/* One generation, held: it stays on disk until generation_release(), whatever is built or removed. */
struct generation {
    int directory; /* a read-only descriptor of ENVDIR/<name>/<generation> */
    int lock;
    char name[GENERATION_SIZE];
};
#define GENERATION_NONE ((struct generation){.directory = -1, .lock = -1})

/* Opens the current generation of `name` below `environments` (AT_FDCWD never; a directory) and holds
 * it. 0; -ENOENT when the environment is not built (ERROR_ENVIRONMENT_NOT_BUILT in `e`); -errno.
 * Follows no symbolic link but `current`. Blocks at most for a moment. */
int generation_hold(int environments, const char *name, struct generation *ret, struct error *e);
void generation_release(struct generation *g);
/* The name `current` points to, below the directory of one environment. 0 or -errno. */
int generation_current(int environment, char ret_name[GENERATION_SIZE]);
