/* The encoder: a run's events in, OpenAI's events and object out. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "api/responses/encode.h"

/* All events that were sent, and whether their numbers and names are right. */
struct heard {
    json_t *events;
    uint64_t stop_at; /* the sink says no from this number on; 0: never */
};

static int hear(void *context, const char *type, uint64_t sequence, const char *json, size_t n)
{
    struct heard *h = context;
    json_error_t why;
    json_t *event = json_loadb(json, n, 0, &why);
    if (!event)
        fail_msg("not JSON: %s: %.*s", why.text, (int)n, json);
    assert_null(memchr(json, '\n', n));
    assert_int_equal(json_array_size(h->events), sequence);
    assert_int_equal(json_integer_value(json_object_get(event, "sequence_number")), sequence);
    assert_string_equal(json_string_value(json_object_get(event, "type")), type);
    json_array_append_new(h->events, event);
    return h->stop_at && sequence + 1 >= h->stop_at;
}

static int figure(void *context, const char *container_id, const char *file_id, struct strbuf *to)
{
    (void)context;
    if (strcmp(container_id, "cntr_1") != 0 || strcmp(file_id, "cfile_1") != 0)
        return -ENOENT;
    return strbuf_append(to, "\x89PNG", 4);
}

static json_t *object_of(struct response_encoder *enc)
{
    struct strbuf text = STRBUF_INIT(1 << 20);
    struct json_writer w = JSON_WRITER(&text);
    response_encoder_object(enc, &w);
    json_t *object = json_loadb(text.data, text.length, 0, NULL);
    assert_non_null(object);
    strbuf_deinit(&text);
    return object;
}

static void assert_json(const json_t *value, const char *expected)
{
    json_error_t why;
    json_t *wanted = json_loads(expected, JSON_DECODE_ANY, &why);
    if (!wanted)
        fail_msg("the test's own JSON: %s: %s", why.text, expected);
    if (!json_equal(value, wanted)) {
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        fail_msg("got      %s\nexpected %s", text, expected);
    }
    json_decref(wanted);
}

/* Feeds events; what was sent is in *ret_events, the object at the end is returned. */
static json_t *tell(const char *const events[], bool outputs, bool background, json_t **ret_events)
{
    json_t *echo =
        json_loads("{\"model\":\"m\",\"service_tier\":\"auto\",\"temperature\":0.2}", 0, NULL);
    struct response_base base = {.id = "resp_1",
        .created_at = 5,
        .echo = echo,
        .background = background,
        .view = {.outputs = outputs, .figure = figure}};
    struct heard heard = {.events = json_array()};
    struct response_encoder *enc = response_encoder_new(&base, hear, &heard);
    assert_non_null(enc);
    for (size_t i = 0; events[i]; i++)
        if (response_encoder_feed(enc, events[i], strlen(events[i]), 9) < 0)
            fail_msg("refused: %s", events[i]);
    json_t *object = object_of(enc);
    size_t n = json_array_size(heard.events);
    json_t *last = json_object_get(json_array_get(heard.events, n - 1), "response");
    const char *status = json_string_value(json_object_get(object, "status"));
    if (last && strcmp(status, "cancelled") != 0 && !json_equal(last, object))
        fail_msg("the last event and the object differ");
    response_encoder_free(enc);
    json_decref(echo);
    if (ret_events)
        *ret_events = heard.events;
    else
        json_decref(heard.events);
    return object;
}

static void assert_types(const json_t *events, const char *const types[])
{
    size_t n = 0;
    for (; types[n]; n++) {
        const char *type = json_string_value(json_object_get(json_array_get(events, n), "type"));
        if (!type || strcmp(type, types[n]) != 0)
            fail_msg("event %zu is %s, not %s", n, type ? type : "missing", types[n]);
    }
    assert_int_equal(json_array_size(events), n);
}

