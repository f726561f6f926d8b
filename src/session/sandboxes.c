/* sandboxes.c - the server's handles of sandboxes: made, given kernels, killed, ended, dropped. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "session/grounds_private.h"

enum {
    SANDBOX_US = 20000000,
    KERNEL_US = 20000000,
    ZYGOTE_US = 120000000,
    ATTEMPTS = 3,
    ATTEMPT_PAUSE_US = 20000,
    KERNEL_FLOOR_BYTES = 32 << 20, /* of the limit, never files */
};

static void enter(struct sandbox *s)
{
    struct grounds *g = s->ground->grounds;
    pthread_mutex_lock(&g->lock);
    struct sandbox **bucket = &s->ground->bucket[s->id % SANDBOX_BUCKETS];
    s->in_bucket = *bucket;
    *bucket = s;
    s->ground->refs++;
    if (s->ground->state == GROUND_DEAD)
        s->death.sandbox = true;
    pthread_mutex_unlock(&g->lock);
}

/* Lock of grounds held. */
static void take(struct sandbox *s, bool taken)
{
    struct ground *ground = s->ground;
    if (s->taken == taken)
        return;
    ground->users += taken ? 1 : -1U;
    ground->used_at_us = clock_monotonic_us();
    s->taken = taken;
}

void sandbox_take(struct sandbox *s, bool taken)
{
    struct grounds *g = s->ground->grounds;
    pthread_mutex_lock(&g->lock);
    take(s, taken);
    pthread_mutex_unlock(&g->lock);
}

/* Leaves the table; the reference to the ground stays the caller's. */
static void leave(struct sandbox *s)
{
    struct grounds *g = s->ground->grounds;
    pthread_mutex_lock(&g->lock);
    struct sandbox **at = &s->ground->bucket[s->id % SANDBOX_BUCKETS];
    while (*at && *at != s)
        at = &(*at)->in_bucket;
    if (*at)
        *at = s->in_bucket;
    take(s, false);
    pthread_mutex_unlock(&g->lock);
}

static struct sandbox *handle_new(
    struct ground *ground, uint32_t id, int init_fd, uint64_t memory_bytes)
{
    struct init_link *init = init_link_new(init_fd);
    struct sandbox *s = init ? calloc(1, sizeof *s) : NULL;
    if (!s) {
        init_link_free(init);
        return NULL;
    }
    s->ground = ground;
    s->id = id;
    s->init = init;
    s->memory_bytes = memory_bytes;
    s->wake_fd = -1;
    s->refs = 1;
    s->death.kernel_serial = UINT64_MAX;
    s->kernel.pipes = PIPE_SET_NONE;
    enter(s);
    return s;
}

/* A mount of the host's folder for the ground's first sandbox, which is the only one of a one-shot. */
static int folder_taken(struct ground *ground, int folder, int *ret_mount, struct error *e)
{
    struct message m = {.op = SUP_FOLDER, .word = {ground->id, 0}};
    int n = link_call(ground->grounds->supervisor, &m, &folder, 1, ret_mount, 1, SANDBOX_US);
    if (n < 0 || m.status < 0 || *ret_mount < 0)
        return error_set(e, ERROR_UNAVAILABLE, n < 0 ? -n : EOPNOTSUPP,
            "The folder could not be mounted: %s", n < 0 ? "the supervisor is silent." : m.text);
    return 0;
}

int sandbox_make(
    struct ground *ground, uint64_t memory_bytes, struct sandbox **ret, struct error *e)
{
    pthread_mutex_lock(&ground->grounds->lock);
    struct grounds_config c = ground->grounds->config;
    const unsigned limits = ground->grounds->limits;
    pthread_mutex_unlock(&ground->grounds->lock);
    if (memory_bytes == 0)
        memory_bytes = c.memory_default_bytes;
    uint64_t scratch = memory_bytes / 100 * c.files_percent;
    if (scratch + KERNEL_FLOOR_BYTES > memory_bytes)
        scratch = memory_bytes > 2 * KERNEL_FLOOR_BYTES ? memory_bytes - KERNEL_FLOOR_BYTES
                                                        : memory_bytes / 2;
    struct message m = {
        .op = WARDEN_SANDBOX, .word = {memory_bytes, scratch, c.inodes, c.pids, c.cpu_quota_us}};
    int fd = -1;
    cleanup_fd int mount = -1;
    int r = c.folder >= 0 ? folder_taken(ground, c.folder, &mount, e) : 0;
    if (r < 0)
        return r;
    ground_work_begins(ground);
    int n = link_call(ground->link, &m, &mount, mount >= 0 ? 1 : 0, &fd, 1, SANDBOX_US);
    ground_work_ends(ground);
    if (n < 0)
        return error_set(
            e, ERROR_UNAVAILABLE, -n, "The environment '%s' does not answer.", ground->environment);
    if (m.status < 0 || fd < 0) {
        fd_close(&fd);
        return error_set(e, ERROR_UNAVAILABLE, m.status ? -m.status : EPROTO,
            "A sandbox could not be made: %s.", m.text);
    }
    struct sandbox *s = handle_new(ground, m.sandbox, fd, memory_bytes);
    if (!s) {
        struct message end = {.op = WARDEN_END, .sandbox = m.sandbox};
        link_send(ground->link, &end, NULL, 0);
        return error_set(e, ERROR_UNAVAILABLE, ENOMEM, "The server is out of memory.");
    }
    s->limits = limits;
    *ret = s;
    return 0;
}

