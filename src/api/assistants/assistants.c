/* /v1/assistants: how runs are to be made, under a name. What is kept is the object as the wire shows it. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/assistants/assistants.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/ids.h"

enum {
    MODEL_BYTES_MAX = 255,
    NAME_BYTES_MAX = 256 * 4,
    DESCRIPTION_BYTES_MAX = 512 * 4,
    LOCKS = 64
};

static int no_assistant(const char *id, struct error *e)
{
    char brief[72];
    return error_set(
        e, ERROR_NOT_FOUND, ENOENT, "No assistant found with id '%s'.", json_in_brief(brief, id));
}

int assistant_get(
    struct api *api, const char *project, const char *id, json_t **ret, struct error *e)
{
    struct store_assistant a;
    int r = id_valid(id) ? store_assistant_get(api->store, project, id, &a, e) : -ENOENT;
    if (r < 0)
        return r == -ENOENT ? no_assistant(id, e) : r;
    *ret = json_loads(a.data, JSON_ALLOW_NUL, NULL);
    store_assistant_deinit(&a);
    return *ret ? 0 : no_memory_error(e);
}

/* By id, so that who changes one waits for the disk only with those who change the same. */
static pthread_mutex_t changing[LOCKS] = {[0 ... LOCKS - 1] = PTHREAD_MUTEX_INITIALIZER};

static pthread_mutex_t *lock_of(const char *id) { return &changing[hash_text(id) % LOCKS]; }

void assistant_lock(const char *id) { pthread_mutex_lock(lock_of(id)); }

void assistant_unlock(const char *id) { pthread_mutex_unlock(lock_of(id)); }

int assistant_put(struct api *api, const char *project, const json_t *object, struct error *e)
{
    cleanup_free char *data = json_dumps(object, JSON_COMPACT);
    struct store_assistant a = {(char *)json_text(object, "id"), (char *)project, data, 0};
    int r = data ? store_assistant_update(api->store, &a, e) : no_memory_error(e);
    return r == -ENOENT ? no_assistant(a.id, e) : r;
}

/* ---- what a client may say ---- */

static void take_text(struct json_in *in, json_t *to, const char *name, size_t max)
{
    const char *text = json_in_string(in, name, JSON_OPTIONAL, max);
    if (text)
        json_object_set_new(to, name, json_string(text));
}

/* The same of what there may be none of: null takes it away. */
static void take_words(struct json_in *in, json_t *to, const char *name, size_t max)
{
    if (json_is_null(json_object_get(in->object, name)))
        json_object_set_new(to, name, json_null());
    take_text(in, to, name, max);
}

static void take_number(struct json_in *in, json_t *to, const char *name, double max)
{
    double n = json_in_number(in, name, NAN, 0, max);
    if (!isnan(n))
        json_object_set_new(to, name, json_real(n));
}

static void take_tools(struct json_in *in, json_t *to)
{
    struct response_tools tools;
    json_t *words = NULL;
    bool given = json_in_has(in, "tools");
    tools_read(in, &tools, &words);
    if (given && !in->failed)
        json_object_set(to, "tools", json_object_get(in->object, "tools"));
    response_tools_deinit(&tools);
    json_decref(words);
}

/* Every field that is there takes the place of what `to` had. */
static void take_fields(struct json_in *in, json_t *to)
{
    static const char *const efforts[] = {
        "none", "minimal", "low", "medium", "high", "xhigh", "max", NULL};
    take_text(in, to, "model", MODEL_BYTES_MAX);
    take_words(in, to, "name", NAME_BYTES_MAX);
    take_words(in, to, "description", DESCRIPTION_BYTES_MAX);
    take_words(in, to, "instructions", ASSISTANT_INSTRUCTIONS_MAX * 4);
    take_tools(in, to);
    json_t *resources = tool_resources_read(in);
    if (resources)
        json_object_set_new(to, "tool_resources", resources);
    take_number(in, to, "temperature", 2);
    take_number(in, to, "top_p", 1);
    const char *effort = json_in_word(in, "reasoning_effort", efforts, NULL);
    if (effort)
        json_object_set_new(to, "reasoning_effort", json_string(effort));
    bool format = json_in_has(in, "response_format");
    json_decref(format_read(in));
    if (format && !in->failed)
        json_object_set(to, "response_format", json_object_get(in->object, "response_format"));
    bool metadata = json_in_has(in, "metadata");
    json_t *map = metadata_read(in);
    if (metadata)
        json_object_set(to, "metadata", map);
    json_decref(map);
}

static bool has_interpreter(const json_t *assistant)
{
    const json_t *tool;
    size_t i;
    json_array_foreach (json_object_get(assistant, "tools"), i, tool)
        if (item_is(tool, "code_interpreter"))
            return true;
    return false;
}

