/* loop.c - a run from its first event to its last: ask the model, run its code, tell it the result, until it
 * answers, a limit is reached, or somebody stops it. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "agent/loop.h"
#include "base/clock.h"
#include "provider/estimate.h"

enum {
    TOKENS_LEAST = 16, /* fewer are no answer */
    DENIALS_MAX = 2,   /* a model that does not take no for an answer gives none */
};

/* How a run ends, when it does not fail. */
struct end {
    enum run_status status;
    const char *reason; /* of RUN_INCOMPLETE */
    json_t *calls;      /* of RUN_REQUIRES_ACTION */
};

int loop_no_memory(struct loop *l)
{
    error_set(&l->error, ERROR_UNAVAILABLE, ENOMEM, "The server is out of memory.");
    return -ENOMEM;
}

int loop_say(struct loop *l, json_t *item)
{
    if (!item)
        return -ENOMEM;
    pthread_mutex_lock(&l->run->lock);
    int r = json_array_append(l->run->output, item);
    pthread_mutex_unlock(&l->run->lock);
    if (r == 0)
        r = outgoing_add(l, item);
    json_decref(item);
    return r < 0 ? -ENOMEM : 0;
}

struct session *loop_session(struct loop *l)
{
    struct run *run = l->run;
    struct session *session = NULL;
    struct session_info info;
    if (run->session)
        return run->session;
    if (session_create(run->all->config.sessions, &l->plan->container, &session, &l->error) < 0)
        return NULL;
    session_info(session, &info);
    pthread_mutex_lock(&run->lock);
    run->session = session;
    snprintf(run->container_id, sizeof run->container_id, "%s", info.id);
    pthread_mutex_unlock(&run->lock);
    session_info_deinit(&info);
    return session;
}

/* ---- what was said before -------------------------------------------------------------------------------- */

static int add_all(struct loop *l, const json_t *items)
{
    size_t i;
    const json_t *item;
    json_array_foreach (items, i, item)
        if (outgoing_add(l, item) < 0)
            return loop_no_memory(l);
    return 0;
}

/* Context, input, how the files begin, and of a run that is resumed what it said, and the results it waited
 * for. */
static int add_past(struct loop *l, const struct session_file *files, size_t n)
{
    size_t i;
    json_t *result;
    l->past = true;
    int r = add_all(l, l->plan->context); /* counted then */
    l->past = false;
    json_t *already = l->run->results ? NULL : l->masked;
    l->counts = already;
    if (r == 0)
        r = add_all(l, l->run->input);
    if (r == 0)
        r = previews_send(l, files, n);
    if (r == 0)
        r = add_all(l, l->run->output);
    l->counts = l->masked;
    json_array_foreach (l->run->results, i, result)
        if (r == 0 && loop_say(l, json_incref(result)) < 0)
            r = loop_no_memory(l);
    return r;
}

static int prepare(struct loop *l)
{
    struct session_file *files = NULL;
    size_t n = 0;
    int r = 0;
    l->redacted = redaction_applies(l->run->all->redaction, l->plan->route.local);
    l->sent = json_array();
    l->tools = json_array();
    l->masked = json_object();
    l->python = prompt_python_tool();
    if (!l->sent || !l->tools || !l->masked || !l->python)
        return loop_no_memory(l);
    if (l->plan->interpreter && l->run->session) {
        session_touch(l->run->session);
        r = session_files_list(l->run->session, &files, &n, &l->error);
    }
    if (r < 0)
        return r;
    l->instructions = prompt_instructions(l, files, n);
    r = l->instructions ? add_past(l, files, n) : loop_no_memory(l);
    session_files_free(files, n);
    return r;
}

/* ---- one round --------------------------------------------------------------------------------------------- */

/* What is offered in this round. */
struct offer {
    bool python, functions;
};

