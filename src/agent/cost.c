/* cost.c - what tokens cost, and what may still be spent. */
#include "agent/loop.h"
#include "provider/estimate.h"

enum { TOKENS_LEAST = 16 /* fewer are no answer */ };

double cost_of(const struct model_route *r, const struct provider_usage *u)
{
    if (!r->priced)
        return 0;
    int64_t fresh = u->input_tokens > u->cached_tokens ? u->input_tokens - u->cached_tokens : 0;
    return ((double)fresh * r->price_input + (double)u->cached_tokens * r->price_cached +
               (double)u->output_tokens * r->price_output) /
           1e6;
}

int cost_bound(struct loop *l, struct provider_request *q)
{
    const struct model_route *r = &l->plan->route;
    l->budget_binds = false;
    if (l->plan->budget_usd <= 0)
        return 0;
    double left =
        l->plan->budget_usd - l->cost - (double)estimate_request(q) * r->price_input / 1e6;
    double tokens = r->price_output > 0 ? left / r->price_output * 1e6 : left >= 0 ? 1e9 : 0;
    if (left < 0 || tokens < TOKENS_LEAST)
        return error_set(&l->error, ERROR_BUDGET_EXCEEDED, 0,
            "The next call of the model could exceed the run's budget of %g USD; %g are spent.",
            l->plan->budget_usd, l->cost);
    if (tokens < 1e9 && (!q->max_output_tokens || tokens < (double)q->max_output_tokens)) {
        q->max_output_tokens = (int64_t)tokens;
        l->budget_binds = true;
    }
    return 0;
}
