/* The table of facts, and the runner. A probe runs in a child of the caller, in a process group of its
 * own; what it mounts, it mounts in namespaces of that child, so its end is the end of all. */
#include "sandbox/probe.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/caps.h"
#include "sandbox/clone.h"
#include "sandbox/probe_internal.h"

enum { DEADLINE_MS = 10000 };

/* How to get what several rows lack. */
#define A_RANGE_OF_IDS \
    "as root start Cloche outside of other user namespaces; else as root `usermod --add-subuids 100000-165535 " \
    "--add-subgids 100000-165535 $USER`, and apt-get install uidmap"
#define WRITABLE_CGROUPS "start Cloche as root, where /sys/fs/cgroup can be written"

static const struct probe table[] = {
    /* ---- a ground ---------------------------------------------------------------------------------- */
    {"user namespaces", "every ground and sandbox stands in one of its own", "", NULL,
        PROBE_REQUIRED, probe_user_namespace},
    {"a ground's namespaces", "pid, network, ipc, host name and cgroup of their own", "", NULL,
        PROBE_REQUIRED, probe_ground},
    {"a ground is poor", "its root reads no /etc/shadow, mounts no disk, makes no device", "", NULL,
        PROBE_REQUIRED, probe_ground_is_poor},
    {"a ground's tree", "the read-only root that sandboxes stand in", "", NULL, PROBE_REQUIRED,
        probe_ground_tree},
    {"a ground's /proc", "processes see their own namespace only", "", NULL, PROBE_REQUIRED,
        probe_ground_proc},
    {"a ground's loopback", "servers and clients inside one session", "", NULL, PROBE_REQUIRED,
        probe_ground_loopback},
    {"a range of ids", "a user id for each session, and one for each branch",
        "all sessions share one user id, and a branch cannot be killed alone", A_RANGE_OF_IDS,
        PROBE_OPTIONAL, probe_id_range},
    {"depth of user namespaces", "branches of branches", "branches nest less deeply",
        "start Cloche in fewer user namespaces; as root sysctl user.max_user_namespaces=100000",
        PROBE_OPTIONAL, probe_depth},
    {"order of entering", "a kernel takes network and host name first, user namespace then", "",
        NULL, PROBE_REQUIRED, probe_setns_order},
    /* ---- processes --------------------------------------------------------------------------------- */
    {"clone3", "making grounds, sandboxes and kernels", "", NULL, PROBE_REQUIRED, probe_clone3},
    {"CLONE_PARENT", "the warden, not the zygote, is every kernel's parent", "", NULL,
        PROBE_REQUIRED, probe_clone_parent},
    {"thread id address", "a forked interpreter's C library knows its own thread", "", NULL,
        PROBE_REQUIRED, probe_thread_id_address},
    {"pidfd", "an interrupt reaches its kernel and nobody else", "", NULL, PROBE_REQUIRED,
        probe_pidfd},
    {"not dumpable", "no process of its own user id opens a kernel's memory, root or descriptors",
        "", NULL, PROBE_REQUIRED, probe_not_dumpable},
    {"kill by user id", "one branch is killed, and its siblings live",
        "a branch cannot be killed alone", A_RANGE_OF_IDS, PROBE_OPTIONAL, probe_kill_by_id},
    {"death with the parent", "kill -9 of the supervisor ends everything", "", NULL, PROBE_REQUIRED,
        probe_parent_death},
    {"close_range", "no descriptor leaks into a new program", "", NULL, PROBE_REQUIRED,
        probe_close_range},
    /* ---- files ------------------------------------------------------------------------------------- */
    {"tmpfs with a quota", "the scratch of a session", "", NULL, PROBE_REQUIRED, probe_tmpfs},
    {"openat2", "the file agent follows no link and leaves no scratch", "", NULL, PROBE_REQUIRED,
        probe_openat2},
    {"file agent", "files are opened with a kernel's rights and passed out", "", NULL,
        PROBE_REQUIRED, probe_file_agent},
    {"detached mounts", "a ground's tree from places that others may not enter", "", NULL,
        PROBE_FOR_ROOT, probe_detached_mount},
    {"mounts with mapped ids", "nothing needs them yet", "", "", PROBE_OPTIONAL,
        probe_idmapped_mount},
    {"overlay in a user namespace", "branches with many files share them in layers",
        "branches copy all files", "Linux 5.11 or later", PROBE_OPTIONAL, probe_overlay},
    {"user xattrs on tmpfs", "layers over a session's scratch", "branches copy all files",
        "Linux 6.6 or later, with CONFIG_TMPFS_XATTR", PROBE_OPTIONAL, probe_tmpfs_xattr},
    /* ---- limits ------------------------------------------------------------------------------------ */
    {"limits", "memory, processes and cpu of a session, and of a warm-up, by cgroups",
        "a session may use all of the machine, and so may an environment's warm-up",
        WRITABLE_CGROUPS, PROBE_OPTIONAL, probe_limits},
    {"limit over all sessions", "a full server refuses the next session instead of losing one",
        "all sessions together may use all memory; `serve --memory-total` refuses to start",
        WRITABLE_CGROUPS, PROBE_OPTIONAL, probe_limit_over_all},
    {"cpu quota", "a session that may not use all cores even when nobody else does",
        "`serve --cpu-limit` refuses to start",
        WRITABLE_CGROUPS ", on a kernel with CONFIG_CFS_BANDWIDTH", PROBE_OPTIONAL, probe_quota},
    {"joining limits, cgroup v1", "a kernel enters its session's cgroup", "no limits",
        WRITABLE_CGROUPS, PROBE_OPTIONAL, probe_tasks_file},
    {"joining limits, cgroup v2", "a kernel is born inside its session's cgroup", "no limits",
        WRITABLE_CGROUPS, PROBE_OPTIONAL, probe_clone_into_cgroup},
    {"counter of oom kills", "a death says that memory ran out",
        "a death by memory is only \"killed\"", WRITABLE_CGROUPS, PROBE_OPTIONAL,
        probe_oom_counter},
    {"favordynmods", "with cgroup v2 a branch enters its cgroup without waiting",
        "a branch takes some 10 ms more",
        "as root: mount -o remount,favordynmods /sys/fs/cgroup (since Linux 6.1)", PROBE_OPTIONAL,
        probe_favordynmods},
    /* ---- walls, and the rest ------------------------------------------------------------------------- */
    {"two seccomp filters", "what a kernel may ask of the host", "", NULL, PROBE_REQUIRED,
        probe_filters},
    {"landlock", "a second wall behind the read-only root", "the mounts alone keep files unchanged",
        "a kernel with CONFIG_SECURITY_LANDLOCK, and landlock among the names of its parameter lsm=",
        PROBE_OPTIONAL, probe_landlock},
    {"landlock's scopes", "signals and abstract sockets stay inside a session",
        "the namespaces alone keep them inside", "Linux 6.12 or later", PROBE_OPTIONAL,
        probe_landlock_scopes},
    {"large pages", "forking a gigabyte of state in a millisecond",
        "forks of large states are up to 30 times slower",
        "as root: echo madvise >/sys/kernel/mm/transparent_hugepage/enabled", PROBE_OPTIONAL,
        probe_large_pages},
    {"pipes", "four of 64 KiB for each kernel", "output stalls earlier with many sessions",
        "start Cloche as root; or as root sysctl fs.pipe-user-pages-soft=0", PROBE_OPTIONAL,
        probe_pipes},
};

