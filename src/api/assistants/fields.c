/* Fields that several of the requests have. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/assistants/assistants.h"
#include "api/chat/chat.h"

/* ---- files ---- */

static void refuse_search(struct json_in *in, json_t *search)
{
    if (json_array_size(json_object_get(search, "vector_store_ids")) > 0 ||
        json_array_size(json_object_get(search, "vector_stores")) > 0)
        json_in_fail(in, ERROR_UNSUPPORTED_TOOL, "tool_resources.file_search",
            "Unsupported tool: 'file_search' is not available on this server: it has no vector "
            "stores. Give files to the code interpreter by "
            "'tool_resources.code_interpreter.file_ids'.");
}

json_t *tool_resources_read(struct json_in *in)
{
    struct json_in outer, inner;
    size_t n, older;
    json_t *given = json_in_object(in, "tool_resources", JSON_OPTIONAL);
    json_t *own = json_in_strings(in, "file_ids", THREAD_FILES_MAX, 64, &older);
    chat_sub_begin(&outer, in, given, "tool_resources.");
    json_t *interpreter = json_in_object(&outer, "code_interpreter", JSON_OPTIONAL);
    refuse_search(&outer, json_in_object(&outer, "file_search", JSON_OPTIONAL));
    chat_sub_begin(&inner, &outer, interpreter, "tool_resources.code_interpreter.");
    json_t *ids = json_in_strings(&inner, "file_ids", THREAD_FILES_MAX, 64, &n);
    chat_sub_end(&inner, &outer);
    chat_sub_end(&outer, in);
    if (in->failed || (!given && older == 0))
        return NULL;
    json_t *all = json_array(), *made = json_object();
    if (n)
        json_array_extend(all, ids);
    if (older)
        json_array_extend(all, own);
    if (interpreter || older)
        json_object_set_new(made, "code_interpreter", json_pack("{s:O}", "file_ids", all));
    json_decref(all);
    return made;
}

json_t *tool_resources_files(const json_t *resources)
{
    return json_object_get(json_object_get(resources, "code_interpreter"), "file_ids");
}

int file_get(struct api *api, const char *project, const char *id, const char *param,
    struct store_file *ret, struct error *e)
{
    char brief[72];
    int r = id_valid(id) ? store_file_get(api->store, project, id, ret, e) : -ENOENT;
    return r == -ENOENT ? error_param(e, ERROR_NOT_FOUND, param, "No such File object: %s",
                              json_in_brief(brief, id))
                        : r;
}

int tool_resources_check(
    struct api *api, const char *project, const json_t *resources, struct error *e)
{
    const json_t *id;
    size_t i;
    json_array_foreach (tool_resources_files(resources), i, id) {
        struct store_file file;
        int r = file_get(api, project, json_string_value(id),
            "tool_resources.code_interpreter.file_ids", &file, e);
        if (r < 0)
            return r;
        store_file_deinit(&file);
    }
    return 0;
}

void show_file_ids(struct http_exchange *x, json_t *object, const json_t *ids)
{
    if (beta_v1(x))
        json_object_set_new(object, "file_ids", ids ? json_copy((json_t *)ids) : json_array());
}

/* ---- tools ---- */

/* The first beta's name of file search. */
static void refuse_retrieval(struct json_in *in)
{
    const json_t *tool;
    size_t i;
    json_array_foreach (json_object_get(in->object, "tools"), i, tool)
        if (item_is(tool, "retrieval"))
            json_in_fail(in, ERROR_UNSUPPORTED_TOOL, "tools",
                "Unsupported tool: 'retrieval' (now 'file_search') is not available on this server. "
                "Supported values are: 'code_interpreter' and 'function'.");
}

void tools_read(struct json_in *in, struct response_tools *ret, json_t **ret_words)
{
    *ret = (struct response_tools){0};
    *ret_words = NULL;
    refuse_retrieval(in);
    chat_tools_read(in, ret, ret_words);
}

/* ---- response_format ---- */

json_t *format_read(struct json_in *in)
{
    const char *word = json_string_value(json_object_get(in->object, "response_format"));
    if (!word)
        return chat_format_read(in);
    json_in_has(in, "response_format");
    if (strcmp(word, "auto") != 0)
        json_in_fail(in, ERROR_INVALID_VALUE, "response_format",
            "Invalid 'response_format': expected 'auto' or an object.");
    return NULL;
}
