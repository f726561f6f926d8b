/* The first block of Python in a text, cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/fence.h"
#include "base/strbuf.h"

static int gather(void *context, enum fence_part part, const char *text, size_t n)
{
    struct strbuf *out = context;
    static const char *const marks[] = {"", "<", "", ">"};
    strbuf_puts(out, marks[part]);
    if (n && ((unsigned char)text[0] & 0xc0) == 0x80)
        strbuf_puts(out, "CUT"); /* within a character */
    return strbuf_append(out, text ? text : "", n);
}

static void expect(const char *text, const char *expected)
{
    size_t n = strlen(text);
    for (size_t step = 1; step <= n + 1; step++) {
        struct fence f;
        struct strbuf out = STRBUF_INIT(1 << 16);
        fence_init(&f);
        for (size_t at = 0; at < n;) {
            size_t end = at + step < n ? at + step : n;
            while (end < n && ((unsigned char)text[end] & 0xc0) == 0x80)
                end++; /* pieces are cut between characters */
            assert_int_equal(fence_feed(&f, text + at, end - at, gather, &out), 0);
            at = end;
        }
        assert_int_equal(fence_finish(&f, gather, &out), 0);
        if (strcmp(strbuf_text(&out), expected) != 0)
            fail_msg("%s in steps of %zu: %s", text, step, strbuf_text(&out));
        assert_int_equal(fence_closed(&f), strchr(expected, '>') != NULL);
        fence_deinit(&f);
        strbuf_deinit(&out);
    }
}

static void blocks(void **state)
{
    (void)state;
    expect("", "");
    expect("Just text.\nMore.", "Just text.\nMore.");
    expect("I run:\n```python\nprint(1)\n```\nIt printed 1.", "I run:\n<print(1)\n>");
    expect("```python\nx = '''\n``\n'''\n```", "<x = '''\n``\n'''\n>");
    expect("  ``` Python \nx\n  ```  ", "<x\n>");
    expect("````py\nx\n```", "<x\n>");
    expect("```tool_code\r\nx\r\n```\r\n", "<x\r\n>");
    expect("```python\nx", "<x>"); /* the model stopped without closing it */
    expect("```python\nx\n```js\ny\n```", "<x\n```js\ny\n>");
    expect("```python", "```python"); /* no block yet */
    /* other blocks are text, also with Python's name within */
    expect("```json\n{}\n```\nthen\n```py\n1\n```", "```json\n{}\n```\nthen\n<1\n>");
    expect("```\n```python\n```\nx", "```\n```python\n```\nx");
    expect("use `x` or ```y``` é😀\n    ```python\nno", "use `x` or ```y``` é😀\n    ```python\nno");
    expect("```😀\nx", "```😀\nx");
    expect("`\n``\n```", "`\n``\n```");
    expect("```python é\nx", "```python é\nx");
}

static int refuse(void *context, enum fence_part part, const char *text, size_t n)
{
    (void)context, (void)text, (void)n;
    return part == FENCE_CLOSE ? 7 : 0;
}

static void a_sink_ends_the_feeding(void **state)
{
    (void)state;
    struct fence f;
    fence_init(&f);
    assert_int_equal(fence_feed(&f, "```py\nx\n```\nmore", 17, refuse, NULL), 7);
    assert_true(fence_closed(&f));
    assert_int_equal(fence_feed(&f, "more", 4, refuse, NULL), 0);
    fence_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks),
        cmocka_unit_test(a_sink_ends_the_feeding),
    };
    return cmocka_run_group_tests_name("fence", tests, NULL, NULL);
}
