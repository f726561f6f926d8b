/* find.c - runs by their id, those with a thread and those of the store; and the chain that one goes on from. */
#include <errno.h>
#include <string.h>

#include "agent/internal.h"

enum { CHAIN_MAX = 1000 };

/* ---- finding -------------------------------------------------------------------------------------------------------- */

int run_find(struct runs *r, const char *project, const char *dialect, const char *id,
    struct run **ret, struct error *e)
{
    struct store_run row;
    pthread_mutex_lock(&r->lock);
    struct run *run = runs_look_up(r, id);
    if (run && ((project && strcmp(project, run->project) != 0) ||
                   (dialect && strcmp(dialect, run->dialect) != 0)))
        run = NULL;
    if (run)
        run_ref(run);
    pthread_mutex_unlock(&r->lock);
    if (!run && r->config.store && id_valid(id)) {
        int rc = store_run_get(r->config.store, project, dialect, id, &row, e);
        if (rc == 0) {
            run = run_of_row(r, &row);
            store_run_deinit(&row);
            if (!run)
                rc = runs_no_memory(e);
        }
        if (rc < 0 && rc != -ENOENT)
            return rc;
    }
    if (!run)
        return error_set(e, ERROR_NOT_FOUND, ENOENT, "Run with id '%.64s' not found.", id);
    *ret = run;
    return 0;
}

int run_delete(struct runs *r, struct run *run, struct error *e)
{
    if (run->threaded) {
        run_cancel(run);
        run_wait(run);
    }
    if (!run->stored)
        return 0;
    atomic_store(&run->forgotten, true);
    return store_run_delete(r->config.store, run->project, run->id, e);
}

/* ---- chains ------------------------------------------------------------------------------------------------------------ */

static bool is_live(struct runs *r, const char *project, const char *container_id)
{
    struct session *session;
    struct session_info info;
    if (!container_id ||
        session_find(r->config.sessions, project, container_id, &session, NULL) < 0)
        return false;
    session_info(session, &info);
    bool live = !info.expired;
    session_info_deinit(&info);
    session_unref(session);
    return live;
}

/* Puts a run's own items before what is there. */
static int prepend(json_t **context, struct run *run, struct error *e)
{
    json_t *input = NULL, *output = NULL;
    int rc = run_transcript(run, &input, &output, e);
    if (rc < 0)
        return rc;
    json_t *all = json_copy(input);
    if (!all || json_array_extend(all, output) < 0 || json_array_extend(all, *context) < 0)
        rc = runs_no_memory(e);
    json_decref(input);
    json_decref(output);
    if (rc < 0) {
        json_decref(all);
        return rc;
    }
    json_decref(*context);
    *context = all;
    return 0;
}

int run_chain(struct runs *r, const char *project, const char *previous_id, json_t **ret_context,
    char container_id[ID_SIZE], struct error *e)
{
    json_t *context = json_array();
    char id[ID_SIZE];
    int rc = 0;
    snprintf(id, sizeof id, "%s", previous_id);
    container_id[0] = 0;
    for (int n = 0; n < CHAIN_MAX && id[0] && rc == 0; n++) {
        struct run *run;
        rc = run_find(r, project, NULL, id, &run, e);
        if (rc == -ENOENT && n > 0) { /* deleted, or too old: the chain begins behind it */
            rc = 0;
            break;
        }
        if (rc < 0)
            break;
        rc = prepend(&context, run, e);
        if (!container_id[0] && run->container_id[0] && is_live(r, project, run->container_id))
            memcpy(container_id, run->container_id, ID_SIZE);
        snprintf(id, sizeof id, "%s", run->previous_id ? run->previous_id : "");
        run_unref(run);
    }
    if (rc < 0) {
        json_decref(context);
        return rc;
    }
    *ret_context = context;
    return 0;
}
