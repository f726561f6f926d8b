/* transcript_internal.h - what the files that turn items into a transcript share. */
#pragma once
#include "api/responses/items.h"

enum { IMAGE_MAX = 20 << 20 };

struct transcript_reader {
    const struct input_items *input;
    size_t next_content; /* of input */
    const struct file_source *source;
    const struct item_view *view;
    struct input_files *files;
    struct error *e;
};

/* ---- items_transcript.c ---- */

/* -ENOMEM, said in `e`. */
int transcript_no_memory(struct error *e);
/* Takes `value`, NULL being out of memory. */
int transcript_append(struct transcript_reader *r, json_t *array, json_t *value);

/* ---- transcript_parts.c ---- */

int transcript_add_parts(struct transcript_reader *r, const json_t *content, json_t *parts);
/* A part for these bytes; NULL: out of memory. `detail` may be NULL. */
json_t *transcript_image(const char *media_type, const void *data, size_t n, const char *detail);
