/* encode.h - the events of a run as a chat completion, whole or in chunks.
 *
 * One pure state machine for both, fed with the run's events in order, so that the chunks add up to the message.
 * A run has any number of messages and calls; a completion has one: texts are joined by an empty line,
 * and the code that ran, with what it gave and the files that the text names, is in the message's
 * `code_interpreter`. It keeps what it was told in a response_encoder. Server only; internal to src/api/chat. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/responses/encode.h"

/* Gets each chunk's JSON, on one line. Nonzero: no more are wanted. */
typedef int chat_sink(void *context, const char *json, size_t n);

struct chat_base {
    const char *id; /* "chatcmpl-…" */
    const char *model;
    int64_t created_at;
    bool interpreter;      /* the request asked for it: the message says what it did */
    bool usage;            /* a last chunk with it */
    struct item_view view; /* where figures are */
};

struct chat_encoder;
/* All of `base` is borrowed. `sink` NULL: only the whole is wanted. NULL: out of memory. */
struct chat_encoder *chat_encoder_new(const struct chat_base *base, chat_sink *sink, void *context);
struct chat_encoder *chat_encoder_free(struct chat_encoder *enc); /* returns NULL */
/* The next event. 0, or -EINVAL for what is no event of a run. */
int chat_encoder_feed(struct chat_encoder *enc, const char *json, size_t n);
/* {"code","message"} of a run that has no answer, because it failed or was cancelled; else NULL. Borrowed. */
const json_t *chat_encoder_error(const struct chat_encoder *enc);
/* The completion object of a run that has ended well. */
void chat_encoder_object(const struct chat_encoder *enc, struct json_writer *w);
