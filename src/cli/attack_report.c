/* attack_report.c - what came of all attacks: counted, as text, as JSON; and which there are. */
#include <stdio.h>
#include <string.h>

#include "base/json_writer.h"
#include "cli/attack.h"

static const char *const verdict_words[] = {"contained", "SUCCEEDED", "not here", "BROKEN", "OPEN"};

bool attack_wanted(const struct attack *a, const char *only)
{
    return only == NULL || strstr(a->name, only) != NULL;
}

struct attack_tally attack_tally(
    const struct attack_list *list, const char *only, const char *group)
{
    struct attack_tally t = {0};
    for (size_t i = 0; i < list->n; i++) {
        const struct attack *a = &list->item[i];
        if (!attack_wanted(a, only) || (group != NULL && strcmp(a->group, group) != 0))
            continue;
        t.n++;
        t.contained += a->verdict == ATTACK_CONTAINED;
        t.absent += a->verdict == ATTACK_ABSENT;
        t.open += a->verdict == ATTACK_OPEN;
    }
    return t;
}

bool attack_tried(const struct attack_tally *t) { return t->absent < t->n; }

size_t attack_not_contained(const struct attack_tally *t)
{
    return t->n - t->contained - t->absent - t->open;
}

void attack_report_text(const struct attack_list *list, const char *only, double seconds)
{
    for (size_t g = 0; g < attack_groups_count; g++) {
        struct attack_tally t = attack_tally(list, only, attack_groups[g]);
        if (t.n == 0)
            continue;
        printf("\n%s: %zu of %zu contained", attack_groups[g], t.contained, t.n);
        if (t.absent > 0)
            printf(", %zu not applicable here", t.absent);
        printf(t.open > 0 ? ", %zu open on this host\n" : "\n", t.open);
        for (size_t i = 0; i < list->n; i++) {
            const struct attack *a = &list->item[i];
            if (attack_wanted(a, only) && strcmp(a->group, attack_groups[g]) == 0)
                printf("  %-9s %s (%s)\n            expected %s; seen: %s\n",
                    verdict_words[a->verdict], a->title, a->name, a->expect, a->seen);
        }
    }
    struct attack_tally all = attack_tally(list, only, NULL);
    printf("\n%zu attacks in %.0f s: %zu contained, %zu not applicable here, ", all.n, seconds,
        all.contained, all.absent);
    if (all.open > 0)
        printf("%zu open on this host, ", all.open);
    printf("%zu not contained\n", attack_not_contained(&all));
}

void attack_report_json(
    const struct attack_list *list, const char *only, double seconds, bool list_only)
{
    static const char *const words[] = {
        "contained", "succeeded", "not_applicable", "broken", "open"};
    struct strbuf text = STRBUF_INIT(4 << 20);
    struct json_writer w = JSON_WRITER(&text);
    struct attack_tally all = attack_tally(list, only, NULL);
    jw_begin_object(&w);
    jw_field_string(&w, "version", CLOCHE_VERSION);
    jw_field_array(&w, "attacks");
    for (size_t i = 0; i < list->n; i++) {
        const struct attack *a = &list->item[i];
        if (!attack_wanted(a, only))
            continue;
        jw_begin_object(&w);
        jw_field_string(&w, "name", a->name);
        jw_field_string(&w, "group", a->group);
        jw_field_string(&w, "title", a->title);
        jw_field_string(&w, "expected", a->expect);
        if (!list_only) {
            jw_field_string(&w, "seen", a->seen);
            jw_field_string(&w, "verdict", words[a->verdict]);
            if (a->verdict == ATTACK_ABSENT)
                jw_field_null(&w, "contained");
            else
                jw_field_bool(&w, "contained", a->verdict == ATTACK_CONTAINED);
            jw_field_double(&w, "seconds", a->seconds);
        }
        jw_end(&w);
    }
    jw_end(&w);
    if (!list_only) {
        jw_field_uint(&w, "contained", all.contained);
        jw_field_uint(&w, "not_applicable", all.absent);
        jw_field_uint(&w, "open", all.open);
        jw_field_uint(&w, "not_contained", attack_not_contained(&all));
        jw_field_double(&w, "seconds", seconds);
    }
    jw_end(&w);
    printf("%s\n", strbuf_text(&text));
    strbuf_deinit(&text);
}

void attack_report_list(const struct attack_list *list, const char *only)
{
    for (size_t i = 0; i < list->n; i++)
        if (attack_wanted(&list->item[i], only))
            printf("%-40s %s\n", list->item[i].name, list->item[i].title);
}
