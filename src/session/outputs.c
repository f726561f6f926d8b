/* Nodes are in order of arrival. A text node is of a stream's head or of its tail; when the tail grows
 * beyond its bound, its oldest bytes go, from the front of its oldest node, so that order is kept
 * whatever is left out. Finishing joins neighbours of one stream and puts the marker where bytes
 * are missing. */
#include "outputs.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "session/kernel.h"

enum {
    NODES_TEXT_MAX = OUTPUTS_MAX - 4, /* beyond, text joins the last node of its stream */
    WHOLE_PATIENCE_MS = 1000,
    MIME_MAX = 128,
    METADATA_MAX = 256 << 10,
    ERROR_TEXT_MAX = 64 << 10,
    TRACEBACK_MAX = 400,
};

struct output_node {
    struct output o; /* text: o.text is the allocation, o.text_length its end */
    size_t start, capacity;
    bool tail;
};

static void output_free(struct output *o)
{
    free(o->text);
    for (size_t i = 0; i < o->parts; i++) {
        free(o->part[i].mime);
        free(o->part[i].data);
    }
    free(o->part);
    free(o->metadata);
    free(o->display_id);
    free(o->name);
    free(o->value);
    for (size_t i = 0; i < o->traceback_lines; i++)
        free(o->traceback[i]);
    free(o->traceback);
    *o = (struct output){0};
}

void outputs_init(struct outputs *o, const struct execution *execution,
    const struct execution_callbacks *callbacks, const struct output_limits *limits,
    int (*open_whole)(void *context, enum output_kind stream), void *context)
{
    *o = (struct outputs){.execution = execution,
        .callbacks = callbacks,
        .limits = *limits,
        .open_whole = open_whole,
        .context = context,
        .mended = STRBUF_INIT(1 << 20)};
    size_t raw = limits->head_bytes + limits->tail_bytes + (1 << 20);
    for (int i = 0; i < 2; i++) {
        o->stream[i].last_node = o->stream[i].first_tail = -1;
        o->stream[i].whole_fd = -1;
        o->stream[i].raw = STRBUF_INIT(raw);
    }
}

void outputs_deinit(struct outputs *o)
{
    for (size_t i = 0; i < o->nodes; i++)
        output_free(&o->node[i].o);
    free(o->node);
    for (size_t i = 0; i < o->notes; i++)
        free(o->note[i]);
    free(o->note);
    for (int i = 0; i < 2; i++) {
        fd_close(&o->stream[i].whole_fd);
        strbuf_deinit(&o->stream[i].raw);
    }
    strbuf_deinit(&o->mended);
    o->node = NULL;
    o->note = NULL;
    o->nodes = o->notes = 0;
}

void outputs_note(struct outputs *o, const char *format, ...)
{
    char *text = NULL;
    va_list ap;
    if (o->notes >= NOTES_MAX)
        return;
    va_start(ap, format);
    if (vasprintf(&text, format, ap) < 0)
        text = NULL;
    va_end(ap);
    for (size_t i = 0; text && i < o->notes; i++)
        if (strcmp(o->note[i], text) == 0) {
            free(text);
            return;
        }
    char **more = text ? realloc(o->note, (o->notes + 1) * sizeof *more) : NULL;
    if (!more) {
        free(text);
        return;
    }
    o->note = more;
    o->note[o->notes++] = text;
}

static struct output_node *push(struct outputs *o, enum output_kind kind)
{
    if (o->nodes == o->capacity) {
        size_t capacity = o->capacity ? o->capacity * 2 : 8;
        struct output_node *more = realloc(o->node, capacity * sizeof *more);
        if (!more) {
            o->no_memory = true;
            return NULL;
        }
        o->node = more;
        o->capacity = capacity;
    }
    o->node[o->nodes] = (struct output_node){.o.kind = kind};
    return &o->node[o->nodes++];
}

/* ---- clearing ---------------------------------------------------------------------------------------- */

