/* uploads.c - OpenAI's Uploads: a File that comes in parts, in any order and several at once, and is put together in
 * the order its client names. Parts are blobs like any other; the File is a new blob, so for the time of its making both
 * are on the disk. */
#include <errno.h>
#include <md5.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "api/native/native.h"
#include "base/clock.h"
#include "base/fd.h"

enum {
    PIECE = 256 * 1024,
    UPLOAD_SECONDS = 3600, /* OpenAI's: an upload that is not completed by then is gone */
    PENDING_MAX = 100,     /* of one project */
};

/* ---- encode ---------------------------------------------------------------------------------------------- */

static void respond_upload(
    struct http_exchange *x, const struct store_upload *u, const struct store_file *file)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(64 * 1024);
    struct json_writer w = JSON_WRITER(&text);
    jw_begin_object(&w);
    jw_field_string(&w, "id", u->id);
    jw_field_string(&w, "object", "upload");
    jw_field_int(&w, "bytes", u->bytes);
    jw_field_int(&w, "created_at", u->created_at);
    jw_field_int(&w, "expires_at", u->expires_at);
    jw_field_string(&w, "filename", u->filename);
    jw_field_string(&w, "purpose", u->purpose);
    jw_field_string(&w, "mime_type", u->mime_type);
    jw_field_string(&w, "status", u->status);
    jw_key(&w, "file");
    if (file)
        encode_file(&w, file);
    else
        jw_null(&w);
    jw_end(&w);
    http_respond_json(x, 200, &text);
}

/* Reads the upload anew and answers with it. */
static void respond_as_it_is(struct http_exchange *x, const char *id, const struct store_file *file)
{
    struct store_upload u = {0};
    struct error e = {0};
    if (store_upload_get(api_of(x)->store, access_project(x), id, &u, &e) < 0)
        http_error(x, &e);
    else
        respond_upload(x, &u, file);
    store_upload_deinit(&u);
}

/* ---- which one ------------------------------------------------------------------------------------------- */

static int upload_of(struct http_exchange *x, struct store_upload *ret, struct error *e)
{
    const char *id = http_param(x, "upload_id");
    char brief[72];
    int r =
        id_valid(id) ? store_upload_get(api_of(x)->store, access_project(x), id, ret, e) : -ENOENT;
    return r == -ENOENT ? error_param(e, ERROR_NOT_FOUND, "upload_id", "No such Upload object: %s",
                              json_in_brief(brief, id))
                        : r;
}

/* The caller's upload, pending still. `verb`: what cannot be done with one that is not. */
static int pending_of(
    struct http_exchange *x, const char *verb, struct store_upload *ret, struct error *e)
{
    int r = upload_of(x, ret, e);
    if (r == 0 && strcmp(ret->status, "pending") != 0)
        r = error_param(e, ERROR_INVALID_VALUE, "upload_id", "Cannot %s upload with status '%s'.",
            verb, ret->status);
    return r;
}

/* ---- create ---------------------------------------------------------------------------------------------- */

static void read_expires_after(struct json_in *in, int64_t *seconds, struct error *e)
{
    static const char *const anchors[] = {"created_at", NULL};
    struct json_in sub;
    json_t *expires = json_in_object(in, "expires_after", JSON_OPTIONAL);
    if (!expires || in->failed)
        return;
    json_in_begin(&sub, expires, "expires_after.", JSON_OPENAI, e);
    if (!json_in_word(&sub, "anchor", anchors, NULL))
        json_in_string(&sub, "anchor", JSON_REQUIRED, 64);
    if (!json_in_has(&sub, "seconds"))
        json_in_string(&sub, "seconds", JSON_REQUIRED, 64);
    *seconds = json_in_integer(&sub, "seconds", 0, FILE_SECONDS_MIN, FILE_SECONDS_MAX);
    if (json_in_end(&sub) < 0)
        in->failed = true;
}

