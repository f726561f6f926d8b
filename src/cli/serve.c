/* serve.c - `cloche serve`: from flags to a plan, then exec. The process that was started becomes the
 * supervisor; the server is this program again, below it, as `cloche __server`.
 *
 * Descriptors that the server inherits by number (KEEP_…) lie beyond all that the supervisor opens
 * for itself at its start; where there is nothing to hand over, /dev/null takes the place. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/commands.h"
#include "cli/listen.h"
#include "cli/paths.h"
#include "cli/plan_build.h"
#include "cli/serve.h"
#include "cli/settings.h"
#include "cli/state.h"

static const char help_head[] =
    "usage: cloche serve [FLAG]...\n\n"
    "Answers the HTTP API until SIGTERM or SIGINT: running work gets --stop-timeout, a second signal\n"
    "stops at once. SIGHUP reads the config file again. Every setting may be a flag, an environment\n"
    "variable (--memory-limit: CLOCHE_MEMORY_LIMIT) or a key of the config file (\"memory_limit\");\n"
    "the first of these that says it wins.\n\n";
static const char help_tail[] =
    "\nexit codes: 0 stopped as asked, 1 could not start or go on, 2 a flag or setting is wrong\n";

/* The settings as flags, environment and config file have them; *ret_config is the open file or -1. */
static int settings_read(struct settings *s, int argc, char **argv, int *ret_config)
{
    struct error e = {0};
    int r = settings_flags(s, argc, argv);
    if (r != 0)
        return r;
    cleanup_fd int config = -1;
    r = settings_environment(s, &e);
    if (r == 0 && s->config[0] != '\0') {
        config = open(s->config, O_RDONLY | O_CLOEXEC);
        r = config < 0 ? error_set(&e, ERROR_INVALID_VALUE, errno,
                             "Cannot open the config file %s: %s.", s->config, strerror(errno))
                       : settings_file(s, config, s->config, &e);
    }
    if (r == 0)
        r = settings_finish(s, &e);
    if (r < 0) {
        command_fail("serve", 0, "%s", e.message);
        return -EINVAL;
    }
    *ret_config = take_fd(&config);
    return 0;
}

/* Fills the plan's listeners. *ret_beyond names the first address that other machines reach, or is "". */
static int listeners_plan(const struct settings *s, struct plan *plan, char ret_beyond[256])
{
    ret_beyond[0] = '\0';
    for (size_t i = 0; i < s->listen.n; i++) {
        struct error e = {0};
        struct listen_address found[LISTEN_ADDRESSES];
        int n = listen_parse(s->listen.items[i], found, &e);
        if (n < 0)
            return command_fail("serve", EXIT_USAGE, "--listen: %s", e.message);
        for (int k = 0; k < n; k++) {
            if (plan->listeners == PLAN_LISTENERS)
                return command_fail(
                    "serve", EXIT_USAGE, "--listen: at most %d addresses.", PLAN_LISTENERS);
            struct plan_listener *l = &plan->listener[plan->listeners++];
            l->address = found[k].address;
            l->length = found[k].length;
            /* as it was written: that is how the supervisor knows the two of localhost:0 */
            bool as_found = found[k].address.ss_family == AF_UNIX;
            snprintf(l->text, sizeof(l->text), "%s", as_found ? found[k].text : s->listen.items[i]);
            if (!found[k].loopback && ret_beyond[0] == '\0')
                snprintf(ret_beyond, 256, "%s", found[k].text);
        }
    }
    return 0;
}

/* The state directory, made if need be; refuses to face other machines without a key. */
static int state_plan(const struct settings *s, struct plan *plan, const char *beyond)
{
    struct error e = {0};
    cleanup_fd int dir = state_open(s->state, &e);
    cleanup_free char *path = dir < 0 ? NULL : realpath(s->state, NULL);
    if (path == NULL || strlen(path) >= sizeof(plan->state_dir))
        return command_fail("serve", EXIT_FAILED, "%s",
            dir < 0 ? e.message : "The state directory's path is too long.");
    snprintf(plan->state_dir, sizeof(plan->state_dir), "%s", path);
    if (beyond[0] == '\0')
        return 0;
    int keys = state_has_keys(dir, &e);
    if (keys < 0)
        return command_fail("serve", EXIT_FAILED, "%s", e.message);
    if (keys == 0)
        return command_fail("serve", EXIT_FAILED,
            "%s can be reached from other machines, and there is no API key: anybody could run "
            "code here.\nMake a key first:\n\n    cloche key create --name NAME --state %s\n\n"
            "or listen on 127.0.0.1 only.",
            beyond, path);
    return 0;
}

