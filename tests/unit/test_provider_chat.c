/* The adapter to chat completions: every server's way of sending calls, and requests that all accept. */
#include "provider_stream.h"

static struct provider provider = {.name = "acme",
    .wire = PROVIDER_CHAT,
    .adapter = &chat_adapter,
    .base_url = (char *)"https://acme.example/v1",
    .max_tokens_field = "max_tokens"};
static struct model_route route = {
    .provider = &provider, .wire = PROVIDER_CHAT, .model = "m-1", .tools = true, .images = true};

#define CHUNK(choice) \
    "data: {\"id\":\"c\",\"model\":\"m-1-2026\",\"choices\":[{\"index\":0," choice "}]}\n\n"
#define DELTA(delta) CHUNK("\"delta\":{" delta "},\"finish_reason\":null")
#define END(reason) CHUNK("\"delta\":{},\"finish_reason\":\"" reason "\"")
#define USAGE \
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15," \
    "\"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\n"
#define DONE "data: [DONE]\n\n"
#define CALL(fields) DELTA("\"tool_calls\":[{" fields "}]")
#define PYTHON "\"function\":{\"name\":\"python\",\"arguments\":"

static void reads(const char *stream, const char *expected)
{
    struct provider_request q = request_of(&route);
    cleanup_free char *seen = decode_cut(&q, stream, strlen(stream), true);
    if (strcmp(seen, expected) != 0)
        fail_msg("%s\n\ninstead of:%s\n\nfrom: %s", seen, expected, stream);
}

/* The answer's items as compact JSON, made-up call ids as "made". */
static void makes(const char *stream, const char *expected)
{
    struct provider_request q = request_of(&route);
    struct error e;
    json_t *items, *item, *wanted = json_of(expected);
    size_t n = strlen(stream), i;
    free(decode(&q, stream, n, (struct cuts){.first = n}, false, &items, &e));
    json_array_foreach (items, i, item) {
        const char *id = json_string_value(json_object_get(item, "call_id"));
        if (id != NULL && strncmp(id, "call_", 5) == 0 && strlen(id) == 29)
            json_object_set_new(item, "call_id", json_string("made"));
    }
    cleanup_free char *seen = json_dumps(items, JSON_COMPACT);
    if (!json_equal(items, wanted))
        fail_msg("%s (%s)\n\ninstead of: %s", seen, e.message, expected);
    json_decref(items);
    json_decref(wanted);
}

/* ---- answers ------------------------------------------------------------------------------------------- */

static void text(void **state)
{
    (void)state;
    reads(DELTA("\"role\":\"assistant\",\"content\":\"\"") DELTA("\"content\":\"Hel\"") DELTA(
              "\"content\":\"lo \\ud83d\\ude00\"") DELTA("\"content\":null") END("stop") USAGE DONE,
        "\ntext Hello \xf0\x9f\x98\x80\nfinish stop\nusage 10 4 5\nmodel m-1-2026");
    reads(DELTA("\"refusal\":\"No.\"") END("stop") DONE,
        "\nrefusal No.\nfinish stop\nusage\nmodel m-1-2026");
    reads(DELTA("\"content\":\"a\"") END("length") DONE,
        "\ntext a\nfinish length\nusage\nmodel m-1-2026");
    reads(DELTA("\"content\":\"a\"") END("content_filter") DONE,
        "\ntext a\nfinish content_filter\nusage\nmodel m-1-2026");
    makes(DELTA("\"content\":\"a\"") DELTA("\"content\":\"b\"") END("stop"),
        "[{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"ab\"}]}]");
}

static void chunks_with_little_in_them(void **state)
{
    (void)state;
    reads(": PROCESSING\n\ndata:{\"choices\":[],\"prompt_filter_results\":[{}]}\n\n" /* Azure */
          "data: {}\n\n" CHUNK("\"delta\":null,\"finish_reason\":null") DELTA("\"content\":\"x\"")
              CHUNK("\"finish_reason\":\"stop\"") DONE,
        "\ntext x\nfinish stop\nusage\nmodel m-1-2026");
    /* choices beyond the first are not ours */
    reads(
        "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"no\"}},{\"index\":0,\"delta\":{\"content\":"
        "\"yes\"},\"finish_reason\":\"stop\"}]}\n\n" DONE,
        "\ntext yes\nfinish stop\nusage\nmodel ");
    reads(
        DELTA("\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]")
            END("stop") DONE,
        "\ntext ab\nfinish stop\nusage\nmodel m-1-2026");
}

