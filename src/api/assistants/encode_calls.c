/* Calls within steps: the interpreter's, with input and outputs as they come, and those of the client's
 * functions. */
#include <string.h>

#include "api/assistants/encode_internal.h"
#include "api/json_in.h"

static int64_t at_of(const json_t *e) { return json_integer_value(json_object_get(e, "at")); }

static json_t *no_calls(void)
{
    return json_pack("{s:s,s:[]}", "type", "tool_calls", "tool_calls");
}

/* ---- the interpreter ---- */

static json_t *interpreter_of(struct run_encoder *enc, const struct shown_item *item)
{
    return json_object_get(
        json_array_get(step_calls(enc, item->step), item->call), "code_interpreter");
}

static void tell_code(struct run_encoder *enc, const struct shown_item *item, json_t *change)
{
    step_delta(enc, item->step,
        json_pack(
            "{s:i,s:s,s:o}", "index", 0, "type", "code_interpreter", "code_interpreter", change));
}

void code_begin(struct run_encoder *enc, struct shown_item *item, const json_t *e, unsigned turn)
{
    long step = step_begin(enc, "tool_calls", no_calls(), turn, at_of(e));
    if (step < 0)
        return;
    item->step = (size_t)step;
    json_t *call = json_pack("{s:O?,s:s,s:{s:s,s:[]}}", "id", json_object_get(e, "call_id"), "type",
        "code_interpreter", "code_interpreter", "input", "", "outputs");
    json_array_append(step_calls(enc, item->step), call);
    json_t *first = json_deep_copy(call);
    json_object_set_new(first, "index", json_integer(0));
    step_delta(enc, item->step, first);
    json_decref(call);
}

void code_delta(struct run_encoder *enc, struct shown_item *item, const char *text, size_t n)
{
    strbuf_append(&item->text, text, n);
    tell_code(enc, item, json_pack("{s:s%}", "input", text, n));
}

void code_whole(struct run_encoder *enc, struct shown_item *item, const json_t *e)
{
    json_object_set(interpreter_of(enc, item), "input", json_object_get(e, "code"));
    strbuf_clear(&item->text); /* from here on it has the logs */
    item->executed = true;
}

static json_t *outputs_of(struct run_encoder *enc, const struct shown_item *item)
{
    return json_object_get(interpreter_of(enc, item), "outputs");
}

static void tell_output(
    struct run_encoder *enc, const struct shown_item *item, json_t *output, size_t index)
{
    json_object_set_new(output, "index", json_integer((json_int_t)index));
    tell_code(enc, item, json_pack("{s:[o]}", "outputs", output));
}

static void add_logs(struct run_encoder *enc, struct shown_item *item, const char *text, size_t n)
{
    if (n == 0)
        return;
    if (item->logs_output == NO_PART) {
        json_t *outputs = outputs_of(enc, item);
        item->logs_output = json_array_size(outputs);
        json_array_append_new(outputs, json_pack("{s:s,s:s}", "type", "logs", "logs", ""));
    }
    strbuf_append(&item->refusal, text, n);
    tell_output(
        enc, item, json_pack("{s:s,s:s%}", "type", "logs", "logs", text, n), item->logs_output);
}

static void add_image(struct run_encoder *enc, struct shown_item *item, json_t *id)
{
    json_t *outputs = outputs_of(enc, item);
    const json_t *known;
    size_t i;
    json_array_foreach (outputs, i, known)
        if (json_equal(json_object_get(json_object_get(known, "image"), "file_id"), id))
            return;
    json_t *image = json_pack("{s:s,s:{s:O}}", "type", "image", "image", "file_id", id);
    json_array_append(outputs, image);
    json_array_append(enc->figures, id);
    tell_output(enc, item, json_deep_copy(image), json_array_size(outputs) - 1);
    json_decref(image);
}

void code_output(struct run_encoder *enc, struct shown_item *item, const json_t *e)
{
    const json_t *output = json_object_get(e, "output"), *log = json_object_get(e, "log");
    const char *mime;
    json_t *form;
    if (!log && !item_is(output, "display_data") && !item_is(output, "execute_result"))
        log = json_object_get(output, "text");
    add_logs(enc, item, json_string_value(log), json_string_length(log));
    json_object_foreach (json_object_get(output, "data"), mime, form) {
        json_t *id = json_object_get(form, "published");
        if (json_is_string(id))
            add_image(enc, item, id);
    }
}

/* What came live is a beginning of the whole, unless there was too much of it. */
void code_result(struct run_encoder *enc, struct shown_item *item, const json_t *e)
{
    json_t *logs = json_object_get(e, "logs");
    const char *text = json_string_value(logs);
    size_t n = json_string_length(logs), live = item->refusal.length, i;
    const json_t *image;
    if (text && n >= live && memcmp(text, strbuf_text(&item->refusal), live) == 0)
        add_logs(enc, item, text + live, n - live);
    if (text && item->logs_output != NO_PART)
        json_object_set(json_array_get(outputs_of(enc, item), item->logs_output), "logs", logs);
    json_array_foreach (json_object_get(e, "images"), i, image)
        if (json_object_get(image, "published"))
            add_image(enc, item, json_object_get(image, "published"));
    strbuf_clear(&item->refusal);
    item->logs_whole = true;
}

