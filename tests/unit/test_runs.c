/* Runs without code: rounds, events, storage, readers, ends. The model is a function of the test; what
 * happens in a session is tested over HTTP. */
#include "store_place.h"

#include <math.h>

#include "agent/run.h"
#include "provider/internal.h"

/* ---- a model ---------------------------------------------------------------------------------------------- */

/* Answers call by call. `seen` are the requests as they came. */
static struct {
    int (*answer)(struct answer *a, const struct provider_request *q, int call);
    atomic_int calls;
    json_t *seen;
    pthread_mutex_t lock;
    pthread_cond_t change;
    bool go;
} model = {.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};

static int model_chat(const struct provider_request *q, struct answer *a, struct error *e)
{
    (void)e;
    pthread_mutex_lock(&model.lock);
    json_array_append_new(
        model.seen, json_pack("{ss? so sO? sO? sI}", "instructions", q->instructions, "transcript",
                        json_deep_copy(q->transcript), "tools", q->tools, "choice", q->tool_choice,
                        "max", (json_int_t)q->max_output_tokens));
    pthread_mutex_unlock(&model.lock);
    int r = model.answer(a, q, atomic_fetch_add(&model.calls, 1));
    answer_usage(a, &(struct provider_usage){100, 10, 3, 20, 5});
    return r;
}

/* Waits until the test lets it go on, or cancels. */
static int wait_for_test(const struct provider_request *q)
{
    pthread_mutex_lock(&model.lock);
    while (!model.go && !atomic_load(q->cancel)) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        t.tv_nsec += 5000000;
        if (t.tv_nsec >= 1000000000) {
            t.tv_sec++;
            t.tv_nsec -= 1000000000;
        }
        pthread_cond_timedwait(&model.change, &model.lock, &t);
    }
    pthread_mutex_unlock(&model.lock);
    return atomic_load(q->cancel) ? -ECANCELED : 0;
}

static void let_go(void)
{
    pthread_mutex_lock(&model.lock);
    model.go = true;
    pthread_cond_broadcast(&model.change);
    pthread_mutex_unlock(&model.lock);
}

static int call(struct answer *a, const char *id, const char *name, const char *arguments)
{
    unsigned n;
    int r = answer_call(a, id, name, &n);
    if (r == 0)
        r = answer_call_arguments(a, n, arguments, strlen(arguments));
    return r < 0 ? r : answer_call_end(a, n, NULL);
}

static int text(struct answer *a, const char *words)
{
    return answer_text(a, words, strlen(words));
}

/* ---- the test's own ------------------------------------------------------------------------------------------ */

static const struct provider_adapter adapter = {.name = "test", .chat = model_chat};
static struct provider provider = {.name = "test", .adapter = &adapter, .timeout_us = 60000000};
static struct runs *runs;
static json_t *ended_items, *input;
static enum run_status ended_status;

/* The dialect's part of a conversation: whatever the test says; it must see the whole run. */
static json_t *ended(void *context, struct run *run)
{
    struct run_info info;
    struct run_event *events;
    size_t n;
    (void)context;
    run_info(run, &info);
    ended_status = info.status;
    assert_int_equal(run_events(run, 0, 0, &events, &n, &err), 1);
    assert_true(n > 0 && strncmp(events[n - 1].type, "run.", 4) == 0);
    run_events_free(events, n);
    run_info_deinit(&info);
    return json_incref(ended_items);
}

static const struct run_dialect dialects[] = {{"responses", ended, NULL}};

static void runs_begin(struct place *p)
{
    struct runs_config config = {.store = p->store,
        .environments_dir = -1,
        .max_active = 4,
        .max_rounds = 5,
        .execution_timeout_ms = 60000,
        .wall_ms = 60000,
        .dialects = dialects,
        .n_dialects = 1};
    OK(runs_new(&config, &runs, &err));
}

static int setup_runs(void **state)
{
    model.seen = json_array();
    atomic_store(&model.calls, 0);
    model.go = false;
    int r = setup(state);
    if (r == 0)
        runs_begin(*state);
    return r;
}

static int teardown_runs(void **state)
{
    assert_true(runs_stop(runs, 5000, 5000));
    runs_free(runs);
    json_decref(model.seen);
    json_decref(ended_items);
    json_decref(input);
    ended_items = input = NULL;
    return teardown(state);
}

