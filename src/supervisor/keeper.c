#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "supervisor/supervisor.h"

/* A hand-over with holes is none: a server that did not take all is ended, and the next one begins anew. */
static void send_or_end(struct supervisor *s, const struct message *m, const int *fds, size_t n)
{
    if (s->hand_over_failed)
        return;
    int r = message_send(s->link, m, fds, n);
    if (r == 0)
        return;
    if (r != -EPIPE) /* that one has ended by itself, which is told when it is reaped */
        log_line(LOG_WARN, "supervisor", "handing over failed", "op=%u errno=%d", m->op, -r);
    s->hand_over_failed = true;
    kill(s->server, SIGKILL);
}

/* Everything that outlived the last server, in the order protocol.h promises. */
static void hand_over(struct supervisor *s)
{
    static struct message m;
    for (uint32_t i = 0; i < s->plan.listeners; i++) {
        m = (struct message){.op = SUP_LISTENER, .word = {i}};
        message_text(&m, "%s", s->addresses[i]);
        send_or_end(s, &m, &s->listeners[i], 1);
    }
    for (int i = 0; i < GROUNDS_MAX; i++) {
        const struct ground *g = &s->grounds[i];
        if (g->id < 0 || g->ending)
            continue;
        m = (struct message){.op = SUP_INHERITED_GROUND, .word = {(uint64_t)g->id}};
        message_text(&m, "%s", g->name);
        const int fds[2] = {g->server_socket, g->cpu_idle};
        send_or_end(s, &m, fds, g->cpu_idle < 0 ? 1 : 2);
    }
    for (int i = 0; i < PIPE_SETS_MAX; i++)
        if (s->pipes[i][0] >= 0) {
            m = (struct message){.op = SUP_INHERITED_PIPES, .word = {(uint64_t)i}};
            send_or_end(s, &m, s->pipes[i], KERNEL_PIPES);
        }
    int memory[CGROUP_MEMORIES], r = cgroup_memory_open(&s->cgroup, memory);
    if (r < 0 && s->cgroup.version != CGROUP_NONE)
        log_line(LOG_WARN, "supervisor",
            "nobody is refused before the memory of all sessions is used up", "why=\"%s\"",
            strerror(-r));
    if (r == 0) {
        m = (struct message){.op = SUP_MEMORY};
        send_or_end(s, &m, memory, CGROUP_MEMORIES);
        fds_close(memory, CGROUP_MEMORIES);
    }
    m = (struct message){.op = SUP_START, .word = {s->servers_before}};
    int fds[2];
    size_t n = 0;
    if (s->state_dir >= 0)
        fds[n++] = s->state_dir;
    m.word[1] = n;
    if (s->environments >= 0)
        fds[n++] = s->environments;
    m.word[2] = n - m.word[1];
    send_or_end(s, &m, fds, n);
}

static void die(const char *step)
{
    dprintf(STDERR_FILENO,
        "cloche: Starting the server failed: %s: %s; `cloche doctor` says what this host lacks.\n",
        step, strerror(errno));
    _exit(PLAN_EXIT_START);
}

static void become_server(struct supervisor *s, int link)
{
    char *argv[512];
    char *p = s->plan.args;
    uint32_t n = 0;
    for (; n < s->plan.n_args && n < 511 && p < s->plan.args + PLAN_ARGS; n++, p += strlen(p) + 1)
        argv[n] = p;
    argv[n] = NULL;
    cleanup_fd int group = cgroup_server_open(&s->cgroup);
    if (s->cgroup.version != CGROUP_NONE && (group < 0 || write(group, "0", 1) < 0))
        die("joining its cgroup");
    if (geteuid() == 0 &&
        (setgroups(0, NULL) < 0 ||
            setresgid(s->plan.server_gid, s->plan.server_gid, s->plan.server_gid) < 0 ||
            setresuid(s->plan.server_uid, s->plan.server_uid, s->plan.server_uid) < 0))
        die("dropping to its user");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        die("prctl");
    if (!(s->plan.flags & PLAN_ONE_SHOT))
        setsid(); /* a terminal's Ctrl-C is the supervisor's to handle */
    int exe = fcntl(s->server_exe, F_DUPFD_CLOEXEC, 1000);
    int own = fcntl(link, F_DUPFD_CLOEXEC, 1000);
    if (exe < 0 || own < 0 || dup2(own, SERVER_LINK_FD) < 0)
        die("descriptors");
    syscall(SYS_close_range, SERVER_LINK_FD + 1, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
    for (uint32_t fd = s->plan.keep_first; fd && fd <= s->plan.keep_last; fd++)
        fcntl((int)fd, F_SETFD, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    extern char **environ;
    syscall(SYS_execveat, exe, "", argv, environ, AT_EMPTY_PATH);
    die("exec");
}

int server_start(struct supervisor *s, struct error *e)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "A socket pair for the server cannot be had.");
    int size =
        4 << 20; /* as far as the host lets it: room for the hand-over before the server reads */
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    /* a server that does not read what it is given is no server */
    setsockopt(
        pair[0], SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){.tv_sec = 10}, sizeof(struct timeval));
    pid_t p = fork();
    if (p < 0) {
        fds_close(pair, 2);
        return error_set(e, ERROR_INTERNAL, errno, "Forking the server failed.");
    }
    if (p == 0)
        become_server(s, pair[1]);
    close(pair[1]);
    fd_close(&s->link);
    s->link = pair[0];
    s->server = p;
    s->hand_over_failed = false;
    hand_over(s);
    s->servers_before++;
    return 0;
}
