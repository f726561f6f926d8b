/* session.h - the heart of the unprivileged server: sessions, executions, their files, their deaths.
 *
 * Used by the API and by `cloche run`, inside the server process. It never runs user code and
 * believes nothing that a kernel says: frames, paths, sizes and numbers are bounded and checked
 * here. It talks to supervisor, wardens and inits through ipc/protocol.h alone. All calls block in
 * the calling thread (one thread for each active request, none for an idle session) and are safe
 * from several threads. Errors are 0 or negative with a `struct error` meant for the client. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/ids.h"
#include "base/strbuf.h"
#include "sandbox/cgroup.h"

struct store;
struct sessions; /* everything that lives in this server */
struct session;  /* one container; reference counted */

/* ---- what the supervisor hands over ------------------------------------------------------------ */

enum { INHERITED_LISTENERS_MAX = 32 };

struct inherited_listener {
    int fd;
    char address[128]; /* as it was given: "127.0.0.1:8000", "unix:/run/x" */
};
struct inherited_ground {
    uint64_t id;
    int fd, idle_fd; /* SUP_INHERITED_GROUND's */
    char environment[128];
};
struct inherited_pipes {
    uint64_t id;
    int fd[4];
};
/* All that came between the server's start and SUP_START. Descriptors are the holder's. */
struct inheritance {
    int supervisor; /* the socket itself */
    struct inherited_listener listener[INHERITED_LISTENERS_MAX];
    size_t listeners;
    struct inherited_ground *ground;
    size_t grounds;
    struct inherited_pipes *pipes;
    size_t pipe_sets;
    int state_dir, environments_dir; /* -1: not given */
    int memory[CGROUP_MEMORIES];     /* of all sandboxes; -1 each: nothing limits it */
    uint64_t servers_before;         /* 0: the first server of this supervisor */
};

/* Reads from the supervisor's socket until SUP_START. Blocks. The socket stays the caller's. */
int inheritance_receive(int supervisor, struct inheritance *ret, struct error *e);
/* Closes whatever nobody took; not the supervisor's socket. */
void inheritance_deinit(struct inheritance *i);

/* ---- the layer as a whole ---------------------------------------------------------------------- */

struct sessions_config {
    const char *default_environment; /* "data-science" */
    uint64_t memory_default_bytes;   /* 1 GiB */
    uint64_t zygote_memory_bytes;    /* 2 GiB */
    uint64_t memory_max_bytes;       /* what the host can give one session; 0: measured */
    uint64_t files_percent;          /* of the memory limit: 50 */
    uint64_t inodes;                 /* 100,000 */
    uint64_t pids;                   /* 128 */
    uint64_t cpu_quota_us;           /* of each 100 ms, on all cores together; 0: no quota */
    int64_t timeout_default_ms, timeout_max_ms;      /* 30 s, 600 s */
    unsigned idle_minutes_default, idle_minutes_max; /* 20, 1440 */
    unsigned queue_max;                              /* executions that wait in one session: 16 */
    unsigned sessions_max;                           /* live ones: 10,000 */
    unsigned environments_max;                       /* live beside base and the default: 62 */
    unsigned sessions_max_per_project;               /* 0: as sessions_max */
    unsigned pool_sandboxes;                         /* prepared, for each ground: 8 */
    unsigned pool_kernels_full;                      /* rehearsed, environments with a warm-up: 6 */
    unsigned pool_kernels_plain;                     /* base: 2 */
    uint64_t upload_max_bytes;                       /* 512 MiB */
    uint64_t download_max_bytes;                     /* 4 GiB: beyond, a (sparse) file is refused */
    uint64_t figures_max_bytes;                      /* kept of one session, together: 256 MiB */
    uint64_t output_head_bytes, output_tail_bytes;   /* kept of each stream: 64 KiB and 64 KiB */
    uint64_t output_file_bytes;                      /* of a stream's whole, in its file: 16 MiB */
    const char *timezone;   /* "UTC"; another one is in the environment of each execution */
    bool recycle_stateless; /* true; else each has a sandbox that nobody used */
    int folder;             /* one_shot: a folder of the host to be /mnt/data, borrowed; -1: none */
    bool one_shot;          /* `cloche run`: no pools, no housekeeping, no warm-up */
};
/* Fills in the defaults above. */
void sessions_config_defaults(struct sessions_config *c);

