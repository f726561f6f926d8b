#include "workspace.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/utf8.h"

enum { COMPONENT_BYTES_MAX = 255, BUCKETS_FIRST = 16 };

int workspace_path_check(const char *path, size_t n, const char *param, struct error *e)
{
    const char *why = NULL;
    if (n == 0 || path[0] == '/')
        why = "must be relative to /mnt/data";
    else if (n > SCAN_PATH_MAX)
        why = "is longer than 1024 bytes";
    else if (memchr(path, 0, n))
        why = "holds a NUL";
    else if (!utf8_valid(path, n))
        why = "is not UTF-8";
    for (size_t from = 0; !why && from <= n;) {
        const char *slash = memchr(path + from, '/', n - from);
        size_t length = slash ? (size_t)(slash - path) - from : n - from;
        if (length == 0)
            why = "has an empty component";
        else if (length > COMPONENT_BYTES_MAX)
            why = "has a component longer than 255 bytes";
        else if (path[from] == '.' && (length == 1 || (length == 2 && path[from + 1] == '.')))
            why = "must not contain '.' or '..' as a component";
        from += length + 1;
    }
    size_t folders = 0;
    for (size_t i = 0; i < n; i++)
        folders += path[i] == '/';
    if (!why && folders > SCAN_DEPTH_MAX)
        why = "is more than 64 folders deep"; /* no scan would find it again */
    for (size_t i = 0; !why && i < n; i++)
        if ((unsigned char)path[i] < 0x20 || path[i] == 0x7f)
            why = "holds a control character";
    return why ? error_param(e, ERROR_INVALID_VALUE, param, "The path %s.", why) : 0;
}

/* With a key, because the names are an attacker's: a hundred thousand that fall into one bucket would keep
 * this server, not the session, busy for minutes after each execution. */
static struct workspace_file **bucket_of(const struct workspace *w, const char *path, size_t n)
{
    uint64_t h;
    crypto_shorthash((unsigned char *)&h, (const unsigned char *)path, n, w->key);
    return &w->bucket[h % w->buckets];
}

void workspace_deinit(struct workspace *w)
{
    for (size_t i = 0; i < w->buckets; i++)
        while (w->bucket[i]) {
            struct workspace_file *f = w->bucket[i];
            w->bucket[i] = f->next;
            free(f);
        }
    free(w->bucket);
    *w = (struct workspace){0};
}

static struct workspace_file *find(const struct workspace *w, const char *path, size_t n)
{
    if (w->buckets == 0)
        return NULL;
    struct workspace_file *f = *bucket_of(w, path, n);
    while (f && (strncmp(f->path, path, n) != 0 || f->path[n] != 0))
        f = f->next;
    return f;
}

struct workspace_file *workspace_find(const struct workspace *w, const char *path)
{
    return find(w, path, strlen(path));
}

struct workspace_file *workspace_by_id(const struct workspace *w, const char *id)
{
    for (size_t i = 0; i < w->buckets; i++)
        for (struct workspace_file *f = w->bucket[i]; f; f = f->next)
            if (strcmp(f->id, id) == 0)
                return f;
    return NULL;
}

void workspace_each(
    const struct workspace *w, void (*call)(void *context, struct workspace_file *f), void *context)
{
    for (size_t i = 0; i < w->buckets; i++)
        for (struct workspace_file *f = w->bucket[i]; f; f = f->next)
            call(context, f);
}

static int grow(struct workspace *w)
{
    size_t buckets = w->buckets ? w->buckets * 4 : BUCKETS_FIRST;
    struct workspace old = *w;
    struct workspace_file **bucket = calloc(buckets, sizeof *bucket);
    if (!bucket)
        return -ENOMEM;
    if (!old.buckets)
        crypto_shorthash_keygen(w->key);
    w->bucket = bucket;
    w->buckets = buckets;
    for (size_t i = 0; i < old.buckets; i++)
        while (old.bucket[i]) {
            struct workspace_file *f = old.bucket[i];
            old.bucket[i] = f->next;
            struct workspace_file **to = bucket_of(w, f->path, strlen(f->path));
            f->next = *to;
            *to = f;
        }
    free(old.bucket);
    return 0;
}

static size_t bytes_of(const struct workspace_file *f)
{
    return sizeof(struct scan_record) + strlen(f->path);
}

static struct workspace_file *insert(struct workspace *w, const char *path, size_t n)
{
    if (w->files >= w->buckets * 2 && grow(w) < 0)
        return NULL;
    struct workspace_file *f = calloc(1, sizeof *f + n + 1);
    if (!f)
        return NULL;
    memcpy(f->path, path, n);
    struct workspace_file **to = bucket_of(w, path, n);
    f->next = *to;
    *to = f;
    w->files++;
    w->bytes += bytes_of(f);
    return f;
}

