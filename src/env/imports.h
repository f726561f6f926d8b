/* imports.h - which top-level modules a piece of Python imports, read from its text.
 *
 * Used by the server and `cloche run` to choose an environment. The text is a stranger's: nothing of
 * it is executed, any bytes are allowed, and what is found is a guess that costs nothing when wrong.
 * It must never crash, allocate, or take longer than one walk over the text. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { IMPORTS_MAX = 128, IMPORT_NAME_SIZE = 64 };

struct imports {
    size_t count;
    bool truncated; /* there were more than IMPORTS_MAX, or one with a longer name */
    char name[IMPORTS_MAX][IMPORT_NAME_SIZE]; /* each once, in the order of the text */
};

/* Finds `import a.b as c, d` and `from a.b import c` wherever a statement may stand; relative imports
 * are nobody's package and left out. Strings, comments, continued lines and IPython's `%magic`,
 * `!command` and `%%cell` lines are understood; the magics %matplotlib and %pylab count as imports of
 * matplotlib. */
void imports_scan(const char *code, size_t length, struct imports *ret);

/* Does every supported Python (3.9 and later) bring this module along? */
bool imports_standard(const char *name);
