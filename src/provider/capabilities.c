#include "capabilities.h"

#include <fnmatch.h>

/* clang-format off */
static const struct capabilities rows[] = {
    /* Vendors' own names. Each row agrees with what LiteLLM's list of models (1.106, model_prices_and_context_window)
     * says of a model that it names; tests/clients/test_capabilities.py compares them. */
    /* pattern              context   output  images tools reasoning */
    {"gpt-5-chat*",          128000,   16384, true,  true,  false},
    {"gpt-5.[0-9]-chat*",    128000,   16384, true,  true,  true},
    {"gpt-5.[4-9]-mini*",    400000,  128000, true,  true,  true},
    {"gpt-5.[4-9]-nano*",    400000,  128000, true,  true,  true},
    {"gpt-5.[4-9]*",        1050000,  128000, true,  true,  true},
    {"gpt-5*",               400000,  128000, true,  true,  true},
    {"gpt-4.1*",            1047576,   32768, true,  true,  false},
    {"gpt-4.5*",             128000,   16384, true,  true,  false},
    {"gpt-4o-2024-05-13",    128000,    4096, true,  true,  false},
    {"gpt-4o*audio*",        128000,   16384, false, true,  false},
    {"gpt-4o*",              128000,   16384, true,  true,  false},
    {"gpt-4-turbo*",         128000,    4096, true,  true,  false},
    {"gpt-4-*preview*",      128000,    4096, false, true,  false},
    {"gpt-4*",                 8192,    4096, false, true,  false},
    {"gpt-35*",               16385,    4096, false, true,  false}, /* Azure's spelling */
    {"gpt-3.5*",              16385,    4096, false, true,  false},
    {"o1-mini*",             128000,   65536, false, true,  true},
    {"o1-preview*",          128000,   32768, false, false, true},
    {"o3-mini*",             200000,  100000, false, true,  true},
    {"o[0-9]*deep-research*", 200000, 100000, true,  false, true},
    {"o[0-9]*",              200000,  100000, true,  true,  true},
    {"codex-mini*",          200000,  100000, true,  true,  true},
    {"claude-3-[hos]*",      200000,    4096, true,  true,  false},
    {"claude-3-5-sonnet*",   200000,    8192, true,  true,  false},
    {"claude-opus-4-[12]*",  200000,   32000, true,  true,  false},
    {"claude-*-4-[6-9]*",   1000000,  128000, true,  true,  false},
    {"claude-*-4-5*",        200000,   64000, true,  true,  false},
    {"claude-[a-z]*-[5-9]*", 1000000, 128000, true,  true,  false},
    {"gemini*",             1048576,   65536, true,  true,  false},
    {"grok-4*",              500000,       0, true,  true,  false},
    {"mistral-medium*",      262144,       0, true,  true,  false},
    {"pixtral*",             128000,       0, true,  true,  false},

    /* From general knowledge, unchecked: older models, and open weights, whose context whoever serves them
     * decides (Ollama and llama.cpp are asked for it). What errs here errs towards less. */
    {"claude*",              200000,       0, true,  true,  false},
    {"gpt-oss*",                  0,       0, false, true,  false},
    {"gemma3:1b*",                0,       0, false, false, false},
    {"gemma3:270m*",              0,       0, false, false, false},
    {"gemma-3-1b*",               0,       0, false, false, false},
    {"gemma-3-270m*",             0,       0, false, false, false},
    {"gemma3*",                   0,       0, true,  false, false},
    {"gemma-3*",                  0,       0, true,  false, false},
    {"gemma2*",                   0,       0, false, false, false},
    {"gemma-2*",                  0,       0, false, false, false},
    {"deepseek*",                 0,       0, false, true,  false},
    {"grok-3*",                   0,       0, false, true,  false},
    {"mistral-small*",            0,       0, true,  true,  false},
    {"llama-4*",                  0,       0, true,  true,  false},
    {"llama4*",                   0,       0, true,  true,  false},
    {"*llava*",                   0,       0, true,  false, false},
    {"*moondream*",               0,       0, true,  false, false},
    {"*minicpm-v*",               0,       0, true,  false, false},
    {"*vision*",                  0,       0, true,  true,  false},
    {"*-vl*",                     0,       0, true,  true,  false},
    {"*qwen*vl*",                 0,       0, true,  true,  false},
};
/* clang-format on */

const struct capabilities *capabilities_find(const char *model)
{
    const char *slash = strrchr(model, '/');
    model = slash != NULL ? slash + 1 : model;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (fnmatch(rows[i].pattern, model, FNM_CASEFOLD) == 0)
            return &rows[i];
    return NULL;
}
