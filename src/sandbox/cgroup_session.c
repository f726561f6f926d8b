/* The warden's half: one directory a sandbox, made through descriptors of the ground's own. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/cgroup.h"
#include "sandbox/identity.h"

enum { SOCKETS_BYTES = 32 << 20 };
static const char INITS[] = "inits";

struct setting {
    int dir;
    const char *file;
    uint64_t value;
};

static int write_setting(int dir, const char *name, const struct setting *s, struct error *e)
{
    char path[96], value[32];
    snprintf(path, sizeof path, "%s/%s", name, s->file);
    snprintf(value, sizeof value, "%llu", (unsigned long long)s->value);
    int r = fd_write_file(dir, path, value);
    return r < 0 ? error_set(e, ERROR_INTERNAL, -r, "cgroup %s=%s.", s->file, value) : 0;
}

static int open_in(int dir, const char *name, const char *file, int flags)
{
    char path[96];
    snprintf(path, sizeof path, "%s/%s", name, file);
    int fd = openat(dir, path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int open_as(uid_t id, int dir, const char *name, const char *file)
{
    if (setresuid((uid_t)-1, id, (uid_t)-1) < 0)
        return -errno;
    int fd = open_in(dir, name, file, O_WRONLY);
    if (setresuid((uid_t)-1, 0, (uid_t)-1) < 0)
        abort(); /* it would go on with another's identity */
    return fd;
}

static struct setting memory_limit(enum cgroup_version v, uint64_t bytes)
{
    return (struct setting){0, v == CGROUP_V2 ? "memory.max" : "memory.limit_in_bytes", bytes};
}

/* Version 1 refuses a quota above that of a group above, such as a container's, which version 2 takes: it
 * limits nothing more. */
static int write_quota(
    enum cgroup_version v, int dir, const char *name, uint32_t us, struct error *e)
{
    const struct setting quota = {
        .file = v == CGROUP_V2 ? "cpu.max" : "cpu.cfs_quota_us", .value = us};
    int r = us == 0 ? 0 : write_setting(dir, name, &quota, e);
    if (r == -ENOENT)
        return error_set(
            e, ERROR_UNAVAILABLE, ENOENT, "This kernel has no cpu quotas (CONFIG_CFS_BANDWIDTH).");
    return r == -EINVAL && v == CGROUP_V1 ? 0 : r;
}

/* The directory is there: its memory, and what else counts as that. */
static int limit_memory(
    enum cgroup_version v, int dir, const char *name, uint64_t bytes, struct error *e)
{
    const struct setting memory = memory_limit(v, bytes);
    const struct setting more = {.file = v == CGROUP_V2 ? "memory.swap.max" : CGROUP_V1_SOCKETS,
        .value = v == CGROUP_V2 ? 0 : SOCKETS_BYTES};
    int r = write_setting(dir, name, &memory, e);
    if (r < 0)
        return r;
    r = write_setting(dir, name, &more, e);
    return r == -ENOENT ? 0 : r; /* where nothing counts it there is nothing to limit */
}

static int make_v1(
    const int dirs[CGROUP_DIRS], const char *name, const struct cgroup_limits *l, struct error *e)
{
    const struct setting settings[] = {{1, "pids.max", l->pids}, {2, "cpu.shares", l->cpu_shares}};
    for (int i = 0; i < CGROUP_DIRS; i++)
        if (mkdirat(dirs[i], name, 0755) < 0)
            return error_set(e, ERROR_INTERNAL, errno, "Making cgroup %s failed.", name);
    int r = limit_memory(CGROUP_V1, dirs[0], name, l->memory_bytes, e);
    for (size_t i = 0; r == 0 && i < sizeof settings / sizeof *settings; i++)
        r = write_setting(dirs[settings[i].dir], name, &settings[i], e);
    return r < 0 ? r : write_quota(CGROUP_V1, dirs[2], name, l->cpu_quota_us, e);
}

/* Who may bring a process in needs write permission on this cgroup.procs and on the ground's. No
 * sandbox has a cgroup file system or keeps such a descriptor, so the mode gives nobody else a way. */
