/* providers.c - makes all that is configured: presets, then the environment, then the config file. */
#include "provider/providers.h"

#include <ctype.h>
#include <errno.h>

#include "base/fd.h"
#include "base/strbuf.h"
#include "provider/listing.h"
#include "provider/presets.h"

enum { SILENCE_MS = 300000, NAME_BYTES = 63, PROVIDERS_MAX = 64 };
static const int64_t TIMEOUT_US = 600000000;

static struct provider *provider_free(struct provider *p)
{
    if (p == NULL)
        return NULL;
    if (p->key != NULL)
        explicit_bzero(p->key, strlen(p->key));
    for (size_t i = 0; i < p->n_headers; i++)
        free(p->headers[i]);
    free(p->headers);
    free(p->base_url);
    free(p->key);
    free(p->api_version);
    json_decref(p->extra);
    json_decref(p->models);
    upstream_free(p->upstream);
    listing_free(p->listing);
    free(p);
    return NULL;
}

static struct provider *provider_new(const char *name)
{
    struct provider *p = calloc(1, sizeof(*p));
    if (p == NULL || (p->base_url = strdup("")) == NULL)
        return provider_free(p);
    snprintf(p->name, sizeof(p->name), "%s", name);
    snprintf(p->max_tokens_field, sizeof(p->max_tokens_field), "max_tokens");
    p->tools = p->images = -1;
    p->streams = true;
    p->timeout_us = TIMEOUT_US;
    p->silence_ms = SILENCE_MS;
    p->attempts = 3;
    return p;
}

/* ---- the environment --------------------------------------------------------------------------------- */

static const char *first_set(
    const char *const variables[2], getenv_hook *get, const char **ret_name)
{
    for (size_t i = 0; i < 2 && variables[i] != NULL; i++) {
        const char *value = get(variables[i]);
        if (value != NULL && value[0] != '\0') {
            *ret_name = variables[i];
            return value;
        }
    }
    return NULL;
}

/* OLLAMA_HOST as Ollama itself reads it: host, host:port, :port, a URL; 0.0.0.0 is where it listens. */
static int ollama_base(struct provider *p, const char *host, struct error *e)
{
    char url[300];
    const char *scheme = "http";
    if (strncasecmp(host, "https://", 8) == 0)
        scheme = "https";
    const char *at = strstr(host, "://");
    at = at != NULL ? at + 3 : host;
    size_t n = strcspn(at, "/");
    const char *rest = at + n;
    const char *bracket = memchr(at, ']', n);
    const char *colon =
        memchr(bracket != NULL ? bracket : at, ':', n - (bracket ? (size_t)(bracket - at) : 0));
    size_t name = colon != NULL ? (size_t)(colon - at) : n;
    bool any = name == 0 || (name == 7 && memcmp(at, "0.0.0.0", 7) == 0) ||
               (name == 4 && memcmp(at, "[::]", 4) == 0);
    while (*rest == '/')
        rest++;
    int path = (int)strlen(rest);
    while (path > 0 && rest[path - 1] == '/')
        path--;
    snprintf(url, sizeof(url), "%s://%.*s%.*s%s%.*s/v1", scheme, any ? 9 : (int)name,
        any ? "127.0.0.1" : at, colon != NULL ? (int)(n - name) : 6,
        colon != NULL ? colon : ":11434", path > 0 ? "/" : "", path < 100 ? path : 100, rest);
    p->local = any || strncmp(at, "127.", 4) == 0 || strncmp(at, "localhost", 9) == 0 ||
               strncmp(at, "[::1]", 5) == 0;
    return provider_base_set(p, url, "OLLAMA_HOST", e);
}

/* A resource's own address has older URLs when the version is a date, and /openai/v1 otherwise; people
 * paste whole deployments' addresses, too. */
