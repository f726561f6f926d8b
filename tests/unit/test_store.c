/* The store: every function, and what another process does beside it. */
#include "store_place.h"

/* ---- settings, keys ----------------------------------------------------------------------------- */

static void settings(void **state)
{
    struct place *p = *state;
    char *value = NULL;
    assert_int_equal(store_setting_get(p->store, "a", &value, &err), -ENOENT);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    OK(store_setting_set(p->store, "a", "1", &err));
    OK(store_setting_set(p->store, "a", "2", &err));
    reopen(p);
    OK(store_setting_get(p->store, "a", &value, &err));
    assert_string_equal(value, "2");
    free(value);
    OK(store_setting_set(p->store, "a", NULL, &err));
    assert_int_equal(store_setting_get(p->store, "a", &value, &err), -ENOENT);
}

static void keys_and_projects(void **state)
{
    struct place *p = *state;
    struct store_key first, second, named;
    char secret[3][STORE_SECRET_SIZE];
    struct store_access access;
    assert_int_equal(store_keys_exist(p->store), 0);
    assert_int_equal(store_key_lookup(p->store, "x", 1, &access), -EACCES);

    OK(store_key_create(p->store, "ci", "team", &named, secret[2], &err));
    OK(store_key_create(p->store, "one", NULL, &first, secret[0], &err));
    OK(store_key_create(p->store, "two", NULL, &second, secret[1], &err));
    assert_string_equal(named.project, "team");
    /* the first made without a project, not the first */
    assert_string_equal(first.project, "default");
    assert_string_equal(second.project, second.id);
    assert_memory_equal(secret[0], "cl-", 3);
    assert_int_equal(strlen(secret[0]), 46);
    assert_int_equal(
        strspn(secret[0], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 46);
    assert_int_equal(store_keys_exist(p->store), 1);

    assert_int_equal(store_key_lookup(p->store, secret[1], 46, &access), 0);
    assert_string_equal(access.project, second.id);
    assert_string_equal(access.key_id, second.id);
    assert_int_equal(store_key_lookup(p->store, secret[1], 45, &access), -EACCES);
    assert_int_equal(store_key_lookup(p->store, "", 0, &access), -EACCES);
    assert_int_equal(store_key_lookup(p->store, "cl-\0zzz", 7, &access), -EACCES);

    OK(store_key_revoke(p->store, second.id, &err));
    OK(store_key_revoke(p->store, second.id, &err));
    assert_int_equal(store_key_revoke(p->store, "key_none", &err), -ENOENT);
    assert_int_equal(store_key_lookup(p->store, secret[1], 46, &access), -EACCES);
    OK(store_key_revoke(p->store, first.id, &err));
    OK(store_key_revoke(p->store, named.id, &err));
    assert_int_equal(store_keys_exist(p->store), 1); /* closed for good */

    struct store_keys list;
    OK(store_key_list(p->store, &list, &err));
    assert_int_equal(list.count, 3);
    assert_string_equal(list.items[0].name, "ci");
    assert_true(list.items[2].revoked_at > 0);
    store_keys_deinit(&list);

    assert_int_equal(store_key_create(p->store, "bad", "key_x", &first, secret[0], &err), -EINVAL);
    assert_int_equal(store_key_create(p->store, "bad", "../x", &first, secret[0], &err), -EINVAL);
    assert_int_equal(err.code, ERROR_INVALID_VALUE);
    assert_string_equal(err.param, "project");
    store_key_deinit(&first);
    store_key_deinit(&second);
    store_key_deinit(&named);
}

/* No secret may lie in any file of the state directory. */
static void secrets_are_not_stored(void **state)
{
    struct place *p = *state;
    struct store_key key;
    char secret[STORE_SECRET_SIZE];
    OK(store_key_create(p->store, "k", NULL, &key, secret, &err));
    const char *names[] = {"store.db", "store.db-wal"};
    for (size_t i = 0; i < 2; i++) {
        int fd = openat(p->fd, names[i], O_RDONLY | O_CLOEXEC);
        struct stat st;
        assert_true(fd >= 0 && fstat(fd, &st) == 0);
        char *data = malloc((size_t)st.st_size + 1);
        assert_int_equal(fd_read_all(fd, data, (size_t)st.st_size), 0);
        assert_null(memmem(data, (size_t)st.st_size, secret + 3, 20));
        assert_int_equal(st.st_mode & 077, 0);
        free(data);
        close(fd);
    }
    store_key_deinit(&key);
}

/* What `cloche key` does beside a server is seen by the server's next request. */
static void keys_of_another_process(void **state)
{
    struct place *p = *state;
    int back[2];
    assert_int_equal(pipe(back), 0);
    assert_int_equal(store_keys_exist(p->store), 0);
    pid_t pid = fork();
    if (!pid) {
        execl("/proc/self/exe", "test_store", "--make-key", p->path,
            back[1] == 9 ? "9" : (dup2(back[1], 9), "9"), NULL);
        _exit(127);
    }
    close(back[1]);
    char line[256] = "";
    ssize_t n = read(back[0], line, sizeof line - 1);
    int status;
    waitpid(pid, &status, 0);
    close(back[0]);
    assert_int_equal(status, 0);
    assert_true(n > 0);
    char *id = strchr(line, ' ');
    assert_non_null(id);
    *id++ = 0;
    struct store_access access;
    assert_int_equal(store_keys_exist(p->store), 1);
    assert_int_equal(store_key_lookup(p->store, line, strlen(line), &access), 0);
    assert_string_equal(access.project, "default");

    struct store *tool; /* a second handle, as good as a second process for the cache */
    OK(store_open(p->fd, 0, &tool, &err));
    OK(store_key_revoke(tool, id, &err));
    assert_int_equal(store_key_lookup(p->store, line, strlen(line), &access), -EACCES);
    struct store_key key;
    char secret[STORE_SECRET_SIZE];
    OK(store_key_create(tool, "late", NULL, &key, secret, &err));
    assert_int_equal(store_key_lookup(p->store, secret, strlen(secret), &access), 0);
    assert_string_equal(access.project, key.id); /* "default" is given once, revoked or not */
    store_key_deinit(&key);
    store_close(tool);
    /* its locks survived the other's close */
    add_container(p->store, "default", "cntr_after", "n", 1);
}

/* ---- containers ------------------------------------------------------------------------------------ */

static void containers(void **state)
{
    struct place *p = *state;
    struct store *s = p->store;
    struct store_container c, again;
    add_container(s, "default", "cntr_a", "alpha", 100);
    assert_int_equal(
        store_container_insert(s,
            &(struct store_container){
                .id = "cntr_a", .project = "default", .name = "n", .environment = "base"},
            &err),
        -EEXIST);
    OK(store_container_get(s, "default", "cntr_a", &c, &err));
    assert_string_equal(c.memory_limit, "1g");
    assert_null(c.metadata);
    assert_int_equal(c.live.pipe_set, 4);
    assert_int_equal(store_container_get(s, "other", "cntr_a", &again, &err), -ENOENT);
    OK(store_container_get(s, NULL, "cntr_a", &again, &err));
    store_container_deinit(&again);

    free(c.name);
    c.name = strdup("beta");
    c.metadata = strdup("{\"a\":1}");
    c.live.flags = 7;
    OK(store_container_update(s, &c, &err));
    store_container_deinit(&c);
    OK(store_container_touch(s, "cntr_a", 555, &err));
    OK(store_container_set_live(
        s, "cntr_a", &(struct store_container_live){9, 8, 7, 6, 5, 4}, &err));
    reopen(p);
    s = p->store;
    OK(store_container_get(s, "default", "cntr_a", &c, &err));
    assert_string_equal(c.name, "beta");
    assert_string_equal(c.metadata, "{\"a\":1}");
    assert_int_equal(c.last_active_at, 555);
    assert_int_equal(c.created_at, 100);
    assert_int_equal(c.live.ground_id, 9);
    assert_int_equal(c.live.flags, 4);
    store_container_deinit(&c);
    assert_int_equal(store_container_touch(s, "cntr_none", 1, &err), -ENOENT);
    assert_int_equal(store_container_update(s,
                         &(struct store_container){
                             .id = "cntr_none", .project = "p", .name = "n", .environment = "e"},
                         &err),
        -ENOENT);
}

static void containers_end(void **state)
{
    struct place *p = *state;
    struct store *s = p->store;
    struct store_container c;
    struct store_execution x;
    add_container(s, "default", "cntr_a", "a", 100);
    add_container(s, "default", "cntr_b", "b", 101);
    add_execution(s, "cntr_a", "exec_1", 102);
    struct store_container_file f = {.id = "cfile_1", .container_id = "cntr_a", .path = "data/a"};
    OK(store_container_file_put(s, &f, 1, &err));

    OK(store_container_mark_expired(s, "cntr_a", "It was idle for 20 minutes.", &err));
    assert_int_equal(store_container_mark_expired(s, "cntr_a", "again", &err), -ENOENT);
    OK(store_container_get(s, "default", "cntr_a", &c, &err));
    assert_int_equal(c.status, STORE_CONTAINER_EXPIRED);
    assert_string_equal(c.end_reason, "It was idle for 20 minutes.");
    assert_true(c.ended_at > 0);
    store_container_deinit(&c);
    OK(store_execution_get(s, "cntr_a", "exec_1", &x, &err));
    assert_string_equal(x.status, "killed");
    assert_string_equal(x.note, "It was idle for 20 minutes.");
    store_execution_deinit(&x);
    struct store_container_files files;
    OK(store_container_file_list(s, "cntr_a", NULL, &files, &err));
    assert_int_equal(files.count, 0);
    store_container_files_deinit(&files);

    OK(store_container_mark_deleted(s, "cntr_b", &err));
    assert_int_equal(store_container_get(s, "default", "cntr_b", &c, &err), -ENOENT);
    struct store_containers list;
    OK(store_container_list_live(s, &list, &err)); /* its deletion was cut short: to be finished */
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0].id, "cntr_b");
    assert_int_equal(list.items[0].status, STORE_CONTAINER_DELETED);
    store_containers_deinit(&list);
    OK(store_container_delete(s, "cntr_b", &err));
    assert_int_equal(store_container_delete(s, "cntr_b", &err), -ENOENT);
    OK(store_container_delete(s, "cntr_a", &err));
    assert_int_equal(store_execution_get(s, "cntr_a", "exec_1", &x, &err), -ENOENT);
}

