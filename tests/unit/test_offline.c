/* The offline analyst: which intent a text has, what code it writes, what it answers. That the code compiles is
 * asked of Python itself; that it runs is tested in tests/api/test_analyst.py. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "provider/internal.h"
#include "provider/items.h"
#include "provider/offline/offline.h"

/* ---- a conversation -------------------------------------------------------------------------------- */

static json_t *said(const char *role, const char *text)
{
    return json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "type", "message", "role", role, "content",
        "type", "text", "text", text);
}

static json_t *attached(const char *text, const char *name)
{
    json_t *m = said("user", text);
    json_array_append_new(json_object_get(m, "content"),
        json_pack("{s:s, s:s, s:s+, s:i}", "type", "file", "filename", name, "path", "/mnt/data/",
            name, "bytes", 9));
    return m;
}

/* The plan for the last turn of a transcript (taken). The code of all steps, for the holder to free. */
static char *planned(json_t *transcript, const char **ret_intent)
{
    struct offline_conversation c;
    struct offline_plan plan;
    cleanup_strbuf struct strbuf code = STRBUF_INIT(1 << 20);
    assert_int_equal(offline_conversation_init(&c, transcript), 0);
    assert_true(c.n > 0);
    offline_plan(&c.turns[c.n - 1], &plan);
    assert_true(plan.n > 0);
    *ret_intent = plan.intent;
    strbuf_puts(&code, "");
    for (size_t i = 0; i < plan.n; i++)
        strbuf_append(&code, strbuf_text(&plan.steps[i].code), plan.steps[i].code.length);
    offline_plan_deinit(&plan);
    offline_conversation_deinit(&c);
    json_decref(transcript);
    return strbuf_take(&code);
}

/* Python parses every program, or says which it does not. */
static void assert_python(const json_t *programs)
{
    FILE *python = popen("/usr/bin/python3 -c 'import ast, json, sys\n"
                         "for text in json.load(sys.stdin): ast.parse(text)'",
        "w");
    assert_non_null(python);
    json_dumpf(programs, python, 0);
    assert_int_equal(pclose(python), 0);
}

/* ---- intents ----------------------------------------------------------------------------------------- */

