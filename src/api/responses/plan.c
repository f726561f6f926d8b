#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/responses/responses.h"
#include "base/fd.h"

static int no_memory(struct error *e)
{
    error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    return -ENOMEM;
}

/* ---- what was said before ---- */

static int previous_context(struct response_plan *p, struct api *api, const char *project,
    const char *id, char container_id[ID_SIZE], struct error *e)
{
    struct run *run;
    struct run_info info;
    int r = run_find(api->runs, project, RESPONSES_DIALECT, id, &run, e);
    bool final = false, stored = false;
    if (r == 0) {
        run_info(run, &info);
        final = run_status_final(info.status);
        stored = info.stored;
        run_info_deinit(&info);
        run_unref(run);
    }
    if (r == -ENOENT || (r == 0 && !stored))
        return error_param(e, ERROR_PREVIOUS_NOT_FOUND, "previous_response_id",
            "Previous response with id '%s' not found.", id);
    if (r == 0 && !final)
        return error_param(e, ERROR_INVALID_VALUE, "previous_response_id",
            "Previous response with id '%s' is still in progress.", id);
    if (r < 0)
        return r;
    json_decref(p->context);
    p->context = NULL;
    return run_chain(api->runs, project, id, &p->context, container_id, e);
}

static int read_context(struct response_plan *p, struct api *api, const char *project,
    const struct response_request *r, char container_id[ID_SIZE], struct error *e)
{
    container_id[0] = 0;
    if (r->conversation_id)
        return conversation_context(api, project, r->conversation_id, p->context, container_id, e);
    if (r->previous_id)
        return previous_context(p, api, project, r->previous_id, container_id, e);
    return 0;
}

/* ---- the container ---- */

/* The container that the request's own items name last, or NULL. */
static const char *named_in_input(const json_t *items)
{
    for (size_t i = json_array_size(items); i-- > 0;) {
        const char *id = json_text(json_array_get(items, i), "container_id");
        if (id)
            return id;
    }
    return NULL;
}

static int check_replayed(const json_t *items, const char *container_id, struct error *e)
{
    const json_t *item;
    size_t i;
    json_array_foreach (items, i, item) {
        const char *id = json_text(item, "container_id");
        if (id && strcmp(id, container_id) != 0)
            return error_param(
                e, ERROR_INVALID_VALUE, "input", "Expected container_id: %s", container_id);
    }
    return 0;
}

static bool alive(struct session *session)
{
    struct session_info info;
    session_info(session, &info);
    bool expired = info.expired;
    session_info_deinit(&info);
    return !expired;
}

static int named_container(struct response_plan *p, struct api *api, const char *project,
    const struct response_request *r, struct error *e)
{
    const char *id = r->tools.container_id;
    char brief[72];
    int x = check_replayed(r->input.items, id, e);
    if (x < 0)
        return x;
    x = id_valid(id) ? session_find(api->sessions, project, id, &p->session, e) : -ENOENT;
    if (x == -ENOENT)
        error_set(e, ERROR_NOT_FOUND, ENOENT, "Container with id '%s' not found.",
            json_in_brief(brief, id));
    if (x == 0 && !alive(p->session))
        x = error_set(e, ERROR_CONTAINER_EXPIRED, 0, "Container is expired.");
    return x;
}

/* The newest one of the context that still lives, or none: then the run makes one. */
static void auto_container(struct response_plan *p, struct api *api, const char *project,
    const struct response_request *r, const char *of_context)
{
    const char *named = named_in_input(r->input.items), *ids[] = {named, of_context};
    for (size_t i = 0; i < 2 && !p->session; i++) {
        if (!ids[i] || !id_valid(ids[i]) ||
            session_find(api->sessions, project, ids[i], &p->session, NULL) < 0)
            continue;
        if (!alive(p->session)) {
            session_unref(p->session);
            p->session = NULL;
        }
    }
}

/* ---- files ---- */

static int add_tool_files(
    struct response_plan *p, const struct response_request *r, struct error *e)
{
    struct file_source source = file_source_of(&p->source);
    const json_t *id;
    size_t i;
    json_array_foreach (r->tools.file_ids, i, id) {
        cleanup_free char *name = NULL;
        const char *given;
        char param[64], brief[72];
        int64_t bytes;
        snprintf(param, sizeof param, "tools.container.file_ids[%zu]", i);
        if (source.stat(source.context, json_string_value(id), &name, &bytes) < 0) {
            error_param(e, ERROR_NOT_FOUND, param, "No such File object: %s",
                json_in_brief(brief, json_string_value(id)));
            return -ENOENT;
        }
        if (input_files_add(&p->files, name, json_string_value(id), NULL, 0, &given) < 0)
            return no_memory(e);
    }
    return 0;
}

int context_files_add(const json_t *context, const struct file_source *source,
    struct input_files *files, struct error *e)
{
    const json_t *message, *part;
    size_t i, j;
    json_array_foreach (context, i, message)
        json_array_foreach (json_object_get(message, "content"), j, part) {
            cleanup_free char *name = NULL;
            const char *id = json_text(part, "file_id"), *given;
            int64_t bytes;
            if (!id || source->stat(source->context, id, &name, &bytes) < 0)
                continue;
            if (input_files_add(files, name, id, NULL, 0, &given) < 0)
                return no_memory(e);
        }
    return 0;
}

