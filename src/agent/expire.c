/* expire.c - runs that wait for results have no thread; one for all of them ends those that wait for too long. */
#include <errno.h>
#include <string.h>

#include "agent/internal.h"
#include "base/clock.h"
#include "base/log.h"

/* After a failure of the store the same run would be found again at once. */
enum { LOOK_S = 1, LOOK_AFTER_FAILURE_S = 60 };

/* Ends the next one that is due. True: there was one, and it is over. */
static bool expire_next(struct runs *r, struct error *e)
{
    char id[ID_SIZE];
    struct run *run;
    int rc = store_run_due(r->config.store, clock_realtime_s(), id, e);
    if (rc == 0)
        rc = run_find(r, NULL, NULL, id, &run, e);
    if (rc < 0)
        return false;
    rc = run_close(r, run, RUN_EXPIRED, e);
    if (rc == 0)
        log_line(LOG_INFO, "agent", "a run that waited has expired", "id=%s", id);
    run_unref(run);
    return rc == 0;
}

/* How long to wait for the next look. */
static int look(struct runs *r)
{
    struct error e = {0};
    while (expire_next(r, &e))
        e = (struct error){0};
    /* none is due; or somebody deleted it, or resumes or ends it at this moment */
    if (e.code == ERROR_NOT_FOUND || e.code == ERROR_INVALID_VALUE)
        return LOOK_S;
    log_line(LOG_WARN, "agent", "a run that waited was not ended", "why=\"%s\"", e.message);
    return LOOK_AFTER_FAILURE_S;
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
    while (wait_for(r, look(r)))
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
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_cond_broadcast(&r->unwatch);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->watcher, NULL);
    r->watching = false;
}
