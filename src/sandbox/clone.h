/* clone.h - clone3 as a plain function: a fork with flags. Used by every process that makes others. */
#pragma once
#include <linux/sched.h>
#include <sched.h>
#include <stdint.h>
#include <sys/types.h>

/* The child gets 0 and a copy of everything; libc's own fork handlers do not run, so the child may
 * only do what is allowed after fork in a threaded program. `cgroup` is a v2 directory descriptor
 * with CLONE_INTO_CGROUP in flags, else ignored; ret_pidfd may be NULL. The pid, or -errno. */
pid_t clone_process(uint64_t flags, int exit_signal, int *ret_pidfd, int cgroup, void *child_tid);