static void calls_by_index(void **state)
{
    (void)state;
    reads(CALL("\"index\":0,\"id\":\"a\",\"type\":\"function\"," PYTHON "\"\"}")
              CALL("\"index\":0,\"function\":{\"arguments\":\"{\\\"code\\\":\"}")
                  CALL("\"index\":0,\"function\":{"
                       "\"arguments\":\"\\\"1\\\"}\"}")
                      CALL("\"index\":1,\"id\":\"b\"," PYTHON "\"{}\"}") END("tool_calls") DONE,
        "\ncall 0 python\narguments 0 {\"code\":\"1\"}\ncall 1 python\narguments 1 {}"
        "\nfinish calls\nusage\nmodel m-1-2026");
    makes(CALL("\"index\":0,\"id\":\"a\"," PYTHON "\"{}\"}") END("stop"),
        "[{\"type\":\"tool_call\",\"call_id\":\"a\",\"name\":\"python\",\"arguments\":\"{}\"}]");
}

static void id_and_name_on_every_fragment(void **state)
{
    (void)state;
    static const char once[] =
        "\ncall 0 python\narguments 0 {\"code\":1}\nfinish calls\nusage\nmodel m-1-2026";
    reads(CALL("\"index\":0,\"id\":\"a\"," PYTHON "\"{\\\"code\\\":\"}")
              CALL("\"index\":0,\"id\":\"a\"," PYTHON "\"1}\"}") END("tool_calls"),
        once);
    reads(CALL("\"id\":\"a\"," PYTHON "\"{\\\"code\\\":\"}") CALL("\"id\":\"a\"," PYTHON "\"1}\"}")
              END("tool_calls"),
        once);
    /* another id on each, and no name (a server's slip) */
    reads(CALL("\"index\":0,\"id\":\"a\"," PYTHON "\"{\\\"code\\\":\"}") CALL(
              "\"index\":0,\"id\":\"z\",\"function\":{\"arguments\":\"1}\"}") END("tool_calls"),
        once);
    reads(CALL("\"index\":0,\"id\":\"a\"," PYTHON "\"\"}")
              CALL("\"index\":0,\"id\":\"\",\"function\":{\"name\":"
                   "\"\",\"arguments\":\"{\\\"code\\\":1}\"}") END("tool_calls"),
        once);
}

static void calls_without_index_or_id(void **state)
{
    (void)state;
    static const char two[] =
        "\ncall 0 python\narguments 0 {\"code\":1}\ncall 1 python\narguments 1 {\"code\":2}"
        "\nfinish calls\nusage\nmodel m-1-2026";
    /* whole calls, one in each chunk; both in one; ids or none; all under index 0 */
    reads(
        CALL(PYTHON "\"{\\\"code\\\":1}\"}") CALL(PYTHON "\"{\\\"code\\\":2}\"}") END("stop"), two);
    reads(CALL(PYTHON "\"{\\\"code\\\":1}\"}},{" PYTHON "\"{\\\"code\\\":2}\"}") END("stop"), two);
    reads(CALL("\"id\":\"a\"," PYTHON "\"{\\\"code\\\":1}\"}")
              CALL("\"id\":\"b\"," PYTHON "\"{\\\"code\\\":2}\"}") END("stop"),
        two);
    reads(CALL("\"index\":0,\"id\":\"a\"," PYTHON "\"{\\\"code\\\":1}\"}")
              CALL("\"index\":0,\"id\":\"b\"," PYTHON "\"{\\\"code\\\":2}\"}") END("stop"),
        two);
    /* fragments without anything to tell them by go on with the last */
    reads(CALL(PYTHON "\"{\\\"code\\\":\"}") CALL("\"function\":{\"arguments\":\"1}\"}")
              CALL(PYTHON "\"{\\\"code\\\":2}\"}") END("stop"),
        two);
    makes(CALL(PYTHON "\"{}\"}") END("stop"),
        "[{\"type\":\"tool_call\",\"call_id\":\"made\",\"name\":\"python\",\"arguments\":\"{}\"}]");
}

