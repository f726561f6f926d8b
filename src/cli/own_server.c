#include "cli/own_server.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "cli/http_client.h"
#include "cli/listen.h"

enum { ARGUMENTS_MAX = 32, READY_WAIT_S = 180 };

static void become_server(const struct own_server_spec *spec, const char *directory, int ready)
{
    char state[96], number[16];
    const char *argv[ARGUMENTS_MAX] = {
        "cloche", "serve", "--listen", "127.0.0.1:0", "--log-level", "warn"};
    size_t n = 6;
    snprintf(state, sizeof(state), "%s/state", directory);
    snprintf(number, sizeof(number), "%d", ready);
    argv[n++] = "--state";
    argv[n++] = state;
    argv[n++] = "--ready-fd";
    argv[n++] = number;
    if (spec->environments != NULL) {
        argv[n++] = "--environments";
        argv[n++] = spec->environments;
    }
    for (const char *const *f = spec->flags; f && *f && n < ARGUMENTS_MAX - 1; f++)
        argv[n++] = *f;
    fcntl(ready, F_SETFD, 0);
    setpgid(0, 0); /* a terminal's Ctrl-C is for the command, not for its server */
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* a command that is killed leaves no server behind */
    execv("/proc/self/exe", (char *const *)argv);
    _exit(127);
}

/* The address it says it has, or an error when it ends before that. */
static int address_read(int fd, char url[300])
{
    char line[256];
    size_t n = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (n < sizeof(line) - 1) {
        if (poll(&p, 1, READY_WAIT_S * 1000) <= 0 || read(fd, line + n, 1) != 1)
            return -EPIPE;
        if (line[n] == '\n')
            break;
        n++;
    }
    line[n] = '\0';
    listen_url(line, url);
    return 0;
}

static int ready_wait(const struct own_server *s, const char *path, struct error *e)
{
    struct http_client c;
    const char *body;
    size_t length;
    int r = http_client_init(&c, s->url, NULL, e), status = 0;
    int64_t until = clock_monotonic_us() + READY_WAIT_S * INT64_C(1000000);
    while (r == 0 && (status = http_client_request(&c, "GET", path, NULL, &body, &length)) != 200) {
        if (clock_monotonic_us() > until || waitpid(s->pid, NULL, WNOHANG) != 0)
            r = error_set(
                e, ERROR_UNAVAILABLE, ETIMEDOUT, "The server did not become ready (%d).", status);
        usleep(50000);
    }
    http_client_deinit(&c);
    return r;
}

static int removed(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

int own_server_start(const struct own_server_spec *spec, struct own_server *ret, struct error *e)
{
    int ready[2];
    struct own_server s = {.directory = "/tmp/cloche-XXXXXX"};
    if (mkdtemp(s.directory) == NULL || pipe2(ready, O_CLOEXEC) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Cannot start a server: %s.", strerror(errno));
    chmod(s.directory, 0711); /* the server's own user goes through to its state */
    fflush(NULL);
    s.pid = fork();
    if (s.pid == 0)
        become_server(spec, s.directory, ready[1]);
    close(ready[1]);
    int r = s.pid < 0 ? -errno : address_read(ready[0], s.url);
    close(ready[0]);
    if (r < 0)
        error_set(e, ERROR_UNAVAILABLE, -r, "A server of this command's own did not start.");
    else
        r = ready_wait(&s, spec->any_environment ? "/healthz" : "/readyz", e);
    if (r < 0)
        own_server_stop(&s);
    else
        *ret = s;
    return r;
}

void own_server_stop(struct own_server *s)
{
    if (s->pid > 0) {
        kill(s->pid, SIGTERM);
        while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    nftw(s->directory, removed, 16, FTW_DEPTH | FTW_PHYS);
}