static struct run_spec spec_of(int (*answer)(struct answer *, const struct provider_request *, int))
{
    json_decref(input);
    input = json_pack("[{ss ss s[{ss ss}]}]", "type", "message", "role", "user", "content", "type",
        "text", "text", "Hello");
    model.answer = answer;
    struct run_spec spec = {.project = "default",
        .dialect = "responses",
        .route = {.provider = &provider,
            .provider_name = "test",
            .model = "m",
            .name = "test/m",
            .tools = true,
            .priced = true,
            .price_input = 1000,
            .price_cached = 100,
            .price_output = 2000},
        .input = input,
        .temperature = NAN,
        .top_p = NAN,
        .store = true};
    return spec;
}

static struct run *start(const struct run_spec *spec)
{
    struct run *run = NULL;
    OK(run_start(runs, spec, &run, &err));
    return run;
}

/* All events, one a line, without ids and numbers that differ. Malloc'ed. */
static char *told(struct run *run)
{
    struct strbuf all = STRBUF_INIT(1 << 20);
    for (uint64_t from = 0;;) {
        struct run_event *events;
        size_t n;
        int r = run_events(run, from, 5000, &events, &n, &err);
        assert_true(r >= 0);
        for (size_t i = 0; i < n; i++) {
            json_t *event = json_loads(events[i].json, 0, NULL);
            assert_non_null(event);
            assert_string_equal(events[i].type, json_string_value(json_object_get(event, "type")));
            json_object_del(event, "id");
            json_t *at = json_object_get(event, "at");
            assert_true(!at || json_integer_value(at) > 1700000000);
            json_object_del(event, "at");
            size_t k;
            json_t *waiting;
            json_array_foreach (json_object_get(event, "calls"), k, waiting)
                json_object_set_new(waiting, "id", json_string("X"));
            json_object_del(event, "type");
            char *rest = json_dumps(event, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(6));
            strbuf_printf(&all, "%s %s\n", events[i].type, rest);
            free(rest);
            json_decref(event);
        }
        from += n;
        run_events_free(events, n);
        if (r == 1)
            return strbuf_take(&all);
        assert_true(n > 0); /* else nothing came in 5 s */
    }
}

static void expect_told(struct run *run, const char *expected)
{
    char *all = told(run);
    if (strcmp(all, expected) != 0)
        fail_msg("told:\n%sinstead of:\n%s", all, expected);
    free(all);
}

