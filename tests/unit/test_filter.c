/* Both seccomp programs, interpreted for every call number of every ABI, against verdicts written here
 * anew: nothing below is made from filter_table.h. What a rule refuses must be refused for each form in
 * which the kernel would accept it, such as rubbish in the half of an argument that it ignores. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/filter.h"

enum { NUMBERS = 1024, X32 = 0x40000000, LATER = 462, OWN = 1000 };
#define RUBBISH 0xdead00000000u /* in the upper half of an argument */
#define MINUS_ONE 0xffffffffu

/* ---- the interpreter ---------------------------------------------------------------------------------- */

static uint32_t load(const struct seccomp_data *d, uint32_t at)
{
    uint32_t v;
    assert_true(at % 4 == 0 && at + 4 <= sizeof *d);
    memcpy(&v, (const char *)d + at, sizeof v);
    return v;
}

static bool jumps(const struct sock_filter *i, uint32_t a)
{
    switch (BPF_OP(i->code)) {
    case BPF_JEQ: return a == i->k;
    case BPF_JGT: return a > i->k;
    case BPF_JGE: return a >= i->k;
    case BPF_JSET: return (a & i->k) != 0;
    default: fail_msg("jump %#x is not one that a filter may use", i->code); return false;
    }
}

static uint32_t interpret(const struct sock_filter *program, size_t n, const struct seccomp_data *d)
{
    uint32_t a = 0;
    for (size_t pc = 0; pc < n; pc++) {
        const struct sock_filter *i = &program[pc];
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS: a = load(d, i->k); break;
        case BPF_ALU | BPF_AND | BPF_K: a &= i->k; break;
        case BPF_JMP | BPF_JA: pc += i->k; break;
        case BPF_RET | BPF_K: return i->k;
        default: assert_int_equal(BPF_CLASS(i->code), BPF_JMP); pc += jumps(i, a) ? i->jt : i->jf;
        }
    }
    fail_msg("the program ends without a verdict");
    return 0;
}

enum { ASK = -1 }; /* init: ASK_OR(e) is e where it cannot be asked */
#define ASK_OR(e) (ASK - (e))

/* 0 for "allowed", ASK or ASK_OR(e), else the errno. */
static int verdict(
    const struct sock_filter *(*get)(size_t *), uint32_t arch, uint32_t nr, const uint64_t args[6])
{
    size_t n;
    const struct sock_filter *program = get(&n);
    struct seccomp_data d = {.nr = (int)nr, .arch = arch};
    memcpy(d.args, args, sizeof d.args);
    uint32_t r = interpret(program, n, &d);
    if (r == SECCOMP_RET_ALLOW)
        return 0;
    if ((r & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF)
        return ASK_OR((int)(r & SECCOMP_RET_DATA));
    assert_int_equal(r & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ERRNO);
    return (int)(r & SECCOMP_RET_DATA);
}

static int first(uint32_t nr, const uint64_t args[6])
{
    return verdict(filter_first_program, AUDIT_ARCH_X86_64, nr, args);
}
static int second(uint32_t nr, const uint64_t args[6])
{
    return verdict(filter_second_program, AUDIT_ARCH_X86_64, nr, args);
}

/* ---- the expected verdicts ---------------------------------------------------------------------------- */

/* Refused whatever the arguments, by the first filter: EPERM. */
static const int never[] = {
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_open_tree,
    SYS_move_mount,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_mount_setattr,
    SYS_unshare,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_process_madvise,
    SYS_process_mrelease,
    SYS_pidfd_getfd,
    SYS_kcmp,
    SYS_move_pages,
    SYS_migrate_pages,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_fanotify_init,
    SYS_fanotify_mark,
    SYS_modify_ldt,
    SYS_lookup_dcookie,
    SYS_uselib,
    SYS_ustat,
    SYS__sysctl,
    SYS_nfsservctl,
    SYS_vmsplice,
    SYS_remap_file_pages,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_quotactl,
    SYS_quotactl_fd,
    SYS_acct,
    SYS_swapon,
    SYS_swapoff,
    SYS_reboot,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_syslog,
    SYS_vhangup,
    SYS_iopl,
    SYS_ioperm,
    SYS_personality,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_mbind,
    SYS_set_mempolicy,
    SYS_set_mempolicy_home_node,
    SYS_io_setup,
    SYS_io_destroy,
    SYS_io_submit,
    SYS_io_cancel,
    SYS_io_getevents,
    SYS_io_pgetevents,
    SYS_inotify_init,
    SYS_inotify_init1,
    SYS_inotify_add_watch,
    457 /* statmount */,
    458 /* listmount */,
    460 /* lsm_set_self_attr */,
    467 /* open_tree_attr */,
    470 /* listns */,
};

/* "No attributes here", whatever the arguments: an access control list is memory that nobody counts. */
static const int unsupported[] = {SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, 463 /* setxattrat */};

/* What scientific Python was seen to use or may: never refused by either filter, whatever the
 * arguments. A list that kills numpy is the best-known failure of this field. */
static const int needed[] = {
    SYS_read,
    SYS_write,
    SYS_mprotect,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_brk,
    SYS_fork,
    SYS_vfork,
    SYS_execve,
    SYS_execveat,
    SYS_wait4,
    SYS_waitid,
    SYS_futex,
    SYS_statx,
    SYS_getdents64,
    SYS_rename,
    SYS_renameat2,
    SYS_pipe2,
    SYS_eventfd2,
    SYS_epoll_create1,
    SYS_epoll_wait,
    SYS_epoll_pwait2,
    SYS_connect,
    SYS_bind,
    SYS_accept4,
    SYS_sendmsg,
    SYS_recvmsg,
    SYS_sched_getaffinity,
    SYS_sched_yield,
    SYS_getcpu,
    SYS_getrandom,
    SYS_rseq,
    SYS_set_robust_list,
    SYS_shmget,
    SYS_shmat,
    SYS_shmctl,
    SYS_semget,
    SYS_semtimedop,
    SYS_mq_open,
    SYS_flock,
    SYS_fallocate,
    SYS_ftruncate,
    SYS_copy_file_range,
    SYS_sendfile,
    SYS_timerfd_create,
    SYS_signalfd4,
    SYS_pidfd_open,
    SYS_close_range,
    SYS_membarrier,
    SYS_getrlimit,
    SYS_setrlimit,
    SYS_getpriority,
    SYS_sysinfo,
    SYS_uname,
    SYS_arch_prctl,
    SYS_prctl,
    SYS_chown,
    SYS_utimensat,
    SYS_landlock_create_ruleset,
    SYS_landlock_add_rule,
    SYS_landlock_restrict_self,
    SYS_get_mempolicy,
};

static bool in(const int *list, size_t n, int nr)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == nr)
            return true;
    return false;
}
#define IN(list, nr) in(list, sizeof list / sizeof *list, (int)(nr))

