/* Projects are names on rows; keys say which name a request has.
 *
 * A secret is 256 random bits, so it is stored as a plain SHA-256: there is no dictionary to slow down
 * with a password hash, and a lookup has to cost microseconds. For the same reason the timing of the
 * search tells nothing of use: it depends on the hash of what was sent, which nobody can steer towards
 * the hash of an unknown secret; the comparison that decides is constant-time nevertheless.
 *
 * Lookups are answered from memory. PRAGMA data_version changes when another connection has committed,
 * so `cloche key` beside a running server is seen by the next request. */
#include <errno.h>
#include <sodium.h>

#include "base/clock.h"
#include "store/internal.h"

void store_key_deinit(struct store_key *k)
{
    free(k->id);
    free(k->name);
    free(k->project);
    *k = (struct store_key){0};
}

static void key_deinit(void *item) { store_key_deinit(item); }

void store_keys_deinit(struct store_keys *k)
{
    for (size_t i = 0; i < k->count; i++)
        store_key_deinit(&k->items[i]);
    free(k->items);
    *k = (struct store_keys){0};
}

bool store_project_valid(const char *name)
{
    return id_valid(name) && strncmp(name, "key_", 4) != 0;
}

static bool key_map(sqlite3_stmt *row, void *item)
{
    struct store_key *k = item;
    bool ok = true;
    *k = (struct store_key){
        .id = column_text(row, 0, &ok),
        .name = column_text(row, 1, &ok),
        .project = column_text(row, 2, &ok),
        .created_at = column_int(row, 3),
        .revoked_at = column_int(row, 4),
    };
    if (!ok)
        store_key_deinit(k);
    return ok;
}

static const struct item_kind key_kind = {sizeof(struct store_key), key_map, key_deinit};

void keys_forget(struct store *s)
{
    free(s->keys);
    s->keys = NULL;
    s->keys_count = 0;
    s->keys_loaded = false;
}

