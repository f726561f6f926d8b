/* An ordinary user's second kind of ids: the range that /etc/subuid and /etc/subgid lend to it, mapped by
 * the setuid helpers newuidmap and newgidmap, which check those files themselves. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/identity.h"

#define NEWUIDMAP "/usr/bin/newuidmap"
#define NEWGIDMAP "/usr/bin/newgidmap"

/* One line of /etc/subuid: "name-or-uid:first:count". */
static int subordinate_range(
    const char *file, const char *name, uint32_t id, uint32_t *first, uint32_t *count)
{
    char text[8192], number[16];
    if (fd_read_file(AT_FDCWD, file, text, sizeof text) < 0)
        return -ENOENT;
    snprintf(number, sizeof number, "%u", id);
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        char *a = strchr(line, ':'), *b = a ? strchr(a + 1, ':') : NULL;
        if (!b)
            continue;
        *a = *b = 0;
        if (strcmp(line, name) && strcmp(line, number))
            continue;
        *first = (uint32_t)strtoul(a + 1, NULL, 10);
        *count = (uint32_t)strtoul(b + 1, NULL, 10);
        return *count >= 65536 ? 0 : -ERANGE;
    }
    return -ENOENT;
}

int identity_maps_everything(void)
{
    char text[256];
    unsigned long inside, outside, count;
    long n = fd_read_file(AT_FDCWD, "/proc/self/uid_map", text, sizeof text);
    if (n < 0)
        return (int)n;
    return sscanf(text, "%lu %lu %lu", &inside, &outside, &count) == 3 && inside == 0 &&
           outside == 0 && count >= 0xfffffffe;
}

int identity_subordinate(uint32_t *ret_first, uint32_t *ret_count)
{
    uint32_t first, count, group_first, group_count;
    const struct passwd *p = getpwuid(geteuid());
    const char *name = p ? p->pw_name : "";
    if (getenv("CLOCHE_SINGLE_UID"))
        return -ENOENT;
    if (access(NEWUIDMAP, X_OK) < 0 || access(NEWGIDMAP, X_OK) < 0)
        return -ENOEXEC;
    int r = subordinate_range("/etc/subuid", name, geteuid(), &first, &count);
    if (r == 0)
        r = subordinate_range("/etc/subgid", name, geteuid(), &group_first, &group_count);
    if (r < 0 || first != group_first)
        return r < 0 ? r : -ERANGE;
    *ret_first = first;
    *ret_count = count < group_count ? count : group_count;
    return 0;
}

static int run_helper(const char *program, pid_t pid, uid_t own, uint32_t first, uint32_t count)
{
    char text[4][16];
    snprintf(text[0], 16, "%d", pid);
    snprintf(text[1], 16, "%u", own);
    snprintf(text[2], 16, "%u", first);
    snprintf(text[3], 16, "%u", count);
    char *argv[] = {(char *)program, text[0], (char *)"0", text[1], (char *)"1", (char *)"1",
        text[2], text[3], NULL};
    pid_t helper = fork();
    if (helper == 0) {
        char *env[] = {NULL};
        execve(program, argv, env);
        _exit(127);
    }
    int status;
    if (helper < 0 || waitpid(helper, &status, 0) < 0)
        return -errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

int identity_map_subordinate(pid_t pid, uint32_t first, uint32_t count)
{
    int r = run_helper(NEWUIDMAP, pid, getuid(), first, count);
    return r < 0 ? r : run_helper(NEWGIDMAP, pid, getgid(), first, count);
}
