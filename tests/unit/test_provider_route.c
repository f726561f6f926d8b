/* Whom a model's name leads to, by the environment and the config file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "provider/providers.h"

static const char *variables[32]; /* NAME=VALUE */

static const char *get(const char *name)
{
    for (size_t i = 0; variables[i] != NULL; i++)
        if (strncmp(variables[i], name, strlen(name)) == 0 && variables[i][strlen(name)] == '=')
            return variables[i] + strlen(name) + 1;
    return NULL;
}

#define ENVIRONMENT(...) memcpy(variables, (const char *[32]){__VA_ARGS__}, sizeof(variables))

static struct providers *made(const char *model, const char *config)
{
    struct providers *ps = NULL;
    struct error e = {0};
    json_t *tables = config != NULL ? json_loads(config, JSON_REJECT_DUPLICATES, NULL) : NULL;
    assert_true(config == NULL || tables != NULL);
    struct providers_config c = {.default_model = model,
        .openai_model = "gpt-default",
        .anthropic_model = "claude-default",
        .config = tables,
        .getenv_hook = get};
    if (providers_new(&c, &ps, &e) < 0)
        fail_msg("%s", e.message);
    json_decref(tables);
    return ps;
}

/* "provider model name", or the error's code and what it says in `word`. */
static void leads(struct providers *ps, const char *name, const char *expected)
{
    struct model_route route;
    struct error e = {0};
    char seen[800];
    if (providers_route(ps, name, &route, &e) < 0)
        snprintf(seen, sizeof(seen), "%s", error_wire_code(e.code));
    else
        snprintf(seen, sizeof(seen), "%s %s %s", route.provider_name, route.model, route.name);
    if (strcmp(seen, expected) != 0)
        fail_msg("%s: %s (%s) instead of %s", name != NULL ? name : "the default", seen, e.message,
            expected);
}

static void names_what_to_set(struct providers *ps, const char *name, const char *variable)
{
    struct model_route route;
    struct error e = {0};
    assert_true(providers_route(ps, name, &route, &e) < 0);
    assert_int_equal(e.code, ERROR_PROVIDER_NOT_CONFIGURED);
    if (strstr(e.message, variable) == NULL)
        fail_msg("%s does not name %s", e.message, variable);
}

static void nothing_configured(void **state)
{
    (void)state;
    ENVIRONMENT(NULL);
    struct providers *ps = made(NULL, NULL);
    leads(ps, NULL, "offline offline offline");
    leads(ps, "", "offline offline offline");
    leads(ps, "offline", "offline offline offline");
    leads(ps, "llama3.2", "provider_not_configured"); /* never a silent substitute */
    names_what_to_set(ps, "gpt-5", "OPENAI_API_KEY");
    names_what_to_set(ps, "o3-mini", "OPENAI_API_KEY");
    names_what_to_set(ps, "openai/gpt-5", "OPENAI_API_KEY");
    names_what_to_set(ps, "claude-sonnet-4-5", "ANTHROPIC_API_KEY");
    names_what_to_set(ps, "azure/x", "AZURE_OPENAI_API_KEY");
    names_what_to_set(ps, "gemini/gemini-2.5-pro", "GEMINI_API_KEY");
    names_what_to_set(ps, "openrouter/openai/gpt-5", "OPENROUTER_API_KEY");
    leads(ps, "ollama/qwen3:8b", "ollama qwen3:8b ollama/qwen3:8b");
    providers_free(ps);
}

static void the_first_with_a_key(void **state)
{
    (void)state;
    ENVIRONMENT("ANTHROPIC_API_KEY=a", "AZURE_OPENAI_API_KEY=z",
        "AZURE_API_BASE=https://r.openai.azure.com", "AZURE_DEPLOYMENT_NAME=mine",
        "GEMINI_API_KEY=g", NULL);
    struct providers *ps = made(NULL, NULL);
    leads(ps, NULL, "azure mine azure/mine");
    leads(ps, "gpt-5", "azure gpt-5 gpt-5");
    leads(ps, "whatever", "azure whatever whatever");
    leads(ps, "claude-x", "anthropic claude-x claude-x");
    leads(ps, "gemini/gemini-2.5-pro", "gemini gemini-2.5-pro gemini/gemini-2.5-pro");
    providers_free(ps);
    ENVIRONMENT("ANTHROPIC_API_KEY=a", "OPENAI_API_KEY=o", "AZURE_OPENAI_API_KEY=z",
        "AZURE_API_BASE=https://r.openai.azure.com", NULL);
    ps = made(NULL, NULL);
    leads(ps, NULL, "openai gpt-default openai/gpt-default");
    leads(ps, "GPT-5", "openai GPT-5 GPT-5");
    leads(ps, "o4-mini", "openai o4-mini o4-mini");
    leads(ps, "meta-llama/llama-4", "openai meta-llama/llama-4 meta-llama/llama-4");
    leads(ps, "gpt-oss:20b", "openai gpt-oss:20b gpt-oss:20b");
    leads(ps, "openai/", "model_not_found");
    providers_free(ps);
    ENVIRONMENT("ANTHROPIC_API_KEY=a", NULL);
    ps = made(NULL, NULL);
    leads(ps, NULL, "anthropic claude-default anthropic/claude-default");
    names_what_to_set(ps, "gpt-5", "OPENAI_API_KEY");
    providers_free(ps);
}

