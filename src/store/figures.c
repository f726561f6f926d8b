/* Figures: what code displayed in a container. Rows with blobs, which go with the container. */
#include <errno.h>

#include "store/internal.h"

void store_figure_deinit(struct store_figure *f)
{
    free(f->id);
    free(f->container_id);
    free(f->mime_type);
    free(f->blob);
    *f = (struct store_figure){0};
}

static void figure_deinit(void *item) { store_figure_deinit(item); }

void store_figures_free(struct store_figure *figures, size_t n)
{
    for (size_t i = 0; i < n; i++)
        store_figure_deinit(&figures[i]);
    free(figures);
}

/* In the order of FIGURE_COLUMNS. */
static bool figure_map(sqlite3_stmt *row, void *item)
{
    struct store_figure *f = item;
    bool ok = true;
    *f = (struct store_figure){
        .id = column_text(row, 0, &ok),
        .container_id = column_text(row, 1, &ok),
        .mime_type = column_text(row, 2, &ok),
        .blob = column_text(row, 3, &ok),
        .bytes = column_int(row, 4),
        .created_at = column_int(row, 5),
    };
    if (!ok)
        store_figure_deinit(f);
    return ok;
}

int store_figure_insert(
    struct store *s, const struct store_figure *f, int64_t bytes_max, struct error *e)
{
    int64_t inserted = 0;
    int r = query_run(s, 0, SQL_FIGURE_INSERT, "the figure", &inserted, e, "ttttiii", f->id,
        f->container_id, f->mime_type, f->blob, f->bytes, f->created_at, bytes_max);
    if (r == 0 && inserted == 0)
        return error_set(e, ERROR_QUOTA_EXCEEDED, EDQUOT,
            "The figures of this container take %lld bytes, the most they may.",
            (long long)bytes_max);
    return r;
}

int store_figure_get(struct store *s, const char *container_id, const char *id,
    struct store_figure *ret, struct error *e)
{
    return query_one(
        s, 0, SQL_FIGURE_GET, "the figure", figure_map, ret, e, "tt", container_id, id);
}

int store_figure_list(struct store *s, const char *container_id, struct store_figure **ret,
    size_t *ret_count, struct error *e)
{
    static const struct item_kind kind = {sizeof(struct store_figure), figure_map, figure_deinit};
    return query_list(s,
        "SELECT " FIGURE_COLUMNS " FROM figures WHERE container_id = ?1 ORDER BY created_at, seq",
        &kind, (void **)ret, ret_count, e, "t", container_id);
}

int store_figure_delete(struct store *s, const char *container_id, const char *id, struct error *e)
{
    int r = query_run(s, RUN_MUST_CHANGE | RUN_FREES, SQL_FIGURE_DELETE, "the figure", NULL, e,
        "tt", container_id, id);
    if (!r)
        atomic_store(&s->garbage, true);
    return r;
}