static struct offer offered(const struct loop *l)
{
    const struct plan *p = l->plan;
    unsigned ceiling = l->run->all->config.max_rounds;
    unsigned most = p->max_rounds && p->max_rounds < ceiling ? p->max_rounds : ceiling;
    bool more = l->rounds < most && !l->denied;
    const char *choice = json_string_value(p->tool_choice);
    return (struct offer){
        .python = p->interpreter && more &&
                  (!p->max_tool_calls || l->executions < p->max_tool_calls) &&
                  (p->route.tools || !choice || strcmp(choice, "none") != 0),
        .functions = more,
    };
}

static int put_tools(struct loop *l, struct offer offer, struct provider_request *q)
{
    json_array_clear(l->tools);
    if (!l->plan->route.tools)
        return 0;
    if (offer.python && json_array_append(l->tools, l->python) < 0)
        return loop_no_memory(l);
    if (offer.functions && l->plan->functions &&
        json_array_extend(l->tools, l->plan->functions) < 0)
        return loop_no_memory(l);
    if (json_array_size(l->tools) > 0)
        q->tools = l->tools;
    return 0;
}

/* A choice that forces a call is for the first round alone, else the model could never answer. */
static json_t *choice_of(const struct loop *l, struct offer offer)
{
    json_t *choice = l->plan->tool_choice;
    const char *word = json_string_value(choice);
    const char *name = json_string_value(json_object_get(choice, "name"));
    if (word && strcmp(word, "none") == 0)
        return choice;
    return l->rounds == 0 && (!name || offer.python || strcmp(name, "python") != 0) ? choice : NULL;
}

/* How long the answer may be. 1: there is nothing left. */
static int bound_tokens(struct loop *l, struct provider_request *q)
{
    if (!l->plan->max_output_tokens)
        return 0;
    q->max_output_tokens = l->plan->max_output_tokens - l->run->usage.output_tokens;
    return q->max_output_tokens < (l->rounds ? TOKENS_LEAST : 1);
}

/* Would another question be more than may be asked? */
static bool asked_enough(const struct loop *l, const struct provider_request *q)
{
    int64_t most = l->plan->max_input_tokens;
    return most > 0 && l->run->usage.input_tokens + estimate_request(q) > most;
}

static int charge(struct loop *l, const struct provider_usage *u)
{
    pthread_mutex_lock(&l->run->lock);
    usage_add(&l->run->usage, u);
    pthread_mutex_unlock(&l->run->lock);
    l->cost += cost_of(&l->plan->route, u);
    return event_usage(l);
}

/* The client's functions that wait for it. */
static json_t *waiting(const struct turn *t)
{
    json_t *all = json_array();
    for (size_t i = 0; i < t->calls; i++) {
        const struct call *c = &t->call[i];
        if (c->kind == CALL_FUNCTION)
            json_array_append_new(
                all, json_pack("{si ss ss ss ss%}", "item", (int)c->item.number, "id", c->item.id,
                         "call_id", c->call_id, "name", c->name, "arguments",
                         strbuf_text(&c->arguments), c->arguments.length));
    }
    return all;
}

/* Did it call nothing but what it had been denied? Then it is told so, and asked without any tools. */
static bool only_ignored(const struct turn *t)
{
    for (size_t i = 0; i < t->calls; i++)
        if (t->call[i].kind != CALL_IGNORED)
            return false;
    return true;
}

/* What follows from an answer. 1: the run has ended. */
static int consequence(struct loop *l, struct turn *t, struct end *end)
{
    if (t->finish == FINISH_LENGTH && l->budget_binds)
        return error_set(&l->error, ERROR_BUDGET_EXCEEDED, 0,
            "The run was stopped before it exceeded its budget of %g USD.", l->plan->budget_usd);
    if (t->finish == FINISH_LENGTH || t->finish == FINISH_CONTENT_FILTER) {
        end->status = RUN_INCOMPLETE;
        end->reason = t->finish == FINISH_LENGTH ? "max_output_tokens" : "content_filter";
        return 1;
    }
    if (t->calls == 0)
        return 1;
    int r = calls_run(l, t);
    if (r < 0)
        return r;
    end->calls = waiting(t);
    if (json_array_size(end->calls) > 0) {
        end->status = RUN_REQUIRES_ACTION;
        return 1;
    }
    json_decref(end->calls);
    end->calls = NULL;
    return (!t->tools || only_ignored(t)) && ++l->denied >= DENIALS_MAX;
}

