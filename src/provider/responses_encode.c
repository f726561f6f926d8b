/* responses_encode.c - a request as OpenAI's Responses, everything said anew each time.
 *
 * Nothing is stored upstream ("store": false): conversations are ours. So a reasoning model's thoughts
 * travel encrypted, and come back right before what followed them. Items go without ids, but for the
 * reasoning's own, so that the vendor looks for none. */
#include <errno.h>
#include <math.h>

#include "provider/call_ids.h"
#include "provider/items.h"
#include "provider/responses.h"

enum {
    ID_MAX = 64,
    TOKENS_LEAST = 16, /* the vendor refuses a smaller bound */
};

struct encoding {
    const struct provider_request *q;
    struct call_ids ids;
    json_t *input;
    bool failed;
};

static void append(struct encoding *s, json_t *to, json_t *value)
{
    if (json_array_append_new(to, value) < 0)
        s->failed = true;
}

static void put(struct encoding *s, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) < 0)
        s->failed = true;
}

/* ---- items ------------------------------------------------------------------------------------------- */

static json_t *text_part(const char *type, const char *text)
{
    return json_pack("{s:s, s:s}", "type", type, "text", text);
}

static json_t *image_part(const struct encoding *s, const json_t *image)
{
    const char *detail = item_text(image, "detail");
    if (!s->q->route->images)
        return text_part("input_text", "[an image, which this model cannot see]");
    return json_pack("{s:s, s:o, s:s}", "type", "input_image", "image_url",
        provider_image_url(image), "detail", detail[0] != '\0' ? detail : "auto");
}

static json_t *file_part(const json_t *part, const char *type)
{
    json_t *said = provider_file_text(part);
    json_t *made = text_part(type, json_is_string(said) ? json_string_value(said) : "");
    json_decref(said);
    return made;
}

static json_t *part(struct encoding *s, const json_t *value, bool assistant)
{
    const char *type = assistant ? "output_text" : "input_text";
    if (item_is(value, "file"))
        return file_part(value, type);
    if (assistant && item_is(value, "refusal"))
        return json_pack("{s:s, s:s}", "type", "refusal", "refusal", item_text(value, "text"));
    if (item_is(value, "image"))
        return assistant ? text_part(type, "[an image]") : image_part(s, value);
    json_t *made = text_part(type, item_text(value, "text"));
    if (assistant)
        put(s, made, "annotations", json_array());
    return made;
}

static void message(struct encoding *s, const json_t *item)
{
    const char *role = item_text(item, "role");
    bool assistant = strcmp(role, "assistant") == 0;
    json_t *content = json_array(), *value;
    size_t i;
    json_array_foreach (json_object_get(item, "content"), i, value)
        append(s, content, part(s, value, assistant));
    json_t *made =
        json_pack("{s:s, s:s, s:o}", "type", "message", "role", role, "content", content);
    if (json_array_size(content) > 0)
        append(s, s->input, made);
    else
        json_decref(made);
}

/* Arguments as the model wrote them, or where they are no JSON object, made one: servers parse them. */
static json_t *arguments(const json_t *item)
{
    json_t *text = json_object_get(item, "arguments");
    const char *said = item_text(item, "arguments");
    json_t *parsed = json_loadb(said, strlen(said), 0, NULL);
    if (json_is_object(parsed)) {
        json_decref(parsed);
        return json_incref(text);
    }
    json_decref(parsed);
    json_t *object = provider_arguments_object(said, strlen(said));
    char *dumped = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    json_t *made = dumped != NULL ? json_string(dumped) : NULL;
    free(dumped);
    json_decref(object);
    return made;
}

static void call(struct encoding *s, const json_t *item)
{
    append(s, s->input,
        json_pack("{s:s, s:o, s:s, s:o}", "type", "function_call", "call_id",
            call_ids_call(&s->ids, item_text(item, "call_id")), "name", item_text(item, "name"),
            "arguments", arguments(item)));
}

static void result(struct encoding *s, const json_t *item)
{
    const char *said = item_text(item, "text");
    json_t *images = json_object_get(item, "images"), *output, *image;
    size_t i;
    if (json_array_size(images) > 0 && s->q->route->images) {
        output = json_array();
        if (said[0] != '\0')
            append(s, output, text_part("input_text", said));
        json_array_foreach (images, i, image)
            append(s, output, image_part(s, image));
    } else {
        output = json_string(said);
    }
    append(s, s->input,
        json_pack("{s:s, s:o, s:o}", "type", "function_call_output", "call_id",
            call_ids_result(&s->ids, item_text(item, "call_id")), "output", output));
}

