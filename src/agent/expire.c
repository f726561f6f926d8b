/* expire.c - runs that wait for results have no thread; one for all of them ends those that wait for too long. */
#include <errno.h>
#include <string.h>

#include "agent/internal.h"
#include "base/clock.h"
#include "base/log.h"

enum { LOOK_S = 1, LOOK_AFTER_FAILURE_S = 60 };

/* Those that are due are gone through in their order. One that cannot be ended is left behind, so that it keeps no
 * other from its end, and is tried again when all are, after a while. */
struct walk {
    struct store_run_due at;
    unsigned failed;  /* of those behind us */
    int64_t again_us; /* when the walk begins anew, if some failed */
};

static bool stopping(struct runs *r)
{
    pthread_mutex_lock(&r->lock);
    bool stopping = r->stopping;
    pthread_mutex_unlock(&r->lock);
    return stopping;
}

/* 0: it has ended, or somebody deleted it, or resumes or ends it at this moment. */
static int expire(struct runs *r, const char *id, struct error *e)
{
    struct run *run;
    int rc = run_find(r, NULL, NULL, id, &run, e);
    if (rc == 0) {
        rc = run_close(r, run, RUN_EXPIRED, e);
        run_unref(run);
    }
    if (rc == 0)
        log_line(LOG_INFO, "agent", "a run that waited has expired", "id=%s", id);
    else if (e->code == ERROR_NOT_FOUND || e->code == ERROR_INVALID_VALUE)
        rc = 0;
    return rc;
}

/* Ends all that are due; how long to wait for the next look. */
static int look(struct runs *r, struct walk *w)
{
    unsigned failed = 0;
    if (w->failed == 0 || clock_monotonic_us() >= w->again_us)
        *w = (struct walk){0};
    while (!stopping(r)) {
        struct error e = {0};
        int rc = store_run_due(r->config.store, clock_realtime_s(), &w->at, &e);
        if (rc == -ENOENT)
            break;
        if (rc < 0) {
            log_line(
                LOG_WARN, "agent", "runs that wait were not looked for", "why=\"%s\"", e.message);
            return LOOK_AFTER_FAILURE_S;
        }
        if (expire(r, w->at.id, &e) == 0)
            continue;
        if (failed++ == 0) /* on a full disk it is all of them */
            log_line(LOG_WARN, "agent", "a run that waited was not ended", "id=%s why=\"%s\"",
                w->at.id, e.message);
    }
    if (failed > 1)
        log_line(LOG_WARN, "agent", "runs that waited were not ended", "runs=%u", failed);
    if (failed && !w->failed)
        w->again_us = clock_monotonic_us() + LOOK_AFTER_FAILURE_S * INT64_C(1000000);
    w->failed += failed;
    return LOOK_S;
}

/* False: the server stops. */
static bool wait_for(struct runs *r, int seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += seconds;
    pthread_mutex_lock(&r->lock);
    while (!r->stopping && pthread_cond_timedwait(&r->unwatch, &r->lock, &until) != ETIMEDOUT)
        ;
    bool go_on = !r->stopping;
    pthread_mutex_unlock(&r->lock);
    return go_on;
}

static void *watch_main(void *context)
{
    struct runs *r = context;
    struct walk walk = {0};
    while (wait_for(r, look(r, &walk)))
        ;
    return NULL;
}

int runs_watch(struct runs *r, struct error *e)
{
    if (!r->config.store)
        return 0;
    int failure = pthread_create(&r->watcher, NULL, watch_main, r);
    r->watching = failure == 0;
    return failure ? error_set(e, ERROR_UNAVAILABLE, failure, "The server has no thread left: %s.",
                         strerror(failure))
                   : 0;
}

void runs_unwatch(struct runs *r)
{
    if (!r->watching)
        return;
    pthread_join(r->watcher, NULL);
    r->watching = false;
}
