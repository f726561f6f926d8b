/* tree.h - the read-only root that a ground and all its sandboxes stand in.
 *
 * Built once per ground by the supervisor's child, inside fresh user and mount namespaces, before it
 * becomes the warden. Everything comes in by descriptor or from world-readable places of the host:
 * /usr, fonts, certificates, the environment, Cloche's kernel library. /etc is written anew; /proc
 * is the ground's own; /sys holds two harmless directories. Sandboxes lay their scratch over
 * /mnt/data, /mnt/tmp and /mnt/shm; nothing else is writable in them. */
#pragma once
#include <stdbool.h>

#include "base/error.h"

/* Something of the host that goes into the tree: a detached mount (open_tree), which works wherever
 * it lies but takes CAP_SYS_ADMIN on the host; else a descriptor opened in this mount namespace. */
struct tree_source {
    int mount;
    int path;
};

/* Opens `path` as a source: a detached mount when `privileged`, to be made before the namespaces;
 * else after them, a plain descriptor. 0 or -errno. */
int tree_source_open(struct tree_source *s, const char *path, bool privileged);
void tree_source_close(struct tree_source *s);

struct tree {
    struct tree_source library; /* the directory with _cloche.abi3.so and python/: /opt/cloche */
    struct tree_source venv;    /* /opt/env; both -1 for the system's interpreter */
    int warmup;                 /* warmup.py, open for reading: /opt/warmup.py; or -1 */
};

/* Mounts the tree and makes it the root of this mount namespace. The caller is root of its own user
 * namespace, alone in its mount namespace. 0 or -errno with the failed step in `e`. */
int tree_enter(const struct tree *t, struct error *e);
