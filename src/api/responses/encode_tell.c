#include "api/api.h"
#include "api/responses/encode_internal.h"

/* Begins {"type","sequence_number"; the caller goes on with fields and calls send. */
struct json_writer tell_begin(struct response_encoder *enc, const char *type)
{
    strbuf_clear(&enc->out);
    struct json_writer w = JSON_WRITER(&enc->out);
    jw_begin_object(&w);
    jw_field_string(&w, "type", type);
    jw_field_uint(&w, "sequence_number", enc->sequence);
    return w;
}

void tell_end(struct response_encoder *enc, struct json_writer *w, const char *type)
{
    jw_end(w);
    if (enc->sink && !enc->sink_done)
        enc->sink_done = enc->out.failed || enc->sink(enc->context, type, enc->sequence,
                                                enc->out.data, enc->out.length) != 0;
    enc->sequence++;
}

/* An event about an item begins with whose it is. */
struct json_writer tell_begin_item(struct response_encoder *enc, size_t i, const char *type)
{
    struct json_writer w = tell_begin(enc, type);
    jw_field_uint(&w, "output_index", i);
    jw_field_string(&w, "item_id", json_text(json_array_get(enc->items, i), "id"));
    return w;
}

void tell_item(struct response_encoder *enc, size_t i, const char *type)
{
    struct json_writer w = tell_begin(enc, type);
    jw_field_uint(&w, "output_index", i);
    jw_key(&w, "item");
    item_write(&w, json_array_get(enc->items, i), &enc->base.view);
    tell_end(enc, &w, type);
}

void tell_plain(struct response_encoder *enc, size_t i, const char *type)
{
    struct json_writer w = tell_begin_item(enc, i, type);
    tell_end(enc, &w, type);
}

void tell_text(struct response_encoder *enc, struct json_writer *w, const char *type,
    const char *key, const char *text, size_t n)
{
    jw_field_bytes(w, key, text, n);
    tell_end(enc, w, type);
}

void tell_response(struct response_encoder *enc, const char *type)
{
    struct json_writer w = tell_begin(enc, type);
    jw_key(&w, "response");
    response_encoder_object(enc, &w);
    tell_end(enc, &w, type);
}
