#include "listing.h"

#include <errno.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/strbuf.h"

enum {
    LIST_MAX = 4 << 20,
    MODELS_MAX = 2000,
    FACTS_MAX = 256,
    HEADERS_MAX = 40,
    FACTS_TIMEOUT_MS = 500
};
static const int64_t FACTS_US = 600000000, NO_FACTS_US = 10000000;

struct listing {
    pthread_mutex_t lock;
    bool asked;
    int64_t asked_us;
    json_t *models; /* NULL: the last asking failed */
    json_t *facts;  /* model -> {"tools","images","context","at"} */
};

struct listing *listing_new(void)
{
    struct listing *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return NULL;
    pthread_mutex_init(&l->lock, NULL);
    l->facts = json_object();
    return l;
}

struct listing *listing_free(struct listing *l)
{
    if (l == NULL)
        return NULL;
    json_decref(l->models);
    json_decref(l->facts);
    pthread_mutex_destroy(&l->lock);
    free(l);
    return NULL;
}

/* ---- asking ------------------------------------------------------------------------------------------ */

static int on_data(void *context, const char *data, size_t n)
{
    return strbuf_append(context, data, n);
}

/* GET (or POST, with a body) of a JSON document. A new reference, or NULL. */
static json_t *ask(const struct provider *p, const char *url, const char *body, int timeout_ms)
{
    const char *lines[HEADERS_MAX];
    cleanup_strbuf struct strbuf text = STRBUF_INIT(16 << 10), none = STRBUF_INIT(1),
                                 reply = STRBUF_INIT(LIST_MAX);
    struct upstream_head head;
    struct upstream_request request = {.url = url,
        .headers = lines,
        .n_headers = provider_headers(p, &none, &text, lines, HEADERS_MAX),
        .body = body,
        .length = body != NULL ? strlen(body) : 0,
        .deadline_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000,
        .body_maximum = LIST_MAX,
        .data = on_data,
        .context = &reply};
    if (upstream_call(p->upstream, &request, &head, NULL) < 0 || head.status != 200)
        return NULL;
    return json_loadb(strbuf_text(&reply), reply.length, 0, NULL);
}

/* llama.cpp's default port is everybody's: only what says it is one is taken for one. */
static bool genuine(const struct provider *p, const json_t *first)
{
    const char *owner = json_string_value(json_object_get(first, "owned_by"));
    return p->kind != KIND_LLAMA_CPP || (owner != NULL && strcmp(owner, "llamacpp") == 0);
}

static json_t *models_read(const struct provider *p, const json_t *root)
{
    const json_t *data = json_object_get(root, "data");
    json_t *ret = json_array(), *model;
    size_t i;
    if (!json_is_array(data) && !json_is_null(data)) { /* an Ollama without models says null */
        json_decref(ret);
        return NULL;
    }
    json_array_foreach (data, i, model) {
        const char *id = json_string_value(json_object_get(model, "id"));
        const char *owner = json_string_value(json_object_get(model, "owned_by"));
        if (i == 0 && !genuine(p, model))
            break;
        if (id == NULL || id[0] == '\0' || strlen(id) > 255 || i >= MODELS_MAX)
            continue;
        json_array_append_new(ret, json_pack("{s:s, s:I, s:s}", "id", id, "created",
                                       json_integer_value(json_object_get(model, "created")),
                                       "owned_by", owner != NULL ? owner : p->name));
    }
    return ret;
}

static json_t *models_ask(const struct provider *p, int timeout_ms)
{
    if (p->adapter == NULL || p->adapter->models_path == NULL)
        return NULL;
    cleanup_strbuf struct strbuf url = STRBUF_INIT(8 << 10);
    strbuf_printf(&url, "%s%s", p->base_url, p->adapter->models_path);
    json_t *root = ask(p, strbuf_text(&url), NULL, timeout_ms);
    json_t *models = models_read(p, root);
    json_decref(root);
    return models;
}

json_t *listing_get(const struct provider *p, int64_t good_us, int64_t bad_us, int timeout_ms)
{
    struct listing *l = p->listing;
    pthread_mutex_lock(&l->lock);
    int64_t age = clock_monotonic_us() - l->asked_us;
    if (!l->asked || age > (l->models != NULL ? good_us : bad_us)) {
        json_t *models = models_ask(p, timeout_ms);
        json_decref(l->models);
        l->models = models;
        l->asked = true;
        l->asked_us = clock_monotonic_us();
    }
    json_t *ret = json_deep_copy(l->models); /* references are counted without locks */
    pthread_mutex_unlock(&l->lock);
    return ret;
}

