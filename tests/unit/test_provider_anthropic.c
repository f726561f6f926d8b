/* The adapter to Anthropic's messages: streams as the vendor sends them, and requests as it wants them. */
#include "provider_stream.h"

static struct provider provider = {.name = "anthropic",
    .wire = PROVIDER_ANTHROPIC,
    .adapter = &anthropic_adapter,
    .base_url = (char *)"https://api.anthropic.com"};
static struct model_route route = {.provider = &provider,
    .wire = PROVIDER_ANTHROPIC,
    .model = "claude-sonnet-4-5-20250929",
    .tools = true,
    .images = true};

#define EVENT(name, rest) "event: " name "\ndata: {\"type\":\"" name "\"" rest "}\n\n"
#define START \
    EVENT("message_start", \
        ",\"message\":{\"id\":\"msg_014p7gG3wDgGV9EUtLvnow3U\",\"type\":\"message\",\"role\":\"assistant\"," \
        "\"model\":\"claude-sonnet-4-5-20250929\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":12," \
        "\"cache_creation_input_tokens\":100,\"cache_read_input_tokens\":1000,\"output_tokens\":2}," \
        "\"content\":[],\"stop_reason\":null}")
#define PING EVENT("ping", "")
#define BLOCK(index, block) \
    EVENT("content_block_start", ",\"index\":" #index ",\"content_block\":" block)
#define DELTA(index, delta) EVENT("content_block_delta", ",\"index\":" #index ",\"delta\":" delta)
#define STOP(index) EVENT("content_block_stop", ",\"index\":" #index)
#define TEXT(index, text) DELTA(index, "{\"type\":\"text_delta\",\"text\":\"" text "\"}")
#define JSON(index, text) \
    DELTA(index, "{\"type\":\"input_json_delta\",\"partial_json\":\"" text "\"}")
#define END(reason) \
    EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"" reason \
                           "\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":89}") \
    EVENT("message_stop", "")

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

static void tool_use_after_text(void **state)
{
    (void)state;
    reads(
        START BLOCK(0, "{\"type\":\"text\",\"text\":\"\"}") PING TEXT(0, "Okay") TEXT(0, ",") TEXT(
            0, " let's see") STOP(0) BLOCK(1,
            "{\"type\":\"tool_use\",\"id\":\"toolu_01T1x1fJ34qAmk2tNTrN7Up6\",\"name\":\"python\","
            "\"input\":{}}") JSON(1, "") JSON(1, "{\\\"code\\\":") JSON(1, " \\\"print(")
            JSON(1, "1)\\\"}") STOP(1) END("tool_use"),
        "\ntext Okay, let's see\ncall 0 python\narguments 0 {\"code\": \"print(1)\"}"
        "\nfinish calls\nusage 1112 1000 89\nmodel claude-sonnet-4-5-20250929");
}

static void parallel_calls_and_one_without_arguments(void **state)
{
    (void)state;
    reads(START BLOCK(0, "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"now\",\"input\":{}}")
              JSON(0, "") STOP(0) BLOCK(
                  1, "{\"type\":\"tool_use\",\"id\":\"toolu_2\",\"name\":\"python\",\"input\":{}}")
                  JSON(1, "{\\\"code\\\":\\\"1\\\"}") STOP(1) END("tool_use"),
        "\ncall 0 now\narguments 0 {}\ncall 1 python\narguments 1 {\"code\":\"1\"}"
        "\nfinish calls\nusage 1112 1000 89\nmodel claude-sonnet-4-5-20250929");
}

