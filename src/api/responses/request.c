#include "api/responses/request.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/ids.h"

enum { ID_MAX = 64, MODEL_MAX = 255, KEY_MAX = 1024, INSTRUCTIONS_MAX = INPUT_TEXT_MAX };

/* ---- what to include ---- */

static const char *const includes[] = {"code_interpreter_call.outputs",
    "message.input_image.image_url", "file_search_call.results", "web_search_call.results",
    "web_search_call.action.sources", "computer_call_output.output.image_url",
    "reasoning.encrypted_content", "message.output_text.logprobs"};

/* Those that are not ours to give are accepted: there is nothing they could show. */
int include_add(const char *name, const char *param, struct item_view *view, struct error *e)
{
    char brief[72];
    for (size_t i = 0; i < sizeof includes / sizeof *includes; i++) {
        if (strcmp(includes[i], name) != 0)
            continue;
        view->outputs |= i == 0;
        view->image_urls |= i == 1;
        return 0;
    }
    return error_param(e, ERROR_INVALID_VALUE, param,
        "Invalid value: '%s'. Supported values are: 'code_interpreter_call.outputs', "
        "'message.input_image.image_url', and the others of OpenAI's API.",
        json_in_brief(brief, name));
}

void include_read(struct json_in *in, struct item_view *view)
{
    size_t n;
    json_t *array = json_in_strings(in, "include", 64, 1 << 16, &n);
    for (size_t i = 0; i < n && !in->failed; i++) {
        char param[32];
        snprintf(param, sizeof param, "include[%zu]", i);
        if (include_add(json_string_value(json_array_get(array, i)), param, view, in->e) < 0)
            in->failed = true;
    }
}

/* ---- fields ---- */

static void echo_new(struct response_request *r, const char *key, json_t *value)
{
    json_object_set_new(r->echo, key, value);
}

static void echo_text(struct response_request *r, const char *key, const char *text)
{
    echo_new(r, key, text ? json_string(text) : json_null());
}

static void echo_int(struct response_request *r, const char *key, int64_t n)
{
    echo_new(r, key, n ? json_integer(n) : json_null());
}

static double read_decimal(
    struct response_request *r, struct json_in *in, const char *name, double max)
{
    double n = json_in_number(in, name, NAN, 0, max);
    json_t *given = json_object_get(in->object, name);
    echo_new(r, name, isnan(n) ? json_real(1) : json_incref(given));
    return n;
}

/* A field that is only shown again. */
static void read_label(struct response_request *r, struct json_in *in, const char *name, size_t max)
{
    echo_text(r, name, json_in_string(in, name, JSON_OPTIONAL, max));
}

static const char *read_id(struct json_in *in, const char *name, json_t *value)
{
    const char *id =
        value ? json_string_value(value) : json_in_string(in, name, JSON_OPTIONAL, 1 << 16);
    char brief[72];
    if (!id || in->failed)
        return NULL;
    if (strlen(id) > ID_MAX)
        json_in_fail(in, ERROR_STRING_TOO_LONG, name,
            "Invalid '%s': string too long. Expected a string with maximum length %d, but got a "
            "string with length %zu instead.",
            name, ID_MAX, strlen(id));
    else if (!id_valid(id))
        json_in_fail(in, ERROR_INVALID_VALUE, name,
            "Invalid '%s': '%s'. Expected an ID that contains letters, numbers, underscores, or "
            "dashes, but this value contained additional characters.",
            name, json_in_brief(brief, id));
    return id;
}

static void read_conversation(struct response_request *r, struct json_in *in)
{
    json_t *value = json_in_any(in, "conversation");
    if (json_is_object(value)) {
        json_t *id = json_object_get(value, "id");
        if (!json_is_string(id)) {
            json_in_fail(in, ERROR_MISSING_PARAMETER, "conversation.id",
                "Missing required parameter: 'conversation.id'.");
            return;
        }
        r->conversation_id = read_id(in, "conversation.id", id);
    } else {
        r->conversation_id = read_id(in, "conversation", NULL);
    }
    if (r->conversation_id)
        echo_new(r, "conversation", json_pack("{s:s}", "id", r->conversation_id));
}

