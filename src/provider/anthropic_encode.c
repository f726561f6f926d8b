/* anthropic_encode.c - a request in the words of Anthropic's messages.
 *
 * The wire wants: one system text; turns that alternate and begin with the user's; every tool_use answered
 * at the head of the next user turn; no empty text; thinking as it was said, by the model that said it. What
 * a model takes beyond that is in claude.c. */
#include <errno.h>
#include <math.h>

#include "provider/anthropic.h"
#include "provider/call_ids.h"
#include "provider/claude.h"
#include "provider/items.h"

enum {
    ID_MAX = 128,
    BUDGET_LEAST = 1024, /* what the vendor takes for thinking */
    ROOM = 1024,         /* left for the answer itself */
};

struct encoding {
    const struct provider_request *q;
    const struct claude_traits *traits;
    struct strbuf system;
    json_t *messages;
    json_t *content;  /* of the last message, borrowed */
    const char *role; /* of the last message; "" before the first */
    struct call_ids ids;
    json_t *tools; /* definitions, by name, of tools that were called */
    bool replays;  /* thinking is among the messages */
    bool failed;
};

static void put(struct encoding *s, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) < 0)
        s->failed = true;
}

/* Appends a block to the turn of that role. Takes the reference. */
static void block(struct encoding *s, const char *role, json_t *made)
{
    if (strcmp(s->role, role) != 0) {
        json_t *message = json_pack("{s:s, s:[]}", "role", role, "content");
        s->content = json_object_get(message, "content");
        s->role = role;
        if (json_array_append_new(s->messages, message) < 0)
            s->failed = true;
    }
    if (made == NULL || json_array_append_new(s->content, made) < 0)
        s->failed = true;
}

static bool blank(const char *text) { return text[strspn(text, " \t\r\n")] == '\0'; }

static void text(struct encoding *s, const char *role, const char *value)
{
    if (!blank(value))
        block(s, role, json_pack("{s:s, s:s}", "type", "text", "text", value));
}

/* An image as a block; NULL for a kind that the vendor refuses, or the model cannot see. */
static json_t *image(const struct encoding *s, const json_t *part)
{
    static const char *const types[] = {"image/png", "image/jpeg", "image/gif", "image/webp"};
    const char *url = item_text(part, "url"), *type = item_text(part, "media_type");
    if (!s->q->route->images)
        return NULL;
    if (url[0] != '\0')
        return json_pack(
            "{s:s, s:{s:s, s:s}}", "type", "image", "source", "type", "url", "url", url);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(type, types[i]) == 0)
            return json_pack("{s:s, s:{s:s, s:s, s:O}}", "type", "image", "source", "type",
                "base64", "media_type", type, "data", json_object_get(part, "data"));
    return NULL;
}

static void part(struct encoding *s, const char *role, const json_t *value)
{
    if (item_is(value, "text") || item_is(value, "refusal")) {
        text(s, role, item_text(value, "text"));
    } else if (item_is(value, "file")) {
        json_t *said = provider_file_text(value);
        text(s, role, json_string_value(said) != NULL ? json_string_value(said) : "");
        json_decref(said);
    } else if (item_is(value, "image")) {
        json_t *made = strcmp(role, "user") == 0 ? image(s, value) : NULL;
        if (made != NULL)
            block(s, role, made);
        else
            text(s, role, "[an image, which this model cannot see]");
    }
}

static void message(struct encoding *s, const json_t *item)
{
    const char *role = item_text(item, "role");
    size_t i;
    json_t *value;
    json_array_foreach (json_object_get(item, "content"), i, value) {
        if (strcmp(role, "system") == 0)
            strbuf_printf(
                &s->system, "%s%s", s->system.length > 0 ? "\n\n" : "", item_text(value, "text"));
        else
            part(s, strcmp(role, "assistant") == 0 ? "assistant" : "user", value);
    }
}

static void call(struct encoding *s, const json_t *item)
{
    const json_t *arguments = json_object_get(item, "arguments");
    const char *name = item_text(item, "name");
    block(s, "assistant",
        json_pack("{s:s, s:o, s:s, s:o}", "type", "tool_use", "id",
            call_ids_call(&s->ids, item_text(item, "call_id")), "name", name, "input",
            provider_arguments_object(
                item_text(item, "arguments"), json_string_length(arguments))));
    put(s, s->tools, name,
        json_pack("{s:s, s:{s:s}}", "name", name, "input_schema", "type", "object"));
}

static void result(struct encoding *s, const json_t *item)
{
    const char *said = item_text(item, "text");
    json_t *made = json_pack("{s:s, s:o}", "type", "tool_result", "tool_use_id",
        call_ids_result(&s->ids, item_text(item, "call_id")));
    json_t *images = json_object_get(item, "images"), *shown;
    if (json_array_size(images) > 0) {
        json_t *content = json_array();
        size_t i;
        if (!blank(said))
            json_array_append_new(content, json_pack("{s:s, s:s}", "type", "text", "text", said));
        json_array_foreach (images, i, shown) {
            json_t *one = image(s, shown);
            if (one != NULL)
                json_array_append_new(content, one);
        }
        put(s, made, "content", content);
    } else if (!blank(said)) {
        put(s, made, "content", json_string(said));
    }
    if (json_is_true(json_object_get(item, "is_error")))
        put(s, made, "is_error", json_true());
    block(s, "user", made);
}

