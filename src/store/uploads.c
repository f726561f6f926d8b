/* Uploads: a row that grows parts, which are blobs, until it becomes a File or is given up. What makes it end
 * is one commit; its parts, of which there may be thousands, go afterwards in pieces, and whoever is
 * interrupted there is followed by store_expire. */
#include <errno.h>

#include "base/clock.h"
#include "store/internal.h"

void store_upload_deinit(struct store_upload *u)
{
    free(u->id);
    free(u->project);
    free(u->filename);
    free(u->purpose);
    free(u->mime_type);
    free(u->status);
    free(u->file_id);
    *u = (struct store_upload){0};
}

void store_upload_part_deinit(struct store_upload_part *p)
{
    free(p->id);
    free(p->upload_id);
    free(p->blob);
    *p = (struct store_upload_part){0};
}

/* In the order of UPLOAD_COLUMNS. */
static bool upload_map(sqlite3_stmt *row, void *item)
{
    struct store_upload *u = item;
    bool ok = true;
    *u = (struct store_upload){
        .id = column_text(row, 0, &ok),
        .project = column_text(row, 1, &ok),
        .filename = column_text(row, 2, &ok),
        .purpose = column_text(row, 3, &ok),
        .mime_type = column_text(row, 4, &ok),
        .status = column_text(row, 5, &ok),
        .file_id = column_text(row, 6, &ok),
        .bytes = column_int(row, 7),
        .parts_bytes = column_int(row, 8),
        .created_at = column_int(row, 9),
        .expires_at = column_int(row, 10),
        .file_seconds = column_int(row, 11),
    };
    if (ok && strcmp(u->status, "pending") == 0 && u->expires_at <= clock_realtime_s()) {
        free(u->status);
        u->status = strdup("expired");
        ok = u->status != NULL;
    }
    if (!ok)
        store_upload_deinit(u);
    return ok;
}

/* In the order of UPLOAD_PART_COLUMNS. */
static bool part_map(sqlite3_stmt *row, void *item)
{
    struct store_upload_part *p = item;
    bool ok = true;
    *p = (struct store_upload_part){
        .id = column_text(row, 0, &ok),
        .upload_id = column_text(row, 1, &ok),
        .blob = column_text(row, 2, &ok),
        .bytes = column_int(row, 3),
        .created_at = column_int(row, 4),
    };
    if (!ok)
        store_upload_part_deinit(p);
    return ok;
}

static bool count_map(sqlite3_stmt *row, void *item)
{
    *(int64_t *)item = column_int(row, 0);
    return true;
}

int store_upload_insert(
    struct store *s, const struct store_upload *u, int64_t pending_max, struct error *e)
{
    int64_t pending = 0;
    store_lock(s);
    int r = query_one(s, RUN_LOCKED, SQL_UPLOAD_COUNT, "the upload", count_map, &pending, e, "ti",
        u->project, clock_realtime_s());
    if (!r && pending >= pending_max)
        r = error_set(e, ERROR_QUOTA_EXCEEDED, EAGAIN,
            "There are %lld uploads that were neither completed nor cancelled, and no more are "
            "allowed at one time; each expires an hour after it was created.",
            (long long)pending);
    if (!r)
        r = query_run(s, RUN_LOCKED, SQL_UPLOAD_INSERT, "the upload", NULL, e, "tttttiiii", u->id,
            u->project, u->filename, u->purpose, u->mime_type, u->bytes, u->created_at,
            u->expires_at, u->file_seconds);
    store_unlock(s);
    return r;
}

int store_upload_get(struct store *s, const char *project, const char *id,
    struct store_upload *ret_upload, struct error *e)
{
    return query_one(
        s, 0, SQL_UPLOAD_GET, "the upload", upload_map, ret_upload, e, "tt", id, project);
}

