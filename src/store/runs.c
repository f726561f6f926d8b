/* Runs and their events. Events are appended while a run goes on, without waiting for the disk; a run's
 * end is one commit with its last events and its conversation's items, and waits for it. */
#include <errno.h>

#include "store/internal.h"

void store_run_deinit(struct store_run *r)
{
    free(r->id);
    free(r->project);
    free(r->dialect);
    free(r->status);
    free(r->model);
    free(r->container_id);
    free(r->conversation_id);
    free(r->previous_id);
    free(r->request);
    free(r->input);
    free(r->output);
    free(r->error);
    free(r->usage);
    *r = (struct store_run){0};
}

static void run_deinit(void *item) { store_run_deinit(item); }

void store_runs_deinit(struct store_runs *r)
{
    for (size_t i = 0; i < r->count; i++)
        store_run_deinit(&r->items[i]);
    free(r->items);
    *r = (struct store_runs){0};
}

/* In the order of RUN_COLUMNS. */
static bool run_map(sqlite3_stmt *row, void *item)
{
    struct store_run *r = item;
    bool ok = true;
    *r = (struct store_run){
        .id = column_text(row, 0, &ok),
        .project = column_text(row, 1, &ok),
        .dialect = column_text(row, 2, &ok),
        .status = column_text(row, 3, &ok),
        .model = column_text(row, 4, &ok),
        .container_id = column_text(row, 5, &ok),
        .conversation_id = column_text(row, 6, &ok),
        .previous_id = column_text(row, 7, &ok),
        .created_at = column_int(row, 8),
        .completed_at = column_int(row, 9),
        .background = column_int(row, 10) != 0,
        .error = column_text(row, 11, &ok),
        .usage = column_text(row, 12, &ok),
        .request = column_text(row, 13, &ok),
        .input = column_text(row, 14, &ok),
        .output = column_text(row, 15, &ok),
        .expires_at = column_int(row, 16),
    };
    if (!ok)
        store_run_deinit(r);
    return ok;
}

static const struct item_kind run_kind = {sizeof(struct store_run), run_map, run_deinit};

int store_run_insert(struct store *s, const struct store_run *r, unsigned flags, struct error *e)
{
    int64_t alone = (flags & STORE_RUN_ALONE) != 0, inserted = 0;
    int rc = query_run(s, 0, SQL_RUN_INSERT, "the run", &inserted, e, "ttttttttiiitttttii", r->id,
        r->project, r->dialect, r->status, r->model, r->container_id, r->conversation_id,
        r->previous_id, r->created_at, r->completed_at, (int64_t)r->background, r->error, r->usage,
        r->request, r->input, r->output, r->expires_at, alone);
    if (rc == 0 && inserted == 0)
        return error_set(e, ERROR_INVALID_VALUE, EBUSY, "The conversation has an active run.");
    if (rc || !(flags & STORE_RUN_DURABLE))
        return rc;
    rc = flush_wait(s, e);
    if (rc) /* the caller says that nothing was kept */
        query_run(s, RUN_FREES, SQL_RUN_DELETE, "the run", NULL, NULL, "tt", r->id, r->project);
    return rc;
}

static int update(struct store *s, unsigned flags, const struct store_run *r, struct error *e)
{
    return query_run(s, flags | RUN_MUST_CHANGE, SQL_RUN_UPDATE, "the run", NULL, e, "ttttittt",
        r->id, r->status, r->model, r->container_id, r->completed_at, r->error, r->usage,
        r->output);
}

int store_run_update(struct store *s, const struct store_run *r, struct error *e)
{
    return update(s, 0, r, e);
}

int store_run_get(struct store *s, const char *project, const char *dialect, const char *id,
    struct store_run *ret_run, struct error *e)
{
    return query_one(
        s, 0, SQL_RUN_GET, "the run", run_map, ret_run, e, "ttt", id, project, dialect);
}

static bool id_map(sqlite3_stmt *row, void *item)
{
    snprintf(item, ID_SIZE, "%s", (const char *)sqlite3_column_text(row, 0));
    return true;
}

int store_run_active(struct store *s, const char *project, const char *conversation_id,
    char ret_id[ID_SIZE], struct error *e)
{
    return query_one(
        s, 0, SQL_RUN_ACTIVE_OF, "the run", id_map, ret_id, e, "tt", project, conversation_id);
}

static bool due_map(sqlite3_stmt *row, void *item)
{
    struct store_run_due *due = item;
    due->expires_at = column_int(row, 1);
    due->seq = column_int(row, 2);
    return id_map(row, due->id);
}

int store_run_due(struct store *s, int64_t now_s, struct store_run_due *due, struct error *e)
{
    return query_one(
        s, 0, SQL_RUN_DUE, "the run", due_map, due, e, "iii", now_s, due->expires_at, due->seq);
}

int store_run_container(struct store *s, const char *project, const char *conversation_id,
    char ret_id[ID_SIZE], struct error *e)
{
    return query_one(s, 0, SQL_RUN_CONTAINER_OF, "the container", id_map, ret_id, e, "tt", project,
        conversation_id);
}

int store_run_set_request(struct store *s, const char *id, const char *request, struct error *e)
{
    return query_run(
        s, RUN_MUST_CHANGE, SQL_RUN_SET_REQUEST, "the run", NULL, e, "tt", id, request);
}

