/* runs.c - all runs: those with a thread are here, the others are in the store. */
#include <errno.h>
#include <string.h>

#include "agent/loop.h"
#include "base/clock.h"
#include "base/log.h"

enum { CHAIN_MAX = 1000 };

/* ---- the registry ------------------------------------------------------------------------------------------- */

static unsigned bucket_of(const char *id)
{
    unsigned hash = 2166136261u;
    for (; *id; id++)
        hash = (hash ^ (unsigned char)*id) * 16777619u;
    return hash % RUN_BUCKETS;
}

/* Lock held. */
static struct run *look_up(struct runs *r, const char *id)
{
    struct run *run = r->bucket[bucket_of(id)];
    while (run && strcmp(run->id, id) != 0)
        run = run->next;
    return run;
}

/* Room for one more thread; taken until `leave`. */
static int reserve(struct runs *r, struct error *e)
{
    pthread_mutex_lock(&r->lock);
    int rc = 0;
    if (r->stopping)
        rc = error_set(e, ERROR_UNAVAILABLE, ESHUTDOWN, "The server is stopping.");
    else if (r->active >= r->config.max_active)
        rc = error_set(e, ERROR_QUEUE_FULL, EAGAIN, "%u runs are active, the most there may be.",
            r->config.max_active);
    else
        r->active++;
    pthread_mutex_unlock(&r->lock);
    return rc;
}

static void leave(struct runs *r)
{
    pthread_mutex_lock(&r->lock);
    r->active--;
    pthread_cond_broadcast(&r->idle);
    pthread_mutex_unlock(&r->lock);
}

static bool has_ended(struct run *run)
{
    pthread_mutex_lock(&run->lock);
    bool ended = run->ended;
    pthread_mutex_unlock(&run->lock);
    return ended;
}

static int enter(struct runs *r, struct run *run, struct error *e)
{
    struct run **bucket = &r->bucket[bucket_of(run->id)];
    struct run *there;
    pthread_mutex_lock(&r->lock);
    int rc = 0;
    while ((there = look_up(r, run->id)) && has_ended(there)) /* its thread is about to leave */
        pthread_cond_wait(&r->idle, &r->lock);
    if (there) {
        rc = error_set(e, ERROR_INVALID_VALUE, EBUSY, "The run is active already.");
    } else {
        run->next = *bucket;
        *bucket = run_ref(run);
    }
    pthread_mutex_unlock(&r->lock);
    return rc;
}

static void withdraw(struct runs *r, struct run *run)
{
    pthread_mutex_lock(&r->lock);
    struct run **link = &r->bucket[bucket_of(run->id)];
    while (*link != run)
        link = &(*link)->next;
    *link = run->next;
    pthread_cond_broadcast(&r->idle);
    pthread_mutex_unlock(&r->lock);
    run_unref(run);
}

/* ---- start and stop -------------------------------------------------------------------------------------------- */

static const char cut_short_error[] =
    "{\"code\":\"unavailable\",\"message\":\"The server was restarted while the run was in progress.\"}";

int runs_new(const struct runs_config *config, struct runs **ret, struct error *e)
{
    struct runs *r = calloc(1, sizeof *r);
    char event[256];
    int64_t count = 0;
    if (!r)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "The server is out of memory.");
    r->config = *config;
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&r->idle, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int rc = redaction_new(config->redaction, &r->redaction, e);
    snprintf(event, sizeof event, "{\"type\":\"run.failed\",\"error\":%s}", cut_short_error);
    if (rc == 0 && config->store)
        rc = store_runs_cut_short(
            config->store, cut_short_error, event, clock_realtime_s(), &count, e);
    if (rc < 0) {
        runs_free(r);
        return rc;
    }
    if (count > 0)
        log_line(LOG_WARN, "agent", "runs of an earlier server were cut short", "runs=%lld",
            (long long)count);
    *ret = r;
    return 0;
}

static bool wait_until_idle(struct runs *r, int64_t until_us)
{
    pthread_mutex_lock(&r->lock);
    while (r->active > 0) {
        int64_t left = until_us - clock_monotonic_us();
        if (left <= 0)
            break;
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        t.tv_sec += left / 1000000;
        t.tv_nsec += left % 1000000 * 1000;
        t.tv_sec += t.tv_nsec / 1000000000;
        t.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&r->idle, &r->lock, &t);
    }
    bool idle = r->active == 0;
    pthread_mutex_unlock(&r->lock);
    return idle;
}

