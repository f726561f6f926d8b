/* Parts of a content as a model reads them, and the files that they bring. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/responses/transcript_internal.h"
#include "base/fd.h"

enum { FILE_NAME_MAX = 512 };

/* ---- files ---- */

void input_files_deinit(struct input_files *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->file[i].name);
    free(f->file);
    *f = (struct input_files){0};
}

int input_files_add(struct input_files *f, const char *name, const char *file_id, const void *data,
    size_t length, const char **ret_name)
{
    for (size_t i = 0; file_id && i < f->count; i++)
        if (f->file[i].file_id && strcmp(f->file[i].file_id, file_id) == 0) {
            *ret_name = f->file[i].name;
            return 0;
        }
    struct input_file *grown = realloc(f->file, (f->count + 1) * sizeof *grown);
    cleanup_free char **taken = calloc(f->count + 1, sizeof *taken);
    char *own = strdup(name);
    if (grown)
        f->file = grown;
    for (size_t i = 0; taken && grown && i < f->count; i++)
        taken[i] = f->file[i].name;
    if (!grown || !taken || !own || api_distinct_path(&own, taken, f->count) < 0) {
        free(own);
        return -ENOMEM;
    }
    f->file[f->count++] = (struct input_file){own, file_id, data, length};
    *ret_name = own;
    return 0;
}

static int no_file(struct transcript_reader *r, const char *id)
{
    char brief[72];
    error_param(
        r->e, ERROR_NOT_FOUND, "input", "No such File object: %s", json_in_brief(brief, id));
    return -ENOENT;
}

/* {"type":"file",…}; a file that does not come along now (stored items) has no path. */
static json_t *file_part(
    struct transcript_reader *r, const char *name, const char *id, const void *data, int64_t bytes)
{
    char path[FILE_NAME_MAX + 16];
    const char *given = NULL;
    if (r->files && (id || data)) {
        if (input_files_add(r->files, name, id, data, data ? (size_t)bytes : 0, &given) < 0)
            return NULL;
        snprintf(path, sizeof path, "/mnt/data/%s", given);
    }
    return json_pack("{s:s,s:s,s:s?,s:I,s:s?}", "type", "file", "filename", name, "path",
        given ? path : NULL, "bytes", (json_int_t)bytes, "file_id", id);
}

/* A name that a workspace may have, of whatever a client called it. */
static int plain_name(struct transcript_reader *r, const char *name, char out[FILE_NAME_MAX])
{
    return api_filename(name, "input", out, r->e);
}

static int add_file(struct transcript_reader *r, const json_t *part, json_t *parts)
{
    const char *id = json_text(part, "file_id"), *name = json_text(part, "filename");
    const struct input_content *content = NULL;
    cleanup_free char *stored = NULL;
    char plain[FILE_NAME_MAX] = "file";
    int64_t bytes = 0;
    if (id && r->source->stat(r->source->context, id, &stored, &bytes) < 0)
        return r->input ? no_file(r, id)
                        : transcript_append(r, parts,
                              json_pack("{s:s,s:o}", "type", "text", "text",
                                  json_sprintf("[the file %s was deleted]", name ? name : id)));
    if (!id && r->input)
        content = &r->input->content[r->next_content++];
    name = name ? name : stored ? stored : "file";
    int x = plain_name(r, name, plain);
    return x < 0 ? x
                 : transcript_append(r, parts,
                       file_part(r, plain, id, content ? content->data : NULL,
                           content ? (int64_t)content->length : bytes));
}

/* ---- images ---- */

static const char *sniff_image(const void *data, size_t n)
{
    const unsigned char *p = data;
    if (n >= 8 && memcmp(p, "\x89PNG\r\n\x1a\n", 8) == 0)
        return "image/png";
    if (n >= 3 && memcmp(p, "\xff\xd8\xff", 3) == 0)
        return "image/jpeg";
    if (n >= 6 && (memcmp(p, "GIF87a", 6) == 0 || memcmp(p, "GIF89a", 6) == 0))
        return "image/gif";
    if (n >= 12 && memcmp(p, "RIFF", 4) == 0 && memcmp(p + 8, "WEBP", 4) == 0)
        return "image/webp";
    return NULL;
}

