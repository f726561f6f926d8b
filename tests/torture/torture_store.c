/* The store while the n-th call fails: an answer with a reason, nothing half done, and a database that
 * is whole, at once and when it is opened again. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/log.h"
#include "faults.h"
#include "store/store.h"

/* Beyond these, ever fewer calls fail: SQLite allocates thousands of times, and an opening looks into 256
 * directories. */
enum { EVERY_ONE = 160, EVERY_ONE_OF_SQLITE = 40, RECORD = STORE_RECORD_INLINE_MAX + 1000 };

static char place[64], record[RECORD + 1];
static int dir = -1;
static struct error err;
static long round_now;

#define CHECK(condition) \
    do { \
        if (!(condition)) \
            fail_msg("call %ld (%s): line %d: not so: %s (%s)", round_now, fault_name(), __LINE__, \
                #condition, err.message); \
    } while (0)
/* What a call under fault may answer: 0, or an errno with its words. */
#define ANSWER(r) \
    CHECK((r) == 0 || \
          ((r) < 0 && err.code != ERROR_NONE && err.code < ERROR_COUNT && err.message[0]))

static bool keep_reserve;

static int drop(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind;
    return at->level == 0 || (keep_reserve && !strcmp(path + at->base, "reserve")) ? 0
                                                                                   : remove(path);
}

/* The reserve is 8 MiB: to make it anew each time would be most of the work. */
static void clear_place(bool but_the_reserve)
{
    keep_reserve = but_the_reserve;
    nftw(place, drop, 8, FTW_DEPTH | FTW_PHYS);
}

static int make_place(void **state)
{
    (void)state;
    snprintf(place, sizeof place, "%s/cloche-torture-XXXXXX",
        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(place))
        return -1;
    dir = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0;
}

static int remove_place(void **state)
{
    (void)state;
    clear_place(false);
    fd_close(&dir);
    return rmdir(place);
}

/* ---- what must always be so, looked at from outside ------------------------------------------------- */

static int64_t number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st;
    CHECK(sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK);
    int64_t n = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_finalize(st);
    return n;
}

static int blobs_on_disk(void)
{
    int n = 0;
    for (int i = 0; i < 256; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/blobs/%02x", place, (unsigned)i);
        DIR *d = opendir(path);
        for (struct dirent *e; d && (e = readdir(d));)
            n += e->d_name[0] != '.';
        if (d)
            closedir(d);
    }
    return n;
}

/* While the store is closed. `owned`: an owner opened it last, so no blob is there in vain. */
static void look_inside(bool owned)
{
    char path[128];
    sqlite3 *db;
    sqlite3_stmt *st;
    snprintf(path, sizeof path, "%s/store.db", place);
    CHECK(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK);
    CHECK(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL) == SQLITE_OK);
    CHECK(
        sqlite3_step(st) == SQLITE_ROW && !strcmp((const char *)sqlite3_column_text(st, 0), "ok"));
    sqlite3_finalize(st);
    CHECK(number(db, "SELECT count(*) FROM pragma_foreign_key_check") == 0);
    CHECK(number(db, "SELECT count(*) FROM blobs WHERE refs <> (SELECT count(*) FROM files WHERE "
                     "blob = sha256)"
                     " + (SELECT count(*) FROM executions WHERE record_blob = sha256)"
                     " + (SELECT count(*) FROM upload_parts WHERE blob = sha256)") == 0);
    CHECK(number(db, "SELECT count(*) FROM executions WHERE record_blob NOT IN (SELECT sha256 FROM "
                     "blobs)") == 0);
    CHECK(sqlite3_prepare_v2(db, "SELECT sha256 FROM blobs WHERE refs > 0", -1, &st, NULL) ==
          SQLITE_OK);
    int named = 0;
    for (; sqlite3_step(st) == SQLITE_ROW; named++) {
        const char *sha256 = (const char *)sqlite3_column_text(st, 0);
        snprintf(path, sizeof path, "%s/blobs/%.2s/%s", place, sha256, sha256);
        CHECK(access(path, R_OK) == 0);
    }
    sqlite3_finalize(st);
    CHECK(!owned || blobs_on_disk() == named);
    sqlite3_close(db);
}

