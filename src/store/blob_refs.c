/* Which blobs must stay: those that rows name (counted by triggers, schema.c) and those whose writer
 * is alive, which is how a blob survives between its commit and the insertion of its row. A blob is
 * removed row first, bytes second, both under blob_lock, and placed and pinned under the same lock: so
 * whoever stores the same content meanwhile comes either before (the pin saves it) or after (it is
 * placed anew). Bytes whose row never came are swept at the next open. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "store/internal.h"

enum { UNSYNCED_MAX = 4096 };

struct blob_writer {
    struct store *store;
    struct upload *upload;
    bool pinned;
    struct blob_writer *next; /* in store->pins */
};

static bool sha_map(sqlite3_stmt *row, void *item)
{
    snprintf(item, BLOB_HEX_SIZE, "%s", (const char *)sqlite3_column_text(row, 0));
    return true;
}

static bool any_map(sqlite3_stmt *row, void *item)
{
    (void)row, (void)item;
    return true;
}

/* Answers true also when that cannot be found out. */
static bool is_named(void *context, const char *sha256)
{
    return query_one(context, 0, SQL_BLOB_KNOWN, "the blob", any_map, NULL, NULL, "t", sha256) !=
           -ENOENT;
}

static bool is_pinned(const struct store *s, const char *sha256)
{
    for (const struct blob_writer *w = s->pins; w; w = w->next)
        if (!strcmp(upload_sha256(w->upload), sha256))
            return true;
    return false;
}

/* Under blob_lock. */
static void remove_if_unused(struct store *s, const char *sha256)
{
    if (is_pinned(s, sha256))
        return;
    if (query_run(s, RUN_FREES, SQL_BLOB_FORGET, "the blob", NULL, NULL, "t", sha256) ||
        is_named(s, sha256))
        return;
    int r = blobs_remove(s->blobs, sha256);
    if (r)
        log_line(
            LOG_WARN, "store", "blob not removed", "sha256=%s error=\"%s\"", sha256, strerror(-r));
}

void blob_collect(struct store *s)
{
    char sha256[BLOB_HEX_SIZE] = "";
    pthread_mutex_lock(&s->blob_lock);
    while (
        !query_one(s, 0, SQL_BLOB_UNREFERENCED, "the blob", sha_map, sha256, NULL, "t", sha256)) {
        remove_if_unused(s, sha256);
        pthread_mutex_unlock(&s->blob_lock); /* let writers in between two removals */
        pthread_mutex_lock(&s->blob_lock);
    }
    pthread_mutex_unlock(&s->blob_lock);
}

void blob_flush(struct store *s)
{
    pthread_mutex_lock(&s->blob_lock);
    char(*list)[BLOB_HEX_SIZE] = s->unsynced;
    size_t count = s->unsynced_count;
    s->unsynced = NULL;
    s->unsynced_count = 0;
    pthread_mutex_unlock(&s->blob_lock);
    for (size_t i = 0; i < count; i++) {
        int r = blobs_sync_blob(s->blobs, list[i]);
        if (r && r != -ENOENT)
            log_line(LOG_ERROR, "store", "blob not synced", "sha256=%s error=\"%s\"", list[i],
                strerror(-r));
    }
    free(list);
}

/* Under blob_lock. A blob that finds no room in the list is synced at once instead. */
static void note_unsynced(struct store *s, const char *sha256)
{
    size_t n = s->unsynced_count;
    if ((n & (n - 1)) == 0 && n < UNSYNCED_MAX) { /* 0 or a power of two: full */
        void *larger = realloc(s->unsynced, (n ? n * 2 : 1) * sizeof *s->unsynced);
        if (!larger) {
            blobs_sync_blob(s->blobs, sha256);
            return;
        }
        s->unsynced = larger;
    }
    if (n >= UNSYNCED_MAX)
        blobs_sync_blob(s->blobs, sha256);
    else
        memcpy(s->unsynced[s->unsynced_count++], sha256, BLOB_HEX_SIZE);
}

