#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int status;
    const char *type, *wire;
} table[] = {
#define X(name, status, type, wire) [ERROR_##name] = {status, type, wire},
    ERROR_TABLE(X)
#undef X
};

static void fill(
    struct error *e, enum error_code code, int saved_errno, const char *format, va_list ap)
{
    e->code = code;
    e->saved_errno = saved_errno;
    e->param[0] = 0;
    vsnprintf(e->message, sizeof e->message, format, ap);
}

int error_set(struct error *e, enum error_code code, int saved_errno, const char *format, ...)
{
    if (e) {
        va_list ap;
        va_start(ap, format);
        fill(e, code, saved_errno, format, ap);
        va_end(ap);
    }
    return saved_errno > 0 ? -saved_errno : -EINVAL;
}

int error_param(struct error *e, enum error_code code, const char *param, const char *format, ...)
{
    if (e) {
        va_list ap;
        va_start(ap, format);
        fill(e, code, 0, format, ap);
        va_end(ap);
        snprintf(e->param, sizeof e->param, "%s", param);
    }
    return -EINVAL;
}

void error_add_reason(struct error *e)
{
    char sentence[sizeof e->message];
    const char *reason = strerror(e->saved_errno);
    if (e->code != ERROR_INTERNAL || e->saved_errno <= 0 || strstr(e->message, reason))
        return;
    snprintf(sentence, sizeof sentence, "%s", e->message);
    size_t n = strlen(sentence), room = sizeof sentence - strlen(reason) - sizeof ": .";
    if (n > 0 && sentence[n - 1] == '.')
        sentence[n - 1] = 0;
    snprintf(e->message, sizeof e->message, "%.*s: %s.", (int)room, sentence, reason);
}

int error_http_status(enum error_code code)
{
    return code < ERROR_COUNT ? table[code].status : 500;
}
const char *error_wire_type(enum error_code code)
{
    return code < ERROR_COUNT ? table[code].type : "server_error";
}
const char *error_wire_code(enum error_code code)
{
    return code < ERROR_COUNT ? table[code].wire : "internal";
}
enum error_code error_code_find(const char *wire)
{
    for (int code = ERROR_NONE + 1; code < ERROR_COUNT; code++)
        if (strcmp(table[code].wire, wire) == 0)
            return (enum error_code)code;
    return ERROR_INTERNAL;
}
