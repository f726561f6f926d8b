/* Parts of a message's content, and the bytes that came within them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/responses/input_internal.h"

enum { FILENAME_MAX_BYTES = 1024 };

/* ---- bytes within the request ---- */

const char *data_url(const char *url, char media_type[64])
{
    static const char marker[] = ";base64,";
    if (strncmp(url, "data:", 5) != 0)
        return NULL;
    const char *data = strstr(url, marker);
    size_t n = strcspn(url + 5, ";,");
    if (!data || n == 0 || n >= 64 || strchr(url, ',') < data)
        return NULL;
    memcpy(media_type, url + 5, n);
    media_type[n] = 0;
    return data + sizeof marker - 1;
}

static void add_content(struct json_in *in, const char *name, const char *media_type,
    const char *base64, struct input_items *to)
{
    void *data = NULL;
    size_t n = 0;
    if (in->failed)
        return;
    struct input_content *grown = realloc(to->content, (to->contents + 1) * sizeof *to->content);
    if (!grown) {
        input_made(in, NULL);
        return;
    }
    to->content = grown;
    int r = api_base64(base64, strlen(base64), &data, &n);
    if (r < 0) {
        json_in_fail(in, r == -ENOMEM ? ERROR_INTERNAL : ERROR_INVALID_VALUE, name,
            "Invalid '%s%s': it is not base64.", in->prefix, name);
        return;
    }
    struct input_content *c = &to->content[to->contents++];
    *c = (struct input_content){.data = data, .length = n};
    snprintf(c->media_type, sizeof c->media_type, "%s", media_type);
    to->bytes += n;
    if (to->bytes > INPUT_INLINE_MAX)
        json_in_fail(in, ERROR_PAYLOAD_TOO_LARGE, name,
            "Invalid '%s%s': the files of one request exceed %d MB together. Upload them to "
            "/v1/files and name them by file_id.",
            in->prefix, name, INPUT_INLINE_MAX >> 20);
}

/* ---- parts of a content ---- */

static json_t *read_text(struct json_in *in, const char *type)
{
    const char *text = json_in_string(in, "text", JSON_REQUIRED, INPUT_TEXT_MAX);
    return text ? input_made(in, json_pack("{s:s,s:s}", "type", type, "text", text)) : NULL;
}

static json_t *read_output_text(struct json_in *in)
{
    json_t *annotations = json_in_array(in, "annotations", PARTS_MAX);
    json_t *part = read_text(in, "output_text");
    if (part)
        json_object_set_new(
            part, "annotations", annotations ? json_deep_copy(annotations) : json_array());
    if (part)
        json_object_set_new(part, "logprobs", json_array());
    return part;
}

static bool image_type(const char *media_type)
{
    static const char *const types[] = {"image/png", "image/jpeg", "image/gif", "image/webp"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i], media_type) == 0)
            return true;
    return false;
}

static void read_image_url(
    struct json_in *in, const char *url, unsigned flags, struct input_items *to)
{
    char media_type[64];
    if (strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0)
        return;
    const char *base64 = data_url(url, media_type);
    if (!base64 || !image_type(media_type))
        json_in_fail(in, ERROR_INVALID_VALUE, "image_url",
            "Invalid '%simage_url'. Expected an http(s) URL, or a base64 data URL of a PNG, JPEG, "
            "GIF or WebP image ('data:image/png;base64,…').",
            in->prefix);
    else if (flags & INPUT_NO_BYTES)
        json_in_fail(in, ERROR_UNSUPPORTED_PARAMETER, "image_url",
            "Unsupported value: '%simage_url' cannot be a data URL here. Upload the image to "
            "/v1/files and name it by file_id.",
            in->prefix);
    else
        add_content(in, "image_url", media_type, base64, to);
    if (!in->failed)
        to->content[to->contents - 1].image = true;
}

static json_t *read_image(struct json_in *in, unsigned flags, struct input_items *to)
{
    static const char *const details[] = {"low", "high", "auto", "original", NULL};
    const char *detail = json_in_word(in, "detail", details, "auto");
    const char *id = json_in_string(in, "file_id", JSON_OPTIONAL, 64);
    const char *url =
        json_in_string(in, "image_url", id ? JSON_OPTIONAL : JSON_REQUIRED, INPUT_IMAGE_URL_MAX);
    if (id && url)
        json_in_fail(in, ERROR_EXCLUSIVE_PARAMETERS, "image_url",
            "Mutually exclusive parameters: '%simage_url' and '%sfile_id'. Ensure you are only "
            "providing one of them.",
            in->prefix, in->prefix);
    if (url && !in->failed)
        read_image_url(in, url, flags, to);
    if (in->failed)
        return NULL;
    return input_made(in, json_pack("{s:s,s:s,s:s?,s:s?}", "type", "input_image", "detail", detail,
                              "file_id", id, "image_url", url));
}

