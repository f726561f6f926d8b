/* What begins a run, or goes on with one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/assistants/request.h"
#include "base/fd.h"

/* ---- answering ---- */

static void respond_object(struct http_exchange *x, struct run *run)
{
    struct run_state state;
    struct error e = {0};
    if (run_state_init(&state, run, NULL, NULL, 0, &e) < 0) {
        http_error(x, &e);
        return;
    }
    run_respond(x, &state);
    run_state_deinit(&state);
}

/* ---- beginning ---- */

/* Takes back messages that came with a run that could not begin. */
static void take_back(struct api *api, const char *thread_id, const struct new_messages *m)
{
    const json_t *entry;
    size_t i;
    json_array_foreach (m->list, i, entry) {
        const char *id = json_text(json_object_get(entry, "message"), "id");
        if (id)
            store_item_delete(api->store, thread_id, id, NULL);
    }
}

/* What lies in the run's session need not be brought there again. */
static void note_placed(struct api *api, const char *thread_id, struct run *run)
{
    struct run_info info;
    run_info(run, &info);
    if (info.container_id)
        store_conversation_files_placed(api->store, thread_id, info.container_id, NULL);
    run_info_deinit(&info);
}

/* 0 and the run; -EBUSY with `active`; else negative with `e`. */
static int begin(struct api *api, const char *project, const char *thread_id,
    struct run_request *request, char active[ID_SIZE], struct run **ret, struct error *e)
{
    struct run_plan plan;
    if (thread_active(api, project, thread_id, active))
        return -EBUSY;
    int r = messages_append(api, project, thread_id, &request->messages, e);
    if (r < 0)
        return r;
    r = run_plan_init(&plan, api, project, thread_id, request, NULL, e);
    if (r == 0)
        r = run_start(api->runs, &plan.spec, ret, e);
    if (r == 0)
        note_placed(api, thread_id, *ret);
    else
        take_back(api, thread_id, &request->messages);
    run_plan_deinit(&plan);
    return r == -EBUSY && !thread_active(api, project, thread_id, active) ? -EAGAIN : r;
}

void runs_create(struct http_exchange *x)
{
    struct api *api = api_of(x);
    cleanup_json json_t *root = NULL;
    struct run_request request = {0};
    struct store_conversation thread;
    struct run *run = NULL;
    struct error e = {0};
    char active[ID_SIZE];
    if (thread_find(x, &thread) < 0)
        return;
    int r = api_body_json_max(x, BODY_MODEL_MAX, &root);
    if (r == 0) {
        r = run_request_read(api, access_project(x), root, false, &request, &e);
        if (r == 0)
            r = begin(api, access_project(x), thread.id, &request, active, &run, &e);
        if (r == -EBUSY && e.code != ERROR_QUEUE_FULL)
            thread_busy(x, thread.id, active, false);
        else if (r < 0)
            http_error(x, &e);
        else if (request.stream) {
            struct run_stream stream;
            stream_begin(&stream, x);
            stream_run(&stream, run, 0);
            stream_end(&stream);
        } else
            respond_object(x, run);
    }
    run_request_deinit(&request);
    store_conversation_deinit(&thread);
}

static void stream_with_thread(
    struct http_exchange *x, const struct store_conversation *thread, struct run *run)
{
    cleanup_json json_t *object = thread_object(api_of(x), thread);
    struct run_stream stream;
    stream_begin(&stream, x);
    stream_event(&stream, "thread.created", object);
    stream_run(&stream, run, 0);
    stream_end(&stream);
}

