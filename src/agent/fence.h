/* fence.h - finds the first block of Python in a text that is still being written, for models without tool
 * calls: what stands before it is text, what is in it is code, what would follow is not waited for. Other
 * fenced blocks are text. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

enum fence_part { FENCE_TEXT, FENCE_OPEN, FENCE_CODE, FENCE_CLOSE };
/* Gets each part as it becomes known (text and code with their bytes). Nonzero ends the feeding. */
typedef int fence_sink(void *context, enum fence_part part, const char *text, size_t n);

struct fence {
    int state;
    struct strbuf held; /* a line's beginning that may be a fence */
    bool middle;        /* of a line that is none */
    size_t taken;       /* bytes fed so far, up to the end of the block that was closed */
};
void fence_init(struct fence *f);
void fence_deinit(struct fence *f);
/* 0, or what the sink said. After FENCE_CLOSE everything is ignored. */
int fence_feed(struct fence *f, const char *text, size_t n, fence_sink *sink, void *context);
/* No more comes: a block that was not closed is closed. */
int fence_finish(struct fence *f, fence_sink *sink, void *context);
/* Was there a block, and is it closed? */
bool fence_closed(const struct fence *f);
