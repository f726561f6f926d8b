/* making_room.c - memory for who asks for a session, from what pools hold for those who may ask. */
#include "base/clock.h"
#include "session/grounds_private.h"
#include "session/pool.h"
#include "session/room.h"

enum { GIVE_WAY_US = 1000000 };

static void gave_way(void *context)
{
    struct grounds *g = context;
    pthread_mutex_lock(&g->lock);
    g->giving_way--;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}

static void gives_way(struct grounds *g, struct sandbox *s)
{
    pthread_mutex_lock(&g->lock);
    g->giving_way++;
    g->gave_way_at_us = clock_monotonic_us();
    pthread_mutex_unlock(&g->lock);
    sandbox_end(s, gave_way, g);
}

static void pool_gives_way(struct grounds *g, struct pool *pool)
{
    for (int slot = 0; slot < ZYGOTE_SLOTS; slot++)
        for (struct sandbox *s; (s = pool_take_kernel(pool, (enum zygote_slot)slot));)
            gives_way(g, s);
}

/* From the last one's end on for a moment: a warden that never answers is not waited for again and again. */
static void wait_for_memory(struct grounds *g)
{
    pthread_mutex_lock(&g->lock);
    for (int64_t left;
         g->giving_way > 0 && (left = g->gave_way_at_us + GIVE_WAY_US - clock_monotonic_us()) > 0;)
        cond_wait_us(&g->changed, &g->lock, left);
    pthread_mutex_unlock(&g->lock);
}

/* Ends what waits in all pools and holds memory: who asks comes before who may ask. */
static void pools_give_way(struct grounds *g)
{
    struct ground *with_pool[64];
    unsigned n = 0;
    pthread_mutex_lock(&g->lock);
    for (struct ground *at = g->list; at && n < 64; at = at->next)
        if (at->pool) {
            at->refs++; /* it is not freed meanwhile, and its pool not either */
            with_pool[n++] = at;
        }
    pthread_mutex_unlock(&g->lock);
    for (unsigned i = 0; i < n; i++) {
        pool_gives_way(g, with_pool[i]->pool);
        ground_unref(with_pool[i]);
    }
    wait_for_memory(g);
}

int grounds_room(struct grounds *g, uint64_t bytes, struct error *e)
{
    struct sandbox *none = NULL;
    return grounds_room_beside(g, bytes, &none, e);
}

int grounds_room_beside(struct grounds *g, uint64_t bytes, struct sandbox **taken, struct error *e)
{
    const int *memory = g->config.memory;
    if (room_for(memory, bytes))
        return 0;
    pools_give_way(g);
    if (room_for(memory, bytes))
        return 0;
    if (*taken) {
        gives_way(g, *taken);
        *taken = NULL;
        wait_for_memory(g);
    }
    return room_for(memory, bytes) ? 0 : room_refuse(memory, e);
}