static void pages(void **state)
{
    struct place *p = *state;
    struct store *s = p->store;
    char id[32];
    for (int i = 0; i < 45; i++) { /* ties in created_at, and a clock that went back once */
        snprintf(id, sizeof id, "cntr_%02d", i);
        add_container(
            s, i % 3 == 2 ? "other" : "default", id, i % 2 ? "odd" : "even", 1000 + i / 4);
    }
    add_container(s, "default", "cntr_old", "odd", 10);

    struct store_containers list;
    struct store_page page = {0};
    OK(store_container_list(s, "default", NULL, &page, &list, &err));
    assert_int_equal(list.count, 20);
    assert_true(list.has_more);
    assert_string_equal(list.items[0].id, "cntr_43"); /* 44 is the other's */
    store_containers_deinit(&list);

    for (int up = 0; up < 2; up++) { /* walking finds each once, in order */
        char last[32] = "", seen[64] = "";
        int64_t at = up ? 0 : INT64_MAX;
        int count = 0;
        bool more = true;
        while (more) {
            page = (struct store_page){.limit = 7, .ascending = up, .after = last[0] ? last : NULL};
            OK(store_container_list(s, "default", NULL, &page, &list, &err));
            assert_true(list.count > 0 && list.count <= 7);
            for (size_t i = 0; i < list.count; i++) {
                assert_string_equal(list.items[i].project, "default");
                assert_true(up ? list.items[i].created_at >= at : list.items[i].created_at <= at);
                assert_string_not_equal(list.items[i].id, seen);
                at = list.items[i].created_at;
                snprintf(seen, sizeof seen, "%s", list.items[i].id);
                count++;
            }
            snprintf(last, sizeof last, "%s", list.items[list.count - 1].id);
            more = list.has_more;
            store_containers_deinit(&list);
        }
        assert_int_equal(count, 31);
        assert_string_equal(last, up ? "cntr_43" : "cntr_old");
    }

    page = (struct store_page){.limit = 100};
    OK(store_container_list(s, "default", "odd", &page, &list, &err));
    assert_int_equal(list.count, 16);
    assert_false(list.has_more);
    store_containers_deinit(&list);
    const char *unknown[] = {"cntr_none", "cntr_02" /* a stranger's */};
    for (int i = 0; i < 2; i++) {
        page.after = unknown[i];
        OK(store_container_list(s, "default", NULL, &page, &list, &err));
        assert_int_equal(list.count, 0);
        store_containers_deinit(&list);
    }
    page = (struct store_page){.limit = -5};
    OK(store_container_list(s, "default", NULL, &page, &list, &err));
    assert_int_equal(list.count, 1);
    store_containers_deinit(&list);
}

