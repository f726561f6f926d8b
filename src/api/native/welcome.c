/* What `/` says: the page for people, one object for programs. */
#include <string.h>

#include "api/native/native.h"
#include "api/page/page.h"
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
    for (size_t i = 0; i < api->n_routes; i++) {
        jw_string_begin(&w);
        jw_string_piece(&w, api->routes[i].method, strlen(api->routes[i].method));
        jw_string_piece(&w, " ", 1);
        jw_string_piece(&w, api->routes[i].pattern, strlen(api->routes[i].pattern));
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
        page_respond(x);
    else if (access_require(x) == 0)
        respond_object(x);
}
