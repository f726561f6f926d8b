/* env.c - `cloche env`: lists, builds and removes environments. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/fd.h"
#include "base/ids.h"
#include "cli/commands.h"
#include "cli/env_internal.h"
#include "cli/paths.h"

static const char help[] =
    "Environments are what sessions import from: an interpreter with packages.\n\n"
    "usage: cloche env list   [--json]\n"
    "       cloche env build  [NAME] [--requirements FILE] [--warm-up FILE] [--python PATH]\n"
    "                         [--source auto|pypi|debian] [--without-shell] [--project P] [--json]\n"
    "       cloche env remove NAME\n\n"
    "  NAME                   data-science when build is given none; base is always there\n"
    "  --requirements FILE    as pip reads it; without it, Cloche's own for NAME\n"
    "  --warm-up FILE         Python that imports and rehearses what sessions begin with\n"
    "  --python PATH          the interpreter to build on (default /usr/bin/python3)\n"
    "  --source SOURCE        pypi: the index pip is configured for; debian: the system's packages;\n"
    "                         auto: the first, or the second when it cannot be reached (default)\n"
    "  --without-shell        do not add IPython: sessions then have plain Python\n"
    "  --project P            only this project of a server may use it\n"
    "  --environments DIR     where they live (CLOCHE_ENVIRONMENTS)\n"
    "  --json                 for programs: one object, or for build one event a line\n\n"
    "Only wheels are installed, in a sandbox, never as root. pip.conf, PIP_* and proxy variables hold.\n"
    "Live sessions keep what they stand on. A build that fails changes nothing.\n\n"
    "Exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted.\n";

enum {
    OPT_JSON = COMMAND_LONG,
    OPT_REQUIREMENTS,
    OPT_WARMUP,
    OPT_PYTHON,
    OPT_SOURCE,
    OPT_SHELL,
    OPT_PROJECT,
    OPT_DIR
};
static const struct option longs[] = {
    {"json", no_argument, NULL, OPT_JSON},
    {"requirements", required_argument, NULL, OPT_REQUIREMENTS},
    {"warm-up", required_argument, NULL, OPT_WARMUP},
    {"python", required_argument, NULL, OPT_PYTHON},
    {"source", required_argument, NULL, OPT_SOURCE},
    {"without-shell", no_argument, NULL, OPT_SHELL},
    {"project", required_argument, NULL, OPT_PROJECT},
    {"environments", required_argument, NULL, OPT_DIR},
    {NULL, 0, NULL, 0},
};

/* ---- list ------------------------------------------------------------------------------------------ */

static json_t *to_json(const struct environment *env)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:b, s:O, s:O, s:O}", "name", env->name,
        "generation", env->generation, "python", env->python, "python_version", env->python_version,
        "source", env->source, "created_at", (json_int_t)env->created_at, "size_bytes",
        (json_int_t)env->size_bytes, "shell", env->shell, "packages", env->packages, "missing",
        env->missing, "requirements", env->requirements);
}

static void state_of(const struct environment *env, char *to, size_t size)
{
    if (strcmp(env->name, ENVIRONMENT_BASE) == 0)
        snprintf(to, size, "%s",
            env->shell ? "always there"
                       : "always there, as plain Python: IPython needs Debian's python3-ipython");
    else if (json_array_size(env->missing) > 0)
        snprintf(
            to, size, "built of Debian's packages, %zu missing", json_array_size(env->missing));
    else
        snprintf(to, size, "built%s%s",
            strcmp(env->source, "debian") == 0 ? " of Debian's packages" : "",
            env->shell ? "" : ", without IPython");
}

static void print_row(const struct environment *env)
{
    char packages[24] = "-", size[24] = "-", built[24] = "-", state[128];
    time_t when = env->created_at;
    struct tm local;
    if (env->size_bytes > 0)
        snprintf(size, sizeof(size), "%.0f MB", env->size_bytes / 1e6);
    if (env->created_at > 0)
        strftime(built, sizeof(built), "%Y-%m-%d %H:%M", localtime_r(&when, &local));
    if (env->generation[0] != '\0')
        snprintf(packages, sizeof(packages), "%zu", json_object_size(env->packages));
    state_of(env, state, sizeof(state));
    printf("%-16s %-8s %8s %10s  %-16s  %s\n", env->name, env->python_version, packages, size,
        built, state);
}

static int list(const char *directory, bool json)
{
    cleanup_fd int environments = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct environment *all;
    size_t count;
    bool has_default = false;
    if (environments < 0 && errno != ENOENT)
        return command_fail(
            "env", EXIT_FAILED, "%s cannot be opened: %s.", directory, strerror(errno));
    int r = environment_list(environments, &all, &count);
    if (r < 0)
        return command_fail("env", EXIT_FAILED, "%s cannot be read: %s.", directory, strerror(-r));
    json_t *data = json_array();
    if (!json)
        printf("%-16s %-8s %8s %10s  %-16s  %s\n", "NAME", "PYTHON", "PACKAGES", "SIZE", "BUILT",
            "STATE");
    for (size_t i = 0; i < count; i++) {
        has_default |= strcmp(all[i].name, ENVIRONMENT_DEFAULT) == 0;
        if (json)
            json_array_append_new(data, to_json(&all[i]));
        else
            print_row(&all[i]);
    }
    if (!json && !has_default)
        printf("%-16s %-8s %8s %10s  %-16s  %s\n", ENVIRONMENT_DEFAULT, "-", "-", "-", "-",
            "not built: cloche env build");
    if (json) {
        json_t *whole = json_pack("{s:s, s:o}", "directory", directory, "environments", data);
        r = json_dumpf(whole, stdout, JSON_INDENT(1));
        puts("");
        json_decref(whole);
    } else {
        json_decref(data);
    }
    environment_list_free(all, count);
    return r == 0 && fflush(stdout) == 0 ? 0 : EXIT_FAILED;
}

