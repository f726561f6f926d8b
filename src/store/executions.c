/* Execution records. The path of every reply: one commit when it begins, one when it ends; a record
 * that is long goes beside the database, without waiting for the disk. */
#include <errno.h>

#include "base/fd.h"
#include "store/internal.h"

enum { CROWDED_MAX = 1024 };

void store_execution_deinit(struct store_execution *x)
{
    free(x->id);
    free(x->container_id);
    free(x->project);
    free(x->status);
    free(x->code);
    free(x->note);
    free(x->record);
    free(x->record_blob);
    *x = (struct store_execution){0};
}

static void execution_deinit(void *item) { store_execution_deinit(item); }

void store_executions_deinit(struct store_executions *x)
{
    for (size_t i = 0; i < x->count; i++)
        store_execution_deinit(&x->items[i]);
    free(x->items);
    *x = (struct store_executions){0};
}

/* In the order of EXECUTION_COLUMNS. */
static bool execution_map(sqlite3_stmt *row, void *item)
{
    struct store_execution *x = item;
    bool ok = true;
    *x = (struct store_execution){
        .id = column_text(row, 0, &ok),
        .container_id = column_text(row, 1, &ok),
        .project = column_text(row, 2, &ok),
        .created_at = column_int(row, 3),
        .status = column_text(row, 4, &ok),
        .note = column_text(row, 5, &ok),
        .record_bytes = column_int(row, 6),
        .record_blob = column_text(row, 7, &ok),
        .code = column_text(row, 8, &ok),
        .record = column_text(row, 9, &ok),
    };
    if (!ok)
        store_execution_deinit(x);
    return ok;
}

static const struct item_kind execution_kind = {
    sizeof(struct store_execution), execution_map, execution_deinit};

/* Puts a long record into a blob. The writer holds it until the row names it. */
static int record_to_blob(struct store *s, const char *record, size_t length,
    struct blob_writer **ret_writer, char ret_sha256[BLOB_HEX_SIZE], struct error *e)
{
    int r = store_blob_begin(s, ret_writer, e);
    if (!r)
        r = store_blob_append(*ret_writer, record, length, e);
    if (!r)
        r = store_blob_commit(*ret_writer, false, ret_sha256, NULL, e);
    return r;
}

/* One insertion in sixteen, at random, marks its container for store_expire to look at: whatever the
 * order of insertions, a container far beyond the limit is not overlooked, and nobody counts. */
static void note_crowded(struct store *s, const char *container_id)
{
    s->dice ^= s->dice << 13;
    s->dice ^= s->dice >> 17;
    s->dice ^= s->dice << 5;
    if (s->dice % 16 || s->crowded_all)
        return;
    container_id = container_id ? container_id : "";
    if (s->crowded_count && !strcmp(s->crowded[s->crowded_count - 1], container_id))
        return;
    if (!s->crowded)
        s->crowded = malloc(CROWDED_MAX * sizeof *s->crowded);
    char *copy = s->crowded && s->crowded_count < CROWDED_MAX ? strdup(container_id) : NULL;
    if (copy)
        s->crowded[s->crowded_count++] = copy;
    else
        s->crowded_all = true;
}

int store_execution_insert(struct store *s, const struct store_execution *x, struct error *e)
{
    size_t length = x->record ? strlen(x->record) : 0;
    struct blob_writer *writer = NULL;
    char sha256[BLOB_HEX_SIZE];
    bool beside = length > STORE_RECORD_INLINE_MAX;
    int r = beside ? record_to_blob(s, x->record, length, &writer, sha256, e) : 0;
    if (!r) {
        store_lock(s);
        r = query_run(s, RUN_LOCKED, SQL_EXEC_INSERT, "the execution", NULL, e, "tttittittt", x->id,
            x->container_id, x->project, x->created_at, x->status, x->note, (int64_t)length,
            beside ? sha256 : NULL, x->code, beside ? NULL : x->record);
        if (!r)
            note_crowded(s, x->container_id);
        else if (r == -ENOSPC)
            flush_pressure(s, false);
        store_unlock(s);
    }
    blob_writer_free(writer);
    return r;
}

