#include "api/native/native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"

enum { PIECE = 128 * 1024 };

const char *base_name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *workspace_relative(const char *path)
{
    static const char workspace[] = "/mnt/data/";
    return strncmp(path, workspace, sizeof workspace - 1) == 0 ? path + sizeof workspace - 1 : path;
}

/* Copies what the reader gives into a blob writer. */
static int pour(struct file_reader *from, struct blob_writer *to, struct error *e)
{
    cleanup_free char *piece = malloc(PIECE);
    if (!piece)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    for (;;) {
        long n = file_reader_read(from, piece, PIECE);
        if (n < 0)
            return error_set(e, ERROR_BAD_REQUEST, (int)-n, "The file changed while it was read.");
        if (n == 0)
            return 0;
        int r = store_blob_append(to, piece, (size_t)n, e);
        if (r < 0)
            return r;
    }
}

int file_keep(struct api *api, struct blob_writer *writer, const struct store_file *as,
    struct store_file *ret, struct error *e)
{
    char hash[BLOB_HEX_SIZE], id[ID_SIZE];
    int64_t bytes = 0;
    int r = store_blob_commit(writer, true, hash, &bytes, e);
    if (r < 0)
        return r;
    store_file_id_new(id);
    struct store_file file = *as;
    file.id = as->id ? as->id : id;
    file.bytes = bytes;
    file.created_at = clock_realtime_s();
    file.blob = hash;
    if (as->expires_at > 0)
        file.expires_at = file.created_at + as->expires_at;
    r = store_file_insert(api->store, &file, e);
    return r < 0 ? r : store_file_get(api->store, file.project, file.id, ret, e);
}

int copy_to_files(struct api *api, const char *project, struct session *session, const char *path,
    const char *purpose, struct store_file *ret, struct error *e)
{
    struct file_reader reader;
    struct blob_writer *writer = NULL;
    const struct store_file as = {
        .project = (char *)project,
        .filename = (char *)base_name_of(path),
        .purpose = (char *)purpose,
    };
    int r = session_file_open(session, path, &reader, e);
    if (r < 0)
        return r;
    r = store_blob_begin(api->store, &writer, e);
    if (r == 0)
        r = pour(&reader, writer, e);
    if (r == 0)
        r = file_keep(api, writer, &as, ret, e);
    blob_writer_free(writer);
    file_reader_deinit(&reader);
    return r;
}
