/* The store's runs, events, conversations, items and figures. */
#include "store_place.h"

static void add_run(struct store *s, const char *id, const char *dialect, const char *status,
    const char *conversation, int64_t at)
{
    struct store_run r = {
        .id = (char *)id,
        .project = "default",
        .dialect = (char *)dialect,
        .status = (char *)status,
        .model = "m",
        .conversation_id = (char *)conversation,
        .request = "{\"a\":1}",
        .input = "[]",
        .created_at = at,
    };
    OK(store_run_insert(s, &r, 0, &err));
}

static void add_events(struct store *s, const char *run, int first, int n)
{
    struct store_text texts[64];
    char buffer[64][32];
    for (int i = 0; i < n; i++) {
        snprintf(buffer[i], sizeof buffer[i], "{\"n\":%d}", first + i);
        texts[i] = (struct store_text){buffer[i], strlen(buffer[i])};
    }
    OK(store_run_events_append(s, run, first, texts, (size_t)n, &err));
}

static void expect_events(struct store *s, const char *run, int from, int limit, int n)
{
    struct store_event *events;
    size_t count;
    char text[32];
    OK(store_run_events_read(s, run, from, limit, &events, &count, &err));
    assert_int_equal(count, n);
    for (int i = 0; i < n; i++) {
        snprintf(text, sizeof text, "{\"n\":%d}", from + i);
        assert_string_equal(events[i].text, text);
        assert_int_equal(events[i].length, strlen(text));
    }
    store_events_free(events, count);
}

static void runs(void **state)
{
    struct place *p = *state;
    struct store_run full = {
        .id = "resp_a",
        .project = "default",
        .dialect = "responses",
        .status = "queued",
        .model = "m",
        .previous_id = "resp_z",
        .request = "{}",
        .input = "[1]",
        .created_at = 100,
        .background = true,
    };
    OK(store_run_insert(p->store, &full, STORE_RUN_DURABLE, &err));
    assert_int_equal(store_run_insert(p->store, &full, 0, &err), -EEXIST);
    struct store_run changed = {.id = "resp_a",
        .status = "completed",
        .model = "m-2",
        .container_id = "cntr_a",
        .output = "[2]",
        .usage = "{\"input_tokens\":1}",
        .completed_at = 105};
    OK(store_run_update(p->store, &changed, &err));
    changed.id = "resp_none";
    assert_int_equal(store_run_update(p->store, &changed, &err), -ENOENT);
    reopen(p);

    struct store_run r;
    OK(store_run_get(p->store, "default", "responses", "resp_a", &r, &err));
    assert_string_equal(r.status, "completed");
    assert_string_equal(r.model, "m-2");
    assert_string_equal(r.container_id, "cntr_a");
    assert_string_equal(r.previous_id, "resp_z");
    assert_string_equal(r.request, "{}");
    assert_string_equal(r.input, "[1]");
    assert_string_equal(r.output, "[2]");
    assert_string_equal(r.usage, "{\"input_tokens\":1}");
    assert_null(r.error);
    assert_null(r.conversation_id);
    assert_int_equal(r.completed_at, 105);
    assert_true(r.background);
    store_run_deinit(&r);
    assert_int_equal(store_run_get(p->store, "other", NULL, "resp_a", &r, &err), -ENOENT);
    assert_int_equal(store_run_get(p->store, NULL, "assistants", "resp_a", &r, &err), -ENOENT);
    assert_int_equal(store_run_delete(p->store, "other", "resp_a", &err), -ENOENT);
    OK(store_run_delete(p->store, "default", "resp_a", &err));
    assert_int_equal(store_run_get(p->store, NULL, NULL, "resp_a", &r, &err), -ENOENT);
}

