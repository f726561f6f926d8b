#include <string.h>

#include "api/responses/encode_internal.h"
#include "base/error.h"

static const char *const status_names[] = {
    [RESPONSE_QUEUED] = "queued",
    [RESPONSE_IN_PROGRESS] = "in_progress",
    [RESPONSE_COMPLETED] = "completed",
    [RESPONSE_INCOMPLETE] = "incomplete",
    [RESPONSE_FAILED] = "failed",
    [RESPONSE_CANCELLED] = "cancelled",
};

static int64_t count(const json_t *usage, const char *key)
{
    return json_integer_value(json_object_get(usage, key));
}

static bool final(const struct response_encoder *enc) { return enc->status >= RESPONSE_COMPLETED; }

static void write_usage(struct json_writer *w, const struct response_encoder *enc)
{
    const json_t *u = enc->usage;
    if (!final(enc) || (!u && enc->status != RESPONSE_COMPLETED)) {
        jw_field_null(w, "usage");
        return;
    }
    jw_field_object(w, "usage");
    jw_field_int(w, "input_tokens", count(u, "input_tokens"));
    jw_field_object(w, "input_tokens_details");
    jw_field_int(w, "cache_write_tokens", count(u, "cache_write_tokens"));
    jw_field_int(w, "cached_tokens", count(u, "cached_tokens"));
    jw_end(w);
    jw_field_int(w, "output_tokens", count(u, "output_tokens"));
    jw_field_object(w, "output_tokens_details");
    jw_field_int(w, "reasoning_tokens", count(u, "reasoning_tokens"));
    jw_end(w);
    jw_field_int(w, "total_tokens", count(u, "input_tokens") + count(u, "output_tokens"));
    jw_end(w);
}

/* OpenAI's enumeration has few words, and typed clients know no others: the nearest one, and ours as
 * `type`. A budget is a word of ours that only those meet who asked for one. */
const char *response_error_code(const char *ours)
{
    enum error_code code = error_code_find(ours);
    if (code == ERROR_BUDGET_EXCEEDED)
        return ours;
    if (error_http_status(code) == 429)
        return "rate_limit_exceeded";
    return error_http_status(code) < 500 ? "invalid_prompt" : "server_error";
}

static void write_error(struct json_writer *w, const struct response_encoder *enc)
{
    if (enc->status != RESPONSE_FAILED) {
        jw_field_null(w, "error");
        return;
    }
    const char *code = json_string_value(json_object_get(enc->error, "code"));
    jw_field_object(w, "error");
    jw_field_string(w, "code", response_error_code(code));
    jw_field_string(w, "message", json_string_value(json_object_get(enc->error, "message")));
    jw_field_string(w, "type", code);
    jw_field_null(w, "param");
    jw_end(w);
}

static void write_output(struct json_writer *w, const struct response_encoder *enc)
{
    const json_t *item;
    size_t i;
    jw_field_array(w, "output");
    json_array_foreach (enc->items, i, item)
        item_write(w, item, &enc->base.view);
    jw_end(w);
}

void response_encoder_cloche(const struct response_encoder *enc, struct json_writer *w)
{
    const char *key;
    json_t *value;
    jw_field_object(w, "cloche");
    if (!enc->cloche) {
        jw_field_null(w, "cost");
        jw_field_string(w, "currency", "usd");
        jw_field_object(w, "masked");
        jw_end(w);
    }
    json_object_foreach (enc->cloche, key, value)
        jw_field_json(w, key, value);
    if (json_array_size(enc->notices) > 0)
        jw_field_json(w, "notices", enc->notices);
    jw_end(w);
}

void response_encoder_object(struct response_encoder *enc, struct json_writer *w)
{
    const char *key;
    json_t *value;
    encoder_keep_text(enc);
    jw_begin_object(w);
    jw_field_string(w, "id", enc->base.id);
    jw_field_string(w, "object", "response");
    jw_field_int(w, "created_at", enc->base.created_at);
    jw_field_string(w, "status", status_names[enc->status]);
    if (enc->status == RESPONSE_COMPLETED)
        jw_field_int(w, "completed_at", enc->completed_at);
    else
        jw_field_null(w, "completed_at");
    write_error(w, enc);
    if (enc->incomplete) {
        jw_field_object(w, "incomplete_details");
        jw_field_string(w, "reason", enc->incomplete);
        jw_end(w);
    } else {
        jw_field_null(w, "incomplete_details");
    }
    write_output(w, enc);
    write_usage(w, enc);
    const char *tier = json_string_value(json_object_get(enc->base.echo, "service_tier"));
    jw_field_string(w, "service_tier", final(enc) || !tier ? "default" : tier);
    json_object_foreach ((json_t *)enc->base.echo, key, value) {
        if (strcmp(key, "service_tier") == 0)
            continue;
        if (json_is_real(value))
            jw_field_double(w, key, json_real_value(value));
        else
            jw_field_json(w, key, value);
    }
    response_encoder_cloche(enc, w);
    jw_end(w);
}
