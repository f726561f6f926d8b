/* env_build.c - `cloche env build`: the steps, in order.
 *
 *     read what is wanted → lock → clear leftovers → venv → is the index there? → pip, or Debian's
 *     packages → modules of ours → byte code → check and warm-up → manifest → publish → clear the old
 *
 * Any step may fail, or the process be killed: what is current stays so until the last but one. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/fd.h"
#include "cli/commands.h"
#include "cli/env_internal.h"

enum { INPUTS_MAX = 48, TEXTS_MAX = INPUTS_MAX, FREE_SPACE_MIN = 256 << 20 };

static const char no_warmup[] =
    "\"\"\"Nothing is imported ahead; `cloche env build NAME --warm-up FILE` says what should be.\"\"\"\n"
    "\n\ndef rehearse():\n    \"\"\"Nothing to rehearse.\"\"\"\n";

struct build {
    const struct env_build *wanted;
    struct env_shipped shipped;
    struct env_requirements requirements, lock;
    struct strbuf warmup, check, shell, debian;
    struct strbuf module[INPUTS_MAX];
    char module_name[INPUTS_MAX][96];
    size_t modules;
    struct env_input inputs[INPUTS_MAX * 2];
    char prefix[PATH_MAX];
    struct env_store store;
    struct env_sandbox sandbox;
    struct env_progress progress;
    bool has_lock, has_debian, from_debian;
};

/* ---- what is wanted -------------------------------------------------------------------------------- */

static int read_shipped(struct build *b, const char *name, const char *file, struct strbuf *to,
    bool *there, struct error *e)
{
    char path[ENV_PATH * 2];
    *to = STRBUF_INIT(ENV_TEXT_MAX);
    bool found = env_shipped_path(&b->shipped, name, file, path, sizeof(path));
    if (there != NULL)
        *there = found;
    if (!found)
        return there != NULL
                   ? 0
                   : error_set(e, ERROR_INTERNAL, ENOENT,
                         "environments/%s%s%s is not there beside the program or in its share/cloche.",
                         name, *name != '\0' ? "/" : "", file);
    int r = env_read_text(path, to);
    return r == 0
               ? 0
               : error_set(e, ERROR_INTERNAL, -r, "%.150s cannot be read: %s.", path, strerror(-r));
}

/* Modules of Cloche's own that go beside the packages (aliases). */
static int read_modules(struct build *b, struct error *e)
{
    char path[ENV_PATH * 2];
    if (!env_shipped_path(&b->shipped, b->wanted->name, "modules", path, sizeof(path)))
        return 0;
    DIR *directory = opendir(path);
    int r = 0;
    for (struct dirent *entry;
         directory != NULL && r == 0 && (entry = readdir(directory)) != NULL;) {
        size_t length = strlen(entry->d_name);
        if (length < 4 || length > 80 || entry->d_name[0] == '.' || b->modules == INPUTS_MAX ||
            strcmp(entry->d_name + length - 3, ".py") != 0)
            continue;
        snprintf(
            b->module_name[b->modules], sizeof(b->module_name[0]), "modules/%.80s", entry->d_name);
        r = read_shipped(
            b, b->wanted->name, b->module_name[b->modules], &b->module[b->modules], NULL, e);
        b->modules += r == 0;
    }
    if (directory != NULL)
        closedir(directory);
    return r;
}

static int read_warmup(struct build *b, struct error *e)
{
    bool there = false;
    int r = 0;
    b->warmup = STRBUF_INIT(ENV_TEXT_MAX);
    if (b->wanted->warmup != NULL) {
        r = env_read_text(b->wanted->warmup, &b->warmup);
        if (r < 0)
            error_set(e, ERROR_INVALID_VALUE, -r, "The warm-up %s cannot be read: %s.",
                b->wanted->warmup, strerror(-r));
        return r;
    }
    if (b->wanted->requirements == NULL)
        r = read_shipped(b, b->wanted->name, "warmup.py", &b->warmup, &there, e);
    return r == 0 && !there ? strbuf_puts(&b->warmup, no_warmup) : r;
}

