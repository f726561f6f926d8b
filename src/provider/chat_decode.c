/* chat_decode.c - chat completions' chunks, as written by every server that says it speaks them.
 *
 * What is tolerated, because somebody sends it: no choices; null deltas; calls without index, without
 * id, with id and name on every fragment, whole in one chunk, with arguments as an object, several
 * calls under one index; "stop" where calls were made; reasoning under two names; errors within the
 * stream; a stream that ends without [DONE]. */
#include <errno.h>

#include "base/fd.h"
#include "base/strbuf.h"
#include "provider/chat.h"

/* One call of upstream's as far as it is known. */
struct slot {
    int64_t index;        /* as upstream counts; -1: it does not */
    char *id, *name;      /* NULL: not yet */
    struct strbuf early;  /* arguments that came before the name */
    struct strbuf so_far; /* all arguments, to see whether they are whole */
    json_t *extra;        /* keys we do not know */
    bool begun;           /* told as number `call` */
    unsigned call;
};

struct chat_decoder {
    struct answer *a;
    const struct provider *p;
    struct slot *slots;
    size_t n_slots;
    struct strbuf reasoning;   /* since the last item */
    const char *reasoning_key; /* as upstream names it */
    bool done;                 /* [DONE] was read */
};

void *chat_decoder_new(struct answer *a)
{
    struct chat_decoder *d = calloc(1, sizeof(*d));
    if (d == NULL)
        return NULL;
    d->a = a;
    d->p = a->q->route->provider;
    d->reasoning = STRBUF_INIT(ANSWER_BYTES_MAX);
    return d;
}

void chat_decoder_free(void *decoder)
{
    struct chat_decoder *d = decoder;
    if (d == NULL)
        return;
    for (size_t i = 0; i < d->n_slots; i++) {
        free(d->slots[i].id);
        free(d->slots[i].name);
        strbuf_deinit(&d->slots[i].early);
        strbuf_deinit(&d->slots[i].so_far);
        json_decref(d->slots[i].extra);
    }
    free(d->slots);
    strbuf_deinit(&d->reasoning);
    free(d);
}

/* ---- reasoning ----------------------------------------------------------------------------------------- */

static int reasoning_add(struct chat_decoder *d, const json_t *delta)
{
    static const char *const keys[] = {"reasoning_content", "reasoning"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const json_t *text = json_object_get(delta, keys[i]);
        if (json_string_length(text) == 0)
            continue;
        d->reasoning_key = keys[i];
        int r = strbuf_append(&d->reasoning, json_string_value(text), json_string_length(text));
        /* one server sends the same under both names */
        return r < 0 ? r
                     : answer_reasoning(d->a, json_string_value(text), json_string_length(text));
    }
    return 0;
}

/* Keeps what was reasoned before the item that comes next: it goes back with that turn. */
static int reasoning_flush(struct chat_decoder *d)
{
    if (d->reasoning.length == 0)
        return 0;
    json_t *item = json_pack("{s:s, s:s, s:{s:s%}}", "type", "reasoning", "adapter", "chat", "data",
        d->reasoning_key, d->reasoning.data, d->reasoning.length);
    strbuf_clear(&d->reasoning);
    return item == NULL ? -ENOMEM : answer_item(d->a, item);
}

/* ---- text ---------------------------------------------------------------------------------------------- */

static int text_add(struct chat_decoder *d, const json_t *text)
{
    if (json_string_length(text) == 0)
        return 0;
    int r = reasoning_flush(d);
    return r < 0 ? r : answer_text(d->a, json_string_value(text), json_string_length(text));
}

