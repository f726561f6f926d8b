#include "link.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"

/* One request that waits for its answer, in the link's list. A waiting thread owns its own on its
 * stack; a posted one is on the heap and the reader's. */
struct pending {
    struct pending *next;
    uint32_t serial;
    link_done *done; /* posted: exactly one of the two */
    link_part *part;
    void *context;
    bool answered; /* waited for */
    struct message *answer;
    int *fds;
    size_t max;
    int result;
    pthread_cond_t cond;
};

struct link {
    int socket;
    int stop; /* an eventfd: the reader shall end. The socket is shared with the next server: no shutdown */
    const char *name;
    const struct permit *permits;
    size_t n_permits;
    struct link_handlers handlers;
    pthread_t reader;
    pthread_mutex_t lock;
    struct pending *pending;
    uint32_t serial;
    bool dead;
};

static struct pending *unlink_pending(struct link *l, uint32_t serial)
{
    for (struct pending **at = &l->pending; *at; at = &(*at)->next)
        if ((*at)->serial == serial) {
            struct pending *p = *at;
            *at = p->next;
            return p;
        }
    return NULL;
}

/* Gives an answer to a thread that waits; called with the lock held. */
static void wake_waiter(struct pending *p, const struct message *m, int *fds, int n)
{
    if (m) {
        memcpy(p->answer, m, offsetof(struct message, text) + m->length + 1u);
        for (int i = 0; i < n; i++)
            if ((size_t)i < p->max)
                p->fds[i] = take_fd(&fds[i]);
        p->result = (size_t)n < p->max ? n : (int)p->max;
    } else {
        p->result = -EPIPE;
    }
    p->answered = true;
    pthread_cond_signal(&p->cond);
}

static void deliver(struct link *l, const struct message *m, int *fds, int n)
{
    pthread_mutex_lock(&l->lock);
    struct pending *p = m->serial ? unlink_pending(l, m->serial) : NULL;
    if (p && !p->done && !p->part) {
        wake_waiter(p, m, fds, n);
        pthread_mutex_unlock(&l->lock);
        fds_close(fds, (size_t)n);
        return;
    }
    pthread_mutex_unlock(&l->lock);
    if (p && p->done) {
        p->done(p->context, m, fds, n);
    } else if (p) {
        if (p->part(p->context, m, fds, n)) {
            pthread_mutex_lock(&l->lock);
            p->next = l->pending;
            l->pending = p;
            pthread_mutex_unlock(&l->lock);
            return;
        }
    } else {
        l->handlers.event(l->handlers.context, m, fds, n);
    }
    free(p);
}

/* The link is over: everybody who waits is told, then the owner. */
static void bury(struct link *l)
{
    pthread_mutex_lock(&l->lock);
    l->dead = true;
    for (;;) {
        struct pending *p = l->pending;
        if (!p)
            break;
        l->pending = p->next;
        if (!p->done && !p->part) {
            wake_waiter(p, NULL, NULL, 0);
            continue;
        }
        pthread_mutex_unlock(&l->lock);
        if (p->done)
            p->done(p->context, NULL, NULL, 0);
        else
            p->part(p->context, NULL, NULL, 0);
        free(p);
        pthread_mutex_lock(&l->lock);
    }
    pthread_mutex_unlock(&l->lock);
    l->handlers.gone(l->handlers.context);
}

static void *reader_main(void *arg)
{
    struct link *l = arg;
    struct message m;
    int fds[MESSAGE_FDS_MAX];
    for (;;) {
        struct pollfd p[] = {{l->socket, POLLIN, 0}, {l->stop, POLLIN, 0}};
        if (poll(p, 2, -1) < 0)
            continue;
        if (p[1].revents)
            break;
        int n = message_receive(l->socket, &m, fds, MESSAGE_FDS_MAX);
        if (n < 0) {
            if (n != -EPIPE)
                log_line(LOG_ERROR, "session", "link broken", "peer=%s errno=%d", l->name, -n);
            shutdown(l->socket, SHUT_RDWR);
            break;
        }
        if (message_permitted(l->permits, l->n_permits, &m, n) < 0) {
            log_line(LOG_ERROR, "session", "message outside the permit table",
                "peer=%s op=%u fds=%d", l->name, m.op, n);
            fds_close(fds, (size_t)n);
            shutdown(l->socket, SHUT_RDWR); /* who breaks the contract is to end */
            break;
        }
        deliver(l, &m, fds, n);
    }
    bury(l);
    return NULL;
}

