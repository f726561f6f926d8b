/* errors.c - upstreams' errors, of whichever shape, as ours. */
#include <errno.h>

#include "base/utf8.h"
#include "provider/internal.h"

/* Words in an error's "type", "code" or "status" that say what it is, whatever the HTTP status. */
static const struct {
    const char *word;
    enum error_code code;
} words[] = {
    {"context_length_exceeded", ERROR_CONTEXT_LENGTH},
    {"exceed_context_size_error", ERROR_CONTEXT_LENGTH}, /* llama.cpp */
    {"model_context_window_exceeded", ERROR_CONTEXT_LENGTH},
    {"request_too_large", ERROR_CONTEXT_LENGTH}, {"content_filter", ERROR_CONTENT_FILTER},
    {"content_policy_violation", ERROR_CONTENT_FILTER},
    {"ResponsibleAIPolicyViolation", ERROR_CONTENT_FILTER},
    {"insufficient_quota", ERROR_PROVIDER_REFUSED}, /* a 429 that no repetition mends */
    {"billing_error", ERROR_PROVIDER_REFUSED},
    {"billing_hard_limit_reached", ERROR_PROVIDER_REFUSED},
    {"authentication_error", ERROR_PROVIDER_AUTHENTICATION},
    {"permission_error", ERROR_PROVIDER_AUTHENTICATION},
    {"invalid_api_key", ERROR_PROVIDER_AUTHENTICATION},
    {"rate_limit_error", ERROR_PROVIDER_RATE_LIMITED},
    {"rate_limit_exceeded", ERROR_PROVIDER_RATE_LIMITED},
    {"RESOURCE_EXHAUSTED", ERROR_PROVIDER_RATE_LIMITED}, /* Gemini */
    {"overloaded_error", ERROR_PROVIDER_OVERLOADED},
    {"server_overloaded", ERROR_PROVIDER_OVERLOADED},
    {"engine_overloaded", ERROR_PROVIDER_OVERLOADED}, {"slow_down", ERROR_PROVIDER_OVERLOADED},
    {"unavailable_error", ERROR_PROVIDER_OVERLOADED}, /* llama.cpp while it loads */
    {"UNAVAILABLE", ERROR_PROVIDER_OVERLOADED}, {"timeout_error", ERROR_PROVIDER_TIMEOUT},
    {"model_not_found", ERROR_MODEL_NOT_FOUND},
    {"DeploymentNotFound", ERROR_MODEL_NOT_FOUND}, /* Azure */
    {"not_found_error", ERROR_MODEL_NOT_FOUND},    /* Anthropic: only a model can be missing */
};

/* Phrases of servers that have no code for it. */
static const struct {
    const char *phrase;
    enum error_code code;
} phrases[] = {
    {"maximum context length", ERROR_CONTEXT_LENGTH}, /* vLLM */
    {"context length", ERROR_CONTEXT_LENGTH},
    {"context window", ERROR_CONTEXT_LENGTH},
    {"context size", ERROR_CONTEXT_LENGTH},
    {"prompt is too long", ERROR_CONTEXT_LENGTH}, /* Anthropic */
    {"input is too long", ERROR_CONTEXT_LENGTH},
    {"try pulling it first", ERROR_MODEL_NOT_FOUND}, /* Ollama */
    {"overloaded", ERROR_PROVIDER_OVERLOADED},
};

static enum error_code by_status(int status)
{
    if (status == 401 || status == 403 || status == 407)
        return ERROR_PROVIDER_AUTHENTICATION;
    if (status == 408 || status == 504)
        return ERROR_PROVIDER_TIMEOUT;
    if (status == 413)
        return ERROR_CONTEXT_LENGTH;
    if (status == 429)
        return ERROR_PROVIDER_RATE_LIMITED;
    if (status == 503 || status == 529)
        return ERROR_PROVIDER_OVERLOADED;
    if (status >= 300 && status < 500)
        return ERROR_PROVIDER_REFUSED;
    return ERROR_PROVIDER_FAILED;
}

static enum error_code by_word(const char *word)
{
    for (size_t i = 0; word != NULL && i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i].word, word) == 0)
            return words[i].code;
    return ERROR_NONE;
}

