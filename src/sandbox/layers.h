/* layers.h - for tests only: `meson -Dtest_without=NAME` (or NAME,NAME…) builds Cloche without layers of the
 * sandbox, so that a test can see that somebody notices (tests/attacks/layers.py), and that it can be
 * measured what they cost together (bench/layers.py). Without the option, which is how Cloche is built, each
 * question is a constant. */
#pragma once
#include <stdbool.h>
#include <string.h>

#ifdef CLOCHE_TEST_WITHOUT
static inline bool layer_left_out(const char *name)
{
    size_t n = strlen(name);
    for (const char *at = CLOCHE_TEST_WITHOUT; at != NULL; at = strchr(at, ','), at += at != NULL)
        if (strncmp(at, name, n) == 0 && (at[n] == ',' || at[n] == '\0'))
            return true;
    return false;
}
#else
#define layer_left_out(name) false
#endif
