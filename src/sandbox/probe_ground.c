/* Facts about user namespaces, grounds and ids. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/caps.h"
#include "sandbox/clone.h"
#include "sandbox/probe_internal.h"
#include "sandbox/tree.h"

void probe_user_namespace(struct probe_result *r)
{
    char most[32] = "?";
    fd_read_file(AT_FDCWD, "/proc/sys/user/max_user_namespaces", most, sizeof most);
    most[strcspn(most, "\n")] = 0;
    if (unshare(CLONE_NEWUSER) < 0) {
        int saved = errno;
        probe_say(r, -saved, "%s: %s",
            geteuid() == 0 ? "refused even to root (a chroot, a container, max_user_namespaces 0?)"
                           : "refused to ordinary users (a setting of this distribution?)",
            strerror(saved));
        return;
    }
    probe_say(r, 0, "up to %s", most);
}

static int look_at_ground(struct probe_result *r, const struct ground_view *v)
{
    (void)v;
    if (getpid() != 1)
        return probe_say(r, -EPROTO, "its first process is not pid 1");
    return probe_step(r, unshare(CLONE_NEWCGROUP), "a cgroup namespace");
}

void probe_ground(struct probe_result *r) { probe_in_ground(r, look_at_ground, NULL); }

/* A file system that lives on disks, as the first word of /proc/filesystems without "nodev". */
static int disk_file_system(char *to, size_t size)
{
    char text[8192];
    if (fd_read_file(AT_FDCWD, "/proc/filesystems", text, sizeof text) < 0)
        return -ENOENT;
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        if (*line == '\t') {
            snprintf(to, size, "%s", line + 1);
            return 0;
        }
    }
    return -ENOENT;
}

static int look_for_riches(struct probe_result *r, const struct ground_view *v)
{
    char disk[64];
    (void)v;
    int s =
        probe_refused(r, open("/etc/shadow", O_RDONLY | O_CLOEXEC), EACCES, "reading /etc/shadow");
    if (s == 0)
        s = probe_step(r, mount("t", "/tmp", "tmpfs", 0, NULL), "tmpfs");
    if (s == 0)
        s = probe_refused(
            r, mknod("/tmp/disk", S_IFBLK | 0600, makedev(8, 0)), EPERM, "making a device");
    if (s == 0 && disk_file_system(disk, sizeof disk) == 0)
        s = probe_refused(r, mount("/dev/null", "/tmp", disk, 0, NULL), EPERM, "mounting a disk");
    if (s == 0)
        s = probe_refused(r, kill(-1, 0), ESRCH, "signalling somebody outside");
    return s;
}

void probe_ground_is_poor(struct probe_result *r) { probe_in_ground(r, look_for_riches, NULL); }

static int build_tree(struct probe_result *r, const struct ground_view *v)
{
    struct tree *t = v->user;
    struct error e = {0};
    if (t->library.mount < 0 && tree_source_open(&t->library, "/usr", false) < 0)
        return probe_step(r, -1, "opening /usr");
    int s = tree_enter(t, &e);
    if (s < 0) {
        error_add_reason(&e);
        return probe_say(r, s, "%s", e.message);
    }
    s = probe_refused(r, open("/etc/shadow", O_RDONLY | O_CLOEXEC), ENOENT, "/etc/shadow");
    if (s == 0)
        s = probe_refused(r, mkdir("/usr/x", 0755), EROFS, "writing below /usr");
    return s == 0 ? probe_step(r, access("/usr/bin", X_OK), "/usr/bin") : s;
}

void probe_ground_tree(struct probe_result *r)
{
    struct tree t = {{-1, -1}, {-1, -1}, -1};
    if (geteuid() == 0 && identity_maps_everything() > 0 &&
        tree_source_open(&t.library, "/usr", true) < 0) {
        probe_step(r, -1, "open_tree");
        return;
    }
    probe_in_ground(r, build_tree, &t);
}