const struct probe *probe_table(size_t *ret_n)
{
    *ret_n = sizeof table / sizeof *table;
    return table;
}

const struct probe *probe_named(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(table[i].name, name))
            return &table[i];
    abort(); /* a name in our own source */
}

bool probe_required(const struct probe *p)
{
    return p->need == PROBE_REQUIRED || (p->need == PROBE_FOR_ROOT && geteuid() == 0);
}

/* ---- saying -------------------------------------------------------------------------------------------- */

int probe_say(struct probe_result *r, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(r->detail, sizeof r->detail, format, arguments);
    va_end(arguments);
    return r->status = status;
}

int probe_step(struct probe_result *r, long ok, const char *what)
{
    int saved = errno;
    return ok >= 0 ? 0 : probe_say(r, -saved, "%s: %s", what, strerror(saved));
}

int probe_refused(struct probe_result *r, long ok, int wanted, const char *what)
{
    int saved = errno;
    if (ok >= 0)
        return probe_say(r, -EPROTO, "%s is open", what);
    return saved == wanted ? 0
                           : probe_say(r, -saved, "%s: %s instead of %s", what, strerror(saved),
                                 strerror(wanted));
}

/* ---- running ------------------------------------------------------------------------------------------- */

/* What a probe and its runner share; `result` comes first, so that a probe finds the rest. */
struct shared {
    struct probe_result result;
    struct cgroup_host cgroups;
};

struct cgroup_host *probe_cgroups(struct probe_result *r) { return &((struct shared *)r)->cgroups; }

void probe_run(const struct probe *p, struct probe_result *ret)
{
    *ret = (struct probe_result){.status = -EIO};
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return;
    shared->result = (struct probe_result){.status = -ECHILD, .detail = "the probe died"};
    int done[2];
    pid_t child = pipe2(done, O_CLOEXEC) < 0 ? -1 : fork();
    if (child == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(done[0]);
        p->run(&shared->result);
        _exit(0);
    }
    if (child > 0) {
        setpgid(child, child);
        fd_close(&done[1]);
        struct pollfd end = {done[0], POLLIN, 0};
        /* The pipe reads end of file when the child and what it forked are gone. */
        bool late = poll(&end, 1, DEADLINE_MS) <= 0;
        kill(-child, SIGKILL);
        waitpid(child, NULL, 0);
        cgroup_host_deinit(&shared->cgroups);
        *ret = shared->result;
        ret->detail[sizeof ret->detail - 1] = 0;
        if (late)
            probe_say(ret, -ETIMEDOUT, "no answer within %d s", DEADLINE_MS / 1000);
        fd_close(&done[0]);
    }
    munmap(shared, sizeof *shared);
}

