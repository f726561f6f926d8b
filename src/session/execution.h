/* execution.h - the engine: one execution in one kernel, run by the calling thread.
 *
 * Writes the execute frame, reads frames and both streams, keeps their order by barriers, answers
 * input(), and ends what lasts too long: SIGINT first, SIGKILL after a grace, the warden when init
 * is silent. It holds no lock while it waits, and other threads speak to it through `struct control`
 * alone. It knows nothing of sessions, stores or queues. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "session/grounds.h"
#include "session/outputs.h"
#include "session/session.h"

enum stop_reason { STOP_NONE, STOP_RESTARTED, STOP_DELETED, STOP_EXPIRED };

/* What others may ask of a running execution. */
struct control {
    pthread_mutex_t lock;
    int wake_fd; /* an eventfd */
    bool interrupt;
    enum stop_reason stop;
    bool asking; /* input() waits for an answer */
    char *reply; /* the answer, not yet written to the kernel */
    size_t reply_length;
};
/* 0 or -errno. */
int control_init(struct control *c);
void control_deinit(struct control *c);
void control_interrupt(struct control *c);
void control_stop(struct control *c, enum stop_reason why);
/* 0, or ERROR_NOT_WAITING. */
int control_input(struct control *c, const char *text, size_t n, struct error *e);
/* From now on nobody is asked. Returns whether somebody was, and had not answered yet. */
bool control_stop_asking(struct control *c);

struct engine {
    struct sandbox *sandbox;         /* with a kernel in it */
    const struct execute_spec *spec; /* checked */
    struct execution *execution;     /* id, count and created_at set; the rest is filled in */
    struct control *control;
    int64_t timeout_us; /* -1: none */
    struct output_limits limits;
    struct pace *pace;              /* the account of what we do for it, or NULL */
    bool ends_with_client;          /* stateless: client_gone ends it */
    void (*on_slow)(void *context); /* once, when it has lasted longer than a moment; may be NULL */
    void *on_slow_context;
    /* Out: */
    bool kernel_lost;       /* the kernel is dead, or was killed */
    bool sandbox_lost;      /* init is silent or gone: end the sandbox */
    bool canceled;          /* the client went */
    struct init_scan usage; /* not yet known: all zero */
};

/* Builds the head of the execute frame; `zone` is TZ for the code unless it sets that itself. 0, or
 * ERROR_INVALID_VALUE when it is beyond the bounds. */
int execution_head(const struct execute_spec *spec, const char *id, unsigned count,
    const char *zone, struct strbuf *out, struct error *e);
/* Runs it to its end, whatever that is; never fails. `head` is execution_head's. */
void execution_run(struct engine *x, const struct strbuf *head);
