/* server.c - `cloche __server`: the unprivileged process below the supervisor that answers HTTP.
 *
 * Descriptor 3 is the supervisor's socket. What arrives on it before SUP_START (listeners, the state
 * directory, grounds and pipes of an earlier server) is all this process ever gets from the host.
 * The main thread waits for signals; every request has a thread of its own. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/run.h"
#include "api/access.h"
#include "api/api.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/confine.h"
#include "cli/listen.h"
#include "cli/serve.h"
#include "cli/settings.h"
#include "env/environment.h"
#include "http/http.h"
#include "provider/provider.h"
#include "sandbox/cgroup.h"
#include "session/session.h"
#include "store/store.h"
#include "webhook/webhook.h"

enum {
    /* After executions have ended (or sessions_stop gave up, 4 s after the deadline): for runs to write their end
     * down, and for last bytes to leave. The supervisor's patience (STOP_PATIENCE_MS) is longer than all. */
    RUNS_WAIT_MS = 1000,
    ANSWERS_WAIT_MS = 3000,
    RUNS_MAX = 512, /* agent loops at one time, a thread each */
    /* Pieces of this size and more are the kernel's again when they are freed. glibc begins so, too, but learns from
     * those that are freed to keep them, up to 32 MiB, and the arenas of many threads fill with their remains. */
    MAPPED_PIECE = 128 << 10,
    RUN_EXECUTION_MS = 60000,
    RUN_WALL_MS = 3600000,
};

struct server {
    struct settings settings;
    char **flags; /* argv as `cloche serve` got it, for SIGHUP; [0] is "serve" */
    int n_flags;
    bool has_config;
    struct inheritance inherited;
    struct store *store;
    struct sessions *sessions;
    struct providers *providers;
    struct runs *runs;
    struct webhooks *webhooks;
    struct api api;
    struct http_server *http;
    int listeners[INHERITED_LISTENERS_MAX]; /* the HTTP server borrows them */
    pthread_t stopper;
    bool runs_idle; /* the stopper's: no run has a thread any more */
};

/* ---- settings ------------------------------------------------------------------------------------ */

/* Reads them all again: flags, environment, config file (by its name, else as it was at the start,
 * when it lies where this user may not go). */
static int settings_all(struct server *server, struct settings *ret, bool at_start, struct error *e)
{
    if (settings_init(ret) < 0)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    char **argv = calloc((size_t)server->n_flags + 1, sizeof(*argv));
    if (argv == NULL)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    memcpy(argv, server->flags, sizeof(*argv) * (size_t)server->n_flags);
    optind = 0; /* glibc: scan anew */
    int r = settings_flags(ret, server->n_flags, argv);
    free(argv);
    if (r != 0)
        return error_set(e, ERROR_INVALID_VALUE, 0, "The flags cannot be read.");
    r = settings_environment(ret, e);
    if (r == 0 && server->has_config) {
        cleanup_fd int by_name = at_start ? -1 : open(ret->config, O_RDONLY | O_CLOEXEC);
        if (by_name < 0 && !at_start && errno != EACCES)
            return error_set(
                e, ERROR_INVALID_VALUE, errno, "Cannot open %s: %s.", ret->config, strerror(errno));
        r = settings_file(ret, by_name >= 0 ? by_name : SERVE_KEEP_CONFIG, ret->config, e);
    }
    return r < 0 ? r : settings_finish(ret, e);
}

static void logs_configure(const struct settings *s)
{
    log_configure((enum log_level)s->log_level, (enum log_format)s->log_format);
}

static void config_of(const struct settings *s, struct sessions_config *c)
{
    sessions_config_defaults(c);
    c->default_environment = s->default_environment;
    c->memory_default_bytes = (uint64_t)s->memory_limit;
    c->memory_max_bytes = (uint64_t)s->memory_total;
    c->zygote_memory_bytes = (uint64_t)s->zygote_memory;
    c->files_percent = (uint64_t)s->scratch_percent;
    c->inodes = (uint64_t)s->scratch_inodes;
    c->pids = (uint64_t)s->pids;
    c->cpu_quota_us = (uint64_t)(s->cpu_limit * CGROUP_PERIOD_US + 0.5);
    c->timeout_default_ms = s->timeout_s * 1000;
    c->timeout_max_ms = s->timeout_max_s * 1000;
    c->idle_minutes_default = (unsigned)s->idle_minutes;
    c->idle_minutes_max = (unsigned)s->idle_max_minutes;
    c->queue_max = (unsigned)s->queue;
    c->sessions_max = (unsigned)s->max_sessions;
    c->environments_max = (unsigned)s->max_environments;
    c->pool_sandboxes = (unsigned)s->pool_sandboxes;
    c->pool_kernels_full = (unsigned)s->pool_kernels;
    c->pool_kernels_plain = (unsigned)s->pool_kernels_plain;
    c->upload_max_bytes = (uint64_t)s->upload_max;
    c->figures_max_bytes = (uint64_t)s->figures_max;
    c->output_head_bytes = (uint64_t)s->output_head;
    c->output_tail_bytes = (uint64_t)s->output_tail;
    c->output_file_bytes = (uint64_t)s->output_file;
    c->timezone = s->timezone;
    c->recycle_stateless = s->recycle != 0;
}

