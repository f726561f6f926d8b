/* store.h - everything that outlives the server: keys, containers and what lies in them, execution
 * records, Files and their bytes, runs and their events, conversations.
 *
 * Used by the server and by `cloche key`. The backend is SQLite and a directory of blobs; nothing of
 * either shows here, so that another backend can stand behind the same functions. The store never
 * interprets what it keeps (records, metadata and settings are text to it), never runs the clock of
 * a session, and never logs a secret, code or output.
 *
 * Rules for all functions, unless one says otherwise:
 *   - Callable from any thread at any time between store_open and store_close. They block for some
 *     tens of microseconds; those marked *durable* for an fsync (milliseconds, shared by callers).
 *   - 0, or a negative errno with `e` filled (NULL is allowed). -ENOENT with ERROR_NOT_FOUND: no such
 *     row, or it belongs to another project. -ENOSPC with ERROR_INSUFFICIENT_STORAGE: the disk is
 *     full; nothing was changed, everything else goes on, and a later call may succeed. Deletes and
 *     targeted updates go on when the disk is full. -EIO with the same code: a *durable* call whose
 *     data the disk refused; what it inserted was taken back.
 *   - What returned 0 survives kill -9 of the server; *durable* ones survive power loss as well, the
 *     others may lose the last second to it.
 *   - Arguments are borrowed. A `struct store_…` passed as const is borrowed with all its strings
 *     (string literals are welcome); one that was filled by the store owns malloc'ed strings, which
 *     its deinit releases (deinit of a zeroed one is allowed, and leaves it zeroed). `ret_` outputs
 *     are untouched on failure. NULL strings are stored as NULL where "or NULL" is said.
 *   - Times are Unix seconds. Lists are ordered by creation. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/ids.h"

struct store;

enum store_open_flags {
    /* The one server of this state directory: sweeps orphans, flushes and checkpoints in a thread of
     * its own, holds a reserve for deletes. The caller holds the state directory's lock. Without it:
     * a tool (`cloche key`) that may run beside the server. */
    STORE_OWNER = 1,
};

/* Bounds, each a promise to the layers above. */
enum {
    STORE_RECORD_INLINE_MAX = 256 * 1024, /* longer execution records become blobs */
    STORE_EXECUTIONS_KEPT = 1000,         /* of each container, the newest */
    STORE_STATELESS_KEPT = 10000,         /* executions without a container, the newest */
    STORE_ENDED_DAYS = 30,  /* ended containers and stateless executions are kept so long */
    STORE_RUN_DAYS = 30,    /* runs with their events, from their creation, as OpenAI's responses */
    STORE_PAGE_MAX = 10000, /* a page's limit is clamped to 1..this */
};

/* Opens, creating or migrating, the store in the directory `dir_fd` (borrowed; duplicated). Works
 * when the process cannot reach that directory by any path. Fails with -EPROTO when the store was
 * written by a newer Cloche. Needs no other initialisation (it calls sodium_init). */
int store_open(int dir_fd, unsigned flags, struct store **ret_store, struct error *e);
/* Flushes, checkpoints, closes. NULL is allowed. No other call may be under way. Returns NULL. */
struct store *store_close(struct store *s);
/* Makes all that was acknowledged survive power loss, now. */
int store_sync(struct store *s, struct error *e);

/* ---- settings: small facts the layers above remember ------------------------------------------- */

/* *ret_value is malloc'ed; -ENOENT when the name was never set. */
int store_setting_get(struct store *s, const char *name, char **ret_value, struct error *e);
/* NULL forgets it. */
int store_setting_set(struct store *s, const char *name, const char *value, struct error *e);

/* ---- projects and API keys ----------------------------------------------------------------------- */

/* Projects are names; they need no creation. What is made without a key belongs to this one. */
#define STORE_PROJECT_DEFAULT "default"
/* Whether a person may give this name to --project: as id_valid, and not starting with "key_". */
bool store_project_valid(const char *name);

enum { STORE_SECRET_SIZE = 64 };