/* Encrypted for one model: another cannot read it. */
static bool readable(const struct encoding *s, const json_t *item)
{
    return strcmp(item_text(item, "adapter"), responses_adapter.name) == 0 &&
           strcmp(item_text(json_object_get(item, "data"), "model"), s->q->route->model) == 0;
}

/* Reasoning is refused without the item that followed it. */
static bool followed(const json_t *next)
{
    return item_is(next, "tool_call") || item_is(next, "reasoning") ||
           (item_is(next, "message") && strcmp(item_text(next, "role"), "assistant") == 0);
}

static json_t *input(struct encoding *s)
{
    size_t i;
    json_t *item;
    s->input = json_array();
    json_array_foreach (s->q->transcript, i, item) {
        if (item_is(item, "message"))
            message(s, item);
        else if (item_is(item, "tool_call"))
            call(s, item);
        else if (item_is(item, "tool_result"))
            result(s, item);
        else if (item_is(item, "reasoning") && readable(s, item) &&
                 followed(json_array_get(s->q->transcript, i + 1)))
            append(
                s, s->input, json_incref(json_object_get(json_object_get(item, "data"), "item")));
    }
    return s->input;
}

/* ---- the rest ---------------------------------------------------------------------------------------- */

static void tools(struct encoding *s, json_t *body)
{
    const struct provider_request *q = s->q;
    json_t *made = json_array(), *tool, *choice = q->tool_choice;
    size_t i;
    json_array_foreach (q->tools, i, tool) {
        json_t *one = json_pack("{s:s, s:s, s:b}", "type", "function", "name",
            item_text(tool, "name"), "strict", json_is_true(json_object_get(tool, "strict")));
        json_t *parameters = json_object_get(tool, "parameters");
        put(s, one, "parameters",
            json_is_object(parameters) ? json_incref(parameters)
                                       : json_pack("{s:s, s:{}}", "type", "object", "properties"));
        if (item_text(tool, "description")[0] != '\0')
            put(s, one, "description", json_incref(json_object_get(tool, "description")));
        append(s, made, one);
    }
    put(s, body, "tools", made);
    put(s, body, "parallel_tool_calls", json_boolean(q->parallel_tool_calls));
    if (json_is_object(choice))
        put(s, body, "tool_choice",
            json_pack("{s:s, s:s}", "type", "function", "name", item_text(choice, "name")));
    else if (json_is_string(choice))
        put(s, body, "tool_choice", json_incref(choice));
}

static json_t *document(struct encoding *s, bool stream)
{
    const struct provider_request *q = s->q;
    json_t *body =
        json_pack("{s:s, s:o, s:b}", "model", q->route->model, "input", input(s), "store", 0);
    if (q->instructions != NULL && q->instructions[0] != '\0')
        put(s, body, "instructions", json_string(q->instructions));
    if (q->route->tools && json_array_size(q->tools) > 0)
        tools(s, body);
    if (q->route->reasoning) /* other models refuse to be asked for it */
        put(s, body, "include", json_pack("[s]", "reasoning.encrypted_content"));
    if (q->reasoning_effort != NULL)
        put(s, body, "reasoning", json_pack("{s:s}", "effort", q->reasoning_effort));
    if (!q->route->reasoning && !isnan(q->temperature))
        put(s, body, "temperature", json_real(q->temperature));
    if (!q->route->reasoning && !isnan(q->top_p))
        put(s, body, "top_p", json_real(q->top_p));
    if (q->max_output_tokens > 0)
        put(s, body, "max_output_tokens",
            json_integer(
                q->max_output_tokens > TOKENS_LEAST ? q->max_output_tokens : TOKENS_LEAST));
    if (q->text_format != NULL)
        put(s, body, "text", json_pack("{s:O}", "format", q->text_format));
    if (stream)
        put(s, body, "stream", json_true());
    if (provider_extra_merge(body, q) < 0)
        s->failed = true;
    return body;
}

int responses_encode(const struct provider_request *q, struct encoded *ret, struct error *e)
{
    const struct provider *p = q->route->provider;
    struct encoding s = {.q = q};
    (void)e;
    strbuf_puts(&ret->url, "/responses");
    if (p->api_version != NULL)
        strbuf_printf(&ret->url, "?api-version=%s", p->api_version);
    call_ids_init(&s.ids, ID_MAX, false);
    json_t *body = document(&s, ret->stream);
    if (s.failed) {
        json_decref(body);
        body = NULL;
    }
    int r = provider_body_dump(body, &ret->body);
    call_ids_deinit(&s.ids);
    return r;
}
