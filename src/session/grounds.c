#include "grounds.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "env/generation.h"
#include "sandbox/identity.h"
#include "session/grounds_private.h"
#include "session/pool.h"
#include "session/session.h"

enum {
    GROUND_US = 60000000, /* making a ground: a warden's exec and a tree's mounts */
    GROUND_END_US = 10000000,
    PLACE_US = 15000000, /* for another's end: of its pool, and GROUND_END_US */
    HELLO_US = 10000000, /* from a warden's first word to its last sandbox */
    HELLO_MAX = HOST_IDS_PER_GROUND / SESSION_IDS, /* no ground has ids for more sandboxes */
};

static const struct permit warden_permits[] = {
    {WARDEN_HELLO, 0, 0, true},
    {WARDEN_SANDBOX_IS, 0, 1, true},
    {WARDEN_ZYGOTE, 0, 0, true},
    {WARDEN_SANDBOX, 0, 1, true},
    {WARDEN_KERNEL, 0, 0, true},
    {WARDEN_RECYCLE, 0, 0, true},
    {WARDEN_END, 0, 0, true},
    {WARDEN_MEMORY, 0, 0, true},
    {WARDEN_KERNEL_DIED, 0, 0, true},
    {WARDEN_SANDBOX_DIED, 0, 0, true},
    {WARDEN_ZYGOTE_DIED, 0, 0, true},
};

void cond_init_monotonic(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(c, &attr);
    pthread_condattr_destroy(&attr);
}

int cond_wait_us(pthread_cond_t *c, pthread_mutex_t *lock, int64_t us)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + us % 1000000 * 1000;
    until.tv_sec += us / 1000000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    return pthread_cond_timedwait(c, lock, &until);
}

int environment_generation(int environments, const char *name, char *to, size_t size)
{
    char generation[GENERATION_SIZE];
    if (strcmp(name, "base") == 0) {
        snprintf(to, size, "built-in");
        return 0;
    }
    if (!environment_name_valid(name) || environments < 0)
        return -ENOENT;
    cleanup_fd int dir =
        openat(environments, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir < 0)
        return -errno;
    int rc = generation_current(dir, generation);
    if (rc == 0)
        snprintf(to, size, "%s", generation);
    return rc;
}

int grounds_new(const struct grounds_config *config, struct link *supervisor, struct pipes *pipes,
    int environments, struct grounds **ret)
{
    struct grounds *g = calloc(1, sizeof *g);
    if (!g)
        return -ENOMEM;
    g->config = *config;
    g->supervisor = supervisor;
    g->pipes = pipes;
    g->environments = environments;
    pthread_mutex_init(&g->lock, NULL);
    cond_init_monotonic(&g->changed);
    *ret = g;
    return 0;
}

void grounds_reconfigure(struct grounds *g, const struct grounds_config *config)
{
    pthread_mutex_lock(&g->lock);
    if (g->config.inodes != config->inodes || g->config.pids != config->pids ||
        g->config.cpu_quota_us != config->cpu_quota_us ||
        g->config.files_percent != config->files_percent)
        g->limits++;
    g->config.inodes = config->inodes;
    g->config.pids = config->pids;
    g->config.cpu_quota_us = config->cpu_quota_us;
    g->config.files_percent = config->files_percent;
    g->config.memory_default_bytes = config->memory_default_bytes;
    g->config.zygote_memory_bytes = config->zygote_memory_bytes;
    pthread_mutex_unlock(&g->lock);
}

/* Frees a ground that is in no list: its pool first, which may hold sandboxes, then its link. */
static void ground_free(struct ground *ground)
{
    pool_free(ground->pool);
    link_free(ground->link);
    fd_close(&ground->weight.idle_fd);
    pthread_mutex_destroy(&ground->weight.lock);
    free(ground->hello);
    free(ground);
}

void grounds_quit(struct grounds *g)
{
    pthread_mutex_lock(&g->lock);
    g->quitting = true;
    for (struct ground *at = g->list; at; at = at->next)
        if (at->state != GROUND_MAKING) /* whoever makes one sees to it: ground_open */
            link_shutdown(at->link);
    pthread_cond_broadcast(&g->changed); /* for who waits for a place */
    pthread_mutex_unlock(&g->lock);
}

