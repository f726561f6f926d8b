/* sessions.c - the layer as a whole: its settings, its start and its end. */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "session/internal.h"

/* After the deadline: SIGINT, its grace, and a little. Who waits for an init then waits somewhat shorter, so that
 * what it was about is still recorded and answered; shorter still when nothing runs any more, which is less than the
 * server waits for answers that are under way. */
enum { INTERRUPTED_US = 4000000, INITS_US = 3500000, LOOKS_US = 2500000 };

static const struct permit supervisor_permits[] = {
    {SUP_READY, 0, 0, true},
    {SUP_GROUND, 0, 2, true},
    {SUP_GROUND_END, 0, 0, true},
    {SUP_PIPES, 0, 2 * KERNEL_PIPES, true},
    {SUP_FOLDER, 0, 1, true},
    {SUP_BUILD, 0, 0, true},
};

void sessions_config_defaults(struct sessions_config *c)
{
    *c = (struct sessions_config){
        .default_environment = "data-science",
        .memory_default_bytes = UINT64_C(1) << 30,
        .zygote_memory_bytes = UINT64_C(2) << 30,
        .files_percent = 50,
        .folder = -1,
        .inodes = 100000,
        .pids = 128,
        .timeout_default_ms = 30000,
        .timeout_max_ms = 600000,
        .idle_minutes_default = 20,
        .idle_minutes_max = 1440,
        .queue_max = 16,
        .sessions_max = 10000,
        .environments_max = 62,
        .pool_sandboxes = 8,
        .pool_kernels_full = 6,
        .pool_kernels_plain = 2,
        .upload_max_bytes = UINT64_C(512) << 20,
        .figures_max_bytes = UINT64_C(256) << 20,
        .download_max_bytes = UINT64_C(4) << 30,
        .output_head_bytes = 64 << 10,
        .output_tail_bytes = 64 << 10,
        .output_file_bytes = 16 << 20,
        .timezone = "UTC",
        .recycle_stateless = true,
    };
}

uint64_t memory_parse(const char *text)
{
    char *end;
    int shift = 0;
    if (!isdigit((unsigned char)text[0]))
        return 0;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    switch (tolower((unsigned char)*end)) {
    case 'k': shift = 10; break;
    case 'm': shift = 20; break;
    case 'g': shift = 30; break;
    case 't': shift = 40; break;
    case 0: break;
    default: return 0;
    }
    if (errno || (*end && end[1]) || n > UINT64_MAX >> shift)
        return 0;
    return (uint64_t)n << shift;
}