static int azure_finish(struct provider *p)
{
    char *deployment = strstr(p->base_url, "/openai/deployments");
    if (deployment != NULL)
        *deployment = '\0';
    size_t n = strlen(p->base_url);
    bool v1 = n > 10 && strcmp(p->base_url + n - 10, "/openai/v1") == 0;
    bool dated = p->api_version != NULL && isdigit((unsigned char)p->api_version[0]);
    if (v1 && dated) { /* it belongs to the older URLs */
        free(p->api_version);
        p->api_version = NULL;
    }
    p->deployments = !v1 && dated && p->wire == PROVIDER_CHAT;
    if (v1 || p->deployments || n == 0)
        return 0;
    char *longer;
    if (asprintf(&longer, "%s/openai/v1", p->base_url) < 0)
        return -ENOMEM;
    free(p->base_url);
    p->base_url = longer;
    return 0;
}

/* Anthropic's base URL has no /v1, which people append as they do for others. */
static void anthropic_finish(struct provider *p)
{
    size_t n = strlen(p->base_url);
    if (n > 3 && strcmp(p->base_url + n - 3, "/v1") == 0)
        p->base_url[n - 3] = '\0';
}

static int azure_environment(struct provider *p, getenv_hook *get)
{
    const char *version = get("AZURE_API_VERSION"), *name;
    const char *deployment = first_set(
        (const char *const[2]){"AZURE_DEPLOYMENT_NAME", "AZURE_OPENAI_DEPLOYMENT"}, get, &name);
    if (deployment != NULL)
        snprintf(p->default_model, sizeof(p->default_model), "%s", deployment);
    if (version != NULL && version[0] != '\0' &&
        strspn(version, "0123456789abcdefghijklmnopqrstuvwxyz-") == strlen(version))
        p->api_version = strdup(version);
    return version != NULL && version[0] != '\0' && p->api_version == NULL ? -EINVAL : 0;
}

static int preset_environment(
    struct provider *p, const struct preset *preset, getenv_hook *get, struct error *e)
{
    const char *variable = NULL, *value = first_set(preset->key_variables, get, &variable);
    int r = value != NULL ? provider_key_set(p, value, variable, e) : 0;
    value = first_set(preset->base_variables, get, &variable);
    if (r == 0 && value != NULL)
        r = p->kind == KIND_OLLAMA ? ollama_base(p, value, e)
                                   : provider_base_set(p, value, variable, e);
    if (r == 0 && strcmp(p->name, "azure") == 0 && azure_environment(p, get) < 0)
        r = error_set(
            e, ERROR_INVALID_VALUE, 0, "AZURE_API_VERSION is no version such as 2024-10-21.");
    /* with an address of one's own no key may be needed: a vLLM or a LiteLLM nearby */
    bool needs = preset->key_variables[0] != NULL && p->key == NULL && value == NULL;
    if (p->base_url[0] == '\0' && preset->base_variables[0] != NULL)
        snprintf(p->missing, sizeof(p->missing), "%s", preset->base_variables[0]);
    if (needs || (p->auth == AUTH_API_KEY && p->key == NULL))
        snprintf(p->missing, sizeof(p->missing), "%s", preset->key_variables[0]);
    return r;
}

/* ---- making -------------------------------------------------------------------------------------------- */

static struct provider *preset_new(const struct preset *preset, getenv_hook *get, struct error *e)
{
    struct provider *p = provider_new(preset->name);
    if (p == NULL)
        return NULL;
    p->wire = preset->wire;
    p->kind = preset->kind;
    p->auth = preset->auth;
    p->local = preset->local;
    p->images_usual = preset->images;
    snprintf(p->default_model, sizeof(p->default_model), "%s", preset->default_model);
    snprintf(p->max_tokens_field, sizeof(p->max_tokens_field), "%s", preset->max_tokens_field);
    p->extra = preset->extra != NULL ? json_loads(preset->extra, 0, NULL) : NULL;
    if (preset->base_url[0] != '\0' && provider_base_set(p, preset->base_url, preset->name, e) < 0)
        return provider_free(p);
    return preset_environment(p, preset, get, e) < 0 ? provider_free(p) : p;
}

