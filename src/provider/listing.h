/* listing.h - what a provider serves right now, asked over HTTP and remembered for a while.
 *
 * Server only; safe from several threads: one asks, the others wait for its answer. */
#pragma once
#include "provider/internal.h"

struct listing *listing_new(void); /* NULL without memory */
struct listing *listing_free(struct listing *l);

/* [{"id","created","owned_by"}], at most 2,000; a new reference, NULL when it could not be had. Asks when what
 * is known is older than `good_us` (an answer) or `bad_us` (a failure), for at most `timeout_ms`. */
json_t *listing_get(const struct provider *p, int64_t good_us, int64_t bad_us, int timeout_ms);

/* What a local server says of one of its models: 1, 0, or -1 where it says nothing. */
struct model_facts {
    int tools, images;
    int64_t context_tokens; /* 0: unknown */
};
/* Ollama's /api/show, llama.cpp's /props; for others nothing is known. Remembered for ten minutes. */
void listing_facts(const struct provider *p, const char *model, struct model_facts *ret);
