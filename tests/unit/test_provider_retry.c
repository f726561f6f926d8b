/* What of upstream's failures is asked again, and when; and what its errors mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "provider/internal.h"
#include "provider/retry.h"

enum { S = 1000000 };

static struct retry_failure failure(enum error_code code)
{
    return (struct retry_failure){.code = code, .retry_after_ms = -1, .should_retry = -1};
}

static int64_t delay(const struct retry_failure *f, unsigned attempts)
{
    return retry_delay_us(f, attempts, RETRY_ATTEMPTS, 0, 100 * (int64_t)S, 0);
}

static void what_is_worth_it(void **state)
{
    (void)state;
    static const enum error_code again[] = {ERROR_PROVIDER_RATE_LIMITED, ERROR_PROVIDER_OVERLOADED,
        ERROR_PROVIDER_UNREACHABLE, ERROR_PROVIDER_FAILED, ERROR_PROVIDER_MALFORMED};
    static const enum error_code never[] = {ERROR_PROVIDER_AUTHENTICATION, ERROR_CONTEXT_LENGTH,
        ERROR_CONTENT_FILTER, ERROR_PROVIDER_REFUSED, ERROR_PROVIDER_TIMEOUT, ERROR_MODEL_NOT_FOUND,
        ERROR_INTERNAL};
    for (size_t i = 0; i < sizeof(again) / sizeof(again[0]); i++) {
        struct retry_failure f = failure(again[i]);
        assert_int_equal(delay(&f, 1), S / 2);
        f.given = true; /* the caller has a part of the answer */
        assert_int_equal(delay(&f, 1), -1);
    }
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        struct retry_failure f = failure(never[i]);
        assert_int_equal(delay(&f, 1), -1);
    }
}

static void upstream_has_the_last_word(void **state)
{
    (void)state;
    struct retry_failure f = failure(ERROR_PROVIDER_RATE_LIMITED);
    f.should_retry = 0;
    assert_int_equal(delay(&f, 1), -1);
    f = failure(ERROR_PROVIDER_REFUSED);
    f.should_retry = 1;
    assert_int_equal(delay(&f, 1), S / 2);
    f.given = true;
    assert_int_equal(delay(&f, 1), -1);
    for (size_t i = 0; i < 3;
         i++) { /* statuses that are a moment's trouble, whatever they were mapped to */
        f = failure(ERROR_PROVIDER_TIMEOUT);
        f.status = (int[]){408, 409, 504}[i];
        assert_int_equal(delay(&f, 1), S / 2);
    }
}

static void longer_and_longer(void **state)
{
    (void)state;
    struct retry_failure f = failure(ERROR_PROVIDER_OVERLOADED);
    static const int64_t steps[] = {S / 2, S, 2 * S, 4 * S, 8 * S, 8 * S, 8 * S};
    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        assert_int_equal(retry_delay_us(&f, i + 1, 100, 0, 0, 0), steps[i]);
        int64_t least = retry_delay_us(&f, i + 1, 100, UINT32_MAX, 0, 0);
        assert_in_range(least, steps[i] * 3 / 4, steps[i] * 3 / 4 + 1);
    }
    assert_int_equal(retry_delay_us(&f, 90, 100, 0, 0, 0), 8 * S);
    assert_int_equal(delay(&f, RETRY_ATTEMPTS - 1), S);
    assert_int_equal(delay(&f, RETRY_ATTEMPTS), -1);
}

static void as_long_as_upstream_says(void **state)
{
    (void)state;
    struct retry_failure f = failure(ERROR_PROVIDER_RATE_LIMITED);
    f.retry_after_ms = 1234;
    assert_int_equal(delay(&f, 1), 1234000);
    f.retry_after_ms = 0;
    assert_int_equal(delay(&f, 2), 0);
    f.retry_after_ms = RETRY_AFTER_MAX_MS + 1; /* not for that long */
    assert_int_equal(delay(&f, 1), -1);
}

static void never_beyond_the_deadline(void **state)
{
    (void)state;
    struct retry_failure f = failure(ERROR_PROVIDER_OVERLOADED);
    assert_int_equal(retry_delay_us(&f, 1, 3, 0, 10 * S, 10 * S + S / 2 + 1), S / 2);
    assert_int_equal(retry_delay_us(&f, 1, 3, 0, 10 * S, 10 * S + S / 2), -1);
}