static enum run_status status_of(struct run *run)
{
    struct run_info info;
    run_info(run, &info);
    enum run_status s = info.status;
    run_info_deinit(&info);
    return s;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static int just_text(struct answer *a, const struct provider_request *q, int n)
{
    (void)q, (void)n;
    int r = text(a, "Hel");
    return r < 0 ? r : text(a, "lo.");
}

static const char just_text_told[] =
    "run.started {\"container_id\":null,\"model\":\"test/m\"}\n"
    "item.started {\"item\":0,\"kind\":\"message\"}\n"
    "text.delta {\"item\":0,\"text\":\"Hel\"}\n"
    "text.delta {\"item\":0,\"text\":\"lo.\"}\n"
    "item.completed {\"annotations\":[],\"item\":0,\"kind\":\"message\",\"status\":\"completed\",\"text\":\"Hello.\"}\n"
    "usage {\"cache_write_tokens\":3,\"cached_tokens\":10,\"input_tokens\":100,\"output_tokens\":20,\"reasoning_tokens\":5}\n"
    "run.completed {\"cloche\":{\"cost\":0.131,\"currency\":\"usd\",\"masked\":{}}}\n";

/* Live, later, by another handle, and after a restart: the same. */
static void a_run_reads_the_same_for_ever(void **state)
{
    struct place *p = *state;
    struct run_spec spec = spec_of(just_text);
    spec.request = json_pack("{ss}", "k", "v");
    spec.previous_id = "resp_before";
    struct run *run = start(&spec), *found;
    json_decref(spec.request);
    struct run_info info;
    expect_told(run, just_text_told);
    run_wait(run);
    assert_int_equal(status_of(run), RUN_COMPLETED);
    run_info(run, &info);
    char id[ID_SIZE];
    memcpy(id, info.id, sizeof id);
    run_info_deinit(&info);
    run_unref(run);

    runs_stop(runs, 1000, 5000);
    runs_free(runs);
    reopen(p);
    runs_begin(p);
    OK(run_find(runs, "default", "responses", id, &found, &err));
    expect_told(found, just_text_told);
    run_wait(found);
    run_info(found, &info);
    assert_int_equal(info.status, RUN_COMPLETED);
    assert_string_equal(info.model, "test/m");
    assert_string_equal(info.previous_id, "resp_before");
    assert_string_equal(json_string_value(json_object_get(info.request, "k")), "v");
    assert_int_equal(info.usage.output_tokens, 20);
    assert_true(info.completed_at >= info.created_at);
    run_info_deinit(&info);
    json_t *said, *output;
    OK(run_transcript(found, &said, &output, &err));
    assert_int_equal(json_array_size(said), 1);
    assert_int_equal(json_array_size(output), 1);
    json_decref(said);
    json_decref(output);
    assert_int_equal(run_find(runs, "other", NULL, id, &run, &err), -ENOENT);
    assert_int_equal(run_find(runs, NULL, "assistants", id, &run, &err), -ENOENT);
    OK(run_delete(runs, found, &err));
    run_unref(found);
    assert_int_equal(run_find(runs, "default", NULL, id, &run, &err), -ENOENT);
}

static void a_run_that_is_not_stored_leaves_nothing(void **state)
{
    (void)state;
    struct run_spec spec = spec_of(just_text);
    spec.store = false;
    spec.id = "resp_fleeting";
    struct run *run = start(&spec), *found;
    expect_told(run, just_text_told);
    run_unref(run);
    assert_true(runs_stop(runs, 5000, 5000)); /* its thread has ended */
    assert_int_equal(run_find(runs, NULL, NULL, "resp_fleeting", &found, &err), -ENOENT);
}

static int functions(struct answer *a, const struct provider_request *q, int n)
{
    (void)q;
    if (n == 0) {
        text(a, "Let me ask.");
        call(a, "call_1", "weather", "{\"city\":\"Oslo\"}");
        call(a, "call_x", "nothing", "{}");
        return call(a, "call_2", "weather", "");
    }
    return text(a, "Cold.");
}

static json_t *weather(void)
{
    return json_pack(
        "[{ss ss s{ss}}]", "name", "weather", "description", "d", "parameters", "type", "object");
}

static void functions_of_the_client(void **state)
{
    struct place *p = *state;
    struct run_spec spec = spec_of(functions);
    spec.functions = weather();
    spec.id = "run_1";
    spec.dialect = "assistants";
    struct run *run = start(&spec), *again;
    expect_told(run,
        "run.started {\"container_id\":null,\"model\":\"test/m\"}\n"
        "item.started {\"item\":0,\"kind\":\"message\"}\n"
        "text.delta {\"item\":0,\"text\":\"Let me ask.\"}\n"
        "item.completed {\"annotations\":[],\"item\":0,\"kind\":\"message\",\"status\":\"completed\",\"text\":\"Let me ask.\"}\n"
        "item.started {\"call_id\":\"call_1\",\"item\":1,\"kind\":\"function\",\"name\":\"weather\"}\n"
        "arguments.delta {\"item\":1,\"text\":\"{\\\"city\\\":\\\"Oslo\\\"}\"}\n"
        "item.completed {\"arguments\":\"{\\\"city\\\":\\\"Oslo\\\"}\",\"item\":1,\"kind\":\"function\"}\n"
        "item.started {\"call_id\":\"call_2\",\"item\":2,\"kind\":\"function\",\"name\":\"weather\"}\n"
        "arguments.delta {\"item\":2,\"text\":\"{}\"}\n"
        "item.completed {\"arguments\":\"{}\",\"item\":2,\"kind\":\"function\"}\n"
        "usage {\"cache_write_tokens\":3,\"cached_tokens\":10,\"input_tokens\":100,\"output_tokens\":20,\"reasoning_tokens\":5}\n"
        "run.requires_action "
        "{\"calls\":[{\"arguments\":\"{\\\"city\\\":\\\"Oslo\\\"}\",\"call_id\":\"call_1\",\"id\":\"X\",\"item\":1,\"name\":"
        "\"weather\"},{\"arguments\":\"{}\",\"call_id\":\"call_2\",\"id\":\"X\",\"item\":2,\"name\":\"weather\"}],"
        "\"cloche\":{\"cost\":0.131,\"currency\":\"usd\",\"masked\":{}}}\n");
    assert_int_equal(status_of(run), RUN_REQUIRES_ACTION);
    run_unref(run);

    runs_stop(runs, 1000, 5000); /* also by another server */
    runs_free(runs);
    reopen(p);
    runs_begin(p);
    json_t *one = json_pack("[{ss ss ss s[] sb}]", "type", "tool_result", "call_id", "call_1",
        "text", "-3", "images", "is_error", 0);
    json_t *both = json_pack("[{ss ss ss} {ss ss ss}]", "type", "tool_result", "call_id", "call_1",
        "text", "-3", "type", "tool_result", "call_id", "call_2", "text", "4");
    json_t *wrong = json_pack("[{ss ss ss} {ss ss ss}]", "type", "tool_result", "call_id", "call_1",
        "text", "-3", "type", "tool_result", "call_id", "call_9", "text", "4");
    assert_int_equal(run_resume(runs, &spec, one, &again, &err), -EINVAL);
    assert_int_equal(err.code, ERROR_INVALID_VALUE);
    assert_int_equal(run_resume(runs, &spec, wrong, &again, &err), -EINVAL);
    OK(run_resume(runs, &spec, both, &again, &err));
    char *all = told(again);
    assert_non_null(strstr(all, "item.started {\"item\":3,\"kind\":\"message\"}\n"
                                "text.delta {\"item\":3,\"text\":\"Cold.\"}\n"));
    assert_non_null(strstr(all, "run.started")); /* from the beginning, once */
    assert_null(strstr(strstr(all, "run.started") + 1, "run.started"));
    assert_non_null(strstr(all, "\"output_tokens\":40"));
    free(all);
    assert_int_equal(status_of(again), RUN_COMPLETED);
    assert_int_equal(run_resume(runs, &spec, both, &run, &err), -EINVAL); /* it waits no more */
    run_unref(again);
    /* what the model got: its calls, each with a result, the unknown tool's too */
    json_t *last = json_object_get(json_array_get(model.seen, 1), "transcript");
    assert_int_equal(json_array_size(last), 1 + 4 + 1 + 2);
    json_decref(one);
    json_decref(both);
    json_decref(wrong);
    json_decref(spec.functions);
}

static int endless_calls(struct answer *a, const struct provider_request *q, int n)
{
    char id[16];
    snprintf(id, sizeof id, "call_%d", n);
    return q->tools ? call(a, id, "nothing", "{}") : text(a, "Enough.");
}

static void rounds_end(void **state)
{
    (void)state;
    struct run_spec spec = spec_of(endless_calls);
    spec.functions = weather();
    struct run *run = start(&spec);
    run_wait(run);
    assert_int_equal(status_of(run), RUN_COMPLETED);
    assert_int_equal(atomic_load(&model.calls), 6); /* five rounds, and the last without tools */
    run_unref(run);
    json_decref(spec.functions);
    atomic_store(&model.calls, 0);
    spec = spec_of(endless_calls);
    spec.functions = weather();
    spec.max_rounds = 2;
    spec.tool_choice = json_string("required");
    json_array_clear(model.seen);
    run = start(&spec);
    run_wait(run);
    assert_int_equal(atomic_load(&model.calls), 3);
    /* a choice that forces a call holds once */
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(model.seen, 0), "choice")), "required");
    assert_true(json_is_null(json_object_get(json_array_get(model.seen, 1), "choice")));
    json_decref(spec.tool_choice);
    json_decref(spec.functions);
    run_unref(run);
}

