/* Opening, migrating and closing.
 *
 * The state directory is a descriptor: the server may be unable to walk to it (it lies in a private
 * home, or the supervisor opened it before it dropped its rights). So the database's name is
 * /proc/self/fd/N/store.db. SQLite would resolve that name with readlink into the very path that
 * cannot be walked, hence a VFS of our own that is the system's "unix" one but for xFullPathname,
 * which answers the name as it is.
 *
 * A process must not close a descriptor of a file that it has POSIX locks on: all locks of the
 * process on it are dropped. SQLite keeps locks on store.db and store.db-shm, none on store.db-wal.
 * Nothing here opens the former two beside SQLite (but to create, exclusively). */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "store/internal.h"
#include "store/schema.h"

static const char vfs_name[] = "cloche-descriptor";
static sqlite3_vfs vfs;
static pthread_once_t begin_once = PTHREAD_ONCE_INIT;
static int vfs_status = SQLITE_ERROR;

static int full_pathname(sqlite3_vfs *v, const char *name, int size, char *out)
{
    (void)v;
    return snprintf(out, (size_t)size, "%s", name) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

enum { CACHE_KIB = 2048 }; /* of pages; the system's page cache has the rest, a microsecond away */

/* Before SQLite's first use. A connection's pages are one piece, there from its start: page by page, among
 * whatever else is allocated, the server's memory would grow for its first thousand runs. */
static void sqlite_begin(void)
{
    sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, -CACHE_KIB);
    sqlite3_vfs *unix_vfs = sqlite3_initialize() == SQLITE_OK ? sqlite3_vfs_find("unix") : NULL;
    if (!unix_vfs)
        return;
    vfs = *unix_vfs;
    vfs.pNext = NULL;
    vfs.zName = vfs_name;
    vfs.xFullPathname = full_pathname;
    vfs_status = sqlite3_vfs_register(&vfs, 0);
}

/* NORMAL: a commit is a write to the WAL, no fsync; flush.c does those. Temporary things stay in
 * memory, because a full disk must not fail a delete. */
static const char connection_setup[] = "PRAGMA synchronous = NORMAL;"
                                       "PRAGMA foreign_keys = ON;"
                                       "PRAGMA temp_store = MEMORY;"
                                       "PRAGMA trusted_schema = OFF;"
                                       "PRAGMA mmap_size = 0;"
                                       "PRAGMA journal_size_limit = 16777216;"
                                       "PRAGMA wal_autocheckpoint = 0;";

int sqlite_connect(struct store *s, sqlite3 **ret_db, struct error *e)
{
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(s->path, &db, flags, vfs_name);
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(db, 10000);
        sqlite3_stmt *st = NULL;
        rc = sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &st, NULL);
        if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW)
            rc = sqlite3_stricmp((const char *)sqlite3_column_text(st, 0), "wal") ? SQLITE_CANTOPEN
                                                                                  : SQLITE_OK;
        sqlite3_finalize(st);
    }
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, connection_setup, NULL, NULL, NULL);
    char cache[64];
    snprintf(cache, sizeof cache, "PRAGMA cache_size = -%d", CACHE_KIB);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, cache, NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        *ret_db = db;
        return 0;
    }
    int system = db ? sqlite3_system_errno(db) : 0;
    int status = (rc & 0xff) == SQLITE_FULL || system == ENOSPC
                     ? error_set(e, ERROR_INSUFFICIENT_STORAGE, ENOSPC,
                           "The server's disk is full: the database cannot be opened.")
                     : error_set(e, ERROR_INTERNAL, system ? system : EIO,
                           "The database cannot be opened: %s.",
                           db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
    sqlite3_close(db);
    return status;
}

static int on_commit(void *context, sqlite3 *db, const char *name, int pages)
{
    (void)db, (void)name;
    flush_note_write(context, pages);
    return SQLITE_OK;
}

static int read_version(sqlite3 *db, int *ret_version)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &st, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        *ret_version = sqlite3_column_int(st, 0);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(st);
    return rc;
}

static int migrate_locked(struct store *s, struct error *e)
{
    int have = 0, rc = read_version(s->db, &have);
    if (rc == SQLITE_OK && have == schema_version)
        return 0;
    if (rc == SQLITE_OK && have > schema_version)
        return error_set(e, ERROR_INTERNAL, EPROTO,
            "The state directory was written by a newer Cloche (schema %d, this one knows %d).",
            have, schema_version);
    for (int i = have; rc == SQLITE_OK && i < schema_version; i++)
        rc = sqlite3_exec(s->db, schema_migrations[i], NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        char text[64];
        snprintf(text, sizeof text, "PRAGMA user_version = %d", schema_version);
        rc = sqlite3_exec(s->db, text, NULL, NULL, NULL);
    }
    return rc == SQLITE_OK ? 0 : query_failed(s, rc, "the database's schema", e);
}

