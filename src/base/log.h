/* log.h - one line each on standard error: RFC 3339 UTC, level, module, message, key=value.
 * Never keys, code or outputs. Safe from several threads (one write for each line); the supervisor,
 * warden and init use it too, so it allocates nothing. */
#pragma once

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

/* Both are process-wide and set once at the start; LOG_INFO and LOG_TEXT until then. */
void log_configure(enum log_level lowest, enum log_format format);
int log_level_parse(const char *name); /* a level, or -EINVAL */

/* `module` and `message` are literals without quotes. Then pairs of key and printf format with its
 * arguments, as one string: log_line(LOG_INFO, "session", "expired", "id=%s idle_s=%d", id, s). A value
 * with spaces is quoted by the caller's format as \"%s\". LOG_TEXT writes the pairs as they are;
 * LOG_JSON makes each a member of the line's object: see log_json.h for the conversions it knows.
 * Values are escaped, so a hostile name cannot forge a line, nor a member. Text has at most 1 KiB of
 * pairs, longer ones end in "..."; a JSON line has at most 4 KiB, and a string cut for that ends in "…". */
void log_line(enum log_level level, const char *module, const char *message, const char *format,
    ...) __attribute__((format(printf, 4, 5)));
