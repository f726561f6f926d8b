/* responses.c - what OpenAI's Responses answer: items that begin, grow by deltas, and are done.
 *
 * Every part comes at least twice: in deltas and whole in `done`. Servers that leave out the deltas are
 * read by what is done; what both say is taken once. */
#include "provider/responses.h"

#include <errno.h>

#include "provider/items.h"

struct decoder {
    struct answer *a;
    struct item {
        bool done;
        bool called; /* it is call number `call` */
        unsigned call;
        size_t told;  /* bytes of its text or arguments that came in deltas */
        size_t shown; /* the same of a summary of reasoning */
    } * items;        /* by output_index */
    size_t n_items;
    bool ended;
};

static void *decoder_new(struct answer *a)
{
    struct decoder *d = calloc(1, sizeof(*d));
    if (d != NULL)
        d->a = a;
    return d;
}

static void decoder_free(void *decoder)
{
    struct decoder *d = decoder;
    if (d != NULL)
        free(d->items);
    free(d);
}

static const struct provider *provider_of(const struct decoder *d)
{
    return d->a->q->route->provider;
}

static struct item *item_at(struct decoder *d, size_t index)
{
    if (index >= ANSWER_ITEMS_MAX)
        return NULL;
    if (index >= d->n_items) {
        struct item *more = reallocarray(d->items, index + 1, sizeof(*more));
        if (more == NULL)
            return NULL;
        d->items = more;
        memset(more + d->n_items, 0, (index + 1 - d->n_items) * sizeof(*more));
        d->n_items = index + 1;
    }
    return &d->items[index];
}

/* ---- parts ----------------------------------------------------------------------------------------- */

typedef int say(struct answer *a, const char *text, size_t n);

static int told(struct decoder *d, size_t *count, const json_t *text, say *say_)
{
    size_t n = json_string_length(text);
    *count += n;
    return n > 0 ? say_(d->a, json_string_value(text), n) : 0;
}

static int arguments(struct decoder *d, struct item *i, const json_t *text)
{
    size_t n = json_string_length(text);
    i->told += n;
    if (n == 0)
        return 0;
    return i->called ? answer_call_arguments(d->a, i->call, json_string_value(text), n) : -EPROTO;
}

static int call_begin(struct decoder *d, struct item *i, const json_t *item, struct error *e)
{
    if (i->called)
        return 0;
    if (item_text(item, "name")[0] == '\0')
        return provider_malformed(provider_of(d), "a call without a name", e);
    i->called = true;
    return answer_call(d->a, item_text(item, "call_id"), item_text(item, "name"), &i->call);
}

static int call_done(struct decoder *d, struct item *i, const json_t *item, struct error *e)
{
    int r = call_begin(d, i, item, e);
    if (r == 0 && i->told == 0)
        r = arguments(d, i, json_object_get(item, "arguments"));
    return r == 0 ? answer_call_end(d->a, i->call, NULL) : r;
}

static int message_done(struct decoder *d, struct item *i, const json_t *item)
{
    size_t n;
    json_t *part;
    bool all = i->told == 0;
    json_array_foreach (json_object_get(item, "content"), n, part) {
        int r = !all ? 0
                : item_is(part, "refusal")
                    ? told(d, &i->told, json_object_get(part, "refusal"), answer_refusal)
                    : told(d, &i->told, json_object_get(part, "text"), answer_text);
        if (r < 0)
            return r;
    }
    return answer_message_end(d->a);
}

/* What has to come back: the thoughts as they are encrypted. Without that nothing can. */
static int reasoning_done(struct decoder *d, struct item *i, json_t *item)
{
    size_t n;
    json_t *part;
    bool all = i->shown == 0;
    json_array_foreach (json_object_get(item, "summary"), n, part) {
        int r = all ? told(d, &i->shown, json_object_get(part, "text"), answer_reasoning) : 0;
        if (r < 0)
            return r;
    }
    if (item_text(item, "encrypted_content")[0] == '\0')
        return answer_message_end(d->a);
    json_t *kept = json_copy(item);
    json_object_del(kept, "status"); /* the vendor gives it and does not take it */
    json_t *made = json_pack("{s:s, s:s, s:{s:s, s:o}}", "type", "reasoning", "adapter",
        responses_adapter.name, "data", "model", d->a->q->route->model, "item", kept);
    return made != NULL ? answer_item(d->a, made) : -ENOMEM;
}

static int item_done(struct decoder *d, size_t index, json_t *item, struct error *e)
{
    struct item *i = item_at(d, index);
    if (i == NULL)
        return -E2BIG;
    if (i->done)
        return 0;
    i->done = true;
    if (item_is(item, "function_call"))
        return call_done(d, i, item, e);
    if (item_is(item, "message"))
        return message_done(d, i, item);
    return item_is(item, "reasoning") ? reasoning_done(d, i, item) : 0;
}

/* ---- the whole ------------------------------------------------------------------------------------- */

static int64_t tokens(const json_t *usage, const char *key)
{
    const json_t *value = json_object_get(usage, key);
    return json_is_integer(value) ? json_integer_value(value) : -1;
}

