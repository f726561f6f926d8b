#include "sandbox/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/identity.h"

#ifndef __x86_64__
#error "The second filter is written for x86-64; review every number before adding an architecture."
#endif

static const struct sock_filter first[] = {
#include "filter_first.inc"
};

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* The low half of an argument: the kernel truncates ids, pids and flags of these calls to 32 bits. */
#define ARG(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[n]))
#define ARG_HIGH(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[n]) + 4)
#define EQ(v, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (v), (yes), (no))
#define ANY_BIT(v, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (v), (yes), (no))
#define RET(v) BPF_STMT(BPF_RET | BPF_K, (v))
#define ALLOW RET(SECCOMP_RET_ALLOW)
#define REFUSE(e) RET(SECCOMP_RET_ERRNO | (e))
/* Init answers. `e` is the answer where there is no init to ask, 0: what was asked is done; Linux takes no notice
 * of it here. */
#define ASK_INIT(e) RET(SECCOMP_RET_USER_NOTIF | (e))
/* One argument must be KERNEL_ID or -1 ("unchanged"); falls through if so. */
#define ID(n) ARG(n), EQ(KERNEL_ID, 2, 0), EQ(0xffffffff, 1, 0), REFUSE(EPERM)
#define LENGTH_ID 4

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452 /* Linux 6.6 */
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* Linux 5.19 */
#endif
#ifndef F_SETOWN_EX
#define F_SETOWN_EX 15
#endif
enum { PAGE = 4096, INIT = 1 /* its pid, and its process group */ };
enum { SET_ID = S_ISUID | S_ISGID, MAKES_FILE = O_CREAT | (O_TMPFILE & ~O_DIRECTORY) };

/* What each rule is for:
 *   above the reviewed     ENOSYS: a call nobody has read about
 *   clone3                 ENOSYS: libc falls back to clone, whose flags the first filter sees
 *   clone CLONE_PARENT     EPERM: the child would be its parent's sibling, the warden's child
 *   clone CLONE_FILES      EPERM, but for threads: locks are the open files', and shown (to init, who counts them)
 *                          for as long as who took them lives
 *   setns                  EPERM until branches need it
 *   set*id, setgroups      only to its own: a kernel owns the user namespaces of its branches, has
 *                          every capability there, and could become any id mapped there
 *   kill and its kin       EPERM for init's number, 1, which Linux allows where init's id is the kernel's as well. No
 *                          group: init's has that number, too, and kill(-1) leaves pid 1 out
 *   pidfd_send_signal      ENOSYS, as before it was invented: /proc/1 is a pidfd, too, and no filter sees what is open
 *   F_SETOWN               EPERM for init's number and its group's, which would get SIGIO; F_SETOWN_EX EINVAL, as
 *                          before it was invented: the number is in memory (the ioctls: filter_table.h)
 *   prlimit64, sched_setaffinity, setpriority  of oneself only: 0 is; init knows whether another number is a
 *                          thread of the caller's own group (src/init/thread.c). No group and no user
 *   RLIMIT_CORE            not set: at 1 no handler of the host is run over a crash; at 0 it is
 *   socket of netlink      init makes it, few and small ones (src/init/netlink.c): no limit counts what waits
 *                          in them. NETLINK_ROUTE only; EPERM for every other protocol
 *   setsockopt of buffers  done without doing: at what init gave them they stay small
 *   SO_LINGER              done without doing: the first filter refuses it
 *   socket, socketpair     TCP and UDP: each other protocol is a module, or code that few have read
 *   seccomp, PR_SET_SECCOMP  EINVAL, as a host without filters says: compiled ones fill a pool of the host
 *   fcntl of locks         init counts them (src/init/locks.c): no limit does. Those of open file descriptions
 *                          EINVAL, as before they were invented: every pid namespace is shown them
 *   listen                 init lets few be (src/init/listen.c): no limit counts connections that nobody accepts
 *   PR_SCHED_CORE          EINVAL: a task with a mark of its own keeps the other half of its core idle
 *   sync, syncfs           done: there is nothing to write out in memory, only all that others have written
 *   fsync, fdatasync, msync  done, likewise: of a read-only file of the host's it is a flush of the host's disk.
 *                          None of the five with a folder of the host as /mnt/data, whose files are to be safe
 *   modes of files         no set-user-id and set-group-id bit: in a folder of the host that is mounted as
 *                          /mnt/data the kernel's programs belong to the folder's owner. openat2 and fchmodat2
 *                          ENOSYS: the mode of the one is in memory, of the other callers try the older */
