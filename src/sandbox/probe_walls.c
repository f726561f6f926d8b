/* Facts about filters, Landlock, memory and pipes. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/filter.h"
#include "sandbox/landlock.h"
#include "sandbox/probe_internal.h"

/* Both programs on one process, tried alive; tests/unit interprets them for every call there is. */
void probe_filters(struct probe_result *r)
{
    size_t n[2];
    cleanup_fd int listener = -1;
    filter_first_program(&n[0]);
    filter_second_program(&n[1]);
    int s = probe_step(r, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
    if (s == 0 && (s = filter_load_first()) < 0)
        probe_say(r, s, "loading the first: %s", strerror(-s));
    if (s == 0)
        s = probe_refused(r, mount("t", "/tmp", "tmpfs", 0, NULL), EPERM, "mount");
    if (s == 0)
        s = probe_refused(r, socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT, "a packet socket");
    if (s == 0)
        s = probe_refused(r, syscall(SYS_clone3, NULL, 0), EINVAL, "clone3 under the first");
    if (s == 0 && (s = filter_load_second(false, &listener)) < 0)
        probe_say(r, s, "loading the second: %s", strerror(-s));
    if (s == 0)
        s = probe_refused(r, syscall(SYS_clone3, NULL, 0), ENOSYS, "clone3 under both");
    if (s == 0)
        s = probe_refused(r, setns(0, 0), EPERM, "setns");
    if (s == 0)
        s = probe_refused(r, setuid(0), EPERM, "setuid");
    for (long number = HIGHEST_REVIEWED_SYSCALL + 1;
         s == 0 && number < HIGHEST_REVIEWED_SYSCALL + 50; number++)
        s = probe_refused(r, syscall(number, 0, 0, 0), ENOSYS, "a call nobody has reviewed");
    if (s == 0)
        s = probe_refused(r, syscall(0x40000000 | SYS_getpid), ENOSYS, "the x32 ABI");
    if (s == 0)
        probe_say(r, 0, "%d and %d instructions%s", (int)n[0], (int)n[1],
            listener < 0
                ? "; no netlink, and no limit or priority by number: whoever runs this container listens already"
                : "");
}

/* ---- Landlock --------------------------------------------------------------------------------------------- */

static int write_about(struct probe_result *r, const struct ground_view *v)
{
    (void)v;
    if (mount("t", "/tmp", "tmpfs", 0, "mode=777") < 0 ||
        mount("t", "/mnt", "tmpfs", 0, NULL) < 0 || mkdir("/mnt/data", 0755) < 0 ||
        mount("t", "/mnt/data", "tmpfs", 0, NULL) < 0)
        return probe_step(r, -1, "preparing");
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    int s = landlock_confine(landlock_abi());
    if (s < 0)
        return probe_say(r, s, "%s", strerror(-s));
    s = probe_step(r, open("/mnt/data/x", O_WRONLY | O_CREAT | O_CLOEXEC, 0600),
        "writing to a mount below /mnt");
    return s == 0 ? probe_refused(r, open("/tmp/x", O_WRONLY | O_CREAT | O_CLOEXEC, 0600), EACCES,
                        "writing elsewhere")
                  : s;
}

void probe_landlock(struct probe_result *r)
{
    int abi = landlock_abi();
    if (abi == 0)
        probe_say(r, -ENOSYS, "not in this kernel, or not among the lsm= it was started with");
    else if (probe_in_ground(r, write_about, NULL) == 0)
        probe_say(r, 0, "ABI %d", abi);
}

/* To an abstract socket: 0 or -1. */
static int knock(const struct sockaddr_un *at, socklen_t size)
{
    cleanup_fd int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return s < 0 ? -1 : connect(s, (const struct sockaddr *)at, size);
}

void probe_landlock_scopes(struct probe_result *r)
{
    pid_t outside = getppid();
    int abi = landlock_abi();
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    socklen_t size = sizeof at;
    if (abi < LANDLOCK_ABI_SCOPES) {
        probe_say(r, -ENOSYS, "ABI %d; they came with %d (Linux 6.12)", abi, LANDLOCK_ABI_SCOPES);
        return;
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    cleanup_fd int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* no name asked for: Linux chooses an abstract one that is free */
    int s = probe_step(r,
        bind(listener, (struct sockaddr *)&at, sizeof at.sun_family) < 0 || listen(listener, 8) < 0
            ? -1
            : getsockname(listener, (struct sockaddr *)&at, &size),
        "an abstract socket");
    if (s == 0)
        s = probe_step(r, knock(&at, size), "connecting before");
    if (s == 0)
        s = probe_step(r, kill(outside, 0), "signalling before");
    if (s == 0 && (s = landlock_confine(abi)) < 0)
        probe_say(r, s, "%s", strerror(-s));
    if (s == 0)
        s = probe_refused(r, kill(outside, 0), EPERM, "signalling somebody outside");
    if (s == 0)
        s = probe_refused(r, knock(&at, size), EPERM, "an abstract socket from outside");
    if (s == 0)
        probe_say(r, 0, "%s", "");
}

/* ---- memory, pipes ------------------------------------------------------------------------------------------ */

void probe_large_pages(struct probe_result *r)
{
    char text[128];
    if (fd_read_file(AT_FDCWD, "/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof text) <
        0) {
        probe_say(r, -ENOSYS, "not in this kernel");
        return;
    }
    text[strcspn(text, "\n")] = 0;
    bool off = strstr(text, "[never]") != NULL;
    probe_say(r, off ? -EPERM : 0,
        off ? "off: echo madvise >/sys/kernel/mm/transparent_hugepage/enabled" : "%s", text);
}

void probe_pipes(struct probe_result *r)
{
    enum { USUAL = 65536 };
    char text[32] = "0";
    int p[2];
    if (pipe2(p, O_CLOEXEC) < 0) {
        probe_step(r, -1, "pipe");
        return;
    }
    int size = fcntl(p[1], F_GETPIPE_SZ);
    fd_read_file(AT_FDCWD, "/proc/sys/fs/pipe-user-pages-soft", text, sizeof text);
    unsigned long pages = strtoul(text, NULL, 10);
    if (size < USUAL)
        probe_say(r, -EDQUOT, "a new one holds %d bytes only: this user has too many", size);
    else if (geteuid() == 0 || pages == 0)
        probe_say(r, 0, "%d bytes, however many", size);
    else
        probe_say(r, 0, "%d bytes for the first %lu, then two pages (fs.pipe-user-pages-soft)",
            size, pages / 16);
}
