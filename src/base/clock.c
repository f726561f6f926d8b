#include "clock.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic int64_t offset_us;

static int64_t now_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000 + atomic_load(&offset_us);
}

int64_t clock_monotonic_us(void) { return now_us(CLOCK_MONOTONIC); }
int64_t clock_realtime_us(void) { return now_us(CLOCK_REALTIME); }
int64_t clock_realtime_s(void) { return clock_realtime_us() / 1000000; }
void clock_advance_us(int64_t us) { atomic_fetch_add(&offset_us, us); }
