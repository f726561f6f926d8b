/* arithmetic.c - "what is 2+2", and what can be counted in a text. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "provider/offline/offline.h"

/* What people say before and after an expression. */
static const char before[] =
    "what is|what's|whats|what are|how much is|how much are|calculate|compute|evaluate|work out|find|solve|tell me|give me|please|can|could|"
    "you|me|for|the|value of|result of|value|result|answer|to|i|need|want|would|like|know|do|does|is|so|and|now|then|of|hey|hi|hello|"
    "python|with|using|use|print|show|simplify|sum|expression";
static const char after[] =
    "please|for me|equal*|is|exactly|in python|using python|with python|thanks|thank you|be|give|approximately|come to|and|show|"
    "me|the|result|answer|with|code|step|by|steps|\xe2\x80\x99";

/* Past the words of `words` and what stands between them. */
static const char *past(const char *at, const char *words)
{
    for (;;) {
        size_t n;
        at += strspn(at, " ,:;?!\"'");
        if (*at == '`')
            at++;
        const char *found = offline_find(at, words, &n);
        if (found != at)
            return at;
        at += n;
    }
}

static bool write(struct offline_plan *plan, struct offline_expression *x)
{
    cleanup_strbuf struct strbuf quoted = STRBUF_INIT(OFFLINE_TEXT_MAX);
    char says[160];
    offline_quote(&quoted, strbuf_text(&x->written), x->written.length);
    snprintf(says, sizeof(says), x->written.length < 100 ? "I compute %s." : "I compute it.",
        strbuf_text(&x->written));
    struct offline_step *s = offline_step(plan, OFFLINE_RUN, says);
    if (s != NULL)
        OFFLINE_TEMPLATE(&s->code, "arithmetic", {"text", quoted.data}, {"result", x->python.data},
            {"big", x->big ? "" : NULL});
    return s != NULL;
}

bool offline_arithmetic(const struct offline_turn *turn, struct offline_plan *plan)
{
    struct offline_expression x;
    offline_expression_init(&x);
    const char *at = past(turn->text.low, before);
    size_t n = offline_expression(at, FLAVOUR_MATH, "", &x);
    const char *rest = past(at + n, after);
    rest += strspn(rest, " =.?!`");
    bool found = n > 0 && x.operated && *past(rest, after) == 0 && write(plan, &x);
    plan->named = found;
    offline_expression_deinit(&x);
    return found;
}

/* The longest expression anywhere in a sentence, if it is worth computing. */
bool offline_arithmetic_inside(const struct offline_turn *turn, struct offline_plan *plan)
{
    struct offline_expression x;
    const char *low = turn->text.low, *best = NULL;
    size_t length = 0;
    if (turn->text.length > 300)
        return false;
    offline_expression_init(&x);
    for (const char *at = low; *at != 0; at++) {
        if (!(isdigit((unsigned char)*at) || *at == '(' || isalpha((unsigned char)*at)) ||
            (at > low && (isalnum((unsigned char)at[-1]) || at[-1] == '.')))
            continue;
        size_t n = offline_expression(at, FLAVOUR_MATH, "", &x);
        if (n > length && x.operated && strpbrk(strbuf_text(&x.written), "0123456789") != NULL &&
            strlen(strbuf_text(&x.written)) > 2) {
            best = at;
            length = n;
        }
    }
    bool found =
        best != NULL && offline_expression(best, FLAVOUR_MATH, "", &x) > 0 && write(plan, &x);
    offline_expression_deinit(&x);
    return found;
}

bool offline_words(const struct offline_turn *turn, struct offline_plan *plan)
{
    const char *low = turn->text.low, *raw = turn->text.clean;
    size_t n;
    if (!offline_has(low, "count|how many|number of|word count") ||
        offline_find(low, "words|characters|letters|word count", &n) == NULL)
        return false;
    const char *from = strpbrk(raw, "\":"), *end = raw + turn->text.length;
    if (from == NULL)
        return false;
    const char *close = *from == '"' ? strchr(from + 1, '"') : NULL;
    from++;
    from += strspn(from, " ");
    cleanup_strbuf struct strbuf text = STRBUF_INIT(OFFLINE_CODE_MAX);
    offline_quote(&text, from, (size_t)((close != NULL ? close : end) - from));
    struct offline_step *s =
        text.length > 2 ? offline_step(plan, OFFLINE_RUN, "I count them.") : NULL;
    if (s != NULL)
        OFFLINE_TEMPLATE(&s->code, "count_words", {"text", text.data});
    plan->named = true;
    return s != NULL;
}
