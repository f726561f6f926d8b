/* Messages on their way in: read from a request, given to the thread, their files to its workspace.
 *
 * Each is made twice: as the wire shows it, and as one of the items that api/responses reads, so that there
 * is one set of rules for what a model reads of text, pictures and files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/assistants/assistants.h"
#include "api/chat/chat.h"
#include "base/clock.h"
#include "base/fd.h"

enum {
    MESSAGES_MAX = 512,
    PARTS_MAX = 512,
    PREFIX_SIZE = 128,
    IMAGE_BYTES_MAX = 20 << 20,  /* more is never shown to a model */
    IMAGES_BYTES_MAX = 64 << 20, /* each part has its own copy, even of the same File */
};

void new_messages_deinit(struct new_messages *m)
{
    json_decref(m->list);
    *m = (struct new_messages){0};
}

/* ---- parts ---- */

static void add_text(json_t *content, json_t *kept, const char *text)
{
    json_array_append_new(content,
        json_pack("{s:s,s:{s:s,s:[]}}", "type", "text", "text", "value", text, "annotations"));
    json_array_append_new(kept, json_pack("{s:s,s:s}", "type", "input_text", "text", text));
}

/* {"image_file":{"file_id","detail"}} or {"image_url":{"url","detail"}} */
static void add_image(struct json_in *in, const char *type, json_t *content, json_t *kept)
{
    static const char *const details[] = {"auto", "low", "high", NULL};
    bool file = strcmp(type, "image_file") == 0;
    const char *key = file ? "file_id" : "url";
    struct json_in inner;
    char prefix[PREFIX_SIZE];
    snprintf(prefix, sizeof prefix, "%s%s.", in->prefix, type);
    chat_sub_begin(&inner, in, json_in_object(in, type, JSON_REQUIRED), prefix);
    const char *value =
        json_in_string(&inner, key, JSON_REQUIRED, file ? 64 : (size_t)INPUT_IMAGE_URL_MAX);
    const char *detail = json_in_word(&inner, "detail", details, "auto");
    chat_sub_end(&inner, in);
    if (in->failed)
        return;
    json_array_append_new(
        content, json_pack("{s:s,s:{s:s,s:s}}", "type", type, type, key, value, "detail", detail));
    json_array_append_new(kept, json_pack("{s:s,s:s,s:s}", "type", "input_image",
                                    file ? "file_id" : "image_url", value, "detail", detail));
}

/* As a request says it, or as an answer says it: programs copy messages. */
static const char *read_text(struct json_in *in)
{
    json_t *given = json_in_any(in, "text");
    struct json_in inner;
    char prefix[PREFIX_SIZE];
    if (!json_is_object(given))
        return json_in_string(in, "text", JSON_REQUIRED, MESSAGE_TEXT_MAX);
    snprintf(prefix, sizeof prefix, "%stext.", in->prefix);
    chat_sub_begin(&inner, in, given, prefix);
    const char *value = json_in_string(&inner, "value", JSON_REQUIRED, MESSAGE_TEXT_MAX);
    chat_sub_end(&inner, in);
    return value;
}

static void read_part(struct json_in *in, json_t *content, json_t *kept)
{
    static const char *const types[] = {"text", "image_file", "image_url", NULL};
    json_in_string(in, "type", JSON_REQUIRED, 64);
    const char *type = json_in_word(in, "type", types, "text");
    if (in->failed)
        return;
    if (strcmp(type, "text") != 0) {
        add_image(in, type, content, kept);
        return;
    }
    const char *text = read_text(in);
    if (text)
        add_text(content, kept, text);
}

static void read_content(struct json_in *in, json_t *content, json_t *kept)
{
    json_t *given = json_in_any(in, "content"), *part;
    size_t i;
    if (!json_is_array(given)) {
        const char *text = json_in_string(in, "content", JSON_REQUIRED, MESSAGE_TEXT_MAX);
        if (text)
            add_text(content, kept, text);
        return;
    }
    json_in_array(in, "content", PARTS_MAX);
    json_array_foreach (given, i, part) {
        struct json_in sub;
        char prefix[PREFIX_SIZE];
        snprintf(prefix, sizeof prefix, "%scontent[%zu].", in->prefix, i);
        if (!json_is_object(part))
            json_in_fail(in, ERROR_INVALID_TYPE, "content",
                "Invalid type for '%s': expected an object.", prefix);
        chat_sub_begin(&sub, in, part, prefix);
        if (!in->failed)
            read_part(&sub, content, kept);
        chat_sub_end(&sub, in);
    }
    if (json_array_size(given) == 0)
        json_in_fail(in, ERROR_INVALID_VALUE, "content",
            "Invalid 'content': empty array. Expected an array with minimum length 1.");
}

/* ---- attachments ---- */

/* Adds one file, for the interpreter. */
static void attach(json_t *attachments, json_t *kept, const char *id)
{
    json_array_append_new(attachments,
        json_pack("{s:s,s:[{s:s}]}", "file_id", id, "tools", "type", "code_interpreter"));
    json_array_append_new(kept, json_pack("{s:s,s:s}", "type", "input_file", "file_id", id));
}

