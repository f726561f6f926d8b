/* turn.c - one answer of the model, told while it comes.
 *
 * Text, reasoning and calls become items in the order in which they begin. A message or a piece of
 * reasoning is complete when something else begins; calls stay open until calls.c has run them. A model
 * without calls writes a fenced block instead: at its end the answer is cut off, since what such models
 * write next is what they imagine the result to be. */
#include <errno.h>
#include <string.h>

#include "agent/loop.h"
#include "provider/estimate.h"

enum { TEXT_MAX = 64 << 20, CALLS_MAX = 128 };

static int fail(struct turn *t, int r)
{
    if (r < 0 && t->failed == 0)
        t->failed = r;
    return r;
}

/* ---- messages and reasoning -------------------------------------------------------------------------- */

static int close_message(struct turn *t, bool whole, bool final)
{
    if (!t->message_open)
        return 0;
    t->message_open = false;
    json_t *annotations = files_annotations(t->loop, &t->text, final);
    int r = annotations ? event_message_completed(
                              t->loop, &t->message, &t->text, &t->refusal, whole, annotations)
                        : loop_no_memory(t->loop);
    json_decref(annotations);
    strbuf_clear(&t->text);
    strbuf_clear(&t->refusal);
    return fail(t, r);
}

static int close_reasoning(struct turn *t)
{
    if (!t->reasoning_open)
        return 0;
    t->reasoning_open = false;
    int r = event_reasoning_completed(t->loop, &t->reasoning, &t->reasoned);
    strbuf_clear(&t->reasoned);
    return fail(t, r);
}

static int open_message(struct turn *t)
{
    int r = close_reasoning(t);
    if (r < 0 || t->message_open)
        return r;
    t->message_open = true;
    return fail(t, event_item_started(t->loop, ITEM_MESSAGE, &t->message, NULL));
}

static int message_text(
    struct turn *t, const char *type, struct strbuf *to, const char *text, size_t n)
{
    int r = n ? open_message(t) : 0;
    if (r == 0 && n && strbuf_append(to, text, n) < 0)
        r = fail(t, loop_no_memory(t->loop));
    return r < 0 || !n ? r : fail(t, event_delta(t->loop, type, &t->message, text, n));
}

static int reasoning_text(struct turn *t, const char *text, size_t n)
{
    if (!n)
        return 0;
    int r = close_message(t, true, false);
    if (r == 0 && !t->reasoning_open) {
        t->reasoning_open = true;
        r = fail(t, event_item_started(t->loop, ITEM_REASONING, &t->reasoning, NULL));
    }
    if (r == 0 && strbuf_append(&t->reasoned, text, n) < 0)
        r = fail(t, loop_no_memory(t->loop));
    return r < 0 ? r : fail(t, event_delta(t->loop, "reasoning.delta", &t->reasoning, text, n));
}

/* ---- calls ----------------------------------------------------------------------------------------------- */

static bool is_client_function(const struct loop *l, const char *name)
{
    size_t i;
    const json_t *tool;
    json_array_foreach (l->plan->functions, i, tool) {
        const char *other = json_string_value(json_object_get(tool, "name"));
        if (other && strcmp(other, name) == 0)
            return true;
    }
    return false;
}

static bool is_python(const char *name)
{
    return strcmp(name, "python") == 0 || strcmp(name, "code_interpreter") == 0;
}

/* Code of this answer that will be run. */
static int64_t to_be_run(const struct turn *t)
{
    int64_t n = 0;
    for (size_t i = 0; i < t->calls; i++)
        n += t->call[i].kind == CALL_PYTHON;
    return n;
}

static enum call_kind kind_of(const struct turn *t, const char *name)
{
    const struct loop *l = t->loop;
    if (is_client_function(l, name))
        return CALL_FUNCTION;
    if (!l->plan->interpreter || !is_python(name))
        return CALL_UNKNOWN;
    int64_t most = l->plan->max_tool_calls;
    return !t->python || (most && l->executions + to_be_run(t) >= most) ? CALL_IGNORED
                                                                        : CALL_PYTHON;
}

static int start_item(struct turn *t, struct call *c)
{
    if (c->kind == CALL_PYTHON && !loop_session(t->loop))
        return fail(t, -EIO);
    if (c->kind == CALL_PYTHON)
        return fail(t, event_item_started(t->loop, ITEM_CODE, &c->item, c));
    if (c->kind == CALL_FUNCTION)
        return fail(t, event_item_started(t->loop, ITEM_FUNCTION, &c->item, c));
    return 0;
}

