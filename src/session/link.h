/* link.h - one SEQPACKET socket to the supervisor or a warden: requests, answers, events.
 *
 * A reader thread for each link wakes whoever waits for an answer and hands over what comes unasked.
 * The peer is ours and trusted to be well-meaning, not to be alive: a message outside the permit
 * table, or a broken one, ends the link as its death does. Used by the server only. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/message.h"

struct link;

struct link_handlers {
    /* Something unasked, or a further part: on the reader thread; must not wait for this link. The
     * descriptors are the handler's. */
    void (*event)(void *context, const struct message *m, int *fds, int n);
    /* The link is dead: once, on the reader thread, after every waiting call has failed. */
    void (*gone)(void *context);
    void *context;
};

/* Takes `socket`. `permits` lists what may come; static. 0, -errno. */
int link_new(int socket, const char *name, const struct permit *permits, size_t n,
    const struct link_handlers *handlers, struct link **ret);
/* Ends the reader and closes our descriptor; waiting calls fail, gone() is called if it was not. The
 * peer sees nothing of that while the supervisor holds the socket for the next server. Not from the
 * reader thread. NULL is allowed. */
void link_free(struct link *l);
/* The reader ends, and with it every call. From any thread. */
void link_shutdown(struct link *l);
bool link_alive(struct link *l);

/* Sends without expecting an answer. 0 or -errno. */
int link_send(struct link *l, struct message *m, const int *fds, size_t n);
/* Sends and waits for the answer, which replaces `*m`; its descriptors go to answer_fds[max], the
 * caller's, -1 beyond them. Returns their number; -EPIPE when the link dies; -ETIMEDOUT (a late
 * answer is dropped); the answer's own status is left in m->status, not returned. */
int link_call(struct link *l, struct message *m, const int *fds, size_t n, int *answer_fds,
    size_t max, int64_t timeout_us);
/* Sends and returns; `done` is called once on the reader thread with the answer (descriptors are
 * its), or with NULL when the link died first. On a failure here (-errno) it is not called. */
typedef void link_done(void *context, const struct message *answer, int *fds, int n);
int link_post(
    struct link *l, struct message *m, const int *fds, size_t n, link_done *done, void *context);
/* As link_post, but `part` is called for every message with this serial until it returns false. */
typedef bool link_part(void *context, const struct message *answer, int *fds, int n);
int link_post_parts(struct link *l, struct message *m, link_part *part, void *context);
