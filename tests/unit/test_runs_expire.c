/* Runs that wait for results after their time is over: all of them end, whatever one of them does, and a server
 * that stops does not end them first. */
#include "store_place.h"

#include "agent/run.h"

/* ---- what the dialect is told of ends, and what it then does -------------------------------------------------- */

static struct runs *runs;
static struct {
    pthread_mutex_t lock;
    pthread_cond_t change;
    unsigned ends;
    bool stops; /* at an end it waits until the server stops */
} told = {.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};

/* With room for no run there is one reason more to refuse one when the server stops. */
static void wait_for_stop(void)
{
    struct run_spec spec = {.project = "default", .dialect = "assistants"};
    struct run *run;
    struct error e = {0};
    do {
        sched_yield();
        assert_true(run_start(runs, &spec, &run, &e) < 0);
    } while (e.code == ERROR_QUEUE_FULL);
    assert_int_equal(e.code, ERROR_UNAVAILABLE);
}

static json_t *ended(void *context, struct run *run)
{
    struct run_info info;
    (void)context;
    run_info(run, &info);
    assert_int_equal(info.status, RUN_EXPIRED);
    run_info_deinit(&info);
    pthread_mutex_lock(&told.lock);
    told.ends++;
    bool stops = told.stops;
    pthread_cond_broadcast(&told.change);
    pthread_mutex_unlock(&told.lock);
    if (stops)
        wait_for_stop();
    return NULL;
}

static void wait_for_ends(unsigned n)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30; /* less than the pause after a failure */
    pthread_mutex_lock(&told.lock);
    while (told.ends < n)
        if (pthread_cond_timedwait(&told.change, &told.lock, &until) == ETIMEDOUT)
            break;
    unsigned ends = told.ends;
    pthread_mutex_unlock(&told.lock);
    assert_int_equal(ends, n);
}

/* ---- the runs ---------------------------------------------------------------------------------------------------- */

static const struct run_dialect dialects[] = {{"assistants", ended, NULL}};

static int setup_runs(void **state)
{
    int r = setup(state);
    if (r)
        return r;
    told.ends = 0;
    told.stops = false;
    struct place *p = *state;
    struct runs_config config = {
        .store = p->store, .environments_dir = -1, .dialects = dialects, .n_dialects = 1};
    return runs_new(&config, &runs, &err);
}

static int teardown_runs(void **state)
{
    assert_true(runs_stop(runs, 5000, 5000));
    runs = runs_free(runs);
    return teardown(state);
}

static void add_waiting(struct place *p, const char *id, int64_t expires_at, const char *output)
{
    struct store_run row = {.id = (char *)id,
        .project = "default",
        .dialect = "assistants",
        .status = "requires_action",
        .model = "m",
        .conversation_id = "thread_1",
        .created_at = 1,
        .expires_at = expires_at,
        .output = (char *)output};
    OK(store_run_insert(p->store, &row, 0, &err));
}

static void expect_status(struct place *p, const char *id, const char *status)
{
    struct store_run row;
    OK(store_run_get(p->store, "default", NULL, id, &row, &err));
    assert_string_equal(row.status, status);
    store_run_deinit(&row);
}

/* ---- cases ----------------------------------------------------------------------------------------------------------- */

static void one_that_cannot_be_ended_keeps_no_other_waiting(void **state)
{
    struct place *p = *state;
    add_waiting(p, "run_broken", 10, "{ no JSON");
    add_waiting(p, "run_same_time", 10, "[]");
    add_waiting(p, "run_broken_too", 20, "{ no JSON");
    add_waiting(p, "run_last", 30, "[]");
    add_waiting(p, "run_not_yet", clock_realtime_s() + 3600, "[]");
    OK(runs_watch(runs, &err));
    wait_for_ends(2);
    add_waiting(p, "run_later", 40, "[]"); /* nor one that is due afterwards */
    wait_for_ends(3);
    assert_true(runs_stop(runs, 5000, 5000));
    expect_status(p, "run_same_time", "expired");
    expect_status(p, "run_last", "expired");
    expect_status(p, "run_later", "expired");
    expect_status(p, "run_broken", "requires_action");
    expect_status(p, "run_broken_too", "requires_action");
    expect_status(p, "run_not_yet", "requires_action");
}

static void a_server_that_stops_leaves_the_others(void **state)
{
    struct place *p = *state;
    char id[ID_SIZE];
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "run_%d", i);
        add_waiting(p, id, 10 + i, "[]");
    }
    told.stops = true; /* in the midst of the first one's end */
    OK(runs_watch(runs, &err));
    wait_for_ends(1);
    assert_true(runs_stop(runs, 0, 0));
    assert_int_equal(told.ends, 1);
    expect_status(p, "run_0", "expired");
    expect_status(p, "run_1", "requires_action");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_runs, teardown_runs)
    const struct CMUnitTest tests[] = {
        CASE(one_that_cannot_be_ended_keeps_no_other_waiting),
        CASE(a_server_that_stops_leaves_the_others),
    };
    return cmocka_run_group_tests_name("runs_expire", tests, NULL, NULL);
}
