/* namespaces.c - how many namespaces there may be in a ground.
 *
 * A zygote can make namespaces (clone3) and keep one for each descriptor. Linux counts them up to the owner of the
 * ground, who is the same for all grounds: root has some thousands to 100,000 of a kind, and without one nobody gets a
 * sandbox. Some are memory, too, that no cgroup counts: 190 KiB for a network. So the ground's own user namespace has
 * limits, which grow with the sandboxes that are there. They hold for each id in it by itself: what inits make counts
 * for the ground's root, what a zygote makes for its own id, or for root's where it has entered a sandbox. */
#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/log.h"
#include "warden/warden.h"

enum {
    STEP = 64, /* sandboxes: hardly any is made or ended with a write */
    /* What has ended is counted until Linux gets round to it, networks in batches. */
    MARGIN = 256,
};

static const struct {
    const char *name;
    uint32_t each; /* a sandbox's, one that is being recycled included */
} kinds[] = {
    {"user", 3},
    {"mnt", 3},
    {"ipc", 2},
    {"pid", 1},
    {"net", 1},
    {"uts", 1},
    {"cgroup", 1},
    {"time", 0},
};

static int set(uint32_t sandboxes)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char path[64], text[16];
        uint32_t most = kinds[i].each ? kinds[i].each * sandboxes + MARGIN : 0;
        snprintf(path, sizeof path, "/proc/sys/user/max_%s_namespaces", kinds[i].name);
        snprintf(text, sizeof text, "%u", most);
        int r = fd_write_file(AT_FDCWD, path, text);
        if (r < 0 && r != -ENOENT) /* a kernel without that kind */
            return r;
    }
    return 0;
}

int namespaces_limit(struct warden *w)
{
    if (w->namespaces_for == UINT32_MAX ||
        (w->live < w->namespaces_for && w->live + 2 * STEP > w->namespaces_for))
        return 0;
    uint32_t sandboxes = (w->live / STEP + 1) * STEP;
    int r = set(sandboxes);
    if (r == 0) {
        w->namespaces_for = sandboxes;
    } else if (w->namespaces_for == 0 && (r == -EACCES || r == -EPERM || r == -EROFS)) {
        /* LXC's AppArmor profiles, for one, refuse /proc/sys/user to root, too: that is a bound less, and no reason
         * to run nothing. It is said once, and not tried again. */
        log_line(LOG_WARN, "warden",
            "namespaces have no limit of their own here: /proc/sys/user cannot be written",
            "environment=%s errno=%d", w->name, -r);
        w->namespaces_for = UINT32_MAX;
        r = 0;
    } else {
        log_line(LOG_WARN, "warden", "the limits of namespaces did not change",
            "environment=%s errno=%d", w->name, -r);
    }
    return r;
}
