/* Branch 0's namespaces, and the scratch in them. The helper that mounts is never dumpable (init is
 * not, and fork keeps that), so that no process with its uid could open its memory; it opens its own
 * namespaces and sends them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "init/init.h"
#include "sandbox/identity.h"

enum { HELPER_DEADLINE_MS = 5000 };

static void say(int up, const char *step)
{
    struct message m = {.op = INIT_PREPARED, .status = -errno};
    message_text(&m, "%s: %s", step, strerror(errno));
    message_send(up, &m, NULL, 0);
    _exit(1);
}
#define STEP(name, x) \
    do { \
        if ((x) < 0) \
            say(up, name); \
    } while (0)

static void helper(const struct init *i, int sync, int up)
{
    char options[128], go;
    STEP("unshare user", unshare(CLONE_NEWUSER));
    if (fd_write_all(sync, "u", 1) < 0 ||
        fd_read_all(sync, &go, 1) < 0) /* until the maps are written */
        _exit(1);
    STEP("gid", setresgid(KERNEL_ID, KERNEL_ID, KERNEL_ID)); /* now the kernel's own id */
    STEP("uid", setresuid(KERNEL_ID, KERNEL_ID, KERNEL_ID));
    STEP("unshare mount and ipc", unshare(CLONE_NEWNS | CLONE_NEWIPC));
    snprintf(options, sizeof options, "size=%llu,nr_inodes=%llu,mode=755,uid=%d,gid=%d",
        (unsigned long long)i->scratch_bytes, (unsigned long long)i->scratch_inodes, KERNEL_ID,
        KERNEL_ID);
    STEP("mount scratch", mount("scratch", "/run/scratch", "tmpfs", MS_NOSUID | MS_NODEV, options));
    umask(0);
    STEP("mkdir data", mkdir("/run/scratch/data", 0755));
    STEP("mkdir tmp", mkdir("/run/scratch/tmp", 01777));
    STEP("mkdir shm", mkdir("/run/scratch/shm", 01777));
    int scratch = open("/run/scratch", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    STEP("open scratch", scratch);
    if (i->folder)
        STEP("move folder", syscall(SYS_move_mount, INIT_FOLDER_FD, "", AT_FDCWD, "/mnt/data",
                                MOVE_MOUNT_F_EMPTY_PATH));
    else
        STEP("bind data", mount("/run/scratch/data", "/mnt/data", NULL, MS_BIND, NULL));
    STEP("bind tmp", mount("/run/scratch/tmp", "/mnt/tmp", NULL, MS_BIND, NULL));
    STEP("bind shm", mount("/run/scratch/shm", "/mnt/shm", NULL, MS_BIND, NULL));
    STEP("detach scratch", umount2("/run/scratch", MNT_DETACH));
    int fds[4] = {open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC),
        open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC),
        open("/proc/self/ns/ipc", O_RDONLY | O_CLOEXEC), scratch};
    for (int k = 0; k < 3; k++)
        STEP("open namespace", fds[k]);
    struct message m = {.op = INIT_PREPARED};
    message_send(up, &m, fds, 4);
    _exit(0);
}

static int write_maps(const struct init *i, pid_t h, int sync)
{
    char go, map[64];
    int own = i->ids ? SANDBOX_BRANCH_ID : 0;
    int r = fd_read_all(sync, &go, 1); /* its user namespace is there */
    if (r < 0)
        return r;
    int n = snprintf(map, sizeof map, "%d %d 1\n", KERNEL_ID, own);
    if (i->ids > 2) /* the tail: ids that branches of this one may get */
        snprintf(map + n, sizeof map - (size_t)n, "%d %d %d\n", SANDBOX_BRANCH_ID + 1,
            SANDBOX_BRANCH_ID + 1, i->ids - 2);
    r = identity_write_maps(h, map, map, true);
    return r < 0 ? r : fd_write_all(sync, "x", 1);
}

static int hear(int up, int got[4], struct error *e)
{
    static struct message m;
    struct pollfd p = {up, POLLIN, 0};
    if (poll(&p, 1, HELPER_DEADLINE_MS) <= 0)
        return error_set(
            e, ERROR_INTERNAL, ETIMEDOUT, "The helper that makes namespaces is silent.");
    int n = message_receive(up, &m, got, 4);
    if (n < 0 || m.status < 0)
        return error_set(e, ERROR_INTERNAL, n < 0 ? -n : -m.status, "Branch 0: %.180s",
            n < 0 ? "helper died" : m.text);
    if (n != 4) {
        fds_close(got, (size_t)n);
        return error_set(e, ERROR_INTERNAL, EPROTO, "Branch 0: namespaces are missing.");
    }
    return 0;
}

int branch_prepare(struct init *i, struct error *e)
{
    int sync[2] = {-1, -1}, up[2] = {-1, -1}, got[4];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sync) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, up) < 0) {
        fds_close(sync, 2);
        return error_set(e, ERROR_INTERNAL, errno, "Sockets for the helper cannot be had.");
    }
    pid_t h = fork();
    if (h == 0) {
        close(sync[0]); /* or it would never read the end of it */
        close(up[0]);
        helper(i, sync[1], up[1]);
    }
    int r = h < 0 ? error_set(e, ERROR_INTERNAL, errno, "Forking the helper failed.") : 0;
    fd_close(&sync[1]);
    fd_close(&up[1]);
    int maps = r == 0 ? write_maps(i, h, sync[0]) : 0;
    if (maps < 0)
        fd_close(&sync[0]); /* the helper, if it lives, waits no longer */
    if (r == 0)
        r = hear(up[0], got, e); /* if it failed itself, its words say more than that of the maps */
    if (maps < 0 && (r == 0 || r == -EPIPE)) {
        if (r == 0)
            fds_close(got, 4);
        r = error_set(
            e, ERROR_INTERNAL, -maps, "Mapping ids into branch 0 failed: %s.", strerror(-maps));
    }
    fd_close(&sync[0]);
    fd_close(&up[0]);
    if (h > 0) { /* the first kernel is alone: it sees no helper that is still ending */
        kill(h, SIGKILL);
        waitpid(h, NULL, __WALL);
    }
    if (r < 0)
        return r;
    fd_close(&i->scratch);
    fds_close(i->namespaces + NS_USER, 3);
    i->scratch = got[3];
    memcpy(i->namespaces + NS_USER, got, 3 * sizeof *got);
    return 0;
}
