#include "notebook/notebook.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notebook/internal.h"

static const struct {
    const char *name, *extension, *media_type;
} formats[] = {
    [NOTEBOOK_IPYNB] = {"ipynb", ".ipynb", "application/x-ipynb+json"},
    [NOTEBOOK_PY] = {"py", ".py", "text/x-python; charset=utf-8"},
    [NOTEBOOK_HTML] = {"html", ".html", "text/html; charset=utf-8"},
};

int notebook_format_parse(const char *text, enum notebook_format *ret)
{
    for (int f = NOTEBOOK_IPYNB; f <= NOTEBOOK_HTML; f++)
        if (strcmp(text ? text : "ipynb", formats[f].name) == 0) {
            *ret = f;
            return 0;
        }
    return -EINVAL;
}

const char *notebook_media_type(enum notebook_format f) { return formats[f].media_type; }
const char *notebook_extension(enum notebook_format f) { return formats[f].extension; }

struct notebook *notebook_new(const char *title)
{
    struct notebook *n = calloc(1, sizeof *n);
    if (!n)
        return NULL;
    size_t length = title ? strnlen(title, sizeof n->title - 1) : 0;
    while (length && ((unsigned char)title[length] & 0xc0) == 0x80)
        length--; /* between characters: half a one is no JSON, and no Python */
    memcpy(n->title, length ? title : "", length);
    n->metadata = json_pack("{s:{s:s,s:s,s:s},s:{s:s}}", "kernelspec", "display_name", "Python 3",
        "language", "python", "name", "python3", "language_info", "name", "python");
    if (!n->metadata)
        return notebook_free(n);
    if (n->title[0])
        json_object_set_new(n->metadata, "title", json_string(n->title));
    return n;
}

struct notebook *notebook_free(struct notebook *n)
{
    if (!n)
        return NULL;
    for (size_t i = 0; i < n->cells; i++) {
        free(n->cell[i].text);
        json_decref(n->cell[i].outputs);
        json_decref(n->cell[i].metadata);
        json_decref(n->cell[i].attachments);
    }
    free(n->cell);
    json_decref(n->metadata);
    free(n);
    return NULL;
}

static struct cell *add(struct notebook *n, const char *text, size_t length)
{
    if (n->cells == n->capacity) {
        size_t capacity = n->capacity ? 2 * n->capacity : 16;
        struct cell *grown = realloc(n->cell, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        n->cell = grown;
        n->capacity = capacity;
    }
    struct cell *c = &n->cell[n->cells];
    *c = (struct cell){.text = malloc(length + 1), .length = length};
    if (!c->text)
        return NULL;
    memcpy(c->text, length ? text : "", length);
    c->text[length] = '\0';
    n->cells++;
    return c;
}

int notebook_markdown(struct notebook *n, const char *role, const char *text, size_t length)
{
    struct cell *c = add(n, text, length);
    if (!c)
        return -ENOMEM;
    snprintf(c->role, sizeof c->role, "%s", role ? role : "");
    return 0;
}

int notebook_code(
    struct notebook *n, const char *code, size_t length, int64_t execution_count, json_t *outputs)
{
    struct cell *c = add(n, code, length);
    if (!c)
        return -ENOMEM;
    c->is_code = true;
    c->execution_count = execution_count;
    c->outputs = json_incref(outputs);
    return 0;
}

size_t notebook_weigh(struct notebook *n, size_t bytes) { return n->weight += bytes; }

int notebook_write(const struct notebook *n, enum notebook_format f, struct strbuf *out)
{
    switch (f) {
    case NOTEBOOK_PY: return script_write(n, out);
    case NOTEBOOK_HTML: return page_write(n, out);
    case NOTEBOOK_IPYNB: break;
    }
    return ipynb_write(n, out);
}
