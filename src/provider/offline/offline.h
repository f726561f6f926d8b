/* offline.h - what the files of the offline analyst share.
 *
 * It is an adapter (provider/internal.h) that asks no model: rules read the conversation, write Python,
 * and word what came of it. It runs in the server, in a run's thread, and keeps nothing between calls:
 * every call derives from the transcript where the conversation stands. It never runs code itself.
 * All text of the transcript is an attacker's: bounded, and put into Python only as literals or as
 * expressions that expression.c has parsed. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

enum {
    OFFLINE_TEXT_MAX = 8 << 10,   /* of a message, what rules look at */
    OFFLINE_CODE_MAX = 256 << 10, /* of one program */
    OFFLINE_FILES_MAX = 16,
    OFFLINE_STEPS_MAX = 16,  /* cells of one answer */
    OFFLINE_EARLIER_MAX = 8, /* turns that a follow-up may go back */
};

/* ---- text.c: words and numbers ------------------------------------------------------------------------- */

/* A message as rules read it: blanks collapsed, control characters gone. `low` has the same length, with
 * ASCII letters small. */
struct offline_text {
    char clean[OFFLINE_TEXT_MAX], low[OFFLINE_TEXT_MAX];
    size_t length;
};
void offline_text_init(struct offline_text *t, const char *raw, size_t n);
/* Where one of `words` ("plot*|bar chart|x") stands as a word of its own in `low`: the first, or the last
 * time. A '*' at a word's end allows any ending. NULL: nowhere. `*ret_length` may be NULL. */
const char *offline_find(const char *low, const char *words, size_t *ret_length);
const char *offline_find_last(const char *low, const char *words, size_t *ret_length);
static inline bool offline_has(const char *low, const char *words)
{
    return offline_find(low, words, NULL) != NULL;
}
/* Is every word of `low` one of `words`, separated by '|'? Digits and file names count as known. */
bool offline_only(const char *low, const char *words);

struct offline_number {
    double value;
    const char *at, *end; /* in the text */
    bool percent, whole;  /* "5%" is 5 with percent; no decimal point */
};
/* The numbers of a text, in order: 1,234.5, -3, 2k, 5%. At most `size`; how many. */
size_t offline_numbers(const char *low, struct offline_number *ret, size_t size);
/* The last count that is said: "first 20", "ten". `fallback` when none, at most `most`. */
long offline_count(const char *low, long fallback, long most);

/* "" when a picture is wanted as a file besides, else NULL. */
const char *offline_saved(const char *low);
/* "" when something is to be drawn, else NULL. */
const char *offline_drawn(const char *low);

/* Python literals. */
void offline_quote(struct strbuf *out, const char *text, size_t n);
void offline_put_number(struct strbuf *out, double value);

/* ---- expression.c: arithmetic as people type it, as Python --------------------------------------------- */

enum offline_flavour { FLAVOUR_MATH, FLAVOUR_NUMPY, FLAVOUR_SYMPY };
struct offline_expression {
    struct strbuf python;  /* "2 * math.sqrt(2)"; init before, deinit after */
    struct strbuf written; /* the same for people: "2 × sqrt(2)" */
    char variables[8];     /* single letters in it, in order */
    bool operated;         /* more than one bare number or letter */
    bool big;              /* may have thousands of digits */
    bool angle, pole;      /* has sin, cos or tan; has tan or a division by the variable */
};
/* Parses the longest expression at the start of `low`, in letters of `allowed` ("" none, NULL any). Its
 * length, 0 when there is none; 0 also beyond bounds of depth and size. */
size_t offline_expression(const char *low, enum offline_flavour flavour, const char *allowed,
    struct offline_expression *ret);
void offline_expression_init(struct offline_expression *x);
void offline_expression_deinit(struct offline_expression *x);

/* ---- conversation.c: who said what ------------------------------------------------------------------------ */

