#include "session/room.h"

#include <errno.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/log.h"
#include "sandbox/cgroup.h"

enum { TELL_US = 60000000 }; /* between two lines of the log about it */

static _Atomic int64_t tell_at_us;
static atomic_uint refused; /* since the last line */

/* Whoever runs the server learns how full it is; whoever is refused does not, for it is what others use. */
static void tell(uint64_t used, uint64_t limit)
{
    int64_t now = clock_monotonic_us(), at = atomic_load(&tell_at_us);
    atomic_fetch_add(&refused, 1);
    if (now < at || !atomic_compare_exchange_strong(&tell_at_us, &at, now + TELL_US))
        return;
    log_line(LOG_WARN, "session", "no memory left for another sandbox",
        "used_mib=%llu limit_mib=%llu refused=%u setting=memory-total",
        (unsigned long long)(used >> 20), (unsigned long long)(limit >> 20),
        atomic_exchange(&refused, 0));
}

bool room_for(const int memory[], uint64_t bytes)
{
    uint64_t used, limit;
    return cgroup_memory_left(memory, bytes, &used, &limit);
}

int room_refuse(const int memory[], struct error *e)
{
    uint64_t used, limit;
    cgroup_memory_left(memory, ROOM_TO_SPARE, &used, &limit);
    tell(used, limit);
    return error_set(e, ERROR_QUOTA_EXCEEDED, EDQUOT,
        "This server has no memory left for another container. Try again later, or end a container "
        "that is no longer needed.");
}
