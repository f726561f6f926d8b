/* capabilities.h - what well-known models can do, by their names: one row each, the first that matches.
 *
 * Matched without regard to case against the last part of a name ("openai/gpt-4o" is gpt-4o). Written
 * from general knowledge and not checked row by row against the vendors' pages: a row that is wrong is
 * overridden in the config's "models" table, which always wins. Ollama and llama.cpp are asked what they serve, and a model that no row knows has tools and its
 * provider's usual images. Pure. */
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
