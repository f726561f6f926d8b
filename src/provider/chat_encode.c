/* chat_encode.c - a request as OpenAI's chat completions, the way that the most servers accept.
 *
 * A text alone is a string, not an array of one part; content of an assistant that only calls is null;
 * arguments that are no JSON object are made one, because several servers parse what they get back. Tool
 * messages cannot carry images on most servers: what a tool drew follows in a user's message. */
#include <errno.h>
#include <math.h>

#include "base/strbuf.h"
#include "provider/call_ids.h"
#include "provider/chat.h"
#include "provider/items.h"

/* ---- messages -------------------------------------------------------------------------------------- */

enum { CALL_ID_MAX = 40 }; /* OpenAI's; others take more */

struct messages {
    const struct model_route *route;
    struct call_ids ids;
    json_t *list;
    json_t *turn;      /* the assistant's message that is being gathered, borrowed; NULL: none */
    json_t *images;    /* of the tool results since the turn, owned; NULL: none */
    size_t last_asked; /* where the last user's message stands among the items */
};

static json_t *text_part(json_t *text)
{
    return text == NULL ? NULL : json_pack("{s:s, s:o}", "type", "text", "text", text);
}

static json_t *image_part(const struct model_route *route, const json_t *image)
{
    if (!route->images)
        return text_part(json_string("[an image, which this model cannot see]"));
    const char *detail = item_text(image, "detail");
    json_t *url = json_pack("{s:o}", "url", provider_image_url(image));
    if (url != NULL && detail[0] != '\0')
        json_object_set_new(url, "detail", json_string(detail));
    return json_pack("{s:s, s:o}", "type", "image_url", "image_url", url);
}

static json_t *part_encode(const struct model_route *route, const json_t *part)
{
    const char *type = item_text(part, "type");
    if (strcmp(type, "image") == 0)
        return image_part(route, part);
    if (strcmp(type, "file") == 0)
        return text_part(provider_file_text(part));
    return text_part(json_string(item_text(part, "text")));
}

/* One string where there is nothing but text. */
static json_t *content_encode(const struct model_route *route, const json_t *content)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(256 << 20);
    json_t *parts = json_array();
    bool plain = true;
    size_t i;
    json_t *part;
    json_array_foreach (content, i, part) {
        json_t *encoded = part_encode(route, part);
        const char *words = json_string_value(json_object_get(encoded, "text"));
        plain = plain && words != NULL;
        if (words != NULL)
            strbuf_printf(&text, "%s%s", i > 0 ? "\n" : "", words);
        json_array_append_new(parts, encoded);
    }
    if (!plain)
        return parts;
    json_decref(parts);
    return json_stringn(strbuf_text(&text), text.length);
}

/* Takes both contents; a new one that says the one after the other. */
static json_t *joined(json_t *before, json_t *after)
{
    json_t *both = NULL;
    if (json_is_string(before) && json_is_string(after)) {
        both = json_sprintf("%s\n\n%s", json_string_value(before), json_string_value(after));
    } else if ((both = json_array()) != NULL) {
        json_t *contents[] = {before, after};
        for (size_t i = 0; i < 2; i++)
            if (json_is_array(contents[i]))
                json_array_extend(both, contents[i]);
            else if (json_is_string(contents[i]))
                json_array_append_new(both, text_part(json_incref(contents[i])));
    }
    json_decref(before);
    json_decref(after);
    return both;
}

static int append(struct messages *m, json_t *message)
{
    m->turn = NULL;
    return json_array_append_new(m->list, message) < 0 ? -ENOMEM : 0;
}

/* Two messages of one user in a row become one: templates of many local models insist on turns. */
static int append_user(struct messages *m, json_t *content)
{
    json_t *last = json_array_get(m->list, json_array_size(m->list) - 1);
    if (strcmp(item_text(last, "role"), "user") != 0)
        return append(m, json_pack("{s:s, s:o}", "role", "user", "content", content));
    json_t *both = joined(json_incref(json_object_get(last, "content")), content);
    return json_object_set_new(last, "content", both) < 0 ? -ENOMEM : 0;
}

/* What tools drew, in the user's name, once all of a turn's results stand there. */
static int images_flush(struct messages *m)
{
    json_t *images = m->images;
    m->images = NULL;
    if (images == NULL)
        return 0;
    json_array_insert_new(
        images, 0, text_part(json_string("The images that the code above displayed:")));
    return append_user(m, images);
}

