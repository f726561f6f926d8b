/* env_debian.c - the packages of Debian and Ubuntu that stand in when PyPI cannot be reached.
 *
 * As root they are installed on the host by apt, which is what an administrator would do by hand; as
 * an ordinary user the command to run is said. They are seen by the environment through /usr. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "cli/env_internal.h"

enum { PACKAGES_MAX = 128, LIST_TEXT = 8192 };

struct packages {
    char text[LIST_TEXT]; /* the names, each with its NUL */
    char *name[PACKAGES_MAX + 8];
    size_t count;
};

/* The first word of each line; what follows it are the projects it covers, for the reader. */
static void parse(struct packages *p, const char *list)
{
    size_t used = 0;
    while (*list != '\0') {
        size_t line = strcspn(list, "\n"), word = strcspn(list, " \t\n#");
        if (word > 0 && word <= line && used + word + 1 < sizeof(p->text) &&
            p->count < PACKAGES_MAX) {
            p->name[p->count++] = memcpy(p->text + used, list, word);
            p->text[used + word] = '\0';
            used += word + 1;
        }
        list += line;
        list += *list == '\n';
    }
}

/* Runs a program of the host with its output in `ret_output` (NULL: dropped), else as the person
 * would run it. Exit status, or -errno. */
static int run(char *const argv[], struct strbuf *output, struct env_progress *p)
{
    int out[2];
    if (pipe2(out, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        setenv("DEBIAN_FRONTEND", "noninteractive", 1);
        setenv("LC_ALL", "C.UTF-8", 1);
        dup2(null, 0);
        dup2(out[1], 1);
        dup2(output != NULL ? null : out[1], 2);
        execvp(argv[0], argv);
        _exit(127);
    }
    fd_close(&out[1]);
    long lines = 0;
    char block[4096], last[100] = "";
    size_t length = 0;
    for (ssize_t n; pid > 0 && (n = read(out[0], block, sizeof(block))) != 0;) {
        if (n < 0 && errno == EINTR && env_interrupted)
            kill(pid, SIGTERM); /* apt leaves dpkg's database whole */
        for (ssize_t i = 0; i < n; i++) {
            if (block[i] != '\n') {
                if (length < sizeof(last) - 1)
                    last[length++] = block[i];
                continue;
            }
            char clean[100];
            last[length] = '\0';
            length = 0;
            env_clean(clean, sizeof(clean), last);
            if (p != NULL)
                env_progress_step(p, ++lines, clean);
        }
        if (n > 0 && output != NULL)
            strbuf_append(output, block, n);
    }
    fd_close(&out[0]);
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return pid < 0 ? -EAGAIN : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Which of them are not installed? Says them in `missing`, parted by blanks. */
static int look(const struct packages *p, struct strbuf *missing)
{
    for (size_t i = 0; i < p->count; i++) {
        char *argv[] = {"dpkg-query", "-W", "-f=${db:Status-Status}", p->name[i], NULL};
        struct strbuf said = STRBUF_INIT(4096);
        int r = run(argv, &said, NULL);
        bool there = r == 0 && strcmp(strbuf_text(&said), "installed") == 0;
        strbuf_deinit(&said);
        if (r < 0 || r == 127)
            return r < 0 ? r : -ENOENT;
        if (!there && strbuf_printf(missing, " %s", p->name[i]) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* Those that this release has: a list made for several releases must not fail as a whole. */
static void keep_available(const struct packages *all, struct packages *ret)
{
    *ret = (struct packages){.count = 0};
    for (size_t i = 0; i < all->count; i++) {
        char *argv[] = {"apt-cache", "show", "--no-all-versions", all->name[i], NULL};
        struct strbuf said = STRBUF_INIT(64 << 10);
        if (run(argv, &said, NULL) == 0 && said.length > 0)
            ret->name[ret->count++] = all->name[i]; /* the text stays where it is: in `all` */
        strbuf_deinit(&said);
    }
}

static int install(const struct packages *all, struct env_progress *progress)
{
    char *update[] = {"apt-get", "update", NULL};
    int r = 1;
    for (int round = 0; round < 2 && r > 0; round++) {
        struct packages here;
        char *argv[PACKAGES_MAX + 8] = {"apt-get", "install", "-y", "--no-install-recommends"};
        size_t n = 4;
        keep_available(all, &here);
        for (size_t i = 0; i < here.count; i++)
            argv[n++] = here.name[i];
        if (here.count > 0)
            r = run(argv, NULL, progress);
        if (r > 0 && round == 0)
            run(update, NULL, progress);
    }
    return r;
}

int env_debian_install(const char *list, struct env_progress *progress, struct error *e)
{
    struct packages p = {.count = 0};
    struct strbuf missing = STRBUF_INIT(LIST_TEXT * 2);
    parse(&p, list);
    int r = look(&p, &missing);
    if (r == -ENOENT)
        error_set(e, ERROR_UNAVAILABLE, ENOENT,
            "This is no Debian or Ubuntu: there are no packages of "
            "the system to stand in.");
    else if (r == 0 && missing.length > 0 && geteuid() == 0) {
        env_progress_phase(progress, "installing Debian's packages", 0);
        r = install(&p, progress);
        if (r != 0)
            error_set(e, ERROR_UNAVAILABLE, EIO,
                "apt-get could not install Debian's packages (exit %d).", r);
        r = r == 0 ? 0 : -EIO;
    } else if (r == 0 && missing.length > 0) {
        env_progress_note(progress, "root could run: apt-get install --no-install-recommends%s",
            strbuf_text(&missing));
        r = error_set(e, ERROR_UNAVAILABLE, ENOENT,
            "Debian's packages that would stand in are not all "
            "installed, and only root can install them; the command is above.");
    }
    strbuf_deinit(&missing);
    return r;
}
