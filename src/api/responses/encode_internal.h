/* encode_internal.h - the encoder's state, as its files share it: encode.c keeps it, encode_message.c and
 * encode_calls.c tell the items' stories by encode_tell.c, encode_object.c writes the Response object. */
#pragma once
#include "api/responses/encode.h"

enum encoder_status {
    RESPONSE_QUEUED,
    RESPONSE_IN_PROGRESS,
    RESPONSE_COMPLETED,
    RESPONSE_INCOMPLETE,
    RESPONSE_FAILED,
    RESPONSE_CANCELLED,
};

enum item_kind { ITEM_NONE, ITEM_MESSAGE, ITEM_CODE, ITEM_FUNCTION, ITEM_REASONING };

/* An output item that is growing. */
struct open_item {
    enum item_kind kind;
    bool done, part_open, refusal;
    bool whole;         /* the code */
    unsigned part;      /* content_index of the part that is open, or that comes next */
    struct strbuf text; /* of the open part, the code, the arguments, the summary */
};

struct response_encoder {
    struct response_base base;
    response_sink *sink;
    void *context;
    bool sink_done;
    uint64_t sequence;
    struct strbuf out; /* the event being written */
    enum encoder_status status;
    int64_t completed_at;
    json_t *items; /* kept items, as far as they have come */
    struct open_item *open;
    size_t n_open;
    json_t *usage, *error, *cloche, *notices;
    const char *incomplete; /* literal, or NULL */
};

/* encode.c: puts what came so far into the items that are not done. */
void encoder_keep_text(struct response_encoder *enc);

/* ---- encode_tell.c: one event of OpenAI's ---- */

/* Begins {"type","sequence_number"; the caller goes on with fields and ends it by tell_end. */
struct json_writer tell_begin(struct response_encoder *enc, const char *type);
/* The same about the item at `i`. */
struct json_writer tell_begin_item(struct response_encoder *enc, size_t i, const char *type);
void tell_end(struct response_encoder *enc, struct json_writer *w, const char *type);
/* Ends with one more field. */
void tell_text(struct response_encoder *enc, struct json_writer *w, const char *type,
    const char *key, const char *text, size_t n);
/* Whole events: an item as it is now, an item's name alone, the response. */
void tell_item(struct response_encoder *enc, size_t i, const char *type);
void tell_plain(struct response_encoder *enc, size_t i, const char *type);
void tell_response(struct response_encoder *enc, const char *type);

/* ---- encode_message.c ---- */

/* The array of a message's parts. */
json_t *encoder_content(struct response_encoder *enc, size_t i);
void encoder_message_delta(
    struct response_encoder *enc, size_t i, bool refusal, const char *text, size_t n);
void encoder_message_done(struct response_encoder *enc, size_t i, const json_t *e);

/* ---- encode_calls.c ---- */

void encoder_code_delta(struct response_encoder *enc, size_t i, const char *text, size_t n);
void encoder_code_completed(struct response_encoder *enc, size_t i, const json_t *e);
void encoder_execution_started(struct response_encoder *enc, size_t i, const json_t *e);
void encoder_execution_output(struct response_encoder *enc, size_t i, const json_t *e);
void encoder_execution_completed(struct response_encoder *enc, size_t i, const json_t *e);
void encoder_arguments_delta(struct response_encoder *enc, size_t i, const char *text, size_t n);
void encoder_function_done(struct response_encoder *enc, size_t i, const json_t *e);
void encoder_reasoning_delta(struct response_encoder *enc, size_t i, const char *text, size_t n);
void encoder_reasoning_keep(json_t *item, const char *text);
void encoder_reasoning_done(struct response_encoder *enc, size_t i, const json_t *e);
