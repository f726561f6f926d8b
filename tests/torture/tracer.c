/* tracer REPORT [ROLE SYSCALL N ERRNO] -- PROGRAM [ARGUMENT…]: runs PROGRAM and all below it, and makes
 * the N-th call of SYSCALL (a number, from 1) by processes of one ROLE fail, once.
 *
 * strace --inject counts in every process for itself and arms all of them at once: whoever comes to its
 * N-th openat first hides the others. Here a role is what a process is in Cloche (see role_names): the
 * program, or whose child it is until it has executed one. Without a fault every call is counted.
 *
 * To the descriptor REPORT it writes lines: "pid P" (PROGRAM's), "hit", "calls ROLE SYSCALL COUNT" and
 * "end STATUS" when PROGRAM has ended. It ends itself when no process is left; killed, it takes all with it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __x86_64__
#error \
    "The registers that are changed are those of x86-64; Cloche's filters are written for it, too."
#endif

enum role {
    NOBODY,
    SUPERVISOR,
    SERVER,
    GROUND,
    WARDEN,
    BEFORE_INIT,
    INIT,
    HELPER,
    BEFORE_ZYGOTE,
    ZYGOTE,
    KERNEL,
    OTHER,
    ROLES
};
static const char *const role_names[ROLES] = {
    "nobody",
    "supervisor",
    "server",
    "ground",
    "warden",
    "before-init",
    "init",
    "helper",
    "before-zygote",
    "zygote",
    "kernel",
    "other",
};
enum { TRACEES_MAX = 4096, SYSCALLS = 512 };

static struct tracee {
    pid_t pid; /* 0: free */
    enum role role;
    bool waiting; /* its first stop came before its parent's word of it */
    int failing;  /* errno that the call it is in will answer; 0: none */
} tracees[TRACEES_MAX];
static long calls[ROLES][SYSCALLS];
static int report, alive;

static struct {
    bool armed;
    enum role role;
    long number, n;
    int error;
} fault;

static struct tracee *find(pid_t pid)
{
    for (int i = 0; i < TRACEES_MAX; i++)
        if (tracees[i].pid == pid)
            return &tracees[i];
    return NULL;
}

static struct tracee *add(pid_t pid, enum role role)
{
    struct tracee *t = find(0);
    if (!t)
        abort();
    *t = (struct tracee){.pid = pid, .role = role};
    alive++;
    return t;
}

/* Only those who can still matter stop at their calls. */
static void resume(struct tracee *t, int signal_number)
{
    bool observed = fault.number < 0 ? t->role != NOBODY : fault.armed && t->role == fault.role;
    ptrace(observed || t->failing ? PTRACE_SYSCALL : PTRACE_CONT, t->pid, NULL,
        (void *)(intptr_t)signal_number);
}

/* ---- who is who ---------------------------------------------------------------------------------------- */

static bool is_thread(pid_t tid)
{
    char path[64], line[128];
    int tgid = tid;
    snprintf(path, sizeof path, "/proc/%d/status", tid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "Tgid: %d", &tgid) == 1)
            break;
    if (f)
        fclose(f);
    return tgid != tid;
}

/* The clone3 that `parent` is stopped in: does it make a pid namespace? Its arguments begin with the flags. */
static bool makes_pid_namespace(pid_t parent)
{
    struct user_regs_struct r;
    if (ptrace(PTRACE_GETREGS, parent, NULL, &r) < 0 || r.orig_rax != SYS_clone3)
        return false;
    errno = 0;
    long flags = ptrace(PTRACE_PEEKDATA, parent, (void *)(uintptr_t)r.rdi, NULL);
    return errno == 0 && flags & CLONE_NEWPID;
}

static enum role role_of_child(const struct tracee *parent, pid_t child)
{
    static bool server_there;
    if (is_thread(child))
        return parent->role;
    switch (parent->role) {
    case SUPERVISOR:
        if (server_there)
            return GROUND;
        server_there = true;
        return SERVER;
    case WARDEN: /* inits have namespaces of their own, zygotes only a chosen pid */
        return makes_pid_namespace(parent->pid) ? BEFORE_INIT : BEFORE_ZYGOTE;
    case INIT: return HELPER;
    case ZYGOTE: return KERNEL;
    default: return OTHER;
    }
}

static enum role role_after_exec(enum role before)
{
    return before == NOBODY          ? SUPERVISOR
           : before == GROUND        ? WARDEN
           : before == BEFORE_INIT   ? INIT
           : before == BEFORE_ZYGOTE ? ZYGOTE
           : before == SERVER        ? SERVER
                                     : OTHER;
}

static void on_child(struct tracee *parent)
{
    unsigned long pid = 0;
    if (ptrace(PTRACE_GETEVENTMSG, parent->pid, NULL, &pid) < 0)
        return;
    struct tracee *t = find((pid_t)pid);
    enum role role = role_of_child(parent, (pid_t)pid);
    if (!t) {
        add((pid_t)pid, role);
        return;
    }
    t->role = role;
    if (t->waiting) {
        t->waiting = false;
        resume(t, 0);
    }
}

