#include "session/room.h"

#include <errno.h>

#include "sandbox/cgroup.h"

int room_check(const int memory[], struct error *e)
{
    uint64_t used, limit;
    if (cgroup_memory_left(memory, SESSION_MEMORY_LEAST, &used, &limit))
        return 0;
    return error_set(e, ERROR_QUOTA_EXCEEDED, EDQUOT,
        "The memory that all sandboxes together may have is used up: %llu of %llu MiB. End some "
        "container, or raise the limit (--memory-total).",
        (unsigned long long)(used >> 20), (unsigned long long)(limit >> 20));
}

bool room_to_spare(const int memory[])
{
    uint64_t used, limit;
    return cgroup_memory_left(memory, 2 * SESSION_MEMORY_LEAST, &used, &limit);
}
