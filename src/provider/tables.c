/* tables.c - the config file's tables "providers", "models" and "prices", checked and read. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>

#include "base/fd.h"
#include "base/nearest.h"
#include "base/strbuf.h"
#include "provider/providers.h"

enum { KEY_FILE_MAX = 8 << 10, NAME_MAX_BYTES = 63 };

/* ---- checking ---------------------------------------------------------------------------------------- */

enum { IS_TEXT = 1, IS_BOOL = 2, IS_NUMBER = 4, IS_OBJECT = 8, IS_LIST = 16 };
struct column {
    const char *name;
    int type;
};
static const struct column provider_columns[] = {
    {"wire", IS_TEXT},
    {"base_url", IS_TEXT},
    {"api_key_env", IS_TEXT},
    {"api_key_file", IS_TEXT},
    {"auth", IS_TEXT},
    {"api_version", IS_TEXT},
    {"headers", IS_OBJECT},
    {"extra", IS_OBJECT},
    {"local", IS_BOOL},
    {"tools", IS_BOOL},
    {"images", IS_BOOL},
    {"stream", IS_BOOL},
    {"max_tokens_field", IS_TEXT},
    {"timeout", IS_NUMBER},
    {"silence", IS_NUMBER},
    {"connect_timeout", IS_NUMBER},
    {"retries", IS_NUMBER},
    {"ca_file", IS_TEXT},
    {"default_model", IS_TEXT},
    {"models", IS_LIST},
};
static const struct column model_columns[] = {
    {"provider", IS_TEXT},
    {"model", IS_TEXT},
    {"tools", IS_BOOL},
    {"images", IS_BOOL},
    {"reasoning", IS_BOOL},
    {"context", IS_NUMBER},
    {"output", IS_NUMBER},
    {"extra", IS_OBJECT},
};
static const struct column price_columns[] = {
    {"input", IS_NUMBER}, {"cached", IS_NUMBER}, {"output", IS_NUMBER}};
static const struct {
    const char *name;
    const struct column *columns;
    size_t n;
} tables[] = {
    {"providers", provider_columns, sizeof(provider_columns) / sizeof(provider_columns[0])},
    {"models", model_columns, sizeof(model_columns) / sizeof(model_columns[0])},
    {"prices", price_columns, sizeof(price_columns) / sizeof(price_columns[0])},
};
enum { TABLES = sizeof(tables) / sizeof(tables[0]), COLUMNS_MAX = 32 };

static int type_of(const json_t *value)
{
    return json_is_string(value)    ? IS_TEXT
           : json_is_boolean(value) ? IS_BOOL
           : json_is_number(value)  ? IS_NUMBER
           : json_is_object(value)  ? IS_OBJECT
           : json_is_array(value)   ? IS_LIST
                                    : 0;
}

static const char *type_name(int type)
{
    return type == IS_TEXT     ? "a string"
           : type == IS_BOOL   ? "true or false"
           : type == IS_NUMBER ? "a number"
           : type == IS_OBJECT ? "an object"
                               : "an array";
}

static int cell_check(
    size_t table, const char *row, const char *key, const json_t *value, struct error *e)
{
    const char *words[COLUMNS_MAX];
    for (size_t i = 0; i < tables[table].n; i++) {
        words[i] = tables[table].columns[i].name;
        if (strcmp(words[i], key) != 0)
            continue;
        if (type_of(value) == tables[table].columns[i].type)
            return 0;
        return error_set(e, ERROR_INVALID_TYPE, 0, "\"%s\", \"%.64s\": \"%s\" must be %s.",
            tables[table].name, row, key, type_name(tables[table].columns[i].type));
    }
    if (strcmp(key, "api_key") == 0)
        return error_set(e, ERROR_UNKNOWN_PARAMETER, 0,
            "\"%s\", \"%.64s\": a key stands in a file or in the environment: write \"api_key_file\" or "
            "\"api_key_env\".",
            tables[table].name, row);
    const char *near = nearest_word(key, words, tables[table].n);
    return error_set(e, ERROR_UNKNOWN_PARAMETER, 0,
        "\"%s\", \"%.64s\": there is no \"%.64s\"%s%s%s", tables[table].name, row, key,
        near != NULL ? "; did you mean \"" : ".", near != NULL ? near : "",
        near != NULL ? "\"?" : "");
}

