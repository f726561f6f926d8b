#include "api/native/native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

enum { PIECE = 64 * 1024 };

static const char *const purposes[] = {
    "fine-tune", "assistants", "batch", "user_data", "vision", "evals", NULL};

/* What a form has told so far; its parts come in any order. */
struct incoming {
    struct blob_writer *writer;
    char filename[512], purpose[64], anchor[64], seconds[32];
};

static void respond_file_object(struct http_exchange *x, const struct store_file *file)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(64 * 1024);
    struct json_writer w = JSON_WRITER(&text);
    encode_file(&w, file);
    http_respond_json(x, 200, &text);
}

/* ---- upload --------------------------------------------------------------------------------------------- */

int file_receive(struct api *api, struct multipart *form, const struct multipart_part *part,
    struct blob_writer **writer, char filename[512], struct error *e)
{
    uint64_t bytes = 0;
    if (*writer)
        return error_param(
            e, ERROR_INVALID_VALUE, "file", "Invalid 'file': one file for each request.");
    int r = form_filename(part, filename, e);
    if (r < 0)
        return r;
    cleanup_free char *piece = malloc(PIECE);
    if (!piece)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    r = store_blob_begin(api->store, writer, e);
    ssize_t n = 0;
    while (r == 0 && (n = multipart_read(form, piece, PIECE, e)) > 0) {
        bytes += (uint64_t)n;
        r = bytes > api->upload_max_bytes ? error_param(e, ERROR_PAYLOAD_TOO_LARGE, "file",
                                                "The file is larger than %llu bytes.",
                                                (unsigned long long)api->upload_max_bytes)
                                          : store_blob_append(*writer, piece, (size_t)n, e);
    }
    return r < 0 ? r : (int)n;
}

static int receive_part(struct api *api, struct incoming *in, struct multipart *form,
    const struct multipart_part *part, struct error *e)
{
    if (strcmp(part->name, "file") == 0)
        return file_receive(api, form, part, &in->writer, in->filename, e);
    if (strcmp(part->name, "purpose") == 0)
        return form_text(form, "purpose", in->purpose, sizeof in->purpose, e);
    if (strcmp(part->name, "expires_after[anchor]") == 0)
        return form_text(form, "expires_after.anchor", in->anchor, sizeof in->anchor, e);
    if (strcmp(part->name, "expires_after[seconds]") == 0)
        return form_text(form, "expires_after.seconds", in->seconds, sizeof in->seconds, e);
    return 0;
}

int file_purpose_check(const char *purpose, struct error *e)
{
    char brief[72];
    for (int i = 0; purposes[i]; i++)
        if (strcmp(purposes[i], purpose) == 0)
            return 0;
    return error_param(e, ERROR_INVALID_VALUE, "purpose",
        "'%s' is not one of ['fine-tune', 'assistants', 'batch', 'user_data', 'vision', "
        "'evals'] - 'purpose'",
        json_in_brief(brief, purpose));
}

int64_t file_seconds_of(const char *purpose)
{
    return strcmp(purpose, "batch") == 0 ? FILE_SECONDS_MAX : 0;
}

/* Checks everything but the file; *ret_seconds is 0 for ever. */
static int check_fields(const struct incoming *in, int64_t *ret_seconds, struct error *e)
{
    char brief[72];
    int64_t seconds = file_seconds_of(in->purpose);
    if (!in->purpose[0])
        return error_param(
            e, ERROR_MISSING_PARAMETER, "purpose", "Missing required parameter: 'purpose'.");
    if (file_purpose_check(in->purpose, e) < 0)
        return -EINVAL;
    if (in->anchor[0] && strcmp(in->anchor, "created_at") != 0)
        return error_param(e, ERROR_INVALID_VALUE, "expires_after.anchor",
            "Invalid value: '%s'. Supported values are: 'created_at'.",
            json_in_brief(brief, in->anchor));
    if (in->seconds[0] && !in->anchor[0])
        return error_param(e, ERROR_MISSING_PARAMETER, "expires_after.anchor",
            "Missing required parameter: 'expires_after.anchor'.");
    if (in->anchor[0] && !in->seconds[0])
        return error_param(e, ERROR_MISSING_PARAMETER, "expires_after.seconds",
            "Missing required parameter: 'expires_after.seconds'.");
    int r = json_in_integer_text("expires_after.seconds", in->seconds[0] ? in->seconds : NULL,
        JSON_OPENAI, FILE_SECONDS_MIN, FILE_SECONDS_MAX, &seconds, e);
    if (r == 0)
        *ret_seconds = seconds;
    return r;
}

