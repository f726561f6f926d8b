/* What has outlived its time, in small transactions, so that no reply waits long for one. */
#include <errno.h>

#include "store/internal.h"

enum { RUN_CHUNK = 10 /* runs: each may have thousands of events */ };

static bool id_map(sqlite3_stmt *row, void *item)
{
    snprintf(item, ID_SIZE, "%s", (const char *)sqlite3_column_text(row, 0));
    return true;
}

static bool seq_map(sqlite3_stmt *row, void *item)
{
    *(int64_t *)item = column_int(row, 0);
    return true;
}

static int expire_files(struct store *s, int64_t now_s, int64_t *removed, struct error *e)
{
    return query_run_pieces(s, SQL_FILE_EXPIRE, "the file", STORE_CHUNK, removed, e, "i", now_s);
}

static int expire_containers(struct store *s, int64_t before, int64_t *removed, struct error *e)
{
    char id[ID_SIZE];
    int r;
    while (
        !(r = query_one(s, 0, SQL_CONTAINER_ENDED, "the container", id_map, id, e, "i", before))) {
        r = store_container_delete(s, id, e);
        if (r && r != -ENOENT) /* somebody else was quicker */
            return r;
        ++*removed;
    }
    return r == -ENOENT ? 0 : r;
}

static int expire_stateless(struct store *s, int64_t before, int64_t *removed, struct error *e)
{
    return query_run_pieces(s, SQL_EXEC_OLD, "the execution", STORE_CHUNK, removed, e, "i", before);
}

static int expire_runs(struct store *s, int64_t before, int64_t *removed, struct error *e)
{
    return query_run_pieces(s, SQL_RUN_OLD, "the run", RUN_CHUNK, removed, e, "i", before);
}

/* Drops all but the newest of one container, or of the stateless ones ("" is their name here). */
static int trim(struct store *s, const char *container_id, int64_t *removed, struct error *e)
{
    const char *id = container_id[0] ? container_id : NULL;
    int64_t kept = id ? STORE_EXECUTIONS_KEPT : STORE_STATELESS_KEPT, newest_too_many;
    int r = query_one(s, 0, SQL_EXEC_NEWEST_TOO_MANY, "the execution", seq_map, &newest_too_many, e,
        "ti", id, kept);
    if (r)
        return r == -ENOENT ? 0 : r;
    return query_run_pieces(
        s, SQL_EXEC_TRIM, "the execution", STORE_CHUNK, removed, e, "ti", id, newest_too_many);
}

static bool crowded_map(sqlite3_stmt *row, void *item)
{
    bool ok = true;
    char **id = item;
    *id = sqlite3_column_type(row, 0) == SQLITE_NULL ? strdup("") : column_text(row, 0, &ok);
    return *id != NULL;
}

static void crowded_deinit(void *item) { free(*(char **)item); }

static int find_crowded(struct store *s, char ***ret_ids, size_t *ret_count, struct error *e)
{
    static const struct item_kind kind = {sizeof(char *), crowded_map, crowded_deinit};
    return query_list(s,
        "SELECT container_id FROM executions GROUP BY container_id HAVING count(*) > ?1", &kind,
        (void **)ret_ids, ret_count, e, "i", (int64_t)STORE_EXECUTIONS_KEPT);
}

static int trim_crowded(struct store *s, int64_t *removed, struct error *e)
{
    store_lock(s);
    bool all = s->crowded_all;
    char **ids = s->crowded;
    size_t count = s->crowded_count;
    s->crowded = NULL;
    s->crowded_count = 0;
    s->crowded_all = false;
    store_unlock(s);
    int r = 0;
    for (size_t i = 0; i < count; i++) {
        if (!r && !all)
            r = trim(s, ids[i], removed, e);
        free(ids[i]);
    }
    free(ids);
    if (!all)
        return r;
    r = find_crowded(s, &ids, &count, e);
    if (r)
        return r;
    for (size_t i = 0; i < count; i++) {
        if (!r)
            r = trim(s, ids[i], removed, e);
        free(ids[i]);
    }
    free(ids);
    return r;
}

int store_expire(struct store *s, int64_t now_s, int64_t *ret_removed, struct error *e)
{
    int64_t removed = 0, before = now_s - STORE_ENDED_DAYS * INT64_C(86400);
    int r = expire_files(s, now_s, &removed, e);
    if (!r)
        r = expire_containers(s, before, &removed, e);
    if (!r)
        r = expire_stateless(s, before, &removed, e);
    if (!r)
        r = expire_runs(s, now_s - STORE_RUN_DAYS * INT64_C(86400), &removed, e);
    if (!r)
        r = uploads_expire(s, now_s, before, &removed, e);
    if (!r)
        r = logins_expire(s, now_s, e);
    if (!r)
        r = deliveries_expire(s, now_s - STORE_RUN_DAYS * INT64_C(86400), &removed, e);
    if (!r)
        r = trim_crowded(s, &removed, e);
    if (removed)
        atomic_store(&s->garbage, true);
    if (!r && ret_removed)
        *ret_removed = removed;
    return r;
}
