/* internal.h - what the parts of session/ share and nobody else sees: sessions and their registry.
 *
 * Locks, outermost first: registry, a session's `files`, its `lock`, a control's, grounds'. None is held
 * while anybody waits for a kernel, an init, a warden, the supervisor or the store, but `files`, which is
 * what orders scans and the rows written of them. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "ipc/frame.h"
#include "session/execution.h"
#include "session/forget.h"
#include "session/grounds.h"
#include "session/grounds_private.h"
#include "session/pool.h"
#include "session/room.h"
#include "session/session.h"
#include "session/workspace.h"
#include "store/store.h"

enum { SESSION_BUCKETS = 4096 };

/* Who waits for a session's kernel, in the order of coming. */
struct turn {
    struct turn *next;
    pthread_cond_t come;
    bool mine;
};

enum session_state { SESSION_LIVE, SESSION_EXPIRED, SESSION_DELETED };

struct session {
    struct session *next; /* in its bucket */
    struct sessions *all;
    char id[ID_SIZE];
    char *project, *name, *environment, *metadata;
    unsigned idle_minutes;
    /* full: kernels from ZYGOTE_FULL; anonymous: stateless, in no registry */
    bool undo, full, anonymous;
    int64_t created_at;
    _Atomic int64_t last_active_at;
    atomic_uint refs;
    /* Below: lock. */
    pthread_mutex_t lock;
    enum session_state state;
    char *why;
    uint64_t memory_limit_bytes;
    struct sandbox *sandbox; /* this session's reference; NULL when it ended */
    bool busy;               /* somebody has the turn */
    bool glance;             /* and only to look, which is no use of the session */
    struct turn *first_turn, **last_turn;
    unsigned turns;
    struct control *control; /* of the execution that runs, or NULL */
    char running_id[ID_SIZE];
    bool lost_variables;        /* the kernel died while idle: the next answer says `reset` */
    char lost_why[DEATH_WORDS]; /* and why, or "" */
    bool had_kernel;
    unsigned execution_count;
    int64_t cpu_us;
    char *variables; /* the last answer, or NULL */
    struct workspace workspace;
    pthread_mutex_t files; /* one scan-and-compare at a time; taken before `lock` */
    int64_t stored_active_at;
};

struct sessions {
    /* replaced whole; old ones are kept in old_config */
    _Atomic(const struct sessions_config *) config;
    const struct sessions_config **old_config;
    size_t old_configs;
    struct store *store;
    struct forgetter *forgetter; /* NULL without a store */
    int supervisor_fd, environments_dir;
    const int *memory; /* of all sandboxes, the inheritance's: see room.h */
    struct link *supervisor;
    struct pipes *pipes;
    struct grounds *grounds;
    int death_fd;
    pthread_t housekeeper, warmer;
    bool housekeeping, warming;
    struct recovery *recovery; /* while it goes on, or NULL */
    struct stateless_cache *stateless;
    atomic_bool stopping, quitting;
    _Atomic int64_t stop_by_us;
    atomic_uint running;  /* executions */
    pthread_mutex_t lock; /* registry */
    pthread_cond_t idle;
    struct session *bucket[SESSION_BUCKETS];
    unsigned live;
};

/* ---- sessions.c ---------------------------------------------------------------------------------- */
/* Makes what is needed most, if it is not there: the grounds and zygotes of the default environment
 * and of base. What fails is told only the first time. */
void sessions_warm(struct sessions *s, bool first);

/* ---- session.c ----------------------------------------------------------------------------------- */
/* A session object, in no list, without a sandbox; refs 1. NULL: no memory. Strings are copied. */
struct session *session_new(struct sessions *all, const char *id, const struct session_spec *spec);
/* Puts a live session into the registry, which takes a reference of its own. */
void session_enter(struct session *s);
/* A sandbox and a kernel for a new session: from the pool, else made. 0 or error. */
int sandbox_for(struct sessions *all, const char *environment, enum zygote_slot slot,
    uint64_t memory_bytes, struct sandbox **ret, struct error *e);