static void clear_now(struct outputs *o)
{
    for (size_t i = 0; i < o->nodes; i++)
        output_free(&o->node[i].o);
    o->nodes = o->display_bytes = o->displays_left_out = 0;
    for (int i = 0; i < 2; i++) {
        struct output_stream *st = &o->stream[i];
        st->last_node = st->first_tail = -1;
        st->head_bytes = st->tail_bytes = 0;
        st->dropped_bytes = 0;
        st->in_tail = false;
        if (!st->whole_tried) { /* else the file goes on, and the total is the file's */
            strbuf_clear(&st->raw);
            st->total_bytes = 0;
        }
    }
    o->clears = false;
}

/* Something new is about to be shown. */
static void clear_if_asked(struct outputs *o)
{
    if (o->clears)
        clear_now(o);
}

int outputs_clear(struct outputs *o, const json_t *head)
{
    const json_t *wait = json_object_get(head, "wait");
    if (wait && !json_is_boolean(wait))
        return -EBADMSG;
    if (json_is_true(wait))
        o->clears = true;
    else
        clear_now(o);
    return 0;
}

/* ---- text ------------------------------------------------------------------------------------------ */

static struct output_node *text_node(struct outputs *o, enum output_kind kind, bool tail)
{
    struct output_stream *st = &o->stream[kind];
    struct output_node *last = st->last_node >= 0 ? &o->node[st->last_node] : NULL;
    bool adjacent = last && st->last_node == (long)o->nodes - 1;
    if (last && last->tail == tail && (adjacent || o->nodes >= NODES_TEXT_MAX))
        return last;
    struct output_node *node = push(o, kind);
    if (!node)
        return NULL;
    node->tail = tail;
    st->last_node = (long)o->nodes - 1;
    if (tail && st->first_tail < 0)
        st->first_tail = st->last_node;
    return node;
}

/* False: it is not there, and no_memory says so. */
static bool node_append(struct outputs *o, struct output_node *node, const char *text, size_t n)
{
    struct output *x = &node->o;
    if (node->start > o->limits.tail_bytes + 4096) {
        memmove(x->text, x->text + node->start, x->text_length - node->start);
        x->text_length -= node->start;
        node->start = 0;
    }
    if (node->capacity - x->text_length <= n) {
        size_t capacity = (x->text_length + n + 1) * 3 / 2;
        char *more = realloc(x->text, capacity);
        if (!more) {
            o->no_memory = true;
            return false;
        }
        x->text = more;
        node->capacity = capacity;
    }
    memcpy(x->text + x->text_length, text, n);
    x->text_length += n;
    x->text[x->text_length] = 0;
    return true;
}

/* Lets go of the oldest bytes of a stream's tail until it is within its bound. */
static void trim_tail(struct outputs *o, struct output_stream *st, enum output_kind kind)
{
    while (st->tail_bytes > o->limits.tail_bytes && st->first_tail >= 0) {
        struct output_node *node = &o->node[st->first_tail];
        size_t have = node->o.text_length - node->start,
               drop = st->tail_bytes - o->limits.tail_bytes;
        if (drop > have)
            drop = have;
        while (drop < have && ((unsigned char)node->o.text[node->start + drop] & 0xc0) == 0x80)
            drop++;
        node->start += drop;
        st->tail_bytes -= drop;
        st->dropped_bytes += drop;
        if (drop < have || st->first_tail == st->last_node)
            continue;
        free(node->o.text); /* wholly gone; an empty node joins nothing and shows nothing */
        node->o.text = NULL;
        node->o.text_length = node->start = node->capacity = 0;
        do
            st->first_tail++;
        while (o->node[st->first_tail].o.kind != kind || !o->node[st->first_tail].tail);
    }
}

/* Writes to the file that holds the whole, waiting a bounded time for who reads it. */
static void whole_write(struct outputs *o, struct output_stream *st, const char *data, size_t n)
{
    uint64_t most = o->limits.whole_bytes;
    if (st->whole_fd < 0 || st->whole_bytes >= most)
        return;
    if (n > most - st->whole_bytes)
        n = most - st->whole_bytes;
    while (n > 0) {
        ssize_t w = write(st->whole_fd, data, n);
        if (w > 0) {
            data += w;
            n -= (size_t)w;
            st->whole_bytes += (uint64_t)w;
            continue;
        }
        struct pollfd p = {st->whole_fd, POLLOUT, 0};
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0 && errno == EAGAIN && poll(&p, 1, WHOLE_PATIENCE_MS) > 0 &&
            !(p.revents & POLLERR))
            continue;
        fd_close(&st->whole_fd);
        st->whole_failed = true;
        return;
    }
}

