/* What user code asks init, by system calls that its second filter does not judge by itself: a filter sees numbers
 * only. Each call waits, stopped, until it is answered here. Its arguments come from the registers of a process
 * that waits meanwhile, which nothing of its session can change (ptrace is refused); none that is looked at
 * points to memory.
 *
 * An answer is for one call of one thread. If that thread dies meanwhile, or a signal takes it out of the call
 * (before Linux 5.19; later only until the question is received), the answer finds nobody (ENOENT), whatever has
 * got its number since. One call is answered for each turn of init's loop, so that who asks without end delays no
 * signal, kill or file by more than one answer. */
#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "init/init.h"

#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND 2 /* Linux 5.14 */
#endif

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64) /* Linux 6.6 */
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1UL
#endif

/* Whoever asks waits, so init may take over its core: half the time of another's waking up. */
void asked_from(struct init *i, int listener)
{
    fd_close(&i->listener); /* a former kernel's: what it left behind asks in vain */
    i->listener = listener;
    (void)!ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
}

/* The answers' own failures are let go: then whoever asked has died, and nobody is to be told. */
static void refuse(const struct init *i, const struct seccomp_notif *asked, int r)
{
    struct seccomp_notif_resp no = {.id = asked->id, .error = r};
    (void)!ioctl(i->listener, SECCOMP_IOCTL_NOTIF_SEND, &no);
}

/* Linux does what was asked, with the arguments and rights of whoever asked. */
static void let_go_on(const struct init *i, const struct seccomp_notif *asked)
{
    struct seccomp_notif_resp yes = {.id = asked->id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    if (ioctl(i->listener, SECCOMP_IOCTL_NOTIF_SEND, &yes) < 0 && errno != ENOENT)
        refuse(i, asked, -EPERM); /* Linux before 5.5 */
}

static void give_socket(const struct init *i, const struct seccomp_notif *asked)
{
    cleanup_fd int s = netlink_socket(&asked->data);
    struct seccomp_notif_addfd give = {.id = asked->id,
        .flags = SECCOMP_ADDFD_FLAG_SEND,
        .srcfd = (uint32_t)s,
        .newfd_flags = asked->data.args[1] & SOCK_CLOEXEC};
    int r = s < 0 ? s : ioctl(i->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &give) < 0 ? -errno : 0;
    if (r < 0)
        refuse(i, asked, r);
}

static void answer(const struct init *i, const struct seccomp_notif *asked)
{
    if (asked->data.nr == SYS_socket) {
        give_socket(i, asked);
        return;
    }
    int r = asked->data.nr == SYS_fcntl    ? locks_judge()
            : asked->data.nr == SYS_listen ? listen_judge()
                                           : thread_judge((pid_t)asked->pid, &asked->data);
    if (r == 0)
        let_go_on(i, asked);
    else
        refuse(i, asked, r);
}

void asked_request(struct init *i)
{
    struct seccomp_notif asked = {0};
    struct pollfd p = {i->listener, POLLIN, 0};
    if (poll(&p, 1, 0) < 0 || p.revents == 0)
        return;
    if (!(p.revents & POLLIN)) { /* nobody is left who could ask; receiving could wait for ever */
        fd_close(&i->listener);
        return;
    }
    if (ioctl(i->listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) == 0)
        answer(i, &asked);
    else if (errno != ENOENT && errno != EINTR) /* else who asked has died; this is no listener */
        fd_close(&i->listener);
}
