/* each.c - lists read to their end, a page at a time: no more than that is in memory, whatever there is. */
#include <string.h>

#include "store/store.h"

enum {
    FEW = 8, /* of what may be many MB, each */
    MANY = 100,
};

/* Where the next page begins. */
struct walk {
    char after[ID_SIZE];
    bool ended;
};

static struct store_page next_page(const struct walk *w, int limit)
{
    return (struct store_page){
        .limit = limit, .ascending = true, .after = w->after[0] ? w->after : NULL};
}

/* `last` ended a page of n. */
static void walk_on(struct walk *w, size_t n, const char *last, bool has_more)
{
    if (n > 0)
        snprintf(w->after, sizeof w->after, "%s", last);
    w->ended = n == 0 || !has_more;
}

int store_items_each(struct store *s, const char *conversation_id, bool newest_first, int at_once,
    int (*each)(void *context, const struct store_item *item), void *context, struct error *e)
{
    struct walk w = {0};
    int r = 0;
    while (r == 0 && !w.ended) {
        struct store_page page = next_page(&w, at_once);
        struct store_items rows = {0};
        page.ascending = !newest_first;
        if ((r = store_item_list(s, conversation_id, NULL, &page, &rows, e)) < 0)
            return r;
        for (size_t i = 0; r == 0 && i < rows.count; i++)
            r = each(context, &rows.items[i]);
        walk_on(&w, rows.count, rows.count ? rows.items[rows.count - 1].id : NULL, rows.has_more);
        store_items_deinit(&rows);
    }
    return r;
}

int store_runs_each(struct store *s, const char *project, const char *dialect,
    const char *conversation_id, int (*each)(void *context, const struct store_run *run),
    void *context, struct error *e)
{
    struct walk w = {0};
    int r = 0;
    while (r == 0 && !w.ended) {
        const struct store_page page = next_page(&w, FEW);
        struct store_runs rows = {0};
        if ((r = store_run_list(s, project, dialect, conversation_id, &page, &rows, e)) < 0)
            return r;
        for (size_t i = 0; r == 0 && i < rows.count; i++)
            r = each(context, &rows.items[i]);
        walk_on(&w, rows.count, rows.count ? rows.items[rows.count - 1].id : NULL, rows.has_more);
        store_runs_deinit(&rows);
    }
    return r;
}

int store_executions_each(struct store *s, const char *container_id,
    int (*each)(void *context, const struct store_execution *x), void *context, struct error *e)
{
    struct walk w = {0};
    int r = 0;
    while (r == 0 && !w.ended) {
        const struct store_page page = next_page(&w, MANY);
        struct store_executions rows = {0};
        if ((r = store_execution_list(s, container_id, &page, &rows, e)) < 0)
            return r;
        for (size_t i = 0; r == 0 && i < rows.count; i++)
            r = each(context, &rows.items[i]);
        walk_on(&w, rows.count, rows.count ? rows.items[rows.count - 1].id : NULL, rows.has_more);
        store_executions_deinit(&rows);
    }
    return r;
}
