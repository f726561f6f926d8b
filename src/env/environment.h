/* environment.h - what environments there are, what is in each, and which one a piece of code needs.
 *
 * Used by the server (GET /v1/environments, the choice for stateless work) and by the command line.
 * It only reads: building and removing is `cloche env`'s. `base` is always there: the system's own
 * interpreter, without a directory. Manifests are written by `cloche env build`, but what they tell
 * comes from packages, so their names and numbers are read as a stranger's. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "env/generation.h"
#include "env/imports.h"

#define ENVIRONMENT_BASE "base"
#define ENVIRONMENT_DEFAULT "data-science"

struct environment {
    char name[ENVIRONMENT_NAME_SIZE];
    char generation[GENERATION_SIZE]; /* "" for base */
    char python[256];                 /* the interpreter it was made from */
    char python_version[16];          /* "3.11.2"; "" when unknown */
    char project[64];                 /* whose it is; "" for everybody's */
    char source[16];                  /* "pypi", "debian" (PyPI could not be reached) or "system" */
    int64_t created_at;               /* Unix seconds; 0 for base */
    int64_t size_bytes;               /* on disk; 0 for base */
    bool shell;                       /* IPython is in it: sessions have its syntax */
    json_t *packages;                 /* object, name: version; never NULL */
    json_t *imports;                  /* array of top-level module names; never NULL */
    json_t *missing;      /* array of what was asked for and could not be had; never NULL */
    json_t *requirements; /* array, as they were asked for; never NULL */
};

void environment_deinit(struct environment *env);

/* Reads one environment; `environments` is the directory's descriptor, or -1 when there is none.
 * -ENOENT with ERROR_ENVIRONMENT_NOT_BUILT; other -errno for a manifest that cannot be read. */
int environment_load(int environments, const char *name, struct environment *ret, struct error *e);

/* All of them, `base` first, then by name; those whose manifest cannot be read are left out. The
 * array is malloc'ed, environment_list_free() ends it. 0 or -errno. */
int environment_list(int environments, struct environment **ret, size_t *ret_count);
void environment_list_free(struct environment *list, size_t count);

/* Whether `project` may use it: everybody's, or its own. */
bool environment_visible(const struct environment *env, const char *project);

/* The smallest of `list` that offers all that is imported and not Python's own: `base` when nothing
 * else is needed. When none has everything, the one that has most. An index into the list. */
size_t environment_for_imports(
    const struct environment *list, size_t count, const struct imports *needed);
/* Does it offer this module? Python's own always; an alias counts as a module. */
bool environment_offers(const struct environment *env, const char *module);