void workspace_remove(struct workspace *w, struct workspace_file *f)
{
    struct workspace_file **at = bucket_of(w, f->path, strlen(f->path));
    while (*at && *at != f)
        at = &(*at)->next;
    if (*at) {
        *at = f->next;
        w->files--;
        w->bytes -= bytes_of(f);
        free(f);
    }
}

struct workspace_file *workspace_put(struct workspace *w, const char *path, const char *id,
    uint64_t inode, uint64_t size, int64_t ctime_ns, int64_t created_at, bool from_user)
{
    struct workspace_file *f = workspace_find(w, path);
    if (!f)
        f = insert(w, path, strlen(path));
    if (!f)
        return NULL;
    f->inode = inode;
    f->size = size;
    f->ctime_ns = ctime_ns;
    f->created_at = created_at;
    f->from_user = from_user;
    f->mark = w->scans;
    snprintf(f->id, sizeof f->id, "%s", id);
    return f;
}

static int add_change(struct workspace_changes *c, struct workspace_file *now, const char *old_id)
{
    if ((c->n & (c->n - 1)) == 0) { /* a power of two: full, or empty */
        struct workspace_change *more = realloc(c->change, (c->n ? c->n * 2 : 1) * sizeof *more);
        if (!more)
            return -ENOMEM;
        c->change = more;
    }
    struct workspace_change *x = &c->change[c->n++];
    *x = (struct workspace_change){.now = now, .modified = old_id[0] != 0};
    snprintf(x->old_id, sizeof x->old_id, "%s", old_id);
    return 0;
}

/* One record of a scan. */
static int see(struct workspace *w, const struct scan_record *r, const char *path, int64_t now_s,
    struct workspace_changes *ret)
{
    struct workspace_file *f = find(w, path, r->path_length);
    if (f && f->inode == r->inode && f->size == r->size && f->ctime_ns == r->ctime_ns) {
        f->mark = w->scans;
        return 0;
    }
    if (!f && workspace_path_check(path, r->path_length, "path", NULL) < 0) {
        ret->unlistable++;
        return 0;
    }
    char old_id[40] = "", id[ID_SIZE];
    if (f)
        memcpy(old_id, f->id, sizeof old_id);
    else
        f = insert(w, path, r->path_length);
    if (!f)
        return -ENOMEM;
    id_new(id, "cfile_", 32);
    snprintf(f->id, sizeof f->id, "%.39s", id);
    f->inode = r->inode;
    f->size = r->size;
    f->ctime_ns = r->ctime_ns;
    f->created_at = now_s;
    f->from_user = false;
    f->mark = w->scans;
    return add_change(ret, f, old_id);
}

/* Removes what no scan has seen. */
static int forget_gone(struct workspace *w, struct workspace_changes *ret)
{
    int rc = 0;
    for (size_t i = 0; i < w->buckets; i++)
        for (struct workspace_file **at = &w->bucket[i]; *at;) {
            struct workspace_file *f = *at;
            if (f->mark == w->scans || f->hidden) {
                at = &f->next;
                continue;
            }
            int r = add_change(ret, NULL, f->id);
            rc = r < 0 ? r : rc;
            *at = f->next;
            w->files--;
            w->bytes -= bytes_of(f);
            free(f);
        }
    return rc;
}

int workspace_update(struct workspace *w, const char *records, size_t n, bool whole, int64_t now_s,
    struct workspace_changes *ret)
{
    int rc = 0;
    size_t seen = 0, before = w->files;
    *ret = (struct workspace_changes){0};
    w->scans++;
    for (size_t at = 0; at < n;) {
        struct scan_record r;
        if (n - at < sizeof r)
            return -EBADMSG;
        memcpy(&r, records + at, sizeof r);
        at += sizeof r;
        if (n - at < r.path_length)
            return -EBADMSG;
        int one = see(w, &r, records + at, now_s, ret);
        rc = one < 0 ? one : rc;
        at += r.path_length;
        seen++;
    }
    size_t unlistable = ret->unlistable;
    if (unlistable <= w->unlistable)
        ret->unlistable = 0; /* told already */
    w->unlistable = unlistable;
    const bool over = w->files > WORKSPACE_FILES_MAX || w->bytes > WORKSPACE_BYTES_MAX;
    if ((whole || over) && (before > 0 || seen < w->files)) {
        int gone = forget_gone(w, ret);
        rc = gone < 0 ? gone : rc;
    }
    return rc;
}

bool workspace_hides(const char *path)
{
    for (const char *at = path; at; at = strchr(at, '/')) {
        at += *at == '/';
        if (*at == '.' || (strncmp(at, "__pycache__", 11) == 0 && (at[11] == '/' || at[11] == 0)))
            return true;
    }
    return false;
}