/* The assistant's message that further items of its turn join. */
static json_t *turn_open(struct messages *m)
{
    if (m->turn == NULL && images_flush(m) == 0) {
        json_t *turn = json_pack("{s:s, s:n}", "role", "assistant", "content");
        if (append(m, turn) == 0)
            m->turn = turn;
    }
    return m->turn;
}

static int assistant_text(struct messages *m, const json_t *item)
{
    json_t *turn = turn_open(m), *before = json_object_get(turn, "content");
    json_t *text = content_encode(m->route, json_object_get(item, "content"));
    if (before != NULL && !json_is_null(before))
        text = joined(json_incref(before), text);
    return turn == NULL || json_object_set_new(turn, "content", text) < 0 ? -ENOMEM : 0;
}

static json_t *call_encode(struct messages *m, const json_t *item)
{
    json_t *arguments = json_object_get(item, "arguments"), *extra = json_object_get(item, "extra");
    json_t *object =
        provider_arguments_object(item_text(item, "arguments"), json_string_length(arguments));
    json_t *as_sent =
        json_loadb(item_text(item, "arguments"), json_string_length(arguments), 0, NULL);
    char *text = json_is_object(as_sent) ? NULL : json_dumps(object, JSON_COMPACT);
    json_t *call = json_pack("{s:o, s:s, s:{s:s, s:s}}", "id",
        call_ids_call(&m->ids, item_text(item, "call_id")), "type", "function", "function", "name",
        item_text(item, "name"), "arguments", text != NULL ? text : item_text(item, "arguments"));
    if (call != NULL && json_is_object(extra))
        json_object_update_missing(call, extra);
    free(text);
    json_decref(object);
    json_decref(as_sent);
    return call;
}

static int call_add(struct messages *m, const json_t *item)
{
    json_t *turn = turn_open(m), *calls = json_object_get(turn, "tool_calls");
    if (turn != NULL && calls == NULL) {
        calls = json_array();
        json_object_set_new(turn, "tool_calls", calls);
    }
    return json_array_append_new(calls, call_encode(m, item)) < 0 ? -ENOMEM : 0;
}

static int result_add(struct messages *m, const json_t *item)
{
    size_t i;
    json_t *image;
    json_array_foreach (json_object_get(item, "images"), i, image) {
        if (m->images == NULL)
            m->images = json_array();
        if (m->route->images && json_array_append_new(m->images, image_part(m->route, image)) < 0)
            return -ENOMEM;
    }
    if (m->images != NULL && json_array_size(m->images) == 0) {
        json_decref(m->images);
        m->images = NULL;
    }
    return append(m, json_pack("{s:s, s:o, s:s}", "role", "tool", "tool_call_id",
                         call_ids_result(&m->ids, item_text(item, "call_id")), "content",
                         item_text(item, "text")));
}

/* Reasoning goes back only within the loop that it belongs to: there some servers insist on it, later
 * others refuse it. */
static int reasoning_add(struct messages *m, const json_t *item, size_t place)
{
    json_t *data = json_object_get(item, "data");
    if (strcmp(item_text(item, "adapter"), "chat") != 0 || place < m->last_asked || data == NULL)
        return 0;
    json_t *turn = turn_open(m);
    return turn == NULL || json_object_update_missing(turn, data) < 0 ? -ENOMEM : 0;
}

static int item_encode(struct messages *m, const json_t *item, size_t place)
{
    const char *type = item_text(item, "type");
    if (strcmp(type, "tool_call") == 0)
        return call_add(m, item);
    if (strcmp(type, "tool_result") == 0)
        return result_add(m, item);
    if (strcmp(type, "reasoning") == 0)
        return reasoning_add(m, item, place);
    const char *role = item_text(item, "role");
    if (strcmp(role, "assistant") == 0)
        return assistant_text(m, item);
    int r = images_flush(m);
    json_t *content = content_encode(m->route, json_object_get(item, "content"));
    if (r == 0 && strcmp(role, "user") == 0)
        return append_user(m, content);
    return r < 0 ? r : append(m, json_pack("{s:s, s:o}", "role", role, "content", content));
}

/* An assistant's turn that holds reasoning alone says nothing that a server accepts. */
static void empty_turns_drop(json_t *list)
{
    for (size_t i = json_array_size(list); i-- > 0;) {
        const json_t *message = json_array_get(list, i);
        if (json_is_null(json_object_get(message, "content")) &&
            json_object_get(message, "tool_calls") == NULL)
            json_array_remove(list, i);
    }
}

