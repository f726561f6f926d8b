/* The warden's half: one directory a sandbox, made through descriptors of the ground's own. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/cgroup.h"
#include "sandbox/identity.h"

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

static int open_usage(const int dirs[CGROUP_DIRS], const char *name, bool v2, struct cgroup_session *ret)
{
    static const char *const v1_files[] = { "memory.usage_in_bytes", "memory.max_usage_in_bytes",
                                            "pids.current", "memory.oom_control" };
    static const char *const v2_files[] = { "memory.current", "memory.peak", "pids.current", "memory.events" };
    for (int i = 0; i < CGROUP_USAGES; i++) {
        int dir = !v2 && i == USAGE_PIDS ? dirs[1] : dirs[0];
        const char *file = v2 ? v2_files[i] : v1_files[i];
        int fd = open_in(dir, name, file, i == USAGE_PEAK ? O_RDWR : O_RDONLY);
        if (fd < 0 && i == USAGE_PEAK) /* before 6.12 memory.peak is not for writing, before 5.19 not there */
            fd = open_in(dir, name, file, O_RDONLY);
        if (fd < 0 && i != USAGE_PEAK)
            return fd;
        ret->usage[i] = fd < 0 ? -1 : fd;
    }
    return 0;
}

static int make_v1(const int dirs[CGROUP_DIRS], const char *name, const struct cgroup_limits *l, uid_t init_id,
                   struct cgroup_session *ret, struct error *e)
{
    const struct setting settings[] = { { 0, "memory.limit_in_bytes", l->memory_bytes },
                                        { 1, "pids.max", l->pids },
                                        { 2, "cpu.shares", l->cpu_shares } };
    for (int i = 0; i < CGROUP_DIRS; i++) {
        if (mkdirat(dirs[i], name, 0755) < 0)
            return error_set(e, ERROR_INTERNAL, errno, "Making cgroup %s failed.", name);
        int r = write_setting(dirs[i], name, &settings[i], e);
        if (r < 0)
            return r;
        ret->init_join[i] = open_as(init_id, dirs[i], name, "tasks");
        ret->kernel_join[i] = open_as(GROUND_ZYGOTE_ID, dirs[i], name, "tasks");
        if (ret->init_join[i] < 0 || ret->kernel_join[i] < 0)
            return error_set(e, ERROR_INTERNAL, EACCES, "Opening tasks of cgroup %s failed.", name);
    }
    return 0;
}

/* Who may bring a process in needs write permission on this cgroup.procs and on the ground's. No
 * sandbox has a cgroup file system or keeps such a descriptor, so the mode gives nobody else a way. */
static int make_v2(const int dirs[CGROUP_DIRS], const char *name, const struct cgroup_limits *l,
                   struct cgroup_session *ret, struct error *e)
{
    uint64_t weight = l->cpu_shares * 100 / 1024;
    const struct setting settings[] = { { 0, "memory.max", l->memory_bytes },
                                        { 0, "memory.swap.max", 0 },
                                        { 0, "pids.max", l->pids },
                                        { 0, "cpu.weight", weight < 1 ? 1 : weight } };
    if (mkdirat(dirs[0], name, 0755) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Making cgroup %s failed.", name);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        int r = write_setting(dirs[0], name, &settings[i], e);
        if (r == -ENOENT && i == 1)
            continue; /* no swap accounting in this kernel: no swap to limit */
        if (r < 0)
            return r;
    }
    char procs[96];
    snprintf(procs, sizeof procs, "%s/cgroup.procs", name);
    if (fchmodat(dirs[0], procs, 0666, 0) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Opening cgroup %s to the zygote failed.", name);
    ret->kernel_join[0] = open_in(dirs[0], name, ".", O_RDONLY | O_DIRECTORY);
    ret->init_join[0] = open_in(dirs[0], name, ".", O_RDONLY | O_DIRECTORY);
    return ret->kernel_join[0] < 0 || ret->init_join[0] < 0
               ? error_set(e, ERROR_INTERNAL, EACCES, "Opening cgroup %s failed.", name)
               : 0;
}

int cgroup_session_make(enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name,
                        const struct cgroup_limits *limits, uid_t init_id, struct cgroup_session *ret,
                        struct error *e)
{
    struct cgroup_session s;
    memset(&s, 0xff, sizeof s);
    int r = v == CGROUP_NONE ? 0
            : v == CGROUP_V1 ? make_v1(dirs, name, limits, init_id, &s, e)
                             : make_v2(dirs, name, limits, &s, e);
    if (r == 0 && v != CGROUP_NONE && (r = open_usage(dirs, name, v == CGROUP_V2, &s)) < 0)
        error_set(e, ERROR_INTERNAL, -r, "Opening the counters of cgroup %s failed.", name);
    if (r < 0) {
        cgroup_session_close(&s);
        cgroup_session_remove(v, dirs, name);
        return r;
    }
    *ret = s;
    return 0;
}

void cgroup_session_close(struct cgroup_session *s)
{
    fds_close(s->kernel_join, CGROUP_DIRS);
    fds_close(s->init_join, CGROUP_DIRS);
    fds_close(s->usage, CGROUP_USAGES);
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

uint64_t cgroup_read_oom(int fd)
{
    char text[512];
    ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    const char *p = strstr(text, "oom_kill "); /* "oom_kill_disable 0" has no space there */
    return p ? strtoull(p + 9, NULL, 10) : 0;
}
