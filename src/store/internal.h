/* internal.h - the parts of the store to each other. Nothing outside src/store includes it; sqlite's
 * types end here.
 *
 * One connection under one lock does all reads and writes, each writing call one transaction. The
 * thread of flush.c has a second connection that only checkpoints. Order of locks: blob_lock, then
 * lock; sync_lock and flush_lock are taken last, alone. */
#pragma once
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/blobs.h"
#include "store/statements.h"
#include "store/store.h"

/* One known key, as a lookup needs it. */
struct known_key {
    unsigned char hash[32];
    struct store_access access;
    bool revoked;
};

enum {
    STORE_CHUNK = 32 /* rows in one transaction where there may be many: a reply waits for each */
};

struct store {
    unsigned flags;
    int dir_fd, wal_fd;
    char path[64]; /* of the database, through /proc/self/fd */

    pthread_mutex_t next, lock; /* by store_lock alone */
    sqlite3 *db;
    sqlite3_stmt *kept[SQL_COUNT];

    /* keys as of data_version; under lock */
    bool keys_loaded;
    int64_t keys_version;
    struct known_key *keys;
    size_t keys_count;

    /* blobs */
    pthread_mutex_t blob_lock;
    struct blobs *blobs;
    struct blob_writer *pins; /* writers whose committed blob must stay */
    atomic_bool garbage;      /* rows that named blobs were deleted */
    /* placed without fsync since the last flush; under blob_lock */
    char (*unsynced)[BLOB_HEX_SIZE];
    size_t unsynced_count;

    /* containers that may have too many executions; under lock */
    char **crowded;
    size_t crowded_count;
    bool crowded_all;
    uint32_t dice;

    /* flush.c */
    pthread_mutex_t sync_lock;
    pthread_cond_t sync_done;
    _Atomic uint64_t written; /* commits so far */
    uint64_t synced;          /* of which on the disk */
    bool syncing, sync_broken;
    pthread_mutex_t flush_lock;
    pthread_cond_t flush_wake;
    pthread_t flusher;
    bool flusher_runs, stopping;
    atomic_bool kicked, dirty, reserve_missing;
    atomic_int wal_pages;
    sqlite3 *checkpointer;
};

/* ---- query.c ------------------------------------------------------------------------------------ */

enum run_flags {
    RUN_MUST_CHANGE = 1, /* no row changed: -ENOENT */
    RUN_FREES = 2,       /* may use the reserve when the disk is full */
    RUN_DURABLE = 4,     /* wait until it is on the disk */
    RUN_LOCKED = 8,      /* the caller holds the lock, and maybe a transaction */
};

/* Runs a kept statement to its end. `what` names the thing, for messages ("the container"). Arguments
 * by the letters of `types`: t const char * or NULL, n const char * and size_t, b const void * and
 * size_t, i int64_t. 0 or negative errno with `e` filled; in a transaction of the caller a failure
 * leaves it to the caller to roll back. *ret_changes, when not NULL, gets the number of rows. */
int query_run(struct store *s, unsigned flags, enum statement id, const char *what,
    int64_t *ret_changes, struct error *e, const char *types, ...);

/* Runs a statement that frees rows again and again, `piece` of them at a time (its last parameter, bound
 * behind those of `types`), until there are no more. Breathes between. `removed` is added to. */
int query_run_pieces(struct store *s, enum statement id, const char *what, int64_t piece,
    int64_t *removed, struct error *e, const char *types, ...);

/* Fills *item from the row; false when out of memory (the item is then deinit'ed by the map). */
typedef bool row_map(sqlite3_stmt *row, void *item);
/* The first row, through `map`. -ENOENT when there is none. Locks unless RUN_LOCKED. */
int query_one(struct store *s, unsigned flags, enum statement id, const char *what, row_map *map,
    void *item, struct error *e, const char *types, ...);
/* All rows of `sql`, prepared for this once. Takes the lock. On failure the items made are deinit'ed. */
struct item_kind {
    size_t size;
    row_map *map;
    void (*deinit)(void *item);
};
int query_list(struct store *s, const char *sql, const struct item_kind *kind, void **ret_items,
    size_t *ret_count, struct error *e, const char *types, ...);
