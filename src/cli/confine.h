/* confine.h - what the server and `cloche run` keep of their power while they read what kernels say. */
#pragma once
#include "base/error.h"

/* From here on: no program, no namespace, no other id, no process of another, and of files only those below
 * `state` (a directory, or -1: none) are changed. Before the first thread, and before the first byte of a
 * stranger's. Descriptors that are open stay what they are. ERROR_INTERNAL. */
int confine_self(int state, struct error *e);
