/* read.c - .ipynb files of other people: only what can be shown and run is kept. */
#include <errno.h>
#include <string.h>

#include "notebook/internal.h"

/* A cell's source: one string, or a list of them. */
static int append_source(struct strbuf *out, json_t *source)
{
    size_t i;
    json_t *line;
    if (json_is_string(source))
        return strbuf_append(out, json_string_value(source), json_string_length(source));
    if (!json_is_array(source))
        return -EINVAL;
    json_array_foreach (source, i, line) {
        if (!json_is_string(line))
            return -EINVAL;
        if (strbuf_append(out, json_string_value(line), json_string_length(line)) < 0)
            return -E2BIG;
    }
    return 0;
}

static int read_cell(struct notebook *n, json_t *cell, size_t place, struct error *e)
{
    const char *type = json_string_value(json_object_get(cell, "cell_type"));
    cleanup_strbuf struct strbuf source = STRBUF_INIT(16 << 20);
    if (!type || append_source(&source, json_object_get(cell, "source")) < 0)
        return error_set(
            e, ERROR_INVALID_VALUE, 0, "Cell %zu of the notebook has no source.", place + 1);
    int r = strcmp(type, "code") == 0
                ? notebook_code(n, strbuf_text(&source), source.length, 0, NULL)
                : notebook_markdown(n, NULL, strbuf_text(&source), source.length);
    return r < 0 ? error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.") : 0;
}

int notebook_read(const char *text, size_t length, struct notebook **ret, struct error *e)
{
    json_error_t bad;
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &bad), *cells, *cell;
    size_t i;
    int r = 0;
    if (!root)
        return error_set(
            e, ERROR_INVALID_JSON, 0, "The notebook is not valid JSON (line %d).", bad.line);
    cells = json_object_get(root, "cells");
    struct notebook *n = notebook_new(NULL);
    if (!n)
        r = error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    else if (json_integer_value(json_object_get(root, "nbformat")) != 4 || !json_is_array(cells))
        r = error_set(e, ERROR_INVALID_VALUE, 0,
            "This is not a Jupyter notebook of version 4; open and save it in Jupyter first.");
    else if (json_array_size(cells) > NOTEBOOK_CELLS_MAX)
        r = error_set(
            e, ERROR_INVALID_VALUE, 0, "The notebook has more than %d cells.", NOTEBOOK_CELLS_MAX);
    json_array_foreach (cells, i, cell) {
        if (r < 0)
            break;
        r = read_cell(n, cell, i, e);
    }
    json_decref(root);
    if (r < 0)
        notebook_free(n);
    else
        *ret = n;
    return r;
}
