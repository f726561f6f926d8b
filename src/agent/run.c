/* run.c - one run as an object: made for its thread, or from its row; what is known of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/internal.h"
#include "base/clock.h"
#include "base/fd.h"

static const char *const status_names[] = {
    [RUN_QUEUED] = "queued",
    [RUN_IN_PROGRESS] = "in_progress",
    [RUN_REQUIRES_ACTION] = "requires_action",
    [RUN_COMPLETED] = "completed",
    [RUN_INCOMPLETE] = "incomplete",
    [RUN_FAILED] = "failed",
    [RUN_CANCELLED] = "cancelled",
    [RUN_EXPIRED] = "expired",
};

const char *run_status_name(enum run_status s) { return status_names[s]; }
bool run_status_final(enum run_status s) { return s > RUN_IN_PROGRESS; }

static enum run_status status_of(const char *name)
{
    for (int i = 0; i <= RUN_EXPIRED; i++)
        if (strcmp(name, status_names[i]) == 0)
            return (enum run_status)i;
    return RUN_FAILED;
}

/* ---- usage ------------------------------------------------------------------------------------------- */

json_t *usage_json(const struct provider_usage *u)
{
    return json_pack("{sI sI sI sI sI}", "input_tokens", (json_int_t)u->input_tokens,
        "cached_tokens", (json_int_t)u->cached_tokens, "cache_write_tokens",
        (json_int_t)u->written_tokens, "output_tokens", (json_int_t)u->output_tokens,
        "reasoning_tokens", (json_int_t)u->reasoning_tokens);
}

void usage_add(struct provider_usage *to, const struct provider_usage *u)
{
    to->input_tokens += u->input_tokens;
    to->cached_tokens += u->cached_tokens;
    to->written_tokens += u->written_tokens;
    to->output_tokens += u->output_tokens;
    to->reasoning_tokens += u->reasoning_tokens;
    to->known = u->known;
}

static void usage_read(const json_t *u, struct provider_usage *ret)
{
    *ret = (struct provider_usage){
        .input_tokens = json_integer_value(json_object_get(u, "input_tokens")),
        .cached_tokens = json_integer_value(json_object_get(u, "cached_tokens")),
        .written_tokens = json_integer_value(json_object_get(u, "cache_write_tokens")),
        .output_tokens = json_integer_value(json_object_get(u, "output_tokens")),
        .reasoning_tokens = json_integer_value(json_object_get(u, "reasoning_tokens")),
        .known = true,
    };
}

/* ---- what it was asked to do --------------------------------------------------------------------------- */

int plan_init(struct plan *p, const struct run_spec *spec)
{
    *p = (struct plan){
        .route = spec->route,
        .context = json_incref(spec->context),
        .functions = json_incref(spec->functions),
        .tool_choice = json_incref(spec->tool_choice),
        .text_format = json_incref(spec->text_format),
        .extra = json_incref(spec->extra),
        .interpreter = spec->interpreter,
        .parallel_tool_calls = spec->parallel_tool_calls,
        .temperature = spec->temperature,
        .top_p = spec->top_p,
        .budget_usd = spec->budget_usd,
        .sample = spec->sample,
        .max_output_tokens = spec->max_output_tokens,
        .max_input_tokens = spec->max_input_tokens,
        .max_tool_calls = spec->max_tool_calls,
        .expires_at = spec->expires_at,
        .publish = spec->publish,
        .max_rounds = spec->max_rounds,
        .container = spec->container,
    };
    struct session_spec *c = &p->container;
    *c = (struct session_spec){.memory_limit_bytes = c->memory_limit_bytes,
        .idle_minutes = c->idle_minutes,
        .undo = c->undo};
    char *text[4] = {0};
    bool good = text_copy(&p->instructions, spec->instructions) &&
                text_copy(&p->reasoning_effort, spec->reasoning_effort) &&
                text_copy(&p->told, spec->told) && text_copy(&p->notice, spec->notice) &&
                text_copy(&text[0], spec->project) && text_copy(&text[1], spec->container.name) &&
                text_copy(&text[2], spec->container.environment) &&
                text_copy(&text[3], spec->container.metadata);
    c->project = text[0];
    c->name = text[1];
    c->environment = text[2];
    c->metadata = text[3];
    return good ? 0 : -ENOMEM;
}

