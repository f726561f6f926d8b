/* page.h - the page that a browser gets: one document and what it loads, built from page/ and embedded in the
 * program (page_assets, made by tools/page). It serves bytes and nothing else: what the page shows it
 * asks of the same API as everybody. Server only. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "http/http.h"

extern const struct http_route page_routes[];
extern const size_t page_route_count;

/* One file of the page, as it goes over the wire. */
struct page_asset {
    const char *name; /* with its content's hash in it; "" is the document */
    const char *media_type;
    const char *etag; /* with its quotes */
    bool gzip;        /* the bytes are compressed */
    const unsigned char *data, *end;
};
/* Made by page/build.mjs. */
extern const struct page_asset page_assets[];
extern const size_t page_asset_count;

/* Answers with one of the documents that show /openapi.json: "docs" or "redoc". */
void page_respond_document(struct http_exchange *x, const char *name);
/* Answers with the document. */
void page_respond(struct http_exchange *x);
