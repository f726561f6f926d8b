/* identity.h - which number stands for whom: host ids of grounds, ground ids of sandboxes, sandbox
 * ids of kernels; and the maps between them. Used by supervisor, warden, init and kernel. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* How many ids this host lends us. A ground's own code is the same in all three. */
enum identity_mode {
    IDENTITY_RANGE, /* root: HOST_IDS_PER_GROUND ids for each ground, SESSION_IDS for each sandbox */
    IDENTITY_SUBUID, /* an ordinary user with newuidmap: one range, SUBUID_SESSION_IDS each */
    IDENTITY_SINGLE, /* one id for everything: sandboxes share a kernel uid with each other */
};

enum {
    /* systemd's table of uids (uids-gids.md) leaves 0x70000000-0x7ffdffff unused. */
    HOST_ID_FIRST = 0x70000000,
    HOST_ID_COUNT = 0x0ffe0000,
    HOST_IDS_PER_GROUND = 0x200000, /* 128 ids for each of 16,000 sandboxes */
    SESSION_IDS = 128,
    SUBUID_SESSION_IDS = 16,
    /* Inside a ground: 0 is the warden, 1 the zygote, blocks for sandboxes begin at: */
    GROUND_ZYGOTE_ID = 1,
    GROUND_BLOCKS_ID = 1024,
    /* Inside a sandbox: 0 is init; the kernel of branch b is 2000 + b; it sees itself as 1000. */
    SANDBOX_BRANCH_ID = 2000,
    KERNEL_ID = 1000,
};

/* Ids that one sandbox gets (1 for init and the rest for branches); 0 with one id for everything. */
int identity_block(enum identity_mode mode);
/* The ground id of the init of sandbox `id`; of its kernel in branch 0. */
uid_t identity_init(enum identity_mode mode, uint32_t id);
uid_t identity_kernel(enum identity_mode mode, uint32_t id);
/* How many sandboxes fit into a ground. */
int identity_sandboxes(enum identity_mode mode, uint32_t ids_of_ground);

/* Writes both maps of process `pid` (0: one's own), each one or more lines "inside outside count\n"; denies
 * setgroups first when `deny`. 0 or -errno. The caller needs the right over the new namespace. */
int identity_write_maps(pid_t pid, const char *uid_map, const char *gid_map, bool deny);

/* ---- subordinate.c: supervisor and `cloche doctor`; never after clone ------------------------------ */

/* 1 when this user namespace is the machine's own: every id is there to be lent. 0; -errno: not known. */
int identity_maps_everything(void);
/* The ids that this ordinary user may lend. 0; -ENOEXEC: newuidmap is not installed; -ENOENT: no range,
 * or CLOCHE_SINGLE_UID is set; -ERANGE: too small, or not the same numbers for groups. */
int identity_subordinate(uint32_t *ret_first, uint32_t *ret_count);
/* Maps 0 to the caller's own id and 1 … count to the range, in the user namespace of `pid`. */
int identity_map_subordinate(pid_t pid, uint32_t first, uint32_t count);
