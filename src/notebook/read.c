/* read.c - .ipynb files of other people. Nothing in them is believed: what has another type than nbformat's is
 * refused where it is the notebook's substance (cells and their sources), and left out elsewhere (mend.c). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json_text.h"
#include "notebook/internal.h"

enum { SOURCE_MAX = 16 << 20 };

/* A cell's source: one string, or a list of them. -E2BIG when it is too long. */
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

static bool is_type(const char *type)
{
    return strcmp(type, "code") == 0 || strcmp(type, "markdown") == 0 || strcmp(type, "raw") == 0;
}

static int read_cell(struct notebook *n, json_t *cell, size_t place, json_t *taken, struct error *e)
{
    const char *type = json_string_value(json_object_get(cell, "cell_type"));
    cleanup_strbuf struct strbuf source = STRBUF_INIT(SOURCE_MAX);
    if (!type || !is_type(type))
        return error_set(e, ERROR_INVALID_VALUE, 0,
            "Cell %zu of the notebook is no cell of code, markdown or raw text.", place + 1);
    int r = append_source(&source, json_object_get(cell, "source"));
    if (r == -EINVAL)
        return error_set(
            e, ERROR_INVALID_VALUE, 0, "Cell %zu of the notebook has no source.", place + 1);
    if (r < 0)
        return error_set(e, ERROR_INVALID_VALUE, 0,
            "Cell %zu of the notebook is longer than %d MiB.", place + 1, SOURCE_MAX >> 20);
    r = strcmp(type, "code") == 0 ? notebook_code(n, strbuf_text(&source), source.length, 0, NULL)
                                  : notebook_markdown(n, NULL, strbuf_text(&source), source.length);
    if (r == 0) {
        struct cell *c = &n->cell[place];
        c->is_raw = strcmp(type, "raw") == 0;
        c->metadata = mend_cell_metadata(json_object_get(cell, "metadata"));
        c->attachments = mend_attachments(json_object_get(cell, "attachments"));
        r = mend_id(taken, json_object_get(cell, "id"), place, c->id);
    }
    return r < 0 ? error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.") : 0;
}

/* A notebook says its language in two places, or in none. */
static int check_language(json_t *metadata, struct error *e)
{
    json_t *info = json_object_get(json_object_get(metadata, "language_info"), "name");
    json_t *spec = json_object_get(json_object_get(metadata, "kernelspec"), "language");
    const char *language = json_string_value(json_is_string(spec) ? spec : info);
    if (!language || strcasestr(language, "python"))
        return 0;
    return error_set(e, ERROR_UNSUPPORTED_LANGUAGE, 0,
        "The notebook is written in another language than Python, which is the only one that runs "
        "here.");
}

static int read_cells(struct notebook *n, json_t *root, struct error *e)
{
    json_t *cells = json_object_get(root, "cells"), *cell, *taken = json_object();
    size_t i;
    int r = taken ? 0 : error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    json_array_foreach (cells, i, cell) {
        if (r < 0)
            break;
        r = read_cell(n, cell, i, taken, e);
    }
    json_decref(taken);
    return r;
}

static int check_shape(json_t *root, struct error *e)
{
    json_t *cells = json_object_get(root, "cells");
    if (json_integer_value(json_object_get(root, "nbformat")) != 4 || !json_is_array(cells))
        return error_set(e, ERROR_INVALID_VALUE, 0,
            "This is not a Jupyter notebook of version 4; open and save it in Jupyter first.");
    if (json_array_size(cells) > NOTEBOOK_CELLS_MAX)
        return error_set(
            e, ERROR_INVALID_VALUE, 0, "The notebook has more than %d cells.", NOTEBOOK_CELLS_MAX);
    return check_language(json_object_get(root, "metadata"), e);
}

int notebook_read(const char *text, size_t length, struct notebook **ret, struct error *e)
{
    json_error_t bad;
    if (length > NOTEBOOK_BYTES_MAX)
        return error_set(e, ERROR_PAYLOAD_TOO_LARGE, 0, "The notebook is larger than %d MiB.",
            NOTEBOOK_BYTES_MAX >> 20);
    if (json_text_depth(text, length) > NOTEBOOK_DEPTH_MAX)
        return error_set(e, ERROR_INVALID_JSON, 0,
            "The notebook is nested more than %d levels deep.", NOTEBOOK_DEPTH_MAX);
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &bad);
    if (!root)
        return error_set(
            e, ERROR_INVALID_JSON, 0, "The notebook is not valid JSON (line %d).", bad.line);
    int r = check_shape(root, e);
    struct notebook *n = r == 0 ? notebook_new(NULL) : NULL;
    if (r == 0 && !n)
        r = error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    if (r == 0) {
        mend_metadata(n->metadata, json_object_get(root, "metadata"));
        r = read_cells(n, root, e);
    }
    json_decref(root);
    if (r < 0)
        notebook_free(n);
    else
        *ret = n;
    return r;
}
