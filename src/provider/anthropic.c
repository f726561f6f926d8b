/* anthropic.c - what Anthropic's messages answer: blocks that begin, grow and stop, by their index. */
#include "provider/anthropic.h"

#include <errno.h>

#include "provider/items.h"

enum { BLOCKS_MAX = ANSWER_ITEMS_MAX };

struct decoder {
    struct answer *a;
    struct block {
        enum { BLOCK_NONE, BLOCK_TEXT, BLOCK_CALL, BLOCK_THINKING } kind;
        unsigned call;
        bool grown;   /* a part of the arguments has come */
        json_t *said; /* thinking, to be sent back as it was */
        struct strbuf thinking, signature;
    } * blocks;
    size_t n_blocks;
    struct provider_usage usage; /* -1: not said */
    bool stopped;
};

static void *decoder_new(struct answer *a)
{
    struct decoder *d = calloc(1, sizeof(*d));
    if (d != NULL)
        *d = (struct decoder){.a = a, .usage = {-1, -1, -1, -1, -1}};
    return d;
}

static void decoder_free(void *decoder)
{
    struct decoder *d = decoder;
    if (d == NULL)
        return;
    for (size_t i = 0; i < d->n_blocks; i++) {
        json_decref(d->blocks[i].said);
        strbuf_deinit(&d->blocks[i].thinking);
        strbuf_deinit(&d->blocks[i].signature);
    }
    free(d->blocks);
    free(d);
}

static const struct provider *provider_of(const struct decoder *d)
{
    return d->a->q->route->provider;
}

static const char *string(const json_t *value, size_t *ret_n)
{
    *ret_n = json_string_length(value);
    return *ret_n > 0 ? json_string_value(value) : "";
}

/* ---- blocks ---------------------------------------------------------------------------------------- */

static struct block *block_add(struct decoder *d, size_t index)
{
    if (index >= BLOCKS_MAX)
        return NULL;
    if (index >= d->n_blocks) {
        struct block *more = reallocarray(d->blocks, index + 1, sizeof(*more));
        if (more == NULL)
            return NULL;
        d->blocks = more;
        for (; d->n_blocks <= index; d->n_blocks++)
            more[d->n_blocks] = (struct block){.thinking = STRBUF_INIT(ANSWER_BYTES_MAX),
                .signature = STRBUF_INIT(ANSWER_BYTES_MAX)};
    }
    return &d->blocks[index];
}

static struct block *block_at(struct decoder *d, const json_t *event)
{
    json_int_t index = json_integer_value(json_object_get(event, "index"));
    return index >= 0 && (size_t)index < d->n_blocks ? &d->blocks[index] : NULL;
}

static int arguments(struct decoder *d, struct block *b, const char *text, size_t n)
{
    b->grown |= n > 0;
    return answer_call_arguments(d->a, b->call, text, n);
}

/* Input that comes with the block's beginning, or with all of it: some gateways stream so. */
static int arguments_whole(struct decoder *d, struct block *b, const json_t *input)
{
    if (json_is_object(input) && json_object_size(input) == 0)
        return 0;
    char *text =
        json_is_string(input) ? strdup(json_string_value(input)) : json_dumps(input, JSON_COMPACT);
    int r = text != NULL ? arguments(d, b, text, strlen(text)) : 0;
    free(text);
    return r;
}

static int block_start(struct decoder *d, size_t index, const json_t *content, struct error *e)
{
    struct block *b = block_add(d, index);
    size_t n;
    if (b == NULL)
        return -E2BIG;
    if (b->kind != BLOCK_NONE)
        return provider_malformed(provider_of(d), "two blocks in one place", e);
    if (item_is(content, "text")) {
        b->kind = BLOCK_TEXT;
        const char *text = string(json_object_get(content, "text"), &n);
        return answer_text(d->a, text, n);
    }
    if (item_is(content, "tool_use")) {
        if (item_text(content, "name")[0] == '\0')
            return provider_malformed(provider_of(d), "a call without a name", e);
        b->kind = BLOCK_CALL;
        int r = answer_call(d->a, item_text(content, "id"), item_text(content, "name"), &b->call);
        return r == 0 ? arguments_whole(d, b, json_object_get(content, "input")) : r;
    }
    if (item_is(content, "thinking") || item_is(content, "redacted_thinking")) {
        b->kind = BLOCK_THINKING;
        b->said = json_deep_copy(content);
        const char *text = string(json_object_get(content, "thinking"), &n);
        int r = strbuf_append(&b->thinking, text, n);
        if (r == 0)
            r = strbuf_puts(&b->signature, item_text(content, "signature"));
        return r == 0 ? answer_reasoning(d->a, text, n) : r;
    }
    return 0; /* a kind that we did not ask for */
}

static int block_delta(struct decoder *d, struct block *b, const json_t *delta)
{
    size_t n;
    const char *text;
    if (b->kind == BLOCK_TEXT && item_is(delta, "text_delta")) {
        text = string(json_object_get(delta, "text"), &n);
        return answer_text(d->a, text, n);
    }
    if (b->kind == BLOCK_CALL && item_is(delta, "input_json_delta")) {
        text = string(json_object_get(delta, "partial_json"), &n);
        return arguments(d, b, text, n);
    }
    if (b->kind == BLOCK_THINKING && item_is(delta, "thinking_delta")) {
        text = string(json_object_get(delta, "thinking"), &n);
        int r = strbuf_append(&b->thinking, text, n);
        return r == 0 ? answer_reasoning(d->a, text, n) : r;
    }
    if (b->kind == BLOCK_THINKING && item_is(delta, "signature_delta")) {
        text = string(json_object_get(delta, "signature"), &n);
        return strbuf_append(&b->signature, text, n);
    }
    return 0;
}

