/* redact_checks.c - checksums and plausibility: digits alone are seldom a card. */
#include <ctype.h>
#include <string.h>

#include "agent/redact.h"

enum { DIGITS_MAX = 40 };

/* The digits of a text; their number, or 0 when there are too many. */
static size_t digits_of(const char *text, size_t n, char out[DIGITS_MAX])
{
    size_t length = 0;
    for (size_t i = 0; i < n; i++)
        if (isdigit((unsigned char)text[i])) {
            if (length == DIGITS_MAX)
                return 0;
            out[length++] = text[i];
        }
    return length;
}

static bool luhn(const char *digits, size_t n)
{
    int sum = 0;
    for (size_t i = 0; i < n; i++) {
        int d = digits[n - 1 - i] - '0';
        if (i % 2)
            d = d * 2 > 9 ? d * 2 - 9 : d * 2;
        sum += d;
    }
    return sum % 10 == 0;
}

/* Lengths and first digits as issuers use them (ISO/IEC 7812): else one long number in ten would do. */
bool redact_is_card(const char *text, size_t n)
{
    char d[DIGITS_MAX];
    size_t length = digits_of(text, n, d);
    if (length < 13 || length > 19)
        return false;
    int two = (d[0] - '0') * 10 + d[1] - '0';
    bool issuer = (d[0] == '4' && (length == 13 || length == 16 || length == 19)) ||
                  (two >= 51 && two <= 55 && length == 16) ||
                  (two >= 22 && two <= 27 && length == 16) ||
                  ((two == 34 || two == 37) && length == 15) ||
                  ((two == 30 || two == 36 || two == 38 || two == 39) && length == 14) ||
                  (two == 35 && length >= 16) || (d[0] == '6' && length >= 16);
    return issuer && luhn(d, length);
}

/* ISO 13616: the first four characters go to the end, letters count from 10, the rest by 97 is 1. */
bool redact_is_iban(const char *text, size_t n)
{
    char all[DIGITS_MAX];
    size_t length = 0;
    for (size_t i = 0; i < n; i++)
        if (isalnum((unsigned char)text[i])) {
            if (length == 34)
                return false;
            all[length++] = text[i];
        }
    if (length < 15)
        return false;
    unsigned rest = 0;
    for (size_t i = 0; i < length; i++) {
        char c = all[(i + 4) % length];
        unsigned value = isdigit((unsigned char)c) ? (unsigned)(c - '0') : (unsigned)(c - 'A' + 10);
        rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
    }
    return rest == 1;
}

/* As many digits as numbers have (E.164), and no decimal number with a sign. */
bool redact_is_phone(const char *text, size_t n)
{
    char d[DIGITS_MAX];
    size_t length = digits_of(text, n, d), points = 0, others = 0;
    for (size_t i = 0; i < n; i++) {
        points += text[i] == '.';
        others += text[i] == ' ' || text[i] == '-' || text[i] == '(' || text[i] == '/';
    }
    return length >= 8 && length <= 15 && !(points == 1 && others == 0);
}
