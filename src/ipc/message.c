#include "message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"

enum { HEAD = offsetof(struct message, text), SEND_TRIES = 100, SEND_PAUSE_US = 2000 };

/* The kernel is out of memory, or too many descriptors travel, for a moment. A message that is given up
 * is waited for for ever at the other end. */
static bool passes(int number)
{
    return number == ENOBUFS || number == ENOMEM || number == ETOOMANYREFS;
}

int message_send(int socket, const struct message *m, const int *fds, size_t n)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_MAX)];
    } control;
    if (m->length > MESSAGE_TEXT_MAX || n > MESSAGE_FDS_MAX)
        return -EINVAL;
    struct iovec v = {(void *)m, HEAD + m->length};
    struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1};
    if (n > 0) {
        memset(&control, 0, sizeof control);
        h.msg_control = control.bytes;
        h.msg_controllen = CMSG_SPACE(sizeof(int) * n);
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
        c->cmsg_len = CMSG_LEN(sizeof(int) * n);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
    }
    ssize_t r;
    for (int tries = 0; (r = sendmsg(socket, &h, MSG_NOSIGNAL)) < 0;) {
        if (passes(errno) && ++tries < SEND_TRIES)
            usleep(SEND_PAUSE_US);
        else if (errno != EINTR)
            break;
    }
    return r < 0 ? (errno == ECONNRESET ? -EPIPE : -errno) : 0;
}

/* Takes every descriptor the kernel installed, so that none is lost when the message is refused. */
static int take_descriptors(struct msghdr *h, int *fds, size_t max)
{
    size_t n = 0;
    bool excess = h->msg_flags & MSG_CTRUNC;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t got = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < got; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
            if (n < max)
                fds[n++] = fd;
            else {
                close(fd);
                excess = true;
            }
        }
    }
    if (!excess)
        return (int)n;
    fds_close(fds, n);
    return -EBADMSG;
}

int message_receive(int socket, struct message *m, int *fds, size_t max)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_MAX)];
    } control;
    struct iovec v = {m, HEAD + MESSAGE_TEXT_MAX}; /* sizeof *m has padding behind the text */
    struct msghdr h = {.msg_iov = &v,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes};
    ssize_t r;
    for (size_t i = 0; i < max; i++)
        fds[i] = -1;
    /* A peer that ended without reading all is told of once (ECONNRESET), before what it said last. */
    do
        r = recvmsg(socket, &h, MSG_CMSG_CLOEXEC);
    while (r < 0 && (errno == EINTR || errno == ECONNRESET));
    if (r < 0)
        return -errno;
    int n = take_descriptors(&h, fds, max);
    if (r == 0 && n == 0)
        return -EPIPE;
    if (n >= 0 && (r < HEAD || (h.msg_flags & MSG_TRUNC) || r != HEAD + m->length)) {
        fds_close(fds, (size_t)n);
        return -EBADMSG;
    }
    if (n >= 0)
        m->text[m->length] = 0;
    return n;
}

void message_text(struct message *m, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(m->text, sizeof m->text, format, ap);
    va_end(ap);
    m->length = (uint16_t)(n < 0 ? 0 : n > MESSAGE_TEXT_MAX ? MESSAGE_TEXT_MAX : n);
}

int message_permitted(const struct permit *table, size_t n, const struct message *m, int fds)
{
    for (size_t i = 0; i < n; i++)
        if (table[i].op == m->op)
            return fds >= table[i].fds_min && fds <= table[i].fds_max &&
                           (table[i].text || m->length == 0)
                       ? 0
                       : -EBADMSG;
    return -EBADMSG;
}
