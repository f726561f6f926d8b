/* grounds.h - grounds by environment, their zygotes, and the sandboxes that stand in them.
 *
 * A ground is made through the supervisor when somebody first needs its environment's present
 * generation, and ended when it was superseded or its warden died and no sandbox is left. A sandbox
 * here is the server's handle of one: its init's socket, the kernel in it with its pipes, and what
 * its warden said about their deaths. Who holds a sandbox alone uses it; deaths come from the
 * warden's reader thread and are looked at through sandbox_death. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "ipc/frame.h"
#include "ipc/protocol.h"
#include "session/init_link.h"
#include "session/link.h"
#include "session/pace.h"
#include "session/pipes.h"

struct inherited_ground;
struct live_sandbox;
struct pool;
struct grounds;

enum ground_state {
    GROUND_MAKING,
    GROUND_LIVE,
    GROUND_SUPERSEDED, /* a newer generation is there, or nobody used it; sandboxes live on, none is made */
    GROUND_DEAD, /* its warden ended */
};
enum zygote_state { ZYGOTE_ABSENT, ZYGOTE_WARMING, ZYGOTE_READY, ZYGOTE_FAILED };

enum { SANDBOX_BUCKETS = 1024 };

/* See weight.c. */
struct ground_weight {
    pthread_mutex_t lock;  /* the innermost */
    int idle_fd;           /* cpu.idle of its cgroup, or -1 */
    unsigned full, behind; /* work in flight that counts in full; sandboxes that give way */
    bool idle;             /* as was written last */
};

struct ground {
    struct ground *next; /* in the list of grounds; lock of grounds */
    struct grounds *grounds;
    uint64_t id;
    char environment[64], generation[128];
    struct link *link;
    struct pool *pool;
    bool full_is_usual; /* sessions here fork from ZYGOTE_FULL */
    struct ground_weight weight;
    /* Below: lock of grounds. */
    enum ground_state state;
    unsigned refs;
    unsigned
        users; /* requests that have it, and sandboxes of sessions: not the pool's, nor kept ones */
    int64_t used_at_us; /* when there was one last */
    struct {
        enum zygote_state state;
        int64_t asked_at_us, failed_at_us, failures;
        bool memory; /* it failed for want of that, and would again */
        char words[200];
    } zygote[ZYGOTE_SLOTS];
    struct sandbox *bucket[SANDBOX_BUCKETS];
    struct live_sandbox *hello; /* while it is adopted: what the warden listed */
    size_t hello_n;
    bool hello_asked; /* it may list now */
};

struct kernel {
    bool there; /* a kernel was asked for in this sandbox and has pipes */
    bool ready; /* its first frame has come */
    bool rehearsed;
    enum zygote_slot slot;
    uint64_t serial;
    struct pipe_set pipes;
    struct frame_reader frames;
    size_t stray_bytes; /* of frames nobody waited for, see kernel_stray */
};

struct death {
    uint64_t kernel_serial; /* the kernel that died last, UINT64_MAX: none has */
    int code, status;       /* as siginfo's si_code and si_status */
    uint64_t oom_kills;     /* of the cgroup, at that time */
    bool sandbox;           /* everything is gone */
};

struct sandbox {
    struct sandbox *next; /* in the pool, or whatever list its holder keeps */
    struct ground *ground;
    uint32_t id;
    unsigned limits; /* the grounds' when it was made */
    _Atomic uint64_t memory_bytes;
    uint64_t oom_kills; /* when last looked */
    struct init_link *init;
    struct kernel kernel;
    struct pace pace;  /* of what we do for it */
    bool dropped;      /* its pipes go on without us */
    bool gives_way;    /* as its warden was told last; whose turn it is, under the lock of weight */
    int works;         /* pieces of work in flight in it; lock of weight */
    bool weightless;   /* it is being ended; lock of weight */
    bool left_running; /* when last looked, there was more in it than a kernel and its threads */
    /* Below: lock of grounds. */
    unsigned refs;
    bool taken; /* a session's or a request's: a user of the ground */
    struct sandbox *in_bucket;
    struct death death;
    int wake_fd; /* an eventfd of who waits, or -1; borrowed */
};

struct grounds_config {
    uint64_t inodes, pids, files_percent, memory_default_bytes;
    uint64_t cpu_quota_us; /* as in struct cgroup_limits */
    uint64_t zygote_memory_bytes;
    unsigned pool_sandboxes, pool_kernels_full, pool_kernels_plain;
    const char
        *default_environment; /* stays, and base; of others there are grounds_max at a time */
    unsigned grounds_max;
    bool one_shot;
    int folder;   /* of the host, to be /mnt/data; -1: none */
    int death_fd; /* an eventfd: a sandbox or a warden died, somebody should look; -1: nobody */
    const int *memory; /* of all sandboxes, see room.h; lives longer */
};

int grounds_new(const struct grounds_config *config, struct link *supervisor, struct pipes *pipes,
    int environments, struct grounds **ret);
/* New limits for sandboxes that are made from here on; not the pools' sizes. */
void grounds_reconfigure(struct grounds *g, const struct grounds_config *config);
/* Whoever waits for a warden, a zygote or a kernel, now or later, fails: the server stops. */
void grounds_quit(struct grounds *g);
/* Ends pools and links; sandboxes must all have been dropped or ended. */
void grounds_free(struct grounds *g);

/* The live ground of an environment's present generation, made if need be (blocks for tens of
 * milliseconds then; where there are too many, for as long as it takes to end one that nobody uses), in use until
 * ground_put. ENVIRONMENT_NOT_BUILT, QUOTA_EXCEEDED, UNAVAILABLE. */