void memory_format(uint64_t bytes, char out[24])
{
    static const char units[] = " kmgt";
    int unit = 0;
    while (unit < 4 && bytes >= 1024 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    if (unit)
        snprintf(out, 24, "%llu%c", (unsigned long long)bytes, units[unit]);
    else
        snprintf(out, 24, "%llu", (unsigned long long)bytes);
}

/* What one session may have at most: the machine's memory less a tenth. */
static uint64_t host_memory(void)
{
    uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    return bytes / 10 * 9;
}

/* A copy with what is left open filled in. NULL: no memory. */
static struct sessions_config *config_copy(const struct sessions_config *c)
{
    struct sessions_config *own = malloc(sizeof *own);
    if (!own)
        return NULL;
    *own = *c;
    if (own->memory_max_bytes == 0 || own->memory_max_bytes > host_memory())
        own->memory_max_bytes = host_memory();
    if (own->memory_default_bytes > own->memory_max_bytes)
        own->memory_default_bytes = own->memory_max_bytes;
    return own;
}

static void grounds_config_of(
    const struct sessions *s, const struct sessions_config *c, struct grounds_config *ret)
{
    *ret = (struct grounds_config){
        .inodes = c->inodes,
        .pids = c->pids,
        .cpu_quota_us = c->cpu_quota_us,
        .files_percent = c->files_percent,
        .memory_default_bytes = c->memory_default_bytes,
        .zygote_memory_bytes = c->zygote_memory_bytes,
        .pool_sandboxes = c->pool_sandboxes,
        .pool_kernels_full = c->pool_kernels_full,
        .pool_kernels_plain = c->pool_kernels_plain,
        .default_environment = c->default_environment,
        .grounds_max = c->environments_max,
        .one_shot = c->one_shot,
        .folder = c->folder,
        .death_fd = s->death_fd,
        .memory = s->memory,
    };
}

void sessions_reconfigure(struct sessions *s, const struct sessions_config *c)
{
    struct sessions_config wanted = *c;
    wanted.memory_max_bytes = atomic_load(&s->config)->memory_max_bytes;
    struct sessions_config *own = config_copy(&wanted);
    struct grounds_config g;
    pthread_mutex_lock(&s->lock);
    const struct sessions_config *before = atomic_load(&s->config);
    const struct sessions_config **more =
        own ? realloc(s->old_config, (s->old_configs + 1) * sizeof *more) : NULL;
    if (!more) {
        pthread_mutex_unlock(&s->lock);
        free(own);
        return;
    }
    own->default_environment = before->default_environment;
    own->timezone = before->timezone;
    own->one_shot = before->one_shot;
    own->folder = before->folder;
    own->pool_sandboxes = before->pool_sandboxes;
    own->pool_kernels_full = before->pool_kernels_full;
    own->pool_kernels_plain = before->pool_kernels_plain;
    s->old_config = more;
    s->old_config[s->old_configs++] = before; /* somebody may be reading it */
    atomic_store(&s->config, own);
    grounds_config_of(s, own, &g);
    pthread_mutex_unlock(&s->lock);
    grounds_reconfigure(s->grounds, &g);
}

static void supervisor_event(void *context, const struct message *m, int *fds, int n)
{
    (void)context;
    (void)m;
    fds_close(fds, n > 0 ? (size_t)n : 0);
}

static void supervisor_gone(void *context)
{
    struct sessions *s = context;
    if (!atomic_load(&s->quitting))
        log_line(LOG_ERROR, "session", "supervisor gone", "stopping=%d", atomic_load(&s->stopping));
    atomic_store(&s->stopping, true);
}

static int make_parts(struct sessions *s, struct inheritance *inherited)
{
    struct link_handlers handlers = {supervisor_event, supervisor_gone, s};
    int rc = link_new(take_fd(&inherited->supervisor), "supervisor", supervisor_permits,
        sizeof supervisor_permits / sizeof *supervisor_permits, &handlers, &s->supervisor);
    if (rc < 0)
        return rc;
    s->pipes = pipes_new(s->supervisor, s->config->one_shot ? 0 : 16);
    s->stateless = stateless_new();
    s->death_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->store && !(s->forgetter = forgetter_new(s->store)))
        return -ENOMEM;
    if (!s->pipes || !s->stateless || s->death_fd < 0)
        return -ENOMEM;
    struct grounds_config g;
    grounds_config_of(s, s->config, &g);
    return grounds_new(&g, s->supervisor, s->pipes, s->environments_dir, &s->grounds);
}

void sessions_warm(struct sessions *s, bool first)
{
    static const char *const also = "base"; /* for stateless work that needs nothing */
    const char *names[] = {s->config->default_environment, also};
    for (int i = 0; i < 2; i++) {
        struct ground *ground = NULL;
        struct error e = {0};
        if ((i == 1 && strcmp(names[0], also) == 0) || atomic_load(&s->stopping))
            break;
        if (ground_get(s->grounds, names[i], &ground, &e) < 0) {
            if (first)
                log_line(LOG_WARN, "session", "environment not warmed",
                    "environment=%s words=\"%s\"", names[i], e.message);
            continue;
        }
        ground_zygote_state(ground, ground->full_is_usual ? ZYGOTE_FULL : ZYGOTE_PLAIN);
        ground_put(ground);
    }
}

static void *warm_main(void *arg)
{
    sessions_warm(arg, true);
    return NULL;
}

int sessions_start(const struct sessions_config *config, struct store *store,
    struct inheritance *inherited, struct sessions **ret, struct error *e)
{
    struct sessions *s = calloc(1, sizeof *s);
    struct sessions_config *own = config_copy(config);
    if (!s || !own) {
        free(s);
        free(own);
        return error_set(e, ERROR_INTERNAL, ENOMEM, "The server is out of memory.");
    }
    atomic_init(&s->config, own);
    s->store = store;
    s->environments_dir = inherited->environments_dir;
    s->memory = inherited->memory;
    s->death_fd = -1;
    pthread_mutex_init(&s->lock, NULL);
    cond_init_monotonic(&s->idle);
    signal(SIGPIPE, SIG_IGN);
    int rc = make_parts(s, inherited);
    if (rc < 0) {
        sessions_free(s);
        return error_set(e, ERROR_INTERNAL, -rc, "The session layer could not start.");
    }
    recovery_run(s, inherited);
    if (!config->one_shot) {
        rc = expiry_start(s);
        s->warming = rc == 0 && pthread_create(&s->warmer, NULL, warm_main, s) == 0;
    }
    if (rc < 0) {
        sessions_free(s);
        return error_set(e, ERROR_INTERNAL, -rc, "The session layer could not start its threads.");
    }
    *ret = s;
    return 0;
}

