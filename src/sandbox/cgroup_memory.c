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

/* A file's pages that were read once and not again, which Linux takes back before it ends anybody. v1 counts
 * what is below under a name of its own. */
static uint64_t reclaimable(int stat)
{
    static const char *const names[] = {"\ntotal_inactive_file ", "\ninactive_file "};
    char text[8192];
    ssize_t n = pread(stat, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unsigned long long bytes;
        const char *at = strstr(text, names[i]);
        if (at && sscanf(at + strlen(names[i]), "%llu", &bytes) == 1)
            return bytes;
    }
    return 0;
}

bool cgroup_memory_left(
    const int fds[CGROUP_MEMORIES], uint64_t wanted, uint64_t *ret_used, uint64_t *ret_limit)
{
    const uint64_t limit = fds[MEMORY_LIMIT] < 0 ? 0 : cgroup_read_number(fds[MEMORY_LIMIT]);
    uint64_t used = limit ? cgroup_read_number(fds[MEMORY_USED]) : 0;
    if (limit && (used > limit || limit - used < wanted)) { /* the long file only when it counts */
        const uint64_t less = reclaimable(fds[MEMORY_STAT]);
        used = used > less ? used - less : 0;
    }
    *ret_used = used;
    *ret_limit = limit;
    return !limit || (used <= limit && limit - used >= wanted);
}
