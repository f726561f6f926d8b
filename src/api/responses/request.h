/* request.h - POST /v1/responses as it was asked, decoded and checked in form.
 *
 * Decoding looks at nothing but the body: what the request refers to (conversations, earlier responses,
 * items, containers, Files, models) is looked up afterwards, in plan.h, so that a request that is wrong
 * in itself is refused before one that names something that is not there. Words, codes and the order
 * of the checks are OpenAI's. Server only; internal to src/api/responses, src/api/chat and src/api/assistants. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/responses/items.h"
#include "base/error.h"

enum { TOOL_FILES_MAX = 50 };

/* Text is borrowed from the body. */
struct response_tools {
    bool interpreter;
    bool offered;                /* not left out by tool_choice's allowed_tools */
    const char *container_id;    /* as named, or NULL: auto */
    uint64_t memory_limit_bytes; /* of auto; 0: the default */
    json_t *file_ids;            /* borrowed array of strings, or NULL */
    json_t *functions;           /* provider_request.tools, or NULL */
    json_t *choice;              /* provider_request.tool_choice, or NULL */
    json_t *echo, *choice_echo;  /* as the Response shows them */
};
void response_tools_deinit(struct response_tools *t);
/* Reads "tools" and "tool_choice"; what is wrong stays in `in`. */
void response_tools_read(struct json_in *in, struct response_tools *ret);

struct response_request {
    json_t *root; /* the body */
    const char *model, *instructions, *previous_id, *conversation_id, *reasoning_effort;
    json_t *text_format; /* borrowed, or NULL for plain text */
    bool store, background, stream, parallel_tool_calls;
    bool sample;
    double temperature, top_p, budget;         /* NAN, NAN, 0: not said */
    int64_t max_output_tokens, max_tool_calls; /* 0: not said */
    struct item_view view;                     /* of what was included; no figures */
    struct response_tools tools;
    struct input_items input;
    json_t *echo; /* response_base.echo, but for the model's name */
};
/* Takes `root`. 0, or negative with `e` filled; deinit in both cases. */
int response_request_read(json_t *root, struct response_request *ret, struct error *e);
/* The part of it that POST /v1/responses/input_tokens has: no model or input is needed. */
int response_request_read_count(json_t *root, struct response_request *ret, struct error *e);
void response_request_deinit(struct response_request *r);

/* The bits of `include` named in an array of strings, or in a query's include[]; unknown names fail. */
void include_read(struct json_in *in, struct item_view *view);
int include_add(const char *name, const char *param, struct item_view *view, struct error *e);
