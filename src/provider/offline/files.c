/* files.c - questions about a file: a profile when nothing in particular is asked, else code for the question,
 * which cloche_analyst writes in the session, since only there the columns are known. */
#include <stdio.h>
#include <string.h>

#include "provider/offline/offline.h"

enum { BEFORE_MAX = 4, QUESTION_MAX = 2000 };

/* What a request for an analysis is made of, when it names no column. */
static const char general[] =
    "analy*|profile|explore|exploring|examine|inspect|describe|summar*|report*|overview|insight*|statistic*|stats|eda|"
    "comprehensive*|full*|complete*|detailed|thorough*|deep|basic|quick|general|perform|do|make|create|generate|give|show|tell|"
    "provide|write|run|me|us|i|it|its|you|can|could|would|will|please|want|need|like|to|a|an|the|this|that|these|those|attached|uploaded|"
    "following|my|our|your|file*|data|dataset*|datasets|table*|spreadsheet*|workbook*|sheet*|excel|csv|xlsx|xls|json|pdf|text|document*|"
    "log|logs|content*|of|on|in|about|for|from|with|and|or|what|what's|is|are|there|look|take|at|into|have|has|some|any|all|"
    "interesting|useful|important|key|main|find*|finding*|results|plot*|chart*|graph*|figure*|visuali*|correlation*|trend*|pattern*|"
    "outlier*|missing|distribution*|value*|quality|structure|stand*|out|something|anything|everything|then|also|help|"
    "understand|explain|know|how|well|good|nice|now|again|here|first|identify|appropriate|actionable|conclusion*|"
    "recommendation*|expert|analyst|using|use|python|code|interpreter|tool|read|open|load|check|see|view|go|through|let's|let|be|by";
static const char verbs[] =
    "analy*|profile|explore|examine|inspect|describe|summar*|report*|overview|insight*|eda|what|what's|look|understand|explain|"
    "tell|statistic*|stats|read|open|load|check|findings|interesting|go through";

bool offline_general(const struct offline_text *t)
{
    return t->length == 0 || (offline_only(t->low, general) && offline_has(t->low, verbs));
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* Does the text name the file, with or without its ending? */
static bool names(const struct offline_text *t, const struct offline_file *f)
{
    struct offline_text name;
    offline_text_init(&name, last_part(f->path), strlen(last_part(f->path)));
    char *dot = strrchr(name.low, '.');
    if (strstr(t->low, name.low) != NULL)
        return true;
    if (dot != NULL && dot - name.low > 3)
        *dot = 0;
    return dot != NULL && strlen(name.low) > 3 && offline_has(t->low, name.low);
}

static void profile_step(struct offline_plan *plan, const struct offline_file *f)
{
    char says[400];
    snprintf(says, sizeof(says),
        "I profile `%.200s`: its columns, gaps, statistics, correlations and what stands out.",
        last_part(f->path));
    struct offline_step *s = offline_step(plan, OFFLINE_PROFILE, says);
    if (s == NULL)
        return;
    strbuf_puts(&s->code, "from cloche_analyst import profile\n\nprofile(");
    offline_quote(&s->code, f->path, strlen(f->path));
    strbuf_puts(&s->code, ")\n");
}

/* The questions before this one about the same files, oldest first. */
static void put_before(struct strbuf *out, const struct offline_turn *turn)
{
    const struct offline_turn *earlier[BEFORE_MAX];
    size_t n = 0;
    for (const struct offline_turn *t = turn->before;
         t != NULL && n < BEFORE_MAX && t->known == turn->known; t = t->before)
        if (t->text.length > 0 && !offline_general(&t->text))
            earlier[n++] = t;
    if (n == 0)
        return;
    strbuf_puts(out, ", before=[");
    for (size_t i = n; i-- > 0;) {
        offline_quote(out, earlier[i]->text.clean, strlen(earlier[i]->text.clean));
        strbuf_puts(out, i > 0 ? ", " : "]");
    }
}

static void plan_step(
    struct offline_plan *plan, const struct offline_turn *turn, const struct offline_file *f)
{
    char says[400];
    snprintf(says, sizeof(says),
        "I look at the columns of `%.200s` to see what the question means.", last_part(f->path));
    struct offline_step *s = offline_step(plan, OFFLINE_PLAN, says);
    if (s == NULL)
        return;
    strbuf_puts(&s->code, "from cloche_analyst import plan\n\nplan(");
    offline_quote(&s->code, f->path, strlen(f->path));
    strbuf_puts(&s->code, ", ");
    offline_quote(&s->code, turn->text.clean, turn->text.length);
    put_before(&s->code, turn);
    strbuf_puts(&s->code, ")\n");
}

bool offline_about_files(const struct offline_turn *turn, struct offline_plan *plan)
{
    const struct offline_file *chosen = NULL;
    if (turn->n_known == 0)
        return false;
    plan->named = true;
    for (size_t i = 0; i < turn->n_known; i++)
        if (names(&turn->text, &turn->known[i]))
            chosen = &turn->known[i];
    struct offline_text rest = turn->text;
    bool profile = offline_general(&rest);
    if (!profile)
        plan_step(plan, turn,
            chosen != NULL ? chosen
                           : &turn->known[turn->known == turn->made ? turn->n_known - 1 : 0]);
    else if (chosen != NULL)
        profile_step(plan, chosen);
    else
        for (size_t i = 0; i < turn->n_known && i < OFFLINE_STEPS_MAX / 2; i++)
            profile_step(plan, &turn->known[i]);
    return plan->n > 0;
}

/* "Analyse the dataset", and none is attached: perhaps one lies in the session. */
bool offline_folder(const struct offline_turn *turn, struct offline_plan *plan)
{
    if (turn->n_known > 0 || !offline_general(&turn->text) ||
        !offline_has(turn->text.low,
            "analy*|profile|explore|summar*|describe|report*|examine|inspect|file*|data*|dataset*"))
        return false;
    struct offline_step *s = offline_step(plan, OFFLINE_PROFILE,
        "No file is attached to the message, so I look at what is in the session.");
    if (s != NULL)
        OFFLINE_TEMPLATE(&s->code, "folder");
    return s != NULL;
}

bool offline_list(const struct offline_turn *turn, struct offline_plan *plan)
{
    const char *low = turn->text.low;
    if (turn->text.length > 80 || !(offline_has(low, "list|which|what|show|ls") &&
                                      offline_has(low, "files|directory|folder|ls")))
        return false;
    struct offline_step *s = offline_step(plan, OFFLINE_RUN, "I list the files of the session.");
    if (s != NULL)
        OFFLINE_TEMPLATE(&s->code, "list_files");
    return s != NULL;
}
