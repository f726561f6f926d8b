#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/fd.h"
#include "supervisor/supervisor.h"

/* A socket file that nobody answers on was left by a server that was killed; one that answers is
 * another server's. */
static int remove_stale(const struct plan_listener *l, struct error *e)
{
    const struct sockaddr_un *a = (const struct sockaddr_un *)&l->address;
    struct stat st;
    if (lstat(a->sun_path, &st) < 0)
        return 0;
    if (!S_ISSOCK(st.st_mode))
        return error_set(
            e, ERROR_UNAVAILABLE, EEXIST, "%.200s exists and is no socket.", a->sun_path);
    cleanup_fd int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe >= 0 &&
        (connect(probe, (const struct sockaddr *)a, l->length) == 0 || errno == EAGAIN))
        return error_set(
            e, ERROR_UNAVAILABLE, EADDRINUSE, "Somebody answers on %.200s already.", a->sun_path);
    return unlink(a->sun_path) < 0 ? error_set(e, ERROR_UNAVAILABLE, errno,
                                         "Removing the stale %.180s failed.", a->sun_path)
                                   : 0;
}

static void describe(int fd, const struct plan_listener *l, char *to, size_t size)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    char text[INET6_ADDRSTRLEN];
    if (l->address.ss_family == AF_UNIX || getsockname(fd, (struct sockaddr *)&a, &n) < 0) {
        snprintf(to, size, "%.120s", l->text);
    } else if (a.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a;
        snprintf(to, size, "%s:%u", inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text),
            ntohs(v4->sin_port));
    } else {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a;
        snprintf(to, size, "[%s]:%u", inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text),
            ntohs(v6->sin6_port));
    }
}

static int listener_open(const struct supervisor *s, struct plan_listener *l, struct error *e)
{
    int family = l->address.ss_family, one = 1;
    cleanup_fd int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set(e, ERROR_UNAVAILABLE, errno, "A socket for %s cannot be had.", l->text);
    int r = family == AF_UNIX ? remove_stale(l, e) : 0;
    if (r < 0)
        return r;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    mode_t mask = umask(0777 & ~s->plan.socket_mode);
    r = bind(fd, (struct sockaddr *)&l->address, l->length);
    int saved = errno;
    umask(mask);
    if (r < 0 && saved == EADDRINUSE)
        return error_set(e, ERROR_UNAVAILABLE, saved,
            "Cannot listen on %s: another program does; --listen names another address.", l->text);
    if (r < 0)
        return error_set(
            e, ERROR_UNAVAILABLE, saved, "Cannot listen on %s: %s.", l->text, strerror(saved));
    if (family == AF_UNIX && s->plan.server_uid && geteuid() == 0 &&
        chown(((struct sockaddr_un *)&l->address)->sun_path, 0, 0) < 0)
        return error_set(e, ERROR_UNAVAILABLE, errno, "Owning %s failed.", l->text);
    if (listen(fd, 4096) < 0)
        return error_set(
            e, ERROR_UNAVAILABLE, errno, "Cannot listen on %s: %s.", l->text, strerror(errno));
    return take_fd(&fd);
}

/* `--listen localhost:0` takes one port on both loopback addresses: the second asks for the first's. */
static void share_port(struct supervisor *s, uint32_t i)
{
    struct plan_listener *l = &s->plan.listener[i];
    struct sockaddr_in first;
    socklen_t n = sizeof first;
    if (i == 0 || l->address.ss_family != AF_INET6 ||
        strcmp(l->text, s->plan.listener[i - 1].text) ||
        s->plan.listener[i - 1].address.ss_family != AF_INET)
        return;
    if (getsockname(s->listeners[i - 1], (struct sockaddr *)&first, &n) == 0)
        ((struct sockaddr_in6 *)&l->address)->sin6_port = first.sin_port;
}

int listeners_open(struct supervisor *s, struct error *e)
{
    for (uint32_t i = 0; i < s->plan.listeners; i++) {
        share_port(s, i);
        int fd = listener_open(s, &s->plan.listener[i], e);
        if (fd < 0)
            return fd;
        s->listeners[i] = fd;
        describe(fd, &s->plan.listener[i], s->addresses[i], sizeof s->addresses[i]);
    }
    return 0;
}

void listeners_remove(struct supervisor *s)
{
    for (uint32_t i = 0; i < s->plan.listeners; i++)
        if (s->listeners[i] >= 0 && s->plan.listener[i].address.ss_family == AF_UNIX)
            unlink(((struct sockaddr_un *)&s->plan.listener[i].address)->sun_path);
}
