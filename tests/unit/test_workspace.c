/* The workspace's diff: what counts as the same file, what ids do, and hostile names. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "ipc/protocol.h"
#include "session/workspace.h"

static void add(struct strbuf *b, const char *path, uint64_t inode, uint64_t size, int64_t ctime_ns)
{
    struct scan_record r = {
        .inode = inode, .size = size, .ctime_ns = ctime_ns, .path_length = (uint16_t)strlen(path)};
    strbuf_append(b, &r, sizeof r);
    strbuf_append(b, path, strlen(path));
}

static struct workspace_changes update(struct workspace *w, struct strbuf *b, bool whole)
{
    struct workspace_changes c;
    assert_int_equal(workspace_update(w, b->data, b->length, whole, 1000, &c), 0);
    strbuf_clear(b);
    return c;
}

static void tells_created_modified_gone(void **state)
{
    (void)state;
    struct workspace w = {0};
    struct strbuf b = STRBUF_INIT(1 << 20);
    char id[40];
    add(&b, "a.csv", 1, 10, 5);
    add(&b, "d/b.csv", 2, 10, 5);
    struct workspace_changes c = update(&w, &b, true);
    assert_int_equal(c.n, 2);
    assert_false(c.change[0].modified);
    memcpy(id, workspace_find(&w, "a.csv")->id, sizeof id);
    free(c.change);

    add(&b, "a.csv", 1, 10, 5);
    add(&b, "d/b.csv", 2, 10, 6); /* ctime alone: its content may have changed */
    c = update(&w, &b, true);
    assert_int_equal(c.n, 1);
    assert_true(c.change[0].modified);
    assert_string_not_equal(c.change[0].old_id, c.change[0].now->id);
    assert_string_equal(workspace_find(&w, "a.csv")->id, id);
    assert_null(workspace_by_id(&w, c.change[0].old_id));
    free(c.change);

    add(&b, "d/b.csv", 2, 10, 6);
    c = update(&w, &b, true);
    assert_int_equal(c.n, 1);
    assert_null(c.change[0].now);
    assert_string_equal(c.change[0].old_id, id);
    assert_int_equal(w.files, 1);
    free(c.change);

    c = update(&w, &b, false); /* a walk that was cut short says nothing of what it did not see */
    assert_int_equal(c.n, 0);
    assert_int_equal(w.files, 1);
    c = update(&w, &b, true);
    assert_int_equal(w.files, 0);
    free(c.change);
    strbuf_deinit(&b);
    workspace_deinit(&w);
}

static void hostile_names_are_left_out(void **state)
{
    (void)state;
    struct workspace w = {0};
    struct strbuf b = STRBUF_INIT(1 << 20);
    add(&b, "\xff\xfe", 1, 1, 1);
    add(&b, "a\nb", 2, 1, 1);
    add(&b, "../etc/passwd", 3, 1, 1);
    add(&b, "/abs", 4, 1, 1);
    add(&b, "", 5, 1, 1);
    add(&b, "good", 6, 1, 1);
    struct workspace_changes c = update(&w, &b, true);
    assert_int_equal(c.n, 1);
    assert_int_equal(c.unlistable, 5);
    free(c.change);
    struct workspace_changes bad;
    assert_int_equal(workspace_update(&w, "short", 5, true, 1, &bad), -EBADMSG);
    free(bad.change);
    add(&b, "x", 1, 1, 1);
    assert_int_equal(workspace_update(&w, b.data, b.length - 1, true, 1, &bad), -EBADMSG);
    free(bad.change);
    strbuf_deinit(&b);
    workspace_deinit(&w);
}

static void holds_many_files(void **state)
{
    (void)state;
    struct workspace w = {0};
    struct strbuf b = STRBUF_INIT(64 << 20);
    char path[32];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 50000; i++) {
            snprintf(path, sizeof path, "dir/%d", i);
            add(&b, path, (uint64_t)i, 0, 0);
        }
        struct workspace_changes c = update(&w, &b, true);
        assert_int_equal(c.n, round ? 0 : 50000);
        free(c.change);
    }
    assert_int_equal(w.files, 50000);
    assert_non_null(workspace_find(&w, "dir/49999"));
    strbuf_deinit(&b);
    workspace_deinit(&w);
}

