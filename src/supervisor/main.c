/* cloche-supervisor: reads the plan, opens everything, starts the server, then waits: for requests of
 * the server, for signals, for children. One thread, no allocation after the start. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "sandbox/caps.h"
#include "sandbox/folder.h"
#include "supervisor/supervisor.h"

/* A server that stops may take so long beyond its own time-out: see src/cli/server.c. */
enum { STOP_PATIENCE_MS = 10000 };
enum { BACKOFF_FIRST_MS = 100, BACKOFF_MOST_MS = 5000, EXIT_PLAN = 64 };

static struct supervisor s;
static int signals = -1, backoff_ms = BACKOFF_FIRST_MS, exit_status;
static int64_t restart_at_us, kill_at_us, started_at_us;
static bool stopping;

static int read_plan(void)
{
    struct plan *p = &s.plan;
    if (pread(PLAN_FD, p, sizeof *p, 0) != (ssize_t)sizeof *p || p->magic != PLAN_MAGIC ||
        p->size != sizeof *p || p->listeners > PLAN_LISTENERS || p->n_args == 0 ||
        p->n_args > 500) {
        fputs("cloche-supervisor is started by `cloche serve` and `cloche run`, not by hand.\n",
            stderr);
        return -EINVAL;
    }
    char *const texts[] = {p->state_dir, p->environments_dir, p->server_path, p->warden_path,
        p->init_path, p->library_path};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        texts[i][sizeof p->state_dir - 1] = 0;
    p->args[PLAN_ARGS - 1] = 0;
    for (uint32_t i = 0; i < p->listeners; i++)
        p->listener[i].text[sizeof p->listener[i].text - 1] = 0;
    if (geteuid() == 0 && p->server_uid == 0)
        p->server_uid = p->server_gid = p->uid_first ? p->uid_first : HOST_ID_FIRST;
    close(PLAN_FD);
    return 0;
}

static int open_programs(struct error *e)
{
    const struct {
        const char *path;
        int *fd;
    } programs[] = {{s.plan.server_path, &s.server_exe}, {s.plan.warden_path, &s.warden_exe},
        {s.plan.init_path, &s.init_exe}};
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        if ((*programs[i].fd = open(programs[i].path, O_RDONLY | O_CLOEXEC)) < 0)
            return error_set(e, ERROR_UNAVAILABLE, errno, "%s is not there: %s.", programs[i].path,
                strerror(errno));
    return 0;
}

static void raise_limits(void)
{
    struct rlimit l = {1 << 20, 1 << 20};
    if (setrlimit(RLIMIT_NOFILE, &l) < 0 && getrlimit(RLIMIT_NOFILE, &l) == 0) {
        l.rlim_cur = l.rlim_max;
        setrlimit(RLIMIT_NOFILE, &l);
    }
    /* Our limit is that of all grounds together, and what they use is counted as root's: half is left. */
    if (getrlimit(RLIMIT_SIGPENDING, &l) == 0 && l.rlim_cur > l.rlim_max / 2) {
        l.rlim_cur = l.rlim_max / 2;
        setrlimit(RLIMIT_SIGPENDING, &l);
    }
    /* zygotes set 1, which they may only if it is allowed here */
    if (getrlimit(RLIMIT_CORE, &l) == 0 && l.rlim_max == 0)
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 1});
    fd_write_file(AT_FDCWD, "/proc/self/oom_score_adj", SUPERVISOR_OOM_SCORE);
}

/* What is not enforced, by name: in the log of a server, in one line to whoever runs one program. */
static void tell_limits(const struct error *why)
{
    const bool none = s.cgroup.version == CGROUP_NONE;
    /* of processes a session has its rlimit then, see kernel/enter.c */
    const char *what = none ? "no limits on memory and cpu of sessions"
                       : s.cgroup.memory_limited
                           ? "not every limit over all sessions together"
                           : "no limit on the memory of all sessions together";
    if (s.plan.flags & PLAN_ONE_SHOT)
        dprintf(2, "cloche run: %s: %s\n", what, why->message);
    else
        log_line(LOG_WARN, "supervisor", what, "why=\"%s\"", why->message);
}

/* Root's, and of them only what grounds, ids, cgroups, the state directory and builds take. What programs below
 * are given is within these, too; in a user namespace of a ground all are had anew, over that ground only. */
static int give_up_capabilities(void)
{
    static const uint64_t used = CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) |
                                 CAP_BIT(CAP_DAC_READ_SEARCH) | CAP_BIT(CAP_FOWNER) |
                                 CAP_BIT(CAP_FSETID) | CAP_BIT(CAP_KILL) | CAP_BIT(CAP_SETGID) |
                                 CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETPCAP) | CAP_BIT(CAP_SETFCAP) |
                                 CAP_BIT(CAP_NET_BIND_SERVICE) | CAP_BIT(CAP_SYS_ADMIN) |
                                 CAP_BIT(CAP_SYS_PTRACE) | CAP_BIT(CAP_SYS_RESOURCE);
    return geteuid() == 0 ? caps_limit(used) : 0;
}

