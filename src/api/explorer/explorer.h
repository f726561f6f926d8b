/* explorer.h - the Explorer's HTTP API: threads of messages, files by upload and download, three examples.
 *
 * A thread is a conversation of the kind "explorer"; a chat is one run in it (agent/run.h), in the session
 * of the thread's last run as long as that lives. What a run's code made is put into Files when it ends,
 * so that ids in answers outlive sessions. Runs of one thread never overlap: further chats wait in line
 * (turns.c). Errors are {"detail": …} (errors.c). Server only; internal to src/api/explorer but for the table
 * of routes, explorer_ended and what the live wire shares (chat.c). */
#pragma once
#include "agent/run.h"
#include "api/access.h"
#include "api/api.h"
#include "api/json_in.h"

extern const struct http_route explorer_routes[];
extern const size_t explorer_route_count;

#define EXPLORER_DIALECT "explorer"
#define EXPLORER_KIND "explorer"

/* run_dialect.ended: what a run adds to its thread. `context` is the struct api. */
json_t *explorer_ended(void *context, struct run *run);

/* The body and status of an error below /api. */
int explorer_error_body(const struct error *e, struct json_writer *w);

/* ---- turns.c: one run at a time in a thread -------------------------------------------------------- */

struct turns;
struct turns *turns_new(void); /* NULL: no memory */
struct turns *turns_free(struct turns *t);
enum { TURNS_WAITING_MAX = 16 };
/* Waits in line for this thread, in the order of coming. `gone` (or NULL) is asked about once a second:
 * true leaves the line with -ECANCELED. QUEUE_FULL. */
int turn_of_thread(struct turns *t, const char *thread_id, bool (*gone)(void *context),
    void *context, struct error *e);
void turn_done(struct turns *t, const char *thread_id);
/* Who waits looks at once whether it is still wanted; else it looks once a second. */
void turns_look(struct turns *t);

/* ---- thread.c -------------------------------------------------------------------------------------- */

int thread_create(struct api *api, const char *project, char ret_id[ID_SIZE], struct error *e);
/* ERROR_NOT_FOUND. */
int thread_check(struct api *api, const char *project, const char *id, struct error *e);
/* The transcript so far, appended to `context`; oldest first. */
int thread_context(struct api *api, const char *id, json_t *context, struct error *e);
/* The session of its newest run that had one, if it still lives: a reference; else NULL. */
struct session *thread_session(struct api *api, const char *project, const char *id);
/* The first words said in a thread are its title; later calls change nothing. */
int thread_entitle(struct api *api, const char *project, const char *id, const char *message);
/* The newest item that a run added; *ret is a new reference or NULL. */
int thread_answer(struct api *api, const char *id, const char *run_id, json_t **ret);

/* ---- chat.c ------------------------------------------------------------------------------------------ */

struct explorer_ask {
    const char *project;
    const char *thread_id; /* NULL: a new thread */
    const char *message;
    json_t *file_ids;  /* array of strings, or NULL */
    const char *model; /* NULL: the server's */
    bool interpreter;
};
/* A run under way, and the turn of its thread, which is held until explorer_run_end. */
struct explorer_run {
    struct run *run;
    char thread_id[ID_SIZE];
};
/* Waits for the thread's turn (`gone` as in turns.c), records the message and starts the run. On failure
 * nothing of it is left. */
int explorer_run_begin(struct api *api, const struct explorer_ask *ask, bool (*gone)(void *context),
    void *context, struct explorer_run *ret, struct error *e);
/* Waits for the run's end, gives the turn on and lets go of the run. */
void explorer_run_end(struct api *api, struct explorer_run *r);
/* The answer's object, {"thread_id","message","files","annotations"}: its fields, within one that was begun. */
void explorer_answer_write(
    struct api *api, const char *thread_id, const char *run_id, struct json_writer *w);
/* Reads a chat's fields, the message being called `name`; what is wrong stays in `in`. ask->project and
 * interpreter are set. */
void explorer_ask_read(struct json_in *in, const char *name, struct explorer_ask *ask);
/* Runs it to its end and answers with the thread, the message and the files. */
void explorer_answer(struct http_exchange *x, const struct explorer_ask *ask);

/* ---- publish.c: files of a run as Files ---------------------------------------------------------------- */

struct published {
    char *path; /* in the workspace, or a figure's */
    char file_id[ID_SIZE], name[512];
    bool image;
};
struct publishing {
    struct api *api;
    const char *project;
    struct session *session; /* a reference, or NULL: only figures can be found */
    char container_id[ID_SIZE];
    struct published *item;
    size_t n;
};
enum { PUBLISHED_MAX = 100 }; /* of one run */
void publishing_init(
    struct publishing *p, struct api *api, const char *project, const char *container_id);
void publishing_deinit(struct publishing *p);
/* Puts a file of the workspace (below it) into Files unless that was done; NULL: it cannot be had. Borrowed
 * until the next call. */
const struct published *publish_path(struct publishing *p, const char *path);
const struct published *publish_figure(
    struct publishing *p, const char *figure_id, const char *mime);

/* ---- handlers ---------------------------------------------------------------------------------------------- */

void explorer_thread_create(struct http_exchange *x);
void explorer_messages(struct http_exchange *x);
void explorer_chat(struct http_exchange *x);
void explorer_analyze(struct http_exchange *x);
void explorer_upload(struct http_exchange *x);
void explorer_file(struct http_exchange *x);
void explorer_live(struct http_exchange *x);
void explorer_example_data(struct http_exchange *x);
void explorer_example_math(struct http_exchange *x);
void explorer_example_images(struct http_exchange *x);
