/* text.c - words and numbers in what people write. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "provider/offline/offline.h"

static bool word_byte(unsigned char c) { return isalnum(c) || c == '_' || c >= 0x80; }

void offline_text_init(struct offline_text *t, const char *raw, size_t n)
{
    size_t to = 0, i = 0;
    for (; i < n && to + 1 < sizeof(t->clean); i++) {
        unsigned char c = (unsigned char)raw[i];
        if (isspace(c) || c < 0x20 || c == 0x7f)
            c = ' ';
        if (c == ' ' && (to == 0 || t->clean[to - 1] == ' '))
            continue;
        t->clean[to++] = (char)c;
    }
    if (i < n && ((unsigned char)raw[i] & 0xc0) == 0x80) { /* a character was cut */
        while (to > 0 && ((unsigned char)t->clean[to - 1] & 0xc0) == 0x80)
            to--;
        to -= to > 0;
    }
    while (to > 0 && t->clean[to - 1] == ' ')
        to--;
    t->clean[to] = 0;
    t->length = to;
    for (i = 0; i <= to; i++)
        t->low[i] = (char)tolower((unsigned char)t->clean[i]);
}

/* ---- words ------------------------------------------------------------------------------------------- */

/* The length of `word` (n bytes, perhaps ending in '*') at `at`, 0 if it is not there as a word. */
static size_t word_at(const char *low, const char *at, const char *word, size_t n)
{
    bool open = n > 0 && word[n - 1] == '*';
    size_t length = open ? n - 1 : n;
    if (length == 0 || strncmp(at, word, length) != 0)
        return 0;
    if (at > low && word_byte((unsigned char)at[-1]) && word_byte((unsigned char)*word))
        return 0;
    if (open)
        while (word_byte((unsigned char)at[length]))
            length++;
    else if (word_byte((unsigned char)at[length]) && word_byte((unsigned char)word[length - 1]))
        return 0;
    return length;
}

static size_t any_at(const char *low, const char *at, const char *words)
{
    for (const char *word = words;;) {
        size_t n = strcspn(word, "|"), length = word_at(low, at, word, n);
        if (length > 0)
            return length;
        if (word[n] == 0)
            return 0;
        word += n + 1;
    }
}

const char *offline_find(const char *low, const char *words, size_t *ret_length)
{
    for (const char *at = low; *at != 0; at++) {
        size_t length = any_at(low, at, words);
        if (length > 0) {
            if (ret_length != NULL)
                *ret_length = length;
            return at;
        }
    }
    return NULL;
}

const char *offline_find_last(const char *low, const char *words, size_t *ret_length)
{
    const char *found = NULL;
    for (const char *at = low; *at != 0; at++) {
        size_t length = any_at(low, at, words);
        if (length > 0) {
            found = at;
            if (ret_length != NULL)
                *ret_length = length;
        }
    }
    return found;
}

bool offline_only(const char *low, const char *words)
{
    for (const char *at = low; *at != 0;) {
        if (!word_byte((unsigned char)*at)) {
            at++;
            continue;
        }
        size_t length = any_at(low, at, words), whole = 0;
        while (word_byte((unsigned char)at[whole]) ||
               (at[whole] == '.' && word_byte((unsigned char)at[whole + 1])))
            whole++;
        bool name = memchr(at, '.', whole) != NULL || isdigit((unsigned char)*at);
        if (length == 0 && !name)
            return false;
        at += length > whole || !name ? length : whole;
    }
    return true;
}

/* ---- numbers ----------------------------------------------------------------------------------------- */

/* Digits with thousands marks and one decimal point; the end, or NULL. */
static const char *digits(const char *at, double *ret, bool *ret_whole)
{
    char plain[64];
    size_t n = 0;
    bool point = false;
    const char *c = at;
    for (; n + 1 < sizeof(plain); c++) {
        if (isdigit((unsigned char)*c))
            plain[n++] = *c;
        else if (*c == '.' && !point && isdigit((unsigned char)c[1])) {
            plain[n++] = '.';
            point = true;
        } else if (*c == ',' && !point && n > 0 && n <= 15 && strspn(c + 1, "0123456789") == 3 &&
                   isdigit((unsigned char)c[-1]))
            continue; /* 1,234 */
        else
            break;
    }
    if (n == 0)
        return NULL;
    plain[n] = 0;
    *ret = strtod(plain, NULL);
    *ret_whole = !point;
    return c;
}