/* Arguments that no rule of either filter is about. */
static const uint64_t harmless[6];

/* With every argument 0: the second filter's rules on identities refuse id 0, all others pass. */
static int expected_second_with_zeros(uint32_t nr)
{
    static const int refused[] = {SYS_setns, SYS_setgroups, SYS_setuid, SYS_setgid, SYS_setfsuid,
        SYS_setfsgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid};
    return nr > LATER || nr == SYS_clone3 || nr == SYS_openat2 || nr == 452 /* fchmodat2 */ ||
                   nr == SYS_pidfd_send_signal
               ? ENOSYS
           : IN(refused, nr) ? EPERM
                             : 0;
}

static void every_call_of_the_first_filter(void **state)
{
    (void)state;
    for (uint32_t nr = 0; nr < NUMBERS; nr++) {
        int wanted = IN(never, nr) ? EPERM : IN(unsupported, nr) ? EOPNOTSUPP : 0;
        int got = first(nr, harmless);
        if (got != wanted)
            fail_msg("first filter, call %u: %d instead of %d", nr, got, wanted);
    }
}

static void every_call_of_the_second_filter(void **state)
{
    (void)state;
    assert_int_equal(HIGHEST_REVIEWED_SYSCALL, LATER);
    for (uint32_t nr = 0; nr < NUMBERS; nr++) {
        int wanted = nr == SYS_listen ? ASK_OR(0) : expected_second_with_zeros(nr);
        int got = second(nr, harmless);
        if (got != wanted)
            fail_msg("second filter, call %u: %d instead of %d", nr, got, wanted);
    }
    assert_int_equal(second(0x7fffffff, harmless), ENOSYS);
    assert_int_equal(second(MINUS_ONE, harmless), ENOSYS);
}

static void other_abis_are_refused_whole(void **state)
{
    static const uint32_t others[] = {
        AUDIT_ARCH_I386, AUDIT_ARCH_ARM, AUDIT_ARCH_AARCH64, AUDIT_ARCH_RISCV64, 0};
    (void)state;
    for (uint32_t nr = 0; nr < NUMBERS; nr++) {
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
            assert_int_equal(verdict(filter_first_program, others[i], nr, harmless), ENOSYS);
            assert_int_equal(verdict(filter_second_program, others[i], nr, harmless), ENOSYS);
        }
        assert_int_equal(first(X32 | nr, harmless), ENOSYS);
        assert_int_equal(second(X32 | nr, harmless), ENOSYS);
    }
}

