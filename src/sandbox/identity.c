#include "identity.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"

int identity_block(enum identity_mode mode)
{
    return mode == IDENTITY_RANGE ? SESSION_IDS : mode == IDENTITY_SUBUID ? SUBUID_SESSION_IDS : 0;
}

uid_t identity_init(enum identity_mode mode, uint32_t id)
{
    return mode == IDENTITY_SINGLE ? 0 : GROUND_BLOCKS_ID + id * (uint32_t)identity_block(mode);
}

uid_t identity_kernel(enum identity_mode mode, uint32_t id)
{
    return mode == IDENTITY_SINGLE ? 0 : identity_init(mode, id) + 1;
}

int identity_sandboxes(enum identity_mode mode, uint32_t ids_of_ground)
{
    if (mode == IDENTITY_SINGLE)
        return 4096;
    return ids_of_ground <= GROUND_BLOCKS_ID
               ? 0
               : (int)((ids_of_ground - GROUND_BLOCKS_ID) / identity_block(mode));
}

int identity_write_maps(pid_t pid, const char *uid_map, const char *gid_map, bool deny)
{
    char path[64],
        who[16] = "self"; /* a pid of another namespace than /proc's would be somebody else */
    int r;
    if (pid > 0)
        snprintf(who, sizeof who, "%d", pid);
    if (deny) {
        snprintf(path, sizeof path, "/proc/%s/setgroups", who);
        if ((r = fd_write_file(AT_FDCWD, path, "deny")) < 0 && r != -EPERM)
            return r; /* EPERM: an ancestor has denied it already */
    }
    snprintf(path, sizeof path, "/proc/%s/gid_map", who);
    if ((r = fd_write_file(AT_FDCWD, path, gid_map)) < 0)
        return r;
    snprintf(path, sizeof path, "/proc/%s/uid_map", who);
    return fd_write_file(AT_FDCWD, path, uid_map);
}
