/* Messages: parts of text or of a refusal, and what the text cites. */
#include <string.h>

#include "api/api.h"
#include "api/responses/encode_internal.h"

static struct json_writer part_event(struct response_encoder *enc, size_t i, const char *type)
{
    struct json_writer w = tell_begin_item(enc, i, type);
    jw_field_uint(&w, "content_index", enc->open[i].part);
    return w;
}

static json_t *empty_part(bool refusal)
{
    return refusal ? json_pack("{s:s,s:s}", "type", "refusal", "refusal", "")
                   : json_pack("{s:s,s:s,s:[],s:[]}", "type", "output_text", "text", "",
                         "annotations", "logprobs");
}

json_t *encoder_content(struct response_encoder *enc, size_t i)
{
    return json_object_get(json_array_get(enc->items, i), "content");
}

static void send_part(struct response_encoder *enc, size_t i, const char *type)
{
    struct json_writer w = part_event(enc, i, type);
    jw_field_json(&w, "part", json_array_get(encoder_content(enc, i), enc->open[i].part));
    tell_end(enc, &w, type);
}

static void part_begin(struct response_encoder *enc, size_t i, bool refusal)
{
    struct open_item *o = &enc->open[i];
    json_array_append_new(encoder_content(enc, i), empty_part(refusal));
    o->part_open = true;
    o->refusal = refusal;
    strbuf_clear(&o->text);
    send_part(enc, i, "response.content_part.added");
}

/* Its text is `text`, or, NULL, what came so far. Kept in the item before it is shown. */
static void part_end(
    struct response_encoder *enc, size_t i, const json_t *text, const json_t *annotations)
{
    struct open_item *o = &enc->open[i];
    json_t *part = json_array_get(encoder_content(enc, i), o->part);
    const char *key = o->refusal ? "refusal" : "text",
               *type = o->refusal ? "response.refusal.done" : "response.output_text.done";
    const json_t *annotation;
    size_t n;
    json_object_set_new(part, key,
        text ? json_incref((json_t *)text) : json_stringn(strbuf_text(&o->text), o->text.length));
    json_array_foreach (annotations, n, annotation) {
        static const char added[] = "response.output_text.annotation.added";
        json_array_append(json_object_get(part, "annotations"), (json_t *)annotation);
        struct json_writer w = part_event(enc, i, added);
        jw_field_uint(&w, "annotation_index", n);
        jw_field_json(&w, "annotation", annotation);
        tell_end(enc, &w, added);
    }
    struct json_writer w = part_event(enc, i, type);
    if (!o->refusal) {
        jw_field_array(&w, "logprobs");
        jw_end(&w);
    }
    json_t *kept = json_object_get(part, key);
    tell_text(enc, &w, type, key, json_string_value(kept), json_string_length(kept));
    send_part(enc, i, "response.content_part.done");
    o->part_open = false;
    o->part++;
}

void encoder_message_delta(
    struct response_encoder *enc, size_t i, bool refusal, const char *text, size_t n)
{
    struct open_item *o = &enc->open[i];
    const char *type = refusal ? "response.refusal.delta" : "response.output_text.delta";
    if (o->part_open && o->refusal != refusal)
        part_end(enc, i, NULL, NULL);
    if (!o->part_open)
        part_begin(enc, i, refusal);
    strbuf_append(&o->text, text, n);
    struct json_writer w = part_event(enc, i, type);
    if (!refusal) {
        jw_field_array(&w, "logprobs");
        jw_end(&w);
    }
    tell_text(enc, &w, type, "delta", text, n);
}

/* Our citations as OpenAI's. */
static json_t *citations(const json_t *annotations)
{
    json_t *list = json_array();
    const json_t *a;
    size_t i;
    json_array_foreach (annotations, i, a)
        json_array_append_new(
            list, json_pack("{s:s,s:O?,s:O?,s:O?,s:O?,s:O?}", "type", "container_file_citation",
                      "container_id", json_object_get(a, "container_id"), "file_id",
                      json_object_get(a, "file_id"), "filename", json_object_get(a, "filename"),
                      "start_index", json_object_get(a, "start"), "end_index",
                      json_object_get(a, "end")));
    return list;
}

void encoder_message_done(struct response_encoder *enc, size_t i, const json_t *e)
{
    struct open_item *o = &enc->open[i];
    const json_t *text = json_object_get(e, "text"), *no = json_object_get(e, "refusal");
    bool refusal = json_is_string(no), both = refusal && json_is_string(text);
    const char *status = json_text(e, "status");
    cleanup_json json_t *annotations = citations(json_object_get(e, "annotations"));
    if (o->part_open && o->refusal != refusal && !both)
        part_end(enc, i, NULL, NULL);
    if (!o->part_open)
        part_begin(enc, i, refusal);
    /* of a message that is both, each part has what came of it */
    part_end(enc, i, both ? NULL : refusal ? no : text, o->refusal ? NULL : annotations);
    json_object_set_new(
        json_array_get(enc->items, i), "status", json_string(status ? status : "completed"));
}
