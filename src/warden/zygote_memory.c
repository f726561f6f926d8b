/* zygote_memory.c - how much memory a zygote may have, with what its packages start.
 *
 * A fork is charged to whoever forks: a kernel's page tables, its list of mappings, its kernel stack stay on the zygote's
 * account until the kernel ends, and the pages that it shares anyway. For these the limit grows and shrinks with
 * the sandboxes that are there, by steps, so that hardly any is made or ended with a write. */
#include <errno.h>

#include "base/fd.h"
#include "base/log.h"
#include "sandbox/layers.h"
#include "warden/warden.h"

enum {
    STEP = 32,      /* sandboxes */
    EACH = 1 << 20, /* for a kernel, and */
    EACH_SHARE =
        256, /* this part of what the zygote has: page tables are a 512th of what they map */
};

static void name_of(const struct warden *w, const struct zygote *z, char to[CGROUP_NAME])
{
    cgroup_zygote_name(w->cgroup_version, z->group.number, to);
}

static uint64_t limit_of(const struct warden *w, const struct zygote *z)
{
    return z->group.memory_bytes + w->room * z->group.each_bytes;
}

static void adapt(struct warden *w, struct zygote *z)
{
    char name[CGROUP_NAME];
    struct error e;
    name_of(w, z, name);
    int r = z->group.number == 0 ? 0
                                 : cgroup_session_memory(
                                       w->cgroup_version, w->cgroup_dirs, name, limit_of(w, z), &e);
    if (r < 0 && r != -EBUSY) /* v1 does not take away what is in use: the next step will */
        log_line(LOG_WARN, "warden", "a zygote's memory limit did not change",
            "environment=%s errno=%d", w->name, -r);
}

int zygote_memory_begin(struct warden *w, struct zygote *z, int *ret_join, struct error *e)
{
    char name[CGROUP_NAME];
    *ret_join = -1;
    if (w->cgroup_version == CGROUP_NONE || layer_left_out("cgroup"))
        return 0;
    if (z->group.number == 0)
        z->group.number = ++w->next_group;
    name_of(w, z, name);
    int r = cgroup_zygote_make(w->cgroup_version, w->cgroup_dirs, name, limit_of(w, z), e);
    if (r == -EBUSY)
        r = 0; /* what was left behind is more than that already, and meets the old limit */
    int fd = r < 0 ? r : cgroup_zygote_open(w->cgroup_version, w->cgroup_dirs, name);
    if (r == 0 && fd < 0)
        error_set(e, ERROR_INTERNAL, -fd, "Opening cgroup %s failed: %s.", name, strerror(-fd));
    if (fd < 0)
        return fd;
    z->group.oom_before = cgroup_session_oom(w->cgroup_version, w->cgroup_dirs, name);
    *ret_join = fd;
    return 0;
}

void zygote_memory_warm(struct warden *w, struct zygote *z)
{
    char name[CGROUP_NAME];
    name_of(w, z, name);
    const uint64_t used = cgroup_session_memory_used(w->cgroup_version, w->cgroup_dirs, name);
    z->group.each_bytes = used / EACH_SHARE + EACH;
    adapt(w, z);
}

void zygote_memory_room(struct warden *w)
{
    if (w->live <= w->room && w->live + 2 * STEP > w->room)
        return;
    w->room = (w->live / STEP + 1) * STEP;
    for (int slot = 0; slot < ZYGOTES; slot++)
        adapt(w, &w->zygotes[slot]);
}

bool zygote_memory_met(const struct warden *w, const struct zygote *z, struct error *e)
{
    char name[CGROUP_NAME];
    name_of(w, z, name);
    if (z->group.number == 0 ||
        cgroup_session_oom(w->cgroup_version, w->cgroup_dirs, name) <= z->group.oom_before ||
        cgroup_session_memory_met(w->cgroup_version, w->cgroup_dirs, name) == 0)
        return false;
    error_set(e, ERROR_ENVIRONMENT_MEMORY, ENOMEM,
        "%s took more than its memory, %llu MiB (zygote-memory).",
        z->state == ZYGOTE_WARMING ? "its warm-up" : "its warm interpreter",
        (unsigned long long)(z->group.memory_bytes >> 20));
    return true;
}

void zygote_memory_end(struct warden *w, struct zygote *z)
{
    char name[CGROUP_NAME];
    name_of(w, z, name);
    if (z->group
            .number) /* what a package still has running there keeps it, until the ground ends */
        cgroup_session_remove(w->cgroup_version, w->cgroup_dirs, name);
    z->group = (struct zygote_group){0};
}
