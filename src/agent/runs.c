/* runs.c - the registry of runs that have a thread, and the start and stop of it all. */
#include <errno.h>
#include <string.h>

#include "agent/loop.h"
#include "base/clock.h"
#include "base/log.h"

/* ---- the registry ------------------------------------------------------------------------------------------- */

static unsigned bucket_of(const char *id) { return hash_text(id) % RUN_BUCKETS; }

struct run *runs_look_up(struct runs *r, const char *id)
{
    struct run *run = r->bucket[bucket_of(id)];
    while (run && strcmp(run->id, id) != 0)
        run = run->next;
    return run;
}

int runs_reserve(struct runs *r, struct error *e)
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

void runs_leave(struct runs *r)
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

int runs_enter(struct runs *r, struct run *run, struct error *e)
{
    struct run **bucket = &r->bucket[bucket_of(run->id)];
    struct run *there;
    pthread_mutex_lock(&r->lock);
    int rc = 0;
    while (
        (there = runs_look_up(r, run->id)) && has_ended(there)) /* its thread is about to leave */
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

void runs_withdraw(struct runs *r, struct run *run)
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
    pthread_cond_init(&r->unwatch, &monotonic);
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

static void begin_nothing_more(struct runs *r)
{
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_cond_broadcast(&r->unwatch);
    pthread_mutex_unlock(&r->lock);
}

bool runs_stop(struct runs *r, int64_t deadline_ms, int64_t last_ms)
{
    begin_nothing_more(r);
    bool idle = wait_until_idle(r, clock_monotonic_us() + deadline_ms * 1000);
    if (!idle) {
        log_line(LOG_INFO, "agent", "ending the runs that are left", "runs=%u", r->active);
        stop_all(r);
        idle = wait_until_idle(r, clock_monotonic_us() + last_ms * 1000);
    }
    if (idle) /* only now: it may wait for the end of a run that was resumed as its time was over */
        runs_unwatch(r);
    return idle;
}

struct runs *runs_free(struct runs *r)
{
    if (r) {
        begin_nothing_more(r);
        runs_unwatch(r);
        redaction_free(r->redaction);
        pthread_cond_destroy(&r->idle);
        pthread_cond_destroy(&r->unwatch);
        pthread_mutex_destroy(&r->lock);
        free(r);
    }
    return NULL;
}

/* ---- a run's thread ----------------------------------------------------------------------------------------------- */

/* A cancel that came after the loop's last look at it, to a run that is to wait: run_cancel's caller may have
 * seen neither its end. */
static void close_cancelled(struct runs *all, struct run *run)
{
    struct error e = {0};
    bool waits = run->stored && run->status == RUN_REQUIRES_ACTION && !action_completes(run);
    if (!waits || atomic_load(&run->stop) != STOP_CANCELLED)
        return;
    if (run_close(all, run, RUN_CANCELLED, &e) < 0)
        log_line(LOG_INFO, "agent", "a cancelled run was not closed", "id=%s why=\"%s\"", run->id,
            e.message);
}

static void *run_main(void *context)
{
    struct run *run = context;
    struct runs *all = run->all;
    pthread_mutex_lock(&run->lock); /* the id is there before anybody compares it */
    run->thread = pthread_self();
    pthread_mutex_unlock(&run->lock);
    loop_run(run);
    runs_withdraw(all, run);
    close_cancelled(all, run);
    run_unref(run);
    runs_leave(all); /* nothing of `all` is touched after this */
    return NULL;
}

int run_begin_thread(struct run *run, struct error *e)
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