static void run_lists(void **state)
{
    struct place *p = *state;
    char id[16];
    for (int i = 0; i < 5; i++) {
        snprintf(id, sizeof id, "run_%d", i);
        add_run(p->store, id, "assistants", "completed", i % 2 ? "thread_b" : "thread_a", 100 + i);
    }
    add_run(p->store, "resp_0", "responses", "completed", NULL, 200);
    struct store_runs list;
    struct store_page page = {.limit = 2};
    OK(store_run_list(p->store, "default", "assistants", "thread_a", &page, &list, &err));
    assert_int_equal(list.count, 2);
    assert_true(list.has_more);
    assert_string_equal(list.items[0].id, "run_4");
    assert_string_equal(list.items[1].id, "run_2");
    store_runs_deinit(&list);
    page.after = "run_2";
    OK(store_run_list(p->store, "default", "assistants", "thread_a", &page, &list, &err));
    assert_int_equal(list.count, 1);
    assert_false(list.has_more);
    assert_string_equal(list.items[0].id, "run_0");
    store_runs_deinit(&list);
    page = (struct store_page){.ascending = true};
    OK(store_run_list(p->store, "default", NULL, NULL, &page, &list, &err));
    assert_int_equal(list.count, 6);
    assert_string_equal(list.items[5].id, "resp_0");
    store_runs_deinit(&list);
    page.after = "run_3"; /* of another conversation: as if it were not there */
    OK(store_run_list(p->store, "default", NULL, "thread_a", &page, &list, &err));
    assert_int_equal(list.count, 0);
    store_runs_deinit(&list);
    OK(store_run_list(p->store, "other", NULL, NULL, NULL, &list, &err));
    assert_int_equal(list.count, 0);
    store_runs_deinit(&list);
}

static void events(void **state)
{
    struct place *p = *state;
    add_run(p->store, "resp_a", "responses", "in_progress", NULL, 1);
    add_run(p->store, "resp_b", "responses", "in_progress", NULL, 1);
    add_events(p->store, "resp_a", 0, 1);
    add_events(p->store, "resp_b", 0, 3);
    add_events(p->store, "resp_a", 1, 5);
    expect_events(p->store, "resp_a", 0, 100, 6);
    expect_events(p->store, "resp_a", 2, 3, 3);
    expect_events(p->store, "resp_a", 6, 10, 0);
    expect_events(p->store, "resp_b", 1, 10, 2);
    expect_events(p->store, "resp_none", 0, 10, 0);
    struct store_text again[] = {{"{\"n\":6}", 7}, {"{\"n\":5}", 7}};
    assert_int_equal(store_run_events_append(p->store, "resp_a", 5, again, 1, &err), -EEXIST);
    expect_events(p->store, "resp_a", 0, 100, 6);
    assert_int_equal(store_run_events_append(p->store, "resp_none", 0, again, 1, &err), -ENOENT);
    assert_int_equal(store_run_events_append(p->store, "resp_none", 0, again, 2, &err), -ENOENT);
    OK(store_run_delete(p->store, "default", "resp_a", &err));
    expect_events(p->store, "resp_a", 0, 10, 0);
    expect_events(p->store, "resp_b", 0, 10, 3);
}

/* Whatever a killed server left: an end with a reason, as an event and in the row, and only there. */
static void cut_short(void **state)
{
    struct place *p = *state;
    add_run(p->store, "resp_queued", "responses", "queued", NULL, 1);
    add_run(p->store, "resp_going", "responses", "in_progress", NULL, 1);
    add_run(p->store, "resp_done", "responses", "completed", NULL, 1);
    add_run(p->store, "run_waits", "assistants", "requires_action", NULL, 1);
    add_events(p->store, "resp_going", 0, 4);
    add_events(p->store, "resp_done", 0, 2);
    reopen(p);
    int64_t count = 0;
    OK(store_runs_cut_short(p->store, "{\"code\":\"x\"}", "{\"n\":4}", 77, &count, &err));
    assert_int_equal(count, 2);
    expect_events(p->store, "resp_going", 0, 10, 5);
    expect_events(p->store, "resp_done", 0, 10, 2);
    struct store_event *first;
    size_t n;
    OK(store_run_events_read(p->store, "resp_queued", 0, 10, &first, &n, &err));
    assert_int_equal(n, 1);
    store_events_free(first, n);
    struct store_run r;
    OK(store_run_get(p->store, NULL, NULL, "resp_going", &r, &err));
    assert_string_equal(r.status, "failed");
    assert_string_equal(r.error, "{\"code\":\"x\"}");
    assert_int_equal(r.completed_at, 77);
    store_run_deinit(&r);
    OK(store_run_get(p->store, NULL, NULL, "run_waits", &r, &err));
    assert_string_equal(r.status, "requires_action");
    store_run_deinit(&r);
    OK(store_runs_cut_short(p->store, "{}", "{}", 78, &count, &err));
    assert_int_equal(count, 0);
}

