#include "answer.h"

#include <errno.h>

#include "base/fd.h"
#include "base/ids.h"
#include "provider/estimate.h"

void answer_init(struct answer *a, const struct provider_request *q)
{
    *a = (struct answer){.q = q,
        .items = json_array(),
        .text = STRBUF_INIT(ANSWER_BYTES_MAX),
        .refusal = STRBUF_INIT(ANSWER_BYTES_MAX),
        .reasoning = STRBUF_INIT(ANSWER_BYTES_MAX)};
}

static void calls_free(struct answer *a)
{
    for (unsigned i = 0; i < a->n_calls; i++) {
        free(a->calls[i].call_id);
        free(a->calls[i].name);
        strbuf_deinit(&a->calls[i].arguments);
        json_decref(a->calls[i].extra);
    }
    free(a->calls);
    a->calls = NULL;
    a->n_calls = 0;
}

void answer_deinit(struct answer *a)
{
    calls_free(a);
    json_decref(a->items);
    strbuf_deinit(&a->text);
    strbuf_deinit(&a->refusal);
    strbuf_deinit(&a->reasoning);
}

void answer_reset(struct answer *a)
{
    const struct provider_request *q = a->q;
    bool given = a->given;
    answer_deinit(a);
    answer_init(a, q);
    a->given = given;
}

/* Accounts for n more bytes of upstream's. */
static int charge(struct answer *a, size_t n)
{
    a->bytes += n;
    return a->items == NULL ? -ENOMEM : a->bytes > ANSWER_BYTES_MAX ? -E2BIG : 0;
}

static int tell(struct answer *a, const struct provider_piece *piece)
{
    if (a->q->sink == NULL)
        return 0;
    a->given = true;
    return a->q->sink(a->q->context, piece) != 0 ? -ECANCELED : 0;
}

static int tell_text(struct answer *a, enum provider_piece_kind kind, const char *text, size_t n)
{
    return tell(a, &(struct provider_piece){.kind = kind, .text = text, .length = n});
}

static json_t *item_new(struct answer *a, json_t *item)
{
    if (item == NULL || json_array_size(a->items) >= ANSWER_ITEMS_MAX) {
        json_decref(item);
        return NULL;
    }
    return json_array_append_new(a->items, item) == 0 ? item : NULL;
}

static int message_open(struct answer *a)
{
    if (a->message == NULL)
        a->message = item_new(
            a, json_pack("{s:s, s:s, s:[]}", "type", "message", "role", "assistant", "content"));
    return a->message != NULL ? 0 : -E2BIG;
}

static int message_text(
    struct answer *a, struct strbuf *to, enum provider_piece_kind kind, const char *text, size_t n)
{
    int r = n > 0 ? charge(a, n) : 0;
    if (n == 0 || r < 0)
        return r;
    if ((r = message_open(a)) == 0 && (r = strbuf_append(to, text, n)) == 0)
        r = tell_text(a, kind, text, n);
    return r;
}

int answer_text(struct answer *a, const char *text, size_t n)
{
    return message_text(a, &a->text, PIECE_TEXT, text, n);
}

int answer_refusal(struct answer *a, const char *text, size_t n)
{
    return message_text(a, &a->refusal, PIECE_REFUSAL, text, n);
}

static int part_add(json_t *message, const char *type, struct strbuf *text)
{
    if (text->length == 0)
        return 0;
    json_t *part = json_pack("{s:s, s:s%}", "type", type, "text", text->data, text->length);
    strbuf_clear(text);
    return part == NULL || json_array_append_new(json_object_get(message, "content"), part) < 0
               ? -ENOMEM
               : 0;
}

int answer_message_end(struct answer *a)
{
    json_t *message = a->message;
    if (message == NULL)
        return 0;
    a->message = NULL;
    int r = part_add(message, "text", &a->text);
    return r == 0 ? part_add(message, "refusal", &a->refusal) : r;
}

int answer_reasoning(struct answer *a, const char *text, size_t n)
{
    int r = n > 0 ? charge(a, n) : 0;
    if (n == 0 || r < 0)
        return r;
    r = strbuf_append(&a->reasoning, text, n);
    return r == 0 ? tell_text(a, PIECE_REASONING, text, n) : r;
}

int answer_item(struct answer *a, json_t *item)
{
    int r = answer_message_end(a);
    if (r < 0) {
        json_decref(item);
        return r;
    }
    return item_new(a, item) != NULL ? 0 : -E2BIG;
}

/* ---- calls ----------------------------------------------------------------------------------------- */