/* Starts the layer: takes over inherited grounds, pipes and sessions (see recovery.h), begins to
 * warm the default environment. `store` is borrowed until sessions_free, or NULL: nothing is
 * remembered. Takes grounds, pipes and the supervisor's socket out of `inherited`, and borrows its
 * environments directory and its memory. Does not wait for a zygote. */
int sessions_start(const struct sessions_config *config, struct store *store,
    struct inheritance *inherited, struct sessions **ret, struct error *e);
/* Takes over the defaults and limits of `c` for work that begins from here on; not its strings, nor
 * the pools' sizes. */
void sessions_reconfigure(struct sessions *s, const struct sessions_config *c);
/* Tells the supervisor that requests are answered from here on (SUP_READY). */
int sessions_announce(struct sessions *s);
/* Is the default environment warm? Else `why` (a sentence) says what is missing. */
bool sessions_ready(struct sessions *s, char *why, size_t size);
/* Are the pools full, so that creating a session takes what is ready? */
bool sessions_pools_full(struct sessions *s);
/* Refuses new work (ERROR_UNAVAILABLE), gives running executions `deadline_ms`, then interrupts
 * them and waits until they answered. Sandboxes are left as they are: the next server, or the
 * supervisor's end, has them. May be called again with 0 to hurry a first call. */
void sessions_stop(struct sessions *s, int64_t deadline_ms);
void sessions_free(struct sessions *s);

/* "1g", "512m", "4g", "1073741824", with k m g t as powers of 1024: bytes, or 0 when it is none. */
uint64_t memory_parse(const char *text);
/* The shortest such text of that size, as OpenAI writes it ("1g"). */
void memory_format(uint64_t bytes, char out[24]);

/* ---- one session ------------------------------------------------------------------------------- */

struct session_spec {
    const char *project;         /* "default" */
    const char *name;            /* may be NULL: "" */
    const char *environment;     /* NULL: the default one */
    uint64_t memory_limit_bytes; /* 0: the default */
    unsigned idle_minutes;       /* 0: the default */
    const char *metadata;        /* JSON object text, or NULL: "{}" */
    bool undo;                   /* recorded; refused elsewhere until branches exist */
};
/* Makes a session: from the pool if it can, else on demand. It exists in the store before this
 * returns. ERROR_ENVIRONMENT_NOT_BUILT, INVALID_VALUE (memory_limit, minutes), QUOTA_EXCEEDED,
 * UNAVAILABLE, INSUFFICIENT_STORAGE. The reference is the caller's. */
int session_create(
    struct sessions *s, const struct session_spec *spec, struct session **ret, struct error *e);
/* Finds a session of that project, live or expired. ERROR_NOT_FOUND. The reference is the caller's. */
int session_find(
    struct sessions *s, const char *project, const char *id, struct session **ret, struct error *e);
struct session *session_ref(struct session *session);
void session_unref(struct session *session);

/* What a client may see of a session; text is the holder's. */
struct session_info {
    char id[ID_SIZE];
    char *name, *environment, *metadata, *why; /* why: "" while it lives, else a sentence */
    bool expired, undo;
    int64_t created_at, last_active_at, expires_at; /* seconds */
    unsigned idle_minutes;
    uint64_t memory_limit_bytes;
};
void session_info(struct session *session, struct session_info *ret);
void session_info_deinit(struct session_info *i);

/* Counts as a use of it: its idle time begins anew. What runs code in it or changes it does so by itself;
 * what only looks (variables, files and their bytes) does not, because whoever asks may be just watching. */
void session_touch(struct session *session);

struct session_usage {
    uint64_t memory_bytes, memory_limit_bytes, disk_bytes, pids;
    int64_t cpu_us;
};
/* Asks init; zeros but for the limit and cpu when the session is expired. Never fails. */
void session_usage(struct session *session, struct session_usage *ret);

/* More memory from now on, also for the code that runs; what its files may take stays as it was. The same
 * as it has is no error. INVALID_VALUE naming memory_limit (less than it has, more than the host can
 * give), CONTAINER_EXPIRED, NOT_FOUND; INSUFFICIENT_STORAGE when it has it, and the next server would not
 * know. */
int session_raise_memory(struct session *session, uint64_t bytes, struct error *e);

/* A page of a project's sessions, by creation: `after` is an id or NULL. `name` filters or is NULL.
 * `*ret` is an array of n infos, the holder's (session_infos_free). */
