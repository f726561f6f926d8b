/* Where an answer speaks of files: links, names, code points. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/citations.h"

static const struct citation_file files[] = {
    {"report.csv", true},
    {"plots/a b (1).png", true},
    {"plots/a b", true},
    {"input.xlsx", false},
    {"notes", true},
    {"données é.txt", true},
    {"report.csv.bak", true},
    {"销售report.csv", true},
};

/* The citations of a text as "path=what it covers", found back by code points. */
static void expect(const char *text, const char *expected)
{
    struct citation *c = NULL;
    size_t n = 0;
    char all[4096] = "";
    assert_int_equal(
        citations_find(text, strlen(text), files, sizeof files / sizeof *files, &c, &n), 0);
    for (size_t i = 0; i < n; i++) {
        const char *start = text, *end = text;
        size_t points = 0;
        for (const char *at = text;; at++) {
            if (((unsigned char)*at & 0xc0) != 0x80) {
                if (points == c[i].start)
                    start = at;
                if (points == c[i].end)
                    end = at;
                points++;
            }
            if (!*at)
                break;
        }
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s=%.*s", i ? "; " : "", files[c[i].file].path,
            (int)(end - start), start);
    }
    free(c);
    if (strcmp(all, expected) != 0)
        fail_msg("%s\n  gives    %s\n  instead of %s", text, all, expected);
}

static void links(void **state)
{
    (void)state;
    expect("[Download](sandbox:/mnt/data/report.csv)", "report.csv=sandbox:/mnt/data/report.csv");
    /* the label is no second citation; each link is one */
    expect("[report.csv](sandbox:/mnt/data/report.csv), [again](sandbox:/mnt/data/report.csv).",
        "report.csv=sandbox:/mnt/data/report.csv; report.csv=sandbox:/mnt/data/report.csv");
    expect("![p](sandbox:/mnt/data/plots/a%20b%20(1).png) x",
        "plots/a b (1).png=sandbox:/mnt/data/plots/a%20b%20(1).png");
    expect("![p](sandbox:/mnt/data/plots/a b (1).png) x",
        "plots/a b (1).png=sandbox:/mnt/data/plots/a b (1).png");
    expect("[n](sandbox:/mnt/data/notes), see", "notes=sandbox:/mnt/data/notes");
    expect("[i](<sandbox:/mnt/data/input.xlsx>)", "input.xlsx=sandbox:/mnt/data/input.xlsx");
    expect("sandbox:/mnt/data/report.csv.", "report.csv=sandbox:/mnt/data/report.csv");
    expect("sandbox:/mnt/data/report.csv.bak", "report.csv.bak=sandbox:/mnt/data/report.csv.bak");
    expect("sandbox:///mnt/data/report.csv", "report.csv=sandbox:///mnt/data/report.csv");
    expect("(sandbox:/mnt/data/donn%C3%A9es%20%c3%A9.txt)",
        "données é.txt=sandbox:/mnt/data/donn%C3%A9es%20%c3%A9.txt");
    expect("sandbox:/mnt/data/none.csv sandbox:/tmp/report.csv sandbox: sandbox:/mnt/data/", "");
    expect("sandbox:/mnt/data/%", "");
    expect("sandbox:/mnt/data/report.csv%2",
        "report.csv=/mnt/data/report.csv"); /* no link, but named */
}

static void offsets_count_code_points(void **state)
{
    (void)state;
    static const char text[] = "It’s 😀 done: [é](sandbox:/mnt/data/report.csv)";
    struct citation *c;
    size_t n;
    assert_int_equal(citations_find(text, strlen(text), files, 1, &c, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(c[0].start, 17);
    assert_int_equal(c[0].end, 17 + 28);
    free(c);
}

static void names(void **state)
{
    (void)state;
    expect("I saved it as report.csv.", "report.csv=report.csv");
    expect("See `report.csv` and report.csv again", "report.csv=report.csv");
    expect("It is in /mnt/data/report.csv, there", "report.csv=/mnt/data/report.csv");
    expect("the plot a b (1).png", "plots/a b (1).png=a b (1).png");
    expect("the plot plots/a b (1).png", "plots/a b (1).png=plots/a b (1).png");
    /* neither another name that holds it, nor a word, nor what somebody else brought */
    expect("myreport.csv report.csvx x/report.csv report.csv.gz", "");
    expect("my notes on input.xlsx", "");
    expect("in /mnt/data/notes", "notes=/mnt/data/notes");
    expect("report.csv.bak is a copy", "report.csv.bak=report.csv.bak");
    expect("😀 données é.txt", "données é.txt=données é.txt");
    /* scripts without blanks */
    expect("保存在report.csv里", "report.csv=report.csv");
    expect("请看销售report.csv。", "销售report.csv=销售report.csv");
    expect("report.csv and [b](sandbox:/mnt/data/report.csv.bak)",
        "report.csv=report.csv; report.csv.bak=sandbox:/mnt/data/report.csv.bak");
    expect("", "");
}

/* What a hostile model may write ends soon. */
static void long_texts(void **state)
{
    (void)state;
    size_t n = 4 << 20, count;
    struct citation *c;
    char *text = malloc(n + 1);
    for (size_t i = 0; i < n; i++)
        text[i] = "sandbox:/mnt/data/%41 "[i % 22];
    assert_int_equal(citations_find(text, n, files, 8, &c, &count), 0);
    assert_int_equal(count, 0);
    free(c);
    for (size_t i = 0; i < n; i++)
        text[i] = "report.csv,"[i % 11];
    assert_int_equal(citations_find(text, n, files, 8, &c, &count), 0);
    assert_int_equal(count, 1);
    free(c);
    for (size_t i = 0; i < n; i++)
        text[i] = "sandbox:/mnt/data/report.csv "[i % 29];
    assert_int_equal(citations_find(text, n, files, 8, &c, &count), 0);
    assert_int_equal(count, 1000);
    free(c);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links),
        cmocka_unit_test(offsets_count_code_points),
        cmocka_unit_test(names),
        cmocka_unit_test(long_texts),
    };
    return cmocka_run_group_tests_name("citations", tests, NULL, NULL);
}
