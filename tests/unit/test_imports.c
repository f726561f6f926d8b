/* What is imported, read from text: the ordinary forms, the traps, and bytes that are no Python. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/strbuf.h"
#include "env/imports.h"

/* The names found, each behind a blank. */
static char *found(const char *code, size_t length)
{
    static char text[IMPORTS_MAX * (IMPORT_NAME_SIZE + 1) + 1];
    static struct imports imports;
    size_t used = 0;
    imports_scan(code, length, &imports);
    text[0] = '\0';
    for (size_t i = 0; i < imports.count; i++)
        used +=
            snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? " " : "", imports.name[i]);
    return text;
}

#define CHECK(code, expected) assert_string_equal(found(code, sizeof(code) - 1), expected)

static void test_ordinary(void **state)
{
    (void)state;
    CHECK("", "");
    CHECK("import numpy", "numpy");
    CHECK("import numpy as np, pandas as pd\n", "numpy pandas");
    CHECK("import os.path, xml.etree.ElementTree as ET", "os xml");
    CHECK("from scipy.stats import norm, t", "scipy");
    CHECK("from scipy import (\n    stats,\n    linalg,\n)\nimport sklearn", "scipy sklearn");
    CHECK("import a\nimport b\nimport a", "a b");
    CHECK("\xef\xbb\xbfimport numpy", "numpy");
    CHECK("import numpy\r\nimport pandas\r\n", "numpy pandas");
    CHECK("import größe", "größe");
}

static void test_where_statements_begin(void **state)
{
    (void)state;
    CHECK("def f():\n    import numpy\n    from pandas import x\n", "numpy pandas");
    CHECK("try: import numpy\nexcept ImportError: import pandas", "numpy pandas");
    CHECK("x = 1; import numpy; from pandas import y", "numpy pandas");
    CHECK("import \\\n  numpy \\\n , \\\r\n pandas", "numpy pandas");
    CHECK("from numpy \\\n import x", "numpy");
    CHECK("f(a,\nimport_x)\nimport numpy", "numpy");
    CHECK("d = {'a':\n1}\nimport numpy", "numpy");
    CHECK(")\nimport numpy", "numpy");
}

static void test_not_imports(void **state)
{
    (void)state;
    CHECK("# import numpy", "");
    CHECK("'import numpy'", "");
    CHECK("x = '''\nimport numpy\n'''\nimport a", "a");
    CHECK("x = \"\"\"\nimport numpy\n\\\"\"\"\nimport b\n\"\"\"; import a", "a");
    CHECK("r'\\'; import numpy'\nimport a", "a");
    CHECK("b'x\\\nimport numpy'", "");
    CHECK("important = 1\nimport_numpy = 2\nfromage = 3", "");
    CHECK("yield from numpy", "");
    CHECK("raise X from numpy", "");
    CHECK("from . import x\nfrom .a import y\nfrom ..b import z", "");
    CHECK("from numpy", "");
    CHECK("x.import numpy", "");
    CHECK("import", "");
    CHECK("import 3d", "");
}

static void test_shell_lines(void **state)
{
    (void)state;
    CHECK("!pip install numpy\nimport a", "a");
    CHECK("%timeit import numpy\nimport a", "a");
    CHECK("%matplotlib inline\n", "matplotlib");
    CHECK("%%time\nimport numpy", "numpy");
    CHECK("\n%%capture out\nimport numpy", "numpy");
    CHECK("%%bash\nimport numpy", "");
    CHECK("x = 5 % 3\nimport a", "a");
    CHECK("x = (5\n% import_)\nimport a", "a");
}

static void test_bounds(void **state)
{
    (void)state;
    static struct imports imports;
    struct strbuf code = STRBUF_INIT(1 << 20);
    for (int i = 0; i < IMPORTS_MAX + 10; i++)
        strbuf_printf(&code, "import m%d\n", i);
    imports_scan(code.data, code.length, &imports);
    assert_int_equal(imports.count, IMPORTS_MAX);
    assert_true(imports.truncated);
    strbuf_clear(&code);
    strbuf_puts(&code, "import ");
    for (int i = 0; i < 1000; i++)
        strbuf_puts(&code, "x");
    strbuf_puts(&code, ", short");
    imports_scan(code.data, code.length, &imports);
    assert_int_equal(imports.count, 1);
    assert_string_equal(imports.name[0], "short");
    assert_true(imports.truncated);
    strbuf_deinit(&code);
}

static void test_any_bytes(void **state)
{
    (void)state;
    static struct imports imports;
    char text[64];
    uint32_t random = 1;
    for (int round = 0; round < 20000; round++) {
        static const char alphabet[] = "import from as.,\\\n\r\t '\"#()[]{}%!;:\0\xff\xefx1";
        size_t length = round % sizeof(text);
        for (size_t i = 0; i < length; i++) {
            random = random * 1664525 + 1013904223;
            text[i] = alphabet[(random >> 8) % (sizeof(alphabet) - 1)];
        }
        imports_scan(text, length, &imports);
        assert_true(imports.count <= IMPORTS_MAX);
    }
}

static void test_standard(void **state)
{
    (void)state;
    static const char *const yes[] = {"__future__", "abc", "asyncio", "cProfile", "calendar",
        "json", "os", "sqlite3", "tomllib", "xml", "zipimport", "zoneinfo", "distutils"};
    static const char *const no[] = {"", "numpy", "IPython", "zzz", "aaa", "yaml"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        assert_true(imports_standard(yes[i]));
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        assert_false(imports_standard(no[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ordinary),
        cmocka_unit_test(test_where_statements_begin),
        cmocka_unit_test(test_not_imports),
        cmocka_unit_test(test_shell_lines),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_standard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