static int mount_proc(struct probe_result *r, const struct ground_view *v)
{
    (void)v;
    /* refused where the host's /proc is masked, as in a container: one could unmask it so */
    int s = probe_step(r, mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL),
        "mounting /proc");
    char target[32];
    if (s == 0 && (readlink("/proc/self", target, sizeof target) != 1 || target[0] != '1'))
        s = probe_say(r, -EPROTO, "it shows other processes");
    return s;
}

void probe_ground_proc(struct probe_result *r) { probe_in_ground(r, mount_proc, NULL); }

static int use_loopback(struct probe_result *r, const struct ground_view *v)
{
    struct ifreq lo = {.ifr_name = "lo"};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof a;
    (void)v;
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
        client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int s = probe_step(r, ioctl(server, SIOCGIFFLAGS, &lo), "looking at lo");
    lo.ifr_flags |= IFF_UP;
    if (s == 0)
        s = probe_step(r, ioctl(server, SIOCSIFFLAGS, &lo), "bringing lo up");
    if (s == 0)
        s = probe_step(r,
            bind(server, (struct sockaddr *)&a, sizeof a) < 0 ? -1 : listen(server, 1),
            "listening");
    if (s == 0)
        s = probe_step(r, getsockname(server, (struct sockaddr *)&a, &length), "the address");
    if (s == 0)
        s = probe_step(r, connect(client, (struct sockaddr *)&a, sizeof a), "connecting");
    struct sockaddr_in out = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0xc6336401)};
    if (s == 0) /* TEST-NET-2: anywhere but here */
        s = probe_refused(r,
            connect(
                socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), (struct sockaddr *)&out, sizeof out),
            ENETUNREACH, "the network outside");
    return s;
}

void probe_ground_loopback(struct probe_result *r) { probe_in_ground(r, use_loopback, NULL); }

/* ---- ids ------------------------------------------------------------------------------------------------ */

/* A child in a new user namespace that waits until its maps are written; -errno. */
static pid_t waiting_child(int *ret_go)
{
    int go[2];
    char c;
    if (pipe2(go, O_CLOEXEC) < 0)
        return -errno;
    pid_t p = clone_process(CLONE_NEWUSER, SIGCHLD, NULL, -1, NULL);
    if (p == 0) {
        close(go[1]);
        _exit(fd_read_all(go[0], &c, 1) < 0);
    }
    close(go[0]);
    *ret_go = go[1];
    return p;
}

void probe_id_range(struct probe_result *r)
{
    char map[64];
    uint32_t first = HOST_ID_FIRST, count = HOST_ID_COUNT;
    int go = -1, s;
    bool root = geteuid() == 0;
    if (root && identity_maps_everything() <= 0) {
        probe_say(r, -EPERM, "this user namespace is not the machine's own");
        return;
    }
    if (!root && (s = identity_subordinate(&first, &count)) < 0) {
        probe_say(r, s, "%s",
            s == -ENOEXEC ? "newuidmap is not installed: apt-get install uidmap"
            : getenv("CLOCHE_SINGLE_UID")
                ? "CLOCHE_SINGLE_UID is set"
                : "/etc/subuid and /etc/subgid give this user no range of 65536");
        return;
    }
    pid_t p = waiting_child(&go);
    snprintf(map, sizeof map, "0 %u %u\n", first, count);
    s = p < 0  ? p
        : root ? identity_write_maps(p, map, map, false)
               : identity_map_subordinate(p, first, count);
    fd_close(&go);
    if (p > 0)
        waitpid(p, NULL, 0);
    probe_say(r, s, "%u ids from %u%s%s", count, first, root ? "" : ", by newuidmap",
        s < 0 ? ": refused" : "");
}

/* How many user namespaces fit into one another, from here. */
void probe_depth(struct probe_result *r)
{
    enum { WANTED = 24 };
    int levels = 0;
    char map[32];
    for (;; levels++) {
        uid_t uid = levels ? 0 : geteuid();
        gid_t gid = levels ? 0 : getegid();
        if (unshare(CLONE_NEWUSER) < 0)
            break;
        snprintf(map, sizeof map, "0 %u 1\n", uid);
        char gid_map[32];
        snprintf(gid_map, sizeof gid_map, "0 %u 1\n", gid);
        int s = identity_write_maps(0, map, gid_map, true);
        if (s < 0) {
            probe_say(r, s, "mapping an id at level %d: %s", levels + 1, strerror(-s));
            return;
        }
    }
    if (errno != ENOSPC && errno != EUSERS)
        probe_step(r, -1, "a user namespace in another");
    else /* ground, sandbox and branch 0 are three */
        probe_say(r, levels < WANTED ? -ENOSPC : 0,
            "%d levels below this one: chains of %d branches", levels, levels > 3 ? levels - 3 : 0);
}

