#include "sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

/* Newer than the headers of Debian 12; numbers are the kernel's ABI. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
enum { SCOPE_ABSTRACT_UNIX_SOCKET = 1, SCOPE_SIGNAL = 2, ABI_REFER = 2, ABI_TRUNCATE = 3 };

struct attributes { /* struct landlock_ruleset_attr as of ABI 6; older kernels take a shorter one */
    uint64_t fs, net, scoped;
};

static const uint64_t changes =
    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
    LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER;
/* What is meaningful on a file that is no directory. */
static const uint64_t file_rights = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE;

int landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return abi < ABI_REFER ? 0 : (int)abi;
}

static int allow_beneath(int ruleset, int fd, uint64_t rights)
{
    struct landlock_path_beneath_attr a = {.allowed_access = rights, .parent_fd = fd};
    return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &a, 0) < 0 ? -errno
                                                                                          : 0;
}

static int allow(int ruleset, const char *path, uint64_t rights)
{
    cleanup_fd int fd = open(path, O_PATH | O_CLOEXEC);
    return fd < 0 ? -errno : allow_beneath(ruleset, fd, rights);
}

static uint64_t changes_of(int abi)
{
    return changes | (abi >= ABI_TRUNCATE ? LANDLOCK_ACCESS_FS_TRUNCATE : 0);
}

int landlock_confine_server(int abi, int state)
{
    if (abi == 0)
        return 0;
    uint64_t handled = changes_of(abi);
    struct attributes a = {.fs = handled | LANDLOCK_ACCESS_FS_EXECUTE,
        .scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL};
    size_t size = abi >= LANDLOCK_ABI_SCOPES ? sizeof a : sizeof a.fs;
    cleanup_fd int ruleset = (int)syscall(SYS_landlock_create_ruleset, &a, size, 0);
    if (ruleset < 0)
        return -errno;
    int r = state >= 0 ? allow_beneath(ruleset, state, handled) : 0;
    if (r == 0) /* not all of /dev: that is the host's, with its shared memory and its terminals */
        r = allow(ruleset, "/dev/null", file_rights & handled);
    if (r == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        r = -errno;
    return r;
}

int landlock_confine(int abi)
{
    if (abi == 0)
        return 0;
    uint64_t handled = changes_of(abi);
    struct attributes a = {.fs = handled, .scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL};
    size_t size = abi >= LANDLOCK_ABI_SCOPES ? sizeof a : sizeof a.fs;
    cleanup_fd int ruleset = (int)syscall(SYS_landlock_create_ruleset, &a, size, 0);
    if (ruleset < 0)
        return -errno;
    int r = allow(ruleset, "/mnt", handled);
    if (r == 0)
        r = allow(ruleset, "/dev", file_rights & handled);
    if (r == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        r = -errno;
    return r;
}
