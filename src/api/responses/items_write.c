#include <string.h>

#include "api/api.h"
#include "api/responses/items.h"
#include "base/fd.h"

enum { FIGURE_MAX = 32 << 20 };

void jw_field_json(struct json_writer *w, const char *key, const json_t *value)
{
    cleanup_free char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    if (text)
        jw_field_raw(w, key, text, strlen(text));
    else
        jw_field_null(w, key);
}

static void write_value(struct json_writer *w, const json_t *value)
{
    cleanup_free char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    jw_raw(w, text ? text : "null", text ? strlen(text) : 4);
}

/* ---- calls of the interpreter ---- */

static void write_figure(struct json_writer *w, const json_t *output, const char *container_id,
    const struct item_view *view)
{
    cleanup_strbuf struct strbuf bytes = STRBUF_INIT(FIGURE_MAX);
    const char *id = json_text(output, "file_id"), *media_type = json_text(output, "media_type");
    jw_begin_object(w);
    if (!view->figure || view->figure(view->context, container_id, id, &bytes) < 0) {
        char line[160];
        snprintf(line, sizeof line, "[the figure %s is gone with its container]", id);
        jw_field_string(w, "type", "logs");
        jw_field_string(w, "logs", line);
    } else {
        jw_field_string(w, "type", "image");
        jw_key(w, "url");
        cleanup_strbuf struct strbuf url = STRBUF_INIT(FIGURE_MAX * 2);
        struct json_writer base64 = JSON_WRITER(&url);
        jw_base64(&base64, bytes.data, bytes.length); /* with its quotes */
        jw_string_begin(w);
        jw_string_piece(w, "data:", 5);
        jw_string_piece(w, media_type, strlen(media_type));
        jw_string_piece(w, ";base64,", 8);
        if (url.length > 2)
            jw_string_piece(w, url.data + 1, url.length - 2);
        jw_string_end(w);
    }
    jw_end(w);
}

static void write_outputs(struct json_writer *w, const json_t *item, const struct item_view *view)
{
    const json_t *outputs = json_object_get(item, "outputs"), *output;
    size_t i;
    if (!view->outputs) {
        jw_field_null(w, "outputs");
        return;
    }
    jw_field_array(w, "outputs");
    json_array_foreach (outputs, i, output) {
        if (json_object_get(output, "file_id"))
            write_figure(w, output, json_text(item, "container_id"), view);
        else
            write_value(w, output);
    }
    jw_end(w);
}

static void write_call(struct json_writer *w, const json_t *item, const struct item_view *view)
{
    const json_t *files = json_object_get(item, "files");
    jw_begin_object(w);
    jw_field_string(w, "id", json_text(item, "id"));
    jw_field_string(w, "type", "code_interpreter_call");
    jw_field_string(w, "status", json_text(item, "status"));
    jw_field_string(w, "code", json_text(item, "code"));
    jw_field_string(w, "container_id", json_text(item, "container_id"));
    write_outputs(w, item, view);
    if (json_object_get(item, "execution_id"))
        jw_field_string(w, "execution_id", json_text(item, "execution_id"));
    if (json_array_size(files) > 0)
        jw_field_json(w, "files", files);
    jw_end(w);
}

/* ---- contents with images ---- */

static void write_part(struct json_writer *w, const json_t *part, const struct item_view *view)
{
    if (view->image_urls || !item_is(part, "input_image")) {
        write_value(w, part);
        return;
    }
    const char *key;
    json_t *value;
    jw_begin_object(w);
    json_object_foreach ((json_t *)part, key, value) {
        if (strcmp(key, "image_url") == 0)
            jw_field_null(w, key);
        else
            jw_field_json(w, key, value);
    }
    jw_end(w);
}

void item_write(struct json_writer *w, const json_t *item, const struct item_view *view)
{
    if (item_is(item, "code_interpreter_call")) {
        write_call(w, item, view);
        return;
    }
    const char *key;
    json_t *value, *part;
    size_t i;
    jw_begin_object(w);
    json_object_foreach ((json_t *)item, key, value) {
        if (!json_is_array(value) || (strcmp(key, "content") != 0 && strcmp(key, "output") != 0)) {
            jw_field_json(w, key, value);
            continue;
        }
        jw_field_array(w, key);
        json_array_foreach (value, i, part)
            write_part(w, part, view);
        jw_end(w);
    }
    jw_end(w);
}
