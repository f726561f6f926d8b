#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "supervisor/supervisor.h"

/* Pipes are made here because root's are exempt from the limit that shrinks an ordinary user's to
 * two pages after about a thousand, and because their server ends must outlive the server. */
int pipes_make(struct supervisor *s, int ret_kernel[KERNEL_PIPES])
{
    int set = 0;
    while (set < PIPE_SETS_MAX && s->pipes[set][0] >= 0)
        set++;
    if (set == PIPE_SETS_MAX)
        return -EMFILE;
    for (int i = 0; i < KERNEL_PIPES; i++)
        ret_kernel[i] = -1;
    for (int i = 0; i < KERNEL_PIPES; i++) {
        int p[2];
        if (pipe2(p, O_CLOEXEC) < 0) {
            int saved = errno;
            fds_close(ret_kernel, KERNEL_PIPES);
            fds_close(s->pipes[set], KERNEL_PIPES);
            return -saved;
        }
        ret_kernel[i] = p[i == PIPE_IN ? 0 : 1];
        s->pipes[set][i] = p[i == PIPE_IN ? 1 : 0];
    }
    return set;
}

void pipes_end(struct supervisor *s, uint64_t set)
{
    if (set < PIPE_SETS_MAX)
        fds_close(s->pipes[set], KERNEL_PIPES);
}
