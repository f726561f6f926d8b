/* stateless.c - code without a session: a sandbox for one execution, new or recycled.
 *
 * A sandbox is recycled within one project only: everything in it is killed, its branch 0 dropped and a
 * new one made, and its warden proves it empty before it is used again. It runs inside an anonymous
 * session, so that files, deaths and records are the same code as everywhere. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "env/environment.h"
#include "env/imports.h"
#include "session/internal.h"

enum {
    KEPT_MAX = 4, /* of one project */
    KEPT_ALL_MAX = 64,
    KEPT_US = 30000000,
    RECYCLE_PATIENCE_US = 20000, /* for one that is being emptied: still cheaper than a new one */
    ENVIRONMENTS_US = 2000000,   /* how long the list of environments is believed */
};

struct kept {
    struct kept *next;
    struct stateless_cache *cache;
    struct sandbox *sandbox;
    int64_t since_us;
    bool recycling; /* not usable yet */
    char project[ID_SIZE];
};

struct stateless_cache {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct kept *kept;
    unsigned n;
    bool closed;
    struct running { /* executions that may be interrupted */
        struct running *next;
        struct session *session;
    } * running;
    struct environment *list;
    size_t list_n;
    int64_t listed_us;
};

struct stateless_cache *stateless_new(void)
{
    struct stateless_cache *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    pthread_mutex_init(&c->lock, NULL);
    cond_init_monotonic(&c->changed);
    return c;
}

/* Takes one entry out. Lock held. */
static void take_out(struct stateless_cache *c, struct kept *k)
{
    struct kept **at = &c->kept;
    while (*at && *at != k)
        at = &(*at)->next;
    if (*at) {
        *at = k->next;
        c->n--;
    }
    pthread_cond_broadcast(&c->changed);
}

/* Ends those kept since before `since_us`, and those in whose ground nobody looks for them any more. */
static void end_older(struct stateless_cache *c, int64_t since_us)
{
    for (;;) {
        pthread_mutex_lock(&c->lock);
        struct kept *k = c->kept;
        while (
            k && (k->recycling || (k->since_us >= since_us && ground_current(k->sandbox->ground))))
            k = k->next;
        if (k)
            take_out(c, k);
        pthread_mutex_unlock(&c->lock);
        if (!k)
            return;
        sandbox_end(k->sandbox, NULL, NULL);
        free(k);
    }
}

void stateless_tend(struct stateless_cache *c) { end_older(c, clock_monotonic_us() - KEPT_US); }

