/* env_sandbox.c - runs the programs that make an environment: with a network, without power.
 *
 * A wheel is a stranger's code: its .pth files and imports run once it is installed, when it is compiled
 * and warmed. So each program runs as pid 1's child in user, mount, pid, ipc and uts namespaces of its
 * own, as a user id of Cloche's range that owns nothing else on the host, with no capability and no way
 * to gain one, under the two filters of a session and, as root, in a cgroup with limits. Steps that need
 * no index have no network either; the one that has the host's, pip's, runs before any package's code.
 *
 *     cloche env build ── clone ──▶ pid 1: tree, gives up power ── fork ──▶ the program
 *
 * As root the tree is made with root's power; then the first process enters a user namespace in which
 * there is one id, KERNEL_ID, which is ENV_UID on the host: the tree is not that namespace's to change.
 * An ordinary user first needs a user namespace in which it is 0; the files stay its own. When this
 * process ends, however it ends, PDEATHSIG ends pid 1 and the kernel everything in the namespace. */
#include "cli/env_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "sandbox/clone.h"
#include "sandbox/filter.h"
#include "sandbox/identity.h"

enum { TICK_MS = 200, LINE_MAX_BYTES = 4096, ENVIRONMENT_MAX = 96, REPORT_FD = 3 };

struct pipes {
    int output[2], report[2]; /* what the program says; what it reports */
    int failed[2];            /* a struct error, when the sandbox could not be made */
    int life[2];              /* the parent holds its end as long as it lives */
    int ready[2];             /* root's: one byte, once there are ids to be mapped */
    int go[2];                /* one byte, once the ids are mapped */
};

/* ---- in the sandbox ------------------------------------------------------------------------------ */

/* The filters of a session, but that pid 1 answers nothing. Nothing but the program's exec follows. */
static int load_filters(void)
{
    int r = filter_load_first();
    return r < 0 ? r : filter_load_second_alone(true);
}

/* `id` as the user namespace counts. */
static int drop_power(uid_t id)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
            return -errno;
    if (id != 0 &&
        (setgroups(0, NULL) < 0 || setresgid(id, id, id) < 0 || setresuid(id, id, id) < 0))
        return -errno;
    if (syscall(SYS_capset, &head, none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    /* A change of user clears it, so it comes last. */
    return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? -errno : 0;
}

static size_t fill_environment(char **out, bool network)
{
    /* The last four are those of a zygote: the warm-up is judged as it will run. */
    static char *const fixed[] = {
        "PATH=/opt/env/bin:/usr/bin:/bin",
        "LANG=C.UTF-8",
        "TZ=UTC",
        "TMPDIR=/tmp",
        "PIP_NO_INPUT=1",
        "PIP_DISABLE_PIP_VERSION_CHECK=1",
        "MPLCONFIGDIR=/tmp/matplotlib",
        "OMP_NUM_THREADS=1",
        "OPENBLAS_NUM_THREADS=1",
        "JE_ARROW_MALLOC_CONF=background_thread:false",
    };
    size_t n = 0;
    for (; n < sizeof(fixed) / sizeof(fixed[0]); n++)
        out[n] = fixed[n];
    out[n++] = network ? "HOME=/etc/cloche-pip/home" : "HOME=/tmp";
    if (network) {
        const char *named = getenv("PIP_CONFIG_FILE");
        if (named != NULL)
            out[n++] = strcmp(named, "/dev/null") == 0
                           ? "PIP_CONFIG_FILE=/dev/null"
                           : "PIP_CONFIG_FILE=/etc/cloche-pip/named.conf";
        n += env_pip_variables(out + n, ENVIRONMENT_MAX - 1 - n);
    }
    out[n] = NULL;
    return n;
}

__attribute__((noreturn)) static void execute(const struct env_command *c, struct pipes *p)
{
    char *environment[ENVIRONMENT_MAX];
    fill_environment(environment, c->network);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    setsid(); /* the terminal's signals are this command's to answer */
    struct rlimit no_core = {
        1, 1}; /* at 0 a handler of the host, root's, is run over what crashed */
    setrlimit(RLIMIT_CORE, &no_core);
    if (dup2(null, 0) < 0 || dup2(p->output[1], 1) < 0 || dup2(p->output[1], 2) < 0 ||
        dup2(p->report[1], REPORT_FD) < 0)
        _exit(126);
    close_range(REPORT_FD + 1, ~0U, 0);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    if ((errno = -load_filters())) {
        dprintf(2, "the system call filters: %s\n", strerror(errno));
        _exit(126);
    }
    execve(c->argv[0], (char **)c->argv, environment);
    dprintf(2, "%s: %s\n", c->argv[0], strerror(errno));
    _exit(127);
}

/* pid 1 reaps until the program has ended; with it goes all that is left. */
static int reap_until(pid_t program)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, 0);
        if (pid == program)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (pid < 0 && errno != EINTR)
            return 126;
    }
}

