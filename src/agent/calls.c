/* calls.c - the code of a turn, run in the session, one piece after the other; what it shows is told while
 * it comes, and its result is said to the model. */
#include <errno.h>
#include <string.h>

#include "agent/loop.h"
#include "base/clock.h"

enum {
    LIVE_TEXT_MAX = 64 << 10,    /* of each stream of an execution, in events */
    LIVE_DATA_MAX = 64 << 10,    /* of one MIME type of a display, in events */
    LIVE_DISPLAYS_MAX = 1 << 20, /* of all displays of an execution, in events */
    LIVE_LOG_MAX = 64 << 20,
    FIGURES_MAX = 200, /* of one run */
    FIGURE_BYTES_MAX = 16 << 20,
    RESULT_MAX = 1 << 20,
    LOGS_MAX = 2 << 20,
    MADE_MAX = 1000,
};

/* One execution. */
struct doing {
    struct loop *loop;
    struct call *call;
    size_t live[2], displays;    /* bytes in events so far: stdout, stderr; data */
    size_t first_figure, unkept; /* figures there was no room for */
    struct strbuf log;           /* as far as events have told it */
    bool streaming;              /* the last output was a stream's text */
    int failed;
};

/* ---- while it runs --------------------------------------------------------------------------------------- */

/* The run cannot tell any more: the code is ended, too. */
static void give_up(struct doing *d, int r, const struct execution *e)
{
    if (r >= 0 || d->failed < 0)
        return;
    d->failed = r;
    session_interrupt_one(d->loop->run->session, e->id);
}

static void set_execution(struct run *run, const char *id)
{
    pthread_mutex_lock(&run->lock);
    snprintf(run->execution_id, sizeof run->execution_id, "%s", id);
    pthread_mutex_unlock(&run->lock);
}

static void on_started(void *context, const struct execution *e)
{
    struct doing *d = context;
    set_execution(d->loop->run, e->id);
    if (loop_stopped(d->loop)) /* between our last look and this one */
        session_interrupt_one(d->loop->run->session, e->id);
    give_up(d, event_execution_started(d->loop, &d->call->item, e->id), e);
}

/* The event, with what the output adds to the log. */
static void tell_output(
    struct doing *d, const struct execution *e, const struct output *o, const struct strbuf *json)
{
    size_t before = d->log.length;
    bool stream = o->kind <= OUTPUT_STDERR;
    result_log_add(&d->log, o, d->streaming && stream);
    const char *added = strbuf_text(&d->log) + before;
    size_t n = d->log.length - before;
    bool plain = stream && n == o->text_length && memcmp(added, o->text, n) == 0;
    d->streaming = stream;
    give_up(d,
        event_execution_output(d->loop, &d->call->item, json, plain ? NULL : added, plain ? 0 : n),
        e);
}

static bool client_gone(void *context)
{
    struct doing *d = context;
    return loop_stopped(d->loop) || clock_monotonic_us() > d->loop->deadline_us;
}

/* Keeps a picture as a file of the session. False: it is no picture, or there is no room for it, and it is
 * shown without one. */
static bool keep_figure(struct doing *d, const struct output_part *p, struct figure *ret)
{
    struct loop *l = d->loop;
    struct error e = {0};
    struct figure f = {.bytes = p->length};
    char path[FIGURE_PATH_SIZE];
    if (!figure_type(p->mime))
        return false;
    d->unkept++;
    if (p->length > FIGURE_BYTES_MAX || l->figures >= FIGURES_MAX)
        return false;
    struct figure *more = realloc(l->figure, (l->figures + 1) * sizeof *more);
    if (!more)
        return false;
    l->figure = more;
    if (session_figure_keep(l->run->session, p->data, p->length, p->mime, f.id, &e) < 0)
        return false;
    d->unkept--;
    snprintf(f.mime, sizeof f.mime, "%s", p->mime);
    figure_path(f.id, f.mime, path);
    const char *published = publish(l, f.id, path, true);
    snprintf(f.published, sizeof f.published, "%s", published ? published : "");
    l->figure[l->figures++] = f;
    *ret = f;
    return true;
}