void stateless_free(struct stateless_cache *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->closed = true;
    for (int tries = 0; tries < 100;
         tries++) { /* recycling is answered within moments, or its link is dead */
        bool busy = false;
        for (struct kept *k = c->kept; k; k = k->next)
            busy |= k->recycling;
        if (!busy)
            break;
        cond_wait_us(&c->changed, &c->lock, 50000);
    }
    pthread_mutex_unlock(&c->lock);
    end_older(c, INT64_MAX);
    environment_list_free(c->list, c->list_n);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void stateless_interrupt(struct stateless_cache *c)
{
    pthread_mutex_lock(&c->lock);
    for (struct running *r = c->running; r; r = r->next) {
        pthread_mutex_lock(&r->session->lock);
        if (r->session->control)
            control_interrupt(r->session->control);
        pthread_mutex_unlock(&r->session->lock);
    }
    pthread_mutex_unlock(&c->lock);
}

/* ---- recycling -------------------------------------------------------------------------------------------- */

static void recycled(void *context, const struct message *m, int *fds, int n)
{
    struct kept *k = context;
    struct stateless_cache *c = k->cache;
    fds_close(fds, n > 0 ? (size_t)n : 0);
    ground_work_ends(k->sandbox->ground);
    bool good = m && m->status == 0;
    pthread_mutex_lock(&c->lock);
    k->recycling = false;
    k->since_us = clock_monotonic_us();
    bool keep = good && !c->closed && ground_current(k->sandbox->ground);
    if (!keep)
        take_out(c, k);
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    if (keep)
        return;
    if (m && m->status < 0)
        log_line(LOG_WARN, "session", "sandbox not recycled", "status=%d words=\"%s\"", m->status,
            m->text);
    sandbox_end(k->sandbox, NULL, NULL);
    free(k);
}

/* Empties a used sandbox for this project's next execution, or ends it. Takes the reference. */
static void keep_or_end(struct sessions *all, const char *project, struct sandbox *b)
{
    struct stateless_cache *c = all->stateless;
    bool worth = all->config->recycle_stateless && !all->config->one_shot &&
                 b->memory_bytes == all->config->memory_default_bytes && sandbox_limits_hold(b);
    struct kept *k = worth ? calloc(1, sizeof *k) : NULL;
    unsigned of_project = 0;
    sandbox_forget_kernel(b);
    if (k) {
        *k = (struct kept){.cache = c, .sandbox = b, .recycling = true};
        snprintf(k->project, sizeof k->project, "%s", project);
        pthread_mutex_lock(&c->lock);
        for (struct kept *x = c->kept; x; x = x->next)
            of_project += strcmp(x->project, project) == 0;
        worth = of_project < KEPT_MAX && c->n < KEPT_ALL_MAX && !c->closed;
        if (worth) {
            k->next = c->kept;
            c->kept = k;
            c->n++;
        }
        pthread_mutex_unlock(&c->lock);
    }
    struct message m = {.op = WARDEN_RECYCLE, .sandbox = b->id};
    if (!k || !worth) {
        free(k);
        sandbox_end(b, NULL, NULL);
        return;
    }
    sandbox_give_way(b, false); /* what it left running is killed now */
    sandbox_take(b, false);
    ground_work_begins(b->ground); /* to its end: the next execution may wait for it */
    if (link_post(b->ground->link, &m, NULL, 0, recycled, k) < 0)
        recycled(k, NULL, NULL, 0);
}

/* An emptied sandbox of that ground and project, waiting a moment for one that is being emptied. */
static struct sandbox *take_kept(struct stateless_cache *c, const struct ground *ground,
    const char *project, uint64_t memory_bytes)
{
    int64_t until = clock_monotonic_us() + RECYCLE_PATIENCE_US;
    struct sandbox *found = NULL;
    pthread_mutex_lock(&c->lock);
    for (;;) {
        struct kept *ready = NULL;
        bool coming = false;
        for (struct kept *k = c->kept; k && !ready; k = k->next) {
            if (k->sandbox->ground != ground || k->sandbox->memory_bytes != memory_bytes ||
                strcmp(k->project, project) != 0)
                continue;
            if (k->recycling)
                coming = true;
            else
                ready = k;
        }
        if (ready) {
            take_out(c, ready);
            found = ready->sandbox;
            sandbox_take(found, true);
            free(ready);
        }
        int64_t left = until - clock_monotonic_us();
        if (ready || !coming || left <= 0)
            break;
        cond_wait_us(&c->changed, &c->lock, left);
    }
    pthread_mutex_unlock(&c->lock);
    if (found && (sandbox_death(found).sandbox || !sandbox_limits_hold(found))) {
        sandbox_end(found, NULL, NULL);
        found = NULL;
    }
    return found;
}

/* ---- what the code needs -------------------------------------------------------------------------------------- */

/* A cheap look for what only IPython understands; a wrong yes costs a little time, a wrong no nothing
 * either, because a plain kernel takes IPython in when it meets its syntax. */
static bool ipython_syntax(const char *code, size_t n)
{
    const char *end = code + n;
    for (const char *line = code; line < end;) {
        const char *eol = memchr(line, '\n', (size_t)(end - line));
        const char *at = line;
        while (at < end && (*at == ' ' || *at == '\t'))
            at++;
        if (at < end && (*at == '%' || *at == '!'))
            return true;
        line = eol ? eol + 1 : end;
    }
    return memmem(code, n, "get_ipython", 11) != NULL;
}

/* The best of those that this project may use: another's packages are another's code. Lock held. */
static void choose_visible(const struct stateless_cache *c, const char *project,
    const struct imports *needed, char to[ENVIRONMENT_NAME_SIZE])
{
    struct environment *mine = calloc(c->list_n ? c->list_n : 1, sizeof *mine);
    size_t n = 0;
    for (size_t i = 0; mine && i < c->list_n; i++)
        if (environment_visible(&c->list[i], project))
            mine[n++] = c->list[i];
    if (n > 0)
        snprintf(
            to, ENVIRONMENT_NAME_SIZE, "%s", mine[environment_for_imports(mine, n, needed)].name);
    free(mine); /* its members are the list's */
}

static void choose_environment(struct sessions *all, const char *project,
    const struct imports *needed, char to[ENVIRONMENT_NAME_SIZE])
{
    struct stateless_cache *c = all->stateless;
    bool plain = true;
    for (size_t i = 0; i < needed->count && plain; i++)
        plain = imports_standard(needed->name[i]);
    snprintf(to, ENVIRONMENT_NAME_SIZE, "%s", ENVIRONMENT_BASE);
    if (plain)
        return;
    pthread_mutex_lock(&c->lock);
    int64_t now = clock_monotonic_us();
    if (!c->list || now - c->listed_us > ENVIRONMENTS_US) {
        environment_list_free(c->list, c->list_n);
        c->list = NULL;
        c->list_n = 0;
        if (environment_list(all->environments_dir, &c->list, &c->list_n) < 0)
            c->list_n = 0;
        c->listed_us = now;
    }
    choose_visible(c, project, needed, to);
    pthread_mutex_unlock(&c->lock);
}

static enum zygote_slot choose_slot(const struct execute_spec *spec, const struct imports *needed)
{
    bool plain = !needed->truncated && !ipython_syntax(spec->code, spec->code_length);
    for (size_t i = 0; i < needed->count && plain; i++)
        plain = imports_standard(needed->name[i]);
    return plain ? ZYGOTE_PLAIN : ZYGOTE_FULL;
}

/* ---- one execution ------------------------------------------------------------------------------------------------ */

static int upload_one(struct session *s, const struct stateless_file *f, struct error *e)
{
    struct upload *u;
    struct session_file made;
    int rc = session_upload_begin(s, f->path, &u, e);
    if (rc < 0)
        return rc;
    if (f->data || f->length == 0) {
        if (f->length > 0)
            rc = upload_write(u, f->data, f->length, e);
    }
    if (!f->data && f->fd >= 0 && f->length > 0) {
        cleanup_free char *piece = malloc(128 << 10);
        ssize_t n = piece ? 0 : -1;
        for (off_t at = 0; piece && rc == 0 && (n = pread(f->fd, piece, 128 << 10, at)) > 0;
             at += n)
            rc = upload_write(u, piece, (size_t)n, e);
        if (rc == 0 && n < 0)
            rc = error_set(e, ERROR_INTERNAL, errno, "An input file could not be read.");
    }
    if (rc < 0) {
        upload_abort(u);
        return rc;
    }
    rc = upload_commit(u, &made, e);
    if (rc == 0)
        session_file_deinit(&made);
    return rc;
}

/* A recycled sandbox with a new kernel; NULL when there is none. */
static struct sandbox *get_recycled(struct sessions *all, struct ground *ground,
    const char *project, enum zygote_slot slot, uint64_t memory_bytes, struct error *e)
{
    if (!all->config->recycle_stateless)
        return NULL;
    struct sandbox *b = take_kept(all->stateless, ground, project, memory_bytes);
    if (b && sandbox_start_kernel(b, slot, e) < 0) {
        sandbox_end(b, NULL, NULL);
        return NULL;
    }
    return b;
}

static int get_sandbox(struct sessions *all, const struct stateless_spec *spec,
    const char *environment, enum zygote_slot slot, uint64_t memory_bytes, struct sandbox **ret,
    struct error *e)
{
    struct ground *ground;
    int rc = ground_get(all->grounds, environment, &ground, e);
    if (rc < 0)
        return rc;
    struct pool *pool = ground->pool;
    pool_work_begins(pool);
    *ret = get_recycled(all, ground, spec->project, slot, memory_bytes, e);
    if (!*ret)
        rc = sandbox_for(all, environment, slot, memory_bytes, ret, e);
    pool_work_ends(pool);
    ground_put(ground);
    return rc;
}

static int run_in(
    struct session *s, const struct stateless_spec *spec, struct execution *ret, struct error *e)
{
    int rc = 0;
    for (size_t i = 0; i < spec->files && rc == 0; i++)
        rc = upload_one(s, &spec->file[i], e);
    if (rc < 0)
        return rc;
    struct stateless_cache *c = s->all->stateless;
    struct running r = {.session = s};
    pthread_mutex_lock(&c->lock);
    r.next = c->running;
    c->running = &r;
    pthread_mutex_unlock(&c->lock);
    rc = execute_in_turn(s, &spec->execute, ret, e);
    pthread_mutex_lock(&c->lock);
    struct running **at = &c->running;
    while (*at != &r)
        at = &(*at)->next;
    *at = r.next;
    pthread_mutex_unlock(&c->lock);
    if (rc == 0 && spec->on_finished && s->state == SESSION_LIVE)
        spec->on_finished(spec->on_finished_context, s, ret);
    return rc;
}

int stateless_execute(struct sessions *all, const struct stateless_spec *asked,
    struct execution *ret, struct error *e)
{
    struct stateless_spec spec = *asked;
    struct imports needed;
    char environment[ENVIRONMENT_NAME_SIZE];
    struct sandbox *b;
    const struct sessions_config *c = all->config;
    uint64_t memory = spec.memory_limit_bytes ? spec.memory_limit_bytes : c->memory_default_bytes;
    if (!spec.project)
        spec.project = STORE_PROJECT_DEFAULT;
    int rc = execute_check(all, &spec.execute, e);
    if (rc == 0)
        rc = memory_check(all, memory, e);
    if (rc < 0)
        return rc;
    imports_scan(spec.execute.code, spec.execute.code_length, &needed);
    if (spec.environment)
        snprintf(environment, sizeof environment, "%.63s", spec.environment);
    else
        choose_environment(all, spec.project, &needed, environment);
    enum zygote_slot slot = choose_slot(&spec.execute, &needed);
    rc = get_sandbox(all, &spec, environment, slot, memory, &b, e);
    if (rc < 0)
        return rc;
    struct session_spec session_spec = {.project = spec.project,
        .environment = environment,
        .memory_limit_bytes = memory,
        .idle_minutes = c->idle_minutes_default};
    struct session *s = session_new(all, "", &session_spec);
    if (!s) {
        sandbox_end(b, NULL, NULL);
        return error_set(e, ERROR_UNAVAILABLE, ENOMEM, "The server is out of memory.");
    }
    s->anonymous = s->busy = s->had_kernel = true;
    s->full = slot == ZYGOTE_FULL;
    s->sandbox = b;
    rc = run_in(s, &spec, ret, e);
    pthread_mutex_lock(&s->lock);
    b = take_ptr(s->sandbox); /* NULL when it died */
    s->state = SESSION_EXPIRED;
    pthread_mutex_unlock(&s->lock);
    if (b)
        keep_or_end(all, spec.project, b);
    session_unref(s);
    return rc;
}