static struct answer_call *call_add(struct answer *a, const char *call_id, const char *name)
{
    struct answer_call *more = reallocarray(a->calls, (size_t)a->n_calls + 1, sizeof(*a->calls));
    if (more == NULL)
        return NULL;
    a->calls = more;
    struct answer_call *c = &a->calls[a->n_calls++];
    char made[ID_SIZE];
    if (call_id == NULL || call_id[0] == '\0') {
        id_new(made, "call_", 24);
        call_id = made;
    }
    *c = (struct answer_call){.call_id = strdup(call_id),
        .name = strdup(name),
        .arguments = STRBUF_INIT(ANSWER_BYTES_MAX)};
    c->item = item_new(a, json_pack("{s:s}", "type", "tool_call"));
    return c->call_id != NULL && c->name != NULL && c->item != NULL ? c : NULL;
}

int answer_call(struct answer *a, const char *call_id, const char *name, unsigned *ret)
{
    int r = answer_message_end(a);
    if (r == 0)
        r = charge(a, (call_id != NULL ? strlen(call_id) : 0) + strlen(name));
    if (r < 0)
        return r;
    if (a->n_calls >= ANSWER_CALLS_MAX)
        return -E2BIG;
    struct answer_call *c = call_add(a, call_id, name);
    if (c == NULL)
        return -ENOMEM;
    *ret = a->n_calls - 1;
    return tell(a, &(struct provider_piece){
                       .kind = PIECE_CALL, .call = *ret, .call_id = c->call_id, .name = c->name});
}

int answer_call_arguments(struct answer *a, unsigned call, const char *text, size_t n)
{
    if (call >= a->n_calls || a->calls[call].ended)
        return -EPROTO;
    int r = n > 0 ? charge(a, n) : 0;
    if (n == 0 || r < 0)
        return r;
    r = strbuf_append(&a->calls[call].arguments, text, n);
    return r < 0 ? r
                 : tell(a,
                       &(struct provider_piece){
                           .kind = PIECE_CALL_ARGUMENTS, .call = call, .text = text, .length = n});
}

int answer_call_end(struct answer *a, unsigned call, json_t *extra)
{
    if (call >= a->n_calls || a->calls[call].ended) {
        json_decref(extra);
        return call >= a->n_calls ? -EPROTO : 0;
    }
    int r = a->calls[call].arguments.length == 0 ? answer_call_arguments(a, call, "{}", 2) : 0;
    struct answer_call *c = &a->calls[call];
    c->ended = true;
    bool more = json_object_size(extra) > 0;
    json_t *filled = json_pack("{s:s, s:s, s:s%}", "call_id", c->call_id, "name", c->name,
        "arguments", strbuf_text(&c->arguments), c->arguments.length);
    if (filled == NULL || json_object_update(c->item, filled) < 0 ||
        (more && json_object_set(c->item, "extra", extra) < 0))
        r = -ENOMEM;
    json_decref(filled);
    json_decref(extra);
    return r < 0 ? r : tell(a, &(struct provider_piece){.kind = PIECE_CALL_END, .call = call});
}

/* ---- the end ----------------------------------------------------------------------------------------- */

void answer_finish(struct answer *a, enum provider_finish finish)
{
    a->finish = finish;
    a->finished = true;
}

static void count(int64_t *to, int64_t value)
{
    if (value >= 0 && value < INT64_C(1) << 40)
        *to = value;
}

void answer_usage(struct answer *a, const struct provider_usage *said)
{
    count(&a->usage.input_tokens, said->input_tokens);
    count(&a->usage.cached_tokens, said->cached_tokens);
    count(&a->usage.written_tokens, said->written_tokens);
    count(&a->usage.output_tokens, said->output_tokens);
    count(&a->usage.reasoning_tokens, said->reasoning_tokens);
    a->usage.known = true;
}

void answer_model(struct answer *a, const char *model)
{
    snprintf(a->model, sizeof(a->model), "%s", model);
}

int answer_take(struct answer *a, struct provider_answer *ret)
{
    int r = answer_message_end(a);
    for (unsigned i = 0; i < a->n_calls && r == 0; i++)
        r = answer_call_end(a, i, NULL);
    if (r < 0)
        return r;
    if (!a->usage.known) {
        a->usage = (struct provider_usage){.input_tokens = estimate_request(a->q),
            .output_tokens =
                estimate_items(a->items) +
                provider_estimate_tokens(strbuf_text(&a->reasoning), a->reasoning.length)};
    }
    enum provider_finish finish = a->finish;
    if (a->n_calls > 0 && finish == FINISH_STOP)
        finish = FINISH_CALLS;
    if (a->n_calls == 0 && finish == FINISH_CALLS)
        finish = FINISH_STOP;
    *ret =
        (struct provider_answer){.items = take_ptr(a->items), .finish = finish, .usage = a->usage};
    snprintf(ret->model, sizeof(ret->model), "%s", a->model);
    return 0;
}

void provider_answer_deinit(struct provider_answer *a)
{
    json_decref(a->items);
    *a = (struct provider_answer){0};
}
