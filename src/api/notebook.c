/* notebook.c - notebooks for every dialect: the format asked for, what a container ran, what a run said and did,
 * and the file that is handed out. */
#include <errno.h>
#include <string.h>

#include "agent/run.h"
#include "api/api.h"
#include "api/json_in.h"
#include "base/fd.h"

enum { CHAIN_MAX = 1000 };

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
    if (r == -E2BIG)
        return error_set(e, ERROR_PAYLOAD_TOO_LARGE, E2BIG, "The notebook is larger than %d MiB.",
            REPLY_MAX >> 20);
    return r < 0 ? error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.") : 0;
}

static int add_text(struct notebook *book, const char *role, const char *text, size_t length)
{
    return notebook_weigh(book, length) > REPLY_MAX ? -E2BIG
                                                    : notebook_markdown(book, role, text, length);
}

int api_notebook_text(
    struct notebook *book, const char *role, const char *text, size_t length, struct error *e)
{
    return full(add_text(book, role, text, length), e);
}

static int add_said(void *context, const char *text, size_t length)
{
    return add_text(context, "assistant", text, length);
}

static int add_ran(void *context, const struct api_ran *ran)
{
    if (notebook_weigh(context, ran->bytes + ran->length) > REPLY_MAX)
        return -E2BIG;
    return notebook_code(context, ran->code, ran->length, ran->execution_count, ran->outputs);
}

/* ---- what a container ran ------------------------------------------------------------------------------ */

struct container_told {
    struct store *store;
    struct api_listener listener;
    struct error *e;
};

static int tell_execution(void *context, const struct store_execution *row)
{
    const struct container_told *told = context;
    return api_execution_tell(told->store, row, &told->listener, told->e);
}

int api_notebook_container(
    struct store *store, const char *container_id, struct notebook *book, struct error *e)
{
    struct container_told told = {store, {book, NULL, add_ran}, e};
    return store_executions_each(store, container_id, tell_execution, &told, e);
}

int api_notebook_execution(struct store *store, const char *container_id, const char *execution_id,
    struct notebook *book, struct error *e)
{
    const struct api_listener listener = {book, NULL, add_ran};
    struct store_execution row = {0};
    int r = store_execution_get(store, container_id, execution_id, &row, e);
    if (r == 0)
        r = api_execution_tell(store, &row, &listener, e);
    store_execution_deinit(&row);
    return r;
}

/* ---- what a run said and did --------------------------------------------------------------------------- */

/* The request's messages of the user: their text, and the names of files that came with them. */
static int add_input(const json_t *input, struct notebook *book)
{
    size_t i, k;
    json_t *item, *part;
    int r = 0;
    json_array_foreach (input, i, item) {
        const char *role = json_text(item, "role");
        cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
        if (!role || strcmp(role, "user") != 0)
            continue;
        json_array_foreach (json_object_get(item, "content"), k, part) {
            json_t *words = json_object_get(part, "text");
            const char *name = json_text(part, "filename");
            if (text.length && (words || name))
                strbuf_puts(&text, "\n\n");
            if (json_is_string(words))
                strbuf_append(&text, json_string_value(words), json_string_length(words));
            else if (name)
                strbuf_printf(&text, "*File: `%s`*", name);
        }
        if (r == 0 && text.length)
            r = add_text(book, "user", text.data, text.length);
    }
    return r;
}

int api_notebook_said(struct store *store, struct run *run, struct notebook *book, struct error *e)
{
    const struct api_listener listener = {book, add_said, add_ran};
    return api_run_tell(store, run, &listener, e);
}

int api_notebook_run(struct store *store, struct run *run, struct notebook *book, struct error *e)
{
    cleanup_json json_t *input = NULL, *output = NULL;
    int r = run_transcript(run, &input, &output, e);
    if (r == 0)
        r = full(add_input(input, book), e);
    return r < 0 ? r : api_notebook_said(store, run, book, e);
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
