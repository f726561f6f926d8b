#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "init/init.h"

enum { KILL_SPINS = 50, KILL_ROUNDS = 60000, KILL_STEP_NS = 30000 };

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
            nanosleep(&(struct timespec){ 0, KILL_STEP_NS }, NULL);
    }
    return -EBUSY;
}

/* A table of /proc/net has one head line; more means a socket that listens, is open, or lingers. 1, 0 or
 * -errno. */
static int table_is_empty(const char *path)
{
    char text[1024];
    long n = fd_read_file(AT_FDCWD, path, text, sizeof text);
    if (n == -ENOENT)
        return 1;
    if (n < 0)
        return (int)n;
    const char *line = strchr(text, '\n');
    return line && line[1] == 0;
}

int prove_empty(struct error *e)
{
    static const char *const tables[] = { "/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp", "/proc/net/udp6",
                                          "/proc/net/unix", "/proc/net/raw", "/proc/net/udplite" };
    if (kill(-1, 0) == 0 || errno != ESRCH)
        return error_set(e, ERROR_INTERNAL, ENOTEMPTY, "Processes are left in the sandbox.");
    char pids[32] = ""; /* of the cgroup, to which init does not belong; nothing where there is none */
    if (pread(INIT_USAGE_FD + USAGE_PIDS, pids, sizeof pids - 1, 0) < 0)
        return error_set(e, ERROR_INTERNAL, ENOTEMPTY, "How many processes are in the cgroup cannot be read.");
    if (strtoul(pids, NULL, 10) > 0)
        return error_set(e, ERROR_INTERNAL, ENOTEMPTY, "%lu processes are left in the cgroup.", strtoul(pids, NULL, 10));
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        int r = table_is_empty(tables[i]);
        if (r <= 0)
            return error_set(e, ERROR_INTERNAL, ENOTEMPTY,
                             r < 0 ? "%s cannot be read: what it would list is unknown." : "%s still lists a socket.", tables[i]);
    }
    return 0;
}
