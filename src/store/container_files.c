/* The files that containers have shown: rows only, the bytes lie in the scratch. */
#include <errno.h>

#include "store/internal.h"

void store_container_file_deinit(struct store_container_file *f)
{
    free(f->id);
    free(f->container_id);
    free(f->path);
    free(f->mime_type);
    *f = (struct store_container_file){0};
}

static void file_deinit(void *item) { store_container_file_deinit(item); }

void store_container_files_deinit(struct store_container_files *f)
{
    for (size_t i = 0; i < f->count; i++)
        store_container_file_deinit(&f->items[i]);
    free(f->items);
    *f = (struct store_container_files){0};
}

/* In the order of CONTAINER_FILE_COLUMNS. */
static bool file_map(sqlite3_stmt *row, void *item)
{
    struct store_container_file *f = item;
    bool ok = true;
    *f = (struct store_container_file){
        .id = column_text(row, 0, &ok),
        .container_id = column_text(row, 1, &ok),
        .path = column_text(row, 2, &ok),
        .bytes = column_int(row, 3),
        .created_at = column_int(row, 4),
        .by_user = column_int(row, 5) != 0,
        .mime_type = column_text(row, 6, &ok),
        .fingerprint = {column_int(row, 7), column_int(row, 8), column_int(row, 9)},
    };
    if (!ok)
        store_container_file_deinit(f);
    return ok;
}

static const struct item_kind file_kind = {
    sizeof(struct store_container_file), file_map, file_deinit};

static int put_one(
    struct store *s, unsigned flags, const struct store_container_file *f, struct error *e)
{
    return query_run(s, flags, SQL_CFILE_PUT, "the container file", NULL, e, "tttiiitiii", f->id,
        f->container_id, f->path, f->bytes, f->created_at, (int64_t)f->by_user, f->mime_type,
        f->fingerprint.inode, f->fingerprint.ctime_ns, f->fingerprint.size);
}

int store_container_file_put(
    struct store *s, const struct store_container_file *files, size_t n, struct error *e)
{
    if (n <= 1)
        return n ? put_one(s, 0, files, e) : 0;
    store_lock(s);
    int r = query_begin(s, "the container file", e);
    if (!r) {
        for (size_t i = 0; i < n && !r; i++)
            r = put_one(s, RUN_LOCKED, &files[i], e);
        r = query_end(s, r, "the container file", e);
    }
    if (r == -ENOSPC)
        flush_pressure(s, false);
    store_unlock(s);
    return r;
}

int store_container_file_get(struct store *s, const char *container_id, const char *id,
    struct store_container_file *ret_file, struct error *e)
{
    return query_one(
        s, 0, SQL_CFILE_GET, "the container file", file_map, ret_file, e, "tt", container_id, id);
}

int store_container_file_find(struct store *s, const char *container_id, const char *path,
    struct store_container_file *ret_file, struct error *e)
{
    return query_one(s, 0, SQL_CFILE_FIND, "the container file", file_map, ret_file, e, "tt",
        container_id, path);
}

int store_container_file_list(struct store *s, const char *container_id,
    const struct store_page *page, struct store_container_files *ret_list, struct error *e)
{
    char sql[PAGE_SQL_SIZE];
    query_page_sql(sql, CONTAINER_FILE_COLUMNS, "container_files", "container_id = ?1", page);
    struct store_container_files list = {0};
    int r =
        query_list(s, sql, &file_kind, (void **)&list.items, &list.count, e, query_page_types(page),
            container_id, NULL, query_page_limit(page) + 1, page ? page->after : NULL);
    if (r)
        return r;
    list.has_more = query_page_cut(list.items, &list.count, page, &file_kind);
    *ret_list = list;
    return 0;
}

int store_container_file_delete(
    struct store *s, const char *container_id, const char *id, struct error *e)
{
    return query_run(s, RUN_MUST_CHANGE | RUN_FREES, SQL_CFILE_DELETE, "the container file", NULL,
        e, "tt", container_id, id);
}

int store_container_file_delete_all(struct store *s, const char *container_id, struct error *e)
{
    int64_t removed = 0;
    return query_run_pieces(s, SQL_CFILE_DELETE_SOME, "the container file", STORE_CHUNK, &removed,
        e, "t", container_id);
}
