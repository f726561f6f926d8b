/* providers.h - everything configured, for the files that make it, look into it, and route by it. */
#pragma once
#include "provider/internal.h"

struct providers {
    struct provider **list; /* in the order of preference; offline is the last */
    size_t n;
    char default_model[320];
    bool find_local;
    json_t *models, *prices; /* the config's tables; NULL: none */
};

/* The one of that name, or NULL. `length` is the name's. */
struct provider *providers_find(const struct providers *ps, const char *name, size_t length);
/* What it is, when there is one: usable, and if local, up and serving something. */
bool provider_usable(const struct providers *ps, struct provider *p);

/* Whose models a name is, by its form alone, and who answers when none is named; NULL: nobody. */
const struct provider *providers_owner(const struct providers *ps, const char *name);
const struct provider *providers_default(const struct providers *ps);

/* ---- the config's tables (tables.c) -------------------------------------------------------------- */

typedef const char *getenv_hook(const char *name);

/* Checks keys and types of all three tables; unknown keys are errors that name the nearest. */
int tables_check(const json_t *config, struct error *e);
/* Fills a provider from its row of "providers". */
int table_provider(struct provider *p, const json_t *row, getenv_hook *get, struct error *e);
/* Takes the key's text, checked for what cannot stand in a header. `where` is for the message. */
int provider_key_set(struct provider *p, const char *text, const char *where, struct error *e);
/* Takes a base URL as people write it: without slashes or endpoints at its end. */
int provider_base_set(struct provider *p, const char *text, const char *where, struct error *e);
/* The row of "models" or "prices" that speaks of this model: its own name, provider/name, or the first
 * pattern with '*' that matches either; of rows that `fits` (NULL: all). `provider` NULL: the name alone. NULL: none. */
json_t *table_row(
    const json_t *table, const char *provider, const char *model, bool (*fits)(const json_t *row));
