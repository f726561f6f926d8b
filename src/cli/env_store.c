/* env_store.c - the directory of one environment: generations, the lock, what is current.
 *
 * Everything is done under the lock ENVDIR/<name>/.lock, in an order that leaves a whole environment
 * current at any moment: a build happens in a directory whose name starts with a dot, gets its final
 * name by rename when it is complete and on disk, and becomes current by renaming a new link over the
 * old one. Removal takes the link first. Files of a generation are deleted only while its use.lock is
 * held exclusive, so nobody stands on them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "cli/env_internal.h"

static int make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int r = mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
        *slash = '/';
        if (r < 0)
            return r;
    }
    return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* -EAGAIN: the environment was removed, and its directory with it, while we waited. */
static int take_lock(struct env_store *s)
{
    struct stat st;
    s->lock = openat(s->directory, ".lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (s->lock < 0)
        return errno == ENOENT ? -EAGAIN : -errno;
    if (flock(s->lock, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return -errno;
        fprintf(stderr, "%s: another build or removal is at work on it; waiting.\n", s->name);
        while (flock(s->lock, LOCK_EX) < 0)
            if (errno != EINTR || env_interrupted)
                return -errno;
    }
    if (fstat(s->lock, &st) < 0)
        return -errno;
    return st.st_nlink == 0 ? -EAGAIN : 0;
}

static int open_once(struct env_store *s, bool create)
{
    char path[sizeof(s->path)];
    memcpy(path, s->path, sizeof(path));
    int r = create ? make_parents(path) : 0;
    if (r == 0) {
        s->directory = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = s->directory < 0 ? -errno : take_lock(s);
    }
    if (r < 0)
        env_store_close(s);
    return r;
}

int env_store_open(
    struct env_store *s, const char *environments, const char *name, bool create, struct error *e)
{
    *s = ENV_STORE_NONE;
    int r = snprintf(s->path, sizeof(s->path), "%s/%s", environments, name) >= (int)sizeof(s->path)
                ? -ENAMETOOLONG
                : -EAGAIN;
    snprintf(s->name, sizeof(s->name), "%s", name);
    umask(022);
    while (r == -EAGAIN)
        r = open_once(s, create);
    if (r < 0)
        return error_set(
            e, ERROR_INTERNAL, -r, "%s/%s cannot be used: %s.", environments, name, strerror(-r));
    return 0;
}

void env_store_close(struct env_store *s)
{
    fd_close(&s->lock);
    fd_close(&s->directory);
}

/* ---- trees ------------------------------------------------------------------------------------------ */

/* Deletes `name` below the store, whatever it is, without following a link. Deep trees are no matter:
 * fts walks, it does not recurse. */
static int remove_tree(struct env_store *s, const char *name)
{
    char path[ENV_PATH];
    snprintf(path, sizeof(path), "%s/%s", s->path, name);
    char *roots[] = {path, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_XDEV, NULL);
    if (walk == NULL)
        return -errno;
    int r = 0;
    for (FTSENT *entry; (entry = fts_read(walk)) != NULL;) {
        if (entry->fts_info == FTS_D)
            chmod(entry->fts_accpath, 0700); /* an ordinary user's: it may have been closed */
        else if (entry->fts_info == FTS_DP || entry->fts_info == FTS_DNR)
            r = rmdir(entry->fts_accpath) < 0 ? -errno : r;
        else
            r = unlink(entry->fts_accpath) < 0 && errno != ENOENT ? -errno : r;
    }
    fts_close(walk);
    return r;
}

/* Removes every entry of the building directory whose name starts with `prefix`. */
static void remove_inside(struct env_store *s, const char *prefix)
{
    char path[ENV_PATH];
    snprintf(path, sizeof(path), "%s/%s", s->path, s->building);
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        char inside[512];
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        snprintf(inside, sizeof(inside), "%s/%s", s->building, entry->d_name);
        remove_tree(s, inside);
    }
    if (directory != NULL)
        closedir(directory);
}

int64_t env_store_finish_tree(struct env_store *s)
{
    char path[ENV_PATH];
    int64_t blocks = 0;
    remove_inside(s, "tmp-");
    remove_inside(s, "root");
    snprintf(path, sizeof(path), "%s/%s/venv", s->path, s->building);
    char *roots[] = {path, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_XDEV, NULL);
    for (FTSENT *entry; walk != NULL && (entry = fts_read(walk)) != NULL;) {
        if (entry->fts_info != FTS_D && entry->fts_info != FTS_F)
            continue;
        mode_t mode = entry->fts_statp->st_mode & 07777;
        mode_t wanted = (mode & 0755) | (entry->fts_info == FTS_D || (mode & 0100) ? 0555 : 0444);
        blocks += entry->fts_statp->st_blocks;
        if (mode != wanted)
            chmod(entry->fts_accpath, wanted);
    }
    if (walk != NULL)
        fts_close(walk);
    return blocks * 512;
}

/* ---- generations --------------------------------------------------------------------------------------- */

/* Deletes one generation unless somebody holds it. 0; -EBUSY; -errno. */
static int remove_generation(struct env_store *s, const char *generation)
{
    char gone[NAME_MAX + 16], lock_path[NAME_MAX + 16];
    snprintf(lock_path, sizeof(lock_path), "%s/use.lock", generation);
    cleanup_fd int lock = openat(s->directory, lock_path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    snprintf(gone, sizeof(gone), ".removing-%s", generation);
    unlinkat(s->directory, lock_path, 0); /* who waits for it sees that it is gone */
    if (renameat(s->directory, generation, s->directory, gone) < 0)
        return -errno;
    return remove_tree(s, gone);
}

static bool leftover(const char *name)
{
    static const char *const prefixes[] = {".building-", ".removing-", ".current-"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

int env_store_sweep(struct env_store *s)
{
    char current[GENERATION_SIZE] = "";
    int kept = 0;
    generation_current(s->directory, current);
    DIR *directory = opendir(s->path);
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        if (leftover(entry->d_name) && strcmp(entry->d_name, s->building) != 0)
            remove_tree(s, entry->d_name);
        else if (generation_name_valid(entry->d_name) && strcmp(entry->d_name, current) != 0)
            kept += remove_generation(s, entry->d_name) == -EBUSY;
    }
    if (directory != NULL)
        closedir(directory);
    return kept;
}

int env_store_begin(struct env_store *s, uid_t owner, struct error *e)
{
    char path[128];
    snprintf(s->building, sizeof(s->building), ".building-%d", getpid());
    int r = mkdirat(s->directory, s->building, 0755) < 0 ? -errno : 0;
    snprintf(path, sizeof(path), "%s/root", s->building);
    if (r == 0)
        r = mkdirat(s->directory, path, 0755) < 0 ? -errno : 0;
    snprintf(path, sizeof(path), "%s/venv", s->building);
    if (r == 0)
        r = mkdirat(s->directory, path, 0755) < 0 ||
                    fchownat(s->directory, path, owner, owner, AT_SYMLINK_NOFOLLOW) < 0
                ? -errno
                : 0;
    if (r == 0)
        r = env_store_write(s, "use.lock", "", 0, e);
    return r == 0 ? 0
                  : error_set(e, ERROR_INTERNAL, -r, "The build cannot begin in %s: %s.", s->path,
                        strerror(-r));
}

void env_store_abandon(struct env_store *s)
{
    if (s->building[0] != '\0' && s->directory >= 0)
        remove_tree(s, s->building);
    s->building[0] = '\0';
}

int env_store_write(
    struct env_store *s, const char *file, const char *text, size_t length, struct error *e)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", s->building, file);
    cleanup_fd int fd = openat(s->directory, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    int r = fd < 0 ? -errno : fd_write_all(fd, text, length);
    if (r < 0)
        error_set(
            e, ERROR_INTERNAL, -r, "%s/%s cannot be written: %s.", s->path, file, strerror(-r));
    return r;
}

static int make_current(struct env_store *s, const char *generation)
{
    char link[64];
    snprintf(link, sizeof(link), ".current-%d", getpid());
    if (symlinkat(generation, s->directory, link) < 0)
        return -errno;
    if (renameat(s->directory, link, s->directory, "current") < 0)
        return -errno;
    return fsync(s->directory) < 0 ? -errno : 0;
}

int env_store_publish(struct env_store *s, const char *generation, struct error *e)
{
    /* After a power loss `current` must not name files that never reached the disk. */
    int r = syncfs(s->directory) < 0 ? -errno : 0;
    if (r == 0 && renameat(s->directory, s->building, s->directory, generation) < 0)
        r = -errno;
    if (r == 0) {
        s->building[0] = '\0';
        r = make_current(s, generation);
    }
    return r == 0 ? 0
                  : error_set(e, ERROR_INTERNAL, -r, "%s could not be made current: %s.",
                        generation, strerror(-r));
}

int env_store_remove(struct env_store *s)
{
    unlinkat(s->directory, "current", 0);
    int kept = env_store_sweep(s);
    if (kept == 0) {
        unlinkat(s->directory, ".lock", 0);
        unlinkat(AT_FDCWD, s->path, AT_REMOVEDIR); /* stays when a new build has begun */
    }
    return kept;
}
