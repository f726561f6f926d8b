/* Limits, affinity and priority by number. A program names itself by its pid as often as by 0: psutil does, OpenMP
 * and pthread_setaffinity_np name threads. Linux asks for the same uid only, which is everybody's where all have
 * one: init's, too. So the second filter lets 0 pass and asks about every other number, and a thread's own group
 * is let through: what it could have done by 0, in each of its threads.
 *
 * Between this look and the call itself the thread that was named may end and its number be given to another: one
 * of this pid namespace: of this session's, or of a child of init's that writes one of its files and ends. Never
 * init, which is pid 1 for as long as there is a session. Linux asks for the same uid then, as it does outside. */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "init/init.h"

/* Of the thread with this number; or -errno, -ENOENT or -ESRCH: there is none. Not by /proc/THREAD/task/OTHER: the
 * kernel would keep an entry for each pair that was asked for, charged to nobody's limit. */
static int group_of(pid_t thread)
{
    char path[32], text[512];
    int group;
    snprintf(path, sizeof path, "/proc/%d/status", thread);
    long n = fd_read_file(AT_FDCWD, path, text, sizeof text);
    if (n < 0)
        return (int)n;
    /* the first line has the name, which its owner chose; a newline in it is escaped */
    const char *line = strstr(text, "\nTgid:");
    return line && sscanf(line, "\nTgid: %d", &group) == 1 && group > 0 ? group : -EIO;
}

int thread_judge(pid_t caller, const struct seccomp_data *call)
{
    pid_t named;
    switch (call->nr) {
    case SYS_sched_setaffinity:
    case SYS_prlimit64: named = (pid_t)call->args[0]; break;
    case SYS_setpriority:
        if ((int)call->args[0] != PRIO_PROCESS)
            return -EPERM;
        named = (pid_t)call->args[1];
        break;
    default: return -EPERM;
    }
    if (caller > 0 && named == caller)
        return 0;
    int own = group_of(caller), others = group_of(named);
    if (others == -ENOENT || others == -ESRCH)
        return -ESRCH;
    return own > 0 && own == others ? 0 : -EPERM;
}