static void keep_whole(struct outputs *o, enum output_kind kind, const char *data, size_t n)
{
    struct output_stream *st = &o->stream[kind];
    if (st->whole_tried) {
        whole_write(o, st, data, n);
        return;
    }
    strbuf_append(&st->raw, data, n);
    if (st->dropped_bytes == 0)
        return;
    st->whole_tried = true;
    st->whole_fd = o->open_whole ? o->open_whole(o->context, kind) : -1;
    st->whole_failed = st->whole_fd < 0 || st->raw.failed;
    whole_write(o, st, strbuf_text(&st->raw), st->raw.length);
    strbuf_deinit(&st->raw);
}

/* Mended text of a stream. */
static void keep_text(struct outputs *o, enum output_kind kind, const char *text, size_t n)
{
    struct output_stream *st = &o->stream[kind];
    const struct execution_callbacks *cb = o->callbacks;
    if (cb && cb->on_output && n > 0 && st->streamed_bytes < o->limits.whole_bytes) {
        struct output piece = {.kind = kind, .text = (char *)text, .text_length = n};
        st->streamed_bytes += n;
        cb->on_output(cb->context, o->execution, &piece);
    }
    if (!st->in_tail) {
        size_t take = utf8_floor(text, n, o->limits.head_bytes - st->head_bytes);
        struct output_node *node = take > 0 ? text_node(o, kind, false) : NULL;
        if (take > 0 && (!node || !node_append(o, node, text, take)))
            return;
        st->head_bytes += take;
        st->in_tail = take < n;
        text += take;
        n -= take;
    }
    if (n == 0)
        return;
    struct output_node *node = text_node(o, kind, true);
    if (!node || !node_append(o, node, text, n))
        return; /* what is not there must not be trimmed */
    st->tail_bytes += n;
    trim_tail(o, st, kind);
}

void outputs_text(struct outputs *o, enum output_kind kind, const char *data, size_t n)
{
    struct output_stream *st = &o->stream[kind];
    if (n == 0 || o->no_memory)
        return;
    clear_if_asked(o);
    if (o->callbacks && o->callbacks->on_raw)
        o->callbacks->on_raw(o->callbacks->context, kind, data, n);
    st->total_bytes += n;
    strbuf_clear(&o->mended);
    utf8_mend(&st->mender, data, n, false, &o->mended);
    o->no_memory |= o->mended.failed;
    keep_text(o, kind, strbuf_text(&o->mended), o->mended.length);
    keep_whole(o, kind, data, n);
}

void outputs_close(struct outputs *o)
{
    for (int i = 0; i < 2; i++) {
        struct output_stream *st = &o->stream[i];
        strbuf_clear(&o->mended);
        utf8_mend(&st->mender, NULL, 0, true, &o->mended);
        o->no_memory |= o->mended.failed;
        if (o->mended.length > 0)
            keep_text(o, (enum output_kind)i, strbuf_text(&o->mended), o->mended.length);
        if (st->whole_fd >= 0 && st->total_bytes > o->limits.whole_bytes) {
            char line[120];
            int n = snprintf(line, sizeof line, "\n[Cloche: %llu bytes more were not kept.]\n",
                (unsigned long long)(st->total_bytes - o->limits.whole_bytes));
            struct pollfd p = {st->whole_fd, POLLOUT, 0};
            if (poll(&p, 1, WHOLE_PATIENCE_MS) <= 0 || write(st->whole_fd, line, (size_t)n) != n)
                st->whole_failed = true;
        }
        fd_close(&st->whole_fd);
    }
}

/* ---- displays and errors ------------------------------------------------------------------------------- */

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
        clear_if_asked(o); /* a change of what is there shows nothing new */
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
        node = push(o, kind);
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
    clear_if_asked(o);
    struct output_node *node = o->nodes < OUTPUTS_MAX ? push(o, OUTPUT_ERROR) : NULL;
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

/* ---- the end ----------------------------------------------------------------------------------------------- */

static int join(struct output *to, const char *text, size_t n)
{
    char *more = realloc(to->text, to->text_length + n + 1);
    if (!more)
        return -ENOMEM;
    memcpy(more + to->text_length, text, n);
    to->text = more;
    to->text_length += n;
    to->text[to->text_length] = 0;
    return 0;
}

