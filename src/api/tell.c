/* tell.c - what a run said and did, told from its stored events: for notebooks, and for who looks for results. The
 * code's outputs are the execution's whole record while its container is remembered, else the text that the
 * events have. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/reader.h"
#include "agent/run.h"
#include "api/api.h"
#include "api/json_in.h"
#include "base/fd.h"

enum { ITEMS_MAX = 4096 };

/* What is known of an item of the run until it is completed. */
struct item {
    char execution[ID_SIZE], container[ID_SIZE];
    json_t *logs; /* a reference, or NULL */
};

static int told(int r, struct error *e)
{
    if (r == -E2BIG)
        return error_set(e, ERROR_PAYLOAD_TOO_LARGE, E2BIG,
            "What was shown there is larger than %d MiB together.", REPLY_MAX >> 20);
    return r < 0 ? error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.") : 0;
}

int api_execution_tell(struct store *store, const struct store_execution *row,
    const struct api_listener *to, struct error *e)
{
    cleanup_free char *record = NULL;
    size_t length = 0;
    int r = store_execution_record(store, row, &record, &length, e);
    if (r < 0 && r != -ENOENT && r != -EIO) /* one whose record was lost keeps its code */
        return r;
    cleanup_json json_t *root = r == 0 ? json_loadb(record, length, JSON_ALLOW_NUL, NULL) : NULL;
    const char *code = row->code ? row->code : "";
    struct api_ran ran = {
        .code = code,
        .length = strlen(code),
        .execution_count = json_integer_value(json_object_get(root, "execution_count")),
        .outputs = json_object_get(root, "outputs"),
        .status = json_text(root, "status"),
        .bytes = length,
    };
    return told(to->ran(to->context, &ran), e);
}

static int tell_code(struct store *store, const struct item *item, const json_t *event,
    const struct api_listener *to, struct error *e)
{
    struct store_execution row = {0};
    json_t *code = json_object_get(event, "code");
    int r = item->execution[0]
                ? store_execution_get(store, item->container, item->execution, &row, NULL)
                : -ENOENT;
    if (r == 0) {
        r = api_execution_tell(store, &row, to, e);
        store_execution_deinit(&row);
        return r;
    }
    cleanup_json json_t *outputs =
        item->logs ? json_pack("[{s:s,s:O}]", "type", "stdout", "text", item->logs) : NULL;
    struct api_ran ran = {
        .code = json_string_value(code) ? json_string_value(code) : "",
        .length = json_string_length(code),
        .outputs = outputs,
    };
    return told(to->ran(to->context, &ran), e);
}

static int tell_event(struct store *store, struct item *items, const json_t *event,
    const struct api_listener *to, struct error *e)
{
    const char *type = json_text(event, "type"), *kind = json_text(event, "kind");
    json_int_t at = json_integer_value(json_object_get(event, "item"));
    if (!type || at < 0 || at >= ITEMS_MAX)
        return 0;
    struct item *item = &items[at];
    if (strcmp(type, "item.started") == 0 && json_text(event, "container_id"))
        snprintf(item->container, sizeof item->container, "%s", json_text(event, "container_id"));
    else if (strcmp(type, "execution.started") == 0 && json_text(event, "execution_id"))
        snprintf(item->execution, sizeof item->execution, "%s", json_text(event, "execution_id"));
    else if (strcmp(type, "execution.completed") == 0 && !item->logs)
        item->logs = json_incref(json_object_get(event, "logs"));
    if (strcmp(type, "item.completed") != 0 || !kind)
        return 0;
    json_t *text = json_object_get(event, "text");
    if (strcmp(kind, "code") == 0)
        return tell_code(store, item, event, to, e);
    if (strcmp(kind, "message") == 0 && json_string_length(text))
        return told(to->said(to->context, json_string_value(text), json_string_length(text)), e);
    return 0;
}

struct telling {
    struct store *store;
    struct item *items;
    const struct api_listener *to;
    struct error *e;
};

static int tell(void *context, const struct run_event *event, uint64_t number)
{
    (void)number;
    const struct telling *t = context;
    cleanup_json json_t *json = json_loadb(event->json, event->length, JSON_ALLOW_NUL, NULL);
    return tell_event(t->store, t->items, json, t->to, t->e);
}

int api_run_tell(
    struct store *store, struct run *run, const struct api_listener *to, struct error *e)
{
    struct item *items = calloc(ITEMS_MAX, sizeof *items);
    if (!items)
        return told(-ENOMEM, e);
    struct telling telling = {store, items, to, e};
    struct run_reader reader = {.run = run};
    int r = run_reader_catch_up(&reader, tell, &telling, e);
    for (size_t i = 0; i < ITEMS_MAX; i++)
        json_decref(items[i].logs);
    free(items);
    return r;
}
