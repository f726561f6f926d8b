/* execute.c - an execution from the request to its record; input, interrupt, restart, variables,
 * previews of files. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "ipc/frame.h"
#include "session/internal.h"
#include "session/kernel.h"
#include "base/utf8.h"

enum {
    CODE_MAX = 1 << 20,
    ENV_PAIRS_MAX = 256,
    RECORD_MAX = 256 << 20,
    RECORD_FREE_US =
        1000, /* some 100 KiB: who executes without pause is not to rest for its records */
    VARIABLES_US = 3000000,
    PREVIEWS_US = 6000000, /* the kernel gives its child 4 s */
    NOTES_ROOM = 8,
    HELPERS = 4, /* threads that a kernel may keep beside those that compute */
};

void execution_note(struct execution *e, const char *format, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, format);
    if (vasprintf(&text, format, ap) < 0)
        text = NULL;
    va_end(ap);
    char **more = text ? realloc(e->note, (e->notes + 1) * sizeof *more) : NULL;
    if (!more) {
        free(text);
        return;
    }
    e->note = more;
    e->note[e->notes++] = text;
}

int execute_check(const struct sessions *all, const struct execute_spec *spec, struct error *e)
{
    int64_t ms = spec->timeout_ms;
    if (atomic_load(&all->stopping))
        return error_set(e, ERROR_UNAVAILABLE, ESHUTDOWN, "The server is stopping.");
    if (spec->code_length > CODE_MAX)
        return error_param(e, ERROR_INVALID_VALUE, "code", "'code' is longer than 1 MiB.");
    if (memchr(spec->code, 0, spec->code_length))
        return error_param(e, ERROR_INVALID_VALUE, "code", "'code' holds a NUL.");
    if (!utf8_valid(spec->code, spec->code_length))
        return error_param(e, ERROR_INVALID_VALUE, "code", "'code' is not UTF-8.");
    if (ms != 0 && (ms > all->config->timeout_max_ms || ms < (ms == -1 ? -1 : 1)) &&
        !(ms == -1 && all->config->one_shot))
        return error_param(e, ERROR_INVALID_VALUE, "timeout",
            "'timeout' must be between 1 and %lld seconds.",
            (long long)all->config->timeout_max_ms / 1000);
    if (spec->env_n > ENV_PAIRS_MAX)
        return error_param(
            e, ERROR_INVALID_VALUE, "env", "'env' has more than %d names.", ENV_PAIRS_MAX);
    for (size_t i = 0; i < spec->env_n; i++)
        if (!spec->env[2 * i][0] || strchr(spec->env[2 * i], '='))
            return error_param(
                e, ERROR_INVALID_VALUE, "env", "'env' has a name that is empty or holds '='.");
    return 0;
}

/* ---- the record ----------------------------------------------------------------------------------------- */

/* What the store is told of one execution. */
struct record {
    struct session *session;
    const struct execute_spec *spec;
    const struct execution *execution;
    struct pace *pace; /* what storing much is put on, or NULL */
    bool there;        /* the row of a running execution */
};

static struct store_execution row_of(const struct record *r)
{
    return (struct store_execution){
        .id = (char *)r->execution->id,
        .container_id = r->session->anonymous ? NULL : r->session->id,
        .project = r->session->project,
        .created_at = r->execution->created_at,
        .code = (char *)r->spec->code,
    };
}

static void record_begin(void *context)
{
    struct record *r = context;
    struct store *store = r->session->all->store;
    struct error e = {0};
    if (!store || r->there)
        return;
    struct store_execution row = row_of(r);
    int rc = store_execution_insert(store, &row, &e);
    r->there = rc == 0;
    if (rc < 0 && rc != -ENOENT)
        log_line(LOG_WARN, "session", "running execution not stored", "id=%s words=\"%s\"",
            r->execution->id, e.message);
}