static void what_python_needs_passes_whatever_the_arguments(void **state)
{
    static const uint64_t values[] = {0, 1, 17, 0x5412, 0x8000, MINUS_ONE, ~UINT64_C(0), RUBBISH};
    (void)state;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
            uint64_t args[6];
            for (int a = 0; a < 6; a++)
                args[a] = values[v];
            if (first((uint32_t)needed[i], args) || second((uint32_t)needed[i], args))
                fail_msg("call %d with %#llx is refused", needed[i], (unsigned long long)values[v]);
        }
}

/* ---- rules about arguments --------------------------------------------------------------------------- */

#define ARGS(...) ((const uint64_t[6]){__VA_ARGS__})

static void clone_makes_no_namespace_and_no_sibling(void **state)
{
    static const uint64_t bad[] = {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
        CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_PARENT};
    static const uint64_t with[] = {0, 17 /* SIGCHLD */, CLONE_VM | CLONE_VFORK | 17, RUBBISH,
        CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD};
    (void)state;
    for (size_t w = 0; w < sizeof with / sizeof *with; w++) {
        assert_int_equal(first(SYS_clone, ARGS(with[w])), 0);
        assert_int_equal(second(SYS_clone, ARGS(with[w])), 0);
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
            assert_int_equal(first(SYS_clone, ARGS(with[w] | bad[i])), EPERM);
        assert_int_equal(second(SYS_clone, ARGS(with[w] | CLONE_PARENT)), EPERM);
    }
    /* what threads and posix_spawn of glibc pass */
    assert_int_equal(first(SYS_clone, ARGS(0x3d0f00)), 0);
    assert_int_equal(second(SYS_clone, ARGS(0x3d0f00)), 0);
    assert_int_equal(second(SYS_clone, ARGS(CLONE_VM | CLONE_VFORK | SIGCHLD)), 0);
}

/* Or what a process that has ended locked would stay, and init would not see it. */
static void only_threads_share_open_files(void **state)
{
    (void)state;
    for (uint64_t flag = 0x100; flag < 0x100000000; flag <<= 1) {
        int wanted = flag == CLONE_THREAD ? 0 : EPERM;
        assert_int_equal(second(SYS_clone, ARGS(RUBBISH | CLONE_FILES | flag | SIGCHLD)), wanted);
        wanted = flag == CLONE_FILES || flag == CLONE_PARENT ? EPERM : 0;
        assert_int_equal(second(SYS_clone, ARGS(RUBBISH | flag | SIGCHLD)), wanted);
    }
}

static void what_makes_a_kernel_is_the_zygotes_only(void **state)
{
    (void)state;
    assert_int_equal(first(SYS_clone3, ARGS(0x7000, 88)), 0);
    assert_int_equal(second(SYS_clone3, ARGS(0x7000, 88)), ENOSYS);
    for (uint64_t type = 0; type <= CLONE_NEWNET; type = type ? type << 1 : 1) {
        assert_int_equal(first(SYS_setns, ARGS(3, type)), 0);
        assert_int_equal(second(SYS_setns, ARGS(3, type)), EPERM);
    }
}

static void sockets_stay_on_the_sessions_loopback(void **state)
{
    (void)state;
    for (uint64_t family = 0; family < 64; family++) {
        bool fine =
            family == AF_UNSPEC || family == AF_UNIX || family == AF_INET || family == AF_INET6;
        int pair = fine ? 0 : EAFNOSUPPORT, wanted = family == AF_NETLINK ? ASK : pair;
        int again = family == AF_NETLINK ? ASK_OR(ENOSYS) : 0;
        for (uint64_t type = 0; type < 16; type++) {
            bool inet = family == AF_INET || family == AF_INET6;
            bool packet = inet && type == 10 /* SOCK_PACKET */, raw = inet && type == SOCK_RAW;
            if (first(SYS_socket, ARGS(family, type)) != (raw || packet ? EPERM : wanted))
                fail_msg("family %d is %s", (int)family, fine ? "refused" : "open");
            assert_int_equal(first(SYS_socket, ARGS(RUBBISH | family, type | SOCK_CLOEXEC)),
                raw || packet ? EPERM : wanted);
            assert_int_equal(first(SYS_socketpair, ARGS(family, RUBBISH | type | SOCK_NONBLOCK)),
                packet ? EPERM : pair);
            assert_int_equal(second(SYS_socket, ARGS(family, type)), again);
            assert_int_equal(second(SYS_socketpair, ARGS(family, type)), 0);
        }
    }
}

static void sockets_speak_few_protocols(void **state)
{
    static const int calls[] = {SYS_socket, SYS_socketpair};
    (void)state;
    for (size_t c = 0; c < 2; c++)
        for (uint64_t protocol = 0; protocol < 600; protocol++) {
            int inet = protocol == 0 || protocol == 6 /* TCP */ || protocol == 17 /* UDP */
                           ? 0
                           : EPROTONOSUPPORT;
            uint32_t nr = (uint32_t)calls[c];
            /* the kernel refuses */
            assert_int_equal(second(nr, ARGS(AF_UNIX, SOCK_STREAM, protocol)), 0);
            assert_int_equal(second(nr, ARGS(AF_INET, SOCK_STREAM, protocol)), inet);
            assert_int_equal(
                second(nr, ARGS(RUBBISH | AF_INET6, SOCK_RAW, RUBBISH | protocol)), inet);
        }
}

