/* Which ids this process may lend to grounds: root's own range, an ordinary user's subordinate range
 * by newuidmap, or the one id it has. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include "base/fd.h"
#include "supervisor/supervisor.h"

enum { SUBUID_GROUNDS = 4 };

/* One line of /etc/subuid: "name-or-uid:first:count". */
static int subordinate_range(const char *file, const char *name, uint32_t id, uint32_t *first, uint32_t *count)
{
    char text[8192], number[16];
    if (fd_read_file(AT_FDCWD, file, text, sizeof text) < 0)
        return -ENOENT;
    snprintf(number, sizeof number, "%u", id);
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        char *a = strchr(line, ':'), *b = a ? strchr(a + 1, ':') : NULL;
        if (!b)
            continue;
        *a = *b = 0;
        if (strcmp(line, name) && strcmp(line, number))
            continue;
        *first = (uint32_t)strtoul(a + 1, NULL, 10);
        *count = (uint32_t)strtoul(b + 1, NULL, 10);
        return *count >= 65536 ? 0 : -ERANGE;
    }
    return -ENOENT;
}

static bool maps_everything(void)
{
    char text[256];
    unsigned long inside, outside, count;
    return fd_read_file(AT_FDCWD, "/proc/self/uid_map", text, sizeof text) > 0 &&
           sscanf(text, "%lu %lu %lu", &inside, &outside, &count) == 3 && inside == 0 && outside == 0 && count >= 0xfffffffe;
}

void identity_detect(struct supervisor *s)
{
    uint32_t first, count, group_first, group_count;
    if (geteuid() == 0 && maps_everything()) {
        s->mode = IDENTITY_RANGE;
        return;
    }
    s->mode = IDENTITY_SINGLE;
    const struct passwd *p = getpwuid(geteuid());
    const char *name = p ? p->pw_name : "";
    if (getenv("CLOCHE_SINGLE_UID") || access("/usr/bin/newuidmap", X_OK) < 0 || access("/usr/bin/newgidmap", X_OK) < 0 ||
        subordinate_range("/etc/subuid", name, geteuid(), &first, &count) < 0 ||
        subordinate_range("/etc/subgid", name, getegid(), &group_first, &group_count) < 0 || first != group_first)
        return;
    s->mode = IDENTITY_SUBUID;
    s->sub_first = first;
    s->sub_count = count < group_count ? count : group_count;
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
    return s->mode == IDENTITY_RANGE ? HOST_IDS_PER_GROUND : s->mode == IDENTITY_SUBUID ? s->sub_count / SUBUID_GROUNDS : 1;
}