static void the_chosen_default(void **state)
{
    (void)state;
    ENVIRONMENT("ANTHROPIC_API_KEY=a", "OPENAI_API_KEY=o", NULL);
    struct providers *ps = made("claude-opus-4", NULL);
    leads(ps, NULL, "anthropic claude-opus-4 claude-opus-4");
    leads(ps, "some-name", "anthropic some-name some-name"); /* the default provider's */
    leads(ps, "gpt-5", "openai gpt-5 gpt-5");
    providers_free(ps);
    ps = made("offline", NULL);
    leads(ps, NULL, "offline offline offline");
    leads(ps, "some-name", "provider_not_configured");
    providers_free(ps);
}

static const struct provider *provider_of(struct providers *ps, const char *name)
{
    const struct provider *p = providers_find(ps, name, strlen(name));
    assert_non_null(p);
    return p;
}

static void addresses(void **state)
{
    (void)state;
    static const struct {
        const char *variable, *provider, *base;
        bool local;
    } rows[] = {
        {"OPENAI_BASE_URL=http://127.0.0.1:4000/v1/", "openai", "http://127.0.0.1:4000/v1", false},
        {"OPENAI_API_BASE=https://x.example/v1/chat/completions", "openai", "https://x.example/v1",
            false},
        {"ANTHROPIC_BASE_URL=https://gw.example/v1", "anthropic", "https://gw.example", false},
        {"ANTHROPIC_BASE_URL=https://gw.example/v1/messages", "anthropic", "https://gw.example",
            false},
        {"OLLAMA_HOST=0.0.0.0", "ollama", "http://127.0.0.1:11434/v1", true},
        {"OLLAMA_HOST=0.0.0.0:1234", "ollama", "http://127.0.0.1:1234/v1", true},
        {"OLLAMA_HOST=:1234", "ollama", "http://127.0.0.1:1234/v1", true},
        {"OLLAMA_HOST=gpu.lan", "ollama", "http://gpu.lan:11434/v1", false},
        {"OLLAMA_HOST=https://gpu.lan:443", "ollama", "https://gpu.lan:443/v1", false},
        {"OLLAMA_HOST=http://localhost:7/sub/", "ollama", "http://localhost:7/sub/v1", true},
        {"OLLAMA_HOST=[::1]:99", "ollama", "http://[::1]:99/v1", true},
        {"OLLAMA_HOST=[::]", "ollama", "http://127.0.0.1:11434/v1", true},
        {"NONE=1", "ollama", "http://127.0.0.1:11434/v1", true},
        {"NONE=1", "openai", "https://api.openai.com/v1", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ENVIRONMENT(rows[i].variable, NULL);
        struct providers *ps = made(NULL, NULL);
        const struct provider *p = provider_of(ps, rows[i].provider);
        assert_string_equal(p->base_url, rows[i].base);
        assert_int_equal(p->local, rows[i].local);
        providers_free(ps);
    }
}

static void azure_urls(void **state)
{
    (void)state;
    static const struct {
        const char *base, *version, *expected;
        bool deployments;
    } rows[] = {
        {"AZURE_API_BASE=https://r.openai.azure.com/", NULL, "https://r.openai.azure.com/openai/v1",
            false},
        {"AZURE_API_BASE=https://r.openai.azure.com", "AZURE_API_VERSION=2024-10-21",
            "https://r.openai.azure.com", true},
        {"AZURE_API_BASE=https://r.openai.azure.com/openai/deployments/d/chat/completions",
            "AZURE_API_VERSION=2024-10-21", "https://r.openai.azure.com", true},
        {"AZURE_API_BASE=https://r.openai.azure.com/openai/v1/", "AZURE_API_VERSION=2024-10-21",
            "https://r.openai.azure.com/openai/v1", false},
        {"AZURE_OPENAI_ENDPOINT=https://r.services.ai.azure.com", "AZURE_API_VERSION=preview",
            "https://r.services.ai.azure.com/openai/v1", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ENVIRONMENT("AZURE_OPENAI_API_KEY=z", rows[i].base, rows[i].version);
        struct providers *ps = made(NULL, NULL);
        const struct provider *p = provider_of(ps, "azure");
        assert_string_equal(p->base_url, rows[i].expected);
        assert_int_equal(p->deployments, rows[i].deployments);
        assert_int_equal(p->auth, AUTH_API_KEY);
        assert_string_equal(p->missing, "");
        names_what_to_set(ps, NULL, "AZURE_DEPLOYMENT_NAME");
        providers_free(ps);
    }
    ENVIRONMENT("AZURE_OPENAI_API_KEY=z", NULL);
    struct providers *ps = made(NULL, NULL);
    names_what_to_set(ps, "azure/d", "AZURE_API_BASE");
    providers_free(ps);
}

static void the_config(void **state)
{
    (void)state;
    ENVIRONMENT("GPU_KEY= secret \n", NULL);
    struct providers *ps = made("fast",
        "{\"providers\":{\"vllm\":{\"base_url\":\"http://gpu:8000/v1\",\"api_key_env\":\"GPU_KEY\",\"tools\":false,"
        "\"timeout\":30,\"retries\":0,\"extra\":{\"a\":1},\"headers\":{\"X-T\":\"u v\"}},"
        "\"bare\":{\"base_url\":\"http://h/v1\",\"api_key_env\":\"NOT_SET\"},"
        "\"openai\":{\"base_url\":\"http://proxy/v1\",\"wire\":\"responses\"}},"
        "\"models\":{\"fast\":{\"provider\":\"vllm\",\"model\":\"Qwen/Q\",\"tools\":true,\"context\":4096,"
        "\"extra\":{\"b\":2}},\"short\":{\"model\":\"openai/gpt-5\"},\"vllm/big*\":{\"images\":true,\"output\":99}},"
        "\"prices\":{\"Qwen/Q\":{\"input\":1,\"output\":2},\"openai/*\":{\"input\":3,\"cached\":1,\"output\":4}}}");
    struct model_route route;
    leads(ps, NULL, "vllm Qwen/Q fast");
    leads(ps, "fast", "vllm Qwen/Q fast");
    leads(ps, "short", "openai gpt-5 short");
    leads(ps, "vllm/any/thing", "vllm any/thing vllm/any/thing");
    leads(ps, "unknown", "vllm unknown unknown");
    names_what_to_set(ps, "bare/x", "NOT_SET");
    assert_int_equal(providers_route(ps, "fast", &route, NULL), 0);
    assert_true(route.tools);
    assert_true(route.priced);
    assert_int_equal(route.context_tokens, 4096);
    assert_int_equal(json_integer_value(json_object_get(route.extra, "b")), 2);
    assert_true(route.price_cached == 1 && route.price_output == 2);
    assert_int_equal(providers_route(ps, "vllm/bigger", &route, NULL), 0);
    assert_false(route.tools);
    assert_true(route.images);
    assert_false(route.priced);
    assert_int_equal(route.output_tokens, 99);
    assert_int_equal(providers_route(ps, "openai/gpt-5", &route, NULL), 0);
    assert_int_equal(route.wire, PROVIDER_RESPONSES);
    assert_true(route.reasoning && route.images);
    assert_true(route.price_cached == 1 && route.price_input == 3);
    const struct provider *vllm = provider_of(ps, "vllm");
    assert_string_equal(vllm->key, "secret");
    assert_int_equal(vllm->attempts, 1);
    assert_int_equal(vllm->timeout_us, 30000000);
    assert_string_equal(vllm->headers[0], "X-T: u v");
    assert_string_equal(provider_of(ps, "openai")->max_tokens_field, "max_tokens");
    providers_free(ps);
}

/* As leads, of a name that a program of the Assistants' time says; `instead`: another model answers. */
static void stands_in(struct providers *ps, const char *name, bool instead, const char *expected)
{
    struct model_route route;
    struct error e = {0};
    bool said = !instead;
    if (providers_route_retired(ps, name, &route, &said, &e) < 0)
        assert_string_equal(error_wire_code(e.code), expected);
    else
        assert_string_equal(route.name, expected);
    if (said != instead)
        fail_msg("%s: %d", name, said);
}

static void retired_names(void **state)
{
    (void)state;
    static const char *const names[] = {"gpt-4-1106-preview", "gpt-4-turbo-preview", "gpt-4-turbo",
        "gpt-4", "gpt-3.5-turbo", "gpt-3.5-turbo-1106", "gpt-4o", "gpt-4o-mini", "GPT-4o",
        "o1-preview"};
    const size_t n = sizeof(names) / sizeof(names[0]);
    ENVIRONMENT(NULL);
    struct providers *ps = made(NULL, NULL);
    for (size_t i = 0; i < n; i++)
        stands_in(ps, names[i], true, "offline");
    stands_in(ps, "gpt-5", false, "provider_not_configured");
    stands_in(ps, "openai/gpt-4", false, "provider_not_configured");
    stands_in(ps, "llama3.2", false, "provider_not_configured");
    stands_in(ps, "offline", false, "offline");
    leads(ps, "gpt-4", "provider_not_configured"); /* in other dialects as ever */
    providers_free(ps);
    ENVIRONMENT("ANTHROPIC_API_KEY=a", NULL);
    ps = made(NULL, NULL);
    for (size_t i = 0; i < n; i++)
        stands_in(ps, names[i], true, "anthropic/claude-default");
    providers_free(ps);
    ENVIRONMENT("ANTHROPIC_API_KEY=a", "OPENAI_API_KEY=o", NULL);
    ps = made(NULL, NULL);
    for (size_t i = 0; i < n; i++)
        stands_in(ps, names[i], false, names[i]);
    providers_free(ps);
    ENVIRONMENT(NULL); /* what was chosen cannot be used: no other takes its place */
    ps = made("claude-x", NULL);
    stands_in(ps, "gpt-4", false, "provider_not_configured");
    providers_free(ps);
}

static void patterns_that_lead_on(void **state)
{
    (void)state;
    ENVIRONMENT("ANTHROPIC_API_KEY=a", "OPENAI_API_KEY=o", NULL);
    struct providers *ps = made(NULL,
        "{\"models\":{\"gpt-3.5*\":{\"provider\":\"anthropic\",\"model\":\"claude-small\",\"output\":7},"
        "\"gpt-4*\":{\"model\":\"gpt-4.1\"},\"gpt-4o\":{\"model\":\"gpt-5\"},\"my-*\":{\"provider\":\"openai\"},"
        "\"gpt-4.*\":{\"context\":9}}}");
    struct model_route route;
    leads(ps, "gpt-3.5-turbo-16k", "anthropic claude-small gpt-3.5-turbo-16k");
    leads(
        ps, "gpt-4-1106-preview", "openai gpt-4.1 gpt-4-1106-preview"); /* and not on from there */
    leads(ps, "gpt-4o", "openai gpt-5 gpt-4o");
    leads(ps, "gpt-4*", "openai gpt-4* gpt-4*"); /* a name like any other */
    leads(ps, "my-own", "openai my-own my-own");
    leads(ps, "openai/gpt-3.5-turbo", "openai gpt-3.5-turbo openai/gpt-3.5-turbo");
    stands_in(ps, "gpt-4-turbo", false, "gpt-4-turbo");
    assert_int_equal(providers_route(ps, "gpt-4-turbo", &route, NULL), 0);
    assert_int_equal(
        route.context_tokens, 9); /* the row that leads there does not hide what describes it */
    assert_int_equal(providers_route(ps, "gpt-3.5-turbo", &route, NULL), 0);
    assert_int_equal(route.output_tokens, 7);
    providers_free(ps);
}

static void refuses(const char *config, enum error_code code, const char *word)
{
    struct providers *ps = NULL;
    struct error e = {0};
    json_t *tables = json_loads(config, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(tables);
    struct providers_config c = {.config = tables, .getenv_hook = get};
    assert_true(providers_new(&c, &ps, &e) < 0);
    json_decref(tables);
    if (e.code != code || strstr(e.message, word) == NULL)
        fail_msg("%s: %s (%s) does not say %s", config, e.message, error_wire_code(e.code), word);
    assert_null(strstr(e.message, "hush"));
}

static void mistakes_in_the_config(void **state)
{
    (void)state;
    ENVIRONMENT("ODD=hush hush", NULL);
    refuses("{\"providers\":{\"v\":{\"base_ulr\":\"http://h/v1\"}}}", ERROR_UNKNOWN_PARAMETER,
        "\"base_url\"");
    refuses(
        "{\"providers\":{\"v\":{\"api_key\":\"hush\"}}}", ERROR_UNKNOWN_PARAMETER, "api_key_file");
    refuses("{\"providers\":{\"v\":{}}}", ERROR_MISSING_PARAMETER, "base_url");
    refuses("{\"providers\":{\"v\":3}}", ERROR_INVALID_TYPE, "\"v\"");
    refuses("{\"providers\":[]}", ERROR_INVALID_TYPE, "providers");
    refuses("{\"providers\":{\"v\":{\"base_url\":\"http://h/v1\",\"tools\":\"no\"}}}",
        ERROR_INVALID_TYPE, "true or false");
    refuses("{\"providers\":{\"v\":{\"base_url\":\"ftp://h\"}}}", ERROR_INVALID_VALUE, "base URL");
    refuses(
        "{\"providers\":{\"v\":{\"base_url\":\"http://h?x=1\"}}}", ERROR_INVALID_VALUE, "base URL");
    refuses("{\"providers\":{\"v\":{\"base_url\":\"http://h\",\"wire\":\"soap\"}}}",
        ERROR_INVALID_VALUE, "wire");
    refuses("{\"providers\":{\"v\":{\"base_url\":\"http://h\",\"api_key_env\":\"ODD\"}}}",
        ERROR_INVALID_VALUE, "ODD");
    refuses(
        "{\"providers\":{\"v\":{\"base_url\":\"http://h\",\"api_key_file\":\"/nonexistent/k\"}}}",
        ERROR_INVALID_VALUE, "/nonexistent/k");
    refuses("{\"providers\":{\"v\":{\"base_url\":\"http://h\",\"timeout\":0}}}",
        ERROR_INVALID_VALUE, "timeout");
    refuses("{\"providers\":{\"v\":{\"base_url\":\"http://h\",\"retries\":99}}}",
        ERROR_INVALID_VALUE, "retries");
    refuses("{\"providers\":{\"v\":{\"base_url\":\"http://h\",\"headers\":{\"a b\":\"c\"}}}}",
        ERROR_INVALID_VALUE, "headers");
    refuses(
        "{\"providers\":{\"v\":{\"base_url\":\"http://h\",\"headers\":{\"a\":\"c\\r\\nb: hush\"}}}}",
        ERROR_INVALID_VALUE, "headers");
    refuses("{\"providers\":{\"a/b\":{\"base_url\":\"http://h\"}}}", ERROR_INVALID_VALUE, "a/b");
    refuses("{\"providers\":{\"offline\":{}}}", ERROR_INVALID_VALUE, "offline");
    refuses("{\"models\":{\"m\":{\"provider\":\"nobody\"}}}", ERROR_INVALID_VALUE, "nobody");
    refuses("{\"models\":{\"m*\":{\"provider\":\"nobody\"}}}", ERROR_INVALID_VALUE, "nobody");
    refuses("{\"models\":{\"m\":{\"contxt\":1}}}", ERROR_UNKNOWN_PARAMETER, "context");
    refuses("{\"prices\":{\"m\":{\"input\":-1,\"output\":1}}}", ERROR_INVALID_VALUE, "input");
    refuses("{\"prices\":{\"m\":{\"input\":1}}}", ERROR_MISSING_PARAMETER, "output");
}

/* What is known of a model by its name alone. */
static void capabilities(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool tools, images, reasoning, local;
        int64_t context;
    } rows[] = {
        {"openai/gpt-5-mini", true, true, true, false, 400000},
        {"openai/gpt-4o-2024-08-06", true, true, false, false, 128000},
        {"openai/o3-mini", true, false, true, false, 200000},
        {"openai/unheard-of", true, true, false, false, 0},
        {"openrouter/anthropic/claude-3-5-haiku", true, true, false, false, 200000},
        {"openrouter/some/model", true, false, false, false, 0},
        {"offline", true, false, false, true, 0},
    };
    ENVIRONMENT("OPENAI_API_KEY=o", "OPENROUTER_API_KEY=r", NULL);
    struct providers *ps = made(NULL, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct model_route route;
        assert_int_equal(providers_route(ps, rows[i].name, &route, NULL), 0);
        if (route.tools != rows[i].tools || route.images != rows[i].images ||
            route.reasoning != rows[i].reasoning || route.local != rows[i].local ||
            route.context_tokens != rows[i].context)
            fail_msg("%s: tools %d, images %d, reasoning %d, local %d, context %lld", rows[i].name,
                route.tools, route.images, route.reasoning, route.local,
                (long long)route.context_tokens);
    }
    providers_free(ps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_configured),
        cmocka_unit_test(the_first_with_a_key),
        cmocka_unit_test(the_chosen_default),
        cmocka_unit_test(addresses),
        cmocka_unit_test(azure_urls),
        cmocka_unit_test(the_config),
        cmocka_unit_test(retired_names),
        cmocka_unit_test(patterns_that_lead_on),
        cmocka_unit_test(mistakes_in_the_config),
        cmocka_unit_test(capabilities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
