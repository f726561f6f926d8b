/* /v1/threads: conversations whose items are messages. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/assistants/assistants.h"
#include "base/clock.h"
#include "base/fd.h"

int thread_find(struct http_exchange *x, struct store_conversation *ret)
{
    const char *id = object_id(x, "thread_id", "thread_");
    struct error e = {0};
    if (!id)
        return -EINVAL;
    int r = store_conversation_get(api_of(x)->store, access_project(x), THREAD_KIND, id, ret, &e);
    if (r < 0)
        no_object(x, "thread", id, &e);
    return r;
}

static json_t *parsed(const char *text)
{
    json_t *value = text ? json_loads(text, JSON_ALLOW_NUL, NULL) : NULL;
    return value ? value : json_object();
}

/* What the thread names by itself, and every File that its messages brought. */
static json_t *resources_of(struct api *api, const struct store_conversation *c)
{
    struct store_conversation_file *files = NULL;
    size_t n = 0, k;
    json_t *resources = parsed(c->data), *ids = json_array(), *id;
    json_array_foreach (tool_resources_files(resources), k, id)
        json_array_append(ids, id);
    if (store_conversation_files_list(api->store, c->id, &files, &n, NULL) < 0)
        n = 0;
    for (size_t i = 0; i < n; i++) {
        bool known = !files[i].source_id || !files[i].by_message;
        json_array_foreach (ids, k, id)
            known |= !known && strcmp(json_string_value(id), files[i].source_id) == 0;
        if (!known)
            json_array_append_new(ids, json_string(files[i].source_id));
    }
    store_conversation_files_free(files, n);
    if (json_array_size(ids) > 0)
        json_object_set_new(resources, "code_interpreter", json_pack("{s:O}", "file_ids", ids));
    json_decref(ids);
    return resources;
}

json_t *thread_object(struct api *api, const struct store_conversation *c)
{
    return json_pack("{s:s,s:s,s:I,s:o,s:o}", "id", c->id, "object", "thread", "created_at",
        (json_int_t)c->created_at, "tool_resources", resources_of(api, c), "metadata",
        parsed(c->metadata));
}

int thread_make(struct http_exchange *x, json_t *body, const char *prefix,
    struct store_conversation *ret, struct error *e)
{
    struct api *api = api_of(x);
    cleanup_json json_t *metadata = NULL, *resources = NULL;
    cleanup_free char *metadata_text = NULL, *data = NULL;
    struct new_messages messages = {0};
    struct json_in in;
    char id[ID_SIZE];
    json_in_begin(&in, body, prefix, JSON_OPENAI, e);
    metadata = metadata_read(&in);
    resources = tool_resources_read(&in);
    messages_read(&in, "messages", &messages);
    int r = json_in_end(&in);
    if (r == 0)
        r = tool_resources_check(api, access_project(x), resources, e);
    if (r == 0)
        r = messages_check(api, access_project(x), &messages, e);
    if (r == 0 && (!(metadata_text = json_dumps(metadata, JSON_COMPACT)) ||
                      (resources && !(data = json_dumps(resources, JSON_COMPACT)))))
        r = no_memory_error(e);
    id_new(id, "thread_", 24);
    struct store_conversation c = {.id = id,
        .project = (char *)access_project(x),
        .kind = (char *)THREAD_KIND,
        .metadata = metadata_text,
        .data = data,
        .created_at = clock_realtime_s()};
    if (r == 0)
        r = store_conversation_insert(api->store, &c, e);
    if (r == 0 && (r = messages_append(api, c.project, id, &messages, e)) < 0)
        store_conversation_delete(api->store, c.project, id, NULL);
    if (r == 0)
        r = store_conversation_get(api->store, c.project, THREAD_KIND, id, ret, e);
    new_messages_deinit(&messages);
    return r;
}

static void respond_thread(struct http_exchange *x, const struct store_conversation *c)
{
    cleanup_json json_t *object = thread_object(api_of(x), c);
    respond_json(x, object);
}

void threads_create(struct http_exchange *x)
{
    cleanup_json json_t *root = NULL;
    struct store_conversation c;
    struct error e = {0};
    if (api_body_json_max(x, BODY_MODEL_MAX, &root) < 0)
        return;
    if (thread_make(x, root, "", &c, &e) < 0) {
        http_error(x, &e);
        return;
    }
    respond_thread(x, &c);
    store_conversation_deinit(&c);
}

void threads_get(struct http_exchange *x)
{
    struct store_conversation c;
    if (thread_find(x, &c) < 0)
        return;
    respond_thread(x, &c);
    store_conversation_deinit(&c);
}

/* Puts what is there of {"metadata","tool_resources"} in the place of what was. */
static int replace(
    struct http_exchange *x, json_t *root, struct store_conversation *c, struct error *e)
{
    cleanup_json json_t *metadata = NULL, *resources = NULL;
    struct json_in in;
    json_in_begin(&in, root, "", JSON_OPENAI, e);
    bool given = json_in_has(&in, "metadata");
    metadata = metadata_read(&in);
    resources = tool_resources_read(&in);
    int r = json_in_end(&in);
    if (r == 0)
        r = tool_resources_check(api_of(x), access_project(x), resources, e);
    if (r < 0)
        return r;
    char *text = given ? json_dumps(metadata, JSON_COMPACT) : NULL,
         *data = resources ? json_dumps(resources, JSON_COMPACT) : NULL;
    if (text) {
        free(c->metadata);
        c->metadata = text;
    }
    if (data) {
        free(c->data);
        c->data = data;
    }
    return store_conversation_update(api_of(x)->store, c, e);
}

void threads_modify(struct http_exchange *x)
{
    cleanup_json json_t *root = NULL;
    struct store_conversation c;
    struct error e = {0};
    if (thread_find(x, &c) < 0)
        return;
    if (api_body_json(x, &root) == 0) {
        if (replace(x, root, &c, &e) < 0)
            http_error(x, &e);
        else
            respond_thread(x, &c);
    }
    store_conversation_deinit(&c);
}

void threads_delete(struct http_exchange *x)
{
    struct api *api = api_of(x);
    struct store_conversation c;
    struct error e = {0};
    char active[ID_SIZE];
    struct run *run;
    if (thread_find(x, &c) < 0)
        return;
    if (store_run_active(api->store, c.project, c.id, active, NULL) == 0 &&
        run_find(api->runs, c.project, ASSISTANTS_DIALECT, active, &run, NULL) == 0) {
        run_cancel(run);
        run_unref(run);
    }
    if (store_conversation_delete(api->store, c.project, c.id, &e) < 0)
        no_object(x, "thread", c.id, &e);
    else
        api_respond_deleted(x, c.id, "thread.deleted");
    store_conversation_deinit(&c);
}
