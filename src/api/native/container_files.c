/* An upload goes straight into the session while it arrives: from its first byte when the form says
 * `path` before `file` (or the file is named by itself and large), else from its end, because a later
 * `path` decides where it lands. What waits for that is held in memory, up to HELD_MAX. */
#include "api/native/native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

enum { HELD_MAX = 4 << 20, PATH_BYTES_MAX = 4096, PIECE = 64 * 1024 };

static void respond_file_object(struct http_exchange *x, struct session_file *file)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(64 * 1024);
    struct json_writer w = JSON_WRITER(&text);
    encode_container_file(&w, file, http_param(x, "container_id"));
    http_respond_json(x, 200, &text);
    session_file_deinit(file);
}

/* ---- upload ------------------------------------------------------------------------------------------ */

struct incoming {
    struct session *session;
    struct upload *upload; /* begun, or NULL while the file is held */
    struct strbuf held;
    bool has_file;
    char filename[512], file_id[80], path[PATH_BYTES_MAX + 1];
};

static int check_path(const char *path, const char *param, struct error *e)
{
    return workspace_path_check(path, strlen(path), param, e);
}

static int begin_upload(struct incoming *in, struct error *e)
{
    const char *path = in->path[0] ? workspace_relative(in->path) : in->filename;
    int r = check_path(path, in->path[0] ? "path" : "file", e);
    if (r == 0)
        r = session_upload_begin(in->session, path, &in->upload, e);
    if (r == 0 && in->held.length)
        r = upload_write(in->upload, in->held.data, in->held.length, e);
    strbuf_deinit(&in->held);
    return r;
}

static int receive_file(
    struct incoming *in, struct multipart *form, const struct multipart_part *part, struct error *e)
{
    if (in->has_file)
        return error_param(
            e, ERROR_INVALID_VALUE, "file", "Invalid 'file': one file for each request.");
    int r = form_filename(part, in->filename, e);
    if (r < 0)
        return r;
    in->has_file = true;
    cleanup_free char *piece = malloc(PIECE);
    if (!piece)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    if (in->path[0])
        r = begin_upload(in, e);
    ssize_t n = 0;
    while (r == 0 && (n = multipart_read(form, piece, PIECE, e)) > 0) {
        if (!in->upload && in->held.length + (size_t)n > HELD_MAX)
            r = begin_upload(in, e);
        if (r == 0)
            r = in->upload ? upload_write(in->upload, piece, (size_t)n, e)
                           : strbuf_append(&in->held, piece, (size_t)n);
    }
    if (r == -ENOMEM && e->code == ERROR_NONE)
        error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    return r < 0 ? r : (int)n;
}

static int receive_part(
    struct incoming *in, struct multipart *form, const struct multipart_part *part, struct error *e)
{
    if (strcmp(part->name, "file") == 0)
        return receive_file(in, form, part, e);
    if (strcmp(part->name, "file_id") == 0)
        return form_text(form, "file_id", in->file_id, sizeof in->file_id, e);
    if (strcmp(part->name, "path") != 0)
        return 0;
    if (in->upload)
        return error_param(e, ERROR_INVALID_VALUE, "path",
            "Invalid 'path': it must come before 'file' in the form when the file is larger "
            "than %d MiB.",
            HELD_MAX >> 20);
    int r = form_text(form, "path", in->path, sizeof in->path, e);
    return r < 0 || !in->path[0] ? r : check_path(workspace_relative(in->path), "path", e);
}

static int receive_form(struct http_exchange *x, struct incoming *in, struct error *e)
{
    struct multipart form;
    struct multipart_part part;
    int r = multipart_init(&form, x, e);
    while (r >= 0 && (r = multipart_next(&form, &part, e)) == 1)
        r = receive_part(in, &form, &part, e);
    multipart_deinit(&form);
    return r;
}

static int receive_json(struct http_exchange *x, struct incoming *in, struct error *e)
{
    cleanup_json json_t *root = NULL;
    struct json_in fields;
    if (api_body_json(x, &root) < 0)
        return -EPROTO; /* answered */
    json_in_begin(&fields, root, "", JSON_OPENAI, e);
    const char *id = json_in_string(&fields, "file_id", JSON_OPTIONAL, sizeof in->file_id - 1);
    const char *path = json_in_string(&fields, "path", JSON_OPTIONAL, PATH_BYTES_MAX);
    snprintf(in->file_id, sizeof in->file_id, "%s", id ? id : "");
    snprintf(in->path, sizeof in->path, "%s", path ? path : "");
    int r = json_in_end(&fields);
    return r < 0 || !in->path[0] ? r : check_path(workspace_relative(in->path), "path", e);
}

static int copy_by_id(
    struct http_exchange *x, struct incoming *in, struct session_file *ret, struct error *e)
{
    struct store_file file;
    cleanup_fd int fd = -1;
    int r = api_file_open(api_of(x), access_project(x), in->file_id, "file_id", &file, &fd, e);
    if (r < 0)
        return r;
    const char *path = in->path[0] ? workspace_relative(in->path) : file.filename;
    r = check_path(path, in->path[0] ? "path" : "file_id", e);
    if (r == 0)
        r = session_upload_fd(in->session, path, fd, ret, e);
    store_file_deinit(&file);
    return r;
}

