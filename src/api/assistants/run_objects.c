/* Runs that there are: found, listed, changed, ended. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/assistants/request.h"
#include "base/clock.h"
#include "base/fd.h"

/* ---- finding ---- */

int run_find_current(
    struct api *api, const char *project, const char *id, struct run **ret, struct error *e)
{
    struct run_info info;
    struct run *run;
    int r = run_find(api->runs, project, ASSISTANTS_DIALECT, id, &run, e);
    if (r < 0)
        return r;
    run_info(run, &info);
    int64_t expires_at = json_integer_value(json_object_get(info.request, "expires_at"));
    bool due = info.status == RUN_REQUIRES_ACTION && clock_realtime_s() >= expires_at;
    run_info_deinit(&info);
    if (due) { /* it will be ended within a second; who asks meanwhile finds it ended */
        run_close(api->runs, run, RUN_EXPIRED, NULL);
        run_unref(run);
        return run_find(api->runs, project, ASSISTANTS_DIALECT, id, ret, e);
    }
    *ret = run;
    return 0;
}

struct run *run_of(struct http_exchange *x)
{
    const char *id = object_id(x, "run_id", "run_");
    struct store_conversation thread;
    struct run_info info;
    struct run *run = NULL;
    struct error e = {0};
    if (!id || thread_find(x, &thread) < 0)
        return NULL;
    int r = run_find_current(api_of(x), access_project(x), id, &run, &e);
    if (r == 0) {
        run_info(run, &info);
        if (!info.conversation_id || strcmp(info.conversation_id, thread.id) != 0)
            r = error_set(&e, ERROR_NOT_FOUND, ENOENT, "Not found.");
        run_info_deinit(&info);
    }
    store_conversation_deinit(&thread);
    if (r == 0)
        return run;
    run_unref(run);
    no_object(x, "run", id, &e);
    return NULL;
}

bool thread_active(
    struct api *api, const char *project, const char *thread_id, char ret_run[ID_SIZE])
{
    struct run *run;
    if (store_run_active(api->store, project, thread_id, ret_run, NULL) < 0)
        return false;
    if (run_find_current(api, project, ret_run, &run, NULL) == 0)
        run_unref(run);
    return store_run_active(api->store, project, thread_id, ret_run, NULL) == 0;
}

json_t *message_of_run(struct api *api, const char *project, const char *thread_id, const char *id)
{
    struct run_state state;
    struct run *run;
    json_t *found = NULL, *message;
    char run_id[ID_SIZE];
    size_t i;
    if (!id_parent(run_id, "run_", id, NULL) ||
        run_find(api->runs, project, ASSISTANTS_DIALECT, run_id, &run, NULL) < 0 ||
        run_state_init(&state, run, NULL, NULL, 0, NULL) < 0)
        return NULL;
    /* of one that is over, the thread has them: it was deleted there */
    if (!run_status_final(state.info.status) && strcmp(state.base.thread_id, thread_id) == 0 &&
        run_state_catch_up(&state, NULL) == 0)
        json_array_foreach ((json_t *)run_encoder_messages(state.encoder), i, message)
            if (strcmp(json_text(message, "id"), id) == 0)
                found = json_deep_copy(message);
    run_state_deinit(&state);
    return found;
}

/* ---- answering ---- */

void run_show(struct http_exchange *x, json_t *run)
{
    if (!beta_v1(x))
        json_object_del(run, "file_ids");
}

/* How long a client that asks again and again should wait: little while a run is young. */
static void set_poll_after(struct http_exchange *x, const struct run_info *info)
{
    int64_t age = clock_realtime_s() - info->created_at;
    http_set_header(x, "openai-poll-after-ms", age < 3 ? "150" : age < 15 ? "400" : "1000");
}

static void respond(struct http_exchange *x, struct run_state *state, json_t *object)
{
    set_poll_after(x, &state->info);
    if (object)
        run_show(x, object);
    respond_json(x, object);
    json_decref(object);
}

void run_respond(struct http_exchange *x, struct run_state *state)
{
    respond(x, state, run_state_object(state));
}

