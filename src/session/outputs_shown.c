/* Displays and errors, as frames tell of them: checked against their MIME types, and bounded. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "session/kernel.h"
#include "session/outputs_private.h"

enum {
    MIME_MAX = 128,
    METADATA_MAX = 256 << 10,
    ERROR_TEXT_MAX = 64 << 10,
    TRACEBACK_MAX = 400,
};

enum mime_class { MIME_TEXT, MIME_JSON, MIME_BINARY };

static bool ends_with(const char *text, size_t n, const char *end)
{
    size_t m = strlen(end);
    return n >= m && memcmp(text + n - m, end, m) == 0;
}

static enum mime_class classify(const char *mime)
{
    size_t n = strcspn(mime, "; ");
    if (ends_with(mime, n, "+json") || (n == 16 && strncmp(mime, "application/json", 16) == 0))
        return MIME_JSON;
    if (strncmp(mime, "text/", 5) == 0 || ends_with(mime, n, "+xml") ||
        ends_with(mime, n, "javascript") || ends_with(mime, n, "application/xml"))
        return MIME_TEXT;
    return MIME_BINARY;
}

static bool mime_valid(const char *mime, size_t n)
{
    bool slash = false;
    if (n == 0 || n > MIME_MAX || strlen(mime) != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (mime[i] <= ' ' || mime[i] > '~' || mime[i] == '"' || mime[i] == '\\')
            return false;
        slash |= mime[i] == '/';
    }
    return slash;
}

/* One part in the form it is kept in; false: left out. */
static bool take_part(
    struct outputs *o, const json_t *mime, const struct frame_buffer *b, struct output_part *ret)
{
    struct strbuf data = STRBUF_INIT(FRAME_BUFFERS_BYTES_MAX * 3ul + 1);
    enum mime_class class = classify(json_string_value(mime));
    if (class == MIME_TEXT) {
        struct utf8_mender m = {0};
        utf8_mend(&m, b->data, b->length, true, &data);
    } else if (class == MIME_JSON) {
        int rc = json_check(b->data, b->length, &data);
        if (rc < 0) {
            o->no_memory |= rc == -ENOMEM;
            if (rc != -ENOMEM)
                outputs_note(o, "A display of type %s was left out: it is not JSON.",
                    json_string_value(mime));
            strbuf_deinit(&data);
            return false;
        }
    } else {
        strbuf_append(&data, b->data, b->length);
    }
    bool whole = !data.failed;
    *ret = (struct output_part){strdup(json_string_value(mime)), NULL, data.length};
    ret->data = strbuf_take(&data);
    if (whole && ret->mime && ret->data)
        return true;
    o->no_memory = true;
    free(ret->mime);
    free(ret->data);
    return false;
}

static int take_parts(
    struct outputs *o, const json_t *mimes, const struct frame *f, struct output *to)
{
    to->part = calloc(f->buffers ? f->buffers : 1, sizeof *to->part);
    if (!to->part) {
        o->no_memory = true;
        return 0;
    }
    for (size_t i = 0; i < f->buffers; i++) {
        const json_t *mime = json_array_get(mimes, i);
        bool again = false;
        if (!json_is_string(mime) || !mime_valid(json_string_value(mime), json_string_length(mime)))
            return -EBADMSG;
        for (size_t k = 0; k < to->parts; k++)
            again |= strcmp(to->part[k].mime, json_string_value(mime)) == 0;
        if (!again && take_part(o, mime, &f->buffer[i], &to->part[to->parts]))
            to->parts++;
    }
    return 0;
}

static struct output_node *shown_before(struct outputs *o, const char *display_id)
{
    for (size_t i = 0; i < o->nodes; i++)
        if (o->node[i].o.display_id && strcmp(o->node[i].o.display_id, display_id) == 0)
            return &o->node[i];
    return NULL;
}

/* Whether there is room for another display of that size; says so once when not. */
static bool display_fits(struct outputs *o, size_t bytes)
{
    if (o->nodes < OUTPUTS_MAX - 6 && bytes <= OUTPUTS_DISPLAY_BYTES_MAX - o->display_bytes)
        return true;
    o->displays_left_out++;
    return false;
}