static void usage(struct decoder *d, const json_t *said)
{
    const json_t *in = json_object_get(said, "input_tokens_details");
    const json_t *out = json_object_get(said, "output_tokens_details");
    struct provider_usage u = {.input_tokens = tokens(said, "input_tokens"),
        .cached_tokens = tokens(in, "cached_tokens"),
        .written_tokens = tokens(in, "cache_write_tokens"),
        .output_tokens = tokens(said, "output_tokens"),
        .reasoning_tokens = tokens(out, "reasoning_tokens")};
    if (u.input_tokens >= 0 && u.output_tokens >= 0)
        answer_usage(d->a, &u);
}

/* The response object as it is at its end. */
static int response_done(struct decoder *d, const json_t *response, struct error *e)
{
    const json_t *error = json_object_get(response, "error");
    const char *status = item_text(response, "status");
    if (!json_is_object(response))
        return provider_malformed(provider_of(d), "an answer that is no object", e);
    if (json_is_object(error) || strcmp(status, "failed") == 0)
        return provider_error_object(provider_of(d), 0, error, e);
    if (strcmp(status, "cancelled") == 0)
        return provider_malformed(provider_of(d), "an answer that was cancelled", e);
    size_t index;
    json_t *item;
    bool told = d->n_items > 0; /* item by item; gateways then count them here in another way */
    json_array_foreach (json_object_get(response, "output"), index, item) {
        int r = told ? 0 : item_done(d, index, item, e);
        if (r < 0)
            return r;
    }
    answer_model(d->a, item_text(response, "model"));
    usage(d, json_object_get(response, "usage"));
    const char *reason = item_text(json_object_get(response, "incomplete_details"), "reason");
    answer_finish(d->a, strcmp(reason, "content_filter") == 0 ? FINISH_CONTENT_FILTER
                        : strcmp(status, "incomplete") == 0   ? FINISH_LENGTH
                                                              : FINISH_STOP);
    d->ended = true;
    return 1;
}

static int summary_part(struct decoder *d, struct item *i, const json_t *root)
{
    bool next = json_integer_value(json_object_get(root, "summary_index")) > 0 && i->shown > 0;
    return next ? answer_reasoning(d->a, "\n\n", 2) : 0;
}

/* Events of one item, which they name by its place. */
static int item_event(struct decoder *d, const char *type, json_t *root, struct error *e)
{
    json_int_t index = json_integer_value(json_object_get(root, "output_index"));
    const json_t *delta = json_object_get(root, "delta");
    json_t *item = json_object_get(root, "item");
    if (strcmp(type, "output_item.done") == 0)
        return item_done(d, (size_t)index, item, e);
    struct item *i = item_at(d, (size_t)index);
    if (i == NULL)
        return -E2BIG;
    if (strcmp(type, "output_item.added") == 0)
        return item_is(item, "function_call") ? call_begin(d, i, item, e) : 0;
    if (strcmp(type, "output_text.delta") == 0)
        return told(d, &i->told, delta, answer_text);
    if (strcmp(type, "refusal.delta") == 0)
        return told(d, &i->told, delta, answer_refusal);
    if (strcmp(type, "function_call_arguments.delta") == 0)
        return arguments(d, i, delta);
    if (strcmp(type, "reasoning_summary_part.added") == 0)
        return summary_part(d, i, root);
    if (strcmp(type, "reasoning_summary_text.delta") == 0 ||
        strcmp(type, "reasoning_text.delta") == 0)
        return told(d, &i->shown, delta, answer_reasoning);
    return 0; /* what only repeats, and what may come */
}

/* In the recorded form the error stands under its key, in the specified one it is the event itself. */
static int error_event(struct decoder *d, const json_t *root, struct error *e)
{
    const json_t *nested = json_object_get(root, "error");
    return provider_error_object(provider_of(d), 0, json_is_object(nested) ? nested : root, e);
}

static int event_decoded(void *decoder, const char *type, json_t *root, struct error *e)
{
    struct decoder *d = decoder;
    static const char prefix[] = "response.";
    if (strcmp(type, "error") == 0)
        return error_event(d, root, e);
    if (strncmp(type, prefix, strlen(prefix)) != 0)
        return 0; /* keepalive */
    type += strlen(prefix);
    if (strcmp(type, "completed") == 0 || strcmp(type, "incomplete") == 0 ||
        strcmp(type, "failed") == 0)
        return response_done(d, json_object_get(root, "response"), e);
    return json_object_get(root, "output_index") != NULL ? item_event(d, type, root, e) : 0;
}

static int event(void *decoder, const char *name, const char *data, size_t n, struct error *e)
{
    struct decoder *d = decoder;
    if (n == 6 && memcmp(data, "[DONE]", 6) == 0)
        return 0;
    return provider_event_object(provider_of(d), name, data, n, event_decoded, d, e);
}

static int whole(void *decoder, json_t *root, struct error *e)
{
    struct decoder *d = decoder;
    if (!json_is_array(json_object_get(root, "output")))
        return provider_malformed(provider_of(d), "an answer without output", e);
    int r = response_done(d, root, e);
    return r < 0 ? r : 0;
}

static int end(void *decoder, struct error *e)
{
    struct decoder *d = decoder;
    if (d->ended)
        return 0;
    return provider_cut_short(provider_of(d), e);
}

const struct provider_adapter responses_adapter = {
    .name = "responses",
    .models_path = "/models",
    .encode = responses_encode,
    .decoder_new = decoder_new,
    .decoder_free = decoder_free,
    .event = event,
    .whole = whole,
    .end = end,
};