struct store_key {
    char *id, *name, *project;
    int64_t created_at, revoked_at; /* revoked_at: 0 while it is good */
};
struct store_keys {
    struct store_key *items;
    size_t count;
};
void store_key_deinit(struct store_key *k);
void store_keys_deinit(struct store_keys *k);

/* Durable. `project` or NULL: a project of its own (named as the key's id), except that the first key
 * ever made so gets "default". The secret (`cl-…`, NUL-terminated) is given out here and never again. */
int store_key_create(struct store *s, const char *name, const char *project,
    struct store_key *ret_key, char ret_secret[STORE_SECRET_SIZE], struct error *e);
/* All of them, revoked ones included, oldest first. */
int store_key_list(struct store *s, struct store_keys *ret_keys, struct error *e);
/* Durable. Revoking a revoked key is 0. Held for good from the next store_key_lookup on, in every
 * process that has this store open. */
int store_key_revoke(struct store *s, const char *id, struct error *e);

struct store_access {
    char project[ID_SIZE], key_id[ID_SIZE];
};
/* Finds whose secret this is (`length` bytes, any bytes). 0; -EACCES: unknown or revoked; another
 * negative errno: the store could not be read, treat it as refusal. Sees what another process wrote
 * before the call. Microseconds. */
int store_key_lookup(
    struct store *s, const char *secret, size_t length, struct store_access *ret_access);
/* 1 when a key was ever made (access stays closed when all are revoked), 0 when not, negative errno:
 * treat it as 1. As fresh and as fast as store_key_lookup. */
int store_keys_exist(struct store *s);

/* ---- pages ------------------------------------------------------------------------------------------ */

/* What to list. Zeroed means: the 20 newest, newest first. `after`: the id the last page ended with, or
 * NULL; unknown ids give an empty page. */
struct store_page {
    int limit; /* 0 means 20 */
    bool ascending;
    const char *after;
    /* the page that ends just before this id, in the list's order; not together with `after`. Only
     * assistants, runs and items can be read so. */
    const char *before;
};

/* ---- containers (sessions) ------------------------------------------------------------------------------ */

enum store_container_status {
    STORE_CONTAINER_RUNNING,
    STORE_CONTAINER_EXPIRED,
    STORE_CONTAINER_DELETED, /* being taken down; unseen by get and list, seen by list_live */
};

/* Where the live session is, for a server that starts again. The store keeps these and knows nothing
 * of them; -1 or 0 as the session layer likes. */
struct store_container_live {
    int64_t ground_id, sandbox, kernel_serial, pipe_set, execution_count, flags;
};

struct store_container {
    char *id, *project, *name, *environment; /* never NULL */
    enum store_container_status status;
    int64_t created_at, last_active_at, ended_at; /* ended_at: 0 while running */
    int64_t expires_minutes;
    int64_t memory_limit_bytes;
    char *memory_limit;   /* the text as given ("1g"), or NULL */
    char *metadata;       /* JSON text, or NULL */
    char *network_policy; /* JSON text, or NULL */
    char *settings;       /* JSON text of the session layer, or NULL */
    char *end_reason;     /* why it expired, a sentence, or NULL */
    struct store_container_live live;
};
struct store_containers {
    struct store_container *items;
    size_t count;
    bool has_more;
};
void store_container_deinit(struct store_container *c);
void store_containers_deinit(struct store_containers *c);

int store_container_insert(struct store *s, const struct store_container *c, struct error *e);
/* Writes every column but id, project and created_at. */
int store_container_update(struct store *s, const struct store_container *c, struct error *e);
int store_container_touch(struct store *s, const char *id, int64_t last_active_at, struct error *e);
/* The limit is that if it was less; `text` as in memory_limit. */
int store_container_raise_memory(
    struct store *s, const char *id, int64_t bytes, const char *text, struct error *e);
int store_container_set_live(
    struct store *s, const char *id, const struct store_container_live *live, struct error *e);
/* Only from running: status, end_reason, ended_at (now), and the first of its files' rows go; for the others there
 * is store_container_forget. -ENOENT when it is not running. Running executions of it become `killed` with the same
 * reason as their note. */
