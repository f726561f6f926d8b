/* run.c - what those who run a notebook have in common, wherever its code goes. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "notebook/internal.h"

static bool is_blank(const struct cell *c)
{
    for (size_t i = 0; i < c->length; i++)
        if (!isspace((unsigned char)c->text[i]))
            return false;
    return true;
}

int notebook_each_code(struct notebook *n, bool keep_going,
    int (*run)(void *context, size_t i, const char *code, size_t length), void *context)
{
    int failed = 0;
    for (size_t i = 0; i < n->cells && (!failed || keep_going); i++) {
        const struct cell *c = &n->cell[i];
        if (!c->is_code || is_blank(c))
            continue;
        int r = run(context, i, c->text, c->length);
        if (r < 0)
            return r;
        failed |= r;
    }
    return failed;
}

static bool shows_error(const json_t *outputs)
{
    size_t i;
    json_t *output;
    json_array_foreach (outputs, i, output) {
        const char *type = json_string_value(json_object_get(output, "type"));
        if (type && strcmp(type, "error") == 0)
            return true;
    }
    return false;
}

/* An execution that was killed raised nothing: its notes say what happened. */
static int add_reason(json_t *outputs, const char *status, json_t *notes)
{
    const char *why = json_string_value(json_array_get(notes, json_array_size(notes) - 1));
    json_t *error = json_pack("{s:s,s:s,s:s,s:[s]}", "type", "error", "name", status, "value",
        why ? why : "", "traceback", why ? why : status);
    return error ? json_array_append_new(outputs, error) : -1;
}

int notebook_set_execution(struct notebook *n, size_t i, json_t *execution)
{
    struct cell *c = &n->cell[i];
    const char *status = json_string_value(json_object_get(execution, "status"));
    bool completed = status && strcmp(status, "completed") == 0;
    json_t *outputs = json_object_get(execution, "outputs");
    json_t *kept = json_is_array(outputs) ? json_copy(outputs) : json_array();
    if (!kept)
        return -ENOMEM;
    json_decref(c->outputs);
    c->outputs = kept;
    c->execution_count = json_integer_value(json_object_get(execution, "execution_count"));
    if (!completed && !shows_error(kept) &&
        add_reason(kept, status ? status : "killed", json_object_get(execution, "notes")) < 0)
        return -ENOMEM;
    return !completed;
}

const char *notebook_cell_id(const struct notebook *n, size_t i) { return n->cell[i].id; }

int notebook_set_metadata(struct notebook *n, const char *key, json_t *value)
{
    return json_object_set_new(n->metadata, key, value) < 0 ? -ENOMEM : 0;
}
