/* Finding and removing directories of cgroups: one's own, and those that others left behind. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/cgroup.h"
#include "sandbox/cgroup_internal.h"

const char *const cgroup_controllers[CGROUP_DIRS] = {"memory", "pids", "cpu"};

int cgroup_own_directory(const char *controller, char *to, size_t size)
{
    char text[4096];
    if (fd_read_file(AT_FDCWD, "/proc/self/cgroup", text, sizeof text) < 0)
        return -ENOENT;
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = 0;
        char list[256];
        snprintf(list, sizeof list, ",%s,", names + 1);
        char wanted[64];
        snprintf(wanted, sizeof wanted, ",%s,", controller);
        if (!strstr(list, wanted))
            continue;
        snprintf(to, size, CGROUP_ROOT "/%s%s", controller, strcmp(path, "/") ? path : "");
        return access(to, W_OK) < 0 ? -errno : 0;
    }
    return -ENOENT;
}

/* What could not be read or removed stays: the caller's rmdir tells. */
static void remove_below(const char *path, int patience_ms)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        char below[1024];
        if (e->d_type == DT_DIR && e->d_name[0] != '.' &&
            snprintf(below, sizeof below, "%s/%s", path, e->d_name) < (int)sizeof below)
            cgroup_tree_remove(below, patience_ms);
    }
    if (d)
        closedir(d);
}

int cgroup_tree_remove(const char *path, int patience_ms)
{
    for (int i = 0;; i++) {
        remove_below(path, i == 0 ? patience_ms : 0); /* once more if it could not be read */
        if (rmdir(path) == 0 || errno == ENOENT)
            return 0;
        if (errno != EBUSY || i >= patience_ms)
            return -errno;
        usleep(1000); /* the last process has died but is still being taken off the books */
    }
}

/* A supervisor that lives holds the lock on its directory; pids tell nothing across pid namespaces. The
 * lock of an abandoned one, the caller's to close once it is removed, or whoever takes the name meanwhile
 * would lose it; -1 otherwise. */
static int lock_abandoned(int parent, const char *name)
{
    int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir >= 0 && flock(dir, LOCK_EX | LOCK_NB) < 0)
        fd_close(&dir);
    return dir;
}

static int sweep_below(const char *dir, void (*found)(const char *, void *), void *user)
{
    int n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[1024];
        if (e->d_type != DT_DIR || strncmp(e->d_name, "cloche-", 7) ||
            snprintf(path, sizeof path, "%s/%s", dir, e->d_name) >= (int)sizeof path)
            continue;
        cleanup_fd int lock = lock_abandoned(dirfd(d), e->d_name);
        if (lock < 0)
            continue;
        if (cgroup_tree_remove(path, 0) == 0) {
            n++;
            if (found)
                found(path, user);
        }
    }
    if (d)
        closedir(d);
    return n;
}

int cgroup_sweep(void (*found)(const char *path, void *user), void *user)
{
    if (access(CGROUP_ROOT "/cgroup.controllers", F_OK) == 0)
        return sweep_below(CGROUP_ROOT, found, user);
    int n = 0;
    for (int i = 0; i < CGROUP_DIRS; i++) {
        char own[400];
        if (cgroup_own_directory(cgroup_controllers[i], own, sizeof own) == 0)
            n += sweep_below(own, found, user);
    }
    return n;
}
