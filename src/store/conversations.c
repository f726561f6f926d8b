/* Conversations and what lies in them, in the order in which it came. */
#include <errno.h>

#include "store/internal.h"

void store_conversation_deinit(struct store_conversation *c)
{
    free(c->id);
    free(c->project);
    free(c->kind);
    free(c->metadata);
    free(c->data);
    *c = (struct store_conversation){0};
}

static void conversation_deinit(void *item) { store_conversation_deinit(item); }

void store_conversations_deinit(struct store_conversations *c)
{
    for (size_t i = 0; i < c->count; i++)
        store_conversation_deinit(&c->items[i]);
    free(c->items);
    *c = (struct store_conversations){0};
}

/* In the order of CONVERSATION_COLUMNS. */
static bool conversation_map(sqlite3_stmt *row, void *item)
{
    struct store_conversation *c = item;
    bool ok = true;
    *c = (struct store_conversation){
        .id = column_text(row, 0, &ok),
        .project = column_text(row, 1, &ok),
        .kind = column_text(row, 2, &ok),
        .created_at = column_int(row, 3),
        .metadata = column_text(row, 4, &ok),
        .data = column_text(row, 5, &ok),
    };
    if (!ok)
        store_conversation_deinit(c);
    return ok;
}

static const struct item_kind conversation_kind = {
    sizeof(struct store_conversation), conversation_map, conversation_deinit};

int store_conversation_insert(struct store *s, const struct store_conversation *c, struct error *e)
{
    int r = query_run(s, 0, SQL_CONVERSATION_INSERT, "the conversation", NULL, e, "tttitt", c->id,
        c->project, c->kind, c->created_at, c->metadata, c->data);
    if (r)
        return r;
    r = flush_wait(s, e);
    if (r) /* the caller says that nothing was kept */
        query_run(s, RUN_FREES, SQL_CONVERSATION_DELETE, "the conversation", NULL, NULL, "tt",
            c->id, c->project);
    return r;
}

int store_conversation_update(struct store *s, const struct store_conversation *c, struct error *e)
{
    return query_run(s, RUN_MUST_CHANGE | RUN_DURABLE, SQL_CONVERSATION_UPDATE, "the conversation",
        NULL, e, "tttt", c->id, c->project, c->metadata, c->data);
}

int store_conversation_delete(struct store *s, const char *project, const char *id, struct error *e)
{
    return query_run(s, RUN_MUST_CHANGE | RUN_FREES | RUN_DURABLE, SQL_CONVERSATION_DELETE,
        "the conversation", NULL, e, "tt", id, project);
}

int store_conversation_get(struct store *s, const char *project, const char *kind, const char *id,
    struct store_conversation *ret, struct error *e)
{
    return query_one(s, 0, SQL_CONVERSATION_GET, "the conversation", conversation_map, ret, e,
        "ttt", id, project, kind);
}

int store_conversation_list(struct store *s, const char *project, const char *kind,
    const struct store_page *page, struct store_conversations *ret, struct error *e)
{
    char sql[PAGE_SQL_SIZE];
    query_page_sql(sql, CONVERSATION_COLUMNS, "conversations",
        "project = ?1 AND (?2 IS NULL OR kind = ?2)", page);
    struct store_conversations list = {0};
    int r = query_list(s, sql, &conversation_kind, (void **)&list.items, &list.count, e,
        query_page_types(page), project, kind, query_page_limit(page) + 1,
        page ? page->after : NULL);
    if (r)
        return r;
    list.has_more = query_page_cut(list.items, &list.count, page, &conversation_kind);
    *ret = list;
    return 0;
}

/* ---- items ------------------------------------------------------------------------------------------- */

void store_item_deinit(struct store_item *i)
{
    free(i->id);
    free(i->conversation_id);
    free(i->run_id);
    free(i->json);
    free(i->transcript);
    *i = (struct store_item){0};
}

static void item_deinit(void *item) { store_item_deinit(item); }

