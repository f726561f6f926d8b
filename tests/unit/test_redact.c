/* What leaves for a remote model: patterns, columns, counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/redact.h"

static struct error err;

static struct redaction *rules(const char *config)
{
    struct redaction *r = NULL;
    json_t *table = json_loads(config, 0, NULL);
    assert_non_null(table);
    err.message[0] = 0;
    if (redaction_new(table, &r, &err) < 0)
        r = NULL;
    json_decref(table);
    return r;
}

static void expect(const char *config, const char *text, const char *masked, const char *counted)
{
    struct redaction *r = rules(config);
    struct strbuf out = STRBUF_INIT(1 << 20);
    json_t *counts = json_object();
    if (!r)
        fail_msg("%s", err.message);
    assert_int_equal(redact(r, text, strlen(text), &out, counts), 0);
    char *got = json_dumps(counts, JSON_COMPACT | JSON_SORT_KEYS);
    if (strcmp(strbuf_text(&out), masked) != 0 || strcmp(got, counted) != 0)
        fail_msg(
            "%s\ngives\n%s %s\ninstead of\n%s %s", text, strbuf_text(&out), got, masked, counted);
    free(got);
    json_decref(counts);
    strbuf_deinit(&out);
    redaction_free(r);
}

#define EMAIL "{\"patterns\":[\"email\"]}"
#define PHONE "{\"patterns\":[\"phone\"]}"
#define CARD "{\"patterns\":[\"card\"]}"
#define SSN "{\"patterns\":[\"ssn\"]}"
#define IBAN "{\"patterns\":[\"iban\"]}"
#define ALL "{\"patterns\":[\"email\",\"phone\",\"card\",\"ssn\",\"iban\"]}"

static void emails(void **state)
{
    (void)state;
    expect(EMAIL, "ann.b+c@example.co.uk, <bob@x.io>", "[email], <[email]>", "{\"email\":2}");
    expect(EMAIL, "0  ann@example.com\n1  é@例.com a@b @x x@", "0  [email]\n1  é@例.com a@b @x x@",
        "{\"email\":1}");
    expect(EMAIL, "", "", "{}");
}

static void phones(void **state)
{
    (void)state;
    expect(PHONE, "+49 30 1234567, (555) 123-4567, 555-123-4567, +4915112345678",
        "[phone], [phone], [phone], [phone]", "{\"phone\":4}");
    expect(PHONE, "2024-01-15 12:30:00  1700000000  3.14159265  +12.345678901  10.0.0.1  1234567",
        "2024-01-15 12:30:00  1700000000  3.14159265  +12.345678901  10.0.0.1  1234567", "{}");
}

static void cards(void **state)
{
    (void)state;
    expect(CARD, "4111 1111 1111 1111 and 5500-0000-0000-0004, 378282246310005",
        "[card] and [card], [card]", "{\"card\":3}");
    /* a wrong digit; a float; a nanosecond time; what goes on behind the card */
    expect(CARD, "4111111111111112 0.4111111111111111 1700000000000000000",
        "4111111111111112 0.4111111111111111 1700000000000000000", "{}");
    expect(CARD, "4111 1111 1111 1111 42", "[card] 42", "{\"card\":1}");
}

static void numbers_of_persons_and_accounts(void **state)
{
    (void)state;
    expect(SSN, "123-45-6789 000-12-3456 666-12-3456 123-00-4567 1-123-45-6789",
        "[ssn] 000-12-3456 666-12-3456 123-00-4567 1-123-45-6789", "{\"ssn\":1}");
    expect(IBAN, "DE89370400440532013000 GB82 WEST 1234 5698 7654 32 NEXT", "[iban] [iban] NEXT",
        "{\"iban\":2}");
    expect(IBAN, "DE88370400440532013000 AB12CDEF", "DE88370400440532013000 AB12CDEF", "{}");
    expect(ALL, "a@b.de +49 30 1234567 4111111111111111 123-45-6789 DE89370400440532013000",
        "[email] [phone] [card] [ssn] [iban]",
        "{\"card\":1,\"email\":1,\"iban\":1,\"phone\":1,\"ssn\":1}");
}

static void own_patterns(void **state)
{
    (void)state;
    expect("{\"custom\":{\"staff\":\"E-[0-9]{3}\"}}", "E-123, E-12, E-4567",
        "[staff], E-12, [staff]7", "{\"staff\":2}");
    expect("{\"custom\":{\"nothing\":\"x*\"}}", "abxxc", "ab[nothing]c", "{\"nothing\":1}");
    expect("{\"custom\":{\"wort\":\"(?i)\\\\bü\\\\w+\"}}", "Über alles", "[wort] alles",
        "{\"wort\":1}");
    /* more steps than a match may take: nothing of the text leaves */
    expect("{\"custom\":{\"slow\":\"(a+)+$\"}}",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
        "[withheld: the pattern 'slow' could not be applied to this text]", "{\"slow\":1}");
}

#define SALARY "{\"columns\":[\"salary\"]}"