struct offline_file {
    char *path, *name; /* /mnt/data/…; as attached */
};
/* One turn of the user. */
struct offline_turn {
    char *raw;                /* its texts, joined; owned */
    struct offline_text text; /* without fenced blocks */
    struct offline_file files[OFFLINE_FILES_MAX];
    size_t n_files;
    const struct offline_turn *before; /* the turn before, or NULL */
    /* files that may be meant: this turn's, else the newest earlier ones or those that were made */
    const struct offline_file *known;
    size_t n_known;
    struct offline_file
        made[OFFLINE_FILES_MAX]; /* data files that answers before this turn linked to */
    size_t n_made;
};
struct offline_conversation {
    struct offline_turn *turns;
    size_t n;
    json_t
        *results; /* the tool_result items after the last turn, borrowed ones in an array of ours */
};
/* Of a transcript (borrowed, only read). 0 or -ENOMEM; deinit in any case. */
int offline_conversation_init(struct offline_conversation *c, const json_t *transcript);
void offline_conversation_deinit(struct offline_conversation *c);

/* ---- program.c: Python from the templates in programs/ ------------------------------------------------------ */

struct offline_fill {
    const char *name, *value; /* a value is Python; a flag has any */
};
/* Appends the template `name` to `out`, its marked lines filled in. Aborts on a name that is not there. */
void offline_template(struct strbuf *out, const char *name, const struct offline_fill *fills);
#define OFFLINE_TEMPLATE(out, name, ...) \
    offline_template(out, name, (const struct offline_fill[]){__VA_ARGS__ __VA_OPT__(, ){0}})

struct offline_source {
    const char *name, *text;
};
extern const struct offline_source offline_templates[], offline_examples[]; /* end with {0} */

/* ---- intents.c: what to do about a turn ----------------------------------------------------------------------- */

enum offline_kind {
    OFFLINE_REPLY,   /* `says` is the whole answer, nothing is run */
    OFFLINE_RUN,     /* `says`, then `code`; the answer is what it printed */
    OFFLINE_USER,    /* the user's own code: what it printed is shown as it is */
    OFFLINE_PROFILE, /* prints a summary between marked lines */
    OFFLINE_PLAN,    /* prints code between marked lines, which is the next step */
};
struct offline_step {
    enum offline_kind kind;
    struct strbuf says, code;
};
/* An answer's cells, in order. */
struct offline_plan {
    const char *intent; /* its row's name */
    struct offline_step steps[OFFLINE_STEPS_MAX];
    size_t n;
    bool named; /* the turn names its own subject: it is no follow-up */
};
/* Adds a step. NULL when there is no room. */
struct offline_step *offline_step(struct offline_plan *p, enum offline_kind kind, const char *says);
void offline_plan_deinit(struct offline_plan *p);

/* A rule: does the text ask for this? Then it writes the steps. */
typedef bool offline_rule(const struct offline_turn *turn, struct offline_plan *plan);
struct offline_intent {
    const char *name;
    offline_rule *rule;
    bool
        followed; /* a later turn may change a part of it: "now as a pie chart", "and the first 20" */
    bool aside;   /* asked for even where a file is at hand: it cannot be about one */
};
extern const struct offline_intent offline_intents[]; /* the first that matches; ends with {0} */
/* Always makes a plan: the last intent matches everything. */
void offline_plan(const struct offline_turn *turn, struct offline_plan *ret);

/* Rules, by file. */
offline_rule offline_own_code, offline_pasted_data; /* code.c */
offline_rule offline_hello, offline_thanks, offline_gallery, offline_elsewhere,
    offline_unknown;                                                       /* talk.c */
offline_rule offline_primes, offline_factors, offline_fibonacci;           /* numbers.c */
offline_rule offline_statistics, offline_sort, offline_random, offline_pi; /* numbers.c */
offline_rule offline_interest, offline_percent, offline_units;             /* money.c */
offline_rule offline_dates, offline_now;                                   /* dates.c */
offline_rule offline_equation, offline_calculus, offline_plot;             /* functions.c */
offline_rule offline_arithmetic, offline_arithmetic_inside, offline_words; /* arithmetic.c */
offline_rule offline_chart;                                                /* charts.c */
offline_rule offline_sample;                                               /* samples.c */
offline_rule offline_about_files, offline_folder, offline_list;            /* files.c */
/* Does the text only ask for an analysis, naming nothing? (files.c) */
bool offline_general(const struct offline_text *t);

/* ---- answer.c: what came of it, in words ----------------------------------------------------------------------- */

/* The code that a plan's result offers, in `ret`; its remark in `says`. False: none. */
bool offline_offered(const char *result, struct strbuf *says, struct strbuf *ret);
/* The answer made of the results of all steps, as markdown. */
void offline_answer(const struct offline_plan *plan, const json_t *results, struct strbuf *out);
/* The sentence that ends every answer. */
extern const char offline_signature[];
