#include "sandbox/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/clone.h"
#include "sandbox/identity.h"

/* A user namespace that maps nothing but the owner: an idmapped mount takes its maps from one. */
static int mapping_namespace(const struct stat *st, uid_t kernel_id, struct error *e)
{
    char uid_map[48], gid_map[48], path[64];
    pid_t p = clone_process(CLONE_NEWUSER, SIGCHLD, NULL, -1, NULL);
    if (p == 0)
        for (;;)
            pause();
    if (p < 0)
        return error_set(e, ERROR_INTERNAL, -p, "A user namespace for the folder cannot be had.");
    snprintf(uid_map, sizeof uid_map, "%u %u 1\n", st->st_uid, kernel_id);
    snprintf(gid_map, sizeof gid_map, "%u %u 1\n", st->st_gid, kernel_id);
    snprintf(path, sizeof path, "/proc/%d/ns/user", p);
    int r = identity_write_maps(p, uid_map, gid_map, false);
    int fd = r < 0 ? r : open(path, O_RDONLY | O_CLOEXEC);
    int saved = r < 0 ? -r : errno;
    kill(p, SIGKILL);
    while (waitpid(p, NULL, 0) < 0 && errno == EINTR)
        ;
    return fd < 0 ? error_set(e, ERROR_INTERNAL, saved, "Mapping the folder's owner failed.") : fd;
}

int folder_mount(int dir, uid_t kernel_id, struct error *e)
{
    struct stat st;
    if (fstat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
        return error_set(e, ERROR_INVALID_VALUE, ENOTDIR, "It is no folder.");
    cleanup_fd int map = mapping_namespace(&st, kernel_id, e);
    if (map < 0)
        return map;
    cleanup_fd int tree =
        (int)syscall(SYS_open_tree, dir, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    if (tree < 0)
        return error_set(e, ERROR_UNAVAILABLE, errno, "The folder cannot be mounted.");
    struct mount_attr a = {.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
        .propagation = MS_PRIVATE,
        .userns_fd = (uint64_t)map};
    if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &a, sizeof a) < 0)
        return error_set(
            e, ERROR_UNAVAILABLE, errno, "The folder's file system cannot map its owner.");
    return take_fd(&tree);
}
