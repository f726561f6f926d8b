/* Which event belongs to what, and in which order it is told. */
#include "api/assistants/encode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/assistants/encode_internal.h"
#include "api/json_in.h"

enum { TEXT_MAX = 64 << 20, ITEMS_MAX = 100000 };

void encoder_tell(struct run_encoder *enc, const char *event, json_t *data)
{
    if (enc->sink && !enc->sink_done && !enc->muted)
        enc->sink_done = enc->sink(enc->context, event, data) != 0;
}

void encoder_tell_new(struct run_encoder *enc, const char *event, json_t *data)
{
    encoder_tell(enc, event, data);
    json_decref(data);
}

void run_encoder_mute(struct run_encoder *enc, bool mute) { enc->muted = mute; }

/* ---- items ---- */

static enum item_kind kind_of(const json_t *e)
{
    const char *kind = json_text(e, "kind");
    return !kind                           ? ITEM_NONE
           : strcmp(kind, "message") == 0  ? ITEM_MESSAGE
           : strcmp(kind, "code") == 0     ? ITEM_CODE
           : strcmp(kind, "function") == 0 ? ITEM_FUNCTION
                                           : ITEM_NONE;
}

static int item_started(struct run_encoder *enc, size_t i, const json_t *e, unsigned turn)
{
    if (i != enc->items || i >= ITEMS_MAX)
        return -EINVAL;
    struct shown_item *grown = realloc(enc->item, (i + 1) * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    enc->item = grown;
    struct shown_item *item = &enc->item[enc->items++];
    *item = (struct shown_item){.kind = kind_of(e),
        .text = STRBUF_INIT(TEXT_MAX),
        .refusal = STRBUF_INIT(TEXT_MAX),
        .text_part = NO_PART,
        .refusal_part = NO_PART,
        .logs_output = NO_PART};
    switch (item->kind) {
    case ITEM_MESSAGE: message_begin(enc, item, e, turn); break;
    case ITEM_CODE:
        enc->blocker = (long)i;
        code_begin(enc, item, e, turn);
        break;
    case ITEM_FUNCTION: function_begin(enc, item, e, turn); break;
    case ITEM_NONE: break; /* reasoning is nobody's to see here */
    }
    return 0;
}

static void item_completed(struct run_encoder *enc, size_t i, const json_t *e)
{
    struct shown_item *item = &enc->item[i];
    switch (item->kind) {
    case ITEM_MESSAGE: message_end(enc, item, e); break;
    case ITEM_CODE: code_end(enc, item, e); break;
    case ITEM_FUNCTION: function_end(enc, item, e); break;
    case ITEM_NONE: break;
    }
    item->done = !item->interrupted;
    if (enc->blocker == (long)i)
        enc->blocker = -1;
}

static int item_event(struct run_encoder *enc, size_t i, const json_t *e, unsigned turn)
{
    const char *type = json_text(e, "type");
    const json_t *text = json_object_get(e, "text");
    const char *bytes = json_string_value(text);
    size_t n = json_string_length(text);
    if (strcmp(type, "item.started") == 0)
        return item_started(enc, i, e, turn);
    if (i >= enc->items || enc->item[i].done)
        return -EINVAL;
    struct shown_item *item = &enc->item[i];
    if (strcmp(type, "item.completed") == 0)
        item_completed(enc, i, e);
    else if (strcmp(type, "text.delta") == 0 && item->kind == ITEM_MESSAGE && bytes)
        message_delta(enc, item, false, bytes, n);
    else if (strcmp(type, "refusal.delta") == 0 && item->kind == ITEM_MESSAGE && bytes)
        message_delta(enc, item, true, bytes, n);
    else if (strcmp(type, "code.delta") == 0 && item->kind == ITEM_CODE && bytes)
        code_delta(enc, item, bytes, n);
    else if (strcmp(type, "arguments.delta") == 0 && item->kind == ITEM_FUNCTION && bytes)
        function_delta(enc, item, bytes, n);
    else if (strcmp(type, "code.completed") == 0 && item->kind == ITEM_CODE)
        code_whole(enc, item, e);
    else if (strcmp(type, "execution.output") == 0 && item->kind == ITEM_CODE)
        code_output(enc, item, e);
    else if (strcmp(type, "execution.completed") == 0 && item->kind == ITEM_CODE)
        code_result(enc, item, e);
    return 0;
}

/* ---- order ---- */

static size_t item_of(const json_t *e)
{
    return (size_t)json_integer_value(json_object_get(e, "item"));
}

static bool blocked(const struct run_encoder *enc, size_t i)
{
    return enc->blocker >= 0 && i != (size_t)enc->blocker;
}

/* Tells what has waited, as far as nothing among it blocks the rest. */
static void go_on(struct run_encoder *enc)
{
    json_t *waiting = enc->waiting, *e;
    size_t k;
    if (json_array_size(waiting) == 0 || !(enc->waiting = json_array())) {
        enc->waiting = waiting;
        return;
    }
    json_array_foreach (waiting, k, e) {
        if (blocked(enc, item_of(e)))
            json_array_append(enc->waiting, e);
        else
            item_event(
                enc, item_of(e), e, (unsigned)json_integer_value(json_object_get(e, "turn")));
    }
    json_decref(waiting);
    if (enc->blocker < 0 && json_array_size(enc->waiting) > 0)
        go_on(enc);
}

static int feed_item(struct run_encoder *enc, json_t *e)
{
    int r = 0;
    if (!json_is_integer(json_object_get(e, "item")))
        return -EINVAL;
    if (blocked(enc, item_of(e))) {
        json_object_set_new(e, "turn", json_integer(enc->turn));
        return json_array_append(enc->waiting, e) < 0 ? -ENOMEM : 0;
    }
    r = item_event(enc, item_of(e), e, enc->turn);
    if (enc->blocker < 0)
        go_on(enc);
    return r;
}

/* What was cut off, while the run goes on all the same: code that was stopped by somebody else. */
static void end_interrupted(struct run_encoder *enc, int64_t at)
{
    for (size_t i = 0; i < enc->items; i++)
        if (enc->item[i].interrupted && !enc->item[i].done) {
            if (enc->item[i].kind == ITEM_MESSAGE)
                message_abandon(enc, &enc->item[i], "max_tokens", at);
            step_end(enc, enc->item[i].step, "cancelled", at, NULL);
            enc->item[i].done = true;
        }
}

static void usage(struct run_encoder *enc, const json_t *e)
{
    enc->input_tokens = json_integer_value(json_object_get(e, "input_tokens"));
    enc->output_tokens = json_integer_value(json_object_get(e, "output_tokens"));
    enc->turn++;
    steps_flush(enc, false);
}

int run_encoder_feed(struct run_encoder *enc, const char *json, size_t n, int64_t now_s)
{
    cleanup_json json_t *e = json_loadb(json, n, JSON_ALLOW_NUL, NULL);
    const char *type = json_text(e, "type");
    if (!type || enc->final)
        return -EINVAL;
    if (strncmp(type, "run.", 4) == 0) {
        enc->blocker = -1; /* whatever has not ended does not end any more */
        go_on(enc);
        return encoder_feed_run(enc, type + 4, e, now_s);
    }
    if (strcmp(type, "usage") == 0) {
        usage(enc, e);
        return 0;
    }
    if (strcmp(type, "notice") == 0)
        return json_array_append(enc->notices, json_object_get(e, "text")) < 0 ? -EINVAL : 0;
    end_interrupted(enc, json_integer_value(json_object_get(e, "at")));
    return feed_item(enc, e);
}

/* ---- what there is so far ---- */

void encoder_keep(struct run_encoder *enc)
{
    for (size_t i = 0; i < enc->items; i++) {
        struct shown_item *item = &enc->item[i];
        if (item->done)
            continue;
        switch (item->kind) {
        case ITEM_MESSAGE: message_keep(enc, item); break;
        case ITEM_CODE: code_keep(enc, item); break;
        case ITEM_FUNCTION: function_keep(enc, item); break;
        case ITEM_NONE: break;
        }
    }
}

const json_t *run_encoder_steps(struct run_encoder *enc)
{
    encoder_keep(enc);
    return enc->steps;
}

const json_t *run_encoder_messages(struct run_encoder *enc)
{
    encoder_keep(enc);
    return enc->messages;
}

/* ---- its life ---- */

struct run_encoder *run_encoder_new(
    const struct run_base *base, bool muted, assistants_sink *sink, void *context)
{
    struct run_encoder *enc = calloc(1, sizeof *enc);
    if (!enc)
        return NULL;
    enc->base = *base;
    enc->sink = sink;
    enc->context = context;
    enc->muted = muted;
    enc->blocker = -1;
    enc->status = "queued";
    enc->notices = json_array();
    enc->steps = json_array();
    enc->messages = json_array();
    enc->waiting = json_array();
    enc->figures = json_array();
    if (!enc->notices || !enc->steps || !enc->messages || !enc->waiting || !enc->figures)
        return run_encoder_free(enc);
    run_encoder_begin(enc);
    return enc;
}

struct run_encoder *run_encoder_free(struct run_encoder *enc)
{
    if (!enc)
        return NULL;
    for (size_t i = 0; i < enc->items; i++) {
        strbuf_deinit(&enc->item[i].text);
        strbuf_deinit(&enc->item[i].refusal);
    }
    free(enc->item);
    free(enc->step);
    json_decref(enc->required_action);
    json_decref(enc->last_error);
    json_decref(enc->cloche);
    json_decref(enc->notices);
    json_decref(enc->steps);
    json_decref(enc->messages);
    json_decref(enc->waiting);
    json_decref(enc->figures);
    free(enc);
    return NULL;
}
