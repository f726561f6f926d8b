#include "api/openapi/openapi.h"

#include "api/page/page.h"

static void document(struct http_exchange *x)
{
    http_set_header(x, "cache-control", "no-cache");
    http_respond(x, 200, "application/json", openapi_document, openapi_document_length);
}

static void swagger(struct http_exchange *x) { page_respond_document(x, "docs"); }

static void redoc(struct http_exchange *x) { page_respond_document(x, "redoc"); }

const struct http_route openapi_routes[] = {
    {"GET", "/openapi.json", document, 0, 0},
    {"GET", "/docs", swagger, 0, 0},
    {"GET", "/redoc", redoc, 0, 0},
};
const size_t openapi_route_count = sizeof openapi_routes / sizeof *openapi_routes;
