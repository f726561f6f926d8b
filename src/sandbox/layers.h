/* layers.h - for tests only: `meson -Dtest_without=NAME` builds Cloche without one layer of the sandbox, so that
 * a test can see that somebody notices (tests/attacks/layers.py). Without the option, which is how Cloche
 * is built, each question is a constant. */
#pragma once
#include <stdbool.h>
#include <string.h>

#ifdef CLOCHE_TEST_WITHOUT
static inline bool layer_left_out(const char *name)
{
    return strcmp(name, CLOCHE_TEST_WITHOUT) == 0;
}
#else
#define layer_left_out(name) false
#endif
