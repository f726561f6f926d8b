/* request.h - a request for a run, decoded; and what it refers to, looked up. Internal to src/api/assistants. */
#pragma once
#include "agent/reader.h"
#include "api/assistants/assistants.h"
#include "api/assistants/encode.h"

/* Text is borrowed from `merged`. */
struct run_request {
    json_t *assistant; /* the object */
    json_t *merged;    /* the body, with the assistant's words where it has none */
    json_t *words;     /* from which `tools` borrows */
    json_t *fixed;     /* the run object's keys that never change */
    const char *model, *reasoning_effort;
    char *instructions; /* owned */
    struct response_tools tools;
    json_t *text_format; /* or NULL */
    double temperature, top_p, budget;
    int64_t max_prompt_tokens, max_completion_tokens, max_tool_calls,
        last_messages;  /* 0: not said */
    int64_t expires_at; /* of one that goes on; 0: a new one */
    bool parallel_tool_calls, stream, sample;
    struct new_messages messages; /* additional_messages */
    json_t *thread;               /* of create-and-run, or NULL */
    json_t *tool_resources;       /* of create-and-run, or NULL */
};
/* Looks up the assistant and reads the body. 0, or negative with `e`; deinit in both cases. */
int run_request_read(struct api *api, const char *project, json_t *root, bool with_thread,
    struct run_request *ret, struct error *e);
/* The same of a run that goes on, from what is kept with it. */
int run_request_again(const json_t *request, struct run_request *ret, struct error *e);
void run_request_deinit(struct run_request *r);

/* ---- plan.c ---- */

struct run_plan {
    struct run_spec spec;
    char id[ID_SIZE], told[256];
    char notice[512]; /* for the person alone, or "" */
    json_t *context, *input, *request;
    struct session *session;
    struct belongings belongings;
    struct run_file *files;
    json_t *own; /* the thread's tool_resources, from which `belongings` borrows */
};
/* Looks up the thread's messages, its session, and the files that belong there. 0 with spec ready for run_start;
 * negative with `e`; deinit in both cases. `run_id` NULL: a new one. */
int run_plan_init(struct run_plan *p, struct api *api, const char *project, const char *thread_id,
    struct run_request *r, const char *run_id, struct error *e);
void run_plan_deinit(struct run_plan *p);

/* ---- stream.c ---- */

struct run_stream {
    struct http_exchange *x;
    int64_t last_us;
    bool gone;
};
void stream_begin(struct run_stream *s, struct http_exchange *x);
/* One event of somebody else's. */
void stream_event(struct run_stream *s, const char *event, json_t *data);
/* Tells a run's events from number `from` on, as they come, until it is over or waits. Takes the reference. */
void stream_run(struct run_stream *s, struct run *run, uint64_t from);
void stream_end(struct run_stream *s);

/* ---- state.c ---- */

struct run_state {
    struct run *run; /* a reference */
    struct run_info info;
    struct run_base base;
    struct run_encoder *encoder;
    struct run_reader reader;
    uint64_t from; /* the first event that is told */
};
/* Takes the reference to `run`, also on failure. The sink is borrowed; NULL: only objects are wanted. It gets
 * what comes of the events from number `from` on. */
int run_state_init(struct run_state *s, struct run *run, assistants_sink *sink, void *context,
    uint64_t from, struct error *e);
/* Reads what has come, waiting up to `timeout_ms` for something. 0, or negative with `e` filled. */
int run_state_advance(struct run_state *s, int timeout_ms, struct error *e);
/* Reads all there is now, without waiting. */
int run_state_catch_up(struct run_state *s, struct error *e);
void run_state_deinit(struct run_state *s);
/* The run as it is now: a new reference. */
json_t *run_state_object(struct run_state *s);

/* ---- run_objects.c ---- */

/* As run_find, of a run that is not overdue: one that waited for too long is expired now. */
int run_find_current(
    struct api *api, const char *project, const char *id, struct run **ret, struct error *e);
/* {run_id} of {thread_id}: a reference; NULL: answered. */
struct run *run_of(struct http_exchange *x);
/* Answers with the run as far as it was read. */
void run_respond(struct http_exchange *x, struct run_state *state);
/* Answers with the run as it is now, which has just been asked to go on. Takes the reference. */
void run_respond_queued(struct http_exchange *x, struct run *run);
