#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log_json.h"

static enum log_level lowest_level = LOG_INFO;
static enum log_format line_format = LOG_TEXT;
static const char *const names[] = {"debug", "info", "warn", "error"};

void log_configure(enum log_level lowest, enum log_format format)
{
    lowest_level = lowest;
    line_format = format;
}

int log_level_parse(const char *name)
{
    for (int i = 0; i < 4; i++)
        if (!strcmp(name, names[i]))
            return i;
    return -EINVAL;
}

/* Control bytes would let a value end the line or move a terminal's cursor. */
static void escape(char *to, size_t size, const char *from)
{
    size_t n = 0;
    for (; *from && n + 7 < size; from++) {
        unsigned char c = (unsigned char)*from;
        if (c < 0x20 || c == 0x7f)
            n += (size_t)snprintf(to + n, size - n, "\\u%04x", c);
        else
            to[n++] = (char)c;
    }
    to[n] = 0;
}

static size_t log_text(char *line, size_t size, const char *stamp, const char *level,
    const char *module, const char *message, const char *format, va_list arguments)
    __attribute__((format(printf, 7, 0)));
static size_t log_text(char *line, size_t size, const char *stamp, const char *level,
    const char *module, const char *message, const char *format, va_list arguments)
{
    char details[1024], clean[1200];
    int wanted = vsnprintf(details, sizeof details, format, arguments);
    if (wanted >= (int)sizeof details)
        memcpy(details + sizeof details - 4, "...", 4);
    escape(clean, sizeof clean, details);
    int length = snprintf(line, size, "%s %-5s %s: %s%s%s\n", stamp, level, module, message,
        clean[0] ? " " : "", clean);
    return length < 0 ? 0 : (size_t)length < size ? (size_t)length : size - 1;
}

void log_line(
    enum log_level level, const char *module, const char *message, const char *format, ...)
{
    if (level < lowest_level)
        return;
    int saved = errno;
    char stamp[40];
    struct timespec t;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &tm);
    size_t n = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(stamp + n, sizeof stamp - n, ".%03ldZ", t.tv_nsec / 1000000);
    char line[LOG_JSON_MAX]; /* enough for either */
    va_list ap;
    va_start(ap, format);
    size_t length =
        line_format == LOG_JSON
            ? log_json(line, stamp, names[level], module, message, format, ap)
            : log_text(line, sizeof line, stamp, names[level], module, message, format, ap);
    va_end(ap);
    if (length > 0)
        (void)!write(STDERR_FILENO, line, length);
    errno = saved;
}