/* The block as it has to come back, once its deltas are in it. */
static int thinking_end(struct decoder *d, struct block *b)
{
    json_t *said = b->said;
    b->said = NULL;
    if (item_is(said, "thinking"))
        json_object_update_new(said,
            json_pack("{s:s%, s:s%}", "thinking", strbuf_text(&b->thinking), b->thinking.length,
                "signature", strbuf_text(&b->signature), b->signature.length));
    json_t *item = json_pack("{s:s, s:s, s:{s:s, s:o}}", "type", "reasoning", "adapter",
        anthropic_adapter.name, "data", "model", d->a->q->route->model, "block", said);
    return item != NULL ? answer_item(d->a, item) : -ENOMEM;
}

static int block_stop(struct decoder *d, struct block *b)
{
    int r = b->kind == BLOCK_CALL                          ? answer_call_end(d->a, b->call, NULL)
            : b->kind == BLOCK_THINKING && b->said != NULL ? thinking_end(d, b)
                                                           : 0;
    b->kind = BLOCK_NONE;
    return r;
}

/* ---- the rest ---------------------------------------------------------------------------------------- */

static void finish(struct decoder *d, const char *reason)
{
    static const struct {
        const char *reason;
        enum provider_finish finish;
    } rows[] = {{"tool_use", FINISH_CALLS}, {"max_tokens", FINISH_LENGTH},
        {"model_context_window_exceeded", FINISH_LENGTH}, {"refusal", FINISH_CONTENT_FILTER}};
    enum provider_finish found = FINISH_STOP; /* end_turn, stop_sequence, and what may come */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].reason, reason) == 0)
            found = rows[i].finish;
    answer_finish(d->a, found);
    d->stopped = true;
}

/* Input as the others count it: with what came from the cache, or went into it. */
static void usage(struct decoder *d, const json_t *said)
{
    const json_t *input = json_object_get(said, "input_tokens");
    const json_t *read = json_object_get(said, "cache_read_input_tokens");
    const json_t *written = json_object_get(said, "cache_creation_input_tokens");
    const json_t *output = json_object_get(said, "output_tokens");
    struct provider_usage *u = &d->usage;
    if (json_is_integer(input)) {
        u->cached_tokens = json_integer_value(read);
        u->written_tokens = json_integer_value(written);
        u->input_tokens = json_integer_value(input) + u->cached_tokens + u->written_tokens;
    }
    if (json_is_integer(output))
        u->output_tokens = json_integer_value(output);
    if (json_is_integer(input) || json_is_integer(output))
        answer_usage(d->a, u);
}

static int failure(struct decoder *d, const json_t *root, struct error *e)
{
    return provider_error_object(provider_of(d), 0, json_object_get(root, "error"), e);
}

static int event_decoded(void *decoder, const char *type, json_t *root, struct error *e)
{
    struct decoder *d = decoder;
    struct block *b;
    if (strcmp(type, "message_start") == 0) {
        const json_t *message = json_object_get(root, "message");
        answer_model(d->a, item_text(message, "model"));
        usage(d, json_object_get(message, "usage"));
    } else if (strcmp(type, "content_block_start") == 0) {
        json_int_t index = json_integer_value(json_object_get(root, "index"));
        return block_start(d, (size_t)index, json_object_get(root, "content_block"), e);
    } else if (strcmp(type, "content_block_delta") == 0) {
        b = block_at(d, root);
        return b != NULL ? block_delta(d, b, json_object_get(root, "delta")) : 0;
    } else if (strcmp(type, "content_block_stop") == 0) {
        b = block_at(d, root);
        return b != NULL ? block_stop(d, b) : 0;
    } else if (strcmp(type, "message_delta") == 0) {
        const char *reason =
            json_string_value(json_object_get(json_object_get(root, "delta"), "stop_reason"));
        usage(d, json_object_get(root, "usage"));
        if (reason != NULL)
            finish(d, reason);
    } else if (strcmp(type, "message_stop") == 0) {
        d->stopped = true;
        return 1;
    } else if (strcmp(type, "error") == 0) {
        return failure(d, root, e);
    }
    return 0; /* ping, and what may come */
}

static int event(void *decoder, const char *name, const char *data, size_t n, struct error *e)
{
    struct decoder *d = decoder;
    return provider_event_object(provider_of(d), name, data, n, event_decoded, d, e);
}

static int whole(void *decoder, json_t *root, struct error *e)
{
    struct decoder *d = decoder;
    json_t *content = json_object_get(root, "content"), *value;
    if (item_is(root, "error"))
        return failure(d, root, e);
    if (!json_is_array(content))
        return provider_malformed(provider_of(d), "an answer without content", e);
    answer_model(d->a, item_text(root, "model"));
    size_t i;
    json_array_foreach (content, i, value) {
        int r = block_start(d, i, value, e);
        if (r == 0)
            r = block_stop(d, &d->blocks[i]);
        if (r < 0)
            return r;
    }
    usage(d, json_object_get(root, "usage"));
    finish(d, item_text(root, "stop_reason"));
    return 0;
}

static int end(void *decoder, struct error *e)
{
    struct decoder *d = decoder;
    if (d->stopped)
        return 0;
    return provider_cut_short(provider_of(d), e);
}

const struct provider_adapter anthropic_adapter = {
    .name = "anthropic",
    .models_path = "/v1/models?limit=1000",
    .header = "anthropic-version: 2023-06-01",
    .encode = anthropic_encode,
    .decoder_new = decoder_new,
    .decoder_free = decoder_free,
    .event = event,
    .whole = whole,
    .end = end,
};