/* A text, its intent, and what its code has. */
static const char *const rows[][3] = {
    {"What is 2+2?", "arithmetic", "result = 2 + 2\n"},
    {"what is 2 + 2 * (3 - 1)", "arithmetic", "result = 2 + 2 * (3 - 1)\n"},
    {"calculate the factorial of 20", "arithmetic", "result = math.factorial(20)\n"},
    {"what is the square root of 144?", "arithmetic", "result = math.sqrt(144)\n"},
    {"5 squared plus 3 cubed", "arithmetic", "result = (5 ** 2) + (3 ** 3)\n"},
    {"what is 2^10", "arithmetic", "result = 2 ** 10\n"},
    {"how much is 1,234.5 times 007", "arithmetic", "result = 1234.5 * 7\n"},
    {"sin of 30 degrees", "arithmetic", "result = math.sin(math.radians(30))\n"},
    {"gcd of 12 and 18", "arithmetic", "result = math.gcd(12, 18)\n"},
    {"what is 7 x 8", "arithmetic", "result = 7 * 8\n"},
    {"tell me what (1+2)*3 would be today", "arithmetic inside", "result = (1 + 2) * 3\n"},
    {"what's 15% of 240", "percent", "15, 240"},
    {"what percent of 80 is 20", "percent", "20, 80"},
    {"compound interest on 1000 at 5% for 10 years", "interest",
        "principal = 1000\nrate = 0.05\nyears = 10\ntimes_a_year = 1\n"},
    {"loan of 20,000 at 4.5% over 5 years, monthly", "interest", "principal = 20000\n"},
    {"10 miles in km", "units", "factor = 1.609344\n"},
    {"how many feet are in a mile", "units", "factor = 5280\n"},
    {"how many days between 2024-01-01 and 2024-12-25", "dates",
        "date(2024, 1, 1), date(2024, 12, 25)"},
    {"what day of the week was 1 May 2024", "dates", "day = date(2024, 5, 1)\n"},
    {"Calculate the first 10 prime numbers", "primes", "count = 10\n"},
    {"first twenty primes", "primes", "count = 20\n"},
    {"primes between 1 and 100", "primes", "low, high = 1, 100\n"},
    {"primes below 50", "primes", "low, high = 1, 49\n"},
    {"is 97 prime?", "factors", "number = 97\n"},
    {"Show me Fibonacci numbers", "fibonacci", "count = 10\n"},
    {"Calculate fibonacci numbers", "fibonacci", "count = 10\n"},
    {"Calculate the first 20 fibonacci numbers and plot them", "fibonacci", "plt.show()"},
    {"what is the 50th fibonacci number", "fibonacci", "place = 50\n"},
    {"I need to solve the equation 3x + 11 = 14. Can you help me?", "equation",
        "(\"3 * x + 11\", \"14\")"},
    {"solve x + y = 10, x - y = 2", "equation", "sp.symbols(\"x y\", seq=True)"},
    {"roots of x^2 - 5x + 6", "equation", "(\"x ** 2 - 5 * x + 6\", \"0\")"},
    {"derivative of x^2 sin(x)", "calculus", "sp.sympify(\"x ** 2 * sin(x)\", rational=True)"},
    {"integrate x^2 from 0 to 3", "calculus", "sp.sympify(\"0\"), sp.sympify(\"3\")"},
    {"Plot a sin wave", "plot", "{\"sin x\": np.sin(x)}"},
    {"plot cos(2x) from 0 to 2pi", "plot", "low, high = 0, 2 * np.pi\n"},
    {"plot x^2 and a cosine", "plot", "\"cos x\": np.cos(x)"},
    {"mean of 3, 5, 8", "statistics", "numbers = [3, 5, 8]\nasked = \"mean\"\n"},
    {"sum of the numbers from 1 to 100", "statistics", "list(range(1, 101))"},
    {"sort 3, 1, 2 descending", "sort", "values = [3, 1, 2]\ndescending = True\n"},
    {"sort banana, apple and cherry", "sort", "[\"banana\", \"apple\", \"cherry\"]"},
    {"roll 5 dice", "random", "count = 5\n"},
    {"Create a CSV with sample sales data", "sample", "path = \"sample_sales.csv\"\n"},
    {"create an excel file with 50 customers", "sample", "count = 50\n"},
    {"Generate a bar chart of sales by quarter and save as PNG", "chart",
        "\"Q1\", \"Q2\", \"Q3\", \"Q4\""},
    {"Create a bar chart showing sales data", "chart", "sample data"},
    {"Generate a pie chart of market share", "chart", "axis.pie("},
    {"pie chart: Apples 40, Ripe Bananas 35 and Cherries 25", "chart",
        "labels = [\"Apples\", \"Ripe Bananas\", \"Cherries\"]\nvalues = [40, 35, 25]\n"},
    {"line chart of 3, 5, 8", "chart", "values = [3, 5, 8]\n"},
    {"histogram of random data", "chart", "axis.hist("},
    {"heat map", "chart", "axis.imshow("},
    {"3-D surface of x^2 - y^2", "chart", "z = x ** 2 - y ** 2\n"},
    {"run the data analysis example", "gallery", "# 100 sales records"},
    {"Analyze this dataset", "folder", "profile("},
    {"list the files", "list", "os.walk"},
    {"hello", "hello", ""},
    {"what can you do?", "hello", ""},
    {"Plot the bitcoin chart of year 2023", "elsewhere", ""},
    {"write me a poem about the sea", "unknown", ""},
    {"", "hello", ""},
    {"```python\nx = 1\n```", "own code", "x = 1\n"},
    {"print('hi')", "own code", "print('hi')"},
    {"import numpy as np\nx = np.arange(3)\nprint(x.sum())", "own code", "x.sum()"},
    {"Here is data:\n```csv\na,b\n1,\"2\"\n```", "pasted data",
        "text = \"a,b\\n1,\\\"2\\\"\\n\"\n"},
};

