/* idle_grounds.c - grounds that nobody uses are ended: after a while, or at once for who needs the place. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "session/grounds_private.h"

enum {
    IDLE_US = 600000000,
};

/* What is warm from the start stays. */
static bool stays(const struct grounds *g, const char *environment)
{
    return strcmp(environment, "base") == 0 ||
           strcmp(environment, g->config.default_environment) == 0;
}

void grounds_supersede_idle(struct grounds *g)
{
    const int64_t before = clock_monotonic_us() - IDLE_US;
    for (struct ground *at = g->list; at; at = at->next)
        if (at->state == GROUND_LIVE && at->users == 0 && at->used_at_us <= before &&
            !stays(g, at->environment))
            at->state = GROUND_SUPERSEDED;
}

/* Of those that count how many there are and how many will be gone soon, and which nobody used for longest. */
static unsigned count(struct grounds *g, unsigned *ret_leaving, struct ground **ret_idle)
{
    unsigned n = g->ending;
    *ret_leaving = n;
    *ret_idle = NULL;
    for (struct ground *at = g->list; at; at = at->next) {
        const bool ends = at->state == GROUND_SUPERSEDED || at->state == GROUND_DEAD;
        if (!ends && stays(g, at->environment))
            continue;
        n++;
        if (ends && at->users == 0)
            ++*ret_leaving;
        else if (at->state == GROUND_LIVE && at->users == 0 &&
                 (!*ret_idle || at->used_at_us < (*ret_idle)->used_at_us))
            *ret_idle = at;
    }
    return n;
}

struct placing {
    struct placing *next;
    const char *environment;
};

/* How many places are waited for, this one among them: one for each environment. */
static unsigned wanted(const struct grounds *g, const char *environment)
{
    unsigned n = 1;
    for (const struct placing *p = g->placing; p; p = p->next) {
        const struct placing *same = p->next;
        while (same && strcmp(same->environment, p->environment) != 0)
            same = same->next;
        n += !same && strcmp(p->environment, environment) != 0;
    }
    return n;
}

/* Until something has changed. */
static void wait_for_place(struct grounds *g, const char *environment, int64_t us)
{
    struct placing me = {g->placing, environment}, **at = &g->placing;
    g->placing = &me;
    cond_wait_us(&g->changed, &g->lock, us);
    while (*at != &me)
        at = &(*at)->next;
    *at = me.next;
}

int grounds_place(struct grounds *g, const char *environment, int64_t until_us, struct error *e)
{
    struct ground *idle;
    unsigned leaving;
    if (g->quitting)
        return error_set(e, ERROR_UNAVAILABLE, ESHUTDOWN, "The server is stopping.");
    if (stays(g, environment) || count(g, &leaving, &idle) < g->config.grounds_max)
        return 0;
    if (leaving < wanted(g, environment) && idle) {
        idle->state = GROUND_SUPERSEDED;
        leaving++;
    }
    const int64_t left = until_us - clock_monotonic_us();
    if (leaving > 0 && left > 0) {
        tell_housekeeper(g);
        wait_for_place(g, environment, left);
        return 1;
    }
    if (leaving > 0)
        return error_set(e, ERROR_QUOTA_EXCEEDED, EDQUOT,
            "This server is at its limit of %u environments beside the default one, and one that nobody uses takes "
            "long to end. Try again later.",
            g->config.grounds_max);
    return error_set(e, ERROR_QUOTA_EXCEEDED, EDQUOT,
        "%u environments are in use beside the default one, which is this server's limit.",
        g->config.grounds_max);
}
