/* grounds_private.h - what grounds.c, sandboxes.c and pool.c share: the one lock of grounds. */
#pragma once
#include <pthread.h>

#include "session/grounds.h"

struct grounds {
    struct grounds_config config;
    unsigned limits; /* how often those for sandboxes were changed */
    struct link *supervisor;
    struct pipes *pipes;
    int environments;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct ground *list;
    bool quitting;
    unsigned ending;         /* grounds that are in no list any more, and not yet gone */
    unsigned giving_way;     /* kernels of pools that are being ended to make room */
    int64_t gave_way_at_us;  /* the last one was told to */
    struct placing *placing; /* idle_grounds.c: who waits for a place */
};

/* The name of an environment's present generation; "base" has one that never changes. 0 or -errno. */
int environment_generation(int environments, const char *name, char *to, size_t size);

void cond_init_monotonic(pthread_cond_t *c);
/* pthread_cond_timedwait for `us` from now. 0 or ETIMEDOUT. */
int cond_wait_us(pthread_cond_t *c, pthread_mutex_t *lock, int64_t us);
/* idle_grounds.c: a place for one more ground of that environment: 0; 1 when it was waited for, and all may
 * be otherwise; from until_us on and where nobody leaves QUOTA_EXCEEDED; UNAVAILABLE when the server stops.
 * Ends idle grounds, the longest unused first, as many as places are waited for. Lock held. */
int grounds_place(struct grounds *g, const char *environment, int64_t until_us, struct error *e);
void grounds_supersede_idle(struct grounds *g);
/* zygotes.c: what its warden said of one that died or did not get warm (NULL: the warden ended); when it counts as failed,
 * to be asked for again later. Lock held. */
void zygote_failed(struct ground *ground, enum zygote_slot slot, const struct message *m);
/* Somebody should look. */
void tell_housekeeper(struct grounds *g);
/* weight.c: takes idle_fd (-1: none); the same as the warden was told; it ends. */
void ground_weight_init(struct ground *g, int idle_fd);
void sandbox_gave_way(struct sandbox *s, bool gives_way);
void sandbox_weighs_nothing(struct sandbox *s);
/* Wakes who waits for this sandbox; the same, and all of it is gone from now on. Lock held. */
void wake_sandbox(struct sandbox *s);
void lose_sandbox(struct sandbox *s);
