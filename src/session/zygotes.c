/* zygotes.c - asking wardens for warm interpreters, waiting for them, and asking again, ever less often,
 * for those that failed. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "session/grounds_private.h"
#include "session/room.h"

enum {
    ZYGOTE_RETRY_US = 2000000, /* from when it failed; doubled at each failure in a row, up to */
    ZYGOTE_RETRY_MAX_US = 60000000,
    FORGIVEN_US = 600000000, /* without one: the next is the first again */
};

struct zygote_request {
    struct ground *ground;
    enum zygote_slot slot;
};

void zygote_failed(struct ground *ground, enum zygote_slot slot, const struct message *m)
{
    const int64_t now = clock_monotonic_us();
    if (now - ground->zygote[slot].failed_at_us > FORGIVEN_US)
        ground->zygote[slot].failures = 0;
    ground->zygote[slot].state = ZYGOTE_FAILED;
    ground->zygote[slot].failed_at_us = now;
    ground->zygote[slot].failures++;
    ground->zygote[slot].memory = m && m->word[7] == ERROR_ENVIRONMENT_MEMORY;
    snprintf(ground->zygote[slot].words, sizeof ground->zygote[slot].words, "%.199s",
        m ? m->text : "the warden ended");
}

static void zygote_answered(void *context, const struct message *m, int *fds, int n)
{
    struct zygote_request *q = context;
    struct ground *ground = q->ground;
    struct grounds *g = ground->grounds;
    fds_close(fds, n > 0 ? (size_t)n : 0);
    pthread_mutex_lock(&g->lock);
    if (m &&
        m->status == 0) /* which is no end of its failures: it may get warm, and die each time */
        ground->zygote[q->slot].state = ZYGOTE_READY;
    else
        zygote_failed(ground, q->slot, m);
    int64_t took = clock_monotonic_us() - ground->zygote[q->slot].asked_at_us;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    if (m && m->status == 0)
        log_line(LOG_INFO, "session", "zygote warm", "environment=%s slot=%d took_ms=%lld",
            ground->environment, q->slot, (long long)took / 1000);
    else
        log_line(LOG_ERROR, "session", "zygote failed", "environment=%s slot=%d words=\"%s\"",
            ground->environment, q->slot, m ? m->text : "");
    free(q);
}

static int64_t retry_delay(int64_t failures)
{
    int64_t us = ZYGOTE_RETRY_US;
    while (failures-- > 1 && us < ZYGOTE_RETRY_MAX_US)
        us *= 2;
    return us < ZYGOTE_RETRY_MAX_US ? us : ZYGOTE_RETRY_MAX_US;
}

/* Whether it is to be asked for now. Lock held. */
static bool is_wanted(const struct ground *ground, enum zygote_slot slot, int64_t now)
{
    enum zygote_state state = ground->zygote[slot].state;
    bool again = state == ZYGOTE_FAILED && now - ground->zygote[slot].failed_at_us >
                                               retry_delay(ground->zygote[slot].failures);
    bool alive = ground->state == GROUND_LIVE || ground->state == GROUND_SUPERSEDED;
    return alive && (state == ZYGOTE_ABSENT || again);
}

enum zygote_state ground_zygote_state(struct ground *ground, enum zygote_slot slot)
{
    struct grounds *g = ground->grounds;
    int64_t now = clock_monotonic_us();
    pthread_mutex_lock(&g->lock);
    enum zygote_state state = ground->zygote[slot].state;
    bool ask = is_wanted(ground, slot, now);
    pthread_mutex_unlock(&g->lock);
    if (!ask)
        return state;
    /* Files are read for it: not under the lock. Without room, Linux would end somebody's kernel for it. */
    if (!room_for(g->config.memory, ROOM_TO_SPARE))
        return ZYGOTE_ABSENT;
    pthread_mutex_lock(&g->lock);
    state = ground->zygote[slot].state;
    ask = is_wanted(ground, slot, now);
    const uint64_t memory_bytes = g->config.zygote_memory_bytes;
    if (ask) {
        ground->zygote[slot].state = state = ZYGOTE_WARMING;
        ground->zygote[slot].asked_at_us = now;
    }
    pthread_mutex_unlock(&g->lock);
    if (!ask)
        return state;
    struct zygote_request *q = malloc(sizeof *q);
    struct message m = {.op = WARDEN_ZYGOTE, .word = {slot, 0, 0, memory_bytes}};
    int rc = -ENOMEM;
    if (q) {
        *q = (struct zygote_request){ground, slot};
        rc = link_post(ground->link, &m, NULL, 0, zygote_answered, q);
    }
    if (rc < 0) {
        free(q);
        pthread_mutex_lock(&g->lock);
        zygote_failed(ground, slot, NULL);
        state = ZYGOTE_FAILED;
        pthread_mutex_unlock(&g->lock);
    }
    return state;
}

static int await_zygote(
    struct ground *ground, enum zygote_slot slot, int64_t timeout_us, struct error *e)
{
    struct grounds *g = ground->grounds;
    int64_t deadline = clock_monotonic_us() + timeout_us;
    for (;;) {
        enum zygote_state state = ground_zygote_state(ground, slot);
        int64_t left = deadline - clock_monotonic_us();
        if (state == ZYGOTE_READY)
            return 0;
        pthread_mutex_lock(&g->lock);
        bool dead = ground->state == GROUND_DEAD;
        const bool memory = ground->zygote[slot].memory;
        char words[200];
        snprintf(words, sizeof words, "%s", ground->zygote[slot].words);
        if (!dead && left > 0 && ground->zygote[slot].state == ZYGOTE_WARMING)
            cond_wait_us(&g->changed, &g->lock, left);
        pthread_mutex_unlock(&g->lock);
        if (dead)
            return error_set(e, ERROR_UNAVAILABLE, EPIPE,
                "The environment '%s' has ended; try again.", ground->environment);
        if (state == ZYGOTE_FAILED)
            return error_set(e, memory ? ERROR_ENVIRONMENT_MEMORY : ERROR_UNAVAILABLE,
                memory ? ENOMEM : EAGAIN, "The environment '%s' could not be warmed: %s",
                ground->environment, words);
        if (left <= 0)
            return error_set(e, ERROR_UNAVAILABLE, ETIMEDOUT,
                "The environment '%s' is still being warmed.", ground->environment);
        int rc = state == ZYGOTE_ABSENT ? grounds_room(g, ROOM_TO_SPARE, e) : 0;
        if (rc < 0)
            return rc;
    }
}

int ground_zygote(struct ground *ground, enum zygote_slot slot, int64_t timeout_us, struct error *e)
{
    ground_work_begins(ground);
    int rc = await_zygote(ground, slot, timeout_us, e);
    ground_work_ends(ground);
    return rc;
}
