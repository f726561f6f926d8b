/* session.c - sessions: made, found, described, expired, deleted. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "session/internal.h"

enum {
    NAME_MAX_BYTES = 512,
};

static size_t bucket_of(const char *id)
{
    size_t h = 14695981039346656037u;
    for (; *id; id++)
        h = (h ^ (unsigned char)*id) * 1099511628211u;
    return h % SESSION_BUCKETS;
}

bool session_id_shaped(const char *id) { return id && id_valid(id); }

static char *copy_of(const char *text) { return strdup(text ? text : ""); }

struct session *session_new(struct sessions *all, const char *id, const struct session_spec *spec)
{
    struct session *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->all = all;
    snprintf(s->id, sizeof s->id, "%s", id);
    s->project = copy_of(spec->project);
    s->name = copy_of(spec->name);
    s->environment = copy_of(spec->environment);
    s->metadata = strdup(spec->metadata ? spec->metadata : "{}");
    s->memory_limit_bytes = spec->memory_limit_bytes;
    s->idle_minutes = spec->idle_minutes;
    s->undo = spec->undo;
    s->created_at = clock_realtime_s();
    atomic_init(&s->last_active_at, s->created_at);
    s->stored_active_at = s->created_at;
    atomic_init(&s->refs, 1);
    s->last_turn = &s->first_turn;
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->files, NULL);
    if (!s->project || !s->name || !s->environment || !s->metadata) {
        session_unref(s);
        return NULL;
    }
    return s;
}

struct session *session_ref(struct session *s)
{
    atomic_fetch_add(&s->refs, 1);
    return s;
}

void session_unref(struct session *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    sandbox_end(s->sandbox, NULL, NULL);
    workspace_deinit(&s->workspace);
    free(s->project);
    free(s->name);
    free(s->environment);
    free(s->metadata);
    free(s->why);
    free(s->variables);
    pthread_mutex_destroy(&s->files);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void session_enter(struct session *s)
{
    struct sessions *all = s->all;
    session_ref(s);
    pthread_mutex_lock(&all->lock);
    struct session **bucket = &all->bucket[bucket_of(s->id)];
    s->next = *bucket;
    *bucket = s;
    all->live++;
    pthread_mutex_unlock(&all->lock);
}

/* Takes it out of the registry; true when it was there. Its reference there is dropped. */
static bool session_leave(struct session *s)
{
    struct sessions *all = s->all;
    pthread_mutex_lock(&all->lock);
    struct session **at = &all->bucket[bucket_of(s->id)];
    while (*at && *at != s)
        at = &(*at)->next;
    bool found = *at != NULL;
    if (found) {
        *at = s->next;
        all->live--;
    }
    pthread_mutex_unlock(&all->lock);
    if (found)
        session_unref(s);
    return found;
}

void session_touch(struct session *s) { atomic_store(&s->last_active_at, clock_realtime_s()); }

static int expired(struct session *s, struct error *e)
{
    return error_set(e, ERROR_CONTAINER_EXPIRED, 0, "Container is expired.%s%.180s",
        s->why && *s->why ? " " : "", s->why ? s->why : "");
}

static int not_found(const char *id, struct error *e)
{
    return error_set(e, ERROR_NOT_FOUND, ENOENT, "Container with id '%.70s' not found.", id);
}

int session_check(struct session *s, struct error *e)
{
    if (s->state == SESSION_DELETED)
        return not_found(s->id, e);
    return s->state == SESSION_EXPIRED ? expired(s, e) : 0;
}

int session_sandbox(struct session *s, struct sandbox **ret, struct error *e)
{
    session_look(s);
    pthread_mutex_lock(&s->lock);
    int rc = session_check(s, e);
    if (rc == 0)
        *ret = sandbox_ref(s->sandbox);
    pthread_mutex_unlock(&s->lock);
    return rc;
}

/* ---- making ------------------------------------------------------------------------------------------ */

/* What the pool has for it, or NULL. */
static struct sandbox *take_pooled(
    struct sessions *all, struct ground *ground, enum zygote_slot slot, uint64_t memory_bytes)
{
    if (memory_bytes != all->config->memory_default_bytes)
        return NULL;
    struct sandbox *s = pool_take_kernel(ground->pool, slot);
    if (!s)
        s = pool_take_sandbox(ground->pool);
    if (s &&
        (s->memory_bytes != memory_bytes || !sandbox_limits_hold(s))) { /* made before a change */
        sandbox_end(s, NULL, NULL);
        s = NULL;
    }
    return s;
}

