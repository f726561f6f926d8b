/* doctor_host.c - the host as `cloche doctor` sees it: its kernel, virtual machines, swap, and settings that make a
 * host harder to break. */
#include "cli/doctor.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"

void found(struct finding *f, enum verdict verdict, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    f->verdict = verdict;
    vsnprintf(f->text, sizeof(f->text), format, arguments);
    va_end(arguments);
    size_t n = strlen(f->text);
    if (n > 0 && f->text[n - 1] == '.')
        f->text[n - 1] = '\0';
}

void costs(struct finding *f, const char *lost, const char *how)
{
    snprintf(f->lost, sizeof(f->lost), "%s", lost);
    snprintf(f->how, sizeof(f->how), "%s", how);
}

long number_in(const char *path)
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
    found(f, old ? LOSS : FINE, "Linux %.60s on %.20s", u.release, u.machine);
    if (old)
        costs(f, "Cloche is tested from Linux 6.1 on", "Debian 12, Ubuntu 24.04 or later");
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
    char path[96], weak[sizeof(f->how)] = "sysctl";
    size_t length = strlen(weak), none = length;
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        snprintf(path, sizeof(path), "/proc/sys/%s", settings[i].name);
        long value = number_in(path);
        if (value >= 0 && value < settings[i].least)
            length += (size_t)snprintf(weak + length, sizeof(weak) - length, " %s=%ld",
                settings[i].name, settings[i].least);
    }
    if (length == none) {
        found(f, FINE, "kernel addresses, log, bpf, ptrace and links are guarded");
        return;
    }
    found(
        f, FINE, "some settings that harden a host are off; sessions cannot reach what they guard");
    costs(f, "", weak);
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