static size_t write_marker(char *to, size_t size, const struct output_stream *st, const char *where)
{
    int n = where ? snprintf(to, size, "\n[… %llu bytes left out here; the whole is in %s …]\n",
                        (unsigned long long)st->dropped_bytes, where)
                  : snprintf(to, size, "\n[… %llu bytes left out here …]\n",
                        (unsigned long long)st->dropped_bytes);
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

/* Moves a text node to the end of `e->output`, joining its stream's text if that stands there. */
static int finish_text(
    struct outputs *o, struct output_node *node, struct execution *e, const char *const where[2])
{
    struct output_stream *st = &o->stream[node->o.kind];
    struct output *last = e->outputs ? &e->output[e->outputs - 1] : NULL;
    char marker[300];
    size_t marked = 0;
    bool first_of_tail = st->first_tail >= 0 && node == &o->node[st->first_tail];
    if (first_of_tail && st->dropped_bytes > 0)
        marked = write_marker(marker, sizeof marker, st, where[node->o.kind]);
    size_t n = node->o.text_length - node->start;
    if (n + marked == 0)
        return 0;
    if (!last || last->kind != node->o.kind) {
        if (marked == 0 && node->start == 0) {
            e->output[e->outputs++] = node->o;
            node->o = (struct output){0};
            return 0;
        }
        last = &e->output[e->outputs++];
        *last = (struct output){.kind = node->o.kind};
    }
    int rc = join(last, marker, marked);
    return rc < 0 ? rc : join(last, node->o.text + node->start, n);
}

static void finish_result(struct execution *e)
{
    for (size_t i = 0; i < e->outputs; i++) {
        struct output *x = &e->output[i];
        if (x->kind == OUTPUT_ERROR)
            e->error = x;
        for (size_t k = 0; x->kind == OUTPUT_RESULT && k < x->parts; k++)
            if (strcmp(x->part[k].mime, "text/plain") == 0) {
                free(e->result);
                e->result = strndup(x->part[k].data, x->part[k].length);
            }
    }
}

int outputs_finish(struct outputs *o, struct execution *e, const char *const where[2])
{
    e->output = calloc(o->nodes ? o->nodes : 1, sizeof *e->output);
    int rc = e->output && !o->no_memory ? 0 : -ENOMEM;
    for (size_t i = 0; i < o->nodes && e->output; i++) {
        struct output_node *node = &o->node[i];
        if (node->o.kind == OUTPUT_STDOUT || node->o.kind == OUTPUT_STDERR) {
            int r = finish_text(o, node, e, where);
            rc = r < 0 ? r : rc;
        } else {
            e->output[e->outputs++] = node->o;
            node->o = (struct output){.kind = OUTPUT_DISPLAY};
        }
    }
    finish_result(e);
    for (int i = 0; i < 2; i++) {
        struct output_stream *st = &o->stream[i];
        if (st->dropped_bytes > 0)
            e->truncated[e->truncations++] = (struct truncation){.stream = (enum output_kind)i,
                .kept_bytes = st->head_bytes + st->tail_bytes,
                .total_bytes = st->total_bytes};
    }
    if (o->displays_left_out)
        outputs_note(o,
            "%u displays were left out: an execution keeps at most %d outputs and %d MiB of them.",
            o->displays_left_out, OUTPUTS_MAX, OUTPUTS_DISPLAY_BYTES_MAX >> 20);
    if (o->no_memory)
        outputs_note(o, "Some output was lost: the server is short of memory.");
    e->note = take_ptr(o->note);
    e->notes = o->notes;
    o->notes = 0;
    return rc;
}

void execution_deinit(struct execution *e)
{
    for (size_t i = 0; i < e->outputs; i++)
        output_free(&e->output[i]);
    free(e->output);
    free(e->result);
    for (size_t i = 0; i < e->files; i++)
        session_file_deinit(&e->file[i].file);
    free(e->file);
    for (size_t i = 0; i < e->notes; i++)
        free(e->note[i]);
    free(e->note);
    *e = (struct execution){0};
}

enum output_kind outputs_kind(const struct outputs *o, size_t i) { return o->node[i].o.kind; }
