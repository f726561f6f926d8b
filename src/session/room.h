/* room.h - whether the memory that all sandboxes may have together takes one more.
 *
 * Without it Linux would end a process of some session as soon as a new one takes what is left. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* The least that a session may have: an interpreter and its files' floor. A kernel with its warm-up is well below. */
enum { SESSION_MEMORY_LEAST = 64 << 20 };

enum {
    ROOM_FOR_A_SESSION = SESSION_MEMORY_LEAST,
    /* What is made ahead, and a zygote, which many share: a session has room beside it. */
    ROOM_TO_SPARE = 2 * SESSION_MEMORY_LEAST,
};

/* `memory` as the supervisor handed it over: enum cgroup_memory of sandbox/cgroup.h; -1: nothing limits. */
bool room_for(const int memory[], uint64_t bytes);
/* QUOTA_EXCEEDED for who asked for a session, in words that say nothing of others; how much is used of how much is
 * for the log, once a minute. */
int room_refuse(const int memory[], struct error *e);
