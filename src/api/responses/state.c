#include <errno.h>
#include <string.h>

#include "api/responses/responses.h"
#include "base/log.h"

/* What the request included when it was made. */
static void add_includes(const json_t *request, struct item_view *view)
{
    const json_t *name;
    size_t i;
    json_array_foreach (json_object_get(request, "include"), i, name)
        if (json_is_string(name))
            include_add(json_string_value(name), "include", view, NULL);
}

int response_state_init(struct response_state *s, struct api *api, struct run *run,
    const struct item_view *view, response_sink *sink, void *context, struct error *e)
{
    *s = (struct response_state){.run = run, .reader = {.run = run}};
    run_info(run, &s->info);
    s->base = (struct response_base){
        .id = s->info.id,
        .created_at = s->info.created_at,
        .echo = json_object_get(s->info.request, "response"),
        .background = s->info.background,
        .view = view ? *view : (struct item_view){0},
    };
    s->base.view.figure = figure_read;
    s->base.view.context = api;
    add_includes(s->info.request, &s->base.view);
    s->encoder = response_encoder_new(&s->base, sink, context);
    if (s->encoder)
        return 0;
    response_state_deinit(s);
    error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    return -ENOMEM;
}

static int feed(void *context, const struct run_event *event, uint64_t number)
{
    (void)number;
    struct response_state *s = context;
    /* The run ended when this event was made: what it says of that time is final now. */
    bool end = strncmp(event->type, "run.", 4) == 0 && strcmp(event->type, "run.started") != 0;
    if (response_encoder_feed(
            s->encoder, event->json, event->length, end ? run_completed_at(s->run) : 0) < 0)
        log_line(LOG_ERROR, "responses", "an event that cannot be shown", "run=%s type=%s",
            s->base.id, event->type);
    return 0;
}

int response_state_advance(struct response_state *s, int timeout_ms, struct error *e)
{
    return run_reader_advance(&s->reader, timeout_ms, feed, s, e);
}

int response_state_catch_up(struct response_state *s, struct error *e)
{
    return run_reader_catch_up(&s->reader, feed, s, e);
}

void response_state_deinit(struct response_state *s)
{
    s->encoder = response_encoder_free(s->encoder);
    run_info_deinit(&s->info);
    run_unref(s->run);
    s->run = NULL;
}

struct run *response_of(struct http_exchange *x)
{
    const char *id = http_param(x, "response_id");
    struct run *run = NULL;
    struct error e = {0};
    char brief[72];
    int r = id_valid(id)
                ? run_find(api_of(x)->runs, access_project(x), RESPONSES_DIALECT, id, &run, &e)
                : error_set(&e, ERROR_NOT_FOUND, ENOENT, "Not found.");
    if (r == 0) {
        struct run_info info;
        run_info(run, &info);
        bool stored = info.stored;
        run_info_deinit(&info);
        if (stored)
            return run;
        run_unref(run);
        error_set(&e, ERROR_NOT_FOUND, ENOENT, "Not found.");
    }
    if (e.code == ERROR_NOT_FOUND)
        http_fail(
            x, ERROR_NOT_FOUND, NULL, "Response with id '%s' not found.", json_in_brief(brief, id));
    else
        http_error(x, &e);
    return NULL;
}

int query_view(struct http_exchange *x, struct item_view *ret)
{
    const char *name;
    struct error e = {0};
    *ret = (struct item_view){.figure = figure_read, .context = api_of(x)};
    for (unsigned i = 0; (name = http_query_nth(x, "include", i)); i++)
        if (include_add(name, "include", ret, &e) < 0) {
            http_error(x, &e);
            return -EINVAL;
        }
    return 0;
}
