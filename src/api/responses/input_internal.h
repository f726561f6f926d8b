/* input_internal.h - what the two readers of clients' items share: items_read.c reads items, input_parts.c the
 * parts of their contents. */
#pragma once
#include "api/responses/items.h"

enum { PARTS_MAX = 2000 };

/* Which parts a content may have. */
enum place { PLACE_USER, PLACE_ASSISTANT };

/* ---- items_read.c ---- */

/* Reads on within a member: `sub` is `object`, called `prefix` in messages. */
void input_sub_begin(
    struct json_in *sub, const struct json_in *outer, json_t *object, const char *prefix);
void input_sub_end(struct json_in *sub, struct json_in *outer);
/* The new value, or NULL with "out of memory" said. */
json_t *input_made(struct json_in *in, json_t *value);
/* Takes `value`; false when nothing was added, which `in` then says. */
bool input_append(struct json_in *in, json_t *array, json_t *value);

/* ---- input_parts.c ---- */

/* The array `name` of parts; a new array, or NULL. */
json_t *input_read_parts(
    struct json_in *in, const char *name, enum place place, unsigned flags, struct input_items *to);
