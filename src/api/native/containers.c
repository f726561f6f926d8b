#include "api/native/native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

enum { NAME_MAX_BYTES = 256 };

/* ---- create ---------------------------------------------------------------------------------------- */

/* Refuses every network policy but the one that is. */
static void read_network_policy(struct json_in *in, struct error *e)
{
    json_t *policy = json_in_object(in, "network_policy", JSON_OPTIONAL);
    if (!policy)
        return;
    struct json_in sub;
    json_in_begin(&sub, policy, "network_policy.", JSON_OPENAI, e);
    const char *type = json_in_string(&sub, "type", JSON_REQUIRED, 100);
    if (type && strcmp(type, "disabled") != 0)
        json_in_fail(in, ERROR_UNSUPPORTED_PARAMETER, "network_policy",
            "Unsupported parameter: 'network_policy' other than 'disabled' is not supported by "
            "this server.");
    if (json_in_end(&sub) < 0)
        in->failed = true;
}

static void read_expires_after(
    struct json_in *in, struct api *api, unsigned *minutes, struct error *e)
{
    static const char *const anchors[] = {"last_active_at", NULL};
    json_t *expires = json_in_object(in, "expires_after", JSON_OPTIONAL);
    if (!expires || in->failed)
        return;
    struct json_in sub;
    json_in_begin(&sub, expires, "expires_after.", JSON_OPENAI, e);
    if (!json_in_word(&sub, "anchor", anchors, NULL) && !sub.failed)
        json_in_string(&sub, "anchor", JSON_REQUIRED, 100);
    if (!json_in_has(&sub, "minutes"))
        json_in_object(&sub, "minutes", JSON_REQUIRED);
    *minutes = (unsigned)json_in_integer(&sub, "minutes", 0, 1, api->idle_minutes_max);
    if (json_in_end(&sub) < 0)
        in->failed = true;
}

static uint64_t read_memory_limit(struct json_in *in, enum json_need need)
{
    char brief[72];
    const char *text = json_in_string(in, "memory_limit", need, 64);
    if (!text)
        return 0;
    uint64_t bytes = memory_parse(text);
    if (!bytes)
        json_in_fail(in, ERROR_INVALID_VALUE, "memory_limit",
            "Invalid value: '%s'. Supported values are: '1g', '4g', '16g', '64g', and other sizes "
            "such as '512m'.",
            json_in_brief(brief, text));
    return bytes;
}

/* Reads the body into `spec` (borrowing from root) and the ids of the files to copy in. */
static int read_create(struct api *api, json_t *root, struct session_spec *spec, json_t **ret_ids,
    char **ret_metadata, struct error *e)
{
    struct json_in in;
    size_t n;
    json_in_begin(&in, root, "", JSON_OPENAI, e);
    spec->name = json_in_string(&in, "name", JSON_REQUIRED, NAME_MAX_BYTES);
    spec->environment = json_in_string(&in, "environment", JSON_OPTIONAL, 64);
    spec->memory_limit_bytes = read_memory_limit(&in, JSON_OPTIONAL);
    read_expires_after(&in, api, &spec->idle_minutes, e);
    *ret_ids = json_in_strings(&in, "file_ids", FILE_IDS_MAX, 100, &n);
    json_t *metadata = json_in_map(&in, "metadata", 16, 64, 512);
    read_network_policy(&in, e);
    json_in_unsupported(&in, "skills");
    if (json_in_bool(&in, "undo", false))
        json_in_unsupported(&in, "undo");
    int r = json_in_end(&in);
    if (r == 0 && metadata && !(*ret_metadata = json_dumps(metadata, JSON_COMPACT)))
        r = error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    return r;
}

void containers_create(struct http_exchange *x)
{
    struct api *api = api_of(x);
    cleanup_json json_t *root = NULL;
    cleanup_free char *metadata = NULL;
    cleanup_session struct session *session = NULL;
    struct session_spec spec = {.project = access_project(x)};
    struct inputs inputs = {0};
    struct error e = {0};
    json_t *ids;
    if (api_body_json(x, &root) < 0)
        return;
    int r = read_create(api, root, &spec, &ids, &metadata, &e);
    spec.metadata = metadata;
    if (r == 0)
        r = environment_allowed(x, spec.environment, &e);
    if (r == 0 && ids)
        r = inputs_open(&inputs, api, spec.project, ids, &e);
    if (r == 0)
        r = session_create(api->sessions, &spec, &session, &e);
    if (r == 0 && (r = inputs_copy(&inputs, session, &e)) < 0) {
        struct session_info info;
        session_info(session, &info);
        session_delete(api->sessions, spec.project, info.id, NULL);
        session_info_deinit(&info);
    }
    if (r < 0)
        http_error(x, &e);
    else
        respond_container(x, session);
    inputs_deinit(&inputs);
}

/* ---- list, retrieve, change, delete, restart ------------------------------------------------------------------ */

void containers_list(struct http_exchange *x)
{
    struct api *api = api_of(x);
    struct store_page page;
    struct session_info *infos = NULL;
    struct error e = {0};
    size_t n = 0;
    bool more = false;
    if (api_page(x, 20, 100, &page) < 0)
        return;
    if (sessions_list(api->sessions, access_project(x), http_query(x, "name"), page.after,
            (unsigned)page.limit, page.ascending, &infos, &n, &more, &e) < 0) {
        http_error(x, &e);
        return;
    }
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    struct json_writer w = JSON_WRITER(&text);
    list_begin(&w);
    for (size_t i = 0; i < n; i++) {
        cleanup_session struct session *session = NULL;
        struct session_usage usage;
        bool alive =
            session_find(api->sessions, access_project(x), infos[i].id, &session, NULL) == 0;
        if (alive)
            session_usage(session, &usage);
        encode_container(&w, &infos[i], alive ? &usage : NULL);
    }
    list_end(&w, n ? infos[0].id : NULL, n ? infos[n - 1].id : NULL, more);
    session_infos_free(infos, n);
    http_respond_json(x, 200, &text);
}

void containers_get(struct http_exchange *x)
{
    cleanup_session struct session *session = api_session(x);
    if (session && api_look(x, session) == 0)
        respond_container(x, session);
}

void containers_change(struct http_exchange *x)
{
    cleanup_session struct session *session = api_session(x);
    cleanup_json json_t *root = NULL;
    struct json_in in;
    struct error e = {0};
    if (!session || api_body_json(x, &root) < 0)
        return;
    json_in_begin(&in, root, "", JSON_OURS, &e);
    uint64_t bytes = read_memory_limit(&in, JSON_REQUIRED);
    int r = json_in_end(&in);
    if (r == 0)
        r = session_raise_memory(session, bytes, &e);
    if (r < 0)
        http_error(x, &e);
    else
        respond_container(x, session);
}

void containers_delete(struct http_exchange *x)
{
    const char *id = http_param(x, "container_id");
    struct error e = {0};
    if (!id_valid(id))
        api_no_container(x, id);
    else if (session_delete(api_of(x)->sessions, access_project(x), id, &e) < 0)
        http_error(x, &e);
    else
        api_respond_deleted(x, id, "container.deleted");
}

void containers_restart(struct http_exchange *x)
{
    cleanup_session struct session *session = api_session(x);
    struct error e = {0};
    if (!session)
        return;
    if (session_restart(session, &e) < 0)
        http_error(x, &e);
    else
        respond_container(x, session);
}
