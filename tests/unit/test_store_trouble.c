/* The store in trouble: killed at any moment, written by many threads, on a disk that is full. */
#include "store_place.h"

#include "store/internal.h"

/* ---- crashes ------------------------------------------------------------------------------------------------------- */

/* A child that acknowledges each write through a pipe is killed in the middle; all it said is there. */
static void killed_child(const char *path, int out)
{
    struct store *s;
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store_open(dir, STORE_OWNER, &s, &err))
        _exit(1);
    for (int i = 0;; i++) {
        char id[32], sha256[BLOB_HEX_SIZE];
        snprintf(id, sizeof id, "exec_%05d", i);
        struct store_execution x = {
            .id = id, .container_id = "cntr_a", .project = "default", .code = "1"};
        struct store_touch touch = {1, i};
        if (store_execution_insert(s, &x, &err) ||
            store_execution_finish(s, "cntr_a", id, "completed", id, strlen(id), &touch, &err))
            _exit(2);
        if (i % 16 == 0) {
            struct blob_writer *w;
            if (store_blob_begin(s, &w, &err) || store_blob_append(w, id, strlen(id), &err) ||
                store_blob_commit(w, true, sha256, NULL, &err))
                _exit(3);
            struct store_file f = {.id = id,
                .project = "default",
                .filename = id,
                .purpose = "user_data",
                .bytes = (int64_t)strlen(id),
                .blob = sha256};
            if (store_file_insert(s, &f, &err))
                _exit(4);
            blob_writer_free(w);
        }
        if (write(out, &i, sizeof i) != sizeof i)
            _exit(5);
    }
}

static void survives_kill(void **state)
{
    struct place *p = *state;
    add_container(p->store, "default", "cntr_a", "a", 1);
    p->store = store_close(p->store);
    int last = -1;
    for (int round = 0; round < 3; round++) {
        int said[2];
        assert_int_equal(pipe(said), 0);
        pid_t pid = fork();
        if (!pid) {
            close(said[0]);
            char out[16];
            snprintf(out, sizeof out, "%d", said[1]);
            execl(
                "/proc/self/exe", "test_store_trouble", "--write-until-killed", p->path, out, NULL);
            _exit(127);
        }
        close(said[1]);
        int i, after = 150 + 131 * round;
        for (last = -1; last < after && read(said[0], &i, sizeof i) == sizeof i;)
            last = i;
        kill(pid, SIGKILL);
        while (read(said[0], &i, sizeof i) == sizeof i)
            last = i;
        int status;
        waitpid(pid, &status, 0);
        close(said[0]);
        assert_true(WIFSIGNALED(status));
        assert_true(last >= after);

        OK(store_open(p->fd, STORE_OWNER, &p->store, &err));
        struct store_execution x;
        struct store_file f;
        char id[32];
        for (i = 0; i <= last; i++) {
            snprintf(id, sizeof id, "exec_%05d", i);
            OK(store_execution_get(p->store, "cntr_a", id, &x, &err));
            assert_string_equal(x.record, id);
            store_execution_deinit(&x);
            if (i % 16)
                continue;
            OK(store_file_get(p->store, "default", id, &f, &err));
            int fd = store_blob_open(p->store, f.blob, &err);
            char text[32] = "";
            assert_int_equal(read(fd, text, sizeof text - 1), f.bytes);
            assert_string_equal(text, id);
            close(fd);
            OK(store_file_delete(p->store, "default", id, &err));
            store_file_deinit(&f);
        }
        OK(store_execution_delete_all(p->store, "cntr_a", &err));
        struct store_files left; /* the one that may have been stored and not said */
        OK(store_file_list(p->store, "default", NULL, NULL, &left, &err));
        for (size_t k = 0; k < left.count; k++)
            OK(store_file_delete(p->store, "default", left.items[k].id, &err));
        store_files_deinit(&left);
        assert_int_equal(count_blobs(p), 0);
        p->store = store_close(p->store);
    }
}

