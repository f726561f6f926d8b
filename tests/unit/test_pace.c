/* The account of what the server works for one sandbox. Work is this thread's, on its own processor time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "session/pace.h"

static void work(int64_t us)
{
    struct timespec from, now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    do
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    while ((now.tv_sec - from.tv_sec) * 1000000 + (now.tv_nsec - from.tv_nsec) / 1000 < us);
}

static void work_beyond_what_goes_at_once_is_rested_from(void **state)
{
    struct pace p = {0};
    (void)state;
    pace_begin(&p);
    work(50000);
    assert_int_equal(pace_look(&p, true), 0);
    work(250000);
    int64_t until = pace_look(&p, true);
    assert_true(until > clock_monotonic_us());
    assert_int_equal(pace_look(&p, false), 0); /* it has no time to */
    pace_end(&p);
    pace_begin(&p); /* and it is owed by whoever comes next */
    assert_true(pace_look(&p, true) > 0);
    pace_end(&p);
}

/* As many as there may be in a second, or they would rest for what everybody does. */
static void what_is_free_is_not_owed(void **state)
{
    struct pace p = {0};
    (void)state;
    for (int i = 0; i < 300; i++) {
        pace_begin(&p);
        work(500);
        pace_end_beyond(&p, 1000000);
    }
    assert_in_range(p.owed_us, 0, 5000); /* to look at the clock is work, too */
    pace_begin(&p);
    work(30000);
    pace_end_beyond(&p, 10000);
    assert_in_range(p.owed_us, 19000, 35000);
    pace_end_beyond(NULL, 1000); /* an account on which nothing is put */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_beyond_what_goes_at_once_is_rested_from),
        cmocka_unit_test(what_is_free_is_not_owed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
