/* A message is rewritten as one or more items in Responses' words, which are then read as if a client had sent
 * them: sizes, base64, kinds of images and where files may go are checked there. Only what the two wires
 * say differently is looked at here. */
#include <stdio.h>
#include <string.h>

#include "api/chat/chat.h"

enum { MESSAGES_MAX = INPUT_ITEMS_MAX, CALLS_MAX = 128, PARTS_MAX = 2000, PREFIX_SIZE = 48 };

void chat_sub_begin(
    struct json_in *sub, const struct json_in *outer, json_t *object, const char *prefix)
{
    json_in_begin(sub, object, prefix, outer->manners, outer->e);
    sub->failed = outer->failed;
}

void chat_sub_end(struct json_in *sub, struct json_in *outer)
{
    if (json_in_end(sub) < 0)
        outer->failed = true;
}

/* Begins with element `i` of the array `name`; false when it is no object. */
static bool element_begin(
    struct json_in *sub, struct json_in *outer, const char *name, size_t i, json_t *value)
{
    char path[PREFIX_SIZE], prefix[PREFIX_SIZE * 2];
    snprintf(path, sizeof path, "%s[%zu]", name, i);
    snprintf(prefix, sizeof prefix, "%s%s.", outer->prefix, path);
    if (!json_is_object(value))
        json_in_fail(outer, ERROR_INVALID_TYPE, path,
            "Invalid type for '%s%s': expected an object.", outer->prefix, path);
    chat_sub_begin(sub, outer, value, prefix);
    return !outer->failed;
}

/* Reads `words`, an item in Responses' words (taken), and keeps it. */
static void keep(struct json_in *in, json_t *words, unsigned flags, struct input_items *to)
{
    struct json_in sub;
    chat_sub_begin(&sub, in, words, in->prefix);
    json_t *item = words && !in->failed ? input_item_read(&sub, flags, to) : NULL;
    chat_sub_end(&sub, in);
    json_decref(words);
    if (in->failed)
        json_decref(item);
    else if (!item || json_array_append_new(to->items, item) < 0)
        json_in_fail(in, ERROR_INTERNAL, "", "Out of memory.");
}

/* ---- contents ---- */

static json_t *image_part(struct json_in *in)
{
    struct json_in url;
    char prefix[PREFIX_SIZE * 2];
    snprintf(prefix, sizeof prefix, "%simage_url.", in->prefix);
    chat_sub_begin(&url, in, json_in_object(in, "image_url", JSON_REQUIRED), prefix);
    const char *text = json_in_string(&url, "url", JSON_REQUIRED, INPUT_IMAGE_URL_MAX);
    const char *detail = json_in_string(&url, "detail", JSON_OPTIONAL, 64);
    chat_sub_end(&url, in);
    return json_pack("{s:s,s:s?,s:s?}", "type", "input_image", "image_url", text, "detail", detail);
}

static json_t *file_part(struct json_in *in)
{
    json_t *part = json_copy(json_in_object(in, "file", JSON_REQUIRED));
    if (part && json_object_set_new(part, "type", json_string("input_file")) < 0) {
        json_decref(part);
        return NULL;
    }
    return part;
}

static json_t *part_words(struct json_in *in, bool assistant)
{
    static const char *const of_user[] = {"text", "image_url", "file", NULL};
    static const char *const of_assistant[] = {"text", "refusal", NULL};
    const char *type = json_in_string(in, "type", JSON_REQUIRED, INPUT_TEXT_MAX);
    if (type && strcmp(type, "input_audio") == 0)
        json_in_fail(in, ERROR_UNSUPPORTED_PARAMETER, "type",
            "Unsupported value: '%stype' cannot be 'input_audio' here. Send the recording as a "
            "file part, for code to read.",
            in->prefix);
    type = json_in_word(in, "type", assistant ? of_assistant : of_user, NULL);
    if (!type || in->failed)
        return NULL;
    if (strcmp(type, "image_url") == 0)
        return image_part(in);
    if (strcmp(type, "file") == 0)
        return file_part(in);
    json_t *text = json_in_any(in, strcmp(type, "text") == 0 ? "text" : "refusal");
    if (strcmp(type, "refusal") == 0)
        return json_pack("{s:s,s:O?}", "type", "refusal", "refusal", text);
    return json_pack("{s:s,s:O?}", "type", assistant ? "output_text" : "input_text", "text", text);
}

/* The member `content` in Responses' words: a string, an array of parts, or NULL. */
static json_t *content_words(struct json_in *in, bool assistant)
{
    json_t *content = json_in_any(in, "content"), *value;
    if (!json_is_array(content))
        return json_incref(content); /* of whatever type: it is looked at where the item is read */
    json_t *parts = json_array();
    size_t i;
    json_array_foreach (json_in_array(in, "content", PARTS_MAX), i, value) {
        struct json_in sub;
        bool good = element_begin(&sub, in, "content", i, value);
        json_t *part = good ? part_words(&sub, assistant) : NULL;
        chat_sub_end(&sub, in);
        if (!in->failed && (!part || json_array_append(parts, part) < 0))
            json_in_fail(in, ERROR_INTERNAL, "", "Out of memory.");
        json_decref(part);
        if (in->failed)
            break;
    }
    return parts;
}

static json_t *message_words(const char *role, json_t *content)
{
    return json_pack("{s:s,s:s,s:o?}", "type", "message", "role", role, "content", content);
}

/* ---- what an assistant said and did ---- */

/* Code that an earlier answer of ours ran, sent back with it: the model reads it again, and the container is
 * the same. */