/* Stores the finished execution; what hinders that is a note, because the code has run. */
static void store_end(struct record *r, struct execution *x)
{
    struct session *s = r->session;
    struct store *store = s->all->store;
    struct error e = {0};
    if (!store)
        return;
    struct strbuf json = STRBUF_INIT(RECORD_MAX);
    const char *status = execution_status_name(x->status);
    int rc = execution_to_json(x, &json);
    if (rc == 0 && r->there) {
        struct store_touch touch = {atomic_load(&s->last_active_at), s->execution_count};
        rc = store_execution_finish(store, s->anonymous ? NULL : s->id, x->id, status, json.data,
            json.length, s->anonymous ? NULL : &touch, &e);
    } else if (rc == 0) {
        struct store_execution row = row_of(r);
        row.status = (char *)status;
        row.record = json.data;
        rc = store_execution_insert(store, &row, &e);
    }
    strbuf_deinit(&json);
    if (rc == 0 || rc == -ENOENT)
        return;
    log_line(LOG_ERROR, "session", "execution not stored", "id=%s words=\"%s\"", x->id, e.message);
    if (r->there)
        store_execution_cut_short(store, s->anonymous ? NULL : s->id, x->id, status,
            "Its record could not be stored.", NULL);
    execution_note(x, "The record of this execution could not be stored: %s",
        e.message[0] ? e.message : "it is too long.");
}

/* How much code shows is its own decision, so what it costs to store that is its session's. */
static void record_end(struct record *r, struct execution *x)
{
    pace_begin(r->pace);
    store_end(r, x);
    pace_end_beyond(r->pace, RECORD_FREE_US);
}

/* ---- running ---------------------------------------------------------------------------------------------- */

static void begin(struct session *s, struct control *control, struct execution *x)
{
    pthread_mutex_lock(&s->lock);
    s->control = control;
    if (s->state == SESSION_DELETED) /* deleted between the turn and here */
        control_stop(control, STOP_DELETED);
    else if (s->state == SESSION_EXPIRED)
        control_stop(control, STOP_EXPIRED);
    snprintf(s->running_id, sizeof s->running_id, "%s", x->id);
    s->execution_count++;
    x->execution_count = s->execution_count;
    pthread_mutex_unlock(&s->lock);
    atomic_fetch_add(&s->all->running, 1);
}

static void end(struct session *s, const struct execution *x)
{
    pthread_mutex_lock(&s->lock);
    s->control = NULL;
    s->running_id[0] = 0;
    s->cpu_us += x->cpu_us;
    pthread_mutex_unlock(&s->lock);
    session_touch(s);
}

static void running_less(struct sessions *all)
{
    if (atomic_fetch_sub(&all->running, 1) > 1 || !atomic_load(&all->stopping))
        return;
    pthread_mutex_lock(&all->lock);
    pthread_cond_broadcast(&all->idle);
    pthread_mutex_unlock(&all->lock);
}

/* What became of the sandbox, its files and its memory. */
static void look_after(struct session *s, struct engine *x)
{
    struct sandbox *b = x->sandbox;
    struct execution *e = x->execution;
    if (x->sandbox_lost) {
        char words[DEATH_WORDS];
        sandbox_death_words(b, words);
        session_expire(s, words);
        return;
    }
    if (x->kernel_lost)
        sandbox_forget_kernel(b);
    struct init_scan usage = {0};
    if (files_scan(s, b, e, &usage) < 0) {
        if (!s->anonymous || !x->canceled)
            execution_note(e, "What changed in the workspace could not be found out.");
        return;
    }
    e->max_memory_bytes = usage.memory_peak_bytes;
    /* More than a kernel and a pool of threads as large as the machine: short executions do not lift that. */
    b->left_running = usage.pids > (uint64_t)sysconf(_SC_NPROCESSORS_ONLN) + HELPERS;
    if (usage.pids > 1) /* nobody waits for what it left running */
        sandbox_give_way(b, true);
    if (usage.oom_kills > b->oom_kills && e->status != EXECUTION_OUT_OF_MEMORY)
        execution_note(
            e, "A subprocess was killed because the session's memory limit was reached.");
    b->oom_kills = usage.oom_kills;
}

