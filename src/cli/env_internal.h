/* env_internal.h - the parts of `cloche env` among themselves.
 *
 * Used by src/cli/env*.c only. The command runs with the power of whoever started it; what it starts
 * (venv, pip, the new interpreter) runs in a sandbox of env_sandbox.c, never as host root, and all
 * that comes back from there (output lines, the report) is a stranger's text: it is bounded and
 * cleaned before a person or a file sees it. The command itself never follows a symbolic link in
 * what was built. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "env/environment.h"
#include "sandbox/cgroup.h"

enum {
    ENV_PATH = 4096,
    /* whose the files of environments are; what is built runs as it, and as KERNEL_ID in its own eyes */
    ENV_UID = 0x70000000 + 0x200000 * 126, /* a range of its own, above those of grounds */
    ENV_TEXT_MAX = 1 << 20,                /* a requirements file, a warm-up, pip's configuration */
    ENV_REPORT_MAX = 4 << 20,
};

/* Set by SIGINT, SIGTERM and SIGHUP once env_catch_signals() was called; long work looks at it. */
extern volatile int env_interrupted;
void env_catch_signals(void);

/* Reads a whole text file of at most ENV_TEXT_MAX into `to`. 0 or -errno. */
int env_read_text(const char *path, struct strbuf *to);
/* Copies `from` to `to`, at most size - 1 bytes, every control byte replaced by '?'. */
void env_clean(char *to, size_t size, const char *from);

/* ---- env_progress.c: what the person sees meanwhile ----------------------------------------- */

