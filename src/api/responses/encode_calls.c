/* Calls, of the interpreter and of the client's functions, and summaries of reasoning. */
#include <string.h>

#include "api/api.h"
#include "api/responses/encode_internal.h"

/* ---- the interpreter ---- */

void encoder_code_delta(struct response_encoder *enc, size_t i, const char *text, size_t n)
{
    static const char type[] = "response.code_interpreter_call_code.delta";
    strbuf_append(&enc->open[i].text, text, n);
    struct json_writer w = tell_begin_item(enc, i, type);
    tell_text(enc, &w, type, "delta", text, n);
}

void encoder_code_completed(struct response_encoder *enc, size_t i, const json_t *e)
{
    static const char type[] = "response.code_interpreter_call_code.done";
    json_t *item = json_array_get(enc->items, i), *code = json_object_get(e, "code");
    json_object_set(item, "code", code);
    enc->open[i].whole = true;
    struct json_writer w = tell_begin_item(enc, i, type);
    tell_text(enc, &w, type, "code", json_string_value(code), json_string_length(code));
}

void encoder_execution_started(struct response_encoder *enc, size_t i, const json_t *e)
{
    json_t *item = json_array_get(enc->items, i);
    json_object_set_new(item, "status", json_string("interpreting"));
    json_object_set(item, "execution_id", json_object_get(e, "execution_id"));
    tell_plain(enc, i, "response.code_interpreter_call.interpreting");
}

/* OpenAI's stream has nothing for what code shows while it runs: it is in the item at the end. Who asked for
 * it gets an event of ours, which has no number: those that have one are the same with and without. */
void encoder_execution_output(struct response_encoder *enc, size_t i, const json_t *e)
{
    static const char type[] = RESPONSE_LIVE_OUTPUT;
    if (!enc->base.view.live || !enc->sink || enc->sink_done)
        return;
    strbuf_clear(&enc->out);
    struct json_writer w = JSON_WRITER(&enc->out);
    jw_begin_object(&w);
    jw_field_string(&w, "type", type);
    jw_field_uint(&w, "output_index", i);
    jw_field_string(
        &w, "item_id", json_string_value(json_object_get(json_array_get(enc->items, i), "id")));
    jw_field_json(&w, "output", json_object_get(e, "output"));
    jw_end(&w);
    enc->sink_done = enc->out.failed || enc->sink(enc->context, type, enc->sequence, enc->out.data,
                                            enc->out.length) != 0;
}

/* What code showed: images first, as in OpenAI's recordings, then all text as one entry. */
static json_t *call_outputs(const json_t *e)
{
    json_t *outputs = json_array(), *logs = json_object_get(e, "logs");
    const json_t *image;
    size_t i;
    json_array_foreach (json_object_get(e, "images"), i, image)
        json_array_append_new(outputs, json_pack("{s:s,s:O,s:O}", "type", "image", "file_id",
                                           json_object_get(image, "file_id"), "media_type",
                                           json_object_get(image, "media_type")));
    if (json_string_length(logs) > 0)
        json_array_append_new(outputs, json_pack("{s:s,s:O}", "type", "logs", "logs", logs));
    return outputs;
}

void encoder_execution_completed(struct response_encoder *enc, size_t i, const json_t *e)
{
    json_t *item = json_array_get(enc->items, i);
    json_t *files = json_object_get(json_object_get(e, "execution"), "files");
    json_object_set_new(item, "outputs", call_outputs(e));
    json_object_set(item, "status", json_object_get(e, "status"));
    if (json_array_size(files) > 0)
        json_object_set(item, "files", files);
    tell_plain(enc, i, "response.code_interpreter_call.completed");
}

void encoder_arguments_delta(struct response_encoder *enc, size_t i, const char *text, size_t n)
{
    static const char type[] = "response.function_call_arguments.delta";
    strbuf_append(&enc->open[i].text, text, n);
    struct json_writer w = tell_begin_item(enc, i, type);
    tell_text(enc, &w, type, "delta", text, n);
}

void encoder_function_done(struct response_encoder *enc, size_t i, const json_t *e)
{
    static const char type[] = "response.function_call_arguments.done";
    json_t *item = json_array_get(enc->items, i), *arguments = json_object_get(e, "arguments");
    json_object_set(item, "arguments", arguments);
    json_object_set_new(item, "status", json_string("completed"));
    struct json_writer w = tell_begin_item(enc, i, type);
    jw_field_string(&w, "name", json_text(item, "name"));
    tell_text(
        enc, &w, type, "arguments", json_string_value(arguments), json_string_length(arguments));
}

/* ---- summaries of reasoning: one part ---- */

static void summary_event(
    struct response_encoder *enc, size_t i, const char *type, const char *key, const char *text)
{
    struct json_writer w = tell_begin_item(enc, i, type);
    jw_field_uint(&w, "summary_index", 0);
    tell_text(enc, &w, type, key, text, strlen(text));
}

static void summary_part(struct response_encoder *enc, size_t i, const char *type, const char *text)
{
    struct json_writer w = tell_begin_item(enc, i, type);
    jw_field_uint(&w, "summary_index", 0);
    jw_field_object(&w, "part");
    jw_field_string(&w, "type", "summary_text");
    jw_field_string(&w, "text", text);
    jw_end(&w);
    tell_end(enc, &w, type);
}

void encoder_reasoning_delta(struct response_encoder *enc, size_t i, const char *text, size_t n)
{
    static const char type[] = "response.reasoning_summary_text.delta";
    struct open_item *o = &enc->open[i];
    if (!o->part_open)
        summary_part(enc, i, "response.reasoning_summary_part.added", "");
    o->part_open = true;
    strbuf_append(&o->text, text, n);
    struct json_writer w = tell_begin_item(enc, i, type);
    jw_field_uint(&w, "summary_index", 0);
    tell_text(enc, &w, type, "delta", text, n);
}

void encoder_reasoning_keep(json_t *item, const char *text)
{
    json_object_set_new(item, "summary",
        *text ? json_pack("[{s:s,s:s}]", "type", "summary_text", "text", text) : json_array());
}

void encoder_reasoning_done(struct response_encoder *enc, size_t i, const json_t *e)
{
    const char *text = json_text(e, "text");
    struct open_item *o = &enc->open[i];
    text = text ? text : "";
    if (!o->part_open && *text)
        summary_part(enc, i, "response.reasoning_summary_part.added", "");
    if (o->part_open || *text) {
        summary_event(enc, i, "response.reasoning_summary_text.done", "text", text);
        summary_part(enc, i, "response.reasoning_summary_part.done", text);
    }
    o->part_open = false;
    encoder_reasoning_keep(json_array_get(enc->items, i), text);
}