void plan_deinit(struct plan *p)
{
    free(p->instructions);
    free(p->reasoning_effort);
    free(p->told);
    free(p->notice);
    json_decref(p->context);
    json_decref(p->functions);
    json_decref(p->tool_choice);
    json_decref(p->text_format);
    json_decref(p->extra);
    free((char *)p->container.project);
    free((char *)p->container.name);
    free((char *)p->container.environment);
    free((char *)p->container.metadata);
    *p = (struct plan){0};
}

/* ---- its life ------------------------------------------------------------------------------------------ */

struct run *run_new(struct runs *all, const char *project, const char *dialect, const char *id)
{
    struct run *run = calloc(1, sizeof *run);
    if (!run)
        return NULL;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&run->news, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&run->lock, NULL);
    atomic_init(&run->refs, 1);
    run->all = all;
    run->project = strdup(project);
    run->dialect = strdup(dialect);
    run->output = json_array();
    if (id)
        snprintf(run->id, sizeof run->id, "%s", id);
    else
        id_new_parent(run->id, "resp_");
    if (!run->project || !run->dialect || !run->output) {
        run_unref(run);
        return NULL;
    }
    return run;
}

struct run *run_ref(struct run *run)
{
    atomic_fetch_add(&run->refs, 1);
    return run;
}

void run_unref(struct run *run)
{
    if (!run || atomic_fetch_sub(&run->refs, 1) != 1)
        return;
    log_deinit(&run->log);
    plan_deinit(&run->plan);
    if (run->session)
        session_unref(run->session);
    free(run->project);
    free(run->dialect);
    free(run->conversation_id);
    free(run->previous_id);
    json_decref(run->request);
    json_decref(run->input);
    json_decref(run->results);
    json_decref(run->error);
    json_decref(run->output);
    pthread_mutex_destroy(&run->lock);
    pthread_cond_destroy(&run->news);
    free(run);
}

/* ---- its row ------------------------------------------------------------------------------------------- */

static json_t *parsed(const char *text)
{
    return text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
}

struct run *run_of_row(struct runs *all, const struct store_run *row)
{
    struct run *run = run_new(all, row->project, row->dialect, row->id);
    if (!run)
        return NULL;
    json_decref(run->output);
    run->output = row->output ? parsed(row->output) : json_array();
    run->request = parsed(row->request);
    run->input = parsed(row->input);
    run->error = parsed(row->error);
    json_t *usage = parsed(row->usage);
    usage_read(usage, &run->usage);
    json_decref(usage);
    run->created_at = row->created_at;
    run->expires_at = row->expires_at;
    run->completed_at = row->completed_at;
    run->background = row->background;
    run->stored = true;
    run->status = status_of(row->status);
    run->ended = true;
    snprintf(run->model, sizeof run->model, "%s", row->model);
    snprintf(run->container_id, sizeof run->container_id, "%s",
        row->container_id ? row->container_id : "");
    if (!run->output || !text_copy(&run->conversation_id, row->conversation_id) ||
        !text_copy(&run->previous_id, row->previous_id)) {
        run_unref(run);
        return NULL;
    }
    return run;
}

static bool dump(char **to, const json_t *value)
{
    *to = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    return !value || *to;
}

int run_to_row(struct run *run, struct store_run *ret)
{
    json_t *usage = usage_json(&run->usage);
    pthread_mutex_lock(&run->lock);
    json_t *request = json_incref(run->request);
    pthread_mutex_unlock(&run->lock);
    struct store_run row = {
        .created_at = run->created_at,
        .completed_at = run->completed_at,
        .expires_at = run->expires_at,
        .background = run->background,
    };
    bool final = run_status_final(run->status);
    bool good = text_copy(&row.id, run->id) && text_copy(&row.project, run->project) &&
                text_copy(&row.dialect, run->dialect) &&
                text_copy(&row.status, run_status_name(run->status)) &&
                text_copy(&row.model, run->model) &&
                text_copy(&row.container_id, run->container_id[0] ? run->container_id : NULL) &&
                text_copy(&row.conversation_id, run->conversation_id) &&
                text_copy(&row.previous_id, run->previous_id) && dump(&row.request, request) &&
                dump(&row.input, run->input) && dump(&row.output, final ? run->output : NULL) &&
                dump(&row.error, run->error) && dump(&row.usage, final ? usage : NULL);
    json_decref(usage);
    json_decref(request);
    if (!good) {
        store_run_deinit(&row);
        return -ENOMEM;
    }
    *ret = row;
    return 0;
}