static int table_check(size_t table, const json_t *rows, struct error *e)
{
    const char *name, *key;
    json_t *row, *value;
    if (rows == NULL)
        return 0;
    if (!json_is_object(rows))
        return error_set(e, ERROR_INVALID_TYPE, 0, "\"%s\" must be an object.", tables[table].name);
    json_object_foreach ((json_t *)rows, name, row) {
        if (!json_is_object(row))
            return error_set(e, ERROR_INVALID_TYPE, 0, "\"%s\": \"%.64s\" must be an object.",
                tables[table].name, name);
        json_object_foreach (row, key, value) {
            int r = cell_check(table, name, key, value, e);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

int tables_check(const json_t *config, struct error *e)
{
    int r = 0;
    for (size_t i = 0; i < TABLES && r == 0; i++)
        r = table_check(i, json_object_get(config, tables[i].name), e);
    return r;
}

/* ---- a provider's row -------------------------------------------------------------------------------- */

static int bad(const struct provider *p, const char *key, const char *why, struct error *e)
{
    return error_set(
        e, ERROR_INVALID_VALUE, 0, "The provider \"%s\": \"%s\" %s.", p->name, key, why);
}

static int copy(char **to, const char *text)
{
    char *fresh = strdup(text);
    if (fresh == NULL)
        return -ENOMEM;
    free(*to);
    *to = fresh;
    return 0;
}

/* Visible ASCII: what may stand in a URL or in a header's value. */
static bool plain(const char *text, bool spaces)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < (spaces ? 0x20 : 0x21) || (unsigned char)*text > 0x7e)
            return false;
    return true;
}

int provider_key_set(struct provider *p, const char *text, const char *where, struct error *e)
{
    size_t n = strlen(text);
    while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL)
        n--;
    while (n > 0 && strchr(" \t\r\n", *text) != NULL) {
        text++;
        n--;
    }
    char *key = strndup(text, n);
    if (key == NULL)
        return -ENOMEM;
    if (!plain(key, false)) {
        free(key);
        return error_set(e, ERROR_INVALID_VALUE, 0,
            "%s does not hold a key: it has spaces or odd bytes in it.", where);
    }
    free(p->key);
    p->key = n > 0 ? key : NULL;
    if (n == 0)
        free(key);
    return 0;
}

/* Cuts `ending` off the end of a text. */
static void cut(char *text, const char *ending)
{
    size_t n = strlen(text), length = strlen(ending);
    if (n >= length && strcmp(text + n - length, ending) == 0)
        text[n - length] = '\0';
}

static void slashes_cut(char *text)
{
    for (size_t n = strlen(text); n > 0 && text[n - 1] == '/'; n--)
        text[n - 1] = '\0';
}

int provider_base_set(struct provider *p, const char *text, const char *where, struct error *e)
{
    bool url = strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
    if (!url || !plain(text, false) || strpbrk(text, "?#\"<>\\^`{}|") != NULL)
        return error_set(e, ERROR_INVALID_VALUE, 0,
            "%s is no base URL such as https://host/v1, without a query.", where);
    if (copy(&p->base_url, text) < 0)
        return -ENOMEM;
    slashes_cut(p->base_url);
    cut(p->base_url, "/chat/completions");
    cut(p->base_url, p->wire == PROVIDER_ANTHROPIC ? "/v1/messages" : "/responses");
    if (p->wire == PROVIDER_ANTHROPIC)
        cut(p->base_url, "/v1");
    slashes_cut(p->base_url);
    return 0;
}

static int choice(const char *text, const char *const *words, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    return -1;
}

