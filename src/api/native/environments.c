#include "api/native/native.h"

#include <ctype.h>
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

static void encode_environment(
    struct json_writer *w, const struct environment *env, bool is_default)
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
    const char *first = NULL, *last = NULL;
    struct error e = {0};
    size_t n = 0;
    if (load_list(api, &list, &n, &e) < 0) {
        http_error(x, &e);
        return;
    }
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    struct json_writer w = JSON_WRITER(&text);
    list_begin(&w);
    for (size_t i = 0; i < n; i++) {
        if (!environment_visible(&list[i], access_project(x)))
            continue;
        last = list[i].name;
        first = first ? first : last;
        encode_environment(&w, &list[i], strcmp(last, api->default_environment) == 0);
    }
    list_end(&w, first, last, false);
    environment_list_free(list, n);
    http_respond_json(x, 200, &text);
}

int environment_allowed(struct http_exchange *x, const char *name, struct error *e)
{
    struct api *api = api_of(x);
    struct environment env;
    if (!name || strcmp(name, ENVIRONMENT_BASE) == 0 ||
        strcmp(name, api->default_environment) == 0 ||
        environment_load(api->environments_dir, name, &env, NULL) < 0)
        return 0; /* what is not built is refused by who would use it */
    bool visible = environment_visible(&env, access_project(x));
    environment_deinit(&env);
    if (visible)
        return 0;
    return error_set(e, ERROR_ENVIRONMENT_NOT_BUILT, ENOENT,
        "The environment '%s' is not built. Build it with: cloche env build %s", name, name);
}

/* ---- build ------------------------------------------------------------------------------------------------- */

enum { REQUIREMENTS_MAX = 1000, REQUIREMENT_BYTES_MAX = 500 };

struct build_stream {
    struct http_exchange *x;
    uint64_t sequence;
    bool begun, gone;
    struct error failed; /* as the builder put it */
};

static struct json_writer open_build_event(
    struct build_stream *s, struct strbuf *text, const char *type)
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
    if (!s->begun)
        s->gone = http_sse_begin(s->x) < 0;
    s->begun = true;
    s->gone =
        s->gone || w->out->failed || http_sse_event(s->x, type, w->out->data, w->out->length) < 0;
}

/* The builder's own last words; its code is one of our table's. */
static void read_failure(struct build_stream *s, json_t *line)
{
    json_t *error = json_object_get(line, "error");
    const char *code = json_string_value(json_object_get(error, "code"));
    const char *message = json_string_value(json_object_get(error, "message"));
    enum error_code known = ERROR_INTERNAL;
    for (int c = 0; code && c < ERROR_COUNT; c++)
        if (strcmp(error_wire_code(c), code) == 0)
            known = c;
    error_set(&s->failed, known, 0, "%s", message ? message : "The build failed.");
}

static void tick(struct build_stream *s)
{
    if (s->begun && http_sse_due(s->x))
        s->gone = s->gone || http_sse_comment(s->x, "keep-alive") < 0;
    s->gone = s->gone || http_client_gone(s->x);
}