static int list_files(struct response_plan *p, struct error *e)
{
    p->run_files = calloc(p->files.count + 1, sizeof *p->run_files);
    if (!p->run_files)
        return no_memory(e);
    for (size_t i = 0; i < p->files.count; i++) {
        const struct input_file *f = &p->files.file[i];
        p->run_files[i] = (struct run_file){f->name, f->file_id, f->data, f->length};
    }
    return 0;
}

/* ---- together ---- */

static json_t *included(const struct item_view *view)
{
    json_t *list = json_array();
    if (view->outputs)
        json_array_append_new(list, json_string("code_interpreter_call.outputs"));
    if (view->image_urls)
        json_array_append_new(list, json_string("message.input_image.image_url"));
    return list;
}

static int read_items(struct response_plan *p, struct api *api, const char *project,
    struct response_request *r, char container_id[ID_SIZE], struct error *e)
{
    p->source = (struct project_files){api, project};
    p->context = json_array();
    p->transcript = json_array();
    if (!p->context || !p->transcript)
        return no_memory(e);
    int x = read_context(p, api, project, r, container_id, e);
    return x < 0 ? x : items_resolve(api, project, r->conversation_id, r->input.items, e);
}

static int read_transcript(struct response_plan *p, struct api *api, struct response_request *r,
    struct input_files *files, struct error *e)
{
    struct file_source source = file_source_of(&p->source);
    struct item_view view = {.figure = figure_read, .context = api};
    int x = items_transcript(r->input.items, &r->input, &source, &view, files, p->transcript, e);
    return x < 0 ? x : transcript_check_calls(p->context, p->transcript, e);
}

static int bring_files(struct response_plan *p, struct api *api, const char *project,
    const struct response_request *r, const char *container_id, struct error *e)
{
    int x = 0;
    if (!r->tools.interpreter)
        return 0;
    if (r->tools.container_id)
        x = named_container(p, api, project, r, e);
    else
        auto_container(p, api, project, r, container_id);
    if (x == 0)
        x = add_tool_files(p, r, e);
    if (x == 0 && !p->session) {
        struct file_source source = file_source_of(&p->source);
        x = context_files_add(p->context, &source, &p->files, e);
    }
    return x;
}

static void fill_spec(
    struct response_plan *p, const char *project, const struct response_request *r)
{
    struct run_spec *spec = &p->spec;
    spec->project = project;
    spec->dialect = RESPONSES_DIALECT;
    spec->id = p->id;
    spec->instructions = r->instructions;
    spec->context = p->context;
    spec->input = p->transcript;
    spec->request = p->request;
    spec->interpreter = r->tools.interpreter && r->tools.offered;
    spec->session = p->session;
    spec->container = (struct session_spec){
        .project = project, .memory_limit_bytes = r->tools.memory_limit_bytes};
    spec->files = p->run_files;
    spec->n_files = spec->interpreter ? p->files.count : 0;
    spec->functions = r->tools.functions;
    spec->tool_choice = r->tools.choice;
    spec->text_format = r->text_format;
    spec->temperature = r->temperature;
    spec->top_p = r->top_p;
    spec->reasoning_effort = r->reasoning_effort;
    spec->parallel_tool_calls = r->parallel_tool_calls;
    spec->max_output_tokens = r->max_output_tokens;
    spec->max_tool_calls = r->max_tool_calls;
    spec->budget_usd = r->budget;
    spec->sample = r->sample;
    spec->store = r->store;
    spec->background = r->background;
    spec->conversation_id = r->conversation_id;
    spec->previous_id = r->previous_id;
}

int response_plan_init(struct response_plan *p, struct api *api, const char *project,
    struct response_request *r, struct error *e)
{
    char container_id[ID_SIZE];
    *p = (struct response_plan){0};
    id_new_parent(p->id, "resp_");
    int x = read_items(p, api, project, r, container_id, e);
    if (x == 0)
        x = bring_files(p, api, project, r, container_id, e);
    if (x == 0)
        x = read_transcript(p, api, r, r->tools.interpreter ? &p->files : NULL, e);
    if (x == 0 && items_name(r->input.items, p->id) < 0)
        x = no_memory(e);
    if (x == 0)
        x = list_files(p, e);
    if (x == 0)
        x = providers_route(api->providers, r->model, &p->spec.route, e);
    if (x < 0)
        return x;
    json_object_set_new(r->echo, "model", json_string(p->spec.route.name));
    p->request = json_pack("{s:O,s:o,s:O}", "response", r->echo, "include", included(&r->view),
        "input", r->input.items);
    fill_spec(p, project, r);
    return p->request ? 0 : no_memory(e);
}

int response_plan_count(struct response_plan *p, struct api *api, const char *project,
    struct response_request *r, struct error *e)
{
    char container_id[ID_SIZE];
    *p = (struct response_plan){0};
    int x = read_items(p, api, project, r, container_id, e);
    return x < 0 ? x : read_transcript(p, api, r, NULL, e);
}

void response_plan_deinit(struct response_plan *p)
{
    json_decref(p->context);
    json_decref(p->transcript);
    json_decref(p->request);
    free(p->run_files);
    input_files_deinit(&p->files);
    if (p->session)
        session_unref(p->session);
    *p = (struct response_plan){0};
}
