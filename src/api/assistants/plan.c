/* From a request to a run: the thread's messages, a session with its files. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/assistants/request.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "provider/estimate.h"

enum {
    EXPIRES_S = 600,
    READ_BYTES_MAX = 128 << 20, /* of text and images that are held for one run */
};

/* ---- what was said ---- */

/* One message of the thread, as a model reads it. */
struct said {
    json_t *transcript;
    bool of_run; /* a run said it */
};
struct all_said {
    struct said *item;
    size_t n;
};

static void all_said_free(struct all_said *all)
{
    for (size_t i = 0; i < all->n; i++)
        json_decref(all->item[i].transcript);
    free(all->item);
}

static void reverse(struct all_said *all)
{
    for (size_t i = 0; i < all->n / 2; i++) {
        struct said first = all->item[i];
        all->item[i] = all->item[all->n - 1 - i];
        all->item[all->n - 1 - i] = first;
    }
}

/* What is read of a thread, newest first. */
struct reading {
    struct all_said *all;
    const char *except;
    size_t bytes;
};

/* 1: it is enough. */
static int read_item(void *context, const struct store_item *item)
{
    struct reading *reading = context;
    struct all_said *all = reading->all;
    const char *text = item->transcript, *run = item->run_id;
    if (run && reading->except && strcmp(run, reading->except) == 0)
        return 0;
    reading->bytes += text ? strlen(text) : 0;
    if (reading->bytes > READ_BYTES_MAX && all->n > 0)
        return 1;
    struct said *grown = realloc(all->item, (all->n + 1) * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    all->item = grown;
    all->item[all->n++] =
        (struct said){text ? json_loads(text, JSON_ALLOW_NUL, NULL) : json_array(), run != NULL};
    return 0;
}

/* All but what the run `except` (or NULL) has said so far itself, oldest first; of a thread that is too large,
 * the newest. */
static int load(struct api *api, const char *thread_id, const char *except, struct all_said *ret,
    struct error *e)
{
    struct reading reading = {ret, except, 0};
    int r = store_items_each(api->store, thread_id, true, STORE_ITEMS_FEW, read_item, &reading, e);
    reverse(ret);
    return r == -ENOMEM ? no_memory_error(e) : r < 0 ? r : 0;
}

/* From which message on the model gets to read: the newest that fit, one at least. */
static size_t first_read(
    const struct all_said *all, const struct run_request *r, const struct model_route *route)
{
    int64_t room = r->max_prompt_tokens ? r->max_prompt_tokens : INT64_MAX, tokens = 0;
    size_t i = all->n;
    if (route->context_tokens && route->context_tokens * 3 / 4 < room)
        room = route->context_tokens * 3 / 4;
    tokens = provider_estimate_tokens(r->instructions, strlen(r->instructions));
    while (i > 0) {
        tokens += estimate_items(all->item[i - 1].transcript);
        bool enough = r->last_messages && (int64_t)(all->n - i) >= r->last_messages;
        if (i < all->n && (enough || tokens > room))
            break;
        i--;
    }
    return i;
}

/* What no run has read yet is the input, what was before is the context. */
static int read_messages(struct run_plan *p, struct api *api, const char *thread_id,
    const struct run_request *r, const char *run_id, struct error *e)
{
    struct all_said all = {0};
    size_t fresh = 0;
    int x = load(api, thread_id, run_id, &all, e);
    p->context = json_array();
    p->input = json_array();
    if (x == 0 && (!p->context || !p->input))
        x = no_memory_error(e);
    for (size_t i = 0; i < all.n; i++)
        if (all.item[i].of_run)
            fresh = i + 1;
    for (size_t i = first_read(&all, r, &p->spec.route); x == 0 && i < all.n; i++)
        if (json_array_extend(i < fresh ? p->context : p->input, all.item[i].transcript) < 0)
            x = no_memory_error(e);
    all_said_free(&all);
    return x;
}

/* ---- the session ---- */

/* The thread's, if it lives. True: it had one that does not. */
static bool find_session(
    struct run_plan *p, struct api *api, const char *project, const char *thread_id)
{
    struct session_info info;
    char id[ID_SIZE];
    if (store_run_container(api->store, project, thread_id, id, NULL) < 0)
        return false;
    if (session_find(api->sessions, project, id, &p->session, NULL) < 0)
        return true;
    session_info(p->session, &info);
    bool expired = info.expired;
    session_info_deinit(&info);
    if (expired) {
        session_unref(p->session);
        p->session = NULL;
    }
    return expired;
}

/* Those that do not lie in the session yet. */
static int list_files(struct run_plan *p, struct api *api, const char *project, struct error *e)
{
    struct project_files of = {api, project};
    struct file_source source = file_source_of(&of);
    const struct belongings *b = &p->belongings;
    struct session_info info = {0};
    p->files = calloc(b->files.count + 1, sizeof *p->files);
    if (!p->files)
        return no_memory_error(e);
    if (p->session)
        session_info(p->session, &info);
    for (size_t i = 0; i < b->files.count; i++) {
        const struct store_conversation_file *row = i < b->known ? &b->row[i] : NULL;
        const char *id = row ? row->file_id : b->files.file[i].file_id;
        cleanup_free char *name = NULL;
        int64_t bytes;
        bool there =
            row && row->container_id && p->session && strcmp(row->container_id, info.id) == 0;
        if (there || source.stat(source.context, id, &name, &bytes) < 0) /* deleted since */
            continue;
        p->files[p->spec.n_files++] =
            (struct run_file){.name = b->files.file[i].name, .file_id = id};
    }
    session_info_deinit(&info);
    p->spec.files = p->files;
    return 0;
}

static int bring_files(struct run_plan *p, struct api *api, const char *project,
    const struct store_conversation *thread, const struct run_request *r, struct error *e)
{
    p->own = thread->data ? json_loads(thread->data, JSON_ALLOW_NUL, NULL) : NULL;
    json_t *of_assistant = json_object_get(r->assistant, "tool_resources");
    if (!r->tools.interpreter || !r->tools.offered)
        return 0;
    bool lost = find_session(p, api, project, thread->id);
    int x = belongings_load(&p->belongings, api, thread->id, e);
    if (x == 0)
        x = belongings_add(&p->belongings, api, project, tool_resources_files(of_assistant), e);
    if (x == 0)
        x = belongings_add(&p->belongings, api, project, tool_resources_files(p->own), e);
    if (x == 0)
        x = belongings_add(
            &p->belongings, api, project, tool_resources_files(r->tool_resources), e);
    if (x == 0)
        x = belongings_save(&p->belongings, api, false, NULL, e);
    if (x == 0)
        x = list_files(p, api, project, e);
    if (lost)
        snprintf(p->told, sizeof p->told,
            "The interpreter's session had expired: this is a new one, in which the variables and "
            "imports of earlier code are gone. The files of the conversation were put back.");
    return x;
}

/* ---- the model ---- */

/* Programs of the time name models that their vendor has retired. */
static int find_model(
    struct run_plan *p, struct api *api, const char *model, bool resumed, struct error *e)
{
    bool instead;
    int x = providers_route_retired(api->providers, model, &p->spec.route, &instead, e);
    if (x < 0 || !instead || resumed)
        return x;
    log_line(LOG_INFO, "assistants", "another model stands in for a retired one",
        "asked=\"%.64s\" model=\"%s\"", model, p->spec.route.name);
    snprintf(p->notice, sizeof p->notice,
        "No provider is configured for the model %.64s: %.320s answered in its place.", model,
        p->spec.route.name);
    return 0;
}

/* ---- together ---- */

static void fill_spec(
    struct run_plan *p, const char *project, const char *thread_id, const struct run_request *r)
{
    struct run_spec *spec = &p->spec;
    spec->project = project;
    spec->dialect = ASSISTANTS_DIALECT;
    spec->id = p->id;
    spec->instructions = r->instructions && *r->instructions ? r->instructions : NULL;
    spec->context = p->context;
    spec->input = p->input;
    spec->request = p->request;
    spec->interpreter = r->tools.interpreter && r->tools.offered;
    spec->session = p->session;
    spec->container = (struct session_spec){.project = project};
    spec->functions = r->tools.functions;
    spec->tool_choice = r->tools.choice;
    spec->text_format = r->text_format;
    spec->temperature = r->temperature;
    spec->top_p = r->top_p;
    spec->reasoning_effort = r->reasoning_effort;
    spec->parallel_tool_calls = r->parallel_tool_calls;
    spec->max_output_tokens = r->max_completion_tokens;
    spec->max_input_tokens = r->max_prompt_tokens;
    spec->max_tool_calls = r->max_tool_calls;
    spec->budget_usd = r->budget;
    spec->sample = r->sample;
    spec->store = spec->background = spec->alone = spec->publish = true;
    spec->conversation_id = thread_id;
    spec->told = p->told[0] ? p->told : NULL;
    spec->notice = p->notice[0] ? p->notice : NULL;
}

int run_plan_init(struct run_plan *p, struct api *api, const char *project, const char *thread_id,
    struct run_request *r, const char *run_id, struct error *e)
{
    struct store_conversation thread = {0};
    *p = (struct run_plan){0};
    int x = find_model(p, api, r->model, run_id != NULL, e);
    if (x == 0)
        x = store_conversation_get(api->store, project, THREAD_KIND, thread_id, &thread, e);
    if (x == 0)
        x = read_messages(p, api, thread_id, r, run_id, e);
    if (x == 0)
        x = bring_files(p, api, project, &thread, r, e);
    store_conversation_deinit(&thread);
    if (x < 0)
        return x;
    if (run_id)
        snprintf(p->id, sizeof p->id, "%s", run_id);
    else
        id_new_parent(p->id, "run_");
    json_object_set_new(r->fixed, "model", json_string(r->model));
    int64_t expires_at = r->expires_at ? r->expires_at : clock_realtime_s() + EXPIRES_S;
    p->request = json_pack("{s:O,s:O,s:I}", "run", r->fixed, "merged", r->merged, "expires_at",
        (json_int_t)expires_at);
    fill_spec(p, project, thread_id, r);
    p->spec.expires_at = expires_at;
    return p->request ? 0 : no_memory_error(e);
}

void run_plan_deinit(struct run_plan *p)
{
    json_decref(p->context);
    json_decref(p->input);
    json_decref(p->request);
    belongings_deinit(&p->belongings);
    json_decref(p->own);
    free(p->files);
    if (p->session)
        session_unref(p->session);
    *p = (struct run_plan){0};
}
