/* Files whose names carry the hash of their content never change, so a browser keeps them for good; the document
 * names them and is asked for anew each time, which its ETag makes cheap. */
#include "api/page/page.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Everything the page needs is its own. What it shows of strangers lies in frames that are shut in by their own
 * header, in images, or was cleaned; this policy is what holds if cleaning ever fails. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; frame-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static const struct page_asset *find(const char *name)
{
    for (size_t i = 0; i < page_asset_count; i++)
        if (strcmp(page_assets[i].name, name) == 0)
            return &page_assets[i];
    return NULL;
}

/* Whether the client says that it can undo gzip: a browser always does. */
static bool takes_gzip(struct http_exchange *x)
{
    const char *accept = http_header(x, "accept-encoding");
    if (!accept || strcmp(accept, "*") == 0) /* RFC 9110, section 12.5.3: any will do */
        return true;
    const char *at = strstr(accept, "gzip");
    if (!at)
        return false;
    at += strspn(at + 4, " \t") + 4;
    return strncmp(at, ";q=0", 4) != 0 || at[4] == '.';
}

static void respond(struct http_exchange *x, const struct page_asset *asset)
{
    const char *known = http_header(x, "if-none-match");
    http_set_header(x, "etag", asset->etag);
    http_set_header(x, "vary", *asset->name ? "accept-encoding" : "accept, accept-encoding");
    if (known && strstr(known, asset->etag)) {
        http_respond(x, 304, NULL, NULL, 0);
        return;
    }
    if (asset->gzip && !takes_gzip(x)) {
        http_fail(x, ERROR_INVALID_VALUE, "accept-encoding",
            "The page is kept compressed: ask for it with 'Accept-Encoding: gzip'.");
        return;
    }
    if (asset->gzip)
        http_set_header(x, "content-encoding", "gzip");
    http_respond(x, 200, asset->media_type, asset->data, (size_t)(asset->end - asset->data));
}

void page_respond(struct http_exchange *x)
{
    http_set_header(x, "content-security-policy", policy);
    http_set_header(x, "referrer-policy", "no-referrer");
    http_set_header(x, "cross-origin-opener-policy", "same-origin");
    http_set_header(x, "cache-control", "no-cache");
    respond(x, find(""));
}

/* Swagger UI and Redoc set styles as they go, and Redoc searches in a worker; scripts are ours alone there, too. */
static const char document_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: "
    "blob:; font-src 'self'; connect-src 'self'; worker-src blob:; base-uri 'none'; form-action "
    "'none'; frame-ancestors 'none'";

void page_respond_document(struct http_exchange *x, const char *name)
{
    http_set_header(x, "content-security-policy", document_policy);
    http_set_header(x, "referrer-policy", "no-referrer");
    http_set_header(x, "cross-origin-opener-policy", "same-origin");
    http_set_header(x, "cache-control", "no-cache");
    respond(x, find(name));
}

/* The frame of a picture from elsewhere: no origin, pictures from anywhere, and the one script that the document itself
 * names by its hash, which takes an address from the page alone (page/src/outside.js). The page puts one up only after a
 * reader has asked for that picture; nobody else may. */
static const char picture_policy[] =
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src http: https:; frame-ancestors 'self'";
/* What else is opened on its own is a worker, which needs nothing but its code. */
static const char asset_policy[] = "default-src 'none'; script-src 'self'";

static void page_asset(struct http_exchange *x)
{
    const char *name = http_param(x, "name");
    const struct page_asset *asset = strchr(name, '.') ? find(name) : NULL; /* no documents */
    if (!asset) {
        http_fail(x, ERROR_NOT_FOUND, NULL, "The page has no such file.");
        return;
    }
    bool document = strncmp(asset->media_type, "text/html", 9) == 0;
    http_set_header(x, "content-security-policy", document ? picture_policy : asset_policy);
    http_set_header(x, "referrer-policy", "no-referrer");
    http_set_header(x, "cache-control", "public, max-age=31536000, immutable");
    respond(x, asset);
}

static void page_icon(struct http_exchange *x)
{
    http_set_header(x, "cache-control", "public, max-age=86400");
    respond(x, find("favicon.svg"));
}

const struct http_route page_routes[] = {
    {"GET", "/favicon.ico", page_icon, HTTP_PUBLIC, 0},
    {"GET", "/favicon.svg", page_icon, HTTP_PUBLIC, 0},
    {"GET", "/assets/{name}", page_asset, HTTP_PUBLIC, 0},
};
const size_t page_route_count = sizeof page_routes / sizeof *page_routes;
