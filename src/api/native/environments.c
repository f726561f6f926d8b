#include "api/native/native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "env/environment.h"

static void field_json(struct json_writer *w, const char *key, const json_t *value)
{
    cleanup_free char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (text)
        jw_field_raw(w, key, text, strlen(text));
    else
        jw_field_null(w, key);
}

static void encode_environment(struct json_writer *w, const struct environment *env, bool is_default)
{
    jw_begin_object(w);
    jw_field_string(w, "id", env->name);
    jw_field_string(w, "object", "environment");
    jw_field_string(w, "name", env->name);
    jw_field_bool(w, "default", is_default);
    jw_field_int(w, "created_at", env->created_at);
    jw_field_string(w, "python_version", env->python_version[0] ? env->python_version : NULL);
    jw_field_string(w, "source", env->source);
    jw_field_int(w, "size_bytes", env->size_bytes);
    field_json(w, "packages", env->packages);
    field_json(w, "requirements", env->requirements);
    field_json(w, "missing", env->missing);
    jw_end(w);
}

static int load_list(struct api *api, struct environment **list, size_t *n, struct error *e)
{
    int r = environment_list(api->environments_dir, list, n);
    return r < 0 ? error_set(e, ERROR_INTERNAL, -r, "The environments cannot be read.") : 0;
}

void environments_get(struct http_exchange *x)
{
    struct api *api = api_of(x);
    struct environment *list = NULL;
    struct error e = { 0 };
    size_t n = 0;
    if (load_list(api, &list, &n, &e) < 0) {
        http_error(x, &e);
        return;
    }
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    struct json_writer w = JSON_WRITER(&text);
    list_begin(&w);
    for (size_t i = 0; i < n; i++)
        encode_environment(&w, &list[i], strcmp(list[i].name, api->default_environment) == 0);
    list_end(&w, n ? list[0].name : NULL, n ? list[n - 1].name : NULL, false);
    environment_list_free(list, n);
    http_respond_json(x, 200, &text);
}

/* ---- build ------------------------------------------------------------------------------------------------- */

enum { REQUIREMENTS_MAX = 1000, REQUIREMENT_BYTES_MAX = 500 };

struct build_stream {
    struct http_exchange *x;
    uint64_t sequence;
    bool gone;
};

static struct json_writer open_build_event(struct build_stream *s, struct strbuf *text, const char *type)
{
    struct json_writer w = JSON_WRITER(text);
    jw_begin_object(&w);
    jw_field_string(&w, "type", type);
    jw_field_uint(&w, "sequence_number", s->sequence++);
    return w;
}

static void send_build_event(struct build_stream *s, struct json_writer *w, const char *type)
{
    jw_end(w);
    s->gone = s->gone || w->out->failed || http_sse_event(s->x, type, w->out->data, w->out->length) < 0;
}

static bool on_progress(void *context, const char *json)
{
    struct build_stream *s = context;
    cleanup_strbuf struct strbuf text = STRBUF_INIT(1 << 20);
    struct json_writer w = open_build_event(s, &text, "environment.progress");
    jw_field_raw(&w, "progress", json, strlen(json));
    send_build_event(s, &w, "environment.progress");
    s->gone = s->gone || http_client_gone(s->x);
    return !s->gone;
}

static void finish_build(struct build_stream *s, const char *name, int r, const struct error *failed)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    struct environment env;
    struct error e = *failed;
    if (r == 0)
        r = environment_load(api_of(s->x)->environments_dir, name, &env, &e);
    const char *type = r == 0 ? "environment.completed" : "environment.failed";
    struct json_writer w = open_build_event(s, &text, type);
    if (r == 0) {
        jw_key(&w, "environment");
        encode_environment(&w, &env, strcmp(name, api_of(s->x)->default_environment) == 0);
        environment_deinit(&env);
    } else {
        jw_field_string(&w, "name", name);
        jw_field_object(&w, "error");
        jw_field_string(&w, "message", e.message);
        jw_field_string(&w, "type", error_wire_type(e.code));
        jw_field_null(&w, "param");
        jw_field_string(&w, "code", error_wire_code(e.code));
        jw_end(&w);
    }
    send_build_event(s, &w, type);
    if (!s->gone)
        http_stream_end(s->x);
}

/* The requirements, one a line. A line break within one would be another. */
static void join_requirements(struct json_in *in, json_t *array, struct strbuf *out)
{
    json_t *value;
    size_t i;
    json_array_foreach(array, i, value) {
        const char *text = json_string_value(value);
        if (text[strcspn(text, "\r\n")] || text[0] == '-')
            json_in_fail(in, ERROR_INVALID_VALUE, "requirements",
                         "Invalid 'requirements[%zu]': expected a requirement such as 'pandas>=3'.", i);
        strbuf_puts(out, text);
        strbuf_puts(out, "\n");
    }
}

void environments_post(struct http_exchange *x)
{
    struct api *api = api_of(x);
    cleanup_json json_t *root = NULL;
    cleanup_strbuf struct strbuf requirements = STRBUF_INIT(1 << 20);
    struct build_stream stream = { .x = x };
    struct json_in in;
    struct error e = { 0 };
    size_t n;
    if (api_body_json(x, &root) < 0)
        return;
    json_in_begin(&in, root, "", JSON_OURS, &e);
    struct build_request request = { .project = access_project(x) };
    request.name = json_in_string(&in, "name", JSON_REQUIRED, 63);
    if (request.name && (!environment_name_valid(request.name) || strcmp(request.name, ENVIRONMENT_BASE) == 0))
        json_in_fail(&in, ERROR_INVALID_VALUE, "name",
                     "Invalid 'name': expected lower-case letters, digits, '.', '_' and '-', and not 'base'.");
    if (!json_in_has(&in, "requirements"))
        json_in_object(&in, "requirements", JSON_REQUIRED);
    json_t *array = json_in_strings(&in, "requirements", REQUIREMENTS_MAX, REQUIREMENT_BYTES_MAX, &n);
    if (array && !in.failed)
        join_requirements(&in, array, &requirements);
    request.python = json_in_string(&in, "python", JSON_OPTIONAL, 255);
    request.requirements = strbuf_text(&requirements);
    int r = json_in_end(&in);
    if (r == 0 && !api->build_environment)
        r = error_set(&e, ERROR_BAD_REQUEST, 0,
                      "This server builds no environments. Run `cloche env build %s` beside it: sessions made "
                      "after that have it.", request.name);
    if (r < 0) {
        http_error(x, &e);
        return;
    }
    stream.gone = http_sse_begin(x) < 0;
    r = api->build_environment(api->build_context, &request, on_progress, &stream, &e);
    finish_build(&stream, request.name, r, &e);
}
