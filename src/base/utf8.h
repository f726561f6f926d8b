/* utf8.h - text that a stranger's program printed, made into valid UTF-8, piece by piece. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

/* The length of the longest valid prefix. When less than n: `*ret_cut` says whether what follows
 * could be the beginning of a character whose rest has not come yet. NULs are valid. */
size_t utf8_prefix(const char *text, size_t n, bool *ret_cut);
static inline bool utf8_valid(const char *text, size_t n)
{
    bool cut;
    return utf8_prefix(text, n, &cut) == n;
}
/* How many of the first n bytes one may take without cutting a character of valid text. */
size_t utf8_floor(const char *text, size_t n, size_t at_most);

/* Carries a cut character from one piece to the next. All zero is fresh. */
struct utf8_mender {
    char held[4];
    size_t n;
};
/* Appends the piece with every byte that is not UTF-8 replaced by U+FFFD; `last`: nothing follows. */
void utf8_mend(struct utf8_mender *m, const char *text, size_t n, bool last, struct strbuf *out);
