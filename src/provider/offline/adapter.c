/* adapter.c - the analyst as a provider: one call in, a sentence and a program out, or the answer.
 *
 * Nothing is kept between calls. Each derives from the transcript which cells the last message asks for and
 * which have been run; the next one is written, or, when all have, their results are worded. */
#include <errno.h>
#include <string.h>

#include "provider/internal.h"
#include "provider/items.h"
#include "provider/offline/offline.h"

enum { PIECE_BYTES = 48, TEXT_MAX = 1 << 20 };

/* ---- streaming ---------------------------------------------------------------------------------------- */

static bool cancelled(const struct provider_request *q)
{
    return q->cancel != NULL && atomic_load_explicit(q->cancel, memory_order_relaxed);
}

/* The length of the next piece: to a blank near PIECE_BYTES, never within a character. */
static size_t piece(const char *text, size_t n)
{
    size_t length = n < PIECE_BYTES ? n : PIECE_BYTES;
    while (length < n && text[length - 1] != ' ' && text[length - 1] != '\n' &&
           length < 4 * PIECE_BYTES)
        length++;
    while (length < n && ((unsigned char)text[length] & 0xc0) == 0x80)
        length++;
    return length;
}

/* Text as a model would give it, cut off where the caller's limit of tokens is. 1: cut. */
static int tell(struct answer *a, const char *text, size_t n)
{
    int64_t most = a->q->max_output_tokens;
    for (size_t at = 0, length; at < n; at += length) {
        length = piece(text + at, n - at);
        if (cancelled(a->q))
            return -ECANCELED;
        if (most > 0 && provider_estimate_tokens(text, at + length) > most)
            return 1;
        int r = answer_text(a, text + at, length);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The call of the python tool, its arguments line by line. */
static int call(struct answer *a, const struct strbuf *code)
{
    unsigned number;
    json_t *arguments = json_pack("{s:s%}", "code", strbuf_text(code), code->length);
    char *text = arguments != NULL ? json_dumps(arguments, JSON_COMPACT) : NULL;
    json_decref(arguments);
    int r = text != NULL ? answer_call(a, NULL, "python", &number) : -ENOMEM;
    for (const char *at = text; r == 0 && *at != 0;) {
        const char *line = strstr(at, "\\n");
        size_t length = line != NULL ? (size_t)(line + 2 - at) : strlen(at);
        r = cancelled(a->q) ? -ECANCELED : answer_call_arguments(a, number, at, length);
        at += length;
    }
    free(text);
    if (r == 0)
        r = answer_call_end(a, number, NULL);
    answer_finish(a, FINISH_CALLS);
    return r;
}

/* ---- what is asked of this call -------------------------------------------------------------------------- */

/* May code be run now? */
static bool may_run(const struct provider_request *q)
{
    size_t i;
    const json_t *tool;
    if (json_is_string(q->tool_choice) && strcmp(json_string_value(q->tool_choice), "none") == 0)
        return false;
    if (json_is_object(q->tool_choice) && strcmp(item_text(q->tool_choice, "name"), "python") != 0)
        return false;
    json_array_foreach (q->tools, i, tool)
        if (strcmp(item_text(tool, "name"), "python") == 0)
            return true;
    return false;
}

static bool must_run(const struct provider_request *q)
{
    return json_is_object(q->tool_choice) ||
           (json_is_string(q->tool_choice) &&
               strcmp(json_string_value(q->tool_choice), "required") == 0);
}

static bool ended_badly(const json_t *result)
{
    return json_is_true(json_object_get(result, "is_error"));
}

/* Code that a result offers becomes a step of its own, behind the step that asked for it. */
static void take_offers(struct offline_plan *plan, const json_t *results)
{
    size_t n = json_array_size(results);
    for (size_t i = 0; i < n && i < plan->n; i++) {
        cleanup_strbuf struct strbuf says = STRBUF_INIT(OFFLINE_CODE_MAX),
                                     code = STRBUF_INIT(OFFLINE_CODE_MAX);
        if (plan->steps[i].kind != OFFLINE_PLAN || ended_badly(json_array_get(results, i)) ||
            !offline_offered(item_text(json_array_get(results, i), "text"), &says, &code))
            continue;
        bool profile = strstr(code.data, "profile(") != NULL;
        struct offline_step *s =
            offline_step(plan, profile ? OFFLINE_PROFILE : OFFLINE_RUN, strbuf_text(&says));
        if (s == NULL)
            return;
        strbuf_append(&s->code, code.data, code.length);
        struct offline_step made = *s;
        memmove(&plan->steps[i + 2], &plan->steps[i + 1], (plan->n - i - 2) * sizeof(made));
        plan->steps[i + 1] = made;
    }
}

/* The final words, signed; as JSON where the caller wants JSON. */
static int conclude(struct answer *a, const struct strbuf *text, bool json)
{
    cleanup_strbuf struct strbuf whole = STRBUF_INIT(TEXT_MAX);
    size_t n = text->length;
    while (n > 0 && text->data[n - 1] == '\n')
        n--;
    strbuf_append(&whole, strbuf_text(text), n);
    strbuf_printf(&whole, "\n\n%s", offline_signature);
    if (whole.failed)
        return -E2BIG;
    if (json) {
        json_t *object = json_pack("{s:s%}", "answer", whole.data, whole.length);
        char *dumped = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
        json_decref(object);
        strbuf_clear(&whole);
        if (dumped == NULL || strbuf_puts(&whole, dumped) < 0) {
            free(dumped);
            return -ENOMEM;
        }
        free(dumped);
    }
    int r = tell(a, whole.data, whole.length);
    answer_finish(a, r == 1 ? FINISH_LENGTH : FINISH_STOP);
    return r < 0 ? r : 0;
}

static int respond(struct answer *a, struct offline_plan *plan, const json_t *results, bool json)
{
    size_t done = json_array_size(results);
    cleanup_strbuf struct strbuf text = STRBUF_INIT(TEXT_MAX);
    bool reply = plan->n > 0 && plan->steps[0].kind == OFFLINE_REPLY;
    bool stopped = done > 0 && ended_badly(json_array_get(results, done - 1));
    if (!reply && done < plan->n && !stopped && may_run(a->q)) {
        const struct offline_step *s = &plan->steps[done];
        int r = json || s->says.length == 0 ? 0 : tell(a, s->says.data, s->says.length);
        return r < 0 ? r : call(a, &s->code);
    }
    if (reply) {
        strbuf_append(&text, strbuf_text(&plan->steps[0].says), plan->steps[0].says.length);
    } else if (done == 0) {
        strbuf_puts(&text,
            "This takes code, and the code interpreter is switched off for this request. Switched on, it would run:\n");
        offline_answer(plan, results, &text);
    } else {
        if (stopped) /* what follows would build on what failed */
            while (plan->n > done)
                strbuf_deinit(&plan->steps[--plan->n].code),
                    strbuf_deinit(&plan->steps[plan->n].says);
        offline_answer(plan, results, &text);
    }
    return conclude(a, &text, json);
}

static int chat(const struct provider_request *q, struct answer *a, struct error *e)
{
    const char *format = item_text(q->text_format, "type");
    static const struct offline_turn nothing = {.raw = (char *)""}; /* nobody said anything */
    struct offline_conversation c;
    struct offline_plan plan = {0};
    answer_usage(a, &(struct provider_usage){0});
    answer_model(a, "offline");
    if (strcmp(format, "json_schema") == 0)
        return error_param(e, ERROR_UNSUPPORTED_PARAMETER, "text.format",
            "The offline analyst has no language model and cannot fill in a JSON schema: connect a model.");
    int r = offline_conversation_init(&c, q->transcript);
    if (r == 0) {
        offline_plan(c.n > 0 ? &c.turns[c.n - 1] : &nothing, &plan);
        if (plan.n > 0 && plan.steps[0].kind == OFFLINE_REPLY && must_run(q) && may_run(q)) {
            offline_plan_deinit(&plan); /* code was demanded, whatever the question */
            struct offline_step *s =
                offline_step(&plan, OFFLINE_RUN, "I list the files of the session.");
            if (s != NULL)
                OFFLINE_TEMPLATE(&s->code, "list_files");
        }
        take_offers(&plan, c.results);
        r = respond(a, &plan, c.results, strcmp(format, "json_object") == 0);
    }
    offline_plan_deinit(&plan);
    offline_conversation_deinit(&c);
    return r;
}

const struct provider_adapter offline_adapter = {.name = "offline", .chat = chat};