int sessions_list(struct sessions *s, const char *project, const char *name, const char *after,
    unsigned limit, bool ascending, struct session_info **ret, size_t *ret_n, bool *ret_more,
    struct error *e);
void session_infos_free(struct session_info *infos, size_t n);

/* Deletes it, whatever it does: a running execution answers `killed`, queued ones ERROR_NOT_FOUND.
 * When it returns the row is gone and the sandbox is being torn down. ERROR_NOT_FOUND. */
int session_delete(struct sessions *s, const char *project, const char *id, struct error *e);

/* ---- executions -------------------------------------------------------------------------------- */

enum execution_status {
    EXECUTION_RUNNING, /* null on the wire */
    EXECUTION_COMPLETED,
    EXECUTION_ERROR,
    EXECUTION_TIMEOUT,
    EXECUTION_INTERRUPTED,
    EXECUTION_OUT_OF_MEMORY,
    EXECUTION_KILLED,
};
const char *execution_status_name(enum execution_status status); /* NULL for RUNNING */

enum output_kind { OUTPUT_STDOUT, OUTPUT_STDERR, OUTPUT_DISPLAY, OUTPUT_RESULT, OUTPUT_ERROR };

struct output_part {
    char *mime;
    char *data; /* text: valid UTF-8; JSON types: valid JSON; else raw bytes */
    size_t length;
};
/* One thing that code showed. Text is valid UTF-8 and may hold NULs. */
struct output {
    enum output_kind kind;
    char *text; /* stdout, stderr */
    size_t text_length;
    struct output_part *part; /* display, result: one for each MIME type */
    size_t parts;
    char *metadata; /* JSON object text, or NULL: {} */
    char *display_id;
    char *name, *value; /* error */
    char **traceback;
    size_t traceback_lines;
};
/* Writes {"type", …} as API.md says. 0, or -E2BIG / -ENOMEM of the buffer. */
int output_to_json(const struct output *o, struct strbuf *out);

struct session_file {
    char id[ID_SIZE];
    char *path; /* below the workspace: "plots/a.png" */
    uint64_t bytes;
    int64_t created_at;
    bool from_user; /* uploaded; else made by code */
    bool figure;    /* displayed by code: kept by the server, not in the scratch */
};
void session_file_deinit(struct session_file *f);
/* By the extension of its name; "application/octet-stream" when it says nothing. Static. */
const char *file_mime_type(const char *path);

struct file_change {
    struct session_file file;
    bool modified; /* else created */
};
struct truncation {
    enum output_kind stream;
    uint64_t kept_bytes, total_bytes;
    char file_id[ID_SIZE]; /* "" when the whole could not be kept */
};

struct json_writer;

struct execution {
    char id[ID_SIZE];
    char container_id[ID_SIZE]; /* "": stateless */
    int64_t created_at;
    enum execution_status status;
    bool reset; /* state: "reset" */
    struct output *output;
    size_t outputs;
    char *result;               /* text/plain of the last value, or NULL */
    const struct output *error; /* the one that counts, within `output`, or NULL */
    struct file_change *file;
    size_t files;
    struct truncation truncated[2];
    size_t truncations;
    char **note;
    size_t notes;
    int64_t duration_us; /* to the end as we read it: with what was waited for its client */
    int64_t cpu_us;      /* the kernel's word */
    uint64_t max_memory_bytes;
    unsigned execution_count;
    /* For `cloche run`; not on the wire: */
    bool exited;   /* sys.exit was called */
    int exit_code; /* its code, or the process' own, or 128 + n for a signal n */
};
void execution_deinit(struct execution *e);
/* Writes the fields of API.md's execution object that do not grow with its outputs, within an object
 * that the caller has begun: all but stdout, stderr, result and outputs. */
void execution_write_facts(struct json_writer *w, const struct execution *e);
/* Writes API.md's execution object: for replies and for the stored record. 0 or the buffer's -errno. */
int execution_to_json(const struct execution *e, struct strbuf *out);
/* The same; `extra` (or NULL) is called within each object of "files" to add fields to it. */
int execution_to_json_files(const struct execution *e,
    void (*extra)(void *context, size_t file, struct json_writer *w), void *context,
    struct strbuf *out);

/* What happens while an execution runs: called in the thread of session_execute, with no lock held.
 * They must return soon; while one blocks, the code it belongs to blocks as well. Any may be NULL. */