void store_items_deinit(struct store_items *i)
{
    for (size_t n = 0; n < i->count; n++)
        store_item_deinit(&i->items[n]);
    free(i->items);
    *i = (struct store_items){0};
}

/* In the order of ITEM_COLUMNS. */
static bool item_map(sqlite3_stmt *row, void *item)
{
    struct store_item *i = item;
    bool ok = true;
    *i = (struct store_item){
        .id = column_text(row, 0, &ok),
        .conversation_id = column_text(row, 1, &ok),
        .run_id = column_text(row, 2, &ok),
        .created_at = column_int(row, 3),
        .json = column_text(row, 4, &ok),
        .transcript = column_text(row, 5, &ok),
    };
    if (!ok)
        store_item_deinit(i);
    return ok;
}

static const struct item_kind item_item_kind = {sizeof(struct store_item), item_map, item_deinit};

int item_append(struct store *s, const struct store_item *i, struct error *e)
{
    return query_run(s, RUN_LOCKED, SQL_ITEM_APPEND, "the item", NULL, e, "tttitt", i->id,
        i->conversation_id, i->run_id, i->created_at, i->json, i->transcript);
}

int item_set_transcript(struct store *s, const struct store_item *i, struct error *e)
{
    return query_run(s, RUN_LOCKED, SQL_ITEM_SET_TRANSCRIPT, "the item", NULL, e, "ttt",
        i->conversation_id, i->id, i->transcript);
}

int store_items_append(struct store *s, const struct store_item *items, size_t n, struct error *e)
{
    store_lock(s);
    int r = query_begin(s, "the item", e);
    if (!r) {
        for (size_t i = 0; i < n && !r; i++)
            r = item_append(s, &items[i], e);
        r = query_end(s, r, "the item", e);
    }
    if (r == -ENOSPC)
        flush_pressure(s, false);
    store_unlock(s);
    if (r)
        return r;
    r = flush_wait(s, e);
    for (size_t i = 0; i < n && r; i++) /* the caller says that nothing was kept */
        query_run(s, RUN_FREES, SQL_ITEM_DELETE, "the item", NULL, NULL, "tt",
            items[i].conversation_id, items[i].id);
    return r;
}

int store_item_update(struct store *s, const struct store_item *i, struct error *e)
{
    return query_run(s, RUN_MUST_CHANGE | RUN_DURABLE, SQL_ITEM_UPDATE, "the item", NULL, e, "tttt",
        i->conversation_id, i->id, i->json, i->transcript);
}

int store_item_get(struct store *s, const char *conversation_id, const char *id,
    struct store_item *ret, struct error *e)
{
    return query_one(s, 0, SQL_ITEM_GET, "the item", item_map, ret, e, "tt", conversation_id, id);
}

int store_item_list(struct store *s, const char *conversation_id, const char *run_id,
    const struct store_page *page, struct store_items *ret, struct error *e)
{
    char sql[PAGE_SQL_SIZE];
    /* two scopes, because no index serves both */
    query_page_sql(sql, ITEM_COLUMNS, "items",
        run_id ? "conversation_id = ?1 AND run_id = ?2" : "conversation_id = ?1 AND ?2 IS NULL",
        page);
    struct store_items list = {0};
    int r = query_list(s, sql, &item_item_kind, (void **)&list.items, &list.count, e,
        query_page_types(page), conversation_id, run_id, query_page_limit(page) + 1,
        query_page_cursor(page));
    if (r)
        return r;
    list.has_more = query_page_cut(list.items, &list.count, page, &item_item_kind);
    *ret = list;
    return 0;
}

int store_item_delete(struct store *s, const char *conversation_id, const char *id, struct error *e)
{
    return query_run(s, RUN_MUST_CHANGE | RUN_FREES | RUN_DURABLE, SQL_ITEM_DELETE, "the item",
        NULL, e, "tt", conversation_id, id);
}
