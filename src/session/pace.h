/* pace.h - how much of a core a thread of the server may take at a stretch.
 *
 * The server goes before all sandboxes, so whoever makes one of its threads compute takes cores from
 * everybody else. A thread therefore rests three times as long as it has worked: a quarter of one core,
 * and no more. The forgetter rests after each piece of work. An execution's thread works for what runs
 * in one sandbox, which decides how much there is to do: it may work a fifth of a second at once, of its
 * own processor time, and rests beyond; those who rest at the same time share the quarter, and take an
 * eighth of it each when they are more than eight. What it costs to store much of what the code showed is on
 * the account, too, and rested from by the sandbox's next execution. The look at its files and the answer are
 * not. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { PACE_REST = 3 };

/* One sandbox's account; all zero is fresh. Whose turn it is uses it, alone. In all functions NULL is an
 * account on which nothing is put. */
struct pace {
    int64_t owed_us;       /* worked and not yet rested from */
    int64_t cpu_us, at_us; /* of the thread, when last looked; 0: never */
    int64_t rest_until_us; /* 0: it does not rest */
};
/* This thread works on that account from now until pace_end, which also ends its rest. */
void pace_begin(struct pace *p);
void pace_end(struct pace *p);
/* The same; the first `free_us` of what it worked since pace_begin, without a look between, are not on it. */
void pace_end_beyond(struct pace *p, int64_t free_us);
/* Takes down what this thread has worked since the last look. Returns the moment of the monotonic clock
 * until which it rests; 0: it does not. A rest lasts a second at most, and there is a look without one
 * between two. `may_rest` false: it has no time to, and none begins or goes on. */
int64_t pace_look(struct pace *p, bool may_rest);