static int read_wanted(struct build *b, struct error *e)
{
    const struct env_build *w = b->wanted;
    char path[ENV_PATH * 2];
    bool shipped = w->requirements == NULL;
    int r;
    env_shipped_find(&b->shipped);
    if (shipped && !env_shipped_path(&b->shipped, w->name, "requirements.txt", path, sizeof(path)))
        return error_set(e, ERROR_INVALID_VALUE, ENOENT,
            "Cloche brings no environment \"%s\" along; say --requirements FILE.", w->name);
    r = env_requirements_read(&b->requirements, shipped ? path : w->requirements, e);
    if (r == 0 && shipped &&
        env_shipped_path(&b->shipped, w->name, "requirements.lock", path, sizeof(path))) {
        r = env_requirements_read(&b->lock, path, e);
        b->has_lock = true;
    }
    if (r == 0)
        r = read_shipped(b, "", "check.py", &b->check, NULL, e);
    if (r == 0)
        r = read_shipped(b, "", "shell.txt", &b->shell, NULL, e);
    if (r == 0 && shipped)
        r = read_shipped(b, w->name, "debian.txt", &b->debian, &b->has_debian, e);
    if (r == 0)
        r = read_warmup(b, e);
    if (r == 0 && shipped)
        r = read_modules(b, e);
    return r;
}

/* The interpreter: where it lies decides whether the sandbox needs to be shown more than /usr. */
static int find_python(struct build *b, struct error *e)
{
    if (realpath(b->wanted->python, b->prefix) == NULL || access(b->prefix, X_OK) < 0)
        return error_set(e, ERROR_INVALID_VALUE, errno, "The interpreter %s cannot be used: %s.",
            b->wanted->python, strerror(errno));
    if (strncmp(b->prefix, "/usr/", 5) == 0 || strncmp(b->prefix, "/bin/", 5) == 0) {
        b->prefix[0] = '\0';
        return 0;
    }
    for (int i = 0; i < 2; i++) /* PREFIX/bin/python3 */
        if (strrchr(b->prefix, '/') != NULL)
            *strrchr(b->prefix, '/') = '\0';
    if (b->prefix[0] == '\0' || strchr(b->prefix + 1, '/') == NULL)
        return error_set(e, ERROR_INVALID_VALUE, EINVAL,
            "The interpreter %s lies too near the root: it must be PREFIX/bin/python3 with a "
            "prefix of at least two folders.",
            b->wanted->python);
    b->sandbox.prefix = b->prefix;
    return 0;
}

static void add_input(struct build *b, const char *name, const struct strbuf *text)
{
    b->inputs[b->sandbox.n_inputs++] =
        (struct env_input){.name = name, .text = strbuf_text(text), .length = text->length};
}

static void prepare_sandbox(struct build *b)
{
    snprintf(b->sandbox.building, sizeof(b->sandbox.building), "%s/%s", b->store.path,
        b->store.building);
    b->sandbox.inputs = b->inputs;
    add_input(b, "requirements.txt", &b->requirements.text);
    if (b->has_lock)
        add_input(b, "requirements.lock", &b->lock.text);
    add_input(b, "shell.txt", &b->shell);
    add_input(b, "check.py", &b->check);
    add_input(b, "warmup.py", &b->warmup);
    for (size_t i = 0; i < b->modules; i++)
        add_input(b, b->module_name[i], &b->module[i]);
}

/* ---- the steps --------------------------------------------------------------------------------------- */

static void keep_last(void *context, const char *line)
{
    if (*line != ' ')
        snprintf(context, 160, "%s", line);
}

static int run_step(struct build *b, const char *what, const char *const *argv, struct error *e)
{
    char last[160] = "";
    struct env_command c = {.argv = argv, .on_line = keep_last, .context = last};
    int status, r = env_sandbox_run(&b->sandbox, &c, &status, e);
    if (r == 0 && status != 0)
        r = error_set(e, ERROR_BAD_REQUEST, EIO, "%s failed (exit %d): %s", what, status, last);
    return r;
}