/* clang-format off: a listing */
#define BEGIN \
    LOAD(arch), EQ(AUDIT_ARCH_X86_64, 1, 0), REFUSE(ENOSYS), LOAD(nr), \
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, HIGHEST_REVIEWED_SYSCALL, 0, 1), REFUSE(ENOSYS)
#define FLUSHES \
    EQ(SYS_sync, 3, 0), EQ(SYS_syncfs, 2, 0), EQ(SYS_fsync, 1, 0), EQ(SYS_fdatasync, 0, 1), \
        REFUSE(0), EQ(SYS_msync, 0, 7), ARG(0), \
        ANY_BIT(PAGE - 1, 4, 0), /* an address that Linux refuses */ \
        ARG(2), EQ(MS_SYNC, 1, 0), EQ(MS_SYNC | MS_INVALIDATE, 0, 1), REFUSE(0), ALLOW
static const struct sock_filter begin[] = {BEGIN}, flushes[] = {FLUSHES};
static const struct sock_filter second[] = {
    BEGIN,
    FLUSHES,
    EQ(SYS_clone3, 0, 1),
    REFUSE(ENOSYS),
    EQ(SYS_setgroups, 1, 0),
    EQ(SYS_setns, 0, 1),
    REFUSE(EPERM),
    EQ(SYS_clone, 0, 6),
    ARG(0),
    ANY_BIT(CLONE_PARENT, 2, 0),
    ANY_BIT(CLONE_FILES, 0, 2),
    ANY_BIT(CLONE_THREAD, 1, 0),
    REFUSE(EPERM),
    ALLOW,
    EQ(SYS_kill, 4, 0),
    EQ(SYS_tkill, 3, 0),
    EQ(SYS_tgkill, 2, 0), /* whose first number is the group's: init has no other thread */
    EQ(SYS_rt_sigqueueinfo, 1, 0),
    EQ(SYS_rt_tgsigqueueinfo, 0, 4),
    ARG(0),
    EQ(INIT, 0, 1),
    REFUSE(EPERM),
    ALLOW,
    EQ(SYS_sched_setaffinity, 0, 4),
    ARG(0),
    EQ(0, 0, 1),
    ALLOW,
    ASK_INIT(EPERM),
    EQ(SYS_prlimit64, 0, 11),
    ARG(1),
    EQ(RLIMIT_CORE, 0, 5),
    ARG(2),
    EQ(0, 0, 2),
    ARG_HIGH(2),
    EQ(0, 1, 0),
    REFUSE(EPERM),
    ARG(0),
    EQ(0, 0, 1),
    ALLOW,
    ASK_INIT(EPERM),
    EQ(SYS_setrlimit, 0, 4),
    ARG(0),
    EQ(RLIMIT_CORE, 0, 1),
    REFUSE(EPERM),
    ALLOW,
    EQ(SYS_socket, 0, 7),
    ARG(0),
    EQ(AF_NETLINK, 0, 4),
    ARG(2),
    EQ(NETLINK_ROUTE, 0, 1),
    ASK_INIT(ENOSYS),
    REFUSE(EPERM),
    LOAD(nr),
    EQ(SYS_setsockopt, 0, 8),
    ARG(1),
    EQ(SOL_SOCKET, 0, 4),
    ARG(2),
    EQ(SO_SNDBUF, 3, 0),
    EQ(SO_RCVBUF, 2, 0),
    EQ(SO_LINGER, 1, 0),
    ALLOW,
    REFUSE(0),
    EQ(SYS_socket, 1, 0),
    EQ(SYS_socketpair, 0, 8),
    ARG(0),
    EQ(AF_UNIX, 5, 0),
    ARG(2),
    EQ(0, 3, 0),
    EQ(IPPROTO_TCP, 2, 0),
    EQ(IPPROTO_UDP, 1, 0),
    REFUSE(EPROTONOSUPPORT),
    ALLOW,
    EQ(SYS_seccomp, 0, 4),
    ARG(0),
    EQ(SECCOMP_SET_MODE_FILTER, 0, 1),
    REFUSE(EINVAL),
    ALLOW,
    EQ(SYS_prctl, 0, 5),
    ARG(0),
    EQ(PR_SET_SECCOMP, 1, 0),
    EQ(PR_SCHED_CORE, 0, 1),
    REFUSE(EINVAL),
    ALLOW,
    EQ(SYS_fcntl, 0, 14),
    ARG(1),
    EQ(F_SETLK, 1, 0),
    EQ(F_SETLKW, 0, 1),
    ASK_INIT(0),
    EQ(F_OFD_SETLK, 2, 0),
    EQ(F_OFD_SETLKW, 1, 0),
    EQ(F_SETOWN_EX, 0, 1),
    REFUSE(EINVAL),
    EQ(F_SETOWN, 0, 4),
    ARG(2),
    EQ(INIT, 1, 0),
    EQ((uint32_t)-INIT, 0, 1),
    REFUSE(EPERM),
    ALLOW,
    EQ(SYS_listen, 0, 1),
    ASK_INIT(0),
    EQ(SYS_setpriority, 0, 7),
    ARG(0),
    EQ(PRIO_PROCESS, 1, 0),
    REFUSE(EPERM),
    ARG(1),
    EQ(0, 0, 1),
    ALLOW,
    ASK_INIT(EPERM),
    EQ(SYS_setuid, 3, 0),
    EQ(SYS_setgid, 2, 0),
    EQ(SYS_setfsuid, 1, 0),
    EQ(SYS_setfsgid, 0, LENGTH_ID + 1),
    ID(0),
    ALLOW,
    EQ(SYS_setreuid, 1, 0),
    EQ(SYS_setregid, 0, 2 * LENGTH_ID + 1),
    ID(0),
    ID(1),
    ALLOW,
    EQ(SYS_setresuid, 1, 0),
    EQ(SYS_setresgid, 0, 3 * LENGTH_ID + 1),
    ID(0),
    ID(1),
    ID(2),
    ALLOW,
    EQ(SYS_openat2, 2, 0),
    EQ(SYS_fchmodat2, 1, 0),
    EQ(SYS_pidfd_send_signal, 0, 1),
    REFUSE(ENOSYS),
    EQ(SYS_chmod, 3, 0),
    EQ(SYS_fchmod, 2, 0),
    EQ(SYS_creat, 1, 0),
    EQ(SYS_mknod, 0, 4),
    ARG(1),
    ANY_BIT(SET_ID, 0, 1),
    REFUSE(EPERM),
    ALLOW,
    EQ(SYS_fchmodat, 1, 0),
    EQ(SYS_mknodat, 0, 4),
    ARG(2),
    ANY_BIT(SET_ID, 0, 1),
    REFUSE(EPERM),
    ALLOW,
    EQ(SYS_open, 0, 6),
    ARG(1),
    ANY_BIT(MAKES_FILE, 0, 3),
    ARG(2),
    ANY_BIT(SET_ID, 0, 1),
    REFUSE(EPERM),
    ALLOW,
    EQ(SYS_openat, 0, 6),
    ARG(2),
    ANY_BIT(MAKES_FILE, 0, 3),
    ARG(3),
    ANY_BIT(SET_ID, 0, 1),
    REFUSE(EPERM),
    ALLOW,
    ALLOW,
};
/* clang-format on */

