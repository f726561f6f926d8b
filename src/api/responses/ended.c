/* What a response adds to its conversation when it ends: each of its items, with the part of the
 * transcript that is the item to a model. */
#include <string.h>

#include "api/responses/responses.h"

void entries_add(json_t *to, const json_t *item)
{
    json_array_append_new(to,
        json_pack("{s:O,s:O,s:[]}", "id", json_object_get(item, "id"), "json", item, "transcript"));
}

static void give(json_t *entry, const json_t *said)
{
    json_array_append(json_object_get(entry, "transcript"), (json_t *)said);
}

/* The input's transcript was made of its items in order: see items_transcript. */
static void add_input(json_t *to, const json_t *items, const json_t *transcript)
{
    const json_t *item;
    size_t i, next = 0;
    json_array_foreach (items, i, item) {
        size_t count = item_is(item, "code_interpreter_call") ? 2
                       : item_is(item, "reasoning")           ? 0
                                                              : 1;
        entries_add(to, item);
        for (; count > 0; count--, next++)
            give(json_array_get(to, json_array_size(to) - 1), json_array_get(transcript, next));
    }
}

/* The entry of the call with this id, or NULL. */
static json_t *entry_of_call(const json_t *entries, size_t from, const char *call_id)
{
    for (size_t i = from; i < json_array_size(entries); i++) {
        json_t *entry = json_array_get(entries, i);
        const char *of = json_text(json_object_get(entry, "json"), "call_id");
        if (of && call_id && strcmp(of, call_id) == 0)
            return entry;
    }
    return NULL;
}

/* The next entry that is a message, or NULL. */
static json_t *next_message(const json_t *entries, size_t *at)
{
    while (*at < json_array_size(entries)) {
        json_t *entry = json_array_get(entries, (*at)++);
        const json_t *json = json_object_get(entry, "json");
        if (item_is(json, "message") || json_object_get(json, "role"))
            return entry;
    }
    return NULL;
}

void entries_spread(json_t *to, size_t first, const json_t *transcript)
{
    size_t i, message = first;
    const json_t *said;
    json_t *waiting = json_array(), *entry = NULL;
    json_array_foreach (transcript, i, said) {
        json_t *found = entry_of_call(to, first, json_text(said, "call_id"));
        const char *role = json_text(said, "role");
        if (!found && role && strcmp(role, "assistant") == 0)
            found = next_message(to, &message);
        if (!found) {
            json_array_append(waiting, (json_t *)said);
            continue;
        }
        entry = found;
        json_array_extend(json_object_get(entry, "transcript"), waiting);
        json_array_clear(waiting);
        give(entry, said);
    }
    if (entry)
        json_array_extend(json_object_get(entry, "transcript"), waiting);
    json_decref(waiting);
}

static void add_output(json_t *to, const json_t *items, const json_t *transcript)
{
    size_t first = json_array_size(to), i;
    const json_t *item;
    json_array_foreach (items, i, item)
        entries_add(to, item);
    entries_spread(to, first, transcript);
}

json_t *responses_ended(void *context, struct run *run)
{
    struct api *api = context;
    struct response_state s;
    json_t *input = NULL, *output = NULL, *entries = NULL;
    if (response_state_init(&s, api, run_ref(run), NULL, NULL, NULL, NULL) < 0)
        return NULL;
    bool worked = s.info.status == RUN_COMPLETED || s.info.status == RUN_INCOMPLETE ||
                  s.info.status == RUN_REQUIRES_ACTION;
    if (worked && response_state_catch_up(&s, NULL) == 0 &&
        run_transcript(run, &input, &output, NULL) == 0 && (entries = json_array())) {
        add_input(entries, json_object_get(s.info.request, "input"), input);
        add_output(entries, response_encoder_items(s.encoder), output);
    }
    json_decref(input);
    json_decref(output);
    response_state_deinit(&s);
    return entries;
}
