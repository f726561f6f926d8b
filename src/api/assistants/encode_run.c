/* The run itself: its states, and the object. */
#include <errno.h>
#include <string.h>

#include "api/assistants/encode_internal.h"
#include "api/json_in.h"
#include "api/responses/encode.h"

static void tell_run(struct run_encoder *enc, const char *event)
{
    encoder_tell_new(enc, event, run_encoder_run(enc, false));
}

static int64_t at_of(const json_t *e, int64_t now_s)
{
    int64_t at = json_integer_value(json_object_get(e, "at"));
    return at > 0 ? at : now_s;
}

/* ---- beginnings ---- */

void run_encoder_begin(struct run_encoder *enc)
{
    tell_run(enc, "thread.run.created");
    tell_run(enc, "thread.run.queued");
}

static void in_progress(struct run_encoder *enc)
{
    enc->status = "in_progress";
    tell_run(enc, "thread.run.in_progress");
}

static void resumed(struct run_encoder *enc, const json_t *e)
{
    functions_answered(enc, e);
    json_decref(enc->required_action);
    enc->required_action = NULL;
    enc->status = "queued";
    tell_run(enc, "thread.run.queued");
    in_progress(enc);
}

static void requires_action(struct run_encoder *enc, const json_t *e)
{
    json_t *calls = json_array();
    const json_t *call;
    size_t i;
    json_array_foreach (json_object_get(e, "calls"), i, call)
        json_array_append_new(
            calls, json_pack("{s:O?,s:s,s:{s:O?,s:O?}}", "id", json_object_get(call, "call_id"),
                       "type", "function", "function", "name", json_object_get(call, "name"),
                       "arguments", json_object_get(call, "arguments")));
    json_decref(enc->required_action);
    enc->required_action = json_pack(
        "{s:s,s:{s:o}}", "type", "submit_tool_outputs", "submit_tool_outputs", "tool_calls", calls);
    enc->status = "requires_action";
    tell_run(enc, "thread.run.requires_action");
}

/* ---- ends ---- */

/* Ends what is open: steps as `step_status`, messages for `reason`. */
static void abandon(struct run_encoder *enc, const char *step_status, const char *reason,
    int64_t at, const char *why)
{
    for (size_t i = 0; i < enc->items; i++) {
        struct shown_item *item = &enc->item[i];
        if (item->kind == ITEM_NONE || (item->done && item->kind != ITEM_FUNCTION))
            continue;
        if (item->kind == ITEM_MESSAGE)
            message_abandon(enc, item, reason, at);
        else if (item->kind == ITEM_CODE)
            code_keep(enc, item);
        if (!enc->step[item->step].ended) /* what was said so far was said */
            step_end(enc, item->step,
                item->kind == ITEM_MESSAGE && enc->incomplete ? "completed" : step_status, at, why);
        item->done = true;
    }
    steps_flush(enc, true);
}

static void failed(struct run_encoder *enc, const json_t *e, int64_t at)
{
    const json_t *error = json_object_get(e, "error");
    const char *code = json_text(error, "code"), *message = json_text(error, "message");
    code = code ? code : "internal";
    message = message ? message : "The run failed.";
    enc->last_error = json_pack(
        "{s:s,s:s,s:s}", "code", response_error_code(code), "message", message, "type", code);
    abandon(enc, "failed", "run_failed", at, message);
    enc->status = "failed";
    enc->failed_at = at;
    tell_run(enc, "thread.run.failed");
}

static void incomplete(struct run_encoder *enc, const json_t *e, int64_t at)
{
    const char *reason = json_text(e, "reason");
    bool filter = reason && strcmp(reason, "content_filter") == 0;
    enc->incomplete = reason && strcmp(reason, "max_input_tokens") == 0 ? "max_prompt_tokens"
                                                                        : "max_completion_tokens";
    abandon(enc, "cancelled", filter ? "content_filter" : "max_tokens", at, NULL);
    if (filter) /* of which the wire knows nothing on runs: the message says it */
        enc->incomplete = NULL;
    enc->status = "incomplete";
    enc->completed_at = at;
    tell_run(enc, "thread.run.incomplete");
}

