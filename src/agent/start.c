/* start.c - runs begin: new ones, and those that waited for the client's results. */
#include <errno.h>
#include <string.h>

#include "agent/loop.h"
#include "base/clock.h"

/* ---- what both need ---- */

static int check(const struct run_spec *spec, struct error *e)
{
    const struct model_route *route = &spec->route;
    if (spec->budget_usd > 0 && !route->priced)
        return error_param(e, ERROR_INVALID_VALUE, "budget",
            "There is no price for the model '%s', so a budget cannot be kept.", route->name);
    if (!route->tools && json_array_size(spec->functions) > 0)
        return error_param(e, ERROR_UNSUPPORTED_TOOL, "tools",
            "The model '%s' has no tool calls: functions cannot be offered to it.", route->name);
    return 0;
}

/* The session that the spec names, or one that its files need. */
static int take_session(
    struct runs *r, struct run *run, const struct run_spec *spec, struct error *e)
{
    struct session_info info;
    int rc = 0;
    if (spec->session)
        run->session = session_ref(spec->session);
    else if (spec->n_files > 0)
        rc = session_create(r->config.sessions, &spec->container, &run->session, e);
    if (rc < 0 || !run->session)
        return rc;
    session_info(run->session, &info);
    snprintf(run->container_id, sizeof run->container_id, "%s", info.id);
    if (info.expired)
        rc = error_set(e, ERROR_CONTAINER_EXPIRED, 0, "Container is expired.");
    session_info_deinit(&info);
    return rc < 0 ? rc : files_put(r, run->session, spec, e);
}

/* ---- a new one ---- */

static int make(struct runs *r, const struct run_spec *spec, struct run **ret, struct error *e)
{
    struct run *run = run_new(r, spec->project, spec->dialect, spec->id);
    if (!run)
        return runs_no_memory(e);
    run->threaded = true;
    run->created_at = clock_realtime_s();
    run->expires_at = spec->expires_at;
    run->background = spec->background;
    run->alone = spec->alone;
    run->stored = spec->store && r->config.store;
    run->status = spec->background ? RUN_QUEUED : RUN_IN_PROGRESS;
    run->request = json_incref(spec->request);
    run->input = json_incref(spec->input);
    snprintf(run->model, sizeof run->model, "%s", spec->route.name);
    int rc = text_copy(&run->conversation_id, spec->conversation_id) &&
                     text_copy(&run->previous_id, spec->previous_id) &&
                     plan_init(&run->plan, spec) == 0
                 ? take_session(r, run, spec, e)
                 : runs_no_memory(e);
    if (rc < 0) {
        run_unref(run);
        return rc;
    }
    *ret = run;
    return 0;
}

static int insert(struct runs *r, struct run *run, struct error *e)
{
    struct store_run row;
    if (!run->stored)
        return 0;
    if (run_to_row(run, &row) < 0)
        return runs_no_memory(e);
    int rc = store_run_insert(r->config.store, &row,
        (run->background ? STORE_RUN_DURABLE : 0) | (run->alone ? STORE_RUN_ALONE : 0), e);
    store_run_deinit(&row);
    return rc;
}

/* ---- one that waits ---- */

/* The calls without a result in what was said; an array of their ids. */
static json_t *unanswered(const json_t *said)
{
    json_t *open = json_object();
    size_t i;
    const json_t *item;
    json_array_foreach (said, i, item) {
        const char *type = json_string_value(json_object_get(item, "type"));
        const char *id = json_string_value(json_object_get(item, "call_id"));
        if (type && id && strcmp(type, "tool_call") == 0)
            json_object_set_new(open, id, json_true());
        else if (type && id && strcmp(type, "tool_result") == 0)
            json_object_del(open, id);
    }
    return open;
}

static int check_results(const struct run *run, const json_t *results, struct error *e)
{
    json_t *open = unanswered(run->output);
    size_t i, n = json_object_size(open);
    const json_t *result;
    int rc = 0;
    json_array_foreach (results, i, result) {
        const char *id = json_string_value(json_object_get(result, "call_id"));
        if (rc == 0 && (!id || json_object_del(open, id) < 0))
            rc = error_set(e, ERROR_INVALID_VALUE, 0, "No call with id '%.64s' waits for a result.",
                id ? id : "");
    }
    if (rc == 0 && json_array_size(results) < n)
        rc = error_set(e, ERROR_INVALID_VALUE, 0, "%zu calls wait for a result, but there are %zu.",
            n, json_array_size(results));
    json_decref(open);
    return rc;
}

