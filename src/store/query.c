/* Statements, rows, transactions, and sqlite's failures in our words. */
#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/internal.h"

enum { BREATH_MAX_US = 100000 };

static const char *const texts[SQL_COUNT] = {
#define X(name, sql) [SQL_##name] = sql,
    STATEMENTS(X)
#undef X
};

/* Who waits holds `next`, so that one who unlocks and locks again stands behind it: a mutex alone goes
 * to whoever runs, and work cut into small transactions would be one long one to everybody else. */
void store_lock(struct store *s)
{
    pthread_mutex_lock(&s->next);
    pthread_mutex_lock(&s->lock);
    pthread_mutex_unlock(&s->next);
}

void store_unlock(struct store *s) { pthread_mutex_unlock(&s->lock); }

/* A write that fails for want of space is FULL, but an IOERR when it was the shared-memory file that
 * could not grow, or a quota or file-size limit that stopped it. */
static bool means_full(int rc, int system)
{
    if ((rc & 0xff) == SQLITE_FULL)
        return true;
    if ((rc & 0xff) != SQLITE_IOERR && (rc & 0xff) != SQLITE_CANTOPEN)
        return false;
    return system == ENOSPC || system == EDQUOT || system == EFBIG || rc == SQLITE_IOERR_SHMSIZE;
}

int query_failed(struct store *s, int rc, const char *what, struct error *e)
{
    int system = sqlite3_system_errno(s->db);
    if (means_full(rc, system))
        return error_set(e, ERROR_INSUFFICIENT_STORAGE, ENOSPC,
            "The server's disk is full: %s cannot be stored.", what);
    switch (rc) {
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        return error_set(e, ERROR_NOT_FOUND, ENOENT, "What %s belongs to does not exist.", what);
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
        return error_set(e, ERROR_INTERNAL, EEXIST, "%s exists already.", what);
    }
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory while reaching %s.", what);
    case SQLITE_TOOBIG:
        return error_set(e, ERROR_PAYLOAD_TOO_LARGE, E2BIG, "Too long for the database: %s.", what);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return error_set(e, ERROR_UNAVAILABLE, EBUSY, "The database is held by another process.");
    }
    return error_set(e, ERROR_INTERNAL, system ? system : EIO, "The database failed at %s: %s.",
        what, sqlite3_errmsg(s->db));
}

static int prepare_kept(struct store *s, enum statement id, sqlite3_stmt **ret_statement)
{
    int rc = SQLITE_OK;
    if (!s->kept[id])
        rc =
            sqlite3_prepare_v3(s->db, texts[id], -1, SQLITE_PREPARE_PERSISTENT, &s->kept[id], NULL);
    *ret_statement = s->kept[id];
    return rc;
}

static int bind_all(sqlite3_stmt *st, const char *types, va_list ap)
{
    int rc = SQLITE_OK;
    for (int i = 1; *types && rc == SQLITE_OK; i++, types++) {
        const void *p = *types == 'i' ? NULL : va_arg(ap, const void *);
        switch (*types) {
        case 't': rc = sqlite3_bind_text(st, i, p, -1, SQLITE_STATIC); break;
        case 'n':
            rc = sqlite3_bind_text64(st, i, p, va_arg(ap, size_t), SQLITE_STATIC, SQLITE_UTF8);
            break;
        case 'b': rc = sqlite3_bind_blob64(st, i, p, va_arg(ap, size_t), SQLITE_STATIC); break;
        case 'i': rc = sqlite3_bind_int64(st, i, va_arg(ap, int64_t)); break;
        default: abort(); /* a caller's mistake, in every build */
        }
    }
    return rc;
}