static const char *number_at(const char *low, const char *at, struct offline_number *ret)
{
    const char *begin = at;
    bool minus = *at == '-' && (at == low || (at[-1] != ')' && !word_byte((unsigned char)at[-1])));
    if (minus)
        at++;
    if (at > low && word_byte((unsigned char)at[-1]))
        return NULL; /* q1, x2 */
    const char *end = digits(at, &ret->value, &ret->whole);
    if (end == NULL)
        return NULL;
    static const struct {
        const char *word;
        double factor;
    } scales[] = {{"k", 1e3}, {"m", 1e6}, {" thousand", 1e3}, {" million", 1e6}, {" billion", 1e9},
        {"bn", 1e9}};
    for (size_t i = 0; i < sizeof(scales) / sizeof(*scales); i++) {
        size_t n = strlen(scales[i].word);
        if (strncmp(end, scales[i].word, n) == 0 && !word_byte((unsigned char)end[n])) {
            ret->value *= scales[i].factor;
            end += n;
            break;
        }
    }
    if (word_byte((unsigned char)*end) && !isdigit((unsigned char)*end) && strncmp(end, "st", 2) &&
        strncmp(end, "nd", 2) && strncmp(end, "rd", 2) && strncmp(end, "th", 2))
        return NULL; /* 3d, 2x */
    const char *after = end + (*end == ' ');
    ret->percent = *after == '%' || strncmp(after, "percent", 7) == 0;
    if (minus)
        ret->value = -ret->value;
    ret->at = begin;
    ret->end = end;
    return end;
}

size_t offline_numbers(const char *low, struct offline_number *ret, size_t size)
{
    size_t n = 0;
    for (const char *at = low; *at != 0 && n < size;) {
        const char *end =
            isdigit((unsigned char)*at) || *at == '-' ? number_at(low, at, &ret[n]) : NULL;
        if (end != NULL) {
            n++;
            at = end;
        } else if (isdigit((unsigned char)*at)) {
            while (word_byte((unsigned char)*at) || *at == '.')
                at++;
        } else {
            at++;
        }
    }
    return n;
}

long offline_count(const char *low, long fallback, long most)
{
    static const struct {
        const char *word;
        long value;
    } words[] = {{"one", 1}, {"two", 2}, {"three", 3}, {"four", 4}, {"five", 5}, {"six", 6},
        {"seven", 7}, {"eight", 8}, {"nine", 9}, {"ten", 10}, {"a dozen|twelve", 12},
        {"fifteen", 15}, {"twenty", 20}, {"thirty", 30}, {"forty", 40}, {"fifty", 50},
        {"a hundred|one hundred|hundred", 100}, {"a thousand|one thousand|thousand", 1000}};
    struct offline_number numbers[32];
    size_t n = offline_numbers(low, numbers, 32);
    const char *best = NULL;
    double value = (double)fallback;
    for (size_t i = 0; i < n; i++)
        if (numbers[i].value >= 0 && !numbers[i].percent) {
            best = numbers[i].at;
            value = numbers[i].value;
        }
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        const char *at = offline_find_last(low, words[i].word, NULL);
        if (at != NULL && (best == NULL || at > best)) {
            best = at;
            value = (double)words[i].value;
        }
    }
    return value > (double)most ? most : (long)value;
}

const char *offline_saved(const char *low)
{
    return offline_has(low, "save|saved|png|jpg|jpeg|svg|download*|export*|as a file|to a file")
               ? ""
               : NULL;
}

const char *offline_drawn(const char *low)
{
    return offline_has(low, "plot*|draw*|graph*|chart*|visuali*|diagram*|figure*") ? "" : NULL;
}

/* ---- Python ------------------------------------------------------------------------------------------ */

void offline_quote(struct strbuf *out, const char *text, size_t n)
{
    strbuf_puts(out, "\"");
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            strbuf_printf(out, "\\%c", c);
        else if (c == '\n')
            strbuf_puts(out, "\\n");
        else if (c == '\r')
            strbuf_puts(out, "\\r");
        else if (c < 0x20 || c == 0x7f)
            strbuf_printf(out, "\\x%02x", c);
        else
            strbuf_append(out, text + i, 1);
    }
    strbuf_puts(out, "\"");
}

void offline_put_number(struct strbuf *out, double value)
{
    if (value == floor(value) && fabs(value) < 1e15)
        strbuf_printf(out, "%.0f", value);
    else
        strbuf_printf(out, "%.15g", value);
}
