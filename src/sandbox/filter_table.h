/* filter_table.h - the first filter as data: what a data scientist never needs is refused with EPERM.
 *
 * A deny list, not an allow list: a list that kills numpy is the best-known failure of this field.
 * Compiled by filter_compile.c with libseccomp at build time. Order does not matter. */
#pragma once

/* clang-format off: a table */
#include <stdint.h>

/* Whole calls. Names that this libseccomp does not know are numbers below. */
static const char *const filter_denied[] = {
    /* mounts and roots */
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "open_tree",
    "move_mount",
    "fsopen",
    "fsmount",
    "fsconfig",
    "fspick",
    "mount_setattr",
    /* namespaces; setns stays open for the zygote and is taken by the second filter */
    "unshare",
    /* other processes */
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "process_mrelease",
    "pidfd_getfd",
    "kcmp",
    "move_pages",
    "migrate_pages",
    /* kernel surfaces with a history */
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "keyctl",
    "add_key",
    "request_key",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "fanotify_init",
    "fanotify_mark",
    "modify_ldt",
    "lookup_dcookie",
    "uselib",
    "ustat",
    "_sysctl",
    "nfsservctl",
    "vmsplice",
    "remap_file_pages",
    /* what one session could take from the whole host: fs.aio-max-nr is one number for all; watches are
     * counted against the owner of every user namespace above, root in the end, and those on the shared
     * tree tell what other sessions open */
    "io_setup",
    "io_destroy",
    "io_submit",
    "io_cancel",
    "io_getevents",
    "io_pgetevents",
    "inotify_init",
    "inotify_init1",
    "inotify_add_watch",
    /* files past the walls */
    "open_by_handle_at",
    "name_to_handle_at",
    "quotactl",
    "quotactl_fd",
    "acct",
    "swapon",
    "swapoff",
    /* the machine */
    "reboot",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "syslog",
    "vhangup",
    "iopl",
    "ioperm",
    "personality",
    "sethostname",
    "setdomainname",
    "mbind",
    "set_mempolicy",
    "set_mempolicy_home_node",
};

/* Calls newer than the libseccomp of Debian 12. */
static const int filter_denied_numbers[] = {
    457 /* statmount */,
    458 /* listmount */,
    460 /* lsm_set_self_attr */,
    467 /* open_tree_attr */,
    470 /* listns */,
};

/* Calls that are EOPNOTSUPP, as where files have no attributes: those that copy them (cp -a, tar, shutil) pass over
 * that. An access control list of a file in memory is 64 KiB of the kernel's that no limit counts, two for each
 * directory; its name lies in memory, where no filter looks, so no attribute is set at all. */
static const int filter_unsupported_numbers[] = {
    188 /* setxattr */,
    189 /* lsetxattr */,
    190 /* fsetxattr */,
    463 /* setxattrat */,
};

/* Calls refused with EPERM for some arguments: argument `arg` masked is `value`, and so is `arg2` if it
 * has a mask. Masks are of 32 bits because the kernel reads no more of these. */