static enum error_code classify(int status, const json_t *error, const char *message)
{
    static const char *const keys[] = {"code", "type", "status"};
    enum error_code found = ERROR_NONE;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && found == ERROR_NONE; i++)
        found = by_word(json_string_value(json_object_get(error, keys[i])));
    if (found == ERROR_NONE)
        found = by_word(json_string_value(
            json_object_get(json_object_get(error, "innererror"), "code"))); /* Azure */
    const json_t *number = json_object_get(error, "code");
    if (status < 300 && json_is_integer(number)) /* in a stream: llama.cpp, OpenRouter, Gemini */
        status = (int)json_integer_value(number);
    bool may_mean_more = found == ERROR_NONE && status != 401 && status != 429;
    for (size_t i = 0; may_mean_more && i < sizeof(phrases) / sizeof(phrases[0]); i++)
        if (strcasestr(message, phrases[i].phrase) != NULL)
            return phrases[i].code;
    return found != ERROR_NONE ? found : by_status(status);
}

/* Upstream's sentence, fit to be shown: no key, no control bytes, no full stop at its end, short. */
static void shown(const struct provider *p, const char *message, char *out, size_t size)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(64 << 10);
    size_t key = p->key != NULL ? strlen(p->key) : 0, n = strnlen(message, 4096);
    for (size_t i = 0; i < n;) {
        if (key >= 4 && strncmp(message + i, p->key, key) == 0) {
            strbuf_puts(&text, "[key]");
            i += key;
        } else {
            char c = message[i++];
            strbuf_append(&text, (unsigned char)c < 0x20 || c == 0x7f ? " " : &c, 1);
        }
    }
    size_t length = utf8_floor(strbuf_text(&text), text.length, size - 1);
    while (length > 0 && strchr(" .", text.data[length - 1]) != NULL)
        length--;
    snprintf(out, size, "%.*s", (int)length, strbuf_text(&text));
}

static int fill(const struct provider *p, int status, enum error_code code, const char *message,
    struct error *e)
{
    static const char *const openings[] = {
        [ERROR_PROVIDER_AUTHENTICATION] = "does not accept the key",
        [ERROR_PROVIDER_RATE_LIMITED] = "limits the rate of requests",
        [ERROR_PROVIDER_OVERLOADED] = "is overloaded or not ready",
        [ERROR_PROVIDER_TIMEOUT] = "ran out of time",
        [ERROR_PROVIDER_FAILED] = "failed",
        [ERROR_CONTEXT_LENGTH] = "finds the conversation too long for its model",
        [ERROR_CONTENT_FILTER] = "filtered the request or its answer",
        [ERROR_MODEL_NOT_FOUND] = "does not have this model",
        [ERROR_PROVIDER_REFUSED] = "refused the request",
    };
    char opening[128], detail[170];
    snprintf(opening, sizeof(opening), "The provider %s %s", p->name, openings[code]);
    shown(p, message, detail, sizeof(detail));
    /* a refused key is quoted in parts, which is too much already */
    bool quote = detail[0] != '\0' && !(code == ERROR_PROVIDER_AUTHENTICATION && status != 403);
    char number[32] = "";
    if (status > 0)
        snprintf(number, sizeof(number), " (HTTP %d)", status);
    return error_set(e, code, EREMOTEIO, "%s%s%s%.*s.", opening, number, quote ? ": " : "",
        quote ? (int)(sizeof(e->message) - strlen(opening) - strlen(number) - 4) : 0, detail);
}

int provider_error_object(
    const struct provider *p, int status, const json_t *error, struct error *e)
{
    static const char *const keys[] = {"message", "detail", "error", "msg"};
    const char *message = json_string_value(error);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && message == NULL; i++)
        message = json_string_value(json_object_get(error, keys[i]));
    message = message != NULL ? message : "";
    return fill(p, status, classify(status, error, message), message, e);
}

int provider_error_body(
    const struct provider *p, int status, const char *body, size_t n, struct error *e)
{
    json_t *root = json_loadb(body, n, 0, NULL);
    const json_t *error = json_is_array(root) ? json_array_get(root, 0) : root; /* Gemini */
    const json_t *inner = json_object_get(error, "error");
    if (json_is_object(inner) || json_is_string(inner))
        error = inner;
    int r;
    if (status >= 300 && status < 400)
        r = fill(p, status, ERROR_PROVIDER_REFUSED,
            "it redirects, which is not followed; correct its base URL", e);
    else
        r = provider_error_object(p, status, error, e);
    json_decref(root);
    return r;
}

int provider_malformed(const struct provider *p, const char *what, struct error *e)
{
    return error_set(
        e, ERROR_PROVIDER_MALFORMED, EPROTO, "The provider %s sent %s.", p->name, what);
}

int provider_cut_short(const struct provider *p, struct error *e)
{
    return error_set(e, ERROR_PROVIDER_MALFORMED, EPIPE,
        "The provider %s ended its answer in the middle.", p->name);
}
