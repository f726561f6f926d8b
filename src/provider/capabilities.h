/* capabilities.h - what well-known models can do, by their names: one row each, the first that matches.
 *
 * Matched without regard to case against the last part of a name ("openai/gpt-4o" is gpt-4o). From the
 * vendors' public model pages (OpenAI, Anthropic, Google, Mistral, DeepSeek, xAI) and the model cards of
 * open weights, as of November 2026. It need not be complete: the config's "models" table overrides each
 * row, Ollama and llama.cpp are asked what they serve, and a model that no row knows has tools and its
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
