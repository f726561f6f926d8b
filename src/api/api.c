#include "api/api.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/access.h"
#include "api/assistants/assistants.h"
#include "api/chat/chat.h"
#include "api/explorer/explorer.h"
#include "api/json_in.h"
#include "api/login.h"
#include "api/models.h"
#include "api/native/native.h"
#include "api/openapi/openapi.h"
#include "api/page/page.h"
#include "api/responses/responses.h"
#include "api/webhooks.h"

/* One table for each dialect. */
static const struct {
    const struct http_route *routes;
    const size_t *count;
} dialects[] = {
    {native_routes, &native_route_count},
    {page_routes, &page_route_count},
    {models_routes, &models_route_count},
    {responses_routes, &responses_route_count},
    {chat_routes, &chat_route_count},
    {explorer_routes, &explorer_route_count},
    {openapi_routes, &openapi_route_count},
    {login_routes, &login_route_count},
    {webhooks_routes, &webhooks_route_count},
    {assistants_routes, &assistants_route_count},
};

int api_routes(struct api *api)
{
    size_t n = 0, at = 0;
    for (size_t d = 0; d < sizeof dialects / sizeof *dialects; d++)
        n += *dialects[d].count;
    struct http_route *routes = calloc(n, sizeof *routes);
    if (!routes)
        return -ENOMEM;
    for (size_t d = 0; d < sizeof dialects / sizeof *dialects; d++) {
        memcpy(routes + at, dialects[d].routes, *dialects[d].count * sizeof *routes);
        at += *dialects[d].count;
    }
    for (size_t i = 0; i < n; i++)
        if (routes[i].body_max == BODY_UPLOAD)
            routes[i].body_max = api->upload_max_bytes + 64 * 1024;
    api->turns = turns_new();
    if (!api->turns) {
        free(routes);
        return -ENOMEM;
    }
    api->routes = routes;
    api->n_routes = n;
    return 0;
}

const struct run_dialect *api_run_dialects(struct api *api, size_t *ret_n)
{
    api->run_dialects[0] = (struct run_dialect){.name = RESPONSES_DIALECT,
        .ended = responses_ended,
        .context = api,
        .action_completes = true};
    api->run_dialects[1] =
        (struct run_dialect){.name = EXPLORER_DIALECT, .ended = explorer_ended, .context = api};
    api->run_dialects[2] = (struct run_dialect){.name = ASSISTANTS_DIALECT,
        .ended = assistants_ended,
        .publish = assistants_publish,
        .context = api};
    *ret_n = sizeof api->run_dialects / sizeof *api->run_dialects;
    return api->run_dialects;
}

void api_deinit(struct api *api)
{
    free(api->routes);
    api->turns = turns_free(api->turns);
    api->routes = NULL;
    api->n_routes = 0;
}

int api_error_body(const struct http_exchange *x, const struct error *e, struct json_writer *w)
{
    static const char explorer[] = "/api/", said[] = "Error uploading file: ";
    if (strncmp(http_path(x), explorer, sizeof explorer - 1) != 0)
        return 0;
    /* what is refused before its handler runs, a body that is too large, has the same words */
    struct error upload = *e;
    if (strcmp(http_path(x), "/api/upload") == 0 && strcmp(http_method(x), "POST") == 0 &&
        e->code != ERROR_UNAUTHORIZED && e->code != ERROR_FORBIDDEN &&
        strncmp(e->message, said, sizeof said - 1) != 0) {
        error_set(&upload, e->code, 0, "%s%.200s", said, e->message);
        e = &upload;
    }
    return explorer_error_body(e, w);
}

int api_body_json(struct http_exchange *x, json_t **ret_root)
{
    return api_body_json_max(x, BODY_JSON_MAX, ret_root);
}

int api_body_json_max(struct http_exchange *x, size_t max, json_t **ret_root)
{
    cleanup_strbuf struct strbuf body = STRBUF_INIT(max);
    struct error e = {0};
    if (http_body_all(x, max, &body) < 0)
        return -EPROTO; /* the HTTP layer answers */
    if (json_in_parse(strbuf_text(&body), body.length, ret_root, &e) < 0) {
        http_error(x, &e);
        return -EINVAL;
    }
    return 0;
}

bool api_is_form(struct http_exchange *x)
{
    const char *type = http_header(x, "content-type");
    static const char form[] = "multipart/form-data";
    return type && strncasecmp(type, form, sizeof form - 1) == 0 &&
           strchr("; \t", type[sizeof form - 1]);
}

void api_no_container(struct http_exchange *x, const char *id)
{
    char brief[72];
    http_fail(
        x, ERROR_NOT_FOUND, NULL, "Container with id '%s' not found.", json_in_brief(brief, id));
}

struct session *api_session(struct http_exchange *x)
{
    const char *id = http_param(x, "container_id");
    struct session *session = NULL;
    struct error e = {0};
    if (strlen(id) > 64) {
        http_fail(x, ERROR_STRING_TOO_LONG, "container_id",
            "Invalid 'container_id': string too long. Expected a string with maximum length 64, "
            "but "
            "got a string with length %zu instead.",
            strlen(id));
        return NULL;
    }
    if (!id_valid(id)) {
        api_no_container(x, id);
        return NULL;
    }
    if (session_find(api_of(x)->sessions, access_project(x), id, &session, &e) < 0) {
        if (e.code == ERROR_NOT_FOUND)
            api_no_container(x, id);
        else
            http_error(x, &e);
        return NULL;
    }
    return session;
}