static void conversations(void **state)
{
    struct place *p = *state;
    struct store_conversation c = {.id = "conv_a",
        .project = "default",
        .kind = "conversation",
        .metadata = "{}",
        .created_at = 10};
    OK(store_conversation_insert(p->store, &c, &err));
    c.metadata = "{\"k\":\"v\"}";
    c.data = "{\"x\":1}";
    OK(store_conversation_update(p->store, &c, &err));
    reopen(p);
    struct store_conversation back;
    OK(store_conversation_get(p->store, "default", "conversation", "conv_a", &back, &err));
    assert_string_equal(back.metadata, "{\"k\":\"v\"}");
    assert_string_equal(back.data, "{\"x\":1}");
    assert_int_equal(back.created_at, 10);
    store_conversation_deinit(&back);
    assert_int_equal(
        store_conversation_get(p->store, "default", "thread", "conv_a", &back, &err), -ENOENT);
    assert_int_equal(
        store_conversation_get(p->store, "other", NULL, "conv_a", &back, &err), -ENOENT);
    c.id = "thread_a";
    c.kind = "thread";
    OK(store_conversation_insert(p->store, &c, &err));
    struct store_conversations list;
    OK(store_conversation_list(p->store, "default", "thread", NULL, &list, &err));
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0].id, "thread_a");
    store_conversations_deinit(&list);
    c.project = "other";
    assert_int_equal(store_conversation_update(p->store, &c, &err), -ENOENT);
    assert_int_equal(store_conversation_delete(p->store, "other", "conv_a", &err), -ENOENT);
    OK(store_conversation_delete(p->store, "default", "conv_a", &err));
    assert_int_equal(
        store_conversation_get(p->store, "default", NULL, "conv_a", &back, &err), -ENOENT);
}

static struct store_item item_of(const char *id, const char *run, int64_t at)
{
    return (struct store_item){.id = (char *)id,
        .conversation_id = "conv_a",
        .run_id = (char *)run,
        .json = "{}",
        .transcript = "[]",
        .created_at = at};
}

static void items(void **state)
{
    struct place *p = *state;
    struct store_conversation c = {
        .id = "conv_a", .project = "default", .kind = "conversation", .created_at = 10};
    OK(store_conversation_insert(p->store, &c, &err));
    struct store_item first[] = {item_of("msg_1", NULL, 50), item_of("msg_2", "resp_a", 50)};
    OK(store_items_append(p->store, first, 2, &err));
    struct store_item earlier = item_of("msg_3", "resp_a", 40); /* the clock went back */
    OK(store_items_append(p->store, &earlier, 1, &err));
    struct store_item stray = {
        .id = "msg_4", .conversation_id = "conv_none", .json = "{}", .created_at = 1};
    struct store_item both[] = {item_of("msg_5", NULL, 60), stray};
    assert_int_equal(store_items_append(p->store, both, 2, &err), -ENOENT);
    assert_int_equal(store_items_append(p->store, first, 1, &err), -EEXIST);

    struct store_items list;
    struct store_page page = {.ascending = true};
    OK(store_item_list(p->store, "conv_a", NULL, &page, &list, &err));
    assert_int_equal(list.count, 3);
    assert_string_equal(list.items[0].id, "msg_1");
    assert_null(list.items[0].run_id);
    assert_string_equal(list.items[2].id, "msg_3");
    store_items_deinit(&list);
    page.after = "msg_2";
    OK(store_item_list(p->store, "conv_a", "resp_a", &page, &list, &err));
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0].id, "msg_3");
    store_items_deinit(&list);

    struct store_item change = item_of("msg_2", NULL, 0), back;
    change.json = "{\"changed\":true}";
    change.transcript = NULL;
    OK(store_item_update(p->store, &change, &err));
    OK(store_item_get(p->store, "conv_a", "msg_2", &back, &err));
    assert_string_equal(back.json, "{\"changed\":true}");
    assert_null(back.transcript);
    assert_string_equal(back.run_id, "resp_a");
    store_item_deinit(&back);
    OK(store_item_delete(p->store, "conv_a", "msg_2", &err));
    assert_int_equal(store_item_delete(p->store, "conv_a", "msg_2", &err), -ENOENT);
    OK(store_conversation_delete(p->store, "default", "conv_a", &err));
    assert_int_equal(store_item_get(p->store, "conv_a", "msg_1", &back, &err), -ENOENT);
}

struct read {
    int first, last, n, stop_at;
};

