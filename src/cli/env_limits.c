/* env_limits.c - the cgroup of one build: as sessions', made by the same code, below this command's own. */
#include <unistd.h>

#include "base/fd.h"
#include "cli/env_internal.h"

/* A quarter of what a group of others gets when cores are short: of the whole, because inside its own
 * top directory the build is alone. */
enum { PROCESSES = 1024, SHARES = 256, SHARES_INSIDE = 1024 };
#define NAME "build"

/* Half of the machine's: what a build reads and writes counts, too, but can be taken back. */
static uint64_t memory(void)
{
    return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 2;
}

void env_limits_begin(struct env_limits *l, struct error *why)
{
    const struct cgroup_limits limits = {
        .memory_bytes = memory(), .pids = PROCESSES, .cpu_shares = SHARES_INSIDE};
    cgroup_sweep(NULL, NULL); /* of builds that were killed */
    *l = ENV_LIMITS_NONE;
    if (cgroup_host_init(&l->host, memory(), why) < 0 || l->host.version == CGROUP_NONE)
        return;
    int r = cgroup_host_weigh(&l->host, SHARES);
    if (r < 0)
        error_set(why, ERROR_INTERNAL, -r, "The build's share of the cores cannot be set.");
    else
        r = cgroup_ground_make(&l->host, 0, geteuid(), l->dirs, l->join, why);
    fds_close(l->join, CGROUP_DIRS); /* a warden's */
    if (r == 0)
        r = cgroup_session_make(l->host.version, l->dirs, NAME, &limits, why);
    if (r == 0 && (r = cgroup_session_join(l->host.version, l->dirs, NAME, geteuid(), l->join)) < 0)
        error_set(why, ERROR_INTERNAL, -r, "The build's cgroup cannot be joined.");
    if (r < 0)
        env_limits_end(l);
}

void env_limits_end(struct env_limits *l)
{
    fds_close(l->dirs, CGROUP_DIRS);
    fds_close(l->join, CGROUP_DIRS);
    cgroup_host_deinit(
        &l->host); /* what a dying process holds for a moment longer the next sweep takes */
}