int api_look(struct http_exchange *x, struct session *session)
{
    const char *touch = http_query(x, "touch");
    char brief[72];
    if (!touch || strcmp(touch, "true") == 0) {
        session_touch(session);
    } else if (strcmp(touch, "false") != 0) {
        http_fail(x, ERROR_INVALID_VALUE, "touch",
            "Invalid value: '%s'. Supported values are: 'true' and 'false'.",
            json_in_brief(brief, touch));
        return -EINVAL;
    }
    return 0;
}

/* ---- lists ------------------------------------------------------------------------------------- */

int api_page(struct http_exchange *x, int default_limit, int max_limit, struct store_page *ret)
{
    struct error e = {0};
    int64_t limit = default_limit;
    const char *order = http_query(x, "order"), *after = http_query(x, "after");
    if (json_in_integer_text(
            "limit", http_query(x, "limit"), JSON_OPENAI, 1, max_limit, &limit, &e) < 0) {
        http_error(x, &e);
        return -EINVAL;
    }
    if (order && *order && strcmp(order, "asc") != 0 && strcmp(order, "desc") != 0) {
        char brief[72];
        http_fail(x, ERROR_INVALID_VALUE, "order",
            "Invalid value: '%s'. Supported values are: 'asc' and 'desc'.",
            json_in_brief(brief, order));
        return -EINVAL;
    }
    *ret = (struct store_page){.limit = (int)limit,
        .ascending = order && strcmp(order, "asc") == 0,
        .after = after && *after ? after : NULL};
    return 0;
}

void list_begin(struct json_writer *w)
{
    jw_begin_object(w);
    jw_field_string(w, "object", "list");
    jw_field_array(w, "data");
}

void list_end(struct json_writer *w, const char *first_id, const char *last_id, bool has_more)
{
    jw_end(w);
    jw_field_string(w, "first_id", first_id);
    jw_field_string(w, "last_id", last_id);
    jw_field_bool(w, "has_more", has_more);
    jw_end(w);
}

void api_respond_rows(struct http_exchange *x, const struct api_rows *rows)
{
    const char *first = NULL, *last = NULL;
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    struct json_writer w = JSON_WRITER(&text);
    list_begin(&w);
    for (size_t i = 0; i < rows->n; i++) {
        const void *item = (const char *)rows->items + i * rows->size;
        last = *(char *const *)item;
        first = first ? first : last;
        rows->write(&w, item);
    }
    list_end(&w, first, last, rows->has_more);
    http_respond_json(x, 200, &text);
}

void api_respond_deleted(struct http_exchange *x, const char *id, const char *object)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(4096);
    struct json_writer w = JSON_WRITER(&text);
    jw_begin_object(&w);
    jw_field_string(&w, "id", id);
    jw_field_string(&w, "object", object);
    jw_field_bool(&w, "deleted", true);
    jw_end(&w);
    http_respond_json(x, 200, &text);
}

/* ---- forms ----------------------------------------------------------------------------------------- */

int form_text(struct multipart *form, const char *name, char *out, size_t size, struct error *e)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(size - 1);
    int r = multipart_text(form, size - 1, &text, e);
    if (r < 0) {
        if (e->code != ERROR_NONE)
            snprintf(e->param, sizeof e->param, "%s", name);
        return r;
    }
    const char *bytes = strbuf_text(&text);
    if (memchr(bytes, 0, text.length))
        return error_param(e, ERROR_INVALID_VALUE, name,
            "Invalid '%s': the string contains a NUL character.", name);
    if (!json_in_utf8(bytes, text.length))
        return error_param(
            e, ERROR_INVALID_VALUE, name, "Invalid '%s': the string is not valid UTF-8.", name);
    memcpy(out, bytes, text.length + 1);
    return 0;
}

int form_filename(const struct multipart_part *part, char out[512], struct error *e)
{
    return api_filename(part->filename, "file", out, e);
}

int api_filename(const char *name, const char *param, char out[512], struct error *e)
{
    const char *slash = strrchr(name, '/'), *backslash = strrchr(name, '\\');
    const char *last = slash > backslash ? slash : backslash;
    if (last)
        name = last + 1;
    if (!*name)
        return error_param(
            e, ERROR_INVALID_VALUE, param, "Invalid '%s': it has no file name.", param);
    if (strlen(name) >= 512)
        return error_param(
            e, ERROR_INVALID_VALUE, param, "Invalid '%s': its name is too long.", param);
    memcpy(out, name, strlen(name) + 1);
    return workspace_path_check(out, strlen(out), param, e);
}

/* ---- bytes ------------------------------------------------------------------------------------------- */

int api_file_open(struct api *api, const char *project, const char *id, const char *param,
    struct store_file *ret_file, int *ret_fd, struct error *e)
{
    struct store_file file = {0};
    char brief[72];
    int r = id_valid(id) ? store_file_get(api->store, project, id, &file, e) : -ENOENT;
    if (r == -ENOENT) {
        error_param(e, ERROR_NOT_FOUND, param, "No such File object: %s", json_in_brief(brief, id));
        return -ENOENT;
    }
    if (r < 0)
        return r;
    int fd = store_blob_open(api->store, file.blob, e);
    if (fd < 0) {
        store_file_deinit(&file);
        return fd;
    }
    *ret_file = file;
    *ret_fd = fd;
    return 0;
}

int api_base64(const char *text, size_t n, void **ret, size_t *ret_n)
{
    size_t room = n / 4 * 3 + 4, length;
    void *bytes = malloc(room);
    if (!bytes)
        return -ENOMEM;
    if (sodium_base642bin(
            bytes, room, text, n, "\r\n \t", &length, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 &&
        sodium_base642bin(bytes, room, text, n, "\r\n \t", &length, NULL,
            sodium_base64_VARIANT_ORIGINAL_NO_PADDING) != 0) {
        free(bytes);
        return -EINVAL;
    }
    *ret = bytes;
    *ret_n = length;
    return 0;
}
