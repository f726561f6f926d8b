/* redact_columns.c - the values of one column, in the forms in which tables are printed.
 *
 * One line at a time. A line that has the name as a whole cell is a header: until the table ends, the cell
 * below it is masked, found by its place between delimiters or, in aligned output (pandas), by where the
 * header stands. Everywhere, what follows the name as a key is masked ("name": 1, name=1, and `name    1`
 * on a line of its own). Widths are kept, so that several columns can be masked in turn. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "agent/redact.h"
#include "provider/result_words.h"

enum { CELLS_MAX = 512 };

struct cell {
    size_t start, end; /* of its text, in the line */
};
struct line {
    const char *text;
    size_t n;
};

/* What the present table is. */
struct table {
    enum { NONE, DELIMITED, ALIGNED } kind;
    char delimiter;
    size_t cells, index; /* DELIMITED */
    bool cut;            /* its header is not whole: rows may have more cells */
    size_t from, to;     /* ALIGNED: where the column may stand */
};

/* ---- the mask ---------------------------------------------------------------------------------------------- */

/* Replaces [start, end) of the line by "[name]", or stars where that is too long for an aligned table. */
static void put_mask(struct strbuf *out, const char *name, size_t width, bool keep_width)
{
    size_t n = strlen(name) + 2;
    if (keep_width && n > width) {
        for (size_t i = 0; i < width; i++)
            strbuf_puts(out, "*");
        return;
    }
    for (size_t i = n; keep_width && i < width; i++)
        strbuf_puts(out, " ");
    strbuf_printf(out, "[%s]", name);
}

/* ---- cells ---------------------------------------------------------------------------------------------------- */

static struct cell trimmed(const char *text, size_t start, size_t end)
{
    while (start < end && isspace((unsigned char)text[start]))
        start++;
    while (end > start && isspace((unsigned char)text[end - 1]))
        end--;
    return (struct cell){start, end};
}

/* Cuts at delimiters outside quotes. Their number, 0 when there is one cell or too many. */
static size_t split(const struct line *l, char delimiter, struct cell cell[CELLS_MAX])
{
    size_t n = 0, start = 0;
    bool quoted = false;
    for (size_t i = 0; i <= l->n; i++) {
        if (i < l->n && l->text[i] == '"')
            quoted = !quoted;
        if (i < l->n && (l->text[i] != delimiter || quoted))
            continue;
        if (n == CELLS_MAX)
            return 0;
        cell[n++] = trimmed(l->text, start, i);
        start = i + 1;
    }
    return n > 1 ? n : 0;
}

static bool is_name(const char *text, size_t n, const char *name)
{
    if (n >= 2 && (text[0] == '"' || text[0] == '\'') && text[n - 1] == text[0]) {
        text++;
        n -= 2;
    }
    return strlen(name) == n && strncasecmp(text, name, n) == 0;
}

static bool is_cut(const struct line *l)
{
    size_t n = strlen(RESULT_CUT);
    return l->n >= n && memcmp(l->text + l->n - n, RESULT_CUT, n) == 0;
}

static bool delimited_header(const struct line *l, const char *name, struct table *t)
{
    static const char delimiters[] = ",;\t|";
    struct cell cell[CELLS_MAX];
    for (const char *d = delimiters; *d; d++) {
        size_t n = split(l, *d, cell);
        for (size_t i = 0; i < n; i++)
            if (is_name(l->text + cell[i].start, cell[i].end - cell[i].start, name)) {
                *t = (struct table){
                    .kind = DELIMITED, .delimiter = *d, .cells = n, .index = i, .cut = is_cut(l)};
                return true;
            }
    }
    return false;
}

/* The name as a token of a line that looks like a header: at its beginning or behind two blanks, or in a
 * line that begins with some. */
static bool aligned_header(const struct line *l, const char *name, struct table *t)
{
    size_t n = strlen(name);
    bool indented = l->n > 0 && l->text[0] == ' ';
    for (size_t at = 0; at + n <= l->n; at++) {
        bool before =
            at == 0 || (l->text[at - 1] == ' ' && (indented || (at > 1 && l->text[at - 2] == ' ')));
        bool behind = at + n == l->n || l->text[at + n] == ' ';
        if (!before || !behind || strncasecmp(l->text + at, name, n) != 0)
            continue;
        struct cell rest = trimmed(l->text, at + n, l->n);
        if (at == 0 && rest.start == rest.end)
            return false; /* a word alone */
        size_t from = at;
        while (from > 0 && l->text[from - 1] == ' ')
            from--;
        *t = (struct table){.kind = ALIGNED, .from = from, .to = at + n};
        return true;
    }
    return false;
}

/* ---- keys ------------------------------------------------------------------------------------------------------- */

static bool word_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* Where a value that begins at `at` ends: a quoted one at its quote, else at what may follow one. */
static size_t value_end(const struct line *l, size_t at)
{
    if (at < l->n && (l->text[at] == '"' || l->text[at] == '\'')) {
        char quote = l->text[at];
        size_t end = at + 1;
        while (end < l->n && l->text[end] != quote)
            end += l->text[end] == '\\' ? 2 : 1;
        return end < l->n ? end + 1 : l->n;
    }
    size_t end = at, depth = 0;
    while (end < l->n) {
        char c = l->text[end];
        depth += c == '[' || c == '(' || c == '{';
        if (depth == 0 && strchr(",;}])|", c))
            break;
        if (depth > 0 && (c == ']' || c == ')' || c == '}'))
            depth--;
        end++;
    }
    return trimmed(l->text, at, end).end;
}

