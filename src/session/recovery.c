/* recovery.c - a new server takes over what the last one left.
 *
 * The supervisor hands over grounds and pipes, each warden says which sandboxes live, and the store
 * says whose they were. What matches lives on; the rest is ended. A kernel's state is unknown: it is
 * asked to return a random token, interrupted when it does not at once, and replaced when it does
 * not within two seconds. Until then its session is busy, so requests wait in line for it. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "session/internal.h"
#include "session/kernel.h"

enum { THREADS = 8, CALM_US = 100000, PATIENCE_US = 2000000 };

#define CUT_SHORT \
    "The server was restarted while this execution ran; its output since then is lost."

struct found_ground {
    struct ground *ground;
    struct live_sandbox *live;
    size_t n;
};

struct recovery {
    struct sessions *all;
    struct session **session; /* with the turn taken */
    size_t n;
    _Atomic size_t next;
    pthread_t thread[THREADS];
    int threads;
};

/* ---- each kernel: in what state is it? --------------------------------------------------------------- */

static void recover_kernel(struct session *s)
{
    struct sandbox *b;
    if (session_sandbox(s, &b, NULL) < 0)
        return;
    sandbox_work_begins(b);
    sandbox_give_way(b, false);
    int rc = b->kernel.there ? kernel_sync(b, CALM_US) : 0;
    if (rc == -ETIMEDOUT) {
        init_signal(b->init, SIGINT);
        rc = kernel_sync(b, PATIENCE_US);
    }
    if (rc < 0) {
        log_line(LOG_INFO, "session", "kernel not taken over", "id=%s errno=%d", s->id, -rc);
        s->lost_variables = true;
        snprintf(s->lost_why, sizeof s->lost_why,
            "The server was restarted, and the interpreter did not answer the new one.");
        if (sandbox_kill_all(b) < 0)
            session_expire(s, "Its sandbox did not answer after the server was restarted.");
    }
    sandbox_work_ends(b);
    sandbox_unref(b);
}

static void *recover_main(void *arg)
{
    struct recovery *r = arg;
    for (size_t i; (i = atomic_fetch_add(&r->next, 1)) < r->n;) {
        recover_kernel(r->session[i]);
        turn_pass(r->session[i]);
        session_unref(r->session[i]);
    }
    return NULL;
}

void recovery_wait(struct sessions *all)
{
    struct recovery *r = take_ptr(all->recovery);
    if (!r)
        return;
    for (int i = 0; i < r->threads; i++)
        pthread_join(r->thread[i], NULL);
    free(r->session);
    free(r);
}

/* ---- each row -------------------------------------------------------------------------------------------- */

static void remember_files(struct sessions *all, struct session *s)
{
    struct store_container_files files = {0};
    struct store_page page = {.limit = STORE_PAGE_MAX, .ascending = true};
    char after[ID_SIZE];
    do {
        store_container_files_deinit(&files);
        if (store_container_file_list(all->store, s->id, &page, &files, NULL) < 0)
            return;
        for (size_t i = 0; i < files.count; i++) {
            const struct store_container_file *f = &files.items[i];
            struct workspace_file *w = workspace_put(&s->workspace, f->path, f->id,
                (uint64_t)f->fingerprint.inode, (uint64_t)f->fingerprint.size,
                f->fingerprint.ctime_ns, f->created_at, f->by_user);
            if (w)
                w->hidden = workspace_hides(f->path);
            snprintf(after, sizeof after, "%s", f->id);
        }
        page.after = after;
    } while (files.has_more && files.count > 0);
    store_container_files_deinit(&files);
}

/* How many executions there were: the newest record says, and those after it that were cut short. */
static unsigned last_count(struct sessions *all, const struct store_container *row)
{
    struct store_executions list = {0};
    struct store_page page = {.limit = 20};
    json_int_t count = row->live.execution_count;
    if (store_execution_list(all->store, row->id, &page, &list, NULL) < 0)
        return (unsigned)count;
    for (size_t i = 0; i < list.count; i++) {
        char *record = NULL;
        size_t n = 0;
        if (store_execution_record(all->store, &list.items[i], &record, &n, NULL) < 0)
            continue;
        json_t *json = json_loadb(record, n, 0, NULL);
        json_int_t told =
            json_integer_value(json_object_get(json, "execution_count")) + (json_int_t)i;
        count = told > count ? told : count;
        json_decref(json);
        free(record);
        break;
    }
    store_executions_deinit(&list);
    return (unsigned)count;
}

static struct live_sandbox *find_live(
    struct found_ground *g, size_t n, const struct store_container *row, struct ground **ret_ground)
{
    for (size_t i = 0; i < n; i++) {
        if ((int64_t)g[i].ground->id != row->live.ground_id)
            continue;
        for (size_t k = 0; k < g[i].n; k++)
            if (g[i].live[k].id == row->live.sandbox && g[i].live[k].init_fd >= 0) {
                *ret_ground = g[i].ground;
                return &g[i].live[k];
            }
    }
    return NULL;
}

static void adopt_kernel(struct sandbox *b, const struct store_container *row,
    const struct live_sandbox *live, struct inheritance *from)
{
    if (live->state != SANDBOX_KERNEL || (int64_t)live->kernel_serial != row->live.kernel_serial)
        return;
    for (size_t i = 0; i < from->pipe_sets; i++) {
        struct inherited_pipes *p = &from->pipes[i];
        if ((int64_t)p->id != row->live.pipe_set || p->fd[0] < 0)
            continue;
        b->kernel.there = true;
        b->kernel.serial = live->kernel_serial;
        b->kernel.pipes.id = (int64_t)p->id;
        for (int k = 0; k < KERNEL_PIPES; k++) {
            b->kernel.pipes.server[k] = take_fd(&p->fd[k]);
            fcntl(b->kernel.pipes.server[k], F_SETFL,
                (k == PIPE_IN ? O_WRONLY : O_RDONLY) | O_NONBLOCK);
        }
        return;
    }
}