/* Only a kernel has somebody to ask: init, which makes few sockets with small buffers. */
static void netlink_is_asked_for_and_routing_only(void **state)
{
    (void)state;
    for (uint64_t protocol = 0; protocol < 64; protocol++) {
        int wanted = protocol == 0 /* NETLINK_ROUTE */ ? ASK_OR(ENOSYS) : EPERM;
        for (uint64_t type = SOCK_STREAM; type <= SOCK_SEQPACKET; type++) {
            assert_int_equal(first(SYS_socket, ARGS(RUBBISH | AF_NETLINK, type, protocol)), ASK);
            assert_int_equal(
                second(SYS_socket,
                    ARGS(RUBBISH | AF_NETLINK, RUBBISH | type | SOCK_CLOEXEC, RUBBISH | protocol)),
                wanted);
        }
    }
}

/* "Done", as the kernel says beyond its maximum: the buffers stay as they were made. Nor does close wait. */
static void sizes_of_socket_buffers_stay(void **state)
{
    size_t n;
    const struct sock_filter *program = filter_second_program(&n);
    (void)state;
    for (uint64_t level = 0; level < 300; level++)
        for (uint64_t name = 0; name < 100; name++) {
            struct seccomp_data d = {.nr = SYS_setsockopt,
                .arch = AUDIT_ARCH_X86_64,
                .args = {3, RUBBISH | level, RUBBISH | name}};
            bool done = level == SOL_SOCKET && (name == 7 /* SO_SNDBUF */ ||
                                                   name == 8 /* SO_RCVBUF */ || name == SO_LINGER);
            assert_int_equal(
                interpret(program, n, &d), done ? SECCOMP_RET_ERRNO | 0 : SECCOMP_RET_ALLOW);
        }
}

/* "Done": a name server can be asked, and a socket keeps no errors of what it sent. */
static void errors_of_packets_are_not_kept(void **state)
{
    size_t n;
    const struct sock_filter *program = filter_first_program(&n);
    (void)state;
    for (uint64_t level = 0; level < 300; level++)
        for (uint64_t name = 0; name < 200; name++) {
            struct seccomp_data d = {.nr = SYS_setsockopt,
                .arch = AUDIT_ARCH_X86_64,
                .args = {3, RUBBISH | level, RUBBISH | name}};
            bool ignored = (level == 0 && name == 11) || (level == 41 && name == 25);
            assert_int_equal(interpret(program, n, &d) == (SECCOMP_RET_ERRNO | 0), ignored);
        }
}

/* Pools and counters that are one for the whole host. */
static void what_the_host_shares_is_not_taken(void **state)
{
    (void)state;
    for (uint64_t flags = 0; flags < 0x200000; flags = flags ? flags << 1 : 1) {
        assert_int_equal(
            first(SYS_mmap, ARGS(0, 1 << 21, 3, flags | 0x22)), flags == 0x40000 ? EPERM : 0);
        assert_int_equal(first(SYS_memfd_create, ARGS(0, flags | 1)), flags == 4 ? EPERM : 0);
    }
    assert_int_equal(first(SYS_mmap, ARGS(0, 1 << 21, 3, RUBBISH | 0x40022)), EPERM);
    for (uint64_t cmd = 0; cmd < 2000; cmd++)
        assert_int_equal(
            first(SYS_fcntl, ARGS(3, RUBBISH | cmd)), cmd == 1026 /* F_NOTIFY */ ? EPERM : 0);
    for (uint64_t level = 0; level < 300; level++)
        for (uint64_t name = 0; name < 200; name++) {
            bool tables = ((level == 0 || level == 41) && (name == 64 || name == 65)) ||
                          (level == 0 && (name == 96 || name == 97 || name == 128 || name == 129));
            bool filter = level == SOL_SOCKET && (name == 26 || (name >= 50 && name <= 52));
            bool linger = level == SOL_SOCKET && name == SO_LINGER;
            bool group = (level == 0 && (name == 35 || name == 39)) ||
                         (level == 41 && (name == 20 || name == 27 || name == 32)) ||
                         ((level == 0 || level == 41) && (name == 42 || name == 46));
            bool keys = name == 14 || name == 32 /* TCP_MD5SIG, _EXT */ ||
                        (name >= 38 && name <= 42 /* TCP_AO_… */);
            bool kept = (level == 41 && (name == 6 || name == 54 || name == 55 || name == 57 ||
                                            name == 59 /* headers of IPv6 */)) ||
                        (level == SOL_SOCKET &&
                            (name == 37 || name == 65 || name == 60 /* timestamps, copies */));
            bool tcp = level == 6 && (keys || name == 31 /* TCP_ULP */);
            assert_int_equal(first(SYS_setsockopt, ARGS(3, RUBBISH | level, RUBBISH | name)),
                filter || linger || group || tables || tcp || kept ? EPERM : 0);
            assert_int_equal(second(SYS_setsockopt, ARGS(3, level, name)), 0);
        }
    for (uint64_t op = 0; op < 8; op++) {
        assert_int_equal(
            second(SYS_seccomp, ARGS(RUBBISH | op)), op == 1 /* SET_MODE_FILTER */ ? EINVAL : 0);
        assert_int_equal(first(SYS_seccomp, ARGS(op)), 0); /* the kernel's own second filter */
    }
    for (uint64_t option = 0; option < 100; option++)
        assert_int_equal(second(SYS_prctl, ARGS(RUBBISH | option)),
            option == 22 /* PR_SET_SECCOMP */ || option == 62 /* PR_SCHED_CORE */ ? EINVAL : 0);
}

