/* env_shipped.c - finds the folder environments/: in share/cloche beside the program in a build tree, in
 * ../share/cloche from it in an installation. */
#include <stdio.h>
#include <unistd.h>

#include "cli/env_internal.h"

void env_shipped_find(struct env_shipped *s)
{
    static const char *const places[] = {
        "share/cloche/environments", "../share/cloche/environments"};
    char program[ENV_PATH - 64], check[ENV_PATH + 16];
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
    s->directory[0] = '\0';
    if (n <= 0)
        return;
    program[n] = '\0';
    *strrchr(program, '/') = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(s->directory, sizeof(s->directory), "%s/%s", program, places[i]);
        snprintf(check, sizeof(check), "%s/check.py", s->directory);
        if (access(check, R_OK) == 0)
            return;
    }
    s->directory[0] = '\0';
}

bool env_shipped_path(
    const struct env_shipped *s, const char *name, const char *file, char *ret_path, size_t size)
{
    int n =
        snprintf(ret_path, size, "%s/%s%s%s", s->directory, name, *name != '\0' ? "/" : "", file);
    return s->directory[0] != '\0' && n < (int)size && access(ret_path, R_OK) == 0;
}