int outputs_display(
    struct outputs *o, enum output_kind kind, const json_t *head, const struct frame *f)
{
    const json_t *mimes = json_object_get(head, "mime"),
                 *metadata = json_object_get(head, "metadata");
    const json_t *id = json_object_get(head, "display_id");
    size_t bytes = 0;
    if (!json_is_array(mimes) || json_array_size(mimes) != f->buffers ||
        (metadata && !json_is_object(metadata)) || (id && !json_is_string(id) && !json_is_null(id)))
        return -EBADMSG;
    for (size_t i = 0; i < f->buffers; i++)
        bytes += f->buffer[i].length;
    bool update = json_is_true(json_object_get(head, "update"));
    if (!(update && json_is_string(id) && shown_before(o, json_string_value(id))))
        outputs_clear_if_asked(o); /* a change of what is there shows nothing new */
    if (!display_fits(o, bytes))
        return 0;
    struct output made = {.kind = kind};
    int rc = take_parts(o, mimes, f, &made);
    if (metadata && json_object_size(metadata) > 0)
        made.metadata = json_dumps(metadata, JSON_COMPACT);
    if (made.metadata && strlen(made.metadata) > METADATA_MAX) {
        free(made.metadata);
        made.metadata = NULL;
    }
    if (json_string_length(id) > 0 && json_string_length(id) < 256)
        made.display_id = strdup(json_string_value(id));
    if (rc < 0 || made.parts == 0) {
        output_free(&made);
        return rc;
    }
    struct output_node *node = update && made.display_id ? shown_before(o, made.display_id) : NULL;
    if (node) {
        for (size_t i = 0; i < node->o.parts; i++)
            o->display_bytes -= node->o.part[i].length;
        made.kind = node->o.kind;
        output_free(&node->o);
    } else {
        node = outputs_push(o, kind);
    }
    if (!node) {
        output_free(&made);
        return 0;
    }
    node->o = made;
    for (size_t i = 0; i < made.parts; i++)
        o->display_bytes += made.part[i].length;
    if (o->callbacks && o->callbacks->on_output)
        o->callbacks->on_output(o->callbacks->context, o->execution, &node->o);
    return 0;
}

static char *bounded_text(const json_t *s)
{
    const char *text = json_is_string(s) ? json_string_value(s) : "";
    size_t n = json_is_string(s) ? json_string_length(s) : 0;
    return strndup(text, utf8_floor(text, n, ERROR_TEXT_MAX));
}

static void show_error(struct outputs *o, struct output made)
{
    outputs_clear_if_asked(o);
    struct output_node *node = o->nodes < OUTPUTS_MAX ? outputs_push(o, OUTPUT_ERROR) : NULL;
    o->no_memory |= !made.name || !made.value;
    if (!node || !made.name || !made.value) {
        if (node)
            o->nodes--;
        output_free(&made);
        return;
    }
    node->o = made;
    if (o->callbacks && o->callbacks->on_output)
        o->callbacks->on_output(o->callbacks->context, o->execution, &node->o);
}

int outputs_error(struct outputs *o, const json_t *head)
{
    const json_t *lines = json_object_get(head, "traceback");
    if (!json_is_string(json_object_get(head, "name")) ||
        !json_is_string(json_object_get(head, "value")) || (lines && !json_is_array(lines)))
        return -EBADMSG;
    struct output made = {.kind = OUTPUT_ERROR,
        .name = bounded_text(json_object_get(head, "name")),
        .value = bounded_text(json_object_get(head, "value"))};
    size_t n = json_array_size(lines);
    if (n > TRACEBACK_MAX)
        n = TRACEBACK_MAX;
    made.traceback = calloc(n ? n : 1, sizeof *made.traceback);
    for (size_t i = 0; made.traceback && i < n; i++) {
        char *line = bounded_text(json_array_get(lines, i));
        o->no_memory |= !line;
        if (line)
            made.traceback[made.traceback_lines++] = line;
    }
    o->no_memory |= !made.traceback;
    show_error(o, made);
    return 0;
}

void outputs_error_text(struct outputs *o, const char *name, const char *value)
{
    show_error(
        o, (struct output){.kind = OUTPUT_ERROR, .name = strdup(name), .value = strdup(value)});
}