static int store_incoming(
    struct http_exchange *x, struct incoming *in, struct store_file *ret, struct error *e)
{
    int64_t seconds = 0;
    if (!in->writer)
        return error_param(
            e, ERROR_MISSING_PARAMETER, "file", "Missing required parameter: 'file'.");
    int r = check_fields(in, &seconds, e);
    const struct store_file as = {
        .project = (char *)access_project(x),
        .filename = in->filename,
        .purpose = in->purpose,
        .expires_at = seconds,
    };
    return r < 0 ? r : file_keep(api_of(x), in->writer, &as, ret, e);
}

void files_create(struct http_exchange *x)
{
    struct multipart form;
    struct incoming in = {0};
    struct multipart_part part;
    struct store_file file = {0};
    struct error e = {0};
    if (!api_is_form(x)) {
        http_fail(x, ERROR_INVALID_VALUE, NULL,
            "Invalid content type: expected multipart/form-data with the parts 'file' and "
            "'purpose'.");
        return;
    }
    int r = multipart_init(&form, x, &e);
    while (r >= 0 && (r = multipart_next(&form, &part, &e)) == 1)
        r = receive_part(api_of(x), &in, &form, &part, &e);
    multipart_deinit(&form);
    if (r == 0)
        r = store_incoming(x, &in, &file, &e);
    blob_writer_free(in.writer);
    if (r == 0)
        respond_file_object(x, &file);
    else if (e.code != ERROR_NONE)
        http_error(x, &e); /* else the HTTP layer answers for a broken body */
    store_file_deinit(&file);
}

/* ---- list, retrieve, content, delete ------------------------------------------------------------------------ */

static void write_file(struct json_writer *w, const void *item) { encode_file(w, item); }

void files_list(struct http_exchange *x)
{
    const char *purpose = http_query(x, "purpose");
    struct store_files files = {0};
    struct store_page page;
    struct error e = {0};
    if (api_page(x, 10000, 10000, &page) < 0)
        return;
    if (store_file_list(api_of(x)->store, access_project(x), purpose && *purpose ? purpose : NULL,
            &page, &files, &e) < 0) {
        http_error(x, &e);
        return;
    }
    api_respond_rows(x, &(struct api_rows){files.items, files.count, sizeof *files.items,
                            files.has_more, write_file});
    store_files_deinit(&files);
}

static void no_file(struct http_exchange *x, const struct error *e)
{
    char brief[72];
    if (e->code == ERROR_NOT_FOUND)
        http_fail(x, ERROR_NOT_FOUND, "id", "No such File object: %s",
            json_in_brief(brief, http_param(x, "file_id")));
    else
        http_error(x, e);
}

void files_get(struct http_exchange *x)
{
    struct store_file file = {0};
    struct error e = {0};
    const char *id = http_param(x, "file_id");
    int r = id_valid(id) ? store_file_get(api_of(x)->store, access_project(x), id, &file, &e)
                         : error_set(&e, ERROR_NOT_FOUND, ENOENT, "No such File object.");
    if (r < 0)
        no_file(x, &e);
    else
        respond_file_object(x, &file);
    store_file_deinit(&file);
}

void files_content(struct http_exchange *x)
{
    struct store_file file = {0};
    struct error e = {0};
    cleanup_fd int fd = -1;
    if (api_file_open(
            api_of(x), access_project(x), http_param(x, "file_id"), "id", &file, &fd, &e) < 0) {
        no_file(x, &e);
        return;
    }
    http_respond_file(x, fd, (uint64_t)file.bytes, "application/octet-stream", file.filename);
    store_file_deinit(&file);
}

void files_delete(struct http_exchange *x)
{
    const char *id = http_param(x, "file_id");
    struct error e = {0};
    int r = id_valid(id) ? store_file_delete(api_of(x)->store, access_project(x), id, &e)
                         : error_set(&e, ERROR_NOT_FOUND, ENOENT, "No such File object.");
    if (r < 0)
        no_file(x, &e);
    else
        api_respond_deleted(x, id, "file");
}
