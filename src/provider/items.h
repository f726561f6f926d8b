/* items.h - members of a transcript's items, or of what upstream sent: a string, or "". */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <string.h>

static inline const char *item_text(const json_t *item, const char *key)
{
    const char *text = json_string_value(json_object_get(item, key));
    return text != NULL ? text : "";
}
static inline bool item_is(const json_t *item, const char *type)
{
    return strcmp(item_text(item, "type"), type) == 0;
}
