/* log.c - a run's events: stored first, shown afterwards.
 *
 * One thread writes, any number read. What the store has need not stay in memory: readers that are far
 * behind read it there, as those do who come after the run's end or a restart. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/internal.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"

void log_deinit(struct log *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->event[i].json);
    free(l->event);
    *l = (struct log){0};
}

static int push(struct log *l, const char *type, const struct strbuf *json)
{
    if (l->n == l->capacity) {
        size_t room = l->capacity ? l->capacity * 2 : 64;
        struct log_event *larger = realloc(l->event, room * sizeof *larger);
        if (!larger)
            return -ENOMEM;
        l->event = larger;
        l->capacity = room;
    }
    struct log_event *event = &l->event[l->n];
    event->json = malloc(json->length + 1);
    if (!event->json)
        return -ENOMEM;
    memcpy(event->json, strbuf_text(json), json->length + 1);
    event->length = json->length;
    snprintf(event->type, sizeof event->type, "%s", type);
    l->bytes += json->length;
    l->n++;
    return 0;
}

/* Forgets the oldest half of what the store has. Lock held. */
static void trim(struct log *l)
{
    size_t gone = 0;
    while (l->bytes > LOG_KEPT_BYTES / 2 && gone < l->n && l->first + gone < l->shown) {
        l->bytes -= l->event[gone].length;
        free(l->event[gone++].json);
    }
    memmove(l->event, l->event + gone, (l->n - gone) * sizeof *l->event);
    l->n -= gone;
    l->first += gone;
}

static bool is_stored(struct run *run) { return run->stored && !atomic_load(&run->forgotten); }

static void show(struct run *run)
{
    struct log *l = &run->log;
    pthread_mutex_lock(&run->lock);
    l->shown = log_end_number(l);
    if (l->bytes > LOG_KEPT_BYTES && is_stored(run))
        trim(l);
    pthread_cond_broadcast(&run->news);
    pthread_mutex_unlock(&run->lock);
}

int log_append(struct run *run, const char *type, const struct strbuf *json, struct error *e)
{
    struct log *l = &run->log;
    if (json->failed || json->length > EVENT_MAX || log_end_number(l) >= EVENTS_MAX ||
        (!is_stored(run) && l->bytes + json->length > LOG_BYTES_MAX)) {
        error_set(e, ERROR_PAYLOAD_TOO_LARGE, EOVERFLOW, "The run has told more than is kept.");
        return -EOVERFLOW;
    }
    pthread_mutex_lock(&run->lock);
    uint64_t number = log_end_number(l);
    int r = push(l, type, json);
    pthread_mutex_unlock(&run->lock);
    if (r < 0)
        return error_set(e, ERROR_UNAVAILABLE, -r, "The server is out of memory.");
    if (is_stored(run)) {
        struct store_text text = {strbuf_text(json), json->length};
        r = store_run_events_append(run->all->config.store, run->id, (int64_t)number, &text, 1, e);
        if (r == -ENOENT) { /* somebody deleted it: nobody can ask for it any more */
            atomic_store(&run->forgotten, true);
            r = 0;
        }
    }
    show(run);
    return r;
}

/* ---- the end ------------------------------------------------------------------------------------------- */

static json_t *conversation_items(struct run *run)
{
    const struct runs_config *c = &run->all->config;
    if (!run->conversation_id)
        return NULL;
    for (size_t i = 0; i < c->n_dialects; i++)
        if (strcmp(c->dialects[i].name, run->dialect) == 0 && c->dialects[i].ended)
            return c->dialects[i].ended(c->dialects[i].context, run);
    return NULL;
}

struct item_rows {
    struct store_item *row;
    size_t n;
};

static void item_rows_deinit(struct item_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        free(rows->row[i].json);
        free(rows->row[i].transcript);
    }
    free(rows->row);
}

static int item_rows_of(struct run *run, const json_t *items, struct item_rows *rows)
{
    size_t i;
    const json_t *item;
    *rows = (struct item_rows){calloc(json_array_size(items) + 1, sizeof *rows->row), 0};
    if (!rows->row)
        return -ENOMEM;
    json_array_foreach (items, i, item) {
        const json_t *transcript = json_object_get(item, "transcript");
        struct store_item *row = &rows->row[rows->n++];
        *row = (struct store_item){
            .id = (char *)json_string_value(json_object_get(item, "id")),
            .conversation_id = run->conversation_id,
            .run_id = run->id,
            .json = json_dumps(json_object_get(item, "json"), JSON_COMPACT | JSON_ENCODE_ANY),
            .transcript = json_is_array(transcript) ? json_dumps(transcript, JSON_COMPACT) : NULL,
            .created_at = run->completed_at,
        };
        if (!row->id || !row->json || (json_is_array(transcript) && !row->transcript))
            return -ENOMEM;
    }
    return 0;
}