int store_container_mark_expired(
    struct store *s, const char *id, const char *reason, struct error *e);
/* First step of a deletion: unseen from now on, its row stays until store_container_delete. */
int store_container_mark_deleted(struct store *s, const char *id, struct error *e);
/* One short piece of the work: some of its files' rows go, and after the last, with `row`, its own and its executions.
 * Again while *ret_more. */
int store_container_forget(
    struct store *s, const char *id, bool row, bool *ret_more, struct error *e);
/* All of that at once; breathes between (store_breathe). */
int store_container_delete(struct store *s, const char *id, struct error *e);
/* `project` NULL: of any project. */
int store_container_get(struct store *s, const char *project, const char *id,
    struct store_container *ret_container, struct error *e);
/* `name` or NULL: only those with exactly this name. */
int store_container_list(struct store *s, const char *project, const char *name,
    const struct store_page *page, struct store_containers *ret_list, struct error *e);
/* Of all projects: running ones, and deleted ones whose deletion was cut short. Oldest first. */
int store_container_list_live(struct store *s, struct store_containers *ret_list, struct error *e);

/* ---- files of containers ------------------------------------------------------------------------------------ */

/* What tells a changed file from the same one, as init's scan sees it. */
struct store_fingerprint {
    int64_t inode, ctime_ns, size;
};

struct store_container_file {
    char *id, *container_id; /* id: `cfile_` + 32 hex (id_new(…, "cfile_", 32)) */
    char *path;              /* relative to the workspace ("data/a.csv"), unique in its container */
    int64_t bytes, created_at;
    bool by_user;    /* source: user (uploaded) or assistant (made by code) */
    char *mime_type; /* or NULL */
    struct store_fingerprint fingerprint;
};
struct store_container_files {
    struct store_container_file *items;
    size_t count;
    bool has_more;
};
void store_container_file_deinit(struct store_container_file *f);
void store_container_files_deinit(struct store_container_files *f);

/* Puts n files, in one commit: each takes the place of what its container had at that path (new id,
 * the old one is gone). -ENOENT when a container is not there. All or none. */
int store_container_file_put(
    struct store *s, const struct store_container_file *files, size_t n, struct error *e);
int store_container_file_get(struct store *s, const char *container_id, const char *id,
    struct store_container_file *ret_file, struct error *e);
int store_container_file_find(struct store *s, const char *container_id, const char *path,
    struct store_container_file *ret_file, struct error *e);
int store_container_file_list(struct store *s, const char *container_id,
    const struct store_page *page, struct store_container_files *ret_list, struct error *e);
int store_container_file_delete(
    struct store *s, const char *container_id, const char *id, struct error *e);
/* 0 also when it had none. */
int store_container_file_delete_all(struct store *s, const char *container_id, struct error *e);

/* ---- executions ------------------------------------------------------------------------------------------------ */

struct store_execution {
    char *id;           /* `exec_…` */
    char *container_id; /* NULL: stateless */
    char *project;
    int64_t created_at;
    char *status; /* NULL while running */
    char *code;   /* the request's code */
    char *note;   /* why it was cut short, when the store's caller had no record to give; or NULL */
    char *record; /* the finished execution as JSON text; NULL while running, when cut short, and
                         * when it is long: then record_blob is set */
    int64_t record_bytes;
    char *record_blob; /* sha256 of the record's blob, or NULL */
};
struct store_executions {
    struct store_execution *items;
    size_t count;
    bool has_more;
};
void store_execution_deinit(struct store_execution *x);
void store_executions_deinit(struct store_executions *x);

/* With status NULL it is running; with status and record it is stored finished, in one commit. Give
 * record (of any length) and leave record_bytes and record_blob zero. */
int store_execution_insert(struct store *s, const struct store_execution *x, struct error *e);
/* What changes at its container together with an execution's end, in the same commit. */
struct store_touch {
    int64_t last_active_at, execution_count;
};
/* `container_id` NULL for a stateless one, `touch` or NULL. -ENOENT when there is no such execution
 * (its container was deleted meanwhile). On a full disk the row stays running: call again later, or
 * store_execution_cut_short, which needs no space. */