/* ---- facts --------------------------------------------------------------------------------------------- */

/* The server itself, below whose /v1 the OpenAI endpoints are. */
static int root_url(const struct provider *p, const char *path, struct strbuf *url)
{
    size_t n = strlen(p->base_url);
    n -= n > 3 && strcmp(p->base_url + n - 3, "/v1") == 0 ? 3 : 0;
    strbuf_append(url, p->base_url, n);
    return strbuf_puts(url, path);
}

static json_t *ollama_facts(const struct provider *p, const char *model)
{
    cleanup_strbuf struct strbuf url = STRBUF_INIT(8 << 10);
    json_t *question = json_pack("{s:s}", "model", model);
    char *body = question != NULL ? json_dumps(question, JSON_COMPACT) : NULL;
    root_url(p, "/api/show", &url);
    json_t *root = body != NULL ? ask(p, strbuf_text(&url), body, FACTS_TIMEOUT_MS) : NULL;
    json_t *list = json_object_get(root, "capabilities"), *word, *facts = json_object();
    size_t i;
    if (json_is_array(list)) { /* since Ollama 0.6.4 */
        json_object_set_new(facts, "tools", json_false());
        json_object_set_new(facts, "images", json_false());
    }
    json_array_foreach (list, i, word) {
        const char *text = json_string_value(word);
        if (text != NULL && strcmp(text, "tools") == 0)
            json_object_set_new(facts, "tools", json_true());
        if (text != NULL && strcmp(text, "vision") == 0)
            json_object_set_new(facts, "images", json_true());
    }
    free(body);
    json_decref(question);
    json_decref(root);
    return facts;
}

static json_t *llama_cpp_facts(const struct provider *p)
{
    cleanup_strbuf struct strbuf url = STRBUF_INIT(8 << 10);
    root_url(p, "/props", &url);
    json_t *root = ask(p, strbuf_text(&url), NULL, FACTS_TIMEOUT_MS), *facts = json_object();
    const json_t *settings = json_object_get(root, "default_generation_settings");
    json_t *vision = json_object_get(json_object_get(root, "modalities"), "vision");
    json_t *tools = json_object_get(json_object_get(root, "chat_template_caps"), "supports_tools");
    json_t *context = json_object_get(settings, "n_ctx");
    if (json_is_boolean(vision))
        json_object_set(facts, "images", vision);
    if (json_is_boolean(tools))
        json_object_set(facts, "tools", tools);
    if (json_is_integer(context))
        json_object_set(facts, "context", context);
    json_decref(root);
    return facts;
}

static int truth(const json_t *facts, const char *key)
{
    const json_t *value = json_object_get(facts, key);
    return json_is_boolean(value) ? json_is_true(value) : -1;
}

void listing_facts(const struct provider *p, const char *model, struct model_facts *ret)
{
    struct listing *l = p->listing;
    *ret = (struct model_facts){.tools = -1, .images = -1};
    if (l == NULL || p->kind == KIND_OTHER)
        return;
    pthread_mutex_lock(&l->lock);
    json_t *facts = json_object_get(l->facts, model);
    int64_t now = clock_monotonic_us();
    int64_t lasts = json_object_size(facts) > 1 ? FACTS_US : NO_FACTS_US;
    if (facts == NULL || now - json_integer_value(json_object_get(facts, "at")) > lasts) {
        facts = p->kind == KIND_OLLAMA ? ollama_facts(p, model) : llama_cpp_facts(p);
        if (json_object_size(l->facts) >= FACTS_MAX)
            json_object_clear(l->facts); /* names are the clients' to invent */
        json_object_set_new(facts, "at", json_integer(now));
        json_object_set_new(l->facts, model, facts);
    }
    *ret = (struct model_facts){.tools = truth(facts, "tools"),
        .images = truth(facts, "images"),
        .context_tokens = json_integer_value(json_object_get(facts, "context"))};
    pthread_mutex_unlock(&l->lock);
}