static void odd_arguments(void **state)
{
    (void)state;
    reads(CALL("\"index\":0,\"id\":\"a\"," PYTHON "{\"code\":\"1\"}}") END("stop"),
        "\ncall 0 python\narguments 0 {\"code\":\"1\"}\nfinish calls\nusage\nmodel m-1-2026");
    reads(CALL("\"index\":0,\"id\":\"a\"," PYTHON "null}") END("stop"),
        "\ncall 0 python\narguments 0 {}\nfinish calls\nusage\nmodel m-1-2026");
    reads(CALL("\"index\":0,\"id\":\"a\"," PYTHON "{}}") END("stop"),
        "\ncall 0 python\narguments 0 {}\nfinish calls\nusage\nmodel m-1-2026");
    reads(CALL("\"index\":0,\"id\":\"a\"," PYTHON "\"print(1)\"}") END("stop"),
        "\ncall 0 python\narguments 0 print(1)\nfinish calls\nusage\nmodel m-1-2026");
    /* the id first, the name later, arguments between */
    reads(CALL("\"index\":0,\"id\":\"a\",\"function\":{\"arguments\":\"{\\\"code\\\"\"}")
              CALL("\"index\":0," PYTHON "\":1}\"}") END("stop"),
        "\ncall 0 python\narguments 0 {\"code\":1}\nfinish calls\nusage\nmodel m-1-2026");
    reads(DELTA("\"function_call\":{\"name\":\"python\",\"arguments\":\"{\\\"code\\\":\"}")
              DELTA("\"function_call\":{\"arguments\":\"1}\"}") END("function_call"),
        "\ncall 0 python\narguments 0 {\"code\":1}\nfinish calls\nusage\nmodel m-1-2026");
    reads(CALL("\"index\":0,\"id\":\"a\"") END("stop"), "\nerror provider_malformed");
}

/* Gemini's signatures: what we do not know of a call goes back with it. */
static void unknown_keys_are_kept(void **state)
{
    (void)state;
    makes(CALL("\"extra_content\":{\"google\":{\"thought_signature\":\"s\"}},\"id\":\"a\"," PYTHON
               "\"{}\"}") CALL("\"index\":null,\"type\":\"function\",\"other\":1") END("stop"),
        "[{\"type\":\"tool_call\",\"call_id\":\"a\",\"name\":\"python\",\"arguments\":\"{}\",\"extra\":{"
        "\"extra_content\":{\"google\":{\"thought_signature\":\"s\"}},\"other\":1}}]");
}

static void reasoning(void **state)
{
    (void)state;
    reads(DELTA("\"reasoning_content\":\"hm\"")
              DELTA("\"reasoning_content\":\"m\",\"content\":\"\"") DELTA("\"content\":\"a\"")
                  END("stop"),
        "\nreasoning hmm\ntext a\nfinish stop\nusage\nmodel m-1-2026");
    reads(DELTA("\"reasoning\":\"hm\",\"reasoning_content\":\"hm\"")
              END("stop"), /* under both names */
        "\nreasoning hm\nfinish stop\nusage\nmodel m-1-2026");
    makes(DELTA("\"reasoning\":\"hm\"") CALL("\"index\":0,\"id\":\"a\"," PYTHON "\"{}\"}")
              END("stop"),
        "[{\"type\":\"reasoning\",\"adapter\":\"chat\",\"data\":{\"reasoning\":\"hm\"}},"
        "{\"type\":\"tool_call\",\"call_id\":\"a\",\"name\":\"python\",\"arguments\":\"{}\"}]");
}