static int migrate(struct store *s, struct error *e)
{
    int r = query_begin(s, "the database's schema", e);
    return r ? r : query_end(s, migrate_locked(s, e), "the database's schema", e);
}

static int open_database(struct store *s, struct error *e)
{
    int fd =
        openat(s->dir_fd, "store.db", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno != EEXIST)
        return error_set(e, errno == ENOSPC ? ERROR_INSUFFICIENT_STORAGE : ERROR_INTERNAL, errno,
            "The database cannot be made in the state directory: %s.", strerror(errno));
    fd_close(&fd);
    int r = sqlite_connect(s, &s->db, e);
    if (r)
        return r;
    sqlite3_wal_hook(s->db, on_commit, s);
    r = migrate(s, e);
    if (r)
        return r;
    s->wal_fd = openat(s->dir_fd, "store.db-wal", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (s->wal_fd < 0)
        return error_set(
            e, ERROR_INTERNAL, errno, "The database's log cannot be opened: %s.", strerror(errno));
    atomic_fetch_add(&s->written, 1); /* what an earlier process wrote counts as unsynced */
    r = flush_wait(s, e);
    if (!r && fsync(s->dir_fd) < 0)
        r = error_set(
            e, ERROR_INTERNAL, errno, "The state directory cannot be synced: %s.", strerror(errno));
    return r;
}

static struct store *allocate(unsigned flags)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->flags = flags;
    s->dir_fd = s->wal_fd = -1;
    pthread_mutex_init(&s->next, NULL);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->blob_lock, NULL);
    pthread_mutex_init(&s->sync_lock, NULL);
    pthread_mutex_init(&s->flush_lock, NULL);
    pthread_cond_init(&s->sync_done, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->flush_wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    s->dice = randombytes_random() | 1;
    return s;
}

int store_open(int dir_fd, unsigned flags, struct store **ret_store, struct error *e)
{
    if (sodium_init() < 0)
        return error_set(
            e, ERROR_INTERNAL, EIO, "The cryptographic library cannot be initialised.");
    pthread_once(&begin_once, sqlite_begin);
    if (vfs_status != SQLITE_OK)
        return error_set(e, ERROR_INTERNAL, ENOSYS, "SQLite has no unix file access.");
    struct store *s = allocate(flags);
    if (!s)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    s->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
    int r = s->dir_fd < 0 ? error_set(e, ERROR_INTERNAL, errno,
                                "The state directory is not open: %s.", strerror(errno))
                          : 0;
    snprintf(s->path, sizeof s->path, "/proc/self/fd/%d/store.db", s->dir_fd);
    if (!r)
        r = open_database(s, e);
    if (!r)
        r = blob_refs_open(s, e);
    if (!r && flags & STORE_OWNER)
        r = flush_start(s, e);
    if (r) {
        store_close(s);
        return r;
    }
    *ret_store = s;
    return 0;
}

struct store *store_close(struct store *s)
{
    if (!s)
        return NULL;
    struct error e;
    if (s->wal_fd >= 0 && store_sync(s, &e))
        log_line(LOG_ERROR, "store", "last flush failed", "error=\"%s\"", e.message);
    flush_stop(s);
    blob_refs_close(s);
    for (int i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(s->kept[i]);
    sqlite3_close(s->db); /* checkpoints when it is the last one */
    keys_forget(s);
    for (size_t i = 0; i < s->crowded_count; i++)
        free(s->crowded[i]);
    free(s->crowded);
    fd_close(&s->wal_fd);
    fd_close(&s->dir_fd);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->next);
    pthread_mutex_destroy(&s->blob_lock);
    pthread_mutex_destroy(&s->sync_lock);
    pthread_mutex_destroy(&s->flush_lock);
    pthread_cond_destroy(&s->sync_done);
    pthread_cond_destroy(&s->flush_wake);
    free(s);
    return NULL;
}

int store_sync(struct store *s, struct error *e)
{
    blob_flush(s);
    return flush_wait(s, e);
}

static bool setting_map(sqlite3_stmt *row, void *item)
{
    bool ok = true;
    char *text = column_text(row, 0, &ok);
    if (ok)
        *(char **)item = text;
    return ok;
}

int store_setting_get(struct store *s, const char *name, char **ret_value, struct error *e)
{
    return query_one(s, 0, SQL_SETTING_GET, "the setting", setting_map, ret_value, e, "t", name);
}

int store_setting_set(struct store *s, const char *name, const char *value, struct error *e)
{
    if (!value)
        return query_run(s, RUN_FREES, SQL_SETTING_FORGET, "the setting", NULL, e, "t", name);
    return query_run(s, 0, SQL_SETTING_SET, "the setting", NULL, e, "tt", name, value);
}
