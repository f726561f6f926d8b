/* folder.h - a folder of the host as a detached mount whose owner is a kernel: `cloche run --dir`.
 *
 * On disk the files stay their owner's; through the mount they are the kernel's, and what the kernel
 * makes belongs to the owner. Used by the supervisor, and by the command to find out whether the
 * folder's file system can do that. */
#pragma once
#include <sys/types.h>

#include "base/error.h"

/* A detached mount of the directory `dir` (borrowed): nosuid, nodev, the folder's owner and group
 * mapped to host id `kernel_id` and every other to nobody. The descriptor, the caller's, or -errno
 * with the step in `e`. Takes CAP_SYS_ADMIN on the host; forks for a moment. Blocks. */
int folder_mount(int dir, uid_t kernel_id, struct error *e);