/* The server parses what strangers send and starts nothing: a program, a namespace, another id, a signal to
 * another process would be a stranger's wish. clone3 is ENOSYS, so that threads are made by clone, whose flags
 * are seen. */
#define OWN_PID \
    0x7fffffff /* no pid is that large: filter_load_server puts the process's own there */
/* clang-format off: a listing */
static const struct sock_filter server[] = {
    LOAD(arch),
    EQ(AUDIT_ARCH_X86_64, 1, 0),
    REFUSE(ENOSYS),
    LOAD(nr),
    BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, HIGHEST_REVIEWED_SYSCALL, 0, 1),
    REFUSE(ENOSYS),
    EQ(SYS_clone3, 0, 1),
    REFUSE(ENOSYS),
    EQ(SYS_clone, 0, 4),
    ARG(0),
    ANY_BIT(CLONE_THREAD, 1, 0),
    REFUSE(EPERM),
    ALLOW,
    EQ(SYS_socket, 0,
        4), /* by a path no Landlock judges, it would reach what starts programs for others */
    ARG(0),
    EQ(AF_UNIX, 0, 1),
    REFUSE(EAFNOSUPPORT),
    ALLOW,
    EQ(SYS_tgkill, 0, 4), /* raise() and abort() are this, to oneself */
    ARG(0),
    EQ(OWN_PID, 1, 0),
    REFUSE(EPERM),
    ALLOW,
    EQ(SYS_prlimit64, 0, 4),
    ARG(0),
    EQ(0, 1, 0),
    REFUSE(EPERM),
    ALLOW,
    EQ(SYS_kill, 23, 0),
    EQ(SYS_tkill, 22, 0),
    EQ(SYS_rt_sigqueueinfo, 21, 0),
    EQ(SYS_rt_tgsigqueueinfo, 20, 0),
    EQ(SYS_pidfd_open, 19, 0),
    EQ(SYS_pidfd_send_signal, 18, 0),
    EQ(SYS_execve, 17, 0),
    EQ(SYS_execveat, 16, 0),
    EQ(SYS_fork, 15, 0),
    EQ(SYS_vfork, 14, 0),
    EQ(SYS_setns, 13, 0),
    EQ(SYS_setuid, 12, 0),
    EQ(SYS_setgid, 11, 0),
    EQ(SYS_setreuid, 10, 0),
    EQ(SYS_setregid, 9, 0),
    EQ(SYS_setresuid, 8, 0),
    EQ(SYS_setresgid, 7, 0),
    EQ(SYS_setgroups, 6, 0),
    EQ(SYS_setfsuid, 5, 0),
    EQ(SYS_setfsgid, 4, 0),
    EQ(SYS_capset, 3, 0),
    EQ(SYS_landlock_create_ruleset, 2, 0),
    EQ(SYS_seccomp, 1, 0),
    ALLOW,
    REFUSE(EPERM),
};
/* clang-format on */

