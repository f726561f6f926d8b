/* start.h - how the warden starts an init: descriptors and arguments, fixed. */
#pragma once
#include "sandbox/cgroup.h"

/* argv: ids of the sandbox (0: one id for everything), bytes and inodes of the scratch, cgroup version. */
enum { INIT_ARG_IDS = 1, INIT_ARG_BYTES, INIT_ARG_INODES, INIT_ARG_CGROUP, INIT_ARGS };
/* Descriptors; /dev/null where there is no cgroup. */
enum {
    INIT_WARDEN_FD = 3,
    INIT_SERVER_FD,
    INIT_USAGE_FD,
    INIT_JOIN_FD = INIT_USAGE_FD + CGROUP_USAGES,
    INIT_FOLDER_FD = INIT_JOIN_FD + CGROUP_DIRS, /* a mount to be /mnt/data, or /dev/null */
    INIT_FDS = INIT_FOLDER_FD + 1 - 3
};
