/* Requests to /v1/responses: what is refused in which words, and what the rest becomes. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "api/responses/request.h"
#include "base/ids.h"

static json_t *parse(const char *body)
{
    struct error e = {0};
    json_t *root = NULL;
    if (json_in_parse(body, strlen(body), &root, &e) < 0)
        fail_msg("%s: %s", body, e.message);
    return root;
}

struct refusal {
    const char *body, *code, *param, *message; /* message: whole, or its beginning followed by … */
};

static void expect_refusal(const struct refusal *t)
{
    struct response_request r;
    struct error e = {0};
    assert_true(response_request_read(parse(t->body), &r, &e) < 0);
    response_request_deinit(&r);
    if (strcmp(error_wire_code(e.code), t->code) != 0 || strcmp(e.param, t->param) != 0)
        fail_msg("%s: got %s, %s: %s", t->body, error_wire_code(e.code), e.param, e.message);
    size_t n = strlen(t->message);
    bool beginning = n > 3 && strcmp(t->message + n - 3, "…") == 0;
    if (strncmp(e.message, t->message, beginning ? n - 3 : n + 1) != 0)
        fail_msg("%s: got \"%s\"", t->body, e.message);
}

#define M "\"model\":\"m\","
#define MI "\"model\":\"m\",\"input\":\"x\","

static void what_openai_refuses_is_refused_in_its_words(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"{\"input\":\"x\"}", "missing_required_parameter", "model",
            "Missing required parameter: 'model'."},
        {"{\"model\":1}", "invalid_type", "model",
            "Invalid type for 'model': expected a string, but got an integer instead."},
        {"{" M "\"messages\":[]}", "unsupported_parameter", "",
            "Unsupported parameter: 'messages'. In the Responses API, this parameter has moved to "
            "'input'. Try again…"},
        {"{" MI "\"max_tokens\":5}", "unknown_parameter", "max_tokens",
            "Unknown parameter: 'max_tokens'."},
        {"{" M "\"temperature\":1}", "missing_required_parameter", "",
            "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation' must be "
            "provided."},
        {"{" M "\"input\":[]}", "missing_required_parameter", "", "One of \"input\" or…"},
        {"{" MI "\"temperature\":\"1\"}", "invalid_type", "temperature",
            "Invalid type for 'temperature': expected a decimal, but got a string instead."},
        {"{" MI "\"temperature\":3}", "decimal_above_max_value", "temperature",
            "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 "
            "instead."},
        {"{" MI "\"max_output_tokens\":0}", "integer_below_min_value", "max_output_tokens",
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but "
            "got 0 instead."},
        {"{" MI "\"top_logprobs\":30}", "integer_above_max_value", "top_logprobs",
            "Invalid 'top_logprobs': integer above maximum value. Expected a value <= 20, but got 30 "
            "instead."},
        {"{" MI "\"truncation\":\"bogus\"}", "invalid_value", "truncation",
            "Invalid value: 'bogus'. Supported values are: 'auto' and 'disabled'."},
        {"{" M "\"input\":[null]}", "invalid_type", "input[0]",
            "Invalid type for 'input[0]': expected an input item, but got null instead."},
        {"{" M "\"input\":[{\"role\":\"user\"}]}", "missing_required_parameter", "input[0].content",
            "Missing required parameter: 'input[0].content'."},
        {"{" M "\"input\":[{}]}", "missing_required_parameter", "input[0].type",
            "Missing required parameter: 'input[0].type'."},
        {"{" M "\"input\":[{\"type\":\"message\",\"role\":\"tool\",\"content\":\"x\"}]}",
            "invalid_value", "input[0].role",
            "Invalid value: 'tool'. Supported values are: 'assistant', 'system', 'developer', and "
            "'user'."},
        {"{" M "\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}]}",
            "invalid_value", "input[0].content[0].type",
            "Invalid value: 'text'. Supported values are: 'input_text', 'input_image', and "
            "'input_file'."},
        {"{" M "\"input\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"input_text\"}]}]}",
            "invalid_value", "input[0].content[0].type",
            "Invalid value: 'input_text'. Supported values are: 'output_text' and 'refusal'."},
        {"{" M "\"input\":[{\"type\":\"web_search_call\",\"id\":\"ws_1\"}]}", "invalid_value",
            "input[0].type", "Invalid value: 'web_search_call'. Supported values are: 'message',…"},
        {"{" MI "\"tools\":[{}]}", "missing_required_parameter", "tools[0].type",
            "Missing required parameter: 'tools[0].type'."},
        {"{" MI "\"tools\":[{\"type\":\"function\"}]}", "missing_required_parameter",
            "tools[0].name", "Missing required parameter: 'tools[0].name'."},
        {"{" MI "\"tools\":[{\"type\":\"bogus\"}]}", "invalid_value", "tools[0].type",
            "Invalid value: 'bogus'. Supported values are: 'code_interpreter' and 'function'."},
        {"{" MI "\"tools\":[{\"type\":\"web_search\"}]}", "unsupported_tool", "tools[0].type",
            "Unsupported tool: 'web_search' is not available on this server. …"},
        {"{" MI "\"tool_choice\":{\"type\":\"file_search\"}}", "unsupported_tool",
            "tool_choice.type", "Unsupported tool: 'file_search'…"},
        {"{" MI "\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"}}", "invalid_value",
            "tool_choice", "Tool choice 'f' not found in 'tools' parameter."},
        {"{" MI
         "\"metadata\":{\"1\":\"\",\"2\":\"\",\"3\":\"\",\"4\":\"\",\"5\":\"\",\"6\":\"\",\"7\":\"\","
         "\"8\":\"\",\"9\":\"\",\"10\":\"\",\"11\":\"\",\"12\":\"\",\"13\":\"\",\"14\":\"\",\"15\":\"\","
         "\"16\":\"\",\"17\":\"\"}}",
            "object_above_max_properties", "metadata",
            "Invalid 'metadata': too many properties. Expected an object with at most 16 properties, "
            "but got an object with 17 properties instead."},
        {"{" MI "\"previous_response_id\":\"resp 1\"}", "invalid_value", "previous_response_id",
            "Invalid 'previous_response_id': 'resp 1'. Expected an ID that contains letters, "
            "numbers, underscores, or dashes, but this value contained additional characters."},
        {"{" MI "\"previous_response_id\":\"resp_1\",\"conversation\":\"conv_1\"}",
            "mutually_exclusive_parameters", "",
            "Mutually exclusive parameters: ''. Ensure you are only providing one of: "
            "'previous_response_id' or 'conversation'."},
        {"{" MI "\"prompt\":{\"id\":\"pmpt_1\"}}", "unsupported_parameter", "prompt",
            "Unsupported parameter: 'prompt'…"},
        {"{" MI "\"include\":[\"bogus\"]}", "invalid_value", "include[0]",
            "Invalid value: 'bogus'. Supported values are: 'code_interpreter_call.outputs'…"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_refusal(&cases[i]);
}