static const char *const one_call[] = {
    "{\"type\":\"run.started\",\"model\":\"m\",\"container_id\":null}",
    "{\"type\":\"item.started\",\"item\":0,\"kind\":\"code\",\"id\":\"ci_1\",\"call_id\":\"call_1\",\"container_id\":\"cntr_1\"}",
    "{\"type\":\"code.delta\",\"item\":0,\"text\":\"print\"}",
    "{\"type\":\"code.delta\",\"item\":0,\"text\":\"(1)\"}",
    "{\"type\":\"code.completed\",\"item\":0,\"code\":\"print(1)\"}",
    "{\"type\":\"execution.started\",\"item\":0,\"execution_id\":\"exec_1\"}",
    "{\"type\":\"execution.output\",\"item\":0,\"output\":{\"type\":\"stdout\",\"text\":\"1\\n\"}}",
    "{\"type\":\"execution.completed\",\"item\":0,\"execution\":{\"id\":\"exec_1\",\"files\":[{\"id\":\"cfile_2\"}]},"
    "\"status\":\"completed\",\"logs\":\"1\\n\",\"images\":[{\"file_id\":\"cfile_1\",\"media_type\":\"image/png\",\"bytes\":4}]}",
    "{\"type\":\"item.completed\",\"item\":0,\"kind\":\"code\",\"code\":\"print(1)\",\"status\":\"completed\"}",
    "{\"type\":\"usage\",\"input_tokens\":3,\"cached_tokens\":1,\"output_tokens\":4,\"reasoning_tokens\":2}",
    "{\"type\":\"item.started\",\"item\":1,\"kind\":\"message\",\"id\":\"msg_1\"}",
    "{\"type\":\"text.delta\",\"item\":1,\"text\":\"\U0001f600 see \"}",
    "{\"type\":\"text.delta\",\"item\":1,\"text\":\"[a](sandbox:/mnt/data/a.csv)\"}",
    "{\"type\":\"item.completed\",\"item\":1,\"kind\":\"message\",\"status\":\"completed\",\"text\":"
    "\"\U0001f600 see [a](sandbox:/mnt/data/a.csv)\",\"annotations\":["
    "{\"file_id\":\"cfile_1\",\"filename\":\"cfile_1.png\",\"container_id\":\"cntr_1\",\"start\":0,\"end\":0,\"path\":\"x\"},"
    "{\"file_id\":\"cfile_2\",\"filename\":\"a.csv\",\"container_id\":\"cntr_1\",\"start\":10,\"end\":33,\"path\":\"y\"}]}",
    "{\"type\":\"usage\",\"input_tokens\":10,\"cached_tokens\":1,\"output_tokens\":14,\"reasoning_tokens\":2}",
    "{\"type\":\"run.completed\",\"cloche\":{\"cost\":0.5,\"currency\":\"usd\",\"masked\":{\"email\":2}}}",
    NULL};

static void events_come_in_openais_order(void **state)
{
    (void)state;
    static const char *const types[] = {"response.created", "response.in_progress",
        "response.output_item.added", "response.code_interpreter_call.in_progress",
        "response.code_interpreter_call_code.delta", "response.code_interpreter_call_code.delta",
        "response.code_interpreter_call_code.done", "response.code_interpreter_call.interpreting",
        "response.code_interpreter_call.completed", "response.output_item.done",
        "response.output_item.added", "response.content_part.added", "response.output_text.delta",
        "response.output_text.delta", "response.output_text.annotation.added",
        "response.output_text.annotation.added", "response.output_text.done",
        "response.content_part.done", "response.output_item.done", "response.completed", NULL};
    json_t *events, *object = tell(one_call, true, false, &events);
    assert_types(events, types);
    assert_json(json_array_get(events, 2),
        "{\"type\":\"response.output_item.added\",\"sequence_number\":2,\"output_index\":0,\"item\":"
        "{\"id\":\"ci_1\",\"type\":\"code_interpreter_call\",\"status\":\"in_progress\",\"code\":\"\","
        "\"container_id\":\"cntr_1\",\"outputs\":[]}}");
    assert_json(json_array_get(events, 4),
        "{\"type\":\"response.code_interpreter_call_code.delta\",\"sequence_number\":4,"
        "\"output_index\":0,\"item_id\":\"ci_1\",\"delta\":\"print\"}");
    assert_json(json_array_get(events, 6),
        "{\"type\":\"response.code_interpreter_call_code.done\",\"sequence_number\":6,"
        "\"output_index\":0,\"item_id\":\"ci_1\",\"code\":\"print(1)\"}");
    assert_json(json_array_get(events, 11),
        "{\"type\":\"response.content_part.added\",\"sequence_number\":11,\"output_index\":1,"
        "\"item_id\":\"msg_1\",\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"\","
        "\"annotations\":[],\"logprobs\":[]}}");
    assert_json(json_array_get(events, 15),
        "{\"type\":\"response.output_text.annotation.added\",\"sequence_number\":15,\"output_index\":1,"
        "\"item_id\":\"msg_1\",\"content_index\":0,\"annotation_index\":1,\"annotation\":"
        "{\"type\":\"container_file_citation\",\"container_id\":\"cntr_1\",\"file_id\":\"cfile_2\","
        "\"filename\":\"a.csv\",\"start_index\":10,\"end_index\":33}}");
    json_decref(events);
    json_decref(object);
}