/* ---- threads -------------------------------------------------------------------------------------------------------- */

enum { THREADS = 8, ROUNDS = 150 };

struct worker {
    struct store *store;
    int number, failures;
};

static void *work(void *context)
{
    struct worker *w = context;
    struct error e;
    for (int i = 0; i < ROUNDS; i++) {
        char id[32], file[32], sha256[BLOB_HEX_SIZE];
        snprintf(id, sizeof id, "exec_%d_%d", w->number, i);
        struct store_execution x = {.id = id,
                                   .container_id = "cntr_a",
                                   .project = "default",
                                   .code = "1"},
                               got;
        struct store_touch touch = {i, i};
        struct store_access access;
        w->failures += store_execution_insert(w->store, &x, &e) != 0;
        w->failures +=
            store_execution_finish(w->store, "cntr_a", id, "completed", "{}", 2, &touch, &e) != 0;
        w->failures += store_execution_get(w->store, "cntr_a", id, &got, &e) != 0;
        store_execution_deinit(&got);
        w->failures += store_key_lookup(w->store, "cl-x", 4, &access) != -EACCES;
        if (i % 10)
            continue;
        /* all threads store and drop the same few contents */
        struct blob_writer *writer = NULL;
        snprintf(file, sizeof file, "file-%d-%d", w->number, i);
        struct store_file f = {.id = file,
            .project = "default",
            .filename = "f",
            .purpose = "p",
            .bytes = 1,
            .blob = sha256};
        w->failures += store_blob_begin(w->store, &writer, &e) != 0;
        w->failures += store_blob_append(writer, i % 20 ? "a" : "b", 1, &e) != 0;
        w->failures += store_blob_commit(writer, true, sha256, NULL, &e) != 0;
        w->failures += store_file_insert(w->store, &f, &e) != 0;
        blob_writer_free(writer);
        int fd = store_blob_open(w->store, sha256, &e);
        w->failures += fd < 0;
        fd_close(&fd);
        if (w->number % 2)
            w->failures += store_file_delete(w->store, "default", file, &e) != 0;
    }
    return NULL;
}

static void many_threads(void **state)
{
    struct place *p = *state;
    add_container(p->store, "default", "cntr_a", "a", 1);
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){p->store, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].failures, 0);
    }
    struct store_executions list;
    OK(store_execution_list(p->store, "cntr_a", &(struct store_page){.limit = 10000}, &list, &err));
    assert_int_equal(list.count, THREADS * ROUNDS);
    store_executions_deinit(&list);
    struct store_files files_left;
    OK(store_file_list(
        p->store, "default", NULL, &(struct store_page){.limit = 10000}, &files_left, &err));
    assert_int_equal(files_left.count, THREADS / 2 * ROUNDS / 10);
    assert_int_equal(count_blobs(p), 2);
    for (size_t i = 0; i < files_left.count; i++)
        OK(store_file_delete(p->store, "default", files_left.items[i].id, &err));
    store_files_deinit(&files_left);
    assert_int_equal(count_blobs(p), 0);
}

/* The WAL is copied back and begun anew while others write, and does not keep the size it once had. */
static void log_is_copied_back(void **state)
{
    struct place *p = *state;
    static char text[100000];
    add_container(p->store, "default", "cntr_a", "a", 1);
    add_execution(p->store, "cntr_a", "exec_0", 1);
    struct stat st = {.st_size = INT64_MAX};
    for (int i = 0; i < 600; i++) { /* 60 MB: SQLite writes only pages that differ, so all must */
        memset(text, 'a' + i % 26, sizeof text);
        OK(store_execution_finish(
            p->store, "cntr_a", "exec_0", "completed", text, sizeof text, NULL, &err));
    }
    for (int i = 0; i < 1000 && st.st_size > 17 << 20; i++, usleep(10000)) {
        OK(store_container_touch(p->store, "cntr_a", i, &err));
        assert_int_equal(fstatat(p->fd, "store.db-wal", &st, 0), 0);
    }
    assert_true(st.st_size <= 17 << 20);
}

