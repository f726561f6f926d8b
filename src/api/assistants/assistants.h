/* assistants.h - OpenAI's Assistants v2: assistants, threads, messages, runs and their steps.
 *
 * A thread is a conversation of kind "thread", and its messages are the conversation's items, kept as the wire
 * shows them. A run is the core's run (agent/run.h) with the thread as its conversation; encode.h shows its
 * events as OpenAI's run, steps and messages. Nothing here decides about models, rounds, code or sessions.
 * Clients of the first beta (`OpenAI-Beta: assistants=v1`) get `file_ids` besides. Server only; internal to
 * src/api/assistants but for the table of routes and what runs' ends call. */
#pragma once
#include <pthread.h>

#include "agent/run.h"
#include "api/access.h"
#include "api/api.h"
#include "api/json_in.h"
#include "api/responses/responses.h"

extern const struct http_route assistants_routes[];
extern const size_t assistants_route_count;

#define ASSISTANTS_DIALECT "assistants"
#define THREAD_KIND "thread"

/* run_dialect's functions; `context` is the struct api. */
json_t *assistants_ended(void *context, struct run *run);
bool assistants_publish(void *context, struct run *run, struct session *session, const char *path,
    bool figure, char ret_id[ID_SIZE]);

enum {
    ASSISTANT_INSTRUCTIONS_MAX =
        256000, /* OpenAI's bounds, here and below: bytes, not characters */
    MESSAGE_TEXT_MAX = 256000 * 4,
    THREAD_FILES_MAX = 20,       /* that a thread or an assistant names itself */
    THREAD_BELONGINGS_MAX = 500, /* that come to lie in its workspace by messages */
    ATTACHMENTS_MAX = 100,
};

/* ---- common.c: what all endpoints share ------------------------------------------------------------- */

/* Whether the client is one of the first beta. */
bool beta_v1(struct http_exchange *x);
/* The path's {name} ("thread_id", …), which has to begin with `prefix`; NULL and answered when it does not. */
const char *object_id(struct http_exchange *x, const char *name, const char *prefix);
/* Says that there is no such `what` ("thread"), or whatever `e` says. */
void no_object(struct http_exchange *x, const char *what, const char *id, const struct error *e);
/* limit, order, after and before of the query. 0; else answered. */
int list_page(struct http_exchange *x, struct store_page *ret);
/* Answers with n objects, each a new reference or NULL, which are released. */
void respond_list(struct http_exchange *x, json_t **objects, size_t n, bool has_more);
void respond_json(struct http_exchange *x, const json_t *object);
/* page.c: answers with the page of `objects`, all of a list, oldest first. */
void respond_page(struct http_exchange *x, const json_t *objects, const struct store_page *page);
/* The one that has this id, borrowed; or NULL. */
const json_t *object_of_id(const json_t *objects, const char *id);
/* The body's metadata as an object: a new reference, {} when absent. */
json_t *metadata_read(struct json_in *in);
/* Answers with `object` after its metadata was replaced by those of the body, if it has any: 0 and
 * *ret_changed; else answered. */
int metadata_replace(struct http_exchange *x, json_t *object, bool *ret_changed);
int no_memory_error(struct error *e); /* -ENOMEM */

/* ---- fields.c: fields that several requests have ------------------------------------------------------ */

/* A File of the project, which the holder deinits. 0, or NOT_FOUND naming `param`. */
int file_get(struct api *api, const char *project, const char *id, const char *param,
    struct store_file *ret, struct error *e);
/* {"code_interpreter":{"file_ids":[…]}}, or NULL: a new reference. The older `file_ids` beside it are added.
 * Vector stores are refused: there is no file search. */
json_t *tool_resources_read(struct json_in *in);
/* Each File of it is the project's. 0, or NOT_FOUND naming the first that is not. */
int tool_resources_check(
    struct api *api, const char *project, const json_t *resources, struct error *e);
/* The ids of its files: borrowed, or NULL. */
json_t *tool_resources_files(const json_t *resources);
/* Reads "tools" and "tool_choice" in the words of this wire: what the model gets is in `ret`, which borrows from
 * *ret_words, a new reference. */
void tools_read(struct json_in *in, struct response_tools *ret, json_t **ret_words);
/* `response_format` as Responses' text.format, a new reference; NULL: text. */
json_t *format_read(struct json_in *in);
/* As thread and assistant show it for the first beta: {…,"file_ids":[…]}. Changes `object`. */
void show_file_ids(struct http_exchange *x, json_t *object, const json_t *ids);

/* ---- assistants.c ---------------------------------------------------------------------------------------- */

/* The assistant object of that id; a new reference. 0, or NOT_FOUND in OpenAI's words. */
int assistant_get(
    struct api *api, const char *project, const char *id, json_t **ret, struct error *e);
/* {assistant_id} if it is the caller's: a new reference; NULL: answered. */
json_t *assistant_find(struct http_exchange *x);
/* Who changes the one of that id holds this from assistant_get to assistant_put, and no longer: what another changed
 * is not lost. Never two at once: ids may share a lock. */
