/* When a ground gives way to the others: what was written last, into a file in place of its cpu.idle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "session/grounds_private.h"

static struct ground ground;

/* What was written since the last look; 0: nothing. */
static char written(void)
{
    char c = 0;
    if (pread(ground.weight.idle_fd, &c, 1, 0) < 1)
        c = 0;
    assert_int_equal(ftruncate(ground.weight.idle_fd, 0), 0);
    return c;
}

static int setup(void **state)
{
    (void)state;
    ground = (struct ground){0};
    pthread_mutex_init(&ground.weight.lock, NULL);
    ground_weight_init(&ground, memfd_create("idle", 0));
    return written() == '0' ? 0 : -1; /* whatever a server before has left there */
}

static int teardown(void **state)
{
    (void)state;
    return close(ground.weight.idle_fd) + pthread_mutex_destroy(&ground.weight.lock);
}

static void nothing_is_written_while_nobody_gives_way(void **state)
{
    (void)state;
    struct sandbox s = {.ground = &ground};
    sandbox_work_begins(&s);
    ground_work_begins(&ground);
    sandbox_work_ends(&s);
    ground_work_ends(&ground);
    sandbox_weighs_nothing(&s);
    assert_int_equal(written(), 0);
}

static void a_ground_is_idle_with_its_only_work(void **state)
{
    (void)state;
    struct sandbox s = {.ground = &ground};
    sandbox_work_begins(&s);
    sandbox_gave_way(&s, true);
    assert_int_equal(written(), '1');
    sandbox_gave_way(&s, false); /* interrupted */
    assert_int_equal(written(), '0');
    sandbox_work_ends(&s);
    assert_int_equal(written(), 0);
}

static void what_counts_in_full_lifts_those_behind(void **state)
{
    (void)state;
    struct sandbox hog = {.ground = &ground}, other = {.ground = &ground};
    sandbox_work_begins(&other);
    sandbox_work_begins(&hog);
    sandbox_gave_way(&hog, true);
    assert_int_equal(written(), 0); /* the other counts in full */
    sandbox_work_ends(&other);
    assert_int_equal(written(), '1');
    sandbox_work_begins(&other);
    assert_int_equal(written(), '0');
    ground_work_begins(&ground);
    sandbox_work_ends(&other);
    assert_int_equal(written(), 0);
    ground_work_ends(&ground);
    assert_int_equal(written(), '1');
    sandbox_work_ends(&hog); /* what it left running */
    assert_int_equal(written(), 0);
    sandbox_work_begins(&hog); /* it left so much that its next execution is behind, too */
    assert_int_equal(written(), 0);
    sandbox_gave_way(&hog, false);
    assert_int_equal(written(), '0');
}

static void who_ended_gives_way_no_more(void **state)
{
    (void)state;
    struct sandbox hog = {.ground = &ground};
    sandbox_work_begins(&hog);
    sandbox_gave_way(&hog, true);
    assert_int_equal(written(), '1');
    ground_work_begins(&ground); /* its end */
    sandbox_weighs_nothing(&hog);
    assert_int_equal(written(), '0');
    sandbox_gave_way(&hog, false); /* its execution has yet to hear of it */
    sandbox_gave_way(&hog, true);
    sandbox_work_ends(&hog);
    ground_work_ends(&ground);
    assert_int_equal(written(), 0);
    assert_int_equal(ground.weight.full + ground.weight.behind, 0);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_written_while_nobody_gives_way, setup, teardown),
        cmocka_unit_test_setup_teardown(a_ground_is_idle_with_its_only_work, setup, teardown),
        cmocka_unit_test_setup_teardown(what_counts_in_full_lifts_those_behind, setup, teardown),
        cmocka_unit_test_setup_teardown(who_ended_gives_way_no_more, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