static int ask(struct loop *l, struct provider_request *q, struct offer offer, struct end *end)
{
    struct turn t = {.loop = l,
        .python = offer.python,
        .cut_text = offer.python && !l->plan->route.tools,
        .tools = offer.python || q->tools};
    int r = turn_run(&t, q);
    if (r == 0)
        r = charge(l, &t.usage);
    if (r == 0)
        r = consequence(l, &t, end);
    if (r != 0)
        calls_abandon(l, &t);
    l->rounds++;
    turn_deinit(&t);
    return r;
}

/* 0: go on; 1: ended, as `end` says; negative: failed, as loop->error says. */
static int round_once(struct loop *l, struct end *end)
{
    const struct plan *p = l->plan;
    struct offer offer = offered(l);
    cleanup_strbuf struct strbuf last = STRBUF_INIT(32 << 20);
    struct provider_request q = {
        .route = &p->route,
        .instructions = l->instructions,
        .transcript = l->sent,
        .tool_choice = choice_of(l, offer),
        .text_format = p->text_format,
        .extra = p->extra,
        .temperature = p->temperature,
        .top_p = p->top_p,
        .reasoning_effort = p->reasoning_effort,
        .parallel_tool_calls = p->parallel_tool_calls,
        .deadline_us = l->deadline_us,
        .cancel = &l->run->cancel,
    };
    if (loop_stopped(l))
        return -ECANCELED;
    if (p->interpreter && !p->route.tools && !offer.python) {
        strbuf_printf(&last, "%s\n%s", l->instructions, prompt_no_more_code());
        q.instructions = strbuf_text(&last);
    }
    if (put_tools(l, offer, &q) < 0)
        return -ENOMEM;
    if (!q.tools)
        q.tool_choice = NULL;
    if (bound_tokens(l, &q)) {
        *end = (struct end){RUN_INCOMPLETE, "max_output_tokens", NULL};
        return 1;
    }
    if (asked_enough(l, &q)) {
        *end = (struct end){RUN_INCOMPLETE, "max_input_tokens", NULL};
        return 1;
    }
    int r = cost_bound(l, &q);
    return r < 0 ? r : ask(l, &q, offer, end);
}

/* ---- the end -------------------------------------------------------------------------------------------------- */

static void write_cloche(const struct loop *l, struct json_writer *w)
{
    char *masked = json_dumps(l->masked, JSON_COMPACT);
    jw_field_object(w, "cloche");
    if (l->plan->route.priced)
        jw_field_double(w, "cost", l->cost);
    else
        jw_field_null(w, "cost");
    jw_field_string(w, "currency", "usd");
    jw_field_raw(w, "masked", masked ? masked : "{}", masked ? strlen(masked) : 2);
    jw_end(w);
    free(masked);
}

static const char *final_type(enum run_status s)
{
    switch (s) {
    case RUN_COMPLETED: return "run.completed";
    case RUN_REQUIRES_ACTION: return "run.requires_action";
    case RUN_INCOMPLETE: return "run.incomplete";
    case RUN_CANCELLED: return "run.cancelled";
    case RUN_EXPIRED: return "run.expired";
    default: return "run.failed";
    }
}

