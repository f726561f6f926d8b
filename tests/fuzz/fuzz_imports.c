/* Any bytes may be offered as code: imports_scan() neither crashes nor finds what is no name. */
#include <stdint.h>

#include "env/imports.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct imports found;
    imports_scan((const char *)data, size, &found);
    if (found.count > IMPORTS_MAX)
        abort();
    for (size_t i = 0; i < found.count; i++) {
        size_t length = strnlen(found.name[i], IMPORT_NAME_SIZE);
        if (length == 0 || length == IMPORT_NAME_SIZE ||
            strpbrk(found.name[i], " \t\r\n.,;()'\"\\") != NULL)
            abort();
        imports_standard(found.name[i]);
    }
    return 0;
}