int sandbox_for(struct sessions *all, const char *environment, enum zygote_slot slot,
    uint64_t memory_bytes, struct sandbox **ret, struct error *e)
{
    struct ground *ground;
    int rc = ground_get(all->grounds, environment, &ground, e);
    if (rc < 0)
        return rc;
    if (slot == ZYGOTE_SLOTS)
        slot = ground->full_is_usual ? ZYGOTE_FULL : ZYGOTE_PLAIN;
    /* One from the pool that takes no kernel any more (its cgroup was removed behind our back, its init
     * died just now) is no reason to fail: another is made. */
    for (int attempt = 0;; attempt++) {
        struct sandbox *s = attempt == 0 ? take_pooled(all, ground, slot, memory_bytes) : NULL;
        rc = attempt == 0 ? grounds_room_beside(all->grounds, ROOM_FOR_A_SESSION, &s, e) : 0;
        bool pooled = s != NULL;
        if (rc == 0 && !s)
            rc = sandbox_make(ground, memory_bytes, &s, e);
        if (rc == 0 && !s->kernel.there)
            rc = sandbox_start_kernel(s, slot, e);
        if (rc == 0) {
            sandbox_take(s, true);
            *ret = s;
        } else
            sandbox_end(s, NULL, NULL);
        if (rc == 0 || !pooled)
            break;
    }
    ground_put(ground);
    return rc;
}

static int check_spec(struct sessions *all, struct session_spec *spec, struct error *e)
{
    const struct sessions_config *c = all->config;
    if (atomic_load(&all->stopping))
        return error_set(e, ERROR_UNAVAILABLE, ESHUTDOWN, "The server is stopping.");
    if (!spec->project)
        spec->project = STORE_PROJECT_DEFAULT;
    if (!spec->environment)
        spec->environment = c->default_environment;
    if (spec->memory_limit_bytes == 0)
        spec->memory_limit_bytes = c->memory_default_bytes;
    if (spec->idle_minutes == 0)
        spec->idle_minutes = c->idle_minutes_default;
    if (spec->name && strlen(spec->name) > NAME_MAX_BYTES)
        return error_param(
            e, ERROR_INVALID_VALUE, "name", "'name' is longer than %d bytes.", NAME_MAX_BYTES);
    int rc = memory_check(all, spec->memory_limit_bytes, e);
    if (rc < 0)
        return rc;
    if (spec->idle_minutes > c->idle_minutes_max)
        return error_param(e, ERROR_INVALID_VALUE, "expires_after.minutes",
            "'expires_after.minutes' must be at most %u.", c->idle_minutes_max);
    return 0;
}

/* Whether another session may be made. */
static int check_quota(struct sessions *all, const char *project, struct error *e)
{
    unsigned of_project = 0;
    pthread_mutex_lock(&all->lock);
    unsigned live = all->live;
    for (int i = 0; all->config->sessions_max_per_project && i < SESSION_BUCKETS; i++)
        for (struct session *s = all->bucket[i]; s; s = s->next)
            of_project += strcmp(s->project, project) == 0;
    pthread_mutex_unlock(&all->lock);
    if (live >= all->config->sessions_max)
        return error_set(e, ERROR_QUOTA_EXCEEDED, EDQUOT,
            "This server holds %u live containers, which is its limit.", live);
    if (all->config->sessions_max_per_project &&
        of_project >= all->config->sessions_max_per_project)
        return error_set(e, ERROR_QUOTA_EXCEEDED, EDQUOT,
            "This project has %u live containers, which is its limit.", of_project);
    return 0;
}

static struct store_container row_of(struct session *s)
{
    struct sandbox *b = s->sandbox;
    return (struct store_container){
        .id = s->id,
        .project = s->project,
        .name = s->name,
        .environment = s->environment,
        .status = STORE_CONTAINER_RUNNING,
        .created_at = s->created_at,
        .last_active_at = atomic_load(&s->last_active_at),
        .expires_minutes = s->idle_minutes,
        .memory_limit_bytes = (int64_t)s->memory_limit_bytes,
        .metadata = s->metadata,
        .settings = s->undo ? "{\"undo\":true}" : "{}",
        .live = {(int64_t)b->ground->id, b->id, (int64_t)b->kernel.serial, b->kernel.pipes.id, 0,
            0},
    };
}

