#include "api/access.h"

#include <ctype.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/api.h"

/* Lives in the exchange's scratch, from the hook to the handler. */
struct caller {
    char project[ID_SIZE];
    bool known;
};
_Static_assert(
    sizeof(struct caller) <= sizeof((struct http_exchange *)0)->scratch, "fits the scratch");

static struct caller *caller_of(struct http_exchange *x) { return (struct caller *)x->scratch; }

enum { SECRET_MAX = 512 };

/* Basic credentials as old tools send them: `curl -u :KEY`, or the key as the user's name. */
static size_t basic_secret(const char *value, char out[SECRET_MAX])
{
    unsigned char text[SECRET_MAX];
    size_t n = 0;
    if (sodium_base642bin(text, sizeof text - 1, value, strlen(value), " ", &n, NULL,
            sodium_base64_VARIANT_ORIGINAL) != 0 &&
        sodium_base642bin(text, sizeof text - 1, value, strlen(value), " ", &n, NULL,
            sodium_base64_VARIANT_ORIGINAL_NO_PADDING) != 0)
        return 0;
    unsigned char *colon = memchr(text, ':', n);
    if (!colon)
        return 0;
    size_t user = (size_t)(colon - text), password = n - user - 1;
    memcpy(out, password ? colon + 1 : text, password ? password : user);
    return password ? password : user;
}

/* The secret that the request carries, 0 bytes when it has none. */
static size_t presented(struct http_exchange *x, char out[SECRET_MAX])
{
    const char *value = http_header(x, "authorization");
    if (!value)
        return 0;
    size_t scheme = strcspn(value, " \t");
    const char *rest = value + scheme + strspn(value + scheme, " \t");
    if (scheme == 5 && strncasecmp(value, "Basic", 5) == 0)
        return basic_secret(rest, out);
    if (scheme != 6 || strncasecmp(value, "Bearer", 6) != 0)
        return 0;
    size_t n = strlen(rest);
    if (n > SECRET_MAX)
        n = SECRET_MAX; /* no key is that long: it will not be found */
    memcpy(out, rest, n);
    return n;
}

/* "cl-ab***yz" - enough for its owner to tell which one it was. */
static void mask(const char *secret, size_t n, char out[24])
{
    char plain[6];
    bool shown = n >= 16;
    for (int i = 0; i < 6 && shown; i++) {
        plain[i] = i < 4 ? secret[i] : secret[n - 6 + (size_t)i];
        shown = isalnum((unsigned char)plain[i]) || plain[i] == '-' || plain[i] == '_';
    }
    if (shown)
        snprintf(out, 24, "%.4s***%.2s", plain, plain + 4);
    else
        snprintf(out, 24, "***");
}

static int refuse(struct http_exchange *x, const char *secret, size_t n)
{
    char masked[24];
    http_set_header(x, "www-authenticate", "Bearer");
    if (n == 0) {
        http_fail(x, ERROR_UNAUTHORIZED, NULL,
            "You didn't provide an API key. You need to provide your API key in an Authorization "
            "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY). `cloche key create` "
            "makes one.");
    } else {
        mask(secret, n, masked);
        http_fail(x, ERROR_UNAUTHORIZED, NULL,
            "Incorrect API key provided: %s. `cloche key list` shows the keys of this server.",
            masked);
    }
    return -EACCES;
}

/* Another site's pages get no cookie sent (SameSite=Strict), and an Origin that is not ours was refused by the gate.
 * What shares the site but not the origin (another port of this machine, a frame that is shut in) says so itself. */
static bool from_own_page(struct http_exchange *x)
{
    const char *site = http_header(x, "sec-fetch-site");
    return !site || strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
}

/* A browser that was let in by POST /api/login. */
static int by_cookie(struct http_exchange *x, struct store *store, struct store_access *ret)
{
    char secret[STORE_SECRET_SIZE];
    int r = from_own_page(x) ? http_cookie(x, ACCESS_COOKIE, secret, sizeof secret) : -EACCES;
    if (r == 0)
        r = store_login_lookup(store, secret, strlen(secret), ret);
    sodium_memzero(secret, sizeof secret);
    return r;
}

/* Finds out who it is, once for each request. 0, or -EACCES; does not answer. */
static int identify(struct http_exchange *x, char secret[SECRET_MAX], size_t *n)
{
    struct caller *caller = caller_of(x);
    struct store *store = api_of(x)->store;
    *n = 0;
    if (caller->known)
        return 0;
    if (store_keys_exist(store) == 0) {
        snprintf(caller->project, sizeof caller->project, "%s", STORE_PROJECT_DEFAULT);
        caller->known = true;
        return 0;
    }
    struct store_access found;
    *n = presented(x, secret);
    int r = *n ? store_key_lookup(store, secret, *n, &found) : by_cookie(x, store, &found);
    if (r < 0)
        return -EACCES;
    snprintf(caller->project, sizeof caller->project, "%s", found.project);
    caller->known = true;
    return 0;
}

int access_require(struct http_exchange *x)
{
    char secret[SECRET_MAX];
    size_t n;
    int r = identify(x, secret, &n);
    if (r < 0)
        r = refuse(x, secret, n);
    sodium_memzero(secret, sizeof secret);
    return r;
}

int access_again(struct http_exchange *x)
{
    struct caller before = *caller_of(x);
    caller_of(x)->known = false;
    if (access_granted(x) && strcmp(before.project, caller_of(x)->project) == 0)
        return 0;
    caller_of(x)->known = false;
    return -EACCES;
}

bool access_granted(struct http_exchange *x)
{
    char secret[SECRET_MAX];
    size_t n;
    int r = identify(x, secret, &n);
    sodium_memzero(secret, sizeof secret);
    return r == 0;
}

int access_authorize(struct http_exchange *x, unsigned flags)
{
    return flags & HTTP_PUBLIC ? 0 : access_require(x);
}

bool access_keys_exist(void *user)
{
    const struct api *api = user;
    return store_keys_exist(api->store) != 0;
}

const char *access_project(struct http_exchange *x)
{
    const struct caller *caller = caller_of(x);
    return caller->known ? caller->project : "";
}