static int make_v2(
    const int dirs[CGROUP_DIRS], const char *name, const struct cgroup_limits *l, struct error *e)
{
    const struct setting settings[] = {
        {0, "pids.max", l->pids}, {0, "cpu.weight", cgroup_v2_weight(l->cpu_shares)}};
    if (mkdirat(dirs[0], name, 0755) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Making cgroup %s failed.", name);
    int r = limit_memory(CGROUP_V2, dirs[0], name, l->memory_bytes, e);
    for (size_t i = 0; r == 0 && i < sizeof settings / sizeof *settings; i++)
        r = write_setting(dirs[0], name, &settings[i], e);
    if (r == 0)
        r = write_quota(CGROUP_V2, dirs[0], name, l->cpu_quota_us, e);
    if (r < 0)
        return r;
    char procs[96];
    snprintf(procs, sizeof procs, "%s/cgroup.procs", name);
    if (fchmodat(dirs[0], procs, 0666, 0) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Opening cgroup %s to the zygote failed.", name);
    return 0;
}

static int inits_dir(enum cgroup_version v, const int dirs[CGROUP_DIRS])
{
    return dirs[v == CGROUP_V2 ? 0 : 1];
}

int cgroup_inits_make(enum cgroup_version v, const int dirs[CGROUP_DIRS])
{
    return v == CGROUP_NONE ? -ENOENT : mkdirat(inits_dir(v, dirs), INITS, 0755) < 0 ? -errno : 0;
}

static int open_to_join(enum cgroup_version v, int dir, const char *name)
{
    return v == CGROUP_NONE ? -ENOENT
           : v == CGROUP_V2 ? open_in(dir, name, ".", O_RDONLY | O_DIRECTORY)
                            : open_in(dir, name, "tasks", O_WRONLY);
}

int cgroup_inits_open(enum cgroup_version v, const int dirs[CGROUP_DIRS])
{
    return open_to_join(v, v == CGROUP_NONE ? -1 : inits_dir(v, dirs), INITS);
}

void cgroup_zygote_name(enum cgroup_version v, uint32_t number, char to[CGROUP_NAME])
{
    snprintf(to, CGROUP_NAME, "%szygote-%u", v == CGROUP_V2 ? CGROUP_WARDEN "/" : "", number);
}

int cgroup_zygote_make(enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name,
    uint64_t memory_bytes, struct error *e)
{
    if (v == CGROUP_NONE)
        return 0;
    if (mkdirat(dirs[0], name, 0755) < 0 && errno != EEXIST)
        return error_set(e, ERROR_INTERNAL, errno, "Making cgroup %s failed.", name);
    return limit_memory(v, dirs[0], name, memory_bytes, e);
}

int cgroup_zygote_open(enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name)
{
    return open_to_join(v, dirs[0], name);
}

int cgroup_session_make(enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name,
    const struct cgroup_limits *limits, struct error *e)
{
    int r = v == CGROUP_NONE ? 0
            : v == CGROUP_V1 ? make_v1(dirs, name, limits, e)
                             : make_v2(dirs, name, limits, e);
    if (r < 0)
        cgroup_session_remove(v, dirs, name);
    return r;
}

int cgroup_session_memory(enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name,
    uint64_t memory_bytes, struct error *e)
{
    const struct setting limit = memory_limit(v, memory_bytes);
    return v == CGROUP_NONE ? 0 : write_setting(dirs[0], name, &limit, e);
}

int cgroup_session_give_way(enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name,
    bool gives_way, uint32_t cpu_shares)
{
    const bool v2 = v == CGROUP_V2;
    const int dir = dirs[v2 ? 0 : 2];
    struct error e;
    if (v == CGROUP_NONE)
        return 0;
    int r = write_setting(dir, name, &(struct setting){.file = "cpu.idle", .value = gives_way}, &e);
    if (r == -ENOENT && gives_way) /* before Linux 5.15 */
        cpu_shares = CGROUP_IDLE_SHARES;
    else if (r < 0 && r != -ENOENT)
        return r;
    else if (gives_way)
        return 0;
    const struct setting weight = {/* an idle group forgets what it weighed */
        .file = v2 ? "cpu.weight" : "cpu.shares",
        .value = v2 ? cgroup_v2_weight(cpu_shares) : cpu_shares};
    return write_setting(dir, name, &weight, &e);
}

int cgroup_session_join(enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name,
    uid_t id, int ret[CGROUP_DIRS])
{
    for (int i = 0; i < CGROUP_DIRS; i++)
        ret[i] = -1;
    for (int i = 0; i < (v == CGROUP_V1 ? CGROUP_DIRS : v == CGROUP_V2 ? 1 : 0); i++) {
        int fd = v == CGROUP_V1 ? open_as(id, dirs[i], name, "tasks")
                                : open_in(dirs[i], name, ".", O_RDONLY | O_DIRECTORY);
        if (fd < 0) {
            fds_close(ret, CGROUP_DIRS);
            return fd;
        }
        ret[i] = fd;
    }
    return 0;
}

/* The number in the line that begins so. */
static uint64_t read_line(int fd, const char *name)
{
    char text[512];
    ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    const char *p = strstr(text, name);
    return p ? strtoull(p + strlen(name), NULL, 10) : 0;
}

static const char *usage_file(enum cgroup_version v, enum cgroup_usage u)
{
    static const char *const v1[] = {
        "memory.usage_in_bytes", "memory.max_usage_in_bytes", "pids.current", "memory.oom_control"};
    static const char *const v2[] = {
        "memory.current", "memory.peak", "pids.current", "memory.events"};
    return v == CGROUP_V2 ? v2[u] : v1[u];
}

int cgroup_session_usage(
    enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name, int ret[CGROUP_USAGES])
{
    for (int i = 0; i < CGROUP_USAGES; i++)
        ret[i] = -1;
    for (enum cgroup_usage i = 0; v != CGROUP_NONE && i < CGROUP_USAGES; i++) {
        int dir = v == CGROUP_V1 && i == USAGE_PIDS ? dirs[1] : dirs[0];
        ret[i] = open_in(dir, name, usage_file(v, i), i == USAGE_PEAK ? O_RDWR : O_RDONLY);
        if (ret[i] < 0 &&
            i == USAGE_PEAK) /* before 6.12 memory.peak is not for writing, before 5.19 not there */
            ret[i] = open_in(dir, name, usage_file(v, i), O_RDONLY);
        if (ret[i] < 0 && i != USAGE_PEAK) {
            int r = ret[i];
            fds_close(ret, CGROUP_USAGES);
            return r;
        }
        if (ret[i] < 0)
            ret[i] = -1;
    }
    return 0;
}

uint64_t cgroup_session_oom(enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name)
{
    if (v == CGROUP_NONE)
        return 0;
    cleanup_fd int fd = open_in(dirs[0], name, usage_file(v, USAGE_OOM), O_RDONLY);
    return cgroup_read_oom(fd);
}

uint64_t cgroup_session_memory_used(
    enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name)
{
    if (v == CGROUP_NONE)
        return 0;
    cleanup_fd int fd = open_in(dirs[0], name, usage_file(v, USAGE_MEMORY), O_RDONLY);
    return cgroup_read_number(fd);
}

uint64_t cgroup_session_memory_met(
    enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name)
{
    if (v == CGROUP_NONE)
        return 0;
    cleanup_fd int fd =
        open_in(dirs[0], name, v == CGROUP_V2 ? "memory.events" : "memory.failcnt", O_RDONLY);
    return v == CGROUP_V2 ? read_line(fd, "oom ") : cgroup_read_number(fd);
}

int cgroup_session_remove(enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name)
{
    int r = 0;
    for (int i = 0; i < (v == CGROUP_V1 ? CGROUP_DIRS : v == CGROUP_V2 ? 1 : 0); i++)
        if (unlinkat(dirs[i], name, AT_REMOVEDIR) < 0 && errno != ENOENT)
            r = -errno;
    return r;
}

uint64_t cgroup_read_number(int fd)
{
    char text[32];
    ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    return strtoull(text, NULL, 10);
}

/* "oom_kill_disable 0" has no space where "oom_kill " has one. */
uint64_t cgroup_read_oom(int fd) { return read_line(fd, "oom_kill "); }
