/* export.h - a thread to take away: as a notebook, and as the results that stand in it. Server only; internal to
 * src/api/assistants. */
#pragma once
#include "api/assistants/assistants.h"

/* Each message of the thread as the wire shows it, oldest first, then each run; `message` and `run` may be NULL, and
 * end the walk with what is negative. A run that was left out of the store since is not there. */
struct thread_walk {
    struct api *api;
    const char *project, *thread_id;
    void *context;
    int (*message)(void *context, const json_t *message, struct error *e);
    int (*run)(void *context, struct run *run, const struct run_info *info, struct error *e);
};
int thread_messages_each(const struct thread_walk *w, struct error *e);
int thread_runs_each(const struct thread_walk *w, struct error *e);

void threads_notebook(struct http_exchange *x);
void threads_results(struct http_exchange *x);
