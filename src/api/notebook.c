/* notebook.c - notebooks for every dialect: the format asked for, what a container ran, what a run said and did,
 * and the file that is handed out. */
#include <errno.h>
#include <string.h>

#include "agent/run.h"
#include "api/api.h"
#include "api/json_in.h"
#include "base/fd.h"

enum { EXECUTIONS_PAGE = 100, CHAIN_MAX = 1000 };

int api_notebook_format(struct http_exchange *x, enum notebook_format *ret)
{
    char brief[72];
    const char *asked = http_query(x, "format");
    if (notebook_format_parse(asked, ret) == 0)
        return 0;
    http_fail(x, ERROR_INVALID_VALUE, "format",
        "Invalid value: '%s'. Supported values are: 'ipynb', 'py', and 'html'.",
        json_in_brief(brief, asked));
    return -EINVAL;
}

void api_notebook_respond(struct http_exchange *x, const struct notebook *book,
    enum notebook_format format, const char *name)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    char disposition[200];
    if (notebook_write(book, format, &text) < 0) {
        http_fail(x, ERROR_PAYLOAD_TOO_LARGE, NULL, "The notebook is larger than %d MiB.",
            REPLY_MAX >> 20);
        return;
    }
    snprintf(disposition, sizeof disposition, "attachment; filename=\"%s%s\"", name,
        notebook_extension(format));
    http_set_header(x, "content-disposition", disposition);
    http_respond(x, 200, notebook_media_type(format), text.data, text.length);
}

static int full(int r, struct error *e)
{
    return r < 0 ? error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.") : 0;
}

/* ---- what a container ran ------------------------------------------------------------------------------ */

/* One execution as a cell; one whose record was lost keeps its code. */
static int add_execution(
    struct store *store, const struct store_execution *row, struct notebook *book, struct error *e)
{
    cleanup_free char *record = NULL;
    size_t length = 0;
    int r = store_execution_record(store, row, &record, &length, e);
    if (r < 0 && r != -ENOENT && r != -EIO)
        return r;
    cleanup_json json_t *root = r == 0 ? json_loadb(record, length, 0, NULL) : NULL;
    const char *code = row->code ? row->code : "";
    return full(notebook_code(book, code, strlen(code),
                    json_integer_value(json_object_get(root, "execution_count")),
                    json_object_get(root, "outputs")),
        e);
}

