/* files.c - POST /api/upload, GET /api/file/{id}. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "api/explorer/explorer.h"
#include "api/native/native.h"
#include "base/fd.h"

static const char *const formats[] = {".csv", ".xlsx", ".xls", ".json", ".txt", ".pdf"};

static int check_format(const char *filename, struct error *e)
{
    const char *dot = strrchr(filename, '.');
    char brief[72];
    for (size_t i = 0; dot && i < sizeof formats / sizeof *formats; i++)
        if (strcasecmp(dot, formats[i]) == 0)
            return 0;
    return error_param(e, ERROR_INVALID_VALUE, "file",
        "'%s' is of no supported format. Supported are .csv, .xlsx, .xls, .json, .txt and .pdf.",
        json_in_brief(brief, filename));
}

static int receive(struct http_exchange *x, struct store_file *ret, struct error *e)
{
    struct api *api = api_of(x);
    struct multipart form;
    struct multipart_part part;
    struct blob_writer *writer = NULL;
    char filename[512] = "";
    int r = multipart_init(&form, x, e);
    while (r >= 0 && (r = multipart_next(&form, &part, e)) == 1)
        if (strcmp(part.name, "file") == 0) {
            r = part.has_filename ? check_format(part.filename, e) : 0;
            if (r == 0)
                r = file_receive(api, &form, &part, &writer, filename, e);
        }
    multipart_deinit(&form);
    if (r == 0 && !writer)
        r = error_param(e, ERROR_MISSING_PARAMETER, "file", "Missing required parameter: 'file'.");
    const struct store_file as = {.project = (char *)access_project(x),
        .filename = filename,
        .purpose = (char *)"assistants"};
    if (r == 0)
        r = file_keep(api, writer, &as, ret, e);
    blob_writer_free(writer);
    return r;
}

void explorer_upload(struct http_exchange *x)
{
    struct store_file file = {0};
    struct error e = {0};
    int r = api_is_form(x) ? receive(x, &file, &e)
                           : error_set(&e, ERROR_INVALID_VALUE, 0,
                                 "expected multipart/form-data with the part 'file'.");
    if (r < 0) {
        if (e.code != ERROR_NONE) /* else the HTTP layer answers for a broken body */
            http_fail(x, e.code, e.param, "Error uploading file: %s", e.message);
        return;
    }
    cleanup_strbuf struct strbuf text = STRBUF_INIT(16 * 1024);
    struct json_writer w = JSON_WRITER(&text);
    jw_begin_object(&w);
    jw_field_string(&w, "file_id", file.id);
    jw_field_string(&w, "filename", file.filename);
    jw_field_string(&w, "status", "uploaded");
    jw_end(&w);
    http_respond_json(x, 200, &text);
    store_file_deinit(&file);
}

void explorer_file(struct http_exchange *x)
{
    struct store_file file = {0};
    struct error e = {0};
    cleanup_fd int fd = -1;
    char nameless[ID_SIZE + 16];
    if (api_file_open(api_of(x), access_project(x), http_param(x, "file_id"), "file_id", &file, &fd,
            &e) < 0) {
        http_error(x, &e);
        return;
    }
    snprintf(nameless, sizeof nameless, "output_%s.png", file.id);
    http_respond_file(x, fd, (uint64_t)file.bytes, "application/octet-stream",
        file.filename[0] ? file.filename : nameless);
    store_file_deinit(&file);
}