bool action_completes(const struct run *run)
{
    const struct runs_config *c = &run->all->config;
    for (size_t i = 0; i < c->n_dialects; i++)
        if (strcmp(c->dialects[i].name, run->dialect) == 0)
            return c->dialects[i].action_completes;
    return false;
}

/* What webhooks hear of a run's end, by OpenAI's names; NULL: nothing, it goes on. */
static const char *event_type(const struct run *run)
{
    switch (run->status) {
    case RUN_COMPLETED: return "response.completed";
    case RUN_INCOMPLETE: return "response.incomplete";
    case RUN_FAILED:
    case RUN_EXPIRED: return "response.failed"; /* for which OpenAI has no event */
    case RUN_CANCELLED: return "response.cancelled";
    case RUN_REQUIRES_ACTION: return action_completes(run) ? "response.completed" : NULL;
    default: return NULL;
    }
}

static void event_body(const struct run *run, const char *type, const char *id, struct strbuf *out)
{
    struct json_writer w = JSON_WRITER(out);
    jw_begin_object(&w);
    jw_field_string(&w, "id", id);
    jw_field_string(&w, "object", "event");
    jw_field_int(&w, "created_at", run->completed_at);
    jw_field_string(&w, "type", type);
    jw_field_object(&w, "data");
    jw_field_string(&w, "id", run->id);
    jw_end(&w);
    jw_end(&w);
}

/* The events of one end: what it is, and of an analysis that took long that it is done. */
enum { TOLD_MAX = 2 };
struct told {
    char id[TOLD_MAX][ID_SIZE];
    struct strbuf body[TOLD_MAX];
    struct store_told event[TOLD_MAX];
    size_t n;
};

static void tell(struct told *t, const struct run *run, const char *type)
{
    struct strbuf *body = &t->body[t->n];
    *body = STRBUF_INIT(1024);
    id_new(t->id[t->n], "evt_", 32);
    event_body(run, type, t->id[t->n], body);
    t->event[t->n] = (struct store_told){type, t->id[t->n], strbuf_text(body)};
    t->n++;
}

static void tell_all(struct told *t, const struct run *run)
{
    const char *type = event_type(run);
    if (type)
        tell(t, run, type);
    if (run->status == RUN_COMPLETED &&
        run->completed_at - run->created_at >= run->all->config.long_s)
        tell(t, run, "cloche.analysis.completed");
}

static int store_end(struct run *run, uint64_t number, const struct strbuf *json, json_t *items)
{
    struct store *store = run->all->config.store;
    struct item_rows rows;
    struct store_run row = {0};
    struct error e = {0};
    struct store_text text = {strbuf_text(json), json->length};
    int r = item_rows_of(run, items, &rows);
    if (r == 0 && is_stored(run)) {
        struct told told = {.n = 0};
        r = run_to_row(run, &row);
        tell_all(&told, run);
        struct store_run_end end = {.run = &row,
            .first = (int64_t)number,
            .events = &text,
            .n_events = 1,
            .items = rows.row,
            .n_items = rows.n,
            .told = told.event,
            .n_told = told.n};
        if (r == 0)
            r = store_run_end(store, &end, &e);
        for (size_t i = 0; i < told.n; i++)
            strbuf_deinit(&told.body[i]);
    } else if (r == 0 && rows.n > 0 && store) {
        r = store_items_append(store, rows.row, rows.n, &e);
    }
    if (r < 0 && r != -ENOENT)
        log_line(LOG_ERROR, "agent", "a run's end was not stored", "id=%s words=\"%s\"", run->id,
            e.message[0] ? e.message : strerror(-r));
    store_run_deinit(&row);
    item_rows_deinit(&rows);
    return r;
}