static void texts_have_intents(void **state)
{
    (void)state;
    json_t *programs = json_array();
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *intent;
        cleanup_free char *code = planned(json_pack("[o]", said("user", rows[i][0])), &intent);
        if (strcmp(intent, rows[i][1]) != 0 || strstr(code, rows[i][2]) == NULL)
            fail_msg("\"%s\" is \"%s\":\n%s", rows[i][0], intent, code);
        json_array_append_new(programs, json_string(code));
    }
    assert_python(programs);
    json_decref(programs);
}

/* What people type to break in, or by accident: nothing of it is code. */
static void text_never_becomes_code(void **state)
{
    static const char *const texts[] = {"bar chart of A\"; import os; \" 10, B 20",
        "pie chart: a\\ 10, b\" 20, c\n 30", "sort \"]; import os #, b, c",
        "what is 2+2; import os", "what is __import__('os').system('id')",
        "plot x**2; import os from 0 to 1", "solve x = exec(1)",
        "count the words in \"a\\\" + import os + \\\"b\"", "mean of 1, 2, 3); import os",
        "heat map \"\"\"", "derivative of x.__class__", "what is 9**9**9**9", "plot sin(",
        "what is ((((((((((((((((((((((((((((((((((((((((((((((((((((((1",
        "first 99999999999999999999 primes", "what is 1e99999",
        "mean of 1e308, 99999999999999999999999999999999999999",
        "how many days between 2024-02-30 and 2024-13-01",
        "bar chart of \xf0\x9f\x8d\x8e 10, \xe9\xa6\x99\xe8\x95\x89 20", "roll 0 dice", "-", "?",
        "=", "x =", "= 3", "1/0", "0!", "-5!", "100000!"};
    json_t *programs = json_array();
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        const char *intent;
        cleanup_free char *code = planned(json_pack("[o]", said("user", texts[i])), &intent);
        json_array_append_new(programs, json_string(code));
        for (const char *at = code; (at = strstr(at, "import os")) != NULL; at++)
            if (at == code || at[-1] == '\n')
                fail_msg("\"%s\" is \"%s\":\n%s", texts[i], intent, code);
    }
    assert_python(programs);
    json_decref(programs);
}

static json_t *turns(const char *first, const char *second, const char *third)
{
    json_t *t = json_pack(
        "[o, o, o]", said("user", first), said("assistant", "done"), said("user", second));
    if (third != NULL) {
        json_array_append_new(t, said("assistant", "done"));
        json_array_append_new(t, said("user", third));
    }
    return t;
}

