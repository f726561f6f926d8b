/* orphans.c - the end of what nobody knows.
 *
 * What packages start in a zygote may leave its process group, and its parent may leave it: then it is a child of the
 * warden's, pid 1 of the ground. Nothing of ours is one but inits, zygotes and kernels, and these are known; a kernel as
 * soon as the zygote that forked it has been heard. So when a zygote has died, whoever else is there is ended; what that
 * one had started is a child of the warden's then, and its turn comes. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/log.h"
#include "warden/warden.h"

enum {
    PATIENCE_MS = 2000,
    HEARD_MAX = 64,    /* messages, the last of which says that it forked */
    ROUNDS_MAX = 1000, /* of a millisecond: who forks while it is ended does not keep up for long */
    TEXT_STEP = 65536,
};

/* A zygote that is silent, or says all but what it is asked for, is not to be waited for. */
static void hear_who_forks(struct warden *w)
{
    for (int slot = 0; slot < ZYGOTE_SLOTS; slot++) {
        const struct zygote *z = &w->zygotes[slot];
        for (int n = 0; z->state == ZYGOTE_FORKING && z->socket >= 0; n++) {
            struct pollfd p = {z->socket, POLLIN, 0};
            if (n == HEARD_MAX || poll(&p, 1, PATIENCE_MS) <= 0) {
                zygote_end(w, slot);
                break;
            }
            zygote_heard(w, slot);
        }
    }
}

static int by_pid(const void *a, const void *b)
{
    const pid_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* In order. NULL: no memory. */
static pid_t *known(const struct warden *w, size_t *ret_n)
{
    pid_t *pids = malloc((ZYGOTES + 2 * (size_t)w->live) * sizeof *pids);
    size_t n = 0;
    if (!pids)
        return NULL;
    for (int slot = 0; slot < ZYGOTES; slot++)
        pids[n++] = w->zygotes[slot].pid;
    for (uint32_t id = 0; id < w->capacity; id++)
        if (w->sandboxes[id]) {
            pids[n++] = w->sandboxes[id]->init;
            pids[n++] = w->sandboxes[id]->kernel;
        }
    qsort(pids, n, sizeof *pids, by_pid);
    *ret_n = n;
    return pids;
}

/* Our children, as numbers with a space behind each. NULL: they cannot be had. */
static char *read_children(void)
{
    cleanup_fd int f = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    cleanup_free char *text = NULL;
    size_t length = 0, room = 0;
    ssize_t got = f < 0 ? -1 : 1;
    while (got > 0) {
        if (room - length < 2) {
            char *more = realloc(text, room + TEXT_STEP);
            if (!more)
                return NULL;
            text = more;
            room += TEXT_STEP;
        }
        got = read(f, text + length, room - length - 1);
        length += got > 0 ? (size_t)got : 0;
        text[length] = 0;
    }
    return got < 0 ? NULL : take_ptr(text);
}

/* How many there were; -1: they cannot be had. */
static int end_strangers(const pid_t *pids, size_t n)
{
    cleanup_free char *text = read_children();
    int found = 0;
    for (char *p = text, *next; p; p = next) {
        pid_t pid = (pid_t)strtol(p, &next, 10);
        if (next == p)
            break;
        if (bsearch(&pid, pids, n, sizeof *pids, by_pid))
            continue;
        found++;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, WNOHANG | __WALL);
    }
    return text ? found : -1;
}

void orphans_end(struct warden *w)
{
    size_t n = 0;
    w->ending_orphans = true; /* no zygote begins a fork */
    hear_who_forks(w);
    cleanup_free pid_t *pids = known(w, &n);
    int left = pids ? 1 : -1;
    for (int round = 0; left > 0 && round < ROUNDS_MAX; round++) {
        left = end_strangers(pids, n);
        if (left > 0)
            usleep(1000);
    }
    if (left != 0)
        log_line(LOG_WARN, "warden", "what a zygote has started may still run",
            "environment=%s processes=%d", w->name, left);
    w->ending_orphans = false;
    zygotes_go_on(w);
}
