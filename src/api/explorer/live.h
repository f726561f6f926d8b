/* live.h - /api/ws, the Explorer's live wire: requests of a client as messages, events of runs as they are stored.
 *
 * One connection, one thread that receives (live.c), and one for each request under way (live_jobs.c), which
 * sends that run's events and ends with it. What a client asks for goes on when the client goes: its thread
 * stays behind until the run or execution has ended. Internal to src/api/explorer. */
#pragma once
#include <pthread.h>

#include "api/explorer/explorer.h"
#include "http/websocket.h"

enum { LIVE_JOBS_MAX = 8 /* requests under way of one connection */, LIVE_ID_MAX = 128 };

struct live {
    struct api *api;
    struct websocket *socket;
    char project[ID_SIZE];
    pthread_mutex_t lock;
    pthread_cond_t idle;
    struct job *jobs; /* under way */
    unsigned n_jobs;
};

/* One request; each knows what it needs of these. */
struct job {
    struct job *next;
    struct live *live;
    void (*work)(struct job *job);
    json_t *root;   /* the message; texts below are borrowed from it */
    const char *id; /* the client's, or NULL */
    struct explorer_ask ask;
    struct execute_spec execute;
    struct session *session; /* a reference */
    /* Below: live->lock. */
    bool cancelled;
    char execution_id[ID_SIZE]; /* of what runs in the session */
    void (*tell_started)(void *context, const struct execution *e);
    struct run *run; /* a reference */
    uint64_t next_event;
    bool
        has_run; /* an execution that is over: what is still to be said of it may wait. Its thread's */
};

/* Says what went wrong with the client's message `id` (or NULL). */
void live_error(struct live *l, const char *id, const struct error *e);
/* Takes the job and its references, and begins it; answers by itself when it cannot. */
void job_start(struct live *l, struct job *job);
void job_free(struct job *job);
/* Ends what the message with this id asked for: what waits is dropped, what runs is cancelled or interrupted.
 * False: there is none. */
bool job_cancel(struct live *l, const char *id);
/* Waits until none is under way. */
void jobs_wait(struct live *l);

/* job.work: */
void job_chat(struct job *job);
void job_execute(struct job *job);
void job_follow(struct job *job); /* the events of job->run from next_event on */
