/* fd.h - descriptors and memory with a visible owner. -1 is "no descriptor", 0 is a descriptor.
 * Used by every process; everything here is allowed after clone. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

static inline void fd_cleanup(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
static inline void free_cleanup(void *p) { free(*(void **)p); }

#define cleanup_fd __attribute__((cleanup(fd_cleanup)))
#define cleanup_free __attribute__((cleanup(free_cleanup)))

/* Moves a descriptor, or a pointer, out of a variable: the variable no longer owns it. */
static inline int take_fd(int *fd)
{
    int out = *fd;
    *fd = -1;
    return out;
}
#define take_ptr(p) \
    ({ \
        __typeof__(p) taken_ = (p); \
        (p) = NULL; \
        taken_; \
    })

/* Closes `*fd` if it is one, and leaves -1. Keeps errno. */
void fd_close(int *fd);
/* Closes n descriptors and leaves -1 in each. Keeps errno. */
void fds_close(int *fds, size_t n);
/* Reads or writes exactly n bytes, whatever interrupts. 0; -errno; reading past the end: -EPIPE. Block. */
int fd_read_all(int fd, void *to, size_t n);
int fd_write_all(int fd, const void *from, size_t n);
/* Opens `path` below `dir` (AT_FDCWD allowed), writes or reads it in one call. 0 or the length; -errno.
 * The text read is NUL-terminated and at most size - 1 long. For files in /proc, /sys and cgroups only. */
int fd_write_file(int dir, const char *path, const char *text);
long fd_read_file(int dir, const char *path, char *to, size_t size);
/* Sets or clears O_NONBLOCK. 0 or -errno. */
int fd_set_nonblock(int fd, bool on);
