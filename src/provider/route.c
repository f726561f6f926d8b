/* route.c - from a model's name to who serves it, and what is known of it. */
#include <ctype.h>
#include <errno.h>

#include "provider/capabilities.h"
#include "provider/listing.h"
#include "provider/providers.h"

enum { LOCAL_LOOK_MS = 400 };
static const int64_t LOCAL_UP_US = 30000000, LOCAL_DOWN_US = 5000000;

struct provider *providers_find(const struct providers *ps, const char *name, size_t length)
{
    for (size_t i = 0; i < ps->n; i++)
        if (strlen(ps->list[i]->name) == length && memcmp(ps->list[i]->name, name, length) == 0)
            return ps->list[i];
    return NULL;
}

/* ---- who is there ------------------------------------------------------------------------------------ */

static bool is_found(const struct provider *p) { return p->kind != KIND_OTHER; }

/* The first model that a local server lists; false: it does not answer, or has none. */
static bool local_first(const struct provider *p, char out[256])
{
    json_t *models = listing_get(p, LOCAL_UP_US, LOCAL_DOWN_US, LOCAL_LOOK_MS);
    const char *id = json_string_value(json_object_get(json_array_get(models, 0), "id"));
    snprintf(out, 256, "%s", id != NULL ? id : "");
    json_decref(models);
    return out[0] != '\0';
}

bool provider_usable(const struct providers *ps, struct provider *p)
{
    char first[256];
    if (p->missing[0] != '\0')
        return false;
    return !is_found(p) || (ps->find_local && local_first(p, first));
}

static int not_configured(const struct provider *p, const char *model, struct error *e)
{
    return error_param(e, ERROR_PROVIDER_NOT_CONFIGURED, "model",
        "The model %.80s needs the provider %s, which is not configured: set %s.", model, p->name,
        p->missing);
}

/* ---- what is known of a model -------------------------------------------------------------------------- */

static void price(const struct providers *ps, struct model_route *route)
{
    const json_t *row = table_row(ps->prices, route->provider_name, route->model, NULL);
    const json_t *cached = json_object_get(row, "cached");
    route->priced = row != NULL || route->wire == PROVIDER_OFFLINE;
    route->price_input = json_number_value(json_object_get(row, "input"));
    route->price_cached = cached != NULL ? json_number_value(cached) : route->price_input;
    route->price_output = json_number_value(json_object_get(row, "output"));
}

static void said(const json_t *row, const char *key, bool *to)
{
    const json_t *value = json_object_get(row, key);
    if (json_is_boolean(value))
        *to = json_is_true(value);
}

/* The config's word on a model. */
static void apply(const json_t *row, struct model_route *route)
{
    const json_t *context = json_object_get(row, "context"),
                 *output = json_object_get(row, "output");
    said(row, "tools", &route->tools);
    said(row, "images", &route->images);
    said(row, "reasoning", &route->reasoning);
    if (context != NULL)
        route->context_tokens = (int64_t)json_number_value(context);
    if (output != NULL)
        route->output_tokens = (int64_t)json_number_value(output);
    if (json_object_get(row, "extra") != NULL)
        route->extra = json_object_get(row, "extra");
}

/* A row that is another name for a model; the others describe those they name. */
static bool leads_on(const json_t *row)
{
    return json_object_get(row, "provider") != NULL || json_object_get(row, "model") != NULL;
}

static bool describes(const json_t *row) { return !leads_on(row); }

/* A model that Ollama runs for somebody elsewhere. */
static bool leaves(const struct provider *p, const char *model)
{
    size_t n = strlen(model);
    return p->kind == KIND_OLLAMA && n > 5 && strcmp(model + n - 5, "cloud") == 0 &&
           strchr("-:", model[n - 6]) != NULL;
}

/* Weakest first: the usual, the table of well-known names, the provider's row, what a local server says,
 * the config's word on the model, the alias's. */