#define CI(container) "\"tools\":[{\"type\":\"code_interpreter\",\"container\":" container "}]}"

static void containers_that_cannot_be(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"{" MI CI("{}"), "missing_required_parameter", "tools[0].container.type",
            "Missing required parameter: 'tools[0].container.type'."},
        {"{" MI CI("{\"type\":\"manual\"}"), "invalid_value", "tools[0].container.type",
            "Invalid value: 'manual'. Supported values are: 'auto'."},
        {"{" MI CI("5"), "invalid_type", "tools[0].container",
            "Invalid type for 'tools[0].container': expected a string, but got an integer instead."},
        {"{" MI CI("{\"type\":\"auto\",\"memory_limit\":\"much\"}"), "invalid_value",
            "tools[0].container.memory_limit",
            "Invalid value: 'much'. Supported values are: '1g',…"},
        {"{" MI CI(
             "{\"type\":\"auto\",\"network_policy\":{\"type\":\"allowlist\",\"allowed_domains\":[\"a.b\"]}}"),
            "unsupported_parameter", "tools[0].container.network_policy",
            "Unsupported parameter: 'tools[0].container.network_policy' other than 'disabled'…"},
        {"{" MI CI("{\"type\":\"auto\",\"skills\":[{}]}"), "unsupported_parameter",
            "tools[0].container.skills",
            "Unsupported parameter: 'tools[0].container.skills' is not supported by this server."},
        {"{" MI CI("\"cntr_0123456789012345678901234567890123456789012345678901234567890\""),
            "string_above_max_length", "tools[0].container",
            "Invalid 'tools[0].container': string too long. Expected a string with maximum length 64, "
            "but got a string with length 66 instead."},
        {"{" MI "\"tools\":[{\"type\":\"code_interpreter\"},{\"type\":\"code_interpreter\"}]}",
            "invalid_value", "tools[1].type", "Invalid 'tools[1].type': one code_interpreter…"},
        {"{" MI
         "\"tools\":[{\"type\":\"code_interpreter\"},{\"type\":\"function\",\"name\":\"python\"}]}",
            "invalid_value", "tools", "Invalid 'tools': 'python' is the interpreter's own name…"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_refusal(&cases[i]);
}

