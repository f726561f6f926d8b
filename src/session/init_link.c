/* The socket is read by one of the callers that wait, the leader; it hands answers to the others by
 * serial, and leadership to one of them when its own has come. Calls that nobody waits for any more
 * leave no trace but their serial, which then matches nobody. */
#include "init_link.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "ipc/protocol.h"

struct waiter {
    struct waiter *next;
    uint32_t serial;
    bool answered, parked; /* parked: on the heap, nobody waits yet (a write under way) */
    int result;            /* the answer's status, or ours */
    int fd;
    uint64_t word[MESSAGE_WORDS];
    struct strbuf *records;
};

struct init_link {
    int socket;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct waiter *waiters;
    uint32_t serial;
    bool led, dead;
};

static const struct permit permits[] = {
    {INIT_SIGNAL, 0, 0, true},
    {INIT_KILL, 0, 0, true},
    {INIT_OPEN, 0, 1, true},
    {INIT_WRITE, 0, 0, true},
    {INIT_UNLINK, 0, 0, true},
    {INIT_SCAN, 0, 0, true},
    {INIT_SCAN_PART, 0, 0, true},
};

struct init_link *init_link_new(int socket)
{
    struct init_link *l = calloc(1, sizeof *l);
    if (!l) {
        close(socket);
        return NULL;
    }
    l->socket = socket;
    /* An earlier server's answers may still be on their way: ours must not look like them. */
    if (getrandom(&l->serial, sizeof l->serial, 0) < 0)
        l->serial = (uint32_t)clock_monotonic_us();
    struct timeval patience = {.tv_sec = INIT_SIGNAL_US / 1000000};
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&l->changed, &attr);
    pthread_condattr_destroy(&attr);
    return l;
}

