#include "sandbox/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/layers.h"

#define THP "/sys/kernel/mm/transparent_hugepage"
#define CPUS "/sys/devices/system/cpu"

enum {
    TIGHT = MS_NOSUID | MS_NODEV,
    SEALED = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY,
    SEALED_DEVICE = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC |
                    MOUNT_ATTR_RDONLY, /* writing to the device is no writing here */
};

static const char *const directories[] = {
    "/usr",
    "/etc",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/ssl",
    "/etc/ssl/certs",
    "/dev",
    "/proc",
    "/mnt",
    "/mnt/data",
    "/mnt/tmp",
    "/mnt/shm",
    "/run",
    "/run/scratch",
    "/opt",
    "/opt/env",
    "/opt/cloche",
    "/home",
    "/root",
    "/var",
    "/sys",
    "/sys/kernel",
    "/sys/kernel/mm",
    THP,
    "/sys/devices",
    "/sys/devices/system",
    CPUS,
    "/old",
};
static const char *const devices[] = {
    "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"};
static const struct {
    const char *target, *name;
} links[] = {
    {"/mnt/tmp", "/tmp"},
    {"/mnt/shm", "/dev/shm"},
    {"/mnt/tmp", "/var/tmp"},
    {"/proc/self/fd", "/dev/fd"},
    {"/proc/self/fd/0", "/dev/stdin"},
    {"/proc/self/fd/1", "/dev/stdout"},
    {"/proc/self/fd/2", "/dev/stderr"},
    {"/usr/share/zoneinfo/Etc/UTC", "/etc/localtime"},
    {"/proc/self/mounts", "/etc/mtab"},
};
static const struct {
    const char *name, *text;
} files[] = {
    {"/etc/passwd", "root:x:0:0:root:/:/bin/sh\nuser:x:1000:1000:user:/mnt/data:/bin/bash\n"
                    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
    {"/etc/group", "root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n"},
    {"/etc/hosts", "127.0.0.1 localhost cloche\n::1 localhost\n"},
    {"/etc/hostname", "cloche\n"},
    {"/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"},
    {"/etc/resolv.conf", ""},
    {"/etc/shells", "/bin/sh\n/bin/bash\n"},
};
/* Copied when the host has them: the loader's cache, and names that programs look up. */
static const char *const copies[] = {"/etc/ld.so.cache", "/etc/os-release", "/etc/debian_version",
    "/etc/mime.types", "/etc/protocols", "/etc/services",
    "/etc/matplotlibrc" /* Debian's matplotlib does not start without */};

static const char *at(const char *root, const char *path)
{
    static char buffers[2][PATH_MAX + 64];
    static int i;
    char *b = buffers[i++ & 1];
    snprintf(b, sizeof buffers[0], "%s%s", root, path);
    return b;
}

/* With all that is mounted below, which a remount would leave as the host has it. Private: a mount that
 * the host shared, as systemd does with all, stays its peer when it is moved here, and what was mounted in
 * the one would appear in the other. */
static int seal(const char *root, const char *to, uint64_t attributes, struct error *e)
{
    if (layer_left_out("nosuid"))
        attributes &= ~(uint64_t)MOUNT_ATTR_NOSUID;
    if (layer_left_out("read-only"))
        attributes &= ~(uint64_t)MOUNT_ATTR_RDONLY;
    struct mount_attr a = {.attr_set = attributes, .propagation = MS_PRIVATE};
    if (syscall(SYS_mount_setattr, AT_FDCWD, at(root, to), AT_RECURSIVE, &a, sizeof a) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Sealing %s failed.", to);
    return 0;
}

static int bind(
    const char *root, const char *from, const char *to, uint64_t attributes, struct error *e)
{
    if (mount(from, at(root, to), NULL, MS_BIND | MS_REC, NULL) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Binding %s into the tree failed.", to);
    return seal(root, to, attributes, e);
}

/* A mount of another namespace can only be moved in, one of this namespace only bound. */
static int bind_source(
    const char *root, const struct tree_source *s, const char *to, struct error *e)
{
    if (s->mount < 0) {
        char from[64];
        snprintf(from, sizeof from, "/proc/self/fd/%d", s->path);
        return bind(root, from, to, SEALED, e);
    }
    if (syscall(SYS_move_mount, s->mount, "", AT_FDCWD, at(root, to), MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Moving %s into the tree failed.", to);
    return seal(root, to, SEALED, e);
}

int tree_source_open(struct tree_source *s, const char *path, bool privileged)
{
    s->mount = s->path = -1;
    if (privileged) {
        s->mount = (int)syscall(
            SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
        return s->mount < 0 ? -errno : 0;
    }
    s->path = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return s->path < 0 ? -errno : 0;
}

void tree_source_close(struct tree_source *s)
{
    fd_close(&s->mount);
    fd_close(&s->path);
}

static int put(const char *root, const char *path, const char *text)
{
    cleanup_fd int f = open(at(root, path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return f < 0 ? -errno : fd_write_all(f, text, strlen(text));
}

static int copy(const char *root, const char *path)
{
    char block[16384];
    cleanup_fd int in = open(path, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return 0;
    cleanup_fd int out = open(at(root, path), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    for (ssize_t n; out >= 0 && (n = read(in, block, sizeof block)) > 0;)
        if (fd_write_all(out, block, (size_t)n) < 0)
            return -ENOSPC;
    return out < 0 ? -errno : 0;
}

/* /bin, /lib … are links into /usr on a merged system, directories elsewhere. */
static int top_directories(const char *root, struct error *e)
{
    static const char *const tops[] = {"/bin", "/sbin", "/lib", "/lib32", "/lib64"};
    for (size_t i = 0; i < sizeof tops / sizeof *tops; i++) {
        char target[128];
        struct stat st;
        ssize_t n = readlink(tops[i], target, sizeof target - 1);
        if (n > 0) {
            target[n] = 0;
            if (symlink(target, at(root, tops[i])) < 0)
                return error_set(e, ERROR_INTERNAL, errno, "Linking %s failed.", tops[i]);
        } else if (stat(tops[i], &st) == 0) {
            if (mkdir(at(root, tops[i]), 0755) < 0)
                return error_set(e, ERROR_INTERNAL, errno, "Making %s failed.", tops[i]);
            int r = bind(root, tops[i], tops[i], SEALED, e);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int fill_etc_and_dev(const char *root, struct error *e)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof files / sizeof *files; i++)
        r = put(root, files[i].name, files[i].text);
    for (size_t i = 0; r == 0 && i < sizeof copies / sizeof *copies; i++)
        r = copy(root, copies[i]);
    for (size_t i = 0; r == 0 && i < sizeof links / sizeof *links; i++)
        r = symlink(links[i].target, at(root, links[i].name)) < 0 ? -errno : 0;
    if (r < 0)
        return error_set(e, ERROR_INTERNAL, -r, "Filling /etc failed.");
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        /* a device cannot be made in a user namespace, only bound */
        if (put(root, devices[i], "") < 0)
            return error_set(e, ERROR_INTERNAL, errno, "Making %s failed.", devices[i]);
        if ((r = bind(root, devices[i], devices[i], SEALED_DEVICE, e)) < 0)
            return r;
    }
    return 0;
}

static int optional_binds(const char *root, struct error *e)
{
    static const char *const dirs[] = {"/etc/alternatives", "/etc/fonts", "/etc/ssl/certs"};
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof dirs / sizeof *dirs; i++)
        if (access(dirs[i], F_OK) == 0)
            r = bind(root, dirs[i], dirs[i], SEALED, e);
    /* glibc's malloc reads the first before it asks for large pages; libraries count CPUs in the
     * second. Both are the host's numbers and nobody's secret. */
    if (r == 0 && access(THP "/enabled", F_OK) == 0)
        r = bind(root, THP, THP, SEALED | MOUNT_ATTR_NOEXEC, e);
    if (r == 0 && access(CPUS "/online", F_OK) == 0)
        r = bind(root, CPUS, CPUS, SEALED | MOUNT_ATTR_NOEXEC, e);
    return r;
}

static int make_with_parents(const char *root, const char *path, struct error *e)
{
    char part[PATH_MAX];
    for (const char *p = path; p;) {
        p = strchr(p + 1, '/');
        snprintf(part, sizeof part, "%.*s", p ? (int)(p - path) : PATH_MAX - 1, path);
        if (mkdir(at(root, part), 0755) < 0 && errno != EEXIST)
            return error_set(e, ERROR_INTERNAL, errno, "Making %.150s failed.", part);
    }
    return 0;
}

/* An environment of a user's own interpreter: bin and lib of its prefix (the directory above bin/) are
 * bound at the same path, because a venv only links to it. Not the prefix itself, which is somebody's
 * home when the interpreter is ~/bin/python3. Interpreters below /usr are there already. */
static int bind_interpreter(const char *root, struct error *e)
{
    static const char *const parts[] = {"bin", "lib", "lib64"};
    char prefix[PATH_MAX], path[PATH_MAX + 8], resolved[PATH_MAX];
    if (!realpath(at(root, "/opt/env/bin/python3"), resolved))
        return error_set(e, ERROR_INTERNAL, errno, "The environment's interpreter is not there.");
    if (!strncmp(resolved, "/usr/", 5) || !strncmp(resolved, root, strlen(root)))
        return 0;
    snprintf(prefix, sizeof prefix, "%s", resolved);
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(prefix, '/');
        if (!slash || slash == prefix)
            return error_set(e, ERROR_INTERNAL, EINVAL,
                "The interpreter %.150s has no prefix to bind.", resolved);
        *slash = 0;
    }
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof parts / sizeof *parts; i++) {
        snprintf(path, sizeof path, "%s/%s", prefix, parts[i]);
        if (access(path, F_OK) < 0)
            continue;
        r = make_with_parents(root, path, e);
        if (r == 0)
            r = bind(root, path, path, SEALED, e);
    }
    return r;
}

static int copy_warmup(const char *root, int from, struct error *e)
{
    char block[16384];
    cleanup_fd int out =
        open(at(root, "/opt/warmup.py"), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (out < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Making /opt/warmup.py failed.");
    for (ssize_t n; (n = read(from, block, sizeof block)) != 0;)
        if (n < 0 || fd_write_all(out, block, (size_t)n) < 0)
            return error_set(
                e, ERROR_INTERNAL, n < 0 ? errno : ENOSPC, "Copying warmup.py failed.");
    return 0;
}

static int pivot(const char *root, struct error *e)
{
    if (mount("tmp", at(root, "/mnt/tmp"), "tmpfs", TIGHT, "size=256m,nr_inodes=10000,mode=1777") <
        0)
        return error_set(e, ERROR_INTERNAL, errno, "Mounting the zygotes' /tmp failed.");
    if (mount("proc", at(root, "/proc"), "proc", TIGHT | MS_NOEXEC, NULL) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Mounting /proc failed.");
    if (syscall(SYS_pivot_root, root, at(root, "/old")) < 0 || chdir("/") < 0)
        return error_set(e, ERROR_INTERNAL, errno, "pivot_root failed.");
    if (umount2("/old", MNT_DETACH) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Detaching the host's root failed.");
    rmdir("/old");
    if (mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | TIGHT | MS_RDONLY, NULL) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Sealing the root failed.");
    return 0;
}

int tree_enter(const struct tree *t, struct error *e)
{
    const char *root =
        "/tmp"; /* any directory that is everywhere: nobody else sees what it hides */
    int r;
    umask(022);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Making mounts private failed.");
    if (mount("tree", root, "tmpfs", TIGHT, "size=8m,nr_inodes=1000,mode=755") < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Mounting the tree failed.");
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
        if (mkdir(at(root, directories[i]), 0755) < 0)
            return error_set(e, ERROR_INTERNAL, errno, "Making %s failed.", directories[i]);
    if ((r = top_directories(root, e)) < 0 || (r = bind(root, "/usr", "/usr", SEALED, e)) < 0 ||
        (r = optional_binds(root, e)) < 0 ||
        (r = bind_source(root, &t->library, "/opt/cloche", e)) < 0)
        return r;
    if (t->venv.mount >= 0 || t->venv.path >= 0)
        if ((r = bind_source(root, &t->venv, "/opt/env", e)) < 0 ||
            (r = bind_interpreter(root, e)) < 0)
            return r;
    if (t->warmup >= 0 && (r = copy_warmup(root, t->warmup, e)) < 0)
        return r;
    if ((r = fill_etc_and_dev(root, e)) < 0)
        return r;
    return pivot(root, e);
}
