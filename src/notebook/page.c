/* page.c - one self-contained page. Two things keep it harmless wherever it is opened: its own policy
 * (no script, no network: which also disarms `javascript:` links), and markup that code displayed goes into
 * frames that are sandboxed and inherit that policy. */
#include <errno.h>
#include <md4c-html.h>
#include <string.h>

#include "notebook/internal.h"

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>";
static const char style[] =
    "</title>\n<style>\n"
    ":root{color-scheme:light dark;--line:#8884;--soft:#8881;--bad:#c0392b}\n"
    "body{font:16px/1.6 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}\n"
    "section{margin:1.5rem 0}\n"
    ".user{border-left:3px solid var(--line);padding-left:1rem}\n"
    "pre{font:13px/1.5 ui-monospace,monospace;overflow-x:auto;margin:.5rem 0;white-space:pre-wrap}\n"
    "pre.code{background:var(--soft);border:1px solid var(--line);border-radius:6px;padding:.75rem;white-space:pre}\n"
    "pre.stderr,pre.error{color:var(--bad)}\n"
    "table{border-collapse:collapse}th,td{border:1px solid var(--line);padding:.25rem .5rem;text-align:left}\n"
    "img{max-width:100%;height:auto;background:#fff}\n"
    "iframe{width:100%;border:1px solid var(--line);border-radius:6px;background:#fff;resize:vertical}\n"
    "</style></head><body>\n";

static void escape(struct strbuf *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        switch (text[i]) {
        case '&': strbuf_puts(out, "&amp;"); break;
        case '<': strbuf_puts(out, "&lt;"); break;
        case '>': strbuf_puts(out, "&gt;"); break;
        case '"': strbuf_puts(out, "&quot;"); break;
        default: strbuf_append(out, text + i, 1);
        }
    }
}

static void pre(struct strbuf *out, const char *class, const char *text, size_t length)
{
    strbuf_printf(out, "<pre class=\"%s\">", class);
    escape(out, text, length);
    strbuf_puts(out, "</pre>\n");
}

/* A text may be 16 MiB, and there may be thousands. md4c 0.4.8 takes time by the square of their length for addresses
 * that stand without brackets (13 s for 1 MiB of `www.a.b `, 0.4 ms for 8 KiB) and for tables, whose short rows get
 * all the columns of the longest; and it cannot be told to stop. */
enum { BARE_LINKS_MAX = 8 << 10, MARKDOWN_MAX = 32 << 10 };

static void append_markup(const char *text, MD_SIZE n, void *out) { strbuf_append(out, text, n); }

static void write_markdown(struct strbuf *out, const struct cell *c)
{
    strbuf_printf(out, "<section class=\"%s\">\n", c->role[0] ? c->role : "text");
    /* raw markup in what a person or a model wrote stays text */
    unsigned flags = MD_DIALECT_GITHUB | MD_FLAG_NOHTML;
    if (c->length > BARE_LINKS_MAX)
        flags &= ~(unsigned)MD_FLAG_PERMISSIVEAUTOLINKS;
    if (c->length > MARKDOWN_MAX ||
        md_html(c->text, (MD_SIZE)c->length, append_markup, out, flags, 0))
        pre(out, "text", c->text, c->length);
    strbuf_puts(out, "</section>\n");
}

static const char *text_of(json_t *data, const char *mime, size_t *ret_length)
{
    json_t *value = json_object_get(data, mime);
    *ret_length = json_string_length(value);
    return json_string_value(value);
}

/* About as high as what is in it, as far as that can be told without running anything. */
static unsigned frame_height(const char *html)
{
    unsigned rows = 2;
    for (const char *at = html; rows < 24 && (at = strstr(at, "<tr")); at += 3)
        rows++;
    return 24 * rows + 24;
}

static void write_frame(struct strbuf *out, const char *html, size_t length)
{
    strbuf_printf(out, "<iframe sandbox title=\"output\" style=\"height:%upx\" srcdoc=\"",
        frame_height(html));
    escape(out, html, length);
    strbuf_puts(out, "\"></iframe>\n");
}

static void write_image(struct strbuf *out, const char *mime, const char *base64, size_t length)
{
    strbuf_printf(out, "<img alt=\"figure\" src=\"data:%s;base64,", mime);
    escape(out, base64, length);
    strbuf_puts(out, "\">\n");
}

/* The richest form that needs no script: picture, markup, text. */
static void write_display(struct strbuf *out, json_t *data)
{
    static const char *const pictures[] = {"image/png", "image/jpeg", "image/gif", "image/webp"};
    const char *text;
    size_t n;
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        if ((text = text_of(data, pictures[i], &n))) {
            write_image(out, pictures[i], text, n);
            return;
        }
    if ((text = text_of(data, "image/svg+xml", &n)) || (text = text_of(data, "text/html", &n)))
        write_frame(out, text, n);
    else if ((text = text_of(data, "text/plain", &n)))
        pre(out, "value", text, n);
}

static void write_error(struct strbuf *out, json_t *output)
{
    size_t i;
    json_t *line;
    strbuf_puts(out, "<pre class=\"error\">");
    json_array_foreach (json_object_get(output, "traceback"), i, line) {
        escape(out, json_is_string(line) ? json_string_value(line) : "", json_string_length(line));
        strbuf_puts(out, "\n");
    }
    strbuf_puts(out, "</pre>\n");
}

static void write_code(struct strbuf *out, const struct cell *c)
{
    size_t i;
    json_t *output;
    strbuf_puts(out, "<section>\n");
    pre(out, "code", c->text, c->length);
    json_array_foreach (c->outputs, i, output) {
        const char *type = json_string_value(json_object_get(output, "type"));
        json_t *text = json_object_get(output, "text");
        if (!type)
            continue;
        if (strcmp(type, "error") == 0)
            write_error(out, output);
        else if (json_is_string(text))
            pre(out, strcmp(type, "stderr") == 0 ? "stderr" : "stdout", json_string_value(text),
                json_string_length(text));
        else
            write_display(out, json_object_get(output, "data"));
    }
    strbuf_puts(out, "</section>\n");
}

int page_write(const struct notebook *n, struct strbuf *out)
{
    const char *title = n->title[0] ? n->title : "Notebook";
    strbuf_puts(out, head);
    escape(out, title, strlen(title));
    strbuf_puts(out, style);
    for (size_t i = 0; i < n->cells && !out->failed; i++) {
        if (n->cell[i].is_code)
            write_code(out, &n->cell[i]);
        else
            write_markdown(out, &n->cell[i]);
    }
    strbuf_puts(out, "</body></html>\n");
    return out->failed ? -E2BIG : 0;
}