/* `piece`, unless 0, is bound behind the others: how many rows at most. */
static int run_locked(struct store *s, unsigned flags, enum statement id, const char *what,
    int64_t piece, int64_t *ret_changes, struct error *e, const char *types, va_list ap)
{
    sqlite3_stmt *st;
    int rc = prepare_kept(s, id, &st);
    if (rc == SQLITE_OK)
        rc = bind_all(st, types, ap);
    if (rc == SQLITE_OK && piece)
        rc = sqlite3_bind_int64(st, (int)strlen(types) + 1, piece);
    while (rc == SQLITE_OK) {
        int step = sqlite3_step(st);
        if (step == SQLITE_DONE)
            break;
        if (step == SQLITE_ROW)
            continue;
        bool again = !(flags & RUN_LOCKED) && means_full(step, sqlite3_system_errno(s->db)) &&
                     flush_pressure(s, flags & RUN_FREES);
        rc = again ? SQLITE_OK : step;
        if (again)
            sqlite3_reset(st);
    }
    int64_t changes = sqlite3_changes64(s->db);
    int r = rc == SQLITE_OK ? 0 : query_failed(s, rc, what, e);
    sqlite3_reset(st);
    if (!r && flags & RUN_MUST_CHANGE && !changes)
        r = error_set(e, ERROR_NOT_FOUND, ENOENT, "Not found: %s.", what);
    if (!r && ret_changes)
        *ret_changes = changes;
    return r;
}

int query_run(struct store *s, unsigned flags, enum statement id, const char *what,
    int64_t *ret_changes, struct error *e, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    if (!(flags & RUN_LOCKED))
        store_lock(s);
    int r = run_locked(s, flags, id, what, 0, ret_changes, e, types, ap);
    if (!(flags & RUN_LOCKED))
        store_unlock(s);
    va_end(ap);
    return r || !(flags & RUN_DURABLE) ? r : flush_wait(s, e);
}

void store_breathe(int64_t since_us)
{
    int64_t took = clock_monotonic_us() - since_us;
    if (took > 0)
        usleep((useconds_t)(took < BREATH_MAX_US ? took : BREATH_MAX_US));
}

int query_run_pieces(struct store *s, enum statement id, const char *what, int64_t piece,
    int64_t *removed, struct error *e, const char *types, ...)
{
    for (;;) {
        int64_t changes, since = clock_monotonic_us();
        va_list ap;
        va_start(ap, types);
        store_lock(s);
        int r = run_locked(s, RUN_FREES, id, what, piece, &changes, e, types, ap);
        store_unlock(s);
        va_end(ap);
        if (r)
            return r;
        *removed += changes;
        if (changes < piece)
            return 0;
        store_breathe(since);
    }
}

int query_one(struct store *s, unsigned flags, enum statement id, const char *what, row_map *map,
    void *item, struct error *e, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    if (!(flags & RUN_LOCKED))
        store_lock(s);
    sqlite3_stmt *st;
    int r, rc = prepare_kept(s, id, &st);
    if (rc == SQLITE_OK)
        rc = bind_all(st, types, ap);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        r = map(st, item)
                ? 0
                : error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory while reading %s.", what);
    else if (rc == SQLITE_DONE)
        r = error_set(e, ERROR_NOT_FOUND, ENOENT, "Not found: %s.", what);
    else
        r = query_failed(s, rc, what, e);
    sqlite3_reset(st);
    if (!(flags & RUN_LOCKED))
        store_unlock(s);
    va_end(ap);
    return r;
}

static int collect(struct store *s, sqlite3_stmt *st, const struct item_kind *kind, char **items,
    size_t *count, struct error *e)
{
    size_t room = 0;
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        if (*count == room) {
            room = room ? room * 2 : 16;
            char *larger = realloc(*items, room * kind->size);
            if (!larger)
                return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory while listing.");
            *items = larger;
        }
        char *item = *items + *count * kind->size;
        memset(item, 0, kind->size);
        if (!kind->map(st, item))
            return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory while listing.");
        ++*count;
    }
    return rc == SQLITE_DONE ? 0 : query_failed(s, rc, "a list", e);
}