void init_link_free(struct init_link *l)
{
    if (!l)
        return;
    while (l->waiters) {
        struct waiter *w = l->waiters;
        l->waiters = w->next;
        if (w->parked)
            free(w);
    }
    close(l->socket);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

void init_link_shutdown(struct init_link *l) { shutdown(l->socket, SHUT_RDWR); }

static struct waiter **find(struct init_link *l, uint32_t serial)
{
    struct waiter **at = &l->waiters;
    while (*at && (*at)->serial != serial)
        at = &(*at)->next;
    return at;
}

static void fail_all(struct init_link *l, int result)
{
    l->dead = true;
    for (struct waiter *w = l->waiters; w; w = w->next)
        if (!w->answered) {
            w->answered = true;
            w->result = result;
        }
}

/* Gives one message to whom it belongs. Lock held. */
static void dispatch(struct init_link *l, const struct message *m, int fd)
{
    cleanup_fd int owned = fd;
    struct waiter *w = *find(l, m->serial);
    if (!w || w->answered)
        return;
    if (m->op == INIT_SCAN_PART) {
        if (w->records && strbuf_append(w->records, m->text, m->length) < 0)
            log_line(LOG_WARN, "session", "scan too long", "bytes=%zu", w->records->length);
        return;
    }
    w->answered = true;
    w->result = m->status;
    memcpy(w->word, m->word, sizeof w->word);
    w->fd = take_fd(&owned);
}

/* Reads what is there, as the leader. Lock held, dropped while it waits. */
static void lead(struct init_link *l, int64_t deadline_us)
{
    struct message m;
    int fds[1] = {-1};
    l->led = true;
    pthread_mutex_unlock(&l->lock);
    struct pollfd p = {l->socket, POLLIN, 0};
    int64_t left = deadline_us - clock_monotonic_us();
    int n = -EAGAIN;
    if (poll(&p, 1, left <= 0 ? 0 : (int)((left + 999) / 1000)) > 0)
        n = message_receive(l->socket, &m, fds, 1);
    pthread_mutex_lock(&l->lock);
    l->led = false;
    if (n >= 0 && message_permitted(permits, sizeof permits / sizeof *permits, &m, n) == 0)
        dispatch(l, &m, fds[0]);
    else if (n >= 0) {
        fd_close(&fds[0]);
        fail_all(l, -EPIPE);
    } else if (n != -EAGAIN && n != -EINTR)
        fail_all(l, -EPIPE);
    pthread_cond_broadcast(&l->changed);
}

enum { LOOK_US = 500000 };

/* When this process stops waiting for inits. */
static _Atomic int64_t end_by_us = INT64_MAX;

void init_links_end_by(int64_t by_us) { atomic_store(&end_by_us, by_us); }

/* Waits until `w` is answered or the time is over, looking up now and then: it may have become shorter. Lock
 * held. */
static int await(struct init_link *l, struct waiter *w, int64_t timeout_us)
{
    int64_t deadline = clock_monotonic_us() + timeout_us;
    while (!w->answered) {
        int64_t now = clock_monotonic_us(), end = atomic_load(&end_by_us);
        if (now >= deadline || now >= end)
            return -ETIMEDOUT;
        int64_t next = deadline < end ? deadline : end;
        if (next > now + LOOK_US)
            next = now + LOOK_US;
        if (!l->led) {
            lead(l, next);
            continue;
        }
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        int64_t ns = until.tv_nsec + (next - now) * 1000;
        until.tv_sec += ns / 1000000000;
        until.tv_nsec = ns % 1000000000;
        pthread_cond_timedwait(&l->changed, &l->lock, &until);
    }
    return w->result;
}

/* Sends a request and enlists its waiter. Lock held. */
static int request(struct init_link *l, struct message *m, int fd, struct waiter *w)
{
    if (l->dead)
        return -EPIPE;
    l->serial++;
    if (l->serial == 0)
        l->serial = 1;
    m->serial = w->serial = l->serial;
    w->fd = -1;
    int rc = message_send(l->socket, m, &fd, fd >= 0 ? 1 : 0);
    if (rc < 0)
        return rc;
    w->next = l->waiters;
    l->waiters = w;
    return 0;
}

/* One synchronous call; words of the answer and its descriptor go to `w`. */
static int call(struct init_link *l, struct message *m, struct waiter *w, int64_t timeout_us)
{
    pthread_mutex_lock(&l->lock);
    int rc = request(l, m, -1, w);
    if (rc == 0) {
        rc = await(l, w, timeout_us);
        *find(l, w->serial) = w->next;
        pthread_cond_broadcast(&l->changed); /* somebody else leads now */
    }
    pthread_mutex_unlock(&l->lock);
    if (rc < 0)
        fd_close(&w->fd);
    return rc;
}

int init_signal(struct init_link *l, int signal)
{
    struct message m = {.op = INIT_SIGNAL, .word = {(uint64_t)signal}};
    struct waiter w = {.fd = -1};
    return call(l, &m, &w, INIT_SIGNAL_US);
}

int init_kill(struct init_link *l)
{
    struct message m = {.op = INIT_KILL};
    struct waiter w = {.fd = -1};
    return call(l, &m, &w, INIT_KILL_US);
}

static int with_path(struct message *m, uint16_t op, const char *path)
{
    size_t n = strlen(path);
    if (n == 0 || n > MESSAGE_TEXT_MAX)
        return -ENAMETOOLONG;
    memset(m, 0, offsetof(struct message, text));
    m->op = op;
    memcpy(m->text, path, n + 1);
    m->length = (uint16_t)n;
    return 0;
}

int init_open(struct init_link *l, const char *path)
{
    struct message m;
    struct waiter w = {.fd = -1};
    int rc = with_path(&m, INIT_OPEN, path);
    if (rc == 0)
        rc = call(l, &m, &w, INIT_FILE_US);
    return rc < 0 ? rc : w.fd >= 0 ? w.fd : -EBADMSG;
}

int init_unlink(struct init_link *l, const char *path)
{
    struct message m;
    struct waiter w = {.fd = -1};
    int rc = with_path(&m, INIT_UNLINK, path);
    return rc < 0 ? rc : call(l, &m, &w, INIT_FILE_US);
}

int init_write_begin(struct init_link *l, const char *path, unsigned mode, unsigned flags, int from,
    struct init_write *ret)
{
    struct message m;
    int rc = with_path(&m, INIT_WRITE, path);
    if (rc < 0)
        return rc;
    m.word[0] = mode;
    m.word[1] = flags;
    struct waiter *w = calloc(1, sizeof *w);
    if (!w)
        return -ENOMEM;
    w->parked = true;
    pthread_mutex_lock(&l->lock);
    rc = request(l, &m, from, w);
    ret->serial = w->serial;
    pthread_mutex_unlock(&l->lock);
    if (rc < 0)
        free(w);
    return rc;
}

int init_write_finish(
    struct init_link *l, const struct init_write *iw, int64_t timeout_us, uint64_t *ret_bytes)
{
    pthread_mutex_lock(&l->lock);
    struct waiter *w = *find(l, iw->serial);
    int rc = w ? await(l, w, timeout_us) : -ENOENT;
    if (w) {
        if (rc >= 0 && ret_bytes)
            *ret_bytes = w->word[0];
        *find(l, iw->serial) = w->next;
        fd_close(&w->fd);
        free(w);
        pthread_cond_broadcast(&l->changed);
    }
    pthread_mutex_unlock(&l->lock);
    return rc;
}

void init_write_forget(struct init_link *l, const struct init_write *iw)
{
    pthread_mutex_lock(&l->lock);
    struct waiter **at = find(l, iw->serial), *w = *at;
    if (w) {
        *at = w->next;
        fd_close(&w->fd);
        free(w);
    }
    pthread_mutex_unlock(&l->lock);
}

int init_scan(struct init_link *l, unsigned flags, struct strbuf *records, struct init_scan *ret)
{
    struct message m = {.op = INIT_SCAN, .word = {flags}};
    struct waiter w = {.fd = -1, .records = records};
    int rc = call(l, &m, &w, INIT_SCAN_US);
    if (rc < 0)
        return rc;
    *ret = (struct init_scan){.files = w.word[0],
        .memory_bytes = w.word[1],
        .memory_peak_bytes = w.word[2],
        .pids = w.word[3],
        .oom_kills = w.word[4],
        .scratch_bytes = w.word[5],
        .cut_short = w.word[6] != 0 || (records && records->failed),
        .passed_over = w.word[7] != 0};
    return 0;
}
