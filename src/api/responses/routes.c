#include "api/responses/responses.h"

#define RESPONSE "/v1/responses/{response_id}"
#define CONVERSATION "/v1/conversations/{conversation_id}"

const struct http_route responses_routes[] = {
    {"POST", "/v1/responses", responses_create, 0, BODY_MODEL_MAX},
    {"POST", "/v1/responses/input_tokens", responses_input_tokens, 0, BODY_MODEL_MAX},
    {"POST", "/v1/responses/compact", responses_compact, 0, BODY_MODEL_MAX},
    {"GET", RESPONSE, responses_get, 0, 0},
    {"DELETE", RESPONSE, responses_delete, 0, 0},
    {"POST", RESPONSE "/cancel", responses_cancel, 0, 0},
    {"GET", RESPONSE "/input_items", responses_input_items, 0, 0},
    {"GET", RESPONSE "/notebook", responses_notebook, 0, 0},
    {"POST", "/v1/estimate", estimate_post, 0, BODY_MODEL_MAX},

    {"POST", "/v1/conversations", conversations_create, 0, BODY_MODEL_MAX},
    {"GET", "/v1/conversations", conversations_list, 0, 0},
    {"GET", CONVERSATION, conversations_get, 0, 0},
    {"POST", CONVERSATION, conversations_update, 0, 0},
    {"DELETE", CONVERSATION, conversations_delete, 0, 0},
    {"GET", CONVERSATION "/responses", conversation_responses, 0, 0},
    {"POST", CONVERSATION "/items", conversation_items_create, 0, BODY_MODEL_MAX},
    {"GET", CONVERSATION "/items", conversation_items_list, 0, 0},
    {"GET", CONVERSATION "/items/{item_id}", conversation_items_get, 0, 0},
    {"DELETE", CONVERSATION "/items/{item_id}", conversation_items_delete, 0, 0},
};
const size_t responses_route_count = sizeof responses_routes / sizeof *responses_routes;
