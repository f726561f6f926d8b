#include "utf8.h"

#include <stdint.h>
#include <string.h>

/* The number of bytes of the character at `at` (1 to 4); 0: not UTF-8; -1: cut off by the end.
 * Unicode 15, table 3-7: neither overlong forms nor surrogates. */
static int character(const unsigned char *at, size_t n)
{
    unsigned char c = at[0], low = 0x80, high = 0xbf;
    int length;
    if (c < 0x80)
        return 1;
    if (c < 0xc2 || c > 0xf4)
        return 0;
    length = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (c == 0xe0)
        low = 0xa0;
    else if (c == 0xed)
        high = 0x9f;
    else if (c == 0xf0)
        low = 0x90;
    else if (c == 0xf4)
        high = 0x8f;
    for (int i = 1; i < length; i++) {
        if ((size_t)i >= n)
            return -1;
        if (at[i] < low || at[i] > high)
            return 0;
        low = 0x80;
        high = 0xbf;
    }
    return length;
}

size_t utf8_prefix(const char *text, size_t n, bool *ret_cut)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t i = 0;
    *ret_cut = false;
    while (i < n) {
        uint64_t eight;
        while (n - i >= sizeof eight &&
               (memcpy(&eight, at + i, sizeof eight), !(eight & 0x8080808080808080u)))
            i += sizeof eight;
        if (i == n)
            break;
        int length = character(at + i, n - i);
        if (length <= 0) {
            *ret_cut = length < 0;
            break;
        }
        i += (size_t)length;
    }
    return i;
}

size_t utf8_floor(const char *text, size_t n, size_t at_most)
{
    if (at_most >= n)
        return n;
    while (at_most > 0 && ((unsigned char)text[at_most] & 0xc0) == 0x80)
        at_most--;
    return at_most;
}

static const char replacement[] = "\xef\xbf\xbd";

/* Appends all but a cut character at the end; returns how many bytes it dealt with. */
static size_t mend_run(const char *text, size_t n, struct strbuf *out)
{
    size_t done = 0;
    while (done < n) {
        bool cut;
        size_t good = utf8_prefix(text + done, n - done, &cut);
        strbuf_append(out, text + done, good);
        done += good;
        if (done == n || cut)
            break;
        strbuf_append(out, replacement, 3);
        done++;
    }
    return done;
}

void utf8_mend(struct utf8_mender *m, const char *text, size_t n, bool last, struct strbuf *out)
{
    while (m->n > 0 && n > 0) { /* complete the held character, a byte at a time */
        m->held[m->n++] = *text++;
        n--;
        size_t done = mend_run(m->held, m->n, out);
        memmove(m->held, m->held + done, m->n - done);
        m->n -= done;
    }
    size_t done = mend_run(text, n, out);
    if (done < n) {
        memcpy(m->held, text + done, n - done); /* at most three bytes */
        m->n = n - done;
    }
    if (last && m->n > 0) {
        strbuf_append(out, replacement, 3);
        m->n = 0;
    }
}
