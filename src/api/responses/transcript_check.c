/* A vendor refuses a call without its result, or a result without its call; so do we, and earlier. */
#include <string.h>

#include "api/responses/transcript_internal.h"

/* The call_ids of items of one type, as the keys of an object. */
static int collect(const json_t *transcript, const char *type, json_t *ids, struct error *e)
{
    const json_t *item;
    size_t i;
    json_array_foreach (transcript, i, item)
        if (strcmp(json_text(item, "type"), type) == 0 &&
            json_object_set_new(ids, json_text(item, "call_id"), json_true()) < 0)
            return transcript_no_memory(e);
    return 0;
}

/* Every item of `type` has its other half among `others`. */
static int check_halves(const json_t *transcript, const char *type, const json_t *others,
    const char *what, struct error *e)
{
    const json_t *item;
    size_t i;
    json_array_foreach (transcript, i, item) {
        const char *call = json_text(item, "call_id");
        char brief[72];
        if (strcmp(json_text(item, "type"), type) == 0 && !json_object_get(others, call))
            return error_param(
                e, ERROR_INVALID_VALUE, "input", "%s %s.", what, json_in_brief(brief, call));
    }
    return 0;
}

int transcript_check_calls(const json_t *context, const json_t *input, struct error *e)
{
    static const char no_call[] = "No tool call found for function call output with call_id";
    static const char no_output[] = "No tool output found for function call";
    cleanup_json json_t *calls = json_object(), *results = json_object();
    if (!calls || !results)
        return transcript_no_memory(e);
    int r = collect(context, "tool_call", calls, e);
    if (r == 0)
        r = collect(input, "tool_call", calls, e);
    if (r == 0)
        r = collect(context, "tool_result", results, e);
    if (r == 0)
        r = collect(input, "tool_result", results, e);
    if (r == 0)
        r = check_halves(input, "tool_result", calls, no_call, e);
    if (r == 0)
        r = check_halves(context, "tool_call", results, no_output, e);
    return r < 0 ? r : check_halves(input, "tool_call", results, no_output, e);
}
