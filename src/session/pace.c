/* What is owed falls while the thread waits for something, three times slower than it rose, so who works
 * now and then never owes anything. */
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "session/pace.h"

enum {
    AT_ONCE_US = 200000,
    REST_MOST_US = 1000000, /* it also holds the last word of an execution back */
    SHARING_MAX = 8,        /* beyond, honest work would stand still for the sake of others' */
};

static atomic_int resting; /* how many threads are, now */

static int64_t worked_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static void rest_until(struct pace *p, int64_t until_us)
{
    if ((p->rest_until_us != 0) != (until_us != 0))
        atomic_fetch_add(&resting, until_us ? 1 : -1);
    p->rest_until_us = until_us;
}

/* How long one microsecond of work is rested from, now. */
static int64_t rest_times(void)
{
    int sharing = atomic_load(&resting);
    return PACE_REST * (sharing < 1 ? 1 : sharing > SHARING_MAX ? SHARING_MAX : sharing);
}

/* `worked` of the time since the last look. */
static void settle(struct pace *p, int64_t worked)
{
    int64_t now = clock_monotonic_us(), waited = p->at_us ? now - p->at_us - worked : 0;
    if (waited > 0)
        p->owed_us -= waited / rest_times();
    p->owed_us = (p->owed_us > 0 ? p->owed_us : 0) + worked;
    p->at_us = now;
}

void pace_begin(struct pace *p)
{
    if (!p)
        return;
    settle(p, 0);
    p->cpu_us = worked_us();
}

void pace_end(struct pace *p) { pace_look(p, false); }

void pace_end_beyond(struct pace *p, int64_t free_us)
{
    if (!p)
        return;
    int64_t worked = worked_us() - p->cpu_us;
    p->cpu_us += worked < free_us ? worked : free_us;
    pace_end(p);
}

int64_t pace_look(struct pace *p, bool may_rest)
{
    if (!p)
        return 0;
    int64_t cpu = worked_us(), until = p->rest_until_us;
    settle(p, cpu - p->cpu_us);
    p->cpu_us = cpu;
    if (!may_rest || (until && p->at_us >= until)) {
        until = 0;
    } else if (!until && p->owed_us > AT_ONCE_US) {
        int64_t rest = (p->owed_us - AT_ONCE_US) * rest_times();
        until = p->at_us + (rest < REST_MOST_US ? rest : REST_MOST_US);
    }
    rest_until(p, until);
    return until;
}
