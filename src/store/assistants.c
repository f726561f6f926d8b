/* Assistants: how runs are to be made, under a name. */
#include "store/internal.h"

void store_assistant_deinit(struct store_assistant *a)
{
    free(a->id);
    free(a->project);
    free(a->data);
    *a = (struct store_assistant){0};
}

static void assistant_deinit(void *item) { store_assistant_deinit(item); }

void store_assistants_deinit(struct store_assistants *a)
{
    for (size_t i = 0; i < a->count; i++)
        store_assistant_deinit(&a->items[i]);
    free(a->items);
    *a = (struct store_assistants){0};
}

/* In the order of ASSISTANT_COLUMNS. */
static bool assistant_map(sqlite3_stmt *row, void *item)
{
    struct store_assistant *a = item;
    bool ok = true;
    *a = (struct store_assistant){
        .id = column_text(row, 0, &ok),
        .project = column_text(row, 1, &ok),
        .created_at = column_int(row, 2),
        .data = column_text(row, 3, &ok),
    };
    if (!ok)
        store_assistant_deinit(a);
    return ok;
}

static const struct item_kind assistant_kind = {
    sizeof(struct store_assistant), assistant_map, assistant_deinit};

int store_assistant_insert(struct store *s, const struct store_assistant *a, struct error *e)
{
    int r = query_run(s, 0, SQL_ASSISTANT_INSERT, "the assistant", NULL, e, "ttit", a->id,
        a->project, a->created_at, a->data);
    if (r)
        return r;
    r = flush_wait(s, e);
    if (r) /* the caller says that nothing was kept */
        query_run(s, RUN_FREES, SQL_ASSISTANT_DELETE, "the assistant", NULL, NULL, "tt", a->id,
            a->project);
    return r;
}

int store_assistant_update(struct store *s, const struct store_assistant *a, struct error *e)
{
    return query_run(s, RUN_MUST_CHANGE | RUN_DURABLE, SQL_ASSISTANT_UPDATE, "the assistant", NULL,
        e, "ttt", a->id, a->project, a->data);
}

int store_assistant_delete(struct store *s, const char *project, const char *id, struct error *e)
{
    return query_run(s, RUN_MUST_CHANGE | RUN_FREES | RUN_DURABLE, SQL_ASSISTANT_DELETE,
        "the assistant", NULL, e, "tt", id, project);
}

int store_assistant_get(struct store *s, const char *project, const char *id,
    struct store_assistant *ret, struct error *e)
{
    return query_one(
        s, 0, SQL_ASSISTANT_GET, "the assistant", assistant_map, ret, e, "tt", id, project);
}

int store_assistant_list(struct store *s, const char *project, const struct store_page *page,
    struct store_assistants *ret, struct error *e)
{
    char sql[PAGE_SQL_SIZE];
    query_page_sql(sql, ASSISTANT_COLUMNS, "assistants", "project = ?1", page);
    struct store_assistants list = {0};
    int r = query_list(s, sql, &assistant_kind, (void **)&list.items, &list.count, e,
        query_page_types(page), project, NULL, query_page_limit(page) + 1, query_page_cursor(page));
    if (r)
        return r;
    list.has_more = query_page_cut(list.items, &list.count, page, &assistant_kind);
    *ret = list;
    return 0;
}