static void why_it_stopped(void **state)
{
    (void)state;
    static const struct {
        const char *stream, *finish;
    } rows[] = {
        {START TEXT(0, "") END("end_turn"), "stop"},
        {START END("stop_sequence"), "stop"},
        {START END("pause_turn"), "stop"},
        {START END("a reason of tomorrow"), "stop"},
        {START END("max_tokens"), "length"},
        {START END("model_context_window_exceeded"), "length"},
        {START END("refusal"), "content_filter"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char expected[128];
        snprintf(expected, sizeof(expected),
            "\nfinish %s\nusage 1112 1000 89\nmodel claude-sonnet-4-5-20250929", rows[i].finish);
        reads(rows[i].stream, expected);
    }
}

/* Blocks, deltas and events that we do not know are passed over; later usage replaces earlier. */
static void what_may_come(void **state)
{
    (void)state;
    reads(START EVENT("server_note", ",\"x\":[1]") BLOCK(
              0, "{\"type\":\"server_tool_use\",\"id\":\"s\"}") JSON(0, "{}") STOP(0) BLOCK(1,
              "{\"type\":\"text\",\"text\":\"Hi\"}")
              DELTA(1, "{\"type\":\"citations_delta\",\"citation\":{}}") TEXT(1, "!") STOP(1) EVENT(
                  "message_delta",
                  ",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"input_tokens\":20,"
                  "\"cache_read_input_tokens\":5,\"output_tokens\":7}") EVENT("message_stop", ""),
        "\ntext Hi!\nfinish stop\nusage 25 5 7\nmodel claude-sonnet-4-5-20250929");
}

/* Thinking is shown, and kept to be sent back as it was; what is hidden is kept alone. */
static void thinking_is_kept_whole(void **state)
{
    (void)state;
    struct error e;
    json_auto_t *items = NULL;
    cleanup_free char *seen = read_items(
        START BLOCK(0, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}")
            DELTA(0, "{\"type\":\"thinking_delta\",\"thinking\":\"Let me \"}")
                DELTA(0, "{\"type\":\"thinking_delta\",\"thinking\":\"think…\"}")
                    DELTA(0, "{\"type\":\"signature_delta\",\"signature\":\"EqQBCgIY==\"}") STOP(0)
                        BLOCK(1, "{\"type\":\"redacted_thinking\",\"data\":\"EmwKAhgBEgy3va3p\"}")
                            STOP(1) BLOCK(2, "{\"type\":\"text\",\"text\":\"\"}") TEXT(2, "42")
                                STOP(2) END("end_turn"),
        &items, &e);
    assert_string_equal(seen, "\nreasoning Let me think…\ntext 42\nfinish stop\nusage 1112 1000 89"
                              "\nmodel claude-sonnet-4-5-20250929");
    json_t *all = json_pack("{s:O}", "items", items);
    assert_member(all, "items",
        "[{\"type\":\"reasoning\",\"adapter\":\"anthropic\",\"data\":{\"model\":\"claude-sonnet-4-5-20250929\","
        "\"block\":{\"type\":\"thinking\",\"thinking\":\"Let me think…\",\"signature\":\"EqQBCgIY==\"}}},"
        "{\"type\":\"reasoning\",\"adapter\":\"anthropic\",\"data\":{\"model\":\"claude-sonnet-4-5-20250929\","
        "\"block\":{\"type\":\"redacted_thinking\",\"data\":\"EmwKAhgBEgy3va3p\"}}},"
        "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"42\"}]}]");
    json_decref(all);
}

static void errors_within_the_stream(void **state)
{
    (void)state;
    static const struct {
        const char *type, *code;
    } rows[] = {{"overloaded_error", "provider_overloaded"}, {"api_error", "provider_failed"},
        {"rate_limit_error", "provider_rate_limited"}, {"timeout_error", "provider_timeout"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char stream[1024], expected[128];
        snprintf(stream, sizeof(stream),
            "%sevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"No.\"}}\n\n",
            START BLOCK(0, "{\"type\":\"text\",\"text\":\"\"}") TEXT(0, "Half"), rows[i].type);
        snprintf(expected, sizeof(expected), "\ntext Half\nerror %s", rows[i].code);
        reads(stream, expected);
    }
}

static void malformed_streams(void **state)
{
    (void)state;
    reads(START "data: {\"type\":\n\n", "\nerror provider_malformed");
    reads(START "data: [1]\n\n", "\nerror provider_malformed");
    reads(START BLOCK(0, "{\"type\":\"text\",\"text\":\"\"}") TEXT(0, "Half") STOP(0),
        "\ntext Half\nerror provider_malformed");
    reads("", "\nerror provider_malformed");
    reads(START BLOCK(0, "{\"type\":\"text\",\"text\":\"a\"}") BLOCK(0, "{\"type\":\"text\"}"),
        "\ntext a\nerror provider_malformed");
    /* places that no answer has: bounded, or nowhere */
    reads(START BLOCK(100000, "{\"type\":\"text\",\"text\":\"\"}"), "\nerror ");
    reads(START BLOCK(-1, "{\"type\":\"text\",\"text\":\"\"}"), "\nerror ");
    reads(START TEXT(7, "nowhere") STOP(7) DELTA(0, "null") END("end_turn"),
        "\nfinish stop\nusage 1112 1000 89\nmodel claude-sonnet-4-5-20250929");
    reads(START BLOCK(0, "{\"type\":\"tool_use\",\"id\":7,\"name\":null,\"input\":null}")
              END("tool_use"),
        "\nerror provider_malformed");
}

/* ---- requests ------------------------------------------------------------------------------------------ */

#define USER(text) \
    "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"" text \
    "\"}]}"
#define ASSISTANT(text) \
    "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"" text \
    "\"}]}"
#define CALL(id, arguments) \
    "{\"type\":\"tool_call\",\"call_id\":\"" id \
    "\",\"name\":\"python\",\"arguments\":\"" arguments "\"}"
#define RESULT(id, text) \
    "{\"type\":\"tool_result\",\"call_id\":\"" id "\",\"text\":\"" text \
    "\",\"images\":[],\"is_error\":false}"
#define TOOLS \
    "[{\"name\":\"python\",\"description\":\"Runs Python.\",\"parameters\":{\"type\":\"object\",\"properties\":" \
    "{\"code\":{\"type\":\"string\"}}}}]"

/* The body that a transcript becomes; the caller frees it. */
static json_t *body_of(struct provider_request *q, const char *transcript)
{
    q->transcript = json_of(transcript);
    json_t *body = encoded_of(q, true, NULL, NULL);
    json_decref(q->transcript);
    return body;
}

static void says(const char *transcript, const char *messages)
{
    struct provider_request q = request_of(&route);
    json_t *body = body_of(&q, transcript);
    assert_member(body, "messages", messages);
    json_decref(body);
}

static void the_plainest_request(void **state)
{
    (void)state;
    struct provider_request q = request_of(&route);
    char *url, *headers;
    q.instructions = "Be brief.";
    q.transcript = json_of("[" USER("Hi") "]");
    json_t *body = encoded_of(&q, true, &url, &headers);
    json_t *expected = json_of(
        "{\"model\":\"claude-sonnet-4-5-20250929\",\"max_tokens\":64000,"
        "\"system\":\"Be brief.\",\"stream\":true,"
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}]}]}");
    assert_true(json_equal(body, expected));
    assert_string_equal(url, "https://api.anthropic.com/v1/messages");
    assert_string_equal(headers, "");
    json_decref(body);
    json_decref(expected);
    json_decref(q.transcript);
    free(url);
    free(headers);
}

