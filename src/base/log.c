#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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
static size_t escape(char *to, size_t size, const char *from, int json)
{
    size_t n = 0;
    for (; *from && n + 7 < size; from++) {
        unsigned char c = (unsigned char)*from;
        if (c < 0x20 || c == 0x7f)
            n += (size_t)snprintf(to + n, size - n, "\\u%04x", c);
        else if (json && (c == '"' || c == '\\')) {
            to[n++] = '\\';
            to[n++] = (char)c;
        } else
            to[n++] = (char)c;
    }
    to[n] = 0;
    return n;
}

void log_line(
    enum log_level level, const char *module, const char *message, const char *format, ...)
{
    if (level < lowest_level)
        return;
    int saved = errno;
    char stamp[40], details[1024], clean[1200], line[1600];
    struct timespec t;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &tm);
    size_t n = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(stamp + n, sizeof stamp - n, ".%03ldZ", t.tv_nsec / 1000000);
    va_list ap;
    va_start(ap, format);
    int wanted = vsnprintf(details, sizeof details, format, ap);
    va_end(ap);
    if (wanted >= (int)sizeof details)
        memcpy(details + sizeof details - 4, "...", 4);
    escape(clean, sizeof clean, details, line_format == LOG_JSON);
    int length;
    if (line_format == LOG_JSON)
        length = snprintf(line, sizeof line,
            "{\"time\":\"%s\",\"level\":\"%s\",\"module\":\"%s\",\"message\":\"%s\",\"details\":\"%s\"}\n",
            stamp, names[level], module, message, clean);
    else
        length = snprintf(line, sizeof line, "%s %-5s %s: %s%s%s\n", stamp, names[level], module,
            message, clean[0] ? " " : "", clean);
    if (length > 0)
        (void)!write(
            STDERR_FILENO, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
    errno = saved;
}
