/* cgroup.h - limits, by cgroup v1 (memory, pids, cpu: three directories) or v2 (one).
 *
 * The supervisor makes cloche-<pid>; below it one directory for the server and one for all sandboxes,
 * which has the limit over them and gives way to the server; in that one directory a ground. It
 * gives each to its ground's root by one chown; the warden makes one directory a sandbox below it,
 * through descriptors, without a path of the host. Processes join by writing "0" to a v1 `tasks`
 * opened for them (v1 compares the opener's euid with the writer's uid), or are born inside by
 * CLONE_INTO_CGROUP on v2: a move through cgroup.procs waits for a grace period. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum cgroup_version { CGROUP_NONE, CGROUP_V1, CGROUP_V2 };
enum { CGROUP_DIRS = 3 /* v1: memory, pids, cpu; v2: the first only */ };
/* What a ground's warden and zygotes may have of processes and threads, with all that packages start there. Whoever
 * enters a sandbox counts for a moment on v1, too; inits, of which there are as many as sandboxes, do not. */
enum { CGROUP_WARDEN_PIDS = 512 };
/* The warden's directory, which holds zygotes to that; on v2 it is in one of its own there, as each zygote is. */
#define CGROUP_WARDEN "warden"
/* v1 counts what waits in sockets apart from memory, and only where a limit is set; v2 with memory. */
#define CGROUP_V1_SOCKETS "memory.kmem.tcp.limit_in_bytes"

/* ---- supervisor ------------------------------------------------------------------------------- */

struct cgroup_host {
    enum cgroup_version version;
    bool memory_limited;        /* of all sandboxes together */
    char top[CGROUP_DIRS][512]; /* absolute; "" where there is none */
    char grounds[CGROUP_DIRS]
                [528]; /* where grounds' directories are: the top, or sandboxes/ below it */
    int lock
        [CGROUP_DIRS]; /* flock on each: ours as long as we live, whatever pid others see us by */
};

/* Finds out what this host has and makes the top directory. CGROUP_NONE is no failure: `why` says
 * what is missing. A limit over all that could not be set is told by `why` beside a version, and the one on memory by
 * memory_limited. memory_bytes 0: the machine's memory less 10 %. */
int cgroup_host_init(struct cgroup_host *h, uint64_t memory_bytes, struct error *why);
/* What all below the top directory weighs together, beside its neighbours, when cores are short; shares
 * as in struct cgroup_limits. 0 or -errno. */
int cgroup_host_weigh(const struct cgroup_host *h, uint32_t cpu_shares);
/* Whether a group of this host can have a quota of processor time: 0, or why not, if `why` does not say it yet. */
int cgroup_host_quota(const struct cgroup_host *h, struct error *why);
/* What a server joins by, as root: it writes "0" into it. On v1 for its cpu only, on v2 whole. The
 * caller's to close; -errno, -ENOENT without cgroups. */
int cgroup_server_open(const struct cgroup_host *h);
/* Makes the directory of ground `id`, owned by host id `owner` (the ground's root); ret_dirs gets
 * what the warden needs, ret_join what the ground's first process joins by: v1 `tasks`, v2 the
 * directory for CLONE_INTO_CGROUP in [0]. All the caller's to close; -1 where there is none. */
int cgroup_ground_make(const struct cgroup_host *h, int id, uid_t owner, int ret_dirs[CGROUP_DIRS],
    int ret_join[CGROUP_DIRS], struct error *e);
/* Opens, to write, whether the ground of these directories is idle among the grounds: 1 when it gives its core up
 * at once to any other that wakes up. The caller's; -1 where there is none (before Linux 5.15). */
int cgroup_ground_idle_open(const struct cgroup_host *h, const int dirs[CGROUP_DIRS]);
/* Removes a ground's directory with all below it: empty directories only. 0 or -EBUSY. */
int cgroup_ground_remove(const struct cgroup_host *h, int id);
/* Removes the top directory with all below it. */
int cgroup_host_deinit(struct cgroup_host *h);
/* Removes empty cloche-* directories of supervisors that are gone; tells `found` each path. Returns
 * how many were removed. For the next start and `cloche doctor --sweep`. */
int cgroup_sweep(void (*found)(const char *path, void *user), void *user);

/* Opens for reading what tells the memory of all sandboxes together. 0 and the caller's to close; -errno,
 * -ENOENT without cgroups, and -1 in each. */
enum cgroup_memory { MEMORY_USED, MEMORY_LIMIT, MEMORY_STAT, CGROUP_MEMORIES };
int cgroup_memory_open(const struct cgroup_host *h, int ret[CGROUP_MEMORIES]);

