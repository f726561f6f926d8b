#include "env/generation.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/fd.h"

static bool name_part(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool environment_name_valid(const char *name)
{
    if (!name_part(name[0]))
        return false;
    size_t n = 1;
    for (; name[n] != '\0'; n++)
        if (n >= ENVIRONMENT_NAME_SIZE - 1 ||
            (!name_part(name[n]) && strchr("._-", name[n]) == NULL))
            return false;
    return n < ENVIRONMENT_NAME_SIZE;
}

bool generation_name_valid(const char *name)
{
    size_t n = strspn(name, "0123456789abcdefTZ-");
    return n > 0 && n < GENERATION_SIZE && name[n] == '\0';
}

int generation_current(int environment, char ret_name[GENERATION_SIZE])
{
    char target[GENERATION_SIZE];
    ssize_t n = readlinkat(environment, "current", target, sizeof(target));
    if (n < 0)
        return -errno;
    if ((size_t)n == sizeof(target))
        return -EINVAL;
    target[n] = '\0';
    if (!generation_name_valid(target))
        return -EINVAL;
    memcpy(ret_name, target, n + 1);
    return 0;
}

/* One try. -EAGAIN: the generation was removed between our reading `current` and our lock. */
static int hold_once(int environment, struct generation *ret)
{
    char name[GENERATION_SIZE];
    int r = generation_current(environment, name);
    if (r < 0)
        return r;
    cleanup_fd int directory =
        openat(environment, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0)
        return errno == ENOENT ? -EAGAIN : -errno;
    cleanup_fd int lock = openat(directory, "use.lock", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (lock < 0)
        return errno == ENOENT ? -EAGAIN : -errno;
    struct stat st;
    if (flock(lock, LOCK_SH | LOCK_NB) < 0) /* only its remover holds it exclusive */
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    if (fstat(lock, &st) < 0)
        return -errno;
    if (st.st_nlink == 0)
        return -EAGAIN;
    memcpy(ret->name, name, sizeof(name));
    ret->directory = take_fd(&directory);
    ret->lock = take_fd(&lock);
    return 0;
}

int generation_hold(int environments, const char *name, struct generation *ret, struct error *e)
{
    if (!environment_name_valid(name))
        return error_param(e, ERROR_INVALID_VALUE, "environment",
            "An environment's name is 1 to 63 of a-z, 0-9, '.', '_' and '-'.");
    cleanup_fd int environment =
        openat(environments, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int r = environment < 0 ? -errno : -EAGAIN;
    for (int i = 0; i < 20 && r == -EAGAIN; i++) {
        if (i > 0)
            usleep(10000);
        r = hold_once(environment, ret);
    }
    if (r == -ENOENT || r == -EAGAIN)
        return error_set(e, ERROR_ENVIRONMENT_NOT_BUILT, ENOENT,
            "The environment \"%s\" is not built; `cloche env build %s` builds it.", name, name);
    if (r < 0)
        return error_set(e, ERROR_INTERNAL, -r, "The environment \"%s\" cannot be opened: %s.",
            name, strerror(-r));
    return 0;
}

void generation_release(struct generation *g)
{
    fd_close(&g->directory);
    fd_close(&g->lock);
}
