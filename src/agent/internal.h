/* internal.h - what the parts of agent/ share: a run, its log, and the loop that fills it.
 *
 * A run is in the registry (runs.c) while its thread lives. Whoever asks later gets one made from its
 * row, which looks the same. All of `struct run` above its lock is written before the thread begins;
 * what is below is written by the thread alone, under the lock, and read by anybody under it.
 * Locks: registry, then one run's. Neither is held while anybody waits for a model, a session or the
 * store. */
#pragma once
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "agent/redact.h"
#include "agent/run.h"
#include "base/json_writer.h"
#include "base/strbuf.h"

enum {
    RUN_BUCKETS = 1024,
    EVENT_MAX = 8 << 20,       /* one event's JSON */
    LOG_KEPT_BYTES = 1 << 20,  /* in memory, of what the store has */
    LOG_BYTES_MAX = 64 << 20,  /* of a run that is not stored */
    EVENTS_MAX = 200000,       /* of one run, but for its end */
    READ_EVENTS_MAX = 512,     /* at once by one reader */
    CODE_BYTES_MAX = 1 << 20,  /* what session_execute takes */
    RUN_STACK_BYTES = 1 << 20, /* of its thread; only what is touched costs anything */
};

/* ---- a run ------------------------------------------------------------------------------------------- */

struct log_event {
    char *json;
    size_t length;
    char type[24];
};
struct log {
    struct log_event *event; /* those in memory */
    size_t n, capacity;
    uint64_t first; /* the number of event[0] */
    uint64_t shown; /* numbers below this are everybody's; the others are being stored */
    size_t bytes;
};
static inline uint64_t log_end_number(const struct log *l) { return l->first + l->n; }

/* What a run was asked to do: run_spec with a life of its own. */
struct plan {
    struct model_route route;
    char *instructions, *reasoning_effort, *told, *notice;
    json_t *context, *functions, *tool_choice, *text_format, *extra;
    bool interpreter, parallel_tool_calls, sample, publish;
    double temperature, top_p, budget_usd;
    int64_t max_output_tokens, max_input_tokens, max_tool_calls, expires_at;
    unsigned max_rounds;
    struct session_spec container; /* its strings are ours */
};

enum stop { STOP_NOT, STOP_CANCELLED, STOP_SERVER };

struct run {
    struct run *next; /* in its bucket */
    struct runs *all;
    atomic_uint refs;
    char id[ID_SIZE];
    char *project, *dialect, *conversation_id, *previous_id;
    json_t *request, *input;
    int64_t created_at, expires_at;
    bool background, stored, alone;
    /* It has, or had, a thread of this process; else it was read from the store. run_close makes the one of the
     * other, under the lock, while others may have found it. */
    atomic_bool threaded;
    struct plan plan;
    json_t *results; /* run_resume's, for its thread; or NULL */
    pthread_t thread;
    atomic_bool cancel; /* the model's call ends */
    atomic_int stop;    /* enum stop */
    pthread_mutex_t lock;
    pthread_cond_t news;
    struct log log;
    enum run_status status;
    bool ended;            /* its last event is everybody's */
    atomic_bool forgotten; /* run_delete: nothing more is stored */
    int64_t completed_at;
    char model[320];
    struct session *session; /* NULL: none yet */
    char container_id[ID_SIZE];
    json_t *error;  /* or NULL */
    json_t *output; /* transcript items it has made */
    struct provider_usage usage;
    char execution_id[ID_SIZE]; /* of its code that runs now, or "" */
    unsigned items;             /* started so far */
};

struct runs {
    struct runs_config config;
    struct redaction *redaction; /* NULL: nothing is masked */
    pthread_mutex_t lock;
    pthread_cond_t idle;
    struct run *bucket[RUN_BUCKETS];
    unsigned active;
    bool stopping;
    pthread_t watcher; /* expire.c's */
    bool watching;
    pthread_cond_t unwatch; /* stopping */
};

/* ---- runs.c: the registry ------------------------------------------------------------------------------ */
/* The registry's lock is held. NULL: none of that id has a thread. */
struct run *runs_look_up(struct runs *r, const char *id);
/* Room for one more thread, taken until runs_leave. UNAVAILABLE, QUEUE_FULL. */
int runs_reserve(struct runs *r, struct error *e);
void runs_leave(struct runs *r);
/* Takes a reference of its own. INVALID_VALUE: it is there already. */
int runs_enter(struct runs *r, struct run *run, struct error *e);
void runs_withdraw(struct runs *r, struct run *run);
/* The thread has the caller's reference, when this succeeds. */
int run_begin_thread(struct run *run, struct error *e);
/* ---- expire.c ---- */
/* Returns when its thread has ended, which has been told so by `stopping` and `unwatch`. */
void runs_unwatch(struct runs *r);
/* ---- start.c ---- */
/* Between a look at its row and its entry here somebody else may have resumed it, or ended it. INVALID_VALUE. */
int run_still_waits(struct runs *r, const struct run *run, struct error *e);
/* Events and items of a run that goes on are numbered behind those there are. */
int run_count_past(struct runs *r, struct run *run, struct error *e);

static inline int runs_no_memory(struct error *e)
{
    return error_set(e, ERROR_UNAVAILABLE, ENOMEM, "The server is out of memory.");
}
/* A copy of a text that may be NULL; false without memory. */
static inline bool text_copy(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to;
}

/* ---- run.c: one run ---------------------------------------------------------------------------------- */
/* Refs 1, in no list. NULL: no memory. */
struct run *run_new(struct runs *all, const char *project, const char *dialect, const char *id);
struct run *run_of_row(struct runs *all, const struct store_run *row);
/* Its row as it is now; texts are the holder's (store_run_deinit). Its own thread only. 0 or -ENOMEM. */
int run_to_row(struct run *run, struct store_run *ret);
int plan_init(struct plan *p, const struct run_spec *spec); /* 0 or -ENOMEM; deinit in any case */
void plan_deinit(struct plan *p);
json_t *usage_json(const struct provider_usage *u); /* a new reference, or NULL */
void usage_add(struct provider_usage *to, const struct provider_usage *u);

/* ---- log.c: what its thread writes and everybody reads ------------------------------------------------- */
/* Adds one event (copied), stores it if the run is stored, and shows it. 0; -EOVERFLOW when the run has too
 * many of them or too much; another negative errno with `e` when it could not be stored. */
int log_append(struct run *run, const char *type, const struct strbuf *json, struct error *e);
/* The last one, with the run's end: status and completed_at are set. What the store does not take is logged, and
 * its readers are told all the same: then the store's negative errno, -ENOENT when it was deleted meanwhile. */
int log_finish(struct run *run, const char *type, const struct strbuf *json);
/* Whether a run of its dialect that asks for results of functions is over with that. */
bool action_completes(const struct run *run);
void log_deinit(struct log *l);

/* ---- loop.c -------------------------------------------------------------------------------------------- */
/* The whole of a run, in its thread: from its first event to its last. */
void loop_run(struct run *run);