static int read_one(void *context, const struct store_item *item)
{
    struct read *r = context;
    int number = (int)strtol(item->id + 4, NULL, 10);
    if (r->n > 0) /* each once, in order */
        assert_int_equal(abs(number - r->last), 1);
    r->first = r->n++ ? r->first : number;
    r->last = number;
    return r->n == r->stop_at ? 7 : 0;
}

/* Longer than a page, from either end, as far as is asked for. */
static void items_to_the_end(void **state)
{
    struct place *p = *state;
    struct store_conversation c = {
        .id = "conv_a", .project = "default", .kind = "conversation", .created_at = 10};
    struct read up = {0}, down = {0}, some = {.stop_at = 11}, none = {0};
    OK(store_conversation_insert(p->store, &c, &err));
    OK(store_items_each(p->store, "conv_a", false, STORE_ITEMS_FEW, read_one, &none, &err));
    for (int i = 0; i < 24; i++) {
        char id[ID_SIZE];
        snprintf(id, sizeof id, "msg_%d", i);
        struct store_item item = item_of(id, NULL, 50);
        OK(store_items_append(p->store, &item, 1, &err));
    }
    OK(store_items_each(p->store, "conv_a", false, STORE_ITEMS_FEW, read_one, &up, &err));
    OK(store_items_each(p->store, "conv_a", true, STORE_ITEMS_FEW, read_one, &down, &err));
    assert_int_equal(
        store_items_each(p->store, "conv_a", false, STORE_ITEMS_FEW, read_one, &some, &err), 7);
    assert_int_equal(none.n, 0);
    assert_int_equal(up.n, 24);
    assert_int_equal(up.first, 0);
    assert_int_equal(up.last, 23);
    assert_int_equal(down.n, 24);
    assert_int_equal(down.first, 23);
    assert_int_equal(down.last, 0);
    assert_int_equal(some.n, 11);
    assert_int_equal(some.last, 10);
}

/* A run's end, its last events and its conversation's items: all or none. */
static void end_of_a_run(void **state)
{
    struct place *p = *state;
    struct store_conversation c = {
        .id = "conv_a", .project = "default", .kind = "conversation", .created_at = 10};
    OK(store_conversation_insert(p->store, &c, &err));
    add_run(p->store, "resp_a", "responses", "in_progress", "conv_a", 1);
    add_events(p->store, "resp_a", 0, 2);
    struct store_run run = {
        .id = "resp_a", .status = "completed", .model = "m", .completed_at = 9, .output = "[]"};
    struct store_text texts[] = {{"{\"n\":2}", 7}, {"{\"n\":3}", 7}};
    struct store_item new_items[] = {item_of("msg_1", "resp_a", 9), item_of("msg_2", "resp_a", 9)};
    struct store_run_end end = {&run, 1, texts, 2, new_items, 2};
    assert_int_equal(store_run_end(p->store, &end, &err), -EEXIST); /* event 1 is there */
    struct store_run back;
    OK(store_run_get(p->store, NULL, NULL, "resp_a", &back, &err));
    assert_string_equal(back.status, "in_progress");
    store_run_deinit(&back);
    end.first = 2;
    OK(store_run_end(p->store, &end, &err));
    reopen(p);
    OK(store_run_get(p->store, NULL, NULL, "resp_a", &back, &err));
    assert_string_equal(back.status, "completed");
    store_run_deinit(&back);
    expect_events(p->store, "resp_a", 0, 10, 4);
    struct store_items list;
    OK(store_item_list(p->store, "conv_a", NULL, NULL, &list, &err));
    assert_int_equal(list.count, 2);
    store_items_deinit(&list);

    add_run(p->store, "resp_b", "responses", "in_progress", "conv_a", 1);
    OK(store_conversation_delete(p->store, "default", "conv_a", &err)); /* deleted meanwhile */
    run.id = "resp_b";
    end.first = 0;
    OK(store_run_end(p->store, &end, &err));
    run.id = "resp_none";
    assert_int_equal(store_run_end(p->store, &end, &err), -ENOENT);
}

static void tell(struct store *s, int n)
{
    char id[24];
    snprintf(id, sizeof id, "evt_%d", n);
    struct store_run run = {.id = "resp_a",
        .project = "default",
        .status = "completed",
        .model = "m",
        .completed_at = 5,
        .output = "[]"};
    const struct store_told told = {"response.completed", id, "{}"};
    const struct store_run_end end = {.run = &run, .told = &told, .n_told = 1};
    OK(store_run_end(s, &end, &err));
}

