/* What is in the workspace, and what the sandbox uses: asked after each execution, so it is one walk
 * and one answer. The tree may change under the walk and its names are hostile: every step is relative
 * to a descriptor, follows no link, and is bounded. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "init/init.h"

struct scan {
    struct message *m; /* the part being filled */
    uint64_t files, in_part, entries;
    bool hidden, truncated, passed_over;
    char path[SCAN_PATH_MAX + 1];
};

static void flush_part(struct scan *s)
{
    if (s->in_part == 0)
        return;
    s->m->op = INIT_SCAN_PART;
    s->m->word[0] = s->in_part;
    message_send(INIT_SERVER_FD, s->m, NULL, 0);
    s->m->length = 0;
    s->in_part = 0;
}

static void add(struct scan *s, const struct stat *st, size_t length)
{
    struct scan_record r = {.inode = st->st_ino,
        .size = (uint64_t)st->st_size,
        .ctime_ns = st->st_ctim.tv_sec * INT64_C(1000000000) + st->st_ctim.tv_nsec,
        .mtime_ns =
            (int64_t)((uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec),
        .path_length = (uint16_t)length};
    if (s->m->length + sizeof r + length > MESSAGE_TEXT_MAX)
        flush_part(s);
    memcpy(s->m->text + s->m->length, &r, sizeof r);
    memcpy(s->m->text + s->m->length + sizeof r, s->path, length);
    s->m->length = (uint16_t)(s->m->length + sizeof r + length);
    s->in_part++;
    s->files++;
}

static bool skipped(const struct scan *s, const char *name)
{
    if (!strcmp(name, ".") || !strcmp(name, ".."))
        return true;
    return !s->hidden && (name[0] == '.' || !strcmp(name, "__pycache__"));
}

/* What is too deep, or has too long a path, is passed over and the walk goes on: whether a path is beyond
 * these is said by the path alone, so nothing that was listed before can be missed by it, and one such folder
 * must not keep all that is gone in the list. What has vanished meanwhile, or is closed to the kernel itself,
 * is passed over. Any other failure (no descriptor, no memory) cuts the walk short: what it did not see would
 * be taken for deleted. */
static void missed(struct scan *s)
{
    if (errno != ENOENT && errno != EACCES && errno != ENOTDIR && errno != ELOOP)
        s->truncated = true;
}

/* Takes `dir`. */
static void walk(struct scan *s, int dir, size_t length, int depth)
{
    DIR *d = fdopendir(dir);
    if (!d) {
        missed(s);
        close(dir);
        return;
    }
    for (struct dirent *e; !s->truncated && (errno = 0, e = readdir(d));) {
        struct stat st;
        size_t n = strlen(e->d_name), at = length ? length + 1 : 0;
        if (skipped(s, e->d_name))
            continue;
        if (++s->entries > SCAN_ENTRIES_MAX) {
            s->truncated = true;
            break;
        }
        if (at + n > SCAN_PATH_MAX) {
            s->passed_over = true;
            continue;
        }
        if (e->d_type != DT_DIR && e->d_type != DT_REG && e->d_type != DT_UNKNOWN)
            continue;
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            missed(s);
            continue;
        }
        if (length)
            s->path[length] = '/';
        memcpy(s->path + at, e->d_name, n);
        if (S_ISREG(st.st_mode)) {
            add(s, &st, at + n);
        } else if (S_ISDIR(st.st_mode)) {
            int below = openat(
                dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
            if (below < 0)
                missed(s);
            if (depth == SCAN_DEPTH_MAX)
                s->passed_over = true;
            if (below >= 0 && depth < SCAN_DEPTH_MAX)
                walk(s, below, at + n, depth + 1);
            else
                fd_close(&below);
        }
    }
    if (errno != 0 && !s->truncated)
        missed(s); /* readdir's */
    closedir(d);
}

static void reset_peak(void)
{
    (void)!pwrite(INIT_USAGE_FD + USAGE_PEAK, "0", 1, 0); /* where the kernel allows it */
}

void scan_request(struct init *i, struct message *m)
{
    static struct scan s;
    struct message last = {.op = INIT_SCAN, .serial = m->serial};
    uint64_t flags = m->word[0];
    s = (struct scan){.m = m, .hidden = flags & INIT_SCAN_HIDDEN};
    m->length = 0;
    if (!(flags & INIT_SCAN_USAGE_ONLY)) {
        act_as(i, true);
        int data = openat(i->scratch, "data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (data >= 0)
            walk(&s, data, 0, 0);
        else
            missed(&s);
        act_as(i, false);
        flush_part(&s);
    }
    struct statvfs v;
    last.word[0] = s.files;
    last.word[1] = cgroup_read_number(INIT_USAGE_FD + USAGE_MEMORY);
    last.word[2] = cgroup_read_number(INIT_USAGE_FD + USAGE_PEAK);
    last.word[3] = cgroup_read_number(INIT_USAGE_FD + USAGE_PIDS);
    last.word[4] = cgroup_read_oom(INIT_USAGE_FD + USAGE_OOM);
    last.word[5] =
        fstatvfs(i->scratch, &v) == 0 ? (uint64_t)(v.f_blocks - v.f_bfree) * v.f_frsize : 0;
    last.word[6] = s.truncated;
    last.word[7] = s.passed_over;
    reset_peak();
    message_send(INIT_SERVER_FD, &last, NULL, 0);
}