static int prepare(struct error *e)
{
    s.state_dir = s.state_lock = s.environments = s.link = -1;
    for (int i = 0; i < GROUNDS_MAX; i++)
        s.grounds[i] =
            (struct ground){.id = -1, .server_socket = -1, .cpu_idle = -1, .use_lock = -1};
    for (int i = 0; i < PLAN_LISTENERS; i++)
        s.listeners[i] = -1;
    s.lifeline[0] = s.lifeline[1] = -1;
    if (pipe2(s.lifeline, O_CLOEXEC) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "A pipe cannot be had.");
    s.pipes = malloc(sizeof *s.pipes * PIPE_SETS_MAX);
    if (!s.pipes)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    memset(s.pipes, 0xff, sizeof *s.pipes * PIPE_SETS_MAX);
    raise_limits();
    int r = identity_detect(&s, e);
    if (r == 0)
        r = open_programs(e);
    if (r == 0)
        r = state_open(&s, e);
    if (r == 0)
        r = listeners_open(&s, e);
    if (r < 0)
        return r;
    cgroup_sweep(NULL, NULL);
    struct error why = {0};
    cgroup_host_init(&s.cgroup, s.plan.memory_bytes, &why);
    if (s.plan.memory_bytes && !s.cgroup.memory_limited) /* who asks for a limit relies on it */
        return error_set(e, ERROR_UNAVAILABLE, why.saved_errno,
            "--memory-total cannot be enforced here: %.160s Leave it out to start without.",
            why.message);
    if (why.code != ERROR_NONE)
        tell_limits(&why);
    r = s.plan.flags & PLAN_CPU_LIMIT ? cgroup_host_quota(&s.cgroup, &why) : 0;
    if (r < 0)
        return error_set(e, ERROR_UNAVAILABLE, -r,
            "--cpu-limit cannot be enforced here: %.160s Leave it out to start without.",
            why.message);
    return 0;
}

/* ---- requests of the server ------------------------------------------------------------------------- */

static const struct permit permits[] = {
    {SUP_READY, 0, 0, false},
    {SUP_GROUND, 0, 0, true},
    {SUP_GROUND_END, 0, 0, false},
    {SUP_PIPES, 0, 0, false},
    {SUP_PIPES_END, 0, 0, false},
    {SUP_FOLDER, 1, 1, false},
    {SUP_BUILD, 2, 2, true},
};

static void answer(struct message *m, int r, const struct error *e, const int *fds, size_t n)
{
    m->status = r;
    m->length = 0;
    if (r < 0) {
        m->word[7] = e->code;
        message_text(m, "%s", e->message);
    }
    message_send(s.link, m, fds, n);
}

static void on_ground(struct message *m)
{
    struct error e = {0};
    struct ground *g = NULL;
    char name[64];
    snprintf(name, sizeof name, "%.63s", m->text);
    int r = ground_make(&s, name, &g, &e);
    m->word[0] = g ? (uint64_t)g->id : 0;
    const int fds[2] = {g ? g->server_socket : -1, g ? g->cpu_idle : -1};
    answer(m, r, &e, fds, !g ? 0 : g->cpu_idle < 0 ? 1 : 2);
    if (r < 0 &&
        !(s.plan.flags & PLAN_ONE_SHOT)) /* there the server's answer tells the one who waits */
        log_line(
            LOG_WARN, "supervisor", "ground refused", "environment=%s why=\"%s\"", name, e.message);
}

static void on_pipes(struct message *m)
{
    uint64_t wanted = m->word[0] < 1 ? 1 : m->word[0] > 64 ? 64 : m->word[0];
    struct error e = {0};
    for (uint64_t i = 0; i < wanted; i++) {
        int fds[2 * KERNEL_PIPES];
        int set = pipes_make(&s, fds + KERNEL_PIPES);
        if (set < 0) {
            error_set(
                &e, ERROR_QUOTA_EXCEEDED, -set, "No more pipes can be had: %s.", strerror(-set));
            answer(m, set, &e, NULL, 0);
            return;
        }
        memcpy(fds, s.pipes[set], sizeof s.pipes[set]);
        m->word[0] = (uint64_t)set;
        m->word[1] = wanted - 1 - i;
        answer(m, 0, &e, fds, 2 * KERNEL_PIPES);
        fds_close(fds + KERNEL_PIPES, KERNEL_PIPES);
    }
}