static void turns_alternate_and_begin_with_the_user(void **state)
{
    (void)state;
    says("[" USER("a") "," USER("b") "," ASSISTANT("c") "," ASSISTANT("d") "," USER("e") "]",
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"c\"},{\"type\":\"text\",\"text\":\"d\"}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"e\"}]}]");
    says("[" ASSISTANT("Hello") "," USER("Hi") "]",
        "[{\"role\":\"user\",\"content\":\"(no message)\"},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"Hello\"}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}]}]");
    says("[" USER("Hi") "," ASSISTANT("Well ") "]",
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"Well \"}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Continue.\"}]}]");
    says("[]", "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"(no message)\"}]}]");
    says("[" USER(" \\n") "," USER("a") "]",
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}]");
}

static void system_messages_join_the_instructions(void **state)
{
    (void)state;
    struct provider_request q = request_of(&route);
    q.instructions = "One.";
    json_t *body = body_of(&q,
        "[{\"type\":\"message\",\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"Two.\"}]}," USER(
            "a") "]");
    assert_member(body, "system", "\"One.\\n\\nTwo.\"");
    json_decref(body);
}

static void results_come_first_and_together(void **state)
{
    (void)state;
    says("[" USER("go") "," ASSISTANT("Two things.") "," CALL(
             "toolu_1", "{\\\"code\\\":\\\"1\\\"}") "," CALL("toolu_2",
             "print(2)") "," RESULT("toolu_2", "2") "," RESULT("toolu_1", "") "," USER("and?") "]",
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"go\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"Two things.\"},"
        "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"python\",\"input\":{\"code\":\"1\"}},"
        "{\"type\":\"tool_use\",\"id\":\"toolu_2\",\"name\":\"python\",\"input\":{\"code\":\"print(2)\"}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_1\"},"
        "{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_2\",\"content\":\"2\"},"
        "{\"type\":\"text\",\"text\":\"and?\"}]}]");
}

