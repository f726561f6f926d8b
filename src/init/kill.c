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

/* A table of /proc/net has one head line; more means a socket that listens, is open, or lingers. */
static int table_is_empty(const char *path)
{
    char text[1024];
    long n = fd_read_file(AT_FDCWD, path, text, sizeof text);
    if (n == -ENOENT)
        return 1;
    if (n < 0)
        return 0;
    const char *line = strchr(text, '\n');
    return line && line[1] == 0;
}

int prove_empty(struct error *e)
{
    static const char *const tables[] = { "/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp", "/proc/net/udp6",
                                          "/proc/net/unix", "/proc/net/raw", "/proc/net/udplite" };
    if (kill(-1, 0) == 0 || errno != ESRCH)
        return error_set(e, ERROR_INTERNAL, ENOTEMPTY, "Processes are left in the sandbox.");
    uint64_t pids = cgroup_read_number(INIT_USAGE_FD + USAGE_PIDS); /* init is not among them */
    if (pids > 0)
        return error_set(e, ERROR_INTERNAL, ENOTEMPTY, "%llu processes are left in the cgroup.", (unsigned long long)pids);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (!table_is_empty(tables[i]))
            return error_set(e, ERROR_INTERNAL, ENOTEMPTY, "%s still lists a socket.", tables[i]);
    return 0;
}
