/* outgoing.c - the conversation as it leaves: what was said is kept whole, the model gets a copy of it.
 *
 * Each item is made ready once, when it is said: results are masked, and of earlier runs, whose model may have
 * been a local one, also what the model said; pictures that code displayed, which what is kept only names, are
 * fetched for models that see. (Calls and results that a model without calls
 * cannot be sent are the provider layer's matter.) */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/loop.h"
#include "base/fd.h"
#include "provider/items.h"
#include "provider/result_words.h"

enum {
    PICTURES_MAX = 6, /* of one result */
    PICTURE_BYTES_MAX = 4 << 20,
};

/* ---- pictures -------------------------------------------------------------------------------------------- */

static char *base64_of(const void *data, size_t n)
{
    size_t size = sodium_base64_encoded_len(n, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(size);
    return text ? sodium_bin2base64(text, size, data, n, sodium_base64_VARIANT_ORIGINAL) : NULL;
}

/* A figure's bytes in base64, malloc'ed; NULL when it is gone (its container ended) or too large. */
static char *fetch(struct loop *l, const char *container_id, const char *id)
{
    struct store *store = l->run->all->config.store;
    struct store_container owner = {0};
    struct store_figure f = {0};
    struct stat st;
    char *text = NULL;
    if (!store || store_container_get(store, l->run->project, container_id, &owner, NULL) < 0)
        return NULL;
    store_container_deinit(&owner);
    if (store_figure_get(store, container_id, id, &f, NULL) < 0)
        return NULL;
    cleanup_fd int fd = f.bytes <= PICTURE_BYTES_MAX ? store_blob_open(store, f.blob, NULL) : -1;
    store_figure_deinit(&f);
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > PICTURE_BYTES_MAX)
        return NULL;
    cleanup_free char *data = malloc((size_t)st.st_size + 1);
    if (data && fd_read_all(fd, data, (size_t)st.st_size) == 0)
        text = base64_of(data, (size_t)st.st_size);
    return text;
}

/* {"media_type","data"}; pictures that are gone, or come too many, are left out. */
static json_t *pictures(struct loop *l, const json_t *images)
{
    json_t *all = json_array();
    size_t i;
    const json_t *image;
    json_array_foreach (images, i, image) {
        const char *type = json_string_value(json_object_get(image, "media_type"));
        const char *figure = json_string_value(json_object_get(image, "figure"));
        const char *container = json_string_value(json_object_get(image, "container"));
        if (!l->plan->route.images || json_array_size(all) >= PICTURES_MAX ||
            (l->redacted && !redaction_figures(l->run->all->redaction)))
            break;
        if (!figure) {
            json_array_append(all, (json_t *)image);
            continue;
        }
        cleanup_free char *data = type && container ? fetch(l, container, figure) : NULL;
        if (data)
            json_array_append_new(all, json_pack("{ss ss}", "media_type", type, "data", data));
    }
    return all;
}

/* ---- items -------------------------------------------------------------------------------------------------- */

/* A person's turn made of a text and pictures. Takes `images`. */
static json_t *user_turn(const char *text, json_t *images)
{
    json_t *content = json_pack("[{ss ss}]", "type", "text", "text", text);
    size_t i;
    json_t *image;
    json_array_foreach (images, i, image) {
        json_t *part = json_copy(image);
        json_object_set_new(part, "type", json_string("image"));
        json_array_append_new(content, part);
    }
    json_decref(images);
    return json_pack("{ss ss so}", "type", "message", "role", "user", "content", content);
}

static json_t *result_text_turn(const char *text, json_t *images)
{
    cleanup_strbuf struct strbuf b = STRBUF_INIT(2 << 20);
    strbuf_printf(&b, RESULT_TURN "%s", text);
    return user_turn(strbuf_text(&b), images);
}

/* A result of code, in either of the forms in which it is kept. */
static bool is_result(const json_t *item)
{
    return item_is(item, "tool_result") || json_object_get(item, "result");
}

static const char *result_of(const json_t *item)
{
    if (item_is(item, "tool_result"))
        return item_text(item, "text");
    return item_text(json_array_get(json_object_get(item, "content"), 0), "text");
}

/* Masked, as a new JSON string; rather NULL than what must not leave. */
static json_t *masked_string(struct loop *l, const char *text, size_t n)
{
    cleanup_strbuf struct strbuf out = STRBUF_INIT(8 << 20);
    if (redact(l->run->all->redaction, text, n, &out, l->counts) < 0 || out.failed)
        return NULL;
    return json_stringn(strbuf_text(&out), out.length);
}

static json_t *outgoing_result(struct loop *l, const json_t *item)
{
    const char *text = result_of(item);
    json_t *said = l->redacted ? masked_string(l, text, strlen(text)) : json_string(text);
    json_t *images = said ? pictures(l, json_object_get(item, "images")) : NULL;
    json_t *copy = NULL;
    if (said && !item_is(item, "tool_result")) {
        copy = result_text_turn(json_string_value(said), images);
        images = NULL;
    } else if (said && (copy = json_copy((json_t *)item)) &&
               (json_object_set(copy, "text", said) < 0 ||
                   json_object_set(copy, "images", images) < 0)) {
        json_decref(copy); /* it still has what is not masked */
        copy = NULL;
    }
    json_decref(said);
    json_decref(images);
    return copy;
}