bool sandbox_limits_hold(const struct sandbox *s)
{
    struct grounds *g = s->ground->grounds;
    pthread_mutex_lock(&g->lock);
    bool same = s->limits == g->limits;
    pthread_mutex_unlock(&g->lock);
    return same;
}

int sandbox_adopt(
    struct ground *ground, uint32_t id, int init_fd, uint64_t memory_bytes, struct sandbox **ret)
{
    struct sandbox *s = handle_new(ground, id, init_fd, memory_bytes);
    if (!s)
        return -ENOMEM;
    sandbox_take(s, true);
    sandbox_gave_way(s, true); /* it may: its next execution puts it right */
    *ret = s;
    return 0;
}

int sandbox_raise_memory(struct sandbox *s, uint64_t bytes, uint64_t *ret_now, struct error *e)
{
    struct message m = {.op = WARDEN_MEMORY, .sandbox = s->id, .word = {bytes}};
    ground_work_begins(s->ground);
    int n = link_call(s->ground->link, &m, NULL, 0, NULL, 0, SANDBOX_US);
    ground_work_ends(s->ground);
    if (n < 0 || m.status < 0)
        return error_set(e, ERROR_UNAVAILABLE, n < 0 ? -n : -m.status,
            "The memory limit could not be raised: %s",
            n < 0 ? "the environment does not answer." : m.text);
    *ret_now = m.word[0];
    uint64_t before = s->memory_bytes;
    while (before < *ret_now && !atomic_compare_exchange_weak(&s->memory_bytes, &before, *ret_now))
        ;
    return 0;
}

int sandbox_start_kernel(struct sandbox *s, enum zygote_slot slot, struct error *e)
{
    struct ground *ground = s->ground;
    sandbox_forget_kernel(s);
    for (int attempt = 0;; attempt++) {
        int rc = ground_zygote(ground, slot, ZYGOTE_US, e);
        if (rc < 0)
            return rc;
        struct pipe_set pipes = PIPE_SET_NONE;
        rc = pipes_take(ground->grounds->pipes, &pipes);
        if (rc < 0)
            return error_set(e, ERROR_UNAVAILABLE, -rc, "No pipes are left for another kernel.");
        struct message m = {.op = WARDEN_KERNEL, .sandbox = s->id, .word = {slot}};
        ground_work_begins(ground);
        rc = link_call(ground->link, &m, pipes.kernel, KERNEL_PIPES, NULL, 0, KERNEL_US);
        ground_work_ends(ground);
        fds_close(pipes.kernel, KERNEL_PIPES);
        if (rc >= 0 && m.status == 0) {
            s->kernel =
                (struct kernel){.there = true, .slot = slot, .serial = m.word[0], .pipes = pipes};
            return 0;
        }
        pipes_end(ground->grounds->pipes, &pipes);
        bool hopeless = m.status == -ENOENT || m.status == -ESRCH || m.status == -EBUSY;
        if (rc < 0 || hopeless || attempt >= ATTEMPTS)
            return error_set(e, ERROR_UNAVAILABLE, rc < 0 ? -rc : -m.status,
                "No kernel could be started: %s.",
                rc < 0 ? "the environment does not answer" : m.text);
        log_line(LOG_WARN, "session", "kernel not started",
            "environment=%s slot=%d status=%d words=\"%s\"", ground->environment, slot, m.status,
            m.text);
        usleep(ATTEMPT_PAUSE_US); /* its zygote has died, as we shall hear */
    }
}

void sandbox_forget_kernel(struct sandbox *s)
{
    pipes_end(s->ground->grounds->pipes, &s->kernel.pipes);
    frame_reader_deinit(&s->kernel.frames);
    s->kernel = (struct kernel){.pipes = PIPE_SET_NONE};
}

int sandbox_kill_all(struct sandbox *s)
{
    sandbox_work_begins(s);
    sandbox_give_way(s, false); /* to die takes a core, too */
    int rc = init_kill(s->init);
    sandbox_work_ends(s);
    sandbox_forget_kernel(s);
    return rc;
}

struct ending {
    struct ground *ground;
    void (*done)(void *context);
    void *context;
};