/* ---- server ------------------------------------------------------------------------------------ */

/* Whether `wanted` bytes are left, by what cgroup_memory_open opened; true where nothing limits (-1 in each).
 * Bytes used, less what can be taken back where that decides; of how many, 0: no limit. */
bool cgroup_memory_left(
    const int fds[CGROUP_MEMORIES], uint64_t wanted, uint64_t *ret_used, uint64_t *ret_limit);

/* ---- warden ------------------------------------------------------------------------------------ */

struct cgroup_limits {
    uint64_t memory_bytes;
    uint32_t pids, cpu_shares; /* shares as v1 counts them: 1024 is the default of a group */
    uint32_t cpu_quota_us;     /* of each CGROUP_PERIOD_US, on all cores together; 0: no quota */
};

/* What an idle group weighs beside one that is not (WEIGHT_IDLEPRIO of kernel/sched/sched.h). */
enum { CGROUP_IDLE_SHARES = 3 };

/* A group's period as Linux makes it, and the least that it takes as a quota. */
enum { CGROUP_PERIOD_US = 100000, CGROUP_QUOTA_LEAST_US = 1000 };

/* The same as v2 counts: 100 is the default of a group. */
static inline uint64_t cgroup_v2_weight(uint32_t shares)
{
    uint64_t weight = (uint64_t)shares * 100 / 1024;
    return weight < 1 ? 1 : weight;
}

enum cgroup_usage { USAGE_MEMORY, USAGE_PEAK, USAGE_PIDS, USAGE_OOM, CGROUP_USAGES };

/* A ground's inits have a directory of their own, whose processes count only for the limit over all sandboxes. It is
 * made once; then opened, to be joined: v1 `tasks`, v2 the directory. -ENOENT without cgroups; the caller's to close. */
int cgroup_inits_make(enum cgroup_version v, const int dirs[CGROUP_DIRS]);
int cgroup_inits_open(enum cgroup_version v, const int dirs[CGROUP_DIRS]);
/* The directory of a warden's zygote: v1 memory, v2 below the warden's. Whose processes are in it have that much memory,
 * with all that is charged to them: on fork the child's page tables, and what else Linux has for it. */
enum { CGROUP_NAME = 32 };
void cgroup_zygote_name(enum cgroup_version v, uint32_t number, char to[CGROUP_NAME]);
/* Makes it, unless it is there, with this limit; then, to join it, as cgroup_inits_open. */
int cgroup_zygote_make(enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name,
    uint64_t memory_bytes, struct error *e);
int cgroup_zygote_open(enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name);
/* Makes directory `name` with its limits. */
int cgroup_session_make(enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name,
    const struct cgroup_limits *limits, struct error *e);
/* A new memory limit; less than it uses is refused (v1) or kills (v2). 0 or error. */
int cgroup_session_memory(enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name,
    uint64_t memory_bytes, struct error *e);
/* Whether the sandbox, when cores are short, gives its core up at once to any of the ground's others that
 * wakes up (`cpu.idle`), or counts its `cpu_shares`. Linux counts who gives way as CGROUP_IDLE_SHARES, which
 * is so much less than cpu_shares. 0 or -errno. */
int cgroup_session_give_way(enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name,
    bool gives_way, uint32_t cpu_shares);
/* Opens what a process of ground id `id` joins by: v1 three `tasks`, v2 the directory in ret[0]; -1 for
 * the rest. SECBIT_NO_SETUID_FIXUP must be set: it takes another effective id for the open. The
 * caller's to close. */
int cgroup_session_join(enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name,
    uid_t id, int ret[CGROUP_DIRS]);
/* Opens the counters that init reads (USAGE_PEAK also for writing, to reset it, where that is there). */
int cgroup_session_usage(
    enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name, int ret[CGROUP_USAGES]);
/* How many of its processes were killed for memory, ever; bytes in use; how often its own limit, and none above it, was
 * met: v1 counts what could be taken back, too. */
uint64_t cgroup_session_oom(enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name);
uint64_t cgroup_session_memory_used(
    enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name);
uint64_t cgroup_session_memory_met(
    enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name);
/* 0, or -EBUSY while a dying process still counts. */
int cgroup_session_remove(enum cgroup_version v, const int dirs[CGROUP_DIRS], const char *name);
/* The number of OOM kills as read from usage[USAGE_OOM]; the number in a usage file. */
uint64_t cgroup_read_oom(int fd);
uint64_t cgroup_read_number(int fd);