/* Init counts those on ranges; those of open file descriptions every session would be shown. */
static void locks_are_asked_for(void **state)
{
    (void)state;
    for (uint64_t cmd = 0; cmd < 1100; cmd++) {
        int wanted = cmd == 6 || cmd == 7 /* F_SETLK, F_SETLKW */        ? ASK_OR(0)
                     : cmd == 37 || cmd == 38 /* F_OFD_SETLK, …SETLKW */ ? EINVAL
                     : cmd == 15 /* F_SETOWN_EX */                       ? EINVAL
                                                                         : 0;
        assert_int_equal(second(SYS_fcntl, ARGS(3, RUBBISH | cmd, 0x7000)), wanted);
    }
}

/* Whatever listens, with whatever backlog. */
static void listening_is_asked_for(void **state)
{
    (void)state;
    for (uint64_t backlog = 0; backlog < 5000; backlog += 7) {
        assert_int_equal(second(SYS_listen, ARGS(3, RUBBISH | backlog)), ASK_OR(0));
        assert_int_equal(first(SYS_listen, ARGS(3, RUBBISH | backlog)), 0);
    }
}

/* On a folder of the host they would be programs that run as the folder's owner. */
static void no_file_gets_a_set_id_bit(void **state)
{
    static const struct {
        int nr, mode;
    } calls[] = {
        {SYS_chmod, 1},
        {SYS_fchmod, 1},
        {SYS_fchmodat, 2},
        {SYS_creat, 1},
        {SYS_mknod, 1},
        {SYS_mknodat, 2},
    };
    static const uint64_t making[] = {
        0x40 /* O_CREAT */, 0x410000 /* O_TMPFILE */, 0x80042, RUBBISH | 0x40};
    (void)state;
    for (uint64_t mode = 0; mode < 010000; mode++) {
        int wanted = mode & 06000 ? EPERM : 0;
        for (size_t c = 0; c < sizeof calls / sizeof *calls; c++) {
            uint64_t args[6] = {0};
            args[calls[c].mode] = RUBBISH | 0100000 | mode;
            assert_int_equal(second((uint32_t)calls[c].nr, args), wanted);
        }
        for (size_t i = 0; i < sizeof making / sizeof *making; i++) {
            assert_int_equal(second(SYS_open, ARGS(0, making[i], RUBBISH | mode)), wanted);
            assert_int_equal(second(SYS_openat, ARGS(0, 0, making[i], RUBBISH | mode)), wanted);
        }
        /* what is in the register when nothing is made */
        assert_int_equal(second(SYS_open, ARGS(0, 0x90800, mode)), 0);
        assert_int_equal(second(SYS_openat, ARGS(0, 0, 0x90800, mode)), 0);
    }
}

/* "Done", by a call that never reaches the kernel: what others have written is not flushed. */
static void syncing_is_nothing(void **state)
{
    static const int calls[] = {SYS_sync, SYS_syncfs, SYS_fsync, SYS_fdatasync};
    size_t n;
    const struct sock_filter *program = filter_second_program(&n);
    (void)state;
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++) {
        struct seccomp_data d = {.nr = calls[c], .arch = AUDIT_ARCH_X86_64};
        assert_int_equal(interpret(program, n, &d), SECCOMP_RET_ERRNO | 0);
    }
    for (uint64_t flags = 0; flags < 16; flags++)
        for (uint64_t address = 0; address < 0x3000; address += 0x800) {
            struct seccomp_data d = {.nr = SYS_msync,
                .arch = AUDIT_ARCH_X86_64,
                .args = {0x7f0000000000 | address, 4096, RUBBISH | flags}};
            bool flush = address % 4096 == 0 && (flags == 4 /* MS_SYNC */ || flags == 6);
            assert_int_equal(
                interpret(program, n, &d), flush ? SECCOMP_RET_ERRNO | 0 : SECCOMP_RET_ALLOW);
        }
}

