#include "clone.h"

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t clone_process(uint64_t flags, int exit_signal, int *ret_pidfd, int cgroup, void *child_tid)
{
    int pidfd = -1;
    struct clone_args a = {
        .flags = flags | (ret_pidfd ? CLONE_PIDFD : 0),
        .pidfd = (uintptr_t)(ret_pidfd ? &pidfd : NULL),
        .exit_signal = (uint64_t)exit_signal,
        .child_tid = (uintptr_t)child_tid,
        .cgroup = flags & CLONE_INTO_CGROUP ? (uint64_t)cgroup : 0,
    };
    long p = syscall(SYS_clone3, &a, sizeof a);
    if (p < 0)
        return (pid_t)-errno;
    if (p > 0 && ret_pidfd)
        *ret_pidfd = pidfd;
    return (pid_t)p;
}
