/* Environments are built by the same program as on the command line: it needs to make a namespace, which
 * the server may not. What comes from a tenant, the name, the project and the requirements, is passed as
 * arguments and a copy; pip meets them inside that program's sandbox only. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "supervisor/supervisor.h"

enum { REQUIREMENTS_FD = 3, REQUIREMENTS_BYTES_MAX = 1 << 20 };

static bool plain(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return n > 0 && n <= 63 && text[n] == 0 && text[0] != '-' && text[0] != '.';
}

/* What the server's descriptor reads, in memory of ours; -1. The program opens it by its name in /proc, and
 * with our rights: of the server's own descriptor, of O_PATH perhaps, that were any file of the host. */
static int copy_of(int from)
{
    char block[16384];
    ssize_t n = 0;
    off_t at = 0;
    int to = memfd_create("requirements", MFD_CLOEXEC);
    while (to >= 0 && (n = pread(from, block, sizeof block, at)) > 0) {
        at += n;
        if (at > REQUIREMENTS_BYTES_MAX || fd_write_all(to, block, (size_t)n) < 0)
            return -1;
    }
    return n < 0 ? -1 : to;
}

static void become_builder(
    struct supervisor *s, char *name, char *project, int requirements, int progress)
{
    char *argv[] = {(char *)"cloche", (char *)"env", (char *)"build", name, (char *)"--json",
        (char *)"--requirements", (char *)"/proc/self/fd/3", (char *)"--environments",
        s->plan.environments_dir, (char *)"--project", project, NULL};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    fd_write_file(AT_FDCWD, "/proc/self/oom_score_adj", "0"); /* ours is no package's to have */
    int exe = fcntl(s->server_exe, F_DUPFD_CLOEXEC, 100),
        in = fcntl(copy_of(requirements), F_DUPFD_CLOEXEC, 100);
    int out = fcntl(progress, F_DUPFD_CLOEXEC, 100), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (exe < 0 || in < 0 || out < 0 || null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 ||
        dup2(in, REQUIREMENTS_FD) < 0)
        _exit(70);
    syscall(SYS_close_range, REQUIREMENTS_FD + 1, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
    extern char **environ;
    syscall(SYS_execveat, exe, "", argv, environ, AT_EMPTY_PATH);
    _exit(127);
}

int build_start(
    struct supervisor *s, const struct message *m, int requirements, int progress, struct error *e)
{
    char name[64], project[64];
    size_t n = strnlen(m->text, m->length);
    snprintf(name, sizeof name, "%.63s", m->text);
    snprintf(project, sizeof project, "%.63s", n < m->length ? m->text + n + 1 : "");
    if (!plain(name) || !plain(project))
        return error_set(e, ERROR_INVALID_VALUE, EINVAL,
            "The environment's or the project's name is not valid.");
    struct build *b = NULL;
    for (int i = 0; i < BUILDS_MAX && !b; i++)
        if (s->builds[i].pid == 0)
            b = &s->builds[i];
    if (!b)
        return error_set(e, ERROR_QUOTA_EXCEEDED, EAGAIN,
            "%d environments are being built; try again later.", BUILDS_MAX);
    pid_t p = fork();
    if (p == 0)
        become_builder(s, name, project, requirements, progress);
    if (p < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Starting the build failed.");
    *b = (struct build){.pid = p, .serial = m->serial, .server = s->servers_before};
    return 0;
}

bool build_ended(struct supervisor *s, pid_t pid, int status)
{
    for (int i = 0; i < BUILDS_MAX; i++)
        if (s->builds[i].pid == pid) {
            struct message m = {.op = SUP_BUILD, .serial = s->builds[i].serial};
            m.word[0] =
                (uint64_t)(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
            if (s->builds[i].server == s->servers_before && s->link >= 0)
                message_send(s->link, &m, NULL, 0);
            s->builds[i] = (struct build){0};
            return true;
        }
    return false;
}
