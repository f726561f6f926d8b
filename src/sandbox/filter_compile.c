/* filter_compile.c - runs at build time: the table in, raw BPF as a C array out. The programs that
 * load it link no libseccomp. No ordered comparisons and no two on one argument: 2.5.4 merges those
 * wrongly. */
#include <errno.h>
#include <linux/filter.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/filter_table.h"

static void must(int r, const char *what)
{
    if (r < 0) {
        fprintf(stderr, "filter_compile: %s: %s\n", what, strerror(-r));
        exit(1);
    }
}

static bool family_is_open(int family)
{
    for (size_t i = 0; i < sizeof filter_families_open / sizeof *filter_families_open; i++)
        if (filter_families_open[i] == family)
            return true;
    return false;
}

static uint32_t refusal_of(int call, int family)
{
    return call == SCMP_SYS(socket) && family == FILTER_FAMILY_ASKED ? SCMP_ACT_NOTIFY
                                                                     : SCMP_ACT_ERRNO(EAFNOSUPPORT);
}

static void add_for_arguments(scmp_filter_ctx x, uint32_t action, const struct filter_argument *a)
{
    struct scmp_arg_cmp cmp[2] = {SCMP_CMP(a->arg, SCMP_CMP_MASKED_EQ, a->mask, a->value),
        SCMP_CMP(a->arg2, SCMP_CMP_MASKED_EQ, a->mask2, a->value2)};
    must(seccomp_rule_add_array(
             x, action, seccomp_syscall_resolve_name(a->name), a->mask2 ? 2 : 1, cmp),
        a->name);
}

static void add_rules(scmp_filter_ctx x)
{
    for (size_t i = 0; i < sizeof filter_denied / sizeof *filter_denied; i++) {
        int nr = seccomp_syscall_resolve_name(filter_denied[i]);
        if (nr == __NR_SCMP_ERROR)
            must(-ENOENT, filter_denied[i]);
        if (nr >= 0) /* negative: not a call of this architecture */
            must(seccomp_rule_add(x, SCMP_ACT_ERRNO(EPERM), nr, 0), filter_denied[i]);
    }
    for (size_t i = 0; i < sizeof filter_denied_numbers / sizeof *filter_denied_numbers; i++)
        must(seccomp_rule_add(x, SCMP_ACT_ERRNO(EPERM), filter_denied_numbers[i], 0), "number");
    for (size_t i = 0; i < sizeof filter_unsupported_numbers / sizeof *filter_unsupported_numbers;
         i++)
        must(seccomp_rule_add(x, SCMP_ACT_ERRNO(EOPNOTSUPP), filter_unsupported_numbers[i], 0),
            "number");
    /* New namespaces by the old clone; the zygote makes kernels by clone3, which the second filter
     * takes away. CLONE_PARENT by the old clone would make somebody else's child. */
    static const uint64_t flags[] = {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
        CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_PARENT};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        must(seccomp_rule_add(x, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                 SCMP_A0(SCMP_CMP_MASKED_EQ, flags[i], flags[i])),
            "clone");
    const int calls[] = {SCMP_SYS(socket), SCMP_SYS(socketpair)};
    for (int family = 0; family < FILTER_FAMILIES; family++)
        for (size_t i = 0; i < 2 && !family_is_open(family); i++)
            must(seccomp_rule_add(x, refusal_of(calls[i], family), calls[i], 1,
                     SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffff, (uint64_t)family)),
                "socket");
    for (size_t i = 0; i < sizeof filter_arguments / sizeof *filter_arguments; i++)
        add_for_arguments(x, SCMP_ACT_ERRNO(EPERM), &filter_arguments[i]);
    for (size_t i = 0; i < sizeof filter_ignored / sizeof *filter_ignored; i++)
        add_for_arguments(x, SCMP_ACT_ERRNO(0), &filter_ignored[i]);
}

int main(void)
{
    must(seccomp_api_set(5),
        "seccomp_api_set"); /* the kernel built on need not know SCMP_ACT_NOTIFY */
    scmp_filter_ctx x = seccomp_init(SCMP_ACT_ALLOW);
    if (!x)
        must(-ENOMEM, "seccomp_init");
    /* The whole of the 32-bit and x32 tables is refused: one table to review instead of three. */
    must(seccomp_attr_set(x, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)), "bad architecture");
    must(seccomp_attr_set(x, SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimize");
    add_rules(x);
    int fd = memfd_create("filter", MFD_CLOEXEC);
    must(fd < 0 ? -errno : seccomp_export_bpf(x, fd), "export");
    struct stat st;
    fstat(fd, &st);
    struct sock_filter *p = malloc((size_t)st.st_size);
    if (!p || pread(fd, p, (size_t)st.st_size, 0) != st.st_size)
        must(-EIO, "read");
    printf("/* Made by filter_compile from filter_table.h. */\n");
    for (size_t i = 0; i < (size_t)st.st_size / sizeof *p; i++)
        printf("{ 0x%04x, %u, %u, 0x%08x },\n", p[i].code, p[i].jt, p[i].jf, p[i].k);
    seccomp_release(x);
    free(p);
    return 0;
}