static void figures_lie_in_their_result(void **state)
{
    (void)state;
    static const char transcript[] = "[" USER("plot") "," CALL("toolu_1",
        "{}") ",{\"type\":\"tool_result\",\"call_id\":\"toolu_1\",\"text\":\"done\",\"images\":[{\"media_type\":\"image/png\","
              "\"data\":\"iVBO\"},{\"media_type\":\"image/svg+xml\",\"data\":\"PHN2\"}],\"is_error\":true}]";
    static const char shown[] =
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_1\",\"is_error\":true,"
        "\"content\":[{\"type\":\"text\",\"text\":\"done\"},{\"type\":\"image\",\"source\":{\"type\":\"base64\","
        "\"media_type\":\"image/png\",\"data\":\"iVBO\"}}]}]}";
    struct provider_request q = request_of(&route);
    json_t *body = body_of(&q, transcript);
    json_t *wanted = json_of(shown);
    assert_true(json_equal(json_array_get(json_object_get(body, "messages"), 2), wanted));
    json_decref(wanted);
    json_decref(body);
}

static void images_and_files_of_the_user(void **state)
{
    (void)state;
    static const char transcript[] =
        "[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"image\",\"media_type\":\"image/jpeg\",\"data\":\"AA==\"},"
        "{\"type\":\"image\",\"url\":\"https://x.example/a.png\"},{\"type\":\"image\",\"media_type\":\"image/tiff\",\"data\":\"AA==\"},"
        "{\"type\":\"file\",\"filename\":\"a.csv\",\"path\":\"/mnt/data/a.csv\",\"bytes\":12}]}]";
    says(transcript,
        "[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/jpeg\",\"data\":\"AA==\"}},"
        "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://x.example/a.png\"}},"
        "{\"type\":\"text\",\"text\":\"[an image, which this model cannot see]\"},"
        "{\"type\":\"text\",\"text\":\"[file a.csv, 12 bytes, at /mnt/data/a.csv]\"}]}]");
    route.images = false;
    says(transcript,
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"[an image, which this model cannot see]\"},"
        "{\"type\":\"text\",\"text\":\"[an image, which this model cannot see]\"},"
        "{\"type\":\"text\",\"text\":\"[an image, which this model cannot see]\"},"
        "{\"type\":\"text\",\"text\":\"[file a.csv, 12 bytes, at /mnt/data/a.csv]\"}]}]");
    route.images = true;
}

static void ids_of_other_vendors(void **state)
{
    (void)state;
    says("[" USER("go") "," CALL("functions.python:0", "{}") "," RESULT(
             "functions.python:0", "a") "," CALL("call_0", "{}") "," RESULT("call_0",
             "b") "," CALL("call_0", "{}") "," RESULT("call_0", "c") "]",
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"go\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"call_1\",\"name\":\"python\",\"input\":{}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"call_1\",\"content\":\"a\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"call_0\",\"name\":\"python\",\"input\":{}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"call_0\",\"content\":\"b\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"call_3\",\"name\":\"python\",\"input\":{}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"call_3\",\"content\":\"c\"}]}]");
}