static void ends_and_errors(void **state)
{
    (void)state;
    reads(DELTA("\"content\":\"a\"") END("stop"), "\ntext a\nfinish stop\nusage\nmodel m-1-2026");
    reads(DELTA("\"content\":\"a\"") DONE, "\ntext a\nfinish stop\nusage\nmodel m-1-2026");
    reads(DELTA("\"content\":\"a\""), "\ntext a\nerror provider_malformed");
    reads(DELTA("\"content\":\"a\"") "data: {\"content\n\n", "\ntext a\nerror provider_malformed");
    reads("data: {\"error\":{\"message\":\"slow\",\"code\":429}}\n\n",
        "\nerror provider_rate_limited");
    reads("event: error\ndata: {\"message\":\"x\",\"type\":\"overloaded_error\"}\n\n",
        "\nerror provider_overloaded");
    reads(
        DELTA(
            "\"content\":\"a\"") "data: {\"error\":{\"message\":\"boom\",\"type\":\"server_error\"}}\n\n" DONE,
        "\ntext a\nerror provider_failed");
    reads(
        CHUNK("\"delta\":{},\"finish_reason\":\"error\",\"error\":{\"code\":502,\"message\":\"x\"}")
            DONE,
        "\nerror provider_failed");
    /* halves of characters, zeros: a server that cut between tokens */
    reads(DELTA("\"content\":\"a\\ud83d\"") DELTA("\"content\":\"\\ude00b\\u0000\"") END("stop"),
        "\ntext a\xef\xbf\xbd\xef\xbf\xbd"
        "b\xef\xbf\xbd\nfinish stop\nusage\nmodel m-1-2026");
}

static void whole_answers(void **state)
{
    (void)state;
    static const char body[] =
        "{\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hi\","
        "\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"python\",\"arguments\":\"{}\"}}]},"
        "\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}";
    struct provider_request q = request_of(&route);
    struct error e;
    cleanup_free char *seen = decode(&q, body, sizeof(body) - 1, (struct cuts){0}, true, NULL, &e);
    assert_string_equal(
        seen, "\ntext Hi\ncall 0 python\narguments 0 {}\nfinish calls\nusage 1 0 2\nmodel m");
    cleanup_free char *empty = decode(&q, "{\"choices\":[]}", 14, (struct cuts){0}, true, NULL, &e);
    assert_string_equal(empty, "\nerror provider_malformed");
}

/* An upstream that never ends a call, or makes calls without end, is stopped. */
static void bounded(void **state)
{
    (void)state;
    struct provider_request q = request_of(&route);
    struct strbuf many = STRBUF_INIT(1 << 20);
    struct error e;
    for (int i = 0; i < ANSWER_CALLS_MAX + 1; i++)
        strbuf_printf(&many,
            "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":%d,\"id\":\"c%d\",\"function\":{"
            "\"name\":\"python\",\"arguments\":\"{}\"}}]}}]}\n\n",
            i, i);
    cleanup_free char *seen =
        decode(&q, many.data, many.length, (struct cuts){.first = many.length}, false, NULL, &e);
    assert_non_null(strstr(seen, "\nerror"));
    strbuf_deinit(&many);
}

/* ---- requests -------------------------------------------------------------------------------------------- */

#define USER(words) \
    "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"" words \
    "\"}]}"
#define ASSISTANT(words) \
    "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"" words \
    "\"}]}"
#define TOOL_CALL(id, arguments) \
    "{\"type\":\"tool_call\",\"call_id\":\"" id \
    "\",\"name\":\"python\",\"arguments\":\"" arguments "\"}"
#define RESULT(id, words) "{\"type\":\"tool_result\",\"call_id\":\"" id "\",\"text\":\"" words "\"}"
#define SENT_CALL(id, arguments) \
    "{\"id\":\"" id \
    "\",\"type\":\"function\",\"function\":{\"name\":\"python\",\"arguments\":\"" arguments "\"}}"

static void sends(struct provider_request *q, const char *transcript, const char *messages)
{
    q->transcript = json_of(transcript);
    json_t *body = encoded_of(q, true, NULL, NULL);
    assert_member(body, "messages", messages);
    json_decref(body);
    json_decref(q->transcript);
}