static void retry_after(void **state)
{
    (void)state;
    assert_int_equal(retry_after_parse("2", 0), 2000);
    assert_int_equal(retry_after_parse("0.25", 0), 250);
    assert_int_equal(retry_after_parse("20 ", 0), 20000);
    assert_int_equal(retry_after_parse("Thu, 01 Jan 1970 00:01:40 GMT", 90), 10000);
    assert_int_equal(retry_after_parse("Thu, 01 Jan 1970 00:01:40 GMT", 200), 0);
    static const char *const nothing[] = {"", "soon", "-1", "nan", "inf", "1e300", "12 monkeys"};
    for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
        assert_int_equal(retry_after_parse(nothing[i], 0), -1);
}

/* ---- errors -------------------------------------------------------------------------------------------- */

static struct provider provider = {.name = "acme", .key = (char *)"sk-secret-1234567890"};

static void means(int status, const char *body, enum error_code code)
{
    struct error e = {0};
    assert_true(provider_error_body(&provider, status, body, strlen(body), &e) < 0);
    if (e.code != code)
        fail_msg("%d %s: %s", status, body, e.message);
    assert_non_null(strstr(e.message, "acme"));
    assert_null(strstr(e.message, "sk-secret"));
    assert_int_equal(e.message[strlen(e.message) - 1], '.');
}

static void errors_of_every_shape(void **state)
{
    (void)state;
    /* OpenAI */
    means(401,
        "{\"error\":{\"message\":\"Incorrect API key provided: sk-secret-1234567890.\",\"type\":"
        "\"invalid_request_error\",\"param\":null,\"code\":\"invalid_api_key\"}}",
        ERROR_PROVIDER_AUTHENTICATION);
    means(429,
        "{\"error\":{\"message\":\"Rate limit reached\",\"type\":\"tokens\",\"code\":\"rate_limit_exceeded\"}}",
        ERROR_PROVIDER_RATE_LIMITED);
    means(429,
        "{\"error\":{\"message\":\"You exceeded your current quota\",\"type\":\"insufficient_quota\","
        "\"code\":\"insufficient_quota\"}}",
        ERROR_PROVIDER_REFUSED);
    means(400,
        "{\"error\":{\"message\":\"This model's maximum context length is 8192 tokens.\",\"code\":"
        "\"context_length_exceeded\"}}",
        ERROR_CONTEXT_LENGTH);
    means(404,
        "{\"error\":{\"message\":\"The model `x` does not exist\",\"code\":\"model_not_found\"}}",
        ERROR_MODEL_NOT_FOUND);
    means(503, "{\"error\":{\"message\":\"The engine is currently overloaded\"}}",
        ERROR_PROVIDER_OVERLOADED);
    /* Azure */
    means(400,
        "{\"error\":{\"code\":\"content_filter\",\"message\":\"filtered\",\"innererror\":{\"code\":"
        "\"ResponsibleAIPolicyViolation\"}}}",
        ERROR_CONTENT_FILTER);
    means(404, "{\"error\":{\"code\":\"DeploymentNotFound\",\"message\":\"no\"}}",
        ERROR_MODEL_NOT_FOUND);
    means(401, "{\"statusCode\":401,\"message\":\"Access denied\"}", ERROR_PROVIDER_AUTHENTICATION);
    /* Anthropic */
    means(529,
        "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}",
        ERROR_PROVIDER_OVERLOADED);
    means(400,
        "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: "
        "220000 tokens > 200000 maximum\"}}",
        ERROR_CONTEXT_LENGTH);
    means(402, "{\"type\":\"error\",\"error\":{\"type\":\"billing_error\",\"message\":\"pay\"}}",
        ERROR_PROVIDER_REFUSED);
    means(413,
        "{\"type\":\"error\",\"error\":{\"type\":\"request_too_large\",\"message\":\"big\"}}",
        ERROR_CONTEXT_LENGTH);
    /* llama.cpp, Gemini, vLLM, Ollama */
    means(503,
        "{\"error\":{\"code\":503,\"message\":\"Loading model\",\"type\":\"unavailable_error\"}}",
        ERROR_PROVIDER_OVERLOADED);
    means(400,
        "{\"error\":{\"code\":400,\"message\":\"the request exceeds the available context size\",\"type\":"
        "\"exceed_context_size_error\"}}",
        ERROR_CONTEXT_LENGTH);
    means(429,
        "[{\"error\":{\"code\":429,\"message\":\"slow\",\"status\":\"RESOURCE_EXHAUSTED\"}}]",
        ERROR_PROVIDER_RATE_LIMITED);
    means(400,
        "{\"object\":\"error\",\"message\":\"This model's maximum context length is 4096\",\"type\":"
        "\"BadRequestError\",\"code\":400}",
        ERROR_CONTEXT_LENGTH);
    means(404,
        "{\"error\":{\"message\":\"model \\\"x\\\" not found, try pulling it first\",\"type\":\"api_error\"}}",
        ERROR_MODEL_NOT_FOUND);
    /* no shape at all */
    means(500, "", ERROR_PROVIDER_FAILED);
    means(502, "<html>Bad gateway</html>", ERROR_PROVIDER_FAILED);
    means(504, "upstream timed out", ERROR_PROVIDER_TIMEOUT);
    means(422, "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"x\"}]}", ERROR_PROVIDER_REFUSED);
    means(400, "{\"error\":\"plain words\"}", ERROR_PROVIDER_REFUSED);
    means(307, "", ERROR_PROVIDER_REFUSED);
    means(429, "null", ERROR_PROVIDER_RATE_LIMITED);
}

