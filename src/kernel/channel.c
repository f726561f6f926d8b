#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"
#include "kernel/kernel.h"

/* The one frame that C understands is written by the server in exactly this form. */
#define SYNC_BEGIN "{\"type\":\"sync\",\"token\":\""
#define ACK "{\"type\":\"ack\"}"
enum { TOKEN = 32 };

static char pending_token[TOKEN + 1]; /* a sync that came in the middle of an execution */
static bool forked;                   /* this is a child that user code forked */
static struct stat streams[2];

/* A child of user code that runs to the end of the cell must not answer for its parent. */
static void after_fork_in_child(void)
{
    forked = true;
    for (int fd = FD_IN; fd <= FD_STDERR; fd++)
        close(fd);
}

void channel_init(void)
{
    pthread_atfork(NULL, NULL, after_fork_in_child);
    fstat(FD_STDOUT, &streams[0]);
    fstat(FD_STDERR, &streams[1]);
}

bool channel_is_ours(void) { return !forked; }

static bool same(int fd, const struct stat *wanted)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_dev == wanted->st_dev && st.st_ino == wanted->st_ino;
}

void channel_restore_streams(void)
{
    for (int i = 0; i < 2; i++)
        if (!same(1 + i, &streams[i]))
            dup2(FD_STDOUT + i, 1 + i);
    if (fcntl(0, F_GETFD) < 0) {
        int null = open("/dev/null", O_RDONLY);
        if (null > 0) {
            dup2(null, 0);
            close(null);
        }
    }
}

/* ---- sending ------------------------------------------------------------------------------------------ */

static int write_vector(struct iovec *v, int n)
{
    while (n > 0) {
        ssize_t r = writev(FD_OUT, v, n > 64 ? 64 : n);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -EPIPE;
        while (n > 0 && (size_t)r >= v->iov_len) {
            r -= (ssize_t)v->iov_len;
            v++;
            n--;
        }
        if (n > 0) {
            v->iov_base = (char *)v->iov_base + r;
            v->iov_len -= (size_t)r;
        }
    }
    return 0;
}

int channel_send(const void *head, uint32_t head_length, const void *const *buffers,
    const uint32_t *lengths, uint32_t n_buffers)
{
    uint32_t prefix[2 + FRAME_BUFFERS_MOST] = {head_length, n_buffers};
    struct iovec v[2 + FRAME_BUFFERS_MOST];
    uint64_t total = 0;
    if (forked)
        return 0;
    if (head_length > FRAME_HEAD_MOST || n_buffers > FRAME_BUFFERS_MOST)
        return -EMSGSIZE;
    for (uint32_t i = 0; i < n_buffers; i++) {
        prefix[2 + i] = lengths[i];
        v[2 + i] = (struct iovec){(void *)buffers[i], lengths[i]};
        total += lengths[i];
    }
    if (total > FRAME_BYTES_MOST)
        return -EMSGSIZE;
    v[0] = (struct iovec){prefix, sizeof *prefix * (2 + n_buffers)};
    v[1] = (struct iovec){(void *)head, head_length};
    return write_vector(v, (int)(2 + n_buffers));
}

static void answer_sync(const char *token)
{
    char head[96];
    int n = snprintf(head, sizeof head, SYNC_BEGIN "%s\"}", token);
    channel_send(head, (uint32_t)n, NULL, NULL, 0);
}

/* ---- receiving ---------------------------------------------------------------------------------------- */

void frame_free(struct frame *f)
{
    for (uint32_t i = 0; f->buffers && i < f->n_buffers; i++)
        free(f->buffers[i]);
    free(f->buffers);
    free(f->lengths);
    free(f->head);
    *f = (struct frame){0};
}

static int read_body(struct frame *f)
{
    uint64_t total = 0;
    f->head = malloc(f->head_length + 1);
    f->lengths = calloc(f->n_buffers + 1, sizeof *f->lengths);
    f->buffers = calloc(f->n_buffers + 1, sizeof *f->buffers);
    if (!f->head || !f->lengths || !f->buffers ||
        fd_read_all(FD_IN, f->lengths, f->n_buffers * sizeof *f->lengths) < 0)
        return -EPIPE;
    for (uint32_t i = 0; i < f->n_buffers; i++)
        total += f->lengths[i];
    if (total > FRAME_BYTES_MOST || fd_read_all(FD_IN, f->head, f->head_length) < 0)
        return -EPIPE;
    f->head[f->head_length] = 0;
    for (uint32_t i = 0; i < f->n_buffers; i++) {
        f->buffers[i] = malloc(f->lengths[i] + 1);
        if (!f->buffers[i] || fd_read_all(FD_IN, f->buffers[i], f->lengths[i]) < 0)
            return -EPIPE;
    }
    return 0;
}

static int read_frame(struct frame *f)
{
    uint32_t sizes[2];
    *f = (struct frame){0};
    if (fd_read_all(FD_IN, sizes, sizeof sizes) < 0)
        return -EPIPE;
    if (sizes[0] > FRAME_HEAD_MOST || sizes[1] > FRAME_BUFFERS_MOST)
        return -EPIPE;
    f->head_length = sizes[0];
    f->n_buffers = sizes[1];
    int r = read_body(f);
    if (r < 0)
        frame_free(f);
    return r;
}

int channel_receive(struct frame *f, bool in_execution)
{
    if (forked)
        return -EPIPE;
    if (!in_execution && pending_token[0]) {
        answer_sync(pending_token);
        pending_token[0] = 0;
    }
    for (;;) {
        if (in_execution && pending_token[0])
            return 1;
        int r = read_frame(f);
        if (r < 0)
            return r;
        const size_t begin = sizeof SYNC_BEGIN - 1;
        if (f->head_length < begin + TOKEN || memcmp(f->head, SYNC_BEGIN, begin))
            return 0;
        char token[TOKEN + 1];
        memcpy(token, f->head + begin, TOKEN);
        token[TOKEN] = 0;
        frame_free(f);
        if (in_execution)
            memcpy(pending_token, token, sizeof token);
        else
            answer_sync(token);
    }
}

int channel_barrier(const char *id, size_t id_length)
{
    char head[160];
    if (forked)
        return 0;
    int n = snprintf(head, sizeof head, "{\"type\":\"barrier\",\"id\":\"%.*s\"}",
        (int)(id_length > 80 ? 80 : id_length), id);
    int r = channel_send(head, (uint32_t)n, NULL, NULL, 0);
    while (r == 0) {
        struct frame f;
        r = channel_receive(&f, true);
        if (r != 0)
            return r;
        bool ack = f.head_length >= sizeof ACK - 1 && !memcmp(f.head, ACK, sizeof ACK - 1);
        frame_free(&f);
        if (ack)
            return 0;
    }
    return r;
}
