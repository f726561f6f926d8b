/* paths.h - where things lie when nobody says: state, environments, programs.
 *
 * Used by the command line. Root's defaults are the system's (/var/lib/cloche), an ordinary user's
 * the XDG base directories. Programs are looked for beside the running `cloche` (a build tree), then
 * in ../lib/cloche from it (an installation). Nothing here opens or creates but paths_make(). */
#pragma once
#include <stdbool.h>

#include "base/error.h"

/* The default state directory, environments directory. malloc'ed; NULL with `e` set when neither the
 * XDG variable nor HOME says where. */
char *paths_state(struct error *e);
char *paths_environments(struct error *e);
/* Creates `path` and its missing parents (0700 for what is made last, 0755 above). 0 or -errno. */
int paths_make(const char *path, struct error *e);

/* The folder `name` of what Cloche brings along: in share/cloche beside the program in a build tree, in
 * ../share/cloche from it in an installation; `witness` is a file in it. 0 or -ENOENT, then "". */
int paths_shipped(const char *name, const char *witness, char *ret, size_t size);

struct programs {
    char *cloche; /* this program */
    char *supervisor, *warden, *init;
    char *library; /* the directory with _cloche.abi3.so and python/cloche_kernel */
    bool build_tree;
};
/* Finds them all; each must exist. 0, or -errno naming the missing one. Pair: programs_deinit(). */
int programs_find(struct programs *ret, struct error *e);
void programs_deinit(struct programs *p);
