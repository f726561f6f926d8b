/* The netlink sockets of user code. getifaddrs, psutil.net_if_addrs and whatever asks for addresses need one
 * for a moment, but what waits in such a socket is not charged to the cgroup: with the size and number that user
 * code may choose, one session held gigabytes of the host. So the second filter does not let user code make
 * one. It asks (asked.c), and init puts into the asking process a socket that it made itself: of NETLINK_ROUTE,
 * with small buffers (the filter keeps them small), and only while few exist in this network namespace,
 * wherever they are, in flight between processes included.
 *
 * That init made the socket gives no right: rtnetlink asks for the sender's capabilities, too. */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "init/init.h"

/* The kernel doubles the size. A dump goes on when it has been read, so small buffers hold long answers. */
enum { SOCKETS_MOST = 16, BUFFER_BYTES = 16 << 10 };

/* In this network namespace, open anywhere; -1: cannot be known. */
static long netlink_sockets(void)
{
    char line[256];
    long n = -1;
    FILE *f = fopen("/proc/net/protocols", "re");
    while (f && n < 0 && fgets(line, sizeof line, f))
        if (sscanf(line, "NETLINK %*d %ld", &n) != 1)
            n = -1;
    if (f)
        fclose(f);
    return n;
}

int netlink_socket(const struct seccomp_data *call)
{
    const int size = BUFFER_BYTES, type = (int)call->args[1];
    const int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    if ((int)call->args[0] != AF_NETLINK || (int)call->args[2] != NETLINK_ROUTE)
        return -EPERM;
    if (kind != SOCK_RAW && kind != SOCK_DGRAM)
        return -ESOCKTNOSUPPORT;
    long have = netlink_sockets();
    if (have < 0 || have >= SOCKETS_MOST)
        return have < 0 ? -EPERM : -EMFILE;
    int s = socket(AF_NETLINK, type | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (s >= 0 && setsockopt(s, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) == 0 &&
        setsockopt(s, SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0)
        return s;
    int saved = errno;
    fd_close(&s);
    return -saved;
}