struct filter_argument {
    const char *name;
    unsigned arg;
    uint32_t mask, value;
    unsigned arg2;
    uint32_t mask2, value2;
};
static const struct filter_argument filter_arguments[] = {
    /* what the root of a network namespace may, which a package in a zygote can become by clone3: raw
     * sockets, and the tables of iptables, ip6tables, arptables and ebtables, with modules loaded for them */
    {"socket", 0, UINT32_MAX, 2 /* INET */, 1, 15, 3 /* SOCK_RAW */},
    {"socket", 0, UINT32_MAX, 10 /* INET6 */, 1, 15, 3},
    /* the old way to a packet socket: Linux takes INET of this type for the family PACKET, and loads it */
    {"socket", 0, UINT32_MAX, 2, 1, 15, 10 /* SOCK_PACKET */},
    {"socket", 0, UINT32_MAX, 10, 1, 15, 10},
    {"socketpair", 0, UINT32_MAX, 2, 1, 15, 10},
    {"socketpair", 0, UINT32_MAX, 10, 1, 15, 10},
    {"setsockopt", 1, UINT32_MAX, 0 /* SOL_IP */, 2, UINT32_MAX, 64 /* IPT_SO_SET_REPLACE */},
    {"setsockopt", 1, UINT32_MAX, 0, 2, UINT32_MAX, 65 /* IPT_SO_SET_ADD_COUNTERS */},
    {"setsockopt", 1, UINT32_MAX, 0, 2, UINT32_MAX, 96 /* ARPT_SO_SET_REPLACE */},
    {"setsockopt", 1, UINT32_MAX, 0, 2, UINT32_MAX, 97 /* ARPT_SO_SET_ADD_COUNTERS */},
    {"setsockopt", 1, UINT32_MAX, 0, 2, UINT32_MAX, 128 /* EBT_SO_SET_ENTRIES */},
    {"setsockopt", 1, UINT32_MAX, 0, 2, UINT32_MAX, 129 /* EBT_SO_SET_COUNTERS */},
    {"setsockopt", 1, UINT32_MAX, 41 /* SOL_IPV6 */, 2, UINT32_MAX, 64},
    {"setsockopt", 1, UINT32_MAX, 41, 2, UINT32_MAX, 65},
    /* setting up a network, which the root of one may: addresses, routes, neighbours, bridges, VLANs, tunnels; some
     * load a module before they look at who asks. Looking stays, and SIOCETHTOOL, by which psutil looks */
    {"ioctl", 1, UINT32_MAX, 0x890b /* SIOCADDRT */},
    {"ioctl", 1, UINT32_MAX, 0x890c /* SIOCDELRT */},
    {"ioctl", 1, UINT32_MAX, 0x890d /* SIOCRTMSG */},
    {"ioctl", 1, UINT32_MAX, 0x8911 /* SIOCSIFLINK */},
    {"ioctl", 1, UINT32_MAX, 0x8914 /* SIOCSIFFLAGS */},
    {"ioctl", 1, UINT32_MAX, 0x8916 /* SIOCSIFADDR */},
    {"ioctl", 1, UINT32_MAX, 0x8918 /* SIOCSIFDSTADDR */},
    {"ioctl", 1, UINT32_MAX, 0x891a /* SIOCSIFBRDADDR */},
    {"ioctl", 1, UINT32_MAX, 0x891c /* SIOCSIFNETMASK */},
    {"ioctl", 1, UINT32_MAX, 0x891e /* SIOCSIFMETRIC */},
    {"ioctl", 1, UINT32_MAX, 0x8920 /* SIOCSIFMEM */},
    {"ioctl", 1, UINT32_MAX, 0x8922 /* SIOCSIFMTU */},
    {"ioctl", 1, UINT32_MAX, 0x8923 /* SIOCSIFNAME */},
    {"ioctl", 1, UINT32_MAX, 0x8924 /* SIOCSIFHWADDR */},
    {"ioctl", 1, UINT32_MAX, 0x8926 /* SIOCSIFENCAP */},
    {"ioctl", 1, UINT32_MAX, 0x8930 /* SIOCSIFSLAVE */},
    {"ioctl", 1, UINT32_MAX, 0x8931 /* SIOCADDMULTI */},
    {"ioctl", 1, UINT32_MAX, 0x8932 /* SIOCDELMULTI */},
    {"ioctl", 1, UINT32_MAX, 0x8934 /* SIOCSIFPFLAGS */},
    {"ioctl", 1, UINT32_MAX, 0x8936 /* SIOCDIFADDR */},
    {"ioctl", 1, UINT32_MAX, 0x8937 /* SIOCSIFHWBROADCAST */},
    {"ioctl", 1, UINT32_MAX, 0x8940 /* SIOCGIFBR, which configures, too */},
    {"ioctl", 1, UINT32_MAX, 0x8941 /* SIOCSIFBR */},
    {"ioctl", 1, UINT32_MAX, 0x8943 /* SIOCSIFTXQLEN */},
    {"ioctl", 1, UINT32_MAX, 0x8949 /* SIOCSMIIREG */},
    {"ioctl", 1, UINT32_MAX, 0x894a /* SIOCWANDEV */},
    {"ioctl", 1, UINT32_MAX, 0x8953 /* SIOCDARP */},
    {"ioctl", 1, UINT32_MAX, 0x8955 /* SIOCSARP */},
    {"ioctl", 1, UINT32_MAX, 0x8960 /* SIOCDRARP */},
    {"ioctl", 1, UINT32_MAX, 0x8962 /* SIOCSRARP */},
    {"ioctl", 1, UINT32_MAX, 0x8971 /* SIOCSIFMAP */},
    {"ioctl", 1, UINT32_MAX, 0x8982 /* SIOCGIFVLAN, which configures, too */},
    {"ioctl", 1, UINT32_MAX, 0x8983 /* SIOCSIFVLAN */},
    {"ioctl", 1, UINT32_MAX, 0x89b0 /* SIOCSHWTSTAMP */},
    {"ioctl", 1, ~15U, 0x8990 /* SIOCBOND…: bonds */},
    {"ioctl", 1, ~15U, 0x89a0 /* SIOCBR…: bridges */},
    {"ioctl", 1, ~15U, 0x89e0 /* SIOCPROTOPRIVATE: multicast routes */},
    {"ioctl", 1, ~15U, 0x89f0 /* SIOCDEVPRIVATE: tunnels, and what else a driver has */},
    /* whom a socket signals: another may be named, in memory, where no filter looks. The second filter has the rest */
    {"ioctl", 1, UINT32_MAX, 0x8901 /* FIOSETOWN */},
    {"ioctl", 1, UINT32_MAX, 0x8902 /* SIOCSPGRP */},
    /* typing into a terminal */
    {"ioctl", 1, UINT32_MAX, 0x5412 /* TIOCSTI */},
    {"ioctl", 1, UINT32_MAX, 0x541c /* TIOCLINUX */},
    /* a watch on a directory without inotify */
    {"fcntl", 1, UINT32_MAX, 1026 /* F_NOTIFY */},
    /* the host's pool of huge pages, which no memory limit counts; transparent ones stay */
    {"mmap", 3, 0x40000 /* MAP_HUGETLB */, 0x40000},
    {"memfd_create", 1, 4 /* MFD_HUGETLB */, 4},
    /* filters are compiled into one pool of the host's, outside the memory limit: when that is full
     * nobody's loads, ours neither. Seccomp's own are taken by the second filter */
    {"setsockopt", 1, UINT32_MAX, 1 /* SOL_SOCKET */, 2, UINT32_MAX, 26 /* SO_ATTACH_FILTER */},
    {"setsockopt", 1, UINT32_MAX, 1, 2, UINT32_MAX, 50 /* SO_ATTACH_BPF */},
    {"setsockopt", 1, UINT32_MAX, 1, 2, UINT32_MAX, 51 /* SO_ATTACH_REUSEPORT_CBPF */},
    {"setsockopt", 1, UINT32_MAX, 1, 2, UINT32_MAX, 52 /* SO_ATTACH_REUSEPORT_EBPF */},
    /* to wait in close, for as long as one likes: whoever else is sent the socket waits there, the warden too. Of
     * user code the second filter takes it, and does nothing */
    {"setsockopt", 1, UINT32_MAX, 1, 2, UINT32_MAX, 13 /* SO_LINGER */},
    /* kTLS, which nothing inside asks for */
    {"setsockopt", 1, UINT32_MAX, 6 /* SOL_TCP */, 2, UINT32_MAX, 31 /* TCP_ULP */},
    /* keys of connections, for routers: what they take is a socket's, or the kernel's, and no limit counts it */
    {"setsockopt", 1, UINT32_MAX, 6, 2, UINT32_MAX, 14 /* TCP_MD5SIG */},
    {"setsockopt", 1, UINT32_MAX, 6, 2, UINT32_MAX, 32 /* TCP_MD5SIG_EXT */},
    {"setsockopt", 1, UINT32_MAX, 6, 2, UINT32_MAX, 38 /* TCP_AO_ADD_KEY */},
    {"setsockopt", 1, UINT32_MAX, 6, 2, UINT32_MAX, 39 /* TCP_AO_DEL_KEY */},
    {"setsockopt", 1, UINT32_MAX, 6, 2, UINT32_MAX, 40 /* TCP_AO_INFO */},
    {"setsockopt", 1, UINT32_MAX, 6, 2, UINT32_MAX, 41 /* TCP_AO_GET_KEYS */},
    {"setsockopt", 1, UINT32_MAX, 6, 2, UINT32_MAX, 42 /* TCP_AO_REPAIR */},
    /* headers of IPv6 for each packet: what a socket keeps of them, up to 128 KiB, no limit counts */
    {"setsockopt", 1, UINT32_MAX, 41 /* SOL_IPV6 */, 2, UINT32_MAX, 6 /* IPV6_2292PKTOPTIONS */},
    {"setsockopt", 1, UINT32_MAX, 41, 2, UINT32_MAX, 54 /* IPV6_HOPOPTS */},
    {"setsockopt", 1, UINT32_MAX, 41, 2, UINT32_MAX, 55 /* IPV6_RTHDRDSTOPTS */},
    {"setsockopt", 1, UINT32_MAX, 41, 2, UINT32_MAX, 57 /* IPV6_RTHDR */},
    {"setsockopt", 1, UINT32_MAX, 41, 2, UINT32_MAX, 59 /* IPV6_DSTOPTS */},
    /* what a socket is told of the packets it has sent: it keeps 208 KiB of that, and no limit counts it. By a
     * message, without these, it is told only where tstamp_allow_data is set: see init */
    {"setsockopt", 1, UINT32_MAX, 1 /* SOL_SOCKET */, 2, UINT32_MAX, 37 /* SO_TIMESTAMPING */},
    {"setsockopt", 1, UINT32_MAX, 1, 2, UINT32_MAX, 65 /* SO_TIMESTAMPING_NEW */},
    {"setsockopt", 1, UINT32_MAX, 1, 2, UINT32_MAX, 60 /* SO_ZEROCOPY */},
    /* multicast on a network of one: 80,000 groups took the kernel 12 s to leave */
    {"setsockopt", 1, UINT32_MAX, 0 /* SOL_IP */, 2, UINT32_MAX, 35 /* IP_ADD_MEMBERSHIP */},
    {"setsockopt", 1, UINT32_MAX, 0, 2, UINT32_MAX, 39 /* IP_ADD_SOURCE_MEMBERSHIP */},
    {"setsockopt", 1, UINT32_MAX, 0, 2, UINT32_MAX, 42 /* MCAST_JOIN_GROUP */},
    {"setsockopt", 1, UINT32_MAX, 0, 2, UINT32_MAX, 46 /* MCAST_JOIN_SOURCE_GROUP */},
    {"setsockopt", 1, UINT32_MAX, 41 /* SOL_IPV6 */, 2, UINT32_MAX, 20 /* IPV6_JOIN_GROUP */},
    {"setsockopt", 1, UINT32_MAX, 41, 2, UINT32_MAX, 27 /* IPV6_JOIN_ANYCAST */},
    {"setsockopt", 1, UINT32_MAX, 41, 2, UINT32_MAX, 42},
    {"setsockopt", 1, UINT32_MAX, 41, 2, UINT32_MAX, 46},
    {"setsockopt", 1, UINT32_MAX, 41, 2, UINT32_MAX,
        32 /* IPV6_FLOWLABEL_MGR: 4096 for the whole host */},
};