#define USER(part) \
    "{" M \
    "\"tools\":[{\"type\":\"code_interpreter\"}],\"input\":[{\"role\":\"user\",\"content\":[" part \
    "]}]}"
#define AT "input[0].content[0]."

static void files_that_cannot_be(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {USER("{\"type\":\"input_file\"}"), "missing_required_parameter", AT "file_id",
            "Missing required parameter: 'input[0].content[0].file_id'."},
        {USER("{\"type\":\"input_file\",\"file_data\":\"YQ==\"}"), "missing_required_parameter",
            AT "filename", "Missing required parameter: 'input[0].content[0].filename'."},
        {USER("{\"type\":\"input_file\",\"filename\":\"a\",\"file_data\":\"*\"}"), "invalid_value",
            AT "file_data", "Invalid 'input[0].content[0].file_data': it is not base64."},
        {USER("{\"type\":\"input_file\",\"file_url\":\"https://a.b/c\"}"), "unsupported_parameter",
            AT "file_url", "Unsupported parameter: 'input[0].content[0].file_url' is not fetched…"},
        {USER("{\"type\":\"input_image\"}"), "missing_required_parameter", AT "image_url",
            "Missing required parameter: 'input[0].content[0].image_url'."},
        {USER("{\"type\":\"input_image\",\"image_url\":\"file:///etc/passwd\"}"), "invalid_value",
            AT "image_url",
            "Invalid 'input[0].content[0].image_url'. Expected an http(s) URL, or…"},
        {USER("{\"type\":\"input_image\",\"image_url\":\"data:text/html;base64,YQ==\"}"),
            "invalid_value", AT "image_url", "Invalid 'input[0].content[0].image_url'. Expected…"},
        {USER("{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,a\"}"),
            "invalid_value", AT "image_url",
            "Invalid 'input[0].content[0].image_url': it is not base64."},
        {USER("{\"type\":\"input_image\",\"image_url\":\"https://a.b\",\"file_id\":\"file-1\"}"),
            "mutually_exclusive_parameters", AT "image_url", "Mutually exclusive parameters:…"},
        {"{" M
         "\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"file_id\":\"file-1\"}]}]}",
            "invalid_value", AT "type",
            "Invalid 'input[0].content[0].type': files are read by code. Add the tool…"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_refusal(&cases[i]);
}

static void read_ok(const char *body, struct response_request *r)
{
    struct error e = {0};
    if (response_request_read(parse(body), r, &e) < 0)
        fail_msg("%s: %s", body, e.message);
}

static void assert_json(const json_t *value, const char *expected)
{
    json_error_t why;
    cleanup_json json_t *wanted = json_loads(expected, JSON_DECODE_ANY, &why);
    if (!wanted)
        fail_msg("the test's own JSON: %s: %s", why.text, expected);
    if (!json_equal(value, wanted)) {
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        fail_msg("got %s, expected %s", text, expected);
    }
}

static void nothing_said_is_the_default(void **state)
{
    (void)state;
    struct response_request r;
    read_ok("{" MI "\"unheard_of\":1,\"stream\":null,\"tools\":null}", &r);
    assert_true(r.store && !r.background && !r.stream && r.parallel_tool_calls);
    assert_true(isnan(r.temperature) && isnan(r.top_p));
    assert_false(r.tools.interpreter);
    assert_null(r.tools.choice);
    assert_null(r.text_format);
    assert_json(r.echo,
        "{\"instructions\":null,\"previous_response_id\":null,\"store\":true,\"background\":false,"
        "\"parallel_tool_calls\":true,\"truncation\":\"disabled\",\"temperature\":1.0,\"top_p\":1.0,"
        "\"top_logprobs\":0,\"max_output_tokens\":null,\"max_tool_calls\":null,"
        "\"frequency_penalty\":0.0,\"presence_penalty\":0.0,\"service_tier\":\"auto\","
        "\"safety_identifier\":null,\"prompt_cache_key\":null,\"prompt_cache_retention\":null,"
        "\"user\":null,\"billing\":{\"payer\":\"developer\"},\"metadata\":{},\"tools\":[],"
        "\"tool_choice\":\"auto\",\"text\":{\"format\":{\"type\":\"text\"},\"verbosity\":\"medium\"},"
        "\"reasoning\":{\"effort\":null,\"summary\":null}}");
    assert_json(r.input.items,
        "[{\"id\":\"\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"user\",\"content\":"
        "[{\"type\":\"input_text\",\"text\":\"x\"}]}]");
    response_request_deinit(&r);
}

static void a_container_is_auto_unless_named(void **state)
{
    (void)state;
    struct response_request r;
    read_ok("{" MI "\"tools\":[{\"type\":\"code_interpreter\"}]}", &r);
    assert_true(r.tools.interpreter);
    assert_null(r.tools.container_id);
    assert_json(
        r.tools.echo, "[{\"type\":\"code_interpreter\",\"container\":{\"type\":\"auto\"}}]");
    response_request_deinit(&r);
    read_ok(
        "{" MI CI("{\"type\":\"auto\",\"memory_limit\":\"512m\",\"file_ids\":[\"file-1\"]}"), &r);
    assert_int_equal(r.tools.memory_limit_bytes, 512 << 20);
    assert_int_equal(json_array_size(r.tools.file_ids), 1);
    assert_json(r.tools.echo, "[{\"type\":\"code_interpreter\",\"container\":{\"type\":\"auto\","
                              "\"memory_limit\":null,\"file_ids\":[\"file-1\"]}}]");
    response_request_deinit(&r);
    read_ok("{" MI CI("\"cntr_1\""), &r);
    assert_string_equal(r.tools.container_id, "cntr_1");
    assert_json(r.tools.echo, "[{\"type\":\"code_interpreter\",\"container\":\"cntr_1\"}]");
    response_request_deinit(&r);
}

#define TWO_TOOLS \
    "\"tools\":[{\"type\":\"code_interpreter\"},{\"type\":\"function\",\"name\":\"f\"}]"

static void choices_of_tools(void **state)
{
    (void)state;
    struct response_request r;
    read_ok("{" MI TWO_TOOLS ",\"tool_choice\":{\"type\":\"code_interpreter\"}}", &r);
    assert_json(r.tools.choice, "{\"name\":\"python\"}");
    assert_json(r.tools.choice_echo, "{\"type\":\"code_interpreter\"}");
    response_request_deinit(&r);
    read_ok("{" MI TWO_TOOLS ",\"tool_choice\":\"required\"}", &r);
    assert_json(r.tools.choice, "\"required\"");
    response_request_deinit(&r);
    read_ok("{" MI TWO_TOOLS ",\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"required\","
            "\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]}}",
        &r);
    assert_true(r.tools.interpreter);
    assert_false(r.tools.offered);
    assert_int_equal(json_array_size(r.tools.functions), 1);
    assert_json(r.tools.choice, "\"required\"");
    response_request_deinit(&r);
}

static void functions_become_the_providers(void **state)
{
    (void)state;
    struct response_request r;
    read_ok(
        "{" MI "\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"description\":\"d\","
        "\"parameters\":{\"type\":\"object\"},\"strict\":false},{\"type\":\"function\",\"name\":\"g\"}]}",
        &r);
    assert_json(r.tools.functions,
        "[{\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"type\":\"object\"},\"strict\":false},"
        "{\"name\":\"g\",\"description\":null,\"parameters\":null}]");
    assert_json(json_array_get(r.tools.echo, 1),
        "{\"type\":\"function\",\"name\":\"g\",\"description\":null,\"parameters\":null,\"strict\":true}");
    response_request_deinit(&r);
}

static void all_kinds_of_items(void **state)
{
    (void)state;
    struct response_request r;
    read_ok(
        "{" M "\"input\":[{\"role\":\"developer\",\"content\":\"d\"},"
        "{\"role\":\"assistant\",\"content\":\"a\"},"
        "{\"id\":\"msg_1\"},{\"type\":\"item_reference\",\"id\":\"msg_2\"},"
        "{\"type\":\"code_interpreter_call\",\"id\":\"ci_1\",\"code\":\"1\",\"container_id\":\"cntr_1\","
        "\"status\":\"completed\",\"outputs\":[{\"type\":\"logs\",\"logs\":\"1\"}]},"
        "{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"},"
        "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"o\"},"
        "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[],\"encrypted_content\":\"x\"}]}",
        &r);
    assert_json(r.input.items,
        "[{\"id\":\"\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"developer\",\"content\":"
        "[{\"type\":\"input_text\",\"text\":\"d\"}]},"
        "{\"id\":\"\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":"
        "[{\"type\":\"output_text\",\"text\":\"a\",\"annotations\":[],\"logprobs\":[]}]},"
        "{\"id\":\"msg_1\",\"type\":\"item_reference\"},{\"id\":\"msg_2\",\"type\":\"item_reference\"},"
        "{\"id\":\"ci_1\",\"type\":\"code_interpreter_call\",\"status\":\"completed\",\"code\":\"1\","
        "\"container_id\":\"cntr_1\",\"outputs\":[{\"type\":\"logs\",\"logs\":\"1\"}]},"
        "{\"id\":\"\",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":\"c\",\"name\":\"f\","
        "\"arguments\":\"{}\"},"
        "{\"id\":\"\",\"type\":\"function_call_output\",\"status\":\"completed\",\"call_id\":\"c\","
        "\"output\":\"o\"},{\"id\":\"rs_1\",\"type\":\"reasoning\",\"summary\":[]}]");
    char parent[ID_SIZE], found[ID_SIZE];
    unsigned n;
    id_new_parent(parent, "resp_");
    assert_int_equal(items_name(r.input.items, parent), 0);
    const char *id = json_string_value(json_object_get(json_array_get(r.input.items, 4), "id"));
    assert_int_equal(strncmp(id, "ci_", 3), 0);
    assert_true(id_parent(found, "resp_", id, &n));
    assert_string_equal(found, parent);
    assert_int_equal(n, INPUT_CHILD + 5);
    response_request_deinit(&r);
}