int probe_in_child(
    struct probe_result *r, int (*body)(struct probe_result *r, void *user), void *user)
{
    int status;
    pid_t p = fork();
    if (p == 0)
        _exit(body(r, user) < 0 ? 1 : 0);
    if (p < 0 || waitpid(p, &status, 0) < 0)
        return probe_step(r, -1, "fork");
    if (WIFSIGNALED(status))
        return probe_say(r, -EINTR, "died of signal %d", WTERMSIG(status));
    return WEXITSTATUS(status) == 0 ? 0 : r->status < 0 ? r->status : -EPROTO;
}

/* ---- a ground ------------------------------------------------------------------------------------------ */

struct clone_of_ground {
    struct ground_view view;
    int sync[2];
    uid_t uid;
    gid_t gid;
    enum identity_mode mode;
    uint32_t first, count;
};

/* The ids far above those that a running server lends: the last of the range. */
static void find_ids(struct clone_of_ground *g)
{
    *g = (struct clone_of_ground){
        .uid = geteuid(), .gid = getegid(), .mode = IDENTITY_SINGLE, .count = 1};
    if (g->uid == 0 && identity_maps_everything() > 0) {
        g->mode = IDENTITY_RANGE;
        g->count = 65536;
        g->first = (uint32_t)HOST_ID_FIRST + HOST_ID_COUNT - g->count;
    } else if (identity_subordinate(&g->first, &g->count) == 0) {
        g->mode = IDENTITY_SUBUID;
    }
    g->view.ids = g->mode == IDENTITY_SINGLE ? 1 : (int)g->count;
}

static int map_from_outside(const struct clone_of_ground *g, pid_t p)
{
    char map[64];
    if (g->mode == IDENTITY_SINGLE)
        return 0;
    if (g->mode == IDENTITY_SUBUID)
        return identity_map_subordinate(p, g->first, g->count);
    snprintf(map, sizeof map, "0 %u %u\n", g->first, g->count);
    return identity_write_maps(p, map, map, false);
}

static int become_root(struct probe_result *r, const struct clone_of_ground *g)
{
    char go, uid_map[32], gid_map[32];
    if (fd_read_all(g->sync[0], &go, 1) < 0)
        return -EPIPE; /* the parent has said why */
    if (g->mode == IDENTITY_SINGLE) {
        snprintf(uid_map, sizeof uid_map, "0 %u 1\n", g->uid);
        snprintf(gid_map, sizeof gid_map, "0 %u 1\n", g->gid);
        int m = identity_write_maps(0, uid_map, gid_map, true);
        if (m < 0)
            return probe_say(r, m, "mapping one id: %s", strerror(-m));
    } else if (setgroups(0, NULL) < 0) {
        return probe_step(r, -1, "setgroups");
    }
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        return probe_step(r, -1, "becoming root of the ground");
    prctl(PR_SET_DUMPABLE,
        1); /* a change of id took that, and with it the right to one's own /proc/self */
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return probe_step(r, -1, "making mounts private");
    return 0;
}

uid_t probe_ground_owner(void)
{
    struct clone_of_ground g;
    find_ids(&g);
    return g.mode == IDENTITY_RANGE ? g.first : g.uid;
}

int probe_in_ground(struct probe_result *r,
    int (*body)(struct probe_result *r, const struct ground_view *v), void *user)
{
    return probe_in_ground_at(r, -1, body, user);
}

int probe_in_ground_at(struct probe_result *r, int cgroup,
    int (*body)(struct probe_result *r, const struct ground_view *v), void *user)
{
    struct clone_of_ground g;
    int status;
    find_ids(&g);
    g.view.user = user;
    if (pipe2(g.sync, O_CLOEXEC) < 0)
        return probe_step(r, -1, "pipe");
    uint64_t flags =
        CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
    pid_t p =
        clone_process(flags | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0), SIGCHLD, NULL, cgroup, NULL);
    if (p == 0) {
        close(g.sync[1]);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int s = become_root(r, &g);
        if (s == 0)
            s = body(r, &g.view);
        if (s != r->status && s >= 0)
            probe_say(r, s, "%s", "");
        _exit(0);
    }
    if (p < 0)
        return probe_say(r, p, "cloning a ground: %s", strerror(-p));
    probe_say(r, -ECHILD, "the ground's first process died");
    int mapped = map_from_outside(&g, p);
    if (mapped < 0)
        probe_say(r, mapped, "mapping ids into the ground: %s", strerror(-mapped));
    else
        (void)!write(g.sync[1], "x", 1);
    fds_close(g.sync, 2);
    if (waitpid(p, &status, 0) < 0)
        return probe_step(r, -1, "waiting for the ground");
    return r->status;
}

int probe_become(struct probe_result *r, uid_t id)
{
    if (setresgid(id, id, id) < 0 || setresuid(id, id, id) < 0)
        return probe_step(r, -1, "becoming another id of the ground");
    int s = caps_keep(0, 0, 0);
    return s < 0 ? probe_say(r, s, "dropping capabilities: %s", strerror(-s)) : 0;
}

int probe_needs_ids(struct probe_result *r, const struct ground_view *v)
{
    return v->ids > 1 ? 0 : probe_say(r, PROBE_ABSENT, "this user has one id only");
}