static int ended(struct run_encoder *enc, const char *what, const json_t *e, int64_t at)
{
    json_t *cloche = json_object_get(e, "cloche");
    enc->cloche = json_is_object(cloche) ? json_incref(cloche) : enc->cloche;
    enc->final = true;
    json_decref(enc->required_action);
    enc->required_action = NULL;
    if (strcmp(what, "completed") == 0) {
        abandon(enc, "completed", "run_failed", at, NULL);
        enc->status = "completed";
        enc->completed_at = at;
        tell_run(enc, "thread.run.completed");
    } else if (strcmp(what, "incomplete") == 0) {
        incomplete(enc, e, at);
    } else if (strcmp(what, "failed") == 0) {
        failed(enc, e, at);
    } else if (strcmp(what, "cancelled") == 0) {
        encoder_tell_new(enc, "thread.run.cancelling", run_encoder_run(enc, true));
        abandon(enc, "cancelled", "run_cancelled", at, NULL);
        enc->status = "cancelled";
        enc->cancelled_at = at;
        tell_run(enc, "thread.run.cancelled");
    } else if (strcmp(what, "expired") == 0) {
        abandon(enc, "expired", "run_expired", at, NULL);
        enc->status = "expired";
        tell_run(enc, "thread.run.expired");
    } else {
        return -EINVAL;
    }
    return 0;
}

int encoder_feed_run(struct run_encoder *enc, const char *what, const json_t *e, int64_t now_s)
{
    int64_t at = at_of(e, now_s);
    if (strcmp(what, "started") == 0) {
        enc->started_at = at;
        in_progress(enc);
    } else if (strcmp(what, "resumed") == 0) {
        resumed(enc, e);
    } else if (strcmp(what, "requires_action") == 0) {
        steps_flush(enc, true);
        requires_action(enc, e);
    } else {
        return ended(enc, what, e, at);
    }
    return 0;
}

/* ---- the object ---- */

static json_t *time_or_null(int64_t at) { return at > 0 ? json_integer(at) : json_null(); }

static json_t *or_null(json_t *value) { return value ? json_incref(value) : json_null(); }

static json_t *cloche_object(const struct run_encoder *enc)
{
    json_t *object = enc->cloche ? json_copy(enc->cloche)
                                 : json_pack("{s:n,s:s,s:{}}", "cost", "currency", "usd", "masked");
    if (object && json_array_size(enc->notices) > 0)
        json_object_set(object, "notices", enc->notices);
    return object;
}

json_t *run_encoder_run(struct run_encoder *enc, bool cancelling)
{
    bool over = enc->final && !cancelling;
    json_t *run = json_pack("{s:s,s:s,s:I,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "id", enc->base.id,
        "object", "thread.run", "created_at", (json_int_t)enc->base.created_at, "thread_id",
        enc->base.thread_id, "status", cancelling ? "cancelling" : enc->status, "required_action",
        or_null(cancelling ? NULL : enc->required_action), "last_error", or_null(enc->last_error),
        "expires_at", time_or_null(over ? 0 : enc->base.expires_at), "started_at",
        time_or_null(enc->started_at), "cancelled_at", time_or_null(enc->cancelled_at), "failed_at",
        time_or_null(enc->failed_at), "completed_at", time_or_null(enc->completed_at));
    if (!run)
        return NULL;
    json_object_set_new(run, "incomplete_details",
        enc->incomplete ? json_pack("{s:s}", "reason", enc->incomplete) : json_null());
    json_object_set_new(run, "usage",
        over ? json_pack("{s:I,s:I,s:I}", "prompt_tokens", (json_int_t)enc->input_tokens,
                   "completion_tokens", (json_int_t)enc->output_tokens, "total_tokens",
                   (json_int_t)(enc->input_tokens + enc->output_tokens))
             : json_null());
    json_object_update(run, (json_t *)enc->base.fixed);
    json_object_set_new(run, "cloche", cloche_object(enc));
    return run;
}
