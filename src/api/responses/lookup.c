#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/responses/responses.h"
#include "base/fd.h"

enum { PIECE = 64 * 1024 };

/* ---- bytes ---- */

static int read_all(int fd, struct strbuf *to)
{
    for (off_t offset = 0;;) {
        char *at = strbuf_reserve(to, PIECE);
        ssize_t n = at ? pread(fd, at, PIECE, offset) : -1;
        if (n < 0 && at && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 ? 0 : -EIO;
        to->length += (size_t)n;
        to->data[to->length] = 0;
        offset += n;
    }
}

int figure_read(void *context, const char *container_id, const char *file_id, struct strbuf *to)
{
    struct api *api = context;
    struct store_figure figure;
    int r = store_figure_get(api->store, container_id, file_id, &figure, NULL);
    if (r < 0)
        return r;
    cleanup_fd int fd = store_blob_open(api->store, figure.blob, NULL);
    store_figure_deinit(&figure);
    return fd < 0 ? fd : read_all(fd, to);
}

static int file_stat(void *context, const char *file_id, char **ret_name, int64_t *ret_bytes)
{
    const struct project_files *of = context;
    struct store_file file;
    int r = id_valid(file_id) ? store_file_get(of->api->store, of->project, file_id, &file, NULL)
                              : -ENOENT;
    if (r < 0)
        return r;
    *ret_name = take_ptr(file.filename);
    *ret_bytes = file.bytes;
    store_file_deinit(&file);
    return 0;
}

static int file_read(void *context, const char *file_id, struct strbuf *to)
{
    const struct project_files *of = context;
    struct store_file file;
    cleanup_fd int fd = -1;
    int r = api_file_open(of->api, of->project, file_id, "input", &file, &fd, NULL);
    if (r < 0)
        return r;
    store_file_deinit(&file);
    return read_all(fd, to);
}

struct file_source file_source_of(struct project_files *of)
{
    return (struct file_source){.stat = file_stat, .read = file_read, .context = of};
}

/* ---- items ---- */

static json_t *with_id(const json_t *items, const char *id)
{
    json_t *item;
    size_t i;
    json_array_foreach ((json_t *)items, i, item) {
        const char *of = json_text(item, "id");
        if (of && strcmp(of, id) == 0)
            return item;
    }
    return NULL;
}

/* Among what the run was given, or what it made. */
static int find_in_run(struct api *api, struct run *run, const char *id, bool input, json_t **ret)
{
    struct response_state state;
    int r = response_state_init(&state, api, run, NULL, NULL, NULL, NULL);
    if (r < 0)
        return r;
    if (!input)
        response_state_catch_up(&state, NULL);
    const json_t *found = with_id(input ? json_object_get(state.info.request, "input")
                                        : response_encoder_items(state.encoder),
        id);
    bool stored = state.info.stored;
    if (found && stored)
        *ret = json_deep_copy(found);
    response_state_deinit(&state);
    return !found || !stored ? -ENOENT : *ret ? 0 : -ENOMEM;
}

int item_find(struct api *api, const char *project, const char *id, json_t **ret)
{
    char run_id[ID_SIZE];
    struct run *run;
    unsigned n;
    if (!id_valid(id) || !id_parent(run_id, "resp_", id, &n) ||
        run_find(api->runs, project, RESPONSES_DIALECT, run_id, &run, NULL) < 0)
        return -ENOENT;
    return find_in_run(api, run, id, n > INPUT_CHILD, ret);
}

/* An item that was put into the conversation by itself. */
static int find_in_conversation(
    struct api *api, const char *conversation_id, const char *id, json_t **ret)
{
    struct store_item item;
    int r = store_item_get(api->store, conversation_id, id, &item, NULL);
    if (r < 0)
        return r;
    *ret = json_loads(item.json, JSON_ALLOW_NUL, NULL);
    store_item_deinit(&item);
    return *ret ? 0 : -ENOENT;
}

static int resolve_reference(struct api *api, const char *project, const char *conversation_id,
    json_t *items, size_t i, struct error *e)
{
    const char *id = json_text(json_array_get(items, i), "id");
    json_t *found = NULL;
    char brief[72];
    int r = item_find(api, project, id, &found);
    if (r < 0 && conversation_id)
        r = find_in_conversation(api, conversation_id, id, &found);
    if (r < 0) {
        error_param(e, ERROR_NOT_FOUND, "input",
            "Item with id '%s' not found. Items are not persisted when `store` is set to false. Try "
            "again with `store` set to true, or remove this item from your input.",
            json_in_brief(brief, id));
        return -ENOENT;
    }
    return json_array_set_new(items, i, found);
}

int items_resolve(struct api *api, const char *project, const char *conversation_id, json_t *items,
    struct error *e)
{
    json_t *item, *whole;
    size_t i;
    json_array_foreach (items, i, item) {
        if (item_is(item, "item_reference")) {
            int r = resolve_reference(api, project, conversation_id, items, i, e);
            if (r < 0)
                return r;
        } else if (item_is(item, "code_interpreter_call") &&
                   !json_is_array(json_object_get(item, "outputs")) &&
                   item_find(api, project, json_text(item, "id"), &whole) == 0) {
            json_object_set(item, "outputs", json_object_get(whole, "outputs"));
            json_decref(whole);
        }
    }
    return 0;
}

/* ---- conversations ---- */

struct heard {
    json_t *context;
    char *container_id; /* ID_SIZE */
};

static int add_to_context(void *context, const struct store_item *item)
{
    const struct heard *heard = context;
    cleanup_json json_t *shown = json_loads(item->json, JSON_ALLOW_NUL, NULL);
    cleanup_json json_t *transcript =
        item->transcript ? json_loads(item->transcript, JSON_ALLOW_NUL, NULL) : NULL;
    const char *container = json_text(shown, "container_id");
    if (item_is(shown, "code_interpreter_call") && container && strlen(container) < ID_SIZE)
        snprintf(heard->container_id, ID_SIZE, "%s", container);
    return transcript && json_array_extend(heard->context, transcript) < 0 ? -ENOMEM : 0;
}

int conversation_context(struct api *api, const char *project, const char *id, json_t *context,
    char container_id[ID_SIZE], struct error *e)
{
    struct store_conversation conversation;
    struct heard heard = {context, container_id};
    char brief[72];
    container_id[0] = 0;
    int r = store_conversation_get(api->store, project, "conversation", id, &conversation, e);
    if (r == -ENOENT)
        error_set(e, ERROR_NOT_FOUND, ENOENT, "Conversation with id '%s' not found.",
            json_in_brief(brief, id));
    if (r < 0)
        return r;
    store_conversation_deinit(&conversation);
    r = store_items_each(api->store, id, false, STORE_ITEMS_MANY, add_to_context, &heard, e);
    if (r == -ENOMEM)
        error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    return r;
}