/* An interpreter shows its files, also none. */
static void complete(json_t *assistant)
{
    json_t *resources = json_object_get(assistant, "tool_resources");
    if (!json_is_object(resources)) {
        json_object_set_new(assistant, "tool_resources", json_object());
        resources = json_object_get(assistant, "tool_resources");
    }
    if (has_interpreter(assistant) && !json_object_get(resources, "code_interpreter"))
        json_object_set_new(resources, "code_interpreter", json_pack("{s:[]}", "file_ids"));
}

/* ---- handlers ---- */

static void show(struct http_exchange *x, json_t *assistant)
{
    show_file_ids(x, assistant, tool_resources_files(json_object_get(assistant, "tool_resources")));
}

void assistants_create(struct http_exchange *x)
{
    cleanup_json json_t *root = NULL, *made = NULL;
    cleanup_free char *data = NULL;
    struct json_in in;
    struct error e = {0};
    char id[ID_SIZE];
    int64_t now = clock_realtime_s();
    if (api_body_json(x, &root) < 0)
        return;
    id_new(id, "asst_", 24);
    made = json_pack("{s:s,s:s,s:I,s:n,s:n,s:n,s:n,s:[],s:n,s:{},s:f,s:f,s:s}", "id", id, "object",
        "assistant", "created_at", (json_int_t)now, "name", "description", "model", "instructions",
        "tools", "tool_resources", "metadata", "temperature", 1.0, "top_p", 1.0, "response_format",
        "auto");
    json_in_begin(&in, root, "", JSON_OPENAI, &e);
    json_in_string(&in, "model", JSON_REQUIRED, MODEL_BYTES_MAX);
    take_fields(&in, made);
    int r = json_in_end(&in);
    if (r == 0)
        r = tool_resources_check(
            api_of(x), access_project(x), json_object_get(made, "tool_resources"), &e);
    complete(made);
    if (r == 0 && !(data = json_dumps(made, JSON_COMPACT)))
        r = no_memory_error(&e);
    struct store_assistant a = {id, (char *)access_project(x), data, now};
    if (r == 0)
        r = store_assistant_insert(api_of(x)->store, &a, &e);
    if (r < 0) {
        http_error(x, &e);
        return;
    }
    show(x, made);
    respond_json(x, made);
}

json_t *assistant_find(struct http_exchange *x)
{
    const char *id = object_id(x, "assistant_id", "asst_");
    json_t *found = NULL;
    struct error e = {0};
    if (id && assistant_get(api_of(x), access_project(x), id, &found, &e) < 0)
        http_error(x, &e);
    return found;
}

void assistants_get(struct http_exchange *x)
{
    cleanup_json json_t *found = assistant_find(x);
    if (!found)
        return;
    show(x, found);
    respond_json(x, found);
}

static int modify(struct http_exchange *x, json_t *found, json_t *root, struct error *e)
{
    struct json_in in;
    cleanup_json json_t *before = json_incref(json_object_get(found, "tool_resources"));
    json_in_begin(&in, root, "", JSON_OPENAI, e);
    take_fields(&in, found);
    int r = json_in_end(&in);
    json_t *resources = json_object_get(found, "tool_resources");
    /* those that it had may have been deleted since: it goes on without them */
    if (r == 0 && resources != before)
        r = tool_resources_check(api_of(x), access_project(x), resources, e);
    complete(found);
    return r < 0 ? r : assistant_put(api_of(x), access_project(x), found, e);
}

void assistants_modify(struct http_exchange *x)
{
    cleanup_json json_t *root = NULL, *found = NULL;
    const char *id = object_id(x, "assistant_id", "asst_");
    struct error e = {0};
    if (!id || api_body_json(x, &root) < 0)
        return;
    assistant_lock(id);
    int r = assistant_get(api_of(x), access_project(x), id, &found, &e);
    if (r == 0)
        r = modify(x, found, root, &e);
    assistant_unlock(id);
    if (r < 0) {
        http_error(x, &e);
        return;
    }
    show(x, found);
    respond_json(x, found);
}

void assistants_list(struct http_exchange *x)
{
    struct store_assistants list = {0};
    struct store_page page;
    struct error e = {0};
    if (list_page(x, &page) < 0)
        return;
    if (store_assistant_list(api_of(x)->store, access_project(x), &page, &list, &e) < 0) {
        http_error(x, &e);
        return;
    }
    json_t *objects[100];
    size_t n = list.count;
    for (size_t i = 0; i < n; i++) {
        objects[i] = json_loads(list.items[i].data, JSON_ALLOW_NUL, NULL);
        show(x, objects[i]);
    }
    bool more = list.has_more;
    store_assistants_deinit(&list);
    respond_list(x, objects, n, more);
}

void assistants_delete(struct http_exchange *x)
{
    const char *id = object_id(x, "assistant_id", "asst_");
    struct error e = {0};
    if (!id)
        return;
    if (store_assistant_delete(api_of(x)->store, access_project(x), id, &e) < 0)
        no_object(x, "assistant", id, &e);
    else
        api_respond_deleted(x, id, "assistant.deleted");
}