static int finish_row(struct store *s, unsigned flags, const char *container_id, const char *id,
    const char *status, const char *record, size_t length, const char *sha256, struct error *e)
{
    if (sha256)
        return query_run(s, flags | RUN_MUST_CHANGE, SQL_EXEC_FINISH_BLOB, "the execution", NULL, e,
            "tttit", container_id, id, status, (int64_t)length, sha256);
    return query_run(s, flags | RUN_MUST_CHANGE, SQL_EXEC_FINISH, "the execution", NULL, e, "tttin",
        container_id, id, status, (int64_t)length, record, length);
}

static int finish_and_touch(struct store *s, const char *container_id, const char *id,
    const char *status, const char *record, size_t length, const char *sha256,
    const struct store_touch *touch, struct error *e)
{
    store_lock(s);
    int r = query_begin(s, "the execution", e);
    if (!r) {
        r = finish_row(s, RUN_LOCKED, container_id, id, status, record, length, sha256, e);
        if (!r)
            r = query_run(s, RUN_LOCKED, SQL_CONTAINER_COUNT, "the container", NULL, e, "tii",
                container_id, touch->last_active_at, touch->execution_count);
        r = query_end(s, r, "the execution", e);
    }
    if (r == -ENOSPC)
        flush_pressure(s, false);
    store_unlock(s);
    return r;
}

int store_execution_finish(struct store *s, const char *container_id, const char *id,
    const char *status, const char *record, size_t record_length, const struct store_touch *touch,
    struct error *e)
{
    struct blob_writer *writer = NULL;
    char sha256[BLOB_HEX_SIZE];
    bool beside = record_length > STORE_RECORD_INLINE_MAX;
    int r = beside ? record_to_blob(s, record, record_length, &writer, sha256, e) : 0;
    const char *blob = beside ? sha256 : NULL;
    if (!r)
        r = touch && container_id
                ? finish_and_touch(
                      s, container_id, id, status, record, record_length, blob, touch, e)
                : finish_row(s, 0, container_id, id, status, record, record_length, blob, e);
    blob_writer_free(writer);
    return r;
}

int store_execution_cut_short(struct store *s, const char *container_id, const char *id,
    const char *status, const char *note, struct error *e)
{
    if (id)
        return query_run(s, RUN_FREES, SQL_EXEC_CUT_ONE, "the execution", NULL, e, "tttt",
            container_id, id, status, note);
    if (container_id)
        return query_run(s, RUN_FREES, SQL_EXEC_CUT_CONTAINER, "the execution", NULL, e, "ttt",
            container_id, status, note);
    return query_run(s, RUN_FREES, SQL_EXEC_CUT_ALL, "the execution", NULL, e, "tt", status, note);
}

int store_execution_get(struct store *s, const char *container_id, const char *id,
    struct store_execution *ret_execution, struct error *e)
{
    return query_one(s, 0, SQL_EXEC_GET, "the execution", execution_map, ret_execution, e, "tt",
        container_id, id);
}

int store_execution_list(struct store *s, const char *container_id, const struct store_page *page,
    struct store_executions *ret_list, struct error *e)
{
    char sql[PAGE_SQL_SIZE];
    query_page_sql(sql, EXECUTION_COLUMNS, "executions", "container_id = ?1", page);
    struct store_executions list = {0};
    int r = query_list(s, sql, &execution_kind, (void **)&list.items, &list.count, e,
        query_page_types(page), container_id, NULL, query_page_limit(page) + 1,
        page ? page->after : NULL);
    if (r)
        return r;
    list.has_more = query_page_cut(list.items, &list.count, page, &execution_kind);
    *ret_list = list;
    return 0;
}

int store_execution_record(struct store *s, const struct store_execution *x, char **ret_record,
    size_t *ret_length, struct error *e)
{
    char *record = NULL;
    if (x->record_blob) {
        int r = blob_read(s, x->record_blob, x->record_bytes, &record, e);
        if (r)
            return r;
    } else if (!x->record) {
        return error_set(e, ERROR_NOT_FOUND, ENOENT, "The execution has no record.");
    } else if (!(record = strdup(x->record))) {
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    }
    *ret_record = record;
    *ret_length = (size_t)x->record_bytes;
    return 0;
}

int store_execution_delete_all(struct store *s, const char *container_id, struct error *e)
{
    int r =
        query_run(s, RUN_FREES, SQL_EXEC_DELETE_ALL, "the execution", NULL, e, "t", container_id);
    if (!r)
        atomic_store(&s->garbage, true);
    return r;
}