/* The directory is made when it is missing, so that what is built later is seen without a restart. */
static int environments_plan(const struct settings *s, struct plan *plan)
{
    if (access(s->environments, F_OK) < 0 && paths_make(s->environments, NULL) == 0)
        chmod(s->environments, 0755);
    cleanup_free char *resolved = realpath(s->environments, NULL);
    cleanup_free char *here =
        resolved == NULL && s->environments[0] != '/' ? getcwd(NULL, 0) : NULL;
    int n = resolved != NULL
                ? snprintf(plan->environments_dir, sizeof(plan->environments_dir), "%s", resolved)
                : snprintf(plan->environments_dir, sizeof(plan->environments_dir), "%s%s%s",
                      here != NULL ? here : "", here != NULL ? "/" : "", s->environments);
    return n < (int)sizeof(plan->environments_dir)
               ? 0
               : command_fail("serve", EXIT_USAGE, "--environments: the path is too long.");
}

/* What the server is started with: its own words, then the flags as they were given, then those whose
 * meaning depends on where or by whom they are read. */
static int arguments_plan(const struct settings *s, int argc, char **argv, struct plan *plan)
{
    cleanup_free char *config = s->config[0] != '\0' ? realpath(s->config, NULL) : strdup("");
    const char *own[] = {"cloche", "__server", s->ready_fd >= 0 ? "ready" : "-",
        config != NULL && config[0] != '\0' ? "config" : "-"};
    const char *last[] = {
        "--config", config, "--env-file", "", "--default-environment", s->default_environment};
    int r = config == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]) && r == 0; i++)
        r = plan_argument(plan, own[i]);
    for (int i = 1; i < argc && r == 0; i++)
        r = plan_argument(plan, argv[i]);
    for (size_t i = 0; i < sizeof(last) / sizeof(last[0]) && r == 0; i++)
        r = plan_argument(plan, last[i]);
    return r < 0 ? command_fail("serve", EXIT_USAGE, "The command line is too long.") : 0;
}

/* Puts the descriptors the server gets where it looks for them. */
static int descriptors_keep(const struct settings *s, int config)
{
    cleanup_fd int ready = s->ready_fd < 0
                               ? open("/dev/null", O_RDWR | O_CLOEXEC)
                               : fcntl((int)s->ready_fd, F_DUPFD_CLOEXEC, PLAN_KEEP_FIRST + 16);
    cleanup_fd int file = config < 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC)
                                     : fcntl(config, F_DUPFD_CLOEXEC, PLAN_KEEP_FIRST + 16);
    if (ready < 0)
        return command_fail(
            "serve", EXIT_USAGE, "--ready-fd: %lld is no open descriptor.", (long long)s->ready_fd);
    if (s->ready_fd > STDERR_FILENO)
        close((int)s->ready_fd);
    if (file < 0 || dup2(ready, SERVE_KEEP_READY) < 0 || dup2(file, SERVE_KEEP_CONFIG) < 0)
        return command_fail("serve", EXIT_FAILED, "Cannot keep descriptors: %s.", strerror(errno));
    return 0;
}

static int planned(struct settings *s, int argc, char **argv, struct plan *plan)
{
    char beyond[256];
    int r = listeners_plan(s, plan, beyond);
    if (r == 0)
        r = environments_plan(s, plan);
    if (r == 0)
        r = plan_programs(plan, "serve");
    if (r == 0)
        r = state_plan(s, plan, beyond);
    if (r == 0)
        r = arguments_plan(s, argc, argv, plan);
    plan->memory_bytes = (uint64_t)s->memory_total;
    plan->flags |= s->cpu_limit > 0 ? PLAN_CPU_LIMIT : 0;
    plan->socket_mode = (uint32_t)s->socket_mode;
    plan->stop_timeout_ms = (uint32_t)s->stop_timeout_s * 1000;
    plan->keep_first = SERVE_KEEP_READY;
    plan->keep_last = SERVE_KEEP_CONFIG;
    return r;
}

static int serve(struct settings *s, int argc, char **argv, char **given)
{
    cleanup_fd int config = -1;
    int r = settings_read(s, argc, argv, &config);
    if (r == 'h') {
        fputs(help_head, stdout);
        settings_help(stdout);
        fputs(help_tail, stdout);
    }
    if (r != 0)
        return r == 'h' ? 0 : EXIT_USAGE;
    cleanup_free struct plan *plan = plan_new();
    if (plan == NULL)
        return command_fail("serve", EXIT_FAILED, "Out of memory.");
    r = planned(s, argc, given, plan);
    if (r == 0)
        r = descriptors_keep(s, config);
    return r != 0 ? r : plan_exec(plan, "serve"); /* returns only when it failed */
}

int command_serve(int argc, char **argv)
{
    struct settings s;
    cleanup_free char **given = calloc((size_t)argc + 1, sizeof(*given)); /* getopt reorders argv */
    if (given == NULL || settings_init(&s) < 0)
        return command_fail("serve", EXIT_FAILED, "Out of memory.");
    memcpy(given, argv, sizeof(*given) * (size_t)argc);
    int r = serve(&s, argc, argv, given);
    settings_deinit(&s);
    return r;
}