int store_execution_finish(struct store *s, const char *container_id, const char *id,
    const char *status, const char *record, size_t record_length, const struct store_touch *touch,
    struct error *e);
/* Ends what still is `running` there, without a record: one by id, all of a container (id NULL), or
 * all there are (both NULL). 0 also when there was none. */
int store_execution_cut_short(struct store *s, const char *container_id, const char *id,
    const char *status, const char *note, struct error *e);
int store_execution_get(struct store *s, const char *container_id, const char *id,
    struct store_execution *ret_execution, struct error *e);
int store_execution_list(struct store *s, const char *container_id, const struct store_page *page,
    struct store_executions *ret_list, struct error *e);
/* Calls `each` for all of them, oldest first, until it says something else than 0: what it said, or -errno of the
 * store, which alone fills `e`. Reads them a page at a time; what comes or goes meanwhile may be left out. */
int store_executions_each(struct store *s, const char *container_id,
    int (*each)(void *context, const struct store_execution *x), void *context, struct error *e);
/* The record wherever it lies: malloc'ed and NUL-terminated. -ENOENT when there is none, -EIO when its
 * blob was lost to a power failure. */
int store_execution_record(struct store *s, const struct store_execution *x, char **ret_record,
    size_t *ret_length, struct error *e);
int store_execution_delete_all(struct store *s, const char *container_id, struct error *e);

/* ---- blobs: bytes by their SHA-256 --------------------------------------------------------------------------------- */

struct blob_writer;
enum { BLOB_HEX_SIZE = 65 };

/* Begins a blob of unknown length. One thread at a time uses a writer. */
int store_blob_begin(struct store *s, struct blob_writer **ret_writer, struct error *e);
int store_blob_append(struct blob_writer *w, const void *data, size_t n, struct error *e);
/* The bytes are in place under their hash. With `durable` they survive power loss when this returns
 * (durable), else about a second later. The blob stays at least until blob_writer_free: insert the
 * row that names it before that. Nothing may be appended afterwards. */
int store_blob_commit(struct blob_writer *w, bool durable, char ret_sha256[BLOB_HEX_SIZE],
    int64_t *ret_bytes, struct error *e);
/* Drops what was not committed, and a committed blob that no row names. NULL is allowed. Returns NULL. */
struct blob_writer *blob_writer_free(struct blob_writer *w);
/* A read-only descriptor (>= 0) of the whole blob; it stays good when the blob is removed meanwhile. */
int store_blob_open(struct store *s, const char *sha256, struct error *e);

/* ---- Files (`file-…`) ------------------------------------------------------------------------------------------------- */

struct store_file {
    char *id, *project, *filename, *purpose;
    int64_t bytes, created_at, expires_at; /* expires_at: 0 for never */
    char *blob;                            /* sha256 of its content */
};
struct store_files {
    struct store_file *items;
    size_t count;
    bool has_more;
};
void store_file_deinit(struct store_file *f);
void store_files_deinit(struct store_files *f);

/* "file-" and 24 letters and digits. */
void store_file_id_new(char out[ID_SIZE]);
/* Durable. The blob must have been committed with `durable` and its writer be alive. */
int store_file_insert(struct store *s, const struct store_file *f, struct error *e);
int store_file_get(struct store *s, const char *project, const char *id,
    struct store_file *ret_file, struct error *e);
/* `purpose` or NULL for all. Expired ones are not listed, nor found by get. */
int store_file_list(struct store *s, const char *project, const char *purpose,
    const struct store_page *page, struct store_files *ret_list, struct error *e);
/* Durable; the blob goes with the last File that has it, and its space is free on return. */
int store_file_delete(struct store *s, const char *project, const char *id, struct error *e);

/* ---- uploads: Files that come in parts -------------------------------------------------------------- */

enum { STORE_UPLOAD_PARTS_MAX = 10000 };