static void ended(void *context, const struct message *m, int *fds, int n)
{
    struct ending *x = context;
    fds_close(fds, n > 0 ? (size_t)n : 0);
    if (m && m->status < 0 && m->status != -ESRCH) /* ESRCH: it had died already */
        log_line(LOG_ERROR, "session", "sandbox not ended", "environment=%s status=%d words=\"%s\"",
            x->ground->environment, m->status, m->text);
    if (x->done)
        x->done(x->context);
    ground_work_ends(x->ground);
    ground_unref(x->ground);
    free(x);
}

struct sandbox *sandbox_ref(struct sandbox *s)
{
    pthread_mutex_lock(&s->ground->grounds->lock);
    s->refs++;
    pthread_mutex_unlock(&s->ground->grounds->lock);
    return s;
}

void sandbox_unref(struct sandbox *s)
{
    if (!s)
        return;
    struct ground *ground = s->ground;
    struct grounds *g = ground->grounds;
    pthread_mutex_lock(&g->lock);
    bool last = --s->refs == 0;
    pthread_mutex_unlock(&g->lock);
    if (!last)
        return;
    if (s->dropped)
        fds_close(s->kernel.pipes.server, KERNEL_PIPES); /* the supervisor keeps the pipes */
    else
        pipes_end(g->pipes, &s->kernel.pipes);
    frame_reader_deinit(&s->kernel.frames);
    init_link_free(s->init);
    free(s);
    ground_unref(ground);
}

void sandbox_give_way(struct sandbox *s, bool gives_way)
{
    if (s->gives_way == gives_way)
        return;
    struct message m = {.op = WARDEN_GIVE_WAY, .sandbox = s->id, .word = {gives_way}};
    if (link_send(s->ground->link, &m, NULL, 0) == 0)
        sandbox_gave_way(s, gives_way);
}

void sandbox_give_up(struct sandbox *s)
{
    pthread_mutex_lock(&s->ground->grounds->lock);
    lose_sandbox(s);
    pthread_mutex_unlock(&s->ground->grounds->lock);
}

void sandbox_end(struct sandbox *s, void (*done)(void *context), void *context)
{
    if (!s)
        return;
    struct ground *ground = s->ground;
    struct ending *x = malloc(sizeof *x);
    struct message m = {.op = WARDEN_END, .sandbox = s->id};
    leave(s);
    ground_work_begins(ground); /* to its end */
    sandbox_weighs_nothing(s);
    init_link_shutdown(s->init);
    pthread_mutex_lock(&ground->grounds->lock);
    ground->refs++;
    lose_sandbox(s);
    pthread_mutex_unlock(&ground->grounds->lock);
    sandbox_unref(s);
    if (x)
        *x = (struct ending){ground, done, context};
    if (!x || link_post(ground->link, &m, NULL, 0, ended, x) < 0) {
        link_send(ground->link, &m, NULL, 0);
        free(x);
        if (done)
            done(context);
        ground_work_ends(ground);
        ground_unref(ground);
    }
}

void sandbox_drop(struct sandbox *s)
{
    if (!s)
        return;
    s->dropped = true;
    leave(s);
    sandbox_unref(s);
}

struct death sandbox_death(struct sandbox *s)
{
    struct grounds *g = s->ground->grounds;
    pthread_mutex_lock(&g->lock);
    struct death d = s->death;
    pthread_mutex_unlock(&g->lock);
    return d;
}

void sandbox_death_words(struct sandbox *s, char to[DEATH_WORDS])
{
    struct ground *ground = s->ground;
    pthread_mutex_lock(&ground->grounds->lock);
    bool all = ground->state == GROUND_DEAD;
    pthread_mutex_unlock(&ground->grounds->lock);
    snprintf(to, DEATH_WORDS,
        all ? "The environment '%s' failed, and every container in it ended; files and variables are "
              "lost."
            : "Its sandbox in the environment '%s' failed; files and variables are lost.",
        ground->environment);
}

void kernel_death_words(struct sandbox *s, char to[DEATH_WORDS])
{
    struct death d = sandbox_death(s);
    if (d.code == CLD_EXITED)
        snprintf(to, DEATH_WORDS, "The interpreter process ended itself with exit code %d.",
            d.status & 0xff);
    else if (d.status == SIGKILL && d.oom_kills > 0)
        snprintf(to, DEATH_WORDS,
            "The interpreter was killed because the session's memory limit of %llu MiB was reached.",
            (unsigned long long)(s->memory_bytes >> 20));
    else
        snprintf(to, DEATH_WORDS, "The interpreter process was ended by signal %d (%s).", d.status,
            sigdescr_np(d.status) ? sigdescr_np(d.status) : "unknown");
}

void sandbox_wake(struct sandbox *s, int wake_fd)
{
    struct grounds *g = s->ground->grounds;
    pthread_mutex_lock(&g->lock);
    s->wake_fd = wake_fd;
    pthread_mutex_unlock(&g->lock);
}

bool sandbox_kernel_alive(struct sandbox *s)
{
    struct death d = sandbox_death(s);
    return s->kernel.there && !d.sandbox && d.kernel_serial != s->kernel.serial;
}
