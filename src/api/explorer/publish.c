/* publish.c - what a run's code made, as Files: their ids stay good when the session is gone. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/explorer/explorer.h"
#include "api/native/native.h"
#include "api/responses/responses.h"
#include "base/log.h"

enum { FIGURE_BYTES_MAX = 64 << 20 };
static const char purpose[] = "assistants_output";

void publishing_init(
    struct publishing *p, struct api *api, const char *project, const char *container_id)
{
    *p = (struct publishing){.api = api, .project = project};
    if (!container_id)
        return;
    snprintf(p->container_id, sizeof p->container_id, "%s", container_id);
    if (session_find(api->sessions, project, container_id, &p->session, NULL) < 0)
        p->session = NULL;
}

void publishing_deinit(struct publishing *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->item[i].path);
    free(p->item);
    if (p->session)
        session_unref(p->session);
    *p = (struct publishing){0};
}

static const struct published *find(const struct publishing *p, const char *path)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->item[i].path, path) == 0)
            return &p->item[i];
    return NULL;
}

/* Takes `file`. */
static const struct published *add(
    struct publishing *p, const char *path, const char *mime, struct store_file *file)
{
    struct published *grown = realloc(p->item, (p->n + 1) * sizeof *grown), *item = NULL;
    char *own = strdup(path);
    if (grown)
        p->item = grown;
    if (grown && own) {
        item = &p->item[p->n++];
        *item = (struct published){.path = own, .image = strncmp(mime, "image/", 6) == 0};
        snprintf(item->file_id, sizeof item->file_id, "%s", file->id);
        snprintf(item->name, sizeof item->name, "%s", file->filename);
    } else {
        free(own);
    }
    store_file_deinit(file);
    return item;
}

static void failed(const char *what, const struct error *e)
{
    log_line(LOG_WARN, "explorer", "a file of a run was not kept", "what=%s why=\"%s\"", what,
        e->message);
}

const struct published *publish_path(struct publishing *p, const char *path)
{
    const struct published *known = find(p, path);
    struct store_file file;
    struct error e = {0};
    if (known || !p->session || p->n >= PUBLISHED_MAX)
        return known;
    int r = copy_to_files(p->api, p->project, p->session, path, purpose, &file, &e);
    if (r < 0) {
        if (e.code != ERROR_NOT_FOUND) /* deleted again: nothing to keep */
            failed("file", &e);
        return NULL;
    }
    return add(p, path, file_mime_type(path), &file);
}

static int keep_figure(struct publishing *p, const char *figure_id, const char *path,
    struct store_file *ret, struct error *e)
{
    cleanup_strbuf struct strbuf bytes = STRBUF_INIT(FIGURE_BYTES_MAX);
    struct blob_writer *writer = NULL;
    char id[ID_SIZE], name[ID_SIZE + 24];
    const char *dot = strrchr(path, '.');
    int r = figure_read(p->api, p->container_id, figure_id, &bytes);
    if (r < 0)
        return error_set(e, ERROR_NOT_FOUND, ENOENT, "The figure is gone.");
    store_file_id_new(id);
    snprintf(name, sizeof name, "output_%s%s", id, dot ? dot : ".png");
    const struct store_file as = {
        .id = id, .project = (char *)p->project, .filename = name, .purpose = (char *)purpose};
    r = store_blob_begin(p->api->store, &writer, e);
    if (r == 0)
        r = store_blob_append(writer, strbuf_text(&bytes), bytes.length, e);
    if (r == 0)
        r = file_keep(p->api, writer, &as, ret, e);
    blob_writer_free(writer);
    return r;
}

const struct published *publish_figure(
    struct publishing *p, const char *figure_id, const char *mime)
{
    char path[FIGURE_PATH_SIZE];
    struct store_file file;
    struct error e = {0};
    figure_path(figure_id, mime, path);
    const struct published *known = find(p, path);
    if (known || p->n >= PUBLISHED_MAX)
        return known;
    if (keep_figure(p, figure_id, path, &file, &e) < 0) {
        failed("figure", &e);
        return NULL;
    }
    return add(p, path, mime, &file);
}
