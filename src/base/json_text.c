#include "base/json_text.h"

#include <stdbool.h>

size_t json_text_depth(const char *text, size_t length)
{
    size_t depth = 0, deepest = 0;
    bool quoted = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '[')) {
            if (++depth > deepest)
                deepest = depth;
        } else if (!quoted && (c == '}' || c == ']') && depth)
            depth--;
    }
    return deepest;
}
