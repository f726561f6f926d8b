/* figures.c - what code displayed, kept as files of its session that do not lie in its scratch.
 *
 * A figure's path is its id with the extension of its type ("cfile_….png"): whoever lists, finds, reads or
 * deletes by path or id meets figures beside the workspace's own files, and a file of such a name that
 * code writes is hidden by the figure. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fd.h"
#include "session/internal.h"

static const struct {
    const char *mime, *extension;
} types[] = {
    {"image/png", "png"},
    {"image/jpeg", "jpg"},
    {"image/gif", "gif"},
    {"image/webp", "webp"},
};

static const char *extension_of(const char *mime)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(mime, types[i].mime) == 0)
            return types[i].extension;
    return NULL;
}

void figure_path(const char *id, const char *mime, char out[FIGURE_PATH_SIZE])
{
    const char *extension = extension_of(mime);
    snprintf(out, FIGURE_PATH_SIZE, "%s.%s", id, extension ? extension : "bin");
}

bool figure_type(const char *mime) { return extension_of(mime) != NULL; }

/* The id in "cfile_….png", when the name is one that a figure may have. */
static bool id_of_path(const char *path, char id[ID_SIZE])
{
    static const char prefix[] = "cfile_";
    size_t n = strcspn(path, ".");
    if (strncmp(path, prefix, sizeof prefix - 1) != 0 || n >= ID_SIZE || path[n] != '.')
        return false;
    memcpy(id, path, n);
    id[n] = 0;
    return id_valid(id);
}

int session_figure_keep(struct session *s, const void *data, size_t n, const char *mime,
    char ret_id[ID_SIZE], struct error *e)
{
    struct store *store = s->all->store;
    struct blob_writer *writer = NULL;
    char hash[BLOB_HEX_SIZE], id[ID_SIZE];
    int64_t bytes = 0;
    if (!store || !figure_type(mime))
        return error_set(e, ERROR_INTERNAL, ENOTSUP, "This figure cannot be kept.");
    int rc = store_blob_begin(store, &writer, e);
    if (rc == 0)
        rc = store_blob_append(writer, data, n, e);
    if (rc == 0)
        rc = store_blob_commit(writer, false, hash, &bytes, e);
    id_new(id, "cfile_", 32);
    struct store_figure f = {
        .id = id,
        .container_id = s->id,
        .mime_type = (char *)mime,
        .blob = hash,
        .bytes = bytes,
        .created_at = clock_realtime_s(),
    };
    if (rc == 0)
        rc = store_figure_insert(store, &f, (int64_t)s->all->config->figures_max_bytes, e);
    blob_writer_free(writer);
    if (rc == 0)
        memcpy(ret_id, id, ID_SIZE);
    return rc;
}

static int describe(const struct store_figure *f, struct session_file *ret)
{
    char path[FIGURE_PATH_SIZE];
    figure_path(f->id, f->mime_type, path);
    *ret = (struct session_file){
        .path = strdup(path),
        .bytes = (uint64_t)f->bytes,
        .created_at = f->created_at,
        .figure = true,
    };
    snprintf(ret->id, sizeof ret->id, "%s", f->id);
    return ret->path ? 0 : -ENOMEM;
}

/* The figure of that id, or of that path. -ENOENT. */
static int find(struct session *s, const char *id, const char *path, struct store_figure *ret)
{
    char buffer[ID_SIZE];
    struct session_file file;
    if (!s->all->store || s->anonymous || (!id && !id_of_path(path, buffer)))
        return -ENOENT;
    int rc = store_figure_get(s->all->store, s->id, id ? id : buffer, ret, NULL);
    if (rc < 0 || id)
        return rc;
    rc = describe(ret, &file);
    if (rc == 0 && strcmp(file.path, path) != 0) /* another extension */
        rc = -ENOENT;
    if (rc < 0)
        store_figure_deinit(ret);
    session_file_deinit(&file);
    return rc;
}

int figure_find(struct session *s, const char *id, const char *path, struct session_file *ret)
{
    struct store_figure f;
    int rc = find(s, id, path, &f);
    if (rc < 0)
        return rc;
    rc = describe(&f, ret);
    store_figure_deinit(&f);
    return rc;
}

int figure_open(struct session *s, const char *path, struct file_reader *ret)
{
    struct store_figure f;
    int rc = find(s, NULL, path, &f);
    if (rc < 0)
        return rc;
    cleanup_fd int fd = store_blob_open(s->all->store, f.blob, NULL);
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size == f.bytes)
        *ret = (struct file_reader){
            .bytes = (uint64_t)f.bytes, .mtime_s = f.created_at, .fd = take_fd(&fd)};
    else
        rc = -EIO; /* its bytes were lost to a power failure */
    store_figure_deinit(&f);
    return rc;
}

int figure_delete(struct session *s, const char *id)
{
    return s->all->store && !s->anonymous ? store_figure_delete(s->all->store, s->id, id, NULL)
                                          : -ENOENT;
}

int figures_list(struct session *s, struct session_file **files, size_t *n)
{
    struct store_figure *figures = NULL;
    size_t count = 0;
    if (!s->all->store || s->anonymous)
        return 0;
    int rc = store_figure_list(s->all->store, s->id, &figures, &count, NULL);
    if (rc < 0 || count == 0)
        return rc;
    struct session_file *larger = realloc(*files, (*n + count) * sizeof *larger);
    if (larger)
        *files = larger;
    rc = larger ? 0 : -ENOMEM;
    for (size_t i = 0; i < count && rc == 0; i++)
        if ((rc = describe(&figures[i], &larger[*n])) == 0)
            ++*n;
    store_figures_free(figures, count);
    return rc;
}
