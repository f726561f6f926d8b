/* Files (`file-…`): a row, and a blob under it. */
#include <errno.h>
#include <sodium.h>

#include "base/clock.h"
#include "store/internal.h"

void store_file_deinit(struct store_file *f)
{
    free(f->id);
    free(f->project);
    free(f->filename);
    free(f->purpose);
    free(f->blob);
    *f = (struct store_file){0};
}

static void file_deinit(void *item) { store_file_deinit(item); }

void store_files_deinit(struct store_files *f)
{
    for (size_t i = 0; i < f->count; i++)
        store_file_deinit(&f->items[i]);
    free(f->items);
    *f = (struct store_files){0};
}

/* In the order of FILE_COLUMNS. */
static bool file_map(sqlite3_stmt *row, void *item)
{
    struct store_file *f = item;
    bool ok = true;
    *f = (struct store_file){
        .id = column_text(row, 0, &ok),
        .project = column_text(row, 1, &ok),
        .filename = column_text(row, 2, &ok),
        .purpose = column_text(row, 3, &ok),
        .bytes = column_int(row, 4),
        .created_at = column_int(row, 5),
        .expires_at = column_int(row, 6),
        .blob = column_text(row, 7, &ok),
    };
    if (!ok)
        store_file_deinit(f);
    return ok;
}

static const struct item_kind file_kind = {sizeof(struct store_file), file_map, file_deinit};

void store_file_id_new(char out[ID_SIZE])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    memcpy(out, "file-", 5);
    for (int i = 5; i < 29; i++)
        out[i] = letters[randombytes_uniform(sizeof letters - 1)];
    out[29] = 0;
}

/* When the disk did not take the row it must not stay either: the caller says that nothing was kept. */
int store_file_insert(struct store *s, const struct store_file *f, struct error *e)
{
    int r = query_run(s, 0, SQL_FILE_INSERT, "the file", NULL, e, "ttttiiit", f->id, f->project,
        f->filename, f->purpose, f->bytes, f->created_at, f->expires_at, f->blob);
    if (r)
        return r;
    r = flush_wait(s, e);
    if (r)
        query_run(s, RUN_FREES, SQL_FILE_DELETE, "the file", NULL, NULL, "tt", f->id, f->project);
    return r;
}

int store_file_get(struct store *s, const char *project, const char *id,
    struct store_file *ret_file, struct error *e)
{
    return query_one(s, 0, SQL_FILE_GET, "the file", file_map, ret_file, e, "tti", id, project,
        clock_realtime_s());
}

int store_file_list(struct store *s, const char *project, const char *purpose,
    const struct store_page *page, struct store_files *ret_list, struct error *e)
{
    char sql[PAGE_SQL_SIZE], scope[160];
    snprintf(scope, sizeof scope,
        "project = ?1 AND (?2 IS NULL OR purpose = ?2)"
        " AND (expires_at = 0 OR expires_at > %lld)",
        (long long)clock_realtime_s());
    query_page_sql(sql, FILE_COLUMNS, "files", scope, page);
    struct store_files list = {0};
    int r =
        query_list(s, sql, &file_kind, (void **)&list.items, &list.count, e, query_page_types(page),
            project, purpose, query_page_limit(page) + 1, page ? page->after : NULL);
    if (r)
        return r;
    list.has_more = query_page_cut(list.items, &list.count, page, &file_kind);
    *ret_list = list;
    return 0;
}

int store_file_delete(struct store *s, const char *project, const char *id, struct error *e)
{
    int r = query_run(s, RUN_MUST_CHANGE | RUN_FREES | RUN_DURABLE, SQL_FILE_DELETE, "the file",
        NULL, e, "tt", id, project);
    if (r != -ENOENT)
        blob_collect(s);
    return r;
}
