/* inheritance.c - what the supervisor hands a server at its start. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "ipc/message.h"
#include "ipc/protocol.h"
#include "session/session.h"

static const struct permit permits[] = {
    {SUP_LISTENER, 1, 1, true},
    {SUP_INHERITED_GROUND, 1, 2, true},
    {SUP_INHERITED_PIPES, KERNEL_PIPES, KERNEL_PIPES, true},
    {SUP_MEMORY, CGROUP_MEMORIES, CGROUP_MEMORIES, true},
    {SUP_START, 0, 2, true},
};

static int take_ground(struct inheritance *i, const struct message *m, int *fds)
{
    struct inherited_ground *more = realloc(i->ground, (i->grounds + 1) * sizeof *more);
    if (!more)
        return -ENOMEM;
    i->ground = more;
    struct inherited_ground *g = &more[i->grounds++];
    *g = (struct inherited_ground){
        .id = m->word[0], .fd = take_fd(&fds[0]), .idle_fd = take_fd(&fds[1])};
    snprintf(g->environment, sizeof g->environment, "%.127s", m->text);
    return 0;
}

static int take_pipes(struct inheritance *i, const struct message *m, int *fds)
{
    if ((i->pipe_sets & (i->pipe_sets - 1)) == 0) { /* a power of two: full, or empty */
        struct inherited_pipes *more =
            realloc(i->pipes, (i->pipe_sets ? i->pipe_sets * 2 : 1) * sizeof *more);
        if (!more)
            return -ENOMEM;
        i->pipes = more;
    }
    struct inherited_pipes *p = &i->pipes[i->pipe_sets++];
    p->id = m->word[0];
    for (int k = 0; k < KERNEL_PIPES; k++)
        p->fd[k] = take_fd(&fds[k]);
    return 0;
}

static int take(struct inheritance *i, const struct message *m, int *fds)
{
    switch (m->op) {
    case SUP_LISTENER:
        if (i->listeners == INHERITED_LISTENERS_MAX)
            return -E2BIG;
        snprintf(
            i->listener[i->listeners].address, sizeof i->listener[0].address, "%.127s", m->text);
        i->listener[i->listeners++].fd = take_fd(&fds[0]);
        return 0;
    case SUP_INHERITED_GROUND: return take_ground(i, m, fds);
    case SUP_INHERITED_PIPES: return take_pipes(i, m, fds);
    case SUP_MEMORY:
        fds_close(i->memory, CGROUP_MEMORIES);
        for (int k = 0; k < CGROUP_MEMORIES; k++)
            i->memory[k] = take_fd(&fds[k]);
        return 0;
    default:
        i->servers_before = m->word[0];
        if (m->word[1])
            i->state_dir = take_fd(&fds[0]);
        if (m->word[2])
            i->environments_dir = take_fd(&fds[m->word[1] ? 1 : 0]);
        return 0;
    }
}

int inheritance_receive(int supervisor, struct inheritance *ret, struct error *e)
{
    struct inheritance i = {
        .supervisor = supervisor, .state_dir = -1, .environments_dir = -1, .memory = {-1, -1, -1}};
    struct message m;
    int rc;
    do {
        int fds[MESSAGE_FDS_MAX];
        int n = message_receive(supervisor, &m, fds, MESSAGE_FDS_MAX);
        rc = n < 0 ? n : message_permitted(permits, sizeof permits / sizeof *permits, &m, n);
        if (rc == 0)
            rc = take(&i, &m, fds);
        if (n > 0)
            fds_close(fds, (size_t)n);
    } while (rc == 0 && m.op != SUP_START);
    if (rc < 0) {
        inheritance_deinit(&i);
        error_set(e, ERROR_INTERNAL, -rc, "The supervisor did not hand over what a server needs.");
        return rc;
    }
    *ret = i;
    return 0;
}

void inheritance_deinit(struct inheritance *i)
{
    for (size_t k = 0; k < i->listeners; k++)
        fd_close(&i->listener[k].fd);
    for (size_t k = 0; k < i->grounds; k++)
        fds_close((int[]){i->ground[k].fd, i->ground[k].idle_fd}, 2);
    for (size_t k = 0; k < i->pipe_sets; k++)
        fds_close(i->pipes[k].fd, KERNEL_PIPES);
    free(i->ground);
    free(i->pipes);
    fds_close(i->memory, CGROUP_MEMORIES);
    fd_close(&i->state_dir);
    fd_close(&i->environments_dir);
    i->ground = NULL;
    i->pipes = NULL;
    i->listeners = i->grounds = i->pipe_sets = 0;
}