static void on_build(struct message *m, const int fds[2])
{
    struct error e = {0};
    int r = build_start(&s, m, fds[0], fds[1], &e);
    if (r < 0)
        answer(m, r, &e, NULL, 0);
}

/* Only the folder that whoever started us named: through the mount a kernel owns what the folder's owner
 * owns, so with a folder of its choice a server that was taken over would have the host. */
static bool folder_named(int folder)
{
    struct stat st;
    return fstat(folder, &st) == 0 && st.st_ino != 0 && st.st_dev == s.plan.folder_device &&
           st.st_ino == s.plan.folder_inode;
}

static void on_folder(struct message *m, int folder)
{
    struct error e = {0};
    int mount = -1;
    const struct ground *g = ground_find(&s, m->word[0]);
    if (!(s.plan.flags & PLAN_ONE_SHOT) || s.mode != IDENTITY_RANGE)
        error_set(
            &e, ERROR_UNAVAILABLE, EOPNOTSUPP, "Folders are mounted for root's `cloche run` only.");
    else if (!folder_named(folder))
        error_set(&e, ERROR_FORBIDDEN, EPERM, "It is not the folder that was named.");
    else if (!g || m->word[1] >= (uint64_t)identity_sandboxes(s.mode, ground_id_count(&s)))
        error_set(&e, ERROR_NOT_FOUND, ESRCH, "There is no such sandbox.");
    else
        mount = folder_mount(
            folder, ground_first_id(&s, g->id) + identity_kernel(s.mode, (uint32_t)m->word[1]), &e);
    answer(m, mount < 0 ? -e.saved_errno : 0, &e, mount < 0 ? NULL : &mount, mount < 0 ? 0 : 1);
    fd_close(&mount);
}

static void on_message(struct message *m, const int fds[2])
{
    struct ground *g;
    struct error e = {0};
    switch (m->op) {
    case SUP_READY:
        s.server_was_ready = true;
        backoff_ms = BACKOFF_FIRST_MS;
        break;
    case SUP_GROUND: on_ground(m); break;
    case SUP_GROUND_END:
        g = ground_find(&s, m->word[0]);
        if (!g) {
            error_set(&e, ERROR_NOT_FOUND, ESRCH, "There is no such ground.");
            answer(m, -ESRCH, &e, NULL, 0);
        } else {
            g->serial = m->serial;
            ground_end(g);
        }
        break;
    case SUP_PIPES: on_pipes(m); break;
    case SUP_PIPES_END: pipes_end(&s, m->word[0]); break;
    case SUP_FOLDER: on_folder(m, fds[0]); break;
    case SUP_BUILD: on_build(m, fds); break;
    }
}

static void read_link(void)
{
    static struct message m;
    int fds[2];
    int r = message_receive(s.link, &m, fds, 2);
    if (r >= 0 && message_permitted(permits, sizeof permits / sizeof *permits, &m, r) == 0) {
        on_message(&m, fds);
        fds_close(fds, 2);
        return;
    }
    if (r > 0)
        fds_close(fds, (size_t)r);
    if (r == -EAGAIN)
        return;
    if (r != -EPIPE) {
        log_line(
            LOG_ERROR, "supervisor", "the server broke the protocol and is ended", "op=%u", m.op);
        if (s.server > 0)
            kill(s.server, SIGKILL);
    }
    fd_close(&s.link);
}

/* ---- children ------------------------------------------------------------------------------------------- */

static void server_ended(int status)
{
    s.server = 0;
    fd_close(&s.link);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (stopping || !s.server_was_ready || (s.plan.flags & PLAN_ONE_SHOT)) {
        exit_status = stopping && !(s.plan.flags & PLAN_ONE_SHOT) ? 0 : code;
        stopping = true;
        return;
    }
    if (clock_monotonic_us() - started_at_us > 60 * INT64_C(1000000))
        backoff_ms = BACKOFF_FIRST_MS;
    log_line(LOG_ERROR, "supervisor", "the server died and is started again",
        "status=%d after_ms=%d", code, backoff_ms);
    restart_at_us = clock_monotonic_us() + backoff_ms * INT64_C(1000);
    backoff_ms = backoff_ms * 2 > BACKOFF_MOST_MS ? BACKOFF_MOST_MS : backoff_ms * 2;
}

static void warden_ended(struct ground *g)
{
    bool asked = g->ending;
    static struct message m;
    m = (struct message){.op = SUP_GROUND_END, .serial = g->serial, .word = {(uint64_t)g->id}};
    if (!asked)
        log_line(stopping ? LOG_DEBUG : LOG_ERROR, "supervisor",
            "a warden died, and its ground with it", "environment=%s", g->name);
    /* the server's copy of the socket reads end of file: that is how it learns */
    ground_forget(&s, g);
    if (asked && s.link >= 0)
        message_send(s.link, &m, NULL, 0);
}

