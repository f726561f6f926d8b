/* The store's uploads: what grows, what ends them, and that nothing of them stays. */
#include "store_place.h"

static void add_upload(struct store *s, const char *id, int64_t bytes)
{
    int64_t now = clock_realtime_s();
    struct store_upload u = {
        .id = (char *)id,
        .project = "default",
        .filename = "f",
        .purpose = "assistants",
        .mime_type = "text/csv",
        .bytes = bytes,
        .created_at = now,
        .expires_at = now + 3600,
        .file_seconds = 60,
    };
    OK(store_upload_insert(s, &u, 3, &err));
}

static struct blob_writer *blob(struct store *s, const char *text, char sha256[BLOB_HEX_SIZE])
{
    struct blob_writer *w;
    OK(store_blob_begin(s, &w, &err));
    OK(store_blob_append(w, text, strlen(text), &err));
    OK(store_blob_commit(w, true, sha256, NULL, &err));
    return w;
}

static int add_part(
    struct store *s, const char *upload, const char *id, const char *text, int64_t bytes_max)
{
    char sha256[BLOB_HEX_SIZE];
    struct blob_writer *w = blob(s, text, sha256);
    struct store_upload_part p = {.id = (char *)id,
        .upload_id = (char *)upload,
        .blob = sha256,
        .bytes = (int64_t)strlen(text),
        .created_at = clock_realtime_s()};
    int r = store_upload_part_insert(s, &p, bytes_max, &err);
    blob_writer_free(w);
    return r;
}

static int complete(struct store *s, const char *upload, const char *file, const char *text)
{
    char sha256[BLOB_HEX_SIZE];
    struct blob_writer *w = blob(s, text, sha256);
    struct store_file f = {.id = (char *)file,
        .project = "default",
        .filename = "f",
        .purpose = "assistants",
        .bytes = (int64_t)strlen(text),
        .created_at = clock_realtime_s(),
        .blob = sha256};
    int r = store_upload_complete(s, upload, &f, &err);
    blob_writer_free(w);
    return r;
}

static void expect_status(struct store *s, const char *id, const char *status)
{
    struct store_upload u;
    OK(store_upload_get(s, "default", id, &u, &err));
    assert_string_equal(u.status, status);
    store_upload_deinit(&u);
}

static void from_parts_to_a_file(void **state)
{
    struct place *p = *state;
    struct store *s = p->store;
    struct store_upload u;
    struct store_upload_part part;
    struct store_file f;
    add_upload(s, "upload_a", 4);
    OK(add_part(s, "upload_a", "part_1", "ab", 100));
    OK(add_part(s, "upload_a", "part_2", "cd", 100));
    reopen(p);
    s = p->store;
    assert_int_equal(count_blobs(p), 2);
    OK(store_upload_get(s, "default", "upload_a", &u, &err));
    assert_string_equal(u.mime_type, "text/csv");
    assert_int_equal(u.bytes, 4);
    assert_int_equal(u.parts_bytes, 4);
    assert_int_equal(u.file_seconds, 60);
    assert_null(u.file_id);
    store_upload_deinit(&u);
    assert_int_equal(store_upload_get(s, "other", "upload_a", &u, &err), -ENOENT);
    OK(store_upload_part_get(s, "upload_a", "part_2", &part, &err));
    assert_int_equal(part.bytes, 2);
    store_upload_part_deinit(&part);
    assert_int_equal(store_upload_part_get(s, "upload_b", "part_2", &part, &err), -ENOENT);

    OK(complete(s, "upload_a", "file-a", "abcd"));
    assert_int_equal(count_blobs(p), 1);
    expect_status(s, "upload_a", "completed");
    OK(store_file_get(s, "default", "file-a", &f, &err));
    store_file_deinit(&f);
    assert_int_equal(store_upload_part_get(s, "upload_a", "part_1", &part, &err), -ENOENT);
    assert_int_equal(complete(s, "upload_a", "file-b", "abcd"), -ENOENT);
    assert_int_equal(store_file_get(s, "default", "file-b", &f, &err), -ENOENT);
    assert_int_equal(store_upload_cancel(s, "upload_a", &err), -ENOENT);
    assert_int_equal(add_part(s, "upload_a", "part_3", "x", 100), -ENOENT);
    assert_int_equal(count_blobs(p), 1);
}

static void bounds(void **state)
{
    struct place *p = *state;
    struct store *s = p->store;
    add_upload(s, "upload_a", 4);
    OK(add_part(s, "upload_a", "part_1", "abc", 5));
    assert_int_equal(add_part(s, "upload_a", "part_2", "abc", 5), -ENOENT);
    OK(add_part(s, "upload_a", "part_2", "ab", 5));
    add_upload(s, "upload_b", 4);
    add_upload(s, "upload_c", 4);
    struct store_upload d = {.id = "upload_d",
        .project = "default",
        .filename = "f",
        .purpose = "p",
        .mime_type = "t",
        .created_at = 1,
        .expires_at = clock_realtime_s() + 10};
    assert_int_equal(store_upload_insert(s, &d, 3, &err), -EAGAIN);
    assert_int_equal(err.code, ERROR_QUOTA_EXCEEDED);
    d.project = "other";
    OK(store_upload_insert(s, &d, 3, &err));
    OK(store_upload_cancel(s, "upload_b", &err));
    d.project = "default";
    d.id = "upload_e";
    OK(store_upload_insert(s, &d, 3, &err));
}

static void time_ends_them(void **state)
{
    struct place *p = *state;
    struct store *s = p->store;
    struct store_upload u;
    char id[32];
    add_upload(s, "upload_a", 4);
    for (int i = 0; i < 70; i++) { /* more than go in one transaction */
        snprintf(id, sizeof id, "part_%d", i);
        OK(add_part(s, "upload_a", id, i % 2 ? "x" : "y", 100));
    }
    assert_int_equal(count_blobs(p), 2);
    clock_advance_us(3601 * INT64_C(1000000));
    expect_status(s, "upload_a", "expired"); /* at once, not when somebody sweeps */
    assert_int_equal(add_part(s, "upload_a", "part_z", "z", 100), -ENOENT);
    OK(store_expire(s, clock_realtime_s(), NULL, &err));
    expect_status(s, "upload_a", "expired");
    for (int i = 0; count_blobs(p) && i < 1000; i++)
        usleep(10000); /* the flush thread's */
    assert_int_equal(count_blobs(p), 0);
    clock_advance_us(STORE_ENDED_DAYS * INT64_C(86400000000));
    OK(store_expire(s, clock_realtime_s(), NULL, &err));
    assert_int_equal(store_upload_get(s, "default", "upload_a", &u, &err), -ENOENT);
    clock_advance_us(-3601 * INT64_C(1000000) - STORE_ENDED_DAYS * INT64_C(86400000000));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(from_parts_to_a_file),
        CASE(bounds),
        CASE(time_ends_them),
    };
    return cmocka_run_group_tests_name("store_uploads", tests, NULL, NULL);
}
