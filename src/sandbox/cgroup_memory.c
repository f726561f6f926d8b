/* The server's part: what all sandboxes use of the memory they may have together, through descriptors that the
 * supervisor opened, since a confined server opens nothing of the host. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/cgroup.h"
#include "sandbox/cgroup_internal.h"

int cgroup_memory_open(const struct cgroup_host *h, int ret[CGROUP_MEMORIES])
{
    static const char *const files[][CGROUP_MEMORIES] = {
        [CGROUP_V1] = {"memory.usage_in_bytes", "memory.limit_in_bytes", "memory.stat"},
        [CGROUP_V2] = {"memory.current", "memory.max", "memory.stat"},
    };
    for (int i = 0; i < CGROUP_MEMORIES; i++)
        ret[i] = -1;
    if (h->version == CGROUP_NONE)
        return -ENOENT;
    for (int i = 0; i < CGROUP_MEMORIES; i++) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", h->grounds[0], files[h->version][i]);
        if ((ret[i] = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
            int r = -errno;
            fds_close(ret, CGROUP_MEMORIES);
            return r;
        }
    }
    return 0;
}

/* Adds up the lines of memory.stat that are named; false when the first is not there. */
static bool sum(const char *stat, const char *const names[], size_t n, uint64_t *ret)
{
    *ret = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned long long bytes;
        char line[40];
        snprintf(line, sizeof line, "\n%s ", names[i]);
        const char *at = strstr(stat, line);
        if (at && sscanf(at + strlen(line), "%llu", &bytes) == 1)
            *ret += bytes;
        else if (i == 0)
            return false;
    }
    return true;
}

/* What Linux cannot take back before it ends somebody. Page cache, and what it remembers of names that were looked
 * up, it would take back, but they stay counted after their session has gone: whoever reads and looks up much would
 * keep everybody out. v1 has no line for the rest of its own memory, which is left out there: so somebody may be let in
 * too early, as without this check. Nothing when the file cannot be read. */
static uint64_t kept(int stat)
{
    static const char *const v1[] = {"total_rss", "total_shmem"};
    static const char *const v2[] = {
        "anon", "shmem", "kernel_stack", "pagetables", "percpu", "sock", "slab_unreclaimable"};
    char text[8192] = "\n";
    uint64_t bytes;
    ssize_t n = pread(stat, text + 1, sizeof text - 2, 0);
    text[n > 0 ? n + 1 : 1] = 0;
    if (sum(text, v1, sizeof v1 / sizeof *v1, &bytes) ||
        sum(text, v2, sizeof v2 / sizeof *v2, &bytes))
        return bytes;
    return 0;
}

bool cgroup_memory_left(
    const int fds[CGROUP_MEMORIES], uint64_t wanted, uint64_t *ret_used, uint64_t *ret_limit)
{
    const uint64_t limit = fds[MEMORY_LIMIT] < 0 ? 0 : cgroup_read_number(fds[MEMORY_LIMIT]);
    uint64_t used = limit ? cgroup_read_number(fds[MEMORY_USED]) : 0;
    if (limit && (used > limit || limit - used < wanted)) /* the long file only when it counts */
        used = kept(fds[MEMORY_STAT]);
    *ret_used = used;
    *ret_limit = limit;
    return !limit || (used <= limit && limit - used >= wanted);
}