/* ---- what the model reads ---- */

static int no_stat(void *context, const char *id, char **name, int64_t *bytes)
{
    (void)context;
    if (strcmp(id, "file-1") != 0)
        return -ENOENT;
    *name = strdup("data.csv");
    *bytes = 7;
    return 0;
}

static int png_read(void *context, const char *id, struct strbuf *to)
{
    (void)context, (void)id;
    return strbuf_append(to, "\x89PNG\r\n\x1a\n", 8);
}

static const struct file_source source = {no_stat, png_read, NULL};
static const struct item_view no_figures = {0};

static void files_go_to_the_container_and_are_named_to_the_model(void **state)
{
    (void)state;
    struct response_request r;
    struct input_files files = {0};
    struct error e = {0};
    cleanup_json json_t *transcript = json_array();
    read_ok(
        USER(
            "{\"type\":\"input_text\",\"text\":\"look\"},"
            "{\"type\":\"input_file\",\"filename\":\"dir/data.csv\",\"file_data\":\"data:text/csv;base64,YSxi\"},"
            "{\"type\":\"input_file\",\"file_id\":\"file-1\"},"
            "{\"type\":\"input_file\",\"file_id\":\"file-1\"},"
            "{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,iVBO\",\"detail\":\"low\"},"
            "{\"type\":\"input_image\",\"image_url\":\"https://a.b/c.png\"}"),
        &r);
    assert_int_equal(r.input.contents, 2);
    int x = items_transcript(r.input.items, &r.input, &source, &no_figures, &files, transcript, &e);
    if (x < 0)
        fail_msg("%s", e.message);
    assert_json(transcript,
        "[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"look\"},"
        "{\"type\":\"file\",\"filename\":\"data.csv\",\"path\":\"/mnt/data/data.csv\",\"bytes\":3,\"file_id\":null},"
        "{\"type\":\"file\",\"filename\":\"data.csv\",\"path\":\"/mnt/data/data (2).csv\",\"bytes\":7,\"file_id\":\"file-1\"},"
        "{\"type\":\"file\",\"filename\":\"data.csv\",\"path\":\"/mnt/data/data (2).csv\",\"bytes\":7,\"file_id\":\"file-1\"},"
        "{\"type\":\"image\",\"media_type\":\"image/png\",\"data\":\"iVBO\",\"detail\":\"low\"},"
        "{\"type\":\"image\",\"url\":\"https://a.b/c.png\",\"detail\":\"auto\"}]}]");
    assert_int_equal(files.count, 3);
    assert_string_equal(files.file[0].name, "data.csv");
    assert_memory_equal(files.file[0].data, "a,b", 3);
    assert_string_equal(files.file[1].file_id, "file-1");
    assert_string_equal(files.file[2].name, "image.png");
    input_files_deinit(&files);
    response_request_deinit(&r);
}

