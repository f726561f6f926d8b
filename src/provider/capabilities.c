#include "capabilities.h"

#include <fnmatch.h>

/* clang-format off */
static const struct capabilities rows[] = {
    /* pattern            context   output  images tools reasoning */
    {"gpt-5*-chat*",       128000,   16384, true,  true,  false},
    {"gpt-5*",             400000,  128000, true,  true,  true},
    {"gpt-oss*",           131072,       0, false, true,  false},
    {"gpt-4.1*",          1047576,   32768, true,  true,  false},
    {"gpt-4.5*",           128000,   16384, true,  true,  false},
    {"gpt-4o*",            128000,   16384, true,  true,  false},
    {"chatgpt-4o*",        128000,   16384, true,  false, false},
    {"gpt-4-turbo*",       128000,    4096, true,  true,  false},
    {"gpt-4-*preview*",    128000,    4096, false, true,  false},
    {"gpt-4*",               8192,    8192, false, true,  false},
    {"gpt-35*",             16385,    4096, false, true,  false}, /* Azure's spelling */
    {"gpt-3.5*",            16385,    4096, false, true,  false},
    {"o1-mini*",           128000,   65536, false, false, true},
    {"o1-preview*",        128000,   32768, false, false, true},
    {"o3-mini*",           200000,  100000, false, true,  true},
    {"o[0-9]*",            200000,  100000, true,  true,  true},
    {"codex-mini*",        200000,  100000, true,  true,  true},
    {"claude-2*",          100000,    4096, false, false, false},
    {"claude-instant*",    100000,    4096, false, false, false},
    {"claude-3-[hos]*",    200000,    4096, true,  true,  false},
    {"claude-3-5*",        200000,    8192, true,  true,  false},
    {"claude*",            200000,       0, true,  true,  false},
    {"gemini*",           1048576,   65536, true,  true,  false},
    {"gemma3:1b*",          32768,       0, false, false, false},
    {"gemma3:270m*",        32768,       0, false, false, false},
    {"gemma-3-1b*",         32768,       0, false, false, false},
    {"gemma-3-270m*",       32768,       0, false, false, false},
    {"gemma3*",            131072,       0, true,  false, false},
    {"gemma-3*",           131072,       0, true,  false, false},
    {"gemma2*",              8192,       0, false, false, false},
    {"gemma-2*",             8192,       0, false, false, false},
    {"deepseek-r1*",       131072,       0, false, true,  false},
    {"deepseek*",          131072,       0, false, true,  false},
    {"grok-4*",            256000,       0, true,  true,  false},
    {"grok-3*",            131072,       0, false, true,  false},
    {"pixtral*",           131072,       0, true,  true,  false},
    {"mistral-medium*",    131072,       0, true,  true,  false},
    {"mistral-small*",     131072,       0, true,  true,  false},
    {"llama-4*",           131072,       0, true,  true,  false},
    {"llama4*",            131072,       0, true,  true,  false},
    {"*llava*",                 0,       0, true,  false, false},
    {"*moondream*",             0,       0, true,  false, false},
    {"*minicpm-v*",             0,       0, true,  false, false},
    {"*vision*",                0,       0, true,  true,  false},
    {"*-vl*",                   0,       0, true,  true,  false},
    {"*qwen*vl*",               0,       0, true,  true,  false},
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
