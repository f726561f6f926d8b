/* run_out.c - writing what a sandbox made into the user's own directory.
 *
 * The names come from hostile code: they are taken apart at '/', each part is opened or made below the
 * one before without following any link, and nothing that exists is overwritten (but by --dir, whose
 * point that is). The content is read by offset, holes stay holes. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/commands.h"
#include "cli/run.h"

enum { NUMBERS_MAX = 10000, NAMED_MAX = 20, PART_MAX = 255 };

const char *run_printable(const char *text, char out[256])
{
    size_t n = 0;
    for (; text[n] != '\0' && n < 200; n++)
        out[n] = (unsigned char)text[n] < 32 || text[n] == 127 ? '?' : text[n];
    out[n] = '\0';
    return out;
}

void run_numbered(const char *path, unsigned n, char out[4096])
{
    const char *base = strrchr(path, '/');
    base = base == NULL ? path : base + 1;
    const char *dot = strrchr(base, '.');
    int stem = dot == NULL || dot == base ? (int)strlen(path) : (int)(dot - path);
    if (n <= 1)
        snprintf(out, 4096, "%s", path);
    else
        snprintf(out, 4096, "%.*s (%u)%s", stem, path, n, path + stem);
}

const char *run_picture_extension(const char *mime)
{
    static const char *const known[][2] = {
        {"image/png", "png"},
        {"image/jpeg", "jpg"},
        {"image/svg+xml", "svg"},
        {"image/gif", "gif"},
        {"image/webp", "webp"},
        {"application/pdf", "pdf"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(known[i][0], mime) == 0)
            return known[i][1];
    return NULL;
}

static int open_beneath(int dir, const char *name, uint64_t flags, uint64_t mode)
{
    struct open_how how = {
        .flags = flags | O_CLOEXEC | O_NOFOLLOW,
        .mode = mode,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));
    return fd < 0 ? -errno : (int)fd;
}

/* Opens the directory that `path`'s last part lies in, making what is missing. *ret_name points to
 * that part, inside `path`, which is cut up. */
static int parent_open(int dir, char *path, char **ret_name)
{
    cleanup_fd int at = fcntl(dir, F_DUPFD_CLOEXEC, 0);
    if (at < 0)
        return -errno;
    for (char *part = path, *slash;; part = slash + 1) {
        slash = strchr(part, '/');
        if (slash != NULL)
            *slash = '\0';
        if (part[0] == '\0' || strcmp(part, ".") == 0 || strcmp(part, "..") == 0)
            return -EINVAL;
        if (slash == NULL) {
            *ret_name = part;
            return take_fd(&at);
        }
        if (mkdirat(at, part, 0777) < 0 && errno != EEXIST)
            return -errno;
        int next = open_beneath(at, part, O_PATH | O_DIRECTORY, 0);
        if (next < 0)
            return next;
        close(at);
        at = next;
    }
}

/* Up to `bytes` of `from`, by offset; holes are stepped over. What is shorter than promised stays so. */
static int copy_content(int from, uint64_t bytes, int to)
{
    static char part[256 << 10];
    off_t at = 0, end = (off_t)bytes;
    while (at < end) {
        off_t data = lseek(from, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break;
        if (data >= 0)
            at = data;
        off_t hole = lseek(from, at, SEEK_HOLE);
        if (hole < 0 || hole > end)
            hole = end;
        while (at < hole) {
            size_t want = (size_t)(hole - at) < sizeof(part) ? (size_t)(hole - at) : sizeof(part);
            ssize_t n = pread(from, part, want, at);
            if (n <= 0)
                return n < 0 ? -errno : ftruncate(to, at);
            for (ssize_t done = 0; done < n;) {
                ssize_t w = pwrite(to, part + done, (size_t)(n - done), at + done);
                if (w < 0)
                    return -errno;
                done += w;
            }
            at += n;
        }
    }
    return ftruncate(to, end) < 0 ? -errno : 0;
}

/* A new file beside what is there; `chosen` gets the name it was given. */
static int store_new(int dir, const char *name, int fd, uint64_t bytes, char chosen[4096])
{
    for (unsigned n = 1; n <= NUMBERS_MAX; n++) {
        run_numbered(name, n, chosen);
        cleanup_fd int to = open_beneath(dir, chosen, O_WRONLY | O_CREAT | O_EXCL, 0666);
        if (to == -EEXIST)
            continue;
        return to < 0 ? to : copy_content(fd, bytes, to);
    }
    return -EEXIST;
}

/* In the place of what is there, whole or not at all. */
static int store_replacing(int dir, const char *name, int fd, uint64_t bytes)
{
    char temporary[64];
    struct stat st;
    snprintf(temporary, sizeof(temporary), ".cloche-%d.tmp", getpid());
    bool there = fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (there && !S_ISREG(st.st_mode))
        return -EEXIST;
    cleanup_fd int to = open_beneath(dir, temporary, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (to < 0)
        return to;
    int r = copy_content(fd, bytes, to);
    if (r == 0 && there)
        fchmod(to, st.st_mode & 0777);
    if (r == 0 && renameat(dir, temporary, dir, name) < 0)
        r = -errno;
    if (r < 0)
        unlinkat(dir, temporary, 0);
    return r;
}

static void size_text(uint64_t bytes, char out[32])
{
    static const char *const units[] = {"bytes", "KB", "MB", "GB", "TB"};
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1000 && unit < 4; unit++)
        value /= 1000;
    snprintf(out, 32, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

void run_out_file(struct run_out *o, const char *path, int fd, uint64_t bytes)
{
    char shown[256], size[32], chosen[4096];
    size_text(bytes, size);
    if (o->dir < 0 || fd < 0) {
        if (o->named++ < NAMED_MAX)
            fprintf(stderr, "cloche run: made %s (%s)\n", run_printable(path, shown), size);
        return;
    }
    cleanup_free char *copy = strdup(path);
    char *name = copy;
    cleanup_fd int dir = copy == NULL ? -ENOMEM : parent_open(o->dir, copy, &name);
    int r = dir;
    if (dir >= 0)
        r = o->replace ? store_replacing(dir, name, fd, bytes)
                       : store_new(dir, name, fd, bytes, chosen);
    if (r < 0) {
        o->failed = true;
        command_fail("run", 0, "%s (%s) could not be kept: %s.", run_printable(path, shown), size,
            strerror(-r));
    }
}

void run_out_figure(struct run_out *o, const char *extension, int fd)
{
    char name[64];
    struct stat st;
    snprintf(name, sizeof(name), "figure-%u.%.8s", ++o->figures, extension);
    if (fstat(fd, &st) == 0)
        run_out_file(o, name, fd, (uint64_t)st.st_size);
}

void run_out_end(struct run_out *o)
{
    if (o->named > NAMED_MAX)
        fprintf(stderr, "cloche run: and %u more\n", o->named - NAMED_MAX);
    if (o->named > 0)
        fprintf(stderr, "cloche run: %s dropped; --out DIR keeps what is made.\n",
            o->named == 1 ? "It was" : "They were");
}

bool run_read_line(const char *prompt, bool password, struct strbuf *ret)
{
    struct termios before, quiet;
    bool hide = password && tcgetattr(STDIN_FILENO, &before) == 0;
    if (hide) {
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    fputs(prompt, stdout);
    fflush(stdout);
    char c;
    ssize_t n;
    while ((n = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n')
        strbuf_append(ret, &c, 1);
    if (hide) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stdout);
    }
    return n >= 0;
}