/* The value behind the name as a key, from `*at` on. False: no more. */
static bool next_key(const struct line *l, const char *name, size_t *at, struct cell *ret)
{
    size_t n = strlen(name);
    for (; *at + n <= l->n; ++*at) {
        size_t start = *at, end = start + n;
        if (strncasecmp(l->text + start, name, n) != 0 ||
            (start > 0 && word_byte(l->text[start - 1])) || (end < l->n && word_byte(l->text[end])))
            continue;
        if (end < l->n && (l->text[end] == '"' || l->text[end] == '\''))
            end++;
        size_t blanks = 0;
        while (end < l->n && l->text[end] == ' ') {
            end++;
            blanks++;
        }
        bool sign = end < l->n && (l->text[end] == ':' || l->text[end] == '=');
        bool alone =
            trimmed(l->text, 0, start).end == 0 && blanks >= 2 && end < l->n; /* a Series */
        if (!sign && !alone)
            continue;
        end += sign;
        while (end < l->n && (l->text[end] == ' ' || l->text[end] == '='))
            end++;
        size_t stop = alone && !sign ? trimmed(l->text, end, l->n).end : value_end(l, end);
        if (stop <= end)
            continue;
        *ret = (struct cell){end, stop};
        *at = stop;
        return true;
    }
    return false;
}

static void mask_keys(const struct line *l, const char *name, struct strbuf *out, int64_t *count)
{
    size_t at = 0, kept = 0;
    struct cell value;
    while (next_key(l, name, &at, &value)) {
        strbuf_append(out, l->text + kept, value.start - kept);
        put_mask(out, name, value.end - value.start, false);
        kept = value.end;
        ++*count;
    }
    strbuf_append(out, l->text + kept, l->n - kept);
}

/* ---- rows --------------------------------------------------------------------------------------------------------- */

static bool has_digit_or_letter(const struct line *l, struct cell c)
{
    for (size_t i = c.start; i < c.end; i++)
        if (isalnum((unsigned char)l->text[i]) || (unsigned char)l->text[i] >= 0x80)
            return true;
    return false;
}

static void mask_cell(const struct line *l, struct cell c, const char *name, bool keep_width,
    struct strbuf *out, int64_t *count)
{
    if (!has_digit_or_letter(l, c)) { /* a rule below the header, or nothing */
        strbuf_append(out, l->text, l->n);
        return;
    }
    strbuf_append(out, l->text, c.start);
    put_mask(out, name, c.end - c.start, keep_width);
    strbuf_append(out, l->text + c.end, l->n - c.end);
    ++*count;
}

/* False: the line is no row of the table. */
static bool mask_delimited(const struct line *l, const struct table *t, const char *name,
    struct strbuf *out, int64_t *count)
{
    struct cell cell[CELLS_MAX];
    size_t n = split(l, t->delimiter, cell);
    if (n != t->cells && (n <= t->index || !(t->cut || is_cut(l))))
        return false;
    mask_cell(l, cell[t->index], name, false, out, count);
    return true;
}

static bool mask_aligned(const struct line *l, const struct table *t, const char *name,
    struct strbuf *out, int64_t *count)
{
    if (trimmed(l->text, 0, l->n).end == 0)
        return false;
    size_t from = t->from < l->n ? t->from : l->n, to = t->to < l->n ? t->to : l->n;
    struct cell c = trimmed(l->text, from, to);
    if (c.start == c.end) {
        strbuf_append(out, l->text, l->n);
        return true;
    }
    for (size_t i = c.start; i + 1 < c.end;
         i++) /* the first column's region has the row's label, too */
        if (l->text[i] == ' ' && l->text[i + 1] == ' ')
            c.start = i + 2;
    while (c.start > 0 && l->text[c.start - 1] != ' ') /* whole tokens */
        c.start--;
    while (c.end < l->n && l->text[c.end] != ' ')
        c.end++;
    mask_cell(l, c, name, true, out, count);
    return true;
}

/* A line of the server's, in the middle of a table that was too long. */
static bool is_left_out(const struct line *l)
{
    size_t n = strlen(RESULT_LEFT_OUT);
    return l->n > n && memcmp(l->text, RESULT_LEFT_OUT, n) == 0 &&
           memmem(l->text, l->n, RESULT_LEFT_OUT_HERE, strlen(RESULT_LEFT_OUT_HERE));
}

static void mask_line(
    const struct line *l, struct table *t, const char *name, struct strbuf *out, int64_t *count)
{
    struct table header = {0};
    if (is_left_out(l)) { /* the table goes on behind it */
        strbuf_append(out, l->text, l->n);
        return;
    }
    if (delimited_header(l, name, &header)) {
        *t = header;
        strbuf_append(out, l->text, l->n);
        return;
    }
    if (t->kind == DELIMITED && mask_delimited(l, t, name, out, count))
        return;
    if (t->kind == ALIGNED && mask_aligned(l, t, name, out, count))
        return;
    t->kind = NONE;
    size_t at = 0;
    struct cell value;
    if (!next_key(l, name, &at, &value) && aligned_header(l, name, &header)) {
        *t = header;
        strbuf_append(out, l->text, l->n);
        return;
    }
    mask_keys(l, name, out, count);
}

int redact_column(const char *name, const char *text, size_t n, struct strbuf *out, int64_t *count)
{
    struct table t = {0};
    for (size_t at = 0; at < n;) {
        const char *newline = memchr(text + at, '\n', n - at);
        size_t end = newline ? (size_t)(newline - text) : n;
        struct line l = {text + at, end - at};
        mask_line(&l, &t, name, out, count);
        if (newline)
            strbuf_puts(out, "\n");
        at = end + (newline != NULL);
    }
    return out->failed ? -ENOMEM : 0;
}
