/* estimate.h - how many tokens something takes, roughly: for budgets, and where upstream does not count.
 * Images count as 1,000 each, about what vision models charge for a figure. Pure. */
#pragma once
#include "provider/provider.h"

/* Of transcript items, or of everything that a request sends. */
int64_t estimate_items(const json_t *items);
int64_t estimate_request(const struct provider_request *q);
