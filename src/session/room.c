#include "session/room.h"

#include <errno.h>

#include "sandbox/cgroup.h"

/* What the least of sessions may take, see memory.c; a kernel with its warm-up is well below it. */
static const uint64_t needed = UINT64_C(64) << 20;

int room_check(const int memory[], struct error *e)
{
    uint64_t used, limit;
    if (cgroup_memory_left(memory, needed, &used, &limit))
        return 0;
    return error_set(e, ERROR_QUOTA_EXCEEDED, EDQUOT,
        "The memory that all sandboxes together may have is used up: %llu of %llu MiB. End some "
        "container, or raise the limit (--memory-total).",
        (unsigned long long)(used >> 20), (unsigned long long)(limit >> 20));
}

bool room_to_spare(const int memory[])
{
    uint64_t used, limit;
    return cgroup_memory_left(memory, 2 * needed, &used, &limit);
}
