/* transcript.c - makes a transcript fit to be sent: every call answered where wires want it. */
#include "base/strbuf.h"
#include "provider/internal.h"
#include "provider/items.h"
#include "provider/result_words.h"

static const char missing[] =
    "There is no result: the conversation was interrupted before this ran.";

/* Ends a turn: what a model's part ends with, or somebody else's part begins. */
static bool ends_turn(const json_t *item)
{
    return item_is(item, "tool_result") ||
           (item_is(item, "message") && strcmp(item_text(item, "role"), "assistant") != 0);
}

/* The first result for the call at `call` that no earlier call of the same id has taken. */
static json_t *result_of(const json_t *transcript, size_t call, json_t *taken)
{
    const char *id = item_text(json_array_get(transcript, call), "call_id");
    for (size_t i = call + 1; i < json_array_size(transcript); i++) {
        json_t *item = json_array_get(transcript, i);
        if (!item_is(item, "tool_result") || strcmp(item_text(item, "call_id"), id) != 0 ||
            json_is_true(json_array_get(taken, i)))
            continue;
        json_array_set_new(taken, i, json_true());
        return json_incref(item);
    }
    return json_pack("{s:s, s:s, s:s, s:b}", "type", "tool_result", "call_id", id, "text", missing,
        "is_error", 1);
}

/* Answers the calls of the turn that lies in [from, to). */
static int answer_calls(
    const json_t *transcript, size_t from, size_t to, json_t *taken, json_t *ret)
{
    for (size_t i = from; i < to; i++) {
        if (item_is(json_array_get(transcript, i), "tool_call") &&
            json_array_append_new(ret, result_of(transcript, i, taken)) < 0)
            return -1;
    }
    return 0;
}

/* ---- models without tool calls ------------------------------------------------------------------- */

/* Upstream's call as such a model would have written it: a fenced block, fenced by more backticks than
 * the code holds. */
static json_t *call_as_text(const json_t *item)
{
    const json_t *arguments = json_object_get(item, "arguments");
    json_t *object =
        provider_arguments_object(item_text(item, "arguments"), json_string_length(arguments));
    const char *code = json_string_value(json_object_get(object, "code"));
    const char *text = code != NULL ? code : item_text(item, "arguments");
    size_t run = 0, longest = 2;
    for (const char *at = text; *at != '\0'; at++) {
        run = *at == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    cleanup_strbuf struct strbuf fence = STRBUF_INIT(longest + 2);
    for (size_t i = 0; i <= longest; i++)
        strbuf_puts(&fence, "`");
    json_t *block = json_sprintf("%s%s\n%s%s%s", strbuf_text(&fence),
        code != NULL ? item_text(item, "name") : "json", text,
        text[0] != '\0' && text[strlen(text) - 1] == '\n' ? "" : "\n", strbuf_text(&fence));
    json_decref(object);
    return json_pack("{s:s, s:s, s:[{s:s, s:o}]}", "type", "message", "role", "assistant",
        "content", "type", "text", "text", block);
}

static json_t *result_as_text(const json_t *item)
{
    size_t i;
    json_t *image;
    json_t *text = json_sprintf(RESULT_TURN "%s", item_text(item, "text"));
    json_t *message = json_pack("{s:s, s:s, s:[{s:s, s:o}]}", "type", "message", "role", "user",
        "content", "type", "text", "text", text);
    json_array_foreach (json_object_get(item, "images"), i, image) {
        json_t *part = json_copy(image);
        json_object_set_new(part, "type", json_string("image"));
        json_array_append_new(json_object_get(message, "content"), part);
    }
    return message;
}

/* Replaces calls and results by messages. */
static int flatten(json_t *transcript)
{
    for (size_t i = 0; i < json_array_size(transcript); i++) {
        const json_t *item = json_array_get(transcript, i);
        json_t *message = item_is(item, "tool_call")     ? call_as_text(item)
                          : item_is(item, "tool_result") ? result_as_text(item)
                                                         : json_incref((json_t *)item);
        if (json_array_set_new(transcript, i, message) < 0)
            return -1;
    }
    return 0;
}

json_t *provider_transcript_mend(const json_t *transcript, bool tools)
{
    json_t *ret = json_array(), *taken = json_array();
    size_t n = json_array_size(transcript), turn = 0;
    int r = ret == NULL || taken == NULL ? -1 : 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = json_array_append_new(taken, json_false());
    for (size_t i = 0; i < n && r == 0; i++) {
        json_t *item = json_array_get(transcript, i);
        if (ends_turn(item)) {
            r = answer_calls(transcript, turn, i, taken, ret);
            turn = i + 1;
        }
        if (r == 0 && !item_is(item, "tool_result"))
            r = json_array_append(ret, item);
    }
    if (r == 0)
        r = answer_calls(transcript, turn, n, taken, ret);
    if (r == 0 && !tools)
        r = flatten(ret);
    json_decref(taken);
    if (r < 0) {
        json_decref(ret);
        ret = NULL;
    }
    return ret;
}