/* ---- entering --------------------------------------------------------------------------------------------- */

struct sandbox_view {
    int net, uts, user, mnt, ipc;
};

static int open_ns(pid_t p, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/%s", p, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static int enter_in_order(struct probe_result *r, void *user)
{
    const struct sandbox_view *s = user;
    int e = probe_step(r, setns(s->net, CLONE_NEWNET), "network");
    if (e == 0)
        e = probe_step(r, setns(s->uts, CLONE_NEWUTS), "host name");
    if (e == 0)
        e = probe_step(r, setns(s->user, CLONE_NEWUSER), "user namespace");
    if (e == 0)
        e = probe_step(r, setns(s->mnt, CLONE_NEWNS), "mounts");
    return e == 0 ? probe_step(r, setns(s->ipc, CLONE_NEWIPC), "ipc") : e;
}

/* After the inner user namespace the outer one's capability is gone, and the outer namespaces with it. */
static int enter_in_the_wrong_order(struct probe_result *r, void *user)
{
    const struct sandbox_view *s = user;
    int e = probe_step(r, setns(s->user, CLONE_NEWUSER), "user namespace");
    return e == 0 ? probe_refused(
                        r, setns(s->net, CLONE_NEWNET), EPERM, "network after user namespace")
                  : e;
}

/* A sandbox (user, net, uts) with a branch (user, mnt, ipc) in it; entered from the ground with
 * CAP_SYS_ADMIN alone, as a zygote has it. */
static int make_and_enter(struct probe_result *r, const struct ground_view *v)
{
    int up[2], down[2];
    char c;
    (void)v;
    if (mount("proc", "/proc", "proc", 0, NULL) < 0 || pipe2(up, O_CLOEXEC) < 0 ||
        pipe2(down, O_CLOEXEC) < 0)
        return probe_step(r, -1, "preparing");
    pid_t sandbox = fork();
    if (sandbox == 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWUTS) < 0 ||
            identity_write_maps(0, "0 0 1\n", "0 0 1\n", true) < 0 ||
            fd_write_all(up[1], "1", 1) < 0 || fd_read_all(down[0], &c, 1) < 0 ||
            unshare(CLONE_NEWUSER) < 0 ||
            identity_write_maps(0, "1000 0 1\n", "1000 0 1\n", true) < 0 ||
            unshare(CLONE_NEWNS | CLONE_NEWIPC) < 0)
            _exit(1);
        (void)!write(up[1], "2", 1);
        (void)!read(down[0], &c, 1);
        _exit(0);
    }
    struct sandbox_view s = {-1, -1, -1, -1, -1};
    fd_close(&up[1]);
    if (fd_read_all(up[0], &c, 1) < 0)
        return probe_say(r, -EPROTO, "a sandbox's namespaces cannot be made");
    s.net = open_ns(sandbox, "net");
    s.uts = open_ns(sandbox, "uts");
    if (fd_write_all(down[1], "x", 1) < 0 || fd_read_all(up[0], &c, 1) < 0)
        return probe_say(r, -EPROTO, "a branch's namespaces cannot be made");
    s.user = open_ns(sandbox, "user");
    s.mnt = open_ns(sandbox, "mnt");
    s.ipc = open_ns(sandbox, "ipc");
    int e = caps_keep(CAP_BIT(CAP_SYS_ADMIN), 0, 0);
    if (e == 0)
        e = probe_in_child(r, enter_in_order, &s);
    return e == 0 ? probe_in_child(r, enter_in_the_wrong_order, &s) : e;
}

void probe_setns_order(struct probe_result *r) { probe_in_ground(r, make_and_enter, NULL); }
