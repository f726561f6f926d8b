/* landlock.h - a second wall behind the read-only root: a kernel may change files below /mnt and write
 * to devices, whatever the mounts say, and nothing in /proc; signals and abstract sockets stay among
 * its own.
 * Used by kernels, after they entered their sandbox; never stacked. */
#pragma once

/* The ABI this host speaks; 0: none, or none that is of use (before 2 every rename between
 * directories is refused). */
int landlock_abi(void);
/* Confines this process and what it makes. `abi` from landlock_abi, once per zygote. no_new_privs must
 * be set. 0 or -errno; 0 at once for abi 0. Allowed after clone. */
int landlock_confine(int abi);