/* ---- calls ---------------------------------------------------------------------------------------------- */

static void on_call(struct tracee *t)
{
    struct __ptrace_syscall_info info;
    struct user_regs_struct r;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, (void *)sizeof info, &info) < 0)
        return;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr < SYSCALLS) {
        long n = ++calls[t->role][info.entry.nr];
        if (!fault.armed || t->role != fault.role || (long)info.entry.nr != fault.number ||
            n != fault.n)
            return;
        /* A call that does nothing and passes every filter stands in for it. */
        if (ptrace(PTRACE_GETREGS, t->pid, NULL, &r) < 0)
            return;
        r.orig_rax = SYS_getpid;
        ptrace(PTRACE_SETREGS, t->pid, NULL, &r);
        t->failing = fault.error;
        fault.armed = false;
        dprintf(report, "hit\n");
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->failing) {
        if (ptrace(PTRACE_GETREGS, t->pid, NULL, &r) < 0)
            return;
        r.rax = (unsigned long long)-(long long)t->failing;
        ptrace(PTRACE_SETREGS, t->pid, NULL, &r);
        t->failing = 0;
    }
}

/* The kernel ends a pid 1 that crashes, or calls abort(), but not while it is traced. */
static bool crashed(const struct tracee *t, int number)
{
    siginfo_t i;
    return (number == SIGSEGV || number == SIGBUS || number == SIGILL) &&
           (t->role == WARDEN || t->role == INIT) &&
           ptrace(PTRACE_GETSIGINFO, t->pid, NULL, &i) == 0 && i.si_code > 0;
}

static void on_stop(struct tracee *t, int status)
{
    int number = WSTOPSIG(status), event = status >> 16;
    switch (event) {
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE: on_child(t); break;
    case PTRACE_EVENT_EXEC:
        t->role = role_after_exec(t->role);
        if (t->role == SERVER) { /* the test's own */
            ptrace(PTRACE_DETACH, t->pid, NULL, NULL);
            *t = (struct tracee){0};
            alive--;
            return;
        }
        break;
    case PTRACE_EVENT_STOP:
        if (number != SIGTRAP) { /* a stop of its whole group */
            ptrace(PTRACE_LISTEN, t->pid, NULL, NULL);
            return;
        }
        break;
    default:
        if (number == (SIGTRAP | 0x80))
            on_call(t);
        else {
            if (crashed(t, number))
                kill(t->pid, SIGKILL);
            resume(t, number);
            return;
        }
    }
    resume(t, 0);
}

static int follow(pid_t program)
{
    int end = 0, status;
    while (alive > 0) {
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0 && errno == ECHILD)
            break;
        if (pid < 0)
            continue;
        struct tracee *t = find(pid);
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (pid == program) {
                end = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
                dprintf(report, "end %d\n", end);
            }
            if (t) {
                *t = (struct tracee){0};
                alive--;
            }
        } else if (!t) {
            add(pid, NOBODY)->waiting = true;
        } else {
            on_stop(t, status);
        }
    }
    return end;
}

static pid_t start(char **argv)
{
    int go[2];
    char byte;
    if (pipe(go) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        close(go[1]);
        close(report);
        if (read(go[0], &byte, 1) == 1) {
            close(go[0]);
            execv(argv[0], argv);
        }
        _exit(127);
    }
    long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
                   PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
    if (pid < 0 || ptrace(PTRACE_SEIZE, pid, NULL, (void *)options) < 0 ||
        write(go[1], "x", 1) != 1)
        return -1;
    add(pid, NOBODY);
    return pid;
}

int main(int argc, char **argv)
{
    int at = 2;
    fault.number = -1;
    if (argc >= 8 && strcmp(argv[2], "--")) {
        for (fault.role = NOBODY; fault.role < ROLES && strcmp(argv[2], role_names[fault.role]);)
            fault.role++;
        fault.number = strtol(argv[3], NULL, 10);
        fault.n = strtol(argv[4], NULL, 10);
        fault.error = (int)strtol(argv[5], NULL, 10);
        fault.armed = fault.role < ROLES;
        at = 6;
    }
    if (argc < at + 2 || strcmp(argv[at], "--") || (fault.number >= 0 && !fault.armed)) {
        fputs("usage: tracer REPORT [ROLE SYSCALL N ERRNO] -- PROGRAM [ARGUMENT...]\n", stderr);
        return 64;
    }
    report = (int)strtol(argv[1], NULL, 10);
    pid_t program = start(argv + at + 1);
    if (program < 0) {
        perror("tracer");
        return 69;
    }
    /* What PROGRAM inherits is its own: nobody may wait in vain for the end of a pipe that is held here. */
    for (int fd = 0; fd < 1024; fd++)
        if (fd != report && fd != 2)
            close(fd);
    dprintf(report, "pid %d\n", program);
    int status = follow(program);
    for (int role = 0; role < ROLES && fault.number < 0; role++)
        for (int number = 0; number < SYSCALLS; number++)
            if (calls[role][number])
                dprintf(report, "calls %s %d %ld\n", role_names[role], number, calls[role][number]);
    return status;
}
