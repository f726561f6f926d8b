/* pool.h - what is ready before it is asked for: prepared sandboxes and rehearsed kernels of a ground.
 *
 * One keeper thread for each ground refills it, nicely: it waits until nothing has run for a moment, but
 * not for ever. A kernel costs several times what a sandbox does, so it waits longer for those: under
 * load they would take from the requests more than they give. Taking from the pool makes no call. */
#pragma once
#include "session/grounds.h"

struct pool;

/* NULL when there is nothing to keep, or no thread for it: then everything is made on demand. */
struct pool *pool_new(struct ground *ground);
/* Joins the keeper and ends what is in the pool. NULL is allowed, for both. */
void pool_free(struct pool *p);
/* The same, but the pool can still be asked (and is empty). */
void pool_stop(struct pool *p);
/* A sandbox with a kernel of that slot, ready; or NULL. Only default memory limits are pooled. */
struct sandbox *pool_take_kernel(struct pool *p, enum zygote_slot slot);
/* A prepared sandbox without a kernel; or NULL. */
struct sandbox *pool_take_sandbox(struct pool *p);
/* Somebody begins or ends to work: the keeper waits meanwhile, and a moment longer. */
void pool_work_begins(struct pool *p);
void pool_work_ends(struct pool *p);
/* Is everything there that is to be kept? NULL is full: it keeps nothing. */
bool pool_full(struct pool *p);
