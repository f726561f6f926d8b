/* files.c - the first beta's files of assistants and messages, as objects of their own. What they belong to says
 * which they are: nothing else is kept, so `created_at` is the File's. Files that were deleted are left out. */
#include <errno.h>
#include <string.h>

#include "api/assistants/assistants.h"
#include "base/fd.h"

/* Whose files are asked for. */
struct owner {
    const char *id;
    const char *object; /* "assistant.file" */
    const char *key;    /* "assistant_id" */
};

static struct owner of_assistant(const json_t *assistant)
{
    return (struct owner){json_text(assistant, "id"), "assistant.file", "assistant_id"};
}

/* ---- as they are shown ---- */

static json_t *show(const struct owner *owner, const struct store_file *file)
{
    return json_pack("{s:s,s:s,s:I,s:s}", "id", file->id, "object", owner->object, "created_at",
        (json_int_t)file->created_at, owner->key, owner->id);
}

/* All of `ids` that are still there, each once: a new reference. */
static json_t *show_all(struct http_exchange *x, const struct owner *owner, const json_t *ids)
{
    json_t *shown = json_array();
    const json_t *id;
    size_t i;
    json_array_foreach (ids, i, id) {
        const char *text = json_string_value(id);
        struct store_file file;
        if (!text || object_of_id(shown, text) ||
            file_get(api_of(x), access_project(x), text, "file_id", &file, NULL) < 0)
            continue;
        json_array_append_new(shown, show(owner, &file));
        store_file_deinit(&file);
    }
    return shown;
}

static void respond_files(struct http_exchange *x, const struct owner *owner, const json_t *ids)
{
    struct store_page page;
    if (list_page(x, &page) < 0)
        return;
    cleanup_json json_t *shown = show_all(x, owner, ids);
    respond_page(x, shown, &page);
}

/* {file_id} of them. */
static void respond_file(struct http_exchange *x, const struct owner *owner, const json_t *ids)
{
    const char *id = http_param(x, "file_id");
    struct error e = {.code = ERROR_NOT_FOUND};
    cleanup_json json_t *shown = show_all(x, owner, ids);
    const json_t *file = object_of_id(shown, id);
    if (file)
        respond_json(x, file);
    else
        no_object(x, "file", id, &e);
}

/* ---- of assistants ---- */

static json_t *ids_of(const json_t *assistant)
{
    return tool_resources_files(json_object_get(assistant, "tool_resources"));
}

void assistant_files_list(struct http_exchange *x)
{
    cleanup_json json_t *assistant = assistant_find(x);
    struct owner owner = of_assistant(assistant);
    if (assistant)
        respond_files(x, &owner, ids_of(assistant));
}

void assistant_files_get(struct http_exchange *x)
{
    cleanup_json json_t *assistant = assistant_find(x);
    struct owner owner = of_assistant(assistant);
    if (assistant)
        respond_file(x, &owner, ids_of(assistant));
}

static size_t place_of(const json_t *ids, const char *id)
{
    const json_t *one;
    size_t i;
    json_array_foreach (ids, i, one)
        if (strcmp(json_string_value(one), id) == 0)
            return i;
    return SIZE_MAX;
}

/* Puts `ids` in the place of the assistant's. */
static int put_ids(struct http_exchange *x, json_t *assistant, const json_t *ids, struct error *e)
{
    json_t *resources = json_object_get(assistant, "tool_resources");
    if (!json_is_object(resources))
        json_object_set_new(assistant, "tool_resources", resources = json_object());
    json_object_set_new(
        resources, "code_interpreter", json_pack("{s:O}", "file_ids", (json_t *)ids));
    return assistant_put(api_of(x), access_project(x), assistant, e);
}

/* Once more is the same as once. */
static int give(struct http_exchange *x, json_t *assistant, const char *id, struct error *e)
{
    json_t *before = ids_of(assistant);
    cleanup_json json_t *ids = before ? json_copy(before) : json_array();
    if (place_of(ids, id) != SIZE_MAX)
        return 0;
    if (json_array_size(ids) >= THREAD_FILES_MAX)
        return error_param(e, ERROR_INVALID_VALUE, "file_id",
            "An assistant may have at most %d files.", THREAD_FILES_MAX);
    json_array_append_new(ids, json_string(id));
    return put_ids(x, assistant, ids, e);
}

static int take(struct http_exchange *x, json_t *assistant, const char *id, struct error *e)
{
    json_t *before = ids_of(assistant);
    char brief[72];
    size_t i = place_of(before, id);
    if (i == SIZE_MAX)
        return error_set(
            e, ERROR_NOT_FOUND, ENOENT, "No file found with id '%s'.", json_in_brief(brief, id));
    cleanup_json json_t *ids = json_copy(before);
    json_array_remove(ids, i);
    return put_ids(x, assistant, ids, e);
}

/* One change of {assistant_id}; 0, else answered. */
static int change(struct http_exchange *x, const char *file_id,
    int (*how)(struct http_exchange *x, json_t *assistant, const char *id, struct error *e))
{
    const char *id = object_id(x, "assistant_id", "asst_");
    cleanup_json json_t *assistant = NULL;
    struct error e = {0};
    if (!id)
        return -EINVAL;
    assistant_lock(id);
    int r = assistant_get(api_of(x), access_project(x), id, &assistant, &e);
    if (r == 0)
        r = how(x, assistant, file_id, &e);
    assistant_unlock(id);
    if (r < 0)
        http_error(x, &e);
    return r;
}

void assistant_files_create(struct http_exchange *x)
{
    cleanup_json json_t *root = NULL;
    struct store_file file = {0};
    struct json_in in;
    struct error e = {0};
    if (api_body_json(x, &root) < 0)
        return;
    json_in_begin(&in, root, "", JSON_OPENAI, &e);
    const char *id = json_in_string(&in, "file_id", JSON_REQUIRED, 64);
    int r = json_in_end(&in);
    if (r == 0)
        r = file_get(api_of(x), access_project(x), id, "file_id", &file, &e);
    if (r < 0) {
        http_error(x, &e);
    } else if (change(x, id, give) == 0) {
        struct owner owner = {http_param(x, "assistant_id"), "assistant.file", "assistant_id"};
        cleanup_json json_t *shown = show(&owner, &file);
        respond_json(x, shown);
    }
    store_file_deinit(&file);
}

void assistant_files_delete(struct http_exchange *x)
{
    const char *id = http_param(x, "file_id");
    if (change(x, id, take) == 0)
        api_respond_deleted(x, id, "assistant.file.deleted");
}

/* ---- of messages ---- */

static void respond_of_message(struct http_exchange *x,
    void (*respond)(struct http_exchange *x, const struct owner *owner, const json_t *ids))
{
    struct store_item row;
    cleanup_json json_t *message = message_find(x, &row);
    store_item_deinit(&row);
    if (!message)
        return;
    struct owner owner = {json_text(message, "id"), "thread.message.file", "message_id"};
    cleanup_json json_t *ids = message_files(message);
    respond(x, &owner, ids);
}

void message_files_list(struct http_exchange *x) { respond_of_message(x, respond_files); }

void message_files_get(struct http_exchange *x) { respond_of_message(x, respond_file); }
