#include "pool.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "session/grounds_private.h"
#include "session/kernel.h"
#include "session/room.h"

enum {
    QUIET_US = 4000,     /* since the last work, before the keeper works */
    PATIENCE_US = 60000, /* after so long it makes a sandbox all the same */
    PATIENCE_KERNEL_US = 1000000,
    LONG_US = 100000,
    FAILURE_US = 1000000, /* pause after a failure; doubled before a kernel, for each in a row, */
    FAILURES_DOUBLE = 6,  /* so many times */
    IDLE_US = 5000000,    /* between looks at a full pool: a kernel in it may have died */
    REHEARSAL_US = 60000000,
    NICENESS = 5,
};

struct pool {
    struct ground *ground;
    const int *memory; /* see room.h */
    pthread_t keeper;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct sandbox *prepared, *kernel[ZYGOTE_SLOTS];
    unsigned n_prepared, n_kernel[ZYGOTE_SLOTS];
    unsigned want_prepared, want_kernel[ZYGOTE_SLOTS];
    bool stopping, stopped;
    struct sandbox *rehearsing; /* whose kernel the keeper waits for */
    _Atomic int64_t last_work_us;
    _Atomic int working;
    _Atomic bool full; /* read without the lock, under which the ground's is taken */
    /* The keeper's: when it last made a kernel, and how many in a row came to nothing. */
    int64_t last_kernel_us;
    unsigned kernel_failures;
};

static struct sandbox *pop(struct sandbox **list, unsigned *n)
{
    struct sandbox *s = *list;
    if (s) {
        *list = s->next;
        s->next = NULL;
        --*n;
    }
    return s;
}

static void push(struct sandbox **list, unsigned *n, struct sandbox *s)
{
    s->next = *list;
    *list = s;
    ++*n;
}

static void busy(struct pool *p)
{
    atomic_store_explicit(&p->last_work_us, clock_monotonic_us(), memory_order_relaxed);
}

void pool_work_begins(struct pool *p)
{
    if (p) {
        atomic_fetch_add(&p->working, 1);
        busy(p);
    }
}

void pool_work_ends(struct pool *p)
{
    if (p) {
        busy(p);
        atomic_fetch_sub(&p->working, 1);
    }
}

bool pool_full(struct pool *p) { return !p || atomic_load(&p->full); }

/* After each change of what is there. Lock held. */
static void recount(struct pool *p)
{
    bool full = p->n_prepared >= p->want_prepared;
    for (int slot = 0; slot < ZYGOTE_SLOTS; slot++)
        full = full && p->n_kernel[slot] >= p->want_kernel[slot];
    atomic_store(&p->full, full);
}

/* How long nothing has run; what runs for long itself is not waited for. */
static int64_t quiet_us(struct pool *p)
{
    int64_t us =
        clock_monotonic_us() - atomic_load_explicit(&p->last_work_us, memory_order_relaxed);
    return us < LONG_US && atomic_load(&p->working) > 0 ? 0 : us;
}

/* Waits until nothing has run for a moment, or as long as patience lasts. False: stop. */
static bool wait_for_quiet(struct pool *p)
{
    int64_t since = clock_monotonic_us();
    bool go = true;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        int64_t quiet = quiet_us(p);
        go = !p->stopping;
        if (!go || quiet >= QUIET_US || clock_monotonic_us() - since >= PATIENCE_US)
            break;
        cond_wait_us(&p->changed, &p->lock, QUIET_US - quiet + 100);
    }
    pthread_mutex_unlock(&p->lock);
    return go;
}

/* Ends what died while it waited. */
static void sweep(struct pool *p)
{
    struct sandbox *dead = NULL;
    unsigned n = 0;
    pthread_mutex_lock(&p->lock);
    for (int list = 0; list <= ZYGOTE_SLOTS; list++) {
        struct sandbox **at = list < ZYGOTE_SLOTS ? &p->kernel[list] : &p->prepared;
        unsigned *count = list < ZYGOTE_SLOTS ? &p->n_kernel[list] : &p->n_prepared;
        while (*at) {
            struct sandbox *s = *at;
            bool alive = list < ZYGOTE_SLOTS ? sandbox_kernel_alive(s) : !sandbox_death(s).sandbox;
            if (alive) {
                at = &s->next;
                continue;
            }
            *at = s->next;
            --*count;
            push(&dead, &n, s);
        }
    }
    recount(p);
    pthread_mutex_unlock(&p->lock);
    for (struct sandbox *s; (s = pop(&dead, &n));)
        sandbox_end(s, NULL, NULL);
}

