#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "supervisor/supervisor.h"

enum { LOCK_WAIT_MS = 5000, LOCK_STEP_MS = 50 };

/* Another server may just be ending: wait for it a while, then say who holds the directory. */
static int take_lock(struct supervisor *s, struct error *e)
{
    s->state_lock = openat(s->state_dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->state_lock < 0)
        return error_set(
            e, ERROR_UNAVAILABLE, errno, "Opening the lock in %s failed.", s->plan.state_dir);
    for (int waited = 0; flock(s->state_lock, LOCK_EX | LOCK_NB) < 0; waited += LOCK_STEP_MS) {
        char holder[32] = "";
        if (errno != EWOULDBLOCK)
            return error_set(e, ERROR_UNAVAILABLE, errno, "Locking %s failed.", s->plan.state_dir);
        if (waited >= LOCK_WAIT_MS) {
            ssize_t n = pread(s->state_lock, holder, sizeof holder - 1, 0);
            holder[n > 0 ? n : 0] = 0;
            return error_set(e, ERROR_UNAVAILABLE, EBUSY, "Another server (pid %ld) uses %s.",
                strtol(holder, NULL, 10), s->plan.state_dir);
        }
        nanosleep(&(struct timespec){0, LOCK_STEP_MS * 1000000L}, NULL);
    }
    char pid[32];
    int n = snprintf(pid, sizeof pid, "%d\n", getpid());
    if (ftruncate(s->state_lock, 0) < 0 || pwrite(s->state_lock, pid, (size_t)n, 0) != n)
        log_line(LOG_WARN, "supervisor", "the lock does not name its holder", "errno=%d", errno);
    return 0;
}

/* The server is another user when root started us: the directory becomes its own, if it was ours. */
static int give_to_server(struct supervisor *s, struct error *e)
{
    struct stat st;
    if (fstat(s->state_dir, &st) < 0)
        return error_set(e, ERROR_UNAVAILABLE, errno, "Looking at %s failed.", s->plan.state_dir);
    if (geteuid() != 0 || st.st_uid == s->plan.server_uid)
        return 0;
    if (st.st_uid != 0)
        return error_set(e, ERROR_UNAVAILABLE, EPERM,
            "%s belongs to uid %u, neither to root nor to the server.", s->plan.state_dir,
            st.st_uid);
    if (fchown(s->state_dir, s->plan.server_uid, s->plan.server_gid) < 0 ||
        fchmod(s->state_dir, 0700) < 0)
        return error_set(
            e, ERROR_UNAVAILABLE, errno, "Giving %s to the server failed.", s->plan.state_dir);
    return 0;
}

int state_open(struct supervisor *s, struct error *e)
{
    s->environments = open(s->plan.environments_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->plan.flags & PLAN_ONE_SHOT)
        return 0;
    s->state_dir = open(s->plan.state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->state_dir < 0)
        return error_set(e, ERROR_UNAVAILABLE, errno, "Opening the state directory %s failed: %s.",
            s->plan.state_dir, strerror(errno));
    int r = give_to_server(s, e);
    return r < 0 ? r : take_lock(s, e);
}
