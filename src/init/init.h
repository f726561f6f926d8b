/* init.h - pid 1 of a sandbox: reaper, file agent, killer, maker of branch 0.
 *
 * A small static program, exec'ed, root of the sandbox only, never user code, outside the sandbox's
 * cgroup. It obeys fixed-layout requests of warden and server and never reads anything a kernel
 * wrote, except the contents of files, which it only copies, and the numbers in the registers of a
 * system call that is left to it (asked.c). User code can reach none of its descriptors. */
#pragma once
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "init/start.h"
#include "ipc/message.h"
#include "ipc/protocol.h"

struct init {
    int ids; /* ids mapped into this sandbox; 0: one for everything */
    uint64_t scratch_bytes, scratch_inodes;
    enum cgroup_version cgroup;
    int namespaces
        [SANDBOX_NAMESPACES]; /* for kernels to enter; the warden keeps none of a running kernel's */
    int scratch;              /* the root of branch 0's scratch, from inside its mount namespace */
    bool folder;              /* INIT_FOLDER_FD is /mnt/data, in place of the scratch's */
    int loopback;             /* 0, or -errno why it is down, until the warden was told */
    int kernel;               /* pidfd; -1: none */
    int listener;             /* where user code asks, see asked.c; -1: nobody can ask */
    int kernel_pid;           /* as this sandbox counts; also its process group and session */
};

/* ---- branch.c ------------------------------------------------------------------------------------ */
/* Makes branch 0, dropping the former one: a child user namespace with mount and ipc namespaces of its
 * own and a new scratch. Fills i->namespaces[NS_USER …] and i->scratch. 0 or -errno, the step in `e`. */
int branch_prepare(struct init *i, struct error *e);

/* ---- identity of the file agent: files.c ------------------------------------------------------------ */
/* File rights of the kernel's id and no capability (`kernel` true), or init's own again. Only fsuid
 * and fsgid change: nobody of the sandbox can signal or trace whoever does this. */
void act_as(const struct init *i, bool kernel);

void file_open_request(struct init *i, struct message *m);
void file_unlink_request(struct init *i, struct message *m);
/* Forks the writer, which joins the sandbox's cgroup; takes nothing. */
void file_write_request(struct init *i, struct message *m, int from);
/* A child of init ended: was it a writer that did not answer? Then init answers for it. */
void file_writer_ended(int pid, bool answered);

/* ---- scan.c --------------------------------------------------------------------------------------------- */
void scan_request(struct init *i, struct message *m);

/* ---- asked.c --------------------------------------------------------------------------------------------- */
/* Answers one system call of user code that the second filter leaves to init, or closes i->listener when
 * nobody is left to ask. Does not wait. */
void asked_request(struct init *i);
/* Takes the listener of a new kernel, in place of the former's. */
void asked_from(struct init *i, int listener);

/* ---- netlink.c ------------------------------------------------------------------------------------------- */
/* What socket(AF_NETLINK, …) was asked for: a descriptor, the caller's to close, or -errno. */
int netlink_socket(const struct seccomp_data *call);

/* ---- thread.c -------------------------------------------------------------------------------------------- */
/* 0 when sched_setaffinity, prlimit64 or setpriority(PRIO_PROCESS, …) names a thread of the caller's own
 * group; -ESRCH when nobody has the number; -EPERM, also for every other call. `caller` as this pid
 * namespace counts, 0 if it is in none. */
int thread_judge(pid_t caller, const struct seccomp_data *call);

/* ---- listen.c -------------------------------------------------------------------------------------------- */
/* 0 when one more may listen; -ENOBUFS: too many do. */
int listen_judge(void);

/* ---- locks.c --------------------------------------------------------------------------------------------- */
/* 0 or -errno. Before /proc/locks is covered. */
int locks_open(void);
/* 0 when a call of fcntl that may lock a range of a file is let through; -ENOLCK: there are too many. */
int locks_judge(void);
/* The next user begins anew. */
void locks_forget(void);

/* ---- kill.c ---------------------------------------------------------------------------------------------- */
/* Everything but init; returns when the last one has been reaped, by init or by its real parent. */
int kill_everything(void);
/* Nothing of the former user may be left: no process, no open or lingering socket. 0, or -ENOTEMPTY
 * naming what was found. */
int prove_empty(struct error *e);
/* Reaps whatever has died below init. */
void reap(void);
