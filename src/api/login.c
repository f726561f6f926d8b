#include "api/login.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "api/access.h"
#include "api/api.h"
#include "api/json_in.h"

enum { KEY_MAX = 512 };

static void set_cookie(struct http_exchange *x, const char *value, int64_t seconds)
{
    char line[256];
    snprintf(line, sizeof line,
        ACCESS_COOKIE "=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Strict", value,
        (long long)seconds);
    http_set_header(x, "set-cookie", line);
    sodium_memzero(line, sizeof line);
}

static void login(struct http_exchange *x)
{
    struct store *store = api_of(x)->store;
    cleanup_json json_t *root = NULL;
    struct store_access access;
    char secret[STORE_SECRET_SIZE];
    struct json_in in;
    struct error e = {0};
    if (api_body_json_max(x, 16 * 1024, &root) < 0)
        return;
    json_in_begin(&in, root, "", JSON_OURS, &e);
    const char *key = json_in_string(&in, "key", JSON_REQUIRED, KEY_MAX);
    if (json_in_end(&in) < 0) {
        http_error(x, &e);
    } else if (store_keys_exist(store) == 0) {
        http_respond_empty(x, 204); /* nobody is asked for one */
    } else if (store_key_lookup(store, key, strlen(key), &access) < 0) {
        http_fail(x, ERROR_UNAUTHORIZED, NULL,
            "This is no key of this server, or it was revoked. `cloche key list` shows the keys.");
    } else if (store_login_create(store, access.key_id, secret, &e) < 0) {
        http_error(x, &e);
    } else {
        set_cookie(x, secret, STORE_LOGIN_DAYS * INT64_C(86400));
        http_respond_empty(x, 204);
    }
    sodium_memzero(secret, sizeof secret);
}

static void logout(struct http_exchange *x)
{
    char secret[STORE_SECRET_SIZE];
    struct error e = {0};
    if (http_cookie(x, ACCESS_COOKIE, secret, sizeof secret) == 0 &&
        store_login_delete(api_of(x)->store, secret, strlen(secret), &e) < 0) {
        http_error(x, &e);
        return;
    }
    set_cookie(x, "", 0);
    http_respond_empty(x, 204);
}

const struct http_route login_routes[] = {
    {"POST", "/api/login", login, HTTP_PUBLIC, 16 * 1024},
    {"POST", "/api/logout", logout, HTTP_PUBLIC, 16 * 1024},
};
const size_t login_route_count = sizeof login_routes / sizeof *login_routes;
