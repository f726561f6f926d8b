/* nearest.h - which known word did they mean? For messages about unknown commands, flags, settings.
 * Used by the command line and for the config file's tables; pure. */
#pragma once
#include <stddef.h>

/* The word of `words[n]` nearest to `word` by edits (insert, delete, replace, swap of neighbours),
 * or NULL when none is near enough to be worth naming. Words beyond 64 bytes are never near.
 * Borrowed from `words`. */
const char *nearest_word(const char *word, const char *const *words, size_t n);