static void describe(const struct providers *ps, const json_t *alias, struct model_route *route)
{
    const struct provider *p = route->provider;
    const struct capabilities *known = capabilities_find(route->model);
    struct model_facts facts;
    route->tools = known == NULL || known->tools;
    route->images = known != NULL ? known->images : p->images_usual;
    route->reasoning = known != NULL && known->reasoning;
    route->context_tokens = known != NULL ? known->context_tokens : 0;
    route->output_tokens = known != NULL ? known->output_tokens : 0;
    listing_facts(p, route->model, &facts);
    route->tools = facts.tools >= 0 ? facts.tools : route->tools;
    route->images = facts.images >= 0 ? facts.images : route->images;
    if (is_found(p)) /* what it was started with, not what the model could do */
        route->context_tokens = facts.context_tokens;
    route->tools = p->tools >= 0 ? p->tools : route->tools;
    route->images = p->images >= 0 ? p->images : route->images;
    apply(table_row(ps->models, p->name, route->model, describes), route);
    if (alias != NULL)
        apply(alias, route);
    price(ps, route);
}

/* `asked`: the name as the client wrote it, or NULL. */
static int lead(const struct providers *ps, const struct provider *p, const char *model,
    const char *asked, const json_t *alias, struct model_route *ret, struct error *e)
{
    if (p->missing[0] != '\0')
        return not_configured(p, asked != NULL ? asked : model, e);
    if (strlen(model) >= sizeof(ret->model) || model[0] == '\0')
        return error_param(e, ERROR_MODEL_NOT_FOUND, "model",
            model[0] == '\0' ? "The model has no name." : "The model's name is too long.");
    *ret = (struct model_route){.provider = p,
        .provider_name = p->name,
        .wire = p->wire,
        .local = p->local && !leaves(p, model)};
    snprintf(ret->model, sizeof(ret->model), "%s", model);
    if (asked != NULL)
        snprintf(ret->name, sizeof(ret->name), "%.319s", asked);
    else if (p->wire == PROVIDER_OFFLINE)
        snprintf(ret->name, sizeof(ret->name), "%s", model);
    else
        snprintf(ret->name, sizeof(ret->name), "%s/%s", p->name, model);
    describe(ps, alias, ret);
    return 0;
}

/* ---- the default ----------------------------------------------------------------------------------------- */

/* Whose model --model names, by its form alone; NULL: it says nothing. */
static struct provider *named(const struct providers *ps, const char *name);

static struct provider *default_provider(const struct providers *ps)
{
    struct provider *p = ps->default_model[0] != '\0' ? named(ps, ps->default_model) : NULL;
    for (size_t i = 0; i < ps->n && p == NULL; i++)
        if (provider_usable(ps, ps->list[i]))
            p = ps->list[i];
    return p;
}

static int route_default(const struct providers *ps, struct model_route *ret, struct error *e)
{
    char first[256];
    struct provider *p = default_provider(ps);
    if (p == NULL)
        return error_set(
            e, ERROR_PROVIDER_NOT_CONFIGURED, 0, "There is no model: set OPENAI_API_KEY.");
    if (p->default_model[0] != '\0')
        return lead(ps, p, p->default_model, NULL, NULL, ret, e);
    const char *listed = json_string_value(json_array_get(p->models, 0));
    if (listed != NULL)
        return lead(ps, p, listed, NULL, NULL, ret, e);
    if (strcmp(p->name, "azure") != 0 && local_first(p, first))
        return lead(ps, p, first, NULL, NULL, ret, e);
    return error_param(e, ERROR_PROVIDER_NOT_CONFIGURED, "model",
        "The provider %s has no default model: name one, or set %s.", p->name,
        strcmp(p->name, "azure") == 0 ? "AZURE_DEPLOYMENT_NAME" : "MODEL");
}

/* ---- by name ----------------------------------------------------------------------------------------------- */

