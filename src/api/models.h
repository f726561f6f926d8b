/* models.h - GET /v1/models and /v1/models/{model}: which models answer here, in OpenAI's form. Server only. */
#pragma once
#include "http/http.h"

extern const struct http_route models_routes[];
extern const size_t models_route_count;

void models_list(struct http_exchange *x);
void models_get(struct http_exchange *x);