/* status: "pending", "completed", "cancelled" or "expired". A pending one whose time has passed reads as
 * expired at once; its parts go within a minute. */
struct store_upload {
    char *id, *project, *filename, *purpose, *mime_type, *status;
    char *file_id;       /* of the File it became, or NULL */
    int64_t bytes;       /* how long the whole will be */
    int64_t parts_bytes; /* of the parts it has, those that nobody will use among them */
    int64_t created_at, expires_at;
    int64_t file_seconds; /* the File expires so long after it was made; 0: never */
};
struct store_upload_part {
    char *id, *upload_id, *blob;
    int64_t bytes, created_at;
};
void store_upload_deinit(struct store_upload *u);
void store_upload_part_deinit(struct store_upload_part *p);
/* QUOTA_EXCEEDED when the project has `pending_max` that are pending. */
int store_upload_insert(
    struct store *s, const struct store_upload *u, int64_t pending_max, struct error *e);
int store_upload_get(struct store *s, const char *project, const char *id,
    struct store_upload *ret_upload, struct error *e);
/* Durable; blob and writer as for store_file_insert. -ENOENT: it is not pending, or its parts would be more than
 * STORE_UPLOAD_PARTS_MAX, or longer than `bytes_max` together. */
int store_upload_part_insert(
    struct store *s, const struct store_upload_part *p, int64_t bytes_max, struct error *e);
int store_upload_part_get(struct store *s, const char *upload_id, const char *id,
    struct store_upload_part *ret_part, struct error *e);
/* Durable: it is `completed`, `f` (as for store_file_insert) exists, and its parts are gone: all or nothing.
 * -ENOENT: it is not pending any more. */
int store_upload_complete(
    struct store *s, const char *id, const struct store_file *f, struct error *e);
/* It is `cancelled`, and its parts' space is free on return. -ENOENT: it is not pending any more. */
int store_upload_cancel(struct store *s, const char *id, struct error *e);

/* ---- runs: one agent loop each, whatever dialect asked for it ------------------------------------- */

struct store_run {
    char *id, *project, *dialect, *status, *model;      /* status: run_status_name() */
    char *container_id, *conversation_id, *previous_id; /* or NULL */
    char *request; /* JSON text of the dialect: what it needs to show the run again; or NULL */
    char *input;   /* the request's transcript items, a JSON array; or NULL */
    char *output;  /* those the run made; NULL until it ended */
    char *error, *usage;              /* JSON texts or NULL */
    int64_t created_at, completed_at; /* completed_at: 0 until it ended */
    int64_t expires_at;               /* 0: never; does not change */
    bool background;
};
struct store_runs {
    struct store_run *items;
    size_t count;
    bool has_more;
};
void store_run_deinit(struct store_run *r);
void store_runs_deinit(struct store_runs *r);

enum store_run_flags {
    STORE_RUN_DURABLE = 1, /* survives power loss when this returns */
    /* -EBUSY, ERROR_INVALID_VALUE: another run of its conversation is queued, in progress or waits for results */
    STORE_RUN_ALONE = 2,
};
int store_run_insert(struct store *s, const struct store_run *r, unsigned flags, struct error *e);
/* The run of that conversation that is queued, in progress or waits for results. -ENOENT: none. */
int store_run_active(struct store *s, const char *project, const char *conversation_id,
    char ret_id[ID_SIZE], struct error *e);
/* Runs that wait for results and whose time is over, of any project, one by one in the order of that time: the one
 * behind `*due`, which is zeroed for the first and says the next afterwards. -ENOENT: none, and `*due` stays. */
struct store_run_due {
    int64_t expires_at, seq;
    char id[ID_SIZE];
};
int store_run_due(struct store *s, int64_t now_s, struct store_run_due *due, struct error *e);
/* The container that a run of that conversation used last. -ENOENT: none did. */
int store_run_container(struct store *s, const char *project, const char *conversation_id,
    char ret_id[ID_SIZE], struct error *e);
