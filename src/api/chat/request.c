#include "api/chat/chat.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MODEL_MAX = 255, NAME_MAX_BYTES = 64 };

/* ---- plain or not ---- */

static bool said(const json_t *root, const char *name)
{
    const json_t *value = json_object_get(root, name);
    return value && !json_is_null(value) && !json_is_false(value);
}

bool chat_request_is_plain(const json_t *root)
{
    const json_t *tool;
    size_t i;
    json_array_foreach (json_object_get(root, "tools"), i, tool) {
        const char *type = json_string_value(json_object_get(tool, "type"));
        if (type && strcmp(type, "code_interpreter") == 0)
            return false;
    }
    return !said(root, "budget") && !said(root, "sample") && !said(root, "max_tool_calls");
}

/* ---- fields that a run has ---- */

static void read_schema(struct json_in *in, json_t *format)
{
    struct json_in sub;
    json_t *schema = json_in_object(in, "json_schema", JSON_REQUIRED);
    chat_sub_begin(&sub, in, schema, "response_format.json_schema.");
    json_in_string(&sub, "name", JSON_REQUIRED, NAME_MAX_BYTES);
    json_in_object(&sub, "schema", JSON_REQUIRED);
    json_in_bool(&sub, "strict", false);
    chat_sub_end(&sub, in);
    if (!in->failed)
        json_object_update_missing(format, schema);
}

json_t *chat_format_read(struct json_in *outer)
{
    static const char *const types[] = {"text", "json_schema", "json_object", NULL};
    json_t *object = json_in_object(outer, "response_format", JSON_OPTIONAL), *format = NULL;
    struct json_in in;
    if (!object)
        return NULL;
    chat_sub_begin(&in, outer, object, "response_format.");
    json_in_string(&in, "type", JSON_REQUIRED, 1 << 20);
    const char *type = json_in_word(&in, "type", types, "text");
    if (strcmp(type, "text") != 0)
        format = json_pack("{s:s}", "type", type);
    if (strcmp(type, "json_schema") == 0)
        read_schema(&in, format);
    chat_sub_end(&in, outer);
    return format;
}

static void read_stream(struct chat_request *r, struct json_in *in)
{
    struct json_in options;
    r->as.stream = json_in_bool(in, "stream", false);
    chat_sub_begin(
        &options, in, json_in_object(in, "stream_options", JSON_OPTIONAL), "stream_options.");
    r->usage = json_in_bool(&options, "include_usage", false);
    chat_sub_end(&options, in);
}

static void read_numbers(struct response_request *r, struct json_in *in)
{
    static const char *const efforts[] = {
        "none", "minimal", "low", "medium", "high", "xhigh", "max", NULL};
    int64_t older = json_in_integer(in, "max_tokens", 0, 1, INT64_MAX);
    r->max_output_tokens = json_in_integer(in, "max_completion_tokens", older, 1, INT64_MAX);
    r->max_tool_calls = json_in_integer(in, "max_tool_calls", 0, 1, INT64_MAX);
    r->temperature = json_in_number(in, "temperature", NAN, 0, 2);
    r->top_p = json_in_number(in, "top_p", NAN, 0, 1);
    r->budget = json_in_number(in, "budget", 0, 0, 1e9);
    r->sample = json_in_bool(in, "sample", false);
    r->parallel_tool_calls = json_in_bool(in, "parallel_tool_calls", true);
    r->reasoning_effort = json_in_word(in, "reasoning_effort", efforts, NULL);
}

/* ---- fields that it has not ---- */

static void refuse(struct json_in *in, const char *name, const char *why)
{
    json_in_fail(
        in, ERROR_UNSUPPORTED_PARAMETER, name, "Unsupported parameter: '%s': %s", name, why);
}

/* Whether the field asks for anything: 0, {}, [] and "" do not. */
static bool asks(struct json_in *in, const char *name)
{
    json_t *value = json_in_any(in, name);
    if (!value || json_is_false(value) || (json_is_number(value) && json_number_value(value) == 0))
        return false;
    if (json_is_string(value))
        return json_string_length(value) > 0;
    return json_is_object(value)  ? json_object_size(value) > 0
           : json_is_array(value) ? json_array_size(value) > 0
                                  : true;
}