int session_create(
    struct sessions *all, const struct session_spec *asked, struct session **ret, struct error *e)
{
    struct session_spec spec = *asked;
    struct sandbox *sandbox;
    char id[ID_SIZE];
    int rc = check_spec(all, &spec, e);
    if (rc == 0)
        rc = check_quota(all, spec.project, e);
    if (rc == 0)
        rc = sandbox_for(all, spec.environment, ZYGOTE_SLOTS, spec.memory_limit_bytes, &sandbox, e);
    if (rc < 0)
        return rc;
    id_new(id, "cntr_", 48);
    struct session *s = session_new(all, id, &spec);
    if (!s) {
        sandbox_end(sandbox, NULL, NULL);
        return error_set(e, ERROR_UNAVAILABLE, ENOMEM, "The server is out of memory.");
    }
    s->sandbox = sandbox;
    s->had_kernel = true;
    s->full = sandbox->kernel.slot == ZYGOTE_FULL;
    if (all->store) {
        struct store_container row = row_of(s);
        char memory[24];
        memory_format(s->memory_limit_bytes, memory);
        row.memory_limit = memory;
        rc = store_container_insert(all->store, &row, e);
        if (rc < 0) {
            session_unref(s);
            return rc;
        }
    }
    session_enter(s);
    log_line(LOG_INFO, "session", "created", "id=%s environment=%s", s->id, s->environment);
    *ret = s;
    return 0;
}

/* ---- finding -------------------------------------------------------------------------------------------- */

/* A session that only the store knows any more. */
static struct session *hollow(struct sessions *all, const struct store_container *row)
{
    struct session_spec spec = {.project = row->project,
        .name = row->name,
        .environment = row->environment,
        .memory_limit_bytes = (uint64_t)row->memory_limit_bytes,
        .idle_minutes = (unsigned)row->expires_minutes,
        .metadata = row->metadata};
    struct session *s = session_new(all, row->id, &spec);
    if (!s)
        return NULL;
    s->undo = row->settings && strstr(row->settings, "\"undo\":true");
    s->created_at = row->created_at;
    atomic_store(&s->last_active_at, row->last_active_at);
    s->state = SESSION_EXPIRED;
    s->why = strdup(row->end_reason ? row->end_reason : "Its sandbox has ended.");
    return s;
}

static struct session *find_live(struct sessions *all, const char *project, const char *id)
{
    pthread_mutex_lock(&all->lock);
    struct session *s = all->bucket[bucket_of(id)];
    while (s && strcmp(s->id, id) != 0)
        s = s->next;
    if (s && (!project || strcmp(s->project, project) == 0))
        session_ref(s);
    else
        s = NULL;
    pthread_mutex_unlock(&all->lock);
    return s;
}

int session_find(struct sessions *all, const char *project, const char *id, struct session **ret,
    struct error *e)
{
    if (!session_id_shaped(id))
        return not_found(id ? id : "", e);
    struct session *s = find_live(all, project, id);
    if (!s && all->store) {
        struct store_container row = {0};
        int rc = store_container_get(all->store, project, id, &row, e);
        if (rc == -ENOENT)
            return not_found(id, e);
        if (rc < 0)
            return rc;
        s = hollow(all, &row);
        store_container_deinit(&row);
        if (!s)
            return error_set(e, ERROR_UNAVAILABLE, ENOMEM, "The server is out of memory.");
    }
    if (!s)
        return not_found(id, e);
    session_look(s);
    *ret = s;
    return 0;
}

void session_info(struct session *s, struct session_info *ret)
{
    pthread_mutex_lock(&s->lock);
    *ret = (struct session_info){
        .name = copy_of(s->name),
        .environment = copy_of(s->environment),
        .metadata = copy_of(s->metadata),
        .why = copy_of(s->why),
        .expired = s->state != SESSION_LIVE,
        .undo = s->undo,
        .created_at = s->created_at,
        .last_active_at = atomic_load(&s->last_active_at),
        .idle_minutes = s->idle_minutes,
        .memory_limit_bytes = s->memory_limit_bytes,
    };
    snprintf(ret->id, sizeof ret->id, "%s", s->id);
    pthread_mutex_unlock(&s->lock);
    ret->expires_at = ret->last_active_at + 60 * (int64_t)ret->idle_minutes;
}

void session_info_deinit(struct session_info *i)
{
    free(i->name);
    free(i->environment);
    free(i->metadata);
    free(i->why);
    *i = (struct session_info){0};
}

void session_infos_free(struct session_info *infos, size_t n)
{
    for (size_t i = 0; i < n; i++)
        session_info_deinit(&infos[i]);
    free(infos);
}

