#include "api/native/native.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"

enum { PIECE = 128 * 1024 };

/* Where the zip goes. Once it is cut it takes the rest and drops it: the library frees all that it has only
 * when it may write to the end. */
struct sink {
    struct http_exchange *x;
    bool cut;
};

static la_ssize_t to_client(struct archive *zip, void *context, const void *data, size_t n)
{
    (void)zip;
    struct sink *sink = context;
    sink->cut = sink->cut || http_stream_write(sink->x, data, n) < 0;
    return (la_ssize_t)n;
}

/* One file into the zip. 0; -ENOENT when it is not there any more, nothing written; else the archive
 * cannot be finished. */
static int add_file(struct archive *zip, const struct sink *sink, struct session *session,
    const struct session_file *file, char *piece)
{
    struct file_reader reader;
    struct error e = {0};
    int r = session_file_open(session, file->path, &reader, &e);
    if (r < 0)
        return e.code == ERROR_NOT_FOUND || e.code == ERROR_INVALID_VALUE ? -ENOENT : r;
    struct archive_entry *entry = archive_entry_new();
    if (!entry)
        r = -ENOMEM;
    if (r == 0) {
        archive_entry_set_pathname_utf8(entry, file->path);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, (la_int64_t)reader.bytes);
        archive_entry_set_mtime(entry, reader.mtime_s, 0);
        if (archive_write_header(zip, entry) < ARCHIVE_WARN)
            r = -EIO;
    }
    long n = 0;
    while (r == 0 && (n = file_reader_read(&reader, piece, PIECE)) > 0)
        if (archive_write_data(zip, piece, (size_t)n) != n || sink->cut)
            r = -EPIPE;
    archive_entry_free(entry);
    file_reader_deinit(&reader);
    return r < 0 ? r : (int)n;
}

static struct archive *zip_new(struct sink *sink)
{
    struct archive *zip = archive_write_new();
    if (zip && (archive_write_set_format_zip(zip) != ARCHIVE_OK ||
                   archive_write_set_options(zip, "zip:hdrcharset=UTF-8") != ARCHIVE_OK ||
                   archive_write_set_bytes_per_block(zip, 64 * 1024) != ARCHIVE_OK ||
                   archive_write_set_bytes_in_last_block(zip, 1) != ARCHIVE_OK ||
                   archive_write_open(zip, sink, NULL, to_client, NULL) != ARCHIVE_OK)) {
        archive_write_free(zip);
        zip = NULL;
    }
    return zip;
}

void container_archive(struct http_exchange *x)
{
    cleanup_session struct session *session = api_session(x);
    struct session_file *files = NULL;
    struct error e = {0};
    size_t n = 0;
    if (!session || api_look(x, session) < 0)
        return;
    if (session_files_list(session, &files, &n, &e) < 0) {
        http_error(x, &e);
        return;
    }
    char disposition[128];
    snprintf(disposition, sizeof disposition, "attachment; filename=\"%s.zip\"",
        http_param(x, "container_id"));
    http_set_header(x, "content-disposition", disposition);
    cleanup_free char *piece = malloc(PIECE);
    struct archive *zip = NULL;
    struct sink sink = {.x = x};
    int r = piece ? http_stream_begin(x, 200, "application/zip") : -ENOMEM;
    if (r == 0 && !(zip = zip_new(&sink)))
        r = -ENOMEM;
    for (size_t i = 0; i < n && r == 0; i++) {
        r = add_file(zip, &sink, session, &files[i], piece);
        if (r == -ENOENT)
            r = 0; /* deleted since the list was made */
    }
    sink.cut = sink.cut || r < 0;
    if (zip && (archive_write_close(zip) != ARCHIVE_OK || sink.cut) && r == 0)
        r = -EPIPE;
    if (r == 0)
        http_stream_end(x); /* else the stream is cut, and the client notices */
    else if (!http_answered(x))
        http_fail(x, ERROR_INTERNAL, NULL, "Out of memory.");
    else if (r != -EPIPE)
        log_line(LOG_WARN, "api", "an archive was cut short", "container=%s errno=%d",
            http_param(x, "container_id"), -r);
    archive_write_free(zip);
    session_files_free(files, n);
}
