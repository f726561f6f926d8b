/* encode.h - the events of a run as OpenAI's Assistants show them: the stream; the run, its steps, its messages.
 *
 * One pure state machine, fed with the run's stored events in order, as api/responses/encode.h is. Streaming,
 * polling, listing steps and writing messages into the thread all go through it, so that they cannot
 * differ. Code calls are told one after the other: what belongs to a later one waits until the one before it has
 * its output, because clients take one step for the current one. Server only; internal to
 * src/api/assistants. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

/* Gets each event: its name ("thread.run.created") and its data, borrowed. Nonzero: no more are wanted (the state
 * goes on being kept). */
typedef int assistants_sink(void *context, const char *event, json_t *data);

struct run_base {
    const char *id, *thread_id;
    int64_t created_at, expires_at;
    /* what never changes: the run object's keys as the request and the assistant have them, among them
     * assistant_id. Borrowed. */
    const json_t *fixed;
};

struct run_encoder;
/* `base` is borrowed. Sends (unless it is `muted`, see below) thread.run.created and thread.run.queued. NULL: out of memory. */
struct run_encoder *run_encoder_new(
    const struct run_base *base, bool muted, assistants_sink *sink, void *context);
struct run_encoder *run_encoder_free(struct run_encoder *enc); /* returns NULL */
/* The next event. `now_s`: when the run ended, if this is its last event and does not say so. 0, or -EINVAL for
 * what is no event of a run. */
int run_encoder_feed(struct run_encoder *enc, const char *json, size_t n, int64_t now_s);
/* From now on events are sent, or not. */
void run_encoder_mute(struct run_encoder *enc, bool mute);
/* The run as it is now; `cancelling`: it was asked to end. A new reference. */
json_t *run_encoder_run(struct run_encoder *enc, bool cancelling);
/* Steps and messages as they are now, oldest first: of those that still grow, what came so far. Borrowed. */
const json_t *run_encoder_steps(struct run_encoder *enc);
const json_t *run_encoder_messages(struct run_encoder *enc);
