/* files.c - files on their way into a run's session, and the files that an answer speaks of. */
#include <errno.h>
#include <string.h>

#include "agent/loop.h"
#include "base/fd.h"

/* ---- into the session ---------------------------------------------------------------------------------------- */

static int put_bytes(
    struct session *session, const char *path, const struct run_file *f, struct error *e)
{
    struct upload *upload = NULL;
    struct session_file file;
    int r = session_upload_begin(session, path, &upload, e);
    if (r < 0)
        return r;
    if ((r = upload_write(upload, f->data, f->length, e)) < 0) {
        upload_abort(upload);
        return r;
    }
    if ((r = upload_commit(upload, &file, e)) == 0)
        session_file_deinit(&file);
    return r;
}

static int put_file(struct runs *all, struct session *session, const char *project,
    const char *path, const char *file_id, struct error *e)
{
    struct store_file row = {0};
    struct session_file file;
    int r =
        id_valid(file_id) ? store_file_get(all->config.store, project, file_id, &row, e) : -ENOENT;
    if (r == -ENOENT)
        return error_set(e, ERROR_NOT_FOUND, ENOENT, "No such File object: %.70s", file_id);
    if (r < 0)
        return r;
    cleanup_fd int fd = store_blob_open(all->config.store, row.blob, e);
    r = fd < 0 ? fd : session_upload_fd(session, path ? path : row.filename, fd, &file, e);
    if (r == 0)
        session_file_deinit(&file);
    store_file_deinit(&row);
    return r;
}

int files_put(
    struct runs *all, struct session *session, const struct run_spec *spec, struct error *e)
{
    char **path = calloc(spec->n_files + 1, sizeof *path);
    int r = path ? 0 : -ENOMEM;
    for (size_t i = 0; i < spec->n_files && r == 0; i++) {
        const struct run_file *f = &spec->files[i];
        path[i] = strdup(f->name);
        r = path[i] ? path_distinct(&path[i], path, i) : -ENOMEM;
        if (r == 0)
            r = f->file_id ? put_file(all, session, spec->project, path[i], f->file_id, e)
                           : put_bytes(session, path[i], f, e);
    }
    for (size_t i = 0; path && i < spec->n_files; i++)
        free(path[i]);
    free(path);
    if (r == -ENOMEM && (!e || e->code == ERROR_NONE))
        error_set(e, ERROR_UNAVAILABLE, ENOMEM, "The server is out of memory.");
    return r;
}

/* ---- what an answer speaks of ---------------------------------------------------------------------------------- */

static json_t *annotation(
    struct loop *l, const char *id, const char *path, bool figure, size_t start, size_t end)
{
    const char *slash = strrchr(path, '/'), *published = publish(l, id, path, figure);
    char full[1200];
    snprintf(full, sizeof full, "/mnt/data/%s", path);
    return json_pack("{ss ss ss sI sI ss ss*}", "file_id", id, "filename", slash ? slash + 1 : path,
        "container_id", l->run->container_id, "start", (json_int_t)start, "end", (json_int_t)end,
        "path", full, "published", published);
}

/* Is there a reason to look for files at all? */
static bool may_cite(const struct loop *l, const struct strbuf *text)
{
    return l->run->session && text->length > 0 &&
           (l->n_made > 0 || strstr(strbuf_text(text), "sandbox:"));
}

static bool was_made(const struct loop *l, const char *path)
{
    for (size_t i = 0; i < l->n_made; i++)
        if (strcmp(l->made[i], path) == 0)
            return true;
    return false;
}

static void mark_cited(struct loop *l, const char *id)
{
    for (size_t i = 0; i < l->figures; i++)
        if (strcmp(l->figure[i].id, id) == 0)
            l->figure[i].cited = true;
}

static void cite(struct loop *l, const struct strbuf *text, const struct session_file *files,
    size_t n, json_t *to)
{
    struct citation_file *candidates = calloc(n + 1, sizeof *candidates);
    struct citation *found = NULL;
    size_t n_found = 0;
    for (size_t i = 0; candidates && i < n; i++)
        candidates[i] = (struct citation_file){files[i].path, was_made(l, files[i].path)};
    if (candidates)
        citations_find(strbuf_text(text), text->length, candidates, n, &found, &n_found);
    for (size_t i = 0; i < n_found; i++) {
        const struct session_file *f = &files[found[i].file];
        json_array_append_new(
            to, annotation(l, f->id, f->path, f->figure, found[i].start, found[i].end));
        if (f->figure)
            mark_cited(l, f->id);
    }
    free(found);
    free(candidates);
}

json_t *files_annotations(struct loop *l, const struct strbuf *text, bool final)
{
    struct session_file *files = NULL;
    size_t n = 0;
    json_t *cited = json_array(), *all = json_array();
    if (may_cite(l, text) && session_files_list(l->run->session, &files, &n, NULL) == 0) {
        cite(l, text, files, n, cited);
        session_files_free(files, n);
    }
    for (size_t i = 0; final && i < l->figures; i++) {
        struct figure *f = &l->figure[i];
        char path[FIGURE_PATH_SIZE];
        if (f->cited)
            continue;
        f->cited = true;
        figure_path(f->id, f->mime, path);
        json_array_append_new(all, annotation(l, f->id, path, true, 0, 0));
    }
    json_array_extend(all, cited);
    json_decref(cited);
    return all;
}