int query_list(struct store *s, const char *sql, const struct item_kind *kind, void **ret_items,
    size_t *ret_count, struct error *e, const char *types, ...)
{
    char *items = NULL;
    size_t count = 0;
    sqlite3_stmt *st = NULL;
    va_list ap;
    va_start(ap, types);
    store_lock(s);
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = bind_all(st, types, ap);
    int r = rc == SQLITE_OK ? collect(s, st, kind, &items, &count, e)
                            : query_failed(s, rc, "a list", e);
    sqlite3_finalize(st);
    store_unlock(s);
    va_end(ap);
    if (r) {
        for (size_t i = 0; i < count; i++)
            kind->deinit(items + i * kind->size);
        free(items);
        return r;
    }
    *ret_items = items;
    *ret_count = count;
    return 0;
}

int64_t query_page_limit(const struct store_page *page)
{
    int limit = page && page->limit ? page->limit : 20;
    return limit < 1 ? 1 : limit > STORE_PAGE_MAX ? STORE_PAGE_MAX : limit;
}

const char *query_page_types(const struct store_page *page)
{
    return page && (page->after || page->before) ? "ttit" : "tti";
}

const char *query_page_cursor(const struct store_page *page)
{
    return !page ? NULL : page->after ? page->after : page->before;
}

/* A page before some id is read from there backwards, and given in the list's order. */
static bool backwards(const struct store_page *page)
{
    return page && !page->after && page->before;
}

void query_page_sql(char out[PAGE_SQL_SIZE], const char *columns, const char *table,
    const char *scope, const struct store_page *page)
{
    bool up = page && page->ascending;
    static const char ascending[] = "created_at ASC, seq ASC",
                      descending[] = "created_at DESC, seq DESC";
    const char *order = up ? ascending : descending;
    up ^= backwards(page);
    const char *walk = up ? ascending : descending;
    char after[512] = "";
    /* The cursor is looked up within the scope, so that a stranger's id is like an unknown one. */
    if (query_page_cursor(page))
        snprintf(after, sizeof after,
            " AND (created_at, seq) %s (SELECT created_at, seq FROM %s WHERE id = ?4 AND %s)",
            up ? ">" : "<", table, scope);
    int n = snprintf(out, PAGE_SQL_SIZE,
        "SELECT %s FROM %s WHERE seq IN (SELECT seq FROM %s WHERE %s%s ORDER BY %s LIMIT ?3)"
        " ORDER BY %s",
        columns, table, table, scope, after, walk, order);
    if (n >= PAGE_SQL_SIZE)
        abort(); /* all parts are literals of ours */
}

bool query_page_cut(
    void *items, size_t *count, const struct store_page *page, const struct item_kind *kind)
{
    size_t limit = (size_t)query_page_limit(page);
    if (*count <= limit)
        return false;
    if (backwards(page)) { /* what is too much is the first */
        size_t extra = *count - limit;
        for (size_t i = 0; i < extra; i++)
            kind->deinit((char *)items + i * kind->size);
        memmove(items, (char *)items + extra * kind->size, limit * kind->size);
        *count = limit;
    }
    while (*count > limit)
        kind->deinit((char *)items + --*count * kind->size);
    return true;
}

int query_begin(struct store *s, const char *what, struct error *e)
{
    return query_run(s, RUN_LOCKED, SQL_BEGIN, what, NULL, e, "");
}

int query_end(struct store *s, int status, const char *what, struct error *e)
{
    if (!status)
        status = query_run(s, RUN_LOCKED, SQL_COMMIT, what, NULL, e, "");
    if (status && !sqlite3_get_autocommit(s->db)) /* some failures have rolled back already */
        query_run(s, RUN_LOCKED, SQL_ROLLBACK, what, NULL, NULL, "");
    return status;
}

char *column_text(sqlite3_stmt *row, int i, bool *ok)
{
    if (sqlite3_column_type(row, i) == SQLITE_NULL)
        return NULL;
    const unsigned char *text = sqlite3_column_text(row, i);
    size_t n = (size_t)sqlite3_column_bytes(row, i);
    char *copy = text ? malloc(n + 1) : NULL;
    if (!copy) {
        *ok = false;
        return NULL;
    }
    memcpy(copy, text, n);
    copy[n] = 0;
    return copy;
}

int64_t column_int(sqlite3_stmt *row, int i) { return sqlite3_column_int64(row, i); }
