/* expiry.c - the housekeeper: one thread that ends what nobody uses, and looks at what died. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "session/internal.h"

enum {
    LOOK_MS = 1000,
    TEND_S = 2,   /* grounds, sandboxes kept for stateless work */
    TOUCH_S = 10, /* what the store knows of the last use of each session */
    STORE_S = 60,
    BATCH = 128,
};

/* What is to be done with a session, looked at under its lock. */
enum duty { DUTY_NONE, DUTY_IDLE, DUTY_DEAD, DUTY_TOUCH };

static enum duty duty_of(struct session *s, int64_t now_s, bool touch)
{
    enum duty duty = DUTY_NONE;
    pthread_mutex_lock(&s->lock);
    if (s->state == SESSION_LIVE && s->sandbox && sandbox_death(s->sandbox).sandbox)
        duty = atomic_load(&s->all->quitting) ? DUTY_NONE : DUTY_DEAD; /* it only lost its link */
    else if (s->state == SESSION_LIVE && s->busy && (!s->glance || s->turns > 0))
        atomic_store(&s->last_active_at, now_s);
    else if (s->state == SESSION_LIVE &&
             now_s - atomic_load(&s->last_active_at) >= 60 * (int64_t)s->idle_minutes)
        duty = DUTY_IDLE;
    if (duty == DUTY_NONE && touch && s->stored_active_at != atomic_load(&s->last_active_at))
        duty = DUTY_TOUCH;
    pthread_mutex_unlock(&s->lock);
    return duty;
}

static void fulfil(struct session *s, enum duty duty)
{
    char why[80];
    switch (duty) {
    case DUTY_DEAD: session_look(s); break;
    case DUTY_IDLE:
        snprintf(why, sizeof why, "Nobody used it for %u minute%s.", s->idle_minutes,
            s->idle_minutes == 1 ? "" : "s");
        session_expire(s, why);
        break;
    case DUTY_TOUCH:
        s->stored_active_at = atomic_load(&s->last_active_at);
        if (s->all->store)
            store_container_touch(s->all->store, s->id, s->stored_active_at, NULL);
        break;
    case DUTY_NONE: break;
    }
}

/* Looks at every session; what is to be done is done without the registry's lock, in batches. */
static void look_at_sessions(struct sessions *all, bool touch)
{
    int64_t now_s = clock_realtime_s();
    for (int from = 0; from < SESSION_BUCKETS;) {
        struct session *found[BATCH];
        enum duty duty[BATCH];
        int n = 0;
        pthread_mutex_lock(&all->lock);
        int i = from;
        for (; i < SESSION_BUCKETS && n < BATCH / 2; i++)
            for (struct session *s = all->bucket[i]; s && n < BATCH; s = s->next)
                if ((duty[n] = duty_of(s, now_s, touch)) != DUTY_NONE)
                    found[n++] = session_ref(s);
        pthread_mutex_unlock(&all->lock);
        from = i;
        for (int k = 0; k < n; k++) {
            fulfil(found[k], duty[k]);
            session_unref(found[k]);
        }
    }
}

static void *housekeeper_main(void *arg)
{
    struct sessions *all = arg;
    int64_t tend_at = 0, touch_at = 0, store_at = 0;
    while (!atomic_load(&all->quitting)) {
        struct pollfd p = {all->death_fd, POLLIN, 0};
        uint64_t count;
        if (poll(&p, 1, LOOK_MS) > 0 && read(all->death_fd, &count, sizeof count) < 0 &&
            errno != EAGAIN)
            log_line(LOG_WARN, "session", "housekeeper not woken", "errno=%d", errno);
        if (atomic_load(&all->quitting))
            break;
        int64_t now_s = clock_monotonic_us() / 1000000;
        bool touch = now_s >= touch_at;
        look_at_sessions(all, touch);
        if (touch)
            touch_at = now_s + TOUCH_S;
        if (now_s >= tend_at || p.revents) {
            tend_at = now_s + TEND_S;
            stateless_tend(all->stateless);
            grounds_tend(all->grounds);
            sessions_warm(all, false); /* a warden died, or an environment was built meanwhile */
        }
        if (now_s >= store_at && all->store) {
            store_at = now_s + STORE_S;
            store_expire(all->store, clock_realtime_s(), NULL, NULL);
        }
    }
    return NULL;
}

int expiry_start(struct sessions *all)
{
    int rc = pthread_create(&all->housekeeper, NULL, housekeeper_main, all);
    all->housekeeping = rc == 0;
    return -rc;
}

void expiry_stop(struct sessions *all)
{
    uint64_t one = 1;
    if (!all->housekeeping)
        return;
    atomic_store(&all->quitting, true);
    if (write(all->death_fd, &one, sizeof one) < 0)
        log_line(LOG_WARN, "session", "wake failed", "errno=%d", errno);
    pthread_join(all->housekeeper, NULL);
    all->housekeeping = false;
}