int store_run_list(struct store *s, const char *project, const char *dialect,
    const char *conversation_id, const struct store_page *page, struct store_runs *ret_list,
    struct error *e)
{
    char sql[PAGE_SQL_SIZE];
    const char *scope =
        conversation_id ? "project = ?1 AND (?2 IS NULL OR dialect = ?2) AND conversation_id = ?5"
                        : "project = ?1 AND (?2 IS NULL OR dialect = ?2) AND ?5 IS NULL";
    query_page_sql(sql, RUN_COLUMNS, "runs", scope, page);
    struct store_runs list = {0};
    int r = query_list(s, sql, &run_kind, (void **)&list.items, &list.count, e, "ttitt", project,
        dialect, query_page_limit(page) + 1, query_page_cursor(page), conversation_id);
    if (r)
        return r;
    list.has_more = query_page_cut(list.items, &list.count, page, &run_kind);
    *ret_list = list;
    return 0;
}

int store_run_delete(struct store *s, const char *project, const char *id, struct error *e)
{
    return query_run(s, RUN_MUST_CHANGE | RUN_FREES | RUN_DURABLE, SQL_RUN_DELETE, "the run", NULL,
        e, "tt", id, project);
}

static int cut_locked(struct store *s, const char *error, const char *event, int64_t now_s,
    int64_t *ret_count, struct error *e)
{
    int r = query_begin(s, "the runs", e);
    if (r)
        return r;
    r = query_run(s, RUN_LOCKED, SQL_RUN_CUT_EVENTS, "the runs", NULL, e, "t", event);
    if (!r)
        r = query_run(s, RUN_LOCKED, SQL_DELIVERY_QUEUE_CUT, "the runs", NULL, e, "i", now_s);
    if (!r)
        r = deliveries_bound(s, NULL, e);
    if (!r)
        r = query_run(s, RUN_LOCKED, SQL_RUN_CUT, "the runs", ret_count, e, "ti", error, now_s);
    return query_end(s, r, "the runs", e);
}

int store_runs_cut_short(struct store *s, const char *error, const char *event, int64_t now_s,
    int64_t *ret_count, struct error *e)
{
    store_lock(s);
    int r = cut_locked(s, error, event, now_s, ret_count, e);
    if (r == -ENOSPC && flush_pressure(s, true))
        r = cut_locked(s, error, event, now_s, ret_count, e);
    store_unlock(s);
    return r ? r : flush_wait(s, e);
}

/* ---- events ------------------------------------------------------------------------------------------ */

static int append_locked(struct store *s, const char *run_id, int64_t first,
    const struct store_text *events, size_t n, struct error *e)
{
    int r = 0;
    for (size_t i = 0; i < n && !r; i++)
        r = query_run(s, RUN_LOCKED | RUN_MUST_CHANGE, SQL_EVENT_APPEND, "the run", NULL, e, "tin",
            run_id, first + (int64_t)i, events[i].text, events[i].length);
    return r;
}

int store_run_events_append(struct store *s, const char *run_id, int64_t first,
    const struct store_text *events, size_t n, struct error *e)
{
    store_lock(s);
    int r = n > 1 ? query_begin(s, "the run", e) : 0; /* one statement is a transaction by itself */
    if (!r)
        r = append_locked(s, run_id, first, events, n, e);
    if (n > 1)
        r = query_end(s, r, "the run", e);
    if (r == -ENOSPC)
        flush_pressure(s, false);
    store_unlock(s);
    return r;
}

static bool event_map(sqlite3_stmt *row, void *item)
{
    struct store_event *event = item;
    bool ok = true;
    event->text = column_text(row, 0, &ok);
    event->length = (size_t)sqlite3_column_bytes(row, 0);
    return ok;
}

static void event_deinit(void *item) { free(((struct store_event *)item)->text); }

int store_run_events_read(struct store *s, const char *run_id, int64_t from, int limit,
    struct store_event **ret_events, size_t *ret_count, struct error *e)
{
    static const struct item_kind kind = {sizeof(struct store_event), event_map, event_deinit};
    return query_list(s,
        "SELECT text FROM run_events WHERE run = (SELECT seq FROM runs WHERE id = ?1)"
        " AND number >= ?2 ORDER BY number LIMIT ?3",
        &kind, (void **)ret_events, ret_count, e, "tii", run_id, from, (int64_t)limit);
}

void store_events_free(struct store_event *events, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(events[i].text);
    free(events);
}

/* ---- the end ----------------------------------------------------------------------------------------- */

static int end_locked(struct store *s, const struct store_run_end *x, struct error *e)
{
    int r = query_begin(s, "the run", e);
    if (r)
        return r;
    r = update(s, RUN_LOCKED, x->run, e);
    if (!r)
        r = append_locked(s, x->run->id, x->first, x->events, x->n_events, e);
    for (size_t i = 0; i < x->n_told && !r; i++)
        r = query_run(s, RUN_LOCKED, SQL_DELIVERY_QUEUE, "the run", NULL, e, "tttit", x->told[i].id,
            x->told[i].type, x->told[i].body, x->run->completed_at, x->run->project);
    if (!r && x->n_told)
        r = deliveries_bound(s, x->run->project, e);
    for (size_t i = 0; i < x->n_items && !r; i++) {
        int added = item_append(s, &x->items[i], e);
        /* of a run that waited meanwhile: what is shown is its client's since */
        if (added == -EEXIST)
            added = item_set_transcript(s, &x->items[i], e);
        if (added != -ENOENT) /* deleted meanwhile */
            r = added;
    }
    return query_end(s, r, "the run", e);
}

int store_run_end(struct store *s, const struct store_run_end *end, struct error *e)
{
    store_lock(s);
    int r = end_locked(s, end, e);
    if (r == -ENOSPC && flush_pressure(s, true))
        r = end_locked(s, end, e);
    store_unlock(s);
    return r ? r : flush_wait(s, e);
}
