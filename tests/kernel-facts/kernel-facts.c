/* Every row of the table of facts as a test of its name. A fact that is there and behaves otherwise than
 * Cloche builds on fails. A required one that is missing is a skip, and a failure where CLOCHE_MUST_WORK
 * is set; an optional one that is missing is told with what it costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "sandbox/probe.h"

enum { MOST = 64 };

static void fact(void **state)
{
    const struct probe *p = *state;
    struct probe_result r;
    const char *must = getenv("CLOCHE_MUST_WORK");
    probe_run(p, &r);
    if (r.status == 0) {
        if (r.detail[0])
            print_message("# %s: %s\n", p->name, r.detail);
        return;
    }
    if (r.status == PROBE_ABSENT) {
        print_message("# %s: none, and no need (%s)\n", p->name, r.detail);
        return;
    }
    if (r.status == -EPROTO)
        fail_msg("%s: %s", p->name, r.detail);
    if (!probe_required(p)) {
        print_message("# %s is missing (%s); lost: %s\n", p->name, r.detail, p->lost);
        return;
    }
    print_message("# %s, which Cloche needs (%s), is missing: %s\n", p->name, p->use, r.detail);
    if (must && must[0] && strcmp(must, "0"))
        fail();
    skip();
}

int main(void)
{
    size_t n;
    const struct probe *table = probe_table(&n);
    struct CMUnitTest tests[MOST];
    for (size_t i = 0; i < n && i < MOST; i++)
        tests[i] = (struct CMUnitTest){
            .name = table[i].name, .test_func = fact, .initial_state = (void *)&table[i]};
    return _cmocka_run_group_tests("kernel facts", tests, n < MOST ? n : MOST, NULL, NULL);
}