static int too_long(struct answer *a, const struct provider_request *q, int n)
{
    (void)q, (void)n;
    text(a, "Long");
    answer_finish(a, FINISH_LENGTH);
    return 0;
}

static void limits(void **state)
{
    (void)state;
    struct run_spec spec = spec_of(too_long);
    spec.max_output_tokens = 50;
    struct run *run = start(&spec);
    char *all = told(run);
    assert_non_null(strstr(all, "\"status\":\"incomplete\""));
    assert_non_null(strstr(all,
        "run.incomplete {\"cloche\":{\"cost\":0.131,\"currency\":\"usd\",\"masked\":{}},"
        "\"reason\":\"max_output_tokens\"}\n"));
    assert_int_equal(json_integer_value(json_object_get(json_array_get(model.seen, 0), "max")), 50);
    free(all);
    run_unref(run);

    /* tokens are counted over all rounds */
    json_array_clear(model.seen);
    spec = spec_of(endless_calls);
    spec.functions = weather();
    spec.max_output_tokens = 50;
    atomic_store(&model.calls, 0);
    run = start(&spec);
    run_wait(run);
    assert_int_equal(status_of(run), RUN_INCOMPLETE);
    assert_int_equal(atomic_load(&model.calls), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(model.seen, 1), "max")), 30);
    json_decref(spec.functions);
    run_unref(run);
}