/* 0, or the listener with that flag; or -errno. */
static int load(const struct sock_filter *program, size_t n, unsigned flags)
{
    struct sock_fprog p = {(unsigned short)n, (struct sock_filter *)program};
    long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &p);
    return r < 0 ? -errno : (int)r;
}

int filter_load_first(void) { return load(first, sizeof first / sizeof *first, 0); }

/* Copies the second program, without its rules on flushing where a folder of the host's is written. */
static size_t copy_second(struct sock_filter to[sizeof second / sizeof *second], bool folder)
{
    const size_t n = sizeof second / sizeof *second, rest = sizeof begin / sizeof *begin;
    const size_t cut = folder ? sizeof flushes / sizeof *flushes : 0;
    memcpy(to, second, sizeof begin);
    memcpy(to + rest, second + rest + cut, (n - rest - cut) * sizeof *second);
    return n - cut;
}

int filter_load_second(bool folder, int *ret_listener)
{
    struct sock_filter own[sizeof second / sizeof *second];
    size_t n = copy_second(own, folder);
    /* Who has been heard waits for the answer, whatever signal comes but SIGKILL: no EINTR of ours. */
    int r = load(own, n, SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
    if (r == -EINVAL)
        r = load(own, n, SECCOMP_FILTER_FLAG_NEW_LISTENER);
    *ret_listener = r < 0 ? -1 : r;
    /* Whoever runs Cloche in a container may listen already, and there can be one only. */
    return r == -EBUSY ? filter_load_second_alone(folder) : r < 0 ? r : 0;
}

int filter_load_second_alone(bool folder)
{
    struct sock_filter alone[sizeof second / sizeof *second];
    size_t n = copy_second(alone, folder);
    for (size_t i = 0; i < n; i++)
        if (alone[i].code == (BPF_RET | BPF_K) &&
            (alone[i].k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF)
            alone[i].k = alone[i].k & SECCOMP_RET_DATA
                             ? SECCOMP_RET_ERRNO | (alone[i].k & SECCOMP_RET_DATA)
                             : SECCOMP_RET_ALLOW;
    return load(alone, n, 0);
}

int filter_load_server(void)
{
    struct sock_filter own[sizeof server / sizeof *server];
    memcpy(own, server, sizeof own);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (own[i].code == (BPF_JMP | BPF_JEQ | BPF_K) && own[i].k == OWN_PID)
            own[i].k = (uint32_t)getpid();
    int r = load(first, sizeof first / sizeof *first, 0);
    return r < 0 ? r : load(own, sizeof own / sizeof *own, 0);
}

const struct sock_filter *filter_first_program(size_t *ret_n)
{
    *ret_n = sizeof first / sizeof *first;
    return first;
}

const struct sock_filter *filter_second_program(size_t *ret_n)
{
    *ret_n = sizeof second / sizeof *second;
    return second;
}

const struct sock_filter *filter_server_program(size_t *ret_n)
{
    *ret_n = sizeof server / sizeof *server;
    return server;
}
