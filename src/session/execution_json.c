/* execution_json.c - API.md's execution object, for replies, events and the stored record. */
#include <errno.h>
#include <string.h>

#include "base/json_writer.h"
#include "session/session.h"

static const char *const status_names[] = {
    [EXECUTION_COMPLETED] = "completed",
    [EXECUTION_ERROR] = "error",
    [EXECUTION_TIMEOUT] = "timeout",
    [EXECUTION_INTERRUPTED] = "interrupted",
    [EXECUTION_OUT_OF_MEMORY] = "out_of_memory",
    [EXECUTION_KILLED] = "killed",
};
static const char *const kind_names[] = {
    [OUTPUT_STDOUT] = "stdout",
    [OUTPUT_STDERR] = "stderr",
    [OUTPUT_DISPLAY] = "display_data",
    [OUTPUT_RESULT] = "execute_result",
    [OUTPUT_ERROR] = "error",
};

const char *execution_status_name(enum execution_status status)
{
    return status == EXECUTION_RUNNING ? NULL : status_names[status];
}

static bool mime_is(const char *mime, const char *end)
{
    size_t n = strcspn(mime, "; "), m = strlen(end);
    return n >= m && strncmp(mime + n - m, end, m) == 0;
}

static void write_part(struct json_writer *w, const struct output_part *p)
{
    jw_key(w, p->mime);
    if (mime_is(p->mime, "+json") || mime_is(p->mime, "application/json"))
        jw_raw(w, p->data, p->length);
    else if (strncmp(p->mime, "text/", 5) == 0 || mime_is(p->mime, "+xml") ||
             mime_is(p->mime, "javascript") || mime_is(p->mime, "application/xml"))
        jw_string(w, p->data, p->length);
    else
        jw_base64(w, p->data, p->length);
}

static void write_error_fields(struct json_writer *w, const struct output *o)
{
    jw_field_string(w, "name", o->name);
    jw_field_string(w, "value", o->value);
    jw_field_array(w, "traceback");
    for (size_t i = 0; i < o->traceback_lines; i++)
        jw_text(w, o->traceback[i]);
    jw_end(w);
}

static void write_output(struct json_writer *w, const struct output *o)
{
    jw_begin_object(w);
    jw_field_string(w, "type", kind_names[o->kind]);
    switch (o->kind) {
    case OUTPUT_STDOUT:
    case OUTPUT_STDERR: jw_field_bytes(w, "text", o->text, o->text_length); break;
    case OUTPUT_DISPLAY:
    case OUTPUT_RESULT:
        jw_field_object(w, "data");
        for (size_t i = 0; i < o->parts; i++)
            write_part(w, &o->part[i]);
        jw_end(w);
        jw_field_raw(
            w, "metadata", o->metadata ? o->metadata : "{}", o->metadata ? strlen(o->metadata) : 2);
        break;
    case OUTPUT_ERROR: write_error_fields(w, o); break;
    }
    jw_end(w);
}

int output_to_json(const struct output *o, struct strbuf *out)
{
    struct json_writer w = JSON_WRITER(out);
    write_output(&w, o);
    return out->failed ? -E2BIG : 0;
}

static void write_stream(struct json_writer *w, const struct execution *e, enum output_kind kind)
{
    jw_key(w, kind_names[kind]);
    jw_string_begin(w);
    for (size_t i = 0; i < e->outputs; i++)
        if (e->output[i].kind == kind)
            jw_string_piece(w, e->output[i].text, e->output[i].text_length);
    jw_string_end(w);
}

static void write_files(struct json_writer *w, const struct execution *e,
    void (*extra)(void *context, size_t file, struct json_writer *w), void *context)
{
    jw_field_array(w, "files");
    for (size_t i = 0; i < e->files; i++) {
        const struct session_file *f = &e->file[i].file;
        struct strbuf path = STRBUF_INIT(4096);
        strbuf_printf(&path, "/mnt/data/%s", f->path);
        jw_begin_object(w);
        jw_field_string(w, "id", f->id);
        jw_field_string(w, "path", strbuf_text(&path));
        jw_field_uint(w, "bytes", f->bytes);
        jw_field_string(w, "mime_type", file_mime_type(f->path));
        jw_field_string(w, "change", e->file[i].modified ? "modified" : "created");
        if (extra)
            extra(context, i, w);
        jw_end(w);
        strbuf_deinit(&path);
    }
    jw_end(w);
}

static void write_truncated(struct json_writer *w, const struct execution *e)
{
    jw_field_array(w, "truncated");
    for (size_t i = 0; i < e->truncations; i++) {
        const struct truncation *t = &e->truncated[i];
        jw_begin_object(w);
        jw_field_string(w, "stream", kind_names[t->stream]);
        jw_field_uint(w, "kept_bytes", t->kept_bytes);
        jw_field_uint(w, "total_bytes", t->total_bytes);
        jw_field_string(w, "file_id", t->file_id[0] ? t->file_id : NULL);
        jw_end(w);
    }
    jw_end(w);
}

int execution_to_json(const struct execution *e, struct strbuf *out)
{
    return execution_to_json_files(e, NULL, NULL, out);
}

static void write_head(struct json_writer *w, const struct execution *e)
{
    jw_field_string(w, "id", e->id);
    jw_field_string(w, "object", "container.execution");
    jw_field_string(w, "container_id", e->container_id[0] ? e->container_id : NULL);
    jw_field_int(w, "created_at", e->created_at);
    jw_field_string(w, "status", execution_status_name(e->status));
    jw_field_string(w, "state", e->reset ? "reset" : "kept");
}

static void write_tail(struct json_writer *w, const struct execution *e,
    void (*extra)(void *context, size_t file, struct json_writer *w), void *context)
{
    jw_key(w, "error");
    if (e->error) {
        jw_begin_object(w);
        write_error_fields(w, e->error);
        jw_end(w);
    } else {
        jw_null(w);
    }
    write_files(w, e, extra, context);
    write_truncated(w, e);
    jw_field_array(w, "notes");
    for (size_t i = 0; i < e->notes; i++)
        jw_text(w, e->note[i]);
    jw_end(w);
    jw_field_double(w, "duration_ms", (double)e->duration_us / 1000);
    jw_field_double(w, "cpu_ms", (double)e->cpu_us / 1000);
    jw_field_uint(w, "max_memory_bytes", e->max_memory_bytes);
    jw_field_uint(w, "execution_count", e->execution_count);
}

void execution_write_facts(struct json_writer *w, const struct execution *e)
{
    write_head(w, e);
    write_tail(w, e, NULL, NULL);
}

int execution_to_json_files(const struct execution *e,
    void (*extra)(void *context, size_t file, struct json_writer *w), void *context,
    struct strbuf *out)
{
    struct json_writer w = JSON_WRITER(out);
    jw_begin_object(&w);
    write_head(&w, e);
    write_stream(&w, e, OUTPUT_STDOUT);
    write_stream(&w, e, OUTPUT_STDERR);
    jw_field_string(&w, "result", e->result);
    jw_field_array(&w, "outputs");
    for (size_t i = 0; i < e->outputs; i++)
        write_output(&w, &e->output[i]);
    jw_end(&w);
    write_tail(&w, e, extra, context);
    jw_end(&w);
    return out->failed ? -E2BIG : 0;
}
