#include "cli/run_input.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/folder.h"
#include "sandbox/identity.h"
#include "cli/commands.h"

enum { DEPTH_MAX = 32, PATH_LENGTH_MAX = 1000 };

static bool name_taken(const struct run_options *o, const char *name)
{
    for (size_t i = 0; i < o->files; i++)
        if (strcmp(o->file[i].name, name) == 0)
            return true;
    return false;
}

/* Takes fd. */
static int file_add(struct run_options *o, const char *name, int fd)
{
    struct run_file *file =
        o->files < RUN_FILES_MAX ? reallocarray(o->file, o->files + 1, sizeof(*file)) : NULL;
    char *copy = file != NULL ? strdup(name) : NULL;
    if (file != NULL)
        o->file = file;
    if (copy == NULL) {
        close(fd);
        return command_fail("run", EXIT_CLOCHE, "Too many files, or out of memory.");
    }
    o->file[o->files++] = (struct run_file){copy, fd};
    return 0;
}

int run_input_file(struct run_options *o, const char *path)
{
    char name[4096];
    struct stat st;
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return command_fail(
            "run", EXIT_CLOCHE, "--file: cannot open %s: %s.", path, strerror(errno));
    const char *base = strrchr(path, '/');
    base = base == NULL ? path : base + 1;
    if (S_ISDIR(st.st_mode) || base[0] == '\0')
        return command_fail("run", EXIT_CLOCHE, "--file: %s is a directory; see --dir.", path);
    unsigned n = 1;
    do
        run_numbered(base, n++, name);
    while (name_taken(o, name));
    return file_add(o, name, take_fd(&fd));
}

/* ---- --dir ---------------------------------------------------------------------------------------------- */

/* Adds the regular files below `dir` (taken); links and anything else stay behind. */
static int folder_add(struct run_options *o, int dir, const char *prefix, int depth)
{
    DIR *d = fdopendir(dir);
    const struct dirent *entry;
    int r = 0;
    if (d == NULL) {
        close(dir);
        return command_fail("run", EXIT_CLOCHE, "--dir: %s", strerror(errno));
    }
    while (r == 0 && (entry = readdir(d)) != NULL) {
        char path[PATH_LENGTH_MAX + 256];
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof(path), "%s%s", prefix, entry->d_name);
        int fd = openat(dirfd(d), entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))) {
            command_fail("run", 0, "--dir: %s is left out: %s.", path,
                fd < 0 ? strerror(errno) : "it is no regular file");
            fd_close(&fd);
        } else if (S_ISREG(st.st_mode)) {
            r = file_add(o, path, fd);
        } else if (depth == 0 || strlen(path) >= PATH_LENGTH_MAX - 1) {
            close(fd);
            r = command_fail("run", EXIT_CLOCHE, "--dir: %s lies too deep.", path);
        } else {
            path[strlen(path) + 1] = '\0';
            path[strlen(path)] = '/';
            r = folder_add(o, fd, path, depth - 1);
        }
    }
    closedir(d);
    return r;
}

static int folder_open(struct run_options *o)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* one descriptor for each file */
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    o->out_fd = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int walk = o->out_fd < 0 ? -1 : openat(o->out_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (walk < 0)
        return command_fail(
            "run", EXIT_CLOCHE, "--dir: cannot open %s: %s.", o->dir, strerror(errno));
    struct error e = {0};
    if (o->copies || o->files > 0 || geteuid() != 0)
        error_set(&e, ERROR_NONE, 0,
            o->copies      ? "As asked."
            : o->files > 0 ? "--file lies beside them."
                           : "Only root can mount it.");
    int probe = e.message[0] ? -EPERM : folder_mount(o->out_fd, HOST_ID_FIRST, &e);
    o->mounted = probe >= 0;
    fd_close(&probe);
    if (o->mounted) {
        close(walk);
        return 0;
    }
    fprintf(stderr,
        "cloche run: %s is copied in; files that the program changes are copied back. (%s)\n",
        o->dir, e.message);
    return folder_add(o, walk, "", DEPTH_MAX);
}

