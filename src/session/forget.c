/* forget.c - the forgetter: one thread that takes out of the store what ended sessions leave there.
 *
 * A session may have shown a hundred thousand files, and their rows take a second to delete. That is no
 * work for the thread that ended it, which has others to serve; and it must not be done at a stretch:
 * sandboxes run when the server has no use for a core, and one that waits where a thread of ours never
 * sleeps waits until another core takes it. So the rows go a few at a time, with rests between. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "session/forget.h"
#include "session/grounds_private.h"
#include "session/pace.h"

/* After a piece of work the forgetter rests as pace.h says. Less when others wait to be forgotten, and
 * not at all when they are many: rows must go faster than somebody who makes and deletes full sessions
 * in a loop brings new ones. */
enum { REST_OTHERS_WAIT = 1, MANY = 16 };

struct forgotten {
    struct forgotten *next;
    struct forgetter *by;
    char id[ID_SIZE];
    bool row;
};

struct forgetter {
    struct store *store;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct forgotten *first, **last;
    unsigned waiting;
    bool quitting, runs;
    pthread_t thread;
};

/* Waits for what is to be forgotten; NULL: there will be nothing more. */
static struct forgotten *next(struct forgetter *f)
{
    pthread_mutex_lock(&f->lock);
    while (!f->first && !f->quitting)
        pthread_cond_wait(&f->wake, &f->lock);
    struct forgotten *x = f->quitting ? NULL : f->first;
    if (x && !(f->first = x->next))
        f->last = &f->first;
    f->waiting -= x != NULL;
    pthread_mutex_unlock(&f->lock);
    return x;
}

/* False: no longer, the server stops. */
static bool rest(struct forgetter *f, int64_t worked_us)
{
    pthread_mutex_lock(&f->lock);
    int times = f->waiting == 0 ? PACE_REST : f->waiting < MANY ? REST_OTHERS_WAIT : 0;
    int64_t until = clock_monotonic_us() + times * worked_us, left;
    while (!f->quitting && (left = until - clock_monotonic_us()) > 0)
        cond_wait_us(&f->wake, &f->lock, left);
    bool on = !f->quitting;
    pthread_mutex_unlock(&f->lock);
    return on;
}

/* What is left when the server stops is found again at its next start, or goes when the container's row
 * does. */
static void forget(struct forgetter *f, const struct forgotten *x)
{
    struct error e = {0};
    bool more = true;
    int r = 0;
    int64_t took;
    do {
        int64_t since = clock_monotonic_us();
        r = store_container_forget(f->store, x->id, x->row, &more, &e);
        took = clock_monotonic_us() - since;
    } while (r == 0 && more && rest(f, took));
    if (r < 0 && r != -ENOENT)
        log_line(LOG_ERROR, "session", "rows not deleted", "id=%s words=\"%s\"", x->id, e.message);
}

static void *forgetter_main(void *arg)
{
    struct forgetter *f = arg;
    struct forgotten *x;
    while ((x = next(f))) {
        forget(f, x);
        free(x);
    }
    return NULL;
}

struct forgetter *forgetter_new(struct store *store)
{
    struct forgetter *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->store = store;
    f->last = &f->first;
    pthread_mutex_init(&f->lock, NULL);
    cond_init_monotonic(&f->wake);
    f->runs = pthread_create(&f->thread, NULL, forgetter_main, f) == 0;
    if (!f->runs) {
        forgetter_free(f);
        return NULL;
    }
    return f;
}

struct forgotten *forgotten_new(struct forgetter *f, const char *id, bool row)
{
    struct forgotten *x = f ? malloc(sizeof *x) : NULL;
    if (x) {
        *x = (struct forgotten){.by = f, .row = row};
        snprintf(x->id, sizeof x->id, "%s", id);
    }
    return x;
}

void forgotten_submit(void *forgotten)
{
    struct forgotten *x = forgotten;
    if (!x)
        return;
    struct forgetter *f = x->by;
    pthread_mutex_lock(&f->lock);
    *f->last = x;
    f->last = &x->next;
    f->waiting++;
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
}

void forgetter_free(struct forgetter *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->quitting = true;
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
    if (f->runs)
        pthread_join(f->thread, NULL);
    while (f->first) {
        struct forgotten *x = f->first;
        f->first = x->next;
        free(x);
    }
    pthread_cond_destroy(&f->wake);
    pthread_mutex_destroy(&f->lock);
    free(f);
}