int log_finish(struct run *run, const char *type, const struct strbuf *json)
{
    pthread_mutex_lock(&run->lock);
    uint64_t number = log_end_number(&run->log);
    int r = push(&run->log, type, json);
    pthread_mutex_unlock(&run->lock);
    if (r < 0)
        log_line(LOG_ERROR, "agent", "a run's last event is lost", "id=%s", run->id);
    json_t *items = conversation_items(run);
    r = store_end(run, number, json, items);
    json_decref(items);
    pthread_mutex_lock(&run->lock);
    run->log.shown = log_end_number(&run->log);
    run->ended = true;
    pthread_cond_broadcast(&run->news);
    pthread_mutex_unlock(&run->lock);
    return r;
}

/* ---- readers ------------------------------------------------------------------------------------------- */

void run_events_free(struct run_event *events, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(events[i].json);
    free(events);
}

/* Every event begins {"type":"…"; the log's own writer makes it so. */
static void type_of(const char *json, char type[24])
{
    static const char begin[] = "{\"type\":\"";
    const char *at = strncmp(json, begin, sizeof begin - 1) == 0 ? json + sizeof begin - 1 : "";
    snprintf(type, 24, "%.*s", (int)strcspn(at, "\""), at);
}

static int read_stored(
    struct run *run, uint64_t from, struct run_event **ret, size_t *ret_n, struct error *e)
{
    struct store_event *rows = NULL;
    size_t n = 0;
    int r = store_run_events_read(
        run->all->config.store, run->id, (int64_t)from, READ_EVENTS_MAX, &rows, &n, e);
    if (r < 0)
        return r;
    struct run_event *events = calloc(n + 1, sizeof *events);
    if (!events) {
        store_events_free(rows, n);
        return error_set(e, ERROR_UNAVAILABLE, ENOMEM, "The server is out of memory.");
    }
    for (size_t i = 0; i < n; i++) {
        events[i].json = take_ptr(rows[i].text);
        events[i].length = rows[i].length;
        type_of(events[i].json, events[i].type);
    }
    store_events_free(rows, n);
    *ret = events;
    *ret_n = n;
    return 0;
}

/* Copies what is in memory from `from` on, below `end`. Lock held. */
static int copy_out(const struct log *l, uint64_t from, uint64_t end, struct run_event **ret,
    size_t *ret_n, struct error *e)
{
    size_t n = (size_t)(end - from);
    n = n < READ_EVENTS_MAX ? n : READ_EVENTS_MAX;
    struct run_event *events = calloc(n + 1, sizeof *events);
    bool good = events != NULL;
    for (size_t i = 0; i < n && good; i++) {
        const struct log_event *event = &l->event[from - l->first + i];
        events[i].json = malloc(event->length + 1);
        good = events[i].json != NULL;
        if (good)
            memcpy(events[i].json, event->json, event->length + 1);
        events[i].length = event->length;
        memcpy(events[i].type, event->type, sizeof event->type);
    }
    if (!good) {
        run_events_free(events, events ? n : 0);
        return error_set(e, ERROR_UNAVAILABLE, ENOMEM, "The server is out of memory.");
    }
    *ret = events;
    *ret_n = n;
    return 0;
}

static struct timespec after_ms(int64_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

int run_events(struct run *run, uint64_t from, int timeout_ms, struct run_event **ret,
    size_t *ret_n, struct error *e)
{
    struct log *l = &run->log;
    struct timespec until = after_ms(timeout_ms);
    *ret = NULL;
    *ret_n = 0;
    if (!run->threaded) {
        int r = read_stored(run, from, ret, ret_n, e);
        return r < 0 ? r : *ret_n < READ_EVENTS_MAX;
    }
    pthread_mutex_lock(&run->lock);
    bool inside = pthread_equal(run->thread, pthread_self());
    while (!inside && !run->ended && from >= l->shown)
        if (pthread_cond_timedwait(&run->news, &run->lock, &until) == ETIMEDOUT)
            break;
    uint64_t end = inside ? log_end_number(l) : l->shown;
    bool ended = inside || run->ended, beyond = from < l->first;
    int r = beyond || from >= end ? 0 : copy_out(l, from, end, ret, ret_n, e);
    pthread_mutex_unlock(&run->lock);
    if (r < 0)
        return r;
    if (!beyond)
        return ended && from + *ret_n >= end;
    r = read_stored(run, from, ret, ret_n, e);
    if (r == 0 && *ret_n == 0) { /* deleted meanwhile */
        run_events_free(*ret, 0);
        *ret = NULL;
        r = error_set(e, ERROR_NOT_FOUND, ENOENT, "The run was deleted.");
    }
    return r;
}
