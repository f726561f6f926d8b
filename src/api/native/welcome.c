/* What `/` says: one page for people, one object for programs. The page is a single document without
 * scripts; its style is allowed by its hash, so that nothing else that finds a way in would be. */
#include "api/native/native.h"

#include <sodium.h>
#include <string.h>

#include "env/environment.h"

/* ---- health ------------------------------------------------------------------------------------------ */

static void respond_status(struct http_exchange *x, const char *status, const char *pools)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(4096);
    struct json_writer w = JSON_WRITER(&text);
    jw_begin_object(&w);
    jw_field_string(&w, "status", status);
    jw_field_string(&w, "version", api_of(x)->version);
    if (pools)
        jw_field_string(&w, "pools", pools);
    jw_end(&w);
    http_respond_json(x, 200, &text);
}

void healthz(struct http_exchange *x) { respond_status(x, "ok", NULL); }

void readyz(struct http_exchange *x)
{
    char why[200] = "";
    if (sessions_ready(api_of(x)->sessions, why, sizeof why))
        respond_status(x, "ready", sessions_pools_full(api_of(x)->sessions) ? "full" : "filling");
    else
        http_fail(x, ERROR_UNAVAILABLE, NULL, "%s", why);
}

/* ---- the icon: a bell jar over a seedling ---------------------------------------------------------------- */

static const char icon[] =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 64 64\" fill=\"none\" "
    "stroke-linecap=\"round\">"
    "<path d=\"M12 54V30a20 20 0 0 1 40 0v24\" stroke=\"#7aa7c7\" stroke-width=\"4\" "
    "fill=\"#7aa7c722\"/>"
    "<circle cx=\"32\" cy=\"6\" r=\"3\" stroke=\"#7aa7c7\" stroke-width=\"3\"/>"
    "<path d=\"M6 56h52\" stroke=\"#8a6d4b\" stroke-width=\"5\"/>"
    "<path d=\"M32 54V36\" stroke=\"#3f8f4f\" stroke-width=\"4\"/>"
    "<path d=\"M32 40c-9 0-11-6-11-10 7 0 11 3 11 10zM32 36c8 0 10-5 10-9-6 0-10 3-10 9z\" "
    "fill=\"#4caf5f\"/></svg>";

void welcome_icon(struct http_exchange *x)
{
    http_set_header(x, "cache-control", "public, max-age=86400");
    http_respond(x, 200, "image/svg+xml", icon, sizeof icon - 1);
}

/* ---- the page ---------------------------------------------------------------------------------------------- */

static const char style[] =
    ":root{--paper:#fbfaf6;--ink:#22302a;--soft:#5d6b63;--line:#dcdfd6;--leaf:#2f7d43;--code:#"
    "f1f2ea}"
    "@media(prefers-color-scheme:dark){:root{--paper:#151a17;--ink:#e2e8e2;--soft:#98a59c;--line:#"
    "2c352f;"
    "--leaf:#7fcf90;--code:#1d2420}}"
    "*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);"
    "font:16px/1.6 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}"
    "main{max-width:46rem;margin:0 auto;padding:3rem 1.25rem 4rem}"
    "header{display:flex;gap:1.1rem;align-items:center;margin-bottom:1.5rem}header "
    "img{width:64px;height:64px}"
    "h1{margin:0;font-size:1.9rem;line-height:1.2}h2{font-size:1.1rem;margin:2.4rem 0 .6rem}"
    "p{margin:.5rem 0}.soft{color:var(--soft)}a{color:var(--leaf)}"
    "pre{background:var(--code);border:1px solid var(--line);border-radius:8px;padding:.9rem "
    "1rem;overflow-x:auto;"
    "font:13.5px/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;margin:.5rem 0}"
    "code{font:.92em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0}"
    "th,td{text-align:left;padding:.45rem .8rem .45rem 0;border-bottom:1px solid "
    "var(--line);vertical-align:top}"
    "th{font-weight:600;color:var(--soft);font-size:.88rem}.scroll{overflow-x:auto}"
    ".state{display:inline-block;padding:.1rem .7rem;border-radius:1rem;border:1px solid "
    "var(--leaf);color:var(--leaf);"
    "font-size:.88rem}.wait{border-color:#b7791f;color:#b7791f}"
    "footer{margin-top:3rem;border-top:1px solid var(--line);padding-top:1rem;font-size:.92rem}";