static void columns(void **state)
{
    (void)state;
    expect(SALARY, "name,salary,x\nAnn,1000,2\n\"B, C\",\"2,5\",3\n\nthe salary is fine\n",
        "name,salary,x\nAnn,[salary],2\n\"B, C\",[salary],3\n\nthe salary is fine\n",
        "{\"column:salary\":2}");
    expect(
        SALARY, "a\tSalary\n1\t2\n3\t\n", "a\tSalary\n1\t[salary]\n3\t\n", "{\"column:salary\":1}");
    expect(SALARY, "| name | salary |\n|------|-------:|\n| Ann  | 1000   |\n",
        "| name | salary |\n|------|-------:|\n| Ann  | [salary]   |\n", "{\"column:salary\":1}");
    /* pandas */
    expect(SALARY,
        "   name  salary  age\n"
        "0   Ann    1000   30\n"
        "1  Bobo  123456    4\n"
        "\n"
        "[2 rows x 3 columns]",
        "   name  salary  age\n"
        "0   Ann    ****   30\n"
        "1  Bobo  ******    4\n"
        "\n"
        "[2 rows x 3 columns]",
        "{\"column:salary\":2}");
    expect(SALARY, "             name      salary\ncount           2    2.000000\n",
        "             name      salary\ncount           2    [salary]\n", "{\"column:salary\":1}");
    expect(SALARY, "name       Ann\nsalary    1000\nName: 0, dtype: object",
        "name       Ann\nsalary    [salary]\nName: 0, dtype: object", "{\"column:salary\":1}");
    expect("{\"columns\":[\"first name\",\"age\"]}", "  first name  age  x\n0        Ann   30  1\n",
        "  first name  age  x\n0        ***   **  1\n",
        "{\"column:age\":1,\"column:first name\":1}");
    /* keys */
    expect(SALARY, "{\"name\": \"Ann\", \"salary\": 1000, \"x\": {\"salary\":\"a \\\"b\\\"\"}}",
        "{\"name\": \"Ann\", \"salary\": [salary], \"x\": {\"salary\":[salary]}}",
        "{\"column:salary\":2}");
    expect(SALARY, "{'salary': [1, 2], 'y': 1}", "{'salary': [salary], 'y': 1}",
        "{\"column:salary\":1}");
    expect(SALARY, "salary=5; salary_max=6; unsalary: 7",
        "salary=[salary]; salary_max=6; unsalary: 7", "{\"column:salary\":1}");
    expect(SALARY, "The salary column has 3 missing values.\nIt is   salary based.",
        "The salary column has 3 missing values.\nIt is   salary based.", "{}");
}

static void refused_configurations(void **state)
{
    (void)state;
    assert_null(rules("{\"patterns\":[\"emial\"]}"));
    assert_non_null(strstr(err.message, "did you mean \"email\""));
    assert_null(rules("{\"paterns\":[]}"));
    assert_int_equal(err.code, ERROR_UNKNOWN_PARAMETER);
    assert_non_null(strstr(err.message, "\"patterns\""));
    assert_null(rules("{\"custom\":{\"x\":\"(\"}}"));
    assert_non_null(strstr(err.message, "\"x\""));
    assert_null(rules("{\"custom\":{\"x y\":\"a\"}}"));
    assert_null(rules("{\"columns\":[1]}"));
    assert_null(rules("{\"local\":1}"));
    assert_int_equal(err.code, ERROR_INVALID_TYPE);
}

static void where_it_applies(void **state)
{
    (void)state;
    struct redaction *r = rules(EMAIL);
    assert_true(redaction_applies(r, false));
    assert_false(redaction_applies(r, true));
    assert_true(redaction_figures(r));
    redaction_free(r);
    r = rules("{\"local\":true,\"figures\":false}");
    assert_true(redaction_applies(r, true));
    assert_false(redaction_figures(r));
    redaction_free(r);
    assert_false(redaction_applies(NULL, false));
    assert_true(redaction_figures(NULL));
}

/* Of long tables the middle is left out, and wide rows end early: what is below the header is masked all the same. */
static void tables_that_are_not_whole(void **state)
{
    (void)state;
    static const char column[] = "{\"columns\":[\"salary\"]}";
    expect(column,
        "name,salary\nAnn,1\n[… 9 characters left out here: print less, or write it to a file …]\nBo,2\n",
        "name,salary\nAnn,[salary]\n[… 9 characters left out here: print less, or write it to a file "
        "…]\nBo,[salary]\n",
        "{\"column:salary\":2}");
    expect(column, "name,salary,a,b\nAnn,1,x y…\nBo,2\n",
        "name,salary,a,b\nAnn,[salary],x y…\nBo,2\n", "{\"column:salary\":1}");
    expect(column, "name,salary,a…\nAnn,1,2,3,4\n", "name,salary,a…\nAnn,[salary],2,3,4\n",
        "{\"column:salary\":1}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(emails),
        cmocka_unit_test(tables_that_are_not_whole),
        cmocka_unit_test(phones),
        cmocka_unit_test(cards),
        cmocka_unit_test(numbers_of_persons_and_accounts),
        cmocka_unit_test(own_patterns),
        cmocka_unit_test(columns),
        cmocka_unit_test(refused_configurations),
        cmocka_unit_test(where_it_applies),
    };
    return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}
