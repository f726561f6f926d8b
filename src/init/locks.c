/* Locks on ranges of files (fcntl). Linux charges them to nobody's memory, and as many as a program likes may lie on
 * one open file: one session took 300,000 of them a second of the host. SQLite and DuckDB cannot do without.
 *
 * So the second filter asks about each call. What the call would do is in memory, where nobody may look; but it
 * makes two locks more at most, so after a count some calls are let through uncounted: what is missing to the most
 * is halved by them, at worst. The count is of /proc/locks, which shows those of this pid namespace whose taker
 * lives: nobody else has its open files (the second filter refuses CLONE_FILES without CLONE_THREAD). What is
 * unlocked while it is read may hide as many from it: twice the most can be, and two for each thread that was let
 * through before, not more.
 *
 * It is a look at all of the host's under a lock of all: hence seldom, and not at all for a session that locks
 * nothing. Where half are there already, the calls that are let through are those of a second: some, because a
 * session that has too many gets out of it by unlocking, which looks like any other. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "init/init.h"

enum { LOCKS_MOST = 8192, CALLS_AT_ONCE = LOCKS_MOST / 8, FULL_US = 1000000 };

static FILE *table;
/* What Linux gives by one read; for each it looks through all from the first on. */
static char part[4096];
static long calls_left = LOCKS_MOST / 4; /* nothing is locked yet */
static int64_t count_from_us;            /* not counted again before */

int locks_open(void)
{
    table = fopen("/proc/locks", "re");
    return table && setvbuf(table, part, _IOFBF, sizeof part) == 0 ? 0 : -errno;
}

void locks_forget(void)
{
    calls_left = LOCKS_MOST / 4;
    count_from_us = 0;
}

/* Up to the most; that, too, if it cannot be known. */
static long count(void)
{
    char line[256];
    long n = 0;
    rewind(table);
    while (n < LOCKS_MOST && fgets(line, sizeof line, table))
        n += strstr(line, " POSIX ") != NULL;
    return ferror(table) ? LOCKS_MOST : n;
}

int locks_judge(void)
{
    if (calls_left == 0) {
        int64_t now = clock_monotonic_us();
        if (now < count_from_us)
            return -ENOLCK;
        calls_left = (LOCKS_MOST - count()) / 4;
        count_from_us = calls_left < CALLS_AT_ONCE ? now + FULL_US : now;
        if (calls_left == 0)
            return -ENOLCK;
    }
    calls_left--;
    return 0;
}
