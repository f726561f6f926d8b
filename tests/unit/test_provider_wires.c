/* One script of a model's answers in all three wires, streamed and whole (provider_streams.json, written
 * out by support/provider.py): each adapter reads the same out of it, wherever the network cuts the stream. */
#include "provider_stream.h"

#include <fcntl.h>

static const char *const wires[] = {"chat", "responses", "anthropic"};
enum { N_WIRES = 3 };
static struct provider providers[N_WIRES];
static struct model_route routes[N_WIRES];

static int set_up(void **state)
{
    (void)state;
    static const enum provider_wire kinds[] = {
        PROVIDER_CHAT, PROVIDER_RESPONSES, PROVIDER_ANTHROPIC};
    for (unsigned w = 0; w < N_WIRES; w++) {
        providers[w] = (struct provider){
            .name = "scripted", .wire = kinds[w], .adapter = provider_adapter_of(kinds[w])};
        routes[w] = (struct model_route){.provider = &providers[w],
            .wire = kinds[w],
            .model = "m",
            .tools = true,
            .images = true};
        if (providers[w].adapter == NULL)
            return -1;
    }
    return 0;
}

static char *file_in(
    const char *variable, const char *name, const char *wire, const char *kind, size_t *ret_n)
{
    char path[512];
    const char *folder = getenv(variable);
    assert_non_null(folder);
    snprintf(path, sizeof(path), "%s/%s.%s.%s", folder, name, wire, kind);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        fail_msg("%s: %s", path, strerror(errno));
    char *text = malloc(1 << 20);
    *ret_n = fread(text, 1, 1 << 20, f);
    fclose(f);
    return text;
}

static char *file(const char *name, const char *wire, const char *kind, size_t *ret_n)
{
    return file_in("PROVIDER_STREAMS", name, wire, kind, ret_n);
}

static void reads_everywhere(const char *name, const char *expected)
{
    for (unsigned w = 0; w < N_WIRES; w++) {
        struct provider_request q = request_of(&routes[w]);
        struct error e;
        size_t n;
        cleanup_free char *stream = file(name, wires[w], "sse", &n);
        cleanup_free char *streamed = decode_cut(&q, stream, n, false);
        cleanup_free char *body = file(name, wires[w], "json", &n);
        cleanup_free char *whole = decode(&q, body, n, (struct cuts){0}, true, NULL, &e);
        if (strcmp(streamed, expected) != 0)
            fail_msg("%s, streamed:%s\n\ninstead of:%s", wires[w], streamed, expected);
        if (strcmp(whole, expected) != 0)
            fail_msg("%s, whole:%s\n\ninstead of:%s", wires[w], whole, expected);
    }
}

static void text(void **state)
{
    (void)state;
    reads_everywhere(
        "text", "\ntext The answer is 42.\nfinish stop\nusage 31 11 7\nmodel scripted");
    reads_everywhere(
        "unicode", "\ntext Voilà — 🌱🌱 中文\nfinish stop\nusage 10 0 5\nmodel scripted");
    reads_everywhere("crlf", "\ntext one two\nfinish stop\nusage 10 0 5\nmodel scripted");
    reads_everywhere("nothing", "\nfinish stop\nusage 10 0 5\nmodel scripted");
}

static void calls(void **state)
{
    (void)state;
    reads_everywhere("text_and_calls",
        "\ntext Let me look.\ncall 0 python\narguments 0 {\"code\":\"1\"}"
        "\ncall 1 lookup\narguments 1 {\"q\":[1,2]}"
        "\nfinish calls\nusage 10 0 5\nmodel scripted");
    reads_everywhere(
        "no_arguments", "\ncall 0 now\narguments 0 {}\nfinish calls\nusage 10 0 5\nmodel scripted");
    reads_everywhere("raw_code", "\ncall 0 python\narguments 0 import math\nprint(math.pi)"
                                 "\nfinish calls\nusage 10 0 5\nmodel scripted");
    reads_everywhere("call", "\ncall 0 python\narguments 0 {\"code\":\"print(1)\\n# é 🌱\"}"
                             "\nfinish calls\nusage 10 0 5\nmodel scripted");
}

static void ends(void **state)
{
    (void)state;
    reads_everywhere("length", "\ntext Once upon a\nfinish length\nusage 10 0 5\nmodel scripted");
    reads_everywhere(
        "filtered", "\ntext Once upon a\nfinish content_filter\nusage 10 0 5\nmodel scripted");
}

/* A stream that ends anywhere before its end is an error, never a short answer. */
static void cut_short(void **state)
{
    (void)state;
    for (unsigned w = 0; w < N_WIRES; w++) {
        struct provider_request q = request_of(&routes[w]);
        size_t n;
        cleanup_free char *stream = file("text_and_calls", wires[w], "sse", &n);
        cleanup_free char *all = decode_at_once(&q, stream, n);
        unsigned errors = 0;
        for (size_t end = 0; end < n; end++) {
            cleanup_free char *seen = decode_at_once(&q, stream, end);
            bool error = strstr(seen, "\nerror provider_malformed") != NULL;
            /* once the reason of its end is there, what is missing is the farewell, or the count of tokens */
            if (!error &&
                strncmp(seen, all, strlen(all) - strlen("\nusage 10 0 5\nmodel scripted")) != 0)
                fail_msg("%s, ended at %zu of %zu:%s", wires[w], end, n, seen);
            errors += error;
        }
        assert_true(errors > n / 2);
    }
}

/* What a LiteLLM proxy (1.106) made of one answer of another vendor's, in each wire: written by somebody
 * else, with its own order of events, fields and ids. */
static void recorded_from_a_gateway(void **state)
{
    (void)state;
    static const char *const models[] = {"via-anthropic", "claude-scripted", "via-responses"};
    for (unsigned w = 0; w < N_WIRES; w++) {
        struct provider_request q = request_of(&routes[w]);
        char expected[512];
        size_t n;
        cleanup_free char *stream = file_in("PROVIDER_RECORDED", "litellm", wires[w], "sse", &n);
        cleanup_free char *seen = decode_cut(&q, stream, n, false);
        snprintf(expected, sizeof(expected),
            "\ntext Let me see… 🌱\ncall 0 python\narguments 0 {\"code\": \"print('é🌱')\"}"
            "\ncall 1 other\narguments 1 {\"q\":[1,2]}\nfinish calls\nusage 31 11 7\nmodel %s",
            models[w]);
        if (strcmp(seen, expected) != 0)
            fail_msg("%s:%s\n\ninstead of:%s", wires[w], seen, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text),
        cmocka_unit_test(calls),
        cmocka_unit_test(ends),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(recorded_from_a_gateway),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
