/* warden.h - what the warden's parts share. Pid 1 and root of one ground, nobody outside it.
 *
 * It makes sandboxes, is the parent of their inits, of the zygotes and (by CLONE_PARENT) of every
 * kernel, and reports deaths. One thread, one epoll loop; nothing in it waits for a peer: making a
 * sandbox, forking a kernel and emptying a sandbox are begun, and answered when init or the zygote
 * says so. It reads fixed-layout messages of server, init and zygotes; nothing a kernel wrote. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "ipc/message.h"
#include "ipc/protocol.h"
#include "sandbox/cgroup.h"
#include "sandbox/identity.h"

struct fork_request {
    uint32_t sandbox, serial;
    int slot;
    int pipes[KERNEL_PIPES];
};

/* Thousands of these live at once, so a sandbox with a kernel keeps two descriptors and no more. */
struct sandbox {
    uint32_t id;
    enum sandbox_state state;
    pid_t init, kernel;
    int init_socket;             /* ours to init */
    int server_end;              /* the server's socket to init, kept for the next server */
    int ns[SANDBOX_NAMESPACES];  /* until a kernel was born into them; init has them for the next */
    struct fork_request waiting; /* a kernel to be born once init has sent them again */
    uint32_t kernel_serial;
    uint32_t pending; /* serial of the request that waits; 0: none */
    uint16_t pending_op;
    uint64_t memory_bytes;
    uint64_t oom_before;      /* the cgroup's kills when the kernel started */
    bool cgroup_made, folder; /* folder: /mnt/data is one of the host's */
};

enum { FORK_QUEUE = 256 };

/* Its directory in the cgroups, which lasts as long as what it is charged for: the next one of a zygote that died has
 * the same, and with it what was left behind. One that replaced another has one of its own. */
struct zygote_group {
    uint32_t number;       /* 0: none yet */
    uint64_t memory_bytes; /* what it may have, */
    uint64_t each_bytes;   /* and for each sandbox besides */
    uint64_t oom_before;   /* kills when it started */
};

struct zygote {
    enum { ZYGOTE_NONE, ZYGOTE_WARMING, ZYGOTE_READY, ZYGOTE_FORKING, ZYGOTE_RETIRED } state;
    pid_t pid;
    int socket, words; /* words: a memfd that is its standard output and error */
    uint32_t pending;  /* serial of the WARDEN_ZYGOTE that waits */
    /* it did not get warm: told when it is gone, so that another may be asked for */
    struct error why;
    struct fork_request queue[FORK_QUEUE];
    unsigned first, count;
    uint64_t forks, forks_max;   /* its successor is warmed when it made so many kernels, */
    int64_t born_us, age_max_us; /* or is so old */
    struct zygote_group group;
};

/* One for each slot, and behind those the successor of each while it is warmed, or what it replaced until
 * its last kernels have entered their sandboxes. */
enum { ZYGOTES = 2 * ZYGOTE_SLOTS };

struct warden {
    enum identity_mode mode;
    enum cgroup_version cgroup_version;
    int cgroup_dirs[CGROUP_DIRS];
    bool venv;
    const char *name;
    uint32_t capacity;
    struct sandbox **sandboxes; /* by id; NULL: free */
    uint32_t live, next_id;
    uint32_t room; /* so many sandboxes are in the zygotes' limits */
    uint32_t next_group;
    uint32_t namespaces_for; /* so many sandboxes, at most; UINT32_MAX: there can be no limit */
    struct zygote zygotes[ZYGOTES];
    int epoll, signals;
    bool ending_orphans;
};

/* What epoll hands back: one word that says whose descriptor it is. */
enum { SOURCE_SERVER, SOURCE_SIGNALS, SOURCE_ZYGOTE, SOURCE_INIT, SOURCE_LIFELINE };
#define SOURCE(kind, index) ((uint64_t)(kind) << 32 | (uint32_t)(index))

/* ---- main.c ------------------------------------------------------------------------------------ */
int warden_watch(struct warden *w, int fd, uint64_t source);
/* Answers the server. `e` may be NULL when r is 0. */
void warden_answer(uint16_t op, uint32_t serial, uint32_t sandbox, int r, const struct error *e,
    const uint64_t *words, size_t n_words, const int *fds, size_t n_fds);

/* Is it a child of ours that is nobody we know: none of the inits, zygotes and kernels? */
bool warden_child(const struct warden *w, pid_t pid);

/* ---- namespaces.c ------------------------------------------------------------------------------ */
/* Sets how many namespaces the ground may have, if that is not as it should be for the sandboxes that live. 0 or -errno. */
int namespaces_limit(struct warden *w);

/* ---- sandbox.c --------------------------------------------------------------------------------- */
/* `folder`, borrowed, is a mount to be its /mnt/data, or -1. */
void sandbox_make(struct warden *w, const struct message *m, int folder);
void sandbox_recycle(struct warden *w, struct sandbox *b, uint32_t serial);
void sandbox_end(struct warden *w, struct sandbox *b, uint32_t serial);
/* WARDEN_MEMORY: raises its limit, or finds it high enough, and answers. */
void sandbox_raise_memory(struct warden *w, struct sandbox *b, const struct message *m);
/* WARDEN_GIVE_WAY. */
void sandbox_give_way(struct warden *w, struct sandbox *b, bool gives_way);
/* A message of its init, or its end of file. */
void sandbox_heard(struct warden *w, struct sandbox *b);
/* Init or kernel was reaped. */
void sandbox_init_died(struct warden *w, struct sandbox *b);
void sandbox_kernel_died(struct warden *w, struct sandbox *b, int code, int status);
struct sandbox *sandbox_find(struct warden *w, uint32_t id);

/* The directory's name below the ground's cgroups. */
void sandbox_cgroup_name(char to[24], uint32_t id);

/* ---- zygote.c ---------------------------------------------------------------------------------- */
/* WARDEN_ZYGOTE. */
void zygote_start(struct warden *w, int slot, const struct message *m);
void zygote_end(struct warden *w, int slot);
/* Asks for a kernel in a prepared sandbox. Takes the four pipe ends. */
void zygote_fork(
    struct warden *w, int slot, struct sandbox *b, uint32_t serial, int pipes[KERNEL_PIPES]);
/* The sandbox's way in is there again, or not: goes on with what waits. */
void zygote_fork_waiting(struct warden *w, struct sandbox *b, int status);
void zygote_heard(struct warden *w, int slot);
void zygote_died(struct warden *w, int slot, int code, int status);
/* They fork what waits. */
void zygotes_go_on(struct warden *w);

/* ---- orphans.c --------------------------------------------------------------------------------- */
/* A zygote died: ends what it started, beside sandboxes, and whatever else nobody knows. Blocks, for some milliseconds;
 * longer only where packages hold it up. */
void orphans_end(struct warden *w);

/* ---- zygote_memory.c: each may have so much. Nothing where there are no cgroups ------------------------ */
/* Before it is born, with group.memory_bytes set: what it joins by, or -1 without cgroups. */
int zygote_memory_begin(struct warden *w, struct zygote *z, int *ret_join, struct error *e);
/* It is warm: what a kernel of its costs it is known. */
void zygote_memory_warm(struct warden *w, struct zygote *z);
/* A sandbox was made, or is gone. */
void zygote_memory_room(struct warden *w);
/* Whether Linux has killed something of it because it had more than that; says so then. */
bool zygote_memory_met(const struct warden *w, const struct zygote *z, struct error *e);
/* Nothing of it is left, and no other has its place. */
void zygote_memory_end(struct warden *w, struct zygote *z);
