/* The format is walked pair by pair, and each conversion in it takes its own argument. So where a
 * value begins and ends is known before it is written: quotes, spaces or "=" inside cannot forge a
 * member. Only the few conversions that log lines have are known here. */
#include "base/log_json.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/json_escape.h"

enum {
    HEAD_MAX = 512,   /* where its strings are cut: they are literals, and short */
    FORMAT_MAX = 256, /* longer formats are not taken apart */
    /* What members need without the text of their values is less than so many times their place in
     * the format: at most k + 24 bytes, for a number, where the format has k + 4 (" k=%d"). */
    MEMBER_FACTOR = 8,
    ENDS_MAX = 6, /* …"}\n */
};
_Static_assert(HEAD_MAX + MEMBER_FACTOR * FORMAT_MAX + 1024 <= LOG_JSON_MAX,
    "The members always fit, with a good deal of their text.");

struct line {
    char *text;
    size_t length;
    size_t limit; /* where the present string is cut */
    bool cut;     /* it was */
    va_list arguments;
};

static void put(struct line *l, const char *text, size_t n)
{
    if (n > LOG_JSON_MAX - l->length)
        abort(); /* the limits above are wrong: a bug of ours in every build */
    memcpy(l->text + l->length, text, n);
    l->length += n;
}

static void put_text(struct line *l, const char *text, size_t n)
{
    while (n > 0 && !l->cut) {
        char escape[JSON_ESCAPE_MAX + 1];
        size_t escaped, taken = json_escape(text, n, escape, &escaped);
        size_t wanted = escaped > 0 ? escaped : taken;
        l->cut = l->length + wanted > l->limit;
        if (l->cut)
            put(l, "…", strlen("…"));
        else
            put(l, escaped > 0 ? escape : text, wanted);
        text += taken;
        n -= taken;
    }
}

/* The beginning of a member; `before` is the object's brace or a comma. */
static void put_key(struct line *l, const char *before, const char *key, size_t n)
{
    put(l, before, 1);
    put(l, "\"", 1);
    put(l, key, n); /* letters, digits, underscores */
    put(l, "\":", 2);
}

static void begin_string(struct line *l, size_t limit)
{
    put(l, "\"", 1);
    l->limit = limit;
    l->cut = false;
}

static void put_string(struct line *l, const char *text, size_t limit)
{
    begin_string(l, limit);
    put_text(l, text, strlen(text));
    put(l, "\"", 1);
}

/* The length of a conversion of integers without flags or width (d, u, ld, llu, zu …), behind its
 * "%"; 0: it is another one. */
static size_t integer_length(const char *conversion)
{
    size_t modifiers = *conversion == 'z' ? 1 : strspn(conversion, "l");
    char kind = conversion[modifiers];
    return modifiers <= 2 && (kind == 'd' || kind == 'u') ? modifiers + 1 : 0;
}

/* Takes its argument: the digits, and how many bytes they are. */
static size_t take_integer(struct line *l, const char *conversion, size_t length, char digits[24])
{
    bool is_signed = conversion[length - 1] == 'd';
    long long i = 0;
    unsigned long long u = 0;
    if (*conversion == 'z' && is_signed)
        i = va_arg(l->arguments, ssize_t);
    else if (*conversion == 'z')
        u = va_arg(l->arguments, size_t);
    else if (length == 1 && is_signed)
        i = va_arg(l->arguments, int);
    else if (length == 1)
        u = va_arg(l->arguments, unsigned);
    else if (length == 2 && is_signed)
        i = va_arg(l->arguments, long);
    else if (length == 2)
        u = va_arg(l->arguments, unsigned long);
    else if (is_signed)
        i = va_arg(l->arguments, long long);
    else
        u = va_arg(l->arguments, unsigned long long);
    return (size_t)(is_signed ? snprintf(digits, 24, "%lld", i) : snprintf(digits, 24, "%llu", u));
}

/* One conversion, as part of a string. Returns its length in the format behind the "%"; 0: one that
 * is not known here. */
