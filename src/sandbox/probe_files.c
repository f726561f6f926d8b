/* Facts about mounts and about opening what somebody hostile made. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "ipc/message.h"
#include "sandbox/caps.h"
#include "sandbox/clone.h"
#include "sandbox/probe_internal.h"

static int fill_tmpfs(struct probe_result *r, const struct ground_view *v)
{
    static char block[65536];
    (void)v;
    int s = probe_step(r,
        mount(
            "t", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,nr_inodes=4,mode=755,uid=0,gid=0"),
        "mounting");
    int fd = open("/tmp/a", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (int i = 0; s == 0 && i < 16; i++)
        s = probe_step(r, write(fd, block, sizeof block), "filling its quota");
    if (s == 0)
        s = probe_refused(r, write(fd, block, sizeof block), ENOSPC, "writing beyond the quota");
    long made = 0;
    for (int i = 0; s == 0 && made >= 0 && i < 8; i++)
        made = mkdir((char[]){'/', 't', 'm', 'p', '/', (char)('b' + i), 0}, 0755);
    return s == 0 ? probe_refused(r, made, ENOSPC, "more files than the quota") : s;
}

void probe_tmpfs(struct probe_result *r) { probe_in_ground(r, fill_tmpfs, NULL); }

static long open_how(int dir, const char *path, uint64_t resolve)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = resolve};
    return syscall(SYS_openat2, dir, path, &how, sizeof how);
}

void probe_openat2(struct probe_result *r)
{
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int s = probe_step(
        r, open_how(proc, "sys/kernel", RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS), "an ordinary path");
    if (s == 0)
        s = probe_refused(
            r, open_how(proc, "sys/../../etc", RESOLVE_BENEATH), EXDEV, "a path that climbs out");
    if (s == 0)
        s = probe_refused(r, open_how(proc, "/etc", RESOLVE_BENEATH), EXDEV, "an absolute path");
    if (s == 0)
        s = probe_refused(r, open_how(proc, "self/status", RESOLVE_NO_SYMLINKS), ELOOP, "a link");
    if (s == 0)
        s = probe_refused(
            r, open_how(proc, "self/root/etc", RESOLVE_NO_MAGICLINKS), ELOOP, "a magic link");
    if (s == 0)
        s = probe_refused(
            r, open_how(root, "proc/version", RESOLVE_NO_XDEV), EXDEV, "another mount");
    if (s == 0)
        probe_say(r, 0, "%s", "");
}

/* ---- the file agent -------------------------------------------------------------------------------------- */

struct agent {
    int ids, socket;
};

static int write_as_kernel(struct probe_result *r, void *user)
{
    const struct agent *a = user;
    int s = a->ids > 1 ? probe_become(r, PROBE_ID_A) : caps_keep(0, 0, 0);
    if (s < 0)
        return s;
    umask(077);
    int fd = open("/tmp/x", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    return probe_step(r, write(fd, "private", 7), "writing a file");
}

static int act_as_agent(struct probe_result *r, const struct ground_view *v)
{
    struct agent a = {v->ids, *(int *)v->user};
    struct message m = {.op = 1};
    char options[64];
    snprintf(options, sizeof options, "mode=755,uid=%d,gid=%d", a.ids > 1 ? PROBE_ID_A : 0,
        a.ids > 1 ? PROBE_ID_A : 0);
    if (mount("t", "/tmp", "tmpfs", 0, options) < 0 ||
        prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) < 0)
        return probe_step(r, -1, "preparing");
    int s = probe_in_child(r, write_as_kernel, &a);
    if (s < 0)
        return s;
    caps_effective(0);
    if (a.ids > 1 && (s = probe_refused(r, open("/tmp/x", O_RDONLY | O_CLOEXEC), EACCES,
                          "init's own rights without capability")) < 0)
        return s;
    caps_effective(~UINT64_C(0));
    setfsgid(a.ids > 1 ? PROBE_ID_A : 0);
    setfsuid(a.ids > 1 ? PROBE_ID_A : 0);
    caps_effective(0);
    int fd = open("/tmp/x", O_RDONLY | O_CLOEXEC);
    if ((s = probe_step(r, fd, "opening with the kernel's rights")) < 0)
        return s;
    s = message_send(a.socket, &m, &fd, 1);
    return s < 0 ? probe_say(r, s, "passing it out: %s", strerror(-s)) : 0;
}

