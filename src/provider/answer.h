/* answer.h - gathers what a decoder finds in an upstream's reply into a provider_answer, and tells the
 * caller's sink as it comes.
 *
 * One for each call of provider_chat, reset for each attempt. It bounds what upstream may make us keep.
 * Every function returns 0; -ECANCELED when the sink ended the call; -E2BIG beyond a bound, -ENOMEM.
 * Texts are valid UTF-8 (they come out of jansson). Server only; one thread. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"
#include "provider/provider.h"

enum {
    ANSWER_BYTES_MAX = 32 << 20, /* texts and arguments of one answer */
    ANSWER_CALLS_MAX = 128,
    ANSWER_ITEMS_MAX = 512,
};

struct answer_call {
    char *call_id, *name;
    struct strbuf arguments;
    json_t *extra; /* unknown keys of upstream's call, or NULL */
    json_t *item;  /* its place among the items, borrowed; filled when it ends */
    bool ended;
};
struct answer {
    const struct provider_request *q;
    json_t *items;
    json_t *message;             /* the open message, borrowed from items; NULL: none */
    struct strbuf text, refusal; /* of the open message */
    struct strbuf reasoning;     /* summaries that were shown, all */
    struct answer_call *calls;
    unsigned n_calls;
    size_t bytes;
    enum provider_finish finish;
    bool finished; /* answer_finish was called */
    struct provider_usage usage;
    char model[256];
    bool given; /* a piece has reached the sink: the call cannot be repeated */
};

void answer_init(struct answer *a, const struct provider_request *q);
void answer_deinit(struct answer *a);
/* Forgets everything, for another attempt. `given` stays. */
void answer_reset(struct answer *a);

/* Text of the open message; opens one if the last item is none. Empty text does nothing. */
int answer_text(struct answer *a, const char *text, size_t n);
int answer_refusal(struct answer *a, const char *text, size_t n);
/* The message is whole: text that follows begins another. Nothing if none is open. */
int answer_message_end(struct answer *a);
/* Reasoning that may be shown: told to the sink, kept in no item. */
int answer_reasoning(struct answer *a, const char *text, size_t n);
/* An opaque item ({"type":"reasoning",…}) at this place. Takes the reference. */
int answer_item(struct answer *a, json_t *item);

/* A call begins. `call_id` NULL or "": one is made up. `*ret` numbers it. Ends the open message. */
int answer_call(struct answer *a, const char *call_id, const char *name, unsigned *ret);
int answer_call_arguments(struct answer *a, unsigned call, const char *text, size_t n);
/* Its arguments are whole ("" becomes {}). `extra` (or NULL, or empty): takes the reference. Idempotent. */
int answer_call_end(struct answer *a, unsigned call, json_t *extra);

void answer_finish(struct answer *a, enum provider_finish finish);
/* Counts replace what was said before; negative ones are left as they are. */
void answer_usage(struct answer *a, const struct provider_usage *said);
void answer_model(struct answer *a, const char *model);

/* Ends what is open, estimates the usage where upstream was silent, settles `finish` (calls win over
 * stop), and moves all into `ret`. */
int answer_take(struct answer *a, struct provider_answer *ret);
