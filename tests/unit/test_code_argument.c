/* Code out of tool call arguments, whatever a model writes and wherever it is cut. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/code_argument.h"

static const struct row {
    const char *arguments, *code;
    enum code_argument_end end;
} rows[] = {
    {"{\"code\": \"print(1)\"}", "print(1)", CODE_WHOLE},
    {" \n{ \"code\" :\t\"a\\nb\\\"c\\\\d\\/e\\tf\" }\n", "a\nb\"c\\d/e\tf", CODE_WHOLE},
    /* escapes: one unit, two, three and four bytes, and the same as they are */
    {"{\"code\":\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"}", "Aé€😀", CODE_WHOLE},
    {"{\"code\":\"Aé€😀\"}", "Aé€😀", CODE_WHOLE},
    /* surrogates that stay alone, NUL */
    {"{\"code\":\"\\ud83dx\"}", "\xef\xbf\xbdx", CODE_WHOLE},
    {"{\"code\":\"\\ude00\"}", "\xef\xbf\xbd", CODE_WHOLE},
    {"{\"code\":\"\\ud83d\\ud83d\\ude00\"}", "\xef\xbf\xbd😀", CODE_WHOLE},
    {"{\"code\":\"\\ud83d\\n\"}", "\xef\xbf\xbd\n", CODE_WHOLE},
    {"{\"code\":\"\\ud83d\"}", "\xef\xbf\xbd", CODE_WHOLE},
    {"{\"code\":\"a\\u0000b\"}",
        "a\xef\xbf\xbd"
        "b",
        CODE_WHOLE},
    /* other keys, before and behind, nested, with braces and quotes in strings */
    {"{\"why\":\"a } \\\" {\",\"n\":[1,{\"code\":\"no\"}],\"code\":\"x = 1\",\"z\":{}}", "x = 1",
        CODE_WHOLE},
    {"{\"a_key_that_is_longer_than_any\":1,\"code\":\"x\"}", "x", CODE_WHOLE},
    {"{\"input\":\"x\"}", "x", CODE_WHOLE},
    /* what is no JSON, as models write it */
    {"print('hi')", "print('hi')", CODE_WHOLE},
    {"  \n\nfor i in range(3):\n    print(i)\n", "  \n\nfor i in range(3):\n    print(i)\n",
        CODE_WHOLE},
    {"```python\nprint(1)\n```", "print(1)", CODE_WHOLE},
    {"\n```\nprint(1)\n```\nThat was it.", "print(1)", CODE_WHOLE},
    {"~~~\nx", "~~~\nx", CODE_WHOLE},
    {"```python\ns = '''\n```x\n'''\n```", "s = '''\n```x\n'''", CODE_WHOLE},
    {"```py\nprint('`')\n  \nx\n", "print('`')\n  \nx\n", CODE_WHOLE},
    {"```\n```", "", CODE_MISSING},
    {"``x``", "``x``", CODE_WHOLE},
    {"{\"code\": \"```python\\nprint(1)\\n```\\n\"}", "print(1)", CODE_WHOLE},
    {"\"print(1)\"", "print(1)", CODE_WHOLE},
    {"{1, 2, 3}", "{1, 2, 3}", CODE_WHOLE},
    {"{x for x in y}", "{x for x in y}", CODE_WHOLE},
    {"{\"code\": \"for i in x:\n    print(\"a b\")\n\"}", "for i in x:\n    print(\"a b\")\n",
        CODE_WHOLE},
    {"{\"code\": \"re.sub(r'\\d+\\'')\"}", "re.sub(r'\\d+'')", CODE_WHOLE},
    {"{\"code\":\"\\u12g4\"}", "\\u12g4", CODE_WHOLE},
    {"{\"code\":\"print(1)\"", "print(1)", CODE_WHOLE},
    /* nothing, half, neither */
    {"", "", CODE_MISSING},
    {"{}", "", CODE_MISSING},
    {"{\"code\":null}", "", CODE_MISSING},
    {"{\"code\":\" \\n\"}", " \n", CODE_MISSING},
    {"{\"codes\":\"x\"}", "", CODE_MISSING},
    {"{\"code\":\"print(", "print(", CODE_CUT},
    {"{\"code\":\"a\\", "a", CODE_CUT},
    {"{\"code\":\"\\ud83d", "\xef\xbf\xbd", CODE_CUT},
    {"{\"co", "", CODE_BROKEN},
    {"{\"a\": [1", "", CODE_BROKEN},
};