static int call_begin(struct turn *t, const char *call_id, const char *name)
{
    int r = close_message(t, true, false);
    if (r == 0)
        r = close_reasoning(t);
    if (r < 0)
        return r;
    struct call *more =
        t->calls < CALLS_MAX ? realloc(t->call, (t->calls + 1) * sizeof *more) : NULL;
    if (!more)
        return fail(t, loop_no_memory(t->loop));
    t->call = more;
    struct call *c = &t->call[t->calls];
    *c = (struct call){.kind = kind_of(t, name),
        .call_id = strdup(call_id),
        .name = strdup(name),
        .arguments = STRBUF_INIT(TEXT_MAX)};
    code_argument_init(&c->code, CODE_BYTES_MAX);
    t->calls++;
    if (!c->call_id || !c->name)
        return fail(t, loop_no_memory(t->loop));
    return start_item(t, c);
}

/* Code that is known by now and was not told yet. Pieces are cut between characters, so is this. */
static int tell_code(struct turn *t, struct call *c)
{
    const struct strbuf *code = &c->code.code;
    size_t from = c->told;
    if (code->length == from)
        return 0;
    c->told = code->length;
    return fail(
        t, event_delta(t->loop, "code.delta", &c->item, code->data + from, code->length - from));
}

static int call_arguments(struct turn *t, struct call *c, const char *text, size_t n)
{
    if (c->kind == CALL_PYTHON && c->fenced) {
        strbuf_append(&c->code.code, text, n);
        return tell_code(t, c);
    }
    if (c->kind == CALL_PYTHON) {
        code_argument_feed(&c->code, text, n); /* too long: its end says so */
        return tell_code(t, c);
    }
    if (c->kind != CALL_FUNCTION || n == 0)
        return 0;
    if (strbuf_append(&c->arguments, text, n) < 0)
        return fail(t, loop_no_memory(t->loop));
    return fail(t, event_delta(t->loop, "arguments.delta", &c->item, text, n));
}

static int call_end(struct turn *t, struct call *c)
{
    if (c->ended)
        return 0;
    c->ended = true;
    if (c->kind == CALL_FUNCTION) {
        if (c->arguments.length == 0)
            strbuf_puts(&c->arguments, "{}");
        c->completed = true;
        return fail(t, event_function_completed(t->loop, &c->item, &c->arguments));
    }
    if (c->kind != CALL_PYTHON)
        return 0;
    c->end = c->fenced && !c->code.code.failed ? CODE_WHOLE : code_argument_finish(&c->code);
    int r = tell_code(t, c);
    return r < 0 ? r : fail(t, event_code_completed(t->loop, &c->item, &c->code.code));
}

/* ---- fenced blocks ------------------------------------------------------------------------------------- */

static int on_fence(void *context, enum fence_part part, const char *text, size_t n)
{
    struct turn *t = context;
    char id[ID_SIZE];
    switch (part) {
    case FENCE_TEXT: return message_text(t, "text.delta", &t->text, text, n);
    case FENCE_OPEN:
        id_new(id, "call_", 24);
        int r = call_begin(t, id, "python");
        if (r == 0)
            t->call[t->calls - 1].fenced = true;
        return r;
    case FENCE_CODE: return call_arguments(t, &t->call[t->calls - 1], text, n);
    case FENCE_CLOSE: return call_end(t, &t->call[t->calls - 1]);
    }
    return 0;
}

static int answer_text(struct turn *t, const char *text, size_t n)
{
    if (!t->cut_text)
        return message_text(t, "text.delta", &t->text, text, n);
    if (strbuf_append(&t->whole, text, n) < 0)
        return fail(t, loop_no_memory(t->loop));
    return fence_feed(&t->fence, text, n, on_fence, t);
}

/* ---- the answer -------------------------------------------------------------------------------------------- */

