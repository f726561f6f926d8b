/* webhooks.h - /v1/webhooks: who wants to hear that runs have ended, and what became of it. Server only. */
#pragma once
#include "http/http.h"

extern const struct http_route webhooks_routes[];
extern const size_t webhooks_route_count;