static bool is_json(const char *mime)
{
    size_t n = strlen(mime);
    return strcmp(mime, "application/json") == 0 || (n > 5 && strcmp(mime + n - 5, "+json") == 0);
}

static bool is_text(const char *mime)
{
    return strncmp(mime, "text/", 5) == 0 || strncmp(mime, "image/svg+xml", 13) == 0;
}

/* The size of a PNG in pixels, as its first chunk must say: with it a page keeps the picture's place before it is there.
 * Nothing for what is no PNG. */
static void write_png_size(struct json_writer *w, const struct output_part *p)
{
    const unsigned char *b = (const unsigned char *)p->data;
    if (p->length < 24 || memcmp(b, "\x89PNG\r\n\x1a\n", 8) != 0 || memcmp(b + 12, "IHDR", 4) != 0)
        return;
    jw_field_uint(w, "width", (uint64_t)b[16] << 24 | b[17] << 16 | b[18] << 8 | b[19]);
    jw_field_uint(w, "height", (uint64_t)b[20] << 24 | b[21] << 16 | b[22] << 8 | b[23]);
}

/* One MIME type of a display, in an event: short text as it is, a picture by its file, else its size. */
static void write_part(
    struct doing *d, struct json_writer *w, const struct output_part *p, bool *kept)
{
    struct figure f;
    bool fits = p->length <= LIVE_DATA_MAX && d->displays + p->length <= LIVE_DISPLAYS_MAX;
    jw_key(w, p->mime);
    if (fits && (is_text(p->mime) || is_json(p->mime))) {
        d->displays += p->length;
        if (is_json(p->mime))
            jw_raw(w, p->data, p->length);
        else
            jw_string(w, p->data, p->length);
        return;
    }
    jw_begin_object(w);
    if (!*kept && keep_figure(d, p, &f)) {
        *kept = true; /* one file for a display, whatever forms it has */
        jw_field_string(w, "file_id", f.id);
        if (f.published[0])
            jw_field_string(w, "published", f.published);
    }
    jw_field_uint(w, "bytes", p->length);
    write_png_size(w, p);
    jw_end(w);
}

static void tell_display(struct doing *d, const struct execution *e, const struct output *o)
{
    cleanup_strbuf struct strbuf json = STRBUF_INIT(EVENT_MAX);
    struct json_writer w = JSON_WRITER(&json);
    bool kept = false;
    jw_begin_object(&w);
    jw_field_string(&w, "type", o->kind == OUTPUT_DISPLAY ? "display_data" : "execute_result");
    jw_field_object(&w, "data");
    for (size_t i = 0; i < o->parts; i++)
        write_part(d, &w, &o->part[i], &kept);
    jw_end(&w);
    jw_end(&w);
    tell_output(d, e, o, &json);
}

static void tell_text(struct doing *d, const struct execution *e, const struct output *o)
{
    size_t *live = &d->live[o->kind == OUTPUT_STDERR], n = o->text_length;
    if (*live >= LIVE_TEXT_MAX)
        return;
    if (n > LIVE_TEXT_MAX - *live) { /* up to a character's end */
        n = LIVE_TEXT_MAX - *live;
        while (n > 0 && ((unsigned char)o->text[n] & 0xc0) == 0x80)
            n--;
        *live = LIVE_TEXT_MAX;
    } else {
        *live += n;
    }
    struct output part = {.kind = o->kind, .text = o->text, .text_length = n};
    cleanup_strbuf struct strbuf json = STRBUF_INIT(EVENT_MAX);
    if (n > 0 && output_to_json(&part, &json) == 0)
        tell_output(d, e, &part, &json);
}

static void on_output(void *context, const struct execution *e, const struct output *o)
{
    struct doing *d = context;
    cleanup_strbuf struct strbuf json = STRBUF_INIT(EVENT_MAX);
    if (d->failed < 0)
        return;
    switch (o->kind) {
    case OUTPUT_STDOUT:
    case OUTPUT_STDERR: tell_text(d, e, o); break;
    case OUTPUT_DISPLAY:
    case OUTPUT_RESULT: tell_display(d, e, o); break;
    case OUTPUT_ERROR:
        if (output_to_json(o, &json) == 0)
            tell_output(d, e, o, &json);
        break;
    }
}