json_t *transcript_image(const char *media_type, const void *data, size_t n, const char *detail)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(IMAGE_MAX * 2);
    struct json_writer w = JSON_WRITER(&text);
    jw_base64(&w, data, n);
    if (text.failed || text.length < 2)
        return NULL;
    return json_pack("{s:s,s:s,s:s#,s:s?}", "type", "image", "media_type", media_type, "data",
        text.data + 1, (int)(text.length - 2), "detail", detail);
}

static int image_by_id(
    struct transcript_reader *r, const char *id, const char *detail, json_t *parts)
{
    cleanup_strbuf struct strbuf bytes = STRBUF_INIT(IMAGE_MAX);
    cleanup_free char *name = NULL;
    char plain[FILE_NAME_MAX];
    const char *given;
    int64_t size;
    if (r->source->stat(r->source->context, id, &name, &size) < 0 ||
        r->source->read(r->source->context, id, &bytes) < 0)
        return r->input ? no_file(r, id) : 0;
    const char *media_type = sniff_image(bytes.data, bytes.length);
    if (!media_type)
        return error_param(r->e, ERROR_INVALID_VALUE, "input",
            "The File %s is not a PNG, JPEG, GIF or WebP image.", id);
    int x = plain_name(r, name, plain);
    if (x == 0 && r->files && input_files_add(r->files, plain, id, NULL, 0, &given) < 0)
        return transcript_no_memory(r->e);
    return x < 0 ? x
                 : transcript_append(
                       r, parts, transcript_image(media_type, bytes.data, bytes.length, detail));
}

static int image_inline(
    struct transcript_reader *r, const char *url, const char *detail, json_t *parts)
{
    char media_type[64], name[80];
    const char *base64 = data_url(url, media_type), *given;
    if (!base64)
        return transcript_append(
            r, parts, json_pack("{s:s,s:s,s:s}", "type", "image", "url", url, "detail", detail));
    if (r->input) {
        const struct input_content *c = &r->input->content[r->next_content++];
        snprintf(name, sizeof name, "image.%s", strchr(media_type, '/') + 1);
        if (r->files && input_files_add(r->files, name, NULL, c->data, c->length, &given) < 0)
            return transcript_no_memory(r->e);
        return transcript_append(
            r, parts, transcript_image(media_type, c->data, c->length, detail));
    }
    return transcript_append(r, parts,
        json_pack("{s:s,s:s,s:s,s:s}", "type", "image", "media_type", media_type, "data", base64,
            "detail", detail));
}

/* ---- parts ---- */

static int add_part(struct transcript_reader *r, const json_t *part, json_t *parts)
{
    const char *type = json_text(part, "type"), *text = json_text(part, "text");
    if (strcmp(type, "input_file") == 0)
        return add_file(r, part, parts);
    if (strcmp(type, "input_image") == 0) {
        const char *id = json_text(part, "file_id"), *url = json_text(part, "image_url"),
                   *detail = json_text(part, "detail");
        return id    ? image_by_id(r, id, detail, parts)
               : url ? image_inline(r, url, detail, parts)
                     : 0;
    }
    if (strcmp(type, "refusal") == 0)
        return transcript_append(r, parts,
            json_pack("{s:s,s:s}", "type", "refusal", "text", json_text(part, "refusal")));
    return transcript_append(
        r, parts, json_pack("{s:s,s:s}", "type", "text", "text", text ? text : ""));
}

int transcript_add_parts(struct transcript_reader *r, const json_t *content, json_t *parts)
{
    const json_t *part;
    size_t i;
    int x = 0;
    json_array_foreach (content, i, part)
        if (x == 0)
            x = add_part(r, part, parts);
    return x;
}