static void read_format(struct response_request *r, struct json_in *text, json_t *echo)
{
    static const char *const types[] = {"text", "json_schema", "json_object", NULL};
    json_t *format = json_in_object(text, "format", JSON_OPTIONAL);
    struct json_in in;
    if (!format) {
        json_object_set_new(echo, "format", json_pack("{s:s}", "type", "text"));
        return;
    }
    json_in_begin(&in, format, "text.format.", text->manners, text->e);
    in.failed = text->failed;
    json_in_string(&in, "type", JSON_REQUIRED, 1 << 20);
    const char *type = json_in_word(&in, "type", types, "text");
    if (strcmp(type, "json_schema") == 0) {
        json_in_string(&in, "name", JSON_REQUIRED, 64);
        json_in_object(&in, "schema", JSON_REQUIRED);
        json_in_bool(&in, "strict", false);
    }
    if (json_in_end(&in) < 0)
        text->failed = true;
    r->text_format = strcmp(type, "text") == 0 ? NULL : format;
    json_object_set(echo, "format", format);
}

static void read_text(struct response_request *r, struct json_in *outer)
{
    static const char *const levels[] = {"low", "medium", "high", NULL};
    json_t *echo = json_object();
    struct json_in in;
    json_in_begin(
        &in, json_in_object(outer, "text", JSON_OPTIONAL), "text.", outer->manners, outer->e);
    in.failed = outer->failed;
    read_format(r, &in, echo);
    json_object_set_new(
        echo, "verbosity", json_string(json_in_word(&in, "verbosity", levels, "medium")));
    if (json_in_end(&in) < 0)
        outer->failed = true;
    echo_new(r, "text", echo);
}

static void read_reasoning(struct response_request *r, struct json_in *outer)
{
    static const char *const efforts[] = {
        "none", "minimal", "low", "medium", "high", "xhigh", "max", NULL};
    static const char *const summaries[] = {"auto", "concise", "detailed", NULL};
    struct json_in in;
    json_in_begin(&in, json_in_object(outer, "reasoning", JSON_OPTIONAL), "reasoning.",
        outer->manners, outer->e);
    in.failed = outer->failed;
    r->reasoning_effort = json_in_word(&in, "effort", efforts, NULL);
    const char *summary = json_in_word(&in, "summary", summaries, NULL);
    summary = json_in_word(&in, "generate_summary", summaries, summary);
    if (json_in_end(&in) < 0)
        outer->failed = true;
    echo_new(r, "reasoning",
        json_pack("{s:s?,s:s?}", "effort", r->reasoning_effort, "summary", summary));
}

static void read_metadata(struct response_request *r, struct json_in *in)
{
    json_t *metadata = json_in_map(in, "metadata", 16, 64, 512);
    echo_new(r, "metadata", metadata ? json_incref(metadata) : json_object());
}

/* Names of other APIs: the answer would not be what was asked for. Everything else unknown is ignored. */
static void refuse_foreign(struct json_in *in)
{
    static const char *const names[] = {"max_tokens", "max_completion_tokens", "response_format",
        "n", "stop", "seed", "logprobs", "functions", "function_call"};
    if (json_in_has(in, "messages"))
        json_in_fail(in, ERROR_UNSUPPORTED_PARAMETER, "",
            "Unsupported parameter: 'messages'. In the Responses API, this parameter has moved to "
            "'input'. Try again with the new parameter.");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (json_in_has(in, names[i]))
            json_in_fail(
                in, ERROR_UNKNOWN_PARAMETER, names[i], "Unknown parameter: '%s'.", names[i]);
}

static void check_input_given(struct json_in *in)
{
    json_t *input = json_in_any(in, "input");
    bool empty = !input || (json_is_array(input) && json_array_size(input) == 0);
    if (empty && !json_in_has(in, "previous_response_id") && !json_in_has(in, "conversation") &&
        !json_in_has(in, "prompt"))
        json_in_fail(in, ERROR_MISSING_PARAMETER, "",
            "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation' must be "
            "provided.");
}

static void read_flags(struct response_request *r, struct json_in *in)
{
    static const char *const truncations[] = {"auto", "disabled", NULL};
    r->store = json_in_bool(in, "store", true);
    r->background = json_in_bool(in, "background", false);
    r->stream = json_in_bool(in, "stream", false);
    r->parallel_tool_calls = json_in_bool(in, "parallel_tool_calls", true);
    json_t *options = json_in_object(in, "stream_options", JSON_OPTIONAL);
    r->view.live = json_is_true(json_object_get(options, "cloche_events"));
    if (r->background && !r->store)
        json_in_fail(in, ERROR_INVALID_VALUE, "background",
            "Invalid 'background': it needs 'store' to be true.");
    echo_new(r, "store", json_boolean(r->store));
    echo_new(r, "background", json_boolean(r->background));
    echo_new(r, "parallel_tool_calls", json_boolean(r->parallel_tool_calls));
    echo_text(r, "truncation", json_in_word(in, "truncation", truncations, "disabled"));
}

