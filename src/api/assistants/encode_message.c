/* Messages: what code displayed since the last one comes first, then text and what it cites. */
#include <string.h>
#include <strings.h>

#include "api/assistants/encode_internal.h"
#include "api/json_in.h"

static json_t *message_of(struct run_encoder *enc, const struct shown_item *item)
{
    return json_array_get(enc->messages, item->message);
}

static json_t *content_of(struct run_encoder *enc, const struct shown_item *item)
{
    return json_object_get(message_of(enc, item), "content");
}

/* Sends a change of one part; `part` is taken. */
static void delta(
    struct run_encoder *enc, const struct shown_item *item, size_t index, json_t *part)
{
    json_object_set_new(part, "index", json_integer((json_int_t)index));
    encoder_tell_new(enc, "thread.message.delta",
        json_pack("{s:O,s:s,s:{s:[o]}}", "id", json_object_get(message_of(enc, item), "id"),
            "object", "thread.message.delta", "delta", "content", part));
}

static void add_image(struct run_encoder *enc, const struct shown_item *item, json_t *id)
{
    json_t *content = content_of(enc, item);
    json_t *part = json_pack("{s:s,s:{s:O}}", "type", "image_file", "image_file", "file_id", id);
    json_array_append(content, part);
    delta(enc, item, json_array_size(content) - 1, json_deep_copy(part));
    json_decref(part);
}

void message_begin(struct run_encoder *enc, struct shown_item *item, const json_t *e, unsigned turn)
{
    json_t *id = json_object_get(e, "id"), *figure;
    json_int_t at = json_integer_value(json_object_get(e, "at"));
    size_t i;
    long step = step_begin(enc, "message_creation",
        json_pack(
            "{s:s,s:{s:O?}}", "type", "message_creation", "message_creation", "message_id", id),
        turn, at);
    json_t *message = json_pack("{s:O?,s:s,s:I,s:s,s:s,s:n,s:n,s:n,s:s,s:[],s:O?,s:s,s:[],s:{}}",
        "id", id, "object", "thread.message", "created_at", at, "thread_id", enc->base.thread_id,
        "status", "in_progress", "incomplete_details", "completed_at", "incomplete_at", "role",
        "assistant", "content", "assistant_id", json_object_get(enc->base.fixed, "assistant_id"),
        "run_id", enc->base.id, "attachments", "metadata");
    item->step = step < 0 ? 0 : (size_t)step;
    item->message = json_array_size(enc->messages);
    json_array_append(enc->messages, message);
    encoder_tell(enc, "thread.message.created", message);
    encoder_tell(enc, "thread.message.in_progress", message);
    json_decref(message);
    json_array_foreach (enc->figures, i, figure)
        add_image(enc, item, figure);
    json_array_clear(enc->figures);
}

/* The part that text goes to, made when there is none. */
static size_t part_for(struct run_encoder *enc, struct shown_item *item, bool refusal)
{
    size_t *part = refusal ? &item->refusal_part : &item->text_part;
    json_t *content = content_of(enc, item);
    if (*part != NO_PART)
        return *part;
    *part = json_array_size(content);
    json_array_append_new(content,
        refusal
            ? json_pack("{s:s,s:s}", "type", "refusal", "refusal", "")
            : json_pack("{s:s,s:{s:s,s:[]}}", "type", "text", "text", "value", "", "annotations"));
    return *part;
}

void message_delta(
    struct run_encoder *enc, struct shown_item *item, bool refusal, const char *text, size_t n)
{
    bool first = (refusal ? item->refusal_part : item->text_part) == NO_PART;
    size_t part = part_for(enc, item, refusal);
    strbuf_append(refusal ? &item->refusal : &item->text, text, n);
    if (refusal)
        delta(enc, item, part, json_pack("{s:s,s:s%}", "type", "refusal", "refusal", text, n));
    else if (first)
        delta(enc, item, part,
            json_pack(
                "{s:s,s:{s:s%,s:[]}}", "type", "text", "text", "value", text, n, "annotations"));
    else
        delta(
            enc, item, part, json_pack("{s:s,s:{s:s%}}", "type", "text", "text", "value", text, n));
}

void message_keep(struct run_encoder *enc, struct shown_item *item)
{
    json_t *content = content_of(enc, item);
    if (item->text_part != NO_PART)
        json_object_set_new(json_object_get(json_array_get(content, item->text_part), "text"),
            "value", json_stringn(strbuf_text(&item->text), item->text.length));
    if (item->refusal_part != NO_PART)
        json_object_set_new(json_array_get(content, item->refusal_part), "refusal",
            json_stringn(strbuf_text(&item->refusal), item->refusal.length));
}

/* ---- what the text cites ---- */

/* Where the n-th code point begins. */
static size_t offset_of(const char *text, size_t length, size_t n)
{
    size_t i = 0;
    for (; i < length; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80 && n-- == 0)
            break;
    return i;
}