/* Thinking goes back only to the model that thought it: another may refuse it, none may use it. */
static void thinking(struct encoding *s, const json_t *item)
{
    const json_t *data = json_object_get(item, "data");
    json_t *said = json_object_get(data, "block");
    if (strcmp(item_text(item, "adapter"), anthropic_adapter.name) != 0 ||
        strcmp(item_text(data, "model"), s->q->route->model) != 0 || !json_is_object(said))
        return;
    block(s, "assistant", json_incref(said));
    s->replays = true;
}

static void turns(struct encoding *s, const json_t *items)
{
    size_t i;
    json_t *item;
    json_array_foreach (items, i, item) {
        if (item_is(item, "message"))
            message(s, item);
        else if (item_is(item, "tool_call"))
            call(s, item);
        else if (item_is(item, "tool_result"))
            result(s, item);
        else if (item_is(item, "reasoning"))
            thinking(s, item);
    }
    if (strcmp(item_text(json_array_get(s->messages, 0), "role"), "assistant") == 0) {
        /* the vendor's first turn is a user's */
        json_t *opening = json_pack("{s:s, s:s}", "role", "user", "content", "(no message)");
        if (json_array_insert_new(s->messages, 0, opening) < 0)
            s->failed = true;
    }
    if (strcmp(s->role, "user") !=
        0) /* newer models refuse to go on with what they said themselves */
        text(s, "user", json_array_size(s->messages) > 0 ? "Continue." : "(no message)");
}

static const char *first_type(const json_t *message)
{
    return item_text(json_array_get(json_object_get(message, "content"), 0), "type");
}

/* Are results to be sent to a turn that called without thinking? Then it cannot think now. */
static bool unthought(const struct encoding *s)
{
    size_t n = json_array_size(s->messages);
    return n > 1 && strcmp(first_type(json_array_get(s->messages, n - 1)), "tool_result") == 0 &&
           strstr(first_type(json_array_get(s->messages, n - 2)), "thinking") == NULL;
}

/* ---- what is asked for ------------------------------------------------------------------------------- */

static bool forced(const json_t *choice)
{
    return json_is_object(choice) ||
           (json_is_string(choice) && strcmp(json_string_value(choice), "required") == 0);
}

static json_t *schema(json_t *parameters)
{
    if (!json_is_object(parameters))
        return json_pack("{s:s}", "type", "object");
    if (json_object_get(parameters, "type") != NULL)
        return json_incref(parameters);
    json_t *typed = json_copy(parameters);
    json_object_set_new(typed, "type", json_string("object"));
    return typed;
}

static void tools(struct encoding *s, json_t *body)
{
    const struct provider_request *q = s->q;
    json_t *made = json_array(), *tool;
    size_t i;
    const char *name;
    bool none = !q->route->tools || json_array_size(q->tools) == 0;
    json_array_foreach (q->tools, i, tool) {
        json_t *one = json_pack("{s:s, s:o}", "name", item_text(tool, "name"), "input_schema",
            schema(json_object_get(tool, "parameters")));
        if (item_text(tool, "description")[0] != '\0')
            put(s, one, "description", json_incref(json_object_get(tool, "description")));
        json_array_append_new(made, one);
    }
    if (none) /* calls in the conversation take definitions, also where no more may be made */
        json_object_foreach (s->tools, name, tool)
            json_array_append(made, tool);
    if (json_array_size(made) == 0) {
        json_decref(made);
        return;
    }
    put(s, body, "tools", made);
    const char *choice = json_string_value(q->tool_choice);
    json_t *said;
    if (none || (choice != NULL && strcmp(choice, "none") == 0))
        said = json_pack("{s:s}", "type", "none");
    else if (json_is_object(q->tool_choice))
        said = json_pack("{s:s, s:s}", "type", "tool", "name", item_text(q->tool_choice, "name"));
    else
        said = json_pack("{s:s}", "type", forced(q->tool_choice) ? "any" : "auto");
    if (!q->parallel_tool_calls && strcmp(item_text(said, "type"), "none") != 0)
        put(s, said, "disable_parallel_tool_use", json_true());
    put(s, body, "tool_choice", said);
}

static const char *effort_named(const struct encoding *s, const char *effort)
{
    if (strcmp(effort, "none") == 0 || strcmp(effort, "minimal") == 0)
        return "low";
    return strcmp(effort, "xhigh") == 0 && !s->traits->finest_efforts ? "high" : effort;
}

/* Thinking by a budget of tokens, where there is room for one. */
static void think_budget(struct encoding *s, json_t *body, const char *effort)
{
    int64_t most = json_integer_value(json_object_get(body, "max_tokens")) - ROOM;
    int64_t budget = strcmp(effort, "low") == 0      ? 2048
                     : strcmp(effort, "medium") == 0 ? 8192
                                                     : 16384;
    budget = budget < most ? budget : most;
    if (budget >= BUDGET_LEAST)
        put(s, body, "thinking",
            json_pack("{s:s, s:I}", "type", "enabled", "budget_tokens", (json_int_t)budget));
}