int store_run_set_request(struct store *s, const char *id, const char *request, struct error *e);
/* Writes what changes while it runs: status, model, container_id, completed_at, error, usage, output. */
int store_run_update(struct store *s, const struct store_run *r, struct error *e);
/* `project` and `dialect` NULL: any. */
int store_run_get(struct store *s, const char *project, const char *dialect, const char *id,
    struct store_run *ret_run, struct error *e);
/* `dialect` and `conversation_id` or NULL for all of the project. */
int store_run_list(struct store *s, const char *project, const char *dialect,
    const char *conversation_id, const struct store_page *page, struct store_runs *ret_list,
    struct error *e);
/* As store_executions_each. */
int store_runs_each(struct store *s, const char *project, const char *dialect,
    const char *conversation_id, int (*each)(void *context, const struct store_run *run),
    void *context, struct error *e);
/* With its events. Durable. */
int store_run_delete(struct store *s, const char *project, const char *id, struct error *e);
/* All that a server before this one left unfinished (status queued or in_progress) becomes `failed`,
 * with this error's JSON text, and gets one last event. Durable. Returns how many in *ret_count (or NULL). */
int store_runs_cut_short(struct store *s, const char *error, const char *event, int64_t now_s,
    int64_t *ret_count, struct error *e);

/* Events of a run, numbered from 0 without gaps: n texts from number `first` on, in one commit.
 * -ENOENT when there is no such run (it was deleted). */
struct store_text {
    const char *text;
    size_t length;
};
int store_run_events_append(struct store *s, const char *run_id, int64_t first,
    const struct store_text *events, size_t n, struct error *e);
/* Up to `limit` of them from `from` on; the array and its malloc'ed texts are the holder's. */
struct store_event {
    char *text;
    size_t length;
};
int store_run_events_read(struct store *s, const char *run_id, int64_t from, int limit,
    struct store_event **ret_events, size_t *ret_count, struct error *e);
void store_events_free(struct store_event *events, size_t n);

/* ---- conversations and their items ------------------------------------------------------------------ */

struct store_conversation {
    char *id, *project, *kind; /* kind: "conversation", or another dialect's word ("thread") */
    char *metadata, *data;     /* JSON texts or NULL; `data` is the dialect's own */
    int64_t created_at;
};
struct store_conversations {
    struct store_conversation *items;
    size_t count;
    bool has_more;
};
void store_conversation_deinit(struct store_conversation *c);
void store_conversations_deinit(struct store_conversations *c);
/* Durable, all three. */
int store_conversation_insert(struct store *s, const struct store_conversation *c, struct error *e);
/* metadata and data */
int store_conversation_update(struct store *s, const struct store_conversation *c, struct error *e);
/* with its items */
int store_conversation_delete(
    struct store *s, const char *project, const char *id, struct error *e);
int store_conversation_get(struct store *s, const char *project, const char *kind, const char *id,
    struct store_conversation *ret, struct error *e);
int store_conversation_list(struct store *s, const char *project, const char *kind,
    const struct store_page *page, struct store_conversations *ret, struct error *e);

/* An item as its dialect shows it (`json`), and as the model reads it (`transcript`, a JSON array). */
struct store_item {
    char *id, *conversation_id, *run_id; /* run_id or NULL */
    char *json, *transcript;             /* transcript or NULL: nothing for the model */
    int64_t created_at;
};
struct store_items {
    struct store_item *items;
    size_t count;
    bool has_more;
};
void store_item_deinit(struct store_item *i);
void store_items_deinit(struct store_items *i);
/* Durable; in this order behind what is there, in one commit. -ENOENT: a conversation is not there. */
int store_items_append(struct store *s, const struct store_item *items, size_t n, struct error *e);
/* json, transcript */
int store_item_update(struct store *s, const struct store_item *i, struct error *e);
int store_item_get(struct store *s, const char *conversation_id, const char *id,
    struct store_item *ret, struct error *e);
/* run_id or NULL */
int store_item_list(struct store *s, const char *conversation_id, const char *run_id,
    const struct store_page *page, struct store_items *ret, struct error *e);
