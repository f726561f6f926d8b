/* Entering a sandbox. An array of named steps run by one loop: the order is the design, and a step
 * that fails reports its name. Runs in the child of clone3, before any Python.
 *
 *  - The cgroup first, while the uid is still the zygote's, who may write there (on v2 the child was
 *    born inside).
 *  - net, uts and cgroup namespaces with the ground's capability; then the user namespace of branch 0,
 *    where that capability ends and that namespace's begins; then what belongs to it.
 *  - The bounding set while CAP_SETPCAP of that namespace is there; the uid, then no capability at all.
 *  - Not dumpable, first and, since a change of uid may undo it, again: the ground's root owns its memory
 *    map, so no process of its own uid opens its /proc/PID/mem, root, ns or fd. With one id for everything
 *    what a former kernel left behind has that uid from the beginning.
 *  - setsid: without it kill(0, …) reaches who started Cloche.
 *  - Landlock: the one writable rule is on /mnt, the directory above the mount points of the scratch (a
 *    rule on a mount point itself is skipped).
 *  - The second filter last: it takes away setns and set*id, which the steps before need. Its listener goes
 *    to init, by way of the warden. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "kernel/kernel.h"
#include "sandbox/caps.h"
#include "sandbox/filter.h"
#include "sandbox/identity.h"
#include "sandbox/landlock.h"
#include "sandbox/layers.h"

enum { PROCESSES_WITHOUT_CGROUP = 128 };

/* The descriptors end here: of v2 it is a directory beside the siblings', and hooks of packages come later. */
static int join_cgroup(const struct entry *e)
{
    int r = 0;
    for (int i = ENTRY_CGROUP; i < e->count; i++) {
        if (!e->cgroup_v2 && write(e->fds[i], "0", 1) < 0)
            r = -1;
        close(e->fds[i]);
    }
    return r;
}
static int enter_net(const struct entry *e) { return setns(e->fds[NS_NET], CLONE_NEWNET); }
static int enter_uts(const struct entry *e) { return setns(e->fds[NS_UTS], CLONE_NEWUTS); }
static int enter_cgroup(const struct entry *e) { return setns(e->fds[NS_CGROUP], CLONE_NEWCGROUP); }
static int enter_user(const struct entry *e) { return setns(e->fds[NS_USER], CLONE_NEWUSER); }
static int enter_mount(const struct entry *e) { return setns(e->fds[NS_MNT], CLONE_NEWNS); }
static int enter_ipc(const struct entry *e) { return setns(e->fds[NS_IPC], CLONE_NEWIPC); }
static int take_gid(const struct entry *e)
{
    (void)e;
    return setresgid(KERNEL_ID, KERNEL_ID, KERNEL_ID);
}
static int take_uid(const struct entry *e)
{
    (void)e;
    return setresuid(KERNEL_ID, KERNEL_ID, KERNEL_ID);
}
/* What a program with file capabilities could be given. Entering the user namespace filled it. */
static int empty_bounding_set(const struct entry *e)
{
    (void)e;
    return (errno = -caps_drop_bounding()) ? -1 : 0;
}
static int drop_capabilities(const struct entry *e)
{
    (void)e;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return -1;
    return (errno = -caps_keep(0, 0, 0)) ? -1 : 0;
}
/* The other limits are the zygote's. */
static int limits(const struct entry *e)
{
    struct rlimit processes = {PROCESSES_WITHOUT_CGROUP, PROCESSES_WITHOUT_CGROUP};
    /* no pids controller: counted for this uid in this user namespace instead */
    return e->count == ENTRY_CGROUP ? setrlimit(RLIMIT_NPROC, &processes) : 0;
}
static int not_dumpable(const struct entry *e)
{
    (void)e;
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
static int own_session(const struct entry *e)
{
    (void)e;
    return setsid();
}
static int working_directory(const struct entry *e)
{
    (void)e;
    return chdir("/mnt/data");
}
static int behind_landlock(const struct entry *e)
{
    return (errno = -landlock_confine(e->landlock_abi)) ? -1 : 0;
}
static int second_filter(const struct entry *e)
{
    struct message m = {.op = ZYGOTE_LISTENER, .sandbox = e->sandbox};
    cleanup_fd int listener = -1;
    int r = filter_load_second(e->folder, &listener);
    if (r == 0 && listener >= 0)
        r = message_send(FD_WARDEN, &m, &listener, 1);
    return (errno = -r) ? -1 : 0;
}

static const struct {
    const char *name;
    int (*run)(const struct entry *e);
} steps[] = {
    {"dumpable", not_dumpable},
    {"cgroup", join_cgroup},
    {"net namespace", enter_net},
    {"uts namespace", enter_uts},
    {"cgroup namespace", enter_cgroup},
    {"user namespace", enter_user},
    {"mount namespace", enter_mount},
    {"ipc namespace", enter_ipc},
    {"bounding set", empty_bounding_set},
    {"group", take_gid},
    {"user", take_uid},
    {"capabilities", drop_capabilities},
    {"limits", limits},
    {"dumpable", not_dumpable},
    {"session", own_session},
    {"working directory", working_directory},
    {"landlock", behind_landlock},
    {"second filter", second_filter},
};

static void fail(const struct entry *e, const char *step)
{
    char text[160];
    int saved = errno;
    size_t n = 0;
    const char *parts[] = {
        "cloche: entering the sandbox failed at: ", step, ": ", strerror(saved), "\n"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (const char *p = parts[i]; *p && n < sizeof text; p++)
            text[n++] = *p;
    (void)!write(e->fds[ENTRY_PIPES + PIPE_STDERR], text, n);
    _exit(70);
}

void enter_sandbox(const struct entry *e)
{
    prctl(PR_SET_NAME, "kernel");
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (!layer_left_out(steps[i].name) && steps[i].run(e) < 0)
            fail(e, steps[i].name);
}

void enter_keep_channels(const struct entry *e)
{
    static const int places[KERNEL_PIPES] = {FD_IN, FD_OUT, FD_STDOUT, FD_STDERR};
    int high[KERNEL_PIPES];
    for (int i = 0; i < KERNEL_PIPES; i++)
        if ((high[i] = fcntl(e->fds[ENTRY_PIPES + i], F_DUPFD_CLOEXEC, 100)) < 0)
            fail(e, "descriptors");
    for (int i = 0; i < KERNEL_PIPES; i++)
        if (dup3(high[i], places[i], O_CLOEXEC) < 0)
            fail(e, "descriptors");
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || (null > 0 && dup2(null, 0) < 0) || dup2(FD_STDOUT, 1) < 0 ||
        dup2(FD_STDERR, 2) < 0)
        fail(e, "standard streams");
    if (syscall(SYS_close_range, 3, FD_IN - 1, 0) < 0 ||
        syscall(SYS_close_range, FD_STDERR + 1, ~0U, 0) < 0)
        _exit(70);
}
