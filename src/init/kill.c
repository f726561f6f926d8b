#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "init/init.h"

/* Most are gone at once; what holds a gigabyte gives it back in its own time, on a busy machine in seconds:
 * 20 in all, less than the server waits. */
enum { KILL_SPINS = 50, KILL_QUICK_ROUNDS = 5000, KILL_ROUNDS = 24000 };
enum { KILL_QUICK_STEP_NS = 30000, KILL_STEP_NS = 1000000 };
/* A busy machine takes its time for a grace period. */
enum { SOCKET_ROUNDS = 500, SOCKET_STEP_NS = 1000000 };

void reap(void)
{
    int status;
    for (pid_t p; (p = waitpid(-1, &status, WNOHANG | __WALL)) > 0;)
        file_writer_ended(p, WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* kill(-1) reports ESRCH only to pid 1, and only when nothing is left to signal: zombies of our own
 * count until we reap them, a dead kernel until the warden does. */
int kill_everything(void)
{
    for (int i = 0; i < KILL_ROUNDS; i++) {
        if (kill(-1, SIGKILL) < 0 && errno == ESRCH)
            return 0;
        reap();
        if (i < KILL_SPINS)
            sched_yield();
        else
            nanosleep(
                &(struct timespec){0, i < KILL_QUICK_ROUNDS ? KILL_QUICK_STEP_NS : KILL_STEP_NS},
                NULL);
    }
    return -EBUSY;
}

/* The number behind `name` in the text, or -1. */
static long number_after(const char *text, const char *name)
{
    const char *p = strstr(text, name);
    return p ? strtol(p + strlen(name), NULL, 10) : -1;
}

/* Sockets of this network namespace, and TCP connections that linger without one. The tables of
 * /proc/net would say whose, but the kernel walks the whole machine's hash for them: milliseconds.
 * 0 or -errno. */
static int count_sockets(long *ret_used, long *ret_lingering)
{
    char text[1024];
    long n = fd_read_file(AT_FDCWD, "/proc/net/sockstat", text, sizeof text);
    *ret_used = n < 0 ? -1 : number_after(text, "sockets: used ");
    *ret_lingering = n < 0 ? -1 : number_after(text, " tw ");
    return *ret_used < 0 || *ret_lingering < 0 ? -ENOTEMPTY : 0;
}

/* A netlink socket is counted until a grace period after its last owner died. */
static int no_sockets(struct error *e)
{
    long used, lingering;
    int r = count_sockets(&used, &lingering);
    for (int i = 0; r == 0 && used > 0 && i < SOCKET_ROUNDS; i++) {
        nanosleep(&(struct timespec){0, SOCKET_STEP_NS}, NULL);
        r = count_sockets(&used, &lingering);
    }
    if (r < 0)
        return error_set(e, ERROR_INTERNAL, ENOTEMPTY,
            "/proc/net/sockstat cannot be read: what it would count is unknown.");
    if (used > 0 || lingering > 0)
        return error_set(e, ERROR_INTERNAL, ENOTEMPTY,
            "/proc/net/sockstat still counts %ld sockets, and %ld that linger.", used, lingering);
    return 0;
}

int prove_empty(struct error *e)
{
    if (kill(-1, 0) == 0 || errno != ESRCH)
        return error_set(e, ERROR_INTERNAL, ENOTEMPTY, "Processes are left in the sandbox.");
    char pids[32] =
        ""; /* of the cgroup, to which init does not belong; nothing where there is none */
    if (pread(INIT_USAGE_FD + USAGE_PIDS, pids, sizeof pids - 1, 0) < 0)
        return error_set(
            e, ERROR_INTERNAL, ENOTEMPTY, "How many processes are in the cgroup cannot be read.");
    if (strtoul(pids, NULL, 10) > 0)
        return error_set(e, ERROR_INTERNAL, ENOTEMPTY, "%lu processes are left in the cgroup.",
            strtoul(pids, NULL, 10));
    return no_sockets(e);
}