/* As store_executions_each. `at_once` are in memory together. */
enum {
    STORE_ITEMS_FEW = 8, /* where each may have many MB */
    STORE_ITEMS_MANY = 500,
};
int store_items_each(struct store *s, const char *conversation_id, bool newest_first, int at_once,
    int (*each)(void *context, const struct store_item *item), void *context, struct error *e);
int store_item_delete(
    struct store *s, const char *conversation_id, const char *id, struct error *e);

/* ---- files of conversations ---------------------------------------------------------------------------- */

/* What lies in a conversation's workspace, or will when it gets one: the path there, and the File that
 * has the bytes. `source_id`: the File a person brought there, or NULL for what code made. `container_id`:
 * where it lies now, or NULL: nowhere yet. */
struct store_conversation_file {
    char *conversation_id, *path, *file_id, *source_id, *container_id;
    bool by_message; /* a message of the conversation named it */
};
void store_conversation_files_free(struct store_conversation_file *files, size_t n);
/* In one commit; what was at such a path is replaced, but keeps its source_id and by_message. -ENOENT: no such conversation. */
int store_conversation_files_put(
    struct store *s, const struct store_conversation_file *files, size_t n, struct error *e);
/* All of them, oldest first; the array is the holder's. */
int store_conversation_files_list(struct store *s, const char *conversation_id,
    struct store_conversation_file **ret, size_t *ret_n, struct error *e);
/* All of them lie in that container now. */
int store_conversation_files_placed(
    struct store *s, const char *conversation_id, const char *container_id, struct error *e);

/* ---- logins: browsers that were let in by a key ----------------------------------------------------------- */

enum { STORE_LOGIN_DAYS = 30 };
/* Durable. The secret for a cookie, given out here alone; it is good as long as the key, 30 days at most. */
int store_login_create(
    struct store *s, const char *key_id, char ret_secret[STORE_SECRET_SIZE], struct error *e);
/* As store_key_lookup. */
int store_login_lookup(
    struct store *s, const char *secret, size_t length, struct store_access *ret_access);
/* 0 also when there was none. */
int store_login_delete(struct store *s, const char *secret, size_t length, struct error *e);

/* ---- webhooks, and what is to be delivered to them ----------------------------------------------------------- */

struct store_webhook {
    char *id, *project, *url, *events, *secret; /* events: a JSON array of names */
    int64_t created_at;
};
struct store_webhooks {
    struct store_webhook *items;
    size_t count;
    bool has_more;
};
void store_webhook_deinit(struct store_webhook *w);
void store_webhooks_deinit(struct store_webhooks *w);
enum { STORE_WEBHOOKS_MAX = 20 /* of one project */ };
/* Durable. -EDQUOT with QUOTA_EXCEEDED: the project has STORE_WEBHOOKS_MAX. */
int store_webhook_insert(struct store *s, const struct store_webhook *w, struct error *e);
/* `project` NULL: of any. */
int store_webhook_get(struct store *s, const char *project, const char *id,
    struct store_webhook *ret, struct error *e);
int store_webhook_list(struct store *s, const char *project, const struct store_page *page,
    struct store_webhooks *ret, struct error *e);
/* Durable; with what was still to be delivered to it. */
int store_webhook_delete(struct store *s, const char *project, const char *id, struct error *e);

/* So many wait for each webhook; beyond, those that wait longest are "dropped". */
enum { STORE_DELIVERIES_MAX = 1000 };

struct store_delivery {
    char *id, *webhook_id, *type, *body; /* id: the event's, `evt_…` */
    char *status;                        /* "pending", "delivered", "failed", "dropped" */
    char *error;                         /* of the last attempt, or NULL */
    int64_t created_at, attempts, next_at,
        http_status; /* next_at: 0, there will be no further one */
};
struct store_deliveries {
    struct store_delivery *items;
    size_t count;
    bool has_more;
};
void store_delivery_deinit(struct store_delivery *d);
void store_deliveries_deinit(struct store_deliveries *d);
/* The next one that is due, counted as attempted and nobody else's for `lease_s`; at most one at a time of each
 * webhook. -ENOENT: none is due. */
