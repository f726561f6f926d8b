/* notebook_run.c - POST /v1/notebooks/run: somebody's .ipynb goes in, and comes back with what its cells showed. It runs in a
 * session of its own that ends with it, or in one that the caller names. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/native/native.h"
#include "base/fd.h"

enum {
    TIMEOUT_DEFAULT_S = 60, /* of a cell, as in the agent loop */
    SHOWN_MAX = 128 << 20,  /* what all cells show together: all of it is in the answer */
    FIELD_MAX = 1024,       /* a form's field */
};

struct notebook_run {
    struct http_exchange *x;
    struct session_spec spec;
    const char *container_id; /* or NULL: a session of its own */
    const char *file_id;      /* or NULL: it came in a form */
    json_t *file_ids;
    int64_t timeout_ms;
    bool keep_going, gone;
    struct strbuf document;
    struct notebook *book;
    struct session *session;
    char execution_id[ID_SIZE]; /* of the cell that runs, or "" */
    size_t shown;               /* bytes of records so far */
    int64_t cells_run;
    char status[32];      /* of the first cell that did not complete, or "completed" */
    char failed_cell[72]; /* its id, or "" */
    struct error e;
};

/* ---- the request ------------------------------------------------------------------------------------------- */

/* A form says in text what JSON says in types. */
static json_t *typed(const char *name, const char *text)
{
    char *end;
    if (strcmp(name, "keep_going") == 0 &&
        (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
        return json_boolean(text[0] == 't');
    double number = strtod(text, &end);
    if (strcmp(name, "timeout") == 0 && end != text && !*end && isfinite(number))
        return json_real(number);
    return json_string(text);
}

static int add_field(json_t *fields, const char *name, const char *text)
{
    if (strcmp(name, "file_ids[]") != 0 && strcmp(name, "file_ids") != 0)
        return json_object_set_new(fields, name, typed(name, text));
    json_t *ids = json_object_get(fields, "file_ids");
    if (!ids && json_object_set_new(fields, "file_ids", ids = json_array()) < 0)
        return -1;
    return json_array_append_new(ids, json_string(text));
}

static int receive_part(struct notebook_run *n, struct multipart *form,
    const struct multipart_part *part, json_t *fields)
{
    char text[FIELD_MAX];
    if (strcmp(part->name, "file") == 0) {
        if (n->document.data)
            return error_param(&n->e, ERROR_INVALID_VALUE, "file",
                "Invalid 'file': one notebook for each request.");
        return multipart_text(form, NOTEBOOK_BYTES_MAX, &n->document, &n->e);
    }
    int r = form_text(form, part->name, text, sizeof text, &n->e);
    if (r == 0 && add_field(fields, part->name, text) < 0)
        r = error_set(&n->e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    return r;
}

static int receive_form(struct notebook_run *n, json_t **ret_fields)
{
    struct multipart form;
    struct multipart_part part;
    *ret_fields = json_object();
    int r = multipart_init(&form, n->x, &n->e);
    while (r >= 0 && (r = multipart_next(&form, &part, &n->e)) == 1)
        r = receive_part(n, &form, &part, *ret_fields);
    multipart_deinit(&form);
    if (r == 0 && !n->document.data)
        r = error_param(
            &n->e, ERROR_MISSING_PARAMETER, "file", "Missing required parameter: 'file'.");
    return r;
}

static int read_fields(struct notebook_run *n, json_t *fields, bool form)
{
    struct json_in in;
    size_t count;
    struct api *api = api_of(n->x);
    int64_t fallback =
        api->timeout_max_s < TIMEOUT_DEFAULT_S ? api->timeout_max_s : TIMEOUT_DEFAULT_S;
    json_in_begin(&in, fields, "", JSON_OURS, &n->e);
    if (!form)
        n->file_id = json_in_string(&in, "file_id", JSON_REQUIRED, 100);
    n->container_id = json_in_string(&in, "container_id", JSON_OPTIONAL, 100);
    n->spec.environment = json_in_string(&in, "environment", JSON_OPTIONAL, 64);
    if (n->container_id && n->spec.environment)
        json_in_fail(&in, ERROR_EXCLUSIVE_PARAMETERS, "environment",
            "Mutually exclusive parameters: 'container_id' and 'environment'. Ensure you are only providing one of them.");
    n->timeout_ms = (int64_t)(1000 * json_in_number(&in, "timeout", (double)fallback, 1,
                                         (double)api->timeout_max_s));
    n->keep_going = json_in_bool(&in, "keep_going", false);
    n->file_ids = json_in_strings(&in, "file_ids", FILE_IDS_MAX, 100, &count);
    n->spec.project = access_project(n->x);
    n->spec.name = "notebook";
    return json_in_end(&in);
}

/* The field that the notebook came in. */
static const char *source_of(const struct notebook_run *n)
{
    return n->file_id ? "file_id" : "file";
}

/* The File's whole content. */
static int fetch_document(struct notebook_run *n)
{
    struct store_file file = {0};
    cleanup_fd int fd = -1;
    int r = api_file_open(api_of(n->x), n->spec.project, n->file_id, "file_id", &file, &fd, &n->e);
    if (r < 0)
        return r;
    size_t bytes = (size_t)file.bytes;
    store_file_deinit(&file);
    if (bytes > NOTEBOOK_BYTES_MAX)
        return error_param(&n->e, ERROR_PAYLOAD_TOO_LARGE, "file_id",
            "The notebook is larger than %d MiB.", NOTEBOOK_BYTES_MAX >> 20);
    char *at = strbuf_reserve(&n->document, bytes);
    if (!at)
        return error_set(&n->e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    r = fd_read_all(fd, at, bytes);
    if (r < 0)
        return error_set(&n->e, ERROR_INTERNAL, -r, "The file cannot be read: %s.", strerror(-r));
    n->document.length = bytes;
    at[bytes] = 0;
    return 0;
}

/* ---- the session ------------------------------------------------------------------------------------------- */

static int session_of(struct notebook_run *n)
{
    struct api *api = api_of(n->x);
    if (!n->container_id) {
        int r = environment_allowed(n->x, n->spec.environment, &n->e);
        return r < 0 ? r : session_create(api->sessions, &n->spec, &n->session, &n->e);
    }
    int r = id_valid(n->container_id)
                ? session_find(api->sessions, n->spec.project, n->container_id, &n->session, &n->e)
                : -ENOENT;
    char brief[72];
    return r == -ENOENT
               ? error_param(&n->e, ERROR_NOT_FOUND, "container_id",
                     "Container with id '%s' not found.", json_in_brief(brief, n->container_id))
               : r;
}

/* One of its own ends with the request. */
static void session_leave(struct notebook_run *n)
{
    if (n->session && !n->container_id) {
        struct session_info info;
        session_info(n->session, &info);
        session_delete(api_of(n->x)->sessions, n->spec.project, info.id, NULL);
        session_info_deinit(&info);
    }
    if (n->session)
        session_unref(n->session);
}

/* ---- the cells --------------------------------------------------------------------------------------------- */

static void on_started(void *context, const struct execution *e)
{
    struct notebook_run *n = context;
    snprintf(n->execution_id, sizeof n->execution_id, "%s", e->id);
    if (n->gone) /* between our last look and this one */
        session_interrupt_one(n->session, e->id);
}

/* Nobody will read the answer: the cell is interrupted, and no further one begins. While ours waits in line,
 * what runs is somebody else's. */
static bool client_gone(void *context)
{
    struct notebook_run *n = context;
    if (!n->gone && http_client_gone(n->x)) {
        n->gone = true;
        if (n->execution_id[0])
            session_interrupt_one(n->session, n->execution_id);
    }
    return n->gone;
}

static int keep_record(struct notebook_run *n, size_t i, const struct execution *done)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    int r = execution_to_json(done, &text);
    n->shown += text.length;
    if (r == -E2BIG || n->shown > SHOWN_MAX)
        return error_set(&n->e, ERROR_PAYLOAD_TOO_LARGE, 0,
            "What the notebook's cells show is larger than %d MiB together, with cell %zu.",
            SHOWN_MAX >> 20, i + 1);
    cleanup_json json_t *record =
        r == 0 ? json_loadb(text.data, text.length, JSON_ALLOW_NUL, NULL) : NULL;
    r = record ? notebook_set_execution(n->book, i, record) : -ENOMEM;
    return r < 0 ? error_set(&n->e, ERROR_INTERNAL, ENOMEM, "Out of memory.") : r;
}

static int run_cell(void *context, size_t i, const char *code, size_t length)
{
    struct notebook_run *n = context;
    struct execution done = {0};
    struct execute_spec spec = {
        .code = code,
        .code_length = length,
        .timeout_ms = n->timeout_ms,
        .callbacks = {.context = n, .on_started = on_started, .client_gone = client_gone},
    };
    if (length > CODE_MAX)
        return error_param(&n->e, ERROR_INVALID_VALUE, source_of(n),
            "Cell %zu of the notebook is longer than 1 MiB.", i + 1);
    n->execution_id[0] = 0;
    int r = session_execute(n->session, &spec, &done, &n->e);
    if (r < 0 || n->gone) {
        execution_deinit(&done);
        return n->gone ? -ECANCELED : r;
    }
    r = keep_record(n, i, &done);
    n->cells_run++;
    if (r == 1 && !n->failed_cell[0]) {
        snprintf(n->status, sizeof n->status, "%s", execution_status_name(done.status));
        snprintf(n->failed_cell, sizeof n->failed_cell, "%s", notebook_cell_id(n->book, i));
    }
    execution_deinit(&done);
    return r;
}

/* Who reads the notebook learns from its metadata how far it came. */
static int tell(struct notebook_run *n)
{
    json_t *told = json_pack("{s:s,s:s?,s:I}", "status", n->status, "failed_cell",
        n->failed_cell[0] ? n->failed_cell : NULL, "cells_run", (json_int_t)n->cells_run);
    return told && notebook_set_metadata(n->book, "cloche", told) == 0
               ? 0
               : error_set(&n->e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
}

static int run(struct notebook_run *n)
{
    struct inputs inputs = {0};
    int r = notebook_read(strbuf_text(&n->document), n->document.length, &n->book, &n->e);
    if (r < 0 && !n->e.param[0])
        snprintf(n->e.param, sizeof n->e.param, "%s", source_of(n));
    strbuf_deinit(&n->document); /* what follows takes long, and has no use for it */
    if (r == 0)
        r = inputs_open(&inputs, api_of(n->x), n->spec.project, n->file_ids, &n->e);
    if (r == 0)
        r = session_of(n);
    if (r == 0)
        r = inputs_copy(&inputs, n->session, &n->e);
    inputs_deinit(&inputs);
    if (r == 0)
        r = notebook_each_code(n->book, n->keep_going, run_cell, n);
    session_leave(n);
    return r < 0 ? r : tell(n);
}

void notebooks_run(struct http_exchange *x)
{
    struct notebook_run n = {
        .x = x, .document = STRBUF_INIT(NOTEBOOK_BYTES_MAX), .status = "completed"};
    cleanup_json json_t *fields = NULL;
    enum notebook_format format;
    bool form = api_is_form(x);
    if (api_notebook_format(x, &format) < 0)
        return;
    int r = form ? receive_form(&n, &fields) : api_body_json(x, &fields);
    if (!form && r < 0)
        return; /* it was answered */
    if (r == 0)
        r = read_fields(&n, fields, form);
    if (r == 0 && n.file_id)
        r = fetch_document(&n);
    if (r == 0)
        r = run(&n);
    if (r == 0)
        api_notebook_respond(x, n.book, format, "notebook");
    else if (!n.gone && n.e.code != ERROR_NONE)
        http_error(x, &n.e); /* else the HTTP layer answers for a broken body, or nobody listens */
    notebook_free(n.book);
    strbuf_deinit(&n.document);
}
