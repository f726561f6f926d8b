/* run.h - one agent loop: model <-> executions until a final answer, told as one stream of events.
 *
 * Server only. A dialect decodes its request into a `struct run_spec`, starts the run, and encodes its
 * events; it never reaches around this. A run has a thread of its own from run_start to its end; its
 * events are in the store before any reader sees them (unless `store` is off), so that reading again,
 * from any event on, gives the same: streamed, polled or after a restart.
 *
 * ---- events ----
 * Each is a JSON object with "type"; its sequence number is its place in the stream, from 0. `item` is
 * the place of the output item it belongs to, from 0 in order of appearance; items start
 * in order; code is executed when the model's turn is over, so later items of that turn may start before.
 * Its id is id_child(prefix, the run's id, item + 1), so that id_parent finds the run of an item.
 * Those that begin or end something have "at", in seconds.
 *   run.started          {"model","container_id" or null}
 *   item.started         {"item","kind":"message","id":"msg_…"}
 *                        {"item","kind":"code","id":"ci_…","call_id","container_id"}
 *                        {"item","kind":"function","id":"fc_…","call_id","name"}
 *                        {"item","kind":"reasoning","id":"rs_…"}
 *   text.delta, refusal.delta, reasoning.delta, code.delta, arguments.delta   {"item","text"}
 *   code.completed       {"item","code"}
 *   execution.started    {"item","execution_id"}
 *   execution.output     {"item","output":{…},"log"?} as API.md's outputs, as it comes. `log` is what it adds to the
 *                         logs of execution.completed, where that is not just the text of a stream. A picture is
 *                         {"image/png":{"file_id","bytes","published"?}}, and other data that is long is {"bytes"}: the whole is at
 *                         …/executions/{execution_id}/outputs/{n}. Of each stream the first 64 KiB; `logs` has the rest
 *   execution.completed  {"item","execution":{API.md's object without code, outputs, stdout and stderr},
 *                         "status":"completed|incomplete|failed","logs":"stdout, stderr, value and traceback in
 *                         order","images":[{"file_id","media_type","bytes","published"?}]}
 *   item.completed       {"item","kind", and: message "text" or "refusal", "status":"completed|incomplete" (cut by
 *                         max_output_tokens), "annotations":[{"file_id","filename","container_id","start","end","path","published"?}]
 *                         (code points, end exclusive; displayed figures first with 0,0)
 *                         | code "code","status" | function "arguments" | reasoning "text"}
 *   usage                {"input_tokens","cached_tokens","cache_write_tokens","output_tokens",
 *                         "reasoning_tokens"} summed so far
 *   notice               {"text"} what a person should know: a container that was reset, text that was masked
 *   run.completed        {"cloche":{"cost","currency","masked":{…}}}
 *   run.requires_action  {"calls":[{"item","id","call_id","name","arguments"}]} client functions are to be answered
 *                         (the run's end in Responses; the Assistants dialect goes on by run_resume)
 *   run.incomplete       {"reason":"max_output_tokens|max_input_tokens|content_filter"}
 *   run.failed           {"error":{"code","message"}}
 *   run.cancelled        {}
 *   run.expired          {} it was not over at the time that its dialect set
 *   run.resumed          {"results":[{"call_id","text"}]} goes on after run.requires_action
 * The six before the last are final: nothing follows them (run.requires_action: until resumed). `published`
 * is what the dialect's `publish` made of the file, if the run has any. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/ids.h"
#include "provider/provider.h"
#include "session/session.h"
#include "store/store.h"

struct runs; /* everything that runs, or did a moment ago */
struct run;  /* one; reference counted */

/* What a dialect does when a run of its own with a conversation ends: called once, in the run's thread,
 * which already sees all events and the final run_info, while nobody else sees them yet. What it
 * returns (a new reference, or NULL for none) is appended to the conversation in the commit that ends
 * the run, so that neither a crash nor a client that went away parts the two:
 *   [{"id","json":{as the dialect shows it},"transcript":[as the model reads it] or null}]
 * The core knows nothing of a dialect's items. */
