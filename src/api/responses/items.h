/* items.h - input and output items of Responses and Conversations, in the one form that is kept.
 *
 * A kept item is what OpenAI's wire shows, whole, whatever a client asked to be included:
 *   {"id","type":"message","status","role","content":[part…]}, a part being input_text, input_image, input_file,
 *       output_text or refusal; an input_file keeps no file_data (its bytes lie in the container)
 *   {"id","type":"code_interpreter_call","status","code","container_id","call_id","outputs":[…] or null,"files":[…]}
 *       where "call_id" is the transcript's and never shown, and an image that code displayed is
 *       {"type":"image","file_id","media_type"}: its bytes are a figure of the container
 *   {"id","type":"function_call","status","call_id","name","arguments"}
 *   {"id","type":"function_call_output","status","call_id","output":"…" or [part…]}
 *   {"id","type":"reasoning","summary":[{"type":"summary_text","text"}]}
 *   {"id","type":"item_reference"} in a request only
 * One file reads them from clients, one shows them, one turns them into the model's transcript.
 * Server only; internal to src/api/responses, src/api/chat and src/api/assistants. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "api/json_in.h"
#include "base/json_writer.h"

enum {
    INPUT_ITEMS_MAX = 16 * 1024,
    INPUT_TEXT_MAX = 10485760, /* OpenAI's bounds, here and below */
    INPUT_IMAGE_URL_MAX = 20971520,
    INPUT_FILE_DATA_MAX = 73400320,
    INPUT_INLINE_MAX = 50 << 20, /* of all files in one request, decoded */
};

/* ---- items_read.c: from a client ---- */

/* Bytes that came within the request, decoded. */
struct input_content {
    char media_type[64]; /* "" when it was not said */
    bool image;          /* seen by the model; else a file for code */
    void *data;
    size_t length;
};
struct input_items {
    json_t *items; /* kept items; "id" as the client gave it, or "" */
    /* one for each input_file with file_data and each image with a data: URL, in their order */
    struct input_content *content;
    size_t contents;
    uint64_t bytes;
};
void input_items_deinit(struct input_items *i);

enum input_flags {
    INPUT_STRING = 1,   /* a plain string is one user message */
    INPUT_FILES = 2,    /* there is a container for files to go to */
    INPUT_NO_BYTES = 4, /* nothing keeps bytes here: files come by file_id */
};
/* Reads the array (or string) `name` of `in`, at most `max` items; what is wrong stays in `in`. Absent: an
 * empty array. */
void input_items_read(
    struct json_in *in, const char *name, size_t max, unsigned flags, struct input_items *ret);
/* Reads `in` itself as one item: a new reference, NULL or worthless when something is wrong, which stays in `in`.
 * Bytes are added to `to`. */
json_t *input_item_read(struct json_in *in, unsigned flags, struct input_items *to);
/* Gives every item an id of its own, with its type's prefix: children of `parent` from the
 * (1 + INPUT_CHILD)th on, or, without a parent, new ones. 0 or -ENOMEM. */
enum { INPUT_CHILD = 0x8000 };
int items_name(json_t *items, const char *parent);

/* "data:image/png;base64,AAAA": the media type, and where the base64 begins. NULL: no such URL. */
const char *data_url(const char *url, char media_type[64]);

/* ---- items_write.c: to a client ---- */

/* What a client asked to see, and where figures are. */
struct item_view {
    bool outputs;    /* include code_interpreter_call.outputs */
    bool image_urls; /* include message.input_image.image_url */
    bool live;       /* stream_options.cloche_events: what code shows, while it runs */
    /* appends the bytes of a figure; negative when it is gone. NULL: none is found */
    int (*figure)(void *context, const char *container_id, const char *file_id, struct strbuf *to);
    void *context;
};
void item_write(struct json_writer *w, const json_t *item, const struct item_view *view);
/* Key and any JSON value. */
void jw_field_json(struct json_writer *w, const char *key, const json_t *value);

/* ---- items_transcript.c: to the model ---- */

/* A file that a request brings, for run_spec.files. */
struct input_file {
    char *name;          /* owned; no other file of this request has it */
    const char *file_id; /* borrowed, or NULL: */
    const void *data;    /* borrowed from input_items.content */
    size_t length;
};
struct input_files {
    struct input_file *file;
    size_t count;
};
void input_files_deinit(struct input_files *f);
/* Adds one under its name or, if that is taken, "name (2).ext"; a File that is there already is not added
 * again. *ret_name is borrowed. 0 or -ENOMEM. */
int input_files_add(struct input_files *f, const char *name, const char *file_id, const void *data,
    size_t length, const char **ret_name);

/* Where a File's facts and bytes come from. */
struct file_source {
    /* name (malloc'ed) and size. 0 or -ENOENT */
    int (*stat)(void *context, const char *file_id, char **ret_name, int64_t *ret_bytes);
    /* the whole of it; 0 or negative */
    int (*read)(void *context, const char *file_id, struct strbuf *to);
    void *context;
};
/* Turns kept items into transcript items, appended to `transcript`. `input` has the bytes of those that
 * came in this request, NULL for stored items. `files` collects what belongs into the container; NULL:
 * nothing goes there. 0; ERROR_NOT_FOUND for a File. */
int items_transcript(const json_t *items, const struct input_items *input,
    const struct file_source *source, const struct item_view *view, struct input_files *files,
    json_t *transcript, struct error *e);
/* Whether each call has its result and each result its call. 0, or ERROR_INVALID_VALUE naming the call. */
int transcript_check_calls(const json_t *context, const json_t *input, struct error *e);