void probe_file_agent(struct probe_result *r)
{
    int pair[2], got[1] = {-1};
    struct message m;
    char text[8] = "";
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        probe_step(r, -1, "socketpair");
        return;
    }
    if (probe_in_ground(r, act_as_agent, &pair[1]) != 0)
        return;
    if (message_receive(pair[0], &m, got, 1) != 1 || read(got[0], text, 7) != 7 ||
        strcmp(text, "private"))
        probe_say(r, -EPROTO, "what was passed out cannot be read outside");
}

/* ---- mounts ------------------------------------------------------------------------------------------------ */

static int move_in(struct probe_result *r, const struct ground_view *v)
{
    int tree = *(int *)v->user;
    int s = probe_step(
        r, mount("t", "/tmp", "tmpfs", 0, NULL) < 0 ? -1 : mkdir("/tmp/x", 0755), "preparing");
    if (s == 0)
        s = probe_step(r,
            syscall(SYS_move_mount, tree, "", AT_FDCWD, "/tmp/x", MOVE_MOUNT_F_EMPTY_PATH),
            "move_mount");
    if (s == 0)
        s = probe_step(r,
            mount(NULL, "/tmp/x", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV,
                NULL),
            "sealing it");
    return s == 0 ? probe_step(r, access("/tmp/x/bin", X_OK), "looking into it") : s;
}

void probe_detached_mount(struct probe_result *r)
{
    if (geteuid() != 0 || identity_maps_everything() <= 0) {
        probe_say(
            r, PROBE_ABSENT, "for root only: an ordinary user's ground binds what it can reach");
        return;
    }
    int tree = (int)syscall(
        SYS_open_tree, AT_FDCWD, "/usr", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (probe_step(r, tree, "open_tree") == 0)
        probe_in_ground(r, move_in, &tree);
}

void probe_idmapped_mount(struct probe_result *r)
{
    char map[64], path[64];
    int go[2];
    if (geteuid() != 0) {
        probe_say(r, PROBE_ABSENT, "for root only");
        return;
    }
    if (pipe2(go, O_CLOEXEC) < 0) {
        probe_step(r, -1, "pipe");
        return;
    }
    pid_t p = clone_process(CLONE_NEWUSER, SIGCHLD, NULL, -1, NULL);
    if (p == 0) {
        close(go[1]);
        _exit(fd_read_all(go[0], map, 1) < 0);
    }
    snprintf(map, sizeof map, "0 %d 65536\n", HOST_ID_FIRST);
    snprintf(path, sizeof path, "/proc/%d/ns/user", p);
    int mapped = p < 0 ? p : identity_write_maps(p, map, map, false);
    int users = open(path, O_RDONLY | O_CLOEXEC);
    fds_close(go, 2);
    if (p > 0)
        waitpid(p, NULL, 0);
    if (mapped < 0 || users < 0) {
        probe_say(r, PROBE_ABSENT, "a user namespace cannot be had");
        return;
    }
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)users};
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, "/usr", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0 || syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
        probe_say(r, PROBE_ABSENT, "not for the file system of /usr: %s", strerror(errno));
    else
        probe_say(r, 0, "%s", "");
}

static int mount_overlay(struct probe_result *r, const struct ground_view *v)
{
    (void)v;
    if (mount("t", "/tmp", "tmpfs", 0, NULL) < 0 || mkdir("/tmp/l", 0755) < 0 ||
        mkdir("/tmp/u", 0755) < 0 || mkdir("/tmp/w", 0755) < 0 || mkdir("/tmp/m", 0755) < 0)
        return probe_step(r, -1, "preparing");
    return probe_step(r,
        mount("o", "/tmp/m", "overlay", 0,
            "lowerdir=/tmp/l,upperdir=/tmp/u,workdir=/tmp/w,userxattr"),
        "mounting");
}

void probe_overlay(struct probe_result *r) { probe_in_ground(r, mount_overlay, NULL); }

static int set_xattr(struct probe_result *r, const struct ground_view *v)
{
    (void)v;
    if (mount("t", "/tmp", "tmpfs", 0, NULL) < 0)
        return probe_step(r, -1, "preparing");
    if (setxattr("/tmp", "user.cloche", "1", 1, 0) < 0)
        return errno == EOPNOTSUPP ? probe_say(r, -EOPNOTSUPP, "since Linux 6.6")
                                   : probe_step(r, -1, "setxattr");
    return 0;
}

void probe_tmpfs_xattr(struct probe_result *r) { probe_in_ground(r, set_xattr, NULL); }
