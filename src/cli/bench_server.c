#include "cli/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

enum { ARGUMENTS_MAX = 32, READY_WAIT_S = 180, ZONE_PAGES_MAX = 1 << 24 };

static void become_server(
    const struct bench *b, const char *directory, const char *const *flags, int ready)
{
    char state[96], number[16];
    const char *argv[ARGUMENTS_MAX] = {"cloche", "serve", "--listen", "127.0.0.1:0", "--log-level",
        "warn", "--max-sessions", "100000"};
    size_t n = 8;
    snprintf(state, sizeof(state), "%s/state", directory);
    snprintf(number, sizeof(number), "%d", ready);
    argv[n++] = "--state";
    argv[n++] = state;
    argv[n++] = "--ready-fd";
    argv[n++] = number;
    if (b->environments != NULL) {
        argv[n++] = "--environments";
        argv[n++] = b->environments;
    }
    for (; flags != NULL && *flags != NULL && n < ARGUMENTS_MAX - 1; flags++)
        argv[n++] = *flags;
    fcntl(ready, F_SETFD, 0);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* a benchmark that is interrupted leaves no server behind */
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

static int ready_wait(const struct bench_server *s, struct error *e)
{
    struct http_client c;
    const char *body;
    size_t length;
    int r = http_client_init(&c, s->url, NULL, e), status = 0;
    int64_t until = clock_monotonic_us() + READY_WAIT_S * INT64_C(1000000);
    while (r == 0 &&
           (status = http_client_request(&c, "GET", "/readyz", NULL, &body, &length)) != 200) {
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

int bench_server_start(
    const struct bench *b, const char *const *flags, struct bench_server *ret, struct error *e)
{
    int ready[2];
    struct bench_server s = {.directory = "/tmp/cloche-bench-XXXXXX"};
    if (mkdtemp(s.directory) == NULL || pipe2(ready, O_CLOEXEC) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Cannot start a server: %s.", strerror(errno));
    chmod(s.directory, 0711); /* the server's own user goes through to its state */
    fflush(NULL);
    s.pid = fork();
    if (s.pid == 0)
        become_server(b, s.directory, flags, ready[1]);
    close(ready[1]);
    int r = s.pid < 0 ? -errno : address_read(ready[0], s.url);
    close(ready[0]);
    if (r < 0)
        error_set(e, ERROR_UNAVAILABLE, -r, "The server of the benchmark did not start.");
    else
        r = ready_wait(&s, e);
    if (r < 0)
        bench_server_stop(&s);
    else
        *ret = s;
    return r;
}

void bench_server_stop(struct bench_server *s)
{
    if (s->pid > 0) {
        kill(s->pid, SIGTERM);
        while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    nftw(s->directory, removed, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- memory --------------------------------------------------------------------------------------------- */

int64_t bench_memory_free(void)
{
    char line[256];
    long long value, total = 0;
    FILE *f = fopen("/proc/meminfo", "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, "MemAvailable: %lld kB", &value) == 1)
            total += value * 1024;
    if (f != NULL)
        fclose(f);
    f = fopen("/proc/zoneinfo", "re"); /* pages on per-cpu lists count as used in MemAvailable */
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, " count: %lld", &value) == 1 && value > 0 && value < ZONE_PAGES_MAX)
            total += value * sysconf(_SC_PAGESIZE);
    if (f != NULL)
        fclose(f);
    return total;
}

void bench_memory_touch(uint64_t bytes)
{
    int64_t most = bench_memory_free() / 2;
    if (bytes > (uint64_t)most)
        bytes = (uint64_t)most;
    char *p = mmap(
        NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (p != MAP_FAILED)
        munmap(p, bytes);
}
