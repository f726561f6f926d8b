/* Code without a session. What it made comes back in the answer, in base64 and up to INLINE_FILES_MAX
 * together, or as Files: the sandbox that holds it is gone when the answer leaves. */
#include "api/native/native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

enum { INPUT_FILES_MAX = 100 };

struct result_file {
    char *data; /* content */
    size_t length;
    char file_id[ID_SIZE]; /* kept in Files */
};

struct stateless_request {
    struct api *api;
    const char *project;
    struct stateless_spec spec;
    struct execute_request execute;
    bool keep_files;
    /* What goes in: files and their owned parts. */
    struct stateless_file *file;
    char **path, **data;
    size_t files;
    /* What came out, one for each of the execution's files. */
    struct result_file *made;
    size_t n_made, inline_bytes;
    unsigned too_large, unreadable;
};

static void request_deinit(struct stateless_request *r)
{
    for (size_t i = 0; i < r->files; i++) {
        free(r->path[i]);
        free(r->data[i]);
        fd_close(&r->file[i].fd);
    }
    free(r->file);
    free(r->path);
    free(r->data);
    for (size_t i = 0; i < r->n_made; i++)
        free(r->made[i].data);
    free(r->made);
    execute_request_deinit(&r->execute);
}

/* ---- decode ---------------------------------------------------------------------------------------------- */

static void decode_content(
    struct json_in *in, struct stateless_request *r, size_t i, const char *content)
{
    void *bytes = NULL;
    size_t n = 0;
    int x = api_base64(content, strlen(content), &bytes, &n);
    if (x < 0) {
        json_in_fail(in, x == -ENOMEM ? ERROR_INTERNAL : ERROR_INVALID_VALUE, "content",
            "Invalid '%scontent': it is not base64.", in->prefix);
        return;
    }
    r->data[i] = bytes;
    r->file[i].data = bytes;
    r->file[i].length = n;
}

/* What stands behind a file's other fields: content or a File. */
static void read_source(struct json_in *in, struct stateless_request *r, size_t i)
{
    const char *content = json_in_string(in, "content", JSON_OPTIONAL, BODY_JSON_MAX);
    const char *id = json_in_string(in, "file_id", JSON_OPTIONAL, 100);
    if (content && id)
        json_in_fail(in, ERROR_INVALID_VALUE, "content",
            "Mutually exclusive parameters: '%scontent' and '%sfile_id'. Ensure you are only "
            "providing one of them.",
            in->prefix, in->prefix);
    else if (content)
        decode_content(in, r, i, content);
    else if (!id)
        json_in_string(in, "content", JSON_REQUIRED, BODY_JSON_MAX);
    else if (!in->failed) {
        struct store_file file;
        char param[64];
        snprintf(param, sizeof param, "%sfile_id", in->prefix);
        if (api_file_open(r->api, r->project, id, param, &file, &r->file[i].fd, in->e) < 0)
            in->failed = true;
        else {
            r->file[i].length = (size_t)file.bytes;
            store_file_deinit(&file);
        }
    }
}

static void read_file(struct json_in *outer, struct stateless_request *r, size_t i, json_t *value)
{
    struct json_in in;
    char prefix[32], param[48];
    snprintf(prefix, sizeof prefix, "files[%zu]", i);
    r->file[i].fd = -1;
    if (!json_is_object(value)) {
        json_in_fail(outer, ERROR_INVALID_TYPE, prefix,
            "Invalid type for '%s': expected an object.", prefix);
        return;
    }
    snprintf(prefix, sizeof prefix, "files[%zu].", i);
    snprintf(param, sizeof param, "%sname", prefix);
    json_in_begin(&in, value, prefix, JSON_OURS, outer->e);
    const char *name = json_in_string(&in, "name", JSON_REQUIRED, 4096);
    if (name && workspace_path_check(
                    workspace_relative(name), strlen(workspace_relative(name)), param, in.e) < 0)
        in.failed = true;
    if (name && !in.failed) {
        r->path[i] = strdup(workspace_relative(name));
        if (!r->path[i] || api_distinct_path(&r->path[i], r->path, i) < 0)
            json_in_fail(&in, ERROR_INTERNAL, "name", "Out of memory.");
        r->file[i].path = r->path[i];
    }
    read_source(&in, r, i);
    if (json_in_end(&in) < 0)
        outer->failed = true;
}

static void read_files(struct json_in *in, struct stateless_request *r)
{
    json_t *files = json_in_array(in, "files", INPUT_FILES_MAX);
    size_t n = json_array_size(files);
    if (!n || in->failed)
        return;
    r->file = calloc(n, sizeof *r->file);
    r->path = calloc(n, sizeof *r->path);
    r->data = calloc(n, sizeof *r->data);
    if (!r->file || !r->path || !r->data) {
        json_in_fail(in, ERROR_INTERNAL, "files", "Out of memory.");
        return;
    }
    for (size_t i = 0; i < n && !in->failed; i++) {
        r->files = i + 1;
        read_file(in, r, i, json_array_get(files, i));
    }
}