static void the_object_is_whole(void **state)
{
    (void)state;
    static const char expected[] =
        "{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":5,\"status\":\"completed\","
        "\"completed_at\":9,\"error\":null,\"incomplete_details\":null,\"model\":\"m\","
        "\"service_tier\":\"default\",\"temperature\":0.2,\"output\":["
        "{\"id\":\"ci_1\",\"type\":\"code_interpreter_call\",\"status\":\"completed\",\"code\":\"print(1)\","
        "\"container_id\":\"cntr_1\",\"outputs\":[{\"type\":\"image\",\"url\":\"data:image/png;base64,iVBORw==\"},"
        "{\"type\":\"logs\",\"logs\":\"1\\n\"}],\"execution_id\":\"exec_1\",\"files\":[{\"id\":\"cfile_2\"}]},"
        "{\"id\":\"msg_1\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":["
        "{\"type\":\"output_text\",\"text\":\"\U0001f600 see [a](sandbox:/mnt/data/a.csv)\",\"annotations\":["
        "{\"type\":\"container_file_citation\",\"container_id\":\"cntr_1\",\"file_id\":\"cfile_1\","
        "\"filename\":\"cfile_1.png\",\"start_index\":0,\"end_index\":0},"
        "{\"type\":\"container_file_citation\",\"container_id\":\"cntr_1\",\"file_id\":\"cfile_2\","
        "\"filename\":\"a.csv\",\"start_index\":10,\"end_index\":33}],\"logprobs\":[]}]}],"
        "\"usage\":{\"input_tokens\":10,\"input_tokens_details\":{\"cache_write_tokens\":0,"
        "\"cached_tokens\":1},\"output_tokens\":14,\"output_tokens_details\":{\"reasoning_tokens\":2},"
        "\"total_tokens\":24},\"cloche\":{\"cost\":0.5,\"currency\":\"usd\",\"masked\":{\"email\":2}}}";
    json_t *object = tell(one_call, true, false, NULL);
    assert_json(object, expected);
    json_decref(object);
}

static void outputs_are_null_unless_asked_for(void **state)
{
    (void)state;
    json_t *events, *object = tell(one_call, false, false, &events);
    json_t *added = json_object_get(json_array_get(events, 2), "item");
    assert_true(json_is_null(json_object_get(added, "outputs")));
    json_t *call = json_array_get(json_object_get(object, "output"), 0);
    assert_true(json_is_null(json_object_get(call, "outputs")));
    assert_null(json_object_get(call, "call_id"));
    json_decref(events);
    json_decref(object);
}

static void background_is_queued_first(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    static const char *const types[] = {"response.created", "response.queued", NULL};
    json_t *events, *object = tell(none, false, true, &events);
    assert_types(events, types);
    assert_json(json_object_get(object, "status"), "\"queued\"");
    assert_json(json_object_get(object, "usage"), "null");
    assert_json(json_object_get(object, "completed_at"), "null");
    assert_json(json_object_get(object, "service_tier"), "\"auto\"");
    json_decref(events);
    json_decref(object);
}

static void functions_reasoning_and_refusals(void **state)
{
    (void)state;
    static const char *const told[] = {"{\"type\":\"run.started\"}",
        "{\"type\":\"item.started\",\"item\":0,\"kind\":\"reasoning\",\"id\":\"rs_1\"}",
        "{\"type\":\"reasoning.delta\",\"item\":0,\"text\":\"hm\"}",
        "{\"type\":\"item.completed\",\"item\":0,\"kind\":\"reasoning\",\"text\":\"hm\"}",
        "{\"type\":\"item.started\",\"item\":1,\"kind\":\"message\",\"id\":\"msg_1\"}",
        "{\"type\":\"refusal.delta\",\"item\":1,\"text\":\"no\"}",
        "{\"type\":\"item.completed\",\"item\":1,\"kind\":\"message\",\"refusal\":\"no\",\"annotations\":[]}",
        "{\"type\":\"item.started\",\"item\":2,\"kind\":\"function\",\"id\":\"fc_1\",\"call_id\":\"call_1\",\"name\":\"f\"}",
        "{\"type\":\"arguments.delta\",\"item\":2,\"text\":\"{}\"}",
        "{\"type\":\"item.completed\",\"item\":2,\"kind\":\"function\",\"arguments\":\"{}\"}",
        "{\"type\":\"run.requires_action\",\"calls\":[2]}", NULL};
    static const char *const types[] = {"response.created", "response.in_progress",
        "response.output_item.added", "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta", "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done", "response.output_item.done",
        "response.output_item.added", "response.content_part.added", "response.refusal.delta",
        "response.refusal.done", "response.content_part.done", "response.output_item.done",
        "response.output_item.added", "response.function_call_arguments.delta",
        "response.function_call_arguments.done", "response.output_item.done", "response.completed",
        NULL};
    json_t *events, *object = tell(told, false, false, &events);
    assert_types(events, types);
    assert_json(json_object_get(object, "output"),
        "[{\"id\":\"rs_1\",\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"hm\"}]},"
        "{\"id\":\"msg_1\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":"
        "[{\"type\":\"refusal\",\"refusal\":\"no\"}]},"
        "{\"id\":\"fc_1\",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":\"call_1\","
        "\"name\":\"f\",\"arguments\":\"{}\"}]");
    assert_json(json_object_get(object, "status"), "\"completed\"");
    json_decref(events);
    json_decref(object);
}

static void calls_that_did_not_end_well(void **state)
{
    (void)state;
    const char *told[] = {"{\"type\":\"run.started\"}",
        "{\"type\":\"item.started\",\"item\":0,\"kind\":\"code\",\"id\":\"ci_1\",\"call_id\":\"c\",\"container_id\":\"cntr_1\"}",
        "{\"type\":\"code.completed\",\"item\":0,\"code\":\"x\"}",
        "{\"type\":\"execution.started\",\"item\":0,\"execution_id\":\"e\"}",
        "{\"type\":\"execution.completed\",\"item\":0,\"execution\":{},\"status\":\"failed\",\"logs\":\"killed\",\"images\":[]}",
        "{\"type\":\"item.completed\",\"item\":0,\"kind\":\"code\",\"code\":\"x\",\"status\":\"failed\"}",
        "{\"type\":\"run.completed\"}", NULL};
    json_t *object = tell(told, true, false, NULL);
    assert_json(json_object_get(object, "output"),
        "[{\"id\":\"ci_1\",\"type\":\"code_interpreter_call\",\"status\":\"failed\",\"code\":\"x\","
        "\"container_id\":\"cntr_1\",\"outputs\":[{\"type\":\"logs\",\"logs\":\"killed\"}],\"execution_id\":\"e\"}]");
    assert_json(
        json_object_get(object, "cloche"), "{\"cost\":null,\"currency\":\"usd\",\"masked\":{}}");
    json_decref(object);
}

static void a_figure_that_is_gone_is_said_to_be(void **state)
{
    (void)state;
    const char *told[] = {"{\"type\":\"run.started\"}",
        "{\"type\":\"item.started\",\"item\":0,\"kind\":\"code\",\"id\":\"ci_1\",\"call_id\":\"c\",\"container_id\":\"cntr_2\"}",
        "{\"type\":\"code.completed\",\"item\":0,\"code\":\"x\"}",
        "{\"type\":\"execution.completed\",\"item\":0,\"execution\":{},\"status\":\"completed\",\"logs\":\"\","
        "\"images\":[{\"file_id\":\"cfile_1\",\"media_type\":\"image/png\"}]}",
        NULL};
    json_t *object = tell(told, true, false, NULL);
    assert_json(json_object_get(json_array_get(json_object_get(object, "output"), 0), "outputs"),
        "[{\"type\":\"logs\",\"logs\":\"[the figure cfile_1 is gone with its container]\"}]");
    json_decref(object);
}

static void a_failure_keeps_what_was_said(void **state)
{
    (void)state;
    static const char *const told[] = {"{\"type\":\"run.started\"}",
        "{\"type\":\"item.started\",\"item\":0,\"kind\":\"message\",\"id\":\"msg_1\"}",
        "{\"type\":\"text.delta\",\"item\":0,\"text\":\"half\"}",
        "{\"type\":\"run.failed\",\"error\":{\"code\":\"provider_rate_limited\",\"message\":\"Slow.\"}}",
        NULL};
    json_t *events, *object = tell(told, false, false, &events);
    assert_json(json_array_get(events, 5),
        "{\"type\":\"error\",\"sequence_number\":5,\"error\":{\"type\":\"rate_limit_error\","
        "\"code\":\"provider_rate_limited\",\"message\":\"Slow.\",\"param\":null}}");
    assert_json(json_object_get(json_array_get(events, 6), "type"), "\"response.failed\"");
    assert_json(json_object_get(object, "error"),
        "{\"code\":\"rate_limit_exceeded\",\"message\":\"Slow.\",\"type\":\"provider_rate_limited\",\"param\":null}");
    assert_json(json_object_get(object, "output"),
        "[{\"id\":\"msg_1\",\"type\":\"message\",\"status\":\"incomplete\",\"role\":\"assistant\",\"content\":"
        "[{\"type\":\"output_text\",\"text\":\"half\",\"annotations\":[],\"logprobs\":[]}]}]");
    assert_json(json_object_get(object, "usage"), "null");
    json_decref(events);
    json_decref(object);
}

static void incomplete_and_cancelled(void **state)
{
    (void)state;
    static const char *const cut[] = {"{\"type\":\"run.started\"}",
        "{\"type\":\"item.started\",\"item\":0,\"kind\":\"message\",\"id\":\"msg_1\"}",
        "{\"type\":\"text.delta\",\"item\":0,\"text\":\"half\"}",
        "{\"type\":\"item.completed\",\"item\":0,\"kind\":\"message\",\"text\":\"half\",\"status\":\"incomplete\"}",
        "{\"type\":\"run.incomplete\",\"reason\":\"max_output_tokens\"}", NULL};
    json_t *events, *object = tell(cut, false, false, &events);
    size_t n = json_array_size(events);
    assert_json(json_object_get(json_array_get(events, n - 1), "type"), "\"response.incomplete\"");
    assert_json(
        json_object_get(object, "incomplete_details"), "{\"reason\":\"max_output_tokens\"}");
    assert_json(json_object_get(json_array_get(json_object_get(object, "output"), 0), "status"),
        "\"incomplete\"");
    json_decref(events);
    json_decref(object);

    static const char *const stopped[] = {"{\"type\":\"run.started\"}",
        "{\"type\":\"item.started\",\"item\":0,\"kind\":\"code\",\"id\":\"ci_1\",\"call_id\":\"c\",\"container_id\":\"cntr_1\"}",
        "{\"type\":\"code.delta\",\"item\":0,\"text\":\"ha\"}", "{\"type\":\"run.cancelled\"}",
        NULL};
    object = tell(stopped, false, false, &events);
    assert_int_equal(json_array_size(events), 5); /* the stream just ends */
    assert_json(json_object_get(object, "status"), "\"cancelled\"");
    assert_json(
        json_object_get(json_array_get(json_object_get(object, "output"), 0), "code"), "\"ha\"");
    json_decref(events);
    json_decref(object);
}

static void items_may_grow_beside_each_other(void **state)
{
    (void)state;
    static const char *const told[] = {"{\"type\":\"run.started\"}",
        "{\"type\":\"item.started\",\"item\":0,\"kind\":\"code\",\"id\":\"ci_1\",\"call_id\":\"a\",\"container_id\":\"cntr_1\"}",
        "{\"type\":\"code.delta\",\"item\":0,\"text\":\"1\"}",
        "{\"type\":\"item.started\",\"item\":1,\"kind\":\"code\",\"id\":\"ci_2\",\"call_id\":\"b\",\"container_id\":\"cntr_1\"}",
        "{\"type\":\"code.delta\",\"item\":1,\"text\":\"2\"}",
        "{\"type\":\"code.completed\",\"item\":0,\"code\":\"1\"}",
        "{\"type\":\"code.completed\",\"item\":1,\"code\":\"2\"}",
        "{\"type\":\"item.completed\",\"item\":0,\"kind\":\"code\",\"code\":\"1\",\"status\":\"completed\"}",
        "{\"type\":\"item.completed\",\"item\":1,\"kind\":\"code\",\"code\":\"2\",\"status\":\"incomplete\"}",
        "{\"type\":\"run.completed\"}", NULL};
    json_t *object = tell(told, false, false, NULL), *output = json_object_get(object, "output");
    assert_int_equal(json_array_size(output), 2);
    assert_json(json_object_get(json_array_get(output, 0), "code"), "\"1\"");
    assert_json(json_object_get(json_array_get(output, 1), "status"), "\"incomplete\"");
    json_decref(object);
}

static void events_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "{}", "[]", "{\"type\":\"nonsense\"}",
        "{\"type\":\"item.started\",\"item\":7,\"kind\":\"message\",\"id\":\"m\"}",
        "{\"type\":\"item.started\",\"item\":0,\"kind\":\"spoon\",\"id\":\"m\"}",
        "{\"type\":\"item.started\",\"item\":0,\"kind\":\"message\"}",
        "{\"type\":\"text.delta\",\"item\":0,\"text\":\"x\"}",
        "{\"type\":\"text.delta\",\"text\":\"x\"}", "{\"type\":\"item.completed\",\"item\":-1}",
        "{\"type\":\"run.exploded\"}"};
    json_t *echo = json_object();
    struct response_base base = {.id = "resp_1", .echo = echo};
    struct response_encoder *enc = response_encoder_new(&base, NULL, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(response_encoder_feed(enc, bad[i], strlen(bad[i]), 0), -EINVAL);
    response_encoder_free(enc);
    json_decref(echo);
}