static int key_file(struct provider *p, const char *path, struct error *e)
{
    char text[KEY_FILE_MAX + 1], where[300];
    snprintf(where, sizeof(where), "The file %s", path);
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    if (n < 0)
        return error_set(e, ERROR_INVALID_VALUE, errno,
            "The provider \"%s\": its key file %.80s cannot be read by the server's user: %s.",
            p->name, path, strerror(errno));
    if (n > KEY_FILE_MAX)
        return bad(p, "api_key_file", "is no file with a key: it is too long", e);
    text[n] = '\0';
    int r = provider_key_set(p, text, where, e);
    explicit_bzero(text, sizeof(text));
    return r;
}

static int key_read(struct provider *p, const json_t *row, getenv_hook *get, struct error *e)
{
    const char *variable = json_string_value(json_object_get(row, "api_key_env"));
    const char *path = json_string_value(json_object_get(row, "api_key_file"));
    if (variable != NULL && path != NULL)
        return bad(p, "api_key_env", "and \"api_key_file\" exclude each other", e);
    if (path != NULL)
        return key_file(p, path, e);
    if (variable == NULL)
        return 0;
    const char *value = get(variable);
    free(p->key);
    p->key = NULL;
    int r = value != NULL ? provider_key_set(p, value, variable, e) : 0;
    snprintf(p->missing, sizeof(p->missing), "%s", p->key == NULL ? variable : "");
    return r;
}

static int headers_read(struct provider *p, json_t *headers, struct error *e)
{
    static const char token[] =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const char *name;
    json_t *value;
    if (headers == NULL)
        return 0;
    p->headers = calloc(json_object_size(headers), sizeof(*p->headers));
    if (p->headers == NULL)
        return json_object_size(headers) > 0 ? -ENOMEM : 0;
    json_object_foreach (headers, name, value) {
        const char *text = json_string_value(value);
        if (text == NULL || !plain(text, true) || name[0] == '\0' ||
            name[strspn(name, token)] != '\0')
            return bad(p, "headers", "must map header names to plain strings", e);
        if (asprintf(&p->headers[p->n_headers], "%s: %s", name, text) < 0)
            return -ENOMEM;
        p->n_headers++;
    }
    return json_object_size(headers) > 32 ? bad(p, "headers", "are more than 32", e) : 0;
}

/* Seconds, as a number of microseconds between 1 s and 1 day. */
static int seconds(
    const struct provider *p, const json_t *row, const char *key, int64_t *us, struct error *e)
{
    const json_t *value = json_object_get(row, key);
    if (value == NULL)
        return 0;
    double s = json_number_value(value);
    if (!(s >= 1 && s <= 86400))
        return bad(p, key, "is not between 1 and 86400 seconds", e);
    *us = (int64_t)(s * 1e6);
    return 0;
}

static int times_read(struct provider *p, const json_t *row, struct error *e)
{
    const json_t *retries = json_object_get(row, "retries");
    int64_t silence_us = (int64_t)p->silence_ms * 1000;
    int r = seconds(p, row, "timeout", &p->timeout_us, e);
    if (r == 0)
        r = seconds(p, row, "silence", &silence_us, e);
    p->silence_ms = (int)(silence_us / 1000);
    if (r == 0 && retries != NULL) {
        double n = json_number_value(retries);
        if (!(n >= 0 && n <= 10))
            return bad(p, "retries", "is not between 0 and 10", e);
        p->attempts = (unsigned)n + 1;
    }
    return r;
}