/* Strings are borrowed from `root` and `filename`. */
static int read_create(
    struct api *api, json_t *root, char filename[512], struct store_upload *u, struct error *e)
{
    struct json_in in;
    json_in_begin(&in, root, "", JSON_OPENAI, e);
    const char *name = json_in_string(&in, "filename", JSON_REQUIRED, 4096);
    if (name && !in.failed && api_filename(name, "filename", filename, e) < 0)
        in.failed = true;
    u->filename = filename;
    u->purpose = (char *)json_in_string(&in, "purpose", JSON_REQUIRED, 64);
    if (u->purpose && !in.failed && file_purpose_check(u->purpose, e) < 0)
        in.failed = true;
    if (!json_in_has(&in, "bytes"))
        json_in_string(&in, "bytes", JSON_REQUIRED, 64);
    u->bytes = json_in_integer(&in, "bytes", 0, 0, api->upload_parts_max_bytes);
    u->mime_type = (char *)json_in_string(&in, "mime_type", JSON_REQUIRED, 256);
    if (!in.failed)
        u->file_seconds = file_seconds_of(u->purpose);
    read_expires_after(&in, &u->file_seconds, e);
    return json_in_end(&in);
}

void uploads_create(struct http_exchange *x)
{
    cleanup_json json_t *root = NULL;
    char filename[512] = "", id[ID_SIZE];
    struct store_upload u = {.id = id, .project = (char *)access_project(x)};
    struct error e = {0};
    if (api_body_json(x, &root) < 0)
        return;
    int r = read_create(api_of(x), root, filename, &u, &e);
    id_new(id, "upload_", 48);
    u.created_at = clock_realtime_s();
    u.expires_at = u.created_at + UPLOAD_SECONDS;
    u.status = "pending";
    if (r == 0)
        r = store_upload_insert(api_of(x)->store, &u, PENDING_MAX, &e);
    if (r < 0)
        http_error(x, &e);
    else
        respond_upload(x, &u, NULL);
}

/* ---- parts ----------------------------------------------------------------------------------------------- */

/* What an upload may hold: a part is sent again when its answer was lost, and the first is then never used. */
static int64_t parts_bytes_max(const struct store_upload *u)
{
    return 2 * u->bytes + UPLOAD_PART_MAX;
}

static int receive_data(
    struct api *api, struct multipart *form, struct blob_writer **writer, struct error *e)
{
    if (*writer)
        return error_param(
            e, ERROR_INVALID_VALUE, "data", "Invalid 'data': one part for each request.");
    cleanup_free char *piece = malloc(PIECE);
    if (!piece)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    int r = store_blob_begin(api->store, writer, e);
    int64_t bytes = 0;
    ssize_t n = 0;
    while (r == 0 && (n = multipart_read(form, piece, PIECE, e)) > 0) {
        bytes += n;
        r = bytes > UPLOAD_PART_MAX ? error_param(e, ERROR_PAYLOAD_TOO_LARGE, "data",
                                          "The part is larger than %d bytes.", UPLOAD_PART_MAX)
                                    : store_blob_append(*writer, piece, (size_t)n, e);
    }
    return r < 0 ? r : (int)n;
}

static int store_part(struct http_exchange *x, const struct store_upload *u,
    struct blob_writer *writer, struct store_upload_part *part, struct error *e)
{
    int r = store_blob_commit(writer, true, part->blob, &part->bytes, e);
    if (r < 0)
        return r;
    r = store_upload_part_insert(api_of(x)->store, part, parts_bytes_max(u), e);
    if (r != -ENOENT)
        return r;
    /* it ended meanwhile, or it is full */
    struct store_upload now = {0};
    r = pending_of(x, "add a part to an", &now, e);
    store_upload_deinit(&now);
    return r < 0 ? r
                 : error_param(e, ERROR_INVALID_VALUE, "data",
                       "The parts of this upload are more than it needs: it was created for %lld "
                       "bytes, and takes at most %d parts.",
                       (long long)u->bytes, STORE_UPLOAD_PARTS_MAX);
}

static void respond_part(struct http_exchange *x, const struct store_upload_part *part)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(4096);
    struct json_writer w = JSON_WRITER(&text);
    jw_begin_object(&w);
    jw_field_string(&w, "id", part->id);
    jw_field_string(&w, "object", "upload.part");
    jw_field_int(&w, "created_at", part->created_at);
    jw_field_string(&w, "upload_id", part->upload_id);
    jw_end(&w);
    http_respond_json(x, 200, &text);
}