/* Progress and notes go on as progress; how it ended is told when it has ended. */
static bool on_line(void *context, const char *text)
{
    struct build_stream *s = context;
    if (!text) {
        tick(s);
        return !s->gone;
    }
    cleanup_json json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *type = json_string_value(json_object_get(line, "type"));
    if (type && strcmp(type, "environment.failed") == 0)
        read_failure(s, line);
    if (!type ||
        (strcmp(type, "environment.progress") != 0 && strcmp(type, "environment.note") != 0))
        return true;
    cleanup_strbuf struct strbuf event = STRBUF_INIT(1 << 20);
    struct json_writer w = open_build_event(s, &event, "environment.progress");
    static const char *const fields[] = {"name", "phase", "done", "total", "detail", "text"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (json_object_get(line, fields[i]))
            field_json(&w, fields[i], json_object_get(line, fields[i]));
    send_build_event(s, &w, "environment.progress");
    return !s->gone;
}

static void finish_build(struct build_stream *s, const char *name, int r, struct error *e)
{
    struct environment env;
    if (r < 0 && !s->begun && e->code != ERROR_INTERNAL) {
        http_error(s->x, e); /* it did not begin */
        return;
    }
    if (r < 0 && s->failed.code != ERROR_NONE)
        *e = s->failed;
    if (r == 0)
        r = environment_load(api_of(s->x)->environments_dir, name, &env, e);
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    const char *type = r == 0 ? "environment.completed" : "environment.failed";
    struct json_writer w = open_build_event(s, &text, type);
    if (r == 0) {
        jw_key(&w, "environment");
        encode_environment(&w, &env, false);
        environment_deinit(&env);
    } else {
        jw_field_string(&w, "name", name);
        http_error_field(&w, e);
    }
    send_build_event(s, &w, type);
    if (!s->gone)
        http_stream_end(s->x);
}

/* A project's name, extras, versions and markers. No option, no path and no URL: pip would read the one
 * and, from inside this host's network, fetch the other. */
static bool requirement_plain(const char *text)
{
    return isalnum((unsigned char)text[0]) && !text[strcspn(text, "\r\n/\\:@")] &&
           !strstr(text, "--");
}

/* The requirements, one a line. A line break within one would be another. */
static void join_requirements(struct json_in *in, json_t *array, struct strbuf *out)
{
    json_t *value;
    size_t i;
    json_array_foreach (array, i, value) {
        const char *text = json_string_value(value);
        if (!requirement_plain(text))
            json_in_fail(in, ERROR_INVALID_VALUE, "requirements",
                "Invalid 'requirements[%zu]': expected a requirement such as 'pandas>=3'.", i);
        strbuf_puts(out, text);
        strbuf_puts(out, "\n");
    }
}

/* A name that the caller's project may give: not the server's own, not another's. */
static void check_name(struct http_exchange *x, struct json_in *in, const char *name)
{
    struct api *api = api_of(x);
    struct environment env;
    if (!environment_name_valid(name)) {
        json_in_fail(in, ERROR_INVALID_VALUE, "name",
            "Invalid 'name': expected lower-case letters, digits, '.', '_' and '-'.");
        return;
    }
    bool taken = strcmp(name, ENVIRONMENT_BASE) == 0 || strcmp(name, ENVIRONMENT_DEFAULT) == 0 ||
                 strcmp(name, api->default_environment) == 0;
    if (!taken && environment_load(api->environments_dir, name, &env, NULL) == 0) {
        taken = strcmp(env.project, access_project(x)) != 0;
        environment_deinit(&env);
    }
    if (taken)
        json_in_fail(in, ERROR_INVALID_VALUE, "name", "Invalid 'name': '%s' is taken.", name);
}

/* Whether the caller's project may have one more; those that are being built do not count yet. */
static int check_quota(struct http_exchange *x, const char *name, struct error *e)
{
    struct api *api = api_of(x);
    struct environment *list = NULL;
    size_t n = 0, others = 0;
    if (load_list(api, &list, &n, e) < 0)
        return -EIO;
    for (size_t i = 0; i < n; i++)
        others +=
            strcmp(list[i].project, access_project(x)) == 0 && strcmp(list[i].name, name) != 0;
    environment_list_free(list, n);
    if (others < api->environments_max_per_project)
        return 0;
    return error_set(e, ERROR_QUOTA_EXCEEDED, EDQUOT,
        "This project has %zu environments, which is its limit. Build one of them anew, or have one removed with: "
        "cloche env remove NAME",
        others);
}

void environments_post(struct http_exchange *x)
{
    cleanup_json json_t *root = NULL;
    cleanup_strbuf struct strbuf requirements = STRBUF_INIT(1 << 20);
    struct build_stream stream = {.x = x};
    struct json_in in;
    struct error e = {0};
    size_t n;
    if (api_body_json(x, &root) < 0)
        return;
    json_in_begin(&in, root, "", JSON_OURS, &e);
    const char *name = json_in_string(&in, "name", JSON_REQUIRED, 63);
    if (name)
        check_name(x, &in, name);
    json_t *array =
        json_in_strings(&in, "requirements", REQUIREMENTS_MAX, REQUIREMENT_BYTES_MAX, &n);
    if (!array)
        json_in_object(&in, "requirements", JSON_REQUIRED); /* says that it is missing */
    else if (!in.failed)
        join_requirements(&in, array, &requirements);
    json_in_unsupported(&in, "python");
    int r = json_in_end(&in);
    if (r == 0)
        r = check_quota(x, name, &e);
    if (r < 0) {
        http_error(x, &e);
        return;
    }
    r = sessions_build_environment(api_of(x)->sessions, name, access_project(x),
        strbuf_text(&requirements), on_line, &stream, &e);
    finish_build(&stream, name, r, &e);
}