/* ---- when it has ended ----------------------------------------------------------------------------------- */

/* What a client is told of the call: whether it came to its end by itself. */
static const char *item_status(enum execution_status s)
{
    switch (s) {
    case EXECUTION_COMPLETED:
    case EXECUTION_ERROR: return "completed";
    case EXECUTION_INTERRUPTED: return "incomplete";
    default: return "failed";
    }
}

static int note_made(struct loop *l, const struct execution *e)
{
    for (size_t i = 0; i < e->files; i++) {
        const char *path = e->file[i].file.path;
        bool known = e->file[i].file.from_user;
        for (size_t k = 0; k < l->n_made && !known; k++)
            known = strcmp(l->made[k], path) == 0;
        if (known || l->n_made >= MADE_MAX)
            continue;
        char **more = realloc(l->made, (l->n_made + 1) * sizeof *more);
        if (!more)
            return loop_no_memory(l);
        l->made = more;
        if (!(l->made[l->n_made] = strdup(path)))
            return loop_no_memory(l);
        l->n_made++;
    }
    return 0;
}

/* Pictures are named, not carried: outgoing.c fetches what the model gets to see. */
static json_t *picture_names(const struct loop *l, size_t from)
{
    json_t *all = json_array();
    for (size_t i = from; i < l->figures; i++)
        json_array_append_new(
            all, json_pack("{ss ss ss}", "media_type", l->figure[i].mime, "figure", l->figure[i].id,
                     "container", l->run->container_id));
    return all;
}

/* The result, as this model's calls are answered. Takes `images`. */
static int say_result(
    struct loop *l, const struct call *c, const struct strbuf *text, json_t *images, bool error)
{
    json_t *item = NULL;
    if (!c->fenced) {
        item = json_pack("{ss ss ss% so* sb}", "type", "tool_result", "call_id", c->call_id, "text",
            strbuf_text(text), text->length, "images", images, "is_error", error);
        return loop_say(l, item) < 0 ? loop_no_memory(l) : 0;
    }
    /* a user's turn, with the same mark as a result so that it is masked alike */
    item = json_pack("{ss ss s[{ss ss%}] sb so*}", "type", "message", "role", "user", "content",
        "type", "text", "text", strbuf_text(text), text->length, "result", true, "images", images);
    return loop_say(l, item) < 0 ? loop_no_memory(l) : 0;
}

static int say_simple(struct loop *l, const struct call *c, const char *text)
{
    cleanup_strbuf struct strbuf b = STRBUF_INIT(4096);
    strbuf_puts(&b, text);
    return say_result(l, c, &b, NULL, true);
}

static int notice_unkept(struct doing *d)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(4096);
    result_unkept(d->unkept, &text);
    return event_notice(d->loop, strbuf_text(&text));
}

static int tell_end(struct doing *d, const struct execution *e)
{
    struct loop *l = d->loop;
    const char *status = item_status(e->status);
    const struct figure *figures = l->figure + d->first_figure;
    size_t n = l->figures - d->first_figure;
    cleanup_strbuf struct strbuf logs = STRBUF_INIT(LOGS_MAX), text = STRBUF_INIT(RESULT_MAX);
    result_logs(e, &logs);
    result_text(l, e, figures, n, &text);
    result_unkept(d->unkept, &text);
    int r = note_made(l, e);
    if (r == 0)
        r = event_execution_completed(l, &d->call->item, e, status, &logs, figures, n);
    if (r == 0) {
        d->call->completed = true;
        r = event_code_item_completed(l, &d->call->item, &d->call->code.code, status);
    }
    if (r == 0 && d->unkept > 0)
        r = notice_unkept(d);
    if (r == 0 && e->reset)
        r = event_notice(
            l, "The interpreter was restarted: its variables are gone, its files are there.");
    return r < 0 ? r
                 : say_result(l, d->call, &text, picture_names(l, d->first_figure),
                       e->status != EXECUTION_COMPLETED);
}