int api_notebook_container(
    struct store *store, const char *container_id, struct notebook *book, struct error *e)
{
    char after[ID_SIZE] = "";
    bool more = true;
    while (more) {
        struct store_page page = {
            .limit = EXECUTIONS_PAGE, .ascending = true, .after = after[0] ? after : NULL};
        struct store_executions rows = {0};
        int r = store_execution_list(store, container_id, &page, &rows, e);
        for (size_t i = 0; r == 0 && i < rows.count; i++)
            r = add_execution(store, &rows.items[i], book, e);
        if (rows.count)
            snprintf(after, sizeof after, "%s", rows.items[rows.count - 1].id);
        more = rows.has_more && rows.count;
        store_executions_deinit(&rows);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- what a run said and did --------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* The request's messages of the user: their text, and the names of files that came with them. */
static int add_input(const json_t *input, struct notebook *book)
{
    size_t i, k;
    json_t *item, *part;
    int r = 0;
    json_array_foreach (input, i, item) {
        const char *role = text_of(item, "role");
        cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
        if (!role || strcmp(role, "user") != 0)
            continue;
        json_array_foreach (json_object_get(item, "content"), k, part) {
            json_t *words = json_object_get(part, "text");
            const char *name = text_of(part, "filename");
            if (text.length && (words || name))
                strbuf_puts(&text, "\n\n");
            if (json_is_string(words))
                strbuf_append(&text, json_string_value(words), json_string_length(words));
            else if (name)
                strbuf_printf(&text, "*File: `%s`*", name);
        }
        if (r == 0 && text.length)
            r = notebook_markdown(book, "user", text.data, text.length);
    }
    return r;
}

/* What an item of the run is made of, gathered from its events. */
struct gathered {
    char execution[ID_SIZE], container[ID_SIZE];
    json_t *logs; /* borrowed from nothing: a reference, or NULL */
};
enum { GATHERED_MAX = 4096 };

/* A code item: the execution's whole record while its container is remembered, else what the log has. */
static int add_code(struct store *store, const struct gathered *g, const json_t *event,
    struct notebook *book, struct error *e)
{
    struct store_execution row = {0};
    json_t *code = json_object_get(event, "code");
    int r = g->execution[0] ? store_execution_get(store, g->container, g->execution, &row, NULL)
                            : -ENOENT;
    if (r == 0) {
        r = add_execution(store, &row, book, e);
        store_execution_deinit(&row);
        return r;
    }
    cleanup_json json_t *outputs =
        g->logs ? json_pack("[{s:s,s:O}]", "type", "stdout", "text", g->logs) : NULL;
    return full(notebook_code(book, json_string_value(code) ? json_string_value(code) : "",
                    json_string_length(code), 0, outputs),
        e);
}

static int add_event(struct store *store, struct gathered *all, const json_t *event,
    struct notebook *book, struct error *e)
{
    const char *type = text_of(event, "type"), *kind = text_of(event, "kind");
    json_int_t item = json_integer_value(json_object_get(event, "item"));
    if (!type || item < 0 || item >= GATHERED_MAX)
        return 0;
    struct gathered *g = &all[item];
    if (strcmp(type, "item.started") == 0 && text_of(event, "container_id"))
        snprintf(g->container, sizeof g->container, "%s", text_of(event, "container_id"));
    else if (strcmp(type, "execution.started") == 0 && text_of(event, "execution_id"))
        snprintf(g->execution, sizeof g->execution, "%s", text_of(event, "execution_id"));
    else if (strcmp(type, "execution.completed") == 0 && !g->logs)
        g->logs = json_incref(json_object_get(event, "logs"));
    if (strcmp(type, "item.completed") != 0 || !kind)
        return 0;
    json_t *text = json_object_get(event, "text");
    if (strcmp(kind, "code") == 0)
        return add_code(store, g, event, book, e);
    if (strcmp(kind, "message") == 0 && json_string_length(text))
        return full(
            notebook_markdown(book, "assistant", json_string_value(text), json_string_length(text)),
            e);
    return 0;
}

static int add_events(struct store *store, struct run *run, struct gathered *all,
    struct notebook *book, struct error *e)
{
    uint64_t from = 0;
    for (;;) {
        struct run_event *events = NULL;
        size_t n = 0;
        int last = run_events(run, from, 0, &events, &n, e), r = last < 0 ? last : 0;
        for (size_t i = 0; r == 0 && i < n; i++) {
            cleanup_json json_t *event = json_loadb(events[i].json, events[i].length, 0, NULL);
            r = add_event(store, all, event, book, e);
        }
        run_events_free(events, n);
        from += n;
        if (r < 0 || last == 1 || n == 0)
            return r;
    }
}

int api_notebook_run(struct store *store, struct run *run, struct notebook *book, struct error *e)
{
    cleanup_json json_t *input = NULL, *output = NULL;
    struct gathered *all = calloc(GATHERED_MAX, sizeof *all);
    int r = all ? run_transcript(run, &input, &output, e) : -ENOMEM;
    if (r == 0)
        r = full(add_input(input, book), e);
    if (r == 0)
        r = add_events(store, run, all, book, e);
    else if (!all)
        r = full(-ENOMEM, e);
    for (size_t i = 0; all && i < GATHERED_MAX; i++)
        json_decref(all[i].logs);
    free(all);
    return r;
}

int api_notebook_chain(
    struct api *api, const char *project, struct run *run, struct notebook *book, struct error *e)
{
    struct run *chain[CHAIN_MAX];
    size_t n = 0;
    int r = 0;
    run_ref(run);
    for (; run && n < CHAIN_MAX; n++) {
        struct run_info info;
        struct run *before = NULL;
        chain[n] = run;
        run_info(run, &info);
        /* one that was deleted since ends the chain: what is left of it is shown */
        if (info.previous_id)
            run_find(api->runs, project, NULL, info.previous_id, &before, NULL);
        run_info_deinit(&info);
        run = before;
    }
    run_unref(run);
    for (size_t i = n; i-- > 0;) {
        if (r == 0)
            r = api_notebook_run(api->store, chain[i], book, e);
        run_unref(chain[i]);
    }
    return r;
}