static const json_t *alias_of(const struct providers *ps, const char *name)
{
    return strchr(name, '*') == NULL ? table_row(ps->models, NULL, name, leads_on) : NULL;
}

static struct provider *builtin(const struct providers *ps, const char *name)
{
    return providers_find(ps, name, strlen(name));
}

/* gpt-… and o<digit>… are OpenAI's or, where only that has a key, Azure's. */
static struct provider *by_family(const struct providers *ps, const char *name)
{
    bool gpt = strncasecmp(name, "gpt-", 4) == 0 && strncasecmp(name, "gpt-oss", 7) != 0;
    if (strchr(name, '/') != NULL)
        return NULL;
    if (strncasecmp(name, "claude-", 7) == 0)
        return builtin(ps, "anthropic");
    if (!gpt && !(tolower((unsigned char)name[0]) == 'o' && isdigit((unsigned char)name[1])))
        return NULL;
    struct provider *openai = builtin(ps, "openai"), *azure = builtin(ps, "azure");
    return openai->missing[0] != '\0' && azure->missing[0] == '\0' ? azure : openai;
}

static struct provider *by_prefix(
    const struct providers *ps, const char *name, const char **ret_model)
{
    const char *slash = strchr(name, '/');
    struct provider *p =
        providers_find(ps, name, slash != NULL ? (size_t)(slash - name) : strlen(name));
    if (p == NULL || (slash == NULL && p->wire != PROVIDER_OFFLINE))
        return NULL;
    *ret_model = slash != NULL ? slash + 1 : p->default_model;
    return p;
}

static struct provider *named(const struct providers *ps, const char *name)
{
    const char *model;
    const char *provider = json_string_value(json_object_get(alias_of(ps, name), "provider"));
    struct provider *p = provider != NULL ? builtin(ps, provider) : by_prefix(ps, name, &model);
    return p != NULL ? p : by_family(ps, name);
}

/* Where a name leads, before anything is asked of anybody. */
struct target {
    struct provider *provider; /* NULL: nobody */
    const char *model;
    const json_t *alias;
};

static struct target resolve(const struct providers *ps, const char *name)
{
    const json_t *alias = alias_of(ps, name);
    const char *provider = json_string_value(json_object_get(alias, "provider"));
    const char *means = json_string_value(json_object_get(alias, "model"));
    struct target t = {.alias = alias, .model = means != NULL ? means : name};
    if (provider != NULL) {
        t.provider = builtin(ps, provider);
        return t;
    }
    const char *whole = t.model;
    t.provider = by_prefix(ps, whole, &t.model);
    if (t.provider == NULL)
        t.provider = by_family(ps, whole);
    if (t.provider == NULL) /* a name that nothing is known of is the default provider's */
        t.provider = default_provider(ps);
    return t;
}

const struct provider *providers_owner(const struct providers *ps, const char *name)
{
    return resolve(ps, name).provider;
}

const struct provider *providers_default(const struct providers *ps)
{
    return default_provider(ps);
}

int providers_route(
    struct providers *ps, const char *name, struct model_route *ret, struct error *e)
{
    bool unnamed = name == NULL || name[0] == '\0' || strcmp(name, "default") == 0;
    if (unnamed && ps->default_model[0] == '\0')
        return route_default(ps, ret, e);
    name = unnamed ? ps->default_model : name;
    struct target t = resolve(ps, name);
    bool asked_for = strncmp(t.model, "offline", 7) == 0;
    if (t.provider == NULL || (t.provider->wire == PROVIDER_OFFLINE && !asked_for))
        return error_param(e, ERROR_PROVIDER_NOT_CONFIGURED, "model",
            "No provider is configured for the model %.80s: set OPENAI_API_KEY, AZURE_OPENAI_API_KEY "
            "or ANTHROPIC_API_KEY, or start Ollama.",
            name);
    return lead(ps, t.provider, t.model, name, t.alias, ret, e);
}