/* A session can make each walk be cut short, with other names each time. */
static void what_no_walk_sees_is_bounded(void **state)
{
    (void)state;
    struct workspace w = {0};
    struct strbuf b = STRBUF_INIT(64 << 20);
    char path[1000];
    memset(path, 'n', sizeof path);
    for (int round = 0; round < 4; round++) { /* by number */
        for (int i = 0; i < 50000; i++) {
            snprintf(path, sizeof path, "%d/%d", round, i);
            add(&b, path, (uint64_t)i, 0, 0);
        }
        free(update(&w, &b, false).change);
        assert_true(w.files <= WORKSPACE_FILES_MAX);
    }
    assert_non_null(workspace_find(&w, "3/49999"));
    assert_null(workspace_find(&w, "0/0"));
    for (int round = 0; round < 4; round++) { /* by the length of their names */
        for (int i = 0; i < 20000; i++) {
            snprintf(path, sizeof path, "%d/%0200d/%0200d/%0200d/%d", round, 0, 0, 0, i);
            add(&b, path, (uint64_t)i, 0, 0);
        }
        free(update(&w, &b, false).change);
        assert_true(w.bytes <= WORKSPACE_BYTES_MAX);
    }
    assert_true(w.files >= 20000 && w.files < 50000);
    free(update(&w, &b, true).change);
    assert_int_equal(w.files, 0);
    assert_int_equal(w.bytes, 0);
    strbuf_deinit(&b);
    workspace_deinit(&w);
}

/* FNV-1a: a hash without a key, as anybody can compute it. */
static uint64_t guessed(const char *text)
{
    uint64_t h = 14695981039346656037u;
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211u;
    return h ^ h >> 32;
}

static void chosen_names_do_not_share_a_bucket(void **state)
{
    (void)state;
    enum { FILES = 1500, MASK = 1023, CHAIN_MOST = 20 };
    struct workspace w = {0};
    struct strbuf b = STRBUF_INIT(1 << 20);
    unsigned files = 0;
    for (unsigned i = 0; files < FILES; i++) {
        char name[24];
        snprintf(name, sizeof name, "%u", i);
        if ((guessed(name) & MASK) == 0)
            add(&b, name, ++files, 10, 5);
    }
    free(update(&w, &b, true).change);
    assert_int_equal(w.buckets, MASK + 1);
    for (size_t i = 0; i < w.buckets; i++) {
        size_t chain = 0;
        for (const struct workspace_file *f = w.bucket[i]; f; f = f->next)
            chain++;
        assert_in_range(chain, 0, CHAIN_MOST);
    }
    workspace_deinit(&w);
    strbuf_deinit(&b);
}

static void hidden_files_stay(void **state)
{
    (void)state;
    struct workspace w = {0};
    struct strbuf b = STRBUF_INIT(1 << 10);
    workspace_put(&w, ".output/x.stdout.txt", "cfile_1", 0, 7, 0, 1, false)->hidden = true;
    struct workspace_changes c = update(&w, &b, true);
    assert_int_equal(c.n, 0);
    assert_non_null(workspace_by_id(&w, "cfile_1"));
    workspace_remove(&w, workspace_by_id(&w, "cfile_1"));
    assert_int_equal(w.files, 0);
    workspace_deinit(&w);
    strbuf_deinit(&b);
}

static void checks_paths(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "/a", "a/../b", "..", "a//b", "a/", ".", "a/./b", "a\tb", "\xff", "a\x7f"};
    struct error e;
    char component[300];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_true(workspace_path_check(bad[i], strlen(bad[i]), "path", &e) < 0);
    assert_true(workspace_path_check("a\0b", 3, "path", &e) < 0);
    memset(component, 'c', sizeof component);
    assert_true(workspace_path_check(component, 256, "path", &e) < 0);
    assert_int_equal(workspace_path_check(component, 255, "path", &e), 0);
    assert_int_equal(workspace_path_check("a/.b/..c/d e.txt", 16, "path", &e), 0);
    assert_int_equal(workspace_path_check("\xc3\xa9t\xc3\xa9.csv", 9, "path", &e), 0);
    assert_true(workspace_hides("a/.b/c") && workspace_hides("__pycache__/x") &&
                !workspace_hides("a/__pycache__x"));
}

static void parses_memory(void **state)
{
    (void)state;
    char text[24];
    assert_int_equal(memory_parse("1g"), 1 << 30);
    assert_int_equal(memory_parse("512M"), 512 << 20);
    assert_int_equal(memory_parse("1048576"), 1 << 20);
    assert_int_equal(memory_parse("1gb"), 0);
    assert_int_equal(memory_parse("-1"), 0);
    assert_int_equal(memory_parse(""), 0);
    assert_int_equal(memory_parse("99999999999999999999"), 0);
    assert_int_equal(memory_parse("18446744073709551615t"), 0);
    memory_format(UINT64_C(4) << 30, text);
    assert_string_equal(text, "4g");
    memory_format(1536 << 20, text);
    assert_string_equal(text, "1536m");
    memory_format(1000, text);
    assert_string_equal(text, "1000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_created_modified_gone),
        cmocka_unit_test(hostile_names_are_left_out),
        cmocka_unit_test(holds_many_files),
        cmocka_unit_test(what_no_walk_sees_is_bounded),
        cmocka_unit_test(chosen_names_do_not_share_a_bucket),
        cmocka_unit_test(hidden_files_stay),
        cmocka_unit_test(checks_paths),
        cmocka_unit_test(parses_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
