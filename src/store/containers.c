/* Containers: the rows that sessions leave. */
#include <errno.h>

#include "base/clock.h"
#include "store/internal.h"

void store_container_deinit(struct store_container *c)
{
    free(c->id);
    free(c->project);
    free(c->name);
    free(c->environment);
    free(c->memory_limit);
    free(c->metadata);
    free(c->network_policy);
    free(c->settings);
    free(c->end_reason);
    *c = (struct store_container){0};
}

static void container_deinit(void *item) { store_container_deinit(item); }

void store_containers_deinit(struct store_containers *c)
{
    for (size_t i = 0; i < c->count; i++)
        store_container_deinit(&c->items[i]);
    free(c->items);
    *c = (struct store_containers){0};
}

/* In the order of CONTAINER_COLUMNS. */
static bool container_map(sqlite3_stmt *row, void *item)
{
    struct store_container *c = item;
    bool ok = true;
    *c = (struct store_container){
        .id = column_text(row, 0, &ok),
        .project = column_text(row, 1, &ok),
        .name = column_text(row, 2, &ok),
        .environment = column_text(row, 3, &ok),
        .status = (enum store_container_status)column_int(row, 4),
        .created_at = column_int(row, 5),
        .last_active_at = column_int(row, 6),
        .ended_at = column_int(row, 7),
        .expires_minutes = column_int(row, 8),
        .memory_limit_bytes = column_int(row, 9),
        .memory_limit = column_text(row, 10, &ok),
        .metadata = column_text(row, 11, &ok),
        .network_policy = column_text(row, 12, &ok),
        .settings = column_text(row, 13, &ok),
        .end_reason = column_text(row, 14, &ok),
        .live = {column_int(row, 15), column_int(row, 16), column_int(row, 17), column_int(row, 18),
            column_int(row, 19), column_int(row, 20)},
    };
    if (!ok)
        store_container_deinit(c);
    return ok;
}

static const struct item_kind container_kind = {
    sizeof(struct store_container), container_map, container_deinit};

static int write_all_columns(struct store *s, unsigned flags, enum statement id,
    const struct store_container *c, struct error *e)
{
    return query_run(s, flags, id, "the container", NULL, e, "ttttiiiiiitttttiiiiii", c->id,
        c->project, c->name, c->environment, (int64_t)c->status, c->created_at, c->last_active_at,
        c->ended_at, c->expires_minutes, c->memory_limit_bytes, c->memory_limit, c->metadata,
        c->network_policy, c->settings, c->end_reason, c->live.ground_id, c->live.sandbox,
        c->live.kernel_serial, c->live.pipe_set, c->live.execution_count, c->live.flags);
}

int store_container_insert(struct store *s, const struct store_container *c, struct error *e)
{
    return write_all_columns(s, 0, SQL_CONTAINER_INSERT, c, e);
}

int store_container_update(struct store *s, const struct store_container *c, struct error *e)
{
    return write_all_columns(s, RUN_MUST_CHANGE, SQL_CONTAINER_UPDATE, c, e);
}

int store_container_touch(struct store *s, const char *id, int64_t last_active_at, struct error *e)
{
    return query_run(s, RUN_MUST_CHANGE | RUN_FREES, SQL_CONTAINER_TOUCH, "the container", NULL, e,
        "ti", id, last_active_at);
}

int store_container_raise_memory(
    struct store *s, const char *id, int64_t bytes, const char *text, struct error *e)
{
    return query_run(
        s, RUN_MUST_CHANGE, SQL_CONTAINER_MEMORY, "the container", NULL, e, "tit", id, bytes, text);
}

int store_container_set_live(
    struct store *s, const char *id, const struct store_container_live *live, struct error *e)
{
    return query_run(s, RUN_MUST_CHANGE | RUN_FREES, SQL_CONTAINER_SET_LIVE, "the container", NULL,
        e, "tiiiiii", id, live->ground_id, live->sandbox, live->kernel_serial, live->pipe_set,
        live->execution_count, live->flags);
}

