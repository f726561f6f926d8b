/* The supervisor's half: the top directory, the server's and the sandboxes' below it, one directory a ground. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/cgroup.h"
#include "sandbox/cgroup_internal.h"

enum { PATIENCE_MS = 100 }; /* with a directory whose last process is still coming off its books */
#define ROOT CGROUP_ROOT
#define SANDBOXES "sandboxes" /* below the top: all grounds, and the limit over them */
#define SERVER "server"       /* beside them */

static uint64_t machine_memory(void)
{
    char text[256];
    unsigned long long kib = 0;
    if (fd_read_file(AT_FDCWD, "/proc/meminfo", text, sizeof text) > 0)
        sscanf(text, "MemTotal: %llu kB", &kib);
    return kib * 1024;
}

/* What all TCP sockets of the host together may hold. */
static uint64_t sockets_memory(void)
{
    char text[128];
    unsigned long long low, pressure, most = 0;
    if (fd_read_file(AT_FDCWD, "/proc/sys/net/ipv4/tcp_mem", text, sizeof text) > 0)
        sscanf(text, "%llu %llu %llu", &low, &pressure, &most);
    return most * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* What was locked may have been removed, by a sweep, between the open and the lock. Only what is known to be
 * gone is given up: a directory that cannot be looked at is locked, and would be left behind. */
static bool is_gone(int dir, const char *path)
{
    struct stat locked, named;
    if (stat(path, &named) < 0)
        return errno == ENOENT;
    return fstat(dir, &locked) == 0 &&
           (locked.st_ino != named.st_ino || locked.st_dev != named.st_dev);
}

/* Makes and locks base/cloche-<pid>. A name that is taken is either left over, and then its lock is
 * free, or a supervisor's of another pid namespace with the same pid: then a suffix is added. */
static int make_top(struct cgroup_host *h, int i, const char *base, struct error *why)
{
    for (int n = 0; n < 100; n++) {
        char suffix[16] = "";
        if (n > 0)
            snprintf(suffix, sizeof suffix, "-%d", n);
        snprintf(h->top[i], sizeof h->top[i], "%s/cloche-%d%s", base, getpid(), suffix);
        bool made = mkdir(h->top[i], 0755) == 0;
        if (!made && errno != EEXIST)
            break;
        h->lock[i] = open(h->top[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        bool locked = h->lock[i] >= 0 && flock(h->lock[i], LOCK_EX | LOCK_NB) == 0;
        if (locked && !is_gone(h->lock[i], h->top[i]))
            return 0;
        int saved = locked ? ENOENT : errno;
        fd_close(&h->lock[i]);
        if (made && !locked)
            rmdir(h->top[i]);
        errno = saved;
        if (errno != EWOULDBLOCK && errno != ENOENT) /* not taken, and not swept meanwhile */
            break;
    }
    int r = error_set(why, ERROR_UNAVAILABLE, errno, "Making %s failed.", h->top[i]);
    h->top[i][0] = 0; /* not ours to remove */
    return r;
}

static int init_v1(struct cgroup_host *h, struct error *why)
{
    char own[CGROUP_DIRS][400];
    for (int i = 0; i < CGROUP_DIRS; i++) {
        int r = cgroup_own_directory(cgroup_controllers[i], own[i], sizeof own[i]);
        if (r < 0)
            return error_set(why, ERROR_UNAVAILABLE, -r, "No writable cgroup v1 hierarchy for %s.",
                cgroup_controllers[i]);
    }
    int r = 0;
    for (int i = 0; r == 0 && i < CGROUP_DIRS; i++)
        r = make_top(h, i, own[i], why);
    return r;
}

static int enable_v2(const char *dir)
{
    char path[600];
    snprintf(path, sizeof path, "%s/cgroup.subtree_control", dir);
    return fd_write_file(AT_FDCWD, path, "+memory +pids +cpu");
}

static int init_v2(struct cgroup_host *h, struct error *why)
{
    char text[256];
    if (fd_read_file(AT_FDCWD, ROOT "/cgroup.controllers", text, sizeof text) < 0)
        return error_set(why, ERROR_UNAVAILABLE, ENOENT, "No cgroup v2 at " ROOT ".");
    for (int i = 0; i < CGROUP_DIRS; i++)
        if (!strstr(text, cgroup_controllers[i]))
            return error_set(why, ERROR_UNAVAILABLE, ENOENT, "cgroup v2 lacks the %s controller.",
                cgroup_controllers[i]);
    int r = enable_v2(ROOT);
    if (r < 0)
        return error_set(why, ERROR_UNAVAILABLE, -r, "Enabling controllers at " ROOT " failed.");
    if ((r = make_top(h, 0, ROOT, why)) < 0)
        return r;
    if ((r = enable_v2(h->top[0])) < 0)
        return error_set(
            why, ERROR_UNAVAILABLE, -r, "Enabling controllers in %s failed.", h->top[0]);
    return 0;
}

/* Divides the top in two: the sandboxes run when the server has no use for a core. Among groups of equal
 * standing a wakeup of the server waits for the end of somebody's slice, four milliseconds where the clock
 * ticks 250 times a second; an idle group gives way at once, unless the server owes it time, which its
 * weight keeps small. Beside the host's other work both count as one group of the usual weight. */
static int divide(struct cgroup_host *h, struct error *why)
{
    const bool v2 = h->version == CGROUP_V2;
    const int cpu = v2 ? 0 : 2;
    char path[600];
    for (int i = 0; i < CGROUP_DIRS; i++)
        snprintf(
            h->grounds[i], sizeof h->grounds[i], "%s%s", h->top[i], i == cpu ? "/" SANDBOXES : "");
    snprintf(path, sizeof path, "%s/" SERVER, h->top[cpu]);
    int r = mkdir(h->grounds[cpu], 0755) < 0 || mkdir(path, 0755) < 0 ? -errno : 0;
    if (r == 0 && v2)
        r = enable_v2(h->grounds[cpu]);
    if (r < 0)
        return error_set(why, ERROR_UNAVAILABLE, -r, "Dividing %s failed.", h->top[cpu]);
    snprintf(path, sizeof path, "%s/cpu.idle", h->grounds[cpu]);
    fd_write_file(AT_FDCWD, path, "1"); /* not before Linux 5.15; there the weight has to do */
    snprintf(path, sizeof path, "%s/" SERVER "/%s", h->top[cpu], v2 ? "cpu.weight" : "cpu.shares");
    fd_write_file(AT_FDCWD, path, v2 ? "10000" : "102400");
    /* Nor may the server starve them: a quarter of a core is always theirs. */
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    char quota[64];
    snprintf(quota, sizeof quota, v2 ? "%ld 100000" : "%ld", cores * 100000 - 25000);
    snprintf(
        path, sizeof path, "%s/" SERVER "/%s", h->top[cpu], v2 ? "cpu.max" : "cpu.cfs_quota_us");
    if (cores > 0 && (r = fd_write_file(AT_FDCWD, path, quota)) < 0 && r != -ENOENT)
        error_set(why, ERROR_UNAVAILABLE, -r, "Writing %s failed: %s.", path, strerror(-r));
    return 0;
}

/* How many processes and threads the host can have; 0: not known. */
static uint64_t machine_pids(void)
{
    static const char *const files[] = {"/proc/sys/kernel/threads-max", "/proc/sys/kernel/pid_max"};
    char text[32];
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (fd_read_file(AT_FDCWD, files[i], text, sizeof text) <= 0)
            continue;
        const uint64_t most = strtoull(text, NULL, 10);
        least = most < least ? most : least;
    }
    return least == UINT64_MAX ? 0 : least;
}

/* The limits over all sandboxes together. What cannot be set is told by `why`. */
static void limit_all(struct cgroup_host *h, uint64_t memory_bytes, struct error *why)
{
    const bool v2 = h->version == CGROUP_V2;
    uint64_t limit = memory_bytes ? memory_bytes : machine_memory() / 10 * 9;
    char path[600], value[32];
    snprintf(
        path, sizeof path, "%s/%s", h->grounds[0], v2 ? "memory.max" : "memory.limit_in_bytes");
    snprintf(value, sizeof value, "%llu", (unsigned long long)limit);
    int r = limit ? fd_write_file(AT_FDCWD, path, value) : -ENODATA;
    h->memory_limited = r >= 0;
    if (r < 0)
        error_set(why, ERROR_UNAVAILABLE, -r, "Writing %s failed: %s.", path, strerror(-r));
    /* half is left to the host */
    snprintf(path, sizeof path, "%s/pids.max", h->grounds[v2 ? 0 : 1]);
    snprintf(value, sizeof value, "%llu", (unsigned long long)machine_pids() / 2);
    r = machine_pids() ? fd_write_file(AT_FDCWD, path, value) : -ENODATA;
    if (r < 0 && h->memory_limited) /* of several the first is told */
        error_set(why, ERROR_UNAVAILABLE, -r, "Writing %s failed: %s.", path, strerror(-r));
    if (v2)
        return;
    /* children inherit both when they are made */
    snprintf(path, sizeof path, "%s/memory.use_hierarchy", h->grounds[0]);
    fd_write_file(AT_FDCWD, path, "1");
    snprintf(path, sizeof path, "%s/memory.swappiness", h->grounds[0]);
    fd_write_file(AT_FDCWD, path, "0");
    snprintf(path, sizeof path, "%s/" CGROUP_V1_SOCKETS, h->grounds[0]);
    snprintf(value, sizeof value, "%llu", (unsigned long long)sockets_memory() / 2);
    r = sockets_memory() ? fd_write_file(AT_FDCWD, path, value) : 0; /* half is left to the host */
    if (r < 0 && r != -ENOENT &&
        h->memory_limited) /* where nothing counts them nothing limits them */
        error_set(why, ERROR_UNAVAILABLE, -r, "Writing %s failed: %s.", path, strerror(-r));
}

int cgroup_host_init(struct cgroup_host *h, uint64_t memory_bytes, struct error *why)
{
    *h = (struct cgroup_host){.version = CGROUP_NONE, .lock = {-1, -1, -1}};
    if (geteuid() != 0)
        return error_set(why, ERROR_UNAVAILABLE, EPERM, "cgroup limits need root."), 0;
    struct stat st;
    bool unified = stat(ROOT "/cgroup.controllers", &st) == 0;
    h->version = unified ? CGROUP_V2 : CGROUP_V1;
    if ((unified ? init_v2(h, why) : init_v1(h, why)) < 0 || divide(h, why) < 0)
        cgroup_host_deinit(h);
    else
        limit_all(h, memory_bytes, why);
    return 0;
}

int cgroup_host_quota(const struct cgroup_host *h, struct error *why)
{
    const bool v2 = h->version == CGROUP_V2;
    char path[600];
    if (h->version == CGROUP_NONE)
        return why->saved_errno ? -why->saved_errno : -ENOENT;
    snprintf(path, sizeof path, "%s/%s", h->top[v2 ? 0 : 2], v2 ? "cpu.max" : "cpu.cfs_quota_us");
    return access(path, W_OK) == 0 ? 0
                                   : error_set(why, ERROR_UNAVAILABLE, errno,
                                         "This kernel has no cpu quotas (CONFIG_CFS_BANDWIDTH).");
}

int cgroup_server_open(const struct cgroup_host *h)
{
    char path[600];
    if (h->version == CGROUP_NONE)
        return -ENOENT;
    snprintf(
        path, sizeof path, "%s/" SERVER "/cgroup.procs", h->top[h->version == CGROUP_V2 ? 0 : 2]);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int cgroup_host_weigh(const struct cgroup_host *h, uint32_t cpu_shares)
{
    const bool v2 = h->version == CGROUP_V2;
    char path[600], value[32];
    if (h->version == CGROUP_NONE)
        return 0;
    snprintf(path, sizeof path, "%s/%s", h->top[v2 ? 0 : 2], v2 ? "cpu.weight" : "cpu.shares");
    snprintf(value, sizeof value, "%llu",
        (unsigned long long)(v2 ? cgroup_v2_weight(cpu_shares) : cpu_shares));
    return fd_write_file(AT_FDCWD, path, value);
}

static int give(const char *path, uid_t owner)
{
    return chown(path, owner, owner) < 0 ? -errno : 0;
}

/* The warden's directory beside the sandboxes, which is root's: who is in it has its limit and cannot change it. */
static int make_warden(const char *dir, char ret[600])
{
    char path[640], value[16];
    snprintf(ret, 600, "%s/" CGROUP_WARDEN, dir);
    snprintf(path, sizeof path, "%s/pids.max", ret);
    snprintf(value, sizeof value, "%d", CGROUP_WARDEN_PIDS);
    return mkdir(ret, 0755) < 0 ? -errno : fd_write_file(AT_FDCWD, path, value);
}

/* On v2 a process has one directory for all: below that one each zygote gets one, from the warden, which has its own. */
static int divide_warden(char dir[600], uid_t owner)
{
    char path[640];
    snprintf(path, sizeof path, "%s/cgroup.subtree_control", dir);
    int r = fd_write_file(AT_FDCWD, path, "+memory");
    if (r == 0)
        r = give(dir, owner);
    snprintf(path, sizeof path, "%s/cgroup.procs", dir); /* of the ancestor of warden and zygote */
    if (r == 0)
        r = give(path, owner);
    snprintf(path, sizeof path, "%s/self", dir);
    if (r == 0 && mkdir(path, 0755) < 0)
        r = -errno;
    if (r == 0)
        snprintf(dir, 600, "%.590s", path);
    return r;
}

/* A ground's directory as its warden gets it, who hands some on to zygotes and inits: the root of a mount of
 * its own, which hangs nowhere. From a descriptor on the host's mount "..", again and again, is the host's /:
 * the root directory of a process ends only what begins at it. -errno where that cannot be had. */
static int open_apart(const char *dir)
{
    cleanup_fd int clone =
        (int)syscall(SYS_open_tree, AT_FDCWD, dir, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    int fd = clone < 0 ? -1 : openat(clone, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int ground_v2(
    const struct cgroup_host *h, const char *dir, uid_t owner, int ret_dirs[], int ret_join[])
{
    static const char *const files[] = {"cgroup.procs", "cgroup.subtree_control", "cgroup.threads"};
    char path[700], warden[600];
    int r = give(dir, owner);
    for (size_t i = 0; r == 0 && i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        r = give(path, owner);
    }
    snprintf(path, sizeof path, "%s/cgroup.procs", dir);
    if (r == 0 &&
        chmod(path, 0666) < 0) /* the common ancestor of zygote, init and sandbox: see make_v2 */
        r = -errno;
    snprintf(path, sizeof path, "%s/cgroup.subtree_control", dir);
    if (r == 0)
        r = fd_write_file(AT_FDCWD, path, "+memory +pids +cpu");
    if (r == 0) /* no inner processes, either */
        r = make_warden(dir, warden);
    if (r == 0)
        r = divide_warden(warden, owner);
    if (r < 0)
        return r;
    (void)h;
    if ((ret_dirs[0] = open_apart(dir)) < 0)
        return ret_dirs[0];
    ret_join[0] = open(warden, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return ret_join[0] < 0 ? -errno : 0;
}

static int ground_v1(const char *dir, int i, uid_t owner, int ret_dirs[], int ret_join[])
{
    const bool pids = i == 1;
    char warden[600], path[640];
    int r = give(dir, owner);
    if (r == 0 && pids)
        r = make_warden(dir, warden);
    if (r < 0)
        return r;
    snprintf(path, sizeof path, "%s/tasks", pids ? warden : dir);
    if ((ret_dirs[i] = open_apart(dir)) < 0)
        return ret_dirs[i];
    ret_join[i] = open(path, O_WRONLY | O_CLOEXEC);
    return ret_join[i] < 0 ? -errno : 0;
}

int cgroup_ground_make(const struct cgroup_host *h, int id, uid_t owner, int ret_dirs[CGROUP_DIRS],
    int ret_join[CGROUP_DIRS], struct error *e)
{
    for (int i = 0; i < CGROUP_DIRS; i++)
        ret_dirs[i] = ret_join[i] = -1;
    for (int i = 0; i < (h->version == CGROUP_V1      ? CGROUP_DIRS
                            : h->version == CGROUP_V2 ? 1
                                                      : 0);
         i++) {
        char dir[560];
        snprintf(dir, sizeof dir, "%s/ground-%d", h->grounds[i], id);
        int r = mkdir(dir, 0755) < 0 ? -errno : 0;
        if (r == 0)
            r = h->version == CGROUP_V1 ? ground_v1(dir, i, owner, ret_dirs, ret_join)
                                        : ground_v2(h, dir, owner, ret_dirs, ret_join);
        if (r < 0) {
            fds_close(ret_dirs, CGROUP_DIRS);
            fds_close(ret_join, CGROUP_DIRS);
            cgroup_ground_remove(h, id);
            return error_set(e, ERROR_INTERNAL, -r, "Making %s failed.", dir);
        }
    }
    return 0;
}

int cgroup_ground_idle_open(const struct cgroup_host *h, const int dirs[CGROUP_DIRS])
{
    const int dir = dirs[h->version == CGROUP_V2 ? 0 : 2];
    return dir < 0 ? -1 : openat(dir, "cpu.idle", O_WRONLY | O_CLOEXEC);
}

int cgroup_ground_remove(const struct cgroup_host *h, int id)
{
    int r = 0;
    for (int i = 0; i < CGROUP_DIRS; i++) {
        char dir[560];
        if (!h->top[i][0])
            continue;
        snprintf(dir, sizeof dir, "%s/ground-%d", h->grounds[i], id);
        int one = cgroup_tree_remove(dir, PATIENCE_MS);
        r = one < 0 ? one : r;
    }
    return r;
}

int cgroup_host_deinit(struct cgroup_host *h)
{
    int r = 0;
    for (int i = 0; i < CGROUP_DIRS; i++)
        if (h->top[i][0]) {
            int one = cgroup_tree_remove(h->top[i], PATIENCE_MS);
            r = one < 0 ? one : r;
            h->top[i][0] = 0;
            fd_close(&h->lock[i]);
        }
    h->version = CGROUP_NONE;
    return r;
}
