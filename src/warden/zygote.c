#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "sandbox/caps.h"
#include "sandbox/clone.h"
#include "sandbox/filter.h"
#include "sandbox/layers.h"
#include "warden/warden.h"

enum { ZYGOTE_FD = 3, OOM_SCORE_KERNELS = 500, ZYGOTE_PID_FIRST = 30000, ZYGOTE_PID_LAST = 30999 };

/* All kernels of a zygote share its layout and seeds. What one of them learns of these, and by it of its
 * siblings, is of no use any longer than this. */
enum {
    FORKS_MAX = 5000,
    AGE_MAX_S = 3600,
    RETIRED_US = 60 * 1000000 /* for its last kernels to have entered */
};

#define MEMORY_BYTES (UINT64_C(2) << 30) /* unless the server says otherwise */

/* All that a zygote sees of the world outside. No secret, and nothing a kernel keeps: its own
 * environment is made anew after the fork. */
static char *const zygote_env[] = {
    (char *)"PATH=/opt/env/bin:/usr/local/bin:/usr/bin:/bin",
    (char *)"HOME=/mnt/tmp",
    (char *)"LANG=C.UTF-8",
    (char *)"PYTHONPATH=/opt/cloche:/opt/cloche/python",
    (char *)"PYTHONDONTWRITEBYTECODE=1",
    (char *)"PYTHONNOUSERSITE=1",
    (char *)"PYTHONUTF8=1",
    (char *)"MPLCONFIGDIR=/mnt/tmp/mpl",
    (char *)"MPLBACKEND=agg",
    (char *)"IPYTHONDIR=/mnt/tmp/ipython",
    /* one thread each: kernels are many, and a thread that lives would be lost in the fork */
    (char *)"OPENBLAS_NUM_THREADS=1",
    (char *)"OMP_NUM_THREADS=1",
    (char *)"MKL_NUM_THREADS=1",
    (char *)"NUMEXPR_NUM_THREADS=1",
    (char *)"MALLOC_ARENA_MAX=1",
    (char *)"JE_ARROW_MALLOC_CONF=background_thread:false", /* pyarrow starts a thread otherwise */
    (char *)"GLIBC_TUNABLES=glibc.malloc.hugetlb=1", /* large pages: forking 1 GB is 30 times cheaper */
#ifdef CLOCHE_SANITIZED
    (char *)"LD_PRELOAD=" CLOCHE_LIBASAN,
    /* the core limit is 1, not 0; a fault of user code is a signal, as without a sanitizer */
    (char *)"ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:disable_coredump=0:handle_segv=0:handle_sigbus=0",
    (char *)"UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1",
#endif
    NULL,
};

static void step(int ok, const char *name)
{
    if (ok >= 0)
        return;
    dprintf(2, "%s: %s\n", name, strerror(errno));
    _exit(1);
}

/* Inherited by kernels, whoever started Cloche. The host counts pending signals, message queues and
 * locked memory against the owner of every user namespace above, root in the end: what one session may
 * have, all sessions and root's own programs are short of. A core limit of 1 byte, unlike 0, also keeps a
 * handler in core_pattern, root's, from being run over what crashed. */
static const struct {
    int resource;
    rlim_t soft, hard;
} limits[] = {
    {RLIMIT_CORE, 1, 1},
    {RLIMIT_NOFILE, 1024, 4096},
    {RLIMIT_SIGPENDING, 128, 128},
    {RLIMIT_MSGQUEUE, 0, 0},
    {RLIMIT_MEMLOCK, 65536, 65536},
    {RLIMIT_RTPRIO, 0, 0},
    {RLIMIT_NICE, 0, 0},
};

/* Where no cgroup counts what packages start: for the zygotes' id in the ground. With one id for everything Linux counts
 * all that runs in the ground's sandboxes for it as well. */
enum { PROCESSES_WITH_ONE_ID = 4096 };

