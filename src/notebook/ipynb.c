/* ipynb.c - Jupyter's own format, nbformat 4.5: https://nbformat.readthedocs.io/en/latest/format_description.html */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "notebook/internal.h"

/* nbformat keeps text as a list of lines, each with its line break, so that differences read well. */
static void write_lines(struct json_writer *w, const char *key, const char *text, size_t length)
{
    jw_field_array(w, key);
    while (length) {
        const char *end = memchr(text, '\n', length);
        size_t n = end ? (size_t)(end - text) + 1 : length;
        jw_string(w, text, n);
        text += n;
        length -= n;
    }
    jw_end(w);
}

static void write_json(struct json_writer *w, const char *key, json_t *value, const char *otherwise)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    jw_field_raw(w, key, text ? text : otherwise, strlen(text ? text : otherwise));
    free(text);
}

static void write_stream(struct json_writer *w, const char *name, json_t *output)
{
    json_t *text = json_object_get(output, "text");
    jw_field_string(w, "output_type", "stream");
    jw_field_string(w, "name", name);
    write_lines(
        w, "text", json_is_string(text) ? json_string_value(text) : "", json_string_length(text));
}

/* Text and markup as lines, JSON types as they are, bytes as the base64 text they already are. */
static void write_data(struct json_writer *w, json_t *data)
{
    const char *mime;
    json_t *value;
    jw_field_object(w, "data");
    json_object_foreach (data, mime, value) {
        bool lines = json_is_string(value) &&
                     (strncmp(mime, "text/", 5) == 0 || strstr(mime, "+xml") != NULL);
        if (lines)
            write_lines(w, mime, json_string_value(value), json_string_length(value));
        else
            write_json(w, mime, value, "null");
    }
    jw_end(w);
}

static void write_error(struct json_writer *w, json_t *output)
{
    size_t i;
    json_t *line;
    jw_field_string(w, "output_type", "error");
    jw_field_string(w, "ename", json_string_value(json_object_get(output, "name")));
    const char *value = json_string_value(json_object_get(output, "value"));
    jw_field_string(w, "evalue", value ? value : "");
    jw_field_array(w, "traceback");
    json_array_foreach (json_object_get(output, "traceback"), i, line)
        if (json_is_string(line))
            jw_string(w, json_string_value(line), json_string_length(line));
    jw_end(w);
}

static void write_output(struct json_writer *w, const struct cell *c, json_t *output)
{
    const char *type = json_string_value(json_object_get(output, "type"));
    if (!type)
        return;
    bool result = strcmp(type, "execute_result") == 0;
    jw_begin_object(w);
    if (strcmp(type, "stdout") == 0 || strcmp(type, "stderr") == 0) {
        write_stream(w, type, output);
    } else if (strcmp(type, "error") == 0) {
        write_error(w, output);
    } else {
        jw_field_string(w, "output_type", result ? type : "display_data");
        if (result) {
            if (c->execution_count)
                jw_field_int(w, "execution_count", c->execution_count);
            else
                jw_field_null(w, "execution_count");
        }
        write_data(w, json_object_get(output, "data"));
        write_json(w, "metadata", json_object_get(output, "metadata"), "{}");
    }
    jw_end(w);
}

static void write_cell(struct json_writer *w, const struct cell *c, size_t place)
{
    char id[32];
    snprintf(id, sizeof id, "cell-%zu", place + 1);
    jw_begin_object(w);
    jw_field_string(w, "cell_type", c->is_code ? "code" : c->is_raw ? "raw" : "markdown");
    jw_field_string(w, "id", c->id[0] ? c->id : id);
    if (c->metadata) {
        write_json(w, "metadata", c->metadata, "{}");
    } else {
        jw_field_object(w, "metadata");
        if (c->role[0]) {
            jw_field_object(w, "cloche");
            jw_field_string(w, "role", c->role);
            jw_end(w);
        }
        jw_end(w);
    }
    if (c->attachments && !c->is_code)
        write_json(w, "attachments", c->attachments, "{}");
    write_lines(w, "source", c->text, c->length);
    if (c->is_code) {
        size_t i;
        json_t *output;
        if (c->execution_count)
            jw_field_int(w, "execution_count", c->execution_count);
        else
            jw_field_null(w, "execution_count");
        jw_field_array(w, "outputs");
        json_array_foreach (c->outputs, i, output)
            write_output(w, c, output);
        jw_end(w);
    }
    jw_end(w);
}

int ipynb_write(const struct notebook *n, struct strbuf *out)
{
    struct json_writer w = JSON_WRITER(out);
    jw_begin_object(&w);
    jw_field_array(&w, "cells");
    for (size_t i = 0; i < n->cells; i++)
        write_cell(&w, &n->cell[i], i);
    jw_end(&w);
    write_json(&w, "metadata", n->metadata, "{}");
    jw_field_int(&w, "nbformat", 4);
    jw_field_int(&w, "nbformat_minor", 5);
    jw_end(&w);
    strbuf_puts(out, "\n");
    return out->failed ? -E2BIG : 0;
}
