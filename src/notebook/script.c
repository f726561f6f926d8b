/* script.c - a script in the percent format (`# %%`), which Spyder, VS Code and Jupytext open as cells. */
#include <errno.h>
#include <string.h>

#include "notebook/internal.h"

/* `text` with "# " before each line: what was said, or what a plain interpreter would not understand. To Python a
 * carriage return alone ends a line, too: what follows it would be code. */
static void write_comment(struct strbuf *out, const char *text, size_t length)
{
    while (length) {
        size_t n = 0;
        while (n < length && text[n] != '\n' && text[n] != '\r')
            n++;
        strbuf_puts(out, n ? "# " : "#");
        strbuf_append(out, text, n);
        strbuf_puts(out, "\n");
        n += n + 1 < length && text[n] == '\r' && text[n + 1] == '\n';
        n += n < length;
        text += n;
        length -= n;
    }
}

/* IPython's own syntax (`%magic`, `!command`) stays readable without breaking the script. */
static bool is_magic(const char *line, size_t n)
{
    while (n && (*line == ' ' || *line == '\t')) {
        line++;
        n--;
    }
    return n && (*line == '%' || *line == '!');
}

static void write_code(struct strbuf *out, const char *text, size_t length)
{
    if (length > 1 && text[0] == '%' && text[1] == '%') {
        write_comment(out, text, length); /* a cell magic: all of it is another language */
        return;
    }
    while (length) {
        const char *end = memchr(text, '\n', length);
        size_t n = end ? (size_t)(end - text) : length;
        if (is_magic(text, n))
            write_comment(out, text, n);
        else {
            strbuf_append(out, text, n);
            strbuf_puts(out, "\n");
        }
        n += end != NULL;
        text += n;
        length -= n;
    }
}

int script_write(const struct notebook *n, struct strbuf *out)
{
    if (n->title[0]) {
        write_comment(out, n->title, strlen(n->title));
        strbuf_puts(out, "\n");
    }
    for (size_t i = 0; i < n->cells; i++) {
        const struct cell *c = &n->cell[i];
        strbuf_puts(out, c->is_code ? "# %%\n" : "# %% [markdown]\n");
        if (c->is_code)
            write_code(out, c->text, c->length);
        else
            write_comment(out, c->text, c->length);
        strbuf_puts(out, "\n");
    }
    return out->failed ? -E2BIG : 0;
}