void session_usage(struct session *s, struct session_usage *ret)
{
    struct sandbox *sandbox = NULL;
    struct init_scan scan = {0};
    pthread_mutex_lock(&s->lock);
    *ret = (struct session_usage){.memory_limit_bytes = s->memory_limit_bytes, .cpu_us = s->cpu_us};
    if (s->state == SESSION_LIVE)
        sandbox = sandbox_ref(s->sandbox);
    pthread_mutex_unlock(&s->lock);
    if (sandbox)
        ground_work_begins(sandbox->ground);
    const bool seen = sandbox && init_scan(sandbox->init, INIT_SCAN_USAGE_ONLY, NULL, &scan) == 0;
    if (sandbox)
        ground_work_ends(sandbox->ground);
    if (seen) {
        ret->memory_bytes = scan.memory_bytes;
        ret->disk_bytes = scan.scratch_bytes;
        ret->pids = scan.pids;
    }
    sandbox_unref(sandbox);
}

int sessions_list(struct sessions *all, const char *project, const char *name, const char *after,
    unsigned limit, bool ascending, struct session_info **ret, size_t *ret_n, bool *ret_more,
    struct error *e)
{
    struct store_containers rows = {0};
    struct store_page page = {.limit = (int)limit, .ascending = ascending, .after = after};
    if (all->store) {
        int rc = store_container_list(all->store, project, name, &page, &rows, e);
        if (rc < 0)
            return rc;
    }
    struct session_info *infos = calloc(rows.count ? rows.count : 1, sizeof *infos);
    size_t n = 0;
    for (size_t i = 0; infos && i < rows.count; i++) {
        struct session *s = find_live(all, project, rows.items[i].id);
        if (!s)
            s = hollow(all, &rows.items[i]);
        if (!s)
            continue;
        session_info(s, &infos[n++]);
        session_unref(s);
    }
    bool more = rows.has_more;
    store_containers_deinit(&rows);
    if (!infos)
        return error_set(e, ERROR_UNAVAILABLE, ENOMEM, "The server is out of memory.");
    *ret = infos;
    *ret_n = n;
    *ret_more = more;
    return 0;
}

/* ---- ending ------------------------------------------------------------------------------------------------ */

/* Everybody who waits in line looks at the state again. Lock held. */
static void wake_turns(struct session *s)
{
    for (struct turn *t = s->first_turn; t; t = t->next)
        pthread_cond_signal(&t->come);
}

void session_expire(struct session *s, const char *why)
{
    pthread_mutex_lock(&s->lock);
    bool first = s->state == SESSION_LIVE;
    struct sandbox *sandbox = NULL;
    if (first) {
        s->state = SESSION_EXPIRED;
        s->why = strdup(why);
        sandbox = take_ptr(s->sandbox);
        if (s->control)
            control_stop(s->control, STOP_EXPIRED);
        wake_turns(s);
    }
    pthread_mutex_unlock(&s->lock);
    if (!first)
        return;
    if (!s->anonymous) {
        log_line(LOG_INFO, "session", "expired", "id=%s why=\"%s\"", s->id, why);
        struct error e = {0};
        if (s->all->store && store_container_mark_expired(s->all->store, s->id, why, &e) < 0)
            log_line(
                LOG_ERROR, "session", "expiry not stored", "id=%s words=\"%s\"", s->id, e.message);
        session_leave(s);
        forgotten_submit(forgotten_new(s->all->forgetter, s->id, false));
    }
    sandbox_end(sandbox, NULL, NULL);
}

void session_look(struct session *s)
{
    pthread_mutex_lock(&s->lock);
    bool dead = s->state == SESSION_LIVE && s->sandbox && sandbox_death(s->sandbox).sandbox;
    char words[DEATH_WORDS];
    if (dead)
        sandbox_death_words(s->sandbox, words);
    pthread_mutex_unlock(&s->lock);
    if (dead)
        session_expire(s, words);
}

int session_delete(struct sessions *all, const char *project, const char *id, struct error *e)
{
    struct session *s;
    int rc = session_find(all, project, id, &s, e);
    if (rc < 0)
        return rc;
    if (all->store && (rc = store_container_mark_deleted(all->store, id, e)) < 0) {
        session_unref(s);
        return rc == -ENOENT ? not_found(id, e) : rc;
    }
    pthread_mutex_lock(&s->lock);
    bool mine = s->state != SESSION_DELETED;
    s->state = SESSION_DELETED;
    struct sandbox *sandbox = take_ptr(s->sandbox);
    if (s->control)
        control_stop(s->control, STOP_DELETED);
    wake_turns(s);
    pthread_mutex_unlock(&s->lock);
    session_leave(s);
    struct forgotten *rows = mine ? forgotten_new(all->forgetter, id, true) : NULL;
    if (sandbox) /* while anything of it is left, its row tells whose it is */
        sandbox_end(sandbox, forgotten_submit, rows);
    else
        forgotten_submit(rows);
    log_line(LOG_INFO, "session", "deleted", "id=%s", id);
    session_unref(s);
    return mine ? 0 : not_found(id, e);
}
