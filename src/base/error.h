/* error.h - one way to say what went wrong, from a system call in a sandbox to a reply on the wire.
 *
 * Functions return 0, or a negative errno that is only ever forwarded; the text travels beside it
 * in a caller-owned `struct error`, by value and without allocation, so that it works after clone
 * and crosses a pipe whole. Used by every process. Never holds secrets, code or outputs of users. */
#pragma once
#include <stddef.h>

/* One row for each error that a client may see: name, HTTP status, OpenAI's error type, wire code.
 * A permanent failure is never 408, 409, 429 or 5xx: clients repeat those. */
#define ERROR_TABLE(X) \
    X(NONE, 200, "", "") \
    X(INVALID_JSON, 400, "invalid_request_error", "invalid_json") \
    X(MISSING_PARAMETER, 400, "invalid_request_error", "missing_required_parameter") \
    X(INVALID_TYPE, 400, "invalid_request_error", "invalid_type") \
    X(INVALID_VALUE, 400, "invalid_request_error", "invalid_value") \
    X(INTEGER_BELOW_MIN, 400, "invalid_request_error", "integer_below_min_value") \
    X(INTEGER_ABOVE_MAX, 400, "invalid_request_error", "integer_above_max_value") \
    X(DECIMAL_BELOW_MIN, 400, "invalid_request_error", "decimal_below_min_value") \
    X(DECIMAL_ABOVE_MAX, 400, "invalid_request_error", "decimal_above_max_value") \
    X(STRING_TOO_LONG, 400, "invalid_request_error", "string_above_max_length") \
    X(ARRAY_TOO_LONG, 400, "invalid_request_error", "array_above_max_length") \
    X(OBJECT_TOO_LARGE, 400, "invalid_request_error", "object_above_max_properties") \
    X(UNKNOWN_PARAMETER, 400, "invalid_request_error", "unknown_parameter") \
    X(UNSUPPORTED_PARAMETER, 400, "invalid_request_error", "unsupported_parameter") \
    X(BAD_REQUEST, 400, "invalid_request_error", "bad_request") \
    X(ENVIRONMENT_NOT_BUILT, 400, "invalid_request_error", "environment_not_built") \
    X(ENVIRONMENT_MEMORY, 400, "invalid_request_error", "environment_out_of_memory") \
    X(CONTAINER_EXPIRED, 400, "invalid_request_error", "container_expired") \
    X(NOT_WAITING, 400, "invalid_request_error", "not_waiting") \
    X(SCRATCH_FULL, 400, "invalid_request_error", "scratch_full") \
    X(UNSUPPORTED_TOOL, 400, "invalid_request_error", "unsupported_tool") \
    X(UNSUPPORTED_LANGUAGE, 400, "invalid_request_error", "unsupported_language") \
    X(MODEL_NOT_FOUND, 400, "invalid_request_error", "model_not_found") \
    X(PROVIDER_NOT_CONFIGURED, 400, "invalid_request_error", "provider_not_configured") \
    X(PROVIDER_REFUSED, 400, "invalid_request_error", "provider_refused") \
    X(CONTEXT_LENGTH, 400, "invalid_request_error", "context_length_exceeded") \
    X(CONTENT_FILTER, 400, "invalid_request_error", "content_filter") \
    X(BUDGET_EXCEEDED, 400, "invalid_request_error", "budget_exceeded") \
    X(RUN_TIMEOUT, 400, "invalid_request_error", "run_timeout") \
    X(PREVIOUS_NOT_FOUND, 400, "invalid_request_error", "previous_response_not_found") \
    X(EXCLUSIVE_PARAMETERS, 400, "invalid_request_error", "mutually_exclusive_parameters") \
    X(UNAUTHORIZED, 401, "invalid_request_error", "unauthorized") \
    X(FORBIDDEN, 403, "invalid_request_error", "forbidden") \
    X(UNKNOWN_MODEL, 404, "invalid_request_error", "model_not_found") \
    X(NOT_FOUND, 404, "invalid_request_error", "not_found") \
    X(METHOD_NOT_ALLOWED, 405, "invalid_request_error", "method_not_allowed") \
    X(REQUEST_TIMEOUT, 408, "invalid_request_error", "request_timeout") \
    X(CONTAINER_BUSY, 409, "invalid_request_error", "container_busy") \
    X(PAYLOAD_TOO_LARGE, 413, "invalid_request_error", "payload_too_large") \
    X(EXPECTATION_FAILED, 417, "invalid_request_error", "expectation_failed") \
    X(HEADERS_TOO_LARGE, 431, "invalid_request_error", "headers_too_large") \
    X(QUEUE_FULL, 429, "rate_limit_error", "queue_full") \
    X(RATE_LIMITED, 429, "rate_limit_error", "rate_limited") \
    X(PROVIDER_RATE_LIMITED, 429, "rate_limit_error", "provider_rate_limited") \
    X(QUOTA_EXCEEDED, 429, "rate_limit_error", "quota_exceeded") \
    X(INTERNAL, 500, "server_error", "internal") \
    X(NOT_IMPLEMENTED, 501, "invalid_request_error", "not_implemented") \
    X(PROVIDER_AUTHENTICATION, 502, "server_error", "provider_authentication") \
    X(PROVIDER_UNREACHABLE, 502, "server_error", "provider_unreachable") \
    X(PROVIDER_MALFORMED, 502, "server_error", "provider_malformed") \
    X(PROVIDER_FAILED, 502, "server_error", "provider_failed") \
    X(PROVIDER_OVERLOADED, 503, "server_error", "provider_overloaded") \
    X(PROVIDER_TIMEOUT, 504, "server_error", "provider_timeout") \
    X(UNAVAILABLE, 503, "server_error", "unavailable") \
    X(HTTP_VERSION, 505, "invalid_request_error", "http_version_not_supported") \
    X(INSUFFICIENT_STORAGE, 507, "server_error", "insufficient_storage")

enum error_code {
#define X(name, status, type, wire) ERROR_##name,
    ERROR_TABLE(X)
#undef X
        ERROR_COUNT
};

struct error {
    enum error_code code;
    int saved_errno;   /* 0 when no system call was involved */
    char message[240]; /* a sentence for a person; ends with a full stop */
    char param[64];    /* the field at fault, as "files[0].content"; "" when there is none */
};

/* Fills `e` (NULL is allowed) and returns -saved_errno, or -EINVAL when that is 0. Async-signal
 * safe but for vsnprintf; allowed after clone. `e` is overwritten. */
int error_set(struct error *e, enum error_code code, int saved_errno, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same, naming the field at fault. */
int error_param(struct error *e, enum error_code code, const char *param, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts what the system said (saved_errno) at the end of the sentence, unless it is there: a reader needs both. A
 * sentence too long for that is cut. Only for failures inside (ERROR_INTERNAL): other codes say all in their text. */
void error_add_reason(struct error *e);

int error_http_status(enum error_code code);
const char *error_wire_type(enum error_code code);
const char *error_wire_code(enum error_code code);
/* The first code with this wire code; ERROR_INTERNAL when there is none. */
enum error_code error_code_find(const char *wire);
