/* Facts about cgroups, by the same code that supervisor and warden make theirs with. */
#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/caps.h"
#include "sandbox/clone.h"
#include "sandbox/probe_internal.h"

/* True if the version that is in charge is `wanted`; else said. */
static bool in_charge(struct probe_result *r, enum cgroup_version wanted)
{
    struct error why = {0};
    struct cgroup_host *h = probe_cgroups(r);
    cgroup_host_init(h, 0, &why);
    if (h->version != wanted)
        probe_say(r, PROBE_ABSENT, "%.180s",
            h->version == CGROUP_NONE ? why.message : "the other version is in charge");
    return h->version == wanted;
}

void probe_limits(struct probe_result *r)
{
    struct error why = {.saved_errno = ENOENT};
    struct cgroup_host *h = probe_cgroups(r);
    cgroup_host_init(h, 0, &why);
    if (h->version == CGROUP_NONE)
        probe_say(r, -why.saved_errno, "%.180s", why.message);
    else
        probe_say(r, 0, "cgroup version %d", h->version == CGROUP_V1 ? 1 : 2);
}

void probe_limit_over_all(struct probe_result *r)
{
    struct error why = {.saved_errno = ENOENT};
    struct cgroup_host *h = probe_cgroups(r);
    int memory[CGROUP_MEMORIES];
    cgroup_host_init(h, 0, &why);
    if (!h->memory_limited) {
        probe_say(r, -why.saved_errno, "%.180s", why.message);
        return;
    }
    int s = cgroup_memory_open(h, memory);
    if (s < 0)
        probe_say(r, s, "set, but what is used of it cannot be read: %s", strerror(-s));
    else
        probe_say(r, 0, "%llu MiB unless --memory-total says otherwise",
            (unsigned long long)(cgroup_read_number(memory[MEMORY_LIMIT]) >> 20));
    fds_close(memory, CGROUP_MEMORIES);
}

void probe_quota(struct probe_result *r)
{
    struct error why = {0};
    struct cgroup_host *h = probe_cgroups(r);
    cgroup_host_init(h, 0, &why);
    int s = cgroup_host_quota(h, &why);
    if (s < 0)
        probe_say(r, s, "%.180s", why.message);
    else
        probe_say(r, 0, "none unless --cpu-limit says one");
}

/* ---- a session's directory --------------------------------------------------------------------------------- */

struct limited {
    enum cgroup_version version;
    int dirs[CGROUP_DIRS], join[CGROUP_DIRS];
    /* once in the ground: what kernels join by, what init joins by, the counters */
    int kernel_join[CGROUP_DIRS], init_join[CGROUP_DIRS], usage[CGROUP_USAGES];
    int (*then)(struct probe_result *r, struct limited *l);
};

#define SESSION "s0"
enum { SESSION_MEMORY = 32 << 20, INIT_ID = GROUND_BLOCKS_ID };

/* In the ground, with what the warden keeps. */
static int make_session(struct probe_result *r, const struct ground_view *v)
{
    struct limited *l = v->user;
    struct cgroup_limits limits = {.memory_bytes = SESSION_MEMORY, .pids = 32, .cpu_shares = 256};
    struct error e = {0};
    int s = probe_needs_ids(r, v);
    if (s != 0)
        return s;
    if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) < 0)
        return probe_step(r, -1, "securebits");
    s = cgroup_session_make(l->version, l->dirs, SESSION, &limits, &e);
    if (s < 0)
        return probe_say(r, s, "%s", e.message);
    s = cgroup_session_join(l->version, l->dirs, SESSION, GROUND_ZYGOTE_ID, l->kernel_join);
    if (s == 0)
        s = cgroup_session_join(l->version, l->dirs, SESSION, INIT_ID, l->init_join);
    if (s == 0)
        s = cgroup_session_usage(l->version, l->dirs, SESSION, l->usage);
    return s < 0 ? probe_say(r, s, "opening the files of a session's cgroup: %s", strerror(-s))
                 : l->then(r, l);
}

static void with_session(struct probe_result *r, struct limited *l)
{
    struct error e = {0};
    struct cgroup_host *h = probe_cgroups(r);
    l->version = h->version;
    int s = cgroup_ground_make(h, 0, probe_ground_owner(), l->dirs, l->join, &e);
    if (s < 0)
        probe_say(r, s, "%s", e.message);
    else
        probe_in_ground_at(r, h->version == CGROUP_V2 ? l->join[0] : -1, make_session, l);
    fds_close(l->dirs, CGROUP_DIRS);
    fds_close(l->join, CGROUP_DIRS);
    if (r->status < 0)
        r->status = -EPROTO; /* it is in charge, and does not do what Cloche builds on */
}

/* As a zygote is: uid 1 of the ground with CAP_SYS_ADMIN. */
static int become_zygote(struct probe_result *r)
{
    prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_KEEP_CAPS);
    if (setresgid(GROUND_ZYGOTE_ID, GROUND_ZYGOTE_ID, GROUND_ZYGOTE_ID) < 0 ||
        setresuid(GROUND_ZYGOTE_ID, GROUND_ZYGOTE_ID, GROUND_ZYGOTE_ID) < 0)
        return probe_step(r, -1, "becoming the zygote's id");
    return caps_keep(CAP_BIT(CAP_SYS_ADMIN), 0, 0);
}