struct run_dialect {
    const char *name; /* run_spec.dialect */
    json_t *(*ended)(void *context, struct run *run);
    /* For runs with run_spec.publish: keeps what code made or showed, at `path` of the session, for longer than the
     * session lives. Called in the run's thread before any event names it, once for each content. False: it
     * could not be kept. `figure`: it is no file of the workspace. May be NULL. */
    bool (*publish)(void *context, struct run *run, struct session *session, const char *path,
        bool figure, char ret_id[ID_SIZE]);
    void *context;
    bool action_completes; /* run.requires_action ends the run: nothing resumes it */
};

struct runs_config {
    struct sessions *sessions;
    struct store *store;
    int environments_dir;         /* what is installed where; -1: unknown */
    unsigned max_active;          /* threads at one time, 512; beyond: QUEUE_FULL */
    unsigned max_rounds;          /* a server's ceiling: 64 */
    int64_t execution_timeout_ms; /* 60 s */
    int64_t wall_ms;              /* of a whole run: 1 h */
    int64_t long_s; /* webhooks are told of a run that took so long that a long analysis is done */
    bool previews;  /* the model is shown how files begin */
    json_t *redaction;                  /* the config's "redaction" table, or NULL */
    const struct run_dialect *dialects; /* who wants to know of ends; or NULL */
    size_t n_dialects;
};
/* Runs that a server before this one left unfinished become `failed`, with a reason. All borrowed. */
int runs_new(const struct runs_config *config, struct runs **ret, struct error *e);
/* From now on runs that wait expire in time, also when nobody asks for them: their dialects are called. Once, and
 * as soon as these are ready for it. 0, or UNAVAILABLE. */
int runs_watch(struct runs *r, struct error *e);
/* No new ones; those running get `deadline_ms`, then are told to fail ("the server is stopping"), and have
 * `last_ms` to do so. False: some have not ended, and nothing may be freed. May be called again. */
bool runs_stop(struct runs *r, int64_t deadline_ms, int64_t last_ms);
struct runs *runs_free(struct runs *r);

/* A file that lies in the session before the first round. Of two of one name the second becomes
 * "name (2).ext". */
struct run_file {
    const char *name;    /* a path below the workspace, usually a plain name */
    const char *file_id; /* a File (`file-…`) of the project, or NULL: */
    const void *data;    /* bytes */
    size_t length;
};

/* What a dialect asks for. Borrowed until run_start returns. */
struct run_spec {
    const char *project, *dialect; /* "default"; "responses", "chat", "assistants", "explorer" */
    const char *id;                /* made by id_new_parent; NULL: a new `resp_…` */
    struct model_route route;
    const char *instructions; /* the caller's, or NULL */
    json_t *context;          /* transcript so far, or NULL */
    json_t *input;            /* transcript items of this request */
    json_t *request;          /* what the dialect needs to show the run again (stored with it) */
    bool interpreter;         /* the python tool is offered */
    /* its session (referenced), or NULL: a new one by `container` when first needed */
    struct session *session;
    struct session_spec container;
    const struct run_file *files;
    size_t n_files;
    json_t *functions;   /* the client's tools, as provider_request.tools; or NULL */
    json_t *tool_choice; /* as provider_request; {"name":"python"} is the interpreter */
    json_t *text_format;
    json_t *extra; /* further request fields, in the words of the route's wire; or NULL */
    double temperature, top_p; /* NAN */
    const char *reasoning_effort;
    bool parallel_tool_calls;
    int64_t max_output_tokens; /* of all rounds together; 0: no bound */
    int64_t max_input_tokens;  /* of all rounds together, about; 0: no bound */
    int64_t max_tool_calls;    /* executions; 0: no bound */
    unsigned max_rounds;       /* 0: the server's ceiling */
    double budget_usd;         /* 0: none */
    bool sample; /* files that are too much for budget or context: the model gets a sample */
    bool store, background;
    const char *conversation_id; /* recorded; gets what its dialect's `ended` returns; or NULL */
    const char *previous_id;     /* recorded, or NULL */
    /* what the model has to know besides the conversation, and the person as a notice; or NULL */
    const char *told;
    const char *notice; /* what the person alone should know, or NULL */
    /* seconds: the run expires when it is not over then, also while it waits; 0: never */
    int64_t expires_at;
    bool publish; /* what code makes is given to the dialect's `publish` */
    bool alone;   /* -EBUSY while another run of its conversation is not over */
};