static void read_attachment(struct json_in *in, json_t *attachments, json_t *kept)
{
    const char *id = json_in_string(in, "file_id", JSON_REQUIRED, 64);
    json_t *tools = json_in_array(in, "tools", 10), *tool;
    size_t i;
    json_array_foreach (tools, i, tool)
        if (!item_is(tool, "code_interpreter"))
            json_in_fail(in, ERROR_UNSUPPORTED_TOOL, "tools",
                "Unsupported tool: '%s' is not available on this server for attachments. Supported "
                "values are: 'code_interpreter'.",
                item_is(tool, "file_search") ? "file_search" : "this one");
    if (!in->failed)
        attach(attachments, kept, id);
}

static void read_attachments(struct json_in *in, json_t *attachments, json_t *kept)
{
    json_t *list = json_in_array(in, "attachments", ATTACHMENTS_MAX), *entry, *id;
    size_t i, n;
    json_array_foreach (list, i, entry) {
        struct json_in sub;
        char prefix[PREFIX_SIZE];
        snprintf(prefix, sizeof prefix, "%sattachments[%zu].", in->prefix, i);
        if (!json_is_object(entry))
            json_in_fail(in, ERROR_INVALID_TYPE, "attachments",
                "Invalid type for '%s': expected an object.", prefix);
        chat_sub_begin(&sub, in, entry, prefix);
        if (!in->failed)
            read_attachment(&sub, attachments, kept);
        chat_sub_end(&sub, in);
    }
    json_array_foreach (json_in_strings(in, "file_ids", ATTACHMENTS_MAX, 64, &n), i, id)
        if (!in->failed)
            attach(attachments, kept, json_string_value(id));
}

/* ---- messages ---- */

void message_read(
    struct json_in *outer, json_t *object, const char *prefix, struct new_messages *to)
{
    static const char *const roles[] = {"user", "assistant", NULL};
    json_t *content = json_array(), *kept = json_array(), *attachments = json_array();
    struct json_in in;
    chat_sub_begin(&in, outer, object, prefix);
    json_in_string(&in, "role", JSON_REQUIRED, 64);
    const char *role = json_in_word(&in, "role", roles, "user");
    read_content(&in, content, kept);
    read_attachments(&in, attachments, kept);
    json_t *metadata = metadata_read(&in);
    chat_sub_end(&in, outer);
    json_t *message = json_pack("{s:n,s:s,s:n,s:n,s:s,s:n,s:n,s:n,s:s,s:o,s:n,s:n,s:o,s:o}", "id",
        "object", "thread.message", "created_at", "thread_id", "status", "completed",
        "incomplete_details", "completed_at", "incomplete_at", "role", role, "content", content,
        "assistant_id", "run_id", "attachments", attachments, "metadata", metadata);
    json_t *item = json_pack("{s:s,s:s,s:s,s:o}", "type", "message", "role", role, "status",
        "completed", "content", kept);
    if (!to->list)
        to->list = json_array();
    json_array_append_new(to->list, json_pack("{s:o,s:o}", "message", message, "kept", item));
}

void messages_read(struct json_in *in, const char *name, struct new_messages *to)
{
    json_t *list = json_in_array(in, name, MESSAGES_MAX), *object;
    size_t i;
    json_array_foreach (list, i, object) {
        char prefix[PREFIX_SIZE];
        snprintf(prefix, sizeof prefix, "%s%s[%zu].", in->prefix, name, i);
        if (!json_is_object(object))
            json_in_fail(in, ERROR_INVALID_TYPE, name,
                "Invalid type for '%s%s[%zu]': expected an object.", in->prefix, name, i);
        if (!in->failed)
            message_read(in, object, prefix, to);
    }
}

static int check_image(const struct store_file *file, int64_t *all, struct error *e)
{
    *all += file->bytes;
    if (file->bytes > IMAGE_BYTES_MAX)
        return error_param(e, ERROR_INVALID_VALUE, "file_id", "The image %s is larger than %d MiB.",
            file->id, IMAGE_BYTES_MAX >> 20);
    if (*all > IMAGES_BYTES_MAX)
        return error_param(e, ERROR_INVALID_VALUE, "file_id",
            "The images of one request are larger than %d MiB together.", IMAGES_BYTES_MAX >> 20);
    return 0;
}

int messages_check(
    struct api *api, const char *project, const struct new_messages *m, struct error *e)
{
    const json_t *entry, *part;
    int64_t images = 0;
    size_t i, k;
    json_array_foreach (m->list, i, entry)
        json_array_foreach (json_object_get(json_object_get(entry, "kept"), "content"), k, part) {
            const char *id = json_text(part, "file_id");
            struct store_file file;
            if (!id)
                continue;
            int r = file_get(api, project, id, "file_id", &file, e);
            if (r < 0)
                return r;
            if (item_is(part, "input_image"))
                r = check_image(&file, &images, e);
            store_file_deinit(&file);
            if (r < 0)
                return r;
        }
    return 0;
}
