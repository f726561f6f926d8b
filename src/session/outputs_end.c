/* What becomes of the outputs at the end: neighbours of one stream are joined, and a marker stands where
 * bytes are missing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "session/outputs_private.h"

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
