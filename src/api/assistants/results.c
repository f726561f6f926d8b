/* results.c - GET /v1/threads/{id}/results: what programs of this dialect pick out of a thread by hand. Texts that speak of an
 * insight or of a summary, figures, the code with what it showed, tables. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/assistants/export.h"

struct results {
    json_t *insights, *summaries, *visualizations, *code_blocks, *tables;
    const char *run_id; /* of what is being told */
    size_t bytes;       /* of what is kept of texts, code and executions */
    bool full;
};

static void keep(struct results *r, json_t *list, json_t *value)
{
    r->full |= json_array_append_new(list, value) < 0; /* NULL is refused, too */
}

static void pick_text(struct results *r, json_t *value)
{
    const char *text = json_string_value(value);
    size_t before = json_array_size(r->insights) + json_array_size(r->summaries);
    if (text && strcasestr(text, "insight:"))
        keep(r, r->insights, json_incref(value));
    if (text && strcasestr(text, "summary:"))
        keep(r, r->summaries, json_incref(value));
    size_t kept = json_array_size(r->insights) + json_array_size(r->summaries) - before;
    r->bytes += kept * json_string_length(value);
}

static int pick_message(void *context, const json_t *message, struct error *e)
{
    struct results *r = context;
    const char *role = json_string_value(json_object_get(message, "role"));
    size_t i;
    json_t *part;
    if (!role || strcmp(role, "assistant") != 0)
        return 0;
    json_array_foreach (json_object_get(message, "content"), i, part) {
        json_t *file = json_object_get(json_object_get(part, "image_file"), "file_id");
        pick_text(r, json_object_get(json_object_get(part, "text"), "value"));
        if (file)
            keep(r, r->visualizations, json_incref(file));
    }
    if (r->bytes > REPLY_MAX)
        return error_set(e, ERROR_PAYLOAD_TOO_LARGE, E2BIG,
            "The thread's results are larger than %d MiB.", REPLY_MAX >> 20);
    return r->full ? no_memory_error(e) : 0;
}

/* A DataFrame shows itself as a table of this class. */
static void pick_table(struct results *r, json_t *output)
{
    json_t *data = json_object_get(output, "data"), *html = json_object_get(data, "text/html");
    if (!json_is_string(html) || !strstr(json_string_value(html), "class=\"dataframe\""))
        return;
    json_t *text = json_object_get(data, "text/plain");
    keep(r, r->tables,
        json_pack("{s:O,s:O?,s:i,s:s}", "html", html, "text", text, "code_block",
            (int)json_array_size(r->code_blocks) - 1, "run_id", r->run_id));
}

static int pick_ran(void *context, const struct api_ran *ran)
{
    struct results *r = context;
    size_t i;
    json_t *output;
    if ((r->bytes += ran->bytes + ran->length) > REPLY_MAX)
        return -E2BIG;
    keep(r, r->code_blocks,
        json_pack("{s:o,s:s?,s:o,s:s}", "code", json_stringn(ran->code, ran->length), "status",
            ran->status, "outputs", ran->outputs ? json_incref(ran->outputs) : json_array(),
            "run_id", r->run_id));
    json_array_foreach (ran->outputs, i, output)
        pick_table(r, output);
    return r->full ? -ENOMEM : 0;
}

static int pick_said(void *context, const char *text, size_t length)
{
    (void)context, (void)text, (void)length;
    return 0; /* messages say it themselves */
}

struct telling {
    struct api *api;
    struct results *results;
};

static int pick_run(void *context, struct run *run, const struct run_info *info, struct error *e)
{
    struct telling *t = context;
    const struct api_listener listener = {t->results, pick_said, pick_ran};
    t->results->run_id = info->id;
    return api_run_tell(t->api->store, run, &listener, e);
}

static void respond_results(
    struct http_exchange *x, const struct store_conversation *c, const struct results *r)
{
    cleanup_json json_t *object = json_pack("{s:s,s:s,s:O,s:O,s:O,s:O,s:O}", "object",
        "thread.results", "thread_id", c->id, "summaries", r->summaries, "insights", r->insights,
        "visualizations", r->visualizations, "code_blocks", r->code_blocks, "tables", r->tables);
    respond_json(x, object);
}

void threads_results(struct http_exchange *x)
{
    struct store_conversation c;
    struct results r = {
        json_array(), json_array(), json_array(), json_array(), json_array(), .run_id = ""};
    struct telling telling = {api_of(x), &r};
    struct error e = {0};
    if (thread_find(x, &c) == 0) {
        struct thread_walk walk = {api_of(x), c.project, c.id, &r, pick_message, NULL};
        int status = thread_messages_each(&walk, &e);
        walk.context = &telling;
        walk.run = pick_run;
        if (status == 0)
            status = thread_runs_each(&walk, &e);
        if (status < 0)
            http_error(x, &e);
        else
            respond_results(x, &c, &r);
        store_conversation_deinit(&c);
    }
    json_decref(r.insights);
    json_decref(r.summaries);
    json_decref(r.visualizations);
    json_decref(r.code_blocks);
    json_decref(r.tables);
}