/* How many were dropped, all before the oldest one that waits. */
static size_t count_dropped(struct store *s, const char *webhook, char oldest_waiting[24])
{
    size_t dropped = 0;
    bool waits = false, more = true;
    char last[32] = "";
    while (more) {
        const struct store_page page = {
            .limit = 100, .ascending = true, .after = *last ? last : NULL};
        struct store_deliveries list;
        OK(store_delivery_list(s, webhook, &page, &list, &err));
        for (size_t i = 0; i < list.count; i++) {
            const struct store_delivery *d = &list.items[i];
            bool is = strcmp(d->status, "dropped") == 0;
            assert_true(is ? !waits && d->next_at == 0 && d->error : d->next_at == 5 && !d->error);
            if (!is && !waits)
                snprintf(oldest_waiting, 24, "%s", d->id);
            waits = waits || !is;
            dropped += is;
        }
        snprintf(last, sizeof last, "%s", list.items[list.count - 1].id);
        more = list.has_more;
        store_deliveries_deinit(&list);
    }
    return dropped;
}

static struct store_webhook hook_for_completed(char *id)
{
    return (struct store_webhook){.id = id,
        .project = "default",
        .url = "https://a",
        .events = "[\"response.completed\"]",
        .secret = "whsec_",
        .created_at = 1};
}

/* A receiver that never comes back does not make the queue grow without end, nor touch others' queues. */
static void deliveries_are_bounded(void **state)
{
    struct place *p = *state;
    char oldest[24] = "";
    struct store_webhook hook = hook_for_completed("wh_a");
    OK(store_webhook_insert(p->store, &hook, &err));
    add_run(p->store, "resp_a", "responses", "in_progress", NULL, 1);
    for (int i = 0; i < 5; i++)
        tell(p->store, i);
    hook.id = "wh_b"; /* hears of what comes from here on */
    OK(store_webhook_insert(p->store, &hook, &err));
    for (int i = 5; i < STORE_DELIVERIES_MAX + 3; i++)
        tell(p->store, i);
    assert_int_equal(count_dropped(p->store, "wh_a", oldest), 3);
    assert_string_equal(oldest, "evt_3");
    assert_int_equal(count_dropped(p->store, "wh_b", oldest), 0);
    assert_string_equal(oldest, "evt_5");
    struct store_delivery due;
    OK(store_delivery_claim(p->store, 9, 60, &due, &err)); /* and what was dropped is not sent */
    assert_string_not_equal(due.id, "evt_0");
    store_delivery_deinit(&due);
}

/* An attempt was under way when it was dropped: that it failed does not bring it back, and the next one's turn comes. */
static void what_is_dropped_stays_so(void **state)
{
    struct place *p = *state;
    char oldest[24] = "";
    struct store_webhook hook = hook_for_completed("wh_a");
    struct store_delivery under_way, next;
    OK(store_webhook_insert(p->store, &hook, &err));
    add_run(p->store, "resp_a", "responses", "in_progress", NULL, 1);
    tell(p->store, 0);
    OK(store_delivery_claim(p->store, 9, 60, &under_way, &err));
    for (int i = 1; i < STORE_DELIVERIES_MAX + 2; i++)
        tell(p->store, i);
    struct store_delivery failed = under_way;
    failed.next_at = 90;
    failed.error = "The receiver answered 500.";
    OK(store_delivery_done(p->store, &failed, &err));
    assert_int_equal(count_dropped(p->store, "wh_a", oldest), 2);
    assert_string_equal(oldest, "evt_2");
    OK(store_delivery_claim(p->store, 10, 60, &next, &err));
    assert_string_equal(next.id, "evt_2");
    store_delivery_deinit(&next);
    store_delivery_deinit(&under_way);
}

static void keep_figure(struct store *s, const char *container, const char *id, const char *bytes)
{
    struct blob_writer *w;
    struct store_figure f = {.id = (char *)id,
        .container_id = (char *)container,
        .mime_type = "image/png",
        .created_at = 1};
    char sha256[BLOB_HEX_SIZE];
    OK(store_blob_begin(s, &w, &err));
    OK(store_blob_append(w, bytes, strlen(bytes), &err));
    OK(store_blob_commit(w, false, sha256, &f.bytes, &err));
    f.blob = sha256;
    OK(store_figure_insert(s, &f, 1000, &err));
    blob_writer_free(w);
}

