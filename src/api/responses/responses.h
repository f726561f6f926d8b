/* responses.h - OpenAI's Responses and Conversations: a decoder into run_spec (request.h, plan.h), an encoder of
 * a run's events (encode.h), and the handlers between them. It decides nothing about models, rounds,
 * code or containers: agent/run.h does. Server only; internal to src/api/responses but for the table of
 * routes and responses_ended. */
#pragma once
#include "agent/reader.h"
#include "agent/run.h"
#include "api/access.h"
#include "api/api.h"
#include "api/responses/encode.h"
#include "api/responses/items.h"
#include "api/responses/request.h"

extern const struct http_route responses_routes[];
extern const size_t responses_route_count;

#define RESPONSES_DIALECT "responses"

/* run_dialect.ended: what a response adds to its conversation. `context` is the struct api. */
json_t *responses_ended(void *context, struct run *run);
/* What such a function returns, made of items: each with its id, and no transcript yet. */
void entries_add(json_t *to, const json_t *item);
/* A run's output transcript is the model's own: calls and results go to their items, messages to messages in
 * their order (of the entries from `first` on), and what nobody is shown, such as reasoning, to the item that
 * follows it. */
void entries_spread(json_t *to, size_t first, const json_t *transcript);

/* ---- state.c: a run as a Response -------------------------------------------------------------- */

struct response_state {
    struct run *run; /* a reference */
    struct run_info info;
    struct response_base base;
    struct response_encoder *encoder;
    struct run_reader reader;
};
/* Takes the reference to `run`, also on failure. `view` adds to what the request included (NULL: nothing).
 * The sink is borrowed; NULL: only the object is wanted. */
int response_state_init(struct response_state *s, struct api *api, struct run *run,
    const struct item_view *view, response_sink *sink, void *context, struct error *e);
/* Reads what has come, waiting up to `timeout_ms` for something. 0, or negative with `e` filled. */
int response_state_advance(struct response_state *s, int timeout_ms, struct error *e);
/* Reads all there is now, without waiting. */
int response_state_catch_up(struct response_state *s, struct error *e);
void response_state_deinit(struct response_state *s);

/* The response of {response_id} if it is the caller's and stored: a reference; else NULL and answered. */
struct run *response_of(struct http_exchange *x);
/* The view of the query's include[]. 0; else answered. */
int query_view(struct http_exchange *x, struct item_view *ret);

/* ---- conversations.c --------------------------------------------------------------------------- */

/* {conversation_id} if it is the caller's; 0, else answered. */
int conversation_of(struct http_exchange *x, struct store_conversation *ret);
void conversation_write(struct json_writer *w, const struct store_conversation *c);

/* ---- lookup.c: what requests refer to ------------------------------------------------------------ */

/* Where figures are: item_view.figure, `context` being the struct api. */
int figure_read(void *context, const char *container_id, const char *file_id, struct strbuf *to);
/* A project's Files for items_transcript; good as long as both. */
struct project_files {
    struct api *api;
    const char *project;
};
struct file_source file_source_of(struct project_files *of);
/* An item of a stored response, by its id alone, whole; a new reference. -ENOENT with `e` untouched. */
int item_find(struct api *api, const char *project, const char *id, json_t **ret);
/* Puts what they stand for in the place of item_references, and the outputs into calls that were sent
 * without them. `conversation_id` (or NULL) is searched too. ERROR_NOT_FOUND. */
int items_resolve(struct api *api, const char *project, const char *conversation_id, json_t *items,
    struct error *e);
/* A new container begins with the Files that were spoken of before: its predecessor is gone. Adds them. */
int context_files_add(const json_t *context, const struct file_source *source,
    struct input_files *files, struct error *e);
/* Reads a conversation's items: the transcript, appended to `context`, and the container that was named
 * last ("" if none). ERROR_NOT_FOUND. */
int conversation_context(struct api *api, const char *project, const char *id, json_t *context,
    char container_id[ID_SIZE], struct error *e);

/* ---- plan.c: from a request to a run ---------------------------------------------------------------- */

struct response_plan {
    struct run_spec spec;
    char id[ID_SIZE];
    json_t *context, *transcript, *request;
    struct input_files files;
    struct run_file *run_files;
    struct session *session;
    struct project_files source;
};
/* Looks up all that `r` refers to. 0 with spec ready for run_start, borrowing from `r` and the plan;
 * negative with `e` filled. deinit in both cases. */
int response_plan_init(struct response_plan *p, struct api *api, const char *project,
    struct response_request *r, struct error *e);
/* The same as far as counting its tokens needs it: no model, no container, no files. */
int response_plan_count(struct response_plan *p, struct api *api, const char *project,
    struct response_request *r, struct error *e);
void response_plan_deinit(struct response_plan *p);

/* ---- handlers ------------------------------------------------------------------------------------------ */

void responses_create(struct http_exchange *x);
void responses_get(struct http_exchange *x);
void responses_cancel(struct http_exchange *x);
void responses_delete(struct http_exchange *x);
void responses_input_items(struct http_exchange *x);
void responses_input_tokens(struct http_exchange *x);
void responses_compact(struct http_exchange *x);
void responses_notebook(struct http_exchange *x);
void estimate_post(struct http_exchange *x);

/* stream.c: sends events as they come, from number `after` + 1 on, until the end or until the client has
 * gone; true: it has gone. Takes the run's reference. */
bool response_stream(
    struct http_exchange *x, struct run *run, const struct item_view *view, int64_t after);

void conversations_create(struct http_exchange *x);
void conversations_get(struct http_exchange *x);
void conversations_update(struct http_exchange *x);
void conversations_delete(struct http_exchange *x);
void conversations_list(struct http_exchange *x);
void conversation_responses(struct http_exchange *x);
void conversation_items_create(struct http_exchange *x);
void conversation_items_list(struct http_exchange *x);
void conversation_items_get(struct http_exchange *x);
void conversation_items_delete(struct http_exchange *x);