/* ---- files of containers ----------------------------------------------------------------------------- */

static void container_files(void **state)
{
    struct place *p = *state;
    struct store *s = p->store;
    add_container(s, "default", "cntr_a", "a", 1);
    struct store_container_file f[3] =
        {
            {.id = "cfile_1",
                .container_id = "cntr_a",
                .path = "data/a.csv",
                .bytes = 5,
                .created_at = 10,
                .by_user = true,
                .mime_type = "text/csv",
                .fingerprint = {1, 2, 5}},
            {.id = "cfile_2",
                .container_id = "cntr_a",
                .path = "data/b \xc3\xa9.png",
                .bytes = 6,
                .created_at = 10},
            {.id = "cfile_3",
                .container_id = "cntr_a",
                .path = "data/a.csv",
                .bytes = 7,
                .created_at = 11},
        },
                                got;
    OK(store_container_file_put(s, f, 2, &err));
    OK(store_container_file_get(s, "cntr_a", "cfile_1", &got, &err));
    assert_true(got.by_user);
    assert_string_equal(got.mime_type, "text/csv");
    assert_int_equal(got.fingerprint.ctime_ns, 2);
    store_container_file_deinit(&got);

    OK(store_container_file_put(s, &f[2], 1, &err)); /* same path: new id, the old one is gone */
    assert_int_equal(store_container_file_get(s, "cntr_a", "cfile_1", &got, &err), -ENOENT);
    OK(store_container_file_find(s, "cntr_a", "data/a.csv", &got, &err));
    assert_string_equal(got.id, "cfile_3");
    assert_null(got.mime_type);
    store_container_file_deinit(&got);
    assert_int_equal(store_container_file_find(s, "cntr_a", "data/none", &got, &err), -ENOENT);
    assert_int_equal(store_container_file_get(s, "cntr_b", "cfile_3", &got, &err), -ENOENT);

    struct store_container_files list;
    OK(store_container_file_list(s, "cntr_a", &(struct store_page){.limit = 1}, &list, &err));
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0].id, "cfile_3");
    assert_true(list.has_more);
    store_container_files_deinit(&list);
    OK(store_container_file_list(
        s, "cntr_a", &(struct store_page){.after = "cfile_3"}, &list, &err));
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0].path, "data/b \xc3\xa9.png");
    assert_false(list.has_more);
    store_container_files_deinit(&list);

    f[0].id = "cfile_9", f[0].path = "data/new";
    f[1].id = "cfile_8", f[1].container_id = "cntr_none";
    assert_int_equal(store_container_file_put(s, f, 2, &err), -ENOENT); /* all or none */
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    assert_int_equal(store_container_file_get(s, "cntr_a", "cfile_9", &got, &err), -ENOENT);

    OK(store_container_file_delete(s, "cntr_a", "cfile_3", &err));
    assert_int_equal(store_container_file_delete(s, "cntr_a", "cfile_3", &err), -ENOENT);
    OK(store_container_file_delete_all(s, "cntr_a", &err));
    OK(store_container_file_delete_all(s, "cntr_a", &err));
    OK(store_container_file_list(s, "cntr_a", NULL, &list, &err));
    assert_int_equal(list.count, 0);
    store_container_files_deinit(&list);
    OK(store_container_file_put(s, NULL, 0, &err));
}

