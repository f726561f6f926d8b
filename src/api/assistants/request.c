/* POST …/runs as it was asked: what the request leaves out, its assistant says. */
#include "api/assistants/request.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

enum { MODEL_BYTES_MAX = 255, TOKENS_LEAST = 256 };

/* The assistant's words with the request's in their place: what the run does. */
static json_t *merge(const json_t *assistant, const json_t *root)
{
    static const char *const fields[] = {"model", "instructions", "tools", "temperature", "top_p",
        "response_format", "reasoning_effort"};
    json_t *merged = json_copy((json_t *)root);
    for (size_t i = 0; merged && i < sizeof fields / sizeof *fields; i++) {
        json_t *own = json_object_get(merged, fields[i]);
        json_t *given = json_object_get(assistant, fields[i]);
        if ((!own || json_is_null(own)) && given)
            json_object_set(merged, fields[i], given);
    }
    return merged;
}

static void fix(struct run_request *r, const char *key, json_t *value)
{
    json_object_set_new(r->fixed, key, value ? value : json_null());
}

static void fix_as_given(struct run_request *r, const struct json_in *in, const char *key)
{
    json_t *given = json_object_get(in->object, key);
    fix(r, key, given ? json_incref(given) : NULL);
}

/* The assistant's instructions or the request's, and what is added to them. */
static void read_instructions(struct run_request *r, struct json_in *in)
{
    const size_t max = ASSISTANT_INSTRUCTIONS_MAX * 4;
    const char *own = json_in_string(in, "instructions", JSON_OPTIONAL, max);
    const char *more = json_in_string(in, "additional_instructions", JSON_OPTIONAL, max);
    cleanup_strbuf struct strbuf text = STRBUF_INIT(3 * max);
    strbuf_puts(&text, own ? own : "");
    if (more && *more)
        strbuf_printf(&text, "%s%s", text.length ? "\n" : "", more);
    r->instructions = strdup(strbuf_text(&text));
    fix(r, "instructions", json_string(r->instructions));
}

static void read_truncation(struct run_request *r, struct json_in *outer)
{
    static const char *const types[] = {"auto", "last_messages", NULL};
    struct json_in in;
    json_in_begin(&in, json_in_object(outer, "truncation_strategy", JSON_OPTIONAL),
        "truncation_strategy.", outer->manners, outer->e);
    in.failed = outer->failed;
    const char *type = json_in_word(&in, "type", types, "auto");
    r->last_messages = json_in_integer(&in, "last_messages", 0, 1, INT64_MAX);
    if (strcmp(type, "last_messages") == 0 && r->last_messages == 0)
        json_in_fail(&in, ERROR_MISSING_PARAMETER, "last_messages",
            "Missing required parameter: 'truncation_strategy.last_messages'.");
    if (strcmp(type, "auto") == 0)
        r->last_messages = 0;
    if (json_in_end(&in) < 0)
        outer->failed = true;
    fix(r, "truncation_strategy",
        json_pack("{s:s,s:o}", "type", type, "last_messages",
            r->last_messages ? json_integer(r->last_messages) : json_null()));
}

static double read_decimal(struct run_request *r, struct json_in *in, const char *name, double max)
{
    double n = json_in_number(in, name, NAN, 0, max);
    fix(r, name, json_real(isnan(n) ? 1 : n));
    return n;
}

static int64_t read_tokens(struct run_request *r, struct json_in *in, const char *name)
{
    int64_t n = json_in_integer(in, name, 0, TOKENS_LEAST, INT64_MAX);
    fix(r, name, n ? json_integer(n) : NULL);
    return n;
}

static void read_tools(struct run_request *r, struct json_in *in)
{
    json_t *tools = json_object_get(in->object, "tools");
    json_t *choice = json_object_get(in->object, "tool_choice");
    tools_read(in, &r->tools, &r->words);
    fix(r, "tools", json_is_array(tools) ? json_incref(tools) : json_array());
    fix(r, "tool_choice",
        choice && !json_is_null(choice) ? json_incref(choice) : json_string("auto"));
    r->parallel_tool_calls = json_in_bool(in, "parallel_tool_calls", true);
    fix(r, "parallel_tool_calls", json_boolean(r->parallel_tool_calls));
}