/* With `status` in the place of what it is to become something else from. */
static void respond_now(
    struct http_exchange *x, struct run *run, const char *from, const char *status)
{
    struct run_state state;
    struct error e = {0};
    int r = run_state_init(&state, run, NULL, NULL, 0, &e);
    if (r < 0) {
        http_error(x, &e);
        return;
    }
    if ((r = run_state_catch_up(&state, &e)) < 0) {
        http_error(x, &e);
    } else {
        json_t *object = run_state_object(&state);
        const char *now = json_text(object, "status");
        if (now && from && strcmp(now, from) == 0) {
            json_object_set_new(object, "status", json_string(status));
            json_object_set_new(object, "required_action", json_null());
        }
        respond(x, &state, object);
    }
    run_state_deinit(&state);
}

void run_respond_queued(struct http_exchange *x, struct run *run)
{
    respond_now(x, run, "requires_action", "queued");
}

/* ---- handlers ---- */

void runs_get(struct http_exchange *x)
{
    struct run *run = run_of(x);
    if (run)
        respond_now(x, run, NULL, NULL);
}

static json_t *object_of(struct http_exchange *x, const char *id)
{
    struct run_state state;
    struct run *run;
    json_t *object = NULL;
    if (run_find_current(api_of(x), access_project(x), id, &run, NULL) < 0 ||
        run_state_init(&state, run, NULL, NULL, 0, NULL) < 0)
        return NULL;
    if (run_state_catch_up(&state, NULL) == 0 && (object = run_state_object(&state)))
        run_show(x, object);
    run_state_deinit(&state);
    return object;
}

void runs_list(struct http_exchange *x)
{
    struct store_conversation thread;
    struct store_runs list = {0};
    struct store_page page;
    struct error e = {0};
    if (list_page(x, &page) < 0 || thread_find(x, &thread) < 0)
        return;
    int r = store_run_list(
        api_of(x)->store, access_project(x), ASSISTANTS_DIALECT, thread.id, &page, &list, &e);
    store_conversation_deinit(&thread);
    if (r < 0) {
        http_error(x, &e);
        return;
    }
    json_t *objects[100];
    size_t n = 0;
    for (size_t i = 0; i < list.count; i++) {
        json_t *object = object_of(x, list.items[i].id);
        if (object) /* else it went away meanwhile */
            objects[n++] = object;
    }
    bool more = list.has_more;
    store_runs_deinit(&list);
    respond_list(x, objects, n, more);
}

void runs_modify(struct http_exchange *x)
{
    struct run *run = run_of(x);
    struct run_info info;
    struct error e = {0};
    bool changed = false;
    if (!run)
        return;
    run_info(run, &info);
    cleanup_json json_t *request = json_deep_copy(info.request);
    int r = metadata_replace(x, json_object_get(request, "run"), &changed);
    if (r == 0 && changed && (r = run_annotate(api_of(x)->runs, run, request, &e)) < 0)
        http_error(x, &e);
    run_info_deinit(&info);
    if (r < 0)
        run_unref(run);
    else
        respond_now(x, run, NULL, NULL);
}

static enum run_status status_of(struct run *run)
{
    struct run_info info;
    run_info(run, &info);
    enum run_status status = info.status;
    run_info_deinit(&info);
    return status;
}

void runs_cancel(struct http_exchange *x)
{
    struct run *run = run_of(x);
    struct error e = {0};
    if (!run)
        return;
    enum run_status status = status_of(run);
    bool active = !run_status_final(status);
    int r = 0;
    if (active) { /* it may come to wait at this moment, without seeing this */
        run_cancel(run);
        status = status_of(run);
    }
    if (status == RUN_REQUIRES_ACTION) {
        r = run_close(api_of(x)->runs, run, RUN_CANCELLED, &e);
        if (r < 0 && active && e.code == ERROR_INVALID_VALUE)
            r = 0; /* its thread saw it, and does the same */
        if (r == 0) {
            run_unref(run);
            run = run_of(x);
        }
    } else if (!active) {
        r = error_set(&e, ERROR_INVALID_VALUE, 0, "Cannot cancel run with status '%s'.",
            run_status_name(status));
    }
    if (r < 0) {
        run_unref(run);
        http_error(x, &e);
    } else if (run) {
        respond_now(x, run, "cancelled", "cancelling");
    }
}
