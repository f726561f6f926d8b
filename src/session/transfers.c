/* transfers.c - bytes into a session's workspace and out of it, through its init.
 *
 * Uploads travel over a stream socket, not a pipe: to give one up is to close it with a byte unread,
 * which the writing child sees as a reset instead of an end. So does the death of this process. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "ipc/protocol.h"
#include "session/internal.h"

enum {
    STALL_MS = 30000, /* an upload whose writer takes nothing for so long fails */
    COMMIT_US = 60000000,
    PIECE_BYTES = 128 * 1024,
};

/* What an errno means that an upload's writer gave. */
static int upload_error(struct session *s, int rc, struct error *e)
{
    if (rc == -ENOTDIR || rc == -ENOENT)
        return error_param(
            e, ERROR_INVALID_VALUE, "path", "A folder of this path is a file, or is gone.");
    return files_error(s, rc, e);
}

/* ---- uploads ------------------------------------------------------------------------------------------------- */

struct upload {
    struct session *session;
    struct sandbox *sandbox;
    struct init_write write;
    int fd;
    uint64_t bytes;
    int failed; /* the writer's -errno, once it has answered */
    char path[FILES_PATH_SIZE];
};

int session_upload_begin(struct session *s, const char *path, struct upload **ret, struct error *e)
{
    int ends[2];
    int rc = workspace_path_check(path, strlen(path), "path", e);
    if (rc < 0)
        return rc;
    struct upload *u = calloc(1, sizeof *u);
    if (!u)
        return error_set(e, ERROR_UNAVAILABLE, ENOMEM, "The server is out of memory.");
    rc = session_sandbox(s, &u->sandbox, e);
    if (rc < 0) {
        free(u);
        return rc;
    }
    session_touch(s);
    files_path(u->path, path);
    rc = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0 ? -errno : 0;
    if (rc == 0) {
        u->fd = ends[0];
        /* The byte that lies unread until the end: closing before that resets the other side. */
        if (write(ends[1], "", 1) != 1 || fd_set_nonblock(ends[0], true) < 0)
            rc = -errno;
        ground_work_begins(u->sandbox->ground);
        if (rc == 0)
            rc = init_write_begin(
                u->sandbox->init, u->path, 0644, INIT_WRITE_MKDIR, ends[1], &u->write);
        ground_work_ends(u->sandbox->ground);
        close(ends[1]);
        if (rc < 0)
            close(ends[0]);
    }
    if (rc < 0) {
        sandbox_unref(u->sandbox);
        free(u);
        return files_error(s, rc, e);
    }
    u->session = session_ref(s);
    *ret = u;
    return 0;
}

static void upload_free(struct upload *u)
{
    fd_close(&u->fd);
    sandbox_unref(u->sandbox);
    session_unref(u->session);
    free(u);
}

/* While the writer is waited for its ground counts in full; not while a client is, who may take an hour. */
static int finish(struct upload *u, int64_t timeout_us)
{
    ground_work_begins(u->sandbox->ground);
    int rc = init_write_finish(u->sandbox->init, &u->write, timeout_us, NULL);
    ground_work_ends(u->sandbox->ground);
    return rc;
}

static bool writer_takes(struct upload *u)
{
    struct pollfd p = {u->fd, POLLOUT, 0};
    ground_work_begins(u->sandbox->ground);
    int n = poll(&p, 1, STALL_MS);
    ground_work_ends(u->sandbox->ground);
    return n > 0;
}

/* The writer has gone: why? */
static int upload_failed(struct upload *u, struct error *e)
{
    if (!u->failed) {
        u->failed = finish(u, INIT_FILE_US);
        if (u->failed >= 0)
            u->failed = -EPIPE;
    }
    return upload_error(u->session, u->failed, e);
}

int upload_write(struct upload *u, const void *data, size_t n, struct error *e)
{
    const char *at = data;
    uint64_t most = u->session->all->config->upload_max_bytes;
    if (u->failed)
        return upload_failed(u, e);
    if (n > most - u->bytes)
        return error_set(e, ERROR_PAYLOAD_TOO_LARGE, EFBIG,
            "The file is larger than %llu bytes, the most an upload may have.",
            (unsigned long long)most);
    while (n > 0) {
        ssize_t w = send(u->fd, at, n, MSG_NOSIGNAL);
        if (w > 0) {
            at += w;
            n -= (size_t)w;
            u->bytes += (uint64_t)w;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN && writer_takes(u))
            continue;
        return upload_failed(u, e);
    }
    return 0;
}

int upload_commit(struct upload *u, struct session_file *ret, struct error *e)
{
    char byte;
    int rc = u->failed;
    if (rc == 0) {
        if (read(u->fd, &byte, 1) < 0)
            log_line(LOG_WARN, "session", "upload not clean", "errno=%d", errno);
        shutdown(u->fd, SHUT_WR);
        rc = u->failed = finish(u, COMMIT_US);
    }
    const char *path = u->path + strlen("data/");
    session_touch(u->session);
    if (rc == 0)
        rc = files_take_upload(u->session, u->sandbox, path);
    rc = rc < 0 ? upload_error(u->session, rc, e) : files_find(u->session, NULL, path, ret, e);
    upload_free(u);
    return rc;
}

void upload_abort(struct upload *u)
{
    if (!u)
        return;
    if (!u->failed)
        init_write_forget(u->sandbox->init, &u->write);
    upload_free(u);
}