void runs_create_with_thread(struct http_exchange *x)
{
    struct api *api = api_of(x);
    const char *project = access_project(x);
    cleanup_json json_t *root = NULL;
    struct run_request request = {0};
    struct store_conversation thread = {0};
    struct run *run = NULL;
    struct error e = {0};
    char active[ID_SIZE];
    if (api_body_json_max(x, BODY_MODEL_MAX, &root) < 0)
        return;
    int r = run_request_read(api, project, root, true, &request, &e);
    if (r == 0)
        r = thread_make(x, request.thread, "thread.", &thread, &e);
    if (r == 0 && (r = begin(api, project, thread.id, &request, active, &run, &e)) < 0)
        store_conversation_delete(api->store, project, thread.id, NULL);
    if (r < 0)
        http_error(x, &e);
    else if (request.stream)
        stream_with_thread(x, &thread, run);
    else
        respond_object(x, run);
    run_request_deinit(&request);
    store_conversation_deinit(&thread);
}

/* ---- going on ---- */

static json_t *results_read(struct json_in *in)
{
    json_t *results = json_array(), *list = json_in_array(in, "tool_outputs", 128), *entry;
    size_t i;
    if (!list)
        json_in_fail(in, ERROR_MISSING_PARAMETER, "tool_outputs",
            "Missing required parameter: 'tool_outputs'.");
    json_array_foreach (list, i, entry) {
        struct json_in sub;
        char prefix[48];
        snprintf(prefix, sizeof prefix, "tool_outputs[%zu].", i);
        json_in_begin(&sub, json_is_object(entry) ? entry : NULL, prefix, in->manners, in->e);
        sub.failed = in->failed;
        const char *id = json_in_string(&sub, "tool_call_id", JSON_REQUIRED, 256);
        const char *output = json_in_string(&sub, "output", JSON_OPTIONAL, 10 << 20);
        if (json_in_end(&sub) < 0)
            in->failed = true;
        if (!in->failed)
            json_array_append_new(results, json_pack("{s:s,s:s,s:s}", "type", "tool_result",
                                               "call_id", id, "text", output ? output : ""));
    }
    return results;
}

static int resume(struct http_exchange *x, const struct run_info *info, json_t *results,
    struct run **ret, struct error *e)
{
    struct api *api = api_of(x);
    struct run_request request = {0};
    struct run_plan plan = {0};
    int r = run_request_again(info->request, &request, e);
    if (r == 0)
        r = run_plan_init(&plan, api, info->project, info->conversation_id, &request, info->id, e);
    if (r == 0)
        r = run_resume(api->runs, &plan.spec, results, ret, e);
    if (r == 0)
        note_placed(api, info->conversation_id, *ret);
    run_plan_deinit(&plan);
    run_request_deinit(&request);
    return r;
}

static void submit(struct http_exchange *x, struct run *run, json_t *root)
{
    cleanup_json json_t *results = NULL;
    struct run_state before;
    struct run *again = NULL;
    struct json_in in;
    struct error e = {0};
    json_in_begin(&in, root, "", JSON_OPENAI, &e);
    bool streamed = json_in_bool(&in, "stream", false);
    results = results_read(&in);
    int r = json_in_end(&in);
    if (r == 0)
        r = run_state_init(&before, run_ref(run), NULL, NULL, 0, &e);
    if (r < 0) {
        http_error(x, &e);
        return;
    }
    r = run_state_catch_up(&before, &e);
    if (r == 0 && before.info.status != RUN_REQUIRES_ACTION)
        r = error_set(&e, ERROR_INVALID_VALUE, 0,
            "Runs in status \"%s\" do not accept tool outputs.",
            before.info.cancelling ? "cancelling" : run_status_name(before.info.status));
    if (r == 0)
        r = resume(x, &before.info, results, &again, &e);
    uint64_t from = before.reader.next;
    run_state_deinit(&before);
    if (r < 0) {
        http_error(x, &e);
    } else if (streamed) {
        struct run_stream stream;
        stream_begin(&stream, x);
        stream_run(&stream, again, from);
        stream_end(&stream);
    } else {
        run_respond_queued(x, again);
    }
}

void runs_submit(struct http_exchange *x)
{
    cleanup_json json_t *root = NULL;
    struct run *run = run_of(x);
    if (run && api_body_json_max(x, BODY_MODEL_MAX, &root) == 0)
        submit(x, run, root);
    run_unref(run);
}