static void reload(struct server *server)
{
    struct settings fresh;
    struct error e = {0};
    if (settings_all(server, &fresh, false, &e) < 0) {
        log_line(
            LOG_ERROR, "server", "settings refused, the old ones stay", "why=\"%s\"", e.message);
        settings_deinit(&fresh);
        return;
    }
    for (int i = 0; i < SETTINGS_COUNT; i++)
        if (!setting_reloads(i) && !settings_same(&server->settings, &fresh, i))
            log_line(LOG_WARN, "server", "setting takes effect with the next start", "setting=%s",
                setting_flag(i));
    if (!json_equal(server->settings.tables, fresh.tables) &&
        (server->settings.tables != NULL || fresh.tables != NULL))
        log_line(LOG_WARN, "server", "tables of the config file take effect with the next start",
            "config=%s", fresh.config);
    if (server->settings.cpu_limit == 0 &&
        fresh.cpu_limit > 0) { /* whether it holds here a start finds out */
        log_line(
            LOG_WARN, "server", "setting takes effect with the next start", "setting=cpu-limit");
        fresh.cpu_limit = 0;
    }
    struct sessions_config config;
    config_of(&fresh, &config);
    sessions_reconfigure(server->sessions, &config);
    /* single words that handlers read once a request: old or new, never half of each */
    __atomic_store_n(&server->api.timeout_max_s, fresh.timeout_max_s, __ATOMIC_RELAXED);
    __atomic_store_n(
        &server->api.idle_minutes_max, (unsigned)fresh.idle_max_minutes, __ATOMIC_RELAXED);
    __atomic_store_n(
        &server->api.memory_default_bytes, (uint64_t)fresh.memory_limit, __ATOMIC_RELAXED);
    __atomic_store(&server->api.temperature, &fresh.temperature, __ATOMIC_RELAXED);
    __atomic_store_n(&server->api.max_iterations, (unsigned)fresh.max_iterations, __ATOMIC_RELAXED);
    logs_configure(&fresh);
    for (int i = 0; i < SETTINGS_COUNT; i++)
        if (setting_reloads(i))
            settings_copy_number(&server->settings, &fresh, i);
    settings_deinit(&fresh);
    log_line(LOG_INFO, "server", "settings re-read", "config=%s",
        server->settings.config[0] ? server->settings.config : "none");
}

/* ---- start --------------------------------------------------------------------------------------- */