/* Figures have their container's life, and their bytes have theirs. */
static void figures(void **state)
{
    struct place *p = *state;
    add_container(p->store, "default", "cntr_a", "n", 1);
    add_container(p->store, "default", "cntr_b", "n", 1);
    add_container(p->store, "default", "cntr_c", "n", 1);
    keep_figure(p->store, "cntr_a", "cfile_1", "one");
    keep_figure(p->store, "cntr_a", "cfile_2", "two");
    keep_figure(p->store, "cntr_b", "cfile_1", "one");
    keep_figure(p->store, "cntr_c", "cfile_3", "three");
    reopen(p);
    struct store_figure *list, one;
    size_t n;
    OK(store_figure_list(p->store, "cntr_a", &list, &n, &err));
    assert_int_equal(n, 2);
    assert_string_equal(list[0].id, "cfile_1");
    assert_string_equal(list[1].mime_type, "image/png");
    assert_int_equal(list[1].bytes, 3);
    store_figures_free(list, n);
    OK(store_figure_get(p->store, "cntr_b", "cfile_1", &one, &err));
    int fd = store_blob_open(p->store, one.blob, &err);
    char text[4] = "";
    assert_true(fd >= 0);
    assert_int_equal(read(fd, text, 3), 3);
    assert_string_equal(text, "one");
    close(fd);
    store_figure_deinit(&one);
    assert_int_equal(store_figure_get(p->store, "cntr_b", "cfile_2", &one, &err), -ENOENT);
    OK(store_figure_delete(p->store, "cntr_a", "cfile_2", &err));
    assert_int_equal(store_figure_delete(p->store, "cntr_a", "cfile_2", &err), -ENOENT);
    OK(store_container_mark_expired(p->store, "cntr_a", "idle", &err));
    OK(store_container_delete(p->store, "cntr_c", &err));
    assert_int_equal(store_figure_get(p->store, "cntr_a", "cfile_1", &one, &err), -ENOENT);
    assert_int_equal(store_figure_get(p->store, "cntr_c", "cfile_3", &one, &err), -ENOENT);
    reopen(p); /* which collects what nobody names */
    assert_int_equal(count_blobs(p), 1);
    struct store_figure stray = {.id = "cfile_9",
        .container_id = "cntr_none",
        .mime_type = "image/png",
        .blob = "00",
        .created_at = 1};
    assert_int_equal(store_figure_insert(p->store, &stray, 1000, &err), -ENOENT);
    struct store_figure fourth = {.id = "cfile_4",
        .container_id = "cntr_b",
        .mime_type = "image/png",
        .blob = "00",
        .bytes = 997,
        .created_at = 1};
    assert_int_equal(store_figure_insert(p->store, &fourth, 999, &err), -EDQUOT);
    assert_int_equal(err.code, ERROR_QUOTA_EXCEEDED);
    OK(store_figure_insert(p->store, &fourth, 1000, &err));
}

static void expiry(void **state)
{
    struct place *p = *state;
    int64_t now = clock_realtime_s(), removed = 0;
    char id[24];
    for (int i = 0; i < 25; i++) {
        snprintf(id, sizeof id, "resp_old%d", i);
        add_run(p->store, id, "responses", "completed", NULL, now - 31 * 86400);
        add_events(p->store, id, 0, 3);
    }
    add_run(p->store, "resp_new", "responses", "completed", NULL, now - 29 * 86400);
    add_run(p->store, "resp_going", "responses", "in_progress", NULL, now - 31 * 86400);
    OK(store_expire(p->store, now, &removed, &err));
    assert_int_equal(removed, 25);
    struct store_run r;
    assert_int_equal(store_run_get(p->store, NULL, NULL, "resp_old7", &r, &err), -ENOENT);
    expect_events(p->store, "resp_old7", 0, 10, 0);
    OK(store_run_get(p->store, NULL, NULL, "resp_new", &r, &err));
    store_run_deinit(&r);
    OK(store_run_get(p->store, NULL, NULL, "resp_going", &r, &err));
    store_run_deinit(&r);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(runs),
        CASE(run_lists),
        CASE(events),
        CASE(cut_short),
        CASE(conversations),
        CASE(items),
        CASE(items_to_the_end),
        CASE(end_of_a_run),
        CASE(figures),
        CASE(deliveries_are_bounded),
        CASE(what_is_dropped_stays_so),
        CASE(expiry),
    };
    return cmocka_run_group_tests_name("store_runs", tests, NULL, NULL);
}
