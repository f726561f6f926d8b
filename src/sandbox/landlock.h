/* landlock.h - a second wall behind the read-only root: a kernel may change files below /mnt and write
 * to devices, whatever the mounts say, and nothing in /proc; signals and abstract sockets stay among
 * its own.
 * Used by kernels, after they entered their sandbox, and by the server; never stacked. */
#pragma once

/* From this ABI on (Linux 6.12) it scopes signals and abstract sockets. */
enum { LANDLOCK_ABI_SCOPES = 6 };

/* The ABI this host speaks; 0: none, or none that is of use (before 2 every rename between
 * directories is refused). */
int landlock_abi(void);
/* Confines this process and what it makes. `abi` from landlock_abi, once per zygote. no_new_privs must
 * be set. 0 or -errno; 0 at once for abi 0. Allowed after clone. */
int landlock_confine(int abi);
/* The server's own: of all there is it may change only what lies below `state` (an open directory, or -1), and
 * run nothing; signals and abstract sockets stay its own. The same terms. */
int landlock_confine_server(int abi, int state);
