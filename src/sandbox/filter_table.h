/* filter_table.h - the first filter as data: what a data scientist never needs is refused with EPERM.
 *
 * A deny list, not an allow list: a list that kills numpy is the best-known failure of this field.
 * Compiled by filter_compile.c with libseccomp at build time. Order does not matter. */
#pragma once

/* Whole calls. Names that this libseccomp does not know are numbers below. */
static const char *const filter_denied[] = {
    /* mounts and roots */
    "mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsmount",
    "fsconfig", "fspick", "mount_setattr",
    /* namespaces; setns stays open for the zygote and is taken by the second filter */
    "unshare",
    /* other processes */
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease",
    "pidfd_getfd", "kcmp", "move_pages", "migrate_pages",
    /* kernel surfaces with a history */
    "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
    "keyctl", "add_key", "request_key", "kexec_load", "kexec_file_load", "init_module",
    "finit_module", "delete_module", "fanotify_init", "fanotify_mark", "modify_ldt",
    "lookup_dcookie", "uselib", "ustat", "_sysctl", "nfsservctl", "vmsplice", "remap_file_pages",
    /* files past the walls */
    "open_by_handle_at", "name_to_handle_at", "quotactl", "quotactl_fd", "acct", "swapon", "swapoff",
    /* the machine */
    "reboot", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "syslog", "vhangup",
    "iopl", "ioperm", "personality", "sethostname", "setdomainname", "mbind", "set_mempolicy",
    "set_mempolicy_home_node",
};

/* Calls newer than the libseccomp of Debian 12. */
static const int filter_denied_numbers[] = {
    457 /* statmount */, 458 /* listmount */, 460 /* lsm_set_self_attr */,
};

/* The socket families that are open; every other number below FILTER_FAMILIES is EAFNOSUPPORT, as a
 * kernel without it says. They reach beyond the session's own loopback or into code that few have read,
 * and asking for one makes the host load its module. getifaddrs and psutil speak AF_NETLINK. */
static const int filter_families_open[] = { 0 /* UNSPEC: refused by the kernel */, 1 /* UNIX */, 2 /* INET */,
                                            10 /* INET6 */, 16 /* NETLINK */ };
enum { FILTER_FAMILIES = 64 /* 46 exist in Linux 6.18 */ };
