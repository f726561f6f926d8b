/* env_sandbox_tree.c - what the programs of `cloche env build` see of the machine.
 *
 * A tmpfs with /usr read-only, an /etc written anew, the new environment at /opt/env and a /tmp, both
 * on disk in the building directory. /opt/env is where every session will see the environment, so what
 * is installed may write that path into scripts. Nothing of the host's homes, /etc or /var is there,
 * but what pip's configuration names (env_sandbox_pip.c). */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "cli/env_internal.h"
#include "sandbox/identity.h"

static int make_directories(const char *root, const char *path, bool and_last)
{
    char whole[ENV_PATH * 2];
    if (snprintf(whole, sizeof(whole), "%s%s", root, path) >= (int)sizeof(whole))
        return -ENAMETOOLONG;
    for (char *slash = strchr(whole + strlen(root) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(whole, 0755) < 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    return !and_last || mkdir(whole, 0755) == 0 || errno == EEXIST ? 0 : -errno;
}

int env_tree_put(
    const char *root, const char *to, const void *data, size_t length, mode_t mode, uid_t owner)
{
    char path[ENV_PATH * 2];
    int r = make_directories(root, to, false);
    if (r < 0)
        return r;
    snprintf(path, sizeof(path), "%s%s", root, to);
    cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    r = fd_write_all(fd, data, length);
    if (r == 0 && (fchmod(fd, mode) < 0 || fchown(fd, owner, owner) < 0))
        r = -errno;
    return r;
}

int env_tree_bind(const char *root, const char *from, const char *to, bool writable)
{
    char path[ENV_PATH * 2];
    struct stat st;
    if (stat(from, &st) < 0)
        return -errno;
    int r = make_directories(root, to, S_ISDIR(st.st_mode));
    if (r < 0)
        return r;
    snprintf(path, sizeof(path), "%s%s", root, to);
    if (!S_ISDIR(st.st_mode)) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0)
            return -errno;
        close(fd);
    }
    if (mount(from, path, NULL, MS_BIND | MS_REC, NULL) < 0)
        return -errno;
    struct mount_attr attributes = {
        .attr_set = MOUNT_ATTR_NOSUID | (writable ? 0 : MOUNT_ATTR_RDONLY)};
    if (S_ISDIR(st.st_mode))
        attributes.attr_set |= MOUNT_ATTR_NODEV;
    return mount_setattr(AT_FDCWD, path, AT_RECURSIVE, &attributes, sizeof(attributes)) < 0 ? -errno
                                                                                            : 0;
}

/* /usr, and the links or directories of old (/bin, /lib64) beside it. */
static int bind_system(const char *root)
{
    static const char *const tops[] = {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};
    int r = env_tree_bind(root, "/usr", "/usr", false);
    for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]) && r == 0; i++) {
        char target[256], path[ENV_PATH * 2];
        ssize_t n = readlink(tops[i], target, sizeof(target) - 1);
        if (n > 0) {
            target[n] = '\0';
            snprintf(path, sizeof(path), "%s%s", root, tops[i]);
            r = symlink(target, path) < 0 ? -errno : 0;
        } else if (access(tops[i], F_OK) == 0) {
            r = env_tree_bind(root, tops[i], tops[i], false);
        }
    }
    return r;
}

static int copy(const char *root, const char *path)
{
    struct strbuf text = STRBUF_INIT(ENV_TEXT_MAX);
    int r = env_read_text(path, &text);
    r = r < 0 ? 0 : env_tree_put(root, path, strbuf_text(&text), text.length, 0644, 0);
    strbuf_deinit(&text); /* what cannot be read is not there */
    return r;
}

static int put(const char *root, const char *path, const char *text)
{
    return env_tree_put(root, path, text, strlen(text), 0644, 0);
}

