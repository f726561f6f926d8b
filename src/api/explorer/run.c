/* run.c - from a message to a run in a thread, and to its end. Used by the HTTP endpoints and the live wire. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/explorer/explorer.h"
#include "api/responses/responses.h"
#include "base/clock.h"
#include "provider/provider.h"

/* All that a run_spec borrows from. */
struct plan {
    json_t *context, *items, *transcript, *request;
    struct input_files files;
    struct run_file *run_files;
    struct session *session;
    char run_id[ID_SIZE], message_id[ID_SIZE];
};

static void plan_deinit(struct plan *p)
{
    json_decref(p->context);
    json_decref(p->items);
    json_decref(p->transcript);
    json_decref(p->request);
    input_files_deinit(&p->files);
    free(p->run_files);
    if (p->session)
        session_unref(p->session);
}

static int no_memory(struct error *e)
{
    return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
}

/* The message as Responses would have been given it, so that files have one set of rules. */
static json_t *items_of(const struct explorer_ask *ask)
{
    json_t *content = json_array();
    const json_t *id;
    size_t i;
    if (ask->message[0])
        json_array_append_new(
            content, json_pack("{s:s,s:s}", "type", "input_text", "text", ask->message));
    json_array_foreach (ask->file_ids, i, id)
        json_array_append_new(content, json_pack("{s:s,s:O}", "type", "input_file", "file_id", id));
    return json_pack("[{s:s,s:s,s:o}]", "type", "message", "role", "user", "content", content);
}

static int list_files(struct plan *p, struct error *e)
{
    p->run_files = calloc(p->files.count + 1, sizeof *p->run_files);
    if (!p->run_files)
        return no_memory(e);
    for (size_t i = 0; i < p->files.count; i++)
        p->run_files[i] =
            (struct run_file){.name = p->files.file[i].name, .file_id = p->files.file[i].file_id};
    return 0;
}

static int plan_init(struct plan *p, struct api *api, const struct explorer_ask *ask,
    const char *thread_id, struct error *e)
{
    struct project_files of = {api, ask->project};
    struct file_source source = file_source_of(&of);
    struct item_view view = {.figure = figure_read, .context = api};
    struct input_items input = {0};
    id_new_parent(p->run_id, "run_");
    id_new(p->message_id, "msg_", 48);
    p->context = json_array();
    p->transcript = json_array();
    p->items = items_of(ask);
    p->request = json_pack("{s:s,s:s,s:O?}", "thread_id", thread_id, "message", ask->message,
        "file_ids", ask->file_ids);
    if (!p->context || !p->transcript || !p->items || !p->request)
        return no_memory(e);
    int r = thread_context(api, thread_id, p->context, e);
    if (r == 0 && ask->interpreter) {
        p->session = thread_session(api, ask->project, thread_id);
        if (!p->session)
            r = context_files_add(p->context, &source, &p->files, e);
    }
    if (r == 0)
        r = items_transcript(p->items, &input, &source, &view, ask->interpreter ? &p->files : NULL,
            p->transcript, e);
    return r < 0 ? r : list_files(p, e);
}

/* The message stands in the thread before the run begins, as the run's answers will. */
static int say(struct api *api, const struct plan *p, const struct explorer_ask *ask,
    const char *thread_id, struct error *e)
{
    json_t *json = json_pack("{s:s,s:s,s:[],s:O?,s:s}", "role", "user", "content", ask->message,
        "annotations", "file_ids", ask->file_ids, "run_id", p->run_id);
    char *shown = json ? json_dumps(json, JSON_COMPACT) : NULL;
    char *transcript = json_dumps(p->transcript, JSON_COMPACT);
    const struct store_item item = {
        .id = (char *)p->message_id,
        .conversation_id = (char *)thread_id,
        .run_id = (char *)p->run_id,
        .json = shown,
        .transcript = transcript,
        .created_at = clock_realtime_s(),
    };
    int r = shown && transcript ? store_items_append(api->store, &item, 1, e) : no_memory(e);
    json_decref(json);
    free(shown);
    free(transcript);
    return r;
}

static int start(struct api *api, const struct explorer_ask *ask, const char *thread_id,
    struct run **ret, struct error *e)
{
    struct plan p = {0};
    struct run_spec spec = {.project = ask->project, .dialect = EXPLORER_DIALECT};
    int r = providers_route(api->providers, ask->model, &spec.route, e);
    if (r == 0)
        r = plan_init(&p, api, ask, thread_id, e);
    spec.id = p.run_id;
    spec.context = p.context;
    spec.input = p.transcript;
    spec.request = p.request;
    spec.interpreter = ask->interpreter;
    spec.session = p.session;
    spec.container = (struct session_spec){.project = ask->project};
    spec.files = p.run_files;
    spec.n_files = ask->interpreter ? p.files.count : 0;
    __atomic_load(&api->temperature, &spec.temperature, __ATOMIC_RELAXED);
    spec.top_p = NAN;
    spec.parallel_tool_calls = true;
    spec.max_rounds = __atomic_load_n(&api->max_iterations, __ATOMIC_RELAXED);
    spec.store = true;
    spec.conversation_id = thread_id;
    if (r == 0)
        r = say(api, &p, ask, thread_id, e);
    if (r == 0 && (r = run_start(api->runs, &spec, ret, e)) < 0)
        store_item_delete(api->store, thread_id, p.message_id, NULL);
    if (r == 0)
        thread_entitle(api, ask->project, thread_id, ask->message);
    plan_deinit(&p);
    return r;
}

int explorer_run_begin(struct api *api, const struct explorer_ask *ask, bool (*gone)(void *context),
    void *context, struct explorer_run *ret, struct error *e)
{
    bool created = !ask->thread_id;
    int r = created ? thread_create(api, ask->project, ret->thread_id, e)
                    : thread_check(api, ask->project, ask->thread_id, e);
    if (r < 0)
        return r;
    if (!created)
        snprintf(ret->thread_id, sizeof ret->thread_id, "%s", ask->thread_id);
    r = turn_of_thread(api->turns, ret->thread_id, gone, context, e);
    if (r == 0 && (r = start(api, ask, ret->thread_id, &ret->run, e)) < 0)
        turn_done(api->turns, ret->thread_id);
    if (r < 0 && created)
        store_conversation_delete(api->store, ask->project, ret->thread_id, NULL);
    return r;
}

void explorer_run_end(struct api *api, struct explorer_run *r)
{
    run_wait(r->run);
    turn_done(api->turns, r->thread_id);
    run_unref(r->run);
    r->run = NULL;
}