static const char page_top[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
    "<title>Cloche</title><link rel=\"icon\" href=\"/favicon.svg\" type=\"image/svg+xml\"><style>";

static const char page_routes[] =
    "<h2>What there is</h2><div class=\"scroll\"><table><tr><th>Request</th><th>Does</th></tr>"
    "<tr><td><code>POST /v1/execute</code></td><td>runs code in a fresh sandbox, gives back "
    "output, plots and files</td></tr>"
    "<tr><td><code>POST /v1/containers</code></td><td>makes a session: variables and files stay "
    "between executions</td></tr>"
    "<tr><td><code>POST /v1/containers/ID/execute</code></td><td>runs code in it; "
    "<code>\"stream\": true</code> sends events</td></tr>"
    "<tr><td><code>POST /v1/containers/ID/files</code></td><td>uploads a file to "
    "<code>/mnt/data</code></td></tr>"
    "<tr><td><code>GET /v1/containers/ID/archive</code></td><td>everything in "
    "<code>/mnt/data</code> as a zip</td></tr>"
    "<tr><td><code>POST /v1/files</code></td><td>keeps a file beyond any session</td></tr>"
    "<tr><td><code>GET /v1/environments</code></td><td>lists environments and their "
    "packages</td></tr></table></div>"
    "<p>Containers and Files are OpenAI's APIs: their SDKs work with <code>base_url</code> set to "
    "this address.</p>"
    "<footer class=\"soft\"><a href=\"/healthz\">/healthz</a> &middot; <a "
    "href=\"/readyz\">/readyz</a> &middot; "
    "<a href=\"/v1/environments\">/v1/environments</a> &middot; <a "
    "href=\"/v1/containers\">/v1/containers</a> &middot; "
    "<code>cloche --help</code> &middot; <code>cloche "
    "doctor</code></footer></main></body></html>\n";

static void put_escaped(struct strbuf *b, const char *text)
{
    for (const char *p = text; *p; p++)
        switch (*p) {
        case '&': strbuf_puts(b, "&amp;"); break;
        case '<': strbuf_puts(b, "&lt;"); break;
        case '>': strbuf_puts(b, "&gt;"); break;
        case '"': strbuf_puts(b, "&quot;"); break;
        default: strbuf_append(b, p, 1);
        }
}

static void put_environments(struct http_exchange *x, struct strbuf *b)
{
    struct api *api = api_of(x);
    struct environment *list = NULL;
    size_t n = 0;
    if (environment_list(api->environments_dir, &list, &n) < 0)
        return;
    strbuf_puts(b,
        "<h2>Environments</h2><div class=\"scroll\"><table><tr><th>Name</th><th>Python</th>"
        "<th>Packages</th></tr>");
    for (size_t i = 0; i < n; i++) {
        if (!environment_visible(&list[i], access_project(x)))
            continue;
        strbuf_puts(b, "<tr><td><code>");
        put_escaped(b, list[i].name);
        strbuf_puts(b, strcmp(list[i].name, api->default_environment) == 0
                           ? "</code> (default)</td><td>"
                           : "</code></td><td>");
        put_escaped(b, list[i].python_version[0] ? list[i].python_version : "the system's");
        if (json_object_size(list[i].packages))
            strbuf_printf(b, "</td><td>%zu</td></tr>", json_object_size(list[i].packages));
        else
            strbuf_puts(b, "</td><td>Python's own library and IPython</td></tr>");
    }
    strbuf_puts(b, "</table></div>");
    environment_list_free(list, n);
}

static void put_curl(
    struct http_exchange *x, struct strbuf *b, bool keyed, const char *path, const char *body)
{
    const char *host = http_header(x, "host");
    strbuf_puts(b, "<pre>curl http://");
    put_escaped(b, host ? host : "localhost:8000");
    put_escaped(b, path);
    strbuf_puts(b, " \\\n  -H 'content-type: application/json' \\\n");
    if (keyed)
        strbuf_puts(b, "  -H 'authorization: Bearer YOUR_KEY' \\\n");
    strbuf_puts(b, "  -d '");
    put_escaped(b, body);
    strbuf_puts(b, "'</pre>");
}

static void respond_page(struct http_exchange *x)
{
    struct api *api = api_of(x);
    cleanup_strbuf struct strbuf b = STRBUF_INIT(1 << 20);
    unsigned char hash[crypto_hash_sha256_BYTES];
    char hash_text[64], policy[256], why[200] = "";
    bool ready = sessions_ready(api->sessions, why, sizeof why);
    bool keyed = store_keys_exist(api->store) != 0;
    strbuf_puts(&b, page_top);
    strbuf_puts(&b, style);
    strbuf_puts(&b,
        "</style></head><body><main><header><img src=\"/favicon.svg\" alt=\"\"><div><h1>Cloche</h1>"
        "<p class=\"soft\">A code interpreter under glass, version ");
    put_escaped(&b, api->version);
    strbuf_puts(&b, "</p></div></header><p><span class=\"state");
    strbuf_puts(
        &b, ready ? "\">ready</span></p>" : " wait\">warming up</span> <span class=\"soft\">");
    if (!ready) {
        put_escaped(&b, why);
        strbuf_puts(&b, "</span></p>");
    }
    strbuf_puts(&b, "<p>This server runs Python for people and language models: each session in a "
                    "sandbox of its "
                    "own, with its variables, files and plots.</p><h2>Try it</h2>");
    put_curl(x, &b, keyed, "/v1/execute", "{\"code\": \"print(6 * 7)\"}");
    strbuf_puts(&b, "<p>A session remembers. Make one, then run code in it by the <code>id</code> "
                    "you get:</p>");
    put_curl(x, &b, keyed, "/v1/containers", "{\"name\": \"first\"}");
    put_curl(x, &b, keyed, "/v1/containers/ID/execute", "{\"code\": \"x = 20\"}");
    if (keyed)
        strbuf_puts(&b, "<p class=\"soft\">This server wants a key: <code>cloche key create --name "
                        "NAME</code> makes one.</p>");
    if (access_granted(x))
        put_environments(x, &b);
    strbuf_puts(&b, page_routes);
    crypto_hash_sha256(hash, (const unsigned char *)style, sizeof style - 1);
    sodium_bin2base64(
        hash_text, sizeof hash_text, hash, sizeof hash, sodium_base64_VARIANT_ORIGINAL);
    snprintf(policy, sizeof policy,
        "default-src 'none'; style-src 'sha256-%s'; img-src 'self'; base-uri 'none'; form-action "
        "'none'; "
        "frame-ancestors 'none'",
        hash_text);
    http_set_header(x, "content-security-policy", policy);
    http_set_header(x, "referrer-policy", "no-referrer");
    http_set_header(x, "vary", "accept");
    http_respond(x, 200, "text/html; charset=utf-8", strbuf_text(&b), b.length);
}

/* ---- the object --------------------------------------------------------------------------------------------- */

static void respond_object(struct http_exchange *x)
{
    struct api *api = api_of(x);
    cleanup_strbuf struct strbuf text = STRBUF_INIT(1 << 20);
    struct json_writer w = JSON_WRITER(&text);
    struct environment *list = NULL;
    char why[200];
    size_t n = 0;
    if (environment_list(api->environments_dir, &list, &n) < 0)
        n = 0;
    jw_begin_object(&w);
    jw_field_string(&w, "message", "OpenAI Code Interpreter Explorer API");
    jw_field_string(&w, "name", "cloche");
    jw_field_string(&w, "version", api->version);
    jw_field_string(
        &w, "status", sessions_ready(api->sessions, why, sizeof why) ? "ready" : "warming_up");
    jw_field_string(&w, "default_environment", api->default_environment);
    jw_field_array(&w, "environments");
    for (size_t i = 0; i < n; i++)
        if (environment_visible(&list[i], access_project(x)))
            jw_text(&w, list[i].name);
    jw_end(&w);
    jw_field_array(&w, "endpoints");
    for (size_t i = 0; i < native_route_count; i++) {
        jw_string_begin(&w);
        jw_string_piece(&w, native_routes[i].method, strlen(native_routes[i].method));
        jw_string_piece(&w, " ", 1);
        jw_string_piece(&w, native_routes[i].pattern, strlen(native_routes[i].pattern));
        jw_string_end(&w);
    }
    jw_end(&w);
    jw_end(&w);
    environment_list_free(list, n);
    http_set_header(x, "vary", "accept");
    http_respond_json(x, 200, &text);
}

void welcome(struct http_exchange *x)
{
    const char *accept = http_header(x, "accept");
    if (accept && strstr(accept, "text/html"))
        respond_page(x);
    else if (access_require(x) == 0)
        respond_object(x);
}
