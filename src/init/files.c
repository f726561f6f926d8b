/* The file agent. The server cannot open a session's files itself (umask 077 files are EACCES, what it
 * wrote would be charged to it), so init opens them with the kernel's file rights and no capability,
 * beneath the scratch and through no link, regular files only, and passes the descriptor out. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "init/init.h"
#include "sandbox/caps.h"
#include "sandbox/clone.h"
#include "sandbox/identity.h"

enum { WRITERS = 64 };
static struct {
    int pid;
    uint32_t serial;
} writers[WRITERS];

void act_as(const struct init *i, bool kernel)
{
    uid_t id = kernel ? (i->ids ? SANDBOX_BRANCH_ID : 0) : 0;
    setfsgid(id);
    setfsuid(id);
    if (caps_effective(kernel ? 0 : ~UINT64_C(0)) < 0)
        abort();
}

static int open_beneath(int dir, const char *path, int flags, mode_t mode)
{
    int more = flags & O_PATH ? O_CLOEXEC : O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    struct open_how how = {.flags = (uint64_t)(flags | more),
        .mode = flags & O_CREAT ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV};
    int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
    return fd < 0 ? -errno : fd;
}

static int answer(struct message *m, int status, const int *fd)
{
    m->status = status;
    m->length = 0;
    return message_send(INIT_SERVER_FD, m, fd, fd ? 1 : 0);
}

void file_open_request(struct init *i, struct message *m)
{
    struct stat st;
    act_as(i, true);
    int fd = open_beneath(i->scratch, m->text, O_RDONLY, 0);
    act_as(i, false);
    int wrong = fd < 0                ? 0
                : fstat(fd, &st) < 0  ? -errno
                : S_ISREG(st.st_mode) ? 0
                : S_ISDIR(st.st_mode) ? -EISDIR
                                      : -EINVAL;
    if (wrong) {
        close(fd);
        fd = wrong;
    }
    answer(m, fd < 0 ? fd : 0, fd < 0 ? NULL : &fd);
    if (fd >= 0)
        close(fd);
}

/* Splits at the last slash and opens the parent, making folders on the way when asked. The name is a
 * part of `path`. A descriptor, or -errno. Runs with the kernel's rights. */
static int open_parent(const struct init *i, char *path, bool make, const char **ret_name)
{
    char *slash = strrchr(path, '/');
    if (!slash || slash == path || !slash[1])
        return -EINVAL;
    for (char *p = strchr(path, '/'); make && p && p <= slash; p = strchr(p + 1, '/')) {
        *p = 0;
        int above = -1, r = 0;
        char *last = strrchr(path, '/');
        if (last) { /* the first component, data, is always there */
            *last = 0;
            above = open_beneath(i->scratch, path, O_PATH | O_DIRECTORY, 0);
            *last = '/';
            r = above < 0                                               ? above
                : mkdirat(above, last + 1, 0755) < 0 && errno != EEXIST ? -errno
                                                                        : 0;
            fd_close(&above);
        }
        *p = '/';
        if (r < 0)
            return r;
    }
    *slash = 0;
    int parent = open_beneath(i->scratch, path, O_RDONLY | O_DIRECTORY, 0);
    *slash = '/';
    *ret_name = slash + 1;
    return parent;
}

void file_unlink_request(struct init *i, struct message *m)
{
    const char *name;
    act_as(i, true);
    cleanup_fd int parent = open_parent(i, m->text, false, &name);
    int r = parent < 0 ? parent : unlinkat(parent, name, 0) < 0 ? -errno : 0;
    act_as(i, false);
    answer(m, r, NULL);
}

/* ---- writing --------------------------------------------------------------------------------------------- */

static int join_cgroup(const struct init *i)
{
    for (int k = 0; i->cgroup == CGROUP_V1 && k < CGROUP_DIRS; k++)
        if (write(INIT_JOIN_FD + k, "0", 1) < 0)
            return -errno;
    return 0; /* on v2 it was born there */
}

static int copy_in(int from, int to, uint64_t *bytes)
{
    static char block[1 << 16];
    for (;;) {
        ssize_t n = read(from, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        int r = fd_write_all(to, block, (size_t)n);
        if (r < 0)
            return r;
        *bytes += (uint64_t)n;
    }
}

/* The child. A file appears whole under its name, or not at all: it is written beside and renamed. */
static void write_and_exit(struct init *i, struct message *m, int from)
{
    const char *name;
    char beside[40];
    uint64_t random = 0, bytes = 0;
    int r = join_cgroup(i), to = -1, parent = -1;
    act_as(i, true);
    int kept = caps_keep(0, 0, 0);
    if (r == 0)
        r = kept;
    umask(0);
    (void)!getrandom(&random, sizeof random, 0);
    snprintf(beside, sizeof beside, ".cloche-%016llx", (unsigned long long)random);
    if (r == 0)
        r = parent = open_parent(i, m->text, m->word[1] & INIT_WRITE_MKDIR, &name);
    if (r >= 0)
        r = to =
            open_beneath(parent, beside, O_WRONLY | O_CREAT | O_EXCL, (mode_t)(m->word[0] & 0777));
    if (r >= 0)
        r = copy_in(from, to, &bytes);
    if (r >= 0 && (m->word[1] & INIT_WRITE_EXCLUSIVE))
        r = linkat(parent, beside, parent, name, 0) < 0 ? -errno : 0;
    else if (r >= 0)
        r = renameat(parent, beside, parent, name) < 0 ? -errno : 0;
    if (to >= 0 && (r < 0 || (m->word[1] & INIT_WRITE_EXCLUSIVE)))
        unlinkat(parent, beside, 0);
    m->word[0] = bytes;
    _exit(answer(m, r < 0 ? r : 0, NULL) < 0); /* then init answers for it */
}

void file_write_request(struct init *i, struct message *m, int from)
{
    int slot = 0;
    while (slot < WRITERS && writers[slot].pid)
        slot++;
    if (slot == WRITERS) {
        answer(m, -EAGAIN, NULL);
        return;
    }
    pid_t p = i->cgroup == CGROUP_V2
                  ? clone_process(CLONE_INTO_CGROUP, SIGCHLD, NULL, INIT_JOIN_FD, NULL)
                  : fork();
    if (p == 0)
        write_and_exit(i, m, from);
    if (p < 0) {
        answer(m, -EAGAIN, NULL);
        return;
    }
    writers[slot].pid = p;
    writers[slot].serial = m->serial;
}

void file_writer_ended(int pid, bool answered)
{
    for (int slot = 0; slot < WRITERS; slot++)
        if (writers[slot].pid == pid) {
            struct message m = {.op = INIT_WRITE, .serial = writers[slot].serial};
            writers[slot].pid = 0;
            if (!answered)
                answer(&m, -EINTR, NULL);
        }
}