static int join_own(struct probe_result *r, void *user)
{
    const struct limited *l = user;
    int s = become_zygote(r);
    for (int i = 0; s == 0 && i < CGROUP_DIRS; i++)
        s = probe_refused(r, write(l->init_join[i], "0", 1), EACCES, "tasks opened by another id");
    for (int i = 0; s == 0 && i < CGROUP_DIRS; i++)
        s = probe_step(r, write(l->kernel_join[i], "0", 1), "tasks opened by one's own id");
    return s;
}

static int join_by_tasks(struct probe_result *r, struct limited *l)
{
    return probe_in_child(r, join_own, l);
}

void probe_tasks_file(struct probe_result *r)
{
    struct limited l = {.then = join_by_tasks};
    if (in_charge(r, CGROUP_V1))
        with_session(r, &l);
}

/* ---- v2 ------------------------------------------------------------------------------------------------------ */

static int born_inside(struct probe_result *r, void *user)
{
    const struct limited *l = user;
    int s = become_zygote(r);
    if (s < 0)
        return s;
    pid_t p = clone_process(CLONE_INTO_CGROUP, SIGCHLD, NULL, l->kernel_join[0], NULL);
    if (p == 0) {
        pause();
        _exit(0);
    }
    if (p < 0)
        return probe_say(r, p, "%s", strerror(-p));
    uint64_t inside = cgroup_read_number(l->usage[USAGE_PIDS]);
    kill(p, SIGKILL);
    waitpid(p, NULL, 0);
    return inside == 1 ? 0 : probe_say(r, -EPROTO, "%d processes inside instead of 1", (int)inside);
}

static int refused_inside(struct probe_result *r, void *user)
{
    const struct limited *l = user;
    int s = become_zygote(r);
    if (s < 0)
        return s;
    pid_t p = clone_process(CLONE_INTO_CGROUP, SIGCHLD, NULL, l->kernel_join[0], NULL);
    if (p == 0)
        _exit(0);
    errno = p < 0 ? -p : 0;
    return probe_refused(
        r, p < 0 ? -1 : 0, EACCES, "a cgroup.procs that is not the zygote's to write");
}

static int clone_into(struct probe_result *r, struct limited *l)
{
    int s = probe_in_child(r, born_inside, l);
    if (s == 0 && fchmodat(l->dirs[0], SESSION "/cgroup.procs", 0644, 0) < 0)
        s = probe_step(r, -1, "closing cgroup.procs");
    return s == 0 ? probe_in_child(r, refused_inside, l) : s;
}

void probe_clone_into_cgroup(struct probe_result *r)
{
    struct limited l = {.then = clone_into};
    if (in_charge(r, CGROUP_V2))
        with_session(r, &l);
}

/* ---- both ------------------------------------------------------------------------------------------------------ */

static void eat(void)
{
    size_t most = 4 * (size_t)SESSION_MEMORY;
    volatile char *m = mmap(NULL, most, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; m != MAP_FAILED && i < most; i += 4096)
        m[i] = 1;
    _exit(0); /* the limit did not hold */
}

static int eat_in_session(struct probe_result *r, void *user)
{
    const struct limited *l = user;
    int s = become_zygote(r);
    if (s < 0)
        return s;
    pid_t p = clone_process(
        l->version == CGROUP_V2 ? CLONE_INTO_CGROUP : 0, SIGCHLD, NULL, l->kernel_join[0], NULL);
    if (p == 0) {
        for (int i = 0; l->version == CGROUP_V1 && i < CGROUP_DIRS; i++)
            if (write(l->kernel_join[i], "0", 1) < 0)
                _exit(1);
        eat();
    }
    int status;
    if (p < 0 || waitpid(p, &status, 0) < 0)
        return probe_step(r, -1, "starting a process in it");
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        return probe_say(r, -EPROTO, "the limit does not hold");
    return 0;
}

static int count_kills(struct probe_result *r, struct limited *l)
{
    uint64_t before = cgroup_read_oom(l->usage[USAGE_OOM]);
    int s = probe_in_child(r, eat_in_session, l);
    uint64_t after = cgroup_read_oom(l->usage[USAGE_OOM]);
    if (s < 0)
        return s;
    return after > before ? 0 : probe_say(r, -EPROTO, "it did not rise");
}

void probe_oom_counter(struct probe_result *r)
{
    struct limited l = {.then = count_kills};
    struct error why = {0};
    cgroup_host_init(probe_cgroups(r), 0, &why);
    if (probe_cgroups(r)->version == CGROUP_NONE)
        probe_say(r, PROBE_ABSENT, "%.180s", why.message);
    else
        with_session(r, &l);
}

void probe_favordynmods(struct probe_result *r)
{
    static char text[1 << 16];
    if (access("/sys/fs/cgroup/cgroup.controllers", F_OK) < 0) {
        probe_say(r, PROBE_ABSENT, "version 2 is not in charge here");
        return;
    }
    long n = fd_read_file(AT_FDCWD, "/proc/self/mounts", text, sizeof text);
    bool on = n > 0 && strstr(text, "favordynmods");
    probe_say(r, on ? 0 : -ENOENT, "%s", on ? "" : "not among the options of /sys/fs/cgroup");
}