int execute_in_turn(
    struct session *s, const struct execute_spec *spec, struct execution *ret, struct error *e)
{
    const struct sessions_config *c = s->all->config;
    struct sandbox *sandbox;
    struct control control;
    struct strbuf head = STRBUF_INIT(2 * FRAME_HEAD_MAX);
    int rc = turn_kernel(s, e);
    if (rc < 0 || (rc = session_sandbox(s, &sandbox, e)) < 0)
        return rc;
    struct execution x = {.created_at = clock_realtime_s(), .reset = false};
    id_new(x.id, "exec_", 48);
    if (!s->anonymous)
        snprintf(x.container_id, sizeof x.container_id, "%s", s->id);
    rc = execution_head(spec, x.id, s->execution_count + 1, c->timezone, &head, e);
    if (rc == 0 && (rc = control_init(&control)) < 0)
        rc = error_set(e, ERROR_UNAVAILABLE, -rc, "The server has no descriptors left.");
    if (rc < 0) {
        strbuf_deinit(&head);
        sandbox_unref(sandbox);
        return rc;
    }
    struct pace *pace = c->one_shot ? NULL : &sandbox->pace; /* there is nobody else */
    struct record record = {s, spec, &x, pace, false};
    begin(s, &control, &x);
    if (spec->streamed)
        record_begin(&record);
    if (spec->callbacks.on_started)
        spec->callbacks.on_started(spec->callbacks.context, &x);
    int64_t timeout_ms = spec->timeout_ms ? spec->timeout_ms : c->timeout_default_ms;
    struct engine engine = {.sandbox = sandbox,
        .spec = spec,
        .execution = &x,
        .control = &control,
        .timeout_us = timeout_ms < 0 ? -1 : timeout_ms * 1000,
        .limits = {c->output_head_bytes, c->output_tail_bytes, c->output_file_bytes},
        .ends_with_client = s->anonymous,
        .pace = pace,
        .on_slow = record_begin,
        .on_slow_context = &record};
    struct pool *pool = sandbox->ground->pool;
    pool_work_begins(pool);
    sandbox_work_begins(sandbox);
    execution_run(&engine, &head);
    end(s, &x);
    look_after(s, &engine);
    sandbox_work_ends(sandbox);
    pool_work_ends(pool);
    if (s->lost_variables) {
        x.reset = true;
        if (s->lost_why[0])
            execution_note(&x, "Before this execution: %s Variables were lost.", s->lost_why);
    }
    s->lost_variables = false;
    s->lost_why[0] = 0;
    record_end(&record, &x);
    running_less(s->all);
    control_deinit(&control);
    strbuf_deinit(&head);
    sandbox_unref(sandbox);
    *ret = x;
    return 0;
}

int session_execute(
    struct session *s, const struct execute_spec *spec, struct execution *ret, struct error *e)
{
    int rc = execute_check(s->all, spec, e);
    if (rc == 0)
        session_touch(s); /* also while it waits for its turn */
    if (rc == 0)
        rc = turn_take(s, &spec->callbacks, TURN_IN_LINE, e);
    if (rc < 0)
        return rc;
    session_touch(s);
    rc = execute_in_turn(s, spec, ret, e);
    turn_pass(s);
    return rc;
}

/* ---- what others ask of it ----------------------------------------------------------------------------------- */

int session_input(struct session *s, const char *text, size_t n, struct error *e)
{
    session_touch(s);
    pthread_mutex_lock(&s->lock);
    int rc = session_check(s, e);
    if (rc == 0 && s->control)
        rc = control_input(s->control, text, n, e);
    else if (rc == 0)
        rc = error_set(e, ERROR_NOT_WAITING, 0, "No execution waits for input.");
    pthread_mutex_unlock(&s->lock);
    return rc;
}

int session_interrupt(struct session *s, bool *ret, char id[ID_SIZE], struct error *e)
{
    session_touch(s);
    pthread_mutex_lock(&s->lock);
    int rc = session_check(s, e);
    if (rc == 0) {
        *ret = s->control != NULL;
        memcpy(id, s->running_id, ID_SIZE);
        if (s->control)
            control_interrupt(s->control);
    }
    pthread_mutex_unlock(&s->lock);
    return rc;
}

void session_interrupt_one(struct session *s, const char *execution_id)
{
    pthread_mutex_lock(&s->lock);
    if (s->control && strcmp(s->running_id, execution_id) == 0)
        control_interrupt(s->control);
    pthread_mutex_unlock(&s->lock);
}