int store_delivery_claim(
    struct store *s, int64_t now_s, int64_t lease_s, struct store_delivery *ret, struct error *e);
/* Writes status, next_at, http_status and error of one that was claimed. */
int store_delivery_done(struct store *s, const struct store_delivery *d, struct error *e);
int store_delivery_list(struct store *s, const char *webhook_id, const struct store_page *page,
    struct store_deliveries *ret, struct error *e);

/* ---- assistants: how runs are to be made, under a name --------------------------------------------------- */

struct store_assistant {
    char *id, *project, *data; /* JSON text of the dialect */
    int64_t created_at;
};
struct store_assistants {
    struct store_assistant *items;
    size_t count;
    bool has_more;
};
void store_assistant_deinit(struct store_assistant *a);
void store_assistants_deinit(struct store_assistants *a);
/* Durable, all three. */
int store_assistant_insert(struct store *s, const struct store_assistant *a, struct error *e);
/* data */
int store_assistant_update(struct store *s, const struct store_assistant *a, struct error *e);
int store_assistant_delete(struct store *s, const char *project, const char *id, struct error *e);
int store_assistant_get(struct store *s, const char *project, const char *id,
    struct store_assistant *ret, struct error *e);
int store_assistant_list(struct store *s, const char *project, const struct store_page *page,
    struct store_assistants *ret, struct error *e);

/* ---- the end of a run ---------------------------------------------------------------------------------- */

/* "response.completed" and the like, the event's id, and what is sent. */
struct store_told {
    const char *type, *id, *body;
};

/* Ends a run, in one durable commit, so that nobody ever finds half of an end: its row as by
 * store_run_update, its last events, and what its conversation gets (whose absence is no failure:
 * it was deleted meanwhile). An item that is there already is written anew. */
struct store_run_end {
    const struct store_run *run;
    int64_t first; /* number of the first of the events */
    const struct store_text *events;
    size_t n_events;
    const struct store_item *items;
    size_t n_items;
    const struct store_told *told; /* what webhooks of its project hear */
    size_t n_told;
};
int store_run_end(struct store *s, const struct store_run_end *end, struct error *e);

/* ---- figures: what code displayed in a container, kept by the server ---------------------------------- */

struct store_figure {
    char *id, *container_id, *mime_type, *blob; /* id: `cfile_` + 32 hex */
    int64_t bytes, created_at;
};
void store_figure_deinit(struct store_figure *f);
void store_figures_free(struct store_figure *figures, size_t n);
/* The blob must have been committed and its writer be alive. Figures go when their container ends.
 * -ENOENT when the container is not there; QUOTA_EXCEEDED when all of its would take more than `bytes_max`. */
int store_figure_insert(
    struct store *s, const struct store_figure *f, int64_t bytes_max, struct error *e);
int store_figure_get(struct store *s, const char *container_id, const char *id,
    struct store_figure *ret, struct error *e);
/* All of them, oldest first; the array is the holder's (store_figures_free). */
int store_figure_list(struct store *s, const char *container_id, struct store_figure **ret,
    size_t *ret_count, struct error *e);
int store_figure_delete(struct store *s, const char *container_id, const char *id, struct error *e);

/* ---- time ---------------------------------------------------------------------------------------------------------------- */

/* Sleeps as long as the caller has worked since `since_us` (clock_monotonic_us; 0.1 s at most): between the
 * pieces of long work. The lock being free is not enough: sandboxes run when the server has no use for a core,
 * and one that waits where a thread of ours never sleeps waits until another core takes it. */
void store_breathe(int64_t since_us);

/* Removes what has outlived its time: Files past expires_at, containers that ended STORE_ENDED_DAYS
 * ago with all of theirs, stateless executions as old, executions beyond STORE_EXECUTIONS_KEPT of a
 * container, runs made STORE_RUN_DAYS ago, parts of uploads that are not pending, old uploads. Call about once a minute. *ret_removed (or NULL): how many rows. */
int store_expire(struct store *s, int64_t now_s, int64_t *ret_removed, struct error *e);
