#include "api/webhooks.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "api/access.h"
#include "api/api.h"
#include "api/json_in.h"
#include "base/clock.h"
#include "base/fd.h"
#include "webhook/webhook.h"

enum { URL_MAX = 2048 };
static const char *const event_names[] = {"response.completed", "response.failed",
    "response.incomplete", "response.cancelled", "cloche.analysis.completed", NULL};

/* `secret` is shown once, when it is made. */
static void write_webhook(struct json_writer *w, const struct store_webhook *hook, bool secret)
{
    jw_begin_object(w);
    jw_field_string(w, "id", hook->id);
    jw_field_string(w, "object", "webhook");
    jw_field_int(w, "created_at", hook->created_at);
    jw_field_string(w, "url", hook->url);
    jw_field_raw(w, "events", hook->events, strlen(hook->events));
    if (secret)
        jw_field_string(w, "secret", hook->secret);
    jw_end(w);
}

static void read_events(struct json_in *in, char **ret)
{
    size_t n, i;
    json_t *list = json_in_strings(in, "events", 16, 64, &n), *name;
    if (n == 0 && !json_in_has(in, "events"))
        json_in_fail(
            in, ERROR_MISSING_PARAMETER, "events", "Missing required parameter: 'events'.");
    else if (n == 0)
        json_in_fail(in, ERROR_INVALID_VALUE, "events", "Invalid 'events': it is empty.");
    json_array_foreach (list, i, name) {
        int known = 0;
        while (event_names[known] && strcmp(event_names[known], json_string_value(name)) != 0)
            known++;
        if (!event_names[known]) {
            char brief[72];
            json_in_fail(in, ERROR_INVALID_VALUE, "events",
                "Invalid value: '%s'. Supported values are: 'response.completed', "
                "'response.failed', 'response.incomplete', 'response.cancelled' and "
                "'cloche.analysis.completed'.",
                json_in_brief(brief, json_string_value(name)));
        }
    }
    *ret = list ? json_dumps(list, JSON_COMPACT) : NULL;
}

static void create(struct http_exchange *x)
{
    cleanup_json json_t *root = NULL;
    cleanup_free char *events = NULL;
    char id[ID_SIZE], secret[WEBHOOK_SECRET_SIZE];
    struct json_in in;
    struct error e = {0};
    if (api_body_json(x, &root) < 0)
        return;
    json_in_begin(&in, root, "", JSON_OURS, &e);
    const char *url = json_in_string(&in, "url", JSON_REQUIRED, URL_MAX);
    read_events(&in, &events);
    int r = json_in_end(&in);
    if (r == 0)
        r = webhook_url_check(url, api_of(x)->webhook_private, &e);
    id_new(id, "wh_", 24);
    webhook_secret_new(secret);
    const struct store_webhook hook = {.id = id,
        .project = (char *)access_project(x),
        .url = (char *)url,
        .events = events,
        .secret = secret,
        .created_at = clock_realtime_s()};
    if (r == 0)
        r = store_webhook_insert(api_of(x)->store, &hook, &e);
    if (r < 0) {
        http_error(x, &e);
        return;
    }
    cleanup_strbuf struct strbuf text = STRBUF_INIT(64 * 1024);
    struct json_writer w = JSON_WRITER(&text);
    write_webhook(&w, &hook, true);
    http_respond_json(x, 200, &text);
    sodium_memzero(secret, sizeof secret);
}

/* The webhook of {webhook_id} if it is the caller's. 0; else answered. */
static int find(struct http_exchange *x, struct store_webhook *ret)
{
    const char *id = http_param(x, "webhook_id");
    struct error e = {0};
    char brief[72];
    int r = id_valid(id) ? store_webhook_get(api_of(x)->store, access_project(x), id, ret, &e)
                         : error_set(&e, ERROR_NOT_FOUND, ENOENT, "Not found.");
    if (r < 0 && e.code == ERROR_NOT_FOUND)
        http_fail(
            x, ERROR_NOT_FOUND, NULL, "Webhook with id '%s' not found.", json_in_brief(brief, id));
    else if (r < 0)
        http_error(x, &e);
    return r;
}

static void get(struct http_exchange *x)
{
    struct store_webhook hook;
    if (find(x, &hook) < 0)
        return;
    cleanup_strbuf struct strbuf text = STRBUF_INIT(64 * 1024);
    struct json_writer w = JSON_WRITER(&text);
    write_webhook(&w, &hook, false);
    http_respond_json(x, 200, &text);
    store_webhook_deinit(&hook);
}

static void delete_one(struct http_exchange *x)
{
    struct store_webhook hook;
    struct error e = {0};
    if (find(x, &hook) < 0)
        return;
    if (store_webhook_delete(api_of(x)->store, hook.project, hook.id, &e) < 0)
        http_error(x, &e);
    else
        api_respond_deleted(x, hook.id, "webhook");
    store_webhook_deinit(&hook);
}

static void write_listed(struct json_writer *w, const void *item) { write_webhook(w, item, false); }

static void list(struct http_exchange *x)
{
    struct store_webhooks hooks;
    struct store_page page;
    struct error e = {0};
    if (api_page(x, 20, 100, &page) < 0)
        return;
    if (store_webhook_list(api_of(x)->store, access_project(x), &page, &hooks, &e) < 0) {
        http_error(x, &e);
        return;
    }
    api_respond_rows(x, &(struct api_rows){hooks.items, hooks.count, sizeof *hooks.items,
                            hooks.has_more, write_listed});
    store_webhooks_deinit(&hooks);
}

static void write_delivery(struct json_writer *w, const void *item)
{
    const struct store_delivery *d = item;
    jw_begin_object(w);
    jw_field_string(w, "id", d->id);
    jw_field_string(w, "object", "webhook.delivery");
    jw_field_int(w, "created_at", d->created_at);
    jw_field_string(w, "type", d->type);
    jw_field_raw(w, "event", d->body, strlen(d->body));
    jw_field_string(w, "status", d->status);
    jw_field_int(w, "attempts", d->attempts);
    jw_key(w, "next_attempt_at");
    if (d->next_at > 0)
        jw_int(w, d->next_at);
    else
        jw_null(w);
    jw_key(w, "response_status");
    if (d->http_status > 0)
        jw_int(w, d->http_status);
    else
        jw_null(w);
    jw_field_string(w, "error", d->error);
    jw_end(w);
}

static void deliveries(struct http_exchange *x)
{
    struct store_webhook hook;
    struct store_deliveries found;
    struct store_page page;
    struct error e = {0};
    if (api_page(x, 20, 100, &page) < 0 || find(x, &hook) < 0)
        return;
    int r = store_delivery_list(api_of(x)->store, hook.id, &page, &found, &e);
    store_webhook_deinit(&hook);
    if (r < 0) {
        http_error(x, &e);
        return;
    }
    api_respond_rows(x, &(struct api_rows){found.items, found.count, sizeof *found.items,
                            found.has_more, write_delivery});
    store_deliveries_deinit(&found);
}

const struct http_route webhooks_routes[] = {
    {"POST", "/v1/webhooks", create, 0, 0},
    {"GET", "/v1/webhooks", list, 0, 0},
    {"GET", "/v1/webhooks/{webhook_id}", get, 0, 0},
    {"DELETE", "/v1/webhooks/{webhook_id}", delete_one, 0, 0},
    {"GET", "/v1/webhooks/{webhook_id}/deliveries", deliveries, 0, 0},
};
const size_t webhooks_route_count = sizeof webhooks_routes / sizeof *webhooks_routes;