static void refuse_outside_pass(struct json_in *in)
{
    static const char *const names[] = {"logprobs", "top_logprobs", "audio", "web_search_options"};
    static const char here[] =
        "it is known only where a request goes to a provider of chat completions as it is.";
    if (json_in_integer(in, "n", 1, 1, 128) > 1)
        refuse(in, "n", "one answer for each request here. Ask again for another.");
    if (asks(in, "functions") || asks(in, "function_call"))
        refuse(in, "functions", "use 'tools' and 'tool_choice'.");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (asks(in, names[i]))
            refuse(in, names[i], here);
    json_t *modalities = json_in_any(in, "modalities"), *word;
    size_t i;
    json_array_foreach (modalities, i, word)
        if (!json_is_string(word) || strcmp(json_string_value(word), "text") != 0)
            refuse(in, "modalities", "answers are text.");
}

/* What the upstream's wire is told besides. On chat completions that is all we do not read ourselves, as it was
 * sent: providers have fields that nobody else knows. */
static json_t *extra_of_chat(json_t *root)
{
    static const char *const read[] = {"model", "messages", "tools", "tool_choice", "stream",
        "stream_options", "n", "max_tokens", "max_completion_tokens", "max_tool_calls",
        "temperature", "top_p", "budget", "sample", "parallel_tool_calls", "reasoning_effort",
        "response_format", "functions", "function_call", "modalities", "audio", "logprobs",
        "top_logprobs", "web_search_options"};
    json_t *extra = json_object(), *value;
    const char *key;
    json_object_foreach (root, key, value) {
        bool ours = json_is_null(value); /* which would take a field away */
        for (size_t i = 0; i < sizeof read / sizeof *read; i++)
            ours |= strcmp(read[i], key) == 0;
        if (!ours)
            json_object_set(extra, key, value);
    }
    return extra;
}

static void read_extra(struct chat_request *r, struct json_in *in, const struct model_route *route)
{
    static const char *const names[] = {"frequency_penalty", "presence_penalty", "logit_bias"};
    json_t *stop = json_in_any(in, "stop");
    bool stops = asks(in, "stop");
    if (stops && !json_is_string(stop) && !json_is_array(stop))
        json_in_fail(in, ERROR_INVALID_TYPE, "stop",
            "Invalid type for 'stop': expected a string or an array of strings.");
    if (stops && r->as.tools.interpreter)
        refuse(in, "stop", "it would cut code short. Leave it out where code is run.");
    if (route->wire == PROVIDER_CHAT) {
        r->extra = extra_of_chat(in->object);
        return;
    }
    if (stops && route->wire == PROVIDER_ANTHROPIC)
        r->extra = json_is_string(stop) ? json_pack("{s:[O]}", "stop_sequences", stop)
                                        : json_pack("{s:O}", "stop_sequences", stop);
    else if (stops)
        refuse(in, "stop", "the provider of this model has nothing like it.");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (asks(in, names[i]))
            refuse(in, names[i], "the provider of this model has nothing like it.");
}

/* ---- together ---- */

int chat_request_read(
    json_t *root, const struct model_route *route, struct chat_request *ret, struct error *e)
{
    struct json_in in;
    *ret = (struct chat_request){.as = {.root = root, .echo = json_object()}};
    json_in_begin(&in, root, "", JSON_OPENAI, e);
    ret->as.model = json_in_string(&in, "model", JSON_REQUIRED, MODEL_MAX);
    refuse_outside_pass(&in);
    read_stream(ret, &in);
    read_numbers(&ret->as, &in);
    chat_tools_read(&in, &ret->as.tools, &ret->tools);
    chat_messages_read(&in, ret->as.tools.interpreter ? INPUT_FILES : 0, &ret->as.input);
    ret->as.text_format = chat_format_read(&in);
    read_extra(ret, &in, route);
    return json_in_end(&in);
}

void chat_request_deinit(struct chat_request *r)
{
    json_decref(r->as.text_format);
    response_request_deinit(&r->as);
    json_decref(r->tools);
    json_decref(r->extra);
    *r = (struct chat_request){0};
}