/* ---- executions ----------------------------------------------------------------------------------------- */

/* The flusher removes blobs in its own time; the clock cannot be moved for it. */
static bool blobs_become(struct place *p, int wanted)
{
    for (int i = 0; i < 500; i++) {
        if (count_blobs(p) == wanted)
            return true;
        usleep(10000);
    }
    return false;
}

static void executions(void **state)
{
    struct place *p = *state;
    struct store *s = p->store;
    struct store_execution x;
    char *record;
    size_t length;
    add_container(s, "default", "cntr_a", "a", 1);
    add_execution(s, "cntr_a", "exec_1", 10);
    OK(store_execution_get(s, "cntr_a", "exec_1", &x, &err));
    assert_null(x.status);
    assert_string_equal(x.code, "x=1+1");
    assert_int_equal(store_execution_record(s, &x, &record, &length, &err), -ENOENT);
    store_execution_deinit(&x);

    struct store_touch touch = {77, 1};
    OK(store_execution_finish(
        s, "cntr_a", "exec_1", "completed", "{\"a\":2} tail", 7, &touch, &err));
    OK(store_execution_get(s, "cntr_a", "exec_1", &x, &err));
    assert_string_equal(x.status, "completed");
    assert_string_equal(x.record, "{\"a\":2}");
    OK(store_execution_record(s, &x, &record, &length, &err));
    assert_int_equal(length, 7);
    assert_string_equal(record, "{\"a\":2}");
    free(record);
    store_execution_deinit(&x);
    struct store_container c;
    OK(store_container_get(s, "default", "cntr_a", &c, &err));
    assert_int_equal(c.last_active_at, 77);
    assert_int_equal(c.live.execution_count, 1);
    store_container_deinit(&c);

    assert_int_equal(
        store_execution_finish(s, "cntr_a", "exec_9", "completed", "{}", 2, &touch, &err), -ENOENT);
    assert_int_equal(
        store_execution_finish(s, "cntr_b", "exec_1", "completed", "{}", 2, NULL, &err), -ENOENT);
    x = (struct store_execution){
        .id = "exec_2", .container_id = "cntr_none", .project = "p", .code = ""};
    assert_int_equal(store_execution_insert(s, &x, &err), -ENOENT);

    x = (struct store_execution){.id = "exec_s",
        .project = "default",
        .created_at = 5,
        .status = "error",
        .code = "1/0",
        .record = "{}"};
    OK(store_execution_insert(s, &x, &err)); /* stateless, finished in one go */
    OK(store_execution_get(s, NULL, "exec_s", &x, &err));
    assert_null(x.container_id);
    assert_string_equal(x.record, "{}");
    store_execution_deinit(&x);
    add_execution(s, NULL, "exec_t", 6);
    OK(store_execution_finish(s, NULL, "exec_t", "completed", "{}", 2, NULL, &err));

    for (int i = 0; i < 5; i++) {
        char id[16];
        snprintf(id, sizeof id, "exec_m%d", i);
        add_execution(s, "cntr_a", id, 20);
    }
    struct store_executions list;
    OK(store_execution_list(s, "cntr_a", &(struct store_page){.limit = 4}, &list, &err));
    assert_int_equal(list.count, 4);
    assert_true(list.has_more);
    assert_string_equal(list.items[0].id, "exec_m4");
    store_executions_deinit(&list);
    OK(store_execution_list(
        s, "cntr_a", &(struct store_page){.limit = 4, .after = "exec_m1"}, &list, &err));
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[1].id, "exec_1");
    assert_false(list.has_more);
    store_executions_deinit(&list);

    OK(store_execution_cut_short(s, "cntr_a", "exec_m0", "killed", "one", &err));
    OK(store_execution_cut_short(s, "cntr_a", NULL, "interrupted", "container", &err));
    add_execution(s, NULL, "exec_u", 6);
    OK(store_execution_cut_short(s, NULL, NULL, "killed", "all", &err));
    const struct {
        const char *container, *id, *status, *note;
    } ends[] = {
        {"cntr_a", "exec_m0", "killed", "one"},
        {"cntr_a", "exec_m4", "interrupted", "container"},
        {NULL, "exec_u", "killed", "all"},
        {"cntr_a", "exec_1", "completed", NULL},
    };
    for (size_t i = 0; i < 4; i++) {
        OK(store_execution_get(s, ends[i].container, ends[i].id, &x, &err));
        assert_string_equal(x.status, ends[i].status);
        if (ends[i].note)
            assert_string_equal(x.note, ends[i].note);
        else
            assert_null(x.note);
        store_execution_deinit(&x);
    }
    OK(store_execution_delete_all(s, "cntr_a", &err));
    assert_int_equal(store_execution_get(s, "cntr_a", "exec_1", &x, &err), -ENOENT);
}