/* Moves the pipes above the standard descriptors and the report's, where dup2() would run over them. */
static int lift(int *fd)
{
    int higher = fcntl(*fd, F_DUPFD_CLOEXEC, 10);
    if (higher < 0)
        return -errno;
    *fd = higher;
    return 0;
}

static int join_limits(const struct env_limits *l)
{
    for (int i = 0; l->host.version == CGROUP_V1 && i < CGROUP_DIRS; i++)
        if (write(l->join[i], "0", 1) < 0)
            return -errno;
    return 0; /* on v2 it was born inside */
}

/* The first process enters a user namespace, whose ids its parent, who has the right, then maps. */
static int leave_host_ids(struct pipes *p)
{
    char go;
    int r = unshare(CLONE_NEWUSER) < 0 ? -errno : fd_write_all(p->ready[1], "r", 1);
    return r < 0 ? r : fd_read_all(p->go[0], &go, 1);
}

static int enter(const struct env_sandbox *s, const struct env_command *c, struct pipes *p,
    uid_t owner, struct error *e)
{
    char go;
    const bool root = owner != 0;
    if (!root && fd_read_all(p->go[0], &go, 1) < 0)
        return error_set(e, ERROR_INTERNAL, ECHILD, "The build was given up.");
    int r = join_limits(&s->limits);
    if (r == 0)
        r = lift(&p->output[1]);
    if (r == 0)
        r = lift(&p->report[1]);
    if (r == 0 && !root && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
        r = -errno;
    if (r == 0 && sethostname("cloche", 6) < 0)
        r = -errno;
    if (r < 0)
        return error_set(
            e, ERROR_INTERNAL, -r, "The build's sandbox could not be made: %s.", strerror(-r));
    r = env_tree_enter(s, c, owner, e);
    if (r < 0)
        return r;
    if (root && (r = leave_host_ids(p)) < 0)
        return error_set(
            e, ERROR_INTERNAL, -r, "A user namespace for the build: %s.", strerror(-r));
    r = drop_power(root ? KERNEL_ID : 0);
    if (r < 0)
        return error_set(e, ERROR_INTERNAL, -r, "Power could not be given up: %s.", strerror(-r));
    struct pollfd life = {.fd = p->life[0]};
    if (poll(&life, 1, 0) != 0) /* the parent died before PDEATHSIG was set */
        _exit(126);
    return 0;
}

__attribute__((noreturn)) static void first_process(
    const struct env_sandbox *s, const struct env_command *c, struct pipes *p, uid_t owner)
{
    struct error e = {0};
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    fd_close(&p->life[1]);
    fd_close(&p->go[1]);
    fd_close(&p->ready[0]);
    int r = enter(s, c, p, owner, &e);
    if (r < 0) {
        fd_write_all(p->failed[1], &e, sizeof(e));
        _exit(126);
    }
    fd_close(&p->failed[1]);
    /* its descriptors are the host's: nobody opens /proc/1/fd */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    pid_t program = fork();
    if (program == 0)
        execute(c, p);
    close_range(REPORT_FD, ~0U, 0);
    _exit(program < 0 ? 126 : reap_until(program));
}

/* ---- outside --------------------------------------------------------------------------------------- */

/* One id and nobody else. An ordinary user is root of its own namespace. */
static int map_ids(pid_t pid, bool root)
{
    char uids[64], gids[64];
    snprintf(uids, sizeof(uids), "%d %u 1\n", root ? KERNEL_ID : 0, root ? ENV_UID : geteuid());
    snprintf(gids, sizeof(gids), "%d %u 1\n", root ? KERNEL_ID : 0, root ? ENV_UID : getegid());
    return identity_write_maps(pid, uids, gids, !root);
}

struct reader {
    char line[LINE_MAX_BYTES];
    size_t length;
};

static void emit(struct reader *r, const struct env_command *c)
{
    char clean[LINE_MAX_BYTES];
    r->line[r->length] = '\0';
    env_clean(clean, sizeof(clean), r->line);
    if (r->length > 0 && c->on_line != NULL)
        c->on_line(c->context, clean);
    r->length = 0;
}

/* Splits what came into lines; a line that is too long is cut. */
static void feed(struct reader *r, const struct env_command *c, const char *data, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (data[i] == '\n' || data[i] == '\r')
            emit(r, c);
        else if (r->length < sizeof(r->line) - 1 && data[i] != '\0')
            r->line[r->length++] = data[i];
    }
}

