/* weight.c - which grounds give way to the others when cores are short.
 *
 * Within a ground a sandbox that computes on is idle among its neighbours (sandbox_give_way), but another ground is
 * no neighbour: between two of them Linux is fair and nothing more. So a ground is idle among the grounds while
 * somebody in it gives way and no work there counts in full. The server writes that itself, by a descriptor of
 * the supervisor's, because what begins now is not to wait for a warden that is idle, too. While nobody gives way,
 * nothing is written. */
#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "session/grounds_private.h"

/* After each change. Lock held. */
static void settle(struct ground *g)
{
    struct ground_weight *w = &g->weight;
    const bool idle = w->behind > 0 && w->full == 0;
    if (idle == w->idle || w->idle_fd < 0)
        return;
    w->idle = idle;
    if (pwrite(w->idle_fd, idle ? "1" : "0", 1, 0) < 0 && errno != ENODEV) /* ENODEV: it ended */
        log_line(LOG_WARN, "session", "a ground did not change its weight",
            "environment=%s errno=%d", g->environment, errno);
}

void ground_weight_init(struct ground *g, int idle_fd)
{
    pthread_mutex_lock(&g->weight.lock);
    g->weight.idle_fd = idle_fd;
    g->weight.idle = true; /* as a server before may have left it */
    settle(g);
    pthread_mutex_unlock(&g->weight.lock);
}

void ground_work_begins(struct ground *g)
{
    pthread_mutex_lock(&g->weight.lock);
    g->weight.full++;
    settle(g);
    pthread_mutex_unlock(&g->weight.lock);
}

void ground_work_ends(struct ground *g)
{
    pthread_mutex_lock(&g->weight.lock);
    g->weight.full--;
    settle(g);
    pthread_mutex_unlock(&g->weight.lock);
}

/* Whether it counts in full, is behind, or, after its end, neither. Lock of weight held. */
static void count(struct sandbox *s, int by)
{
    if (s->weightless)
        return;
    if (s->gives_way)
        s->ground->weight.behind += (unsigned)by;
    else if (s->works > 0)
        s->ground->weight.full += (unsigned)by;
}

static void change(struct sandbox *s, int works, bool gives_way)
{
    pthread_mutex_lock(&s->ground->weight.lock);
    count(s, -1);
    s->works += works;
    s->gives_way = gives_way;
    count(s, 1);
    settle(s->ground);
    pthread_mutex_unlock(&s->ground->weight.lock);
}

void sandbox_work_begins(struct sandbox *s) { change(s, 1, s->gives_way); }

void sandbox_work_ends(struct sandbox *s) { change(s, -1, s->gives_way); }

void sandbox_gave_way(struct sandbox *s, bool gives_way) { change(s, 0, gives_way); }

void sandbox_weighs_nothing(struct sandbox *s)
{
    struct ground *g = s->ground;
    pthread_mutex_lock(&g->weight.lock);
    count(s, -1);
    s->weightless = true;
    settle(g);
    pthread_mutex_unlock(&g->weight.lock);
}
