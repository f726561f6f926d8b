#include "claude.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* By version, ten times the major one plus the minor one; the last row not above a model's is its own.
 * The models' limits as Anthropic's models overview and migration guides have them in November 2026; the
 * default asks for less than the most where input and output have to fit the context together. */
static const struct {
    int version;
    struct claude_traits traits;
} rows[] = {
    {0, {.max_tokens = 4096, .sampling = true}},
    {35, {.max_tokens = 8192, .sampling = true}},
    {37, {.max_tokens = 32000, .thinking = THINKING_BUDGET, .sampling = true}},
    {45, {.max_tokens = 64000, .thinking = THINKING_BUDGET, .sampling = true, .schemas = true}},
    {46, {.max_tokens = 64000, .thinking = THINKING_ADAPTIVE, .sampling = true, .schemas = true}},
    {47, {.max_tokens = 64000,
             .thinking = THINKING_ADAPTIVE,
             .schemas = true,
             .finest_efforts = true}},
    {50, {.max_tokens = 64000,
             .thinking = THINKING_ADAPTIVE,
             .thinks_unasked = true,
             .schemas = true,
             .finest_efforts = true}},
    {51, {.max_tokens = 64000,
             .thinking = THINKING_ADAPTIVE,
             .thinks_unasked = true,
             .binds = true,
             .schemas = true,
             .finest_efforts = true}},
};
/* Another vendor's model behind Anthropic's wire: what all of them take. */
static const struct claude_traits foreign = {.max_tokens = 8192, .sampling = true};

/* The number that starts here, or -1: one or two digits and no more, so that a date is none. */
static int number(const char *at)
{
    size_t n = strspn(at, "0123456789");
    return n == 1 || n == 2 ? (int)strtol(at, NULL, 10) : -1;
}

/* The version in what follows "claude-"; -1: none. */
static int version(const char *at)
{
    if (!isdigit(
            (unsigned char)*at)) { /* claude-sonnet-4-5, claude-opus-5: the family comes first */
        at += strcspn(at, "-");
        at += *at == '-';
    }
    int major = number(at);
    if (major < 0)
        return -1;
    at += strspn(at, "0123456789");
    int minor = *at == '-' || *at == '.' ? number(at + 1) : -1;
    return 10 * major + (minor > 0 ? minor : 0);
}

const struct claude_traits *claude_traits(const char *model)
{
    const char *name = strstr(model, "claude-");
    if (name == NULL)
        return &foreign;
    int found = version(name + strlen("claude-"));
    size_t row = sizeof(rows) / sizeof(rows[0]) - 1;
    while (found >= 0 && row > 0 && rows[row].version > found)
        row--;
    return &rows[row].traits;
}