static void replayed_calls_are_calls_and_results(void **state)
{
    (void)state;
    struct response_request r;
    struct error e = {0};
    cleanup_json json_t *transcript = json_array();
    read_ok("{" M
            "\"input\":[{\"type\":\"code_interpreter_call\",\"id\":\"ci_1\",\"code\":\"print(1)\","
            "\"container_id\":\"cntr_1\",\"outputs\":[{\"type\":\"logs\",\"logs\":\"1\\n\"},"
            "{\"type\":\"image\",\"url\":\"data:image/png;base64,iVBO\"}]},"
            "{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"},"
            "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":["
            "{\"type\":\"input_text\",\"text\":\"t\"}]}]}",
        &r);
    assert_int_equal(
        items_transcript(r.input.items, &r.input, &source, &no_figures, NULL, transcript, &e), 0);
    assert_json(transcript,
        "[{\"type\":\"tool_call\",\"call_id\":\"call_ci_1\",\"name\":\"python\",\"arguments\":"
        "\"{\\\"code\\\":\\\"print(1)\\\"}\"},"
        "{\"type\":\"tool_result\",\"call_id\":\"call_ci_1\",\"text\":\"1\\n\",\"images\":"
        "[{\"media_type\":\"image/png\",\"data\":\"iVBO\"}],\"is_error\":false},"
        "{\"type\":\"tool_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"},"
        "{\"type\":\"tool_result\",\"call_id\":\"c\",\"text\":\"t\",\"images\":[],\"is_error\":false}]");
    cleanup_json json_t *none = json_array();
    assert_int_equal(transcript_check_calls(none, transcript, &e), 0);
    json_array_remove(transcript, 3);
    assert_true(transcript_check_calls(none, transcript, &e) < 0);
    assert_string_equal(e.message, "No tool output found for function call c.");
    assert_true(transcript_check_calls(transcript, none, &e) < 0);
    response_request_deinit(&r);
}

static void a_result_without_its_call_is_refused(void **state)
{
    (void)state;
    cleanup_json json_t *none = json_array(),
                        *result =
                            json_loads("[{\"type\":\"tool_result\",\"call_id\":\"c\"}]", 0, NULL);
    struct error e = {0};
    assert_true(transcript_check_calls(none, result, &e) < 0);
    assert_string_equal(e.message, "No tool call found for function call output with call_id c.");
    assert_string_equal(e.param, "input");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_openai_refuses_is_refused_in_its_words),
        cmocka_unit_test(containers_that_cannot_be),
        cmocka_unit_test(files_that_cannot_be),
        cmocka_unit_test(nothing_said_is_the_default),
        cmocka_unit_test(a_container_is_auto_unless_named),
        cmocka_unit_test(choices_of_tools),
        cmocka_unit_test(functions_become_the_providers),
        cmocka_unit_test(all_kinds_of_items),
        cmocka_unit_test(files_go_to_the_container_and_are_named_to_the_model),
        cmocka_unit_test(replayed_calls_are_calls_and_results),
        cmocka_unit_test(a_result_without_its_call_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