/* Whose own API it is: others that speak it may know only the older field. */
static bool is_openai(const char *base_url)
{
    return strncmp(base_url, "https://api.openai.com/", 23) == 0 ||
           strstr(base_url, ".api.openai.com/") != NULL;
}

/* The config's row, and what follows from all sources together. */
static int provider_finish(struct provider *p, const json_t *row, getenv_hook *get, struct error *e)
{
    bool said = json_object_get(row, "max_tokens_field") != NULL;
    bool addressed = json_object_get(row, "base_url") != NULL;
    const json_t *connect = json_object_get(row, "connect_timeout");
    double connect_s = connect != NULL ? json_number_value(connect) : 10;
    if (row != NULL && p->wire == PROVIDER_OFFLINE)
        return error_set(
            e, ERROR_INVALID_VALUE, 0, "The provider \"offline\" has nothing to configure.");
    if (row != NULL && addressed && json_object_get(row, "api_key_env") == NULL)
        p->missing[0] = '\0';
    int r = row != NULL ? table_provider(p, row, get, e) : 0;
    if (r == 0 && row != NULL && json_object_get(row, "api_key_file") != NULL && p->key != NULL)
        p->missing[0] = '\0';
    if (r < 0)
        return r;
    if (!(connect_s >= 0.1 && connect_s <= 600))
        return error_set(e, ERROR_INVALID_VALUE, 0,
            "The provider \"%s\": \"connect_timeout\" is not between 0.1 and 600 seconds.",
            p->name);
    if (strcmp(p->name, "azure") == 0 && azure_finish(p) < 0)
        return -ENOMEM;
    if (p->wire == PROVIDER_ANTHROPIC)
        anthropic_finish(p);
    if (strcmp(p->name, "openai") == 0 && !said && !is_openai(p->base_url))
        snprintf(p->max_tokens_field, sizeof(p->max_tokens_field), "max_tokens");
    p->adapter = provider_adapter_of(p->wire);
    if (p->wire == PROVIDER_OFFLINE)
        return 0;
    if (p->base_url[0] == '\0' && p->missing[0] == '\0')
        return error_set(
            e, ERROR_MISSING_PARAMETER, 0, "The provider \"%s\" has no \"base_url\".", p->name);
    struct upstream_config config = {.name = p->name,
        .ca_file = json_string_value(json_object_get(row, "ca_file")),
        .direct = p->local,
        .connect_timeout_ms = (int)(connect_s * 1000)};
    p->listing = listing_new();
    return p->listing == NULL || upstream_new(&config, &p->upstream) < 0 ? -ENOMEM : 0;
}

static const json_t *config_row(const json_t *config, const char *name)
{
    return json_object_get(json_object_get(config, "providers"), name);
}

static int add(
    struct providers *ps, struct provider *p, const json_t *row, getenv_hook *get, struct error *e)
{
    if (p == NULL)
        return e->code != ERROR_NONE ? -EINVAL : -ENOMEM;
    int r = provider_finish(p, row, get, e);
    struct provider **more =
        r == 0 ? reallocarray(ps->list, ps->n + 1, sizeof(struct provider *)) : NULL;
    if (more == NULL) {
        provider_free(p);
        return r < 0 ? r : -ENOMEM;
    }
    ps->list = more;
    ps->list[ps->n++] = p;
    return 0;
}

static bool is_preset(const char *name)
{
    for (size_t i = 0; i < PRESETS; i++)
        if (strcmp(presets[i].name, name) == 0)
            return true;
    return false;
}