enum job { JOB_NONE, JOB_SANDBOX, JOB_KERNEL };

/* A kernel whose rehearsal fails costs a zygote's fork and up to a minute of ours, and the next one's mostly fails
 * as well. */
static bool kernels_rest(const struct pool *p)
{
    const unsigned n = p->kernel_failures < FAILURES_DOUBLE ? p->kernel_failures : FAILURES_DOUBLE;
    return n > 0 && clock_monotonic_us() - p->last_kernel_us < (int64_t)FAILURE_US << n;
}

/* Of which zygotes a kernel may be made now; asks for those that are not there. It reads files: not under the lock. */
static void look_for_zygotes(struct pool *p, bool ready[ZYGOTE_SLOTS])
{
    const bool kernels =
        !kernels_rest(p) &&
        (quiet_us(p) >= QUIET_US || clock_monotonic_us() - p->last_kernel_us >= PATIENCE_KERNEL_US);
    for (int slot = 0; slot < ZYGOTE_SLOTS; slot++)
        ready[slot] = kernels && p->want_kernel[slot] > 0 && !atomic_load(&p->full) &&
                      ground_zygote_state(p->ground, (enum zygote_slot)slot) == ZYGOTE_READY;
}

/* What is missing most. Lock held. */
static enum job next_job(struct pool *p, const bool ready[ZYGOTE_SLOTS], enum zygote_slot *ret_slot)
{
    if (atomic_load(&p->full))
        return JOB_NONE;
    for (int slot = ZYGOTE_SLOTS - 1; slot >= 0; slot--)
        if (ready[slot] && p->n_kernel[slot] < p->want_kernel[slot]) {
            *ret_slot = (enum zygote_slot)slot;
            return JOB_KERNEL;
        }
    return p->n_prepared < p->want_prepared ? JOB_SANDBOX : JOB_NONE;
}

/* What a kernel does for that is an environment's own code, which may never end: a stop breaks it off. */
static int rehearse(struct pool *p, struct sandbox *s)
{
    pthread_mutex_lock(&p->lock);
    bool stopping = p->stopping;
    p->rehearsing = s;
    pthread_mutex_unlock(&p->lock);
    int rc = stopping ? -ECANCELED : kernel_rehearse(s, REHEARSAL_US);
    pthread_mutex_lock(&p->lock);
    p->rehearsing = NULL;
    pthread_mutex_unlock(&p->lock);
    return rc;
}

static int do_job(struct pool *p, enum job job, enum zygote_slot slot)
{
    struct error e = {0};
    struct sandbox *s = job == JOB_KERNEL ? pool_take_sandbox(p) : NULL;
    int rc = s ? 0 : sandbox_make(p->ground, 0, &s, &e);
    if (job == JOB_KERNEL)
        p->last_kernel_us = clock_monotonic_us();
    if (rc == 0 && job == JOB_KERNEL) {
        rc = sandbox_start_kernel(s, slot, &e);
        if (rc == 0)
            rc = rehearse(p, s);
        p->kernel_failures = rc == 0 ? 0 : p->kernel_failures + 1;
        if (rc < 0) /* it may have taken a minute */
            p->last_kernel_us = clock_monotonic_us();
    }
    pthread_mutex_lock(&p->lock);
    if (rc == 0 && !p->stopping) {
        if (job == JOB_KERNEL)
            push(&p->kernel[slot], &p->n_kernel[slot], s);
        else
            push(&p->prepared, &p->n_prepared, s);
        s = NULL;
    }
    recount(p);
    bool stopping = p->stopping;
    pthread_mutex_unlock(&p->lock);
    sandbox_end(s, NULL, NULL);
    if (rc < 0 && !stopping && link_alive(p->ground->link)) /* of its end it was told */
        log_line(LOG_WARN, "session", "pool not filled", "environment=%s errno=%d words=\"%s\"",
            p->ground->environment, -rc, e.message);
    return rc;
}