static void expect(const struct row *row, size_t first, size_t second)
{
    struct code_argument a;
    const char *text = row->arguments;
    size_t n = strlen(text), before;
    code_argument_init(&a, 1 << 20);
    assert_int_equal(code_argument_feed(&a, text, first), 0);
    before = a.code.length;
    assert_memory_equal(
        strbuf_text(&a.code), row->code, before < strlen(row->code) ? before : strlen(row->code));
    assert_int_equal(code_argument_feed(&a, text + first, second - first), 0);
    assert_true(a.code.length >= before); /* never taken back */
    assert_int_equal(code_argument_feed(&a, text + second, n - second), 0);
    enum code_argument_end end = code_argument_finish(&a);
    if (strcmp(strbuf_text(&a.code), row->code) != 0 || end != row->end)
        fail_msg(
            "%s cut at %zu and %zu: %d \"%s\"", text, first, second, end, strbuf_text(&a.code));
    code_argument_deinit(&a);
}

static void cut_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t first = 0; first <= strlen(rows[i].arguments); first++)
            for (size_t second = first; second <= strlen(rows[i].arguments); second++)
                expect(&rows[i], first, second);
}

/* Code is known as soon as it was written, but for what may be the end. */
static void code_comes_while_it_is_written(void **state)
{
    (void)state;
    static const char arguments[] = "{\"code\": \"import os\\nprint(os)\"}";
    struct code_argument a;
    code_argument_init(&a, 1000);
    for (const char *at = arguments; *at; at++) {
        code_argument_feed(&a, at, 1);
        if (at == arguments + 12)
            assert_string_equal(strbuf_text(&a.code), "imp");
        if (at == arguments + 21)
            assert_string_equal(strbuf_text(&a.code), "import os\np");
    }
    code_argument_deinit(&a);
}

static void bounds_hold(void **state)
{
    (void)state;
    struct code_argument a;
    code_argument_init(&a, 10);
    assert_int_equal(code_argument_feed(&a, "{\"code\":\"0123456789", 19), 0);
    assert_int_equal(code_argument_feed(&a, "a", 1), -E2BIG);
    assert_int_equal(code_argument_feed(&a, "a", 1), -E2BIG);
    assert_int_equal(code_argument_finish(&a), CODE_BROKEN);
    code_argument_deinit(&a);

    /* a megabyte of blanks, where every byte might be looked at again */
    code_argument_init(&a, 4 << 20);
    static char blanks[1 << 20];
    memset(blanks, ' ', sizeof blanks);
    code_argument_feed(&a, blanks, sizeof blanks);
    code_argument_feed(&a, "x", 1);
    assert_int_equal(code_argument_finish(&a), CODE_WHOLE);
    assert_int_equal(a.code.length, sizeof blanks + 1);
    code_argument_deinit(&a);
    code_argument_init(&a, 4 << 20);
    code_argument_feed(&a, "```\nx\n", 6);
    code_argument_feed(&a, blanks, sizeof blanks);
    code_argument_feed(&a, "y", 1);
    assert_int_equal(code_argument_finish(&a), CODE_WHOLE);
    assert_int_equal(a.code.length, sizeof blanks + 3);
    code_argument_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_everywhere),
        cmocka_unit_test(code_comes_while_it_is_written),
        cmocka_unit_test(bounds_hold),
    };
    return cmocka_run_group_tests_name("code_argument", tests, NULL, NULL);
}
