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

void steps_list(struct http_exchange *x)
{
    struct store_page page;
    if (list_page(x, &page) < 0)
        return;
    cleanup_json json_t *steps = steps_of(x);
    if (steps)
        respond_page(x, steps, &page);
}

void steps_get(struct http_exchange *x)
{
    const char *id = object_id(x, "step_id", "step_");
    struct error e = {.code = ERROR_NOT_FOUND};
    cleanup_json json_t *steps = id ? steps_of(x) : NULL;
    if (!steps)
        return;
    const json_t *step = object_of_id(steps, id);
    if (step)
        respond_json(x, step);
    else
        no_object(x, "run step", id, &e);
}
