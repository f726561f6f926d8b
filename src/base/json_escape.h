/* json_escape.h - how a character is written inside a JSON string, for all who write JSON: any bytes
 * in, valid UTF-8 on one line out. Allocates nothing; the log of the privileged programs uses it too. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Whether this byte is a character of its own and stands for itself: most are, so look here first. */
static inline bool json_plain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

enum { JSON_ESCAPE_MAX = 6 };
/* Takes one character off `text`, whose n ≥ 1 bytes may be any; returns how many bytes it has there,
 * 1 to 4. `*ret_length` 0: it may stand as it is. Otherwise it is written as that many bytes of
 * `escape`; a byte that is not UTF-8, or of a character cut by the end, as U+FFFD. */
size_t json_escape(
    const char *text, size_t n, char escape[JSON_ESCAPE_MAX + 1], size_t *ret_length);