static void read_executions(struct json_in *in, unsigned flags, struct input_items *to)
{
    struct json_in sub;
    char prefix[PREFIX_SIZE * 2];
    json_t *object = json_in_object(in, "code_interpreter", JSON_OPTIONAL), *value;
    size_t i;
    snprintf(prefix, sizeof prefix, "%scode_interpreter.", in->prefix);
    chat_sub_begin(&sub, in, object, prefix);
    json_array_foreach (json_in_array(&sub, "calls", CALLS_MAX), i, value) {
        struct json_in call;
        static const char *const types[] = {"code_interpreter_call", NULL};
        bool good = element_begin(&call, &sub, "calls", i, value);
        if (good && json_in_word(&call, "type", types, NULL) && !call.failed)
            keep(&call, json_incref(value), flags, to);
        chat_sub_end(&call, &sub);
        if (sub.failed)
            break;
    }
    chat_sub_end(&sub, in);
}

static void read_call(struct json_in *in, unsigned flags, struct input_items *to)
{
    static const char *const types[] = {"function", NULL};
    struct json_in function;
    char prefix[PREFIX_SIZE * 2];
    const char *id = json_in_string(in, "id", JSON_REQUIRED, INPUT_TEXT_MAX);
    json_in_word(in, "type", types, "function");
    json_t *object = json_in_object(in, "function", JSON_REQUIRED);
    snprintf(prefix, sizeof prefix, "%sfunction.", in->prefix);
    chat_sub_begin(&function, in, object, prefix);
    if (!in->failed)
        keep(&function,
            json_pack("{s:s,s:s,s:O?,s:O?}", "type", "function_call", "call_id", id, "name",
                json_object_get(object, "name"), "arguments", json_object_get(object, "arguments")),
            flags, to);
    chat_sub_end(&function, in);
}

static void read_calls(struct json_in *in, unsigned flags, struct input_items *to)
{
    json_t *value;
    size_t i;
    json_array_foreach (json_in_array(in, "tool_calls", CALLS_MAX), i, value) {
        struct json_in sub;
        if (element_begin(&sub, in, "tool_calls", i, value))
            read_call(&sub, flags, to);
        chat_sub_end(&sub, in);
        if (in->failed)
            break;
    }
}

static void read_assistant(struct json_in *in, unsigned flags, struct input_items *to)
{
    const char *refusal = json_in_string(in, "refusal", JSON_OPTIONAL, INPUT_TEXT_MAX);
    json_t *content = content_words(in, true);
    bool calls = json_array_size(json_in_any(in, "tool_calls")) > 0;
    bool empty = !content || (json_is_string(content) && json_string_length(content) == 0);
    read_executions(in, flags, to);
    if (!empty || (!refusal && !calls)) /* without any of the three, content is what is missing */
        keep(in, message_words("assistant", content), flags, to);
    else
        json_decref(content);
    if (refusal && !in->failed)
        keep(in,
            message_words(
                "assistant", json_pack("[{s:s,s:s}]", "type", "refusal", "refusal", refusal)),
            flags, to);
    read_calls(in, flags, to);
}

/* ---- messages ---- */

static void read_tool_result(struct json_in *in, unsigned flags, struct input_items *to)
{
    const char *id = json_in_string(in, "tool_call_id", JSON_REQUIRED, INPUT_TEXT_MAX);
    if (!json_in_has(in, "content"))
        json_in_string(in, "content", JSON_REQUIRED, 1);
    json_t *output = content_words(in, false);
    if (in->failed)
        json_decref(output);
    else
        keep(in,
            json_pack(
                "{s:s,s:s,s:o?}", "type", "function_call_output", "call_id", id, "output", output),
            flags, to);
}

static void read_message(struct json_in *in, unsigned flags, struct input_items *to)
{
    static const char *const roles[] = {
        "system", "developer", "user", "assistant", "tool", "function", NULL};
    json_in_string(in, "role", JSON_REQUIRED, INPUT_TEXT_MAX);
    const char *role = json_in_word(in, "role", roles, NULL);
    if (!role || in->failed)
        return;
    if (strcmp(role, "function") == 0 || json_in_has(in, "function_call"))
        json_in_fail(in, ERROR_UNSUPPORTED_PARAMETER, "role",
            "Unsupported value: functions of the old form ('function_call', role 'function') are "
            "not supported here. Use 'tool_calls' and role 'tool'.");
    else if (strcmp(role, "assistant") == 0)
        read_assistant(in, flags, to);
    else if (strcmp(role, "tool") == 0)
        read_tool_result(in, flags, to);
    else
        keep(in, message_words(role, content_words(in, false)), flags, to);
}

void chat_messages_read(struct json_in *in, unsigned flags, struct input_items *ret)
{
    json_t *array, *value;
    size_t i;
    *ret = (struct input_items){.items = json_array()};
    if (!json_in_has(in, "messages"))
        json_in_string(in, "messages", JSON_REQUIRED, 1);
    array = json_in_array(in, "messages", MESSAGES_MAX);
    if (!in->failed && json_array_size(array) == 0)
        json_in_fail(in, ERROR_INVALID_VALUE, "messages",
            "Invalid 'messages': empty array. Expected an array with minimum length 1.");
    json_array_foreach (array, i, value) {
        struct json_in sub;
        if (element_begin(&sub, in, "messages", i, value))
            read_message(&sub, flags, ret);
        chat_sub_end(&sub, in);
        if (in->failed)
            break;
    }
}
