/* env_shipped.c - the folder environments/ that Cloche brings along. */
#include <stdio.h>
#include <unistd.h>

#include "cli/env_internal.h"
#include "cli/paths.h"

void env_shipped_find(struct env_shipped *s)
{
    paths_shipped("environments", "check.py", s->directory, sizeof(s->directory));
}

bool env_shipped_path(
    const struct env_shipped *s, const char *name, const char *file, char *ret_path, size_t size)
{
    int n =
        snprintf(ret_path, size, "%s/%s%s%s", s->directory, name, *name != '\0' ? "/" : "", file);
    return s->directory[0] != '\0' && n < (int)size && access(ret_path, R_OK) == 0;
}