/* Runs rounds of a scenario until one was not hit. */
static void torture(unsigned kinds, int errno_wanted,
    void (*scenario)(unsigned kinds, long n, int number, bool *ret_hit))
{
    bool hit = true;
    long every_one = kinds & FAULT_SQLITE ? EVERY_ONE_OF_SQLITE : EVERY_ONE;
    clear_place(false);
    for (round_now = 1; hit; round_now += round_now < every_one ? 1 : 1 + round_now / 20) {
        int before = fault_descriptors();
        scenario(kinds, round_now, errno_wanted, &hit);
        CHECK(fault_descriptors() == before);
    }
    CHECK(round_now > 2); /* some call was there to fail */
}

static struct store *must_open(void)
{
    struct store *s = NULL;
    CHECK(store_open(dir, STORE_OWNER, &s, &err) == 0);
    return s;
}

/* ---- opening ------------------------------------------------------------------------------------------ */

static void create(unsigned kinds, long n, int number_wanted, bool *ret_hit)
{
    struct store *s = NULL;
    clear_place(!(kinds & FAULT_FILES));
    err = (struct error){0};
    fault_arm(kinds, n, number_wanted);
    int r = store_open(dir, STORE_OWNER, &s, &err);
    store_close(s);
    *ret_hit = fault_disarm();
    ANSWER(r);
    CHECK(*ret_hit || r == 0);
    s = must_open();
    CHECK(store_setting_set(s, "a", "b", &err) == 0);
    store_close(s);
    look_inside(true);
}

static int put_blob(struct store *s, const char *text, size_t length, bool durable, const char *id)
{
    char sha256[BLOB_HEX_SIZE];
    struct blob_writer *w = NULL;
    struct store_file f = {.id = (char *)id,
        .project = "default",
        .filename = "f",
        .purpose = "p",
        .bytes = (int64_t)length,
        .blob = sha256};
    int r = store_blob_begin(s, &w, &err);
    if (r == 0)
        r = store_blob_append(w, text, length, &err);
    if (r == 0)
        r = store_blob_commit(w, durable, sha256, NULL, &err);
    if (r == 0 && id)
        r = store_file_insert(s, &f, &err);
    blob_writer_free(w);
    return r;
}