struct execution_callbacks {
    void *context;
    void (*on_started)(void *context, const struct execution *e);
    /* As it comes: text in pieces of valid UTF-8, displays whole. At most 16 MiB of text a stream. */
    void (*on_output)(void *context, const struct execution *e, const struct output *o);
    /* The same text before anything is cut or mended: for a terminal. kind: stdout or stderr. */
    void (*on_raw)(void *context, enum output_kind kind, const void *data, size_t n);
    /* input() waits: answer by session_input, from another thread or from within this call. */
    void (*on_input)(void *context, const struct execution *e, const char *prompt, bool password);
    /* About once a second while queued or running: true when the client has gone. A queued
     * execution is then dropped, a stateless one ended, one running in a session goes on. */
    bool (*client_gone)(void *context);
    /* on_output does not wait for a slow client: this sends what it had left. While something is left: a
     * descriptor to poll for POLLOUT, or -EAGAIN, ask again soon; else -1. *behind (false before): it is so
     * much that the code's further output shall stay where it is. What comes after the code's time is over
     * is handed out all the same. */
    int (*unsent)(void *context, bool *behind);
};

struct execute_spec {
    const char *code; /* UTF-8, at most 1 MiB */
    size_t code_length;
    bool script;             /* as __main__, last value not shown */
    const char *const *argv; /* script only; NULL: none */
    size_t argc;
    int64_t timeout_ms; /* 0: the default; checked against 1 s … the maximum; -1: none (one-shot) */
    const char *stdin_data; /* NULL: none */
    size_t stdin_length;
    const char *const *env; /* pairs: name, value, name, value … */
    size_t env_n;           /* number of pairs */
    bool streamed;          /* input() may ask, the record exists from the start */
    struct execution_callbacks callbacks;
};
/* Queues, runs, records. `*ret` is the finished execution (execution_deinit), also when it was a
 * `timeout` or `killed`: these are answers, not errors. Errors: CONTAINER_EXPIRED, NOT_FOUND
 * (deleted meanwhile), QUEUE_FULL, INVALID_VALUE, UNAVAILABLE; -ECANCELED: the client went while
 * it waited. */
int session_execute(struct session *session, const struct execute_spec *spec, struct execution *ret,
    struct error *e);
/* Answers an input() that waits. ERROR_NOT_WAITING, CONTAINER_EXPIRED. */
int session_input(struct session *session, const char *text, size_t n, struct error *e);
/* Interrupts what runs; `*ret` says whether something did, `id` is its execution's ("" if not).
 * Does not wait for it. CONTAINER_EXPIRED. */
int session_interrupt(struct session *session, bool *ret, char id[ID_SIZE], struct error *e);
/* Interrupts that execution if it is what runs. */
void session_interrupt_one(struct session *session, const char *execution_id);
/* Ends the kernel (a running execution answers `killed`); the next one is fresh. Files stay. */
int session_restart(struct session *session, struct error *e);
/* JSON array text of {name,type,shape,preview}. While an execution runs: the last answer, stale.
 * `*ret` is the caller's (free). */
int session_variables(struct session *session, char **ret, bool *ret_stale, struct error *e);

/* What shall be looked at: a path below the workspace; `sample`: rows from all of it, in about `limit`
 * characters. */
struct preview_ask {
    const char *path;
    bool sample;
    size_t limit;
};
/* How files of the workspace begin, in words: [{"path","text"}], a new reference. They are read inside
 * the sandbox, in 6 s at most, and what comes is code's word like any output: text of the size that was
 * asked for, of files that were asked for, and nothing else is sure. Those that could not be read are
 * missing; so are all while code runs, and the last of those whose names are too long together (4000
 * bytes). NULL: no memory. */
json_t *session_previews(struct session *session, const struct preview_ask *ask, size_t n);

/* ---- the workspace ----------------------------------------------------------------------------- */

/* All files of the workspace now, and the figures kept of it, by creation and then path; the array is
 * the caller's (session_files_free). Expired: CONTAINER_EXPIRED. */
int session_files_list(
    struct session *session, struct session_file **ret, size_t *ret_n, struct error *e);
void session_files_free(struct session_file *files, size_t n);
/* One by id, or by path when `id` is NULL. ERROR_NOT_FOUND. */
int session_file_find(struct session *session, const char *id, const char *path,
    struct session_file *ret, struct error *e);
