/* files.c - what files a session has: scans and their changes, ids, what the store remembers of them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "ipc/protocol.h"
#include "session/internal.h"

enum {
    DELETES_ONE_BY_ONE = 64,
    PUTS_AT_ONCE = 256, /* in one commit, while which every other session waits */
};

void session_file_deinit(struct session_file *f)
{
    free(f->path);
    f->path = NULL;
}

void session_files_free(struct session_file *files, size_t n)
{
    for (size_t i = 0; i < n; i++)
        session_file_deinit(&files[i]);
    free(files);
}

const char *file_mime_type(const char *path)
{
    static const struct {
        const char *extension, *mime;
    } types[] = {
        {"csv", "text/csv"},
        {"tsv", "text/tab-separated-values"},
        {"txt", "text/plain"},
        {"log", "text/plain"},
        {"md", "text/markdown"},
        {"html", "text/html"},
        {"htm", "text/html"},
        {"css", "text/css"},
        {"xml", "application/xml"},
        {"json", "application/json"},
        {"jsonl", "application/jsonl"},
        {"py", "text/x-python"},
        {"js", "text/javascript"},
        {"ipynb", "application/x-ipynb+json"},
        {"yaml", "application/yaml"},
        {"yml", "application/yaml"},
        {"png", "image/png"},
        {"jpg", "image/jpeg"},
        {"jpeg", "image/jpeg"},
        {"gif", "image/gif"},
        {"svg", "image/svg+xml"},
        {"webp", "image/webp"},
        {"bmp", "image/bmp"},
        {"tif", "image/tiff"},
        {"tiff", "image/tiff"},
        {"pdf", "application/pdf"},
        {"zip", "application/zip"},
        {"gz", "application/gzip"},
        {"tar", "application/x-tar"},
        {"parquet", "application/vnd.apache.parquet"},
        {"sqlite", "application/vnd.sqlite3"},
        {"db", "application/vnd.sqlite3"},
        {"xls", "application/vnd.ms-excel"},
        {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
        {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
        {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
        {"wav", "audio/wav"},
        {"mp3", "audio/mpeg"},
        {"mp4", "video/mp4"},
        {"webm", "video/webm"},
    };
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcasecmp(dot + 1, types[i].extension) == 0)
            return types[i].mime;
    return "application/octet-stream";
}

static int describe(const struct workspace_file *f, struct session_file *ret)
{
    char *path = strdup(f->path);
    if (!path)
        return -ENOMEM;
    *ret = (struct session_file){
        .path = path, .bytes = f->size, .created_at = f->created_at, .from_user = f->from_user};
    snprintf(ret->id, sizeof ret->id, "%s", f->id);
    return 0;
}

/* ---- scans ------------------------------------------------------------------------------------------- */

static int compare_changes(const void *a, const void *b)
{
    return strcmp(
        ((const struct file_change *)a)->file.path, ((const struct file_change *)b)->file.path);
}

/* Names the changes in an execution. Lock held. */
static void report(struct execution *e, const struct workspace_changes *c)
{
    size_t there = 0;
    for (size_t i = 0; i < c->n; i++)
        there += c->change[i].now != NULL;
    size_t named = there < CHANGES_MAX ? there : CHANGES_MAX;
    e->file = named ? calloc(named, sizeof *e->file) : NULL;
    for (size_t i = 0; e->file && i < c->n && e->files < named; i++)
        if (c->change[i].now && describe(c->change[i].now, &e->file[e->files].file) == 0)
            e->file[e->files++].modified = c->change[i].modified;
    if (e->files > 1)
        qsort(e->file, e->files, sizeof *e->file, compare_changes);
    if (there > named)
        execution_note(
            e, "%zu more files were created or changed than are named here.", there - named);
}

/* What the store is to be told, gathered under the lock and written after it. */
struct store_change {
    struct store_container_file *put;
    size_t puts;
    char (*gone)[40];
    size_t gones;
    bool all; /* `put` is all there is, instead of many deletes */
};

static void store_change_free(struct store_change *x)
{
    for (size_t i = 0; i < x->puts; i++) {
        free(x->put[i].id);
        free(x->put[i].path);
    }
    free(x->put);
    free(x->gone);
}

static int gather_one(struct session *s, struct workspace_file *f, struct store_container_file *to)
{
    *to = (struct store_container_file){
        .id = strdup(f->id),
        .container_id = s->id,
        .path = strdup(f->path),
        .bytes = (int64_t)f->size,
        .created_at = f->created_at,
        .by_user = f->from_user,
        .fingerprint = {(int64_t)f->inode, f->ctime_ns, (int64_t)f->size},
    };
    return to->id && to->path ? 0 : -ENOMEM;
}

struct gathering {
    struct session *session;
    struct store_change *x;
    int rc;
};

static void gather_each(void *context, struct workspace_file *f)
{
    struct gathering *g = context;
    if (g->rc == 0)
        g->rc = gather_one(g->session, f, &g->x->put[g->x->puts++]);
}

/* Everything that is in the workspace now. Lock held. */
static int gather_all(struct session *s, struct store_change *x)
{
    struct gathering g = {s, x, 0};
    x->all = true;
    x->put = calloc(s->workspace.files ? s->workspace.files : 1, sizeof *x->put);
    if (!x->put)
        return -ENOMEM;
    workspace_each(&s->workspace, gather_each, &g);
    return g.rc;
}

static int gather(struct session *s, const struct workspace_changes *c, struct store_change *x)
{
    size_t gone = 0;
    for (size_t i = 0; i < c->n; i++)
        gone += !c->change[i].now;
    if (gone > DELETES_ONE_BY_ONE)
        return gather_all(s, x);
    x->put = calloc(c->n ? c->n : 1, sizeof *x->put);
    x->gone = calloc(c->n ? c->n : 1, sizeof *x->gone);
    if (!x->put || !x->gone)
        return -ENOMEM;
    for (size_t i = 0; i < c->n; i++)
        if (!c->change[i].now)
            memcpy(x->gone[x->gones++], c->change[i].old_id, sizeof *x->gone);
        else if (gather_one(s, c->change[i].now, &x->put[x->puts++]) < 0)
            return -ENOMEM;
    return 0;
}

static bool lives(struct session *s)
{
    pthread_mutex_lock(&s->lock);
    bool yes = s->state == SESSION_LIVE;
    pthread_mutex_unlock(&s->lock);
    return yes;
}

static void write_store(struct session *s, const struct store_change *x)
{
    struct store *store = s->all->store;
    struct error e = {0};
    int64_t since = 0;
    int rc = 0;
    if (x->all)
        rc = store_container_file_delete_all(store, s->id, &e);
    for (size_t i = 0; i < x->gones; i++) {
        int r = store_container_file_delete(store, s->id, x->gone[i], &e);
        rc = r < 0 && r != -ENOENT ? r : rc;
    }
    for (size_t i = 0; i < x->puts;
         i += PUTS_AT_ONCE) { /* everybody's replies go through the store */
        if (i)
            store_breathe(since);
        if (!lives(s))
            break;
        since = clock_monotonic_us();
        size_t n = x->puts - i < PUTS_AT_ONCE ? x->puts - i : PUTS_AT_ONCE;
        int r = store_container_file_put(store, x->put + i, n, &e);
        rc = r < 0 && r != -ENOENT ? r : rc;
    }
    if (!lives(s)) /* it ended meanwhile, and was forgotten before these */
        forgotten_submit(forgotten_new(s->all->forgetter, s->id, false));
    if (rc < 0) /* the files are there; after a server's restart their ids would be others */
        log_line(
            LOG_WARN, "session", "file ids not stored", "id=%s words=\"%s\"", s->id, e.message);
}

int files_scan(
    struct session *s, struct sandbox *sandbox, struct execution *e, struct init_scan *usage)
{
    struct strbuf records = STRBUF_INIT(SCAN_BYTES_MAX);
    struct init_scan scan;
    struct workspace_changes changes = {0};
    struct store_change stored = {0};
    bool store = s->all->store && !s->anonymous;
    pthread_mutex_lock(&s->files);
    ground_work_begins(sandbox->ground);
    int rc = init_scan(sandbox->init, 0, &records, &scan);
    ground_work_ends(sandbox->ground);
    if (rc == 0) {
        pthread_mutex_lock(&s->lock);
        rc = workspace_update(&s->workspace, records.data, records.length,
            !scan.cut_short && !records.failed, clock_realtime_s(), &changes);
        if (e)
            report(e, &changes);
        if (store && changes.n > 0 && gather(s, &changes, &stored) < 0)
            rc = -ENOMEM;
        for (size_t i = 0; e && i < e->truncations; i++)
            if (e->truncated[i].file_id[0])
                files_hide(s, e->id, &e->truncated[i]);
        pthread_mutex_unlock(&s->lock);
    }
    if (rc == 0 && store && (stored.all || stored.puts + stored.gones > 0))
        write_store(s, &stored);
    pthread_mutex_unlock(&s->files);
    if (rc == 0 && e && changes.unlistable)
        execution_note(
            e, "%zu files were left out: their names are not usable text.", changes.unlistable);
    if (rc == 0 && e && scan.cut_short)
        execution_note(e, "The workspace has too many files; not all of them were looked at.");
    if (rc == 0 && e && scan.passed_over)
        execution_note(e,
            "Files more than %d folders deep, or whose path is longer than %d bytes, are not listed.",
            SCAN_DEPTH_MAX, SCAN_PATH_MAX);
    if (rc == 0 && usage)
        *usage = scan;
    store_change_free(&stored);
    free(changes.change);
    strbuf_deinit(&records);
    return rc;
}

void files_hide(struct session *s, const char *execution_id, const struct truncation *t)
{
    char path[ID_SIZE + 32];
    snprintf(path, sizeof path, ".output/%s.%s.txt", execution_id,
        t->stream == OUTPUT_STDOUT ? "stdout" : "stderr");
    uint64_t most = s->all->config->output_file_bytes;
    struct workspace_file *f = workspace_put(&s->workspace, path, t->file_id, 0,
        t->total_bytes < most ? t->total_bytes : most, 0, clock_realtime_s(), false);
    if (f)
        f->hidden = true;
}

/* Looks for changes if nothing runs; an execution's own are left for its end to report. */
static int refresh(struct session *s, struct error *e)
{
    struct sandbox *b;
    int rc = turn_take(s, NULL, TURN_LOOK, e);
    if (rc == -EBUSY)
        return 0;
    if (rc < 0)
        return rc;
    rc = session_sandbox(s, &b, e);
    if (rc == 0) {
        if (files_scan(s, b, NULL, NULL) < 0)
            rc = error_set(e, ERROR_UNAVAILABLE, EIO, "The container's files could not be listed.");
        sandbox_unref(b);
    }
    turn_pass(s);
    return rc;
}

/* ---- listing and finding --------------------------------------------------------------------------------- */

struct listing {
    struct session_file *file;
    size_t n, capacity;
    bool failed;
};

static void list_one(void *context, struct workspace_file *f)
{
    struct listing *l = context;
    if (f->hidden || l->failed)
        return;
    if (l->n < l->capacity && describe(f, &l->file[l->n]) == 0)
        l->n++;
    else
        l->failed = true;
}

static int compare_files(const void *a, const void *b)
{
    const struct session_file *x = a, *y = b;
    if (x->created_at != y->created_at)
        return x->created_at < y->created_at ? -1 : 1;
    return strcmp(x->path, y->path);
}

int session_files_list(struct session *s, struct session_file **ret, size_t *ret_n, struct error *e)
{
    int rc = refresh(s, e);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&s->lock);
    struct listing l = {.capacity = s->workspace.files};
    l.file = calloc(l.capacity ? l.capacity : 1, sizeof *l.file);
    l.failed = !l.file;
    workspace_each(&s->workspace, list_one, &l);
    pthread_mutex_unlock(&s->lock);
    if (!l.failed && figures_list(s, &l.file, &l.n) < 0)
        l.failed = true;
    if (l.failed) {
        session_files_free(l.file, l.n);
        return error_set(e, ERROR_UNAVAILABLE, ENOMEM, "The server is out of memory.");
    }
    qsort(l.file, l.n, sizeof *l.file, compare_files);
    *ret = l.file;
    *ret_n = l.n;
    return 0;
}

int files_find(
    struct session *s, const char *id, const char *path, struct session_file *ret, struct error *e)
{
    pthread_mutex_lock(&s->lock);
    const struct workspace_file *f =
        id ? workspace_by_id(&s->workspace, id) : workspace_find(&s->workspace, path);
    int rc = f ? describe(f, ret) : -ENOENT;
    pthread_mutex_unlock(&s->lock);
    if (rc == -ENOENT && id)
        return error_set(
            e, ERROR_NOT_FOUND, ENOENT, "File %.70s not found on container %.70s", id, s->id);
    if (rc == -ENOENT)
        return error_set(e, ERROR_NOT_FOUND, ENOENT, "File not found.");
    return rc < 0 ? error_set(e, ERROR_UNAVAILABLE, -rc, "The server is out of memory.") : 0;
}

int session_file_find(
    struct session *s, const char *id, const char *path, struct session_file *ret, struct error *e)
{
    int rc = refresh(s, e);
    if (rc == 0 && figure_find(s, id, path, ret) == 0)
        return 0;
    return rc < 0 ? rc : files_find(s, id, path, ret, e);
}

/* What an errno of init, or of its writer, means to a client. */
int files_error(struct session *s, int rc, struct error *e)
{
    switch (-rc) {
    case ENOENT:
    case ENOTDIR: return error_set(e, ERROR_NOT_FOUND, ENOENT, "File not found.");
    case ENOSPC:
    case EDQUOT: return error_set(e, ERROR_SCRATCH_FULL, -rc, "The container's disk is full.");
    case EINTR:
    case ENOMEM:
        return error_set(
            e, ERROR_SCRATCH_FULL, -rc, "The container's memory does not hold this file.");
    case ELOOP:
    case EXDEV:
    case EISDIR:
    case EINVAL:
    case EEXIST:
    case ENXIO:
        return error_set(e, ERROR_INVALID_VALUE, -rc,
            "There is something else than a regular file at this path.");
    case EACCES:
    case EPERM:
        return error_set(
            e, ERROR_INVALID_VALUE, -rc, "The container's own permissions forbid this path.");
    case EPIPE:
        session_look(s);
        pthread_mutex_lock(&s->lock);
        rc = session_check(s, e);
        pthread_mutex_unlock(&s->lock);
        if (rc < 0)
            return rc;
        break;
    default: break;
    }
    return error_set(
        e, ERROR_UNAVAILABLE, rc ? -rc : EPIPE, "The container's file agent does not answer.");
}

void files_path(char to[FILES_PATH_SIZE], const char *path)
{
    snprintf(to, FILES_PATH_SIZE, "data/%s", path);
}

int session_file_delete(struct session *s, const char *id, struct error *e)
{
    struct session_file f;
    struct sandbox *b;
    char path[FILES_PATH_SIZE];
    int rc = session_file_find(s, id, NULL, &f, e);
    if (rc < 0)
        return rc;
    session_touch(s);
    if (f.figure) {
        rc = figure_delete(s, id);
        session_file_deinit(&f);
        return rc < 0 ? files_error(s, rc, e) : 0;
    }
    rc = session_sandbox(s, &b, e);
    if (rc == 0) {
        files_path(path, f.path);
        ground_work_begins(b->ground);
        rc = init_unlink(b->init, path);
        ground_work_ends(b->ground);
        sandbox_unref(b);
        if (rc < 0)
            rc = files_error(s, rc, e);
    }
    if (rc == 0) {
        pthread_mutex_lock(&s->lock);
        struct workspace_file *w = workspace_by_id(&s->workspace, id);
        if (w)
            workspace_remove(&s->workspace, w);
        pthread_mutex_unlock(&s->lock);
        if (s->all->store && !s->anonymous)
            store_container_file_delete(s->all->store, s->id, id, NULL);
    }
    session_file_deinit(&f);
    return rc;
}

int files_take_upload(struct session *s, struct sandbox *b, const char *path)
{
    char inside[FILES_PATH_SIZE];
    struct stat st;
    struct store_change stored = {0};
    struct workspace_changes changes = {0};
    files_path(inside, path);
    ground_work_begins(b->ground);
    cleanup_fd int fd = init_open(b->init, inside);
    ground_work_ends(b->ground);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    char id[ID_SIZE];
    id_new(id, "cfile_", 32);
    pthread_mutex_lock(&s->files);
    pthread_mutex_lock(&s->lock);
    struct workspace_file *f =
        workspace_put(&s->workspace, path, id, st.st_ino, (uint64_t)st.st_size,
            st.st_ctim.tv_sec * INT64_C(1000000000) + st.st_ctim.tv_nsec, clock_realtime_s(), true);
    struct workspace_change change = {.now = f};
    int rc = f ? 0 : -ENOMEM;
    if (f) {
        f->hidden = workspace_hides(path);
        changes = (struct workspace_changes){.change = &change, .n = 1};
    }
    bool store = rc == 0 && s->all->store && !s->anonymous;
    if (store)
        rc = gather(s, &changes, &stored);
    pthread_mutex_unlock(&s->lock);
    if (store && rc == 0)
        write_store(s, &stored);
    pthread_mutex_unlock(&s->files);
    store_change_free(&stored);
    return rc;
}
