#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/assistants/assistants.h"

int no_memory_error(struct error *e)
{
    error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    return -ENOMEM;
}

bool beta_v1(struct http_exchange *x)
{
    const char *beta = http_header(x, "openai-beta");
    return beta && strstr(beta, "assistants=v1");
}

const char *object_id(struct http_exchange *x, const char *name, const char *prefix)
{
    const char *id = http_param(x, name);
    char brief[72];
    if (id_valid(id) && strncmp(id, prefix, strlen(prefix)) == 0)
        return id;
    http_fail(x, ERROR_INVALID_VALUE, name,
        "Invalid '%s': '%s'. Expected an ID that begins with '%.*s'.", name,
        json_in_brief(brief, id), (int)strcspn(prefix, "_"), prefix);
    return NULL;
}

void no_object(struct http_exchange *x, const char *what, const char *id, const struct error *e)
{
    char brief[72];
    if (e->code == ERROR_NOT_FOUND)
        http_fail(
            x, ERROR_NOT_FOUND, NULL, "No %s found with id '%s'.", what, json_in_brief(brief, id));
    else
        http_error(x, e);
}

int list_page(struct http_exchange *x, struct store_page *ret)
{
    const char *before = http_query(x, "before");
    if (api_page(x, 20, 100, ret) < 0)
        return -EINVAL;
    ret->before = before && *before ? before : NULL;
    if (!ret->after || !ret->before)
        return 0;
    http_fail(x, ERROR_EXCLUSIVE_PARAMETERS, "before",
        "Mutually exclusive parameters: only one of 'after' and 'before' may be given.");
    return -EINVAL;
}

void respond_json(struct http_exchange *x, const json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    if (text)
        http_respond(x, 200, "application/json", text, strlen(text));
    else
        http_fail(x, ERROR_INTERNAL, NULL, "Out of memory.");
    free(text);
}

void respond_list(struct http_exchange *x, json_t **objects, size_t n, bool has_more)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    struct json_writer w = JSON_WRITER(&text);
    list_begin(&w);
    for (size_t i = 0; i < n; i++) {
        char *one = objects[i] ? json_dumps(objects[i], JSON_COMPACT) : NULL;
        jw_raw(&w, one ? one : "null", one ? strlen(one) : 4);
        free(one);
    }
    list_end(&w, n ? json_text(objects[0], "id") : NULL, n ? json_text(objects[n - 1], "id") : NULL,
        has_more);
    for (size_t i = 0; i < n; i++)
        json_decref(objects[i]);
    http_respond_json(x, 200, &text);
}

json_t *metadata_read(struct json_in *in)
{
    json_t *map = json_in_map(in, "metadata", 16, 64, 512);
    return map ? json_incref(map) : json_object();
}

int metadata_replace(struct http_exchange *x, json_t *object, bool *ret_changed)
{
    cleanup_json json_t *root = NULL, *metadata = NULL;
    struct json_in in;
    struct error e = {0};
    int r = api_body_json(x, &root);
    if (r < 0)
        return r;
    json_in_begin(&in, root, "", JSON_OPENAI, &e);
    *ret_changed = json_in_has(&in, "metadata");
    metadata = metadata_read(&in);
    if ((r = json_in_end(&in)) < 0)
        http_error(x, &e);
    else if (*ret_changed)
        json_object_set(object, "metadata", metadata);
    return r;
}