static int read_request(struct stateless_request *r, json_t *root, struct error *e)
{
    struct json_in in;
    char brief[72];
    json_in_begin(&in, root, "", JSON_OURS, e);
    execute_request_read(&in, r->api, &r->execute);
    r->spec.environment = json_in_string(&in, "environment", JSON_OPTIONAL, 64);
    const char *memory = json_in_string(&in, "memory_limit", JSON_OPTIONAL, 64);
    if (memory && !(r->spec.memory_limit_bytes = memory_parse(memory)))
        json_in_fail(&in, ERROR_INVALID_VALUE, "memory_limit",
            "Invalid value: '%s'. Supported values are: '1g', '4g', '16g', '64g', and other sizes "
            "such as '512m'.",
            json_in_brief(brief, memory));
    r->keep_files = json_in_bool(&in, "keep_files", false);
    read_files(&in, r);
    r->spec.project = r->project;
    r->spec.file = r->file;
    r->spec.files = r->files;
    r->spec.execute = r->execute.spec;
    return json_in_end(&in);
}

/* ---- what it made ------------------------------------------------------------------------------------------- */

/* A whole file into memory. NULL when it cannot be read. */
static char *slurp(struct session *session, const char *path, uint64_t bytes)
{
    struct file_reader reader;
    struct error e;
    if (session_file_open(session, path, &reader, &e) < 0)
        return NULL;
    char *data = reader.bytes <= bytes ? malloc(bytes + 1) : NULL;
    size_t at = 0;
    long n = 0;
    while (data && at < bytes && (n = file_reader_read(&reader, data + at, bytes - at)) > 0)
        at += (size_t)n;
    file_reader_deinit(&reader);
    if (n < 0 || at != bytes) {
        free(data);
        data = NULL;
    }
    return data;
}

static void collect_one(struct stateless_request *r, struct session *session,
    const struct session_file *file, struct result_file *made)
{
    if (r->keep_files) {
        struct store_file kept;
        struct error e = {0};
        if (copy_to_files(r->api, r->project, session, file->path, "assistants_output", &kept, &e) <
            0) {
            r->unreadable++;
            return;
        }
        snprintf(made->file_id, sizeof made->file_id, "%s", kept.id);
        store_file_deinit(&kept);
    } else if (file->bytes > INLINE_FILES_MAX - r->inline_bytes) {
        r->too_large++;
    } else if ((made->data = slurp(session, file->path, file->bytes))) {
        made->length = file->bytes;
        r->inline_bytes += file->bytes;
    } else {
        r->unreadable++;
    }
}

static void collect(void *context, struct session *session, const struct execution *e)
{
    struct stateless_request *r = context;
    r->made = calloc(e->files ? e->files : 1, sizeof *r->made);
    if (!r->made)
        return;
    r->n_made = e->files;
    for (size_t i = 0; i < e->files; i++)
        collect_one(r, session, &e->file[i].file, &r->made[i]);
}

static void add_note(struct execution *e, const char *format, unsigned n)
{
    struct strbuf text = STRBUF_INIT(512);
    strbuf_printf(&text, "%u", n);
    strbuf_puts(&text, format);
    char **notes = realloc(e->note, (e->notes + 1) * sizeof *notes), *note = strbuf_take(&text);
    if (notes)
        e->note = notes;
    if (notes && note)
        e->note[e->notes++] = note;
    else
        free(note);
}

static void encode_made(void *context, size_t i, struct json_writer *w)
{
    struct stateless_request *r = context;
    if (r->keep_files) {
        jw_field_string(
            w, "file_id", i < r->n_made && r->made[i].file_id[0] ? r->made[i].file_id : NULL);
    } else if (i < r->n_made && r->made[i].data) {
        jw_key(w, "content");
        jw_base64(w, r->made[i].data, r->made[i].length);
    } else {
        jw_field_null(w, "content");
    }
}

static void finish(
    struct stateless_request *r, struct execution_stream *stream, struct execution *e)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    if (r->too_large)
        add_note(e,
            " of the files were not returned: together they are larger than 8 MiB; `keep_files` "
            "keeps "
            "them.",
            r->too_large);
    if (r->unreadable)
        add_note(e, " of the files could not be read and were not kept.", r->unreadable);
    execution_to_json_files(e, encode_made, r, &text);
    stream_finish(stream, &text);
}

void stateless_post(struct http_exchange *x)
{
    cleanup_json json_t *root = NULL;
    struct stateless_request request = {.api = api_of(x), .project = access_project(x)};
    struct execution_stream stream;
    struct execution execution = {0};
    struct error e = {0};
    if (api_body_json(x, &root) < 0)
        return;
    if (read_request(&request, root, &e) < 0 ||
        environment_allowed(x, request.spec.environment, &e) < 0) {
        http_error(x, &e);
        request_deinit(&request);
        return;
    }
    request.spec.on_finished = collect;
    request.spec.on_finished_context = &request;
    stream_init(&stream, x, request.execute.stream, &request.spec.execute);
    int r = stateless_execute(request.api->sessions, &request.spec, &execution, &e);
    if (r < 0) {
        stream_fail(&stream, r, &e);
    } else {
        finish(&request, &stream, &execution);
        execution_deinit(&execution);
    }
    stream_deinit(&stream);
    request_deinit(&request);
}
