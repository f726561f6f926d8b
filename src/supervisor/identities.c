/* Which ids this process may lend to grounds: root's own range, an ordinary user's subordinate range
 * by newuidmap, or the one id it has. */
#include <unistd.h>

#include "supervisor/supervisor.h"

enum { SUBUID_GROUNDS = 4 };

int identity_detect(struct supervisor *s, struct error *e)
{
    int everything = geteuid() == 0 ? identity_maps_everything() : 0;
    if (everything <
        0) /* with one id for everything by mistake sessions would stand closer than they must */
        return error_set(e, ERROR_INTERNAL, -everything, "Reading /proc/self/uid_map failed: %s.",
            strerror(-everything));
    s->mode = everything                                                ? IDENTITY_RANGE
              : identity_subordinate(&s->sub_first, &s->sub_count) == 0 ? IDENTITY_SUBUID
                                                                        : IDENTITY_SINGLE;
    return 0;
}

uid_t ground_first_id(const struct supervisor *s, int id)
{
    uint32_t first = s->plan.uid_first ? s->plan.uid_first : HOST_ID_FIRST;
    if (s->mode == IDENTITY_SINGLE)
        return geteuid();
    if (s->mode == IDENTITY_SUBUID)
        return s->sub_first + (uint32_t)(id % SUBUID_GROUNDS) * (s->sub_count / SUBUID_GROUNDS);
    return first + (uint32_t)(id % GROUNDS_MAX + 1) * HOST_IDS_PER_GROUND;
}

uint32_t ground_id_count(const struct supervisor *s)
{
    return s->mode == IDENTITY_RANGE    ? HOST_IDS_PER_GROUND
           : s->mode == IDENTITY_SUBUID ? s->sub_count / SUBUID_GROUNDS
                                        : 1;
}