static void a_conversation(void **state)
{
    (void)state;
    struct provider_request q = request_of(&route);
    q.instructions = "Be brief.";
    sends(&q,
        "[" USER("2+2?") "," ASSISTANT("Let me see.") "," TOOL_CALL(
            "c1", "{\\\"code\\\":\\\"2+2\\\"}") "," RESULT("c1",
            "4") "," ASSISTANT("Four.") "," USER("Thanks") "]",
        "[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":\"2+2?\"},"
        "{\"role\":\"assistant\",\"content\":\"Let me see.\",\"tool_calls\":[" SENT_CALL("c1",
            "{\\\"code\\\":\\\"2+2\\\"}") "]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"4\"},"
                                          "{\"role\":\"assistant\",\"content\":\"Four.\"},{\"role\":\"user\",\"content\":\"Thanks\"}]");
}

/* What no server accepts is mended before it is sent. */
static void calls_and_results_in_disorder(void **state)
{
    (void)state;
    struct provider_request q = request_of(&route);
    static const char missing[] =
        "There is no result: the conversation was interrupted before this ran.";
    char expected[2000];
    snprintf(expected, sizeof(expected),
        "[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" SENT_CALL(
            "a", "{}") "," SENT_CALL("b",
            "{}") "]},{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"%s\"},"
                  "{\"role\":\"tool\",\"tool_call_id\":\"b\",\"content\":\"B\"},{\"role\":\"user\",\"content\":\"go on\"}]",
        missing);
    sends(&q,
        "[" TOOL_CALL("a", "{}") "," TOOL_CALL("b", "{}") "," USER("go on") "," RESULT(
            "b", "B") "," RESULT("never", "x") "]",
        expected);
    /* a server that begins anew with its ids in each turn */
    sends(&q,
        "[" TOOL_CALL("a", "{}") "," RESULT("a", "1") "," TOOL_CALL("a", "{}") "," RESULT(
            "a", "2") "]",
        "[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" SENT_CALL(
            "a", "{}") "]},"
                       "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"1\"},"
                       "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" SENT_CALL("a",
                           "{}") "]},"
                                 "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"2\"}]");
#define LONG_ID "call_0123456789012345678901234567890123456789"
    sends(&q, "[" TOOL_CALL(LONG_ID, "{}") "," RESULT(LONG_ID, "1") "]",
        "[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" SENT_CALL(
            "call_1", "{}") "]},"
                            "{\"role\":\"tool\",\"tool_call_id\":\"call_1\",\"content\":\"1\"}]");
    /* arguments that are no object are made one: servers parse them */
    sends(&q, "[" TOOL_CALL("a", "print(1)") "," RESULT("a", "1") "]",
        "[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" SENT_CALL("a",
            "{\\\"code\\\":\\\"print(1)\\\"}") "]},"
                                               "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"1\"}]");
    sends(&q, "[" USER("a") "," USER("b") "]", "[{\"role\":\"user\",\"content\":\"a\\n\\nb\"}]");
}

#define IMAGE \
    "{\"type\":\"image\",\"media_type\":\"image/png\",\"data\":\"AAAA\",\"detail\":\"low\"}"
#define SENT_IMAGE \
    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAA\",\"detail\":\"low\"}}"

static void images(void **state)
{
    (void)state;
    struct provider_request q = request_of(&route);
    struct model_route blind = route;
    static const char asked[] =
        "[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"see\"}," IMAGE
        ",{\"type\":\"image\",\"url\":\"https://x/y.png\"},{\"type\":\"file\",\"filename\":\"d.csv\","
        "\"path\":\"/mnt/data/d.csv\",\"bytes\":12}]}]";
    static const char drawn[] = "[" TOOL_CALL("a", "{}") "," TOOL_CALL(
        "b", "{}") ",{\"type\":\"tool_result\",\"call_id\":\"a\","
                   "\"text\":\"A\",\"images\":[" IMAGE "]}," RESULT("b", "B") "," USER("and?") "]";
    sends(&q, asked,
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"see\"}," SENT_IMAGE
        ",{\"type\":\"image_url\","
        "\"image_url\":{\"url\":\"https://x/y.png\"}},{\"type\":\"text\",\"text\":"
        "\"[file d.csv, 12 bytes, at /mnt/data/d.csv]\"}]}]");
    sends(&q, drawn,
        "[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" SENT_CALL(
            "a", "{}") "," SENT_CALL("b",
            "{}") "]},"
                  "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"A\"},{\"role\":\"tool\",\"tool_call_id\":\"b\",\"content\":\"B\"},"
                  "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"The images that the code above displayed:\"}," SENT_IMAGE
                  ",{\"type\":\"text\",\"text\":\"and?\"}]}]");
    blind.images = false;
    q.route = &blind;
    sends(&q, drawn,
        "[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" SENT_CALL(
            "a", "{}") "," SENT_CALL("b",
            "{}") "]},"
                  "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"A\"},{\"role\":\"tool\",\"tool_call_id\":\"b\",\"content\":\"B\"},"
                  "{\"role\":\"user\",\"content\":\"and?\"}]");
}

