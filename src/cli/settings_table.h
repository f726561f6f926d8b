/* settings_table.h - the rows of settings.h as data, for settings*.c alone. */
#pragma once
#include "cli/settings.h"

enum setting_type {
    TYPE_LIST,
    TYPE_TEXT,
    TYPE_INTEGER,
    TYPE_OCTAL,
    TYPE_BYTES,
    TYPE_DECIMAL,
    TYPE_CHOICE
};
enum { FLAG = 1, ENVIRONMENT = 2, CONFIG = 4, ANYWHERE = FLAG | ENVIRONMENT | CONFIG };

struct setting_row {
    const char *name;
    enum setting_type type;
    size_t offset;
    const char *fallback;
    int64_t minimum, maximum; /* of the number, or of a text's or a list's length */
    const char *unit;         /* or the words of a choice */
    unsigned where;
    bool reload;
    const char *placeholder, *help;
};

extern const struct setting_row setting_rows[SETTINGS_COUNT];
