#include "api/models.h"

#include <string.h>

#include "api/api.h"
#include "api/json_in.h"
#include "base/fd.h"
#include "provider/provider.h"

static void write_json(struct json_writer *w, const json_t *value)
{
    cleanup_free char *text = json_dumps(value, JSON_COMPACT);
    jw_raw(w, text ? text : "null", text ? strlen(text) : 4);
}

void models_list(struct http_exchange *x)
{
    cleanup_json json_t *models = NULL;
    struct error e = {0};
    if (providers_models(api_of(x)->providers, &models, &e) < 0) {
        http_error(x, &e);
        return;
    }
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jw_begin_object(&w);
    jw_field_string(&w, "object", "list");
    jw_key(&w, "data");
    write_json(&w, models);
    jw_end(&w);
    http_respond_json(x, 200, &text);
}

void models_get(struct http_exchange *x)
{
    cleanup_json json_t *models = NULL;
    const char *id = http_param(x, "model");
    const json_t *model;
    struct error e = {0};
    char brief[72];
    size_t i;
    if (providers_models(api_of(x)->providers, &models, &e) < 0) {
        http_error(x, &e);
        return;
    }
    json_array_foreach (models, i, model) {
        if (strcmp(json_string_value(json_object_get(model, "id")), id) != 0)
            continue;
        cleanup_strbuf struct strbuf text = STRBUF_INIT(1 << 20);
        struct json_writer w = JSON_WRITER(&text);
        write_json(&w, model);
        http_respond_json(x, 200, &text);
        return;
    }
    http_fail(
        x, ERROR_UNKNOWN_MODEL, "model", "The model '%s' does not exist", json_in_brief(brief, id));
}

const struct http_route models_routes[] = {
    {"GET", "/v1/models", models_list, 0, 0},
    {"GET", "/v1/models/{model*}", models_get, 0, 0},
};
const size_t models_route_count = sizeof models_routes / sizeof *models_routes;
