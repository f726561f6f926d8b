/* doctor_host.c - the host as `cloche doctor` sees it: its kernel, who starts Cloche and what that costs, what
 * forbids user namespaces and how to allow them, and settings that make a host harder to break. */
#include "cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/identity.h"

void found(struct finding *f, enum verdict verdict, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    f->verdict = verdict;
    vsnprintf(f->text, sizeof(f->text), format, arguments);
    va_end(arguments);
}

static void also(struct finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void also(struct finding *f, const char *format, ...)
{
    va_list arguments;
    size_t length = strlen(f->text);
    va_start(arguments, format);
    vsnprintf(f->text + length, sizeof(f->text) - length, format, arguments);
    va_end(arguments);
}

/* A number of /proc or /sys; -1: there is no such file. */
static long number_in(const char *path)
{
    char text[32];
    return fd_read_file(AT_FDCWD, path, text, sizeof(text)) <= 0 ? -1 : strtol(text, NULL, 10);
}

void check_kernel(struct finding *f)
{
    struct utsname u = {0};
    uname(&u);
    long major = strtol(u.release, NULL, 10),
         minor = strtol(strchrnul(u.release, '.') + 1, NULL, 10);
    bool old = major < 6 || (major == 6 && minor < 1);
    found(f, old ? LOSS : FINE, "Linux %.60s on %.20s%s", u.release, u.machine,
        old ? "; tested from 6.1 on: Debian 12, Ubuntu 24.04 or later bring one" : "");
}

void check_user(struct finding *f)
{
    uint32_t first, count;
    if (geteuid() == 0 && identity_maps_everything() > 0)
        found(
            f, FINE, "root: every session has ids of its own, limits and a server without rights");
    else if (identity_subordinate(&first, &count) == 0)
        found(f, LOSS,
            "an ordinary user with %u ids from /etc/subuid: sessions have ids of their own; limits on memory only "
            "with delegated cgroups, descriptors as many as you may have, limits per user shared with the server; "
            "as root nothing of that is lost",
            count);
    else
        found(f, LOSS,
            "an ordinary user with one id: sessions share it and may signal each other, supplementary groups "
            "stay, one branch cannot be ended alone; `usermod --add-subuids 100000-165535 --add-subgids "
            "100000-165535 $USER` (with newuidmap installed) gives a range, root everything");
}

static int can_make_user_namespace(void)
{
    int status;
    pid_t p = fork();
    if (p == 0)
        _exit(unshare(CLONE_NEWUSER) < 0 ? errno : 0);
    return p < 0 || waitpid(p, &status, 0) != p || !WIFEXITED(status) ? ECHILD
                                                                      : WEXITSTATUS(status);
}

void check_user_namespaces(struct finding *f)
{
    int e = can_make_user_namespace();
    if (e == 0 && number_in("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1 &&
        geteuid() != 0)
        found(f, LOSS,
            "they can be made, but AppArmor takes their rights (Ubuntu 24.04): as root, `sysctl "
            "kernel.apparmor_restrict_unprivileged_userns=0` or a profile with `userns,` for cloche-supervisor");
    else if (e == 0)
        found(f, FINE, "they can be made");
    else if (number_in("/proc/sys/user/max_user_namespaces") == 0)
        found(f, FATAL, "none may be made: `sysctl user.max_user_namespaces=100000`");
    else if (number_in("/proc/sys/kernel/unprivileged_userns_clone") == 0 && geteuid() != 0)
        found(f, FATAL,
            "forbidden to ordinary users: `sysctl kernel.unprivileged_userns_clone=1`, or start Cloche as root");
    else
        found(f, FATAL,
            "refused (%s): in a container it needs `--security-opt seccomp=unconfined --security-opt "
            "apparmor=unconfined --cap-add SYS_ADMIN`, better a virtual machine",
            strerror(e));
}

void check_virtual_machine(struct finding *f)
{
    if (access("/dev/kvm", R_OK | W_OK) == 0)
        found(f, FINE,
            "/dev/kvm is there: the whole server can run in a virtual machine (docs/security.md)");
    else
        found(f, ABSENT,
            "no /dev/kvm for you: not needed; against enemies of each other run Cloche in a machine "
            "elsewhere");
}

/* Each makes a hole in this kernel less likely to be of use; Cloche needs none of them. */
void check_hardening(struct finding *f)
{
    static const struct {
        const char *name;
        long least;
    } settings[] = {
        {"kernel/kptr_restrict", 1},
        {"kernel/dmesg_restrict", 1},
        {"kernel/unprivileged_bpf_disabled", 1},
        {"kernel/yama/ptrace_scope", 1},
        {"net/core/bpf_jit_harden", 1},
        {"fs/protected_symlinks", 1},
        {"fs/protected_hardlinks", 1},
    };
    char path[96];
    unsigned weak = 0;
    found(f, FINE, "%s", "");
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        snprintf(path, sizeof(path), "/proc/sys/%s", settings[i].name);
        long value = number_in(path);
        if (value >= 0 && value < settings[i].least)
            also(f, "%s %s=%ld", weak++ == 0 ? "sysctl" : "", settings[i].name, settings[i].least);
    }
    if (weak > 0)
        also(f, " would harden the host; sessions cannot reach what these guard");
    else
        found(f, FINE, "kernel addresses, log, bpf, ptrace and links are guarded");
}

void check_swap(struct finding *f)
{
    char text[4096];
    long n = fd_read_file(AT_FDCWD, "/proc/swaps", text, sizeof(text));
    const char *line = n > 0 ? strchr(text, '\n') : NULL;
    if (line != NULL && line[1] != '\0')
        found(f, FINE,
            "the host swaps; sessions may not where cgroups limit swap, the server's memory may: encrypt it");
    else
        found(f, FINE, "none");
}