static void read_file_data(
    struct json_in *in, const char *text, unsigned flags, struct input_items *to)
{
    char media_type[64] = "";
    const char *base64 = data_url(text, media_type);
    if (flags & INPUT_NO_BYTES)
        json_in_fail(in, ERROR_UNSUPPORTED_PARAMETER, "file_data",
            "Unsupported parameter: '%sfile_data' is not kept here. Upload the file to /v1/files and "
            "name it by file_id.",
            in->prefix);
    add_content(in, "file_data", media_type, base64 ? base64 : text, to);
}

static json_t *read_file(struct json_in *in, unsigned flags, struct input_items *to)
{
    static const char *const details[] = {"auto", "low", "high", NULL};
    json_in_word(in, "detail", details, "auto");
    const char *id = json_in_string(in, "file_id", JSON_OPTIONAL, 64);
    const char *data = json_in_string(in, "file_data", JSON_OPTIONAL, INPUT_FILE_DATA_MAX);
    const char *name =
        json_in_string(in, "filename", data ? JSON_REQUIRED : JSON_OPTIONAL, FILENAME_MAX_BYTES);
    if (json_in_has(in, "file_url"))
        json_in_fail(in, ERROR_UNSUPPORTED_PARAMETER, "file_url",
            "Unsupported parameter: '%sfile_url' is not fetched by this server. Send file_data, or "
            "upload the file to /v1/files and name it by file_id.",
            in->prefix);
    else if (id && data)
        json_in_fail(in, ERROR_EXCLUSIVE_PARAMETERS, "file_data",
            "Mutually exclusive parameters: '%sfile_data' and '%sfile_id'. Ensure you are only "
            "providing one of them.",
            in->prefix, in->prefix);
    else if (!id && !data)
        json_in_string(in, "file_id", JSON_REQUIRED, 64);
    else if (!(flags & (INPUT_FILES | INPUT_NO_BYTES)))
        json_in_fail(in, ERROR_INVALID_VALUE, "type",
            "Invalid '%stype': files are read by code. Add the tool {\"type\": "
            "\"code_interpreter\"} to the request.",
            in->prefix);
    if (data && !in->failed)
        read_file_data(in, data, flags, to);
    if (in->failed)
        return NULL;
    return input_made(
        in, json_pack("{s:s,s:s?,s:s?}", "type", "input_file", "file_id", id, "filename", name));
}

static json_t *read_part(
    struct json_in *in, enum place place, unsigned flags, struct input_items *to)
{
    static const char *const of_user[] = {"input_text", "input_image", "input_file", NULL};
    static const char *const of_assistant[] = {"output_text", "refusal", NULL};
    json_in_string(in, "type", JSON_REQUIRED, INPUT_TEXT_MAX);
    const char *type =
        json_in_word(in, "type", place == PLACE_ASSISTANT ? of_assistant : of_user, NULL);
    if (!type)
        return NULL;
    if (strcmp(type, "input_text") == 0)
        return read_text(in, type);
    if (strcmp(type, "input_image") == 0)
        return read_image(in, flags, to);
    if (strcmp(type, "input_file") == 0)
        return read_file(in, flags, to);
    if (strcmp(type, "output_text") == 0)
        return read_output_text(in);
    const char *refusal = json_in_string(in, "refusal", JSON_REQUIRED, INPUT_TEXT_MAX);
    return refusal ? input_made(in, json_pack("{s:s,s:s}", "type", "refusal", "refusal", refusal))
                   : NULL;
}

/* The array `name` of parts; a new array, or NULL. */
json_t *input_read_parts(
    struct json_in *in, const char *name, enum place place, unsigned flags, struct input_items *to)
{
    json_t *array = json_in_array(in, name, PARTS_MAX), *value;
    json_t *parts = array ? input_made(in, json_array()) : NULL;
    size_t i;
    json_array_foreach (parts ? array : NULL, i, value) {
        struct json_in sub;
        char path[32], prefix[96];
        snprintf(path, sizeof path, "%s[%zu]", name, i);
        if (!json_is_object(value)) {
            json_in_fail(in, ERROR_INVALID_TYPE, path,
                "Invalid type for '%s%s': expected an object.", in->prefix, path);
            break;
        }
        snprintf(prefix, sizeof prefix, "%s%s.", in->prefix, path);
        input_sub_begin(&sub, in, value, prefix);
        json_t *part = read_part(&sub, place, flags, to);
        input_sub_end(&sub, in);
        if (in->failed || !input_append(in, parts, part))
            break;
    }
    return parts;
}
