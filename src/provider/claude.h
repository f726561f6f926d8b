/* claude.h - what Anthropic's models take, read off their names. Used by the adapter of its wire. Pure. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum claude_thinking {
    THINKING_NONE,     /* it cannot */
    THINKING_BUDGET,   /* {"type":"enabled","budget_tokens":n} */
    THINKING_ADAPTIVE, /* {"type":"adaptive"} and an effort */
};
struct claude_traits {
    int64_t max_tokens; /* what to ask for when nobody says: the field is compulsory */
    enum claude_thinking thinking;
    bool thinks_unasked; /* unless it is told not to */
    bool binds;    /* its thinking is good for one model and one beginning of the conversation */
    bool sampling; /* takes a temperature or top_p */
    bool schemas;  /* holds its answer to a JSON schema */
    bool finest_efforts; /* knows "xhigh" besides low, medium, high and max */
};
/* Of a name such as "claude-sonnet-4-5-20250929" or "claude-3-5-haiku-latest", whatever stands before
 * "claude-". A model newer than this file is taken for the newest one known; another vendor's for an old one. */
const struct claude_traits *claude_traits(const char *model);
