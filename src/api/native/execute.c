#include "api/native/native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

enum {
    STDIN_MAX = 16 << 20,
    ENV_MAX = 256,
    ENV_NAME_MAX = 256,
    ENV_VALUE_MAX = 32 << 10,
    INPUT_MAX = 1 << 20
};

/* ---- the fields of an execution ------------------------------------------------------------------------- */

static bool variable_name_valid(const char *name)
{
    if (!*name || strchr("0123456789", *name))
        return false;
    for (const char *p = name; *p; p++)
        if (*p == '=' || (unsigned char)*p <= ' ' || *p == 0x7f)
            return false;
    return true;
}

static void read_env(struct json_in *in, struct execute_request *ret)
{
    json_t *map = json_in_map(in, "env", ENV_MAX, ENV_NAME_MAX, ENV_VALUE_MAX), *value;
    const char *name;
    size_t at = 0;
    if (!map || !json_object_size(map))
        return;
    ret->env = calloc(2 * json_object_size(map), sizeof *ret->env);
    if (!ret->env) {
        json_in_fail(in, ERROR_INTERNAL, "env", "Out of memory.");
        return;
    }
    json_object_foreach (map, name, value) {
        char brief[72];
        if (!variable_name_valid(name))
            json_in_fail(in, ERROR_INVALID_VALUE, "env",
                "Invalid 'env': '%s' is no name for a variable.", json_in_brief(brief, name));
        ret->env[at++] = name;
        ret->env[at++] = json_string_value(value);
    }
    ret->spec.env = ret->env;
    ret->spec.env_n = at / 2;
}

void execute_request_read(struct json_in *in, struct api *api, struct execute_request *ret)
{
    *ret = (struct execute_request){0};
    ret->spec.code = json_in_string(in, "code", JSON_REQUIRED, CODE_MAX);
    ret->spec.code_length = ret->spec.code ? strlen(ret->spec.code) : 0;
    double timeout = json_in_number(in, "timeout", 0, 1, (double)api->timeout_max_s);
    ret->spec.timeout_ms = (int64_t)(timeout * 1000);
    ret->spec.stdin_data = json_in_string(in, "stdin", JSON_OPTIONAL, STDIN_MAX);
    ret->spec.stdin_length = ret->spec.stdin_data ? strlen(ret->spec.stdin_data) : 0;
    ret->stream = json_in_bool(in, "stream", false);
    read_env(in, ret);
    json_in_unsupported(in, "tests");
}

void execute_request_deinit(struct execute_request *r)
{
    free(r->env);
    r->env = NULL;
}

/* ---- in a session ---------------------------------------------------------------------------------------- */

void container_execute(struct http_exchange *x)
{
    cleanup_session struct session *session = api_session(x);
    cleanup_json json_t *root = NULL;
    struct execute_request request;
    struct execution_stream stream;
    struct execution execution = {0};
    struct json_in in;
    struct error e = {0};
    if (!session || api_body_json(x, &root) < 0)
        return;
    json_in_begin(&in, root, "", JSON_OURS, &e);
    execute_request_read(&in, api_of(x), &request);
    if (json_in_end(&in) < 0) {
        http_error(x, &e);
        execute_request_deinit(&request);
        return;
    }
    stream_init(&stream, x, request.stream, &request.spec);
    int r = session_execute(session, &request.spec, &execution, &e);
    if (r < 0) {
        stream_fail(&stream, r, &e);
    } else {
        cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
        execution_to_json(&execution, &text);
        stream_finish(&stream, &text);
        execution_deinit(&execution);
    }
    stream_deinit(&stream);
    execute_request_deinit(&request);
}

void container_input(struct http_exchange *x)
{
    cleanup_session struct session *session = api_session(x);
    cleanup_json json_t *root = NULL;
    struct json_in in;
    struct error e = {0};
    if (!session || api_body_json(x, &root) < 0)
        return;
    json_in_begin(&in, root, "", JSON_OURS, &e);
    const char *text = json_in_string(&in, "text", JSON_REQUIRED, INPUT_MAX);
    int r = json_in_end(&in);
    if (r == 0)
        r = session_input(session, text, strlen(text), &e);
    if (r < 0) {
        http_error(x, &e);
        return;
    }
    static const char accepted[] = "{\"accepted\":true}";
    http_respond(x, 200, "application/json", accepted, sizeof accepted - 1);
}

void container_interrupt(struct http_exchange *x)
{
    cleanup_session struct session *session = api_session(x);
    cleanup_strbuf struct strbuf text = STRBUF_INIT(4096);
    struct json_writer w = JSON_WRITER(&text);
    struct error e = {0};
    char id[ID_SIZE] = "";
    bool interrupted = false;
    if (!session)
        return;
    if (session_interrupt(session, &interrupted, id, &e) < 0) {
        http_error(x, &e);
        return;
    }
    jw_begin_object(&w);
    jw_field_bool(&w, "interrupted", interrupted);
    jw_field_string(&w, "execution_id", id[0] ? id : NULL);
    jw_end(&w);
    http_respond_json(x, 200, &text);
}

void container_variables(struct http_exchange *x)
{
    cleanup_session struct session *session = api_session(x);
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    struct json_writer w = JSON_WRITER(&text);
    cleanup_free char *variables = NULL;
    struct error e = {0};
    bool stale = false;
    if (!session || api_look(x, session) < 0)
        return;
    if (session_variables(session, &variables, &stale, &e) < 0) {
        http_error(x, &e);
        return;
    }
    jw_begin_object(&w);
    jw_field_raw(&w, "data", variables, strlen(variables));
    jw_field_bool(&w, "stale", stale);
    jw_end(&w);
    http_respond_json(x, 200, &text);
}