/* Checks that it lives: 0, CONTAINER_EXPIRED or NOT_FOUND. Lock held. */
int session_check(struct session *s, struct error *e);
/* The sandbox with a reference, when it lives. */
int session_sandbox(struct session *s, struct sandbox **ret, struct error *e);
/* Ends a live session for a reason: expired from now on. Ends its sandbox. Once. */
void session_expire(struct session *s, const char *why);
/* Looks at whether its sandbox died; expires it then. */
void session_look(struct session *s);
bool session_id_shaped(const char *id);

/* ---- memory.c ------------------------------------------------------------------------------------ */
/* Can a session have that much memory? 0, or INVALID_VALUE naming memory_limit. */
int memory_check(const struct sessions *all, uint64_t bytes, struct error *e);

/* ---- turns.c --------------------------------------------------------------------------------------- */
/* What a turn is for: code, which waits in line; something short, and -EBUSY when the turn is another's; and the same
 * by who only looks, which is no use of the session: it may expire meanwhile. */
enum turn_for { TURN_IN_LINE, TURN_AT_ONCE, TURN_LOOK };
/* Waits for the session's kernel, in order. 0 with the turn; or error: QUEUE_FULL, expired, deleted;
 * -ECANCELED when `callbacks` says the client went; -EBUSY unless it is TURN_IN_LINE. */
int turn_take(struct session *s, const struct execution_callbacks *callbacks, enum turn_for what,
    struct error *e);
void turn_pass(struct session *s);
/* Makes sure that a live kernel is there. The turn is the caller's. */
int turn_kernel(struct session *s, struct error *e);

/* ---- files.c ---------------------------------------------------------------------------------------- */
/* Scans the workspace, brings index and store up to date. `e` (an execution) gets its files and
 * notes, or is NULL. `usage` may be NULL. 0 or -errno of init. */
int files_scan(
    struct session *s, struct sandbox *sandbox, struct execution *e, struct init_scan *usage);
/* A file that is not listed, found by its id: a stream kept whole. Lock held. */
void files_hide(struct session *s, const char *execution_id, const struct truncation *t);
/* A file that was just written from outside: its id, in index and store. 0 or -errno. */
int files_take_upload(struct session *s, struct sandbox *b, const char *path);

/* One by id, or by path when `id` is NULL, as the last scan saw it. ERROR_NOT_FOUND. */
int files_find(
    struct session *s, const char *id, const char *path, struct session_file *ret, struct error *e);
/* What an errno of init, or of its writer, means to a client. */
int files_error(struct session *s, int rc, struct error *e);
/* The path below the scratch of one below the workspace. */
enum { FILES_PATH_SIZE = 1100 };
void files_path(char to[FILES_PATH_SIZE], const char *path);

/* ---- figures.c ---------------------------------------------------------------------------------------- */
/* By id, or by path when `id` is NULL. 0, -ENOENT: no figure; another -errno. */
int figure_find(struct session *s, const char *id, const char *path, struct session_file *ret);
int figure_open(struct session *s, const char *path, struct file_reader *ret);
int figure_delete(struct session *s, const char *id);
/* Appends the session's figures to an array of n files. */
int figures_list(struct session *s, struct session_file **files, size_t *n);

/* ---- execute.c --------------------------------------------------------------------------------------- */
/* Checks the parts of a spec that do not depend on a session. */
int execute_check(const struct sessions *all, const struct execute_spec *spec, struct error *e);
/* Runs in the sandbox of a session whose turn the caller has, and records. */
int execute_in_turn(
    struct session *s, const struct execute_spec *spec, struct execution *ret, struct error *e);
/* Appends a note to an execution. */
void execution_note(struct execution *e, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- expiry.c, recovery.c, stateless.c ------------------------------------------------------------------ */
int expiry_start(struct sessions *all);
void expiry_stop(struct sessions *all);
/* Takes over what an earlier server left. Never fails: what cannot be taken over is ended. */
void recovery_run(struct sessions *all, struct inheritance *from);
void recovery_wait(struct sessions *all);
struct stateless_cache *stateless_new(void);
void stateless_free(struct stateless_cache *c);
/* Interrupts every stateless execution that runs. */
void stateless_interrupt(struct stateless_cache *c);
/* Ends what has been kept too long. */
void stateless_tend(struct stateless_cache *c);
