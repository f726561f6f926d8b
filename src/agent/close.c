/* close.c - the end of a run that waits for results which nobody will bring: cancelled, or expired. */
#include <errno.h>

#include "agent/internal.h"
#include "base/clock.h"

/* The same run as its row says it is now. */
static int run_of_store(struct runs *r, const struct run *run, struct run **ret, struct error *e)
{
    struct store_run row;
    int rc = store_run_get(r->config.store, run->project, run->dialect, run->id, &row, e);
    if (rc < 0)
        return rc;
    *ret = run_of_row(r, &row);
    store_run_deinit(&row);
    return *ret ? 0 : runs_no_memory(e);
}

/* From now on it looks like one that has a thread and has not ended: its dialect, in this one, sees what nobody else
 * sees yet. Others may have found it since it was entered. */
static void begin_end(struct run *run, enum run_status status, int64_t now_s)
{
    pthread_mutex_lock(&run->lock);
    run->thread = pthread_self();
    run->ended = false;
    run->status = status;
    run->completed_at = now_s;
    atomic_store(&run->threaded, true); /* its log is looked at by those that see this */
    pthread_mutex_unlock(&run->lock);
}

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
    int rc = runs_enter(r, run, e);
    if (rc < 0)
        return rc;
    rc = run_still_waits(r, run, e);
    if (rc == 0)
        rc = run_count_past(r, run, e);
    if (rc == 0) {
        cleanup_strbuf struct strbuf event = STRBUF_INIT(sizeof text);
        int64_t now = clock_realtime_s();
        strbuf_printf(&event, "{\"type\":\"%s\",\"at\":%lld}", type, (long long)now);
        begin_end(run, status, now);
        rc = log_finish(run, type, &event);
        if (rc == -ENOENT)
            rc = error_set(e, ERROR_NOT_FOUND, ENOENT, "The run was deleted.");
        else if (rc < 0)
            rc = error_set(e, ERROR_UNAVAILABLE, EIO, "The run's end could not be stored.");
    }
    runs_withdraw(r, run);
    return rc;
}