/* A string, or (Mistral) an array of parts. */
static int content_add(struct chat_decoder *d, const json_t *content)
{
    size_t i;
    json_t *part;
    if (json_is_string(content))
        return text_add(d, content);
    json_array_foreach (content, i, part) {
        int r = text_add(d, json_object_get(part, "text"));
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- calls --------------------------------------------------------------------------------------------- */

static bool whole(const struct slot *s)
{
    json_t *object = json_loadb(strbuf_text(&s->so_far), s->so_far.length, 0, NULL);
    bool is_whole = json_is_object(object);
    json_decref(object);
    return is_whole;
}

/* Does this fragment belong to that call? */
static bool continues(const struct slot *s, const char *id, const char *name, bool counted)
{
    bool other_id = id[0] != '\0' && s->id != NULL && strcmp(id, s->id) != 0;
    bool named_again = name[0] != '\0' && s->name != NULL;
    if (counted) /* several calls under one index; an id that changes without a name is a server's slip */
        return !(other_id && named_again);
    if (other_id)
        return false;
    return !named_again || (id[0] != '\0' && s->id != NULL) || !whole(s);
}

static struct slot *slot_find(struct chat_decoder *d, const json_t *fragment, size_t place)
{
    const json_t *index = json_object_get(fragment, "index");
    const char *id = json_string_value(json_object_get(fragment, "id"));
    const char *name =
        json_string_value(json_object_get(json_object_get(fragment, "function"), "name"));
    bool counted = json_is_integer(index);
    id = id != NULL ? id : "";
    name = name != NULL ? name : "";
    for (size_t i = d->n_slots; i-- > 0;) {
        struct slot *s = &d->slots[i];
        if (counted && s->index != json_integer_value(index))
            continue;
        if (continues(s, id, name, counted) &&
            (counted || place == 0 || name[0] == '\0' || (s->id != NULL && strcmp(s->id, id) == 0)))
            return s;
        break; /* only the latest of an index, or the last of all, can go on */
    }
    if (d->n_slots >= ANSWER_CALLS_MAX)
        return NULL;
    struct slot *more = reallocarray(d->slots, d->n_slots + 1, sizeof(*d->slots));
    if (more == NULL)
        return NULL;
    d->slots = more;
    struct slot *s = &d->slots[d->n_slots++];
    *s = (struct slot){.index = counted ? json_integer_value(index) : -1,
        .early = STRBUF_INIT(ANSWER_BYTES_MAX),
        .so_far = STRBUF_INIT(ANSWER_BYTES_MAX)};
    return s;
}

static int arguments_text(struct chat_decoder *d, struct slot *s, const char *text, size_t n)
{
    int r = strbuf_append(&s->so_far, text, n);
    if (r < 0)
        return r;
    return s->begun ? answer_call_arguments(d->a, s->call, text, n)
                    : strbuf_append(&s->early, text, n);
}

static int arguments_add(struct chat_decoder *d, struct slot *s, const json_t *arguments)
{
    if (json_is_string(arguments))
        return arguments_text(d, s, json_string_value(arguments), json_string_length(arguments));
    if (!json_is_object(arguments) || json_object_size(arguments) == 0)
        return 0;
    cleanup_free char *text = json_dumps(arguments, JSON_COMPACT);
    return text == NULL ? -ENOMEM : arguments_text(d, s, text, strlen(text));
}

static int slot_begin(struct chat_decoder *d, struct slot *s)
{
    if (s->begun || s->name == NULL)
        return 0;
    int r = reasoning_flush(d);
    if (r == 0)
        r = answer_call(d->a, s->id, s->name, &s->call);
    if (r < 0)
        return r;
    s->begun = true;
    return answer_call_arguments(d->a, s->call, strbuf_text(&s->early), s->early.length);
}

static int keep(char **text, const json_t *value)
{
    if (*text != NULL || json_string_length(value) == 0)
        return 0;
    *text = strdup(json_string_value(value));
    return *text != NULL ? 0 : -ENOMEM;
}

static int extra_keep(struct slot *s, json_t *fragment)
{
    static const char *const known[] = {"index", "id", "type", "function"};
    const char *key;
    json_t *value;
    json_object_foreach (fragment, key, value) {
        bool is_known = false;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            is_known = is_known || strcmp(key, known[i]) == 0;
        if (is_known || json_is_null(value))
            continue;
        if (s->extra == NULL && (s->extra = json_object()) == NULL)
            return -ENOMEM;
        if (json_object_set(s->extra, key, value) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int fragment_add(struct chat_decoder *d, json_t *fragment, size_t place)
{
    const json_t *function = json_object_get(fragment, "function");
    if (!json_is_object(fragment))
        return 0;
    struct slot *s = slot_find(d, fragment, place);
    if (s == NULL)
        return -E2BIG;
    int r = keep(&s->id, json_object_get(fragment, "id"));
    if (r == 0)
        r = keep(&s->name, json_object_get(function, "name"));
    if (r == 0)
        r = extra_keep(s, fragment);
    if (r == 0)
        r = slot_begin(d, s);
    return r < 0 ? r : arguments_add(d, s, json_object_get(function, "arguments"));
}

static int calls_add(struct chat_decoder *d, const json_t *delta)
{
    json_t *fragments = json_object_get(delta, "tool_calls"), *fragment;
    json_t *old = json_object_get(delta, "function_call"); /* deprecated, still sent by a few */
    size_t i;
    json_array_foreach (fragments, i, fragment) {
        int r = fragment_add(d, fragment, i);
        if (r < 0)
            return r;
    }
    if (!json_is_object(old))
        return 0;
    fragment = json_pack("{s:i, s:O}", "index", 0, "function", old);
    int r = fragment == NULL ? -ENOMEM : fragment_add(d, fragment, 0);
    json_decref(fragment);
    return r;
}

/* ---- chunks -------------------------------------------------------------------------------------------- */

static int finish_add(struct chat_decoder *d, const char *reason, struct error *e)
{
    if (reason == NULL)
        return 0;
    if (strcmp(reason, "error") == 0)
        return provider_malformed(d->p, "an answer that ended in an error", e);
    bool length = strcmp(reason, "length") == 0 || strcmp(reason, "max_tokens") == 0;
    answer_finish(d->a, length                                  ? FINISH_LENGTH
                        : strcmp(reason, "content_filter") == 0 ? FINISH_CONTENT_FILTER
                                                                : FINISH_STOP);
    return 0;
}

static int64_t tokens(const json_t *usage, const char *details, const char *key)
{
    const json_t *value =
        json_object_get(details != NULL ? json_object_get(usage, details) : usage, key);
    return json_is_integer(value) ? json_integer_value(value) : -1;
}

static void usage_add(struct chat_decoder *d, const json_t *usage)
{
    struct provider_usage u = {.input_tokens = tokens(usage, NULL, "prompt_tokens"),
        .cached_tokens = tokens(usage, "prompt_tokens_details", "cached_tokens"),
        .written_tokens = tokens(usage, "prompt_tokens_details", "cache_write_tokens"),
        .output_tokens = tokens(usage, NULL, "completion_tokens"),
        .reasoning_tokens = tokens(usage, "completion_tokens_details", "reasoning_tokens")};
    if (u.input_tokens >= 0 && u.output_tokens >= 0)
        answer_usage(d->a, &u);
}

/* `key`: "delta" of a chunk, "message" of a whole answer. */
static int choice_add(
    struct chat_decoder *d, const json_t *choice, const char *key, struct error *e)
{
    const json_t *delta = json_object_get(choice, key),
                 *refusal = json_object_get(delta, "refusal");
    const json_t *error = json_object_get(choice, "error");
    if (json_is_object(error)) /* OpenRouter */
        return provider_error_object(d->p, 0, error, e);
    int r = reasoning_add(d, delta);
    if (r == 0)
        r = content_add(d, json_object_get(delta, "content"));
    if (r == 0 && json_string_length(refusal) > 0)
        r = answer_refusal(d->a, json_string_value(refusal), json_string_length(refusal));
    if (r == 0)
        r = calls_add(d, delta);
    return r < 0 ? r
                 : finish_add(d, json_string_value(json_object_get(choice, "finish_reason")), e);
}

static int root_add(struct chat_decoder *d, const json_t *root, const char *key, struct error *e)
{
    const json_t *error = json_object_get(root, "error"), *choice;
    const char *model = json_string_value(json_object_get(root, "model"));
    size_t i;
    int r = 0;
    if (error != NULL && !json_is_null(error))
        return provider_error_object(d->p, 0, error, e);
    if (model != NULL && d->a->model[0] == '\0')
        answer_model(d->a, model);
    usage_add(d, json_object_get(root, "usage"));
    json_array_foreach (json_object_get(root, "choices"), i, choice)
        if (r == 0 && json_integer_value(json_object_get(choice, "index")) == 0)
            r = choice_add(d, choice, key, e);
    return r;
}

int chat_event(void *decoder, const char *event, const char *data, size_t n, struct error *e)
{
    struct chat_decoder *d = decoder;
    if (n == 6 && memcmp(data, "[DONE]", 6) == 0) {
        d->done = true;
        return 1;
    }
    json_t *root = provider_event_json(data, n);
    if (root == NULL)
        return provider_malformed(d->p, "an event that is no JSON", e);
    int r = strcmp(event, "error") == 0 && json_object_get(root, "error") == NULL
                ? provider_error_object(d->p, 0, root, e)
                : root_add(d, root, "delta", e);
    json_decref(root);
    return r;
}

int chat_whole(void *decoder, json_t *root, struct error *e)
{
    struct chat_decoder *d = decoder;
    if (!json_is_array(json_object_get(root, "choices")) ||
        json_array_size(json_object_get(root, "choices")) == 0)
        return provider_malformed(d->p, "an answer without choices", e);
    d->done = true;
    return root_add(d, root, "message", e);
}

int chat_end(void *decoder, struct error *e)
{
    struct chat_decoder *d = decoder;
    if (!d->done && !d->a->finished)
        return provider_cut_short(d->p, e);
    int r = reasoning_flush(d);
    for (size_t i = 0; i < d->n_slots && r == 0; i++) {
        struct slot *s = &d->slots[i];
        if (s->begun)
            r = answer_call_end(d->a, s->call, take_ptr(s->extra));
        else
            r = provider_malformed(d->p, "a call without a name", e);
    }
    return r;
}

const struct provider_adapter chat_adapter = {
    .name = "chat",
    .models_path = "/models",
    .encode = chat_encode,
    .decoder_new = chat_decoder_new,
    .decoder_free = chat_decoder_free,
    .event = chat_event,
    .whole = chat_whole,
    .end = chat_end,
};
