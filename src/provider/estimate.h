/* estimate.h - how many tokens something takes, roughly: for budgets, and where upstream does not count.
 * Images count as 1,000 each, about what vision models charge for a figure. Pure. */
#pragma once
#include "provider/provider.h"

/* Of transcript items, or of everything that a request sends. */
int64_t estimate_items(const json_t *items);
int64_t estimate_request(const struct provider_request *q);
/* Is a text of so many tokens too much to be read whole: more than the model's context (100,000 tokens where
 * that is unknown), or dearer than `budget_usd` (0: 10 USD)? Then a sample of it is the better question. */
bool estimate_too_much(const struct model_route *route, int64_t tokens, double budget_usd);
