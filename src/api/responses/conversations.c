#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/responses/responses.h"
#include "base/clock.h"
#include "base/fd.h"

enum { ITEMS_MAX = 20 };

static const char kind[] = "conversation";

static void no_conversation(struct http_exchange *x, const struct error *e)
{
    char brief[72];
    if (e->code == ERROR_NOT_FOUND)
        http_fail(x, ERROR_NOT_FOUND, NULL, "Conversation with id '%s' not found.",
            json_in_brief(brief, http_param(x, "conversation_id")));
    else
        http_error(x, e);
}

int conversation_of(struct http_exchange *x, struct store_conversation *ret)
{
    const char *id = http_param(x, "conversation_id");
    struct error e = {0};
    int r = id_valid(id)
                ? store_conversation_get(api_of(x)->store, access_project(x), kind, id, ret, &e)
                : error_set(&e, ERROR_NOT_FOUND, ENOENT, "Not found.");
    if (r < 0)
        no_conversation(x, &e);
    return r;
}

void conversation_write(struct json_writer *w, const struct store_conversation *c)
{
    const char *metadata = c->metadata ? c->metadata : "{}";
    jw_begin_object(w);
    jw_field_string(w, "id", c->id);
    jw_field_string(w, "object", kind);
    jw_field_int(w, "created_at", c->created_at);
    jw_field_raw(w, "metadata", metadata, strlen(metadata));
    jw_end(w);
}

static void respond_conversation(struct http_exchange *x, const struct store_conversation *c)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(1 << 20);
    struct json_writer w = JSON_WRITER(&text);
    conversation_write(&w, c);
    http_respond_json(x, 200, &text);
}

/* ---- items from a client ---- */

/* Adds read items to a conversation: each with what a model reads of it. Names are given here. */
static int append_items(struct http_exchange *x, const char *conversation_id,
    struct input_items *input, struct error *e)
{
    struct api *api = api_of(x);
    struct project_files files = {api, access_project(x)};
    struct file_source source = file_source_of(&files);
    struct item_view view = {.figure = figure_read, .context = api};
    struct store_item items[ITEMS_MAX] = {0};
    size_t n = json_array_size(input->items);
    int r = items_resolve(api, files.project, conversation_id, input->items, e);
    if (r == 0 && items_name(input->items, NULL) < 0)
        r = error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    for (size_t i = 0; r == 0 && i < n; i++) {
        json_t *item = json_array_get(input->items, i);
        cleanup_json json_t *one = json_pack("[O]", item), *transcript = json_array();
        r = items_transcript(one, input, &source, &view, NULL, transcript, e);
        items[i] = (struct store_item){
            .id = (char *)json_string_value(json_object_get(item, "id")),
            .conversation_id = (char *)conversation_id,
            .json = json_dumps(item, JSON_COMPACT),
            .transcript = json_array_size(transcript) ? json_dumps(transcript, JSON_COMPACT) : NULL,
            .created_at = clock_realtime_s(),
        };
        if (r == 0 && !items[i].json)
            r = error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    }
    if (r == 0 && n > 0)
        r = store_items_append(api->store, items, n, e);
    for (size_t i = 0; i < n; i++) {
        free(items[i].json);
        free(items[i].transcript);
    }
    return r;
}

static void read_items(struct json_in *in, struct input_items *ret)
{
    input_items_read(in, "items", ITEMS_MAX, INPUT_NO_BYTES, ret);
}

/* ---- conversations ---- */

static int dump_metadata(json_t *metadata, char **ret, struct error *e)
{
    *ret = metadata ? json_dumps(metadata, JSON_COMPACT) : strdup("{}");
    return *ret ? 0 : error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
}

void conversations_create(struct http_exchange *x)
{
    cleanup_json json_t *root = NULL;
    cleanup_free char *metadata = NULL;
    struct input_items input = {0};
    struct json_in in;
    struct error e = {0};
    char id[ID_SIZE];
    if (api_body_json_max(x, BODY_MODEL_MAX, &root) < 0)
        return;
    json_in_begin(&in, root, "", JSON_OPENAI, &e);
    json_t *map = json_in_map(&in, "metadata", 16, 64, 512);
    read_items(&in, &input);
    int r = json_in_end(&in);
    if (r == 0)
        r = dump_metadata(map, &metadata, &e);
    id_new(id, "conv_", 48);
    struct store_conversation c = {.id = id,
        .project = (char *)access_project(x),
        .kind = (char *)kind,
        .metadata = metadata,
        .created_at = clock_realtime_s()};
    if (r == 0)
        r = store_conversation_insert(api_of(x)->store, &c, &e);
    if (r == 0 && (r = append_items(x, id, &input, &e)) < 0)
        store_conversation_delete(api_of(x)->store, c.project, id, NULL);
    if (r < 0)
        http_error(x, &e);
    else
        respond_conversation(x, &c);
    input_items_deinit(&input);
}

void conversations_get(struct http_exchange *x)
{
    struct store_conversation c;
    if (conversation_of(x, &c) < 0)
        return;
    respond_conversation(x, &c);
    store_conversation_deinit(&c);
}

