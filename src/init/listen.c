/* Who listens for connections, in user code. A connection that nobody has accepted is made by Linux outside every
 * process, and charged to nobody until somebody accepts it: 4 KiB, and what was sent on it. Its maker may have
 * closed it long since. One listener has few of them (net.core.somaxconn, see main.c), so what is left is to let
 * there be few listeners: one session held a gigabyte of the host's by 70 of them.
 *
 * The second filter asks about listen(2), whose arguments tell no family. What listens on TCP comes first in the
 * tables of this network, so few lines are read. Whoever has been let go on is not there yet when the next asks:
 * one more for each thread can be, not more. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "init/init.h"

enum { LISTENERS_MOST = 64 };

/* The state is the fourth word of a line: "  0: 0100007F:1F90 00000000:0000 0A …". */
static int listeners_in(const char *table, int most)
{
    char line[256], state[8];
    int n = 0;
    FILE *f = fopen(table, "re");
    if (!f)
        return errno == ENOENT ? 0 : most;
    if (fgets(line, sizeof line, f)) /* the headings */
        while (n < most && fgets(line, sizeof line, f) &&
               sscanf(line, "%*s %*s %*s %7s", state) == 1 && strcmp(state, "0A") == 0)
            n++;
    if (ferror(f))
        n = most;
    fclose(f);
    return n;
}

int listen_judge(void)
{
    int n = listeners_in("/proc/net/tcp", LISTENERS_MOST);
    n += listeners_in("/proc/net/tcp6", LISTENERS_MOST - n);
    return n < LISTENERS_MOST ? 0 : -ENOBUFS;
}
