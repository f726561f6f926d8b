/* Logins: what a browser's cookie stands for. Stored as keys are, by the SHA-256 of 256 random bits; good as long
 * as the key that made it. */
#include <errno.h>
#include <sodium.h>

#include "base/clock.h"
#include "store/internal.h"

enum { HASH_SIZE = crypto_hash_sha256_BYTES };

static void hash_of(const char *secret, size_t length, unsigned char out[HASH_SIZE])
{
    crypto_hash_sha256(out, (const unsigned char *)secret, length);
}

int store_login_create(
    struct store *s, const char *key_id, char ret_secret[STORE_SECRET_SIZE], struct error *e)
{
    unsigned char random[32], hash[HASH_SIZE];
    char secret[STORE_SECRET_SIZE];
    randombytes_buf(random, sizeof random);
    sodium_bin2base64(
        secret, sizeof secret, random, sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    hash_of(secret, strlen(secret), hash);
    int r = query_run(s, RUN_DURABLE, SQL_LOGIN_INSERT, "the login", NULL, e, "bti", hash,
        (size_t)HASH_SIZE, key_id, clock_realtime_s() + STORE_LOGIN_DAYS * INT64_C(86400));
    if (r == 0)
        memcpy(ret_secret, secret, sizeof secret);
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(random, sizeof random);
    return r;
}

static bool access_map(sqlite3_stmt *row, void *item)
{
    struct store_access *a = item;
    bool ok = true;
    char *project = column_text(row, 0, &ok), *key = column_text(row, 1, &ok);
    if (ok) {
        snprintf(a->project, sizeof a->project, "%s", project);
        snprintf(a->key_id, sizeof a->key_id, "%s", key);
    }
    free(project);
    free(key);
    return ok;
}

int store_login_lookup(
    struct store *s, const char *secret, size_t length, struct store_access *ret_access)
{
    unsigned char hash[HASH_SIZE];
    hash_of(secret, length, hash);
    int r = query_one(s, 0, SQL_LOGIN_GET, "the login", access_map, ret_access, NULL, "bi", hash,
        (size_t)HASH_SIZE, clock_realtime_s());
    return r == -ENOENT ? -EACCES : r;
}

int store_login_delete(struct store *s, const char *secret, size_t length, struct error *e)
{
    unsigned char hash[HASH_SIZE];
    hash_of(secret, length, hash);
    return query_run(s, RUN_FREES | RUN_DURABLE, SQL_LOGIN_DELETE, "the login", NULL, e, "b", hash,
        (size_t)HASH_SIZE);
}

int logins_expire(struct store *s, int64_t now_s, struct error *e)
{
    return query_run(s, RUN_FREES, SQL_LOGIN_EXPIRE, "the logins", NULL, e, "i", now_s);
}