/* 0 would start the host's handler of crashes where core_pattern is a pipe; 1 does not. */
static void the_limit_of_core_dumps_stays(void **state)
{
    static const uint64_t places[] = {
        1, 0x7ffc00000000, 0x7ffc12345678, UINT64_C(1) << 32, ~UINT64_C(0)};
    (void)state;
    for (uint64_t limit = 0; limit < 20; limit++) {
        int wanted = limit == 4 ? EPERM : 0;
        assert_int_equal(second(SYS_setrlimit, ARGS(RUBBISH | limit, places[1])), wanted);
        assert_int_equal(second(SYS_getrlimit, ARGS(limit, places[1])), 0);
        assert_int_equal(second(SYS_prlimit64, ARGS(0, limit, 0, places[1])), 0);
        for (size_t i = 0; i < sizeof places / sizeof *places; i++)
            assert_int_equal(second(SYS_prlimit64, ARGS(0, RUBBISH | limit, places[i])), wanted);
    }
}

static void terminals_cannot_be_typed_into(void **state)
{
    static const uint64_t fine[] = {
        0x5401 /* TCGETS */, 0x5411, 0x5413 /* TIOCGWINSZ */, 0x541b /* FIONREAD */, 0x5421};
    (void)state;
    for (uint64_t request = 0x5400; request < 0x5500; request++)
        assert_int_equal(
            first(SYS_ioctl, ARGS(0, request)), request == 0x5412 || request == 0x541c ? EPERM : 0);
    assert_int_equal(first(SYS_ioctl, ARGS(0, RUBBISH | 0x5412)), EPERM); /* TIOCSTI */
    assert_int_equal(first(SYS_ioctl, ARGS(0, RUBBISH | 0x541c)), EPERM); /* TIOCLINUX */
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        assert_int_equal(second(SYS_ioctl, ARGS(0, fine[i])), 0);
}

/* A package in a zygote can be root of a network of its own. */
static void networks_are_looked_at_only(void **state)
{
    static const int setting[] = {0x8901 /* FIOSETOWN */, 0x8902, 0x890b /* SIOCADDRT */, 0x890c,
        0x890d, 0x8911, 0x8914, 0x8916, 0x8918, 0x891a, 0x891c, 0x891e, 0x8920, 0x8922, 0x8923,
        0x8924, 0x8926, 0x8930, 0x8931, 0x8932, 0x8934, 0x8936, 0x8937, 0x8940, 0x8941, 0x8943,
        0x8949, 0x894a, 0x8953, 0x8955, 0x8960, 0x8962, 0x8971, 0x8982, 0x8983, 0x89b0};
    static const int families[] = {0x8990 /* bonds */, 0x89a0 /* bridges */, 0x89e0, 0x89f0};
    (void)state;
    for (uint64_t request = 0x8800; request < 0x8b00; request++) {
        int wanted = IN(setting, request) || IN(families, request & ~15U) ? EPERM : 0;
        if (first(SYS_ioctl, ARGS(3, RUBBISH | request)) != wanted)
            fail_msg("ioctl %#x", (unsigned)request);
        assert_int_equal(first(SYS_ioctl, ARGS(3, 0x10000 | request)), 0);
    }
}

/* A kernel owns the user namespaces of its branches and has every capability there: any id but its own
 * would be another branch's. */
static void identity_cannot_be_changed(void **state)
{
    static const struct {
        int nr, ids;
    } calls[] = {
        {SYS_setuid, 1},
        {SYS_setgid, 1},
        {SYS_setfsuid, 1},
        {SYS_setfsgid, 1},
        {SYS_setreuid, 2},
        {SYS_setregid, 2},
        {SYS_setresuid, 3},
        {SYS_setresgid, 3},
    };
    static const uint64_t own[] = {OWN, MINUS_ONE, RUBBISH | OWN, RUBBISH | MINUS_ONE};
    static const uint64_t others[] = {
        0, 1, OWN - 1, OWN + 1, 2000, 2001, 65534, RUBBISH, 0xfffffffe, 0x7fffffff};
    (void)state;
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++)
        for (size_t o = 0; o < sizeof own / sizeof *own; o++) {
            uint64_t args[6] = {0};
            for (int i = 0; i < calls[c].ids; i++)
                args[i] = own[o];
            assert_int_equal(second((uint32_t)calls[c].nr, args), 0);
            assert_int_equal(first((uint32_t)calls[c].nr, args), 0);
            for (int i = 0; i < calls[c].ids;
                 i++) /* one wrong id among right ones, in every place */
                for (size_t x = 0; x < sizeof others / sizeof *others; x++) {
                    uint64_t saved = args[i];
                    args[i] = others[x];
                    if (second((uint32_t)calls[c].nr, args) != EPERM)
                        fail_msg("call %d with id %#llx at %d is open", calls[c].nr,
                            (unsigned long long)others[x], i);
                    args[i] = saved;
                }
        }
    assert_int_equal(second(SYS_setgroups, ARGS(0, 0)), EPERM);
    assert_int_equal(second(SYS_setgroups, ARGS(1, 0x7000)), EPERM);
}

