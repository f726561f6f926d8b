/* log_json.h - a log line as a JSON object. Internal to log.c; allocates nothing, as log.h promises. */
#pragma once
#include <stdarg.h>
#include <stddef.h>

/* PIPE_BUF: a pipe takes a line up to this whole, between the lines of other threads and processes. */
enum { LOG_JSON_MAX = 4096 };

/* Writes {"time":stamp,"level":…,"module":…,"message":…} and the pairs of `format` as further members,
 * with a newline; returns the length in bytes. Keys and types come from the format, never from a
 * value: key=%d, %u, %lld, %zu and the like make a number, everything else a string. A format that
 * is not made of such pairs comes whole, as the one string "details".
 * Always one whole object of valid UTF-8: what is too long is cut inside a string and marked with
 * "…", and a number is never cut. Consumes `arguments`. */
size_t log_json(char line[LOG_JSON_MAX], const char *stamp, const char *level, const char *module,
    const char *message, const char *format, va_list arguments)
    __attribute__((format(printf, 6, 0)));
