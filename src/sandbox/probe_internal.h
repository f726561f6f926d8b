/* What the probes share: saying what they saw, and a ground to see it in. */
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "sandbox/cgroup.h"
#include "sandbox/identity.h"
#include "sandbox/probe.h"

/* Sets status and detail. Returns the status, so that a step can end with it. */
int probe_say(struct probe_result *r, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A step that must work: if `ok` is negative, says that `what` failed with errno. Returns 0 or -errno. */
int probe_step(struct probe_result *r, long ok, const char *what);
/* A step that must be refused with `wanted`: else says so. Returns 0 or negative. */
int probe_refused(struct probe_result *r, long ok, int wanted, const char *what);

struct ground_view {
    int ids;    /* how many ids the ground has: 1, or enough for every probe */
    void *user; /* what the caller wants its body to see */
};
/* Runs `body` as pid 1 and root of a ground as the supervisor makes it: new user, mount, pid, net, ipc
 * and uts namespaces, this user's ids mapped in. What it returns is the status, unless it said more.
 * What the body started ends with it. Returns r->status. */
int probe_in_ground(struct probe_result *r,
    int (*body)(struct probe_result *r, const struct ground_view *v), void *user);
/* The same, born in the v2 cgroup of that descriptor; -1: none. */
int probe_in_ground_at(struct probe_result *r, int cgroup,
    int (*body)(struct probe_result *r, const struct ground_view *v), void *user);
/* This host's id of the root of such a ground. */
uid_t probe_ground_owner(void);
/* Forks; the child runs `body`. Waits. 0, or what the child said. */
int probe_in_child(
    struct probe_result *r, int (*body)(struct probe_result *r, void *user), void *user);
/* Ids inside the ground, for programs that must not be root there. Need ids > 1. */
enum { PROBE_ID_A = 1001, PROBE_ID_B = 1002 };
/* Becomes `id` of the ground without any capability. 0 or -errno. */
int probe_become(struct probe_result *r, uid_t id);
/* PROBE_ABSENT, said, when the ground has one id only. */
int probe_needs_ids(struct probe_result *r, const struct ground_view *v);

/* The cgroups of this probe, none so far: whatever cgroup_host_init makes is removed by probe_run. */
struct cgroup_host *probe_cgroups(struct probe_result *r);

/* ---- the probes -------------------------------------------------------------------------------------- */
/* clang-format off */
#define PROBES(X) \
    X(user_namespace) \
    X(ground) \
    X(ground_is_poor) X(ground_tree) X(ground_proc) X(ground_loopback) X(id_range) X(depth) \
    X(setns_order) X(clone3) X(clone_parent) X(thread_id_address) X(pidfd) X(not_dumpable) \
    X(kill_by_id) X(parent_death) X(tmpfs) X(openat2) X(file_agent) X(detached_mount) \
    X(idmapped_mount) X(overlay) X(tmpfs_xattr) X(close_range) X(limits) X(limit_over_all) X(quota) \
    X(clone_into_cgroup) X(tasks_file) X(oom_counter) X(favordynmods) X(filters) \
    X(landlock) X(landlock_scopes) X(large_pages) X(pipes)
/* clang-format on */
#define X(name) void probe_##name(struct probe_result *r);
PROBES(X)
#undef X