static rlim_t processes(const struct warden *w)
{
    return w->cgroup_version != CGROUP_NONE ? RLIM_INFINITY
           : w->mode == IDENTITY_SINGLE     ? PROCESSES_WITH_ONE_ID
                                            : CGROUP_WARDEN_PIDS;
}

static int limit(int resource, rlim_t soft, rlim_t hard)
{
    struct rlimit have;
    if (getrlimit(resource, &have) < 0)
        return -1;
    hard = hard < have.rlim_max ? hard : have.rlim_max; /* what is lower already stays */
    return setrlimit(resource, &(struct rlimit){soft < hard ? soft : hard, hard});
}

/* In the child: give up everything but what entering a sandbox takes, filter, exec. `join`: by what it joins its
 * cgroup, if it is not there yet. */
static void become_zygote(const struct warden *w, int slot, int socket, int words, int join)
{
    char score[16], code[96];
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int number = 1; number < SIGRTMIN; number++)
        /* an ignored SIGINT, as of a shell's background job, is inherited */
        signal(number, SIG_DFL);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    step(dup2(words, 2), "standard error"); /* first: it is where failures are told */
    step(dup2(words, 1), "standard output");
    if (w->cgroup_version == CGROUP_V1 && join >= 0)
        step((int)write(join, "0", 1), "cgroup");
    step(null, "/dev/null");
    step(dup2(null, 0), "standard input");
    step(dup2(socket, ZYGOTE_FD), "socket");
    syscall(SYS_close_range, ZYGOTE_FD + 1, ~0U, 0);
    snprintf(score, sizeof score, "%d", OOM_SCORE_KERNELS);
    if ((errno = -fd_write_file(AT_FDCWD, "/proc/self/oom_score_adj", score)))
        step(-1, "out-of-memory score");
    for (size_t i = 0; !layer_left_out("zygote limits") && i < sizeof limits / sizeof *limits; i++)
        step(limit(limits[i].resource, limits[i].soft, limits[i].hard), "limits");
    step(limit(RLIMIT_NPROC, processes(w), processes(w)), "limits");
    step(setsid(), "session");
    step(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_KEEP_CAPS), "securebits");
    if (w->mode != IDENTITY_SINGLE) {
        step(setresgid(GROUND_ZYGOTE_ID, GROUND_ZYGOTE_ID, GROUND_ZYGOTE_ID), "group");
        step(setresuid(GROUND_ZYGOTE_ID, GROUND_ZYGOTE_ID, GROUND_ZYGOTE_ID), "user");
    }
    uint64_t caps = CAP_BIT(CAP_SYS_ADMIN);
    if ((errno = -caps_keep(caps, caps, 1)))
        step(-1, "capabilities");
    if (!layer_left_out("no_new_privs"))
        step(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
    if (!layer_left_out("first filter") &&
        (errno = -filter_load_first())) /* before python starts, so before its first import */
        step(-1, "filter");
    /* argv[0] is the venv's full path, or Python takes /usr's prefix and finds no package. */
    char *python = (char *)(w->venv ? "/opt/env/bin/python3" : "/usr/bin/python3");
    snprintf(code, sizeof code, "import _cloche; _cloche.main(%d)", slot % ZYGOTE_SLOTS);
    char *argv[] = {python, (char *)"-c", code, NULL};
    step(execve(python, argv, zygote_env), python);
}

/* A fork whose pid no kernel has in its sandbox, where they begin at 3: OpenSSL knows by the pid alone
 * that it was forked, and would draw the zygote's next random bytes, the same in all sessions. */
