/* /v1/threads/{thread_id}/messages. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/assistants/assistants.h"
#include "base/clock.h"
#include "base/fd.h"

/* ---- into the thread ---- */

/* What the store keeps of one: what is shown, and what a model reads of it. */
static int make_row(struct api *api, const char *project, const char *thread_id, json_t *entry,
    struct input_files *files, struct store_item *ret, struct error *e)
{
    struct project_files of = {api, project};
    struct file_source source = file_source_of(&of);
    struct item_view view = {0};
    json_t *message = json_object_get(entry, "message"), *kept = json_object_get(entry, "kept");
    cleanup_json json_t *one = json_pack("[O]", kept), *transcript = json_array();
    char id[ID_SIZE];
    int64_t now = clock_realtime_s();
    id_new(id, "msg_", 24);
    json_object_set_new(message, "id", json_string(id));
    json_object_set_new(message, "created_at", json_integer(now));
    json_object_set_new(message, "completed_at", json_integer(now));
    json_object_set_new(message, "thread_id", json_string(thread_id));
    int r = items_transcript(one, NULL, &source, &view, files, transcript, e);
    if (r < 0)
        return r;
    *ret = (struct store_item){.id = strdup(id),
        .conversation_id = (char *)thread_id,
        .json = json_dumps(message, JSON_COMPACT),
        .transcript = json_dumps(transcript, JSON_COMPACT),
        .created_at = now};
    return ret->id && ret->json && ret->transcript ? 0 : no_memory_error(e);
}

int messages_append(struct api *api, const char *project, const char *thread_id,
    struct new_messages *m, struct error *e)
{
    struct belongings belongings;
    size_t n = json_array_size(m->list);
    if (n == 0)
        return 0;
    cleanup_free struct store_item *rows = calloc(n, sizeof *rows);
    cleanup_json json_t *named = json_array();
    int r = belongings_load(&belongings, api, thread_id, e);
    if (!rows)
        r = no_memory_error(e);
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = make_row(
            api, project, thread_id, json_array_get(m->list, i), &belongings.files, &rows[i], e);
        if (r == 0 && belongings.files.count > belongings.known &&
            belongings.files.count > THREAD_BELONGINGS_MAX)
            r = error_param(e, ERROR_INVALID_VALUE, "attachments",
                "A thread may have at most %d files.", THREAD_BELONGINGS_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        cleanup_json json_t *ids =
            message_files(json_object_get(json_array_get(m->list, i), "message"));
        json_array_extend(named, ids);
    }
    if (r == 0)
        r = belongings_save(&belongings, api, true, named, e);
    if (r == 0)
        r = store_items_append(api->store, rows, n, e);
    for (size_t i = 0; rows && i < n; i++) {
        free(rows[i].id);
        free(rows[i].json);
        free(rows[i].transcript);
    }
    belongings_deinit(&belongings);
    return r;
}

void thread_busy(struct http_exchange *x, const char *thread_id, const char *active, bool message)
{
    if (message)
        http_fail(x, ERROR_INVALID_VALUE, NULL,
            "Can't add messages to %s while a run %s is active.", thread_id, active);
    else
        http_fail(x, ERROR_INVALID_VALUE, NULL, "Thread %s already has an active run %s.",
            thread_id, active);
}

/* ---- as it is shown ---- */

/* Files that an answer gives away, and pictures that it shows. */
static void add_shown(json_t *ids, const json_t *message)
{
    const json_t *part;
    size_t i;
    json_array_foreach (json_object_get(message, "content"), i, part) {
        json_t *id = json_object_get(json_object_get(part, "image_file"), "file_id");
        if (id)
            json_array_append(ids, id);
    }
}

json_t *message_files(const json_t *message)
{
    json_t *ids = json_array();
    const json_t *attachment;
    size_t i;
    add_shown(ids, message);
    json_array_foreach (json_object_get(message, "attachments"), i, attachment)
        json_array_append(ids, json_object_get(attachment, "file_id"));
    return ids;
}

void message_show(struct http_exchange *x, json_t *message)
{
    cleanup_json json_t *ids = beta_v1(x) ? message_files(message) : NULL;
    show_file_ids(x, message, ids);
}

/* ---- handlers ---- */