static json_t *messages_encode(const struct provider_request *q)
{
    struct messages m = {.route = q->route, .list = json_array()};
    size_t i;
    json_t *item;
    int r = 0;
    call_ids_init(&m.ids, CALL_ID_MAX, false);
    m.ids.repeats = true;
    if (q->instructions != NULL && q->instructions[0] != '\0')
        r = append(&m, json_pack("{s:s, s:s}", "role", "system", "content", q->instructions));
    json_array_foreach (q->transcript, i, item)
        if (strcmp(item_text(item, "role"), "user") == 0)
            m.last_asked = i;
    json_array_foreach (q->transcript, i, item)
        if (r == 0)
            r = item_encode(&m, item, i);
    if (r == 0)
        r = images_flush(&m);
    call_ids_deinit(&m.ids);
    json_decref(m.images);
    empty_turns_drop(m.list);
    if (r < 0) {
        json_decref(m.list);
        return NULL;
    }
    return m.list;
}

/* ---- the rest of the request ------------------------------------------------------------------------- */

static void tools_encode(const struct provider_request *q, json_t *body)
{
    size_t i;
    json_t *tool;
    if (!q->route->tools || json_array_size(q->tools) == 0)
        return;
    json_t *tools = json_array();
    json_array_foreach (q->tools, i, tool)
        json_array_append_new(tools, json_pack("{s:s, s:O}", "type", "function", "function", tool));
    json_object_set_new(body, "tools", tools);
    if (json_is_string(q->tool_choice))
        json_object_set(body, "tool_choice", q->tool_choice);
    else if (json_is_object(q->tool_choice))
        json_object_set_new(body, "tool_choice",
            json_pack("{s:s, s:{s:s}}", "type", "function", "function", "name",
                item_text(q->tool_choice, "name")));
    if (!q->parallel_tool_calls)
        json_object_set_new(body, "parallel_tool_calls", json_false());
}

/* Responses' text.format: what stands beside "type" moves one level down. */
static void format_encode(const json_t *format, json_t *body)
{
    const char *type = item_text(format, "type");
    if (strcmp(type, "json_object") == 0) {
        json_object_set_new(body, "response_format", json_pack("{s:s}", "type", type));
    } else if (strcmp(type, "json_schema") == 0) {
        json_t *schema = json_copy((json_t *)format);
        json_object_del(schema, "type");
        json_object_set_new(
            body, "response_format", json_pack("{s:s, s:o}", "type", type, "json_schema", schema));
    }
}

static void limits_encode(const struct provider_request *q, json_t *body)
{
    if (!q->route->reasoning && !isnan(q->temperature))
        json_object_set_new(body, "temperature", json_real(q->temperature));
    if (!q->route->reasoning && !isnan(q->top_p))
        json_object_set_new(body, "top_p", json_real(q->top_p));
    if (q->max_output_tokens > 0)
        json_object_set_new(
            body, q->route->provider->max_tokens_field, json_integer(q->max_output_tokens));
    if (q->reasoning_effort != NULL)
        json_object_set_new(body, "reasoning_effort", json_string(q->reasoning_effort));
}

int chat_url(const struct provider *p, const char *model, struct strbuf *url)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    if (p->deployments) {
        strbuf_puts(url, "/openai/deployments/");
        for (const unsigned char *c = (const unsigned char *)model; *c != '\0'; c++)
            strbuf_printf(url, strchr(plain, *c) != NULL ? "%c" : "%%%02X", *c);
    }
    strbuf_puts(url, "/chat/completions");
    return p->api_version != NULL ? strbuf_printf(url, "?api-version=%s", p->api_version)
                                  : (url->failed ? -E2BIG : 0);
}

int chat_encode(const struct provider_request *q, struct encoded *ret, struct error *e)
{
    json_t *messages = messages_encode(q);
    json_t *body = json_pack(
        "{s:s, s:o*, s:b}", "model", q->route->model, "messages", messages, "stream", ret->stream);
    (void)e;
    if (body == NULL || messages == NULL) {
        json_decref(body);
        return -ENOMEM;
    }
    if (ret->stream)
        json_object_set_new(body, "stream_options", json_pack("{s:b}", "include_usage", 1));
    tools_encode(q, body);
    limits_encode(q, body);
    if (q->text_format != NULL)
        format_encode(q->text_format, body);
    int r = provider_extra_merge(body, q);
    if (r < 0) {
        json_decref(body);
        return r;
    }
    r = chat_url(q->route->provider, q->route->model, &ret->url);
    int dumped = provider_body_dump(body, &ret->body);
    return r < 0 ? r : dumped;
}