static void a_sink_that_has_enough_gets_no_more(void **state)
{
    (void)state;
    json_t *echo = json_object();
    struct response_base base = {.id = "resp_1", .echo = echo};
    struct heard heard = {.events = json_array(), .stop_at = 3};
    struct response_encoder *enc = response_encoder_new(&base, hear, &heard);
    for (size_t i = 0; one_call[i]; i++)
        assert_int_equal(response_encoder_feed(enc, one_call[i], strlen(one_call[i]), 1), 0);
    assert_int_equal(json_array_size(heard.events), 3);
    json_t *object = object_of(enc);
    assert_json(json_object_get(object, "status"), "\"completed\"");
    json_decref(object);
    response_encoder_free(enc);
    json_decref(heard.events);
    json_decref(echo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_in_openais_order),
        cmocka_unit_test(the_object_is_whole),
        cmocka_unit_test(outputs_are_null_unless_asked_for),
        cmocka_unit_test(background_is_queued_first),
        cmocka_unit_test(functions_reasoning_and_refusals),
        cmocka_unit_test(calls_that_did_not_end_well),
        cmocka_unit_test(a_figure_that_is_gone_is_said_to_be),
        cmocka_unit_test(a_failure_keeps_what_was_said),
        cmocka_unit_test(incomplete_and_cancelled),
        cmocka_unit_test(items_may_grow_beside_each_other),
        cmocka_unit_test(events_that_make_no_sense_are_refused),
        cmocka_unit_test(a_sink_that_has_enough_gets_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