int session_upload_fd(
    struct session *session, const char *path, int fd, struct session_file *ret, struct error *e)
{
    struct upload *upload = NULL;
    cleanup_free char *piece = malloc(PIECE_BYTES);
    if (!piece)
        return error_set(e, ERROR_UNAVAILABLE, ENOMEM, "The server is out of memory.");
    int r = session_upload_begin(session, path, &upload, e);
    if (r < 0)
        return r;
    for (off_t offset = 0;;) {
        ssize_t n = pread(fd, piece, PIECE_BYTES, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            return upload_commit(upload, ret, e);
        r = n < 0 ? error_set(e, ERROR_INTERNAL, errno, "A stored file cannot be read.")
                  : upload_write(upload, piece, (size_t)n, e);
        if (r < 0) {
            upload_abort(upload);
            return r;
        }
        offset += n;
    }
}

/* ---- names ---------------------------------------------------------------------------------------------------- */

static bool among(const char *path, char *const *taken, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(path, taken[i]) == 0)
            return true;
    return false;
}

int path_distinct(char **path, char *const *taken, size_t n)
{
    if (!among(*path, taken, n))
        return 0;
    const char *slash = strrchr(*path, '/'), *name = slash ? slash + 1 : *path;
    const char *dot = strrchr(name, '.');
    size_t stem = dot && dot != name ? (size_t)(dot - *path) : strlen(*path);
    for (size_t i = 2; i <= n + 1; i++) { /* n names are taken, so one of n + 1 is free */
        struct strbuf b = STRBUF_INIT(8192);
        strbuf_append(&b, *path, stem);
        strbuf_printf(&b, " (%zu)%s", i, *path + stem);
        char *candidate = b.failed ? NULL : strbuf_take(&b);
        if (!candidate) {
            strbuf_deinit(&b);
            return -ENOMEM;
        }
        if (!among(candidate, taken, n)) {
            free(*path);
            *path = candidate;
            return 0;
        }
        free(candidate);
    }
    return -ENOMEM;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

int session_file_open(struct session *s, const char *path, struct file_reader *ret, struct error *e)
{
    struct sandbox *b;
    struct stat st;
    char inside[FILES_PATH_SIZE];
    int rc = workspace_path_check(path, strlen(path), "path", e);
    if (rc == 0)
        rc = session_sandbox(s, &b, e);
    if (rc < 0)
        return rc;
    if ((rc = figure_open(s, path, ret)) != -ENOENT) {
        sandbox_unref(b);
        return rc < 0 ? files_error(s, rc, e) : 0;
    }
    files_path(inside, path);
    ground_work_begins(b->ground);
    cleanup_fd int fd = init_open(b->init, inside);
    ground_work_ends(b->ground);
    sandbox_unref(b);
    if (fd < 0)
        return files_error(s, fd, e);
    if (fstat(fd, &st) < 0)
        return files_error(s, -errno, e);
    if (!S_ISREG(st.st_mode))
        return files_error(s, -EINVAL, e);
    if ((uint64_t)st.st_size > s->all->config->download_max_bytes)
        return error_set(e, ERROR_PAYLOAD_TOO_LARGE, EFBIG,
            "The file has %lld bytes, more than can be downloaded at once.", (long long)st.st_size);
    *ret = (struct file_reader){
        .fd = take_fd(&fd), .bytes = (uint64_t)st.st_size, .mtime_s = st.st_mtim.tv_sec};
    return 0;
}

/* Finds out what lies at the offset: data up to data_end, or a hole up to hole_end. */
static int look_ahead(struct file_reader *r)
{
    off_t data = lseek(r->fd, (off_t)r->offset, SEEK_DATA);
    if (data < 0 && errno == ENXIO)
        data = (off_t)r->bytes;
    if (data < 0)
        return -errno;
    r->hole_end = (uint64_t)data < r->bytes ? (uint64_t)data : r->bytes;
    if (r->hole_end > r->offset)
        return 0;
    off_t hole = lseek(r->fd, (off_t)r->offset, SEEK_HOLE);
    if (hole < 0)
        return errno == ENXIO ? -ESTALE : -errno;
    r->data_end = (uint64_t)hole < r->bytes ? (uint64_t)hole : r->bytes;
    return 0;
}

long file_reader_read(struct file_reader *r, void *to, size_t n)
{
    if (r->offset >= r->bytes || n == 0)
        return 0;
    if (r->offset >= r->data_end && r->offset >= r->hole_end) {
        int rc = look_ahead(r);
        if (rc < 0)
            return rc;
    }
    if (r->offset < r->hole_end) {
        struct stat st;
        if (fstat(r->fd, &st) < 0 || (uint64_t)st.st_size < r->bytes)
            return -ESTALE;
        if (n > r->hole_end - r->offset)
            n = r->hole_end - r->offset;
        memset(to, 0, n);
        r->offset += n;
        return (long)n;
    }
    if (n > r->data_end - r->offset)
        n = r->data_end - r->offset;
    ssize_t got;
    do
        got = pread(r->fd, to, n, (off_t)r->offset);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        return -ESTALE;
    if (got < 0)
        return -errno;
    r->offset += (uint64_t)got;
    return got;
}

void file_reader_deinit(struct file_reader *r)
{
    fd_close(&r->fd);
    *r = (struct file_reader){.fd = -1};
}