static void long_records(void **state)
{
    struct place *p = *state;
    struct store *s = p->store;
    struct store_execution x;
    size_t n = STORE_RECORD_INLINE_MAX + 1, length;
    char *text = long_text(n, 0), *record;
    add_container(s, "default", "cntr_a", "a", 1);
    add_execution(s, "cntr_a", "exec_1", 10);
    OK(store_execution_finish(
        s, "cntr_a", "exec_1", "completed", text, n, &(struct store_touch){1, 1}, &err));
    x = (struct store_execution){.id = "exec_2",
        .container_id = "cntr_a",
        .project = "default",
        .status = "completed",
        .code = "",
        .record = text};
    OK(store_execution_insert(s, &x, &err)); /* the same bytes: one blob */
    assert_int_equal(count_blobs(p), 1);
    OK(store_sync(s, &err));
    reopen(p); /* the sweep keeps it */
    s = p->store;
    OK(store_execution_get(s, "cntr_a", "exec_1", &x, &err));
    assert_null(x.record);
    assert_non_null(x.record_blob);
    OK(store_execution_record(s, &x, &record, &length, &err));
    assert_int_equal(length, n);
    assert_memory_equal(record, text, n + 1);
    free(record);
    store_execution_deinit(&x);
    OK(store_execution_finish(s, "cntr_a", "exec_2", "completed", "{}", 2, NULL, &err));
    assert_int_equal(count_blobs(p), 1);
    OK(store_container_delete(s, "cntr_a", &err)); /* the cascade counts, too */
    assert_true(blobs_become(p, 0));
    free(text);
}