/* Tells all that run to end. A run's own lock is taken within the registry's. */
static void stop_all(struct runs *r)
{
    pthread_mutex_lock(&r->lock);
    for (int i = 0; i < RUN_BUCKETS; i++)
        for (struct run *run = r->bucket[i]; run; run = run->next) {
            int none = STOP_NOT;
            atomic_compare_exchange_strong(&run->stop, &none, STOP_SERVER);
            run_cancel(run);
        }
    pthread_mutex_unlock(&r->lock);
}

bool runs_stop(struct runs *r, int64_t deadline_ms)
{
    enum { LAST_US = 5000000 /* an interrupt's grace, and a little */ };
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_mutex_unlock(&r->lock);
    if (wait_until_idle(r, clock_monotonic_us() + deadline_ms * 1000))
        return true;
    log_line(LOG_INFO, "agent", "ending the runs that are left", "runs=%u", r->active);
    stop_all(r);
    return wait_until_idle(r, clock_monotonic_us() + LAST_US);
}

struct runs *runs_free(struct runs *r)
{
    if (r) {
        redaction_free(r->redaction);
        pthread_cond_destroy(&r->idle);
        pthread_mutex_destroy(&r->lock);
        free(r);
    }
    return NULL;
}

/* ---- a run's thread ----------------------------------------------------------------------------------------------- */

static void *run_main(void *context)
{
    struct run *run = context;
    struct runs *all = run->all;
    pthread_mutex_lock(&run->lock); /* the id is there before anybody compares it */
    run->thread = pthread_self();
    pthread_mutex_unlock(&run->lock);
    loop_run(run);
    withdraw(all, run);
    run_unref(run);
    leave(all); /* nothing of `all` is touched after this */
    return NULL;
}

/* The thread has the reference, when this succeeds. */
static int begin_thread(struct run *run, struct error *e)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, RUN_STACK_BYTES);
    int failure = pthread_create(&thread, &attributes, run_main, run);
    pthread_attr_destroy(&attributes);
    return failure ? error_set(e, ERROR_UNAVAILABLE, failure, "The server has no thread left: %s.",
                         strerror(failure))
                   : 0;
}

/* ---- run_start ------------------------------------------------------------------------------------------------------ */

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

static int no_memory(struct error *e)
{
    return error_set(e, ERROR_UNAVAILABLE, ENOMEM, "The server is out of memory.");
}

static bool copy(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to;
}

static int make(struct runs *r, const struct run_spec *spec, struct run **ret, struct error *e)
{
    struct run *run = run_new(r, spec->project, spec->dialect, spec->id);
    if (!run)
        return no_memory(e);
    run->threaded = true;
    run->created_at = clock_realtime_s();
    run->background = spec->background;
    run->alone = spec->alone;
    run->stored = spec->store && r->config.store;
    run->status = spec->background ? RUN_QUEUED : RUN_IN_PROGRESS;
    run->request = json_incref(spec->request);
    run->input = json_incref(spec->input);
    snprintf(run->model, sizeof run->model, "%s", spec->route.name);
    int rc = copy(&run->conversation_id, spec->conversation_id) &&
                     copy(&run->previous_id, spec->previous_id) && plan_init(&run->plan, spec) == 0
                 ? take_session(r, run, spec, e)
                 : no_memory(e);
    if (rc < 0) {
        run_unref(run);
        return rc;
    }
    *ret = run;
    return 0;
}

static int record(struct runs *r, struct run *run, struct error *e)
{
    struct store_run row;
    if (!run->stored)
        return 0;
    if (run_to_row(run, &row) < 0)
        return no_memory(e);
    int rc = store_run_insert(r->config.store, &row,
        (run->background ? STORE_RUN_DURABLE : 0) | (run->alone ? STORE_RUN_ALONE : 0), e);
    store_run_deinit(&row);
    return rc;
}

static int launch(struct runs *r, struct run *run, struct error *e)
{
    int rc = enter(r, run, e);
    if (rc < 0)
        return rc;
    rc = record(r, run, e);
    if (rc == 0) {
        run_ref(run);
        rc = begin_thread(run, e);
        if (rc < 0) {
            run_unref(run);
            if (run->stored)
                store_run_delete(r->config.store, run->project, run->id, NULL);
        }
    }
    if (rc < 0)
        withdraw(r, run);
    return rc;
}

int run_start(struct runs *r, const struct run_spec *spec, struct run **ret, struct error *e)
{
    struct run *run = NULL;
    int rc = check(spec, e);
    if (rc == 0)
        rc = reserve(r, e);
    if (rc < 0)
        return rc;
    rc = make(r, spec, &run, e);
    if (rc == 0)
        rc = launch(r, run, e);
    if (rc < 0) {
        run_unref(run);
        leave(r);
        return rc;
    }
    *ret = run;
    return 0;
}