static int fill_etc(const char *root, bool network, uid_t owner)
{
    const uid_t seen = owner != 0 ? KERNEL_ID : 0; /* as the sandbox's user namespace counts */
    static const char *const copies[] = {"/etc/ld.so.cache", "/etc/matplotlibrc"};
    static const char *const binds[] = {"/etc/alternatives", "/etc/fonts", "/etc/python3"};
    char passwd[160];
    snprintf(passwd, sizeof(passwd),
        "root:x:0:0:root:/:/bin/sh\nbuild:x:%u:%u:build:/tmp/home:/bin/sh\n", seen, seen);
    int r = put(root, "/etc/passwd", passwd);
    if (r == 0)
        r = put(root, "/etc/group", "root:x:0:\n");
    if (r == 0)
        r = put(root, "/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n");
    for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]) && r == 0; i++)
        r = copy(root, copies[i]);
    for (size_t i = 0; i < sizeof(binds) / sizeof(binds[0]) && r == 0; i++)
        if (access(binds[i], F_OK) == 0)
            r = env_tree_bind(root, binds[i], binds[i], false);
    if (r < 0 || !network)
        return r < 0 ? r : put(root, "/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n");
    static const char *const certificates[] = {
        "/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/pki/ca-trust/extracted"};
    for (size_t i = 0; i < sizeof(certificates) / sizeof(certificates[0]) && r == 0; i++)
        if (access(certificates[i], F_OK) == 0)
            r = env_tree_bind(root, certificates[i], certificates[i], false);
    if (r == 0)
        r = copy(root, "/etc/resolv.conf");
    if (r == 0)
        r = copy(root, "/etc/hosts");
    return r;
}

static int fill_dev(const char *root)
{
    static const char *const devices[] = {
        "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"};
    static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"}, {"/tmp", "/dev/shm"},
        {"/proc/self/fd/0", "/dev/stdin"}, {"/proc/self/fd/1", "/dev/stdout"},
        {"/proc/self/fd/2", "/dev/stderr"}};
    int r = make_directories(root, "/dev", true);
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]) && r == 0; i++)
        r = env_tree_bind(root, devices[i], devices[i], true);
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]) && r == 0; i++) {
        char path[ENV_PATH * 2];
        snprintf(path, sizeof(path), "%s%s", root, links[i][1]);
        r = symlink(links[i][0], path) < 0 ? -errno : 0;
    }
    return r;
}

/* The two directories on disk, what is to be read, an interpreter that lives elsewhere. */
static int bind_work(const struct env_sandbox *s, const char *root, bool sealed, uid_t owner)
{
    char path[ENV_PATH * 2];
    snprintf(path, sizeof(path), "%s/venv", s->building);
    int r = env_tree_bind(root, path, "/opt/env", !sealed);
    snprintf(path, sizeof(path), "%s/%s", s->building, s->scratch);
    if (r == 0)
        r = env_tree_bind(root, path, "/tmp", true);
    if (r == 0 && s->prefix != NULL)
        r = env_tree_bind(root, s->prefix, s->prefix, false);
    for (size_t i = 0; i < s->n_inputs && r == 0; i++) {
        snprintf(path, sizeof(path), "/build/%s", s->inputs[i].name);
        r = env_tree_put(root, path, s->inputs[i].text, s->inputs[i].length, 0444, owner);
    }
    return r;
}

static int step(struct error *e, const char *what, int r)
{
    if (r < 0)
        error_set(e, ERROR_INTERNAL, -r, "The build's sandbox could not be made: %s: %s.", what,
            strerror(-r));
    return r;
}

int env_tree_enter(
    const struct env_sandbox *s, const struct env_command *c, uid_t owner, struct error *e)
{
    char root[ENV_PATH + 16], proc[ENV_PATH + 32];
    snprintf(root, sizeof(root), "%s/root", s->building);
    snprintf(proc, sizeof(proc), "%s/proc", root);
    umask(022);
    int r = step(
        e, "private mounts", mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -errno : 0);
    if (r == 0)
        r = step(e, "tmpfs",
            mount("cloche-build", root, "tmpfs", MS_NOSUID | MS_NODEV,
                "size=64m,nr_inodes=10000,mode=755") < 0
                ? -errno
                : 0);
    if (r == 0)
        r = step(e, "/usr", bind_system(root));
    if (r == 0)
        r = step(e, "/etc", fill_etc(root, c->network, owner));
    if (r == 0)
        r = step(e, "/dev", fill_dev(root));
    if (r == 0)
        r = step(e, "/opt/env and /tmp", bind_work(s, root, c->sealed, owner));
    if (r == 0 && c->network)
        r = env_pip_configure(root, owner, e);
    if (r == 0)
        r = step(e, "/proc",
            mkdir(proc, 0755) < 0 ||
                    mount("proc", proc, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0
                ? -errno
                : 0);
    if (r == 0)
        r = step(e, "pivot_root",
            chdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
                    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0
                ? -errno
                : 0);
    struct mount_attr sealed = {.attr_set = MOUNT_ATTR_RDONLY};
    if (r == 0)
        r = step(e, "read-only root",
            mount_setattr(AT_FDCWD, "/", 0, &sealed, sizeof(sealed)) < 0 ? -errno : 0);
    return r;
}