static int make_venv(struct build *b, bool of_system, struct error *e)
{
    const char *python = b->wanted->python;
    const char *fresh[] = {python, "-m", "venv", "/opt/env", NULL};
    const char *system[] = {python, "-m", "venv", "--clear", "--system-site-packages",
        "--without-pip", "/opt/env", NULL};
    env_progress_phase(&b->progress, "making the virtual environment", 0);
    return run_step(
        b, "python3 -m venv (Debian's package python3-venv)", of_system ? system : fresh, e);
}

static int install_from_index(struct build *b, struct error *e)
{
    bool shell = !b->wanted->without_shell && !env_requirements_have(&b->requirements, "ipython");
    const char *arguments[8] = {"-r", "/build/requirements.txt"};
    size_t n = 2;
    if (b->has_lock) {
        arguments[n++] = "-c";
        arguments[n++] = "/build/requirements.lock";
    }
    if (shell) {
        arguments[n++] = "-r";
        arguments[n++] = "/build/shell.txt";
    }
    if (b->requirements.count == 0 && !shell)
        return 0;
    return env_pip_install(&b->sandbox, arguments, (long)b->lock.count, &b->progress, e);
}

static int install_from_debian(struct build *b, struct error *e)
{
    int r = env_debian_install(strbuf_text(&b->debian), &b->progress, e);
    b->from_debian = true;
    return r < 0 ? r : make_venv(b, true, e);
}

static int install(struct build *b, struct error *e)
{
    const char *source = b->wanted->source;
    if (strcmp(source, "debian") == 0)
        return b->has_debian
                   ? install_from_debian(b, e)
                   : error_set(e, ERROR_INVALID_VALUE, EINVAL,
                         "Only environments that Cloche brings along can be made of Debian's packages.");
    int r = make_venv(b, false, e);
    if (r < 0 || b->requirements.count == 0)
        return r < 0 ? r : install_from_index(b, e);
    struct error unreachable = {0};
    env_progress_phase(&b->progress, "looking for the package index", 0);
    int reached = strcmp(source, "pypi") == 0
                      ? 1
                      : env_pip_probe(&b->sandbox, b->requirements.project[0], &unreachable);
    if (reached > 0)
        return install_from_index(b, e);
    if (reached < 0) {
        *e = unreachable;
        return reached;
    }
    env_progress_note(
        &b->progress, "the package index cannot be reached (%s)", unreachable.message);
    if (!b->has_debian)
        return error_set(e, ERROR_UNAVAILABLE, EHOSTUNREACH,
            "The package index cannot be reached: see pip.conf, PIP_INDEX_URL and the proxy variables.");
    env_progress_note(
        &b->progress, "taking Debian's own packages instead: a like environment of older releases");
    return install_from_debian(b, e);
}

static int add_modules(struct build *b, struct error *e)
{
    static const char program[] =
        "import shutil, sys, sysconfig\n"
        "for path in sys.argv[1:]: shutil.copyfile(path, sysconfig.get_path('purelib') + '/' + path.split('/')[-1])\n";
    const char *argv[INPUTS_MAX + 8] = {"/opt/env/bin/python3", "-I", "-c", program};
    char paths[INPUTS_MAX][128];
    if (b->modules == 0)
        return 0;
    for (size_t i = 0; i < b->modules; i++) {
        snprintf(paths[i], sizeof(paths[i]), "/build/%s", b->module_name[i]);
        argv[4 + i] = paths[i];
    }
    return run_step(b, "Adding Cloche's modules", argv, e);
}