static int on_piece(void *context, const struct provider_piece *p)
{
    struct turn *t = context;
    struct call *c = p->call < t->calls ? &t->call[p->call] : NULL;
    int r = 0;
    switch (p->kind) {
    case PIECE_TEXT: r = answer_text(t, p->text, p->length); break;
    case PIECE_REFUSAL:
        r = message_text(t, "refusal.delta", &t->refusal, p->text, p->length);
        break;
    case PIECE_REASONING: r = reasoning_text(t, p->text, p->length); break;
    case PIECE_CALL:
        if (p->call == t->calls)
            r = call_begin(t, p->call_id, p->name);
        break;
    case PIECE_CALL_ARGUMENTS:
        if (c)
            r = call_arguments(t, c, p->text, p->length);
        break;
    case PIECE_CALL_END:
        if (c)
            r = call_end(t, c);
        break;
    }
    return r < 0 || fence_closed(&t->fence);
}

/* The answer's own items, in the transcript. */
static int say_answer(struct turn *t, const struct provider_answer *answer)
{
    size_t i;
    json_t *item;
    json_array_foreach (answer->items, i, item)
        if (loop_say(t->loop, json_incref(item)) < 0)
            return loop_no_memory(t->loop);
    return 0;
}

/* The answer was cut at its block's end: what it was until then is what was said. */
static int say_cut_answer(struct turn *t)
{
    size_t n = t->fence.taken < t->whole.length ? t->fence.taken : t->whole.length;
    json_t *item = json_pack("{ss ss s[{ss ss%}]}", "type", "message", "role", "assistant",
        "content", "type", "text", "text", strbuf_text(&t->whole), n);
    return loop_say(t->loop, item) < 0 ? loop_no_memory(t->loop) : 0;
}

/* No more comes of a call whose end was not said: it was cut. */
static int end_calls(struct turn *t)
{
    int r = 0;
    for (size_t i = 0; i < t->calls && r == 0; i++)
        r = call_end(t, &t->call[i]);
    return r;
}

static int finish(struct turn *t, const struct provider_answer *answer)
{
    bool cut = fence_closed(&t->fence); /* by its end: it came whole, or ends with the block */
    t->finish = cut ? FINISH_CALLS : answer->finish;
    t->usage = answer->usage;
    int r = 0;
    if (t->cut_text)
        r = fence_finish(&t->fence, on_fence, t);
    if (r == 0)
        r = end_calls(t);
    if (r == 0)
        r = close_reasoning(t);
    if (r == 0)
        r = close_message(t, t->finish != FINISH_LENGTH, t->calls == 0);
    return r < 0 ? r : cut ? say_cut_answer(t) : say_answer(t, answer);
}

static int finish_cut(struct turn *t, const struct provider_request *q)
{
    t->finish = FINISH_CALLS;
    t->usage = (struct provider_usage){
        /* nobody will say what it took */
        .input_tokens = estimate_request(q),
        .output_tokens = provider_estimate_tokens(strbuf_text(&t->whole), t->whole.length),
    };
    int r = close_reasoning(t);
    if (r == 0)
        r = close_message(t, true, false);
    return r < 0 ? r : say_cut_answer(t);
}

int turn_run(struct turn *t, struct provider_request *q)
{
    struct loop *l = t->loop;
    struct provider_answer answer = {0};
    t->text = t->refusal = t->reasoned = t->whole = STRBUF_INIT(TEXT_MAX);
    fence_init(&t->fence);
    q->sink = on_piece;
    q->context = t;
    int r = provider_chat(q, &answer, &l->error);
    if (t->failed < 0)
        r = t->failed; /* loop->error is ours */
    else if (r == -ECANCELED && fence_closed(&t->fence))
        r = finish_cut(t, q);
    else if (r == 0)
        r = finish(t, &answer);
    if (r < 0) { /* what was begun is complete as far as it came */
        struct error why = l->error;
        t->failed = 0;
        close_reasoning(t);
        close_message(t, false, false);
        l->error = why;
    }
    if (answer.items)
        provider_answer_deinit(&answer);
    return r;
}

void turn_deinit(struct turn *t)
{
    for (size_t i = 0; i < t->calls; i++) {
        free(t->call[i].call_id);
        free(t->call[i].name);
        code_argument_deinit(&t->call[i].code);
        strbuf_deinit(&t->call[i].arguments);
    }
    free(t->call);
    strbuf_deinit(&t->text);
    strbuf_deinit(&t->refusal);
    strbuf_deinit(&t->reasoned);
    strbuf_deinit(&t->whole);
    fence_deinit(&t->fence);
}
