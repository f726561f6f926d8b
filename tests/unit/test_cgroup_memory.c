/* What counts as used of the memory over all sandboxes: files stand for what the kernel shows, in both versions' words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "sandbox/cgroup.h"

static const uint64_t MIB = UINT64_C(1) << 20;

static int holding(const char *text)
{
    int fd = memfd_create("cgroup", MFD_CLOEXEC);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    return fd;
}

static bool left(
    const char *used, const char *limit, const char *stat, uint64_t wanted, uint64_t *ret_used)
{
    uint64_t of;
    int fds[CGROUP_MEMORIES] = {[MEMORY_USED] = holding(used),
        [MEMORY_LIMIT] = holding(limit),
        [MEMORY_STAT] = holding(stat)};
    bool yes = cgroup_memory_left(fds, wanted, ret_used, &of);
    fds_close(fds, CGROUP_MEMORIES);
    return yes;
}

/* 384 MiB, of which 380 count. */
#define LIMIT "402653184\n"
#define USED "398458880\n"

static void far_from_the_limit_nothing_else_is_asked(void **state)
{
    (void)state;
    uint64_t used;
    assert_true(left("1048576\n", LIMIT, "", 64 * MIB, &used));
    assert_int_equal(used, MIB);
}

static void what_can_be_taken_back_does_not_count(void **state)
{
    (void)state;
    uint64_t used;
    assert_true(left(USED, LIMIT,
        "cache 300000000\nrss 0\ntotal_cache 300000000\ntotal_rss 41943040\ntotal_shmem 20971520\n"
        "total_inactive_file 1000\ntotal_active_file 200000000\n",
        64 * MIB, &used));
    assert_int_equal(used, 60 * MIB);
    assert_true(left(USED, LIMIT,
        "anon 41943040\nfile 300000000\nkernel 90000000\nkernel_stack 1048576\npagetables 1048576\nsock 1048576\n"
        "shmem 20971520\nactive_file 200000000\nslab_reclaimable 80000000\nslab_unreclaimable 1048576\n",
        64 * MIB, &used));
    assert_int_equal(used, 64 * MIB);
}

static void what_cannot_keeps_others_out(void **state)
{
    (void)state;
    uint64_t used;
    assert_false(
        left(USED, LIMIT, "rss 0\ntotal_rss 335544320\ntotal_shmem 20971520\n", 64 * MIB, &used));
    assert_int_equal(used, 340 * MIB);
    assert_false(left(USED, LIMIT, "anon 41943040\nshmem 335544320\n", 64 * MIB, &used));
}

static void nobody_is_kept_out_for_what_cannot_be_read(void **state)
{
    (void)state;
    uint64_t used;
    assert_true(left(USED, LIMIT, "", 64 * MIB, &used));
    assert_true(left(USED, "max\n", "anon 402653184\n", 64 * MIB, &used));
    const int nothing[CGROUP_MEMORIES] = {-1, -1, -1};
    uint64_t of;
    assert_true(cgroup_memory_left(nothing, 64 * MIB, &used, &of));
    assert_int_equal(of, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(far_from_the_limit_nothing_else_is_asked),
        cmocka_unit_test(what_can_be_taken_back_does_not_count),
        cmocka_unit_test(what_cannot_keeps_others_out),
        cmocka_unit_test(nobody_is_kept_out_for_what_cannot_be_read),
    };
    return cmocka_run_group_tests_name("cgroup_memory", tests, NULL, NULL);
}
