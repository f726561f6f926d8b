/* POST /v1/estimate: what a question would cost before it is asked. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "api/responses/responses.h"
#include "base/fd.h"
#include "provider/estimate.h"

enum {
    FILES_MAX = 100,
    LOOK_BYTES = 1 << 20, /* of a File: the rest is like its beginning */
};

/* Tokens of a File's text, by its beginning. */
static int file_tokens(struct api *api, const char *project, const char *id, const char *param,
    int64_t *ret, struct error *e)
{
    struct store_file file;
    cleanup_fd int fd = -1;
    int r = api_file_open(api, project, id, param, &file, &fd, e);
    if (r < 0)
        return r;
    int64_t bytes = file.bytes;
    store_file_deinit(&file);
    cleanup_free char *head = malloc(LOOK_BYTES);
    ssize_t n = head ? pread(fd, head, LOOK_BYTES, 0) : -1;
    if (n < 0)
        return error_set(e, ERROR_INTERNAL, head ? errno : ENOMEM, "A stored file cannot be read.");
    double scale = n ? (double)bytes / (double)n : 0;
    *ret += (int64_t)((double)provider_estimate_tokens(head, (size_t)n) * scale);
    return 0;
}

static int files_tokens(
    struct api *api, const char *project, const json_t *ids, int64_t *ret, struct error *e)
{
    const json_t *id;
    size_t i;
    int r = 0;
    json_array_foreach (ids, i, id) {
        char param[32];
        snprintf(param, sizeof param, "file_ids[%zu]", i);
        if (r == 0)
            r = file_tokens(api, project, json_string_value(id), param, ret, e);
    }
    return r;
}

static void respond_estimate(
    struct http_exchange *x, const struct model_route *route, int64_t tokens)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(4096);
    struct json_writer w = JSON_WRITER(&text);
    double cost = (double)tokens * route->price_input / 1e6;
    jw_begin_object(&w);
    jw_field_string(&w, "object", "estimate");
    jw_field_string(&w, "model", route->name);
    jw_field_int(&w, "estimated_tokens", tokens);
    if (route->priced)
        jw_field_double(&w, "estimated_cost", cost);
    else
        jw_field_null(&w, "estimated_cost");
    jw_field_string(&w, "currency", "usd");
    jw_field_string(
        &w, "recommendation", estimate_too_much(route, tokens, 0) ? "use a sample" : "proceed");
    jw_end(&w);
    http_respond_json(x, 200, &text);
}

/* What a model would read of the input, in tokens. */
static int input_tokens(
    struct http_exchange *x, const struct input_items *input, int64_t *ret, struct error *e)
{
    struct project_files of = {api_of(x), access_project(x)};
    struct file_source source = file_source_of(&of);
    struct item_view view = {.figure = figure_read, .context = of.api};
    cleanup_json json_t *transcript = json_array();
    int r = items_transcript(input->items, input, &source, &view, NULL, transcript, e);
    if (r < 0)
        return r;
    *ret += estimate_items(transcript);
    for (size_t i = 0; i < input->contents; i++)
        if (!input->content[i].image)
            *ret += provider_estimate_tokens(input->content[i].data, input->content[i].length);
    return 0;
}

void estimate_post(struct http_exchange *x)
{
    struct api *api = api_of(x);
    cleanup_json json_t *root = NULL;
    struct input_items input = {0};
    struct model_route route;
    struct json_in in;
    struct error e = {0};
    int64_t tokens = 0;
    size_t n;
    if (api_body_json_max(x, BODY_MODEL_MAX, &root) < 0)
        return;
    json_in_begin(&in, root, "", JSON_OURS, &e);
    const char *model = json_in_string(&in, "model", JSON_OPTIONAL, 255);
    json_t *ids = json_in_strings(&in, "file_ids", FILES_MAX, 100, &n);
    input_items_read(&in, "input", INPUT_ITEMS_MAX, INPUT_STRING | INPUT_FILES, &input);
    int r = json_in_end(&in);
    if (r == 0)
        r = items_resolve(api, access_project(x), NULL, input.items, &e);
    if (r == 0)
        r = providers_route(api->providers, model, &route, &e);
    if (r == 0)
        r = input_tokens(x, &input, &tokens, &e);
    if (r == 0)
        r = files_tokens(api, access_project(x), ids, &tokens, &e);
    if (r < 0)
        http_error(x, &e);
    else
        respond_estimate(x, &route, tokens);
    input_items_deinit(&input);
}