static void budgets(void **state)
{
    (void)state;
    /* a call costs 0.131: the first is let through with a bound, the second is not */
    struct run_spec spec = spec_of(endless_calls);
    spec.functions = weather();
    spec.budget_usd = 0.2;
    struct run *run = start(&spec);
    char *all = told(run);
    assert_non_null(strstr(all, "\"code\":\"budget_exceeded\""));
    assert_true(json_integer_value(json_object_get(json_array_get(model.seen, 0), "max")) < 100);
    assert_int_equal(status_of(run), RUN_FAILED);
    free(all);
    json_decref(spec.functions);
    run_unref(run);

    spec = spec_of(too_long); /* cut off because of the budget: that is what it is told */
    spec.budget_usd = 0.2;
    run = start(&spec);
    all = told(run);
    assert_non_null(strstr(all, "\"code\":\"budget_exceeded\""));
    free(all);
    run_unref(run);

    spec.route.priced = false;
    assert_int_equal(run_start(runs, &spec, &run, &err), -EINVAL);
    assert_string_equal(err.param, "budget");
}

static int broken(struct answer *a, const struct provider_request *q, int n)
{
    (void)q, (void)n;
    text(a, "Half an ans");
    return -EPROTO;
}

static void failures(void **state)
{
    (void)state;
    struct run_spec spec = spec_of(broken);
    struct run *run = start(&spec);
    char *all = told(run);
    assert_non_null(strstr(all, "\"status\":\"incomplete\",\"text\":\"Half an ans\"}"));
    assert_non_null(strstr(all, "run.failed {\"cloche\":"));
    assert_non_null(strstr(all, "\"code\":\"provider_malformed\""));
    free(all);
    struct run_info info;
    run_info(run, &info);
    assert_int_equal(info.status, RUN_FAILED);
    assert_string_equal(
        json_string_value(json_object_get(info.error, "code")), "provider_malformed");
    run_info_deinit(&info);
    run_unref(run);
}

static int patient(struct answer *a, const struct provider_request *q, int n)
{
    (void)n;
    int r = text(a, "Wait");
    if (r == 0)
        r = wait_for_test(q);
    return r < 0 ? r : text(a, "ed.");
}

static void wait_for_text(struct run *run)
{
    struct run_event *events;
    size_t n;
    assert_int_equal(run_events(run, 2, 5000, &events, &n, &err), 0); /* started, item, … */
    assert_true(n >= 1);
    run_events_free(events, n);
}

static void cancelling(void **state)
{
    (void)state;
    struct run_spec spec = spec_of(patient);
    spec.background = true;
    struct run *run = start(&spec);
    wait_for_text(run);
    assert_int_equal(status_of(run), RUN_IN_PROGRESS);
    run_cancel(run);
    run_cancel(run);
    char *all = told(run);
    assert_non_null(strstr(all, "\"status\":\"incomplete\",\"text\":\"Wait\"}"));
    assert_non_null(strstr(all, "run.cancelled "));
    free(all);
    assert_int_equal(status_of(run), RUN_CANCELLED);
    run_cancel(run); /* too late, and harmless */
    run_unref(run);

    run = start(&spec);
    wait_for_text(run);
    OK(run_delete(runs, run, &err)); /* an active one is cancelled first */
    assert_int_equal(status_of(run), RUN_CANCELLED);
    run_unref(run);
}

