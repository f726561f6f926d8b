#include "api/responses/input_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"

enum { CALL_ID_MAX = 64, NAME_MAX_BYTES = 128 };

void input_items_deinit(struct input_items *i)
{
    for (size_t n = 0; n < i->contents; n++)
        free(i->content[n].data);
    free(i->content);
    json_decref(i->items);
    *i = (struct input_items){0};
}

/* Reads on within a member: `sub` is `object`, called `prefix` in messages. */
void input_sub_begin(
    struct json_in *sub, const struct json_in *outer, json_t *object, const char *prefix)
{
    json_in_begin(sub, object, prefix, outer->manners, outer->e);
    sub->failed = outer->failed;
}

void input_sub_end(struct json_in *sub, struct json_in *outer)
{
    if (json_in_end(sub) < 0)
        outer->failed = true;
}

/* The new value, or NULL with "out of memory" said. */
json_t *input_made(struct json_in *in, json_t *value)
{
    if (!value && !in->failed)
        json_in_fail(in, ERROR_INTERNAL, "", "Out of memory.");
    return value;
}

bool input_append(struct json_in *in, json_t *array, json_t *value)
{
    if (value && json_array_append_new(array, value) == 0)
        return true;
    input_made(in, NULL);
    return false;
}

/* ---- items ---- */

static json_t *one_text_part(struct json_in *in, const char *text, enum place place)
{
    if (place == PLACE_ASSISTANT)
        return input_made(in, json_pack("[{s:s,s:s,s:[],s:[]}]", "type", "output_text", "text",
                                  text, "annotations", "logprobs"));
    return input_made(in, json_pack("[{s:s,s:s}]", "type", "input_text", "text", text));
}

static json_t *message(struct json_in *in, const char *role, json_t *content)
{
    return input_made(in, json_pack("{s:s,s:s,s:s,s:s,s:o}", "id", "", "type", "message", "status",
                              "completed", "role", role, "content", content));
}

static json_t *read_message(struct json_in *in, unsigned flags, struct input_items *to)
{
    static const char *const roles[] = {"assistant", "system", "developer", "user", NULL};
    json_in_string(in, "role", JSON_REQUIRED, 1 << 20);
    const char *role = json_in_word(in, "role", roles, NULL);
    enum place place = role && strcmp(role, "assistant") == 0 ? PLACE_ASSISTANT : PLACE_USER;
    json_t *content = json_in_any(in, "content"), *parts = NULL;
    const char *text = NULL;
    if (!content || json_is_string(content))
        text = json_in_string(in, "content", JSON_REQUIRED, INPUT_TEXT_MAX);
    if (text)
        parts = one_text_part(in, text, place);
    else if (content)
        parts = input_read_parts(in, "content", place, flags, to);
    if (parts && role)
        return message(in, role, parts);
    json_decref(parts);
    return NULL;
}

/* One of the outputs of a call that a client sends back. */
static json_t *read_call_output(struct json_in *in)
{
    static const char *const types[] = {"logs", "image", NULL};
    json_in_string(in, "type", JSON_REQUIRED, 1 << 20);
    const char *type = json_in_word(in, "type", types, NULL);
    if (!type)
        return NULL;
    bool logs = strcmp(type, "logs") == 0;
    const char *field = logs ? "logs" : "url";
    const char *text =
        json_in_string(in, field, JSON_REQUIRED, logs ? INPUT_TEXT_MAX : INPUT_IMAGE_URL_MAX);
    return text ? input_made(in, json_pack("{s:s,s:s}", "type", type, field, text)) : NULL;
}

static json_t *read_call_outputs(struct json_in *in)
{
    json_t *array = json_in_array(in, "outputs", PARTS_MAX), *value;
    json_t *outputs = array ? input_made(in, json_array()) : input_made(in, json_null());
    size_t i;
    json_array_foreach (array, i, value) {
        struct json_in sub;
        char prefix[96];
        snprintf(prefix, sizeof prefix, "%soutputs[%zu].", in->prefix, i);
        input_sub_begin(&sub, in, json_is_object(value) ? value : NULL, prefix);
        json_t *output = read_call_output(&sub);
        input_sub_end(&sub, in);
        if (in->failed || !input_append(in, outputs, output))
            break;
    }
    return outputs;
}

static json_t *read_code_call(struct json_in *in)
{
    static const char *const statuses[] = {
        "in_progress", "completed", "incomplete", "interpreting", "failed", NULL};
    const char *code = json_in_string(in, "code", JSON_OPTIONAL, INPUT_TEXT_MAX);
    const char *container = json_in_string(in, "container_id", JSON_REQUIRED, 64);
    const char *status = json_in_word(in, "status", statuses, "completed");
    json_t *outputs = read_call_outputs(in);
    if (in->failed) {
        json_decref(outputs);
        return NULL;
    }
    return input_made(in,
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:o}", "id", "", "type", "code_interpreter_call", "status",
            status, "code", code ? code : "", "container_id", container, "outputs", outputs));
}

static json_t *read_function_call(struct json_in *in)
{
    const char *call = json_in_string(in, "call_id", JSON_REQUIRED, CALL_ID_MAX);
    const char *name = json_in_string(in, "name", JSON_REQUIRED, NAME_MAX_BYTES);
    const char *arguments = json_in_string(in, "arguments", JSON_REQUIRED, INPUT_TEXT_MAX);
    if (in->failed)
        return NULL;
    return input_made(
        in, json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "id", "", "type", "function_call", "status",
                "completed", "call_id", call, "name", name, "arguments", arguments));
}