static pid_t fork_apart(int v2_join)
{
    for (pid_t pid = ZYGOTE_PID_FIRST; pid <= ZYGOTE_PID_LAST; pid++) {
        struct clone_args a = {.flags = v2_join >= 0 ? CLONE_INTO_CGROUP : 0,
            .cgroup = v2_join >= 0 ? (uint64_t)v2_join : 0,
            .exit_signal = SIGCHLD,
            .set_tid = (uintptr_t)&pid,
            .set_tid_size = 1};
        long p = syscall(SYS_clone3, &a, sizeof a);
        if (p < 0 && errno == EINVAL) /* a host whose pids do not go that far */
            return clone_process(a.flags, SIGCHLD, NULL, v2_join, NULL);
        if (p >= 0 || errno != EEXIST)
            return p >= 0 ? (pid_t)p : -errno; /* a fork now would take the pid that must not be */
    }
    return -EAGAIN;
}

/* What is left of one is nothing, but for its group where that is the next one's. */
static void clear(struct warden *w, struct zygote *z)
{
    if (z->state == ZYGOTE_RETIRED)
        zygote_memory_end(w, z);
    *z = (struct zygote){.socket = -1, .words = -1, .pid = -1, .group = z->group};
}

/* 0, or -errno: there is none then. */
static int spawn(
    struct warden *w, int slot, uint32_t serial, uint64_t memory_bytes, struct error *e)
{
    struct zygote *z = &w->zygotes[slot];
    int pair[2] = {-1, -1};
    cleanup_fd int join = -1;
    z->group.memory_bytes = memory_bytes;
    int r = zygote_memory_begin(w, z, &join, e);
    if (r < 0)
        return r;
    int words = memfd_create("zygote", MFD_CLOEXEC);
    if (words < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        r = -errno;
    if (r == 0) /* reap() may have heard what epoll has still to tell */
        r = fd_set_nonblock(pair[0], true);
    if (r == 0)
        r = warden_watch(w, pair[0], SOURCE(SOURCE_ZYGOTE, slot));
    pid_t p = r < 0 ? r : fork_apart(w->cgroup_version == CGROUP_V2 ? join : -1);
    if (p == 0)
        become_zygote(w, slot, pair[1], words, join);
    fd_close(&pair[1]);
    if (p < 0) {
        fd_close(&pair[0]);
        fd_close(&words);
        return error_set(e, ERROR_INTERNAL, -p, "Starting a zygote failed: %s%s.", strerror(-p),
            p == -EAGAIN ? "; what warm-ups left running may be all that they may have" : "");
    }
    z->state = ZYGOTE_WARMING;
    z->pid = p;
    z->socket = pair[0];
    z->words = words;
    z->pending = serial;
    z->why = (struct error){0};
    z->forks = 0;
    z->born_us = clock_monotonic_us();
    return 0;
}

void zygote_start(struct warden *w, int slot, const struct message *m)
{
    struct zygote *z = &w->zygotes[slot];
    const uint64_t forks_max = m->word[1], age_max_s = m->word[2], memory = m->word[3];
    const uint64_t at[] = {(uint64_t)slot};
    struct error e = {0};
    if (z->state == ZYGOTE_READY || z->state == ZYGOTE_FORKING) {
        warden_answer(WARDEN_ZYGOTE, m->serial, 0, 0, NULL, at, 1, NULL, 0);
        return;
    }
    int r =
        z->state == ZYGOTE_WARMING
            ? error_set(&e, ERROR_UNAVAILABLE, EALREADY, "The zygote is being warmed.")
            : spawn(w, slot, m->serial, memory && memory <= INT64_MAX ? memory : MEMORY_BYTES, &e);
    if (r < 0) {
        warden_answer(WARDEN_ZYGOTE, m->serial, 0, r, &e, at, 1, NULL, 0);
        return;
    }
    z->forks_max = forks_max ? forks_max : FORKS_MAX;
    z->age_max_us = (int64_t)(age_max_s && age_max_s < AGE_MAX_S ? age_max_s : AGE_MAX_S) * 1000000;
}

void zygote_end(struct warden *w, int slot)
{
    if (w->zygotes[slot].pid > 0)
        kill(w->zygotes[slot].pid, SIGKILL);
}

/* ---- successors ---------------------------------------------------------------------------------------- */

/* After each kernel, and when the next is warm: nothing waits for either. */
static void succeed(struct warden *w, int slot)
{
    struct zygote *z = &w->zygotes[slot], *next = &w->zygotes[slot + ZYGOTE_SLOTS];
    const int64_t now = clock_monotonic_us();
    bool due = z->forks >= z->forks_max || now - z->born_us >= z->age_max_us;
    if (due && next->state == ZYGOTE_RETIRED && next->pid <= 0 &&
        now - next->born_us > RETIRED_US) {
        /* What still holds its socket is no kernel that enters, but something a package has started. */
        fd_close(&next->socket);
        clear(w, next);
    }
    struct error e;
    if (next->state == ZYGOTE_NONE && due &&
        spawn(w, slot + ZYGOTE_SLOTS, 0, z->group.memory_bytes, &e) < 0) {
        z->forks = 0; /* not at once again */
        z->born_us = now;
    }
    if (next->state != ZYGOTE_READY || z->state != ZYGOTE_READY)
        return;
    /* They change places; what waits to be forked stays. The old one's socket is read until its last kernel
     * has said what it has to say on it. */
    pid_t pid = z->pid;
    int socket = z->socket, words = z->words;
    struct zygote_group group = z->group;
    struct epoll_event here = {.events = EPOLLIN, .data.u64 = SOURCE(SOURCE_ZYGOTE, slot)};
    struct epoll_event there = {
        .events = EPOLLIN, .data.u64 = SOURCE(SOURCE_ZYGOTE, slot + ZYGOTE_SLOTS)};
    if (epoll_ctl(w->epoll, EPOLL_CTL_MOD, next->socket, &here) < 0 ||
        epoll_ctl(w->epoll, EPOLL_CTL_MOD, socket, &there) < 0) {
        zygote_end(w, slot); /* cannot be: then both begin anew */
        return;
    }
    z->pid = next->pid;
    z->socket = next->socket;
    z->words = next->words;
    z->group = next->group;
    z->forks = 0;
    z->born_us = now;
    next->born_us = now; /* of its retirement */
    next->pid = pid;
    next->socket = socket;
    next->words = words;
    next->group = group;
    next->state = ZYGOTE_RETIRED;
    kill(pid, SIGKILL);
}

/* It is gone. Of one that never got warm nobody else is in its process group, no kernel that is still entering:
 * what its packages have started there ends with it. What has left it is for orphans_end(). */
static void end_helpers(const struct zygote *z)
{
    if (z->state == ZYGOTE_WARMING)
        kill(-z->pid, SIGKILL);
}

/* A successor that did not get warm, or one that was replaced, is gone: nobody asked for it. */
static void successor_died(struct warden *w, int slot)
{
    struct zygote *z = &w->zygotes[slot];
    struct error e;
    bool retired = z->state == ZYGOTE_RETIRED;
    end_helpers(z);
    if (!retired && zygote_memory_met(w, z, &e))
        log_line(LOG_WARN, "warden", "a zygote is not replaced", "environment=%s why=\"%s\"",
            w->name, e.message);
    fd_close(&z->words);
    z->pid = -1;
    if (retired && z->socket >= 0)
        return; /* kernels of its own are still entering; the end of their socket ends it */
    fd_close(&z->socket);
    if (!retired) {
        w->zygotes[slot - ZYGOTE_SLOTS].forks = 0;
        w->zygotes[slot - ZYGOTE_SLOTS].born_us = clock_monotonic_us();
    }
    clear(w, z);
}

/* ---- forking ------------------------------------------------------------------------------------------ */

static void refuse(struct fork_request *q, int r, const char *why)
{
    struct error e;
    error_set(&e, ERROR_UNAVAILABLE, -r, "%s", why);
    warden_answer(WARDEN_KERNEL, q->serial, q->sandbox, r, &e, NULL, 0, NULL, 0);
    fds_close(q->pipes, KERNEL_PIPES);
}

static int send_request(
    struct warden *w, struct zygote *z, const struct fork_request *q, struct sandbox *b)
{
    int fds[SANDBOX_NAMESPACES + KERNEL_PIPES + CGROUP_DIRS], join[CGROUP_DIRS];
    size_t n = 0;
    char name[24];
    sandbox_cgroup_name(name, b->id);
    uid_t id = w->mode == IDENTITY_SINGLE ? 0 : GROUND_ZYGOTE_ID;
    int r = cgroup_session_join(w->cgroup_version, w->cgroup_dirs, name, id, join);
    if (r < 0)
        return r;
    for (int i = 0; i < SANDBOX_NAMESPACES; i++)
        fds[n++] = b->ns[i];
    for (int i = 0; i < KERNEL_PIPES; i++)
        fds[n++] = q->pipes[i];
    for (int i = 0; i < CGROUP_DIRS && join[i] >= 0; i++)
        fds[n++] = join[i];
    b->oom_before = cgroup_session_oom(w->cgroup_version, w->cgroup_dirs, name);
    struct message m = {.op = ZYGOTE_FORK,
        .sandbox = q->sandbox,
        .serial = q->serial,
        .word = {w->cgroup_version == CGROUP_V2, b->folder}};
    r = message_send(z->socket, &m, fds, n);
    fds_close(join, CGROUP_DIRS);
    return r;
}

static void begin_next(struct warden *w, int slot)
{
    struct zygote *z = &w->zygotes[slot];
    while (z->state == ZYGOTE_READY && z->count > 0 && !w->ending_orphans) {
        struct fork_request *q = &z->queue[z->first];
        struct sandbox *b = sandbox_find(w, q->sandbox);
        bool wanted = b && b->state == SANDBOX_PREPARED && b->pending == q->serial;
        int r = wanted ? send_request(w, z, q, b) : -ESRCH;
        if (r == 0) {
            fds_close(q->pipes, KERNEL_PIPES); /* the zygote has its own now */
            z->state = ZYGOTE_FORKING;
            return;
        }
        if (wanted)
            b->pending = 0;
        refuse(
            q, r, r == -ESRCH ? "The sandbox is gone." : "The zygote could not be told to fork.");
        z->first = (z->first + 1) % FORK_QUEUE;
        z->count--;
    }
}

void zygotes_go_on(struct warden *w)
{
    for (int slot = 0; slot < ZYGOTE_SLOTS; slot++)
        begin_next(w, slot);
}

static void enqueue(struct warden *w, struct fork_request *q)
{
    struct zygote *z = &w->zygotes[q->slot];
    if (z->state == ZYGOTE_NONE || z->state == ZYGOTE_WARMING || z->count == FORK_QUEUE) {
        struct sandbox *b = sandbox_find(w, q->sandbox);
        if (b && b->pending == q->serial)
            b->pending = 0;
        refuse(q, -EAGAIN,
            z->count == FORK_QUEUE ? "Too many kernels are being started."
                                   : "The zygote is not warm yet.");
        return;
    }
    z->queue[(z->first + z->count++) % FORK_QUEUE] = *q;
    begin_next(w, q->slot);
}

void zygote_fork(
    struct warden *w, int slot, struct sandbox *b, uint32_t serial, int pipes[KERNEL_PIPES])
{
    struct fork_request q = {.sandbox = b->id, .serial = serial, .slot = slot};
    memcpy(q.pipes, pipes, sizeof q.pipes);
    if (b->state != SANDBOX_PREPARED || b->pending) {
        refuse(&q, -EBUSY, "The sandbox has a kernel or is getting one.");
        return;
    }
    b->pending = serial;
    b->pending_op = WARDEN_KERNEL;
    if (b->ns[NS_USER] >= 0) {
        enqueue(w, &q);
        return;
    }
    struct message m = {.op = INIT_NAMESPACES};
    int r = b->init_socket < 0 ? -EPIPE : message_send(b->init_socket, &m, NULL, 0);
    if (r < 0) {
        b->pending = 0;
        refuse(&q, r, "The sandbox is gone.");
    } else
        b->waiting = q;
}

void zygote_fork_waiting(struct warden *w, struct sandbox *b, int status)
{
    struct fork_request q = b->waiting;
    b->waiting = (struct fork_request){.pipes = {-1, -1, -1, -1}};
    if (status == 0) {
        enqueue(w, &q);
        return;
    }
    b->pending = 0;
    refuse(&q, status, "The sandbox's namespaces are gone.");
}

/* The zygote forked: the child is ours by CLONE_PARENT. It may be dead already; then it is reaped later,
 * since this loop is what reaps. A zygote runs what packages bring, so that it is ours, and nobody's else,
 * is seen for ourselves. 0, or -EPROTO: it lied. */
static int forked(struct warden *w, int slot, const struct message *m, int *fds)
{
    struct zygote *z = &w->zygotes[slot];
    struct fork_request q = z->queue[z->first];
    struct sandbox *b = sandbox_find(w, q.sandbox);
    struct error e = {0};
    bool wanted = b && b->pending == q.serial && b->state == SANDBOX_PREPARED;
    pid_t pid = m->word[0] <= INT32_MAX ? (pid_t)m->word[0] : -1;
    int r = m->status < 0 ? m->status : warden_child(w, pid) ? 0 : -EPROTO;
    z->first = (z->first + 1) % FORK_QUEUE;
    z->count--;
    if (wanted)
        b->pending = 0;
    if (r < 0) {
        error_set(&e, ERROR_INTERNAL, -r, "Forking a kernel failed: %.180s",
            m->status < 0 ? m->text : "it is no process of ours");
        if (wanted)
            warden_answer(WARDEN_KERNEL, q.serial, q.sandbox, r, &e, NULL, 0, NULL, 0);
    } else if (!wanted) {
        kill(pid, SIGKILL);
    } else {
        b->kernel = pid;
        b->kernel_serial++;
        b->state = SANDBOX_KERNEL;
        fds_close(b->ns, SANDBOX_NAMESPACES);
        struct message to_init = {.op = INIT_KERNEL};
        /* Without it init interrupts no kernel: the sandbox ends then, and the server is told of that. */
        if (message_send(b->init_socket, &to_init, fds, 1) < 0 && b->init > 0)
            kill(b->init, SIGKILL);
        warden_answer(WARDEN_KERNEL, q.serial, q.sandbox, 0, NULL, (uint64_t[]){b->kernel_serial},
            1, NULL, 0);
    }
    fd_close(&fds[0]);
    if (r == -EPROTO)
        return r;
    z->state = ZYGOTE_READY;
    z->forks++;
    succeed(w, slot);
    begin_next(w, slot);
    return 0;
}

static void last_words(struct zygote *z, struct error *e, const char *what)
{
    char text[400];
    off_t end = lseek(z->words, 0, SEEK_END);
    off_t from = end > (off_t)sizeof text - 1 ? end - ((off_t)sizeof text - 1) : 0;
    ssize_t n = pread(z->words, text, sizeof text - 1, from);
    text[n > 0 ? n : 0] = 0;
    char *line = text; /* the last line says most; a traceback ends with the exception */
    for (char *p = text; *p; p++) {
        if (*p == '\n' && p[1])
            line = p + 1;
        if ((unsigned char)*p < 0x20)
            *p = ' ';
    }
    error_set(e, ERROR_UNAVAILABLE, EPIPE, "%s: %.180s", what, line);
}

/* A kernel that is entering its sandbox, or a zygote that lies: then init is given something that is no
 * listener, in a sandbox of the same environment, and closes it. Takes `listener`. */
static void pass_listener(struct warden *w, uint32_t id, int listener)
{
    struct sandbox *b = sandbox_find(w, id);
    struct message m = {.op = INIT_LISTENER};
    if (b && b->init_socket >= 0)
        message_send(b->init_socket, &m, &listener, 1);
    fd_close(&listener);
}

void zygote_heard(struct warden *w, int slot)
{
    static struct message m;
    struct zygote *z = &w->zygotes[slot];
    int fds[1];
    int n = message_receive(z->socket, &m, fds, 1);
    if (n == -EAGAIN)
        return;
    if (n == 1 && m.op == ZYGOTE_LISTENER) {
        pass_listener(w, m.sandbox, fds[0]);
        return;
    }
    if (n >= 0 && m.op == ZYGOTE_WARM && z->state == ZYGOTE_WARMING) {
        z->state = m.status < 0 ? ZYGOTE_WARMING : ZYGOTE_READY;
        if (m.status == 0)
            zygote_memory_warm(w, z);
        if (m.status == 0 && z->pending) {
            warden_answer(
                WARDEN_ZYGOTE, z->pending, 0, 0, NULL, (uint64_t[]){(uint64_t)slot}, 1, NULL, 0);
            z->pending = 0;
        } else if (m.status == 0 && slot >= ZYGOTE_SLOTS) {
            succeed(w, slot - ZYGOTE_SLOTS);
            begin_next(w, slot - ZYGOTE_SLOTS);
        } else if (m.status < 0) {
            error_set(&z->why, ERROR_UNAVAILABLE, -m.status, "The zygote did not get warm: %.180s",
                m.text);
            kill(z->pid, SIGKILL);
        }
        if (n > 0)
            fd_close(&fds[0]);
        return;
    }
    if (n >= 0 && m.op == ZYGOTE_FORK && z->state == ZYGOTE_FORKING && (m.status < 0) == (n == 0)) {
        if (forked(w, slot, &m, fds) == 0)
            return;
    } else if (n > 0)
        fd_close(&fds[0]);
    fd_close(&z->socket);
    if (z->pid > 0)
        kill(z->pid, SIGKILL);
    else if (z->state == ZYGOTE_RETIRED)
        clear(w, z);
}

/* Live kernels do not notice: the warden, not the zygote, is their parent. */
void zygote_died(struct warden *w, int slot, int code, int status)
{
    struct zygote *z = &w->zygotes[slot];
    struct error e;
    char what[96];
    if (slot >= ZYGOTE_SLOTS) {
        successor_died(w, slot);
        return;
    }
    if (w->zygotes[slot + ZYGOTE_SLOTS].state != ZYGOTE_RETIRED)
        zygote_end(w, slot + ZYGOTE_SLOTS);
    end_helpers(z);
    snprintf(what, sizeof what, "The zygote %s %d",
        code == CLD_EXITED ? "exited with" : "died of signal", status);
    last_words(z, &e, what);
    if (z->why.code != ERROR_NONE)
        e = z->why;
    zygote_memory_met(w, z, &e);
    while (z->count > 0) {
        struct sandbox *b = sandbox_find(w, z->queue[z->first].sandbox);
        if (b && b->pending == z->queue[z->first].serial)
            b->pending = 0;
        refuse(&z->queue[z->first], -EAGAIN, "The zygote died.");
        z->first = (z->first + 1) % FORK_QUEUE;
        z->count--;
    }
    if (z->pending)
        warden_answer(WARDEN_ZYGOTE, z->pending, 0, -e.saved_errno, &e,
            (uint64_t[]){(uint64_t)slot}, 1, NULL, 0);
    else
        warden_answer(WARDEN_ZYGOTE_DIED, 0, 0, -EPIPE, &e, (uint64_t[]){(uint64_t)slot, z->forks},
            2, NULL, 0);
    fd_close(&z->socket);
    fd_close(&z->words);
    clear(w, z);
}
