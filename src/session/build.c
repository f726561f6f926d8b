/* build.c - an environment built by the supervisor's hand, told line by line.
 *
 * The server may not make namespaces; the supervisor runs `cloche env build --json` and lends it a pipe
 * of ours. What comes through it is that program's, but from packages in part: bounded, and JSON or
 * nothing. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "session/internal.h"

enum { LINE_MAX_BYTES = 1 << 20, TICK_MS = 1000 };

/* The supervisor's answer, awaited by the thread that reads the pipe. */
struct ending {
    pthread_mutex_t lock;
    pthread_cond_t come;
    bool ended;
    int status; /* -errno, or the exit status */
    char text[200];
};

static void build_done(void *context, const struct message *answer, int *fds, int n)
{
    struct ending *end = context;
    fds_close(fds, n > 0 ? (size_t)n : 0);
    pthread_mutex_lock(&end->lock);
    end->status = !answer ? -EPIPE : answer->status < 0 ? answer->status : (int)answer->word[0];
    snprintf(
        end->text, sizeof end->text, "%.190s", answer ? answer->text : "The supervisor has gone.");
    end->ended = true;
    pthread_cond_signal(&end->come);
    pthread_mutex_unlock(&end->lock);
}

static int requirements_file(const char *text)
{
    cleanup_fd int fd = memfd_create("requirements", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = fd_write_all(fd, text, strlen(text));
    return r < 0 ? r : take_fd(&fd);
}

static int ask(struct sessions *s, const char *name, const char *project, const char *requirements,
    struct ending *end, int *ret_progress)
{
    struct message m = {.op = SUP_BUILD};
    int pipe_fds[2];
    cleanup_fd int file = requirements_file(requirements);
    if (file < 0)
        return file;
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return -errno;
    size_t n = strlen(name) + 1, length = n + strlen(project);
    if (length > MESSAGE_TEXT_MAX) {
        fds_close(pipe_fds, 2);
        return -EINVAL;
    }
    memcpy(m.text, name, n);
    memcpy(m.text + n, project, length - n + 1);
    m.length = (uint16_t)length;
    int r = link_post(s->supervisor, &m, (int[]){file, pipe_fds[1]}, 2, build_done, end);
    fd_close(&pipe_fds[1]);
    if (r < 0)
        fd_close(&pipe_fds[0]);
    else
        *ret_progress = pipe_fds[0];
    return r;
}

/* Gives every whole line in `text` to on_line and keeps the rest. False when it wants no more. */
static bool give_lines(struct strbuf *text, build_line *on_line, void *context)
{
    char *line = text->data, *end;
    while (line && (end = memchr(line, '\n', (size_t)(text->data + text->length - line)))) {
        *end = 0;
        if (*line && !on_line(context, line))
            return false;
        line = end + 1;
    }
    if (line && line > text->data) {
        text->length -= (size_t)(line - text->data);
        memmove(text->data, line, text->length + 1);
    }
    return true;
}

/* Until the builder and all it lent the pipe to have closed it, or on_line wants no more. */
static void read_lines(int fd, build_line *on_line, void *context)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(LINE_MAX_BYTES);
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int ready = poll(&p, 1, TICK_MS);
        if (ready == 0 && !on_line(context, NULL))
            return;
        if (ready <= 0)
            continue;
        char piece[4096];
        ssize_t n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || strbuf_append(&text, piece, (size_t)n) < 0 ||
            !give_lines(&text, on_line, context))
            return;
    }
}

int sessions_build_environment(struct sessions *s, const char *name, const char *project,
    const char *requirements, build_line *on_line, void *context, struct error *e)
{
    struct ending end = {.lock = PTHREAD_MUTEX_INITIALIZER, .come = PTHREAD_COND_INITIALIZER};
    cleanup_fd int progress = -1;
    int r = ask(s, name, project, requirements, &end, &progress);
    if (r < 0)
        return error_set(
            e, ERROR_UNAVAILABLE, -r, "The build cannot be started: %s.", strerror(-r));
    read_lines(progress, on_line, context);
    fd_close(&progress); /* a builder that still writes ends by that */
    pthread_mutex_lock(&end.lock);
    while (!end.ended)
        pthread_cond_wait(&end.come, &end.lock);
    pthread_mutex_unlock(&end.lock);
    if (end.status == -EAGAIN)
        return error_set(e, ERROR_QUOTA_EXCEEDED, EAGAIN, "%s", end.text);
    if (end.status < 0)
        return error_set(e, ERROR_UNAVAILABLE, -end.status, "%s", end.text);
    if (end.status > 0)
        return error_set(e, ERROR_INTERNAL, 0, "The build ended with status %d.", end.status);
    return 0;
}
