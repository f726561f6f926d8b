/* notebook.c - GET /v1/threads/{id}/notebook: a thread as a file to take away. What was asked stands before the run that
 * answered it; what a run said and did comes whole, from its events. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/assistants/export.h"

/* A run of the thread, until it is told. */
struct waiting {
    char id[ID_SIZE];
    int64_t created_at;
};
struct thread_book {
    struct api *api;
    const char *project;
    struct notebook *book;
    struct waiting *run;
    size_t runs, told; /* told: so many of them, from the first on */
};

static int collect_run(void *context, struct run *run, const struct run_info *info, struct error *e)
{
    struct thread_book *b = context;
    (void)run;
    if ((b->runs & (b->runs - 1)) == 0) { /* 0 or a power of two: full */
        void *larger = realloc(b->run, (b->runs ? 2 * b->runs : 1) * sizeof *b->run);
        if (!larger)
            return no_memory_error(e);
        b->run = larger;
    }
    struct waiting *w = &b->run[b->runs++];
    snprintf(w->id, sizeof w->id, "%s", info->id);
    w->created_at = info->created_at;
    return 0;
}

/* The next of the runs. */
static int tell_run(struct thread_book *b, struct error *e)
{
    struct run *run = NULL;
    int r = run_find(b->api->runs, b->project, ASSISTANTS_DIALECT, b->run[b->told++].id, &run, e);
    if (r == -ENOENT)
        return 0; /* deleted meanwhile */
    if (r == 0)
        r = api_notebook_said(b->api->store, run, b->book, e);
    run_unref(run);
    return r;
}

/* Text, and the names of what came with it. */
static int add_message(
    struct thread_book *b, const char *role, const json_t *message, struct error *e)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    size_t i;
    json_t *part, *attachment;
    json_array_foreach (json_object_get(message, "content"), i, part) {
        json_t *value = json_object_get(json_object_get(part, "text"), "value");
        strbuf_puts(&text, text.length && value ? "\n\n" : "");
        strbuf_append(&text, json_string_value(value), json_string_length(value));
    }
    json_array_foreach (json_object_get(message, "attachments"), i, attachment) {
        const char *id = json_string_value(json_object_get(attachment, "file_id"));
        struct store_file file = {0};
        bool known = id && store_file_get(b->api->store, b->project, id, &file, NULL) == 0;
        strbuf_printf(&text, "%s*File: `%s`*", text.length ? "\n\n" : "",
            known ? file.filename
            : id  ? id
                  : "");
        store_file_deinit(&file);
    }
    if (text.failed)
        return no_memory_error(e);
    return api_notebook_text(b->book, role, strbuf_text(&text), text.length, e);
}

/* Tells that run, and those before it, unless that was done; *ret is false when there is no such run. */
static int tell_up_to(struct thread_book *b, const char *run_id, bool *ret, struct error *e)
{
    size_t place = 0;
    int r = 0;
    while (place < b->runs && strcmp(b->run[place].id, run_id) != 0)
        place++;
    *ret = place < b->runs;
    while (r == 0 && *ret && b->told <= place)
        r = tell_run(b, e);
    return r;
}

static int place_message(void *context, const json_t *message, struct error *e)
{
    struct thread_book *b = context;
    const char *role = json_string_value(json_object_get(message, "role"));
    const char *run_id = json_string_value(json_object_get(message, "run_id"));
    int64_t at = json_integer_value(json_object_get(message, "created_at"));
    bool told = false;
    int r = 0;
    if (run_id)
        r = tell_up_to(b, run_id, &told, e);
    /* runs that left no message: before what was asked after them */
    while (r == 0 && !run_id && b->told < b->runs && b->run[b->told].created_at < at)
        r = tell_run(b, e);
    return r < 0 || told ? r : add_message(b, role, message, e);
}

static int write_thread(struct thread_book *b, const char *thread_id, struct error *e)
{
    struct thread_walk walk = {b->api, b->project, thread_id, b, place_message, collect_run};
    int r = thread_runs_each(&walk, e);
    if (r == 0)
        r = thread_messages_each(&walk, e);
    while (r == 0 && b->told < b->runs)
        r = tell_run(b, e);
    return r;
}

void threads_notebook(struct http_exchange *x)
{
    struct store_conversation c;
    enum notebook_format format;
    struct error e = {0};
    if (api_notebook_format(x, &format) < 0 || thread_find(x, &c) < 0)
        return;
    struct thread_book b = {.api = api_of(x), .project = c.project, .book = notebook_new(c.id)};
    int r = b.book ? write_thread(&b, c.id, &e) : no_memory_error(&e);
    if (r < 0)
        http_error(x, &e);
    else
        api_notebook_respond(x, b.book, format, c.id);
    notebook_free(b.book);
    free(b.run);
    store_conversation_deinit(&c);
}