int link_new(int socket, const char *name, const struct permit *permits, size_t n,
    const struct link_handlers *handlers, struct link **ret)
{
    struct link *l = calloc(1, sizeof *l);
    int stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!l || stop < 0) {
        free(l);
        fd_close(&stop);
        close(socket);
        return -ENOMEM;
    }
    *l = (struct link){.socket = socket,
        .stop = stop,
        .name = name,
        .permits = permits,
        .n_permits = n,
        .handlers = *handlers};
    pthread_mutex_init(&l->lock, NULL);
    /* An earlier server's answers may still be on their way: ours must not look like them. */
    if (getrandom(&l->serial, sizeof l->serial, 0) < 0)
        l->serial = (uint32_t)clock_monotonic_us();
    *ret = l; /* before the reader may call a handler */
    int rc = pthread_create(&l->reader, NULL, reader_main, l);
    if (rc) {
        *ret = NULL;
        close(socket);
        close(stop);
        pthread_mutex_destroy(&l->lock);
        free(l);
        return -rc;
    }
    return 0;
}

void link_shutdown(struct link *l)
{
    uint64_t one = 1;
    if (write(l->stop, &one, sizeof one) < 0)
        log_line(LOG_WARN, "session", "wake failed", "errno=%d", errno);
}

void link_free(struct link *l)
{
    if (!l)
        return;
    link_shutdown(l);
    pthread_join(l->reader, NULL);
    close(l->socket);
    close(l->stop);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

bool link_alive(struct link *l)
{
    pthread_mutex_lock(&l->lock);
    bool alive = !l->dead;
    pthread_mutex_unlock(&l->lock);
    return alive;
}

int link_send(struct link *l, struct message *m, const int *fds, size_t n)
{
    m->serial = 0;
    return message_send(l->socket, m, fds, n);
}

/* Puts `p` in the list and sends; takes it out again when that fails. */
static int enlist_and_send(
    struct link *l, struct pending *p, struct message *m, const int *fds, size_t n)
{
    pthread_mutex_lock(&l->lock);
    if (l->dead) {
        pthread_mutex_unlock(&l->lock);
        return -EPIPE;
    }
    l->serial++;
    if (l->serial == 0)
        l->serial = 1;
    m->serial = p->serial = l->serial;
    p->next = l->pending;
    l->pending = p;
    pthread_mutex_unlock(&l->lock);
    int rc = message_send(l->socket, m, fds, n);
    if (rc == 0)
        return 0;
    pthread_mutex_lock(&l->lock);
    struct pending *mine = unlink_pending(l, m->serial);
    pthread_mutex_unlock(&l->lock);
    return mine ? rc : 1; /* 1: the reader buried it meanwhile and has told, or will */
}

int link_call(struct link *l, struct message *m, const int *fds, size_t n, int *answer_fds,
    size_t max, int64_t timeout_us)
{
    struct message answer; /* not *m: it may still be on its way out when the answer comes */
    struct pending p = {.answer = &answer, .fds = answer_fds, .max = max};
    for (size_t i = 0; i < max; i++)
        answer_fds[i] = -1;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p.cond, &attr);
    pthread_condattr_destroy(&attr);
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_us / 1000000;
    until.tv_nsec += timeout_us % 1000000 * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    int rc = enlist_and_send(l, &p, m, fds, n);
    if (rc >= 0) {
        pthread_mutex_lock(&l->lock);
        int waited = 0;
        while (!p.answered && waited != ETIMEDOUT)
            waited = pthread_cond_timedwait(&p.cond, &l->lock, &until);
        if (!p.answered) {
            unlink_pending(l, p.serial);
            p.result = -ETIMEDOUT;
        }
        pthread_mutex_unlock(&l->lock);
        rc = p.result;
        if (rc >= 0)
            memcpy(m, &answer, offsetof(struct message, text) + answer.length + 1u);
    }
    pthread_cond_destroy(&p.cond);
    return rc;
}

static int post(struct link *l, struct message *m, const int *fds, size_t n, struct pending with)
{
    struct pending *p = malloc(sizeof *p);
    if (!p)
        return -ENOMEM;
    *p = with;
    int rc = enlist_and_send(l, p, m, fds, n);
    if (rc < 0)
        free(p);
    return rc < 0 ? rc : 0;
}

int link_post(
    struct link *l, struct message *m, const int *fds, size_t n, link_done *done, void *context)
{
    return post(l, m, fds, n, (struct pending){.done = done, .context = context});
}

int link_post_parts(struct link *l, struct message *m, link_part *part, void *context)
{
    return post(l, m, NULL, 0, (struct pending){.part = part, .context = context});
}
