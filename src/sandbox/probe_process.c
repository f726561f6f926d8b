/* Facts about making, signalling and hiding processes. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/caps.h"
#include "sandbox/clone.h"
#include "sandbox/probe_internal.h"

enum { STATUS = 42 };

void probe_clone3(struct probe_result *r)
{
    int status = 0;
    pid_t p = clone_process(0, SIGCHLD, NULL, -1, NULL);
    if (p == 0)
        _exit(STATUS);
    if (p < 0 || waitpid(p, &status, 0) < 0)
        probe_say(r, p < 0 ? p : -errno, "%s", strerror(p < 0 ? -p : errno));
    else
        probe_say(r, WEXITSTATUS(status) == STATUS ? 0 : -EPROTO, "%s", "");
}

/* This process stands for the warden, its child for a zygote, which makes the kernel. */
void probe_clone_parent(struct probe_result *r)
{
    int told[2];
    pid_t words[2] = {0, 0}; /* the kernel's pid, and whether the zygote has a child */
    if (pipe2(told, O_CLOEXEC) < 0) {
        probe_step(r, -1, "pipe");
        return;
    }
    pid_t zygote = fork();
    if (zygote == 0) {
        words[0] = clone_process(CLONE_PARENT, 0, NULL, -1, NULL);
        if (words[0] == 0)
            _exit(STATUS);
        words[1] = waitpid(-1, NULL, __WALL) < 0 && errno == ECHILD;
        (void)!write(told[1], words, sizeof words);
        _exit(0);
    }
    int heard = fd_read_all(told[0], words, sizeof words);
    if (heard < 0 || words[0] < 0) {
        probe_say(r, heard < 0 ? heard : words[0], "clone3 refuses it");
        return;
    }
    bool reaped = false;
    siginfo_t i = {0};
    while (!reaped && waitid(P_ALL, 0, &i, WEXITED | __WALL) == 0)
        reaped = i.si_pid == words[0] && i.si_status == STATUS;
    if (!reaped || !words[1])
        probe_say(r, -EPROTO, "%s",
            reaped ? "the zygote has a child of its own" : "its parent cannot reap it");
    else
        probe_say(r, 0, "%s", "");
}

void probe_thread_id_address(struct probe_result *r)
{
    int *address = NULL;
    if (prctl(PR_GET_TID_ADDRESS, &address, 0, 0, 0) < 0) {
        probe_step(r, -1, "PR_GET_TID_ADDRESS (CONFIG_CHECKPOINT_RESTORE)");
        return;
    }
    int status = 1;
    pid_t p = clone_process(CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, SIGCHLD, NULL, -1, address);
    if (p == 0)
        _exit(*address != getpid());
    if (p > 0)
        waitpid(p, &status, 0);
    probe_say(r, status == 0 ? 0 : -EPROTO, "%s",
        status == 0 ? "" : "a clone does not find its own id there");
}

void probe_pidfd(struct probe_result *r)
{
    int pidfd = -1;
    siginfo_t i = {0};
    pid_t p = clone_process(0, SIGCHLD, &pidfd, -1, NULL);
    if (p == 0) {
        pause();
        _exit(0);
    }
    if (p < 0) {
        probe_say(r, p, "clone3 gives none: %s", strerror(-p));
        return;
    }
    struct pollfd end = {pidfd, POLLIN, 0};
    int s =
        probe_step(r, syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0), "pidfd_send_signal");
    if (s == 0)
        s = poll(&end, 1, 5000) == 1
                ? 0
                : probe_say(r, -EPROTO, "it does not say that its process ended");
    kill(p, SIGKILL);
    waitid(P_PID, (id_t)p, &i, WEXITED);
    if (s == 0)
        s = probe_refused(r, syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0), ESRCH,
            "signalling who is gone");
    if (s == 0)
        probe_say(r, 0, "%s", "");
}

/* ---- who can look into whom ------------------------------------------------------------------------------- */

enum { WAYS_IN = 6 };

/* What can be opened of a process of the same uid; a letter each. */
static void opened(pid_t p, char found[8])
{
    static const char *const names[WAYS_IN] = {
        "mem", "root/etc", "ns/user", "fd", "environ", "cwd/."};
    int n = 0;
    for (size_t i = 0; i < WAYS_IN; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/%s", p, names[i]);
        cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0)
            found[n++] = names[i][0];
    }
    found[n] = 0;
}

struct targets {
    pid_t shown, hidden;
    int ids;
};

static int become_kernel(struct probe_result *r, int ids)
{
    return ids > 1 ? probe_become(r, PROBE_ID_A) : caps_keep(0, 0, 0);
}

static int look_into(struct probe_result *r, void *user)
{
    const struct targets *t = user;
    char found[8];
    int s = become_kernel(r, t->ids);
    if (s < 0)
        return s;
    opened(t->shown, found);
    if (strlen(found) != WAYS_IN)
        return probe_say(r, -EPROTO, "even of a dumpable process only these open: %s", found);
    opened(t->hidden, found);
    return found[0] ? probe_say(r, -EPROTO, "open to its own user id: %s", found) : 0;
}