/* 0 is oneself. About any other number init is asked, which knows a thread of the caller's own group; the first
 * filter's verdict must be 0 then: a refusal would outrank the question. */
static void other_processes_cannot_be_throttled(void **state)
{
    static const uint64_t others[] = {1, 2, 4711, MINUS_ONE, RUBBISH | 1, RUBBISH | MINUS_ONE};
    const int asked = ASK_OR(EPERM);
    (void)state;
    assert_int_equal(second(SYS_prlimit64, ARGS(0, 7)), 0);
    /* the kernel reads 32 bits: pid 0 */
    assert_int_equal(second(SYS_prlimit64, ARGS(RUBBISH, 7)), 0);
    assert_int_equal(second(SYS_sched_setaffinity, ARGS(RUBBISH, 8)), 0);
    assert_int_equal(second(SYS_setpriority, ARGS(0, 0, 5)), 0);
    assert_int_equal(second(SYS_setpriority, ARGS(RUBBISH, RUBBISH, 5)), 0);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const uint64_t n = others[i];
        assert_int_equal(second(SYS_prlimit64, ARGS(n, 7)), asked);
        assert_int_equal(second(SYS_prlimit64, ARGS(n, 4 /* RLIMIT_CORE */)), asked); /* to read */
        assert_int_equal(second(SYS_prlimit64, ARGS(n, 4, 0x7000)), EPERM);
        assert_int_equal(second(SYS_sched_setaffinity, ARGS(n, 8)), asked);
        assert_int_equal(second(SYS_setpriority, ARGS(0 /* PRIO_PROCESS */, n, 5)), asked);
        /* a group, a user */
        assert_int_equal(second(SYS_setpriority, ARGS(n, 0, 5)), EPERM);
        assert_int_equal(second(SYS_setpriority, ARGS(n, n, 5)), EPERM);
        assert_int_equal(first(SYS_prlimit64, ARGS(n, 7)), 0);
        assert_int_equal(first(SYS_sched_setaffinity, ARGS(n, 8)), 0);
        assert_int_equal(first(SYS_setpriority, ARGS(0, n, 5)), 0);
    }
}

/* Init is pid 1 and the first of its group; where all have one id Linux would let it be signalled. */
static void nobody_signals_init(void **state)
{
    static const int calls[] = {
        SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo};
    static const uint64_t others[] = {
        0, 2, 1000, MINUS_ONE, RUBBISH, RUBBISH | 2, MINUS_ONE - 1, 0x80000001};
    (void)state;
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++)
        for (uint64_t signal = 0; signal <= 64; signal++) {
            uint32_t nr = (uint32_t)calls[c];
            assert_int_equal(second(nr, ARGS(1, signal, signal)), EPERM);
            assert_int_equal(second(nr, ARGS(RUBBISH | 1, signal)), EPERM); /* an int */
            for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
                assert_int_equal(second(nr, ARGS(others[i], signal, 1)), 0);
                assert_int_equal(first(nr, ARGS(others[i], signal, 1)), 0);
            }
        }
    for (uint64_t fd = 0; fd < 64; fd++)
        assert_int_equal(second(SYS_pidfd_send_signal, ARGS(fd, 15)), ENOSYS);
    /* whom SIGIO goes to */
    assert_int_equal(second(SYS_fcntl, ARGS(3, RUBBISH | 8, 1)), EPERM);
    assert_int_equal(second(SYS_fcntl, ARGS(3, 8 /* F_SETOWN */, RUBBISH | 1)), EPERM);
    assert_int_equal(second(SYS_fcntl, ARGS(3, 8, MINUS_ONE)), EPERM);
    assert_int_equal(second(SYS_fcntl, ARGS(3, 8, RUBBISH | MINUS_ONE)), EPERM);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if ((uint32_t)others[i] != MINUS_ONE)
            assert_int_equal(second(SYS_fcntl, ARGS(3, 8, others[i])), 0);
}