static void many_and_full(void **state)
{
    (void)state;
    struct run_spec spec = spec_of(patient);
    struct run *run[5];
    for (int i = 0; i < 4; i++)
        run[i] = start(&spec);
    assert_true(run_start(runs, &spec, &run[4], &err) < 0);
    assert_int_equal(err.code, ERROR_QUEUE_FULL);
    let_go();
    for (int i = 0; i < 4; i++) {
        run_wait(run[i]);
        assert_int_equal(status_of(run[i]), RUN_COMPLETED);
        run_unref(run[i]);
    }
}

static void the_server_stops(void **state)
{
    (void)state;
    struct run_spec spec = spec_of(patient);
    struct run *run = start(&spec), *late;
    wait_for_text(run);
    assert_true(runs_stop(runs, 10, 5000));
    assert_int_equal(status_of(run), RUN_FAILED);
    char *all = told(run);
    assert_non_null(strstr(all, "The server is stopping."));
    free(all);
    run_unref(run);
    assert_true(run_start(runs, &spec, &late, &err) < 0);
    assert_int_equal(err.code, ERROR_UNAVAILABLE);
}

static void a_restart_ends_what_was_going_on(void **state)
{
    struct place *p = *state;
    struct store_run row = {.id = "resp_cut",
        .project = "default",
        .dialect = "responses",
        .status = "in_progress",
        .model = "m",
        .created_at = 5};
    struct store_text begun = {"{\"type\":\"run.started\"}", 22};
    OK(store_run_insert(p->store, &row, 0, &err));
    OK(store_run_events_append(p->store, "resp_cut", 0, &begun, 1, &err));
    runs_free(runs);
    reopen(p);
    runs_begin(p);
    struct run *run;
    OK(run_find(runs, "default", NULL, "resp_cut", &run, &err));
    expect_told(run, "run.started {}\nrun.failed {\"error\":{\"code\":\"unavailable\",\"message\":"
                     "\"The server was restarted while the run was in progress.\"}}\n");
    assert_int_equal(status_of(run), RUN_FAILED);
    run_unref(run);
}

static void conversations_get_their_items(void **state)
{
    struct place *p = *state;
    struct store_conversation c = {
        .id = "conv_a", .project = "default", .kind = "conversation", .created_at = 1};
    OK(store_conversation_insert(p->store, &c, &err));
    ended_items = json_pack("[{ss s{ss} s[{ss}]} {ss s{} sn}]", "id", "msg_1", "json", "k", "v",
        "transcript", "type", "message", "id", "msg_2", "json", "transcript");
    struct run_spec spec = spec_of(just_text);
    spec.conversation_id = "conv_a";
    for (int i = 0; i < 2; i++) { /* stored or not */
        spec.store = i == 0;
        struct run *run = start(&spec);
        run_wait(run);
        assert_int_equal(ended_status, RUN_COMPLETED);
        run_unref(run);
        struct store_items list;
        OK(store_item_list(
            p->store, "conv_a", NULL, &(struct store_page){.ascending = true}, &list, &err));
        assert_int_equal(list.count, 2);
        assert_string_equal(list.items[0].id, "msg_1");
        assert_string_equal(list.items[0].json, "{\"k\":\"v\"}");
        assert_string_equal(list.items[0].transcript, "[{\"type\":\"message\"}]");
        assert_null(list.items[1].transcript);
        store_items_deinit(&list);
        if (i == 0) {
            OK(store_item_delete(p->store, "conv_a", "msg_1", &err));
            OK(store_item_delete(p->store, "conv_a", "msg_2", &err));
        }
    }
}

static void chains(void **state)
{
    (void)state;
    char id[3][ID_SIZE], container[ID_SIZE];
    for (int i = 0; i < 3; i++) {
        struct run_spec spec = spec_of(just_text);
        struct run_info info;
        spec.previous_id = i ? id[i - 1] : NULL;
        struct run *run = start(&spec);
        run_wait(run);
        run_info(run, &info);
        memcpy(id[i], info.id, ID_SIZE);
        run_info_deinit(&info);
        run_unref(run);
    }
    json_t *context;
    OK(run_chain(runs, "default", id[2], &context, container, &err));
    assert_int_equal(json_array_size(context), 6);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(context, 0), "role")), "user");
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(context, 5), "role")), "assistant");
    assert_string_equal(container, "");
    json_decref(context);
    assert_int_equal(run_chain(runs, "other", id[2], &context, container, &err), -ENOENT);
    assert_int_equal(run_chain(runs, "default", "resp_none", &context, container, &err), -ENOENT);
}