/* Line ends as Python wants them; what was told stays as it was written. A new text, or NULL. */
static char *with_newlines(const struct strbuf *code, size_t *ret_n)
{
    char *copy = malloc(code->length + 1);
    size_t n = 0;
    for (size_t i = 0; copy && i < code->length; i++)
        if (code->data[i] != '\r' || i + 1 == code->length || code->data[i + 1] != '\n')
            copy[n++] = code->data[i];
    if (copy)
        copy[n] = 0;
    *ret_n = n;
    return copy;
}

static int64_t timeout_of(const struct loop *l)
{
    int64_t left = (l->deadline_us - clock_monotonic_us()) / 1000;
    int64_t most = l->run->all->config.execution_timeout_ms;
    return left < 1 ? 1 : left < most ? left : most;
}

/* The session did not run it. Is that the model's affair, to be told it, or the run's end? */
static int refused(struct loop *l, struct call *c, int r)
{
    if (r == -ECANCELED || l->error.code != ERROR_INVALID_VALUE)
        return r;
    char text[320];
    snprintf(text, sizeof text, "The code was not run: %s", l->error.message);
    l->error = (struct error){0};
    c->completed = true;
    r = event_code_item_completed(l, &c->item, &c->code.code, "failed");
    return r < 0 ? r : say_simple(l, c, text);
}

static int run_code(struct loop *l, struct call *c)
{
    struct doing d = {
        .loop = l, .call = c, .first_figure = l->figures, .log = STRBUF_INIT(LIVE_LOG_MAX)};
    struct execution x = {0};
    size_t n;
    char *code = with_newlines(&c->code.code, &n);
    if (!code)
        return loop_no_memory(l);
    struct execute_spec spec = {
        .code = code,
        .code_length = n,
        .timeout_ms = timeout_of(l),
        .callbacks = {.context = &d,
            .on_started = on_started,
            .on_output = on_output,
            .client_gone = client_gone},
    };
    l->executions++;
    int r = session_execute(l->run->session, &spec, &x, &l->error);
    set_execution(l->run, "");
    free(code);
    strbuf_deinit(&d.log);
    if (r < 0)
        return refused(l, c, r);
    r = d.failed < 0 ? d.failed : tell_end(&d, &x);
    execution_deinit(&x);
    return r;
}

/* ---- the calls of a turn ------------------------------------------------------------------------------------ */

static const char unusable[] =
    "The code was not run: the call's arguments are no JSON object with a string \"code\". Call the tool "
    "again with {\"code\": \"…\"}, quotes and line breaks within it escaped.";
static const char too_long[] = "The code was not run: it is longer than 1 MiB.";

static int run_python(struct loop *l, struct call *c)
{
    if (c->end == CODE_WHOLE)
        return run_code(l, c);
    c->completed = true;
    int r = event_code_item_completed(l, &c->item, &c->code.code, "failed");
    return r < 0 ? r : say_simple(l, c, c->code.code.failed ? too_long : unusable);
}

static int run_one(struct loop *l, struct call *c)
{
    char text[256];
    switch (c->kind) {
    case CALL_PYTHON: return run_python(l, c);
    case CALL_IGNORED:
        return say_simple(l, c,
            "Not run: no more code may be run for this answer. Answer with what is known so far.");
    case CALL_UNKNOWN:
        snprintf(text, sizeof text, "There is no tool named '%.64s'.", c->name);
        return say_simple(l, c, text);
    default: return 0;
    }
}

int calls_run(struct loop *l, struct turn *t)
{
    int r = 0;
    for (size_t i = 0; i < t->calls && r == 0; i++)
        r = loop_stopped(l) ? -ECANCELED : run_one(l, &t->call[i]);
    return r;
}

void calls_abandon(struct loop *l, struct turn *t)
{
    for (size_t i = 0; i < t->calls; i++) {
        struct call *c = &t->call[i];
        struct error why = l->error;
        if (c->completed || c->item.id[0] == 0)
            continue;
        c->completed = true;
        if (c->kind == CALL_PYTHON)
            event_code_item_completed(l, &c->item, &c->code.code, "incomplete");
        else if (c->kind == CALL_FUNCTION)
            event_function_completed(l, &c->item, &c->arguments);
        l->error = why;
    }
}
