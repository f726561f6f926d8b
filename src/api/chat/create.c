#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/reader.h"
#include "api/chat/chat.h"
#include "api/chat/encode.h"
#include "base/log.h"

enum { LOOK_MS = 1000 };

/* A client that waits for the answer, and how far it has it. */
struct listener {
    struct http_exchange *x;
    struct chat_encoder *encoder;
    struct run_reader reader;
    bool streamed, begun, gone;
};

/* ---- a stream ---- */

/* As late as there is something to say: until then an error has a status of its own. */
static void begin(struct listener *l)
{
    if (l->begun || l->gone)
        return;
    l->begun = true;
    l->gone = http_sse_begin(l->x) < 0;
}

static int on_chunk(void *context, const char *json, size_t n)
{
    struct listener *l = context;
    begin(l);
    l->gone = l->gone || http_sse_event(l->x, NULL, json, n) < 0;
    return l->gone;
}

static void comment(struct listener *l, const char *text)
{
    begin(l);
    l->gone = l->gone || http_sse_comment(l->x, text) < 0;
}

/* Chunks have no words for code that runs; comments keep proxies and clients from giving up meanwhile. */
static void comment_on(struct listener *l, const char *type)
{
    if (strcmp(type, "execution.started") == 0)
        comment(l, "running code");
    else if (strcmp(type, "execution.completed") == 0)
        comment(l, "code has run");
}

/* ---- both ---- */

static int feed(void *context, const struct run_event *event, uint64_t number)
{
    (void)number;
    struct listener *l = context;
    if (chat_encoder_feed(l->encoder, event->json, event->length) < 0)
        log_line(LOG_ERROR, "chat", "an event that cannot be shown", "type=%s", event->type);
    if (l->streamed)
        comment_on(l, event->type);
    return 0;
}

static void look(struct listener *l)
{
    if (l->streamed && http_sse_due(l->x))
        comment(l, "keep-alive");
    l->gone = l->gone || http_client_gone(l->x);
}

static void respond_error(struct listener *l, const struct error *e)
{
    if (!l->begun) {
        http_error(l->x, e);
        return;
    }
    chat_stream_error(l->x, e);
    http_stream_end(l->x);
}

static void respond_end(struct listener *l)
{
    const json_t *error = chat_encoder_error(l->encoder);
    if (error) {
        const char *code = json_string_value(json_object_get(error, "code"));
        const char *message = json_string_value(json_object_get(error, "message"));
        struct error e;
        error_set(
            &e, error_code_find(code ? code : ""), 0, "%s", message ? message : "The run failed.");
        respond_error(l, &e);
    } else if (l->streamed) {
        http_sse_event(l->x, NULL, "[DONE]", 6);
        http_stream_end(l->x);
    } else {
        cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
        struct json_writer w = JSON_WRITER(&text);
        chat_encoder_object(l->encoder, &w);
        http_respond_json(l->x, 200, &text);
    }
}

/* Answers with what the run says, until it ends. Nobody can ask for it again: a client that goes away ends it. */
static void respond(struct http_exchange *x, struct run *run, const struct chat_request *request)
{
    struct listener l = {.x = x, .reader = {.run = run}, .streamed = request->as.stream};
    struct run_info info;
    struct error e = {0};
    char id[ID_SIZE + 16];
    int r = 0;
    run_info(run, &info);
    snprintf(id, sizeof id, "chatcmpl-%s", info.id + strcspn(info.id, "_") + 1);
    struct chat_base base = {.id = id,
        .model = info.model,
        .created_at = info.created_at,
        .interpreter = request->as.tools.interpreter,
        .usage = request->usage,
        .view = {.figure = figure_read, .context = api_of(x)}};
    l.encoder = chat_encoder_new(&base, l.streamed ? on_chunk : NULL, &l);
    if (!l.encoder)
        r = error_set(&e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    while (r == 0 && !l.reader.ended && !l.gone) {
        r = run_reader_advance(&l.reader, LOOK_MS, feed, &l, &e);
        if (r == 0 && !l.reader.ended)
            look(&l);
    }
    if (l.gone || r < 0)
        run_cancel(run);
    if (r < 0)
        respond_error(&l, &e);
    else if (!l.gone)
        respond_end(&l);
    chat_encoder_free(l.encoder);
    run_info_deinit(&info);
}

/* ---- the request ---- */

/* Takes `root`. */
static void run_it(struct http_exchange *x, const struct model_route *route, json_t *root)
{
    struct api *api = api_of(x);
    struct chat_request request;
    struct response_plan plan = {0};
    struct run *run = NULL;
    struct error e = {0};
    int r = chat_request_read(root, route, &request, &e);
    if (r == 0)
        r = response_plan_init(&plan, api, access_project(x), &request.as, &e);
    if (r == 0) {
        plan.spec.dialect = CHAT_DIALECT;
        plan.spec.extra = request.extra;
        r = run_start(api->runs, &plan.spec, &run, &e);
    }
    if (r < 0 && strcmp(e.param, "input") == 0)
        snprintf(e.param, sizeof e.param, "messages"); /* as it is called here */
    response_plan_deinit(&plan);
    if (r < 0)
        http_error(x, &e);
    else
        respond(x, run, &request);
    run_unref(run);
    chat_request_deinit(&request);
}

/* Who answers. 0; else answered. */
static int find_route(struct http_exchange *x, json_t *root, struct model_route *ret)
{
    struct json_in in;
    struct error e = {0};
    json_in_begin(&in, root, "", JSON_OPENAI, &e);
    const char *model = json_in_string(&in, "model", JSON_REQUIRED, 255);
    int r = json_in_end(&in);
    if (r == 0)
        r = providers_route(api_of(x)->providers, model, ret, &e);
    if (r < 0)
        http_error(x, &e);
    return r;
}

static void completions_create(struct http_exchange *x)
{
    struct model_route route;
    json_t *root;
    if (api_body_json_max(x, BODY_MODEL_MAX, &root) < 0)
        return;
    if (find_route(x, root, &route) < 0) {
        json_decref(root);
    } else if (route.wire == PROVIDER_CHAT && chat_request_is_plain(root)) {
        chat_pass(x, &route, root);
        json_decref(root);
    } else {
        run_it(x, &route, root);
    }
}

const struct http_route chat_routes[] = {
    {"POST", "/v1/chat/completions", completions_create, 0, BODY_MODEL_MAX},
};
const size_t chat_route_count = sizeof chat_routes / sizeof *chat_routes;