/* The text of a paged list, and what to bind to it: ?1 and ?2 are `scope`'s (?2 may be unused), ?3 the
 * limit and one more, ?4 page->after. */
enum { PAGE_SQL_SIZE = 2048 };
void query_page_sql(char out[PAGE_SQL_SIZE], const char *columns, const char *table,
    const char *scope, const struct store_page *page);
const char *query_page_types(const struct store_page *page);
const char *query_page_cursor(const struct store_page *page); /* what ?4 is; NULL: nothing */
int64_t query_page_limit(const struct store_page *page);
/* Cuts a list of limit + 1 to the limit; true when there was more. */
bool query_page_cut(
    void *items, size_t *count, const struct store_page *page, const struct item_kind *kind);

/* Transactions of several statements: lock; begin; run with RUN_LOCKED…; end(status), which commits
 * when status is 0 and rolls back otherwise, and returns the first failure; unlock. */
void store_lock(struct store *s);
void store_unlock(struct store *s);
int query_begin(struct store *s, const char *what, struct error *e);
int query_end(struct store *s, int status, const char *what, struct error *e);

/* Says a sqlite failure in our words. Under the lock. */
int query_failed(struct store *s, int rc, const char *what, struct error *e);

/* Columns of the current row; text is malloc'ed, NULL for NULL or without memory (*ok is then false). */
char *column_text(sqlite3_stmt *row, int i, bool *ok);
int64_t column_int(sqlite3_stmt *row, int i);

/* ---- flush.c -------------------------------------------------------------------------------------- */

/* After each commit that wrote, under the lock; the WAL now has so many pages. */
void flush_note_write(struct store *s, int wal_pages);
/* Waits until everything committed so far is on the disk; concurrent callers share one fsync. Never
 * under the lock. */
int flush_wait(struct store *s, struct error *e);
/* The disk is full: asks for a checkpoint; gives up the reserve when `frees`. True when there is a
 * reason to try again at once. */
bool flush_pressure(struct store *s, bool frees);
/* The thread, for the owner; without it flush_note_write and flush_wait still work. */
int flush_start(struct store *s, struct error *e);
void flush_stop(struct store *s);
/* A second connection to the same database, as every connection is set up (sqlite.c). */
int sqlite_connect(struct store *s, sqlite3 **ret_db, struct error *e);

/* ---- blob_refs.c ------------------------------------------------------------------------------------- */

/* Removes blobs that no row names and no writer holds. Takes blob_lock and lock. */
void blob_collect(struct store *s);
/* Makes blobs placed without fsync survive power loss. */
void blob_flush(struct store *s);
int blob_refs_open(struct store *s, struct error *e);
void blob_refs_close(struct store *s);
/* Reads a whole blob of a known length into malloc'ed, NUL-terminated memory. */
int blob_read(struct store *s, const char *sha256, int64_t bytes, char **ret_data, struct error *e);

/* ---- conversations.c ---------------------------------------------------------------------------------- */
/* One item, within a transaction of the caller. */
int item_append(struct store *s, const struct store_item *i, struct error *e);
int item_set_transcript(struct store *s, const struct store_item *i, struct error *e);

/* ---- uploads.c ----------------------------------------------------------------------------------------- */
/* For store_expire: pending ones past their time expire, parts of those that ended go, and rows made before
 * `forgotten_before`. */
int uploads_expire(
    struct store *s, int64_t now_s, int64_t forgotten_before, int64_t *removed, struct error *e);

/* ---- logins.c, webhooks.c: for store_expire ------------------------------------------------------------ */
int logins_expire(struct store *s, int64_t now_s, struct error *e);
/* Drops what waits beyond STORE_DELIVERIES_MAX for a webhook of that project, NULL: of any. Lock held. */
int deliveries_bound(struct store *s, const char *project, struct error *e);
int deliveries_expire(struct store *s, int64_t before_s, int64_t *removed, struct error *e);

/* ---- the rest ---------------------------------------------------------------------------------------- */
void keys_forget(struct store *s); /* under the lock, or at close */