void upload_parts_create(struct http_exchange *x)
{
    struct multipart form = {0};
    struct multipart_part field;
    struct blob_writer *writer = NULL;
    struct store_upload u = {0};
    char id[ID_SIZE], hash[BLOB_HEX_SIZE];
    struct error e = {0};
    int r = pending_of(x, "add a part to an", &u, &e);
    if (r == 0 && !api_is_form(x))
        r = error_param(&e, ERROR_INVALID_VALUE, "data",
            "Invalid content type: expected multipart/form-data with the part 'data'.");
    if (r == 0)
        r = multipart_init(&form, x, &e);
    while (r >= 0 && (r = multipart_next(&form, &field, &e)) == 1)
        r = strcmp(field.name, "data") == 0 ? receive_data(api_of(x), &form, &writer, &e) : 0;
    multipart_deinit(&form);
    if (r == 0 && !writer)
        r = error_param(&e, ERROR_MISSING_PARAMETER, "data", "Missing required parameter: 'data'.");
    id_new(id, "part_", 48);
    struct store_upload_part part = {
        .id = id, .upload_id = u.id, .blob = hash, .created_at = clock_realtime_s()};
    if (r == 0)
        r = store_part(x, &u, writer, &part, &e);
    blob_writer_free(writer);
    if (r == 0)
        respond_part(x, &part);
    else if (e.code != ERROR_NONE)
        http_error(x, &e); /* else the HTTP layer answers for a broken body */
    store_upload_deinit(&u);
}

/* ---- complete -------------------------------------------------------------------------------------------- */

struct assembly {
    struct store *store;
    const struct store_upload *upload;
    json_t *part_ids; /* borrowed */
    struct blob_writer *writer;
    MD5_CTX md5;
};

static int part_of(struct assembly *a, size_t i, struct store_upload_part *ret, struct error *e)
{
    const char *id = json_string_value(json_array_get(a->part_ids, i));
    char brief[72], param[32];
    int r = id_valid(id) ? store_upload_part_get(a->store, a->upload->id, id, ret, e) : -ENOENT;
    if (r != -ENOENT)
        return r;
    snprintf(param, sizeof param, "part_ids[%zu]", i);
    return error_param(
        e, ERROR_INVALID_VALUE, param, "This upload has no part '%s'.", json_in_brief(brief, id));
}

/* Each part once, and together as long as was said. */
static int check_parts(struct assembly *a, struct error *e)
{
    cleanup_json json_t *seen = json_object();
    int64_t bytes = 0;
    for (size_t i = 0; i < json_array_size(a->part_ids); i++) {
        json_t *id = json_array_get(a->part_ids, i);
        struct store_upload_part part = {0};
        char param[32];
        snprintf(param, sizeof param, "part_ids[%zu]", i);
        if (json_object_get(seen, json_string_value(id)))
            return error_param(e, ERROR_INVALID_VALUE, param, "The part '%.60s' is named twice.",
                json_string_value(id));
        int r = part_of(a, i, &part, e);
        if (r < 0)
            return r;
        bytes += part.bytes;
        store_upload_part_deinit(&part);
        if (json_object_set(seen, json_string_value(id), id) < 0)
            return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    }
    if (bytes != a->upload->bytes)
        return error_param(e, ERROR_INVALID_VALUE, "part_ids",
            "The parts are %lld bytes together, but the upload was created for %lld bytes.",
            (long long)bytes, (long long)a->upload->bytes);
    return 0;
}

static int append_part(struct assembly *a, size_t i, char *piece, struct error *e)
{
    struct store_upload_part part = {0};
    int r = part_of(a, i, &part, e);
    if (r < 0)
        return r;
    cleanup_fd int fd = store_blob_open(a->store, part.blob, e);
    store_upload_part_deinit(&part);
    if (fd < 0)
        return fd;
    ssize_t n;
    while ((n = read(fd, piece, PIECE)) > 0) {
        MD5Update(&a->md5, (const uint8_t *)piece, (size_t)n);
        r = store_blob_append(a->writer, piece, (size_t)n, e);
        if (r < 0)
            return r;
    }
    return n < 0
               ? error_set(e, ERROR_INTERNAL, errno, "A part cannot be read: %s.", strerror(errno))
               : 0;
}

static int check_md5(struct assembly *a, const char *wanted, struct error *e)
{
    uint8_t digest[MD5_DIGEST_LENGTH];
    char found[MD5_DIGEST_STRING_LENGTH];
    MD5Final(digest, &a->md5);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(found + 2 * i, 3, "%02x", digest[i]);
    if (!wanted || strcasecmp(wanted, found) == 0)
        return 0;
    return error_param(e, ERROR_INVALID_VALUE, "md5",
        "The MD5 checksum of the file is '%s', which is not the one that was given.", found);
}