/* The config's own, in its order. */
static int add_own(struct providers *ps, const json_t *config, getenv_hook *get, struct error *e)
{
    const char *name;
    json_t *row;
    int r = 0;
    json_object_foreach (json_object_get(config, "providers"), name, row) {
        size_t n = strlen(name);
        if (is_preset(name))
            continue;
        if (n == 0 || n > NAME_BYTES ||
            strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != n)
            return error_set(e, ERROR_INVALID_VALUE, 0,
                "\"providers\": \"%.64s\" is no name of letters, digits, '.', '_' and '-'.", name);
        if (ps->n >= PROVIDERS_MAX)
            return error_set(e, ERROR_INVALID_VALUE, 0, "\"providers\" has too many rows.");
        if ((r = add(ps, provider_new(name), row, get, e)) < 0)
            return r;
    }
    return 0;
}

static int add_all(
    struct providers *ps, const struct providers_config *config, getenv_hook *get, struct error *e)
{
    int r = 0;
    for (size_t i = 0; i < PRESETS && r == 0; i++) {
        if (i == PRESETS_KEYED)
            r = add_own(ps, config->config, get, e);
        struct provider *p = r == 0 ? preset_new(&presets[i], get, e) : NULL;
        const char *model = i == 0                                      ? config->openai_model
                            : strcmp(presets[i].name, "anthropic") == 0 ? config->anthropic_model
                                                                        : NULL;
        if (p != NULL && model != NULL)
            snprintf(p->default_model, sizeof(p->default_model), "%s", model);
        if (r == 0)
            r = add(ps, p, config_row(config->config, presets[i].name), get, e);
    }
    return r;
}

static const char *environment(const char *name) { return getenv(name); }

/* Each alias leads to a provider that exists. */
static int aliases_check(const struct providers *ps, struct error *e)
{
    const char *name;
    json_t *row;
    json_object_foreach (ps->models, name, row) {
        const char *provider = json_string_value(json_object_get(row, "provider"));
        if (provider != NULL && providers_find(ps, provider, strlen(provider)) == NULL)
            return error_set(e, ERROR_INVALID_VALUE, 0,
                "\"models\", \"%.64s\": there is no provider \"%.64s\".", name, provider);
    }
    return 0;
}

static int prices_check(const struct providers *ps, struct error *e)
{
    const char *name, *key;
    json_t *row, *value;
    json_object_foreach (ps->prices, name, row) {
        json_object_foreach (row, key, value)
            if (!(json_number_value(value) >= 0 && json_number_value(value) < 1e6))
                return error_set(e, ERROR_INVALID_VALUE, 0,
                    "\"prices\", \"%.64s\": \"%s\" is no price in US dollars for a million tokens.",
                    name, key);
        if (json_object_get(row, "input") == NULL || json_object_get(row, "output") == NULL)
            return error_set(e, ERROR_MISSING_PARAMETER, 0,
                "\"prices\", \"%.64s\" lacks \"input\" or \"output\".", name);
    }
    return 0;
}

int providers_new(const struct providers_config *config, struct providers **ret, struct error *e)
{
    struct error own = {0};
    struct providers *ps = calloc(1, sizeof(*ps));
    getenv_hook *get = config->getenv_hook != NULL ? config->getenv_hook : environment;
    e = e != NULL ? e : &own;
    *e = own;
    if (ps == NULL)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    ps->find_local = config->find_local;
    if (config->default_model != NULL)
        snprintf(ps->default_model, sizeof(ps->default_model), "%s", config->default_model);
    int r = tables_check(config->config, e);
    if (r == 0)
        r = add_all(ps, config, get, e);
    if (r == 0) {
        ps->models = json_deep_copy(json_object_get(config->config, "models"));
        ps->prices = json_deep_copy(json_object_get(config->config, "prices"));
        r = aliases_check(ps, e);
    }
    if (r == 0)
        r = prices_check(ps, e);
    if (r == 0) {
        *ret = ps;
        return 0;
    }
    providers_free(ps);
    return e->code != ERROR_NONE ? r : error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
}

struct providers *providers_free(struct providers *ps)
{
    if (ps == NULL)
        return NULL;
    for (size_t i = 0; i < ps->n; i++)
        provider_free(ps->list[i]);
    free(ps->list);
    json_decref(ps->models);
    json_decref(ps->prices);
    free(ps);
    return NULL;
}