/* ---- finding -------------------------------------------------------------------------------------------------------- */

int run_find(struct runs *r, const char *project, const char *dialect, const char *id,
    struct run **ret, struct error *e)
{
    struct store_run row;
    pthread_mutex_lock(&r->lock);
    struct run *run = look_up(r, id);
    if (run && ((project && strcmp(project, run->project) != 0) ||
                   (dialect && strcmp(dialect, run->dialect) != 0)))
        run = NULL;
    if (run)
        run_ref(run);
    pthread_mutex_unlock(&r->lock);
    if (!run && r->config.store && id_valid(id)) {
        int rc = store_run_get(r->config.store, project, dialect, id, &row, e);
        if (rc == 0 && !(run = run_of_row(r, &row)))
            rc = no_memory(e);
        if (rc == 0)
            store_run_deinit(&row);
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

/* The same run as its row says it is now. */
static int run_of_store(struct runs *r, const struct run *run, struct run **ret, struct error *e)
{
    struct store_run row;
    int rc = store_run_get(r->config.store, run->project, run->dialect, run->id, &row, e);
    if (rc < 0)
        return rc;
    *ret = run_of_row(r, &row);
    store_run_deinit(&row);
    return *ret ? 0 : no_memory(e);
}

/* ---- resuming ------------------------------------------------------------------------------------------------------- */

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

/* Events and items of a run that goes on are numbered behind those there are. */
static int count_past(struct runs *r, struct run *run, struct error *e)
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
        return no_memory(e);
    if (run->status != RUN_REQUIRES_ACTION)
        rc = error_set(e, ERROR_INVALID_VALUE, 0, "The run does not wait: it is %s.",
            run_status_name(run->status));
    if (rc == 0)
        rc = check_results(run, results, e);
    if (rc == 0)
        rc = count_past(r, run, e);
    if (rc == 0 && plan_init(&run->plan, spec) < 0)
        rc = no_memory(e);
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

/* Between our look at its row and its entry here somebody else may have resumed it, or ended it. */
static int still_waits(struct runs *r, const struct run *run, struct error *e)
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

static int go_on(struct runs *r, struct run *run, struct error *e)
{
    struct store_run row;
    int rc = enter(r, run, e);
    if (rc < 0)
        return rc;
    rc = still_waits(r, run, e);
    if (rc == 0 && run_to_row(run, &row) < 0)
        rc = no_memory(e);
    if (rc == 0) {
        rc = store_run_update(r->config.store, &row, e);
        store_run_deinit(&row);
    }
    if (rc == 0) {
        run_ref(run);
        rc = begin_thread(run, e);
        if (rc < 0)
            run_unref(run);
    }
    if (rc < 0)
        withdraw(r, run);
    return rc;
}

int run_resume(
    struct runs *r, const struct run_spec *spec, json_t *results, struct run **ret, struct error *e)
{
    struct run *run = NULL;
    int rc = check(spec, e);
    if (rc == 0)
        rc = reserve(r, e);
    if (rc < 0)
        return rc;
    rc = revive(r, spec, results, &run, e);
    if (rc == 0)
        rc = go_on(r, run, e);
    if (rc < 0) {
        run_unref(run);
        leave(r);
        return rc;
    }
    *ret = run;
    return 0;
}

/* ---- ending one that waits -------------------------------------------------------------------------------------------- */

int run_close(struct runs *r, struct run *run, enum run_status status, struct error *e)
{
    const char *type = status == RUN_EXPIRED ? "run.expired" : "run.cancelled";
    char text[96];
    if (run->threaded) { /* its last breath: what the store has is what counts */
        struct run *again = NULL;
        run_wait(run);
        int rc = run_of_store(r, run, &again, e);
        if (rc == 0)
            rc = run_close(r, again, status, e);
        run_unref(again);
        return rc;
    }
    int rc = enter(r, run, e);
    if (rc < 0)
        return rc;
    rc = still_waits(r, run, e);
    if (rc == 0)
        rc = count_past(r, run, e);
    if (rc == 0) {
        cleanup_strbuf struct strbuf event = STRBUF_INIT(sizeof text);
        int64_t now = clock_realtime_s();
        strbuf_printf(&event, "{\"type\":\"%s\",\"at\":%lld}", type, (long long)now);
        run->thread = pthread_self(); /* its dialect sees what nobody else sees yet */
        run->threaded = true;
        run->ended = false;
        run->status = status;
        run->completed_at = now;
        log_finish(run, type, &event);
    }
    withdraw(r, run);
    return rc;
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
        rc = no_memory(e);
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
