/* room.h - whether the memory that all sandboxes may have together takes one more.
 *
 * Without it Linux would end a process of some session as soon as a new one takes what is left. */
#pragma once
#include <stdbool.h>

#include "base/error.h"

/* The least that a session may have: an interpreter and its files' floor. A kernel with its warm-up is well below. */
enum { SESSION_MEMORY_LEAST = 64 << 20 };

/* `memory` as the supervisor handed it over: enum cgroup_memory of sandbox/cgroup.h; -1: nothing limits. */
/* For a session that somebody asks for: 0, or QUOTA_EXCEEDED with what is used of what. */
int room_check(const int memory[], struct error *e);
/* For one more in a pool, which leaves room for a session beside it. */
bool room_to_spare(const int memory[]);
