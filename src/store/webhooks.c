/* Webhooks and their deliveries. A delivery is inserted by the commit that ends a run (runs.c) and leased to one
 * attempt at a time, so that a crash in the middle of one leads to another, never to none. */
#include <errno.h>

#include "store/internal.h"

void store_webhook_deinit(struct store_webhook *w)
{
    free(w->id);
    free(w->project);
    free(w->url);
    free(w->events);
    free(w->secret);
    *w = (struct store_webhook){0};
}

static void webhook_deinit(void *item) { store_webhook_deinit(item); }

void store_webhooks_deinit(struct store_webhooks *w)
{
    for (size_t i = 0; i < w->count; i++)
        store_webhook_deinit(&w->items[i]);
    free(w->items);
    *w = (struct store_webhooks){0};
}

/* In the order of WEBHOOK_COLUMNS. */
static bool webhook_map(sqlite3_stmt *row, void *item)
{
    struct store_webhook *w = item;
    bool ok = true;
    *w = (struct store_webhook){
        .id = column_text(row, 0, &ok),
        .project = column_text(row, 1, &ok),
        .url = column_text(row, 2, &ok),
        .events = column_text(row, 3, &ok),
        .secret = column_text(row, 4, &ok),
        .created_at = column_int(row, 5),
    };
    if (!ok)
        store_webhook_deinit(w);
    return ok;
}

static const struct item_kind webhook_kind = {
    sizeof(struct store_webhook), webhook_map, webhook_deinit};

int store_webhook_insert(struct store *s, const struct store_webhook *w, struct error *e)
{
    int64_t added = 0;
    int r =
        query_run(s, RUN_DURABLE, SQL_WEBHOOK_INSERT, "the webhook", &added, e, "tttttii", w->id,
            w->project, w->url, w->events, w->secret, w->created_at, (int64_t)STORE_WEBHOOKS_MAX);
    if (r == 0 && added == 0)
        return error_set(e, ERROR_QUOTA_EXCEEDED, EDQUOT,
            "There are %d webhooks already, the most there may be.", STORE_WEBHOOKS_MAX);
    return r;
}

int store_webhook_get(struct store *s, const char *project, const char *id,
    struct store_webhook *ret, struct error *e)
{
    return query_one(s, 0, SQL_WEBHOOK_GET, "the webhook", webhook_map, ret, e, "tt", id, project);
}

int store_webhook_list(struct store *s, const char *project, const struct store_page *page,
    struct store_webhooks *ret, struct error *e)
{
    char sql[PAGE_SQL_SIZE];
    query_page_sql(sql, WEBHOOK_COLUMNS, "webhooks", "project = ?1 AND ?2 IS NULL", page);
    struct store_webhooks list = {0};
    int r = query_list(s, sql, &webhook_kind, (void **)&list.items, &list.count, e,
        query_page_types(page), project, (const char *)NULL, query_page_limit(page) + 1,
        page ? page->after : NULL);
    if (r)
        return r;
    list.has_more = query_page_cut(list.items, &list.count, page, &webhook_kind);
    *ret = list;
    return 0;
}

int store_webhook_delete(struct store *s, const char *project, const char *id, struct error *e)
{
    return query_run(s, RUN_MUST_CHANGE | RUN_FREES | RUN_DURABLE, SQL_WEBHOOK_DELETE,
        "the webhook", NULL, e, "tt", id, project);
}

/* ---- deliveries ------------------------------------------------------------------------------------------ */

void store_delivery_deinit(struct store_delivery *d)
{
    free(d->id);
    free(d->webhook_id);
    free(d->type);
    free(d->body);
    free(d->status);
    free(d->error);
    *d = (struct store_delivery){0};
}

static void delivery_deinit(void *item) { store_delivery_deinit(item); }

void store_deliveries_deinit(struct store_deliveries *d)
{
    for (size_t i = 0; i < d->count; i++)
        store_delivery_deinit(&d->items[i]);
    free(d->items);
    *d = (struct store_deliveries){0};
}

/* In the order of DELIVERY_COLUMNS. */
static bool delivery_map(sqlite3_stmt *row, void *item)
{
    struct store_delivery *d = item;
    bool ok = true;
    *d = (struct store_delivery){
        .id = column_text(row, 0, &ok),
        .webhook_id = column_text(row, 1, &ok),
        .type = column_text(row, 2, &ok),
        .body = column_text(row, 3, &ok),
        .created_at = column_int(row, 4),
        .status = column_text(row, 5, &ok),
        .attempts = column_int(row, 6),
        .next_at = column_int(row, 7),
        .http_status = column_int(row, 8),
        .error = column_text(row, 9, &ok),
    };
    if (!ok)
        store_delivery_deinit(d);
    return ok;
}

static const struct item_kind delivery_kind = {
    sizeof(struct store_delivery), delivery_map, delivery_deinit};

int store_delivery_claim(
    struct store *s, int64_t now_s, int64_t lease_s, struct store_delivery *ret, struct error *e)
{
    return query_one(
        s, 0, SQL_DELIVERY_CLAIM, "the delivery", delivery_map, ret, e, "ii", now_s, lease_s);
}

int store_delivery_done(struct store *s, const struct store_delivery *d, struct error *e)
{
    return query_run(s, RUN_MUST_CHANGE | RUN_FREES, SQL_DELIVERY_DONE, "the delivery", NULL, e,
        "tttiit", d->webhook_id, d->id, d->status, d->next_at, d->http_status, d->error);
}

int store_delivery_list(struct store *s, const char *webhook_id, const struct store_page *page,
    struct store_deliveries *ret, struct error *e)
{
    char sql[PAGE_SQL_SIZE];
    query_page_sql(sql, DELIVERY_COLUMNS, "deliveries", "webhook_id = ?1 AND ?2 IS NULL", page);
    struct store_deliveries list = {0};
    int r = query_list(s, sql, &delivery_kind, (void **)&list.items, &list.count, e,
        query_page_types(page), webhook_id, (const char *)NULL, query_page_limit(page) + 1,
        page ? page->after : NULL);
    if (r)
        return r;
    list.has_more = query_page_cut(list.items, &list.count, page, &delivery_kind);
    *ret = list;
    return 0;
}

int deliveries_bound(struct store *s, const char *project, struct error *e)
{
    char why[80];
    snprintf(why, sizeof why, "%d newer deliveries waited for this webhook.", STORE_DELIVERIES_MAX);
    int64_t dropped = 1; /* of each webhook one at a time: the end of a run brings it one */
    int r = 0;
    while (!r && dropped)
        r = query_run(s, RUN_LOCKED, SQL_DELIVERY_DROP, "the deliveries", &dropped, e, "tit",
            project, (int64_t)STORE_DELIVERIES_MAX, why);
    return r;
}

int deliveries_expire(struct store *s, int64_t before_s, int64_t *removed, struct error *e)
{
    return query_run_pieces(
        s, SQL_DELIVERY_EXPIRE, "the deliveries", STORE_CHUNK, removed, e, "i", before_s);
}