static void attach(struct run_encoder *enc, const struct shown_item *item, json_t *id)
{
    json_t *attachments = json_object_get(message_of(enc, item), "attachments"), *known;
    size_t i;
    json_array_foreach (attachments, i, known)
        if (json_equal(json_object_get(known, "file_id"), id))
            return;
    json_array_append_new(attachments,
        json_pack("{s:O,s:[{s:s}]}", "file_id", id, "tools", "type", "code_interpreter"));
}

static void cite(struct run_encoder *enc, const struct shown_item *item, const json_t *a)
{
    json_t *text = json_object_get(json_array_get(content_of(enc, item), item->text_part), "text");
    json_t *annotations = json_object_get(text, "annotations"),
           *id = json_object_get(a, "published");
    json_int_t start = json_integer_value(json_object_get(a, "start")),
               end = json_integer_value(json_object_get(a, "end"));
    const json_t *value = json_object_get(text, "value");
    const char *words = json_string_value(value);
    size_t length = json_string_length(value);
    if (!id || end <= start) /* a figure: it is shown, not cited */
        return;
    size_t from = offset_of(words, length, (size_t)start),
           to = offset_of(words, length, (size_t)end);
    json_t *one = json_pack("{s:s,s:s%,s:I,s:I,s:{s:O}}", "type", "file_path", "text", words + from,
        to - from, "start_index", start, "end_index", end, "file_path", "file_id", id);
    json_t *sent = json_deep_copy(one);
    json_object_set_new(sent, "index", json_integer((json_int_t)json_array_size(annotations)));
    json_array_append_new(annotations, one);
    attach(enc, item, id);
    delta(enc, item, item->text_part,
        json_pack("{s:s,s:{s:[o]}}", "type", "text", "text", "annotations", sent));
}

static bool is_picture(const json_t *a)
{
    static const char *const ends[] = {".png", ".jpg", ".jpeg", ".gif", ".webp"};
    const char *name = json_text(a, "filename"), *dot = name ? strrchr(name, '.') : NULL;
    for (size_t i = 0; dot && i < sizeof ends / sizeof *ends; i++)
        if (strcasecmp(dot, ends[i]) == 0)
            return true;
    return false;
}

static bool shows(const json_t *content, const json_t *id)
{
    const json_t *part;
    size_t i;
    json_array_foreach (content, i, part)
        if (json_equal(json_object_get(json_object_get(part, "image_file"), "file_id"), id))
            return true;
    return false;
}

/* A picture that code saved and the answer speaks of is shown, too, if code displayed none. */
static void show_pictures(
    struct run_encoder *enc, const struct shown_item *item, const json_t *annotations)
{
    const json_t *a;
    size_t i;
    if (item->text_part != 0)
        return;
    json_array_foreach (annotations, i, a) {
        json_t *id = json_object_get(a, "published");
        if (id && is_picture(a) && !shows(content_of(enc, item), id))
            add_image(enc, item, id);
    }
}

/* ---- ends ---- */

static void tell_end(
    struct run_encoder *enc, const struct shown_item *item, const char *reason, int64_t at)
{
    json_t *message = message_of(enc, item);
    json_object_set_new(message, "status", json_string(reason ? "incomplete" : "completed"));
    json_object_set_new(message, reason ? "incomplete_at" : "completed_at", json_integer(at));
    if (reason)
        json_object_set_new(message, "incomplete_details", json_pack("{s:s}", "reason", reason));
    encoder_tell(enc, reason ? "thread.message.incomplete" : "thread.message.completed", message);
}

void message_end(struct run_encoder *enc, struct shown_item *item, const json_t *e)
{
    json_t *text = json_object_get(e, "text"), *refusal = json_object_get(e, "refusal"), *a;
    const json_t *annotations = json_object_get(e, "annotations");
    const char *status = json_text(e, "status");
    int64_t at = json_integer_value(json_object_get(e, "at"));
    size_t i;
    if (item->text_part == NO_PART && item->refusal_part == NO_PART)
        message_delta(enc, item, false, "", 0); /* clients look for a part */
    if (json_is_string(text) && item->text_part != NO_PART) {
        strbuf_clear(&item->text);
        strbuf_append(&item->text, json_string_value(text), json_string_length(text));
    }
    if (json_is_string(refusal) && item->refusal_part != NO_PART) {
        strbuf_clear(&item->refusal);
        strbuf_append(&item->refusal, json_string_value(refusal), json_string_length(refusal));
    }
    message_keep(enc, item);
    if (item->text_part != NO_PART) {
        json_array_foreach (annotations, i, a)
            cite(enc, item, a);
        show_pictures(enc, item, annotations);
    }
    item->interrupted = status && strcmp(status, "incomplete") == 0;
    if (item->interrupted)
        return; /* the run's end says why */
    tell_end(enc, item, NULL, at);
    step_end(enc, item->step, "completed", at, NULL);
}

void message_abandon(
    struct run_encoder *enc, struct shown_item *item, const char *reason, int64_t at)
{
    if (item->text_part == NO_PART && item->refusal_part == NO_PART)
        message_delta(enc, item, false, "", 0);
    message_keep(enc, item);
    tell_end(enc, item, reason, at);
}