static int finish(
    struct http_exchange *x, struct incoming *in, struct session_file *ret, struct error *e)
{
    if (in->has_file && in->file_id[0])
        return error_set(e, ERROR_INVALID_VALUE, 0,
            "Mutually exclusive parameters. Ensure you are only providing one of: 'file' or "
            "'file_id'.");
    if (in->file_id[0])
        return copy_by_id(x, in, ret, e);
    if (!in->has_file)
        return error_param(
            e, ERROR_MISSING_PARAMETER, "file", "Missing required parameter: 'file'.");
    int r = in->upload ? 0 : begin_upload(in, e);
    return r < 0 ? r : upload_commit(take_ptr(in->upload), ret, e);
}

void container_files_create(struct http_exchange *x)
{
    cleanup_session struct session *session = api_session(x);
    struct error e = {0};
    struct session_file file;
    if (!session)
        return;
    struct incoming *in = calloc(1, sizeof *in);
    if (!in) {
        http_fail(x, ERROR_INTERNAL, NULL, "Out of memory.");
        return;
    }
    in->session = session;
    in->held = STRBUF_INIT(HELD_MAX);
    int r = api_is_form(x) ? receive_form(x, in, &e) : receive_json(x, in, &e);
    if (r == 0)
        r = finish(x, in, &file, &e);
    upload_abort(in->upload);
    strbuf_deinit(&in->held);
    free(in);
    if (r == 0)
        respond_file_object(x, &file);
    else if (e.code != ERROR_NONE)
        http_error(x, &e); /* else it was answered, or the connection is over */
}

/* ---- list, retrieve, content, delete ------------------------------------------------------------------- */

/* One page of an array in creation order. */
static void respond_files_page(struct http_exchange *x, const struct session_file *files, size_t n,
    const struct store_page *page)
{
    const char *container = http_param(x, "container_id");
    size_t from = 0, count;
    if (page->after) {
        while (
            from < n && strcmp(files[page->ascending ? from : n - 1 - from].id, page->after) != 0)
            from++;
        from = from < n ? from + 1 : n;
    }
    count = n - from < (size_t)page->limit ? n - from : (size_t)page->limit;
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    struct json_writer w = JSON_WRITER(&text);
    const struct session_file *first = NULL, *last = NULL;
    list_begin(&w);
    for (size_t i = from; i < from + count; i++) {
        last = &files[page->ascending ? i : n - 1 - i];
        first = first ? first : last;
        encode_container_file(&w, last, container);
    }
    list_end(&w, first ? first->id : NULL, last ? last->id : NULL, from + count < n);
    http_respond_json(x, 200, &text);
}

void container_files_list(struct http_exchange *x)
{
    cleanup_session struct session *session = api_session(x);
    const char *path = http_query(x, "path");
    struct session_file *files = NULL, one;
    struct store_page page;
    struct error e = {0};
    size_t n = 0;
    if (!session || api_page(x, 20, 100, &page) < 0 || api_look(x, session) < 0)
        return;
    if (path) {
        int r = check_path(workspace_relative(path), "path", &e);
        if (r == 0)
            r = session_file_find(session, NULL, workspace_relative(path), &one, &e);
        if (r == 0 || e.code == ERROR_NOT_FOUND) {
            respond_files_page(x, &one, r == 0, &page);
            if (r == 0)
                session_file_deinit(&one);
            return;
        }
    } else if (session_files_list(session, &files, &n, &e) == 0) {
        respond_files_page(x, files, n, &page);
        session_files_free(files, n);
        return;
    }
    http_error(x, &e);
}

static void no_file(struct http_exchange *x, const struct error *e)
{
    char file[72], container[72];
    if (e->code != ERROR_NOT_FOUND) {
        http_error(x, e);
        return;
    }
    http_fail(x, ERROR_NOT_FOUND, NULL, "File with id '%s' not found on container '%s'.",
        json_in_brief(file, http_param(x, "file_id")),
        json_in_brief(container, http_param(x, "container_id")));
}

/* The file of {file_id}; 0, else answered. */
static int find_file(struct http_exchange *x, struct session *session, struct session_file *ret)
{
    struct error e = {0};
    const char *id = http_param(x, "file_id");
    int r = api_look(x, session);
    if (r < 0)
        return r;
    r = id_valid(id) ? session_file_find(session, id, NULL, ret, &e)
                     : error_set(&e, ERROR_NOT_FOUND, ENOENT, "No such file.");
    if (r < 0)
        no_file(x, &e);
    return r;
}

void container_files_get(struct http_exchange *x)
{
    cleanup_session struct session *session = api_session(x);
    struct session_file file;
    if (session && find_file(x, session, &file) == 0)
        respond_file_object(x, &file);
}

void container_files_content(struct http_exchange *x)
{
    cleanup_session struct session *session = api_session(x);
    struct session_file file;
    struct file_reader reader;
    struct error e = {0};
    if (!session || find_file(x, session, &file) < 0)
        return;
    if (session_file_open(session, file.path, &reader, &e) < 0) {
        no_file(x, &e);
    } else {
        /* Whatever it claims to be, a browser downloads it and runs nothing of it here. */
        http_set_header(x, "content-security-policy", "sandbox; default-src 'none'");
        http_respond_file(
            x, reader.fd, reader.bytes, file_mime_type(file.path), base_name_of(file.path));
        file_reader_deinit(&reader);
    }
    session_file_deinit(&file);
}

void container_files_delete(struct http_exchange *x)
{
    cleanup_session struct session *session = api_session(x);
    const char *id = http_param(x, "file_id");
    struct error e = {0};
    if (!session)
        return;
    session_touch(session);
    int r = id_valid(id) ? session_file_delete(session, id, &e)
                         : error_set(&e, ERROR_NOT_FOUND, ENOENT, "No such file.");
    if (r < 0)
        no_file(x, &e);
    else
        api_respond_deleted(x, id, "container.file.deleted");
}