static void thinking_goes_back_to_its_own_model(void **state)
{
    (void)state;
#define THOUGHT(model) \
    "{\"type\":\"reasoning\",\"adapter\":\"anthropic\",\"data\":{\"model\":\"" model \
    "\",\"block\":" \
    "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"s==\"}}}"
    static const char plain[] =
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"go\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"python\",\"input\":{}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":\"a\"}]}]";
    says("[" USER("go") "," THOUGHT("claude-sonnet-4-5-20250929") "," CALL("t", "{}") "," RESULT(
             "t", "a") "]",
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"go\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"s==\"},"
        "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"python\",\"input\":{}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":\"a\"}]}]");
    says("[" USER("go") "," THOUGHT("claude-opus-4-1") "," CALL("t", "{}") "," RESULT("t", "a") "]",
        plain);
    says(
        "[" USER(
            "go") ",{\"type\":\"reasoning\",\"adapter\":\"responses\",\"data\":{\"x\":1}}," CALL("t",
            "{}") "," RESULT("t", "a") "]",
        plain);
}

static void choices(void **state)
{
    (void)state;
    static const struct {
        const char *choice;
        bool parallel;
        const char *expected;
    } rows[] = {
        {"null", true, "{\"type\":\"auto\"}"},
        {"\"auto\"", false, "{\"type\":\"auto\",\"disable_parallel_tool_use\":true}"},
        {"\"required\"", true, "{\"type\":\"any\"}"},
        {"\"none\"", false, "{\"type\":\"none\"}"},
        {"{\"name\":\"python\"}", false,
            "{\"type\":\"tool\",\"name\":\"python\",\"disable_parallel_tool_use\":true}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct provider_request q = request_of(&route);
        q.tools = json_of(TOOLS);
        q.tool_choice = json_of(rows[i].choice);
        q.parallel_tool_calls = rows[i].parallel;
        json_t *body = body_of(&q, "[" USER("a") "]");
        assert_member(body, "tool_choice", rows[i].expected);
        assert_member(body, "tools",
            "[{\"name\":\"python\",\"description\":\"Runs Python.\",\"input_schema\":{\"type\":\"object\","
            "\"properties\":{\"code\":{\"type\":\"string\"}}}}]");
        json_decref(body);
        json_decref(q.tools);
        json_decref(q.tool_choice);
    }
}

/* Calls in the conversation need definitions, also in the last round, which goes without tools. */
static void calls_without_tools(void **state)
{
    (void)state;
    struct provider_request q = request_of(&route);
    json_t *body = body_of(&q, "[" USER("a") "," CALL("t", "{}") "," RESULT("t", "1") "]");
    assert_member(body, "tools", "[{\"name\":\"python\",\"input_schema\":{\"type\":\"object\"}}]");
    assert_member(body, "tool_choice", "{\"type\":\"none\"}");
    json_decref(body);
    body = body_of(&q, "[" USER("a") "]");
    assert_member(body, "tools", "");
    assert_member(body, "tool_choice", "");
    json_decref(body);
}

/* What each generation of models takes. */
static void generations(void **state)
{
    (void)state;
    static const struct {
        const char *model, *max_tokens, *temperature, *thinking, *config;
    } rows[] = {
        {"claude-3-opus-20240229", "4096", "0.5", "", ""},
        {"claude-3-5-haiku-latest", "8192", "0.5", "", ""},
        {"claude-3-7-sonnet-20250219", "32000", "", "{\"type\":\"enabled\",\"budget_tokens\":8192}",
            ""},
        {"claude-opus-4-20250514", "32000", "", "{\"type\":\"enabled\",\"budget_tokens\":8192}",
            ""},
        {"claude-haiku-4-5", "64000", "", "{\"type\":\"enabled\",\"budget_tokens\":8192}", ""},
        {"claude-opus-4-6", "64000", "", "{\"type\":\"adaptive\"}", "{\"effort\":\"medium\"}"},
        {"claude-opus-4-8", "64000", "", "{\"type\":\"adaptive\"}", "{\"effort\":\"medium\"}"},
        {"claude-sonnet-5", "64000", "", "{\"type\":\"adaptive\"}", "{\"effort\":\"medium\"}"},
        {"claude-fable-5-2", "64000", "", "{\"type\":\"adaptive\"}", "{\"effort\":\"medium\"}"},
        {"anthropic/claude-newest", "64000", "", "{\"type\":\"adaptive\"}",
            "{\"effort\":\"medium\"}"},
        {"glm-4.7", "8192", "0.5", "", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct model_route other = route;
        snprintf(other.model, sizeof(other.model), "%s", rows[i].model);
        struct provider_request q = request_of(&other);
        q.temperature = 0.5;
        q.top_p = 0.9;
        q.reasoning_effort = "medium";
        json_t *body = body_of(&q, "[" USER("a") "]");
        assert_member(body, "max_tokens", rows[i].max_tokens);
        assert_member(body, "temperature", rows[i].temperature);
        assert_member(body, "top_p", "");
        assert_member(body, "thinking", rows[i].thinking);
        assert_member(body, "output_config", rows[i].config);
        json_decref(body);
    }
}

static void numbers(void **state)
{
    (void)state;
    struct provider_request q = request_of(&route);
    q.temperature = 1.7;
    q.max_output_tokens = 100;
    json_t *body = body_of(&q, "[" USER("a") "]");
    assert_member(body, "temperature", "1.0"); /* the vendor's scale ends there */
    assert_member(body, "max_tokens", "100");
    json_decref(body);
    q.temperature = NAN;
    q.top_p = 0.5;
    q.reasoning_effort = "high"; /* no room for thinking in 100 tokens */
    body = body_of(&q, "[" USER("a") "]");
    assert_member(body, "top_p", "0.5");
    assert_member(body, "thinking", "");
    json_decref(body);
    q.max_output_tokens = 4000;
    body = body_of(&q, "[" USER("a") "]");
    assert_member(body, "thinking", "{\"type\":\"enabled\",\"budget_tokens\":2976}");
    assert_member(body, "top_p", "");
    json_decref(body);
}

/* Thinking is left out where the vendor refuses it: a forced call; results for a turn that did not think. */
static void where_thinking_cannot_be(void **state)
{
    (void)state;
    struct provider_request q = request_of(&route);
    q.reasoning_effort = "high";
    q.tools = json_of(TOOLS);
    json_t *body = body_of(&q, "[" USER("a") "," CALL("t", "{}") "," RESULT("t", "1") "]");
    assert_member(body, "thinking", "");
    json_decref(body);
    body = body_of(&q, "[" USER("a") "," CALL("t", "{}") "," RESULT("t", "1") "," ASSISTANT(
                           "1") "," USER("b") "]");
    assert_member(body, "thinking", "{\"type\":\"enabled\",\"budget_tokens\":16384}");
    json_decref(body);
    body = body_of(&q, "[" USER("a") "," THOUGHT("claude-sonnet-4-5-20250929") "," CALL(
                           "t", "{}") "," RESULT("t", "1") "]");
    assert_member(body, "thinking", "{\"type\":\"enabled\",\"budget_tokens\":16384}");
    json_decref(body);
    q.tool_choice = json_of("\"required\"");
    body = body_of(&q, "[" USER("a") "]");
    assert_member(body, "thinking", "");
    json_decref(body);
    struct model_route newer = route;
    snprintf(newer.model, sizeof(newer.model), "claude-sonnet-5"); /* thinks unless told not to */
    q.route = &newer;
    body = body_of(&q, "[" USER("a") "]");
    assert_member(body, "thinking", "{\"type\":\"disabled\"}");
    json_decref(body);
    json_decref(q.tools);
    json_decref(q.tool_choice);
}

/* Models whose thinking is bound to what came before it leave it out when that has changed. */
static void bound_thinking_may_be_dropped(void **state)
{
    (void)state;
    struct model_route bound = route;
    snprintf(bound.model, sizeof(bound.model), "claude-fable-5-2");
    struct provider_request q = request_of(&bound);
    char *headers;
    q.transcript =
        json_of("[" USER("a") "," THOUGHT("claude-fable-5-2") "," ASSISTANT("b") "," USER("c") "]");
    json_t *body = encoded_of(&q, true, NULL, &headers);
    assert_member(body, "thinking",
        "{\"type\":\"adaptive\",\"block_binding\":{\"prefix_mismatch_behavior\":\"drop_block\"}}");
    assert_non_null(strstr(headers, "anthropic-beta: thinking-binding-controls-2026-08-01"));
    free(headers);
    json_decref(body);
    json_decref(q.transcript);
}

static void formats(void **state)
{
    (void)state;
    struct provider_request q = request_of(&route);
    q.instructions = "One.";
    q.text_format = json_of(
        "{\"type\":\"json_schema\",\"name\":\"n\",\"strict\":true,\"schema\":{\"type\":\"object\"}}");
    json_t *body = body_of(&q, "[" USER("a") "]");
    assert_member(body, "output_config",
        "{\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\"}}}");
    assert_member(body, "system", "\"One.\"");
    json_decref(body);
    json_object_del(q.text_format, "strict");
    body = body_of(&q, "[" USER("a") "]");
    assert_member(body, "output_config", "");
    assert_member(body, "system",
        "\"One.\\n\\nAnswer with one JSON value that fits this schema, and with nothing else:\\n{\\\"type\\\":\\\"object\\\"}\"");
    json_decref(body);
    json_decref(q.text_format);
    q.text_format = json_of("{\"type\":\"text\"}");
    body = body_of(&q, "[" USER("a") "]");
    assert_member(body, "system", "\"One.\"");
    json_decref(body);
    json_decref(q.text_format);
}

static void further_fields_come_last(void **state)
{
    (void)state;
    struct provider configured = provider;
    configured.extra =
        json_of("{\"metadata\":{\"user_id\":\"u\"},\"max_tokens\":7,\"stream\":null}");
    configured.base_url = (char *)"http://127.0.0.1:4000";
    struct model_route other = route;
    other.provider = &configured;
    struct provider_request q = request_of(&other);
    q.extra = json_of("{\"max_tokens\":9}");
    char *url;
    q.transcript = json_of("[" USER("a") "]");
    json_t *body = encoded_of(&q, true, &url, NULL);
    assert_member(body, "metadata", "{\"user_id\":\"u\"}");
    assert_member(body, "max_tokens", "9");
    assert_member(body, "stream", "");
    assert_string_equal(url, "http://127.0.0.1:4000/v1/messages");
    free(url);
    json_decref(body);
    json_decref(q.transcript);
    json_decref(q.extra);
    json_decref(configured.extra);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tool_use_after_text),
        cmocka_unit_test(parallel_calls_and_one_without_arguments),
        cmocka_unit_test(why_it_stopped),
        cmocka_unit_test(what_may_come),
        cmocka_unit_test(thinking_is_kept_whole),
        cmocka_unit_test(errors_within_the_stream),
        cmocka_unit_test(malformed_streams),
        cmocka_unit_test(the_plainest_request),
        cmocka_unit_test(turns_alternate_and_begin_with_the_user),
        cmocka_unit_test(system_messages_join_the_instructions),
        cmocka_unit_test(results_come_first_and_together),
        cmocka_unit_test(figures_lie_in_their_result),
        cmocka_unit_test(images_and_files_of_the_user),
        cmocka_unit_test(ids_of_other_vendors),
        cmocka_unit_test(thinking_goes_back_to_its_own_model),
        cmocka_unit_test(choices),
        cmocka_unit_test(calls_without_tools),
        cmocka_unit_test(generations),
        cmocka_unit_test(numbers),
        cmocka_unit_test(where_thinking_cannot_be),
        cmocka_unit_test(bound_thinking_may_be_dropped),
        cmocka_unit_test(formats),
        cmocka_unit_test(further_fields_come_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