int store_upload_part_insert(
    struct store *s, const struct store_upload_part *p, int64_t bytes_max, struct error *e)
{
    static const char what[] = "the part";
    store_lock(s);
    int r = query_begin(s, what, e);
    if (!r) {
        r = query_run(s, RUN_LOCKED | RUN_MUST_CHANGE, SQL_UPLOAD_GROW, what, NULL, e, "tiiii",
            p->upload_id, p->bytes, clock_realtime_s(), (int64_t)STORE_UPLOAD_PARTS_MAX, bytes_max);
        if (!r)
            r = query_run(s, RUN_LOCKED, SQL_UPLOAD_PART_INSERT, what, NULL, e, "tttii", p->id,
                p->upload_id, p->blob, p->bytes, p->created_at);
        r = query_end(s, r, what, e);
    }
    store_unlock(s);
    return r ? r : flush_wait(s, e);
}

int store_upload_part_get(struct store *s, const char *upload_id, const char *id,
    struct store_upload_part *ret_part, struct error *e)
{
    return query_one(
        s, 0, SQL_UPLOAD_PART_GET, "the part", part_map, ret_part, e, "tt", upload_id, id);
}

/* Its parts are gone; a failure leaves the rest to store_expire. */
static int empty(struct store *s, const char *id, struct error *e)
{
    int64_t removed = 0;
    int r =
        query_run_pieces(s, SQL_UPLOAD_DROP_PARTS, "the upload", STORE_CHUNK, &removed, e, "t", id);
    if (!r)
        r = query_run(s, RUN_FREES, SQL_UPLOAD_EMPTY, "the upload", NULL, e, "t", id);
    atomic_store(&s->garbage, true);
    return r;
}

static int complete_locked(
    struct store *s, const char *id, const struct store_file *f, struct error *e)
{
    static const char what[] = "the upload";
    int r = query_begin(s, what, e);
    if (r)
        return r;
    r = query_run(s, RUN_LOCKED | RUN_MUST_CHANGE, SQL_UPLOAD_END, what, NULL, e, "ttt", id,
        "completed", f->id);
    if (!r)
        r = query_run(s, RUN_LOCKED, SQL_FILE_INSERT, what, NULL, e, "ttttiiit", f->id, f->project,
            f->filename, f->purpose, f->bytes, f->created_at, f->expires_at, f->blob);
    return query_end(s, r, what, e);
}

int store_upload_complete(
    struct store *s, const char *id, const struct store_file *f, struct error *e)
{
    store_lock(s);
    int r = complete_locked(s, id, f, e);
    store_unlock(s);
    if (r)
        return r;
    r = flush_wait(s, e);
    if (r) { /* the caller says that there is no File: so there must be none, and it may try again */
        query_run(s, RUN_FREES, SQL_FILE_DELETE, "the file", NULL, NULL, "tt", f->id, f->project);
        query_run(s, RUN_FREES, SQL_UPLOAD_UNDO, "the upload", NULL, NULL, "t", id);
        return r;
    }
    empty(s, id, NULL);
    blob_collect(s);
    return 0;
}

int store_upload_cancel(struct store *s, const char *id, struct error *e)
{
    int r = query_run(s, RUN_MUST_CHANGE | RUN_FREES, SQL_UPLOAD_END, "the upload", NULL, e, "ttt",
        id, "cancelled", NULL);
    if (r)
        return r;
    empty(s, id, NULL);
    blob_collect(s);
    return 0;
}

static bool id_map(sqlite3_stmt *row, void *item)
{
    snprintf(item, ID_SIZE, "%s", (const char *)sqlite3_column_text(row, 0));
    return true;
}

int uploads_expire(
    struct store *s, int64_t now_s, int64_t forgotten_before, int64_t *removed, struct error *e)
{
    char id[ID_SIZE];
    int64_t changes = 0;
    int r = query_run(s, RUN_FREES, SQL_UPLOAD_EXPIRE, "the upload", &changes, e, "i", now_s);
    *removed += changes;
    while (!r && !(r = query_one(s, 0, SQL_UPLOAD_TO_EMPTY, "the upload", id_map, id, e, "")))
        r = empty(s, id, e);
    if (r == -ENOENT)
        r = 0;
    return r ? r
             : query_run_pieces(
                   s, SQL_UPLOAD_OLD, "the upload", STORE_CHUNK, removed, e, "i", forgotten_before);
}