static void read_numbers(struct response_request *r, struct json_in *in)
{
    r->temperature = read_decimal(r, in, "temperature", 2);
    r->top_p = read_decimal(r, in, "top_p", 1);
    echo_new(r, "top_logprobs", json_integer(json_in_integer(in, "top_logprobs", 0, 0, 20)));
    r->max_output_tokens = json_in_integer(in, "max_output_tokens", 0, 16, INT64_MAX);
    r->max_tool_calls = json_in_integer(in, "max_tool_calls", 0, 1, INT64_MAX);
    echo_int(r, "max_output_tokens", r->max_output_tokens);
    echo_int(r, "max_tool_calls", r->max_tool_calls);
    echo_new(r, "frequency_penalty", json_real(0));
    echo_new(r, "presence_penalty", json_real(0));
}

static void read_labels(struct response_request *r, struct json_in *in)
{
    static const char *const tiers[] = {
        "auto", "default", "flex", "scale", "priority", "fast", "ultrafast", NULL};
    static const char *const retentions[] = {"in_memory", "24h", NULL};
    echo_text(r, "service_tier", json_in_word(in, "service_tier", tiers, "auto"));
    read_label(r, in, "safety_identifier", 128);
    read_label(r, in, "prompt_cache_key", KEY_MAX);
    echo_text(
        r, "prompt_cache_retention", json_in_word(in, "prompt_cache_retention", retentions, NULL));
    read_label(r, in, "user", KEY_MAX);
    echo_new(r, "billing", json_pack("{s:s}", "payer", "developer"));
}

static void read_state(struct response_request *r, struct json_in *in)
{
    r->previous_id = read_id(in, "previous_response_id", NULL);
    echo_text(r, "previous_response_id", r->previous_id);
    read_conversation(r, in);
    if (r->previous_id && r->conversation_id)
        json_in_fail(in, ERROR_EXCLUSIVE_PARAMETERS, "",
            "Mutually exclusive parameters: ''. Ensure you are only providing one of: "
            "'previous_response_id' or 'conversation'.");
    if (json_in_has(in, "prompt"))
        json_in_fail(in, ERROR_UNSUPPORTED_PARAMETER, "prompt",
            "Unsupported parameter: 'prompt' is not supported by this server: it keeps no prompt "
            "templates. Send 'instructions' and 'input'.");
    json_in_unsupported(in, "skills");
}

/* All that describes the model's work: the request and the counting of its tokens share it. */
static void read_common(struct response_request *r, struct json_in *in)
{
    r->instructions = json_in_string(in, "instructions", JSON_OPTIONAL, INSTRUCTIONS_MAX);
    echo_text(r, "instructions", r->instructions);
    read_state(r, in);
    response_tools_read(in, &r->tools);
    json_object_set(r->echo, "tools", r->tools.echo);
    json_object_set(r->echo, "tool_choice", r->tools.choice_echo);
    input_items_read(in, "input", INPUT_ITEMS_MAX,
        INPUT_STRING | (r->tools.interpreter ? INPUT_FILES : 0), &r->input);
    read_text(r, in);
    read_reasoning(r, in);
}

static int begin(json_t *root, struct response_request *ret, struct json_in *in, struct error *e)
{
    *ret = (struct response_request){.root = root, .echo = json_object()};
    json_in_begin(in, root, "", JSON_OPENAI, e);
    return ret->echo ? 0 : error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
}

int response_request_read(json_t *root, struct response_request *ret, struct error *e)
{
    struct json_in in;
    if (begin(root, ret, &in, e) < 0)
        return -ENOMEM;
    ret->model = json_in_string(&in, "model", JSON_REQUIRED, MODEL_MAX);
    refuse_foreign(&in);
    check_input_given(&in);
    include_read(&in, &ret->view);
    read_flags(ret, &in);
    read_numbers(ret, &in);
    read_labels(ret, &in);
    read_metadata(ret, &in);
    read_common(ret, &in);
    ret->budget = json_in_number(&in, "budget", 0, 0, 1e9);
    ret->sample = json_in_bool(&in, "sample", false);
    return json_in_end(&in);
}

int response_request_read_count(json_t *root, struct response_request *ret, struct error *e)
{
    struct json_in in;
    if (begin(root, ret, &in, e) < 0)
        return -ENOMEM;
    ret->model = json_in_string(&in, "model", JSON_OPTIONAL, MODEL_MAX);
    read_common(ret, &in);
    return json_in_end(&in);
}

void response_request_deinit(struct response_request *r)
{
    response_tools_deinit(&r->tools);
    input_items_deinit(&r->input);
    json_decref(r->echo);
    json_decref(r->root);
    *r = (struct response_request){0};
}
