#include <errno.h>
#include <string.h>

#include "api/responses/responses.h"

enum { LOOK_MS = 1000 };

static void respond_object(struct http_exchange *x, const struct response_state *s)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    struct json_writer w = JSON_WRITER(&text);
    response_encoder_object(s->encoder, &w);
    http_respond_json(x, 200, &text);
}

/* A run that failed before it said anything is an error like any other, with its own status; one that has
 * something to show is shown, and says that it failed. */
static void respond_end(struct http_exchange *x, const struct response_state *s)
{
    if (!response_encoder_failed_empty(s->encoder)) {
        respond_object(x, s);
        return;
    }
    const json_t *error = response_encoder_error(s->encoder);
    http_fail(x, error_code_find(json_string_value(json_object_get(error, "code"))), NULL, "%s",
        json_string_value(json_object_get(error, "message")));
}

/* Waits for the end and answers with it. A client that goes away while it waits ends the run. */
static void respond_when_done(struct http_exchange *x, struct run *run)
{
    struct response_state s;
    struct error e = {0};
    bool gone = false;
    int r = response_state_init(&s, api_of(x), run, NULL, NULL, NULL, &e);
    if (r < 0) {
        http_error(x, &e);
        return;
    }
    while (r == 0 && !s.reader.ended && !gone) {
        r = response_state_advance(&s, LOOK_MS, &e);
        gone = r == 0 && !s.reader.ended && http_client_gone(x);
    }
    if (gone)
        run_cancel(s.run);
    else if (r < 0)
        http_error(x, &e);
    else
        respond_end(x, &s);
    response_state_deinit(&s);
}

static void respond_now(struct http_exchange *x, struct run *run, const struct item_view *view)
{
    struct response_state s;
    struct error e = {0};
    int r = response_state_init(&s, api_of(x), run, view, NULL, NULL, &e);
    if (r == 0 && (r = response_state_catch_up(&s, &e)) == 0)
        respond_object(x, &s);
    else
        http_error(x, &e);
    if (s.run)
        response_state_deinit(&s);
}

static void respond(struct http_exchange *x, struct run *run, const struct response_request *r)
{
    if (r->stream) {
        struct run *own = run_ref(run);
        struct item_view view = {.live = r->view.live};
        bool gone = response_stream(x, run, &view, -1);
        if (gone && !r->background)
            run_cancel(own);
        run_unref(own);
    } else if (r->background) {
        respond_now(x, run, NULL);
    } else {
        respond_when_done(x, run);
    }
}

void responses_create(struct http_exchange *x)
{
    struct api *api = api_of(x);
    struct response_request request = {0};
    struct response_plan plan = {0};
    struct run *run = NULL;
    json_t *root;
    struct error e = {0};
    if (api_body_json_max(x, BODY_MODEL_MAX, &root) < 0)
        return;
    int r = response_request_read(root, &request, &e);
    if (r == 0)
        r = response_plan_init(&plan, api, access_project(x), &request, &e);
    if (r == 0)
        r = run_start(api->runs, &plan.spec, &run, &e);
    response_plan_deinit(&plan);
    if (r < 0)
        http_error(x, &e);
    else
        respond(x, run, &request);
    response_request_deinit(&request);
}

void responses_get(struct http_exchange *x)
{
    struct run *run = response_of(x);
    struct item_view view;
    struct error e = {0};
    int64_t after = -1;
    const char *stream = http_query(x, "stream");
    if (!run)
        return;
    int r = query_view(x, &view);
    const char *live = http_query(x, "cloche_events");
    view.live = live && strcmp(live, "true") == 0;
    if (r == 0 && json_in_integer_text("starting_after", http_query(x, "starting_after"),
                      JSON_OPENAI, 0, INT64_MAX, &after, &e) < 0) {
        http_error(x, &e);
        r = -EINVAL;
    }
    if (r < 0)
        run_unref(run);
    else if (stream && (strcmp(stream, "true") == 0 || strcmp(stream, "1") == 0))
        response_stream(x, run, &view, after);
    else
        respond_now(x, run, &view);
}

void responses_cancel(struct http_exchange *x)
{
    struct run *run = response_of(x);
    struct run_info info;
    if (!run)
        return;
    run_info(run, &info);
    bool background = info.background;
    run_info_deinit(&info);
    if (!background) {
        run_unref(run);
        http_fail(x, ERROR_INVALID_VALUE, NULL, "Cannot cancel a synchronous response.");
        return;
    }
    run_cancel(run);
    run_wait(run);
    respond_now(x, run, NULL);
}

void responses_delete(struct http_exchange *x)
{
    struct run *run = response_of(x);
    struct error e = {0};
    if (!run)
        return;
    if (run_delete(api_of(x)->runs, run, &e) < 0)
        http_error(x, &e);
    else
        api_respond_deleted(x, http_param(x, "response_id"), "response");
    run_unref(run);
}

void responses_compact(struct http_exchange *x)
{
    http_fail(x, ERROR_UNSUPPORTED_PARAMETER, NULL,
        "/v1/responses/compact is not supported by this server. Send what the model shall read as "
        "'input', or let 'previous_response_id' carry it.");
}
