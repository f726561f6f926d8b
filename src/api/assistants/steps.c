/* /v1/threads/{thread_id}/runs/{run_id}/steps: made of the run's events, each time anew. */
#include <errno.h>
#include <string.h>

#include "api/assistants/request.h"

/* The one thing that OpenAI lets be included is of file search, which is not here. */
static int check_include(struct http_exchange *x)
{
    static const char known[] = "step_details.tool_calls[*].file_search.results[*].content";
    const char *name;
    char brief[72];
    for (unsigned i = 0; (name = http_query_nth(x, "include", i)); i++)
        if (strcmp(name, known) != 0) {
            http_fail(x, ERROR_INVALID_VALUE, "include",
                "Invalid value: '%s'. Supported values are: '%s'.", json_in_brief(brief, name),
                known);
            return -EINVAL;
        }
    return 0;
}

/* All of {run_id}'s steps so far, oldest first; a new reference, or NULL and answered. */
static json_t *steps_of(struct http_exchange *x)
{
    struct run_state state;
    struct run *run;
    json_t *steps = NULL;
    struct error e = {0};
    if (check_include(x) < 0 || !(run = run_of(x)))
        return NULL;
    int r = run_state_init(&state, run, NULL, NULL, 0, &e);
    if (r < 0) {
        http_error(x, &e);
        return NULL;
    }
    if ((r = run_state_catch_up(&state, &e)) < 0)
        http_error(x, &e);
    else
        steps = json_incref((json_t *)run_encoder_steps(state.encoder));
    run_state_deinit(&state);
    return steps;
}

static size_t place_of(const json_t *steps, const char *id)
{
    const json_t *step;
    size_t i;
    json_array_foreach (steps, i, step)
        if (strcmp(json_text(step, "id"), id) == 0)
            return i;
    return SIZE_MAX;
}

/* The page of n steps in the list's order: from *first of that order on, *count of them. True: there are more. */
static bool page_of(
    const struct store_page *page, size_t n, size_t cursor, size_t *first, size_t *count)
{
    size_t limit = (size_t)page->limit;
    if (page->before) {
        size_t end = cursor == SIZE_MAX ? 0 : cursor;
        *first = end > limit ? end - limit : 0;
        *count = end - *first;
        return *first > 0;
    }
    *first = !page->after ? 0 : cursor == SIZE_MAX ? n : cursor + 1;
    *count = n - *first < limit ? n - *first : limit;
    return *first + *count < n;
}

void steps_list(struct http_exchange *x)
{
    struct store_page page;
    json_t *objects[100];
    size_t first, count;
    if (list_page(x, &page) < 0)
        return;
    cleanup_json json_t *steps = steps_of(x);
    if (!steps)
        return;
    size_t n = json_array_size(steps);
    const char *id = page.after ? page.after : page.before;
    size_t cursor = id ? place_of(steps, id) : SIZE_MAX;
    if (!page.ascending && cursor != SIZE_MAX)
        cursor = n - 1 - cursor;
    bool more = page_of(&page, n, cursor, &first, &count);
    for (size_t i = 0; i < count; i++)
        objects[i] =
            json_incref(json_array_get(steps, page.ascending ? first + i : n - 1 - (first + i)));
    respond_list(x, objects, count, more);
}

void steps_get(struct http_exchange *x)
{
    const char *id = object_id(x, "step_id", "step_");
    struct error e = {.code = ERROR_NOT_FOUND};
    cleanup_json json_t *steps = id ? steps_of(x) : NULL;
    if (!steps)
        return;
    size_t i = place_of(steps, id);
    if (i == SIZE_MAX)
        no_object(x, "run step", id, &e);
    else
        respond_json(x, json_array_get(steps, i));
}
