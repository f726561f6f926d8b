/* outputs_private.h - what the files that collect outputs share: text and clearing (outputs.c), displays and errors
 * (outputs_shown.c), what becomes of it all (outputs_end.c). Nobody else's. */
#pragma once
#include "session/outputs.h"

struct output_node {
    struct output o; /* text: o.text is the allocation, o.text_length its end */
    size_t start, capacity;
    bool tail;
};

/* Frees what it holds, and empties it. */
void output_free(struct output *o);
/* A new node at the end, or NULL: out of memory, which is noted. */
struct output_node *outputs_push(struct outputs *o, enum output_kind kind);
/* Something new is about to be shown. */
void outputs_clear_if_asked(struct outputs *o);