void assistant_lock(const char *id);
void assistant_unlock(const char *id);
/* Keeps the object. 0, or NOT_FOUND: it was deleted meanwhile. */
int assistant_put(struct api *api, const char *project, const json_t *object, struct error *e);

/* ---- threads.c ------------------------------------------------------------------------------------------- */

/* {thread_id} if it is the caller's: 0, else answered. */
int thread_find(struct http_exchange *x, struct store_conversation *ret);
/* The thread object: a new reference, or NULL. */
json_t *thread_object(struct api *api, const struct store_conversation *c);
/* Makes a thread of a request's object (NULL: of nothing) with its messages. 0 and *ret filled by the store. */
int thread_make(struct http_exchange *x, json_t *body, const char *prefix,
    struct store_conversation *ret, struct error *e);

/* ---- message_read.c, messages.c ---------------------------------------------------------------------------- */

/* Messages of a request, decoded and checked in form. */
struct new_messages {
    json_t *list; /* [{"message": as the wire shows it, "kept": as api/responses/items.h has it}] */
};
void new_messages_deinit(struct new_messages *m);
/* Reads `object` as one message ("" or "messages[0]." being its `prefix`), or all of an array field. What is
 * wrong stays in `in`. */
void message_read(struct json_in *in, json_t *object, const char *prefix, struct new_messages *to);
void messages_read(struct json_in *in, const char *name, struct new_messages *to);
/* Adds them to the thread, their files to its workspace. 0, or negative with `e`. */
int messages_append(struct api *api, const char *project, const char *thread_id,
    struct new_messages *m, struct error *e);
/* Whether the Files that they name are the project's, and their images not too large for a model, each and
 * together. 0, NOT_FOUND or INVALID_VALUE. */
int messages_check(
    struct api *api, const char *project, const struct new_messages *m, struct error *e);
/* Whether a run of the thread is not over, and which. */
bool thread_active(
    struct api *api, const char *project, const char *thread_id, char ret_run[ID_SIZE]);
/* Says that it is not, to who wanted to add a `message`, or another run. */
void thread_busy(struct http_exchange *x, const char *thread_id, const char *active, bool message);
/* {message_id} of {thread_id}: a new reference, and its row (without an id: its run has not handed it in); NULL:
 * answered. */
json_t *message_find(struct http_exchange *x, struct store_item *ret);
/* The Files that it shows, gives away or has attached: a new reference. */
json_t *message_files(const json_t *message);
/* Gives it, or a run, the file_ids of the first beta, if the client is of that time. */
void message_show(struct http_exchange *x, json_t *message);
void run_show(struct http_exchange *x, json_t *run);
/* A message that a run of that thread is writing, or has written and not handed in yet: a new reference, or
 * NULL. */
json_t *message_of_run(struct api *api, const char *project, const char *thread_id, const char *id);

/* ---- belongings.c: which File lies where in a thread's workspace ---------------------------------------------- */

struct belongings {
    const char *thread_id;
    struct store_conversation_file *row; /* as stored */
    size_t rows;
    struct input_files files; /* all, the first `known` of them stored */
    size_t known;
    pthread_mutex_t *lock; /* held from load to save: paths are chosen by what is there */
};
/* Waits until nobody else is between load and save of the same thread; save or deinit ends that. deinit in any
 * case, by the same thread. */
int belongings_load(struct belongings *w, struct api *api, const char *thread_id, struct error *e);
/* Gives a path to each File of an array of ids that has none; those that were deleted are left out. Borrows. */
int belongings_add(
    struct belongings *w, struct api *api, const char *project, const json_t *ids, struct error *e);
/* Stores those that are new, and lets others in. `by_message`: messages brought them, and named the known ones whose
 * ids are in `named` (or NULL). */
int belongings_save(
    struct belongings *w, struct api *api, bool by_message, const json_t *named, struct error *e);
void belongings_deinit(struct belongings *w);

/* ---- handlers ------------------------------------------------------------------------------------------------ */

void assistants_create(struct http_exchange *x);
void assistants_list(struct http_exchange *x);
void assistants_get(struct http_exchange *x);
void assistants_modify(struct http_exchange *x);
void assistants_delete(struct http_exchange *x);
void assistant_files_create(struct http_exchange *x);
void assistant_files_list(struct http_exchange *x);
void assistant_files_get(struct http_exchange *x);
void assistant_files_delete(struct http_exchange *x);
void message_files_list(struct http_exchange *x);
void message_files_get(struct http_exchange *x);
void threads_create(struct http_exchange *x);
void threads_get(struct http_exchange *x);
void threads_modify(struct http_exchange *x);
void threads_delete(struct http_exchange *x);
void messages_create(struct http_exchange *x);
void messages_list(struct http_exchange *x);
void messages_get(struct http_exchange *x);
void messages_modify(struct http_exchange *x);
void messages_delete(struct http_exchange *x);
void runs_create(struct http_exchange *x);
void runs_create_with_thread(struct http_exchange *x);
void runs_submit(struct http_exchange *x);
void runs_list(struct http_exchange *x);
void runs_get(struct http_exchange *x);
void runs_modify(struct http_exchange *x);
void runs_cancel(struct http_exchange *x);
void steps_list(struct http_exchange *x);
void steps_get(struct http_exchange *x);