/* ---- a full disk ---------------------------------------------------------------------------------------------------- */

static int checks_failed;
#define CHECK(expression) \
    do { \
        if (!(expression)) { \
            checks_failed++; \
            fprintf(stderr, "line %d: not so: %s (%s)\n", __LINE__, #expression, err.message); \
        } \
    } while (0)

static void fill(int dir)
{
    int fd = openat(dir, "ballast", O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    static char block[4096];
    while (write(fd, block, sizeof block) > 0)
        ;
    close(fd);
}

static int put_file(struct store *s, const char *id, size_t n)
{
    char *text = long_text(n, id[5]), sha256[BLOB_HEX_SIZE];
    struct blob_writer *w = NULL;
    struct store_file f = {.id = (char *)id,
        .project = "default",
        .filename = "f",
        .purpose = "p",
        .bytes = (int64_t)n,
        .blob = sha256};
    int r = store_blob_begin(s, &w, &err);
    if (!r)
        r = store_blob_append(w, text, n, &err);
    if (!r)
        r = store_blob_commit(w, true, sha256, NULL, &err);
    if (!r)
        r = store_file_insert(s, &f, &err);
    blob_writer_free(w);
    free(text);
    return r;
}

static void on_a_full_disk(struct store *s, int dir)
{
    struct store_container c;
    struct store_execution x;
    struct store_file f;
    char id[32], *record = long_text(50000, 1);
    add_container(s, "default", "cntr_a", "a", 1);
    add_execution(s, "cntr_a", "exec_running", 1);
    CHECK(put_file(s, "file-a", 2 << 20) == 0);
    CHECK(faccessat(dir, "reserve", F_OK, 0) == 0);
    fill(dir);

    CHECK(put_file(s, "file-b", 2 << 20) == -ENOSPC);
    CHECK(err.code == ERROR_INSUFFICIENT_STORAGE);
    int stored = 0, r = 0;
    for (; stored < 5000 && !r;
         stored += !r) { /* until what was free inside the database is used */
        snprintf(id, sizeof id, "exec_%d", stored);
        x = (struct store_execution){.id = id,
            .container_id = "cntr_a",
            .project = "default",
            .status = "completed",
            .code = "1",
            .record = record};
        r = store_execution_insert(s, &x, &err);
    }
    CHECK(r == -ENOSPC);
    CHECK(err.code == ERROR_INSUFFICIENT_STORAGE);
    CHECK(store_execution_finish(s, "cntr_a", "exec_running", "completed", record, 50000,
              &(struct store_touch){9, 9}, &err) == -ENOSPC);

    /* Reads go on, and what failed left nothing behind. */
    CHECK(store_execution_get(s, "cntr_a", id, &x, &err) == -ENOENT);
    CHECK(store_execution_get(s, "cntr_a", "exec_running", &x, &err) == 0 && !x.status);
    store_execution_deinit(&x);
    CHECK(store_container_get(s, "default", "cntr_a", &c, &err) == 0 && c.last_active_at == 1);
    store_container_deinit(&c);
    CHECK(store_file_get(s, "default", "file-a", &f, &err) == 0);
    store_file_deinit(&f);

    /* An end without a record, and deletes, go on; each deleted blob is space. */
    CHECK(store_execution_cut_short(
              s, "cntr_a", "exec_running", "killed", "The disk was full.", &err) == 0);
    CHECK(store_file_delete(s, "default", "file-a", &err) == 0);
    CHECK(put_file(s, "file-c", 1 << 20) == 0);
    CHECK(store_container_mark_expired(s, "cntr_a", "gone", &err) == 0);
    CHECK(store_container_delete(s, "cntr_a", &err) == 0);

    /* With space everything is as before, and the reserve comes back. */
    unlinkat(dir, "ballast", 0);
    add_container(s, "default", "cntr_b", "b", 1);
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "exec_%d", i);
        add_execution(s, "cntr_b", id, 1);
        CHECK(store_execution_finish(s, "cntr_b", id, "completed", record, 50000, NULL, &err) == 0);
    }
    CHECK(put_file(s, "file-d", 2 << 20) == 0);
    int back = -1;
    for (int i = 0; i < 1000 && back; i++, usleep(10000))
        back = faccessat(dir, "reserve", F_OK, 0);
    CHECK(back == 0);
    free(record);
}