static void process_limits(void)
{
    struct rlimit files;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    umask(077);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

static void signals_block(sigset_t *ret)
{
    sigemptyset(ret);
    sigaddset(ret, SIGTERM);
    sigaddset(ret, SIGINT);
    sigaddset(ret, SIGHUP);
    pthread_sigmask(SIG_BLOCK, ret, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int providers_start(struct server *server, struct error *e)
{
    const struct settings *s = &server->settings;
    struct providers_config config = {.default_model = s->model,
        .openai_model = s->openai_model,
        .anthropic_model = s->anthropic_model,
        .config = s->tables,
        .find_local = s->find_local != 0};
    return providers_new(&config, &server->providers, e);
}

static int runs_start(struct server *server, struct error *e)
{
    const struct settings *s = &server->settings;
    struct runs_config config = {
        .sessions = server->sessions,
        .store = server->store,
        .environments_dir = server->inherited.environments_dir,
        .max_active = RUNS_MAX,
        .max_rounds = (unsigned)s->max_rounds,
        .execution_timeout_ms = RUN_EXECUTION_MS,
        .wall_ms = RUN_WALL_MS,
        .long_s = s->webhook_long_s,
        .previews = s->previews != 0,
        .redaction = json_object_get(s->tables, "redaction"),
    };
    config.dialects = api_run_dialects(&server->api, &config.n_dialects);
    return runs_new(&config, &server->runs, e);
}

static int core_start(struct server *server, struct error *e)
{
    const struct settings *s = &server->settings;
    struct sessions_config config;
    int r = inheritance_receive(SERVER_LINK_FD, &server->inherited, e);
    if (r == 0)
        r = confine_self(server->inherited.state_dir, e);
    if (r == 0) /* first: a mistake in the config file ends everything before anything was begun */
        r = providers_start(server, e);
    if (r == 0)
        r = store_open(server->inherited.state_dir, STORE_OWNER, &server->store, e);
    config_of(s, &config);
    if (r == 0)
        r = sessions_start(&config, server->store, &server->inherited, &server->sessions, e);
    server->api = (struct api){
        .sessions = server->sessions,
        .store = server->store,
        .providers = server->providers,
        .environments_dir = server->inherited.environments_dir,
        .version = CLOCHE_VERSION,
        .default_environment = s->default_environment,
        .upload_max_bytes = (uint64_t)s->upload_max,
        .upload_parts_max_bytes = s->upload_parts_max,
        .timeout_max_s = s->timeout_max_s,
        .idle_minutes_max = (unsigned)s->idle_max_minutes,
        .environments_max_per_project = (unsigned)s->project_environments,
        .memory_default_bytes = (uint64_t)s->memory_limit,
        .temperature = s->temperature,
        .max_iterations = (unsigned)s->max_iterations,
    };
    if (r == 0 && api_routes(&server->api) < 0)
        r = error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    if (r == 0)
        r = runs_start(server, e);
    server->api.runs = server->runs;
    server->api.webhook_private = s->webhook_private != 0;
    if (r == 0)
        r = runs_watch(server->runs, e);
    if (r == 0)
        r = webhooks_start(server->store, s->webhook_private != 0, &server->webhooks, e);
    return r;
}

static int http_start(struct server *server, struct error *e)
{
    const struct settings *s = &server->settings;
    for (size_t i = 0; i < server->inherited.listeners; i++)
        server->listeners[i] = server->inherited.listener[i].fd;
    struct http_config config = {
        .listeners = server->listeners,
        .n_listeners = server->inherited.listeners,
        .routes = server->api.routes,
        .n_routes = server->api.n_routes,
        .user = &server->api,
        .authorize = access_authorize,
        .keys_exist = access_keys_exist,
        .error_body = api_error_body,
        .hosts = (const char *const *)s->host.items,
        .n_hosts = s->host.n,
        .max_connections = (unsigned)s->max_connections,
        .keep_alive_ms = (int)s->keep_alive_s * 1000,
    };
    int r = http_server_start(&server->http, &config);
    return r < 0 ? error_set(e, ERROR_INTERNAL, -r, "Cannot start answering: %s.", strerror(-r))
                 : 0;
}

/* ---- what a person sees at the start --------------------------------------------------------------- */

static void banner(const struct server *server)
{
    const struct settings *s = &server->settings;
    struct model_route route;
    struct environment *list = NULL;
    size_t n = 0;
    fprintf(stderr, "\n  Cloche %s\n\n", CLOCHE_VERSION);
    for (size_t i = 0; i < server->inherited.listeners; i++) {
        char url[300];
        listen_url(server->inherited.listener[i].address, url);
        fprintf(stderr, "  %-13s %s\n", i == 0 ? "answers on" : "", url);
    }
    fprintf(stderr, "  %-13s", "environments");
    if (environment_list(server->inherited.environments_dir, &list, &n) < 0)
        fprintf(stderr, " %s", s->default_environment);
    for (size_t i = 0; i < n; i++)
        fprintf(stderr, "%s %s%s", i > 0 ? "," : "", list[i].name,
            strcmp(list[i].name, s->default_environment) == 0 ? " (default)" : "");
    environment_list_free(list, n);
    fprintf(stderr, "\n  %-13s %s\n", "state", s->state);
    if (providers_route(server->providers, NULL, &route, NULL) == 0)
        fprintf(stderr, "  %-13s %s%s\n", "model", route.name,
            route.wire == PROVIDER_OFFLINE ? " (no language model: set OPENAI_API_KEY or the like)"
                                           : "");
    const char *first = server->inherited.listener[0].address;
    bool is_unix = strncmp(first, "unix:", 5) == 0;
    fprintf(stderr,
        "\n  Try it:\n    curl %s%s%shttp://%s/v1/execute -H 'content-type: application/json' \\\n"
        "      -d '{\"code\": \"print(6 * 7)\"}'\n\n  Ctrl-C stops it.\n\n",
        is_unix ? "--unix-socket " : "", is_unix ? first + 5 : "", is_unix ? " " : "",
        is_unix ? "localhost" : first);
}

static void announce(const struct server *server)
{
    cleanup_strbuf struct strbuf lines = STRBUF_INIT(64 << 10);
    for (size_t i = 0; i < server->inherited.listeners; i++)
        log_line(
            LOG_INFO, "server", "answers", "address=%s", server->inherited.listener[i].address);
    if (server->inherited.servers_before > 0)
        return;
    for (size_t i = 0; i < server->inherited.listeners; i++)
        strbuf_printf(&lines, "%s\n", server->inherited.listener[i].address);
    fd_write_all(SERVE_KEEP_READY, strbuf_text(&lines), lines.length);
    if (isatty(STDERR_FILENO) && server->inherited.listeners > 0)
        banner(server);
}

/* ---- stop ------------------------------------------------------------------------------------------ */

static void *stop_sessions(void *context)
{
    struct server *server = context;
    int64_t until_ms = clock_monotonic_us() / 1000 + server->settings.stop_timeout_s * 1000;
    runs_stop(server->runs, server->settings.stop_timeout_s * 1000, 0);
    int64_t left_ms = until_ms - clock_monotonic_us() / 1000;
    sessions_stop(server->sessions, left_ms > 0 ? left_ms : 0); /* runs needed them until now */
    server->runs_idle = runs_stop(server->runs, 0, RUNS_WAIT_MS);
    syscall(SYS_tgkill, getpid(), getpid(), SIGTERM); /* wakes the main thread */
    return NULL;
}

/* The first signal begins a graceful stop; the thread's own signal ends the wait, a person's second
 * one ends everything at once. Returns when executions have ended. */
static void stop_gracefully(struct server *server, const sigset_t *signals)
{
    log_line(LOG_INFO, "server", "stopping", "timeout_s=%lld",
        (long long)server->settings.stop_timeout_s);
    http_server_stop(server->http, true);
    if (pthread_create(&server->stopper, NULL, stop_sessions, server) != 0)
        _exit(0);
    siginfo_t info;
    int n;
    do
        n = sigwaitinfo(signals, &info);
    while (n < 0 || n == SIGHUP);
    if (info.si_pid != getpid()) {
        log_line(LOG_INFO, "server", "stopped at once", "signal=%d", n);
        _exit(0);
    }
    pthread_join(server->stopper, NULL);
    if (http_server_join(server->http, ANSWERS_WAIT_MS) > 0 || !server->runs_idle) {
        store_sync(server->store, NULL);
        _exit(0); /* a handler or a run still runs: nothing may be freed below it */
    }
}

static void server_free(struct server *server)
{
    http_server_free(server->http);
    webhooks_stop(server->webhooks);
    api_deinit(&server->api);
    runs_free(server->runs);
    sessions_free(server->sessions);
    providers_free(server->providers);
    store_close(server->store);
    inheritance_deinit(&server->inherited);
    settings_deinit(&server->settings);
    free(server->flags);
}

static int serve(struct server *server, const sigset_t *signals)
{
    struct error e = {0};
    int r = core_start(server, &e);
    if (r == 0)
        r = http_start(server, &e);
    if (r == 0 && (r = sessions_announce(server->sessions)) < 0)
        error_set(&e, ERROR_INTERNAL, -r, "The supervisor does not answer: %s.", strerror(-r));
    if (r < 0) {
        log_line(LOG_ERROR, "server", "cannot start", "why=\"%s\"", e.message);
        return EXIT_FAILED;
    }
    announce(server);
    int signal_number;
    while (sigwait(signals, &signal_number) == 0 && signal_number == SIGHUP)
        reload(server);
    stop_gracefully(server, signals);
    server_free(server);
    log_line(LOG_INFO, "server", "stopped", "code=%d", 0);
    return 0;
}

int command_server(int argc, char **argv)
{
    static struct server server;
    struct error e = {0};
    sigset_t signals;
    if (argc < 3)
        return command_fail(argv[0], EXIT_USAGE, "is started by the supervisor, not by people.");
    process_limits();
    mallopt(M_MMAP_THRESHOLD, MAPPED_PIECE);
    signals_block(&signals);
    server.has_config = strcmp(argv[2], "config") == 0;
    server.n_flags = argc - 2;
    server.flags = calloc((size_t)server.n_flags + 1, sizeof(*server.flags));
    if (server.flags == NULL)
        return command_fail("serve", EXIT_FAILED, "Out of memory.");
    memcpy(server.flags, argv + 2, sizeof(*server.flags) * (size_t)server.n_flags);
    server.flags[0] = (char[]){"serve"};
    if (settings_all(&server, &server.settings, true, &e) < 0)
        return command_fail("serve", EXIT_USAGE, "%s", e.message);
    logs_configure(&server.settings);
    return serve(&server, &signals);
}
