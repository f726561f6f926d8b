/* encode_internal.h - the encoder's state, as its files share it: encode.c keeps items apart and in order,
 * encode_run.c tells the run's story, encode_steps.c the steps', encode_calls.c and encode_message.c what is in
 * them. */
#pragma once
#include "api/assistants/encode.h"
#include "api/responses/items.h"
#include "base/ids.h"

enum item_kind { ITEM_NONE, ITEM_MESSAGE, ITEM_CODE, ITEM_FUNCTION };

/* One item of the core's, where it is shown. */
struct shown_item {
    enum item_kind kind;
    bool done;
    bool executed;         /* CODE: the code is whole */
    bool logs_whole;       /* CODE: its logs are, too */
    bool interrupted;      /* CODE: it was not run to its end; why is said by what follows */
    size_t step;           /* in steps */
    size_t message;        /* MESSAGE: in messages */
    size_t call;           /* FUNCTION: in the step's tool_calls */
    struct strbuf text;    /* of a message; code; arguments: what came so far */
    struct strbuf refusal; /* of a message; the logs of code */
    size_t text_part, refusal_part; /* MESSAGE: in content; NO_PART: none yet */
    size_t logs_output;             /* CODE: in outputs; NO_PART: none yet */
};
enum { NO_PART = SIZE_MAX };

struct shown_step {
    unsigned turn; /* of the model */
    bool ended;    /* it is over, its end may not have been told yet */
    bool told;
    bool functions; /* of the client; it waits for their outputs */
};

struct run_encoder {
    struct run_base base;
    assistants_sink *sink;
    void *context;
    bool sink_done, muted;
    const char *status; /* literal */
    int64_t started_at, cancelled_at, failed_at, completed_at;
    bool final;
    json_t *required_action, *last_error, *cloche, *notices, *steps, *messages;
    const char *incomplete; /* literal, or NULL */
    struct shown_item *item;
    size_t items;
    struct shown_step *step; /* one for each of steps */
    unsigned turn;           /* how often the model's usage has come */
    int64_t input_tokens, output_tokens, given_input, given_output; /* in all; in steps' usage */
    long blocker;    /* the code item whose end others wait for; -1: none */
    json_t *waiting; /* their events, each with its "turn" */
    json_t *figures; /* Files that code displayed, and no message has yet */
};

/* ---- encode.c ---- */
void encoder_tell(struct run_encoder *enc, const char *event, json_t *data);
/* The same, and `data` is released. */
void encoder_tell_new(struct run_encoder *enc, const char *event, json_t *data);
/* Puts what came so far into what is not done. */
void encoder_keep(struct run_encoder *enc);

/* ---- encode_run.c ---- */
/* Says that the run was created and is queued. */
void run_encoder_begin(struct run_encoder *enc);
int encoder_feed_run(struct run_encoder *enc, const char *what, const json_t *e, int64_t now_s);

/* ---- encode_steps.c ---- */
/* A new step, of which it says that it was created and is in progress; its place. `details` is taken. -1: no
 * memory. */
long step_begin(
    struct run_encoder *enc, const char *type, json_t *details, unsigned turn, int64_t at);
json_t *step_object(struct run_encoder *enc, size_t step);
json_t *step_calls(struct run_encoder *enc, size_t step); /* its tool_calls */
/* It ended so, at that time; `why` for "failed". It is told when its usage is known. */
void step_end(
    struct run_encoder *enc, size_t step, const char *status, int64_t at, const char *why);
/* Tells the ends that waited for their usage: of turns that are over, or `all`. */
void steps_flush(struct run_encoder *enc, bool all);
/* Sends a change of one call; `call` is taken. */
void step_delta(struct run_encoder *enc, size_t step, json_t *call);

/* ---- encode_calls.c ---- */
void code_begin(struct run_encoder *enc, struct shown_item *item, const json_t *e, unsigned turn);
void code_delta(struct run_encoder *enc, struct shown_item *item, const char *text, size_t n);
void code_whole(struct run_encoder *enc, struct shown_item *item, const json_t *e);
void code_output(struct run_encoder *enc, struct shown_item *item, const json_t *e);
void code_result(struct run_encoder *enc, struct shown_item *item, const json_t *e);
void code_end(struct run_encoder *enc, struct shown_item *item, const json_t *e);
void code_keep(struct run_encoder *enc, struct shown_item *item);
void function_begin(
    struct run_encoder *enc, struct shown_item *item, const json_t *e, unsigned turn);
void function_delta(struct run_encoder *enc, struct shown_item *item, const char *text, size_t n);
void function_end(struct run_encoder *enc, struct shown_item *item, const json_t *e);
void function_keep(struct run_encoder *enc, struct shown_item *item);
/* Gives the waiting functions their outputs and ends their steps. */
void functions_answered(struct run_encoder *enc, const json_t *e);

/* ---- encode_message.c ---- */
void message_begin(
    struct run_encoder *enc, struct shown_item *item, const json_t *e, unsigned turn);
void message_delta(
    struct run_encoder *enc, struct shown_item *item, bool refusal, const char *text, size_t n);
void message_end(struct run_encoder *enc, struct shown_item *item, const json_t *e);
/* It is left as it is, for that reason ("run_failed" …). */
void message_abandon(
    struct run_encoder *enc, struct shown_item *item, const char *reason, int64_t at);
void message_keep(struct run_encoder *enc, struct shown_item *item);