/* The runs anew, with masks; takes `table`. */
static void begin_redacting(struct place *p, json_t *table)
{
    struct runs_config config = {.store = p->store,
        .environments_dir = -1,
        .max_active = 4,
        .max_rounds = 5,
        .wall_ms = 60000,
        .redaction = table};
    runs_stop(runs, 1000, 5000);
    runs_free(runs);
    OK(runs_new(&config, &runs, &err));
    json_decref(table);
}

/* What code printed is masked for a remote model, kept whole, and counted once. */
static int reads_results(struct answer *a, const struct provider_request *q, int n)
{
    (void)q, (void)n;
    return text(a, "Read.");
}

static void results_are_masked_on_their_way_out(void **state)
{
    begin_redacting(*state, json_pack("{s[s]}", "patterns", "email"));
    for (int local = 0; local < 2; local++) {
        struct run_spec spec = spec_of(reads_results);
        json_array_clear(model.seen);
        json_array_append_new(input, json_pack("{ss ss ss ss}", "type", "tool_call", "call_id",
                                         "call_1", "name", "python", "arguments", "{}"));
        json_array_append_new(input, json_pack("{ss ss ss}", "type", "tool_result", "call_id",
                                         "call_1", "text", "mail: ann@example.com"));
        spec.context = json_pack("[{ss ss ss ss} {ss ss ss}]", "type", "tool_call", "call_id",
            "call_0", "name", "python", "arguments", "{}", "type", "tool_result", "call_id",
            "call_0", "text", "bob@example.com");
        spec.route.local = local;
        struct run *run = start(&spec);
        char *all = told(run), *sent = json_dumps(json_array_get(model.seen, 0), JSON_COMPACT);
        assert_int_equal(strstr(sent, "@example.com") != NULL, local);
        assert_int_equal(strstr(sent, "mail: [email]") != NULL, !local);
        assert_int_equal(strstr(all, "\"masked\":{\"email\":1}") != NULL, !local);
        assert_int_equal(strstr(all, "notice ") != NULL, !local);
        json_t *said, *output;
        OK(run_transcript(run, &said, &output, &err));
        char *kept = json_dumps(said, JSON_COMPACT);
        assert_non_null(strstr(kept, "ann@example.com"));
        free(kept);
        free(sent);
        free(all);
        json_decref(said);
        json_decref(output);
        json_decref(spec.context);
        run_unref(run);
    }
}

/* What a local model said in an earlier run can quote what a remote one may not see; what the present input
 * holds is a person's word. */
