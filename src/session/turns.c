/* turns.c - one execution at a time in a session, in the order of coming; and a kernel for it. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "session/internal.h"

enum { TICK_US = 1000000 };

static void remove_turn(struct session *s, struct turn *t)
{
    struct turn **at = &s->first_turn;
    while (*at && *at != t)
        at = &(*at)->next;
    if (*at) {
        *at = t->next;
        s->turns--;
    }
    if (!t->next) {
        s->last_turn = &s->first_turn;
        while (*s->last_turn)
            s->last_turn = &(*s->last_turn)->next;
    }
}

/* Waits in line. Lock held, dropped while client_gone is asked. */
static int wait_in_line(struct session *s, const struct execution_callbacks *cb, struct error *e)
{
    struct turn t = {0};
    int rc = 0;
    cond_init_monotonic(&t.come);
    *s->last_turn = &t;
    s->last_turn = &t.next;
    s->turns++;
    while (!t.mine && rc == 0) {
        bool tick = cond_wait_us(&t.come, &s->lock, TICK_US) == ETIMEDOUT;
        if (!t.mine)
            rc = session_check(s, e);
        if (!t.mine && rc == 0 && atomic_load(&s->all->stopping))
            rc = error_set(e, ERROR_UNAVAILABLE, ESHUTDOWN, "The server is stopping.");
        if (!t.mine && rc == 0 && tick && cb && cb->client_gone) {
            pthread_mutex_unlock(&s->lock);
            bool gone = cb->client_gone(cb->context);
            pthread_mutex_lock(&s->lock);
            if (gone && !t.mine)
                rc = -ECANCELED;
        }
    }
    if (!t.mine)
        remove_turn(s, &t);
    else
        rc = 0;
    pthread_cond_destroy(&t.come);
    return rc;
}

int turn_take(
    struct session *s, const struct execution_callbacks *cb, enum turn_for what, struct error *e)
{
    session_look(s);
    pthread_mutex_lock(&s->lock);
    int rc = session_check(s, e);
    if (rc == 0 && !s->busy) {
        s->busy = true;
        s->glance = what == TURN_LOOK;
    } else if (rc == 0 && what != TURN_IN_LINE)
        rc = -EBUSY;
    else if (rc == 0 && s->turns >= s->all->config->queue_max)
        rc = error_set(
            e, ERROR_QUEUE_FULL, EAGAIN, "%u executions wait in this container already.", s->turns);
    else if (rc == 0)
        rc = wait_in_line(s, cb, e);
    if (rc == 0 && (rc = session_check(s, e)) < 0)
        s->busy = false; /* it ended while the turn was passed; whoever waits sees that too */
    pthread_mutex_unlock(&s->lock);
    return rc;
}

void turn_pass(struct session *s)
{
    pthread_mutex_lock(&s->lock);
    struct turn *t = s->first_turn;
    s->busy = t != NULL;
    s->glance = false; /* who waits in line is no onlooker */
    if (t) {
        remove_turn(s, t);
        t->mine = true;
        pthread_cond_signal(&t->come);
    }
    pthread_mutex_unlock(&s->lock);
}

static void remember_kernel(struct session *s, struct sandbox *b)
{
    struct store_container_live live = {(int64_t)b->ground->id, b->id, (int64_t)b->kernel.serial,
        b->kernel.pipes.id, s->execution_count, 0};
    struct error e = {0};
    if (s->all->store && !s->anonymous &&
        store_container_set_live(s->all->store, s->id, &live, &e) < 0)
        log_line(LOG_WARN, "session", "kernel not stored", "id=%s words=\"%s\"", s->id, e.message);
}

int turn_kernel(struct session *s, struct error *e)
{
    struct sandbox *b;
    int rc = session_sandbox(s, &b, e);
    if (rc < 0)
        return rc;
    if (sandbox_kernel_alive(b)) {
        sandbox_unref(b);
        return 0;
    }
    if (b->kernel.there) { /* it died while nobody looked */
        s->lost_variables = true;
        if (sandbox_death(b).kernel_serial == b->kernel.serial)
            kernel_death_words(b, s->lost_why);
    }
    rc = 0;
    if (s->had_kernel)
        rc = sandbox_kill_all(b); /* what the dead one left behind */
    if (rc < 0) {
        session_expire(
            s, "Its sandbox did not answer, and was ended; files and variables are lost.");
        pthread_mutex_lock(&s->lock);
        rc = session_check(s, e);
        pthread_mutex_unlock(&s->lock);
    } else {
        rc = sandbox_start_kernel(b, s->full ? ZYGOTE_FULL : ZYGOTE_PLAIN, e);
        s->had_kernel = true;
        if (rc == 0)
            remember_kernel(s, b);
    }
    sandbox_unref(b);
    return rc;
}
