/* What lies in a conversation's workspace, whatever session that is in. */
#include <errno.h>

#include "store/internal.h"

static void file_deinit(void *item)
{
    struct store_conversation_file *f = item;
    free(f->conversation_id);
    free(f->path);
    free(f->file_id);
    free(f->source_id);
    free(f->container_id);
    *f = (struct store_conversation_file){0};
}

void store_conversation_files_free(struct store_conversation_file *files, size_t n)
{
    for (size_t i = 0; i < n; i++)
        file_deinit(&files[i]);
    free(files);
}

/* In the order of CONVERSATION_FILE_COLUMNS. */
static bool file_map(sqlite3_stmt *row, void *item)
{
    struct store_conversation_file *f = item;
    bool ok = true;
    *f = (struct store_conversation_file){
        .conversation_id = column_text(row, 0, &ok),
        .path = column_text(row, 1, &ok),
        .file_id = column_text(row, 2, &ok),
        .source_id = column_text(row, 3, &ok),
        .container_id = column_text(row, 4, &ok),
        .by_message = column_int(row, 5) != 0,
    };
    if (!ok)
        file_deinit(f);
    return ok;
}

int store_conversation_files_put(
    struct store *s, const struct store_conversation_file *files, size_t n, struct error *e)
{
    store_lock(s);
    int r = query_begin(s, "the files", e);
    if (!r) {
        for (size_t i = 0; i < n && !r; i++)
            r = query_run(s, RUN_LOCKED, SQL_CONVERSATION_FILE_PUT, "the file", NULL, e, "ttttti",
                files[i].conversation_id, files[i].path, files[i].file_id, files[i].source_id,
                files[i].container_id, (int64_t)files[i].by_message);
        r = query_end(s, r, "the files", e);
    }
    if (r == -ENOSPC)
        flush_pressure(s, false);
    store_unlock(s);
    return r;
}

int store_conversation_files_list(struct store *s, const char *conversation_id,
    struct store_conversation_file **ret, size_t *ret_n, struct error *e)
{
    static const struct item_kind kind = {
        sizeof(struct store_conversation_file), file_map, file_deinit};
    return query_list(s,
        "SELECT " CONVERSATION_FILE_COLUMNS " FROM conversation_files WHERE conversation_id = ?1"
        " ORDER BY seq",
        &kind, (void **)ret, ret_n, e, "t", conversation_id);
}

int store_conversation_files_placed(
    struct store *s, const char *conversation_id, const char *container_id, struct error *e)
{
    return query_run(s, 0, SQL_CONVERSATION_FILES_PLACED, "the files", NULL, e, "tt",
        conversation_id, container_id);
}