/* What the same calls met in a child that has both filters and no init: the first that was otherwise, or 0. */
static int met_without_init(void)
{
    const pid_t me = getpid();
    struct rlimit files;
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || filter_load_first() < 0 ||
        filter_load_second_alone(false) < 0)
        return 1;
    if (sched_setaffinity(me, sizeof cores, &cores) == 0 || errno != EPERM)
        return 2;
    if (prlimit(me, RLIMIT_NOFILE, NULL, &files) == 0 || errno != EPERM)
        return 3;
    if (setpriority(PRIO_PROCESS, (id_t)me, 19) == 0 || errno != EPERM)
        return 4;
    if (socket(AF_NETLINK, SOCK_RAW, 0) >= 0 || errno != ENOSYS)
        return 5;
    struct flock whole = {.l_type = F_WRLCK};
    int file = memfd_create("locked", 0);
    if (fcntl(file, F_SETLK, &whole) < 0 || fcntl(file, F_SETLKW, &whole) < 0)
        return 7;
    if (listen(-1, 1) == 0 || errno != EBADF) /* as Linux says */
        return 9;
    if (fsync(-1) < 0) /* done without doing */
        return 8;
    return (sched_setaffinity(0, sizeof cores, &cores) < 0 ||
               prlimit(0, RLIMIT_NOFILE, NULL, &files) < 0 || setpriority(PRIO_PROCESS, 0, 19) < 0)
               ? 6
               : 0;
}

/* While an environment is built, and below whoever listens already. */
static void nobody_to_ask_is_a_refusal(void **state)
{
    int status;
    (void)state;
    pid_t pid = fork();
    if (pid == 0)
        _exit(met_without_init());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ---- the server's own ---------------------------------------------------------------------------------- */

static int of_server(uint32_t nr, const uint64_t args[6])
{
    return verdict(filter_server_program, AUDIT_ARCH_X86_64, nr, args);
}

static void the_server_starts_nothing(void **state)
{
    static const int refused[] = {SYS_execve, SYS_execveat, SYS_fork, SYS_vfork, SYS_clone,
        SYS_setns, SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid,
        SYS_setgroups, SYS_setfsuid, SYS_setfsgid, SYS_capset, SYS_landlock_create_ruleset,
        SYS_seccomp, SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo,
        SYS_pidfd_open, SYS_pidfd_send_signal};
    (void)state;
    for (uint32_t nr = 0; nr < NUMBERS; nr++) {
        int wanted = nr > LATER || nr == SYS_clone3 ? ENOSYS : IN(refused, nr) ? EPERM : 0;
        int got = of_server(nr, harmless);
        if (got != wanted)
            fail_msg("the server's filter, call %u: %d instead of %d", nr, got, wanted);
        assert_int_equal(verdict(filter_server_program, AUDIT_ARCH_I386, nr, harmless), ENOSYS);
    }
    assert_int_equal(of_server(SYS_clone, ARGS(CLONE_THREAD | CLONE_VM | CLONE_SIGHAND)), 0);
    assert_int_equal(of_server(SYS_socket, ARGS(AF_UNIX, SOCK_STREAM)), EAFNOSUPPORT);
    assert_int_equal(of_server(SYS_socket, ARGS(AF_INET, SOCK_STREAM)), 0);
    assert_int_equal(of_server(SYS_prlimit64, ARGS(0, 7)), 0);
    assert_int_equal(of_server(SYS_prlimit64, ARGS(1234, 7)), EPERM);
    assert_int_equal(of_server(SYS_clone, ARGS(CLONE_VFORK | CLONE_VM | SIGCHLD)), EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_server_starts_nothing),
        cmocka_unit_test(every_call_of_the_first_filter),
        cmocka_unit_test(every_call_of_the_second_filter),
        cmocka_unit_test(other_abis_are_refused_whole),
        cmocka_unit_test(what_python_needs_passes_whatever_the_arguments),
        cmocka_unit_test(clone_makes_no_namespace_and_no_sibling),
        cmocka_unit_test(only_threads_share_open_files),
        cmocka_unit_test(what_makes_a_kernel_is_the_zygotes_only),
        cmocka_unit_test(sockets_stay_on_the_sessions_loopback),
        cmocka_unit_test(sockets_speak_few_protocols),
        cmocka_unit_test(netlink_is_asked_for_and_routing_only),
        cmocka_unit_test(sizes_of_socket_buffers_stay),
        cmocka_unit_test(errors_of_packets_are_not_kept),
        cmocka_unit_test(what_the_host_shares_is_not_taken),
        cmocka_unit_test(syncing_is_nothing),
        cmocka_unit_test(the_limit_of_core_dumps_stays),
        cmocka_unit_test(locks_are_asked_for),
        cmocka_unit_test(listening_is_asked_for),
        cmocka_unit_test(no_file_gets_a_set_id_bit),
        cmocka_unit_test(terminals_cannot_be_typed_into),
        cmocka_unit_test(networks_are_looked_at_only),
        cmocka_unit_test(identity_cannot_be_changed),
        cmocka_unit_test(other_processes_cannot_be_throttled),
        cmocka_unit_test(nobody_signals_init),
        cmocka_unit_test(nobody_to_ask_is_a_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