int run_count_past(struct runs *r, struct run *run, struct error *e)
{
    static const char started[] = "{\"type\":\"item.started\"";
    for (;;) {
        struct store_event *events;
        size_t n;
        int rc = store_run_events_read(
            r->config.store, run->id, (int64_t)run->log.first, READ_EVENTS_MAX, &events, &n, e);
        if (rc < 0)
            return rc;
        for (size_t i = 0; i < n; i++)
            run->items += strncmp(events[i].text, started, sizeof started - 1) == 0;
        store_events_free(events, n);
        run->log.first += n;
        if (n < READ_EVENTS_MAX)
            break;
    }
    run->log.shown = run->log.first;
    return 0;
}

static int revive(
    struct runs *r, const struct run_spec *spec, json_t *results, struct run **ret, struct error *e)
{
    struct store_run row;
    int rc = store_run_get(r->config.store, spec->project, spec->dialect, spec->id, &row, e);
    if (rc < 0)
        return rc;
    struct run *run = run_of_row(r, &row);
    store_run_deinit(&row);
    if (!run)
        return runs_no_memory(e);
    if (run->status != RUN_REQUIRES_ACTION)
        rc = error_set(e, ERROR_INVALID_VALUE, 0, "The run does not wait: it is %s.",
            run_status_name(run->status));
    if (rc == 0)
        rc = check_results(run, results, e);
    if (rc == 0)
        rc = run_count_past(r, run, e);
    if (rc == 0 && plan_init(&run->plan, spec) < 0)
        rc = runs_no_memory(e);
    if (rc == 0)
        rc = take_session(r, run, spec, e);
    if (rc < 0) {
        run_unref(run);
        return rc;
    }
    run->results = json_incref(results);
    run->threaded = true;
    run->ended = false;
    run->completed_at = 0;
    run->status = RUN_IN_PROGRESS;
    *ret = run;
    return 0;
}

int run_still_waits(struct runs *r, const struct run *run, struct error *e)
{
    struct store_run row;
    int rc = store_run_get(r->config.store, run->project, run->dialect, run->id, &row, e);
    if (rc < 0)
        return rc;
    bool waits = strcmp(row.status, run_status_name(RUN_REQUIRES_ACTION)) == 0;
    if (!waits)
        rc = error_set(e, ERROR_INVALID_VALUE, 0, "The run does not wait: it is %s.", row.status);
    store_run_deinit(&row);
    return rc;
}

static int update(struct runs *r, struct run *run, struct error *e)
{
    struct store_run row;
    if (run_to_row(run, &row) < 0)
        return runs_no_memory(e);
    int rc = store_run_update(r->config.store, &row, e);
    store_run_deinit(&row);
    return rc;
}

/* ---- beginning ---- */

/* No thread was to be had: as if nobody had asked. */
static void take_back(struct runs *r, struct run *run, bool fresh)
{
    if (fresh && run->stored)
        store_run_delete(r->config.store, run->project, run->id, NULL);
    if (!fresh) {
        run->status = RUN_REQUIRES_ACTION;
        update(r, run, NULL);
    }
}

static int launch(struct runs *r, struct run *run, bool fresh, struct error *e)
{
    int rc = runs_enter(r, run, e);
    if (rc < 0)
        return rc;
    rc = fresh ? insert(r, run, e) : run_still_waits(r, run, e);
    if (rc == 0 && !fresh)
        rc = update(r, run, e);
    if (rc == 0) {
        run_ref(run);
        rc = run_begin_thread(run, e);
        if (rc < 0) {
            run_unref(run);
            take_back(r, run, fresh);
        }
    }
    if (rc < 0)
        runs_withdraw(r, run);
    return rc;
}

/* `results`: of one that waits; NULL: a new one. */
static int begin(
    struct runs *r, const struct run_spec *spec, json_t *results, struct run **ret, struct error *e)
{
    struct run *run = NULL;
    int rc = check(spec, e);
    if (rc == 0)
        rc = runs_reserve(r, e);
    if (rc < 0)
        return rc;
    rc = results ? revive(r, spec, results, &run, e) : make(r, spec, &run, e);
    if (rc == 0)
        rc = launch(r, run, !results, e);
    if (rc < 0) {
        run_unref(run);
        runs_leave(r);
        return rc;
    }
    *ret = run;
    return 0;
}

int run_start(struct runs *r, const struct run_spec *spec, struct run **ret, struct error *e)
{
    return begin(r, spec, NULL, ret, e);
}

int run_resume(
    struct runs *r, const struct run_spec *spec, json_t *results, struct run **ret, struct error *e)
{
    return begin(r, spec, results, ret, e);
}