int session_restart(struct session *s, struct error *e)
{
    session_touch(s);
    pthread_mutex_lock(&s->lock);
    int rc = session_check(s, e);
    if (rc == 0 && s->control)
        control_stop(s->control, STOP_RESTARTED);
    pthread_mutex_unlock(&s->lock);
    if (rc == 0)
        rc = turn_take(s, NULL, TURN_IN_LINE, e);
    if (rc < 0)
        return rc;
    struct sandbox *b;
    rc = session_sandbox(s, &b, e);
    if (rc == 0) {
        if (b->kernel.there && sandbox_kill_all(b) < 0) {
            session_expire(
                s, "Its sandbox did not answer, and was ended; files and variables are lost.");
            pthread_mutex_lock(&s->lock);
            rc = session_check(s, e);
            pthread_mutex_unlock(&s->lock);
        }
        s->lost_variables = false; /* it was asked for */
        s->lost_why[0] = 0;
        sandbox_unref(b);
    }
    pthread_mutex_lock(&s->lock);
    free(s->variables);
    s->variables = NULL;
    pthread_mutex_unlock(&s->lock);
    turn_pass(s);
    return rc;
}

/* The last answer, or an empty one. */
static int cached_variables(struct session *s, char **ret, struct error *e)
{
    pthread_mutex_lock(&s->lock);
    char *copy = strdup(s->variables ? s->variables : "[]");
    pthread_mutex_unlock(&s->lock);
    if (!copy)
        return error_set(e, ERROR_UNAVAILABLE, ENOMEM, "The server is out of memory.");
    *ret = copy;
    return 0;
}

static void keep_variables(struct session *s, char *text)
{
    pthread_mutex_lock(&s->lock);
    free(s->variables);
    s->variables = text;
    pthread_mutex_unlock(&s->lock);
}

/* Whatever it is now, it is no interpreter. */
static void end_kernel(struct session *s, struct sandbox *b)
{
    sandbox_kill_all(b);
    s->lost_variables = true;
    snprintf(
        s->lost_why, sizeof s->lost_why, "The interpreter was ended: it did not answer as one.");
}

int session_variables(struct session *s, char **ret, bool *ret_stale, struct error *e)
{
    struct sandbox *b;
    int rc = turn_take(s, NULL, TURN_LOOK, e);
    if (rc == -EBUSY) {
        *ret_stale = true;
        return cached_variables(s, ret, e);
    }
    if (rc < 0)
        return rc;
    rc = session_sandbox(s, &b, e);
    if (rc == 0) {
        char *text = NULL;
        const bool gave_way = b->gives_way;
        sandbox_work_begins(b);
        sandbox_give_way(b, false); /* its time is short */
        int asked = sandbox_kernel_alive(b) ? kernel_variables(b, VARIABLES_US, &text) : 0;
        sandbox_give_way(b, gave_way);
        sandbox_work_ends(b);
        if (asked == -EBADMSG || asked == -EPIPE)
            end_kernel(s, b);
        *ret_stale = asked == -ETIMEDOUT;
        if (asked != -ETIMEDOUT)
            keep_variables(s, text);
        rc = cached_variables(s, ret, e);
        sandbox_unref(b);
    }
    turn_pass(s);
    return rc;
}

/* What was asked for, of what the kernel said. */
static void keep_asked(const json_t *data, const struct preview_ask *ask, size_t n, json_t *to)
{
    const json_t *one;
    size_t k;
    json_array_foreach (data, k, one) {
        const char *path = json_string_value(json_object_get(one, "path"));
        const json_t *text = json_object_get(one, "text");
        for (size_t i = 0; path && json_is_string(text) && i < n; i++)
            if (strcmp(path, ask[i].path) == 0 && json_array_size(to) < n)
                json_array_append_new(to, json_pack("{ss sO}", "path", path, "text", text));
    }
}

json_t *session_previews(struct session *s, const struct preview_ask *ask, size_t n)
{
    json_t *all = json_array(), *data = NULL;
    struct sandbox *b;
    struct error ignored = {0};
    if (!all || n == 0 || turn_take(s, NULL, TURN_AT_ONCE, &ignored) < 0)
        return all;
    if (turn_kernel(s, &ignored) == 0 && session_sandbox(s, &b, &ignored) == 0) {
        const bool gave_way = b->gives_way;
        int rc;
        sandbox_work_begins(b);
        sandbox_give_way(b, false);
        while ((rc = kernel_previews(b, ask, n, PREVIEWS_US, &data)) == -E2BIG && n > 1)
            n--; /* very long names: the last ones do without */
        sandbox_give_way(b, gave_way);
        sandbox_work_ends(b);
        if (rc == -EBADMSG || rc == -EPIPE)
            end_kernel(s, b);
        sandbox_unref(b);
    }
    turn_pass(s);
    keep_asked(data, ask, n, all);
    json_decref(data);
    return all;
}
