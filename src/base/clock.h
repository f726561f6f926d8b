/* clock.h - time, in whole units that the names say. Injectable: tests move it by hand. */
#pragma once
#include <stdint.h>

int64_t clock_monotonic_us(void); /* for deadlines and durations */
int64_t clock_realtime_us(void);  /* for what people and files see */
int64_t clock_realtime_s(void);
/* Adds `us` to what the functions above answer, in this process, from now on. For tests. */
void clock_advance_us(int64_t us);
