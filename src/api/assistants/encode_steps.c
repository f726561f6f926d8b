/* Steps: made, changed, ended. The usage of one turn of the model belongs to the first of its steps that ends. */
#include <stdlib.h>
#include <string.h>

#include "api/assistants/encode_internal.h"
#include "api/json_in.h"

json_t *step_object(struct run_encoder *enc, size_t step)
{
    return json_array_get(enc->steps, step);
}

json_t *step_calls(struct run_encoder *enc, size_t step)
{
    return json_object_get(json_object_get(step_object(enc, step), "step_details"), "tool_calls");
}

long step_begin(
    struct run_encoder *enc, const char *type, json_t *details, unsigned turn, int64_t at)
{
    size_t n = json_array_size(enc->steps);
    char id[ID_SIZE];
    struct shown_step *grown = realloc(enc->step, (n + 1) * sizeof *grown);
    if (grown)
        enc->step = grown;
    id_child(id, "step_", enc->base.id, (unsigned)n + 1);
    json_t *step = json_pack("{s:s,s:s,s:I,s:O?,s:s,s:s,s:s,s:s,s:o,s:n,s:n,s:n,s:n,s:n,s:{},s:n}",
        "id", id, "object", "thread.run.step", "created_at", (json_int_t)at, "assistant_id",
        json_object_get(enc->base.fixed, "assistant_id"), "thread_id", enc->base.thread_id,
        "run_id", enc->base.id, "type", type, "status", "in_progress", "step_details", details,
        "last_error", "expired_at", "cancelled_at", "failed_at", "completed_at", "metadata",
        "usage");
    if (!grown || !step || json_array_append(enc->steps, step) < 0) {
        json_decref(step);
        return -1;
    }
    enc->step[n] = (struct shown_step){.turn = turn};
    encoder_tell(enc, "thread.run.step.created", step);
    encoder_tell(enc, "thread.run.step.in_progress", step);
    json_decref(step);
    return (long)n;
}

void step_delta(struct run_encoder *enc, size_t step, json_t *call)
{
    encoder_tell_new(enc, "thread.run.step.delta",
        json_pack("{s:O,s:s,s:{s:{s:s,s:[o]}}}", "id",
            json_object_get(step_object(enc, step), "id"), "object", "thread.run.step.delta",
            "delta", "step_details", "type", "tool_calls", "tool_calls", call));
}

static void tell_end(struct run_encoder *enc, size_t i)
{
    json_t *step = step_object(enc, i);
    int64_t input = enc->input_tokens - enc->given_input,
            output = enc->output_tokens - enc->given_output;
    char event[64];
    enc->given_input = enc->input_tokens;
    enc->given_output = enc->output_tokens;
    json_object_set_new(step, "usage",
        json_pack("{s:I,s:I,s:I}", "prompt_tokens", (json_int_t)input, "completion_tokens",
            (json_int_t)output, "total_tokens", (json_int_t)(input + output)));
    enc->step[i].told = true;
    snprintf(event, sizeof event, "thread.run.step.%s", json_text(step, "status"));
    encoder_tell(enc, event, step);
}

void steps_flush(struct run_encoder *enc, bool all)
{
    for (size_t i = 0; i < json_array_size(enc->steps); i++) {
        const struct shown_step *s = &enc->step[i];
        if (s->ended && !s->told && (all || s->turn < enc->turn))
            tell_end(enc, i);
    }
}

void step_end(struct run_encoder *enc, size_t i, const char *status, int64_t at, const char *why)
{
    json_t *step = step_object(enc, i);
    char key[32];
    snprintf(key, sizeof key, "%s_at", status);
    json_object_set_new(step, "status", json_string(status));
    json_object_set_new(step, key, json_integer(at));
    if (why)
        json_object_set_new(
            step, "last_error", json_pack("{s:s,s:s}", "code", "server_error", "message", why));
    enc->step[i].ended = true;
    steps_flush(enc, false);
}