enum env_output { ENV_OUTPUT_LINES, ENV_OUTPUT_BAR, ENV_OUTPUT_JSON };
struct env_progress {
    enum env_output output;
    const char *name; /* of the environment */
    char phase[40];
    long done, total; /* total 0: unknown */
    int64_t started_us;
    bool drawn;
};
/* Bar on a terminal, lines elsewhere, JSON lines on standard output when asked. */
void env_progress_init(struct env_progress *p, const char *name, bool json);
void env_progress_phase(struct env_progress *p, const char *phase, long total);
void env_progress_step(struct env_progress *p, long done, const char *detail);
/* A sentence beside the progress, above the bar. */
void env_progress_note(struct env_progress *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void env_progress_end(struct env_progress *p);

/* ---- env_store.c: the directory of one environment -------------------------------------------- */

struct env_store {
    char path[ENV_PATH - 256]; /* ENVDIR/<name> */
    char name[ENVIRONMENT_NAME_SIZE];
    char building[64]; /* ".building-<pid>"; "" when there is none */
    int directory, lock;
};
#define ENV_STORE_NONE ((struct env_store){.directory = -1, .lock = -1})
/* Opens ENVDIR/<name>, made with its parents when `create`, and takes its lock; blocks while another
 * build or removal holds it, after saying so. 0; -ENOENT; -errno. Pair: env_store_close(). */
int env_store_open(
    struct env_store *s, const char *environments, const char *name, bool create, struct error *e);
void env_store_close(struct env_store *s);
/* Removes what dead builders left and generations that are neither current nor held. Returns how
 * many had to stay because sessions stand on them. Needs the lock. */
int env_store_sweep(struct env_store *s);
/* Makes .building-<pid>/ with venv/, owned by `owner`, and root/, where sandboxes are mounted. */
int env_store_begin(struct env_store *s, uid_t owner, struct error *e);
/* Deletes what env_store_begin() made; nothing happens when it was published. */
void env_store_abandon(struct env_store *s);
/* Writes a file into the building directory. */
int env_store_write(
    struct env_store *s, const char *file, const char *text, size_t length, struct error *e);
/* Makes all of the venv readable to everybody, drops what the sandboxes used; the size on disk. */
int64_t env_store_finish_tree(struct env_store *s);
/* Gives the building directory its final name, on disk for good, and makes it current. */
int env_store_publish(struct env_store *s, const char *generation, struct error *e);
/* Takes `current` away, and with env_store_sweep() all that nobody holds. Returns as that does. */
int env_store_remove(struct env_store *s);

/* ---- env_sandbox.c: where everything that is built runs ---------------------------------------- */

/* env_limits.c: memory and processes of all that one build starts. */
struct env_limits {
    struct cgroup_host host;
    int dirs[CGROUP_DIRS], join[CGROUP_DIRS]; /* -1 where there is none */
};
#define ENV_LIMITS_NONE \
    ((struct env_limits){ \
        .host = {.lock = {-1, -1, -1}}, .dirs = {-1, -1, -1}, .join = {-1, -1, -1}})
/* Makes the cgroup; blocks for nothing. Where there can be none, which is no failure, `why` says so and
 * version is CGROUP_NONE. Pair: env_limits_end(), when nothing of the build lives any more. */
void env_limits_begin(struct env_limits *l, struct error *why);
void env_limits_end(struct env_limits *l);

struct env_input {
    const char *name; /* seen as /build/<name> */
    const char *text;
    size_t length;
};
struct env_sandbox {
    char building[ENV_PATH]; /* the building directory */
    char scratch[24];        /* below it, seen as /tmp; a new one for each run */
    const char *prefix; /* an interpreter outside /usr: its tree, seen at its own path; or NULL */
    const struct env_input *inputs;
    size_t n_inputs;
    struct env_limits limits;
};
struct env_command {
    const char *const *argv;
    bool network;   /* the host's network and pip's configuration; else none */
    bool sealed;    /* /opt/env cannot be written, as in a session */
    int timeout_ms; /* 0: as long as it takes */
    void (*on_line)(void *context, const char *line); /* each line of output, cleaned */
    void (*on_tick)(void *context);                   /* about five times a second */
    void *context;
    struct strbuf *report; /* what it writes to descriptor 3; or NULL */
};
/* Runs it to its end. 0 with the exit status (128 + n for a signal) in `ret_status`; -ETIMEDOUT;
 * -EINTR when interrupted; -errno naming the step that could not be taken. Nothing that it started
 * outlives the call, or this process. */
int env_sandbox_run(
    struct env_sandbox *s, const struct env_command *c, int *ret_status, struct error *e);

/* ---- env_sandbox_tree.c, env_sandbox_pip.c: what is seen in there ------------------------------ */

/* In the sandbox's first process, before it gives up its power: mounts the tree at <building>/root
 * and makes it the root. `owner` may write /tmp and, unless it is sealed, /opt/env. 0 or -errno naming the step. */
int env_tree_enter(
    const struct env_sandbox *s, const struct env_command *c, uid_t owner, struct error *e);
/* Lays the host's configuration of pip into the tree at `root`: files, certificates, directories of
 * wheels. A file that cannot be had is left out: pip then says what it misses. */
int env_pip_configure(const char *root, uid_t owner, struct error *e);
/* Puts the environment variables that pip may have into `out` (borrowed), at most `max`. */
size_t env_pip_variables(char **out, size_t max);
/* Helpers of the two. Both make missing directories below root. */
int env_tree_bind(const char *root, const char *from, const char *to, bool writable);
int env_tree_put(
    const char *root, const char *to, const void *data, size_t length, mode_t mode, uid_t owner);

/* ---- env_requirements.c ------------------------------------------------------------------------- */

enum { ENV_REQUIREMENTS_MAX = 1000 };
struct env_requirements {
    struct strbuf text;                  /* the file as it is */
    char *line[ENV_REQUIREMENTS_MAX];    /* each requirement, comments and options left out */
    char *project[ENV_REQUIREMENTS_MAX]; /* its project's name, as PyPI normalises names */
    size_t count;
};
int env_requirements_read(struct env_requirements *r, const char *path, struct error *e);
void env_requirements_deinit(struct env_requirements *r);
bool env_requirements_have(const struct env_requirements *r, const char *project);
/* As PyPI compares names: lower case, runs of '-', '_' and '.' one '-'. */
void env_project_name(char *to, size_t size, const char *from, size_t length);

/* ---- env_pip.c, env_debian.c --------------------------------------------------------------------- */

/* Can the index be reached? 1: yes, or no reason to doubt it; 0: no, `e` says what pip said. -errno. */
int env_pip_probe(struct env_sandbox *s, const char *project, struct error *e);
/* Runs `pip install` with progress; `expected` packages or 0. 0, or -errno with pip's own words. */
int env_pip_install(struct env_sandbox *s, const char *const *arguments, long expected,
    struct env_progress *p, struct error *e);

/* Makes sure that the Debian packages listed in `list` (a file's text) are installed: as root by apt,
 * else only looks. 0; -ENOENT with the command to run in `e`; -errno. */
int env_debian_install(const char *list, struct env_progress *p, struct error *e);

/* ---- env_shipped.c: what Cloche brings along, beside the program --------------------------------- */

struct env_shipped {
    char directory[ENV_PATH]; /* environments/; "" when it was not found */
};
void env_shipped_find(struct env_shipped *s);
/* The path of `file` below it when it exists; false otherwise. */
bool env_shipped_path(
    const struct env_shipped *s, const char *name, const char *file, char *ret_path, size_t size);

/* ---- env_build.c ------------------------------------------------------------------------------------ */

struct env_build {
    const char *name, *environments;
    const char *requirements; /* a file; NULL: the one shipped for this name */
    const char *warmup;       /* a file; NULL: the one shipped, or none */
    const char *python;       /* absolute */
    const char *source;       /* "auto", "pypi", "debian" */
    const char *project;      /* whose it is; NULL: everybody's */
    bool without_shell, json;
};
/* Returns the command's exit code. */
int env_build(const struct env_build *b);

/* ---- env_check.c: the last step, and the manifest ---------------------------------------------------- */

/* Runs environments/check.py with the warm-up in the new environment. Its report in `ret`, owned by
 * the caller; -EPROTO when the warm-up fails or leaves something behind, named in `e`; -errno. */
int env_check(struct env_sandbox *s, json_t **ret, struct error *e);
/* What of the requirements the report does not show as installed: an array of names, owned. */
json_t *env_check_missing(const json_t *report, const struct env_requirements *wanted);
