#include <string.h>

#include "api/responses/responses.h"
#include "provider/estimate.h"

static const char *id_at(const json_t *items, size_t i)
{
    return json_string_value(json_object_get(json_array_get(items, i), "id"));
}

/* One page of an array in the order of its making. */
static void respond_page(struct http_exchange *x, const json_t *items,
    const struct store_page *page, const struct item_view *view)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    struct json_writer w = JSON_WRITER(&text);
    size_t n = json_array_size(items), from = 0, shown = 0;
    const char *first = NULL, *last = NULL;
    if (page->after) {
        while (from < n &&
               strcmp(id_at(items, page->ascending ? from : n - 1 - from), page->after) != 0)
            from++;
        from += from < n;
    }
    list_begin(&w);
    for (; from + shown < n && shown < (size_t)page->limit; shown++) {
        size_t i = page->ascending ? from + shown : n - 1 - from - shown;
        last = id_at(items, i);
        first = first ? first : last;
        item_write(&w, json_array_get(items, i), view);
    }
    list_end(&w, first, last, from + shown < n);
    http_respond_json(x, 200, &text);
}

void responses_input_items(struct http_exchange *x)
{
    struct run *run = response_of(x);
    struct item_view view;
    struct store_page page;
    struct run_info info;
    if (!run)
        return;
    if (api_page(x, 20, 100, &page) == 0 && query_view(x, &view) == 0) {
        run_info(run, &info);
        respond_page(x, json_object_get(info.request, "input"), &page, &view);
        run_info_deinit(&info);
    }
    run_unref(run);
}

void responses_input_tokens(struct http_exchange *x)
{
    struct response_request request = {0};
    struct response_plan plan = {0};
    json_t *root;
    struct error e = {0};
    if (api_body_json_max(x, BODY_MODEL_MAX, &root) < 0)
        return;
    int r = response_request_read_count(root, &request, &e);
    if (r == 0)
        r = response_plan_count(&plan, api_of(x), access_project(x), &request, &e);
    if (r < 0) {
        http_error(x, &e);
    } else {
        cleanup_strbuf struct strbuf text = STRBUF_INIT(4096);
        struct json_writer w = JSON_WRITER(&text);
        json_array_extend(plan.context, plan.transcript);
        struct provider_request asked = {.instructions = request.instructions,
            .transcript = plan.context,
            .tools = request.tools.functions};
        jw_begin_object(&w);
        jw_field_string(&w, "object", "response.input_tokens");
        jw_field_int(&w, "input_tokens", estimate_request(&asked));
        jw_end(&w);
        http_respond_json(x, 200, &text);
    }
    response_plan_deinit(&plan);
    response_request_deinit(&request);
}