static int stray(const char *name)
{
    int fd = openat(dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    return fd < 0 ? -1 : close(fd);
}

/* What a crash may leave is swept at the next opening, and nothing that is named. */
static void open_again(unsigned kinds, long n, int number_wanted, bool *ret_hit)
{
    static const char none[] = "00000000000000000000000000000000000000000000000000000000000000aa";
    struct store *s = must_open();
    struct store_file f;
    char path[128];
    if (store_file_get(s, "default", "file-kept", &f, &err) == 0)
        store_file_deinit(&f);
    else
        CHECK(put_blob(s, "kept", 4, true, "file-kept") == 0);
    store_close(s);
    s = NULL;
    CHECK(mkdirat(dir, "blobs/00", 0700) == 0 || errno == EEXIST);
    snprintf(path, sizeof path, "blobs/00/%s", none);
    CHECK(stray(path) == 0 && stray("blobs/tmp/left") == 0);

    err = (struct error){0};
    fault_arm(kinds, n, number_wanted);
    int r = store_open(dir, STORE_OWNER, &s, &err);
    store_close(s);
    *ret_hit = fault_disarm();
    ANSWER(r);
    CHECK(*ret_hit || r == 0);
    s = must_open();
    CHECK(store_file_get(s, "default", "file-kept", &f, &err) == 0);
    store_file_deinit(&f);
    store_close(s);
    CHECK(faccessat(dir, "blobs/tmp/left", F_OK, 0) < 0);
    look_inside(true);
}

static void opening(void **state)
{
    (void)state;
    torture(FAULT_MEMORY, 0, create);
    torture(FAULT_SQLITE, 0, create);
    torture(FAULT_DESCRIPTORS, 0, create);
    torture(FAULT_FILES, 0, create);
    torture(FAULT_FILES, ENOSPC, create);
    torture(FAULT_MEMORY, 0, open_again);
    torture(FAULT_SQLITE, 0, open_again);
    torture(FAULT_DESCRIPTORS, 0, open_again);
    torture(FAULT_FILES, 0, open_again);
}

/* ---- working ------------------------------------------------------------------------------------------ */

/* One of everything, each with what it answered. Names carry the round, so that all rounds live in one
 * database. */
struct work {
    unsigned serial;
    char container[32], gone[32], running[32], finished[32], large[32], file[32], dropped[32];
    char upload[32], whole[32];
    int insert, update, ended, begun, finish, finish_large, put, drop, setting, key, revoke, cut;
    int part, complete;
    char secret[STORE_SECRET_SIZE];
    struct store_key made;
};

static int add_upload(struct store *s, const char *id)
{
    struct store_upload u = {.id = (char *)id,
        .project = "default",
        .filename = "f",
        .purpose = "p",
        .mime_type = "t",
        .bytes = 1,
        .created_at = 1,
        .expires_at = INT64_MAX};
    return store_upload_insert(s, &u, INT64_MAX, &err);
}

/* One blob as a part of the upload, or as the File that it becomes. */
static int grow_upload(struct store *s, const char *upload, const char *text, bool whole)
{
    char sha256[BLOB_HEX_SIZE];
    struct blob_writer *w = NULL;
    struct store_upload_part p = {
        .id = (char *)text, .upload_id = (char *)upload, .blob = sha256, .bytes = 1};
    struct store_file f = {.id = (char *)text,
        .project = "default",
        .filename = "f",
        .purpose = "p",
        .bytes = (int64_t)strlen(text),
        .blob = sha256};
    int r = store_blob_begin(s, &w, &err);
    if (r == 0)
        r = store_blob_append(w, text, strlen(text), &err);
    if (r == 0)
        r = store_blob_commit(w, true, sha256, &p.bytes, &err);
    if (r == 0)
        r = whole ? store_upload_complete(s, upload, &f, &err)
                  : store_upload_part_insert(s, &p, INT64_MAX, &err);
    blob_writer_free(w);
    return r;
}

static int add_container(struct store *s, const char *id)
{
    struct store_container c = {.id = (char *)id,
        .project = "default",
        .name = "n",
        .environment = "base",
        .created_at = 1,
        .last_active_at = 1,
        .expires_minutes = 20,
        .metadata = "{}"};
    return store_container_insert(s, &c, &err);
}

static int add_execution(struct store *s, const char *container, const char *id)
{
    struct store_execution x = {.id = (char *)id,
        .container_id = (char *)container,
        .project = "default",
        .created_at = 1,
        .code = "x = 1"};
    return store_execution_insert(s, &x, &err);
}

/* A record that is too long for a row. */
static void write_record(const struct work *w)
{
    memset(record, 'r', RECORD);
    memcpy(record, w->large, strlen(w->large));
}

/* What must be there before anything fails. */
static void begin_work(struct store *s, struct work *w)
{
    static unsigned serial;
    *w = (struct work){.serial = ++serial};
    snprintf(w->container, 32, "cntr_%u", serial);
    snprintf(w->gone, 32, "cntr_%u_gone", serial);
    snprintf(w->running, 32, "exec_%u_r", serial);
    snprintf(w->finished, 32, "exec_%u_f", serial);
    snprintf(w->large, 32, "exec_%u_l", serial);
    snprintf(w->file, 32, "file-%u", serial);
    snprintf(w->dropped, 32, "file-%u-d", serial);
    CHECK(add_container(s, w->gone) == 0);
    CHECK(add_execution(s, w->gone, w->finished) == 0 && add_execution(s, w->gone, w->large) == 0);
    snprintf(w->upload, 32, "upload_%u", serial);
    snprintf(w->whole, 32, "file-%u-w", serial);
    CHECK(put_blob(s, w->dropped, strlen(w->dropped), true, w->dropped) == 0);
    CHECK(add_upload(s, w->upload) == 0 && grow_upload(s, w->upload, "part_first", false) == 0);
    write_record(w);
}

#define STEP(field, call) \
    do { \
        err = (struct error){0}; \
        w->field = (call); \
        if (w->field) \
            last = err; \
        if (w->field && (w->field > 0 || err.code == ERROR_NONE || err.code >= ERROR_COUNT || \
                            !err.message[0])) \
            *bad = #field; \
    } while (0)

/* Under fault: nothing of the test's own may fail here, so what is wrong is remembered. */
static struct error do_work(struct store *s, struct work *w, const char **bad)
{
    struct error last = {0};
    struct store_touch touch = {7, 7};
    struct store_container_file f = {
        .id = w->file, .container_id = w->gone, .path = "data/a", .bytes = 1};
    char name[48];
    snprintf(name, sizeof name, "data/%s", w->file);
    STEP(insert, add_container(s, w->container));
    STEP(begun, add_execution(s, w->gone, w->running));
    STEP(finish,
        store_execution_finish(s, w->gone, w->finished, "completed", "{}", 2, &touch, &err));
    STEP(finish_large,
        store_execution_finish(s, w->gone, w->large, "completed", record, RECORD, NULL, &err));
    STEP(put, put_blob(s, w->file, strlen(w->file), true, w->file));
    STEP(update, store_container_file_put(s, &f, 1, &err));
    STEP(drop, store_file_delete(s, "default", w->dropped, &err));
    STEP(part, grow_upload(s, w->upload, "part_more", false));
    STEP(complete, grow_upload(s, w->upload, w->whole, true));
    STEP(setting, store_setting_set(s, "name", w->file, &err));
    STEP(key, store_key_create(s, w->file, NULL, &w->made, w->secret, &err));
    if (w->key == 0)
        STEP(revoke, store_key_revoke(s, w->made.id, &err));
    STEP(cut, store_execution_cut_short(s, w->gone, w->running, "killed", "why", &err));
    STEP(ended, store_container_mark_expired(s, w->gone, "why", &err));
    return last;
}

static bool has_record(struct store *s, const char *container, const char *id, const char *wanted)
{
    struct store_execution x;
    char *text = NULL;
    size_t length;
    CHECK(store_execution_get(s, container, id, &x, &err) == 0);
    bool done = x.status && !strcmp(x.status, "completed");
    if (done) {
        CHECK(store_execution_record(s, &x, &text, &length, &err) == 0);
        CHECK(length == strlen(wanted) && !strcmp(text, wanted));
    } else {
        CHECK(!x.record && !x.record_blob);
    }
    free(text);
    store_execution_deinit(&x);
    return done;
}

/* What answered 0 is there, what failed is not: except that a deletion may have happened. */
static void see_work(struct store *s, const struct work *w)
{
    struct store_container c;
    struct store_execution x;
    struct store_file f;
    struct store_container_file cf;
    write_record(w);
    int r = store_container_get(s, "default", w->container, &c, &err);
    CHECK(r == (w->insert ? -ENOENT : 0));
    if (r == 0)
        store_container_deinit(&c);
    r = store_execution_get(s, w->gone, w->running, &x, &err);
    CHECK(r == (w->begun ? -ENOENT : 0));
    if (r == 0) {
        CHECK(w->cut || (x.status && !strcmp(x.status, "killed")));
        store_execution_deinit(&x);
    }
    r = store_container_get(s, "default", w->gone, &c, &err);
    CHECK(r == 0 && c.status == (w->ended ? STORE_CONTAINER_RUNNING : STORE_CONTAINER_EXPIRED));
    CHECK(c.live.execution_count == (w->finish ? 0 : 7)); /* the same commit */
    store_container_deinit(&c);
    if (w->ended) { /* ending a container ends what still runs in it */
        CHECK(has_record(s, w->gone, w->finished, "{}") == !w->finish);
        CHECK(has_record(s, w->gone, w->large, record) == !w->finish_large);
    }
    r = store_file_get(s, "default", w->file, &f, &err);
    CHECK(r == (w->put ? -ENOENT : 0));
    if (r == 0)
        store_file_deinit(&f);
    r = store_file_get(s, "default", w->dropped, &f, &err);
    CHECK(r == -ENOENT || (r == 0 && w->drop));
    if (r == 0)
        store_file_deinit(&f);
    r = store_file_get(s, "default", w->whole, &f, &err);
    CHECK(r == (w->complete ? -ENOENT : 0));
    if (r == 0)
        store_file_deinit(&f);
    struct store_upload u;
    CHECK(store_upload_get(s, "default", w->upload, &u, &err) == 0);
    CHECK(!strcmp(u.status, w->complete ? "pending" : "completed"));
    store_upload_deinit(&u);
    r = store_container_file_find(s, w->gone, "data/a", &cf, &err);
    CHECK(w->ended ? r == (w->update ? -ENOENT : 0) : r == -ENOENT);
    if (r == 0)
        store_container_file_deinit(&cf);
}

/* A key that was not given out does not exist, and did not take the default project. */
static void see_keys(struct store *s, struct work *w, bool first)
{
    struct store_access access;
    struct store_keys keys;
    CHECK(store_key_list(s, &keys, &err) == 0);
    bool listed = false;
    for (size_t i = 0; i < keys.count; i++)
        listed |= !strcmp(keys.items[i].name, w->file);
    store_keys_deinit(&keys);
    CHECK(listed == (w->key == 0));
    if (w->key == 0) {
        int r = store_key_lookup(s, w->secret, strlen(w->secret), &access);
        CHECK(w->revoke ? r == 0 || r == -EACCES : r == -EACCES);
        CHECK(strcmp(w->made.project, "default") == 0 ? first : !first);
        store_key_deinit(&w->made);
    }
}

/* A failed sync holds durable calls up until the flusher has mended the log. */
static void wait_until_durable(struct store *s)
{
    int r = -1;
    for (int i = 0; i < 2000 && r; i++) {
        r = store_setting_set(s, "probe", "x", &err);
        if (r == 0)
            r = store_sync(s, &err);
        if (r)
            usleep(2000);
    }
    CHECK(r == 0);
}

static bool had_key;

static void work(unsigned kinds, long n, int number_wanted, bool *ret_hit)
{
    struct store *s = must_open();
    struct work w;
    const char *bad = NULL;
    begin_work(s, &w);
    fault_arm(kinds, n, number_wanted);
    struct error last = do_work(s, &w, &bad);
    *ret_hit = fault_disarm();
    if (bad)
        fail_msg("call %ld (%s): %s failed without a reason: %d \"%s\"", n, fault_name(), bad,
            last.code, last.message);
    int failures = !!w.insert + !!w.update + !!w.ended + !!w.begun + !!w.finish + !!w.finish_large +
                   !!w.put + !!w.drop + !!w.setting + !!w.key + !!w.revoke + !!w.cut;
    if (!*ret_hit && failures)
        fail_msg("nothing was made to fail, and something did: %s", last.message);
    see_work(s, &w); /* as it goes on */
    wait_until_durable(s);
    struct work again;
    begin_work(s, &again); /* and it does go on */
    store_close(s);
    s = must_open();
    see_work(s, &w);
    see_keys(s, &w, !had_key);
    had_key |= w.key == 0;
    store_close(s);
    look_inside(true);
}

/* Each begins with an empty place: the first key is a case of its own. */
static void work_anew(unsigned kinds, long n, int number_wanted, bool *ret_hit)
{
    clear_place(true);
    had_key = false;
    work(kinds, n, number_wanted, ret_hit);
}

static void working(void **state)
{
    (void)state;
    had_key = false;
    torture(FAULT_MEMORY, 0, work_anew);
    torture(FAULT_SQLITE, 0, work_anew);
    torture(FAULT_DESCRIPTORS, 0, work_anew);
    torture(FAULT_FILES, 0, work_anew);
    torture(FAULT_FILES, ENOSPC, work_anew);
}

/* The thread that syncs and copies back is hit as well: whoever it is, the rules are the same. */
static void working_with_its_thread(void **state)
{
    (void)state;
    torture(FAULT_FILES | FAULT_ALL_THREADS, 0, work_anew);
    torture(FAULT_SQLITE | FAULT_ALL_THREADS, 0, work_anew);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(opening, make_place, remove_place),
        cmocka_unit_test_setup_teardown(working, make_place, remove_place),
        cmocka_unit_test_setup_teardown(working_with_its_thread, make_place, remove_place),
    };
    log_configure(LOG_ERROR + 1, LOG_TEXT);
    fault_sqlite();
    return cmocka_run_group_tests_name("torture_store", tests, NULL, NULL);
}