static void follow_ups_change_what_was_asked(void **state)
{
    static const char *const follow[][5] = {
        {"first 10 primes", "and the first 20?", NULL, "primes", "count = 20\n"},
        {"Generate a pie chart of market share", "now as a bar chart", NULL, "chart", "axis.bar("},
        {"pie chart: A 40, B 60", "now as a line chart", NULL, "chart", "values = [40, 60]"},
        {"pie chart: A 40, B 60", "now as a bar chart", "and save it as png", "chart",
            "figure.savefig(path"},
        {"Plot a sin wave", "now cos too", NULL, "plot", "\"cos x\": np.cos(x)"},
        {"Plot a sin wave", "now from 0 to 10", NULL, "plot", "low, high = 0, 10\n"},
        {"mean of 3, 5, 8", "and the median", NULL, "statistics", "asked = \"median\"\n"},
        {"Generate a pie chart of market share", "what is 2+2", NULL, "arithmetic",
            "result = 2 + 2\n"},
        {"first 10 primes", "now plot a cosine", NULL, "plot", "np.cos(x)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(follow) / sizeof(*follow); i++) {
        const char *intent;
        cleanup_free char *code = planned(turns(follow[i][0], follow[i][1], follow[i][2]), &intent);
        if (strcmp(intent, follow[i][3]) != 0 || strstr(code, follow[i][4]) == NULL)
            fail_msg("\"%s\", \"%s\" is \"%s\":\n%s", follow[i][0], follow[i][1], intent, code);
    }
}

static void files_are_profiled_or_asked_about(void **state)
{
    const char *intent;
    static const char *const generals[] = {"Analyze this Excel file and create a summary report",
        "Perform comprehensive analysis on this Excel file",
        "Analyze this Excel file comprehensively",
        "Please perform a comprehensive analysis of this Excel file", "Analyze this dataset",
        "Analyze this dataset and show correlations",
        "Analyze this dataset and plot something interesting about it.", "What is in it?", ""};
    (void)state;
    for (size_t i = 0; i < sizeof(generals) / sizeof(*generals); i++) {
        cleanup_free char *code =
            planned(json_pack("[o]", attached(generals[i], "sales.xlsx")), &intent);
        if (strcmp(code,
                "from cloche_analyst import profile\n\nprofile(\"/mnt/data/sales.xlsx\")\n") != 0)
            fail_msg("\"%s\" is \"%s\":\n%s", generals[i], intent, code);
    }
    cleanup_free char *asked =
        planned(json_pack("[o]", attached("revenue by region?", "sales.csv")), &intent);
    assert_string_equal(asked,
        "from cloche_analyst import plan\n\nplan(\"/mnt/data/sales.csv\", \"revenue by region?\")\n");
    cleanup_free char *later =
        planned(json_pack("[o, o, o]", attached("revenue by \"region\"", "sales.csv"),
                    said("assistant", "x"), said("user", "and the median")),
            &intent);
    assert_non_null(strstr(later, "\"and the median\", before=[\"revenue by \\\"region\\\"\"])"));
    cleanup_free char *aside = planned(json_pack("[o, o, o]", attached("analyze", "sales.csv"),
                                           said("assistant", "x"), said("user", "what is 6*7")),
        &intent);
    assert_non_null(strstr(aside, "result = 6 * 7\n"));
    cleanup_free char *made =
        planned(json_pack("[o, o, o]", said("user", "a csv with sample sales data"),
                    said("assistant", "Files: [a](sandbox:/mnt/data/sample_sales.csv)"),
                    said("user", "revenue by region")),
            &intent);
    assert_non_null(strstr(made, "plan(\"/mnt/data/sample_sales.csv\""));
}

/* ---- the adapter --------------------------------------------------------------------------------------- */

struct heard {
    struct strbuf text, arguments;
    unsigned calls, ends, pieces, most;
};

static int hear(void *context, const struct provider_piece *p)
{
    struct heard *h = context;
    h->pieces++;
    if (p->kind == PIECE_TEXT)
        strbuf_append(&h->text, p->text, p->length);
    if (p->kind == PIECE_CALL_ARGUMENTS)
        strbuf_append(&h->arguments, p->text, p->length);
    h->calls += p->kind == PIECE_CALL;
    h->ends += p->kind == PIECE_CALL_END;
    return h->most > 0 && h->pieces >= h->most;
}

/* Asks the analyst; `transcript`, `tools` and `more` (fields of the request) are taken. */
static int ask(json_t *transcript, json_t *tools, const struct provider_request *more,
    struct heard *h, struct provider_answer *ret, struct error *e)
{
    static struct provider offline = {
        .name = "offline", .wire = PROVIDER_OFFLINE, .attempts = 1, .timeout_us = 1000000};
    offline.adapter = provider_adapter_of(PROVIDER_OFFLINE);
    struct model_route route = {.provider = &offline,
        .provider_name = "offline",
        .wire = PROVIDER_OFFLINE,
        .tools = true,
        .local = true};
    struct provider_request q = more != NULL ? *more : (struct provider_request){0};
    *h = (struct heard){
        .text = STRBUF_INIT(1 << 20), .arguments = STRBUF_INIT(1 << 20), .most = h->most};
    q.route = &route;
    q.transcript = transcript;
    q.tools = tools;
    q.sink = hear;
    q.context = h;
    *e = (struct error){0};
    int r = provider_chat(&q, ret, e);
    json_decref(transcript);
    json_decref(tools);
    return r;
}
static void heard_deinit(struct heard *h)
{
    strbuf_deinit(&h->text);
    strbuf_deinit(&h->arguments);
}
static json_t *python_tool(void) { return json_pack("[{s:s}]", "name", "python"); }

static json_t *with_result(const char *prompt, const char *result, bool error)
{
    return json_pack("[o, {s:s, s:s, s:s, s:s}, {s:s, s:s, s:s, s:b}]", said("user", prompt),
        "type", "tool_call", "call_id", "call_1", "name", "python", "arguments", "{}", "type",
        "tool_result", "call_id", "call_1", "text", result, "is_error", error);
}

static void a_call_is_streamed_and_then_worded(void **state)
{
    struct heard h = {0};
    struct provider_answer a = {0};
    struct error e;
    (void)state;
    assert_int_equal(
        ask(json_pack("[o]", said("user", "first 5 primes")), python_tool(), NULL, &h, &a, &e), 0);
    assert_int_equal(a.finish, FINISH_CALLS);
    assert_int_equal(h.calls, 1);
    assert_int_equal(h.ends, 1);
    assert_true(h.pieces > 6);
    assert_string_equal(strbuf_text(&h.text), "I compute the first 5 prime numbers.");
    json_t *arguments = json_loads(strbuf_text(&h.arguments), 0, NULL);
    assert_non_null(strstr(item_text(arguments, "code"), "count = 5\n"));
    assert_int_equal(json_array_size(a.items), 2);
    assert_true(a.usage.known && a.usage.output_tokens == 0);
    assert_string_equal(a.model, "offline");
    json_decref(arguments);
    provider_answer_deinit(&a);
    heard_deinit(&h);

    assert_int_equal(
        ask(with_result("first 5 primes", "The first 5 prime numbers are 2, 3, 5, 7, 11.", false),
            python_tool(), NULL, &h, &a, &e),
        0);
    assert_int_equal(a.finish, FINISH_STOP);
    cleanup_free char *expected = NULL;
    assert_true(asprintf(&expected, "The first 5 prime numbers are 2, 3, 5, 7, 11.\n\n%s",
                    offline_signature) > 0);
    assert_string_equal(strbuf_text(&h.text), expected);
    provider_answer_deinit(&a);
    heard_deinit(&h);
}

/* What a result says, and what the answer must have. */
static void results_become_answers(void **state)
{
    static const char *const cases[][3] = {
        {"```python\nx\n```", "a  b\n``` c\nFile created: /mnt/data/a (1).csv (12 bytes)",
            "````\na  b\n``` c\n````\n\nFiles: [a (1).csv](sandbox:/mnt/data/a%20%281%29.csv)\n"},
        {"```python\nx\n```", "(no output)", "It ran, and printed nothing."},
        {"first 5 primes",
            "A sentence.\n\nname   value\na      1\n2 figures were displayed to the person (cfile_1, cfile_2). You cannot see them",
            "A sentence.\n\n```\nname   value\na      1\n```"},
        {"Analyze this dataset",
            "rows\n----- summary -----\n**Summary:** it.\n----- end of summary -----\nFile created: /mnt/data/x.html (9 bytes)",
            "**Summary:** it.\n\n*Offline"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct heard h = {0};
        struct provider_answer a = {0};
        struct error e;
        assert_int_equal(
            ask(with_result(cases[i][0], cases[i][1], false), python_tool(), NULL, &h, &a, &e), 0);
        if (strstr(strbuf_text(&h.text), cases[i][2]) == NULL)
            fail_msg("%zu: %s", i, strbuf_text(&h.text));
        assert_non_null(strstr(strbuf_text(&h.text), offline_signature));
        provider_answer_deinit(&a);
        heard_deinit(&h);
    }
}

static void offered_code_is_the_next_call(void **state)
{
    struct heard h = {0};
    struct provider_answer a = {0};
    struct error e;
    json_t *t = json_pack("[o, {s:s, s:s, s:s, s:s}, {s:s, s:s, s:s}]",
        attached("revenue by region", "s.csv"), "type", "tool_call", "call_id", "c", "name",
        "python", "arguments", "{}", "type", "tool_result", "call_id", "c", "text",
        "s.csv: 3 rows\nUnderstood: the total.\n----- code -----\nprint(1)\n----- end of code -----");
    (void)state;
    assert_int_equal(ask(json_incref(t), python_tool(), NULL, &h, &a, &e), 0);
    assert_string_equal(strbuf_text(&h.text), "Understood: the total.");
    assert_string_equal(strbuf_text(&h.arguments), "{\"code\":\"print(1)\\n\"}");
    provider_answer_deinit(&a);
    heard_deinit(&h);
    assert_int_equal(ask(t, NULL, NULL, &h, &a, &e), 0); /* no more code may be run */
    assert_int_equal(h.calls, 0);
    assert_non_null(strstr(strbuf_text(&h.text), "```python\nprint(1)\n"));
    provider_answer_deinit(&a);
    heard_deinit(&h);
}

static void errors_are_sentences(void **state)
{
    struct heard h = {0};
    struct provider_answer a = {0};
    struct error e;
    (void)state;
    ask(with_result("```python\n1/0\n```",
            "Traceback (most recent call last):\n  File \"<cell 1>\", line 1, in <module>\nZeroDivisionError: division by zero",
            true),
        python_tool(), NULL, &h, &a, &e);
    assert_non_null(
        strstr(strbuf_text(&h.text), "The code stopped: `ZeroDivisionError: division by zero`"));
    provider_answer_deinit(&a);
    heard_deinit(&h);
    ask(with_result("plot a sin wave",
            "Traceback\nModuleNotFoundError: No module named 'numpy'\n'numpy' is not installed, and cannot be from here",
            true),
        python_tool(), NULL, &h, &a, &e);
    assert_non_null(strstr(strbuf_text(&h.text), "environment `data-science`"));
    provider_answer_deinit(&a);
    heard_deinit(&h);
}

static void what_was_demanded_is_kept_to(void **state)
{
    struct heard h = {0};
    struct provider_answer a = {0};
    struct error e;
    json_t *required = json_string("required"), *none = json_string("none"),
           *schema = json_pack("{s:s}", "type", "json_schema"),
           *object = json_pack("{s:s}", "type", "json_object");
    (void)state;
    ask(json_pack("[o]", said("user", "hello")), python_tool(),
        &(struct provider_request){.tool_choice = required}, &h, &a, &e);
    assert_int_equal(a.finish, FINISH_CALLS);
    provider_answer_deinit(&a);
    heard_deinit(&h);
    ask(json_pack("[o]", said("user", "first 5 primes")), python_tool(),
        &(struct provider_request){.tool_choice = none}, &h, &a, &e);
    assert_int_equal(h.calls, 0);
    assert_non_null(strstr(strbuf_text(&h.text), "switched off"));
    provider_answer_deinit(&a);
    heard_deinit(&h);
    assert_true(ask(json_pack("[o]", said("user", "hello")), NULL,
                    &(struct provider_request){.text_format = schema}, &h, &a, &e) < 0);
    assert_int_equal(e.code, ERROR_UNSUPPORTED_PARAMETER);
    heard_deinit(&h);
    ask(json_pack("[o]", said("user", "hello")), NULL,
        &(struct provider_request){.text_format = object}, &h, &a, &e);
    json_t *parsed = json_loads(strbuf_text(&h.text), 0, NULL);
    assert_non_null(strstr(item_text(parsed, "answer"), "offline analyst"));
    json_decref(parsed);
    provider_answer_deinit(&a);
    heard_deinit(&h);
    ask(json_pack("[o]", said("user", "hello")), NULL,
        &(struct provider_request){.max_output_tokens = 20}, &h, &a, &e);
    assert_int_equal(a.finish, FINISH_LENGTH);
    assert_true(h.text.length > 10 && h.text.length < 200);
    provider_answer_deinit(&a);
    heard_deinit(&h);
    h = (struct heard){.most = 3};
    assert_int_equal(
        ask(json_pack("[o]", said("user", "hello")), NULL, NULL, &h, &a, &e), -ECANCELED);
    heard_deinit(&h);
    json_decref(required);
    json_decref(none);
    json_decref(schema);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_have_intents),
        cmocka_unit_test(text_never_becomes_code),
        cmocka_unit_test(follow_ups_change_what_was_asked),
        cmocka_unit_test(files_are_profiled_or_asked_about),
        cmocka_unit_test(a_call_is_streamed_and_then_worded),
        cmocka_unit_test(results_become_answers),
        cmocka_unit_test(offered_code_is_the_next_call),
        cmocka_unit_test(errors_are_sentences),
        cmocka_unit_test(what_was_demanded_is_kept_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