static int expire_locked(struct store *s, const char *id, const char *reason, struct error *e)
{
    const unsigned flags = RUN_LOCKED;
    int r = query_begin(s, "the container", e);
    if (r)
        return r;
    r = query_run(s, flags | RUN_MUST_CHANGE, SQL_CONTAINER_END, "the container", NULL, e, "titi",
        id, (int64_t)STORE_CONTAINER_EXPIRED, reason, clock_realtime_s());
    if (!r)
        r = query_run(s, flags, SQL_CFILE_DELETE_SOME, "the container", NULL, e, "ti", id,
            (int64_t)STORE_CHUNK);
    if (!r)
        r = query_run(s, flags, SQL_FIGURE_DELETE_ALL, "the container", NULL, e, "t", id);
    if (!r)
        r = query_run(s, flags, SQL_EXEC_CUT_CONTAINER, "the container", NULL, e, "ttt", id,
            "killed", reason);
    return query_end(s, r, "the container", e);
}

int store_container_mark_expired(
    struct store *s, const char *id, const char *reason, struct error *e)
{
    store_lock(s);
    int r = expire_locked(s, id, reason, e);
    if (r == -ENOSPC && flush_pressure(s, true))
        r = expire_locked(s, id, reason, e);
    if (!r)
        atomic_store(&s->garbage, true); /* its figures */
    store_unlock(s);
    return r;
}

int store_container_mark_deleted(struct store *s, const char *id, struct error *e)
{
    return query_run(s, RUN_MUST_CHANGE | RUN_FREES, SQL_CONTAINER_HIDE, "the container", NULL, e,
        "ti", id, clock_realtime_s());
}

int store_container_forget(
    struct store *s, const char *id, bool row, bool *ret_more, struct error *e)
{
    int64_t changes;
    int r = query_run(s, RUN_FREES, SQL_CFILE_DELETE_SOME, "the container", &changes, e, "ti", id,
        (int64_t)STORE_CHUNK);
    *ret_more = !r && changes == STORE_CHUNK;
    if (r || *ret_more || !row) /* the row's cascade would be one transaction */
        return r;
    r = query_run(
        s, RUN_MUST_CHANGE | RUN_FREES, SQL_CONTAINER_DELETE, "the container", NULL, e, "t", id);
    if (!r)
        atomic_store(&s->garbage, true);
    return r;
}

int store_container_delete(struct store *s, const char *id, struct error *e)
{
    for (;;) {
        bool more;
        int64_t since = clock_monotonic_us();
        int r = store_container_forget(s, id, true, &more, e);
        if (r || !more)
            return r;
        store_breathe(since);
    }
}

int store_container_get(struct store *s, const char *project, const char *id,
    struct store_container *ret_container, struct error *e)
{
    return query_one(s, 0, SQL_CONTAINER_GET, "the container", container_map, ret_container, e,
        "tt", id, project);
}

int store_container_list(struct store *s, const char *project, const char *name,
    const struct store_page *page, struct store_containers *ret_list, struct error *e)
{
    char sql[PAGE_SQL_SIZE];
    query_page_sql(sql, CONTAINER_COLUMNS, "containers",
        name ? "project = ?1 AND status <> 2 AND name = ?2" : "project = ?1 AND status <> 2", page);
    struct store_containers list = {0};
    int r = query_list(s, sql, &container_kind, (void **)&list.items, &list.count, e,
        query_page_types(page), project, name, query_page_limit(page) + 1,
        page ? page->after : NULL);
    if (r)
        return r;
    list.has_more = query_page_cut(list.items, &list.count, page, &container_kind);
    *ret_list = list;
    return 0;
}

int store_container_list_live(struct store *s, struct store_containers *ret_list, struct error *e)
{
    struct store_containers list = {0};
    int r = query_list(s,
        "SELECT " CONTAINER_COLUMNS " FROM containers WHERE status <> 1 ORDER BY created_at, seq",
        &container_kind, (void **)&list.items, &list.count, e, "");
    if (!r)
        *ret_list = list;
    return r;
}