int session_file_delete(struct session *session, const char *id, struct error *e);
/* Keeps what code displayed as a file of the session: its path is its id with an extension
 * ("cfile_….png"). It ends with the session. Only types for which figure_type says so. QUOTA_EXCEEDED. */
int session_figure_keep(struct session *session, const void *data, size_t n, const char *mime,
    char ret_id[ID_SIZE], struct error *e);
enum { FIGURE_PATH_SIZE = ID_SIZE + 8 };
void figure_path(const char *id, const char *mime, char out[FIGURE_PATH_SIZE]);
/* image/png and other pictures made of pixels. */
bool figure_type(const char *mime);
/* Is this a path that the workspace may have? Relative, UTF-8, no "..", no NUL, bounded. 0, or
 * ERROR_INVALID_VALUE naming `param`. */
int workspace_path_check(const char *path, size_t n, const char *param, struct error *e);

/* Two inputs of one name in one request: the second becomes "name (2).ext". `taken` are the n paths
 * given so far; *path is replaced (freed) when it is among them. 0 or -ENOMEM. */
int path_distinct(char **path, char *const *taken, size_t n);

/* An upload under way: takes the name when it is committed, atomically; given up, it leaves what was
 * there before. One thread at a time. */
struct upload;
int session_upload_begin(
    struct session *session, const char *path, struct upload **ret, struct error *e);
/* Blocks while the session's disk takes it. PAYLOAD_TOO_LARGE, SCRATCH_FULL, CONTAINER_EXPIRED. */
int upload_write(struct upload *u, const void *data, size_t n, struct error *e);
/* Ends it and frees `u`, whatever it returns. */
int upload_commit(struct upload *u, struct session_file *ret, struct error *e);
void upload_abort(struct upload *u); /* NULL is allowed */
/* Uploads a descriptor's content, from its beginning. */
int session_upload_fd(
    struct session *session, const char *path, int fd, struct session_file *ret, struct error *e);

/* A file being read. Its length was fixed when it was opened. */
struct file_reader {
    int fd;
    uint64_t bytes, offset;
    int64_t mtime_s;
    uint64_t data_end; /* private: what lies between offset and here is no hole */
    uint64_t hole_end;
};
/* Opens by path below the workspace. NOT_FOUND, INVALID_VALUE (not a regular file),
 * PAYLOAD_TOO_LARGE, CONTAINER_EXPIRED. */
int session_file_open(
    struct session *session, const char *path, struct file_reader *ret, struct error *e);
/* The next bytes, 0 at the end; -ESTALE when the file became shorter than it was; -errno. Holes are
 * zeros and cost nothing. */
long file_reader_read(struct file_reader *r, void *to, size_t n);
void file_reader_deinit(struct file_reader *r);

/* ---- without a session ------------------------------------------------------------------------- */

struct stateless_file {
    const char *path; /* below the workspace */
    const void *data;
    size_t length;
    int fd; /* used when data is NULL: read to its end */
};
struct stateless_spec {
    const char *project;
    const char *environment; /* NULL: the smallest that holds the code's imports */
    uint64_t memory_limit_bytes;
    const struct stateless_file *file;
    size_t files;
    struct execute_spec execute;
    /* Called when the code has ended, before the sandbox is emptied: keep files here, by
     * session_file_open on `session`, which is good for this call only. May be NULL. */
    void (*on_finished)(void *context, struct session *session, const struct execution *e);
    void *on_finished_context;
};
/* Runs code in a sandbox nobody used before it (or one of this project's, emptied and proven so)
 * and ends that. container_id is "". Errors as session_create and session_execute. */
int stateless_execute(
    struct sessions *s, const struct stateless_spec *spec, struct execution *ret, struct error *e);

/* ---- environments -------------------------------------------------------------------------------- */

/* Gets each line of the builder's output (a JSON object), and NULL about once a second while there is
 * none; false: no more is wanted, and the build shall end. */
typedef bool build_line(void *context, const char *line);
/* Has the supervisor run `cloche env build`, for a project, with requirements one a line. Blocks until it
 * ended; 0, QUOTA_EXCEEDED (too many builds at once), UNAVAILABLE, or INTERNAL (it failed: its last
 * line says why). */
int sessions_build_environment(struct sessions *s, const char *name, const char *project,
    const char *requirements, build_line *on_line, void *context, struct error *e);
