/* imports.c - a reader of Python's tokens that knows just enough to find import statements.
 *
 * `import` and `from` are reserved words, so an import statement is one that begins with them; all
 * that is needed is to know where statements begin: after a newline outside brackets, after `;`, and
 * after a `:` outside brackets (`try: import x`). Strings and comments are stepped over. Malformed
 * text at worst hides an import or finds one too many. */
#include "env/imports.h"

#include "env/standard_modules.h"

struct reader {
    const char *at, *end;
    int depth;      /* of open brackets */
    bool statement; /* a statement may begin here */
    struct imports *found;
};

static bool name_start(unsigned char c)
{
    return c == '_' || c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool name_part(unsigned char c) { return name_start(c) || (c >= '0' && c <= '9'); }

static char peek(const struct reader *r, size_t n)
{
    return (size_t)(r->end - r->at) > n ? r->at[n] : '\0';
}

static void skip_line(struct reader *r)
{
    const char *newline = memchr(r->at, '\n', r->end - r->at);
    r->at = newline != NULL ? newline : r->end;
}

/* Blanks and continued lines between two tokens. */
static void skip_blanks(struct reader *r)
{
    while (r->at < r->end) {
        char c = *r->at;
        if (c == ' ' || c == '\t' || c == '\f' || c == '\r')
            r->at++;
        else if (c == '\\' && peek(r, 1) == '\n')
            r->at += 2;
        else if (c == '\\' && peek(r, 1) == '\r' && peek(r, 2) == '\n')
            r->at += 3;
        else
            return;
    }
}

/* Stands on a quote; ends behind the string, or at the newline that cuts it short. In a raw string
 * too, a backslash keeps the next quote from ending it. */
static void skip_string(struct reader *r)
{
    char quote = *r->at;
    bool triple = peek(r, 1) == quote && peek(r, 2) == quote;
    for (r->at += triple ? 3 : 1; r->at < r->end; r->at++) {
        if (*r->at == '\\' && r->at + 1 < r->end)
            r->at++;
        else if (*r->at == '\n' && !triple)
            return;
        else if (*r->at == quote && !triple) {
            r->at++;
            return;
        } else if (*r->at == quote && peek(r, 1) == quote && peek(r, 2) == quote) {
            r->at += 3;
            return;
        }
    }
}

struct word {
    const char *text;
    size_t length;
};

static struct word read_word(struct reader *r)
{
    struct word w = {r->at, 0};
    while (r->at < r->end && name_part(*r->at))
        r->at++;
    w.length = r->at - w.text;
    return w;
}

static bool word_is(struct word w, const char *text)
{
    return w.length == strlen(text) && memcmp(w.text, text, w.length) == 0;
}

static void add(struct imports *found, const char *name, size_t length)
{
    if (length >= IMPORT_NAME_SIZE) {
        found->truncated = true;
        return;
    }
    for (size_t i = 0; i < found->count; i++)
        if (strlen(found->name[i]) == length && memcmp(found->name[i], name, length) == 0)
            return;
    if (found->count == IMPORTS_MAX) {
        found->truncated = true;
        return;
    }
    memcpy(found->name[found->count], name, length);
    found->name[found->count++][length] = '\0';
}

/* Reads `a.b.c`; its first part in `ret_top`. False when no name stands here. */
static bool read_dotted(struct reader *r, struct word *ret_top)
{
    skip_blanks(r);
    if (r->at == r->end || !name_start(*r->at))
        return false;
    *ret_top = read_word(r);
    for (;;) {
        skip_blanks(r);
        if (peek(r, 0) != '.')
            return true;
        r->at++;
        skip_blanks(r);
        read_word(r);
    }
}

/* Behind `import`: names with their aliases, parted by commas. */
static void read_import(struct reader *r)
{
    struct word top;
    while (read_dotted(r, &top)) {
        add(r->found, top.text, top.length);
        if (r->at < r->end && name_start(*r->at)) { /* as name */
            read_word(r);
            skip_blanks(r);
            if (r->at < r->end && name_start(*r->at))
                read_word(r);
            skip_blanks(r);
        }
        if (peek(r, 0) != ',')
            return;
        r->at++;
    }
}

/* Behind `from`: one dotted name, and then `import`. */
static void read_from(struct reader *r)
{
    struct word top;
    if (!read_dotted(r, &top) || r->at == r->end || !name_start(*r->at))
        return;
    if (word_is(read_word(r), "import"))
        add(r->found, top.text, top.length);
}

static void read_name(struct reader *r)
{
    struct word w = read_word(r);
    bool statement = r->statement;
    r->statement = false;
    if (statement && word_is(w, "import"))
        read_import(r);
    else if (statement && word_is(w, "from"))
        read_from(r);
}

/* A line of IPython's: `%magic …`, `!command`. */
static void read_magic(struct reader *r)
{
    if (*r->at == '%') {
        r->at++;
        struct word w = read_word(r);
        if (word_is(w, "matplotlib") || word_is(w, "pylab"))
            add(r->found, "matplotlib", strlen("matplotlib"));
    }
    skip_line(r);
}

/* A cell magic, if the text begins with one, hands the whole cell to something that is rarely Python. */
static void read_cell_magic(struct reader *r)
{
    while (r->at < r->end && strchr(" \t\r\n\f", *r->at) != NULL && *r->at != '\0')
        r->at++;
    if (peek(r, 0) != '%' || peek(r, 1) != '%')
        return;
    r->at += 2;
    struct word w = read_word(r);
    if (word_is(w, "time") || word_is(w, "timeit") || word_is(w, "capture") || word_is(w, "prun"))
        skip_line(r);
    else
        r->at = r->end;
}

static void read_other(struct reader *r)
{
    char c = *r->at++;
    if (c == '\n')
        r->statement = r->depth == 0;
    else if (c == ';' || c == ':')
        r->statement = r->depth == 0;
    else
        r->statement = false;
    if (c == '(' || c == '[' || c == '{')
        r->depth += r->depth < 1000000;
    else if (c == ')' || c == ']' || c == '}')
        r->depth -= r->depth > 0;
}

void imports_scan(const char *code, size_t length, struct imports *ret)
{
    *ret = (struct imports){0};
    if (length == 0)
        return;
    struct reader r = {.at = code, .end = code + length, .statement = true, .found = ret};
    if (length >= 3 && memcmp(code, "\xef\xbb\xbf", 3) == 0)
        r.at += 3;
    read_cell_magic(&r);
    while (r.at < r.end) {
        skip_blanks(&r);
        if (r.at == r.end)
            break;
        char c = *r.at;
        if (c == '#')
            skip_line(&r);
        else if (c == '"' || c == '\'') {
            skip_string(&r);
            r.statement = false;
        } else if ((c == '%' || c == '!') && r.statement)
            read_magic(&r);
        else if (name_start(c))
            read_name(&r);
        else
            read_other(&r);
    }
}

bool imports_standard(const char *name)
{
    size_t low = 0, high = sizeof(standard_modules) / sizeof(standard_modules[0]);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(name, standard_modules[middle]);
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}
