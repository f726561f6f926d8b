/* walk.c - through a thread, page by page. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/assistants/export.h"

enum { PAGE = 8 }; /* a message may be many MB */

int thread_messages_each(const struct thread_walk *w, struct error *e)
{
    char after[ID_SIZE] = "";
    bool more = true;
    while (more) {
        struct store_page page = {
            .limit = PAGE, .ascending = true, .after = after[0] ? after : NULL};
        struct store_items rows = {0};
        int r = store_item_list(w->api->store, w->thread_id, NULL, &page, &rows, e);
        for (size_t i = 0; r == 0 && i < rows.count; i++) {
            cleanup_json json_t *message = json_loads(rows.items[i].json, JSON_ALLOW_NUL, NULL);
            r = message ? w->message(w->context, message, e) : no_memory_error(e);
        }
        if (rows.count)
            snprintf(after, sizeof after, "%s", rows.items[rows.count - 1].id);
        more = rows.has_more && rows.count;
        store_items_deinit(&rows);
        if (r < 0)
            return r;
    }
    return 0;
}

/* One that was deleted since it was listed is left out. */
static int visit(const struct thread_walk *w, const char *id, struct error *e)
{
    struct run *run = NULL;
    struct run_info info;
    int r = run_find(w->api->runs, w->project, ASSISTANTS_DIALECT, id, &run, e);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    run_info(run, &info);
    r = w->run(w->context, run, &info, e);
    run_info_deinit(&info);
    run_unref(run);
    return r;
}

int thread_runs_each(const struct thread_walk *w, struct error *e)
{
    char after[ID_SIZE] = "";
    bool more = true;
    while (more) {
        struct store_page page = {
            .limit = PAGE, .ascending = true, .after = after[0] ? after : NULL};
        struct store_runs rows = {0};
        int r = store_run_list(
            w->api->store, w->project, ASSISTANTS_DIALECT, w->thread_id, &page, &rows, e);
        for (size_t i = 0; r == 0 && i < rows.count; i++)
            r = visit(w, rows.items[i].id, e);
        if (rows.count)
            snprintf(after, sizeof after, "%s", rows.items[rows.count - 1].id);
        more = rows.has_more && rows.count;
        store_runs_deinit(&rows);
        if (r < 0)
            return r;
    }
    return 0;
}