int blob_refs_open(struct store *s, struct error *e)
{
    int r = blobs_open(s->dir_fd, &s->blobs, e);
    if (r || !(s->flags & STORE_OWNER))
        return r;
    blob_collect(s);
    r = blobs_sweep(s->blobs, is_named, s);
    return r ? error_set(e, ERROR_INTERNAL, -r, "The state directory's blobs cannot be read: %s.",
                   strerror(-r))
             : 0;
}

void blob_refs_close(struct store *s)
{
    free(s->unsynced);
    s->unsynced = NULL;
    s->blobs = blobs_close(s->blobs);
}

int store_blob_begin(struct store *s, struct blob_writer **ret_writer, struct error *e)
{
    struct blob_writer *w = calloc(1, sizeof *w);
    if (!w)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    w->store = s;
    int r = upload_begin(s->blobs, &w->upload, e);
    if (r) {
        free(w);
        return r;
    }
    *ret_writer = w;
    return 0;
}

int store_blob_append(struct blob_writer *w, const void *data, size_t n, struct error *e)
{
    return upload_append(w->upload, data, n, e);
}

int store_blob_commit(struct blob_writer *w, bool durable, char ret_sha256[BLOB_HEX_SIZE],
    int64_t *ret_bytes, struct error *e)
{
    struct store *s = w->store;
    int r = upload_seal(w->upload, durable, e);
    if (r)
        return r;
    pthread_mutex_lock(&s->blob_lock);
    r = upload_place(w->upload, e);
    if (r >= 0) {
        w->pinned = true;
        w->next = s->pins;
        s->pins = w;
        if (!r && !durable)
            note_unsynced(s, upload_sha256(w->upload));
    }
    pthread_mutex_unlock(&s->blob_lock);
    if (r >= 0)
        r = durable ? upload_settle(w->upload, e) : 0;
    if (r)
        return r;
    snprintf(ret_sha256, BLOB_HEX_SIZE, "%s", upload_sha256(w->upload));
    if (ret_bytes)
        *ret_bytes = upload_bytes(w->upload);
    return 0;
}

struct blob_writer *blob_writer_free(struct blob_writer *w)
{
    if (!w)
        return NULL;
    struct store *s = w->store;
    if (w->pinned) {
        pthread_mutex_lock(&s->blob_lock);
        struct blob_writer **link = &s->pins;
        while (*link != w)
            link = &(*link)->next;
        *link = w->next;
        if (!is_named(s, upload_sha256(w->upload)))
            remove_if_unused(s, upload_sha256(w->upload));
        pthread_mutex_unlock(&s->blob_lock);
    }
    upload_free(w->upload);
    free(w);
    return NULL;
}

int store_blob_open(struct store *s, const char *sha256, struct error *e)
{
    int fd = blobs_open_blob(s->blobs, sha256);
    if (fd >= 0)
        return fd;
    if (fd == -ENOENT)
        return error_set(e, ERROR_INTERNAL, EIO, "The stored content is not on the disk any more.");
    return error_set(
        e, ERROR_INTERNAL, -fd, "The stored content cannot be opened: %s.", strerror(-fd));
}

int blob_read(struct store *s, const char *sha256, int64_t bytes, char **ret_data, struct error *e)
{
    cleanup_fd int fd = store_blob_open(s, sha256, e);
    if (fd < 0)
        return fd;
    struct stat st;
    if (fstat(fd, &st) < 0 || st.st_size != bytes)
        return error_set(e, ERROR_INTERNAL, EIO, "The stored content was lost to a power failure.");
    cleanup_free char *data = malloc((size_t)bytes + 1);
    if (!data)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    int r = fd_read_all(fd, data, (size_t)bytes);
    if (r)
        return error_set(
            e, ERROR_INTERNAL, EIO, "The stored content cannot be read: %s.", strerror(-r));
    data[bytes] = 0;
    *ret_data = take_ptr(data);
    return 0;
}