static int compile_all(struct build *b, struct error *e)
{
    /* Unchecked: the environment is read-only from here on, whatever copies do to its times. */
    static const char *const argv[] = {"/opt/env/bin/python3", "-I", "-m", "compileall", "-q", "-j",
        "0", "--invalidation-mode", "unchecked-hash", "-x",
        "/site-packages/(pip|setuptools|pkg_resources|_distutils_hack)/", "/opt/env/lib", NULL};
    struct env_command c = {.argv = argv};
    int status;
    env_progress_phase(&b->progress, "compiling", 0);
    /* Packages carry templates and tests that are no Python: its exit status says little. */
    return env_sandbox_run(&b->sandbox, &c, &status, e);
}

/* ---- the end ------------------------------------------------------------------------------------------ */

static void generation_name(char out[GENERATION_SIZE])
{
    unsigned char random[2] = {0};
    time_t now = clock_realtime_s();
    struct tm utc;
    if (getrandom(random, sizeof(random), 0) < 0)
        random[0] = (unsigned char)getpid();
    size_t n = strftime(out, GENERATION_SIZE, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &utc));
    snprintf(out + n, GENERATION_SIZE - n, "-%02x%02x", random[0], random[1]);
}

static json_t *requirement_lines(const struct build *b)
{
    json_t *lines = json_array();
    for (size_t i = 0; i < b->requirements.count; i++)
        json_array_append_new(lines, json_string(b->requirements.line[i]));
    return lines;
}

static int write_manifest(struct build *b, json_t *report, const char *generation, int64_t size,
    json_t **ret, struct error *e)
{
    json_t *manifest =
        json_pack("{s:s, s:s, s:s, s:s*, s:s*, s:O, s:I, s:s, s:I, s:o, s:o, s:O, s:O}", "name",
            b->wanted->name, "generation", generation, "python", b->wanted->python, "python_prefix",
            b->sandbox.prefix, "project", b->wanted->project, "python_version",
            json_object_get(report, "python_version"), "created_at", (json_int_t)clock_realtime_s(),
            "source", b->from_debian ? "debian" : "pypi", "size_bytes", (json_int_t)size,
            "requirements", requirement_lines(b), "missing",
            env_check_missing(report, &b->requirements), "packages",
            json_object_get(report, "packages"), "imports", json_object_get(report, "imports"));
    char *text = manifest != NULL ? json_dumps(manifest, JSON_INDENT(1)) : NULL;
    if (text == NULL) {
        json_decref(manifest);
        return error_set(e, ERROR_INTERNAL, ENOMEM, "The manifest could not be made.");
    }
    int r = env_store_write(&b->store, "manifest.json", text, strlen(text), e);
    free(text);
    if (r == 0)
        r = env_store_write(&b->store, "warmup.py", strbuf_text(&b->warmup), b->warmup.length, e);
    if (r < 0)
        json_decref(manifest);
    else
        *ret = manifest;
    return r;
}

static void say_done(struct build *b, json_t *manifest, int kept)
{
    json_t *missing = json_object_get(manifest, "missing");
    double megabytes = json_integer_value(json_object_get(manifest, "size_bytes")) / 1e6;
    double seconds = (clock_monotonic_us() - b->progress.started_us) / 1e6;
    if (json_array_size(missing) > 0) {
        char *names = json_dumps(missing, JSON_COMPACT);
        env_progress_note(
            &b->progress, "missing, since they could not be had: %s", names != NULL ? names : "");
        free(names);
    }
    if (kept > 0)
        env_progress_note(&b->progress,
            "%d older generation%s still in use; the next build or removal clears %s", kept,
            kept > 1 ? "s are" : " is", kept > 1 ? "them" : "it");
    env_progress_note(&b->progress, "built: %zu packages, %.0f MB, %.1f s",
        json_object_size(json_object_get(manifest, "packages")), megabytes, seconds);
    if (b->wanted->json && printf("{\"type\":\"environment.completed\",\"environment\":") > 0 &&
        json_dumpf(manifest, stdout, JSON_COMPACT) == 0)
        puts("}");
}