static void what_models_said_before_is_masked(void **state)
{
    begin_redacting(*state, json_pack("{s[s] s[s]}", "patterns", "email", "columns", "salary"));
    for (int local = 0; local < 2; local++) {
        struct run_spec spec = spec_of(reads_results);
        json_array_clear(model.seen);
        json_array_append_new(
            input, json_pack("{ss ss s[{ss ss}]}", "type", "message", "role", "user", "content",
                       "type", "text", "text", "mine@example.com"));
        json_error_t wrong;
        spec.context = json_loads(
            "[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"own@example.com\"}]},"
            "{\"type\":\"reasoning\",\"adapter\":\"chat\",\"data\":{\"reasoning\":\"see a1@example.com\"}},"
            "{\"type\":\"reasoning\",\"adapter\":\"anthropic\",\"data\":{\"model\":\"m\",\"block\":"
            "{\"type\":\"thinking\",\"thinking\":\"see a2@example.com\",\"signature\":\"s\"}}},"
            "{\"type\":\"reasoning\",\"adapter\":\"anthropic\",\"data\":{\"model\":\"m\",\"block\":"
            "{\"type\":\"thinking\",\"thinking\":\"plain\",\"signature\":\"c2ln@example.com\"}}},"
            "{\"type\":\"tool_call\",\"call_id\":\"c1\",\"name\":\"python\",\"arguments\":"
            "\"{\\\"code\\\":\\\"x = 1\\\\na3@example.com\\\"}\"},"
            "{\"type\":\"tool_result\",\"call_id\":\"c1\",\"text\":\"a4@example.com\"},"
            "{\"type\":\"tool_call\",\"call_id\":\"c2\",\"name\":\"f\",\"arguments\":\"{\\\"salary\\\":7123,\\\"n\\\":"
            "[1,{\\\"to\\\":\\\"a5@example.com\\\"}]}\"},"
            "{\"type\":\"tool_call\",\"call_id\":\"c3\",\"name\":\"f\",\"arguments\":\"a6@example.com (no JSON)\"},"
            "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"It is "
            "a7@example.com.\"},{\"type\":\"refusal\",\"text\":\"not a8@example.com\"}]}]",
            0, &wrong);
        assert_non_null(spec.context);
        spec.route.local = local;
        struct run *run = start(&spec);
        run_wait(run);
        assert_int_equal(status_of(run), RUN_COMPLETED);
        char *sent = json_dumps(json_array_get(model.seen, 0), JSON_COMPACT);
        for (char n = '1'; n <= '8'; n++) {
            char quoted[] = "aN@example.com";
            quoted[1] = n;
            assert_int_equal(strstr(sent, quoted) != NULL, local);
        }
        static const char *const masked[] = {"It is [email].", "not [email]", "see [email]",
            "x = 1\\\\n[email]", "{\\\"to\\\":\\\"[email]\\\"}", "[email] (no JSON)",
            "\\\"salary\\\":\\\"[withheld]\\\""};
        for (size_t i = 0; i < sizeof masked / sizeof *masked; i++)
            if ((strstr(sent, masked[i]) != NULL) != !local)
                fail_msg("%s in %s", masked[i], sent);
        assert_int_equal(strstr(sent, "7123") != NULL, local);
        assert_non_null(strstr(sent, "\"plain\",\"signature\":\"c2ln@example.com\""));
        assert_non_null(strstr(sent, "own@example.com"));
        assert_non_null(strstr(sent, "mine@example.com"));
        free(sent);
        json_decref(spec.context);
        run_unref(run);
    }
}

/* Readers that come late, one after the other and all at once, get every event in order. */
static int wordy(struct answer *a, const struct provider_request *q, int n)
{
    (void)q, (void)n;
    char words[2048];
    memset(words, 'x', sizeof words);
    for (int i = 0; i < 1500; i++) {
        snprintf(words, sizeof words, "%d ", i);
        words[strlen(words)] = 'x';
        int r = answer_text(a, words, sizeof words - 1);
        if (r < 0)
            return r;
    }
    return 0;
}

static void *follow(void *context)
{
    uint64_t from = 0;
    int next = 0, r;
    do {
        struct run_event *events;
        size_t n;
        struct error e;
        r = run_events(context, from, 5000, &events, &n, &e);
        for (size_t i = 0; r >= 0 && i < n; i++) {
            const char *at = strstr(events[i].json, "\"text\":\"");
            if (strcmp(events[i].type, "text.delta") == 0 && at && strtol(at + 8, NULL, 10) == next)
                next++;
        }
        from += n;
        run_events_free(events, n);
    } while (r == 0);
    return (void *)(intptr_t)next;
}

static void readers(void **state)
{
    (void)state;
    struct run_spec spec = spec_of(wordy);
    struct run *run = start(&spec);
    pthread_t thread[8];
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, follow, run), 0);
    for (int i = 0; i < 8; i++) {
        void *count;
        pthread_join(thread[i], &count);
        assert_int_equal((intptr_t)count, 1500);
    }
    assert_int_equal((intptr_t)follow(run), 1500); /* most of it is in the store alone by now */
    run_unref(run);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_runs, teardown_runs)
    const struct CMUnitTest tests[] = {
        CASE(a_run_reads_the_same_for_ever),
        CASE(a_run_that_is_not_stored_leaves_nothing),
        CASE(functions_of_the_client),
        CASE(rounds_end),
        CASE(limits),
        CASE(budgets),
        CASE(failures),
        CASE(cancelling),
        CASE(many_and_full),
        CASE(the_server_stops),
        CASE(a_restart_ends_what_was_going_on),
        CASE(conversations_get_their_items),
        CASE(chains),
        CASE(results_are_masked_on_their_way_out),
        CASE(what_models_said_before_is_masked),
        CASE(readers),
    };
    return cmocka_run_group_tests_name("runs", tests, NULL, NULL);
}