static json_t *read_function_output(struct json_in *in, unsigned flags, struct input_items *to)
{
    const char *call = json_in_string(in, "call_id", JSON_REQUIRED, CALL_ID_MAX);
    json_t *value = json_in_any(in, "output"), *output = NULL;
    if (json_is_array(value))
        output = input_read_parts(in, "output", PLACE_USER, flags, to);
    else if (json_in_string(in, "output", JSON_REQUIRED, INPUT_TEXT_MAX))
        output = json_incref(value);
    if (in->failed) {
        json_decref(output);
        return NULL;
    }
    return input_made(
        in, json_pack("{s:s,s:s,s:s,s:s,s:o}", "id", "", "type", "function_call_output", "status",
                "completed", "call_id", call, "output", output));
}

/* Only what can be shown of it is kept: what it was to its model is in the transcript of its run. */
static json_t *read_reasoning(struct json_in *in)
{
    json_t *array = json_in_array(in, "summary", PARTS_MAX), *value, *summary = json_array();
    size_t i;
    json_array_foreach (array, i, value) {
        json_t *text = json_object_get(value, "text");
        if (json_is_string(text))
            input_append(in, summary, json_pack("{s:s,s:O}", "type", "summary_text", "text", text));
    }
    return input_made(
        in, json_pack("{s:s,s:s,s:o}", "id", "", "type", "reasoning", "summary", summary));
}

static json_t *read_reference(struct json_in *in)
{
    const char *id = json_in_string(in, "id", JSON_REQUIRED, 64);
    return id ? input_made(in, json_pack("{s:s,s:s}", "id", id, "type", "item_reference")) : NULL;
}

static json_t *read_typed(struct json_in *in, unsigned flags, struct input_items *to)
{
    static const char *const types[] = {"message", "item_reference", "code_interpreter_call",
        "function_call", "function_call_output", "reasoning", NULL};
    const char *type = json_in_word(in, "type", types, NULL);
    if (!type)
        return NULL;
    if (strcmp(type, "message") == 0)
        return read_message(in, flags, to);
    if (strcmp(type, "item_reference") == 0)
        return read_reference(in);
    if (strcmp(type, "code_interpreter_call") == 0)
        return read_code_call(in);
    if (strcmp(type, "function_call") == 0)
        return read_function_call(in);
    if (strcmp(type, "function_call_output") == 0)
        return read_function_output(in, flags, to);
    return read_reasoning(in);
}

json_t *input_item_read(struct json_in *in, unsigned flags, struct input_items *to)
{
    json_t *item = NULL;
    if (json_in_has(in, "type"))
        item = read_typed(in, flags, to);
    else if (json_in_has(in, "id") && !json_in_has(in, "role"))
        item = read_reference(in);
    else if (json_in_has(in, "role"))
        item = read_message(in, flags, to);
    else
        json_in_string(in, "type", JSON_REQUIRED, 1); /* it is missing */
    const char *id = json_in_string(in, "id", JSON_OPTIONAL, INPUT_TEXT_MAX);
    if (item && id && id_valid(id))
        json_object_set_new(item, "id", json_string(id));
    return item;
}

static void read_array(
    struct json_in *in, const char *name, json_t *array, unsigned flags, struct input_items *to)
{
    static const char *const kinds[] = {"an object", "an array", "a string", "an integer",
        "a decimal", "a boolean", "a boolean", "null"};
    json_t *value;
    size_t i;
    json_array_foreach (array, i, value) {
        struct json_in sub;
        char prefix[48], path[48];
        snprintf(path, sizeof path, "%s[%zu]", name, i);
        if (!json_is_object(value)) {
            json_in_fail(in, ERROR_INVALID_TYPE, path,
                "Invalid type for '%s': expected an input item, but got %s instead.", path,
                kinds[json_typeof(value)]);
            return;
        }
        snprintf(prefix, sizeof prefix, "%s[%zu].", name, i);
        input_sub_begin(&sub, in, value, prefix);
        json_t *item = input_item_read(&sub, flags, to);
        input_sub_end(&sub, in);
        if (in->failed)
            json_decref(item);
        if (in->failed || !input_append(in, to->items, item))
            return;
    }
}

void input_items_read(
    struct json_in *in, const char *name, size_t max, unsigned flags, struct input_items *ret)
{
    json_t *value = json_in_any(in, name);
    *ret = (struct input_items){.items = input_made(in, json_array())};
    if (!value || in->failed)
        return;
    if ((flags & INPUT_STRING) && json_is_string(value)) {
        const char *text = json_in_string(in, name, JSON_REQUIRED, INPUT_TEXT_MAX);
        json_t *parts = text ? one_text_part(in, text, PLACE_USER) : NULL;
        if (parts)
            input_append(in, ret->items, message(in, "user", parts));
        return;
    }
    json_t *array = json_in_array(in, name, max);
    if (array)
        read_array(in, name, array, flags, ret);
}

int items_name(json_t *items, const char *parent)
{
    static const struct {
        const char *type, *prefix;
    } prefixes[] = {{"message", "msg_"}, {"code_interpreter_call", "ci_"}, {"function_call", "fc_"},
        {"function_call_output", "fco_"}, {"reasoning", "rs_"}};
    json_t *item;
    size_t i;
    json_array_foreach (items, i, item) {
        const char *type = json_string_value(json_object_get(item, "type")), *prefix = "item_";
        char id[ID_SIZE];
        for (size_t p = 0; p < sizeof prefixes / sizeof *prefixes; p++)
            if (type && strcmp(type, prefixes[p].type) == 0)
                prefix = prefixes[p].prefix;
        if (parent)
            id_child(id, prefix, parent, (unsigned)(INPUT_CHILD + 1 + i));
        else
            id_new(id, prefix, 48);
        if (json_object_set_new(item, "id", json_string(id)) < 0)
            return -ENOMEM;
    }
    return 0;
}