static pid_t target(struct probe_result *r, int ids, int dumpable)
{
    int told[2];
    char c = 0;
    pid_t p = pipe2(told, O_CLOEXEC) < 0 ? -1 : fork();
    if (p == 0) {
        int s = become_kernel(r, ids);
        if (s == 0)
            s = prctl(PR_SET_DUMPABLE, dumpable);
        (void)!write(told[1], s == 0 ? "1" : "0", 1);
        pause();
        _exit(0);
    }
    if (p < 0 || fd_read_all(told[0], &c, 1) < 0 || c != '1')
        return probe_say(r, -EPROTO, "a process cannot be made or hidden");
    return p;
}

static int hide(struct probe_result *r, const struct ground_view *v)
{
    struct targets t = {.ids = v->ids};
    if (mount("proc", "/proc", "proc", 0, NULL) < 0)
        return probe_step(r, -1, "preparing");
    t.shown = target(r, v->ids, 1);
    t.hidden = target(r, v->ids, 0);
    if (t.shown < 0 || t.hidden < 0)
        return -EPROTO;
    return probe_in_child(r, look_into, &t);
}

void probe_not_dumpable(struct probe_result *r) { probe_in_ground(r, hide, NULL); }

/* ---- killing one user id ----------------------------------------------------------------------------------- */

static pid_t sleeper(struct probe_result *r, uid_t id, int told)
{
    pid_t p = fork();
    if (p == 0) {
        if (probe_become(r, id) == 0)
            (void)!write(told, "x", 1);
        pause();
        _exit(0);
    }
    return p;
}

/* The effective id decides whom kill(-1) reaches; the real one stays, so that nobody of that id can
 * signal the helper. */
static int kill_all_of_a(struct probe_result *r, void *user)
{
    (void)user;
    int s = probe_step(r, setresuid((uid_t)-1, PROBE_ID_A, (uid_t)-1), "an effective id");
    if (s == 0)
        s = caps_keep(0, 0, 0);
    return s == 0 ? probe_step(r, kill(-1, SIGKILL), "kill(-1)") : s;
}

static int kill_one_of_two(struct probe_result *r, const struct ground_view *v)
{
    int told[2], status, s = probe_needs_ids(r, v);
    char c[2];
    if (s != 0)
        return s;
    if (pipe2(told, O_CLOEXEC) < 0)
        return probe_step(r, -1, "pipe");
    pid_t a = sleeper(r, PROBE_ID_A, told[1]), b = sleeper(r, PROBE_ID_B, told[1]);
    if (fd_read_all(told[0], c, 2) < 0)
        return -EPIPE;
    s = probe_in_child(r, kill_all_of_a, NULL);
    if (s < 0)
        return s;
    if (waitpid(a, &status, 0) < 0 || !WIFSIGNALED(status))
        return probe_say(r, -EPROTO, "who was meant lives");
    return waitpid(b, NULL, WNOHANG) == 0 ? 0
                                          : probe_say(r, -EPROTO, "another id was killed as well");
}

void probe_kill_by_id(struct probe_result *r) { probe_in_ground(r, kill_one_of_two, NULL); }

/* ---- ends ------------------------------------------------------------------------------------------------------ */

/* A namespace's pid 1 whose parent is killed takes everything in the namespace with it. */
void probe_parent_death(struct probe_result *r)
{
    int alive[2];
    char c;
    if (pipe2(alive, O_CLOEXEC) < 0) {
        probe_step(r, -1, "pipe");
        return;
    }
    pid_t parent = fork();
    if (parent == 0) {
        pid_t first = clone_process(CLONE_NEWUSER | CLONE_NEWPID, SIGCHLD, NULL, -1, NULL);
        if (first == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (fork() == 0)
                (void)!write(alive[1], "x", 1);
            pause();
        }
        if (first > 0)
            pause();
        _exit(0);
    }
    fd_close(&alive[1]);
    struct pollfd p = {alive[0], POLLIN, 0};
    if (poll(&p, 1, 5000) != 1 || read(alive[0], &c, 1) != 1) {
        probe_say(r, -EPERM, "a pid namespace cannot be filled");
        return;
    }
    kill(parent, SIGKILL);
    waitpid(parent, NULL, 0);
    bool gone = poll(&p, 1, 5000) == 1 && read(alive[0], &c, 1) == 0;
    probe_say(r, gone ? 0 : -EPROTO, "%s", gone ? "" : "a grandchild lived on");
}

void probe_close_range(struct probe_result *r)
{
    int fd = open("/dev/null", O_RDONLY);
    if (syscall(SYS_close_range, (unsigned)fd, (unsigned)fd, 4 /* CLOSE_RANGE_CLOEXEC */) < 0)
        probe_step(r, -1, "close_range");
    else
        probe_say(r, fcntl(fd, F_GETFD) & FD_CLOEXEC ? 0 : -EPROTO, "%s", "");
}
