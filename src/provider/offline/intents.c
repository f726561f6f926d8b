/* intents.c - the table of what the analyst understands, and the choice of a row for a turn.
 *
 * Rules are tried from top to bottom on the turn's own text. A follow-up ("now as a pie chart", "and the first
 * 20?") is tried together with the turn it follows: rules take what is said last. Where a file is at hand,
 * a question is about it, unless the row says that it cannot be. */
#include <string.h>

#include "provider/offline/offline.h"

/* clang-format off */
const struct offline_intent offline_intents[] = {
    /* name              rule                       followed  aside */
    {"own code",         offline_own_code,          false,    true},
    {"pasted data",      offline_pasted_data,       false,    true},
    {"hello",            offline_hello,             false,    true},
    {"thanks",           offline_thanks,            false,    true},
    {"gallery",          offline_gallery,           false,    true},
    {"interest",         offline_interest,          true,     true},
    {"percent",          offline_percent,           true,     true},
    {"units",            offline_units,             true,     true},
    {"dates",            offline_dates,             true,     true},
    {"now",              offline_now,               false,    true},
    {"fibonacci",        offline_fibonacci,         true,     true},
    {"primes",           offline_primes,            true,     true},
    {"factors",          offline_factors,           true,     true},
    {"pi",               offline_pi,                true,     true},
    {"calculus",         offline_calculus,          true,     true},
    {"equation",         offline_equation,          true,     true},
    {"plot",             offline_plot,              true,     true},
    {"statistics",       offline_statistics,        true,     true},
    {"sort",             offline_sort,              true,     true},
    {"random",           offline_random,            true,     true},
    {"words",            offline_words,             false,    true},
    {"arithmetic",       offline_arithmetic,        false,    true},
    {"sample",           offline_sample,            true,     false},
    {"elsewhere",        offline_elsewhere,         false,    false},
    {"chart",            offline_chart,             true,     false},
    {"arithmetic inside", offline_arithmetic_inside, false,   false},
    {"list",             offline_list,              false,    false},
    {"folder",           offline_folder,            false,    false},
    {"unknown",          offline_unknown,           false,    false},
    {0},
};
/* clang-format on */

struct offline_step *offline_step(struct offline_plan *p, enum offline_kind kind, const char *says)
{
    if (p->n == OFFLINE_STEPS_MAX)
        return NULL;
    struct offline_step *s = &p->steps[p->n++];
    *s = (struct offline_step){
        .kind = kind, .says = STRBUF_INIT(OFFLINE_CODE_MAX), .code = STRBUF_INIT(OFFLINE_CODE_MAX)};
    strbuf_puts(&s->says, says);
    return s;
}

void offline_plan_deinit(struct offline_plan *p)
{
    for (size_t i = 0; i < p->n; i++) {
        strbuf_deinit(&p->steps[i].says);
        strbuf_deinit(&p->steps[i].code);
    }
    *p = (struct offline_plan){0};
}

static bool try_row(
    const struct offline_intent *row, const struct offline_turn *turn, struct offline_plan *plan)
{
    *plan = (struct offline_plan){.intent = row->name};
    if (row->rule(turn, plan) && plan->n > 0)
        return true;
    offline_plan_deinit(plan);
    return false;
}

/* ---- follow-ups ------------------------------------------------------------------------------------- */

static bool follows(const struct offline_turn *turn)
{
    static const char starts[] =
        "and|now|also|then|same|the same|instead|what about|how about|but|as|make|only|"
        "just|again|with|plot|show|draw|use|change|in";
    size_t length;
    const char *low = turn->text.low, *at = offline_find(low, starts, &length);
    return turn->before != NULL && turn->text.length < 160 &&
           ((at == low) || offline_has(low, "instead|too|as well|again|that|it|them"));
}

/* The turn before with this one behind it. A copy of which only the text differs; NULL without memory. */
static struct offline_turn *joined(
    const struct offline_turn *earlier, const struct offline_turn *turn)
{
    struct offline_turn *t = malloc(sizeof(*t));
    cleanup_strbuf struct strbuf both = STRBUF_INIT(2 * OFFLINE_TEXT_MAX + 8);
    strbuf_printf(&both, "%s. %s", earlier->text.clean, turn->text.clean);
    if (t == NULL)
        return NULL;
    *t = *turn;
    offline_text_init(&t->text, strbuf_text(&both), both.length);
    t->before = earlier->before;
    return t;
}

static const struct offline_intent *row_of(
    const struct offline_turn *turn, struct offline_plan *plan);

/* What an earlier turn asked for, with this one's changes. */
static const struct offline_intent *follow_up(
    const struct offline_turn *turn, struct offline_plan *plan)
{
    const struct offline_turn *earlier = turn->before;
    for (unsigned back = 0; earlier != NULL && back < OFFLINE_EARLIER_MAX; back++) {
        struct offline_plan was = {0};
        const struct offline_intent *row = row_of(earlier, &was);
        offline_plan_deinit(&was);
        if (row != NULL && row->followed) {
            struct offline_turn *both = joined(earlier, turn);
            bool found = both != NULL && try_row(row, both, plan);
            free(both);
            return found ? row : NULL;
        }
        if (row == NULL || !follows(earlier)) /* it was about a file, or about nothing */
            return NULL;
        earlier = earlier->before;
    }
    return NULL;
}

/* The row that a turn belongs to and its plan; NULL when it is about a file. */
static const struct offline_intent *row_of(
    const struct offline_turn *turn, struct offline_plan *plan)
{
    static const char invented[] = "sample|example|random|dummy|fake|made-up|made up|invented";
    bool file = turn->n_known > 0, sample = offline_has(turn->text.low, invented);
    const struct offline_intent *found = NULL;
    for (const struct offline_intent *row = offline_intents; row->name != NULL; row++)
        if ((row->aside || !file || sample) && try_row(row, turn, plan)) {
            found = row;
            break;
        }
    if (found != NULL && (plan->named || !follows(turn)))
        return found;
    if (follows(turn)) {
        struct offline_plan together;
        const struct offline_intent *row = follow_up(turn, &together);
        if (row != NULL) {
            offline_plan_deinit(plan);
            *plan = together;
            return row;
        }
    }
    return found;
}

void offline_plan(const struct offline_turn *turn, struct offline_plan *ret)
{
    *ret = (struct offline_plan){0};
    if (turn->n_files > 0 && turn->text.length == 0 && strstr(turn->raw, "```") == NULL) {
        ret->intent = "files";
        offline_about_files(turn, ret);
        return;
    }
    if (row_of(turn, ret) != NULL)
        return;
    ret->intent = "files";
    if (!offline_about_files(turn, ret))
        offline_unknown(turn, ret);
}
