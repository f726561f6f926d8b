/* The adapter to OpenAI's Responses: streams as the vendor sends them, and requests as it wants them. */
#include "provider_stream.h"

static struct provider provider = {.name = "openai",
    .wire = PROVIDER_RESPONSES,
    .adapter = &responses_adapter,
    .base_url = (char *)"https://api.openai.com/v1"};
static struct model_route route = {.provider = &provider,
    .wire = PROVIDER_RESPONSES,
    .model = "gpt-5-nano",
    .tools = true,
    .images = true,
    .reasoning = true};

#define EVENT(name, rest) \
    "event: " name "\ndata: {\"type\":\"" name "\",\"sequence_number\":1" rest "}\n\n"
#define RESPONSE(status, rest) \
    ",\"response\":{\"id\":\"resp_68\",\"object\":\"response\",\"status\":\"" status \
    "\",\"model\":\"gpt-5-nano-2025-08-07\"" rest "}"
#define START \
    EVENT("response.created", \
        RESPONSE("in_progress", ",\"error\":null,\"output\":[],\"usage\":null")) \
    EVENT("response.in_progress", \
        RESPONSE("in_progress", ",\"error\":null,\"output\":[],\"usage\":null"))
#define USAGE \
    ",\"usage\":{\"input_tokens\":2283,\"input_tokens_details\":{\"cached_tokens\":1024},\"output_tokens\":1928," \
    "\"output_tokens_details\":{\"reasoning_tokens\":1792},\"total_tokens\":4211}"
#define COMPLETED \
    EVENT("response.completed", \
        RESPONSE("completed", ",\"error\":null,\"incomplete_details\":null,\"output\":[]" USAGE))
