/* walk.c - through a thread. */
#include <errno.h>

#include "api/assistants/export.h"

/* A step of a walk, and where its error goes. */
struct step {
    const struct thread_walk *walk;
    struct error *e;
};

static int visit_message(void *context, const struct store_item *item)
{
    const struct step *s = context;
    cleanup_json json_t *message = json_loads(item->json, JSON_ALLOW_NUL, NULL);
    return message ? s->walk->message(s->walk->context, message, s->e) : no_memory_error(s->e);
}

int thread_messages_each(const struct thread_walk *w, struct error *e)
{
    struct step step = {w, e};
    return store_items_each(
        w->api->store, w->thread_id, false, STORE_ITEMS_FEW, visit_message, &step, e);
}

/* One that was deleted since it was listed is left out. */
static int visit_run(void *context, const struct store_run *row)
{
    const struct step *s = context;
    const struct thread_walk *w = s->walk;
    struct run *run = NULL;
    struct run_info info;
    int r = run_find(w->api->runs, w->project, ASSISTANTS_DIALECT, row->id, &run, s->e);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    run_info(run, &info);
    r = w->run(w->context, run, &info, s->e);
    run_info_deinit(&info);
    run_unref(run);
    return r;
}

int thread_runs_each(const struct thread_walk *w, struct error *e)
{
    struct step step = {w, e};
    return store_runs_each(
        w->api->store, w->project, ASSISTANTS_DIALECT, w->thread_id, visit_run, &step, e);
}
