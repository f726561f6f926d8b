/* openapi.h - /openapi.json, /docs and /redoc: what this server answers to, for programs and for people. The document
 * is made from the files beside this one when Cloche is built; a test holds it against the table of routes. Server only. */
#pragma once
#include <stddef.h>

#include "http/http.h"

extern const struct http_route openapi_routes[];
extern const size_t openapi_route_count;

extern const char openapi_document[];
extern const size_t openapi_document_length;