/* Reads both pipes to their ends. 0, -ETIMEDOUT, -EINTR, -errno. */
static int follow(const struct env_command *c, struct pipes *p)
{
    struct reader lines = {.length = 0};
    int64_t deadline =
        c->timeout_ms > 0 ? clock_monotonic_us() + c->timeout_ms * INT64_C(1000) : INT64_MAX;
    while (p->output[0] >= 0 || p->report[0] >= 0) {
        struct pollfd fds[2] = {{p->output[0], POLLIN, 0}, {p->report[0], POLLIN, 0}};
        int r = poll(fds, 2, TICK_MS);
        if (env_interrupted)
            return -EINTR;
        if (r < 0 && errno != EINTR)
            return -errno;
        if (clock_monotonic_us() > deadline)
            return -ETIMEDOUT;
        if (c->on_tick != NULL)
            c->on_tick(c->context);
        for (int i = 0; i < 2 && r > 0; i++) {
            char block[16384];
            if (fds[i].revents == 0)
                continue;
            ssize_t n = read(fds[i].fd, block, sizeof(block));
            if (n <= 0)
                fd_close(i == 0 ? &p->output[0] : &p->report[0]);
            else if (i == 0)
                feed(&lines, c, block, n);
            else if (c->report != NULL)
                strbuf_append(c->report, block, n);
        }
    }
    emit(&lines, c);
    return 0;
}

static int start(const struct env_sandbox *s, const struct env_command *c, struct pipes *p,
    pid_t *ret, struct error *e)
{
    bool root = geteuid() == 0;
    char ready;
    uint64_t flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
    flags |= s->limits.host.version == CGROUP_V2 ? CLONE_INTO_CGROUP : 0;
    flags |= (root ? 0 : CLONE_NEWUSER) | (c->network ? 0 : CLONE_NEWNET);
    fflush(NULL);
    pid_t pid = clone_process(flags, SIGCHLD, NULL, s->limits.join[0], NULL);
    if (pid == 0)
        first_process(s, c, p, root ? ENV_UID : 0);
    if (pid < 0)
        return error_set(
            e, ERROR_INTERNAL, -pid, "Namespaces for the build are refused: %s.", strerror(-pid));
    *ret = pid;
    fd_close(&p->ready[1]);
    if (root && fd_read_all(p->ready[0], &ready, 1) < 0)
        return 0; /* it failed before, and says why itself */
    int r = map_ids(pid, root);
    if (r < 0)
        return error_set(e, ERROR_INTERNAL, -r, "The build's user namespace cannot be mapped: %s.",
            strerror(-r));
    return fd_write_all(p->go[1], "g", 1);
}

static int open_pipes(struct pipes *p)
{
    int *all[] = {p->output, p->report, p->failed, p->life, p->ready, p->go};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        all[i][0] = all[i][1] = -1;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (pipe2(all[i], O_CLOEXEC) < 0)
            return -errno;
    return 0;
}

/* A /tmp that no earlier program has seen: links it may have left there mean nothing to us. */
static int make_scratch(struct env_sandbox *s)
{
    static unsigned runs;
    char path[ENV_PATH + 32];
    snprintf(s->scratch, sizeof(s->scratch), "tmp-%u", ++runs);
    snprintf(path, sizeof(path), "%s/%s", s->building, s->scratch);
    if (mkdir(path, 0700) < 0 || (geteuid() == 0 && chown(path, ENV_UID, ENV_UID) < 0))
        return -errno;
    return 0;
}

int env_sandbox_run(
    struct env_sandbox *s, const struct env_command *c, int *ret_status, struct error *e)
{
    struct pipes p;
    struct error inside;
    pid_t pid = -1;
    int status = 0, r = open_pipes(&p);
    if (r == 0)
        r = make_scratch(s);
    if (r < 0)
        error_set(e, ERROR_INTERNAL, -r, "The build cannot begin: %s.", strerror(-r));
    if (r == 0)
        r = start(s, c, &p, &pid, e);
    fd_close(&p.output[1]);
    fd_close(&p.report[1]);
    fd_close(&p.failed[1]);
    if (r == 0 && fd_read_all(p.failed[0], &inside, sizeof(inside)) == 0) {
        r = inside.saved_errno > 0 ? -inside.saved_errno : -ECHILD;
        inside.message[sizeof(inside.message) - 1] = '\0';
        if (e != NULL)
            *e = inside;
    }
    if (r == 0)
        r = follow(c, &p);
    if (r == -ETIMEDOUT || r == -EINTR)
        error_set(e, ERROR_INTERNAL, -r, r == -EINTR ? "Interrupted." : "It took too long.");
    if (pid > 0 && r < 0)
        kill(pid, SIGKILL);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    fds_close((int *)&p, sizeof(p) / sizeof(int));
    if (r == 0)
        *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return r;
}