/* Done without doing: glibc asks for the first two whenever it asks a name server, and fails without; it does without
 * what they give, the errors of packets sent, of which a socket keeps as much as of those above. */
static const struct filter_argument filter_ignored[] = {
    {"setsockopt", 1, UINT32_MAX, 0 /* SOL_IP */, 2, UINT32_MAX, 11 /* IP_RECVERR */},
    {"setsockopt", 1, UINT32_MAX, 41 /* SOL_IPV6 */, 2, UINT32_MAX, 25 /* IPV6_RECVERR */},
};

/* The socket families that are open; every other number below FILTER_FAMILIES is EAFNOSUPPORT, as a
 * kernel without it says. They reach beyond the session's own loopback or into code that few have read,
 * and asking for one makes the host load its module; socketpair asks, too. */
static const int filter_families_open[] = {
    0 /* UNSPEC: refused by the kernel */, 1 /* UNIX */, 2 /* INET */, 10 /* INET6 */};
/* Asked for, not made: ENOSYS for a zygote, which has nobody to ask; a kernel's are made by init, see the
 * second filter. With a user namespace of its own, which it can make, a hostile package could otherwise
 * configure networks: code with a history. */
enum { FILTER_FAMILY_ASKED = 16 /* NETLINK */ };
enum { FILTER_FAMILIES = 64 /* 46 exist in Linux 6.18 */ };
