/* cloche-warden: see warden.h. Started by the supervisor as pid 1 of a ground, tree in place. */
#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "sandbox/caps.h"
#include "warden/start.h"
#include "warden/warden.h"

enum { ZYGOTE_PATIENCE_MS = 2000 };

static struct warden w;

int warden_watch(struct warden *self, int fd, uint64_t source)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = source};
    return epoll_ctl(self->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

void warden_answer(uint16_t op, uint32_t serial, uint32_t sandbox, int r, const struct error *e,
    const uint64_t *words, size_t n_words, const int *fds, size_t n_fds)
{
    struct message m = {.op = op, .serial = serial, .sandbox = sandbox, .status = r};
    for (size_t i = 0; i < n_words; i++)
        m.word[i] = words[i];
    if (r < 0 && e) {
        m.word[7] = e->code;
        message_text(&m, "%s", e->message);
    }
    int sent = message_send(WARDEN_SERVER_FD, &m, fds, n_fds);
    if (sent == -EPIPE)
        exit(0); /* server and supervisor are gone, see read_server() */
    if (sent < 0)
        log_line(LOG_ERROR, "warden", "answering the server failed", "op=%u errno=%d", op, -sent);
}

/* ---- requests ---------------------------------------------------------------------------------------- */

static const struct permit permits[] = {
    {WARDEN_HELLO, 0, 0, false},
    {WARDEN_ZYGOTE, 0, 0, false},
    {WARDEN_SANDBOX, 0, 1, false},
    {WARDEN_KERNEL, KERNEL_PIPES, KERNEL_PIPES, false},
    {WARDEN_RECYCLE, 0, 0, false},
    {WARDEN_END, 0, 0, false},
    {WARDEN_ZYGOTE_END, 0, 0, false},
    {WARDEN_GIVE_WAY, 0, 0, false},
    {WARDEN_MEMORY, 0, 0, false},
};

static void hello(const struct message *m)
{
    warden_answer(WARDEN_HELLO, m->serial, 0, 0, NULL, (uint64_t[]){w.live}, 1, NULL, 0);
    for (uint32_t i = 0; i < w.capacity; i++) {
        const struct sandbox *b = w.sandboxes[i];
        if (b)
            warden_answer(WARDEN_SANDBOX_IS, m->serial, i, 0, NULL,
                (uint64_t[]){b->state, b->kernel_serial}, 2, &b->server_end, b->server_end >= 0);
    }
}

static void no_such_sandbox(const struct message *m)
{
    struct error e;
    error_set(&e, ERROR_NOT_FOUND, ESRCH, "There is no sandbox %u.", m->sandbox);
    warden_answer(m->op, m->serial, m->sandbox, -ESRCH, &e, NULL, 0, NULL, 0);
}

static void busy_sandbox(const struct message *m)
{
    struct error e;
    error_set(&e, ERROR_INTERNAL, EBUSY, "The sandbox is busy with another request.");
    warden_answer(m->op, m->serial, m->sandbox, -EBUSY, &e, NULL, 0, NULL, 0);
}

static void on_request(const struct message *m, int *fds)
{
    struct sandbox *b = sandbox_find(&w, m->sandbox);
    int slot = m->word[0] < ZYGOTE_SLOTS ? (int)m->word[0] : ZYGOTE_PLAIN;
    switch (m->op) {
    case WARDEN_HELLO: hello(m); break;
    case WARDEN_ZYGOTE: zygote_start(&w, slot, m); break;
    case WARDEN_ZYGOTE_END: zygote_end(&w, slot); break;
    case WARDEN_GIVE_WAY:
        if (b)
            sandbox_give_way(&w, b, m->word[0] == 1);
        break;
    case WARDEN_MEMORY:
        if (b)
            sandbox_raise_memory(&w, b, m);
        else
            no_such_sandbox(m);
        break;
    case WARDEN_SANDBOX:
        sandbox_make(&w, m, fds[0]);
        fd_close(&fds[0]);
        break;
    case WARDEN_KERNEL:
        if (b)
            zygote_fork(&w, slot, b, m->serial, fds);
        else {
            fds_close(fds, KERNEL_PIPES);
            no_such_sandbox(m);
        }
        break;
    case WARDEN_RECYCLE:
        if (!b)
            no_such_sandbox(m);
        else if (b->pending || b->state == SANDBOX_ENDING)
            busy_sandbox(m);
        else
            sandbox_recycle(&w, b, m->serial);
        break;
    case WARDEN_END:
        if (b)
            sandbox_end(&w, b, m->serial);
        else
            no_such_sandbox(m);
        break;
    }
}

/* What is begun now and answered later: 0 in sandbox.pending means that nobody waits. */
static bool waited_for(uint16_t op)
{
    return op == WARDEN_SANDBOX || op == WARDEN_KERNEL || op == WARDEN_RECYCLE ||
           op == WARDEN_ZYGOTE;
}

static void read_server(void)
{
    static struct message m;
    int fds[KERNEL_PIPES];
    int n = message_receive(WARDEN_SERVER_FD, &m, fds, KERNEL_PIPES);
    if (n == -EAGAIN)
        return;
    if (n == -EPIPE)
        exit(0); /* server and supervisor are gone; as pid 1 we take the ground with us */
    if (n < 0 || message_permitted(permits, sizeof permits / sizeof *permits, &m, n) < 0 ||
        (m.serial == 0 && waited_for(m.op))) {
        log_line(LOG_ERROR, "warden", "the server broke the protocol", "op=%u r=%d", m.op, n);
        exit(70);
    }
    on_request(&m, fds);
}

/* ---- deaths ---------------------------------------------------------------------------------------------- */

/* Whose death it was; nobody's that we know: no matter. */
static void died(const siginfo_t *i)
{
    for (int slot = 0; slot < ZYGOTES; slot++)
        if (w.zygotes[slot].pid == i->si_pid) {
            zygote_died(&w, slot, i->si_code, i->si_status);
            orphans_end(&w);
            return;
        }
    for (uint32_t id = 0; id < w.capacity; id++) {
        struct sandbox *b = w.sandboxes[id];
        if (!b)
            continue;
        if (b->init == i->si_pid) {
            sandbox_init_died(&w, b);
            return;
        }
        if (b->kernel == i->si_pid) {
            sandbox_kernel_died(&w, b, i->si_code, i->si_status);
            return;
        }
    }
}

bool warden_child(const struct warden *self, pid_t pid)
{
    siginfo_t i = {0};
    if (pid <= 1 || waitid(P_PID, (id_t)pid, &i, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0)
        return false;
    for (int slot = 0; slot < ZYGOTES; slot++)
        if (self->zygotes[slot].pid == pid)
            return false;
    for (uint32_t id = 0; id < self->capacity; id++) {
        const struct sandbox *b = self->sandboxes[id];
        if (b && (b->init == pid || b->kernel == pid))
            return false;
    }
    return true;
}

/* A kernel may die before its zygote has reported it. So who is unknown is not reaped, and its pid nobody
 * else's, until the zygotes that are forking have been heard, once; a stranger then is an orphan of the
 * ground. A zygote that does not speak by then is not to be waited for. */
static void reap(void)
{
    for (;;) {
        siginfo_t i = {0};
        if (waitid(P_ALL, 0, &i, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 || i.si_pid == 0)
            return;
        for (int slot = 0; slot < ZYGOTE_SLOTS && warden_child(&w, i.si_pid); slot++)
            if (w.zygotes[slot].state == ZYGOTE_FORKING && w.zygotes[slot].socket >= 0) {
                struct pollfd p = {w.zygotes[slot].socket, POLLIN, 0};
                if (poll(&p, 1, ZYGOTE_PATIENCE_MS) > 0)
                    zygote_heard(&w, slot);
                else
                    zygote_end(&w, slot);
            }
        if (waitid(P_PID, (id_t)i.si_pid, &i, WEXITED | WNOHANG | __WALL) == 0)
            died(&i);
    }
}

/* ---- the loop ---------------------------------------------------------------------------------------------- */

static void on_event(uint64_t source)
{
    uint32_t index = (uint32_t)source;
    struct sandbox *b;
    struct signalfd_siginfo i;
    switch (source >> 32) {
    case SOURCE_SERVER: read_server(); break;
    case SOURCE_SIGNALS:
        (void)!read(w.signals, &i, sizeof i);
        reap();
        break;
    case SOURCE_ZYGOTE:
        if (w.zygotes[index].socket >= 0)
            zygote_heard(&w, (int)index);
        break;
    case SOURCE_LIFELINE: exit(0); /* the supervisor is gone */
    case SOURCE_INIT:
        b = sandbox_find(&w, index);
        if (b && b->init_socket >= 0)
            sandbox_heard(&w, b);
        break;
    }
}

static int prepare(char **argv)
{
    struct stat st;
    w.mode = (enum identity_mode)strtol(argv[WARDEN_ARG_MODE], NULL, 10);
    w.capacity = (uint32_t)strtoul(argv[WARDEN_ARG_SANDBOXES], NULL, 10);
    w.cgroup_version = (enum cgroup_version)strtol(argv[WARDEN_ARG_CGROUP], NULL, 10);
    w.venv = strtol(argv[WARDEN_ARG_VENV], NULL, 10) != 0;
    w.name = argv[WARDEN_ARG_NAME];
    for (int i = 0; i < CGROUP_DIRS; i++) {
        if (fstat(WARDEN_CGROUP_FD + i, &st) < 0)
            return -errno;
        w.cgroup_dirs[i] =
            S_ISDIR(st.st_mode) ? WARDEN_CGROUP_FD + i : -1; /* else /dev/null: there is none */
    }
    int r = cgroup_inits_make(w.cgroup_version, w.cgroup_dirs);
    if (r < 0 && w.cgroup_version != CGROUP_NONE)
        return r;
    for (int i = 0; i < ZYGOTES; i++)
        w.zygotes[i] = (struct zygote){.socket = -1, .words = -1, .pid = -1};
    w.sandboxes = calloc(w.capacity ? w.capacity : 1, sizeof *w.sandboxes);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    w.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    w.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!w.sandboxes || w.signals < 0 || w.epoll < 0)
        return -errno;
    /* What it uses: ids and maps of its children, the right that zygotes pass on (SYS_ADMIN),
     * securebits (SETPCAP), the end of zygotes, who are others (KILL), cgroup files opened as others
     * (DAC_OVERRIDE, FOWNER for their modes), limits of namespaces (RESOURCE); with one id for everything the right to map id 0 (SETFCAP). */
    uint64_t caps = CAP_BIT(CAP_SYS_ADMIN) | CAP_BIT(CAP_SETPCAP) | CAP_BIT(CAP_KILL) |
                    CAP_BIT(CAP_SYS_RESOURCE);
    caps |= w.mode == IDENTITY_SINGLE ? CAP_BIT(CAP_SETFCAP)
                                      : CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETGID);
    caps |= w.cgroup_version != CGROUP_NONE ? CAP_BIT(CAP_DAC_OVERRIDE) : 0;
    if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) < 0)
        return -errno;
    r = namespaces_limit(&w);
    return r < 0 ? r : caps_keep(caps, 0, 0);
}

int main(int argc, char **argv)
{
    if (argc != WARDEN_ARGS || getpid() != 1) {
        fputs("cloche-warden is started by cloche-supervisor.\n", stderr);
        return 64;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_DUMPABLE, 0);
    syscall(SYS_close_range, 3, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
    int r = prepare(argv);
    if (r == 0)
        r = warden_watch(&w, WARDEN_SERVER_FD, SOURCE(SOURCE_SERVER, 0));
    if (r == 0)
        r = warden_watch(&w, w.signals, SOURCE(SOURCE_SIGNALS, 0));
    if (r == 0)
        r = warden_watch(&w, WARDEN_LIFELINE_FD, SOURCE(SOURCE_LIFELINE, 0));
    if (r < 0) {
        log_line(LOG_ERROR, "warden", "did not start", "errno=%d", -r);
        return 69;
    }
    for (;;) {
        struct epoll_event events[64];
        int n = epoll_wait(w.epoll, events, 64, -1);
        for (int i = 0; i < n; i++)
            on_event(events[i].data.u64);
    }
}