void messages_create(struct http_exchange *x)
{
    struct api *api = api_of(x);
    cleanup_json json_t *root = NULL;
    struct new_messages messages = {0};
    struct store_conversation c;
    struct json_in in;
    struct error e = {0};
    char active[ID_SIZE];
    if (thread_find(x, &c) < 0)
        return;
    if (api_body_json_max(x, BODY_MODEL_MAX, &root) < 0) {
        store_conversation_deinit(&c);
        return;
    }
    json_in_begin(&in, root, "", JSON_OPENAI, &e);
    message_read(&in, root, "", &messages);
    int r = json_in_end(&in);
    if (r == 0)
        r = messages_check(api, c.project, &messages, &e);
    bool busy = r == 0 && thread_active(api, c.project, c.id, active);
    if (r == 0 && !busy)
        r = messages_append(api, c.project, c.id, &messages, &e);
    if (busy) {
        thread_busy(x, c.id, active, true);
    } else if (r < 0) {
        http_error(x, &e);
    } else {
        json_t *message = json_object_get(json_array_get(messages.list, 0), "message");
        message_show(x, message);
        respond_json(x, message);
    }
    new_messages_deinit(&messages);
    store_conversation_deinit(&c);
}

json_t *message_find(struct http_exchange *x, struct store_item *ret)
{
    const char *id = object_id(x, "message_id", "msg_");
    struct store_conversation c;
    json_t *found = NULL;
    struct error e = {0};
    *ret = (struct store_item){0};
    if (!id || thread_find(x, &c) < 0)
        return NULL;
    int r = store_item_get(api_of(x)->store, c.id, id, ret, &e);
    if (r == 0)
        found = json_loads(ret->json, JSON_ALLOW_NUL, NULL);
    else if (r == -ENOENT) /* of a run that is still going on */
        found = message_of_run(api_of(x), c.project, c.id, id);
    if (!found)
        no_object(x, "message", id, &e);
    store_conversation_deinit(&c);
    return found;
}

void messages_get(struct http_exchange *x)
{
    struct store_item row;
    cleanup_json json_t *found = message_find(x, &row);
    store_item_deinit(&row);
    if (!found)
        return;
    message_show(x, found);
    respond_json(x, found);
}

void messages_modify(struct http_exchange *x)
{
    struct store_item row;
    cleanup_json json_t *found = message_find(x, &row);
    struct error e = {0};
    bool changed;
    if (found && metadata_replace(x, found, &changed) == 0) {
        char *text = json_dumps(found, JSON_COMPACT);
        if (text) {
            free(row.json);
            row.json = text;
        }
        if (!row.id)
            http_fail(x, ERROR_INVALID_VALUE, NULL,
                "The message is still being written: its run has not ended.");
        else if (!text || store_item_update(api_of(x)->store, &row, &e) < 0)
            http_error(x, &e);
        else {
            message_show(x, found);
            respond_json(x, found);
        }
    }
    store_item_deinit(&row);
}

void messages_list(struct http_exchange *x)
{
    const char *run_id = http_query(x, "run_id");
    struct store_conversation c;
    struct store_items items = {0};
    struct store_page page;
    struct error e = {0};
    if (list_page(x, &page) < 0 || thread_find(x, &c) < 0)
        return;
    int r = store_item_list(
        api_of(x)->store, c.id, run_id && *run_id ? run_id : NULL, &page, &items, &e);
    store_conversation_deinit(&c);
    if (r < 0) {
        http_error(x, &e);
        return;
    }
    json_t *objects[100];
    size_t n = items.count;
    for (size_t i = 0; i < n; i++) {
        objects[i] = json_loads(items.items[i].json, JSON_ALLOW_NUL, NULL);
        message_show(x, objects[i]);
    }
    bool more = items.has_more;
    store_items_deinit(&items);
    respond_list(x, objects, n, more);
}

/* Whether the run that wrote it goes on, or waits: its end hands the message in once more. */
static bool being_written(struct api *api, const struct store_conversation *c, const char *id)
{
    char run_id[ID_SIZE], active[ID_SIZE];
    return id_parent(run_id, "run_", id, NULL) && thread_active(api, c->project, c->id, active) &&
           strcmp(active, run_id) == 0;
}

void messages_delete(struct http_exchange *x)
{
    const char *id = object_id(x, "message_id", "msg_");
    struct store_conversation c;
    struct error e = {0};
    if (!id || thread_find(x, &c) < 0)
        return;
    if (being_written(api_of(x), &c, id))
        http_fail(
            x, ERROR_INVALID_VALUE, NULL, "The message cannot be deleted: its run has not ended.");
    else if (store_item_delete(api_of(x)->store, c.id, id, &e) < 0)
        no_object(x, "message", id, &e);
    else
        api_respond_deleted(x, id, "thread.message.deleted");
    store_conversation_deinit(&c);
}
