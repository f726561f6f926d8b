/* Lists that OpenAI does not have and a page needs: the caller's conversations, and what was asked and answered in
 * one of them. */
#include <string.h>

#include "api/responses/responses.h"

/* A page of responses ends early, saying that there is more, when they together grow beyond this. */
enum { LIST_BYTES_MAX = 32 << 20 };

static void write_conversation(struct json_writer *w, const void *item)
{
    conversation_write(w, item);
}

void conversations_list(struct http_exchange *x)
{
    struct store_conversations list = {0};
    struct store_page page;
    struct error e = {0};
    if (api_page(x, 20, 100, &page) < 0)
        return;
    if (store_conversation_list(
            api_of(x)->store, access_project(x), "conversation", &page, &list, &e) < 0) {
        http_error(x, &e);
        return;
    }
    api_respond_rows(x, &(struct api_rows){list.items, list.count, sizeof *list.items,
                            list.has_more, write_conversation});
    store_conversations_deinit(&list);
}

/* {"response": the object as it is now, "input": what it was given}. 0, or -ENOENT when it was deleted meanwhile. */
static int write_turn(
    struct http_exchange *x, const char *id, const struct item_view *view, struct json_writer *w)
{
    struct response_state s;
    struct run *run;
    const json_t *item;
    size_t i;
    int r = run_find(api_of(x)->runs, access_project(x), RESPONSES_DIALECT, id, &run, NULL);
    if (r == 0)
        r = response_state_init(&s, api_of(x), run, view, NULL, NULL, NULL);
    if (r < 0)
        return r;
    response_state_catch_up(&s, NULL);
    jw_begin_object(w);
    jw_key(w, "response");
    response_encoder_object(s.encoder, w);
    jw_field_array(w, "input");
    json_array_foreach (json_object_get(s.info.request, "input"), i, item)
        item_write(w, item, view);
    jw_end(w);
    jw_end(w);
    response_state_deinit(&s);
    return 0;
}

void conversation_responses(struct http_exchange *x)
{
    struct store_conversation c;
    struct store_runs runs = {0};
    struct store_page page;
    struct item_view view;
    struct error e = {0};
    if (api_page(x, 20, 100, &page) < 0 || query_view(x, &view) < 0 || conversation_of(x, &c) < 0)
        return;
    int r = store_run_list(
        api_of(x)->store, access_project(x), RESPONSES_DIALECT, c.id, &page, &runs, &e);
    store_conversation_deinit(&c);
    if (r < 0) {
        http_error(x, &e);
        return;
    }
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    struct json_writer w = JSON_WRITER(&text);
    size_t n = 0;
    list_begin(&w);
    for (; n < runs.count && (n == 0 || text.length < LIST_BYTES_MAX); n++)
        write_turn(x, runs.items[n].id, &view, &w);
    list_end(&w, n ? runs.items[0].id : NULL, n ? runs.items[n - 1].id : NULL,
        runs.has_more || n < runs.count);
    store_runs_deinit(&runs);
    http_respond_json(x, 200, &text);
}