static void *keeper_main(void *arg)
{
    struct pool *p = arg;
    setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
    while (wait_for_quiet(p)) {
        enum zygote_slot slot = ZYGOTE_PLAIN;
        sweep(p);
        const bool room =
            room_for(p->memory, ROOM_TO_SPARE); /* files are read for it: not under the lock */
        bool ready[ZYGOTE_SLOTS] = {0};
        if (room)
            look_for_zygotes(p, ready);
        pthread_mutex_lock(&p->lock);
        enum job job = p->stopping || !room ? JOB_NONE : next_job(p, ready, &slot);
        bool warming = false;
        for (int i = 0; i < ZYGOTE_SLOTS; i++)
            warming |= p->n_kernel[i] < p->want_kernel[i];
        if (job == JOB_NONE && !p->stopping)
            cond_wait_us(&p->changed, &p->lock, warming ? 50000 : IDLE_US);
        pthread_mutex_unlock(&p->lock);
        if (job != JOB_NONE && do_job(p, job, slot) < 0) {
            pthread_mutex_lock(&p->lock);
            if (!p->stopping)
                cond_wait_us(&p->changed, &p->lock, FAILURE_US);
            pthread_mutex_unlock(&p->lock);
        }
    }
    return NULL;
}

struct pool *pool_new(struct ground *ground)
{
    const struct grounds_config *c = &ground->grounds->config;
    if (c->one_shot)
        return NULL;
    struct pool *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->ground = ground;
    p->memory = c->memory;
    p->want_prepared = c->pool_sandboxes;
    p->want_kernel[ground->full_is_usual ? ZYGOTE_FULL : ZYGOTE_PLAIN] =
        ground->full_is_usual ? c->pool_kernels_full : c->pool_kernels_plain;
    pthread_mutex_init(&p->lock, NULL);
    cond_init_monotonic(&p->changed);
    if (pthread_create(&p->keeper, NULL, keeper_main, p) != 0) {
        pthread_cond_destroy(&p->changed);
        pthread_mutex_destroy(&p->lock);
        free(p);
        return NULL;
    }
    return p;
}

void pool_stop(struct pool *p)
{
    if (!p || p->stopped)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    if (p->rehearsing)
        sandbox_give_up(p->rehearsing);
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->keeper, NULL);
    p->stopped = true;
    for (struct sandbox *s; (s = pool_take_sandbox(p));)
        sandbox_end(s, NULL, NULL);
    for (int slot = 0; slot < ZYGOTE_SLOTS; slot++)
        for (struct sandbox *s; (s = pool_take_kernel(p, (enum zygote_slot)slot));)
            sandbox_end(s, NULL, NULL);
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    pool_stop(p);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

struct sandbox *pool_take_kernel(struct pool *p, enum zygote_slot slot)
{
    if (!p)
        return NULL;
    busy(p);
    for (;;) {
        pthread_mutex_lock(&p->lock);
        struct sandbox *s = pop(&p->kernel[slot], &p->n_kernel[slot]);
        recount(p);
        pthread_cond_signal(&p->changed);
        pthread_mutex_unlock(&p->lock);
        if (!s || sandbox_kernel_alive(s))
            return s;
        sandbox_end(s, NULL, NULL);
    }
}

struct sandbox *pool_take_sandbox(struct pool *p)
{
    if (!p)
        return NULL;
    for (;;) {
        pthread_mutex_lock(&p->lock);
        struct sandbox *s = pop(&p->prepared, &p->n_prepared);
        recount(p);
        pthread_cond_signal(&p->changed);
        pthread_mutex_unlock(&p->lock);
        if (!s || !sandbox_death(s).sandbox)
            return s;
        sandbox_end(s, NULL, NULL);
    }
}