static int words_read(struct provider *p, const json_t *row, struct error *e)
{
    static const char *const wires[] = {"chat", "responses", "anthropic"};
    static const char *const auths[] = {"bearer", "api-key", "x-api-key"};
    const char *wire = json_string_value(json_object_get(row, "wire"));
    const char *auth = json_string_value(json_object_get(row, "auth"));
    const char *field = json_string_value(json_object_get(row, "max_tokens_field"));
    int w = wire != NULL ? choice(wire, wires, 3) : (int)p->wire;
    int a = auth != NULL ? choice(auth, auths, 3) : (int)p->auth;
    if (w < 0)
        return bad(p, "wire", "is none of chat, responses, anthropic", e);
    if (a < 0)
        return bad(p, "auth", "is none of bearer, api-key, x-api-key", e);
    if (wire != NULL && auth == NULL && w == PROVIDER_ANTHROPIC)
        a = AUTH_X_API_KEY;
    p->wire = (enum provider_wire)w;
    p->auth = (enum provider_auth)a;
    if (field != NULL)
        snprintf(p->max_tokens_field, sizeof(p->max_tokens_field), "%s", field);
    return 0;
}

static void flags_read(struct provider *p, const json_t *row)
{
    const json_t *local = json_object_get(row, "local"), *stream = json_object_get(row, "stream");
    const json_t *tools = json_object_get(row, "tools"), *images = json_object_get(row, "images");
    p->local = local != NULL ? json_is_true(local) : p->local;
    p->streams = stream != NULL ? json_is_true(stream) : p->streams;
    p->tools = tools != NULL ? json_is_true(tools) : p->tools;
    p->images = images != NULL ? json_is_true(images) : p->images;
}

static int models_read(struct provider *p, json_t *list, struct error *e)
{
    size_t i;
    json_t *name;
    json_array_foreach (list, i, name)
        if (!json_is_string(name))
            return bad(p, "models", "must be an array of strings", e);
    p->models = json_incref(list);
    return 0;
}

int table_provider(struct provider *p, const json_t *row, getenv_hook *get, struct error *e)
{
    const char *base = json_string_value(json_object_get(row, "base_url"));
    const char *version = json_string_value(json_object_get(row, "api_version"));
    const char *model = json_string_value(json_object_get(row, "default_model"));
    json_t *extra = json_object_get(row, "extra");
    char where[128];
    snprintf(where, sizeof(where), "\"base_url\" of the provider \"%s\"", p->name);
    int r = words_read(p, row, e);
    if (r == 0 && base != NULL)
        r = provider_base_set(p, base, where, e);
    if (r == 0 && version != NULL)
        r = !plain(version, false) || strpbrk(version, "&#%") != NULL
                ? bad(p, "api_version", "has bytes in it that it cannot have", e)
                : copy(&p->api_version, version);
    if (r == 0)
        r = key_read(p, row, get, e);
    if (r == 0)
        r = headers_read(p, json_object_get(row, "headers"), e);
    if (r == 0)
        r = times_read(p, row, e);
    if (r == 0)
        r = models_read(p, json_object_get(row, "models"), e);
    if (r < 0)
        return r;
    flags_read(p, row);
    if (model != NULL)
        snprintf(p->default_model, sizeof(p->default_model), "%s", model);
    if (extra != NULL && p->extra != NULL)
        return json_object_update(p->extra, extra) < 0 ? -ENOMEM : 0;
    p->extra = p->extra != NULL ? p->extra : json_copy(extra);
    return 0;
}

/* ---- models and prices --------------------------------------------------------------------------------- */

json_t *table_row(
    const json_t *table, const char *provider, const char *model, bool (*fits)(const json_t *row))
{
    char full[400];
    const char *pattern;
    json_t *row = json_object_get(table, model);
    snprintf(full, sizeof(full), "%s/%s", provider != NULL ? provider : "", model);
    if (row != NULL && (fits == NULL || fits(row)))
        return row;
    row = json_object_get(table, full);
    if (table == NULL || (row != NULL && (fits == NULL || fits(row))))
        return row;
    json_object_foreach ((json_t *)table, pattern, row)
        if (strchr(pattern, '*') != NULL && (fits == NULL || fits(row)) &&
            (fnmatch(pattern, model, 0) == 0 || fnmatch(pattern, full, 0) == 0))
            return row;
    return NULL;
}