/* "cl-" and 43 characters: 32 bytes in url-safe base64 without padding. */
static void make_secret(char out[STORE_SECRET_SIZE], unsigned char hash[32])
{
    unsigned char bytes[32];
    randombytes_buf(bytes, sizeof bytes);
    memcpy(out, "cl-", 3);
    sodium_bin2base64(out + 3, STORE_SECRET_SIZE - 3, bytes, sizeof bytes,
        sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(bytes, sizeof bytes);
    crypto_hash_sha256(hash, (const unsigned char *)out, strlen(out));
}

static bool any_map(sqlite3_stmt *row, void *item)
{
    (void)row, (void)item;
    return true;
}

/* In a transaction, because two first keys must not both get "default". */
static int insert_locked(struct store *s, const char *id, const char *name, const char *project,
    const unsigned char hash[32], int64_t now, char ret_project[ID_SIZE], struct error *e)
{
    bool own = !project;
    if (own) {
        int r = query_one(s, RUN_LOCKED, SQL_KEY_ANY_OWN, "the key", any_map, NULL, e, "");
        if (r && r != -ENOENT)
            return r;
        project = r ? STORE_PROJECT_DEFAULT : id;
    }
    snprintf(ret_project, ID_SIZE, "%s", project);
    return query_run(s, RUN_LOCKED, SQL_KEY_INSERT, "the key", NULL, e, "tttibi", id, name, project,
        (int64_t)own, hash, (size_t)32, now);
}

int store_key_create(struct store *s, const char *name, const char *project,
    struct store_key *ret_key, char ret_secret[STORE_SECRET_SIZE], struct error *e)
{
    if (project && !store_project_valid(project))
        return error_param(e, ERROR_INVALID_VALUE, "project",
            "A project's name is 1 to 64 letters, digits, '_' and '-', not beginning with \"key_\".");
    char id[ID_SIZE], chosen[ID_SIZE], secret[STORE_SECRET_SIZE];
    unsigned char hash[32];
    id_new(id, "key_", 32);
    make_secret(secret, hash);
    int64_t now = clock_realtime_s();
    /* All memory is had before the commit: a key that cannot be given out must not be there. */
    struct store_key key = {strdup(id), strdup(name), NULL, now, 0};
    int r = key.id && key.name ? 0 : error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");

    store_lock(s);
    if (!r)
        r = query_begin(s, "the key", e);
    if (!r) {
        r = insert_locked(s, id, name, project, hash, now, chosen, e);
        if (!r && !(key.project = strdup(chosen)))
            r = error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
        r = query_end(s, r, "the key", e);
    }
    keys_forget(s);
    store_unlock(s);

    if (!r &&
        (r = flush_wait(s, e))) { /* not on the disk: it must not have been the first one either */
        store_lock(s);
        query_run(s, RUN_FREES | RUN_LOCKED, SQL_KEY_UNDO, "the key", NULL, NULL, "t", id);
        keys_forget(s);
        store_unlock(s);
    }
    if (r) {
        store_key_deinit(&key);
    } else {
        *ret_key = key;
        memcpy(ret_secret, secret, sizeof secret);
    }
    sodium_memzero(secret, sizeof secret);
    return r;
}

int store_key_list(struct store *s, struct store_keys *ret_keys, struct error *e)
{
    struct store_keys list = {0};
    int r = query_list(s, "SELECT " KEY_COLUMNS " FROM keys ORDER BY seq", &key_kind,
        (void **)&list.items, &list.count, e, "");
    if (!r)
        *ret_keys = list;
    return r;
}

int store_key_revoke(struct store *s, const char *id, struct error *e)
{
    store_lock(s);
    int r = query_run(s, RUN_MUST_CHANGE | RUN_FREES | RUN_LOCKED, SQL_KEY_REVOKE, "the key", NULL,
        e, "ti", id, clock_realtime_s());
    keys_forget(s);
    store_unlock(s);
    return r ? r : flush_wait(s, e);
}

static bool version_map(sqlite3_stmt *row, void *item)
{
    *(int64_t *)item = column_int(row, 0);
    return true;
}

static int load_locked(struct store *s)
{
    keys_forget(s);
    sqlite3_stmt *st = NULL;
    size_t room = 0;
    int r = 0, rc = sqlite3_prepare_v2(s->db,
                   "SELECT hash, id, project, revoked_at FROM keys ORDER BY hash", -1, &st, NULL);
    while (rc == SQLITE_OK && !r && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        rc = SQLITE_OK;
        if (s->keys_count == room) {
            room = room ? room * 2 : 16;
            struct known_key *larger = realloc(s->keys, room * sizeof *larger);
            if (!larger) {
                r = -ENOMEM;
                break;
            }
            s->keys = larger;
        }
        struct known_key *k = &s->keys[s->keys_count];
        const void *hash = sqlite3_column_blob(st, 0);
        if (!hash || sqlite3_column_bytes(st, 0) != (int)sizeof k->hash)
            continue;
        memcpy(k->hash, hash, sizeof k->hash);
        snprintf(k->access.key_id, ID_SIZE, "%s", (const char *)sqlite3_column_text(st, 1));
        snprintf(k->access.project, ID_SIZE, "%s", (const char *)sqlite3_column_text(st, 2));
        k->revoked = column_int(st, 3) != 0;
        s->keys_count++;
    }
    if (!r && rc != SQLITE_DONE)
        r = query_failed(s, rc, "the keys", NULL);
    sqlite3_finalize(st);
    if (r)
        keys_forget(s);
    return r;
}

/* The version is read before the keys: a key that comes in between is at worst loaded twice. */
static int refresh_locked(struct store *s)
{
    int64_t version;
    int r = query_one(s, RUN_LOCKED, SQL_DATA_VERSION, "the keys", version_map, &version, NULL, "");
    if (r || (s->keys_loaded && version == s->keys_version))
        return r;
    r = load_locked(s);
    if (!r) {
        s->keys_loaded = true;
        s->keys_version = version;
    }
    return r;
}

static const struct known_key *find(const struct store *s, const unsigned char hash[32])
{
    size_t low = 0, high = s->keys_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(s->keys[middle].hash, hash, 8) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < s->keys_count && !memcmp(s->keys[low].hash, hash, 8); low++)
        if (!sodium_memcmp(s->keys[low].hash, hash, 32))
            return &s->keys[low];
    return NULL;
}

int store_key_lookup(
    struct store *s, const char *secret, size_t length, struct store_access *ret_access)
{
    unsigned char hash[32];
    crypto_hash_sha256(hash, (const unsigned char *)secret, length);
    store_lock(s);
    int r = refresh_locked(s);
    const struct known_key *k = r ? NULL : find(s, hash);
    if (k && !k->revoked)
        *ret_access = k->access;
    else if (!r)
        r = -EACCES;
    store_unlock(s);
    return r;
}

int store_keys_exist(struct store *s)
{
    store_lock(s);
    int r = refresh_locked(s);
    if (!r)
        r = s->keys_count > 0;
    store_unlock(s);
    return r;
}
