#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

void fd_close(int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}

void fds_close(int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fd_close(&fds[i]);
}

int fd_read_all(int fd, void *to, size_t n)
{
    for (char *p = to; n;) {
        ssize_t r = read(fd, p, n);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return r < 0 ? -errno : -EPIPE;
        p += r;
        n -= (size_t)r;
    }
    return 0;
}

int fd_write_all(int fd, const void *from, size_t n)
{
    for (const char *p = from; n;) {
        ssize_t r = write(fd, p, n);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -errno;
        p += r;
        n -= (size_t)r;
    }
    return 0;
}

int fd_write_file(int dir, const char *path, const char *text)
{
    cleanup_fd int f = openat(dir, path, O_WRONLY | O_CLOEXEC);
    if (f < 0)
        return -errno;
    return write(f, text, strlen(text)) < 0 ? -errno : 0;
}

long fd_read_file(int dir, const char *path, char *to, size_t size)
{
    cleanup_fd int f = openat(dir, path, O_RDONLY | O_CLOEXEC);
    if (f < 0)
        return -errno;
    ssize_t n = read(f, to, size - 1);
    if (n < 0)
        return -errno;
    to[n] = 0;
    return n;
}

int fd_set_nonblock(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -errno;
    return fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0 ? -errno : 0;
}
