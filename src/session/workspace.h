/* workspace.h - what files a session has, by what init's scans say, and what changed between two.
 *
 * A file is the same as long as its path, inode, size and ctime are (mtime is the user's to set);
 * anything else is a new content and gets a new id. Paths come from hostile code: those that are not
 * UTF-8, or that a client could not name, are not listed. Not thread-safe: its session's lock is. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/protocol.h"
#include "session/init_link.h"
#include "session/session.h"

enum { CHANGES_MAX = 1000 };
/* What a workspace may hold of what no scan sees any more: as much as one scan may bring. */
enum { WORKSPACE_FILES_MAX = SCAN_ENTRIES_MAX, WORKSPACE_BYTES_MAX = SCAN_BYTES_MAX };

struct workspace_file {
    struct workspace_file *next; /* in its bucket */
    uint64_t inode, size, mark;  /* mark: the last scan that saw it */
    int64_t ctime_ns, created_at;
    char id[40]; /* "cfile_" and 32 digits */
    bool from_user;
    bool hidden; /* not listed and not scanned: a stream kept whole */
    char path[];
};

struct workspace {
    struct workspace_file **bucket;
    size_t buckets, files, bytes; /* bytes: as scan records */
    unsigned char key[16];        /* of the hash; random, made with the first bucket */
    uint64_t scans;
    size_t unlistable; /* in the last whole scan */
};

void workspace_deinit(struct workspace *w);
struct workspace_file *workspace_find(const struct workspace *w, const char *path);
struct workspace_file *workspace_by_id(const struct workspace *w, const char *id);

/* One difference: `now` belongs to the workspace and is NULL when the file is gone. */
struct workspace_change {
    struct workspace_file *now;
    bool modified;   /* there was another content at this path */
    char old_id[40]; /* of what is gone or was replaced; "" when it is new */
};
struct workspace_changes {
    struct workspace_change *change; /* the caller's (free) */
    size_t n;
    size_t unlistable; /* paths that could not be listed, when they are more than before */
};
/* Brings the workspace up to date with packed scan_records. `whole`: false when the walk was cut short,
 * and then what was not seen is not taken for gone, unless the workspace holds more than its bounds: the
 * session decides how often that is so. 0, -ENOMEM (the workspace is consistent, changes may be
 * missing), -EBADMSG. */
int workspace_update(struct workspace *w, const char *records, size_t n, bool whole, int64_t now_s,
    struct workspace_changes *ret);
/* Puts a file in by hand: a hidden one, or one that the store remembers. Replaces what is there. */
struct workspace_file *workspace_put(struct workspace *w, const char *path, const char *id,
    uint64_t inode, uint64_t size, int64_t ctime_ns, int64_t created_at, bool from_user);
void workspace_remove(struct workspace *w, struct workspace_file *f);
/* Calls for each file, in no order. */
void workspace_each(const struct workspace *w,
    void (*call)(void *context, struct workspace_file *f), void *context);
/* Do scans leave this path out? A component that starts with a dot, or __pycache__. */
bool workspace_hides(const char *path);
