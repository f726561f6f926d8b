/* encode.h - the events of a run as OpenAI's Responses show them: the stream, and the Response object.
 *
 * One pure state machine, fed with the run's stored events in order. Streaming, replaying, polling and
 * plain answers all go through it, so that they cannot differ: what it sends and what the object says
 * depends on nothing but what it was given. It reads no clock, makes no ids, touches no store but for
 * the bytes of figures through its view. Server only; internal to src/api/responses, src/api/chat and src/api/assistants. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/responses/items.h"
#include "base/strbuf.h"

/* Gets each event: its type, its number from 0, its JSON on one line. Nonzero: no more are wanted (the
 * state goes on being kept). */
typedef int response_sink(
    void *context, const char *type, uint64_t sequence, const char *json, size_t n);

/* The one event without a number (its `sequence` is that of the event to come): only with view.live. */
#define RESPONSE_LIVE_OUTPUT "cloche.execution.output"

struct response_base {
    const char *id;
    int64_t created_at;
    /* what never changes: keys and values of the object as the request asked for them, without id,
     * object, created_at, status, completed_at, error, incomplete_details, output, usage, service_tier, cloche */
    const json_t *echo;
    bool background;
    struct item_view view;
};

struct response_encoder;
/* All of `base` is borrowed. Sends response.created (and response.queued). NULL: out of memory. */
struct response_encoder *response_encoder_new(
    const struct response_base *base, response_sink *sink, void *context);
struct response_encoder *response_encoder_free(struct response_encoder *enc); /* returns NULL */
/* The next event. `now_s`: when the run ended, if this is its last event. 0, or -EINVAL for what is no event
 * of a run. */
int response_encoder_feed(struct response_encoder *enc, const char *json, size_t n, int64_t now_s);
/* The Response object as it is now; of items that still grow, what came so far. */
void response_encoder_object(struct response_encoder *enc, struct json_writer *w);
/* OpenAI's word for how a run failed, by ours. */
const char *response_error_code(const char *ours);
/* The key "cloche" and its object: what the run cost, what was masked, what a person should know. */
void response_encoder_cloche(const struct response_encoder *enc, struct json_writer *w);
/* The kept items so far, borrowed: each as items.h says. */
const json_t *response_encoder_items(struct response_encoder *enc);
/* How it ended: {"code","message"} of the run's error when it failed, else NULL. Borrowed. */
const json_t *response_encoder_error(const struct response_encoder *enc);
bool response_encoder_failed_empty(const struct response_encoder *enc);