static void read_format(struct run_request *r, struct json_in *in)
{
    r->text_format = format_read(in);
    fix_as_given(r, in, "response_format");
    if (json_is_null(json_object_get(r->fixed, "response_format")))
        fix(r, "response_format", json_string("auto"));
}

static void read_fields(struct run_request *r, struct json_in *in)
{
    static const char *const efforts[] = {
        "none", "minimal", "low", "medium", "high", "xhigh", "max", NULL};
    r->model = json_in_string(in, "model", JSON_REQUIRED, MODEL_BYTES_MAX);
    read_instructions(r, in);
    read_tools(r, in);
    fix(r, "metadata", metadata_read(in));
    r->temperature = read_decimal(r, in, "temperature", 2);
    r->top_p = read_decimal(r, in, "top_p", 1);
    r->reasoning_effort = json_in_word(in, "reasoning_effort", efforts, NULL);
    if (r->reasoning_effort)
        fix(r, "reasoning_effort", json_string(r->reasoning_effort));
    r->max_prompt_tokens = read_tokens(r, in, "max_prompt_tokens");
    r->max_completion_tokens = read_tokens(r, in, "max_completion_tokens");
    read_truncation(r, in);
    read_format(r, in);
    r->stream = json_in_bool(in, "stream", false);
    r->max_tool_calls = json_in_integer(in, "max_tool_calls", 0, 1, INT64_MAX);
    r->budget = json_in_number(in, "budget", 0, 0, 1e9);
    r->sample = json_in_bool(in, "sample", false);
}

int run_request_again(const json_t *request, struct run_request *ret, struct error *e)
{
    struct json_in in;
    *ret = (struct run_request){.fixed = json_object(),
        .merged = json_incref(json_object_get(request, "merged")),
        .expires_at = json_integer_value(json_object_get(request, "expires_at"))};
    json_in_begin(&in, ret->merged, "", JSON_OPENAI, e);
    read_fields(ret, &in);
    return json_in_end(&in);
}

int run_request_read(struct api *api, const char *project, json_t *root, bool with_thread,
    struct run_request *ret, struct error *e)
{
    struct json_in in;
    json_in_begin(&in, root, "", JSON_OPENAI, e);
    const char *assistant_id = json_in_string(&in, "assistant_id", JSON_REQUIRED, 64);
    int r = json_in_end(&in);
    *ret = (struct run_request){.fixed = json_object()};
    if (r == 0)
        r = assistant_get(api, project, assistant_id, &ret->assistant, e);
    if (r == 0 && !(ret->merged = merge(ret->assistant, root)))
        r = no_memory_error(e);
    if (r < 0)
        return r;
    json_in_begin(&in, ret->merged, "", JSON_OPENAI, e);
    fix(ret, "assistant_id", json_string(assistant_id));
    fix(ret, "model", NULL);
    json_t *files = tool_resources_files(json_object_get(ret->assistant, "tool_resources"));
    fix(ret, "file_ids",
        files ? json_copy(files) : json_array()); /* shown to the first beta alone */
    read_fields(ret, &in);
    if (with_thread) {
        ret->thread = json_incref(json_in_object(&in, "thread", JSON_OPTIONAL));
        json_object_del(ret->merged, "thread");
        ret->tool_resources = tool_resources_read(&in);
    } else {
        messages_read(&in, "additional_messages", &ret->messages);
    }
    r = json_in_end(&in);
    json_object_del(ret->merged, "additional_messages"); /* the thread has them */
    if (r == 0)
        r = messages_check(api, project, &ret->messages, e);
    if (r == 0)
        r = tool_resources_check(api, project, ret->tool_resources, e);
    return r;
}

void run_request_deinit(struct run_request *r)
{
    response_tools_deinit(&r->tools);
    new_messages_deinit(&r->messages);
    json_decref(r->assistant);
    json_decref(r->merged);
    json_decref(r->words);
    json_decref(r->fixed);
    json_decref(r->text_format);
    json_decref(r->tool_resources);
    json_decref(r->thread);
    free(r->instructions);
    *r = (struct run_request){0};
}
