/* capabilities.h - what well-known models can do, by their names: one row each, the first that matches.
 *
 * Matched without regard to case against the last part of a name ("openai/gpt-4o" is gpt-4o). Vendors' own models
 * were compared with a published list (capabilities.c says which), open weights were not. The config's "models"
 * table always wins; Ollama and llama.cpp are asked what they serve; a model that no row knows has tools, its
 * provider's usual images, and a context that is unknown. Pure. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct capabilities {
    const char *pattern;                   /* fnmatch(3) */
    int64_t context_tokens, output_tokens; /* 0: unknown */
    bool images, tools;
    bool reasoning; /* refuses temperature and top_p */
};
/* NULL: no row knows it. */
const struct capabilities *capabilities_find(const char *model);
