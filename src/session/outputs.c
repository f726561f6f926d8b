/* Nodes are in order of arrival. A text node is of a stream's head or of its tail; when the tail grows
 * beyond its bound, its oldest bytes go, from the front of its oldest node, so that order is kept
 * whatever is left out. */
#include "session/outputs_private.h"

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
};

void output_free(struct output *o)
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

struct output_node *outputs_push(struct outputs *o, enum output_kind kind)
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
    o->nodes = o->display_bytes = o->error_bytes = o->displays_left_out = 0;
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

void outputs_clear_if_asked(struct outputs *o)
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
    struct output_node *node = outputs_push(o, kind);
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
    outputs_clear_if_asked(o);
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

enum output_kind outputs_kind(const struct outputs *o, size_t i) { return o->node[i].o.kind; }