/* ---- what is known of it --------------------------------------------------------------------------------- */

/* Its thread, and what that calls, sees the end before others do. */
static bool seen_from_inside(const struct run *run)
{
    return run->threaded && pthread_equal(run->thread, pthread_self());
}

void run_info(struct run *run, struct run_info *ret)
{
    pthread_mutex_lock(&run->lock);
    bool inside = seen_from_inside(run) || run->ended;
    enum run_status shown =
        inside || !run_status_final(run->status) ? run->status : RUN_IN_PROGRESS;
    *ret = (struct run_info){
        .status = shown,
        .created_at = run->created_at,
        .completed_at = inside ? run->completed_at : 0,
        .request = json_incref(run->request),
        .error = inside ? json_incref(run->error) : NULL,
        .usage = run->usage,
        .background = run->background,
        .stored = run->stored,
        .cancelling = run->threaded && !run->ended && atomic_load(&run->stop) == STOP_CANCELLED,
    };
    snprintf(ret->id, sizeof ret->id, "%s", run->id);
    text_copy(&ret->project, run->project);
    text_copy(&ret->dialect, run->dialect);
    text_copy(&ret->model, run->model);
    text_copy(&ret->container_id, run->container_id[0] ? run->container_id : NULL);
    text_copy(&ret->conversation_id, run->conversation_id);
    text_copy(&ret->previous_id, run->previous_id);
    pthread_mutex_unlock(&run->lock);
}

void run_info_deinit(struct run_info *i)
{
    free(i->project);
    free(i->dialect);
    free(i->model);
    free(i->container_id);
    free(i->conversation_id);
    free(i->previous_id);
    json_decref(i->request);
    json_decref(i->error);
    *i = (struct run_info){0};
}

int run_annotate(struct runs *r, struct run *run, json_t *request, struct error *e)
{
    char *text = json_dumps(request, JSON_COMPACT);
    if (!text)
        return error_set(e, ERROR_UNAVAILABLE, ENOMEM, "The server is out of memory.");
    int rc = run->stored ? store_run_set_request(r->config.store, run->id, text, e) : 0;
    free(text);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&run->lock);
    json_t *before = run->request;
    run->request = json_incref(request);
    pthread_mutex_unlock(&run->lock);
    json_decref(before);
    return 0;
}

int run_transcript(struct run *run, json_t **ret_input, json_t **ret_output, struct error *e)
{
    pthread_mutex_lock(&run->lock);
    json_t *input = run->input ? json_incref(run->input) : json_array();
    json_t *output = json_copy(run->output);
    pthread_mutex_unlock(&run->lock);
    if (!input || !output) {
        json_decref(input);
        json_decref(output);
        return error_set(e, ERROR_UNAVAILABLE, ENOMEM, "The server is out of memory.");
    }
    *ret_input = input;
    *ret_output = output;
    return 0;
}

void run_wait(struct run *run)
{
    pthread_mutex_lock(&run->lock);
    while (!run->ended)
        pthread_cond_wait(&run->news, &run->lock);
    pthread_mutex_unlock(&run->lock);
}

void run_cancel(struct run *run)
{
    char execution[ID_SIZE];
    int none = STOP_NOT;
    atomic_compare_exchange_strong(&run->stop, &none, STOP_CANCELLED);
    atomic_store(&run->cancel, true);
    pthread_mutex_lock(&run->lock);
    struct session *session = run->execution_id[0] ? session_ref(run->session) : NULL;
    memcpy(execution, run->execution_id, sizeof execution);
    pthread_mutex_unlock(&run->lock);
    if (session) {
        session_interrupt_one(session, execution);
        session_unref(session);
    }
}