/* The parts as one blob, and the File that has it. */
static int assemble(struct assembly *a, const char *md5, struct store_file *ret, struct error *e)
{
    const struct store_upload *u = a->upload;
    char id[ID_SIZE], hash[BLOB_HEX_SIZE];
    int64_t bytes = 0, now = clock_realtime_s();
    cleanup_free char *piece = malloc(PIECE);
    if (!piece)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    MD5Init(&a->md5);
    int r = store_blob_begin(a->store, &a->writer, e);
    for (size_t i = 0; r == 0 && i < json_array_size(a->part_ids); i++)
        r = append_part(a, i, piece, e);
    if (r == 0)
        r = check_md5(a, md5, e);
    if (r == 0)
        r = store_blob_commit(a->writer, true, hash, &bytes, e);
    if (r < 0)
        return r;
    store_file_id_new(id);
    struct store_file file = {
        .id = id,
        .project = u->project,
        .filename = u->filename,
        .purpose = u->purpose,
        .bytes = bytes,
        .created_at = now,
        .expires_at = u->file_seconds ? now + u->file_seconds : 0,
        .blob = hash,
    };
    r = store_upload_complete(a->store, u->id, &file, e);
    if (r == -ENOENT)
        return error_param(e, ERROR_INVALID_VALUE, "upload_id",
            "The upload was cancelled or expired while it was completed.");
    return r < 0 ? r : store_file_get(a->store, u->project, id, ret, e);
}

static int read_complete(json_t *root, json_t **ret_ids, const char **ret_md5, struct error *e)
{
    struct json_in in;
    size_t n;
    json_in_begin(&in, root, "", JSON_OPENAI, e);
    *ret_ids = json_in_strings(&in, "part_ids", STORE_UPLOAD_PARTS_MAX, 100, &n);
    if (!*ret_ids)
        json_in_string(&in, "part_ids", JSON_REQUIRED, 64);
    *ret_md5 = json_in_string(&in, "md5", JSON_OPTIONAL, 64);
    if (*ret_md5 && (strlen(*ret_md5) != 2 * MD5_DIGEST_LENGTH ||
                        strspn(*ret_md5, "0123456789abcdefABCDEF") != 2 * MD5_DIGEST_LENGTH))
        json_in_fail(
            &in, ERROR_INVALID_VALUE, "md5", "Invalid 'md5': expected 32 hexadecimal digits.");
    return json_in_end(&in);
}

/* A project's one at a time: each is a copy of up to 8 GiB, and the second of the same upload would be for
 * nothing. Projects whose ids fall together wait for each other. */
enum { COMPLETING = 16 };
static pthread_mutex_t completing[COMPLETING] = {
    [0 ... COMPLETING - 1] = PTHREAD_MUTEX_INITIALIZER};

void uploads_complete(struct http_exchange *x)
{
    cleanup_json json_t *root = NULL;
    const char *md5 = NULL;
    struct store_upload u = {0};
    struct store_file file = {0};
    struct assembly a = {.store = api_of(x)->store, .upload = &u};
    struct error e = {0};
    if (api_body_json(x, &root) < 0)
        return;
    int r = read_complete(root, &a.part_ids, &md5, &e);
    pthread_mutex_t *lock = &completing[hash_text(access_project(x)) % COMPLETING];
    pthread_mutex_lock(lock);
    bool gone = http_client_gone(x); /* who waited too long has asked again */
    if (gone)
        r = -ECANCELED;
    if (r == 0)
        r = pending_of(x, "complete an", &u, &e);
    if (r == 0)
        r = check_parts(&a, &e);
    if (r == 0)
        r = assemble(&a, md5, &file, &e);
    blob_writer_free(a.writer);
    pthread_mutex_unlock(lock);
    if (gone && e.code == ERROR_NONE)
        error_set(&e, ERROR_UNAVAILABLE, ECANCELED, "The client has gone.");
    if (r < 0)
        http_error(x, &e);
    else
        respond_as_it_is(x, u.id, &file);
    store_upload_deinit(&u);
    store_file_deinit(&file);
}

/* ---- cancel ---------------------------------------------------------------------------------------------- */

void uploads_cancel(struct http_exchange *x)
{
    struct store_upload u = {0};
    struct error e = {0};
    int r = pending_of(x, "cancel an", &u, &e);
    if (r == 0 && (r = store_upload_cancel(api_of(x)->store, u.id, &e)) == -ENOENT) {
        store_upload_deinit(&u); /* it ended at this moment: say how */
        r = pending_of(x, "cancel an", &u, &e);
    }
    if (r < 0)
        http_error(x, &e);
    else
        respond_as_it_is(x, u.id, NULL);
    store_upload_deinit(&u);
}
