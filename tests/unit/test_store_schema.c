/* State directories that earlier versions of the schema left: opened by this one, with all that is in them. */
#include "store_place.h"

#include <sqlite3.h>

#include "store/schema.h"

/* What such a version wrote: a thread with a file that somebody brought and one that code made, and a run of it that
 * waits. The tables are those of version 4; what came later has its default there. */
static const char rows[] =
    "INSERT INTO settings VALUES('kept', 'yes');"
    "INSERT INTO conversations(id, project, kind, created_at, metadata)"
    "  VALUES('thread_1', 'default', 'thread', 100, '{\"a\":\"b\"}');"
    "INSERT INTO items(id, conversation_id, run_id, created_at, json)"
    "  VALUES('msg_1', 'thread_1', 'run_1', 101, '{}');"
    "INSERT INTO conversation_files(conversation_id, path, file_id, source_id)"
    "  VALUES('thread_1', 'b.csv', 'file-2', 'file-1');"
    "INSERT INTO conversation_files(conversation_id, path, file_id)"
    "  VALUES('thread_1', 'a.png', 'file-0');"
    "INSERT INTO runs(id, project, dialect, status, model, conversation_id, created_at, completed_at, background, request)"
    "  VALUES('run_1', 'default', 'assistants', 'requires_action', 'm', 'thread_1', 102, 0, 0,"
    "    '{\"expires_at\":702}');";

static void run_sql(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s", message);
}

/* Instead of the place's store, one as a Cloche of that version had left it. */
static void leave_old(struct place *p, int version)
{
    static const char *const files[] = {"store.db", "store.db-wal", "store.db-shm"};
    char path[96], pragma[64];
    sqlite3 *db;
    p->store = store_close(p->store);
    for (int i = 0; i < 3; i++)
        unlinkat(p->fd, files[i], 0);
    snprintf(path, sizeof path, "%s/store.db", p->path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    run_sql(db, "PRAGMA journal_mode = WAL");
    for (int i = 0; i < version; i++)
        run_sql(db, schema_migrations[i]);
    run_sql(db, rows);
    if (version >= 6)
        run_sql(db, "UPDATE runs SET expires_at = 702"); /* such a version wrote it there itself */
    if (version >= 7)
        run_sql(db, "UPDATE conversation_files SET by_message = source_id IS NOT NULL");
    snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", version);
    run_sql(db, pragma);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void everything_is_there(struct store *s, size_t files_expected)
{
    char *value = NULL;
    struct store_conversation c;
    struct store_conversation_file *files = NULL;
    struct store_run run;
    size_t n = 0;
    OK(store_setting_get(s, "kept", &value, &err));
    assert_string_equal(value, "yes");
    free(value);
    OK(store_conversation_get(s, "default", "thread", "thread_1", &c, &err));
    assert_string_equal(c.metadata, "{\"a\":\"b\"}");
    store_conversation_deinit(&c);
    OK(store_conversation_files_list(s, "thread_1", &files, &n, &err));
    assert_int_equal(n, files_expected);
    assert_string_equal(files[0].path, "b.csv");
    assert_string_equal(files[0].source_id, "file-1");
    assert_true(files[0].by_message); /* before version 7 all that were brought were the thread's */
    for (size_t i = 1; i < n; i++)
        assert_false(files[i].by_message);
    store_conversation_files_free(files, n);
    OK(store_run_get(s, "default", "assistants", "run_1", &run, &err));
    assert_string_equal(run.status, "requires_action");
    assert_int_equal(run.expires_at, 702); /* before version 6 only the request said it */
    store_run_deinit(&run);
}

static void a_file_is_added(struct store *s)
{
    struct store_conversation_file more = {.conversation_id = (char *)"thread_1",
        .path = (char *)"c.csv",
        .file_id = (char *)"file-3",
        .source_id = (char *)"file-3"};
    OK(store_conversation_files_put(s, &more, 1, &err));
}

static void older_schemas_are_migrated(void **state)
{
    struct place *p = *state;
    for (int version = 4; version < schema_version; version++) {
        leave_old(p, version);
        OK(store_open(p->fd, STORE_OWNER, &p->store, &err));
        everything_is_there(p->store, 2);
        a_file_is_added(p->store);
        reopen(p); /* migrated once, not at each start */
        everything_is_there(p->store, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(older_schemas_are_migrated, setup, teardown),
    };
    return cmocka_run_group_tests_name("store_schema", tests, NULL, NULL);
}
