/* chat.h - POST /v1/chat/completions, for clients that know nothing newer.
 *
 * A request that asks for nothing of Cloche's, of a provider that speaks this wire, goes there as it is and
 * its answer comes back as it is (pass.c). Any other is a Responses request in other words: its messages are
 * translated into the items that Responses reads, so that files, containers and tools have one set of rules
 * (messages.c, tools.c, request.c, then api/responses), and the events of its run into a completion or
 * its chunks (encode.c). It keeps no state: the whole conversation is in each request. Server only; internal
 * to src/api/chat but for the table of routes. */
#pragma once
#include "agent/run.h"
#include "api/api.h"
#include "api/responses/responses.h"

extern const struct http_route chat_routes[];
extern const size_t chat_route_count;

#define CHAT_DIALECT "chat"

/* ---- request.c ------------------------------------------------------------------------------------------- */

/* Whether nothing in it needs Cloche: no interpreter, no budget, no bound on executions. */
bool chat_request_is_plain(const json_t *root);

struct chat_request {
    struct response_request as; /* what Responses would have been asked */
    json_t *tools;              /* the tools in Responses' words, from which `as` borrows */
    json_t *extra;              /* run_spec.extra, or NULL */
    bool usage;                 /* stream_options.include_usage */
};
/* Takes `root`. What only some wires can say is refused for the others, which is why it wants the route. 0,
 * or negative with `e` filled; deinit in both cases. */
int chat_request_read(
    json_t *root, const struct model_route *route, struct chat_request *ret, struct error *e);
void chat_request_deinit(struct chat_request *r);

/* `response_format` as Responses' text.format, a new reference; NULL for plain text. */
json_t *chat_format_read(struct json_in *in);

/* ---- messages.c, tools.c: what is wrong stays in `in` ------------------------------------------------------ */

/* Reads on within a member, called `prefix` in messages, as long as nothing was wrong. */
void chat_sub_begin(
    struct json_in *sub, const struct json_in *outer, json_t *object, const char *prefix);
void chat_sub_end(struct json_in *sub, struct json_in *outer);

/* Reads "messages" into kept items, their bytes beside them. */
void chat_messages_read(struct json_in *in, unsigned flags, struct input_items *ret);
/* Reads "tools" and "tool_choice". *ret_words keeps what `ret` borrows from. */
void chat_tools_read(struct json_in *in, struct response_tools *ret, json_t **ret_words);

/* ---- pass.c ------------------------------------------------------------------------------------------------ */

/* Answers with what upstream answers to the same request. Borrows `root`. */
void chat_pass(struct http_exchange *x, const struct model_route *route, json_t *root);
/* An error in the middle of a stream, as OpenAI's clients read it; the stream goes on without [DONE]. */
void chat_stream_error(struct http_exchange *x, const struct error *e);