#define ADDED(index, item) \
    EVENT("response.output_item.added", ",\"output_index\":" #index ",\"item\":" item)
#define DONE(index, item) \
    EVENT("response.output_item.done", ",\"output_index\":" #index ",\"item\":" item)
#define AT(index) ",\"item_id\":\"x\",\"output_index\":" #index
#define TEXT(index, text) \
    EVENT("response.output_text.delta", AT(index) ",\"content_index\":0,\"delta\":\"" text \
                                                  "\",\"logprobs\":[],\"obfuscation\":\"Xy9\"")
#define ARGUMENTS(index, text) \
    EVENT("response.function_call_arguments.delta", AT(index) ",\"delta\":\"" text "\"")
#define MESSAGE(text) \
    "{\"id\":\"msg_1\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[" \
    "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"" text "\"}]}"
#define EMPTY_MESSAGE \
    "{\"id\":\"msg_1\",\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}"
#define FUNCTION(arguments) \
    "{\"id\":\"fc_1\",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":\"call_1\",\"name\":\"python\"," \
    "\"arguments\":\"" arguments "\"}"
#define TAIL "\nusage 2283 1024 1928\nmodel gpt-5-nano-2025-08-07"

static char *read_items(const char *stream, json_t **ret_items, struct error *e)
{
    struct provider_request q = request_of(&route);
    size_t n = strlen(stream);
    free(decode_cut(&q, stream, n, true));
    return decode(&q, stream, n, (struct cuts){.first = n}, false, ret_items, e);
}

static void reads(const char *stream, const char *expected)
{
    struct error e;
    cleanup_free char *seen = read_items(stream, NULL, &e);
    assert_string_equal(seen, expected);
}

/* ---- answers ----------------------------------------------------------------------------------------- */

static void a_message_in_deltas(void **state)
{
    (void)state;
    reads(START ADDED(0, EMPTY_MESSAGE) EVENT("response.content_part.added",
              AT(0) ",\"content_index\":0,\"part\":{\"type\":\"output_text\"}") TEXT(0,
              "It is ") TEXT(0, "42.") EVENT("response.output_text.done",
              AT(0) ",\"content_index\":0,\"text\":\"It is 42.\"")
              EVENT("response.content_part.done", AT(0)) DONE(0, MESSAGE("It is 42.")) COMPLETED,
        "\ntext It is 42.\nfinish stop" TAIL);
}

static void calls_in_deltas(void **state)
{
    (void)state;
    reads(START ADDED(0, FUNCTION("")) ARGUMENTS(0, "{\\\"code\\\":") ARGUMENTS(0, "\\\"1\\\"}")
              EVENT("response.function_call_arguments.done",
                  AT(0) ",\"arguments\":\"{\\\"code\\\":\\\"1\\\"}\"")
                  DONE(0, FUNCTION("{\\\"code\\\":\\\"1\\\"}")) ADDED(1, FUNCTION(""))
                      DONE(1, FUNCTION("")) COMPLETED,
        "\ncall 0 python\narguments 0 {\"code\":\"1\"}\ncall 1 python\narguments 1 {}\nfinish calls" TAIL);
}

/* Servers that stream less: whole items without deltas; or nothing but the end. */
static void without_deltas(void **state)
{
    (void)state;
    reads(START ADDED(0, EMPTY_MESSAGE) DONE(0, MESSAGE("It is 42.")) DONE(1, FUNCTION("{}"))
              COMPLETED,
        "\ntext It is 42.\ncall 0 python\narguments 0 {}\nfinish calls" TAIL);
    reads(EVENT("response.completed",
              RESPONSE("completed", ",\"output\":[" MESSAGE("It is 42.") "," FUNCTION(
                                        "{}") "]" USAGE)) "data: [DONE]\n\n",
        "\ntext It is 42.\ncall 0 python\narguments 0 {}\nfinish calls" TAIL);
}

/* What the end repeats is not taken again, also where a gateway counts its items anew. */
static void the_end_repeats(void **state)
{
    (void)state;
    reads(START ADDED(0, EMPTY_MESSAGE) TEXT(0, "Hi") ADDED(1, FUNCTION("")) ARGUMENTS(
              1, "{}") DONE(1, FUNCTION("{}")) DONE(0, MESSAGE("Hi")) EVENT("response.completed",
              RESPONSE("completed", ",\"output\":[{\"type\":\"reasoning\",\"summary\":[]}," MESSAGE(
                                        "Hi") "," FUNCTION("{}") "]" USAGE)),
        "\ntext Hi\ncall 0 python\narguments 0 {}\nfinish calls" TAIL);
}

static void refusals(void **state)
{
    (void)state;
    reads(
        START ADDED(0, EMPTY_MESSAGE) EVENT("response.refusal.delta",
            AT(0) ",\"content_index\":0,\"delta\":\"I can\"") EVENT("response.refusal.delta",
            AT(0) ",\"content_index\":0,\"delta\":\"not.\"") EVENT("response.refusal.done",
            AT(0) ",\"content_index\":0,\"refusal\":\"I cannot.\"") DONE(0,
            "{\"type\":\"message\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"I cannot.\"}]}")
            COMPLETED,
        "\nrefusal I cannot.\nfinish stop" TAIL);
}

#define REASONING \
    "{\"id\":\"rs_1\",\"type\":\"reasoning\",\"status\":\"completed\",\"encrypted_content\":\"gAAAAAB\",\"summary\":[" \
    "{\"type\":\"summary_text\",\"text\":\"Hm\"},{\"type\":\"summary_text\",\"text\":\"So\"}]}"

/* Shown as it comes; kept encrypted, without what the vendor would not take back. */
static void reasoning_is_kept_encrypted(void **state)
{
    (void)state;
    struct error e;
    json_auto_t *items = NULL;
    cleanup_free char *seen = read_items(
        START ADDED(
            0, "{\"id\":\"rs_1\",\"type\":\"reasoning\",\"encrypted_content\":\"\",\"summary\":[]}")
            EVENT("response.reasoning_summary_part.added", AT(0) ",\"summary_index\":0")
                EVENT("response.reasoning_summary_text.delta",
                    AT(0) ",\"summary_index\":0,\"delta\":\"Hm\"")
                    EVENT("response.reasoning_summary_part.added", AT(0) ",\"summary_index\":1")
                        EVENT("response.reasoning_summary_text.delta",
                            AT(0) ",\"summary_index\":1,\"delta\":\"So\"") DONE(0, REASONING)
                            ADDED(1, FUNCTION("")) DONE(1, FUNCTION("{}")) COMPLETED,
        &items, &e);
    assert_string_equal(
        seen, "\nreasoning Hm\n\nSo\ncall 0 python\narguments 0 {}\nfinish calls" TAIL);
    json_auto_t *first = json_pack("{s:O}", "item", json_array_get(items, 0));
    assert_member(first, "item",
        "{\"type\":\"reasoning\",\"adapter\":\"responses\",\"data\":{\"model\":\"gpt-5-nano\",\"item\":{\"id\":\"rs_1\","
        "\"type\":\"reasoning\",\"encrypted_content\":\"gAAAAAB\",\"summary\":[{\"type\":\"summary_text\","
        "\"text\":\"Hm\"},{\"type\":\"summary_text\",\"text\":\"So\"}]}}}");
    assert_int_equal(json_array_size(items), 2);
}

static void reasoning_that_cannot_come_back(void **state)
{
    (void)state;
    struct error e;
    json_auto_t *items = NULL;
    cleanup_free char *seen =
        read_items(START DONE(0, "{\"id\":\"rs_1\",\"type\":\"reasoning\",\"summary\":[]}")
                       ADDED(1, EMPTY_MESSAGE) EVENT("response.reasoning_text.delta",
                           AT(0) ",\"content_index\":0,\"delta\":\"hm\"") TEXT(1, "42")
                           DONE(1, MESSAGE("42")) COMPLETED,
            &items, &e);
    assert_string_equal(seen, "\nreasoning hm\ntext 42\nfinish stop" TAIL);
    assert_int_equal(json_array_size(items), 1);
}

static void incomplete_answers(void **state)
{
    (void)state;
    reads(
        START ADDED(0, EMPTY_MESSAGE) TEXT(0, "Half") EVENT("response.incomplete",
            RESPONSE("incomplete",
                ",\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"output\":[]" USAGE)),
        "\ntext Half\nfinish length" TAIL);
    reads(START EVENT("response.incomplete",
              RESPONSE("incomplete",
                  ",\"incomplete_details\":{\"reason\":\"content_filter\"},\"output\":[]" USAGE)),
        "\nfinish content_filter" TAIL);
}

static void errors_nested_and_flat(void **state)
{
    (void)state;
#define FAILED(code) \
    EVENT("response.failed", \
        RESPONSE("failed", ",\"error\":{\"code\":\"" code \
                           "\",\"message\":\"No.\"},\"output\":[],\"usage\":null"))
    reads(
        START ADDED(0, EMPTY_MESSAGE) TEXT(0, "Half") EVENT("error",
            ",\"error\":{\"type\":\"server_error\",\"code\":\"server_error\",\"message\":\"No.\",\"param\":null}")
            FAILED("server_error"),
        "\ntext Half\nerror provider_failed");
    reads(START EVENT(
              "error", ",\"code\":\"rate_limit_exceeded\",\"message\":\"No.\",\"param\":null"),
        "\nerror provider_rate_limited");
    reads(START FAILED("rate_limit_exceeded"), "\nerror provider_rate_limited");
    reads(START FAILED("context_length_exceeded"), "\nerror context_length_exceeded");
    reads(START FAILED("server_error"), "\nerror provider_failed");
}

static void what_may_come(void **state)
{
    (void)state;
    reads(START EVENT("keepalive", "") EVENT("response.tomorrow", ",\"output_index\":0") EVENT(
              "response.queued", "") ADDED(0, "{\"type\":\"web_search_call\",\"id\":\"ws_1\"}")
              DONE(0, "{\"type\":\"web_search_call\",\"id\":\"ws_1\"}") ADDED(1, EMPTY_MESSAGE)
                  TEXT(1, "Hi") EVENT("response.output_text.annotation.added",
                      AT(1) ",\"annotation\":{}") DONE(1, MESSAGE("Hi")) COMPLETED,
        "\ntext Hi\nfinish stop" TAIL);
}

static void malformed_streams(void **state)
{
    (void)state;
    reads(START "data: {\"type\n\n", "\nerror provider_malformed");
    reads(START "data: \"x\"\n\n", "\nerror provider_malformed");
    reads(START ADDED(0, EMPTY_MESSAGE) TEXT(0, "Half") DONE(0, MESSAGE("Half")),
        "\ntext Half\nerror provider_malformed");
    reads("data: [DONE]\n\n", "\nerror provider_malformed");
    /* arguments of no call; places that no answer has */
    reads(START ARGUMENTS(0, "{"), "\nerror ");
    reads(START ADDED(99999999, EMPTY_MESSAGE), "\nerror ");
    reads(START ADDED(-1, EMPTY_MESSAGE), "\nerror ");
    reads(START DONE(0, "{\"type\":\"function_call\",\"call_id\":\"c\"}"),
        "\nerror provider_malformed");
    reads(EVENT("response.completed", ",\"response\":7"), "\nerror provider_malformed");
}

/* ---- requests ------------------------------------------------------------------------------------------ */

#define USER(text) \
    "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"" text \
    "\"}]}"
#define SENT_USER(text) \
    "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"" text \
    "\"}]}"
#define CALL(id, arguments) \
    "{\"type\":\"tool_call\",\"call_id\":\"" id \
    "\",\"name\":\"python\",\"arguments\":\"" arguments "\"}"
#define SENT_CALL(id, arguments) \
    "{\"type\":\"function_call\",\"call_id\":\"" id \
    "\",\"name\":\"python\",\"arguments\":\"" arguments "\"}"
#define RESULT(id, text) \
    "{\"type\":\"tool_result\",\"call_id\":\"" id "\",\"text\":\"" text \
    "\",\"images\":[],\"is_error\":false}"
#define SENT_RESULT(id, text) \
    "{\"type\":\"function_call_output\",\"call_id\":\"" id "\",\"output\":\"" text "\"}"

static json_t *body_of(struct provider_request *q, const char *transcript)
{
    q->transcript = json_of(transcript);
    json_t *body = encoded_of(q, true, NULL, NULL);
    json_decref(q->transcript);
    return body;
}

static void says(const char *transcript, const char *input)
{
    struct provider_request q = request_of(&route);
    json_auto_t *body = body_of(&q, transcript);
    assert_member(body, "input", input);
}

static void the_plainest_request(void **state)
{
    (void)state;
    struct provider_request q = request_of(&route);
    char *url, *headers;
    q.instructions = "Be brief.";
    q.transcript = json_of("[" USER("Hi") "]");
    json_auto_t *body = encoded_of(&q, true, &url, &headers);
    json_auto_t *expected =
        json_of("{\"model\":\"gpt-5-nano\",\"instructions\":\"Be brief.\",\"store\":false,"
                "\"include\":[\"reasoning.encrypted_content\"],\"stream\":true,"
                "\"input\":[" SENT_USER("Hi") "]}");
    assert_true(json_equal(body, expected));
    assert_string_equal(url, "https://api.openai.com/v1/responses");
    assert_string_equal(headers, "");
    json_decref(q.transcript);
    free(url);
    free(headers);
}

static void models_without_reasoning(void **state)
{
    (void)state;
    struct model_route other = route;
    other.reasoning = false;
    struct provider_request q = request_of(&other);
    q.temperature = 0.5;
    q.top_p = 0.25;
    json_auto_t *body = body_of(&q, "[" USER("a") "]");
    assert_member(body, "include", "");
    assert_member(body, "temperature", "0.5");
    assert_member(body, "top_p", "0.25");
    q.route = &route;
    q.reasoning_effort = "low";
    json_auto_t *reasoning = body_of(&q, "[" USER("a") "]");
    assert_member(reasoning, "temperature", "");
    assert_member(reasoning, "top_p", "");
    assert_member(reasoning, "reasoning", "{\"effort\":\"low\"}");
}

static void calls_and_results(void **state)
{
    (void)state;
    says(
        "[" USER(
            "go") ",{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"Well\"},"
                  "{\"type\":\"refusal\",\"text\":\"no\"}]}," CALL(
                      "call_1", "{\\\"code\\\": 1}") "," CALL("call_2",
                      "print(2)") "," RESULT("call_2", "2") "," USER("and?") "]",
        "[" SENT_USER(
            "go") ",{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\","
                  "\"annotations\":[],\"text\":\"Well\"},{\"type\":\"refusal\",\"refusal\":\"no\"}]}," SENT_CALL(
                      "call_1", "{\\\"code\\\": 1}") "," SENT_CALL("call_2",
                      "{\\\"code\\\":\\\"print(2)\\\"}") "," SENT_RESULT("call_1",
                      "There is no result: the conversation was interrupted before this ran.") "," SENT_RESULT("call_2",
                      "2") "," SENT_USER("and?") "]");
    /* ids are taken as other vendors make them, up to the length that this one takes */
    says(
        "[" USER("go") "," CALL("functions.python:0", "{}") "," RESULT("functions.python:0",
            "a") "," CALL("x0123456789012345678901234567890123456789012345678901234567890123456789",
            "{}") "," RESULT("x0123456789012345678901234567890123456789012345678901234567890123456789",
            "b") "]",
        "[" SENT_USER("go") "," SENT_CALL("functions.python:0", "{}") "," SENT_RESULT(
            "functions.python:0", "a") "," SENT_CALL("call_2", "{}") "," SENT_RESULT("call_2",
            "b") "]");
}

static void images(void **state)
{
    (void)state;
    static const char transcript[] =
        "[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"image\",\"media_type\":\"image/jpeg\",\"data\":\"AA==\","
        "\"detail\":\"low\"},{\"type\":\"file\",\"filename\":\"a.csv\",\"path\":null,\"bytes\":12}]}," CALL(
            "c",
            "{}") ",{\"type\":\"tool_result\",\"call_id\":\"c\",\"text\":\"done\",\"images\":[{\"media_type\":\"image/png\","
                  "\"data\":\"iVBO\"}],\"is_error\":false}]";
    says(transcript,
        "[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"detail\":\"low\","
        "\"image_url\":\"data:image/jpeg;base64,AA==\"},{\"type\":\"input_text\",\"text\":\"[file a.csv, 12 bytes]\"}]}," SENT_CALL(
            "c",
            "{}") ",{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":[{\"type\":\"input_text\","
                  "\"text\":\"done\"},{\"type\":\"input_image\",\"detail\":\"auto\",\"image_url\":\"data:image/png;base64,iVBO\"}]}]");
    route.images = false;
    says(transcript,
        "[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"[an image, which this model "
        "cannot see]\"},{\"type\":\"input_text\",\"text\":\"[file a.csv, 12 bytes]\"}]}," SENT_CALL(
            "c", "{}") "," SENT_RESULT("c", "done") "]");
    route.images = true;
}

/* Encrypted reasoning goes back to the model that it came from, before what followed it, or not at all. */
static void reasoning_goes_back(void **state)
{
    (void)state;
#define THOUGHT(model) \
    "{\"type\":\"reasoning\",\"adapter\":\"responses\",\"data\":{\"model\":\"" model \
    "\",\"item\":" REASONING "}}"
    says("[" USER("go") "," THOUGHT("gpt-5-nano") "," CALL("c", "{}") "," RESULT("c", "a") "]",
        "[" SENT_USER("go") "," REASONING "," SENT_CALL("c", "{}") "," SENT_RESULT("c", "a") "]");
    says("[" USER("go") "," THOUGHT("o3") "," CALL("c", "{}") "," RESULT("c", "a") "]",
        "[" SENT_USER("go") "," SENT_CALL("c", "{}") "," SENT_RESULT("c", "a") "]");
    says("[" USER("go") "," THOUGHT("gpt-5-nano") "," USER("on") "," THOUGHT("gpt-5-nano") "]",
        "[" SENT_USER("go") "," SENT_USER("on") "]");
}

static void tools_are_flat(void **state)
{
    (void)state;
    struct provider_request q = request_of(&route);
    q.tools = json_of(
        "[{\"name\":\"python\",\"description\":\"Runs.\",\"parameters\":{\"type\":\"object\"}},"
        "{\"name\":\"f\",\"strict\":true}]");
    q.tool_choice = json_of("{\"name\":\"f\"}");
    q.parallel_tool_calls = false;
    json_auto_t *body = body_of(&q, "[" USER("a") "]");
    assert_member(body, "tools",
        "[{\"type\":\"function\",\"name\":\"python\",\"description\":\"Runs.\",\"parameters\":{\"type\":\"object\"},"
        "\"strict\":false},{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{}},"
        "\"strict\":true}]");
    assert_member(body, "tool_choice", "{\"type\":\"function\",\"name\":\"f\"}");
    assert_member(body, "parallel_tool_calls", "false");
    json_decref(q.tool_choice);
    q.tool_choice = json_of("\"required\"");
    json_auto_t *required = body_of(&q, "[" USER("a") "]");
    assert_member(required, "tool_choice", "\"required\"");
    json_decref(q.tool_choice);
    json_decref(q.tools);
}

static void limits_formats_and_further_fields(void **state)
{
    (void)state;
    struct provider configured = provider;
    configured.extra = json_of("{\"service_tier\":\"flex\",\"store\":null}");
    struct model_route other = route;
    other.provider = &configured;
    struct provider_request q = request_of(&other);
    q.max_output_tokens = 3; /* fewer than the vendor takes */
    q.text_format =
        json_of("{\"type\":\"json_schema\",\"name\":\"n\",\"schema\":{\"type\":\"object\"}}");
    json_auto_t *body = body_of(&q, "[" USER("a") "]");
    assert_member(body, "max_output_tokens", "16");
    assert_member(body, "text",
        "{\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"schema\":{\"type\":\"object\"}}}");
    assert_member(body, "service_tier", "\"flex\"");
    assert_member(body, "store", "");
    q.max_output_tokens = 100;
    json_auto_t *more = body_of(&q, "[" USER("a") "]");
    assert_member(more, "max_output_tokens", "100");
    json_decref(q.text_format);
    json_decref(configured.extra);
}

static void versions_of_the_api(void **state)
{
    (void)state;
    struct provider configured = provider;
    configured.base_url = (char *)"https://r.openai.azure.com/openai/v1";
    configured.api_version = (char *)"preview";
    struct model_route other = route;
    other.provider = &configured;
    struct provider_request q = request_of(&other);
    char *url;
    q.transcript = json_of("[" USER("a") "]");
    json_decref(encoded_of(&q, true, &url, NULL));
    assert_string_equal(url, "https://r.openai.azure.com/openai/v1/responses?api-version=preview");
    free(url);
    json_decref(q.transcript);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_in_deltas),
        cmocka_unit_test(calls_in_deltas),
        cmocka_unit_test(without_deltas),
        cmocka_unit_test(the_end_repeats),
        cmocka_unit_test(refusals),
        cmocka_unit_test(reasoning_is_kept_encrypted),
        cmocka_unit_test(reasoning_that_cannot_come_back),
        cmocka_unit_test(incomplete_answers),
        cmocka_unit_test(errors_nested_and_flat),
        cmocka_unit_test(what_may_come),
        cmocka_unit_test(malformed_streams),
        cmocka_unit_test(the_plainest_request),
        cmocka_unit_test(models_without_reasoning),
        cmocka_unit_test(calls_and_results),
        cmocka_unit_test(images),
        cmocka_unit_test(reasoning_goes_back),
        cmocka_unit_test(tools_are_flat),
        cmocka_unit_test(limits_formats_and_further_fields),
        cmocka_unit_test(versions_of_the_api),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
