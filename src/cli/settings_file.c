/* settings_file.c - the config file: one JSON object whose keys are the table's, and further tables. */
#include <errno.h>
#include <jansson.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/nearest.h"
#include "cli/settings_table.h"

enum { CONFIG_MAX = 1 << 20, TABLES = 4 };

/* Read by provider/ ("redaction": by agent/), which check what stands in them. */
const char *const settings_tables[TABLES + 1] = {
    "providers", "models", "prices", "redaction", NULL};

static int unknown_key(const char *file, const char *key, struct error *e)
{
    static char keys[SETTINGS_COUNT][64];
    const char *words[SETTINGS_COUNT + TABLES];
    size_t n = 0;
    for (; settings_tables[n] != NULL; n++)
        words[n] = settings_tables[n];
    for (int i = 0; i < SETTINGS_COUNT; i++)
        if (setting_rows[i].where & CONFIG) {
            setting_key(i, keys[i]);
            words[n++] = keys[i];
        }
    const char *near = nearest_word(key, words, n);
    return error_set(e, ERROR_UNKNOWN_PARAMETER, 0, "%s: there is no setting \"%.64s\"%s%s%s", file,
        key, near != NULL ? "; did you mean \"" : ".", near != NULL ? near : "",
        near != NULL ? "\"?" : "");
}

/* A list may be an array of strings, a number a number or a string as on the command line. */
static int value_text(const json_t *value, bool list, struct strbuf *ret)
{
    if (json_is_string(value) && json_string_length(value) == strlen(json_string_value(value)))
        return strbuf_puts(ret, json_string_value(value));
    if (json_is_integer(value))
        return strbuf_printf(ret, "%lld", (long long)json_integer_value(value));
    if (json_is_real(value))
        return strbuf_printf(ret, "%.15g", json_real_value(value));
    if (!list || !json_is_array(value))
        return -EINVAL;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        if (!json_is_string(item) || strchr(json_string_value(item), ',') != NULL)
            return -EINVAL;
        strbuf_printf(ret, "%s%s", i > 0 ? "," : "", json_string_value(item));
    }
    return ret->failed ? -ENOMEM : 0;
}

/* 0: it is one of the tables, and kept. */
static int one_table(
    struct settings *s, const char *file, const char *key, json_t *value, struct error *e)
{
    for (size_t i = 0; settings_tables[i] != NULL; i++) {
        if (strcmp(settings_tables[i], key) != 0)
            continue;
        if (!json_is_object(value))
            return error_set(e, ERROR_INVALID_TYPE, 0, "%s: \"%s\" must be an object.", file, key);
        if (s->tables == NULL && (s->tables = json_object()) == NULL)
            return -ENOMEM;
        return json_object_set(s->tables, key, value) < 0 ? -ENOMEM : 0;
    }
    return unknown_key(file, key, e);
}

static int one_setting(
    struct settings *s, const char *file, const char *key, json_t *value, struct error *e)
{
    for (int i = 0; i < SETTINGS_COUNT; i++) {
        char name[64];
        setting_key(i, name);
        if (!(setting_rows[i].where & CONFIG) || strcmp(name, key) != 0)
            continue;
        cleanup_strbuf struct strbuf text = STRBUF_INIT(1 << 16);
        bool list = setting_rows[i].type == TYPE_LIST;
        if (value_text(value, list, &text) < 0)
            return error_set(e, ERROR_INVALID_TYPE, 0, "%s: \"%s\" must be %s.", file, key,
                list ? "a string or an array of strings" : "a string or a number");
        struct error why = {0};
        int r = settings_set(s, i, FROM_FILE, strbuf_text(&text), &why);
        return r < 0
                   ? error_set(e, ERROR_INVALID_VALUE, -r, "%s: \"%s\": %s", file, key, why.message)
                   : 0;
    }
    return one_table(s, file, key, value, e);
}

int settings_file(struct settings *s, int fd, const char *name, struct error *e)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(CONFIG_MAX);
    ssize_t n;
    char part[8192];
    while ((n = pread(fd, part, sizeof(part), (off_t)text.length)) > 0)
        if (strbuf_append(&text, part, (size_t)n) < 0)
            return error_set(e, ERROR_INVALID_VALUE, EFBIG, "%s is longer than 1 MiB.", name);
    if (n < 0)
        return error_set(
            e, ERROR_INVALID_VALUE, errno, "Cannot read %s: %s.", name, strerror(errno));
    json_error_t where;
    json_t *root = json_loadb(strbuf_text(&text), text.length, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL)
        return error_set(
            e, ERROR_INVALID_JSON, 0, "%s, line %d: %s.", name, where.line, where.text);
    int r = 0;
    if (!json_is_object(root))
        r = error_set(e, ERROR_INVALID_JSON, 0, "%s must hold one JSON object.", name);
    const char *key;
    json_t *value;
    if (r == 0)
        json_object_foreach (root, key, value)
            if ((r = one_setting(s, name, key, value, e)) < 0)
                break;
    json_decref(root);
    return r;
}
