/* What OpenAI's items are to a model: see provider.h for the transcript's form. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/responses/transcript_internal.h"
#include "base/fd.h"
#include "base/ids.h"

int transcript_no_memory(struct error *e)
{
    error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    return -ENOMEM;
}

int transcript_append(struct transcript_reader *r, json_t *array, json_t *value)
{
    return value && json_array_append_new(array, value) == 0 ? 0 : transcript_no_memory(r->e);
}

static int add_message(struct transcript_reader *r, const json_t *item, json_t *transcript)
{
    const char *role = json_text(item, "role");
    json_t *parts = json_array();
    int x = parts ? transcript_add_parts(r, json_object_get(item, "content"), parts)
                  : transcript_no_memory(r->e);
    if (x < 0) {
        json_decref(parts);
        return x;
    }
    if (strcmp(role, "developer") == 0)
        role = "system";
    return transcript_append(r, transcript,
        json_pack("{s:s,s:s,s:o}", "type", "message", "role", role, "content", parts));
}

/* Splits parts into a result's text and images. */
static int add_result(struct transcript_reader *r, const char *call_id, const json_t *parts,
    bool is_error, json_t *transcript)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(2 * INPUT_TEXT_MAX);
    json_t *images = json_array();
    const json_t *part;
    size_t i;
    int x = images ? 0 : transcript_no_memory(r->e);
    json_array_foreach (parts, i, part) {
        const char *type = json_text(part, "type"), *url = json_text(part, "url");
        if (strcmp(type, "text") == 0)
            strbuf_puts(&text, json_text(part, "text"));
        else if (strcmp(type, "file") == 0)
            strbuf_printf(&text, "[file %s]\n", json_text(part, "filename"));
        else if (url)
            strbuf_printf(&text, "[image %s]\n", url);
        else if (x == 0)
            x = transcript_append(r, images,
                json_pack("{s:O,s:O}", "media_type", json_object_get(part, "media_type"), "data",
                    json_object_get(part, "data")));
    }
    if (x == 0 && text.failed)
        x = transcript_no_memory(r->e);
    if (x < 0) {
        json_decref(images);
        return x;
    }
    return transcript_append(r, transcript,
        json_pack("{s:s,s:s,s:s,s:o,s:b}", "type", "tool_result", "call_id", call_id, "text",
            strbuf_text(&text), "images", images, "is_error", is_error));
}

/* An output of the interpreter as a part of its result. */
static int add_call_output(
    struct transcript_reader *r, const json_t *item, const json_t *output, json_t *parts)
{
    const char *logs = json_text(output, "logs"), *id = json_text(output, "file_id"),
               *url = json_text(output, "url");
    char media_type[64];
    if (logs)
        return transcript_append(r, parts, json_pack("{s:s,s:s}", "type", "text", "text", logs));
    if (id && r->view->figure) {
        cleanup_strbuf struct strbuf bytes = STRBUF_INIT(IMAGE_MAX);
        if (r->view->figure(r->view->context, json_text(item, "container_id"), id, &bytes) == 0)
            return transcript_append(r, parts,
                transcript_image(json_text(output, "media_type"), bytes.data, bytes.length, NULL));
    }
    const char *base64 = url ? data_url(url, media_type) : NULL;
    if (!base64)
        return 0;
    return transcript_append(r, parts,
        json_pack("{s:s,s:s,s:s}", "type", "image", "media_type", media_type, "data", base64));
}

static int add_code_call(struct transcript_reader *r, const json_t *item, json_t *transcript)
{
    const json_t *outputs = json_object_get(item, "outputs"), *output;
    const char *call = json_text(item, "call_id"), *id = json_text(item, "id"),
               *status = json_text(item, "status");
    char own[ID_SIZE];
    size_t i;
    size_t length = strlen(id); /* its last digits tell it apart; vendors bound an id at 40 bytes */
    if (length == 0)
        id_new(own, "call_", 24);
    else
        snprintf(own, sizeof own, "call_%s", length > 24 ? id + length - 24 : id);
    call = call ? call : own;
    cleanup_json json_t *arguments = json_pack("{s:s}", "code", json_text(item, "code"));
    cleanup_free char *text = arguments ? json_dumps(arguments, JSON_COMPACT) : NULL;
    cleanup_json json_t *parts = json_array();
    int x = text && parts ? transcript_append(r, transcript,
                                json_pack("{s:s,s:s,s:s,s:s}", "type", "tool_call", "call_id", call,
                                    "name", "python", "arguments", text))
                          : transcript_no_memory(r->e);
    json_array_foreach (outputs, i, output)
        if (x == 0)
            x = add_call_output(r, item, output, parts);
    if (x == 0 && !json_is_array(outputs))
        x = transcript_append(
            r, parts, json_pack("{s:s,s:s}", "type", "text", "text", "[the output was not kept]"));
    return x < 0 ? x : add_result(r, call, parts, strcmp(status, "failed") == 0, transcript);
}

static int add_function_output(struct transcript_reader *r, const json_t *item, json_t *transcript)
{
    const json_t *output = json_object_get(item, "output");
    cleanup_json json_t *parts = json_array();
    int x = !parts                  ? transcript_no_memory(r->e)
            : json_is_array(output) ? transcript_add_parts(r, output, parts)
                                    : transcript_append(r, parts,
                                          json_pack("{s:s,s:O}", "type", "text", "text", output));
    return x < 0 ? x : add_result(r, json_text(item, "call_id"), parts, false, transcript);
}

static int add_item(struct transcript_reader *r, const json_t *item, json_t *transcript)
{
    const char *type = json_text(item, "type");
    if (strcmp(type, "message") == 0)
        return add_message(r, item, transcript);
    if (strcmp(type, "code_interpreter_call") == 0)
        return add_code_call(r, item, transcript);
    if (strcmp(type, "function_call_output") == 0)
        return add_function_output(r, item, transcript);
    if (strcmp(type, "function_call") == 0)
        return transcript_append(r, transcript,
            json_pack("{s:s,s:O,s:O,s:O}", "type", "tool_call", "call_id",
                json_object_get(item, "call_id"), "name", json_object_get(item, "name"),
                "arguments", json_object_get(item, "arguments")));
    return 0; /* reasoning: what a model may read of it was never shown */
}

int items_transcript(const json_t *items, const struct input_items *input,
    const struct file_source *source, const struct item_view *view, struct input_files *files,
    json_t *transcript, struct error *e)
{
    struct transcript_reader r = {input, 0, source, view, files, e};
    const json_t *item;
    size_t i;
    int x = 0;
    json_array_foreach (items, i, item)
        if (x == 0)
            x = add_item(&r, item, transcript);
    return x;
}