static void models_without_tools(void **state)
{
    (void)state;
    struct provider_request q = request_of(&route);
    struct model_route plain = route;
    plain.tools = false;
    q.route = &plain;
    q.tools = json_of("[{\"name\":\"python\",\"parameters\":{}}]");
    sends(&q,
        "[" USER("2+2?") "," ASSISTANT("So:") "," TOOL_CALL(
            "a", "{\\\"code\\\":\\\"2+2\\\"}") "," RESULT("a", "4") "]",
        "[{\"role\":\"user\",\"content\":\"2+2?\"},{\"role\":\"assistant\",\"content\":\"So:\\n\\n```python\\n2+2\\n```\"},"
        "{\"role\":\"user\",\"content\":\"Result of the code:\\n4\"}]");
    sends(&q, "[" TOOL_CALL("a", "{\\\"code\\\":\\\"x='```'\\\\n\\\"}") "]",
        "[{\"role\":\"assistant\",\"content\":\"````python\\nx='```'\\n````\"},{\"role\":\"user\",\"content\":"
        "\"Result of the code:\\nThere is no result: the conversation was interrupted before this ran.\"}]");
    q.transcript = json_array();
    json_t *body = encoded_of(&q, true, NULL, NULL);
    assert_member(body, "tools", "");
    json_decref(body);
    json_decref(q.transcript);
    json_decref(q.tools);
}

/* Reasoning returns within its own loop only, under the name it came by. */
static void reasoning_goes_back(void **state)
{
    (void)state;
    struct provider_request q = request_of(&route);
#define THOUGHT(words) \
    "{\"type\":\"reasoning\",\"adapter\":\"chat\",\"data\":{\"reasoning_content\":\"" words "\"}}"
    sends(&q,
        "[" USER("a") "," THOUGHT("old") "," TOOL_CALL("a", "{}") "," RESULT("a", "1") "," ASSISTANT("x") "," USER(
            "b") "," THOUGHT("new") ",{\"type\":\"reasoning\",\"adapter\":\"anthropic\",\"data\":{\"k\":1}}," TOOL_CALL("b",
            "{}") "," RESULT("b", "2") "]",
        "[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" SENT_CALL(
            "a",
            "{}") "]},{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"1\"},{\"role\":\"assistant\",\"content\":\"x\"},"
                  "{\"role\":\"user\",\"content\":\"b\"},{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"new\","
                  "\"tool_calls\":[" SENT_CALL("b",
                      "{}") "]},{\"role\":\"tool\",\"tool_call_id\":\"b\",\"content\":\"2\"}]");
}

