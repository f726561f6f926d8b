/* serve.h - what `cloche serve` and the server below the supervisor agree on. */
#pragma once
#include "cli/plan_build.h"

enum {
    SERVE_KEEP_READY = PLAN_KEEP_FIRST, /* --ready-fd, or /dev/null */
    SERVE_KEEP_CONFIG,                  /* the config file, or /dev/null */
};
