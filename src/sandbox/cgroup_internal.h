/* cgroup_internal.h - what the files of the supervisor's half share. */
#pragma once
#include <stddef.h>

#include "sandbox/cgroup.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
extern const char *const cgroup_controllers[CGROUP_DIRS];

/* This process's own directory in the v1 hierarchy of `controller`: grounds go below it. 0, -ENOENT where
 * there is no such hierarchy, -errno where it cannot be written. */
int cgroup_own_directory(const char *controller, char *to, size_t size);
/* Directories only, depth first; one that still has a process after `patience_ms` stays and is told by
 * -EBUSY. */
int cgroup_tree_remove(const char *path, int patience_ms);