void conversations_update(struct http_exchange *x)
{
    cleanup_json json_t *root = NULL;
    struct store_conversation c;
    struct json_in in;
    struct error e = {0};
    char *metadata = NULL;
    if (conversation_of(x, &c) < 0)
        return;
    int r = api_body_json(x, &root);
    if (r == 0) {
        json_in_begin(&in, root, "", JSON_OPENAI, &e);
        json_t *map = json_in_map(&in, "metadata", 16, 64, 512);
        if (!json_object_get(root, "metadata"))
            json_in_object(&in, "metadata", JSON_REQUIRED);
        r = json_in_end(&in);
        if (r == 0)
            r = dump_metadata(map, &metadata, &e);
        if (r == 0) {
            free(c.metadata);
            c.metadata = metadata;
            r = store_conversation_update(api_of(x)->store, &c, &e);
        }
        if (r < 0)
            http_error(x, &e);
        else
            respond_conversation(x, &c);
    }
    store_conversation_deinit(&c);
}

void conversations_delete(struct http_exchange *x)
{
    struct store_conversation c;
    struct error e = {0};
    if (conversation_of(x, &c) < 0)
        return;
    if (store_conversation_delete(api_of(x)->store, c.project, c.id, &e) < 0)
        no_conversation(x, &e);
    else
        api_respond_deleted(x, c.id, "conversation.deleted");
    store_conversation_deinit(&c);
}

/* ---- items ---- */

static void write_stored(
    struct json_writer *w, const struct store_item *item, const struct item_view *view)
{
    cleanup_json json_t *kept = json_loads(item->json, JSON_ALLOW_NUL, NULL);
    if (kept)
        item_write(w, kept, view);
    else
        jw_null(w);
}

static void respond_new_items(
    struct http_exchange *x, const json_t *items, const struct item_view *view)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    struct json_writer w = JSON_WRITER(&text);
    size_t n = json_array_size(items), i;
    const json_t *item;
    list_begin(&w);
    json_array_foreach (items, i, item)
        item_write(&w, item, view);
    list_end(&w, n ? json_string_value(json_object_get(json_array_get(items, 0), "id")) : NULL,
        n ? json_string_value(json_object_get(json_array_get(items, n - 1), "id")) : NULL, false);
    http_respond_json(x, 200, &text);
}

void conversation_items_create(struct http_exchange *x)
{
    cleanup_json json_t *root = NULL;
    struct input_items input = {0};
    struct store_conversation c;
    struct item_view view;
    struct json_in in;
    struct error e = {0};
    if (query_view(x, &view) < 0 || conversation_of(x, &c) < 0)
        return;
    if (api_body_json_max(x, BODY_MODEL_MAX, &root) == 0) {
        json_in_begin(&in, root, "", JSON_OPENAI, &e);
        if (!json_in_has(&in, "items"))
            json_in_string(&in, "items", JSON_REQUIRED, 1); /* it is missing */
        read_items(&in, &input);
        int r = json_in_end(&in);
        if (r == 0)
            r = append_items(x, c.id, &input, &e);
        if (r < 0)
            http_error(x, &e);
        else
            respond_new_items(x, input.items, &view);
        input_items_deinit(&input);
    }
    store_conversation_deinit(&c);
}

void conversation_items_list(struct http_exchange *x)
{
    struct store_conversation c;
    struct store_items items = {0};
    struct store_page page;
    struct item_view view;
    struct error e = {0};
    if (api_page(x, 20, 100, &page) < 0 || query_view(x, &view) < 0 || conversation_of(x, &c) < 0)
        return;
    if (store_item_list(api_of(x)->store, c.id, NULL, &page, &items, &e) < 0) {
        http_error(x, &e);
    } else {
        cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
        struct json_writer w = JSON_WRITER(&text);
        list_begin(&w);
        for (size_t i = 0; i < items.count; i++)
            write_stored(&w, &items.items[i], &view);
        list_end(&w, items.count ? items.items[0].id : NULL,
            items.count ? items.items[items.count - 1].id : NULL, items.has_more);
        http_respond_json(x, 200, &text);
        store_items_deinit(&items);
    }
    store_conversation_deinit(&c);
}

static void no_item(struct http_exchange *x, const struct error *e)
{
    char item[72], conversation[72];
    if (e->code == ERROR_NOT_FOUND)
        http_fail(x, ERROR_NOT_FOUND, NULL, "Item with id '%s' not found on conversation '%s'.",
            json_in_brief(item, http_param(x, "item_id")),
            json_in_brief(conversation, http_param(x, "conversation_id")));
    else
        http_error(x, e);
}

void conversation_items_get(struct http_exchange *x)
{
    struct store_conversation c;
    struct store_item item;
    struct item_view view;
    struct error e = {0};
    if (query_view(x, &view) < 0 || conversation_of(x, &c) < 0)
        return;
    if (store_item_get(api_of(x)->store, c.id, http_param(x, "item_id"), &item, &e) < 0) {
        no_item(x, &e);
    } else {
        cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
        struct json_writer w = JSON_WRITER(&text);
        write_stored(&w, &item, &view);
        http_respond_json(x, 200, &text);
        store_item_deinit(&item);
    }
    store_conversation_deinit(&c);
}

void conversation_items_delete(struct http_exchange *x)
{
    struct store_conversation c;
    struct error e = {0};
    if (conversation_of(x, &c) < 0)
        return;
    if (store_item_delete(api_of(x)->store, c.id, http_param(x, "item_id"), &e) < 0)
        no_item(x, &e);
    else
        respond_conversation(x, &c);
    store_conversation_deinit(&c);
}