/* Why a run that was stopped, or could not go on, ended. */
static enum run_status failure(struct loop *l)
{
    if (atomic_load(&l->run->stop) == STOP_CANCELLED)
        return RUN_CANCELLED;
    if (atomic_load(&l->run->stop) == STOP_NOT && l->plan->expires_at &&
        clock_realtime_s() >= l->plan->expires_at)
        return RUN_EXPIRED;
    if (atomic_load(&l->run->stop) == STOP_SERVER)
        error_set(&l->error, ERROR_UNAVAILABLE, ESHUTDOWN, "The server is stopping.");
    else if (clock_monotonic_us() >= l->deadline_us)
        error_set(&l->error, ERROR_RUN_TIMEOUT, 0, "The run took longer than %lld seconds.",
            (long long)l->run->all->config.wall_ms / 1000);
    else if (l->error.code == ERROR_NONE)
        error_set(&l->error, ERROR_INTERNAL, 0, "The run failed.");
    return RUN_FAILED;
}

static void conclude(struct loop *l, struct end *end)
{
    struct run *run = l->run;
    const char *type = final_type(end->status);
    if (atomic_load(&run->stop) != STOP_SERVER)
        publish_made(l);
    cleanup_strbuf struct strbuf text = STRBUF_INIT(EVENT_MAX);
    struct json_writer w = JSON_WRITER(&text);
    json_t *error = NULL;
    jw_begin_object(&w);
    jw_field_string(&w, "type", type);
    if (end->status == RUN_FAILED) {
        error = json_pack(
            "{ss ss}", "code", error_wire_code(l->error.code), "message", l->error.message);
        jw_field_object(&w, "error");
        jw_field_string(&w, "code", error_wire_code(l->error.code));
        jw_field_string(&w, "message", l->error.message);
        jw_end(&w);
    }
    if (end->status == RUN_INCOMPLETE)
        jw_field_string(&w, "reason", end->reason);
    if (end->status == RUN_REQUIRES_ACTION) {
        char *calls = json_dumps(end->calls, JSON_COMPACT);
        jw_field_raw(&w, "calls", calls ? calls : "[]", calls ? strlen(calls) : 2);
        free(calls);
    }
    write_cloche(l, &w);
    event_field_at(&w);
    jw_end(&w);
    pthread_mutex_lock(&run->lock);
    run->status = end->status;
    run->completed_at = clock_realtime_s();
    run->error = error;
    pthread_mutex_unlock(&run->lock);
    log_finish(run, type, &text);
}

static void loop_deinit(struct loop *l)
{
    json_decref(l->sent);
    json_decref(l->tools);
    json_decref(l->python);
    json_decref(l->masked);
    free(l->instructions);
    free(l->figure);
    for (size_t i = 0; i < l->n_made; i++)
        free(l->made[i]);
    free(l->made);
    free(l->published);
}

/* A run that expires has no more time than that. */
static void expire_in_time(struct loop *l)
{
    if (!l->plan->expires_at)
        return;
    int64_t left_us = l->plan->expires_at * 1000000 - clock_realtime_us();
    int64_t until = clock_monotonic_us() + (left_us > 0 ? left_us : 0);
    l->deadline_us = until < l->deadline_us ? until : l->deadline_us;
}

void loop_run(struct run *run)
{
    struct loop l = {.run = run,
        .plan = &run->plan,
        .deadline_us = clock_monotonic_us() + run->all->config.wall_ms * 1000};
    struct end end = {.status = RUN_COMPLETED};
    expire_in_time(&l);
    pthread_mutex_lock(&run->lock);
    run->status = RUN_IN_PROGRESS;
    pthread_mutex_unlock(&run->lock);
    int r = run->results ? event_run_resumed(&l) : event_run_started(&l);
    if (r == 0 && l.plan->notice)
        r = event_notice(&l, l.plan->notice);
    if (r == 0 && l.plan->told)
        r = event_notice(&l, l.plan->told);
    if (r == 0)
        r = prepare(&l);
    while (r == 0)
        r = round_once(&l, &end);
    if (r >= 0 && json_object_size(l.masked) > 0 && event_masked(&l) < 0)
        r = -EIO;
    if (r < 0)
        end.status = failure(&l);
    conclude(&l, &end);
    json_decref(end.calls);
    loop_deinit(&l);
}