enum run_status {
    RUN_QUEUED,
    RUN_IN_PROGRESS,
    RUN_REQUIRES_ACTION,
    RUN_COMPLETED,
    RUN_INCOMPLETE,
    RUN_FAILED,
    RUN_CANCELLED,
    RUN_EXPIRED,
};
const char *run_status_name(enum run_status s); /* "in_progress" … as stored */
bool run_status_final(enum run_status s);       /* requires_action counts as final */

/* Puts the files into the session, records the run (unless `store` is off) and starts it. The reference is
 * the caller's. QUEUE_FULL, NOT_FOUND (a file), CONTAINER_EXPIRED, INVALID_VALUE (a budget for a model
 * without a price), INSUFFICIENT_STORAGE, UNAVAILABLE, and what session_create and uploads say. */
int run_start(struct runs *r, const struct run_spec *spec, struct run **ret, struct error *e);
/* One that is active or stored, of that project and dialect (NULL: any). NOT_FOUND. */
int run_find(struct runs *r, const char *project, const char *dialect, const char *id,
    struct run **ret, struct error *e);
struct run *run_ref(struct run *run);
void run_unref(struct run *run); /* NULL is allowed */
/* Goes on with one that is RUN_REQUIRES_ACTION and stored, under the same id, its events behind those there
 * are, also after a restart. `spec` is made by its dialect as at the start (id, project and dialect lead to
 * the run; input, files, store and conversation_id are those of the start and not looked at); `results` are
 * tool_result items, one for each call that waits. NOT_FOUND, INVALID_VALUE (it does not wait, or a result
 * is missing or too many), and as run_start. */
int run_resume(struct runs *r, const struct run_spec *spec, json_t *results, struct run **ret,
    struct error *e);

/* Ends one that waits for results, as RUN_CANCELLED or RUN_EXPIRED. INVALID_VALUE: it does not wait (any more). */
int run_close(struct runs *r, struct run *run, enum run_status status, struct error *e);
/* Replaces what its dialect keeps with it (run_spec.request). */
int run_annotate(struct runs *r, struct run *run, json_t *request, struct error *e);

/* What is known of it now. Text is the holder's. */
struct run_info {
    char id[ID_SIZE];
    char *project, *dialect, *model, *container_id, *conversation_id, *previous_id;
    enum run_status status;
    int64_t created_at, completed_at; /* seconds; 0: not yet */
    json_t *request;                  /* as given */
    json_t *error;                    /* {"code","message"} or NULL */
    struct provider_usage usage;
    bool background, stored;
    bool cancelling; /* run_cancel was called, and it has not ended yet */
};
void run_info(struct run *run, struct run_info *ret);
void run_info_deinit(struct run_info *i);

/* The events from number `from` on: waits up to `timeout_ms` for one when there is none yet. `*ret` is an array
 * of n JSON texts, the holder's (run_events_free); n is 0 when the time ran out. 1: that was the last of them
 * (the run is final and all was read); else 0. Any number of readers. */
struct run_event {
    char *json;
    size_t length;
    char type[24];
};
int run_events(struct run *run, uint64_t from, int timeout_ms, struct run_event **ret,
    size_t *ret_n, struct error *e);
void run_events_free(struct run_event *events, size_t n);

/* Ends it soon: an execution is interrupted, the model's call dropped. Idempotent. */
void run_cancel(struct run *run);
/* Waits for its end. */
void run_wait(struct run *run);
/* Transcript items: the request's own and those the run has made; new references. */
int run_transcript(struct run *run, json_t **ret_input, json_t **ret_output, struct error *e);
/* Forgets a final one (an active one is cancelled first). */
int run_delete(struct runs *r, struct run *run, struct error *e);

/* The context that `previous_id` leads to: the transcripts of the chain, oldest first, and the newest live
 * container in it ("" if none). NOT_FOUND. */
int run_chain(struct runs *r, const char *project, const char *previous_id, json_t **ret_context,
    char container_id[ID_SIZE], struct error *e);
