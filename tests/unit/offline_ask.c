/* offline_ask.c - one call of the offline analyst for tests in other languages: a JSON object {"transcript",
 * "tools", "tool_choice", "text_format"} on standard input, {"items", "finish"} or {"error"} on standard output;
 * one line for each line of input. */
#include <jansson.h>

#include "provider/internal.h"

int main(void)
{
    static struct provider offline = {
        .name = "offline", .wire = PROVIDER_OFFLINE, .attempts = 1, .timeout_us = 1000000};
    char *line = NULL;
    size_t size = 0;
    offline.adapter = provider_adapter_of(PROVIDER_OFFLINE);
    struct model_route route = {.provider = &offline,
        .provider_name = "offline",
        .wire = PROVIDER_OFFLINE,
        .tools = true,
        .local = true};
    while (getline(&line, &size, stdin) > 0) {
        json_error_t where;
        json_t *in = json_loads(line, 0, &where), *out;
        struct provider_request q = {.route = &route,
            .transcript = json_object_get(in, "transcript"),
            .tools = json_object_get(in, "tools"),
            .tool_choice = json_object_get(in, "tool_choice"),
            .text_format = json_object_get(in, "text_format")};
        struct provider_answer answer = {0};
        struct error e = {0};
        int r = provider_chat(&q, &answer, &e);
        if (r < 0)
            out = json_pack(
                "{s:{s:s,s:s}}", "error", "code", error_wire_code(e.code), "message", e.message);
        else
            out = json_pack("{s:O,s:i}", "items", answer.items, "finish", (int)answer.finish);
        json_dumpf(out, stdout, JSON_COMPACT);
        putchar('\n');
        fflush(stdout);
        provider_answer_deinit(&answer);
        json_decref(out);
        json_decref(in);
    }
    free(line);
    return 0;
}