/* ---- Files and blobs --------------------------------------------------------------------------------------- */

static struct blob_writer *write_blob(struct store *s, const char *text, char sha256[BLOB_HEX_SIZE])
{
    struct blob_writer *w = NULL;
    int64_t bytes;
    OK(store_blob_begin(s, &w, &err));
    OK(store_blob_append(w, text, strlen(text) / 2, &err));
    OK(store_blob_append(w, text + strlen(text) / 2, strlen(text) - strlen(text) / 2, &err));
    OK(store_blob_commit(w, true, sha256, &bytes, &err));
    assert_int_equal(bytes, strlen(text));
    return w;
}

static void add_file(struct store *s, const char *id, const char *text, const char *purpose,
    int64_t at, int64_t expires_at)
{
    char sha256[BLOB_HEX_SIZE];
    struct blob_writer *w = write_blob(s, text, sha256);
    struct store_file f = {.id = (char *)id,
        .project = "default",
        .filename = "t\xc3\xa9st.csv",
        .purpose = (char *)purpose,
        .bytes = (int64_t)strlen(text),
        .created_at = at,
        .expires_at = expires_at,
        .blob = sha256};
    OK(store_file_insert(s, &f, &err));
    blob_writer_free(w);
}

static void blobs(void **state)
{
    struct place *p = *state;
    struct store *s = p->store;
    char sha256[BLOB_HEX_SIZE];
    struct blob_writer *w = write_blob(s, "abc", sha256);
    assert_string_equal(sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    int fd = store_blob_open(s, sha256, &err);
    assert_true(fd >= 0);
    char text[8];
    assert_int_equal(read(fd, text, sizeof text), 3);
    close(fd);
    struct blob_writer *twin = write_blob(s, "abc", sha256);
    blob_writer_free(w);
    assert_int_equal(count_blobs(p), 1); /* the twin holds it */
    blob_writer_free(twin);
    assert_int_equal(count_blobs(p), 0); /* nobody named it */
    assert_int_equal(store_blob_open(s, sha256, &err), -EIO);
    assert_int_equal(store_blob_open(s, "../../etc/passwd", &err), -EIO);

    OK(store_blob_begin(s, &w, &err));
    OK(store_blob_append(w, "x", 1, &err));
    blob_writer_free(w); /* dropped */
    OK(store_blob_begin(s, &w, &err));
    OK(store_blob_commit(w, true, sha256, NULL, &err)); /* empty */
    assert_string_equal(sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    blob_writer_free(w);
    blob_writer_free(NULL);
    char path[128];
    snprintf(path, sizeof path, "%s/blobs/tmp", p->path);
    assert_int_equal(rmdir(path), 0); /* nothing is left in it */
    assert_int_equal(mkdir(path, 0700), 0);
}

static void files(void **state)
{
    struct place *p = *state;
    struct store *s = p->store;
    struct store_file f;
    char id[ID_SIZE];
    store_file_id_new(id);
    assert_int_equal(strlen(id), 29);
    assert_memory_equal(id, "file-", 5);
    assert_true(id_valid(id));

    add_file(s, "file-a", "same", "assistants", 10, 0);
    add_file(s, "file-b", "same", "vision", 11, 0);
    add_file(s, "file-c", "other", "assistants", 12, clock_realtime_s() + 1000);
    assert_int_equal(count_blobs(p), 2);
    reopen(p);
    s = p->store;
    assert_int_equal(count_blobs(p), 2);
    OK(store_file_get(s, "default", "file-a", &f, &err));
    assert_string_equal(f.filename, "t\xc3\xa9st.csv");
    assert_int_equal(f.bytes, 4);
    store_file_deinit(&f);
    assert_int_equal(store_file_get(s, "other", "file-a", &f, &err), -ENOENT);

    struct store_files list;
    OK(store_file_list(s, "default", NULL, &(struct store_page){.limit = 2}, &list, &err));
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0].id, "file-c");
    assert_true(list.has_more);
    store_files_deinit(&list);
    OK(store_file_list(s, "default", "assistants",
        &(struct store_page){.ascending = true, .after = "file-a"}, &list, &err));
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0].id, "file-c");
    store_files_deinit(&list);

    clock_advance_us(2000 * INT64_C(1000000));
    assert_int_equal(store_file_get(s, "default", "file-c", &f, &err), -ENOENT);
    int64_t removed = 0;
    OK(store_expire(s, clock_realtime_s(), &removed, &err));
    assert_int_equal(removed, 1);
    assert_true(blobs_become(p, 1));
    clock_advance_us(-2000 * INT64_C(1000000));

    assert_int_equal(store_file_delete(s, "other", "file-a", &err), -ENOENT);
    OK(store_file_delete(s, "default", "file-a", &err));
    assert_int_equal(count_blobs(p), 1);
    OK(store_file_delete(s, "default", "file-b", &err));
    assert_int_equal(count_blobs(p), 0); /* at once: its space is free on return */
    assert_int_equal(store_file_delete(s, "default", "file-b", &err), -ENOENT);
}