static int out_open(struct run_options *o)
{
    cleanup_free char *path = strdup(o->out);
    for (char *at = path; path != NULL && (at = strchr(at + 1, '/')) != NULL; *at = '/') {
        *at = '\0';
        mkdir(path, 0777);
    }
    if (mkdir(o->out, 0777) < 0 && errno != EEXIST)
        return command_fail(
            "run", EXIT_CLOCHE, "--out: cannot make %s: %s.", o->out, strerror(errno));
    o->out_fd = open(o->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (o->out_fd < 0)
        return command_fail(
            "run", EXIT_CLOCHE, "--out: cannot open %s: %s.", o->out, strerror(errno));
    return 0;
}

/* ---- program and standard input ------------------------------------------------------------------------- */

/* All of `from` in a memfd, at its beginning; -E2BIG beyond max. */
static int copied(int from, size_t max)
{
    char part[64 << 10];
    size_t total = 0;
    ssize_t n;
    cleanup_fd int to = memfd_create("input", MFD_CLOEXEC);
    if (to < 0)
        return -errno;
    while ((n = read(from, part, sizeof(part))) > 0) {
        total += (size_t)n;
        if (total > max)
            return -E2BIG;
        if (fd_write_all(to, part, (size_t)n) < 0)
            return -EIO;
    }
    if (n < 0 || lseek(to, 0, SEEK_SET) < 0)
        return -errno;
    return take_fd(&to);
}

static int code_open(struct run_options *o)
{
    bool standard = strcmp(o->script, "-") == 0;
    cleanup_fd int fd = standard ? -1 : open(o->script, O_RDONLY | O_CLOEXEC);
    if (!standard && fd < 0)
        return command_fail("run", EXIT_CLOCHE, "cannot open %s: %s.", o->script, strerror(errno));
    o->code = copied(standard ? STDIN_FILENO : fd, RUN_CODE_MAX);
    if (o->code == -E2BIG)
        return command_fail("run", EXIT_CLOCHE, "%s is longer than 1 MiB.", o->script);
    if (o->code < 0)
        return command_fail(
            "run", EXIT_CLOCHE, "cannot read %s: %s.", o->script, strerror(-o->code));
    return 0;
}

/* Could the program read its standard input? A pipe that nobody closes must not hold up one that
 * does not. */
static bool mentions_input(int code)
{
    static const char *const words[] = {
        "stdin", "input", "subprocess", "system", "popen", "/dev/fd", "fdopen"};
    struct stat st;
    char *text = fstat(code, &st) == 0 ? calloc(1, (size_t)st.st_size + 1) : NULL;
    bool found = text == NULL || pread(code, text, (size_t)st.st_size, 0) != st.st_size ||
                 memchr(text, '\0', (size_t)st.st_size) != NULL;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && !found; i++)
        found = strstr(text, words[i]) != NULL;
    free(text);
    return found;
}

static int stdin_open(struct run_options *o)
{
    struct stat st;
    if (strcmp(o->script, "-") == 0 || fstat(STDIN_FILENO, &st) < 0)
        return 0;
    if (isatty(STDIN_FILENO)) {
        o->asks = true;
        return 0;
    }
    if ((S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)) && !mentions_input(o->code))
        return 0;
    o->stdin_fd = copied(STDIN_FILENO, RUN_STDIN_MAX);
    if (o->stdin_fd == -E2BIG)
        return command_fail(
            "run", EXIT_CLOCHE, "Standard input is longer than %d MiB.", RUN_STDIN_MAX >> 20);
    return 0; /* one that cannot be read is none */
}

int run_input_open(struct run_options *o)
{
    int r = code_open(o);
    if (r == 0 && o->dir != NULL)
        r = folder_open(o);
    else if (r == 0 && o->out != NULL)
        r = out_open(o);
    return r != 0 ? r : stdin_open(o);
}

void run_input_close(struct run_options *o)
{
    fd_close(&o->code);
    fd_close(&o->stdin_fd);
    fd_close(&o->out_fd);
    for (size_t i = 0; i < o->files; i++) {
        free(o->file[i].name);
        close(o->file[i].fd);
    }
    free(o->file);
    o->file = NULL;
    o->files = 0;
}