/* ---- what models said in earlier runs ------------------------------------------------------------------------ */

/* A local model saw what a remote one may not: its answers, code and thoughts can quote it. */

static json_t *masked_value(struct loop *l, const char *key, const json_t *value);

/* A member that says what it is by its key, as columns are named: {"salary": 1000}. */
static json_t *masked_member(struct loop *l, const char *key, const json_t *value)
{
    json_t *copy = masked_value(l, key, value), *pair = copy ? json_object() : NULL, *masked = NULL;
    char *text = NULL;
    if (json_is_array(copy) || json_is_object(copy) || strcmp(key, "code") == 0) {
        json_decref(pair);
        return copy;
    }
    if (pair && json_object_set(pair, key, copy) == 0 && (text = json_dumps(pair, 0)))
        masked = masked_string(l, text, strlen(text));
    if (masked && strcmp(json_string_value(masked), text) != 0) {
        json_decref(copy);
        copy = json_string("[withheld]");
    } else if (!masked) {
        json_decref(copy);
        copy = NULL;
    }
    json_decref(masked);
    json_decref(pair);
    free(text);
    return copy;
}

/* Signed or encrypted by the model's vendor, and no words. */
static bool is_opaque(const char *key)
{
    return strcmp(key, "signature") == 0 || strcmp(key, "encrypted_content") == 0 ||
           strcmp(key, "id") == 0 || strcmp(key, "model") == 0 || strcmp(key, "type") == 0;
}

/* A deep copy with all strings masked. NULL: no memory. */
static json_t *masked_value(struct loop *l, const char *key, const json_t *value)
{
    json_t *copy, *element;
    const char *name;
    size_t i;
    if (json_is_string(value))
        return masked_string(l, json_string_value(value), json_string_length(value));
    if (json_is_array(value)) {
        copy = json_array();
        json_array_foreach (value, i, element)
            if (json_array_append_new(copy, masked_member(l, key, element)) < 0)
                goto failed;
        return copy;
    }
    if (!json_is_object(value))
        return json_deep_copy(value);
    copy = json_object();
    json_object_foreach ((json_t *)value, name, element) {
        json_t *own = is_opaque(name) ? json_incref(element) : masked_member(l, name, element);
        if (json_object_set_new(copy, name, own) < 0)
            goto failed;
    }
    return copy;
failed:
    json_decref(copy);
    return NULL;
}

static json_t *past_message(struct loop *l, const json_t *item)
{
    json_t *copy = json_deep_copy(item), *part;
    size_t i;
    json_array_foreach (json_object_get(copy, "content"), i, part) {
        const json_t *text = json_object_get(part, "text");
        if (json_is_string(text) &&
            json_object_set_new(part, "text",
                masked_string(l, json_string_value(text), json_string_length(text))) < 0) {
            json_decref(copy);
            return NULL;
        }
    }
    return copy;
}

/* Arguments stay what they were, a JSON object or not. */
static json_t *past_call(struct loop *l, const json_t *item)
{
    const json_t *said = json_object_get(item, "arguments");
    const char *text = item_text(item, "arguments");
    size_t n = json_string_length(said);
    json_t *object = json_loadb(text, n, 0, NULL), *masked = NULL;
    json_t *copy = json_copy((json_t *)item);
    if (json_is_object(object)) {
        json_t *own = masked_value(l, "", object);
        char *dumped = own ? json_dumps(own, JSON_COMPACT) : NULL;
        masked = dumped ? json_string(dumped) : NULL;
        free(dumped);
        json_decref(own);
    } else {
        masked = masked_string(l, text, n);
    }
    json_decref(object);
    if (json_object_set_new(copy, "arguments", masked) == 0)
        return copy;
    json_decref(copy);
    return NULL;
}

/* Signed thoughts cannot be changed: those with something to mask stay here. JSON null then. */
static json_t *past_reasoning(struct loop *l, const json_t *item)
{
    json_t *copy = masked_value(l, "", item);
    if (copy && strcmp(item_text(item, "adapter"), "chat") != 0 && !json_equal(copy, item)) {
        json_decref(copy);
        return json_null();
    }
    return copy;
}

static json_t *outgoing_past(struct loop *l, const json_t *item)
{
    if (item_is(item, "message") && strcmp(item_text(item, "role"), "assistant") == 0)
        return past_message(l, item);
    if (item_is(item, "tool_call"))
        return past_call(l, item);
    if (item_is(item, "reasoning"))
        return past_reasoning(l, item);
    return json_incref((json_t *)item);
}

int outgoing_add(struct loop *l, const json_t *item)
{
    json_t *copy;
    if (is_result(item))
        copy = outgoing_result(l, item);
    else if (l->past && l->redacted)
        copy = outgoing_past(l, item);
    else
        copy = json_incref((json_t *)item);
    if (json_is_null(copy))
        return 0;
    return json_array_append_new(l->sent, copy) < 0 ? -ENOMEM : 0;
}