static size_t put_conversion(struct line *l, const char *conversion)
{
    if (*conversion == '%') {
        put_text(l, "%", 1);
        return 1;
    }
    size_t length = integer_length(conversion);
    if (length > 0) {
        char digits[24];
        put_text(l, digits, take_integer(l, conversion, length, digits));
        return length;
    }
    size_t at_most = SIZE_MAX;
    char *end = (char *)conversion;
    if (*conversion == '.' && conversion[1] >= '0' && conversion[1] <= '9')
        at_most = strtoul(conversion + 1, &end, 10);
    if (*end != 's')
        return 0;
    const char *text = va_arg(l->arguments, const char *);
    if (!text)
        text = "(null)"; /* as printf has it */
    put_text(l, text, strnlen(text, at_most));
    return (size_t)(end + 1 - conversion);
}

/* The part of a format that describes one value. */
static bool put_value(struct line *l, const char *value, const char *end, size_t limit)
{
    begin_string(l, limit);
    while (value < end) {
        size_t literal = strcspn(value, "%");
        if (literal > (size_t)(end - value))
            literal = (size_t)(end - value);
        put_text(l, value, literal);
        value += literal;
        if (value == end)
            break;
        size_t length = put_conversion(l, value + 1);
        if (length == 0)
            return false;
        value += 1 + length;
    }
    put(l, "\"", 1);
    return true;
}

static bool is_taken(const char *key, size_t n)
{
    static const char *const taken[] = {"time", "level", "module", "message", "details"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strlen(taken[i]) == n && !memcmp(taken[i], key, n))
            return true;
    return false;
}

/* One pair, key=value or key="value". Returns where it ends in the format; NULL: it is no such pair. */
static const char *put_pair(struct line *l, const char *key)
{
    size_t n = strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (n == 0 || key[n] != '=' || is_taken(key, n))
        return NULL;
    const char *value = key + n + 1;
    bool quoted = *value == '"';
    value += quoted;
    const char *end = value + strcspn(value, quoted ? "\"" : "\" ");
    if (quoted && *end != '"')
        return NULL;
    const char *next = end + quoted;
    if (*next && *next != ' ')
        return NULL;
    put_key(l, ",", key, n);
    size_t integer = !quoted && *value == '%' ? integer_length(value + 1) : 0;
    if (integer > 0 && value + 1 + integer == end) {
        char digits[24];
        put(l, digits, take_integer(l, value + 1, integer, digits));
        return next;
    }
    size_t limit = LOG_JSON_MAX - ENDS_MAX - MEMBER_FACTOR * strlen(next);
    return put_value(l, value, end, limit) ? next : NULL;
}

static bool put_pairs(struct line *l, const char *format)
{
    if (strlen(format) > FORMAT_MAX)
        return false;
    for (format += strspn(format, " "); *format; format += strspn(format, " ")) {
        format = put_pair(l, format);
        if (!format)
            return false;
    }
    return true;
}

size_t log_json(char line[LOG_JSON_MAX], const char *stamp, const char *level, const char *module,
    const char *message, const char *format, va_list arguments)
{
    struct line l = {.text = line};
    const char *const head[][2] = {
        {"time", stamp}, {"level", level}, {"module", module}, {"message", message}};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++) {
        put_key(&l, i == 0 ? "{" : ",", head[i][0], strlen(head[i][0]));
        put_string(&l, head[i][1], HEAD_MAX);
    }
    size_t head_length = l.length;
    va_copy(l.arguments, arguments);
    bool whole = put_pairs(&l, format);
    va_end(l.arguments);
    if (!whole) { /* tests/api/test_log.py finds such a format */
        char details[1024];
        vsnprintf(details, sizeof details, format, arguments);
        l.length = head_length;
        put_key(&l, ",", "details", strlen("details"));
        put_string(&l, details, LOG_JSON_MAX - ENDS_MAX);
    }
    put(&l, "}\n", 2);
    return l.length;
}