static void reap(void)
{
    int status;
    for (pid_t p; (p = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (p == s.server) {
            server_ended(status);
            continue;
        }
        if (build_ended(&s, p, status))
            continue;
        for (int i = 0; i < GROUNDS_MAX; i++)
            if (s.grounds[i].id >= 0 && s.grounds[i].warden == p)
                warden_ended(&s.grounds[i]);
    }
}

static void on_signal(int number)
{
    if (number == SIGCHLD) {
        reap();
    } else if (number == SIGHUP) {
        if (s.server > 0)
            kill(s.server, SIGHUP);
    } else if (s.server <= 0 || (stopping && !(s.plan.flags & PLAN_ONE_SHOT))) {
        if (s.server > 0)
            kill(s.server, SIGKILL); /* asked twice */
        stopping = true;
    } else {
        stopping = !(s.plan.flags & PLAN_ONE_SHOT);
        kill(s.server, number == SIGINT && (s.plan.flags & PLAN_ONE_SHOT) ? SIGINT : SIGTERM);
        kill_at_us =
            clock_monotonic_us() + (s.plan.stop_timeout_ms + STOP_PATIENCE_MS) * INT64_C(1000);
    }
}

static int next_timeout_ms(void)
{
    int64_t now = clock_monotonic_us(), at = restart_at_us;
    if (stopping && s.server > 0)
        at = kill_at_us;
    if (at == 0)
        return -1;
    return at <= now ? 0 : (int)((at - now) / 1000 + 1);
}

static void on_time(void)
{
    int64_t now = clock_monotonic_us();
    struct error e = {0};
    if (stopping && s.server > 0 && kill_at_us && now >= kill_at_us) {
        log_line(LOG_WARN, "supervisor", "the server did not stop in time and is killed", "pid=%d",
            s.server);
        kill(s.server, SIGKILL);
        kill_at_us = now + 1000000;
    }
    if (!stopping && restart_at_us && now >= restart_at_us) {
        restart_at_us = 0;
        started_at_us = now;
        if (server_start(&s, &e) < 0) {
            log_line(
                LOG_ERROR, "supervisor", "starting the server failed", "why=\"%s\"", e.message);
            restart_at_us = now + backoff_ms * INT64_C(1000);
        }
    }
}

static void run(void)
{
    while (!(stopping && s.server <= 0)) {
        struct pollfd p[2] = {{signals, POLLIN, 0}, {s.link, POLLIN, 0}};
        if (poll(p, 2, next_timeout_ms()) < 0) {
            if (errno != EINTR) { /* no memory: it passes, and nobody else would end what runs */
                log_line(LOG_ERROR, "supervisor", "waiting failed", "errno=%d", errno);
                usleep(10000);
            }
            continue;
        }
        if (p[1].revents && s.link >= 0)
            read_link();
        struct signalfd_siginfo i;
        if (p[0].revents && read(signals, &i, sizeof i) == (ssize_t)sizeof i)
            on_signal((int)i.ssi_signo);
        on_time();
    }
}

static void clean_up(void)
{
    for (int i = 0; i < GROUNDS_MAX; i++)
        if (s.grounds[i].id >= 0) {
            ground_end(&s.grounds[i]);
            while (waitpid(s.grounds[i].warden, NULL, 0) < 0 && errno == EINTR)
                ;
            ground_forget(&s, &s.grounds[i]);
        }
    listeners_remove(&s);
    if (cgroup_host_deinit(&s.cgroup) < 0)
        log_line(LOG_WARN, "supervisor",
            "a cgroup directory stays behind; cloche doctor --sweep removes it", "pid=%d",
            getpid());
}

int main(void)
{
    struct error e = {0};
    if (read_plan() < 0)
        return EXIT_PLAN;
    prctl(PR_SET_NAME, "cloche-supervisor");
    prctl(PR_SET_DUMPABLE, 0);
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < 4; i++)
        sigaddset(&set, ((const int[]){SIGCHLD, SIGTERM, SIGINT, SIGHUP})[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    started_at_us = clock_monotonic_us();
    int r = give_up_capabilities();
    if (r < 0)
        error_set(&e, ERROR_INTERNAL, -r, "Giving up capabilities failed: %s.", strerror(-r));
    else
        r = signals < 0 ? error_set(&e, ERROR_INTERNAL, errno, "signalfd failed.") : prepare(&e);
    if (r == 0)
        r = server_start(&s, &e);
    if (r < 0) {
        error_add_reason(&e);
        fprintf(stderr, "cloche: %s\n", e.message);
        clean_up();
        return PLAN_EXIT_START;
    }
    run();
    clean_up();
    return exit_status;
}