static void think(struct encoding *s, json_t *body, json_t *config, struct encoded *ret)
{
    const struct claude_traits *traits = s->traits;
    const char *effort = s->q->reasoning_effort;
    bool wanted = effort != NULL && strcmp(effort, "none") != 0 && strcmp(effort, "minimal") != 0;
    /* with a forced call the vendor takes no thinking, nor after a turn that called without it */
    bool may = !forced(s->q->tool_choice) && !unthought(s);
    if (traits->thinking == THINKING_BUDGET && wanted && may)
        think_budget(s, body, effort);
    if (traits->thinking != THINKING_ADAPTIVE)
        return;
    if (effort != NULL)
        put(s, config, "effort", json_string(effort_named(s, effort)));
    if (traits->thinks_unasked && !traits->binds && forced(s->q->tool_choice))
        put(s, body, "thinking", json_pack("{s:s}", "type", "disabled"));
    else if (wanted && may)
        put(s, body, "thinking", json_pack("{s:s}", "type", "adaptive"));
    if (traits->binds && s->replays) {
        /* what the prompt says of the session's files changes between runs, and with it the
         * beginning that the thinking is bound to: then the vendor leaves it out instead of refusing */
        put(s, body, "thinking",
            json_pack("{s:s, s:{s:s}}", "type", "adaptive", "block_binding",
                "prefix_mismatch_behavior", "drop_block"));
        provider_header(ret, "anthropic-beta: thinking-binding-controls-2026-08-01");
    }
}

/* A schema that the model holds to where it can, else words. */
static void format(struct encoding *s, json_t *config)
{
    const json_t *wanted = s->q->text_format;
    json_t *wanted_schema = json_object_get(wanted, "schema");
    const char *gap = s->system.length > 0 ? "\n\n" : "";
    if (item_is(wanted, "json_schema") && s->traits->schemas &&
        json_is_true(json_object_get(wanted, "strict"))) {
        put(s, config, "format",
            json_pack("{s:s, s:O}", "type", "json_schema", "schema", wanted_schema));
    } else if (item_is(wanted, "json_schema")) {
        char *dumped = json_dumps(wanted_schema, JSON_COMPACT | JSON_ENCODE_ANY);
        strbuf_printf(&s->system,
            "%sAnswer with one JSON value that fits this schema, and with nothing else:\n%s", gap,
            dumped != NULL ? dumped : "{}");
        free(dumped);
    } else if (item_is(wanted, "json_object")) {
        strbuf_printf(&s->system, "%sAnswer with one JSON object, and with nothing else.", gap);
    }
}

/* Newer models take neither, none takes both. */
static void sampling(struct encoding *s, json_t *body)
{
    const struct provider_request *q = s->q;
    if (!s->traits->sampling || json_object_get(body, "thinking") != NULL)
        return;
    if (!isnan(q->temperature))
        put(s, body, "temperature", json_real(q->temperature < 1 ? q->temperature : 1));
    else if (!isnan(q->top_p))
        put(s, body, "top_p", json_real(q->top_p));
}

static json_t *document(struct encoding *s, struct encoded *ret)
{
    const struct provider_request *q = s->q;
    int64_t tokens = q->max_output_tokens > 0 ? q->max_output_tokens : s->traits->max_tokens;
    json_t *body =
        json_pack("{s:s, s:I}", "model", q->route->model, "max_tokens", (json_int_t)tokens);
    json_t *config = json_object();
    format(s, config);
    if (!blank(strbuf_text(&s->system)))
        put(s, body, "system", json_string(s->system.data));
    put(s, body, "messages", json_incref(s->messages));
    tools(s, body);
    think(s, body, config, ret);
    sampling(s, body);
    if (json_object_size(config) > 0)
        put(s, body, "output_config", json_incref(config));
    json_decref(config);
    if (ret->stream)
        put(s, body, "stream", json_true());
    if (provider_extra_merge(body, q) < 0 || s->system.failed)
        s->failed = true;
    return body;
}

int anthropic_encode(const struct provider_request *q, struct encoded *ret, struct error *e)
{
    (void)e;
    struct encoding s = {.q = q,
        .traits = claude_traits(q->route->model),
        .system = STRBUF_INIT(64 << 20),
        .messages = json_array(),
        .tools = json_object(),
        .role = ""};
    strbuf_puts(&ret->url, "/v1/messages");
    call_ids_init(&s.ids, ID_MAX, true);
    strbuf_puts(&s.system, q->instructions != NULL ? q->instructions : "");
    turns(&s, q->transcript);
    json_t *body = document(&s, ret);
    if (s.failed) {
        json_decref(body);
        body = NULL;
    }
    int r = provider_body_dump(body, &ret->body);
    json_decref(s.messages);
    json_decref(s.tools);
    call_ids_deinit(&s.ids);
    strbuf_deinit(&s.system);
    return r;
}