static void orphans_are_swept(void **state)
{
    struct place *p = *state;
    add_file(p->store, "file-a", "kept", "assistants", 10, 0);
    char path[200];
    const char *orphans[] = {"blobs/tmp/half", "blobs/ab", /* made as a directory */
        "blobs/ab/ab16bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015adab",
        "blobs/ab/odd name"};
    p->store = store_close(p->store);
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", p->path, orphans[i]);
        if (i == 1)
            mkdir(path, 0700);
        else
            close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    }
    struct store *tool; /* a tool beside a server must not take an upload for an orphan */
    OK(store_open(p->fd, 0, &tool, &err));
    snprintf(path, sizeof path, "%s/%s", p->path, orphans[0]);
    assert_int_equal(access(path, F_OK), 0);
    store_close(tool);
    OK(store_open(p->fd, STORE_OWNER, &p->store, &err));
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(count_blobs(p), 1);
}

/* ---- time --------------------------------------------------------------------------------------------------------- */

static void expiry(void **state)
{
    struct place *p = *state;
    struct store *s = p->store;
    char id[32];
    struct store_container c;
    struct store_execution x;
    add_container(s, "default", "cntr_busy", "b", 1);
    add_container(s, "default", "cntr_ended", "e", 1);
    add_execution(s, "cntr_ended", "exec_e", 1);
    OK(store_container_mark_expired(s, "cntr_ended", "Idle.", &err));
    add_execution(s, NULL, "exec_old", 10);
    OK(store_execution_finish(s, NULL, "exec_old", "completed", "{}", 2, NULL, &err));
    for (int i = 0; i < STORE_EXECUTIONS_KEPT + 700; i++) {
        snprintf(id, sizeof id, "exec_%05d", i);
        x = (struct store_execution){.id = id,
            .container_id = "cntr_busy",
            .project = "default",
            .created_at = clock_realtime_s(),
            .status = "completed",
            .code = "1",
            .record = "{}"};
        OK(store_execution_insert(s, &x, &err));
    }
    int64_t removed = 0;
    OK(store_expire(s, clock_realtime_s(), &removed, &err));
    assert_int_equal(removed, 701);
    assert_int_equal(store_execution_get(s, NULL, "exec_old", &x, &err), -ENOENT);
    assert_int_equal(store_execution_get(s, "cntr_busy", "exec_00699", &x, &err), -ENOENT);
    OK(store_execution_get(s, "cntr_busy", "exec_00700", &x, &err));
    store_execution_deinit(&x);
    OK(store_container_get(s, "default", "cntr_ended", &c, &err));
    store_container_deinit(&c);
    OK(store_expire(s, clock_realtime_s() + 31 * 86400, NULL, &err));
    assert_int_equal(store_container_get(s, "default", "cntr_ended", &c, &err), -ENOENT);
    assert_int_equal(store_execution_get(s, "cntr_ended", "exec_e", &x, &err), -ENOENT);
    OK(store_container_get(s, "default", "cntr_busy", &c, &err)); /* running: never by age */
    store_container_deinit(&c);
}