int sessions_announce(struct sessions *s)
{
    struct message m = {.op = SUP_READY};
    return link_send(s->supervisor, &m, NULL, 0);
}

bool sessions_pools_full(struct sessions *s) { return grounds_full(s->grounds); }

bool sessions_ready(struct sessions *s, char *why, size_t size)
{
    if (atomic_load(&s->stopping)) {
        snprintf(why, size, "The server is stopping.");
        return false;
    }
    return ground_ready(s->grounds, s->config->default_environment, why, size);
}

/* Waits until nothing runs, at most until `*by_us`, which may move. */
static bool wait_idle(struct sessions *s, _Atomic int64_t *by_us)
{
    pthread_mutex_lock(&s->lock);
    while (atomic_load(&s->running) > 0 && clock_monotonic_us() < atomic_load(by_us))
        cond_wait_us(&s->idle, &s->lock, 50000);
    bool idle = atomic_load(&s->running) == 0;
    pthread_mutex_unlock(&s->lock);
    return idle;
}

void sessions_stop(struct sessions *s, int64_t deadline_ms)
{
    int64_t by = clock_monotonic_us() + deadline_ms * 1000;
    bool first = !atomic_exchange(&s->stopping, true);
    int64_t before = atomic_load(&s->stop_by_us);
    if (before == 0 || by < before)
        atomic_store(&s->stop_by_us, by);
    if (!first && before != 0 && deadline_ms == 0)
        return; /* hurried who waits */
    if (wait_idle(s, &s->stop_by_us)) {
        init_links_end_by(clock_monotonic_us() + LOOKS_US);
        return;
    }
    log_line(LOG_INFO, "session", "interrupting what still runs", "executions=%u",
        atomic_load(&s->running));
    int64_t interrupted_us = clock_monotonic_us();
    init_links_end_by(interrupted_us + INITS_US);
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < SESSION_BUCKETS; i++)
        for (struct session *x = s->bucket[i]; x; x = x->next) {
            pthread_mutex_lock(&x->lock);
            if (x->control)
                control_interrupt(x->control);
            pthread_mutex_unlock(&x->lock);
        }
    pthread_mutex_unlock(&s->lock);
    stateless_interrupt(s->stateless);
    _Atomic int64_t last = interrupted_us + INTERRUPTED_US;
    wait_idle(s, &last);
}

void sessions_free(struct sessions *s)
{
    if (!s)
        return;
    atomic_store(&s->stopping, true);
    atomic_store(&s->quitting, true);
    if (s->supervisor)
        link_shutdown(s->supervisor); /* whoever waits for it fails now */
    if (s->warming)
        pthread_join(s->warmer, NULL);
    recovery_wait(s);
    if (s->grounds)
        grounds_quit(s->grounds); /* the housekeeper may be waiting for a pool, that for a warden */
    expiry_stop(s);
    for (int i = 0; i < SESSION_BUCKETS; i++)
        while (s->bucket[i]) {
            struct session *x = s->bucket[i];
            s->bucket[i] = x->next;
            sandbox_drop(take_ptr(x->sandbox));
            session_unref(x);
        }
    stateless_free(s->stateless);
    grounds_free(s->grounds);
    link_free(s->supervisor);
    forgetter_free(s->forgetter); /* the links' threads gave it work */
    pipes_free(s->pipes);
    fd_close(&s->death_fd);
    pthread_cond_destroy(&s->idle);
    pthread_mutex_destroy(&s->lock);
    for (size_t i = 0; i < s->old_configs; i++)
        free((void *)s->old_config[i]);
    free(s->old_config);
    free((void *)atomic_load(&s->config));
    free(s);
}