/* Within a stream there is no status but what the error says itself. */
static void errors_within_a_stream(void **state)
{
    (void)state;
    static const struct {
        const char *error;
        enum error_code code;
    } rows[] = {
        {"{\"code\":502,\"message\":\"Provider disconnected\"}", ERROR_PROVIDER_FAILED},
        {"{\"code\":429,\"message\":\"slow\"}", ERROR_PROVIDER_RATE_LIMITED},
        {"{\"type\":\"server_error\",\"message\":\"oops\"}", ERROR_PROVIDER_FAILED},
        {"{\"type\":\"overloaded_error\",\"message\":\"busy\"}", ERROR_PROVIDER_OVERLOADED},
        {"{\"type\":\"invalid_request_error\",\"code\":\"context_length_exceeded\",\"message\":\"\"}",
            ERROR_CONTEXT_LENGTH},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error e = {0};
        json_t *error = json_loads(rows[i].error, 0, NULL);
        provider_error_object(&provider, 0, error, &e);
        assert_int_equal(e.code, rows[i].code);
        json_decref(error);
    }
}

static void keys_and_control_bytes_are_cut_out(void **state)
{
    (void)state;
    struct error e = {0};
    const char *body = "{\"message\":\"bad \\u001b[31mkey sk-secret-1234567890!\\nreally\"}";
    provider_error_body(&provider, 400, body, strlen(body), &e);
    assert_string_equal(
        e.message, "The provider acme refused the request (HTTP 400): bad  [31mkey [key]! really.");
    char *long_text = malloc(4096); /* cut between characters, ended by a full stop */
    memcpy(long_text, "{\"message\":\"", 12);
    for (size_t i = 12; i < 4000; i += 2)
        memcpy(long_text + i, "\xc3\xa9", 2);
    memcpy(long_text + 4000, "\"}", 3);
    provider_error_body(&provider, 400, long_text, strlen(long_text), &e);
    assert_memory_equal(e.message + strlen(e.message) - 3, "\xc3\xa9.", 4);
    free(long_text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_worth_it),
        cmocka_unit_test(upstream_has_the_last_word),
        cmocka_unit_test(longer_and_longer),
        cmocka_unit_test(as_long_as_upstream_says),
        cmocka_unit_test(never_beyond_the_deadline),
        cmocka_unit_test(retry_after),
        cmocka_unit_test(errors_of_every_shape),
        cmocka_unit_test(errors_within_a_stream),
        cmocka_unit_test(keys_and_control_bytes_are_cut_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
