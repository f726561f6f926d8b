/* chat.c - one message, one answer: POST /api/chat and /api/analyze. */
#include <errno.h>
#include <string.h>

#include "api/explorer/explorer.h"
#include "api/responses/items.h"
#include "api/responses/request.h"

static bool client_gone(void *context) { return http_client_gone(context); }

/* Why a run gave no answer. A limit is said as such, because waiting helps; for anything else the seed has
 * one text, and the reason is in a field of the head. */
static void respond_failed(struct http_exchange *x, const struct run_info *info)
{
    const char *code = json_text(info->error, "code"), *message = json_text(info->error, "message");
    struct error e;
    if (info->status == RUN_CANCELLED) {
        code = "cancelled";
        message = "The run was cancelled.";
    }
    error_set(&e, error_code_find(code ? code : ""), 0, "%s", message ? message : "Run failed");
    if (error_http_status(e.code) == 429) {
        http_error(x, &e);
        return;
    }
    http_set_header(x, "x-cloche-error-code", code ? code : "internal");
    http_set_header(x, "x-cloche-error", e.message);
    http_fail(x, ERROR_INTERNAL, NULL, "Run failed");
}

void explorer_answer_write(
    struct api *api, const char *thread_id, const char *run_id, struct json_writer *w)
{
    cleanup_json json_t *answer = NULL;
    thread_answer(api, thread_id, run_id, &answer);
    if (strcmp(json_text(answer, "role") ? json_text(answer, "role") : "", "assistant") != 0) {
        json_decref(answer);
        answer = NULL; /* the model said nothing: what is newest is the question */
    }
    const json_t *content = json_object_get(answer, "content"),
                 *files = json_object_get(answer, "files"),
                 *annotations = json_object_get(answer, "annotations");
    jw_field_string(w, "thread_id", thread_id);
    jw_field_bytes(w, "message", content ? json_string_value(content) : "",
        content ? json_string_length(content) : 0);
    jw_key(w, "files");
    jw_begin_array(w);
    const json_t *file;
    size_t i;
    json_array_foreach (files, i, file) {
        jw_begin_object(w);
        jw_field_string(w, "file_id", json_text(file, "file_id"));
        jw_field_string(w, "type", json_text(file, "type"));
        jw_end(w);
    }
    jw_end(w);
    if (annotations) {
        jw_field_json(w, "annotations", annotations);
    } else {
        jw_field_array(w, "annotations");
        jw_end(w);
    }
}

static void respond_answer(
    struct http_exchange *x, const char *thread_id, const struct run_info *info)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jw_begin_object(&w);
    explorer_answer_write(api_of(x), thread_id, info->id, &w);
    jw_end(&w);
    http_respond_json(x, 200, &text);
}

void explorer_answer(struct http_exchange *x, const struct explorer_ask *ask)
{
    struct api *api = api_of(x);
    struct explorer_run r = {0};
    struct run_info info;
    struct error e = {0};
    int rc = explorer_run_begin(api, ask, client_gone, x, &r, &e);
    if (rc == -ECANCELED)
        return; /* nobody is there to read an answer */
    if (rc < 0) {
        http_error(x, &e);
        return;
    }
    /* A client that goes away leaves the run to its thread, where the answer will stand. */
    struct run *run = run_ref(r.run);
    explorer_run_end(api, &r);
    run_info(run, &info);
    if (info.status == RUN_COMPLETED || info.status == RUN_INCOMPLETE)
        respond_answer(x, r.thread_id, &info);
    else
        respond_failed(x, &info);
    run_info_deinit(&info);
    run_unref(run);
}

void explorer_ask_read(struct json_in *in, const char *name, struct explorer_ask *ask)
{
    size_t n;
    ask->message = json_in_string(in, name, JSON_REQUIRED, INPUT_TEXT_MAX);
    ask->thread_id = json_in_string(in, "thread_id", JSON_OPTIONAL, 64);
    ask->model = json_in_string(in, "model", JSON_OPTIONAL, 255);
    ask->file_ids = json_in_strings(in, "file_ids", TOOL_FILES_MAX, 64, &n);
    if (ask->message && !ask->message[0] && n == 0)
        json_in_fail(in, ERROR_INVALID_VALUE, name, "Invalid '%s': it is empty.", name);
    if (n > 0 && !ask->interpreter)
        json_in_fail(in, ERROR_INVALID_VALUE, "file_ids",
            "Invalid 'file_ids': without the code interpreter nobody can read a file.");
}

static void ask_and_answer(struct http_exchange *x, const char *name)
{
    struct explorer_ask ask = {.project = access_project(x), .interpreter = true};
    struct json_in in;
    struct error e = {0};
    json_t *root;
    if (api_body_json(x, &root) < 0)
        return;
    json_in_begin(&in, root, "", JSON_OPENAI, &e);
    if (strcmp(name, "message") == 0)
        ask.interpreter = json_in_bool(&in, "use_code_interpreter", true);
    explorer_ask_read(&in, name, &ask);
    if (json_in_end(&in) < 0)
        http_error(x, &e);
    else
        explorer_answer(x, &ask);
    json_decref(root);
}

void explorer_chat(struct http_exchange *x) { ask_and_answer(x, "message"); }

void explorer_analyze(struct http_exchange *x) { ask_and_answer(x, "prompt"); }