/* Mounts of one's own: as root by right, as anybody else in a user namespace. */
static int mounts_of_our_own(void)
{
    unsigned uid = geteuid(), gid = getegid();
    char map[64];
    if (unshare(CLONE_NEWNS | (uid ? CLONE_NEWUSER : 0)))
        return -1;
    if (!uid)
        return 0;
    snprintf(map, sizeof map, "0 %u 1", uid);
    if (fd_write_file(AT_FDCWD, "/proc/self/setgroups", "deny") ||
        fd_write_file(AT_FDCWD, "/proc/self/uid_map", map))
        return -1;
    snprintf(map, sizeof map, "0 %u 1", gid);
    return fd_write_file(AT_FDCWD, "/proc/self/gid_map", map);
}

static int full_disk_main(const char *path)
{
    log_configure(LOG_ERROR, LOG_TEXT);
    if (mounts_of_our_own() || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "size=40m")) {
        perror("a small file system of its own");
        return 1;
    }
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Something lies over it from now on: the directory is to be reached by its descriptor alone. */
    if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_RDONLY, "size=1m"))
        return 1;
    struct store *s = NULL;
    if (store_open(dir, STORE_OWNER, &s, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    on_a_full_disk(s, dir);
    store_close(s);
    s = NULL;
    struct store_execution x; /* a restart on what was left */
    CHECK(store_open(dir, STORE_OWNER, &s, &err) == 0);
    CHECK(store_execution_get(s, "cntr_b", "exec_19", &x, &err) == 0);
    store_execution_deinit(&x);
    store_close(s);
    fill(dir); /* and one on a disk that is full: it opens, or says why */
    unlinkat(dir, "reserve", 0);
    fill(dir);
    s = NULL;
    int r = store_open(dir, STORE_OWNER, &s, &err);
    CHECK(r == 0 || err.code == ERROR_INSUFFICIENT_STORAGE);
    if (!r)
        CHECK(store_execution_get(s, "cntr_b", "exec_19", &x, &err) == 0);
    if (!r)
        store_execution_deinit(&x);
    store_close(s);
    close(dir);
    return checks_failed ? 1 : 0;
}

static void full_disk(void **state)
{
    struct place *p = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/small", p->path);
    assert_int_equal(mkdir(path, 0700), 0);
    pid_t pid = fork();
    if (!pid) {
        execl("/proc/self/exe", "test_store_trouble", "--full-disk", path, NULL);
        _exit(127);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

/* ---- a disk that fails ----------------------------------------------------------------------------------------------- */

/* After an fsync has failed nothing durable is acknowledged until the data lies on the disk otherwise. */
static void disk_fails(void **state)
{
    struct place *p = *state;
    struct store *s = p->store;
    struct store_file f;
    log_configure(LOG_ERROR + 1, LOG_TEXT);
    add_container(s, "default", "cntr_a", "a", 1);
    int wal = dup(s->wal_fd), pipes[2];
    assert_int_equal(pipe(pipes), 0);
    assert_true(dup2(pipes[0], s->wal_fd) >= 0); /* a pipe cannot be synced */
    assert_int_equal(put_file(s, "file-a", 100), -EIO);
    assert_int_equal(err.code, ERROR_INSUFFICIENT_STORAGE);
    assert_int_equal(store_file_get(s, "default", "file-a", &f, &err), -ENOENT);
    struct store_key key;
    char secret[STORE_SECRET_SIZE];
    assert_int_equal(store_key_create(s, "k", NULL, &key, secret, &err), -EIO);
    assert_int_equal(store_keys_exist(s), 0);
    assert_true(dup2(wal, s->wal_fd) >= 0);
    int r = -1;
    for (int i = 0; i < 500 && r; i++, usleep(10000))
        r = put_file(s, "file-b", 100);
    assert_int_equal(r, 0);
    OK(store_key_create(s, "k", NULL, &key, secret, &err));
    assert_string_equal(key.project, "default");
    store_key_deinit(&key);
    struct store_container c;
    OK(store_container_get(s, "default", "cntr_a", &c, &err));
    store_container_deinit(&c);
    close(wal);
    close(pipes[0]);
    close(pipes[1]);
    log_configure(LOG_INFO, LOG_TEXT);
}

/* ---- figures: test_store_trouble --bench DIR ------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void say(const char *what, double *us, int n)
{
    qsort(us, (size_t)n, sizeof *us, compare);
    printf("%-44s p50 %7.1f us  p99 %8.1f us\n", what, us[n / 2], us[n * 99 / 100]);
}

static int bench_main(const char *path)
{
    enum { N = 20000, DURABLE = 300 };
    static double insert[N], finish[N], both[N], lookup[N], durable[DURABLE];
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct store *s;
    if (store_open(dir, STORE_OWNER, &s, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    char *record = long_text(700, 1), secret[STORE_SECRET_SIZE];
    struct store_key key;
    struct store_access access;
    store_key_create(s, "bench", NULL, &key, secret, &err);
    for (int i = 0; i < 50; i++) {
        char id[ID_SIZE];
        snprintf(id, sizeof id, "cntr_%048d", i);
        add_container(s, "default", id, "bench", 1);
    }
    for (int i = 0; i < N; i++) {
        char id[ID_SIZE], container[ID_SIZE];
        id_new(id, "exec_", 48);
        snprintf(container, sizeof container, "cntr_%048d", i % 50);
        struct store_execution x = {.id = id,
            .container_id = container,
            .project = "default",
            .created_at = i,
            .code = "x=1+1"};
        struct store_touch touch = {i, i};
        double a = now_us();
        store_execution_insert(s, &x, &err);
        double b = now_us();
        store_execution_finish(s, container, id, "completed", record, 700, &touch, &err);
        double c = now_us();
        store_key_lookup(s, secret, 46, &access);
        double d = now_us();
        insert[i] = b - a, finish[i] = c - b, both[i] = c - a, lookup[i] = d - c;
    }
    for (int i = 0; i < DURABLE; i++) {
        char id[ID_SIZE];
        store_file_id_new(id);
        double a = now_us();
        put_file(s, id, 1000);
        durable[i] = now_us() - a;
    }
    say("execution: insert", insert, N);
    say("execution: finish with touch (700 bytes)", finish, N);
    say("execution: both", both, N);
    say("key lookup", lookup, N);
    say("File of 1000 bytes, durable", durable, DURABLE);
    store_key_deinit(&key);
    free(record);
    store_close(s);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "--bench"))
        return bench_main(argv[2]);
    if (argc == 3 && !strcmp(argv[1], "--full-disk"))
        return full_disk_main(argv[2]);
    if (argc == 4 && !strcmp(argv[1], "--write-until-killed"))
        killed_child(argv[2], (int)strtol(argv[3], NULL, 10));
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(survives_kill),
        CASE(many_threads),
        CASE(log_is_copied_back),
        CASE(full_disk),
        CASE(disk_fails),
    };
    return cmocka_run_group_tests_name("store_trouble", tests, NULL, NULL);
}