int ground_get(struct grounds *g, const char *environment, struct ground **ret, struct error *e);
void ground_put(struct ground *g);
void ground_unref(struct ground *g);
/* Whether sandboxes are still made in it. */
bool ground_current(struct ground *g);
/* Takes over a ground of an earlier server (its descriptor too), with a reference, and asks its
 * warden which sandboxes live: `*ret_live`, n of them, the caller's with their sockets (free). */
struct live_sandbox {
    uint32_t id;
    uint64_t state, kernel_serial;
    int init_fd;
};
int ground_adopt(struct grounds *g, struct inherited_ground *from, struct ground **ret,
    struct live_sandbox **ret_live, size_t *ret_n);
/* Blocks until that zygote is warm, asking for it first if nobody has. UNAVAILABLE, or ENVIRONMENT_MEMORY where it takes
 * more than it may, with its last words. */
int ground_zygote(struct ground *g, enum zygote_slot slot, int64_t timeout_us, struct error *e);
/* The same without waiting: asks for it. ABSENT: its ground has ended, or there is no room to spare for it. */
enum zygote_state ground_zygote_state(struct ground *g, enum zygote_slot slot);
/* Whether the memory over all sandboxes has that much left; where it has not, kernels that wait in pools are ended
 * first. Blocks for a second at most. 0 or QUOTA_EXCEEDED. */
int grounds_room(struct grounds *g, uint64_t bytes, struct error *e);
/* The same beside a sandbox that was taken from a pool (or NULL): it is ended last, if at all, and is NULL then. */
int grounds_room_beside(struct grounds *g, uint64_t bytes, struct sandbox **taken, struct error *e);
/* Supersedes grounds whose environment has a newer generation or that nobody used for ten minutes, and ends
 * those nobody stands in. The housekeeper calls it. */
void grounds_tend(struct grounds *g);
/* Is in the pools of all live grounds what they are to keep? */
bool grounds_full(struct grounds *g);
/* "" or what the environment's ground lacks to be ready. */
bool ground_ready(struct grounds *g, const char *environment, char *why, size_t size);

/* A prepared sandbox, made now; 0 bytes: the default limit. */
int sandbox_make(struct ground *g, uint64_t memory_bytes, struct sandbox **ret, struct error *e);
/* A handle for one that an earlier server made; takes init_fd. */
int sandbox_adopt(
    struct ground *g, uint32_t id, int init_fd, uint64_t memory_bytes, struct sandbox **ret);
/* Whether its limits, but that on memory, are those that one made now would have. */
bool sandbox_limits_hold(const struct sandbox *s);
/* Its limit is at least `bytes` from now on, whatever runs in it; *ret_now is what it is. UNAVAILABLE. */
int sandbox_raise_memory(struct sandbox *s, uint64_t bytes, uint64_t *ret_now, struct error *e);
/* From here on, or no longer, it is a session's or a request's; from its making on nobody's. */
void sandbox_take(struct sandbox *s, bool taken);
/* A kernel in it, forked from `slot`; returns when it is cloned, not when it is ready. */
int sandbox_start_kernel(struct sandbox *s, enum zygote_slot slot, struct error *e);
/* Lets go of the kernel's pipes; does not kill it. */
void sandbox_forget_kernel(struct sandbox *s);
/* Whether it counts for less than the others when cores are short, as a long execution does and what a
 * finished one left running. Tells the warden when that changes, without waiting. In the session's turn. */
void sandbox_give_way(struct sandbox *s, bool gives_way);
/* Around what a request waits for, in a sandbox that is there or in the ground that is to make one: meanwhile
 * the ground counts in full among the grounds, unless the sandbox gives way. */
void sandbox_work_begins(struct sandbox *s);
void sandbox_work_ends(struct sandbox *s);
void ground_work_begins(struct ground *g);
void ground_work_ends(struct ground *g);
/* Kills all but init and lets go of the kernel. 0, or -errno: the sandbox must be ended. */
int sandbox_kill_all(struct sandbox *s);
/* Another holder of the handle: what it does with init is allowed at any time, the kernel is only
 * the first holder's. NULL is allowed for unref. */
struct sandbox *sandbox_ref(struct sandbox *s);
void sandbox_unref(struct sandbox *s);
/* Ends it: calls to its init fail from now on, whoever waits for its kernel is woken. Gives up one
 * reference; does not wait. `done` (or NULL) is called when nothing is left of it, on the reader
 * thread, or here when its warden is gone. Once for each sandbox. NULL sandbox is allowed. */
void sandbox_end(struct sandbox *s, void (*done)(void *context), void *context);
/* Nobody has a use for it any more: whoever waits for its kernel is told that it died. From any thread, while its
 * holder has it; to end it is still the holder's. */
void sandbox_give_up(struct sandbox *s);
/* Leaves the sandbox as it is, for the next server, and gives up the reference. */
void sandbox_drop(struct sandbox *s);
/* What is known of its deaths. */
struct death sandbox_death(struct sandbox *s);
/* The end of the sandbox's kernel, or of all of it, as one sentence for people. */
enum { DEATH_WORDS = 200 };
void sandbox_death_words(struct sandbox *s, char to[DEATH_WORDS]);
void kernel_death_words(struct sandbox *s, char to[DEATH_WORDS]);
/* Whom to wake by an eventfd when something dies; -1: nobody. */
void sandbox_wake(struct sandbox *s, int wake_fd);
/* Whether the kernel in it is alive as far as anybody said. */
bool sandbox_kernel_alive(struct sandbox *s);
