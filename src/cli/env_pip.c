/* env_pip.c - pip, run in the build's sandbox, and what its lines tell.
 *
 * pip has no stable machine-readable progress, so its ordinary lines are read as the stranger's text
 * they are: a line that is not understood only means less progress shown. What was really installed is
 * said by the interpreter afterwards (environments/check.py). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/fd.h"
#include "cli/env_internal.h"

enum { PROBE_TIMEOUT_MS = 20000, KEPT_LINES = 8, KEPT_BYTES = 400, ARGUMENTS_MAX = 32 };

static bool starts(const char *line, const char *with, const char **ret_rest)
{
    size_t n = strlen(with);
    if (strncmp(line, with, n) != 0)
        return false;
    *ret_rest = line + n;
    return true;
}

/* ---- can the index be reached? ---------------------------------------------------------------------- */

struct probe {
    bool network; /* a line blames the network */
    char said[200];
};

static void probe_line(void *context, const char *line)
{
    static const char *const signs[] = {
        "Retrying (Retry(",
        "Failed to establish a new connection",
        "Could not fetch URL",
        "Name or service not known",
        "Temporary failure in name resolution",
        "Connection refused",
        "Network is unreachable",
        "No route to host",
        "timed out",
        "ProxyError",
        "SSLError",
        "ConnectionError",
        "error responses",
    };
    struct probe *p = context;
    bool blames = false;
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        blames |= strstr(line, signs[i]) != NULL;
    p->network |= blames;
    if (!blames || p->said[0] != '\0')
        return;
    /* … broken by 'NewConnectionError('<object at 0x…>: the reason')': /simple/x/ */
    const char *why = strstr(line, ">: "), *broken = strstr(line, "broken by '");
    why = why != NULL      ? why + strlen(">: ")
          : broken != NULL ? broken + strlen("broken by '")
                           : line;
    const char *end = strstr(why, "')");
    snprintf(
        p->said, sizeof(p->said), "%.*s", end != NULL ? (int)(end - why) : (int)strlen(why), why);
}

int env_pip_probe(struct env_sandbox *s, const char *project, struct error *e)
{
    const char *argv[] = {"/opt/env/bin/python3", "-m", "pip", "-v", "--timeout", "5", "--retries",
        "1", "index", "versions", "--", project, NULL};
    struct probe p = {0};
    struct env_command c = {.argv = argv,
        .network = true,
        .timeout_ms = PROBE_TIMEOUT_MS,
        .on_line = probe_line,
        .context = &p};
    int status, r = env_sandbox_run(s, &c, &status, e);
    if (r == -ETIMEDOUT) {
        error_set(
            e, ERROR_UNAVAILABLE, ETIMEDOUT, "no answer within %d s", PROBE_TIMEOUT_MS / 1000);
        return 0;
    }
    if (r < 0)
        return r;
    if (status == 0 || !p.network)
        return 1; /* whatever else is wrong, pip itself will say it better */
    error_set(e, ERROR_UNAVAILABLE, EHOSTUNREACH, "%.190s", p.said);
    return 0;
}

/* ---- the installation --------------------------------------------------------------------------------- */

struct install {
    struct env_sandbox *sandbox;
    struct env_progress *progress;
    long collected, total;
    bool installing;
    char detail[96];
    char kept[KEPT_LINES]
             [KEPT_BYTES]; /* the last lines that tell of trouble, else the last lines */
    size_t n_kept;
    bool errors;
};

/* Keeps the last few; once there are errors, only them. */
static void keep(struct install *i, const char *line)
{
    bool error = strncmp(line, "ERROR", 5) == 0 || strncmp(line, "WARNING", 7) == 0 ||
                 strstr(line, "Error:") != NULL;
    if (i->errors && !error)
        return;
    if (error && !i->errors)
        i->n_kept = 0;
    i->errors |= error;
    snprintf(i->kept[i->n_kept++ % KEPT_LINES], KEPT_BYTES, "%s", line);
}

static long count_names(const char *list)
{
    long n = *list != '\0';
    for (; *list != '\0'; list++)
        n += *list == ',';
    return n;
}

static void install_line(void *context, const char *line)
{
    struct install *i = context;
    const char *rest;
    while (*line == ' ')
        line++;
    if (starts(line, "Collecting ", &rest)) {
        i->collected++;
        snprintf(i->detail, sizeof(i->detail), "%.*s", (int)strcspn(rest, " ("), rest);
    } else if (starts(line, "Downloading ", &rest)) {
        snprintf(i->detail, sizeof(i->detail), "%.90s", rest);
    } else if (starts(line, "Installing collected packages: ", &rest)) {
        i->installing = true;
        i->total = count_names(rest);
        i->detail[0] = '\0';
        env_progress_phase(i->progress, "installing", i->total);
    } else {
        keep(i, line);
        return;
    }
    if (!i->installing)
        env_progress_step(i->progress, i->collected, i->detail);
}

/* How many packages lie in the new environment. Nothing that lies there is followed. */
static long count_installed(const struct env_sandbox *s)
{
    char path[ENV_PATH + 32];
    long n = 0;
    snprintf(path, sizeof(path), "%s/venv/lib", s->building);
    DIR *lib = opendir(path), *packages = NULL;
    for (struct dirent *entry; lib != NULL && packages == NULL && (entry = readdir(lib)) != NULL;) {
        if (strncmp(entry->d_name, "python", 6) != 0)
            continue;
        cleanup_fd int python =
            openat(dirfd(lib), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int fd = python < 0 ? -1
                            : openat(python, "site-packages",
                                  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        packages = fd < 0 ? NULL : fdopendir(fd);
    }
    for (struct dirent *entry; packages != NULL && (entry = readdir(packages)) != NULL;) {
        size_t length = strlen(entry->d_name);
        n += length > 10 && strcmp(entry->d_name + length - 10, ".dist-info") == 0;
    }
    if (packages != NULL)
        closedir(packages);
    if (lib != NULL)
        closedir(lib);
    return n;
}

static void install_tick(void *context)
{
    struct install *i = context;
    env_progress_step(
        i->progress, i->installing ? count_installed(i->sandbox) : i->collected, i->detail);
}

static int say_failure(const struct install *i, int status, struct error *e)
{
    size_t first = i->n_kept > KEPT_LINES ? i->n_kept - KEPT_LINES : 0;
    for (size_t n = first; n < i->n_kept; n++)
        env_progress_note(i->progress, "pip: %s", i->kept[n % KEPT_LINES]);
    return error_set(e, ERROR_BAD_REQUEST, EINVAL,
        "pip could not install the requirements (exit %d); its last words are above.", status);
}

int env_pip_install(struct env_sandbox *s, const char *const *arguments, long expected,
    struct env_progress *p, struct error *e)
{
    const char *argv[ARGUMENTS_MAX] = {"/opt/env/bin/python3", "-m", "pip", "install", "--no-user",
        "--only-binary=:all:", "--no-compile", "--no-cache-dir", "--progress-bar=off"};
    size_t n = 9;
    for (size_t i = 0; arguments[i] != NULL && n < ARGUMENTS_MAX - 1; i++)
        argv[n++] = arguments[i];
    struct install i = {.sandbox = s, .progress = p};
    struct env_command c = {.argv = argv,
        .network = true,
        .on_line = install_line,
        .on_tick = install_tick,
        .context = &i};
    int status;
    env_progress_phase(p, "collecting", expected);
    int r = env_sandbox_run(s, &c, &status, e);
    return r == 0 && status != 0 ? say_failure(&i, status, e) : r;
}