/* ---- remove ---------------------------------------------------------------------------------------- */

static int remove_environment(const char *directory, const char *name)
{
    struct env_store store;
    struct error e = {0};
    char path[ENV_PATH];
    if (strcmp(name, ENVIRONMENT_BASE) == 0)
        return command_fail(
            "env", EXIT_FAILED, "base is the system's own interpreter and cannot be removed.");
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    if (access(path, F_OK) < 0)
        return command_fail(
            "env", EXIT_FAILED, "there is no environment \"%s\" in %s.", name, directory);
    env_catch_signals();
    if (env_store_open(&store, directory, name, false, &e) < 0)
        return command_fail("env", EXIT_FAILED, "%s", e.message);
    int kept = env_store_remove(&store);
    env_store_close(&store);
    if (kept > 0)
        fprintf(stderr,
            "%s: removed for new sessions; live ones keep it. What they stand on is cleared by the "
            "next `cloche env remove %s` or build.\n",
            name, name);
    else
        fprintf(stderr, "%s: removed.\n", name);
    return 0;
}

/* ---- the command -------------------------------------------------------------------------------------- */

struct arguments {
    struct env_build build;
    const char *directory;
};

/* 0; a code beyond it to exit with, or -1 after --help. */
static int parse(int argc, char **argv, struct arguments *a)
{
    int option;
    while ((option = command_option(argc, argv, "", longs)) != -1) {
        switch (option) {
        case 'h': return -1;
        case OPT_JSON: a->build.json = true; break;
        case OPT_REQUIREMENTS: a->build.requirements = optarg; break;
        case OPT_WARMUP: a->build.warmup = optarg; break;
        case OPT_PYTHON: a->build.python = optarg; break;
        case OPT_SOURCE: a->build.source = optarg; break;
        case OPT_SHELL: a->build.without_shell = true; break;
        case OPT_PROJECT: a->build.project = optarg; break;
        case OPT_DIR: a->directory = optarg; break;
        default: return EXIT_USAGE;
        }
    }
    if (strcmp(a->build.source, "auto") != 0 && strcmp(a->build.source, "pypi") != 0 &&
        strcmp(a->build.source, "debian") != 0)
        return command_fail("env", EXIT_USAGE, "--source is auto, pypi or debian.");
    if (a->build.project != NULL && (!id_valid(a->build.project) || strlen(a->build.project) > 63))
        return command_fail(
            "env", EXIT_USAGE, "--project is 1 to 63 letters, digits, '_' and '-'.");
    if (a->build.python[0] != '/')
        return command_fail("env", EXIT_USAGE, "--python needs an absolute path.");
    return 0;
}

/* Where environments live: the flag, the variable, the default. malloc'ed and absolute; NULL. */
static char *directory_of(const char *flag, struct error *e)
{
    const char *given = flag != NULL ? flag : getenv("CLOCHE_ENVIRONMENTS");
    if (given == NULL || *given == '\0')
        return paths_environments(e);
    cleanup_free char *here = given[0] == '/' ? NULL : getcwd(NULL, 0);
    char *whole = NULL;
    if ((here != NULL ? asprintf(&whole, "%s/%s", here, given) : asprintf(&whole, "%s", given)) <
        0) {
        error_set(e, ERROR_INTERNAL, ENOMEM, "out of memory.");
        return NULL;
    }
    return whole;
}

static int run(const char *verb, const char *name, struct arguments *a)
{
    struct error e = {0};
    cleanup_free char *directory = directory_of(a->directory, &e);
    if (directory == NULL)
        return command_fail("env", EXIT_FAILED, "%s", e.message);
    if (strlen(directory) > ENV_PATH - 400)
        return command_fail(
            "env", EXIT_USAGE, "the path of the environments directory is too long.");
    if (strcmp(verb, "list") == 0)
        return list(directory, a->build.json);
    if (!environment_name_valid(name))
        return command_fail("env", EXIT_USAGE, "a name is 1 to 63 of a-z, 0-9, '.', '_' and '-'.");
    if (strcmp(verb, "remove") == 0)
        return remove_environment(directory, name);
    if (strcmp(name, ENVIRONMENT_BASE) == 0)
        return command_fail(
            "env", EXIT_USAGE, "base is the system's own interpreter: there is nothing to build.");
    a->build.name = name;
    a->build.environments = directory;
    return env_build(&a->build);
}

int command_env(int argc, char **argv)
{
    struct arguments a = {.build = {.python = "/usr/bin/python3", .source = "auto"}};
    int code = parse(argc, argv, &a);
    if (code < 0)
        return fputs(help, stdout) >= 0 && fflush(stdout) == 0 ? 0 : EXIT_FAILED;
    if (code > 0)
        return code;
    const char *verb = optind < argc ? argv[optind++] : "";
    const char *name = optind < argc ? argv[optind++] : NULL;
    bool lists = strcmp(verb, "list") == 0, removes = strcmp(verb, "remove") == 0;
    if (!lists && !removes && strcmp(verb, "build") != 0)
        return command_fail(
            "env", EXIT_USAGE, "say list, build or remove; see `cloche env --help`.");
    if (optind < argc || (lists && name != NULL))
        return command_fail("env", EXIT_USAGE, "too many names; see `cloche env --help`.");
    if (removes && name == NULL)
        return command_fail("env", EXIT_USAGE, "say which environment to remove.");
    return run(verb, name != NULL ? name : ENVIRONMENT_DEFAULT, &a);
}