static int finish(struct build *b, struct error *e)
{
    char generation[GENERATION_SIZE];
    json_t *report = NULL, *manifest = NULL;
    env_progress_phase(&b->progress, "warming up and checking", 0);
    int r = env_check(&b->sandbox, &report, e);
    if (r == 0) {
        env_progress_phase(&b->progress, "writing to disk", 0);
        generation_name(generation);
        r = write_manifest(b, report, generation, env_store_finish_tree(&b->store), &manifest, e);
    }
    if (r == 0 && env_interrupted)
        r = error_set(e, ERROR_INTERNAL, EINTR, "Interrupted.");
    if (r == 0)
        r = env_store_publish(&b->store, generation, e);
    if (r == 0)
        say_done(b, manifest, env_store_sweep(&b->store));
    json_decref(report);
    json_decref(manifest);
    return r;
}

static int enough_space(struct build *b, struct error *e)
{
    struct statvfs vfs;
    if (statvfs(b->store.path, &vfs) < 0 || (uint64_t)vfs.f_bavail * vfs.f_frsize >= FREE_SPACE_MIN)
        return 0;
    return error_set(e, ERROR_INSUFFICIENT_STORAGE, ENOSPC, "%s has less than %d MB free.",
        b->wanted->environments, FREE_SPACE_MIN >> 20);
}

static void limit(struct build *b)
{
    struct error why = {0};
    env_limits_begin(&b->sandbox.limits, &why);
    if (b->sandbox.limits.host.version == CGROUP_NONE)
        env_progress_note(
            &b->progress, "memory and processes of the build are not limited: %s", why.message);
}

static int build_all(struct build *b, struct error *e)
{
    int r = read_wanted(b, e);
    if (r == 0)
        r = find_python(b, e);
    if (r == 0)
        r = env_store_open(&b->store, b->wanted->environments, b->wanted->name, true, e);
    if (r < 0)
        return r;
    env_store_sweep(&b->store);
    r = enough_space(b, e);
    limit(b);
    if (r == 0)
        r = env_store_begin(&b->store, geteuid() == 0 ? ENV_UID : geteuid(), e);
    if (r == 0) {
        prepare_sandbox(b);
        r = install(b, e);
    }
    if (r == 0)
        r = add_modules(b, e);
    if (r == 0)
        r = compile_all(b, e);
    if (r == 0)
        r = finish(b, e);
    env_store_abandon(&b->store);
    env_limits_end(&b->sandbox.limits);
    return r;
}

int env_build(const struct env_build *wanted)
{
    struct build *b = calloc(1, sizeof(*b));
    struct error e = {0};
    if (b == NULL)
        return command_fail("env", EXIT_FAILED, "out of memory.");
    b->wanted = wanted;
    b->store = ENV_STORE_NONE;
    b->sandbox.limits = ENV_LIMITS_NONE;
    env_catch_signals();
    env_progress_init(&b->progress, wanted->name, wanted->json);
    int r = build_all(b, &e), signal = env_interrupted;
    env_progress_end(&b->progress);
    if (r < 0 && wanted->json) {
        json_t *failed = json_pack("{s:s, s:{s:s, s:s}}", "type", "environment.failed", "error",
            "code", error_wire_code(e.code), "message", e.message);
        json_dumpf(failed, stdout, JSON_COMPACT);
        puts("");
        json_decref(failed);
    }
    if (r < 0)
        command_fail("env", 0, "%s",
            signal != 0 ? "interrupted; what was built before is untouched." : e.message);
    env_store_close(&b->store);
    env_requirements_deinit(&b->requirements);
    env_requirements_deinit(&b->lock);
    strbuf_deinit(&b->warmup);
    strbuf_deinit(&b->check);
    strbuf_deinit(&b->shell);
    strbuf_deinit(&b->debian);
    for (size_t i = 0; i < INPUTS_MAX; i++)
        strbuf_deinit(&b->module[i]);
    free(b);
    return r == 0 ? 0 : signal != 0 ? 128 + signal : EXIT_FAILED;
}
