/* outgoing.c - the conversation as it leaves: what was said is kept whole, the model gets a copy of it.
 *
 * Each item is made ready once, when it is said: results are masked, and pictures that code displayed, which
 * what is kept only names, are fetched for models that see. (Calls and results that a model without calls
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

static json_t *outgoing_result(struct loop *l, const json_t *item)
{
    cleanup_strbuf struct strbuf masked = STRBUF_INIT(8 << 20);
    const char *text = result_of(item);
    if (l->redacted) {
        if (redact(l->run->all->redaction, text, strlen(text), &masked, l->counts) < 0)
            return NULL; /* rather nothing than what must not leave */
        text = strbuf_text(&masked);
    }
    json_t *images = pictures(l, json_object_get(item, "images"));
    if (!item_is(item, "tool_result"))
        return result_text_turn(text, images);
    json_t *copy = json_copy((json_t *)item);
    json_object_set_new(copy, "text", json_string(text));
    json_object_set_new(copy, "images", images);
    return copy;
}

int outgoing_add(struct loop *l, const json_t *item)
{
    json_t *copy;
    if (is_result(item))
        copy = outgoing_result(l, item);
    else
        copy = json_incref((json_t *)item);
    return json_array_append_new(l->sent, copy) < 0 ? -ENOMEM : 0;
}
