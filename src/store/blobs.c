/* The directory of blobs. A name under <two digits>/ appears by rename of a whole file, so there is
 * nothing to repair after a crash but temporary files to remove. */
#include "store/blobs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

struct blobs {
    int dir_fd, tmp_fd;
};

struct upload {
    struct blobs *blobs;
    int fd;
    char name[40]; /* below tmp/, "" once placed */
    bool durable;
    int64_t bytes;
    crypto_hash_sha256_state hash;
    char sha256[BLOB_HEX_SIZE]; /* "" until sealed */
};

static int failed(struct error *e, int number, const char *what)
{
    if (number == ENOSPC || number == EDQUOT || number == EFBIG)
        return error_set(e, ERROR_INSUFFICIENT_STORAGE, ENOSPC,
            "The server's disk is full: the file cannot be %s.", what);
    return error_set(
        e, ERROR_INTERNAL, number, "The file cannot be %s: %s.", what, strerror(number));
}

static int open_subdir(int parent, const char *name, struct error *e)
{
    bool made = mkdirat(parent, name, 0700) == 0;
    if (!made && errno != EEXIST)
        return failed(e, errno, "stored");
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || (made && fsync(parent) < 0)) {
        int number = errno;
        fd_close(&fd);
        return failed(e, number, "stored");
    }
    return fd;
}

int blobs_open(int dir_fd, struct blobs **ret_blobs, struct error *e)
{
    struct blobs *b = malloc(sizeof *b);
    if (!b)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    *b = (struct blobs){.dir_fd = -1, .tmp_fd = -1};
    int r = b->dir_fd = open_subdir(dir_fd, "blobs", e);
    if (r >= 0)
        r = b->tmp_fd = open_subdir(b->dir_fd, "tmp", e);
    if (r < 0) {
        blobs_close(b);
        return r;
    }
    *ret_blobs = b;
    return 0;
}

struct blobs *blobs_close(struct blobs *b)
{
    if (b) {
        fd_close(&b->tmp_fd);
        fd_close(&b->dir_fd);
        free(b);
    }
    return NULL;
}

int upload_begin(struct blobs *b, struct upload **ret_upload, struct error *e)
{
    struct upload *u = calloc(1, sizeof *u);
    if (!u)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    u->blobs = b;
    unsigned char random[16];
    randombytes_buf(random, sizeof random);
    sodium_bin2hex(u->name, sizeof u->name, random, sizeof random);
    u->fd = openat(b->tmp_fd, u->name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (u->fd < 0) {
        int number = errno;
        free(u);
        return failed(e, number, "stored");
    }
    crypto_hash_sha256_init(&u->hash);
    *ret_upload = u;
    return 0;
}

int upload_append(struct upload *u, const void *data, size_t n, struct error *e)
{
    if (u->sha256[0])
        abort(); /* a caller's mistake, in every build */
    int r = fd_write_all(u->fd, data, n);
    if (r)
        return failed(e, -r, "stored");
    crypto_hash_sha256_update(&u->hash, data, n);
    u->bytes += (int64_t)n;
    return 0;
}

int upload_seal(struct upload *u, bool durable, struct error *e)
{
    if (durable && fsync(u->fd) < 0)
        return failed(e, errno, "stored");
    fd_close(&u->fd);
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(&u->hash, digest);
    sodium_bin2hex(u->sha256, sizeof u->sha256, digest, sizeof digest);
    u->durable = durable;
    return 0;
}

const char *upload_sha256(const struct upload *u) { return u->sha256; }
int64_t upload_bytes(const struct upload *u) { return u->bytes; }

static void prefix(char out[3], const char *sha256)
{
    memcpy(out, sha256, 2);
    out[2] = 0;
}

static bool is_sha256(const char *text)
{
    return strlen(text) == BLOB_HEX_SIZE - 1 &&
           strspn(text, "0123456789abcdef") == BLOB_HEX_SIZE - 1;
}

static int open_home(struct upload *u, struct error *e)
{
    char first[3];
    prefix(first, u->sha256);
    return open_subdir(u->blobs->dir_fd, first, e);
}

int upload_place(struct upload *u, struct error *e)
{
    cleanup_fd int dir = open_home(u, e);
    if (dir < 0)
        return dir;
    /* The same content may lie there already. Ours takes its place when it is on the disk, but must
     * not when it is not: a File may rely on the other. */
    if (!u->durable && faccessat(dir, u->sha256, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 1;
    if (renameat(u->blobs->tmp_fd, u->name, dir, u->sha256) < 0)
        return failed(e, errno, "stored");
    u->name[0] = 0;
    return 0;
}

int upload_settle(struct upload *u, struct error *e)
{
    cleanup_fd int dir = open_home(u, e);
    if (dir < 0)
        return dir;
    return fsync(dir) < 0 ? failed(e, errno, "stored") : 0;
}

struct upload *upload_free(struct upload *u)
{
    if (u) {
        fd_close(&u->fd);
        if (u->name[0])
            unlinkat(u->blobs->tmp_fd, u->name, 0);
        free(u);
    }
    return NULL;
}

/* The directory of a blob, and its name checked: rows are ours, but a path is never built from a row. */
static int dir_of(struct blobs *b, const char *sha256)
{
    if (!is_sha256(sha256))
        return -ENOENT;
    char first[3];
    prefix(first, sha256);
    int fd = openat(b->dir_fd, first, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int blobs_open_blob(struct blobs *b, const char *sha256)
{
    cleanup_fd int dir = dir_of(b, sha256);
    if (dir < 0)
        return dir;
    int fd = openat(dir, sha256, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int blobs_remove(struct blobs *b, const char *sha256)
{
    cleanup_fd int dir = dir_of(b, sha256);
    if (dir < 0)
        return dir == -ENOENT ? 0 : dir;
    return unlinkat(dir, sha256, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int blobs_sync_blob(struct blobs *b, const char *sha256)
{
    cleanup_fd int dir = dir_of(b, sha256);
    if (dir < 0)
        return dir;
    cleanup_fd int fd = openat(dir, sha256, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0 || fsync(dir) < 0)
        return -errno;
    return 0;
}

static int sweep_dir(
    struct blobs *b, const char *name, bool all, bool (*keep)(void *, const char *), void *context)
{
    int fd = openat(b->dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    DIR *d = fdopendir(fd);
    if (!d) {
        int number = errno;
        close(fd);
        return -number;
    }
    for (struct dirent *entry; (entry = readdir(d));)
        if (entry->d_name[0] != '.' &&
            (all || !is_sha256(entry->d_name) || !keep(context, entry->d_name)))
            unlinkat(fd, entry->d_name, 0);
    closedir(d);
    return 0;
}

int blobs_sweep(struct blobs *b, bool (*keep)(void *context, const char *sha256), void *context)
{
    int r = sweep_dir(b, "tmp", true, NULL, NULL);
    for (int i = 0; i < 256 && !r; i++) {
        char name[3];
        snprintf(name, sizeof name, "%02x", (unsigned)i);
        r = sweep_dir(b, name, false, keep, context);
    }
    return r;
}