static void the_rest_of_a_request(void **state)
{
    (void)state;
    struct provider_request q = request_of(&route);
    q.transcript = json_array();
    json_t *body = encoded_of(&q, true, NULL, NULL);
    assert_member(body, "model", "\"m-1\"");
    assert_member(body, "stream", "true");
    assert_member(body, "stream_options", "{\"include_usage\":true}");
    static const char *const absent[] = {"tools", "tool_choice", "parallel_tool_calls",
        "temperature", "top_p", "max_tokens", "max_completion_tokens", "response_format",
        "reasoning_effort"};
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
        assert_member(body, absent[i], "");
    json_decref(body);
    body = encoded_of(&q, false, NULL, NULL);
    assert_member(body, "stream", "false");
    assert_member(body, "stream_options", "");
    json_decref(body);

    q.tools = json_of(
        "[{\"name\":\"python\",\"description\":\"d\",\"parameters\":{\"type\":\"object\"},\"strict\":false}]");
    q.tool_choice = json_of("{\"name\":\"python\"}");
    q.text_format =
        json_of("{\"type\":\"json_schema\",\"name\":\"n\",\"schema\":{},\"strict\":true}");
    q.parallel_tool_calls = false;
    q.temperature = 0.5;
    q.max_output_tokens = 100;
    q.reasoning_effort = "low";
    q.extra = json_of("{\"seed\":7,\"reasoning_effort\":null}");
    body = encoded_of(&q, true, NULL, NULL);
    assert_member(body, "tools",
        "[{\"type\":\"function\",\"function\":{\"name\":\"python\",\"description\":\"d\","
        "\"parameters\":{\"type\":\"object\"},\"strict\":false}}]");
    assert_member(
        body, "tool_choice", "{\"type\":\"function\",\"function\":{\"name\":\"python\"}}");
    assert_member(body, "response_format",
        "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{},\"strict\":true}}");
    assert_member(body, "parallel_tool_calls", "false");
    assert_member(body, "temperature", "0.5");
    assert_member(body, "max_tokens", "100");
    assert_member(body, "seed", "7");
    assert_member(body, "reasoning_effort", ""); /* a null takes a field away */
    json_decref(body);

    struct model_route thinker = route;
    struct provider other = provider;
    snprintf(other.max_tokens_field, sizeof(other.max_tokens_field), "max_completion_tokens");
    other.extra = json_of("{\"seed\":1,\"user\":\"u\",\"parallel_tool_calls\":null}");
    thinker.extra = json_of("{\"seed\":2}");
    thinker.reasoning = true;
    thinker.provider = &other;
    q.route = &thinker;
    body = encoded_of(&q, true, NULL, NULL);
    assert_member(body, "temperature", ""); /* which it would refuse */
    assert_member(body, "max_completion_tokens", "100");
    assert_member(body, "parallel_tool_calls", "");
    assert_member(body, "user", "\"u\"");
    assert_member(body, "seed", "7"); /* provider's, model's, caller's: the last wins */
    json_decref(body);
    json_decref(other.extra);
    json_decref(thinker.extra);
    json_decref(q.transcript);
    json_decref(q.tools);
    json_decref(q.tool_choice);
    json_decref(q.text_format);
    json_decref(q.extra);
}

static void urls(void **state)
{
    (void)state;
    struct provider_request q = request_of(&route);
    struct provider azure = {.name = "azure",
        .adapter = &chat_adapter,
        .base_url = (char *)"https://r.openai.azure.com",
        .api_version = (char *)"2024-10-21",
        .deployments = true,
        .max_tokens_field = "max_completion_tokens"};
    struct model_route deployment = {.provider = &azure, .model = "my gpt/5"};
    char *url;
    q.transcript = json_array();
    json_decref(encoded_of(&q, true, &url, NULL));
    assert_string_equal(url, "https://acme.example/v1/chat/completions");
    free(url);
    q.route = &deployment;
    json_decref(encoded_of(&q, true, &url, NULL));
    assert_string_equal(url,
        "https://r.openai.azure.com/openai/deployments/my%20gpt%2F5/chat/completions?api-version=2024-10-21");
    free(url);
    json_decref(q.transcript);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text),
        cmocka_unit_test(chunks_with_little_in_them),
        cmocka_unit_test(calls_by_index),
        cmocka_unit_test(id_and_name_on_every_fragment),
        cmocka_unit_test(calls_without_index_or_id),
        cmocka_unit_test(odd_arguments),
        cmocka_unit_test(unknown_keys_are_kept),
        cmocka_unit_test(reasoning),
        cmocka_unit_test(ends_and_errors),
        cmocka_unit_test(whole_answers),
        cmocka_unit_test(bounded),
        cmocka_unit_test(a_conversation),
        cmocka_unit_test(calls_and_results_in_disorder),
        cmocka_unit_test(images),
        cmocka_unit_test(models_without_tools),
        cmocka_unit_test(reasoning_goes_back),
        cmocka_unit_test(the_rest_of_a_request),
        cmocka_unit_test(urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