/* The last line of what its logs say. */
static const char *last_line(struct run_encoder *enc, const struct shown_item *item)
{
    const json_t *output = json_array_get(outputs_of(enc, item), item->logs_output);
    const char *logs = json_text(output, "logs"), *line = logs ? strrchr(logs, '\n') : NULL;
    return !logs ? "The code was not run." : line && line[1] ? line + 1 : logs;
}

void code_end(struct run_encoder *enc, struct shown_item *item, const json_t *e)
{
    const char *status = json_text(e, "status");
    json_object_set(interpreter_of(enc, item), "input", json_object_get(e, "code"));
    code_keep(enc, item);
    if (status && strcmp(status, "incomplete") == 0)
        item->interrupted = true;
    else if (status && strcmp(status, "failed") == 0)
        step_end(enc, item->step, "failed", at_of(e), last_line(enc, item));
    else
        step_end(enc, item->step, "completed", at_of(e), NULL);
}

void code_keep(struct run_encoder *enc, struct shown_item *item)
{
    if (item->text.length > 0 && !item->executed)
        json_object_set_new(
            interpreter_of(enc, item), "input", json_stringn(item->text.data, item->text.length));
    if (item->logs_output != NO_PART && !item->logs_whole)
        json_object_set_new(json_array_get(outputs_of(enc, item), item->logs_output), "logs",
            json_stringn(strbuf_text(&item->refusal), item->refusal.length));
}

/* ---- the client's functions ---- */

static json_t *function_of(struct run_encoder *enc, const struct shown_item *item)
{
    return json_object_get(json_array_get(step_calls(enc, item->step), item->call), "function");
}

/* Those of one turn are one step: their outputs are asked for together. */
static long step_of_functions(struct run_encoder *enc, unsigned turn, int64_t at)
{
    size_t n = json_array_size(enc->steps);
    if (n > 0 && enc->step[n - 1].functions && enc->step[n - 1].turn == turn)
        return (long)n - 1;
    long step = step_begin(enc, "tool_calls", no_calls(), turn, at);
    if (step >= 0)
        enc->step[step].functions = true;
    return step;
}

void function_begin(
    struct run_encoder *enc, struct shown_item *item, const json_t *e, unsigned turn)
{
    long step = step_of_functions(enc, turn, at_of(e));
    if (step < 0)
        return;
    item->step = (size_t)step;
    item->call = json_array_size(step_calls(enc, item->step));
    json_t *call =
        json_pack("{s:O?,s:s,s:{s:O?,s:s,s:n}}", "id", json_object_get(e, "call_id"), "type",
            "function", "function", "name", json_object_get(e, "name"), "arguments", "", "output");
    json_array_append(step_calls(enc, item->step), call);
    json_t *first = json_deep_copy(call);
    json_object_set_new(first, "index", json_integer((json_int_t)item->call));
    step_delta(enc, item->step, first);
    json_decref(call);
}

void function_delta(struct run_encoder *enc, struct shown_item *item, const char *text, size_t n)
{
    strbuf_append(&item->text, text, n);
    step_delta(enc, item->step,
        json_pack("{s:I,s:s,s:{s:s%}}", "index", (json_int_t)item->call, "type", "function",
            "function", "arguments", text, n));
}

void function_end(struct run_encoder *enc, struct shown_item *item, const json_t *e)
{
    json_object_set(function_of(enc, item), "arguments", json_object_get(e, "arguments"));
}

void function_keep(struct run_encoder *enc, struct shown_item *item)
{
    json_object_set_new(function_of(enc, item), "arguments",
        json_stringn(strbuf_text(&item->text), item->text.length));
}

static const json_t *result_of(const json_t *results, const char *call_id)
{
    const json_t *result;
    size_t i;
    json_array_foreach (results, i, result) {
        const char *id = json_text(result, "call_id");
        if (id && call_id && strcmp(id, call_id) == 0)
            return result;
    }
    return NULL;
}

void functions_answered(struct run_encoder *enc, const json_t *e)
{
    const json_t *results = json_object_get(e, "results");
    for (size_t i = 0; i < json_array_size(enc->steps); i++) {
        json_t *call;
        size_t k;
        if (!enc->step[i].functions || enc->step[i].ended)
            continue;
        json_array_foreach (step_calls(enc, i), k, call) {
            const json_t *result = result_of(results, json_text(call, "id"));
            if (result)
                json_object_set(
                    json_object_get(call, "function"), "output", json_object_get(result, "text"));
        }
        step_end(enc, i, "completed", at_of(e), NULL);
    }
    steps_flush(enc, true);
}
