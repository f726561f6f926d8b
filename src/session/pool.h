/* pool.h - what is ready before it is asked for: prepared sandboxes and rehearsed kernels of a ground.
 *
 * One keeper thread for each ground refills it, nicely: it waits until requests have been quiet for a
 * moment, unless the pool is nearly empty. Taking from the pool makes no call to anybody. */
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
/* Somebody works: the keeper waits. To be called at each request's start. */
void pool_busy(struct pool *p);
