#include "base/json_escape.h"

#include <stdint.h>
#include <string.h>

/* What a byte means inside a string: 0 itself, 1 \u00XX, 2 the start of something beyond ASCII,
 * a letter the short escape. */
static const uint8_t classes[256] = {
    [0x00 ... 0x07] = 1,
    ['\b'] = 'b',
    ['\t'] = 't',
    ['\n'] = 'n',
    [0x0b] = 1,
    ['\f'] = 'f',
    ['\r'] = 'r',
    [0x0e ... 0x1f] = 1,
    ['"'] = '"',
    ['\\'] = '\\',
    [0x7f] = 1,
    [0x80 ... 0xff] = 2,
};

/* Length of the well-formed sequence at p (RFC 3629, table 3-7 of Unicode), or 0. */
static size_t utf8_length(const uint8_t *p, const uint8_t *end)
{
    size_t n = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    if (n == 0 || (size_t)(end - p) < n)
        return 0;
    uint8_t low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

/* Characters beyond ASCII that some readers take for the end of a line (Python's splitlines, and with
 * it readers of event streams; JavaScript before 2019). Their escape, or NULL. */
static const char *line_break(const uint8_t *p, size_t n)
{
    if (n == 2 && p[0] == 0xc2 && p[1] == 0x85)
        return "\\u0085";
    if (n == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
        return p[2] == 0xa8 ? "\\u2028" : "\\u2029";
    return NULL;
}

size_t json_escape(const char *text, size_t n, char escape[JSON_ESCAPE_MAX + 1], size_t *ret_length)
{
    const uint8_t *p = (const uint8_t *)text;
    uint8_t class = classes[*p];
    size_t sequence = class == 2 ? utf8_length(p, p + n) : 0;
    const char *escaped = sequence > 0 ? line_break(p, sequence) : NULL;
    *ret_length = 0;
    if (escaped)
        memcpy(escape, escaped, *ret_length = 6);
    else if (class == 2 && sequence == 0)
        memcpy(escape, "\xef\xbf\xbd", *ret_length = 3);
    else if (class == 1) { /* by hand: who shows 30 MiB of them shall not cost seconds */
        static const char digits[] = "0123456789abcdef";
        memcpy(escape, (char[]){'\\', 'u', '0', '0', digits[*p >> 4], digits[*p & 15]},
            *ret_length = 6);
    } else if (class > 2) {
        escape[0] = '\\', escape[1] = (char)class;
        *ret_length = 2;
    }
    return sequence > 0 ? sequence : 1;
}
