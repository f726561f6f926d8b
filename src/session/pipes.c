#include "pipes.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/fd.h"
#include "base/log.h"

enum { STOCK_MAX = 128, PATIENCE_S = 10 };

struct pipes {
    struct link *supervisor;
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct pipe_set stock[STOCK_MAX];
    unsigned n, low;
    bool asked; /* a batch is on its way */
    int failed; /* the last batch's -errno */
};

struct pipes *pipes_new(struct link *supervisor, unsigned low)
{
    struct pipes *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->supervisor = supervisor;
    p->low = low < STOCK_MAX / 2 ? low : STOCK_MAX / 2;
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->arrived, &attr);
    pthread_condattr_destroy(&attr);
    return p;
}

void pipes_free(struct pipes *p)
{
    if (!p)
        return;
    for (unsigned i = 0; i < p->n; i++) {
        fds_close(p->stock[i].server, KERNEL_PIPES);
        fds_close(p->stock[i].kernel, KERNEL_PIPES);
    }
    pthread_cond_destroy(&p->arrived);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* One set of a batch; on the supervisor link's reader thread. */
static bool arrive(void *context, const struct message *m, int *fds, int n)
{
    struct pipes *p = context;
    bool more = m && m->status == 0 && n == 2 * KERNEL_PIPES && m->word[1] > 0;
    struct pipe_set set = PIPE_SET_NONE;
    bool good = m && m->status == 0 && n == 2 * KERNEL_PIPES;
    if (good) {
        set.id = (int64_t)m->word[0];
        for (int i = 0; i < KERNEL_PIPES; i++) {
            set.server[i] = take_fd(&fds[i]);
            set.kernel[i] = take_fd(&fds[KERNEL_PIPES + i]);
            fcntl(set.server[i], F_SETFL, (i == PIPE_IN ? O_WRONLY : O_RDONLY) | O_NONBLOCK);
        }
    } else {
        fds_close(fds, n > 0 ? (size_t)n : 0);
    }
    pthread_mutex_lock(&p->lock);
    if (good && p->n < STOCK_MAX) {
        p->stock[p->n++] = set;
        good = false;
    }
    p->failed = set.id >= 0 ? 0 : !m ? -EPIPE : m->status ? m->status : -EBADMSG;
    p->asked = more;
    pthread_cond_broadcast(&p->arrived);
    pthread_mutex_unlock(&p->lock);
    if (good)
        pipes_end(p, &set);
    return more;
}

/* Asks for a batch unless one is on its way. Lock held. */
static int ask(struct pipes *p)
{
    if (p->asked)
        return 0;
    struct message m = {.op = SUP_PIPES, .word = {p->low > 8 ? p->low : 8}};
    p->asked = true;
    pthread_mutex_unlock(&p->lock);
    int rc = link_post_parts(p->supervisor, &m, arrive, p);
    pthread_mutex_lock(&p->lock);
    if (rc < 0)
        p->asked = false;
    return rc;
}

int pipes_take(struct pipes *p, struct pipe_set *ret)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PATIENCE_S;
    int rc = 0;
    pthread_mutex_lock(&p->lock);
    if (p->n <= p->low)
        rc = ask(p);
    while (p->n == 0 && rc == 0) {
        if (pthread_cond_timedwait(&p->arrived, &p->lock, &until) == ETIMEDOUT)
            rc = -ETIMEDOUT;
        else if (p->n == 0 && p->failed)
            rc = p->failed;
        else if (p->n == 0)
            rc = ask(p); /* others took the whole batch */
    }
    if (p->n > 0) {
        *ret = p->stock[--p->n];
        rc = 0;
    }
    pthread_mutex_unlock(&p->lock);
    return rc;
}

void pipes_end(struct pipes *p, struct pipe_set *set)
{
    fds_close(set->server, KERNEL_PIPES);
    fds_close(set->kernel, KERNEL_PIPES);
    if (set->id >= 0) {
        struct message m = {.op = SUP_PIPES_END, .word = {(uint64_t)set->id}};
        link_send(p->supervisor, &m, NULL, 0);
    }
    set->id = -1;
}
