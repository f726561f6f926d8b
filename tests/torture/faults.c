#include "faults.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_uint kinds;
static atomic_long count;
static long wanted;
static int errno_wanted;
static const char *_Atomic hit, *_Atomic last = "nothing";
static _Thread_local bool mine;

static int own_number(unsigned kind)
{
    return kind == FAULT_DESCRIPTORS ? EMFILE
           : kind == FAULT_FILES     ? EIO
           : kind == FAULT_SENDS     ? ENOBUFS
                                     : ENOMEM;
}

static bool reached(unsigned kind, const char *name)
{
    unsigned now = atomic_load(&kinds);
    if (!(now & kind) || (!mine && !(now & FAULT_ALL_THREADS)) ||
        atomic_fetch_add(&count, 1) + 1 != wanted)
        return false;
    atomic_store(&hit, name);
    atomic_store(&last, name);
    return true;
}

bool fault_here(unsigned kind, const char *name)
{
    if (!reached(kind, name))
        return false;
    errno = errno_wanted ? errno_wanted : own_number(kind);
    return true;
}

void fault_arm(unsigned k, long n, int number)
{
    atomic_store(&hit, NULL);
    atomic_store(&count, 0);
    wanted = n;
    errno_wanted = number;
    mine = true;
    atomic_store(&kinds, k);
}

bool fault_disarm(void)
{
    atomic_store(&kinds, 0);
    mine = false;
    return atomic_load(&hit) != NULL;
}

const char *fault_name(void) { return atomic_load(&last); }

int fault_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* ---- the calls ------------------------------------------------------------------------------------- */

/* WRAP(kind, failure, type, name, (parameters), (arguments)). Everything is built for large files, which is
 * the 64 in some names. */
#define WRAP(kind, failure, type, name, parameters, arguments) \
    type __real_##name parameters; \
    type __wrap_##name parameters; \
    type __wrap_##name parameters \
    { \
        return fault_here(kind, #name) ? (failure) : __real_##name arguments; \
    }

WRAP(FAULT_MEMORY, NULL, void *, malloc, (size_t n), (n))
WRAP(FAULT_MEMORY, NULL, void *, calloc, (size_t n, size_t size), (n, size))
WRAP(FAULT_MEMORY, NULL, void *, realloc, (void *p, size_t n), (p, n))
WRAP(FAULT_MEMORY, NULL, char *, strdup, (const char *s), (s))
WRAP(FAULT_MEMORY, NULL, char *, strndup, (const char *s, size_t n), (s, n))
WRAP(
    FAULT_MEMORY, -1, int, vasprintf, (char **to, const char *format, va_list ap), (to, format, ap))

WRAP(FAULT_DESCRIPTORS, -1, int, socketpair, (int a, int b, int c, int fds[2]), (a, b, c, fds))
WRAP(FAULT_DESCRIPTORS, -1, int, pipe2, (int fds[2], int flags), (fds, flags))
WRAP(FAULT_DESCRIPTORS, NULL, DIR *, fdopendir, (int fd), (fd))

WRAP(FAULT_SENDS, -1, ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
WRAP(FAULT_RECEIVES, -1, ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags))

WRAP(FAULT_FILES, -1, ssize_t, pread64, (int fd, void *to, size_t n, off_t at), (fd, to, n, at))
WRAP(FAULT_FILES, -1, ssize_t, pwrite64, (int fd, const void *from, size_t n, off_t at),
    (fd, from, n, at))
WRAP(FAULT_FILES, -1, int, mkdirat, (int dir, const char *path, mode_t mode), (dir, path, mode))
WRAP(FAULT_FILES, -1, int, unlinkat, (int dir, const char *path, int flags), (dir, path, flags))
WRAP(FAULT_FILES, -1, int, renameat, (int a, const char *from, int b, const char *to),
    (a, from, b, to))
WRAP(FAULT_FILES, -1, int, unlink, (const char *path), (path))
WRAP(FAULT_FILES, -1, int, ftruncate64, (int fd, off_t n), (fd, n))
WRAP(FAULT_FILES, -1, int, fstat64, (int fd, struct stat *st), (fd, st))
WRAP(FAULT_FILES, -1, int, fstatvfs64, (int fd, struct statvfs *st), (fd, st))
WRAP(FAULT_FILES, EIO, int, posix_fallocate64, (int fd, off_t at, off_t n), (fd, at, n))

ssize_t __real_read(int fd, void *to, size_t n);
ssize_t __wrap_read(int fd, void *to, size_t n);
ssize_t __wrap_read(int fd, void *to, size_t n)
{
    if (n > 1 && reached(FAULT_SHORT, "read"))
        n = 1;
    return fault_here(FAULT_FILES, "read") ? -1 : __real_read(fd, to, n);
}

ssize_t __real_write(int fd, const void *from, size_t n);
ssize_t __wrap_write(int fd, const void *from, size_t n);
ssize_t __wrap_write(int fd, const void *from, size_t n)
{
    if (n > 1 && reached(FAULT_SHORT, "write"))
        n = 1;
    return fault_here(FAULT_FILES, "write") ? -1 : __real_write(fd, from, n);
}

ssize_t __real_writev(int fd, const struct iovec *v, int n);
ssize_t __wrap_writev(int fd, const struct iovec *v, int n);
ssize_t __wrap_writev(int fd, const struct iovec *v, int n)
{
    if (n > 0 && v[0].iov_len > 1 && reached(FAULT_SHORT, "writev"))
        return __real_write(fd, v[0].iov_base, 1);
    return fault_here(FAULT_FILES, "writev") ? -1 : __real_writev(fd, v, n);
}

/* Variadic calls pass their one optional word on, whether or not it is there. */
#define OPTIONAL(last) \
    va_list ap; \
    va_start(ap, last); \
    long more = va_arg(ap, long); \
    va_end(ap)

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
    OPTIONAL(flags);
    return fault_here(FAULT_DESCRIPTORS, "open") ? -1 : __real_open64(path, flags, (mode_t)more);
}

int __real_openat64(int dir, const char *path, int flags, ...);
int __wrap_openat64(int dir, const char *path, int flags, ...);
int __wrap_openat64(int dir, const char *path, int flags, ...)
{
    OPTIONAL(flags);
    return fault_here(FAULT_DESCRIPTORS, "openat")
               ? -1
               : __real_openat64(dir, path, flags, (mode_t)more);
}

int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...)
{
    OPTIONAL(command);
    bool makes = command == F_DUPFD_CLOEXEC || command == F_DUPFD;
    return makes && fault_here(FAULT_DESCRIPTORS, "fcntl") ? -1 : __real_fcntl64(fd, command, more);
}

/* SQLite has no hook for these two: being defined here, they stand before libc's for its library too. */
int fsync(int fd) { return fault_here(FAULT_FILES, "fsync") ? -1 : (int)syscall(SYS_fsync, fd); }
int fdatasync(int fd)
{
    return fault_here(FAULT_FILES, "fdatasync") ? -1 : (int)syscall(SYS_fdatasync, fd);
}
