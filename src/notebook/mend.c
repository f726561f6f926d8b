/* mend.c - what of somebody's notebook is kept beside its cells: their metadata, attachments and ids, as far as
 * nbformat's schema has room for them. What it would refuse is left out, so that a notebook which was read
 * is always one that Jupyter opens once it is written. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/ids.h"
#include "notebook/internal.h"

static bool is_line(const json_t *value)
{
    return json_string_length(value) > 0 && !strchr(json_string_value(value), '\n');
}

static bool are_tags(json_t *value)
{
    size_t i, k;
    json_t *tag;
    if (!json_is_array(value) || json_array_size(value) > 1000)
        return false;
    json_array_foreach (value, i, tag) {
        if (!json_string_length(tag) || strchr(json_string_value(tag), ','))
            return false;
        for (k = 0; k < i; k++)
            if (json_equal(tag, json_array_get(value, k)))
                return false;
    }
    return true;
}

static bool are_strings(json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach (object, key, value)
        if (!json_is_string(value))
            return false;
    return json_is_object(object);
}

static bool is_scrolled(const json_t *value)
{
    const char *text = json_string_value(value);
    return json_is_boolean(value) || (text && strcmp(text, "auto") == 0);
}

/* A copy without what is there and not right. */
static void keep_if(json_t *object, const char *key, bool right)
{
    if (!right)
        json_object_del(object, key);
}

json_t *mend_cell_metadata(json_t *given)
{
    json_t *m = json_is_object(given) ? json_copy(given) : json_object();
    keep_if(m, "jupyter", json_is_object(json_object_get(m, "jupyter")));
    keep_if(m, "execution", are_strings(json_object_get(m, "execution")));
    keep_if(m, "collapsed", json_is_boolean(json_object_get(m, "collapsed")));
    keep_if(m, "scrolled", is_scrolled(json_object_get(m, "scrolled")));
    keep_if(m, "name", is_line(json_object_get(m, "name")));
    keep_if(m, "tags", are_tags(json_object_get(m, "tags")));
    keep_if(m, "format", json_is_string(json_object_get(m, "format")));
    return m;
}

/* One string, or a list of lines. */
static bool is_text(json_t *value)
{
    size_t i;
    json_t *line;
    json_array_foreach (value, i, line)
        if (!json_is_string(line))
            return false;
    return json_is_string(value) || json_is_array(value);
}

static bool is_bundle(json_t *value)
{
    const char *mime;
    json_t *data;
    json_object_foreach (value, mime, data)
        if (!is_text(data))
            return false;
    return json_is_object(value);
}

json_t *mend_attachments(json_t *given)
{
    const char *name;
    json_t *value, *kept = json_is_object(given) ? json_object() : NULL;
    json_object_foreach (given, name, value)
        if (kept && is_bundle(value))
            json_object_set(kept, name, value);
    return kept;
}

static bool has_string(const json_t *object, const char *key)
{
    return json_is_string(json_object_get(object, key));
}

static bool string_or_nothing(const json_t *object, const char *key)
{
    return !json_object_get(object, key) || has_string(object, key);
}

static bool is_language_info(json_t *info)
{
    json_t *mode = json_object_get(info, "codemirror_mode");
    return has_string(info, "name") && string_or_nothing(info, "file_extension") &&
           string_or_nothing(info, "mimetype") && string_or_nothing(info, "pygments_lexer") &&
           (!mode || json_is_string(mode) || json_is_object(mode));
}

void mend_metadata(json_t *into, json_t *given)
{
    const char *key;
    json_t *value;
    json_object_foreach (given, key, value) {
        bool right = strcmp(key, "kernelspec") == 0
                         ? has_string(value, "name") && has_string(value, "display_name")
                     : strcmp(key, "language_info") == 0 ? is_language_info(value)
                     : strcmp(key, "title") == 0         ? json_is_string(value)
                     : strcmp(key, "authors") == 0
                         ? json_is_array(value)
                         /* never to be written to a file, says its description */
                         : strcmp(key, "orig_nbformat") != 0;
        if (right)
            json_object_set(into, key, value);
    }
}

/* The cell's own id if it is one and no other cell has it; else a new one. */
int mend_id(json_t *taken, const json_t *given, size_t place, char out[CELL_ID_SIZE])
{
    const char *id = json_string_value(given);
    if (id && id_valid(id) && !json_object_get(taken, id))
        snprintf(out, CELL_ID_SIZE, "%s", id);
    else
        snprintf(out, CELL_ID_SIZE, "cell-%zu", place + 1);
    for (unsigned n = 2; json_object_get(taken, out); n++)
        snprintf(out, CELL_ID_SIZE, "cell-%zu-%u", place + 1, n);
    return json_object_set_new(taken, out, json_true()) < 0 ? -ENOMEM : 0;
}