/* A session that lives on; with its turn taken. NULL: it does not. */
static struct session *adopt(struct sessions *all, const struct store_container *row,
    struct ground *ground, struct live_sandbox *live, struct inheritance *from)
{
    struct session_spec spec = {.project = row->project,
        .name = row->name,
        .environment = row->environment,
        .memory_limit_bytes = (uint64_t)row->memory_limit_bytes,
        .idle_minutes = (unsigned)row->expires_minutes,
        .metadata = row->metadata,
        .undo = row->settings && strstr(row->settings, "\"undo\":true")};
    struct session *s = session_new(all, row->id, &spec);
    if (!s || sandbox_adopt(ground, live->id, take_fd(&live->init_fd), spec.memory_limit_bytes,
                  &s->sandbox) < 0) {
        session_unref(s);
        return NULL;
    }
    s->created_at = row->created_at;
    s->full = ground->full_is_usual;
    s->had_kernel = true;
    s->busy = true;
    s->execution_count = last_count(all, row);
    atomic_store(&s->last_active_at, clock_realtime_s()); /* nobody could use it meanwhile */
    adopt_kernel(s->sandbox, row, live, from);
    s->lost_variables = !s->sandbox->kernel.there;
    remember_files(all, s);
    store_execution_cut_short(all->store, s->id, NULL, "interrupted", CUT_SHORT, NULL);
    session_enter(s);
    return s;
}

static void recover_rows(struct sessions *all, struct found_ground *g, size_t n,
    struct inheritance *from, struct recovery *r)
{
    struct store_containers rows = {0};
    if (store_container_list_live(all->store, &rows, NULL) < 0)
        return;
    r->session = calloc(rows.count ? rows.count : 1, sizeof *r->session);
    for (size_t i = 0; i < rows.count && r->session; i++) {
        const struct store_container *row = &rows.items[i];
        struct ground *ground = NULL;
        if (row->status == STORE_CONTAINER_DELETED) {
            forgotten_submit(
                forgotten_new(all->forgetter, row->id, true)); /* its sandbox is ended below */
            continue;
        }
        struct live_sandbox *live = find_live(g, n, row, &ground);
        struct session *s = live ? adopt(all, row, ground, live, from) : NULL;
        if (s)
            r->session[r->n++] = s;
        else {
            store_container_mark_expired(all->store, row->id,
                from->servers_before ? "Its sandbox ended while the server was restarted."
                                     : "Cloche was stopped, and its sandbox ended with it.",
                NULL);
            forgotten_submit(forgotten_new(all->forgetter, row->id, false));
        }
    }
    store_containers_deinit(&rows);
    store_execution_cut_short(all->store, NULL, NULL, "killed",
        "The server was restarted while this execution ran.", NULL);
}

/* ---- what nobody claims ------------------------------------------------------------------------------------- */

static void end_leftovers(
    struct sessions *all, struct found_ground *g, size_t n, struct inheritance *from)
{
    unsigned sandboxes = 0, pipes = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < g[i].n; k++) {
            struct live_sandbox *l = &g[i].live[k];
            bool claimed = l->init_fd < 0;
            for (struct sandbox *b = g[i].ground->bucket[l->id % SANDBOX_BUCKETS]; b && !claimed;
                 b = b->in_bucket)
                claimed = b->id == l->id;
            fd_close(&l->init_fd);
            if (claimed)
                continue;
            struct message m = {.op = WARDEN_END, .sandbox = l->id};
            link_send(g[i].ground->link, &m, NULL, 0);
            sandboxes++;
        }
        free(g[i].live);
        ground_unref(g[i].ground);
    }
    for (size_t i = 0; i < from->pipe_sets; i++)
        if (from->pipes[i].fd[0] >= 0) {
            struct pipe_set set = PIPE_SET_NONE;
            set.id = (int64_t)from->pipes[i].id;
            fds_close(from->pipes[i].fd, KERNEL_PIPES);
            pipes_end(all->pipes, &set);
            pipes++;
        }
    if (sandboxes || pipes)
        log_line(LOG_INFO, "session", "ended what nobody claimed", "sandboxes=%u pipes=%u",
            sandboxes, pipes);
}

void recovery_run(struct sessions *all, struct inheritance *from)
{
    struct found_ground *g = calloc(from->grounds ? from->grounds : 1, sizeof *g);
    struct recovery *r = calloc(1, sizeof *r);
    size_t n = 0;
    if (!g || !r) {
        free(g);
        free(r);
        return;
    }
    r->all = all;
    for (size_t i = 0; i < from->grounds; i++)
        if (ground_adopt(all->grounds, &from->ground[i], &g[n].ground, &g[n].live, &g[n].n) == 0)
            n++;
    if (all->store)
        recover_rows(all, g, n, from, r);
    end_leftovers(all, g, n, from);
    free(g);
    if (r->n > 0)
        log_line(LOG_INFO, "session", "sessions taken over", "sessions=%zu", r->n);
    while (r->threads < THREADS && (size_t)r->threads < r->n &&
           pthread_create(&r->thread[r->threads], NULL, recover_main, r) == 0)
        r->threads++;
    if (r->threads == 0)
        recover_main(r);
    all->recovery = r;
}
