/* turns.c - who may speak in a thread. Kept in memory alone: runs end with the server. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/explorer/explorer.h"

enum { LOOK_S = 1 };

struct waiter {
    struct waiter *next;
    bool granted;
};

/* A thread that somebody speaks in. */
struct line {
    struct line *next;
    char thread_id[ID_SIZE];
    struct waiter *first;
    unsigned waiting;
};

struct turns {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    struct line *lines;
};

struct turns *turns_new(void)
{
    struct turns *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&t->moved, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return t;
}

struct turns *turns_free(struct turns *t)
{
    if (t) {
        pthread_cond_destroy(&t->moved);
        pthread_mutex_destroy(&t->lock);
        free(t);
    }
    return NULL;
}

void turns_look(struct turns *t)
{
    pthread_mutex_lock(&t->lock);
    pthread_cond_broadcast(&t->moved);
    pthread_mutex_unlock(&t->lock);
}

static struct line **find(struct turns *t, const char *thread_id)
{
    struct line **at = &t->lines;
    while (*at && strcmp((*at)->thread_id, thread_id) != 0)
        at = &(*at)->next;
    return at;
}

static void leave(struct line *line, struct waiter *w)
{
    struct waiter **at = &line->first;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    line->waiting--;
}

/* Lock held, and let go of while nobody asks `gone`. 0 or -ECANCELED. */
static int wait_in(struct turns *t, struct line *line, bool (*gone)(void *), void *context)
{
    struct waiter w = {0}, **end = &line->first;
    while (*end)
        end = &(*end)->next;
    *end = &w;
    line->waiting++;
    while (!w.granted) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += LOOK_S;
        pthread_cond_timedwait(&t->moved, &t->lock, &until);
        if (w.granted || !gone)
            continue;
        pthread_mutex_unlock(&t->lock);
        bool left = gone(context);
        pthread_mutex_lock(&t->lock);
        if (left && !w.granted) {
            leave(line, &w);
            return -ECANCELED;
        }
    }
    return 0;
}

static int begin(struct turns *t, const char *thread_id, struct error *e)
{
    struct line *line = calloc(1, sizeof *line);
    if (!line)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    snprintf(line->thread_id, sizeof line->thread_id, "%s", thread_id);
    line->next = t->lines;
    t->lines = line;
    return 0;
}

int turn_of_thread(struct turns *t, const char *thread_id, bool (*gone)(void *context),
    void *context, struct error *e)
{
    pthread_mutex_lock(&t->lock);
    struct line *line = *find(t, thread_id);
    int r = !line ? begin(t, thread_id, e)
            : line->waiting >= TURNS_WAITING_MAX
                ? error_set(e, ERROR_QUEUE_FULL, EAGAIN,
                      "%d messages wait in this thread already, the most there may be.",
                      TURNS_WAITING_MAX)
                : wait_in(t, line, gone, context);
    pthread_mutex_unlock(&t->lock);
    return r;
}

void turn_done(struct turns *t, const char *thread_id)
{
    pthread_mutex_lock(&t->lock);
    struct line **at = find(t, thread_id), *line = *at;
    if (line->first) {
        struct waiter *next = line->first;
        leave(line, next);
        next->granted = true; /* `next` may be gone as soon as the lock is */
        pthread_cond_broadcast(&t->moved);
    } else {
        *at = line->next;
        free(line);
    }
    pthread_mutex_unlock(&t->lock);
}
