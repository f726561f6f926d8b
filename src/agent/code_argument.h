/* code_argument.h - the code in a tool call's arguments, while they arrive.
 *
 * A model writes {"code": "…"} in pieces cut anywhere: within an escape, between two surrogates. This
 * gives the code as far as it is known, so that people see it being written. Models also write raw code,
 * a fenced block, a bare JSON string, or JSON with line breaks and quotes left as they are: all accepted.
 * What is given is never taken back. Text is an attacker's; pure, used by the agent loop's threads. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

enum code_argument_end {
    CODE_WHOLE,   /* here it is */
    CODE_MISSING, /* arguments without code */
    CODE_CUT,     /* they end within the code */
    CODE_BROKEN,  /* neither JSON nor code: what was found is a part at best */
};

struct code_argument {
    struct strbuf code; /* so far: valid UTF-8 if the arguments are, no NUL */
    /* private */
    struct strbuf raw;  /* until it is clear that this is JSON */
    struct strbuf held; /* what may be a fence */
    int state, fence;
    unsigned depth;
    bool skipping_string, escaped;
    char key[16];
    size_t key_length;
    unsigned hex, hex_digits, high; /* of a \u escape; the first of two surrogates */
    struct strbuf gap;              /* a quote, and the blanks behind it */
};

/* `maximum` bytes of code, and as many of arguments before it. */
void code_argument_init(struct code_argument *a, size_t maximum);
void code_argument_deinit(struct code_argument *a);
/* More of the arguments. 0, -E2BIG, -ENOMEM (and then for good). */
int code_argument_feed(struct code_argument *a, const char *text, size_t n);
/* No more comes. `code` is final. */
enum code_argument_end code_argument_finish(struct code_argument *a);
