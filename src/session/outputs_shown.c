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
    ERRORS_BYTES_MAX = 4 << 20, /* beside the displays: many plots hide no error */
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

/* Mended text may be three times as long as what came, so this and not the frame's length is what counts. */
static size_t memory_of(const struct output *x)
{
    size_t n = x->metadata ? strlen(x->metadata) : 0;
    for (size_t i = 0; i < x->parts; i++)
        n += x->part[i].length;
    n += x->name ? strlen(x->name) : 0;
    n += x->value ? strlen(x->value) : 0;
    for (size_t i = 0; i < x->traceback_lines; i++)
        n += strlen(x->traceback[i]);
    return n;
}

enum taken { TAKEN, LEFT_OUT, NO_ROOM };

/* One part in the form it is kept in, of `room` bytes at most; JSON of at most `*values`. */
static enum taken take_part(struct outputs *o, const json_t *mime, const struct frame_buffer *b,
    size_t room, size_t *values, struct output_part *ret)
{
    if (b->length > room)
        return NO_ROOM;
    struct strbuf data = STRBUF_INIT(room);
    enum mime_class class = classify(json_string_value(mime));
    if (class == MIME_TEXT) {
        struct utf8_mender m = {0};
        utf8_mend(&m, b->data, b->length, true, &data);
    } else if (class == MIME_JSON) {
        int rc = json_check(b->data, b->length, values, &data);
        if (rc == -EBADMSG || rc == -E2BIG) {
            outputs_note(o, "A display of type %s was left out: it %s.", json_string_value(mime),
                rc == -EBADMSG ? "is not JSON" : "holds too many values");
            strbuf_deinit(&data);
            return LEFT_OUT;
        }
    } else {
        strbuf_append(&data, b->data, b->length);
    }
    if (data.failed) { /* text may be mended to three times its length; else it was memory that lacked */
        const bool room_lacks = class == MIME_TEXT && b->length > room / 3;
        o->no_memory |= !room_lacks;
        strbuf_deinit(&data);
        return room_lacks ? NO_ROOM : LEFT_OUT;
    }
    *ret = (struct output_part){strdup(json_string_value(mime)), NULL, data.length};
    ret->data = strbuf_take(&data);
    if (ret->mime && ret->data)
        return TAKEN;
    o->no_memory = true;
    free(ret->mime);
    free(ret->data);
    return LEFT_OUT;
}

/* 0, -EBADMSG, or -ENOSPC: it is more than `room` bytes. */
static int take_parts(
    struct outputs *o, const json_t *mimes, const struct frame *f, size_t room, struct output *to)
{
    size_t values = JSON_VALUES_MAX;
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
        enum taken taken =
            again ? LEFT_OUT
                  : take_part(o, mime, &f->buffer[i], room, &values, &to->part[to->parts]);
        if (taken == NO_ROOM)
            return -ENOSPC;
        if (taken == TAKEN)
            room -= to->part[to->parts++].length;
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

/* How many bytes of displays may still be kept. */
static size_t display_room(const struct outputs *o)
{
    if (o->nodes >= OUTPUTS_MAX - 6 || o->display_bytes >= OUTPUTS_DISPLAY_BYTES_MAX)
        return 0;
    return OUTPUTS_DISPLAY_BYTES_MAX - o->display_bytes;
}

/* Metadata that is too much is left out alone. */
static void take_metadata(const json_t *metadata, struct output *to)
{
    to->metadata = json_object_size(metadata) > 0 ? json_dumps(metadata, JSON_COMPACT) : NULL;
    if (to->metadata && strlen(to->metadata) > METADATA_MAX) {
        free(to->metadata);
        to->metadata = NULL;
    }
}

int outputs_display(
    struct outputs *o, enum output_kind kind, const json_t *head, const struct frame *f)
{
    const json_t *mimes = json_object_get(head, "mime"),
                 *metadata = json_object_get(head, "metadata");
    const json_t *id = json_object_get(head, "display_id");
    if (!json_is_array(mimes) || json_array_size(mimes) != f->buffers ||
        (metadata && !json_is_object(metadata)) || (id && !json_is_string(id) && !json_is_null(id)))
        return -EBADMSG;
    bool update = json_is_true(json_object_get(head, "update"));
    if (!(update && json_is_string(id) && shown_before(o, json_string_value(id))))
        outputs_clear_if_asked(o); /* a change of what is there shows nothing new */
    struct output made = {.kind = kind};
    const size_t room = display_room(o);
    int rc = room ? take_parts(o, mimes, f, room, &made) : -ENOSPC;
    if (rc == 0)
        take_metadata(metadata, &made);
    if (rc == -ENOSPC || memory_of(&made) > room) {
        o->displays_left_out++;
        output_free(&made);
        return 0;
    }
    if (json_string_length(id) > 0 && json_string_length(id) < 256)
        made.display_id = strdup(json_string_value(id));
    if (rc < 0 || made.parts == 0) {
        output_free(&made);
        return rc;
    }
    struct output_node *node = update && made.display_id ? shown_before(o, made.display_id) : NULL;
    if (node) {
        o->display_bytes -= memory_of(&node->o);
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
    o->display_bytes += memory_of(&made);
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
    const size_t bytes = memory_of(&made);
    const bool room = o->error_bytes + bytes <= ERRORS_BYTES_MAX; /* of one: a head, 1 MiB */
    const bool fits = o->nodes < OUTPUTS_MAX && room;
    if (!room)
        outputs_note(o, "Errors were left out: an execution keeps at most %d MiB of them.",
            ERRORS_BYTES_MAX >> 20);
    struct output_node *node = fits ? outputs_push(o, OUTPUT_ERROR) : NULL;
    o->no_memory |= !made.name || !made.value;
    if (!node || !made.name || !made.value) {
        if (node)
            o->nodes--;
        output_free(&made);
        return;
    }
    node->o = made;
    o->error_bytes += bytes;
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
