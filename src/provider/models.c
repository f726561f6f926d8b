/* models.c - the list of all models that can be asked for now. */
#include <errno.h>
#include <fnmatch.h>
#include <pthread.h>

#include "base/clock.h"
#include "provider/listing.h"
#include "provider/providers.h"

enum { LIST_MS = 2000 };
static const int64_t LIST_US = 60000000, LOCAL_US = 5000000;

/* What OpenAI lists beside the models that hold a conversation. */
static const char *const others[] = {"*embedding*", "*whisper*", "tts-*", "*-tts*", "dall-e*",
    "*-image*", "*-audio*", "*realtime*", "*transcribe*", "babbage*", "davinci*", "*moderation*",
    "sora*", "*-instruct*", "*-search-*"};

static bool converses(const struct provider *p, const char *id)
{
    if (strcmp(p->name, "openai") != 0)
        return true;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (fnmatch(others[i], id, FNM_CASEFOLD) == 0)
            return false;
    return true;
}

static void list_add(json_t *list, const char *id, int64_t created, const char *owner)
{
    size_t i;
    json_t *before;
    json_array_foreach (list, i, before)
        if (strcmp(json_string_value(json_object_get(before, "id")), id) == 0)
            return;
    json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:s}", "id", id, "object", "model",
                                    "created", (json_int_t)created, "owned_by", owner));
}

/* The default provider's under their own names, as at the vendor, where these lead back to it; others
 * as provider/model. */
static void model_add(json_t *list, const struct providers *ps, const struct provider *p,
    const char *model, int64_t created)
{
    char id[320];
    const char *bare = strncmp(model, "models/", 7) == 0 ? model + 7 : model; /* Gemini's */
    if (!converses(p, bare))
        return;
    bool own = providers_default(ps) == p && providers_owner(ps, bare) == p;
    snprintf(id, sizeof(id), "%s%s%s", own ? "" : p->name, own ? "" : "/", bare);
    list_add(list, id, created, p->name);
}

/* One provider's list; each is fetched in a thread of its own, so that a slow one delays nobody twice. */
struct fetch {
    const struct provider *p;
    pthread_t thread;
    bool started;
    json_t *models;
};

static void *fetch_list(void *context)
{
    struct fetch *f = context;
    f->models = listing_get(f->p, LIST_US, f->p->kind != KIND_OTHER ? LOCAL_US : LIST_US, LIST_MS);
    return NULL;
}

/* Azure lists all models there are, not the deployments one has. */
static bool lists(const struct providers *ps, const struct provider *p)
{
    return p->listing != NULL && p->missing[0] == '\0' && p->models == NULL &&
           strcmp(p->name, "azure") != 0 && (p->kind == KIND_OTHER || ps->find_local);
}

static void provider_add(
    json_t *list, const struct providers *ps, const struct provider *p, const json_t *fetched)
{
    size_t i;
    json_t *model;
    if (p->missing[0] != '\0')
        return;
    if (p->wire == PROVIDER_OFFLINE) {
        list_add(list, p->name, 0, "cloche");
        return;
    }
    json_array_foreach (p->models, i, model)
        model_add(list, ps, p, json_string_value(model), 0);
    json_array_foreach (fetched, i, model)
        model_add(list, ps, p, json_string_value(json_object_get(model, "id")),
            json_integer_value(json_object_get(model, "created")));
    if (p->default_model[0] != '\0' && fetched == NULL)
        model_add(list, ps, p, p->default_model, 0);
}

static void aliases_add(json_t *list, struct providers *ps)
{
    const char *name;
    json_t *row;
    struct model_route route;
    json_object_foreach (ps->models, name, row)
        if (strchr(name, '*') == NULL && providers_route(ps, name, &route, NULL) == 0)
            list_add(list, name, 0, route.provider_name);
}

int providers_models(struct providers *ps, json_t **ret, struct error *e)
{
    json_t *list = json_array();
    struct fetch *fetches = calloc(ps->n, sizeof(*fetches));
    if (list == NULL || fetches == NULL) {
        json_decref(list);
        free(fetches);
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    }
    for (size_t i = 0; i < ps->n; i++) {
        fetches[i].p = ps->list[i];
        fetches[i].started = lists(ps, ps->list[i]) &&
                             pthread_create(&fetches[i].thread, NULL, fetch_list, &fetches[i]) == 0;
    }
    for (size_t i = 0; i < ps->n; i++) {
        if (fetches[i].started)
            pthread_join(fetches[i].thread, NULL);
        provider_add(list, ps, ps->list[i], fetches[i].models);
        json_decref(fetches[i].models);
    }
    aliases_add(list, ps);
    free(fetches);
    *ret = list;
    return 0;
}