static void newer_schema_is_refused(void **state)
{
    struct place *p = *state;
    p->store = store_close(p->store);
    int fd = openat(p->fd, "store.db", O_RDWR | O_CLOEXEC);
    unsigned char version[4] = {
        0, 0, 3, 232}; /* user_version: big-endian at offset 60 of the header */
    assert_int_equal(pwrite(fd, version, 4, 60), 4);
    close(fd);
    assert_int_equal(store_open(p->fd, STORE_OWNER, &p->store, &err), -EPROTO);
    assert_non_null(strstr(err.message, "newer"));
    assert_null(p->store);
    assert_int_equal(store_open(-1, 0, &p->store, &err), -EBADF);
}

static int make_key_main(const char *path, const char *out)
{
    struct store *s;
    struct store_key key;
    char secret[STORE_SECRET_SIZE];
    if (store_open(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0, &s, &err) ||
        store_key_create(s, "other", NULL, &key, secret, &err))
        return 1;
    dprintf((int)strtol(out, NULL, 10), "%s %s", secret, key.id);
    store_key_deinit(&key);
    store_close(s);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "--make-key"))
        return make_key_main(argv[2], argv[3]);
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(settings),
        CASE(keys_and_projects),
        CASE(secrets_are_not_stored),
        CASE(keys_of_another_process),
        CASE(containers),
        CASE(containers_end),
        CASE(pages),
        CASE(container_files),
        CASE(executions),
        CASE(long_records),
        CASE(blobs),
        CASE(files),
        CASE(orphans_are_swept),
        CASE(expiry),
        CASE(newer_schema_is_refused),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