void grounds_free(struct grounds *g)
{
    if (!g)
        return;
    grounds_quit(g);
    while (g->list) {
        struct ground *ground = g->list;
        g->list = ground->next;
        ground_free(ground);
    }
    pthread_cond_destroy(&g->changed);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

/* ---- what wardens say unasked ------------------------------------------------------------------ */

static struct sandbox *find_sandbox(struct ground *ground, uint32_t id)
{
    struct sandbox *s = ground->bucket[id % SANDBOX_BUCKETS];
    while (s && s->id != id)
        s = s->in_bucket;
    return s;
}

void wake_sandbox(struct sandbox *s)
{
    uint64_t one = 1;
    if (s->wake_fd >= 0 && write(s->wake_fd, &one, sizeof one) < 0)
        log_line(LOG_WARN, "session", "wake failed", "errno=%d", errno);
}

void lose_sandbox(struct sandbox *s)
{
    s->death.sandbox = true;
    wake_sandbox(s);
}

void tell_housekeeper(struct grounds *g)
{
    uint64_t one = 1;
    if (g->config.death_fd >= 0 && write(g->config.death_fd, &one, sizeof one) < 0)
        log_line(LOG_WARN, "session", "wake failed", "errno=%d", errno);
}

static void zygote_died(struct ground *ground, const struct message *m)
{
    struct grounds *g = ground->grounds;
    if (m->word[0] >= ZYGOTE_SLOTS)
        return;
    log_line(LOG_WARN, "session", "zygote died", "environment=%s slot=%u words=\"%s\"",
        ground->environment, (unsigned)m->word[0], m->text);
    pthread_mutex_lock(&g->lock);
    ground->zygote[m->word[0]].state = ZYGOTE_ABSENT;
    if (m->word[1] == 0 ||
        m->word[7] == ERROR_ENVIRONMENT_MEMORY) /* so will the next, after as long */
        zygote_failed(ground, (enum zygote_slot)m->word[0], m);
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

/* It may say so unasked, and without end: then it is not kept. */
static void hello_append(struct ground *ground, const struct message *m, int *fds)
{
    struct grounds *g = ground->grounds;
    struct live_sandbox *more = NULL;
    pthread_mutex_lock(&g->lock);
    if (ground->hello_asked && ground->hello_n < HELLO_MAX)
        more = realloc(ground->hello, (ground->hello_n + 1) * sizeof *more);
    if (more) {
        ground->hello = more;
        more[ground->hello_n++] = (struct live_sandbox){.id = m->sandbox,
            .state = m->word[0],
            .kernel_serial = m->word[1],
            .init_fd = take_fd(&fds[0])};
    }
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

static void on_event(void *context, const struct message *m, int *fds, int n)
{
    struct ground *ground = context;
    struct grounds *g = ground->grounds;
    if (m->op == WARDEN_SANDBOX_IS) {
        hello_append(ground, m, fds);
    } else if (m->op == WARDEN_ZYGOTE_DIED) {
        zygote_died(ground, m);
    } else if (m->op == WARDEN_KERNEL_DIED || m->op == WARDEN_SANDBOX_DIED) {
        bool whole = m->op == WARDEN_SANDBOX_DIED;
        pthread_mutex_lock(&g->lock);
        struct sandbox *s = find_sandbox(ground, m->sandbox);
        if (s && whole)
            s->death.sandbox = true;
        else if (s)
            s->death = (struct death){
                m->word[0], (int)m->word[1], (int)m->word[2], m->word[3], s->death.sandbox};
        if (s)
            wake_sandbox(s);
        pthread_mutex_unlock(&g->lock);
        if (s && whole)
            tell_housekeeper(g);
    } else if (m->op == WARDEN_SANDBOX && m->status == 0) {
        /* An answer too late: whoever waited has given up. */
        struct message end = {.op = WARDEN_END, .sandbox = m->sandbox};
        link_send(ground->link, &end, NULL, 0);
    }
    fds_close(fds, n > 0 ? (size_t)n : 0);
}

static void on_gone(void *context)
{
    struct ground *ground = context;
    struct grounds *g = ground->grounds;
    pthread_mutex_lock(&g->lock);
    bool unexpected = ground->state == GROUND_LIVE && !g->quitting;
    ground->state = GROUND_DEAD;
    for (int i = 0; i < ZYGOTE_SLOTS; i++)
        ground->zygote[i].state = ZYGOTE_ABSENT;
    for (int i = 0; i < SANDBOX_BUCKETS; i++)
        for (struct sandbox *s = ground->bucket[i]; s; s = s->in_bucket)
            lose_sandbox(s);
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    if (unexpected)
        log_line(LOG_ERROR, "session", "warden gone", "environment=%s ground=%llu",
            ground->environment, (unsigned long long)ground->id);
    tell_housekeeper(g);
}

/* ---- making and finding grounds ------------------------------------------------------------------ */

static struct ground *ground_new(struct grounds *g, const char *environment, const char *generation)
{
    struct ground *ground = calloc(1, sizeof *ground);
    if (!ground)
        return NULL;
    ground->grounds = g;
    snprintf(ground->environment, sizeof ground->environment, "%.63s", environment);
    snprintf(ground->generation, sizeof ground->generation, "%s", generation);
    /* A one-shot run pays for its warm-up itself: the plain interpreter is there sooner. */
    ground->full_is_usual = strcmp(environment, "base") != 0 && !g->config.one_shot;
    ground->state = GROUND_MAKING;
    ground->used_at_us = clock_monotonic_us();
    pthread_mutex_init(&ground->weight.lock, NULL);
    ground->weight.idle_fd = -1;
    return ground;
}

/* Starts the link and the pool of a ground whose warden's socket is here. */
static int ground_open(struct ground *ground, int socket)
{
    struct grounds *g = ground->grounds;
    struct timeval patience = {.tv_sec = 5};
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    struct link_handlers handlers = {on_event, on_gone, ground};
    int rc = link_new(socket, ground->environment, warden_permits,
        sizeof warden_permits / sizeof *warden_permits, &handlers, &ground->link);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&g->lock);
    if (ground->state == GROUND_MAKING)
        ground->state = GROUND_LIVE;
    if (g->quitting)
        link_shutdown(ground->link);
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    return 0;
}

/* The supervisor's sentence within ours. Where a step failed that works on other hosts, so that the reader knows where
 * to look; room for that is kept. */
static int not_prepared(const char *environment, const struct message *m, struct error *e)
{
    static const char where[] = "; `cloche doctor` says what this host lacks";
    const bool failed = m->word[7] == ERROR_INTERNAL;
    int room = (int)sizeof e->message - (int)sizeof "The environment '' could not be prepared: ." -
               (int)strlen(environment) - (int)sizeof where;
    int n = (int)strlen(m->text);
    if (n > 0 && m->text[n - 1] == '.')
        n--;
    return error_set(e, ERROR_UNAVAILABLE, m->status ? -m->status : EPROTO,
        "The environment '%s' could not be prepared: %.*s%s.", environment, n < room ? n : room,
        m->text, failed ? where : "");
}

static int ground_ask(struct ground *ground, struct error *e)
{
    struct grounds *g = ground->grounds;
    struct message m = {.op = SUP_GROUND};
    int fds[2];
    message_text(&m, "%s", ground->environment);
    int n = link_call(g->supervisor, &m, NULL, 0, fds, 2, GROUND_US);
    if (n < 0)
        return error_set(e, ERROR_UNAVAILABLE, -n, "The supervisor does not answer.");
    if (m.status == -ENOENT)
        return error_set(e, ERROR_ENVIRONMENT_NOT_BUILT, ENOENT,
            "The environment '%s' is not built. Build it with: cloche env build %s",
            ground->environment, ground->environment);
    ground_weight_init(ground, fds[1]);
    if (m.status == -EMFILE) /* the supervisor's table; ours should be smaller */
        return error_set(e, ERROR_QUOTA_EXCEEDED, EMFILE, "%s", m.text);
    if (m.status < 0 || fds[0] < 0) {
        fd_close(&fds[0]);
        return not_prepared(ground->environment, &m, e);
    }
    ground->id = m.word[0];
    int rc = ground_open(ground, fds[0]);
    if (rc < 0)
        return error_set(e, ERROR_UNAVAILABLE, -rc, "The environment '%s' could not be prepared.",
            ground->environment);
    log_line(LOG_INFO, "session", "ground made", "environment=%s generation=%s ground=%llu",
        ground->environment, ground->generation, (unsigned long long)ground->id);
    return 0;
}

static void remove_from_list(struct grounds *g, struct ground *ground)
{
    struct ground **at = &g->list;
    while (*at && *at != ground)
        at = &(*at)->next;
    if (*at)
        *at = ground->next;
}

/* The ground to use now, superseding older generations on the way; NULL: none yet. Lock held. */
static struct ground *present(struct grounds *g, const char *environment, const char *generation)
{
    struct ground *found = NULL;
    for (struct ground *at = g->list; at; at = at->next) {
        if (strcmp(at->environment, environment) != 0)
            continue;
        if (at->state != GROUND_MAKING && at->state != GROUND_LIVE)
            continue;
        if (strcmp(at->generation, generation) == 0)
            found = at;
        else if (at->state == GROUND_LIVE)
            at->state = GROUND_SUPERSEDED;
    }
    return found;
}

int ground_get(struct grounds *g, const char *environment, struct ground **ret, struct error *e)
{
    char generation[128];
    if (strlen(environment) >= sizeof((struct ground *)0)->environment ||
        environment_generation(g->environments, environment, generation, sizeof generation) < 0)
        return error_set(e, ERROR_ENVIRONMENT_NOT_BUILT, ENOENT,
            "The environment '%.64s' is not built. Build it with: cloche env build %.64s",
            environment, environment);
    pthread_mutex_lock(&g->lock);
    struct ground *ground;
    const int64_t until = clock_monotonic_us() + PLACE_US;
    int rc;
    do {
        while ((ground = present(g, environment, generation)) && ground->state == GROUND_MAKING)
            pthread_cond_wait(&g->changed, &g->lock);
        rc = ground ? 0 : grounds_place(g, environment, until, e);
    } while (rc > 0);
    if (ground || rc < 0) {
        if (ground) {
            ground->refs++;
            ground->users++;
        }
        pthread_mutex_unlock(&g->lock);
        *ret = ground;
        return rc;
    }
    ground = ground_new(g, environment, generation);
    if (ground) {
        ground->refs = ground->users = 1;
        ground->next = g->list;
        g->list = ground;
    }
    pthread_mutex_unlock(&g->lock);
    if (!ground)
        return error_set(e, ERROR_UNAVAILABLE, ENOMEM, "The server is out of memory.");
    rc = ground_ask(ground, e);
    struct pool *pool = rc == 0 ? pool_new(ground) : NULL;
    pthread_mutex_lock(&g->lock);
    ground->pool = pool;
    if (rc < 0)
        remove_from_list(g, ground);
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    if (rc < 0) {
        ground_free(ground);
        return rc;
    }
    *ret = ground;
    return 0;
}

void ground_unref(struct ground *ground)
{
    if (!ground)
        return;
    struct grounds *g = ground->grounds;
    pthread_mutex_lock(&g->lock);
    if (--ground->refs == 0 && ground->state != GROUND_LIVE)
        tell_housekeeper(g);
    pthread_mutex_unlock(&g->lock);
}

void ground_put(struct ground *ground)
{
    if (!ground)
        return;
    pthread_mutex_lock(&ground->grounds->lock);
    ground->users--;
    ground->used_at_us = clock_monotonic_us();
    pthread_mutex_unlock(&ground->grounds->lock);
    ground_unref(ground);
}

bool ground_current(struct ground *ground)
{
    pthread_mutex_lock(&ground->grounds->lock);
    bool current = ground->state == GROUND_LIVE;
    pthread_mutex_unlock(&ground->grounds->lock);
    return current;
}

int ground_adopt(struct grounds *g, struct inherited_ground *from, struct ground **ret,
    struct live_sandbox **ret_live, size_t *ret_n)
{
    char generation[128];
    if (environment_generation(g->environments, from->environment, generation, sizeof generation) <
        0)
        generation[0] = 0; /* no longer there: its sandboxes live on, none is made */
    struct ground *ground = ground_new(g, from->environment, generation);
    if (!ground)
        return -ENOMEM;
    ground->id = from->id;
    ground->refs = 1;
    ground->hello_asked = true;
    ground_weight_init(ground, take_fd(&from->idle_fd));
    int rc = ground_open(ground, take_fd(&from->fd));
    if (rc < 0) {
        ground_free(ground);
        return rc;
    }
    struct message m = {.op = WARDEN_HELLO};
    rc = link_call(ground->link, &m, NULL, 0, NULL, 0, GROUND_US);
    if (rc >= 0 && m.status < 0)
        rc = m.status;
    pthread_mutex_lock(&g->lock);
    const int64_t until = clock_monotonic_us() + HELLO_US;
    const uint64_t all = m.word[0] < HELLO_MAX ? m.word[0] : HELLO_MAX;
    for (int64_t left; rc >= 0 && ground->hello_n < all && ground->state == GROUND_LIVE &&
                       (left = until - clock_monotonic_us()) > 0;)
        cond_wait_us(&g->changed, &g->lock, left);
    *ret_live = take_ptr(ground->hello);
    *ret_n = ground->hello_n;
    ground->hello_n = 0;
    ground->hello_asked = false;
    ground->next = g->list;
    g->list = ground;
    pthread_mutex_unlock(&g->lock);
    struct pool *pool = pool_new(ground);
    pthread_mutex_lock(&g->lock);
    ground->pool = pool;
    pthread_mutex_unlock(&g->lock);
    *ret = ground;
    return 0;
}

bool grounds_full(struct grounds *g)
{
    bool full = true;
    pthread_mutex_lock(&g->lock);
    for (struct ground *at = g->list; at; at = at->next)
        full = full && (at->state != GROUND_LIVE || pool_full(at->pool));
    pthread_mutex_unlock(&g->lock);
    return full;
}

bool ground_ready(struct grounds *g, const char *environment, char *why, size_t size)
{
    bool ready = false;
    snprintf(why, size, "The environment '%s' is not there yet.", environment);
    pthread_mutex_lock(&g->lock);
    for (struct ground *at = g->list; at && !ready; at = at->next) {
        enum zygote_slot slot = at->full_is_usual ? ZYGOTE_FULL : ZYGOTE_PLAIN;
        if (at->state != GROUND_LIVE || strcmp(at->environment, environment) != 0)
            continue;
        ready = at->zygote[slot].state == ZYGOTE_READY;
        if (at->zygote[slot].state == ZYGOTE_FAILED)
            snprintf(why, size, "The environment '%s' could not be warmed: %s", environment,
                at->zygote[slot].words);
        else
            snprintf(why, size, "The environment '%s' is being warmed.", environment);
    }
    pthread_mutex_unlock(&g->lock);
    return ready;
}

/* ---- tending ------------------------------------------------------------------------------------------ */

static void end_ground(struct grounds *g, struct ground *ground)
{
    struct message m = {.op = SUP_GROUND_END, .word = {ground->id}};
    log_line(LOG_INFO, "session", "ground ended", "environment=%s ground=%llu", ground->environment,
        (unsigned long long)ground->id);
    link_call(g->supervisor, &m, NULL, 0, NULL, 0, GROUND_END_US);
    ground_free(ground);
}

void grounds_tend(struct grounds *g)
{
    struct ground *stopped[16];
    unsigned n = 0;
    pthread_mutex_lock(&g->lock);
    for (struct ground *at = g->list; at; at = at->next) {
        char generation[128];
        if (at->state != GROUND_LIVE)
            continue;
        if (environment_generation(
                g->environments, at->environment, generation, sizeof generation) < 0 ||
            strcmp(generation, at->generation) != 0)
            at->state = GROUND_SUPERSEDED;
    }
    grounds_supersede_idle(g);
    for (struct ground *at = g->list; at && n < 16; at = at->next)
        if ((at->state == GROUND_SUPERSEDED || at->state == GROUND_DEAD) && at->pool)
            stopped[n++] = at; /* nobody but this function frees a ground */
    pthread_mutex_unlock(&g->lock);
    for (unsigned i = 0; i < n; i++)
        pool_stop(stopped[i]->pool);
    for (;;) {
        pthread_mutex_lock(&g->lock);
        struct ground *idle = g->list;
        while (idle && !((idle->state == GROUND_SUPERSEDED || idle->state == GROUND_DEAD) &&
                           idle->refs == 0))
            idle = idle->next;
        if (idle) {
            remove_from_list(g, idle);
            g->ending++;
        }
        pthread_mutex_unlock(&g->lock);
        if (!idle)
            return;
        end_ground(g, idle);
        pthread_mutex_lock(&g->lock);
        g->ending--;
        pthread_cond_broadcast(&g->changed);
        pthread_mutex_unlock(&g->lock);
    }
}
