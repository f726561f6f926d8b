/* supervisor.h - what the supervisor's parts share: one process, one thread, one of everything.
 *
 * The only process with power on the host. It reads fixed-layout requests from the server and
 * nothing else: no JSON, no network, nothing a kernel wrote. It makes grounds, keeps what must
 * outlive a server (listeners, the state directory's lock, pipes, wardens' sockets) and starts the
 * server again when it dies. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "ipc/message.h"
#include "ipc/protocol.h"
#include "sandbox/cgroup.h"
#include "sandbox/identity.h"
#include "supervisor/plan.h"

enum { GROUNDS_MAX = 64, PIPE_SETS_MAX = 16384, BUILDS_MAX = 4 };

#define SUPERVISOR_OOM_SCORE "-900" /* the server's too: it is born with it */

struct ground {
    int id; /* -1: free */
    pid_t warden;
    int server_socket; /* the server's end of the warden's socket, kept for the next server */
    int cpu_idle;      /* to write, the server's too; -1: none */
    int use_lock;      /* shared lock on the environment's generation */
    bool ending;       /* told to end; answered when reaped */
    uint32_t serial;   /* of the SUP_GROUND_END that waits */
    char name[64];
};

struct build {
    pid_t pid;               /* 0: free */
    uint32_t serial, server; /* which server asked: an answer goes to no other */
};

struct supervisor {
    struct plan plan;
    enum identity_mode mode;
    uint32_t sub_first, sub_count; /* IDENTITY_SUBUID: the range of /etc/subuid */
    struct cgroup_host cgroup;
    bool hand_over_failed; /* to the present server */
    int listeners[PLAN_LISTENERS];
    char addresses[PLAN_LISTENERS][128];
    int state_dir, state_lock, environments;
    int warden_exe, init_exe, server_exe;
    int lifeline[2]; /* a pipe whose write end is here alone: wardens read its end of file */
    struct ground grounds[GROUNDS_MAX];
    int next_ground;
    int (*pipes)[KERNEL_PIPES]; /* by set id; [0] -1: free */
    struct build builds[BUILDS_MAX];
    pid_t server;
    int link; /* to the server that runs now */
    bool server_was_ready;
    uint32_t servers_before;
};

/* ---- listeners.c: sockets are bound here, never accepted from ---------------------------------- */
int listeners_open(struct supervisor *s, struct error *e);
void listeners_remove(struct supervisor *s); /* unlinks unix sockets */

/* ---- state.c: the state directory, its owner and its lock --------------------------------------- */
int state_open(struct supervisor *s, struct error *e);

/* ---- ground.c ------------------------------------------------------------------------------------ */
/* Makes a ground of environment `name` with its warden; fills an entry of s->grounds. 0 or -errno. */
int ground_make(struct supervisor *s, const char *name, struct ground **ret, struct error *e);
struct ground *ground_find(struct supervisor *s, uint64_t id);
/* Kills its pid 1; everything in it ends with that. Reaped by the main loop. */
void ground_end(struct ground *g);
/* After its warden was reaped: cgroups, lock and sockets go. */
void ground_forget(struct supervisor *s, struct ground *g);
/* How many ids this process may map, and how. 0 or -errno. */
int identity_detect(struct supervisor *s, struct error *e);
uid_t ground_first_id(const struct supervisor *s, int id);
uint32_t ground_id_count(const struct supervisor *s);

/* ---- pipes.c --------------------------------------------------------------------------------------- */
/* Makes a set: the kernel's ends for the caller to send and close; the server's ends stay in the
 * table. The set id, or -errno. */
int pipes_make(struct supervisor *s, int ret_kernel[KERNEL_PIPES]);
void pipes_end(struct supervisor *s, uint64_t set);

/* ---- build.c: `cloche env build`, which makes a ground of its own, started for the server ----------- */
/* Takes neither descriptor. 0 when it runs; else -errno. */
int build_start(
    struct supervisor *s, const struct message *m, int requirements, int progress, struct error *e);
/* A child was reaped: true if it was a build; the server that asked is answered. */
bool build_ended(struct supervisor *s, pid_t pid, int status);

/* ---- keeper.c: starts servers and hands everything over ---------------------------------------------- */
int server_start(struct supervisor *s, struct error *e);
