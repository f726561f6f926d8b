/* plan_build.h - filling the supervisor's plan and becoming the supervisor.
 *
 * Used by `cloche serve` and `cloche run`. The plan's layout is supervisor/plan.h's. */
#pragma once
#include "supervisor/plan.h"

/* The first number of descriptors that are handed through to the server (plan.keep_first): beyond
 * the plan itself and whatever the supervisor may find open. */
enum { PLAN_KEEP_FIRST = 200 };

/* A plan with magic, size and, for root, whom the server becomes. malloc'ed. */
struct plan *plan_new(void);
/* Adds one word to the server's arguments. 0 or -E2BIG. */
int plan_argument(struct plan *plan, const char *word);
/* Fills in where the programs are. 0, or an exit code after the message of `command`. */
int plan_programs(struct plan *plan, const char *command);
/* Writes the plan into a memfd at PLAN_FD and execs the supervisor. Returns an exit code, after the
 * message, only when that failed. Descriptors 0, 1, 2 and those to keep must be in place: all others
 * are closed. Allowed after fork. */
int plan_exec(const struct plan *plan, const char *command);
