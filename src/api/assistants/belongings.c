/* Which File lies where in a thread's workspace: its rows in the store, and the paths that new ones get. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/assistants/assistants.h"
#include "base/fd.h"

/* One for all threads whose ids fall together: nobody is long between load and save. */
enum { LOCKS = 16 };
static pthread_mutex_t locks[LOCKS] = {[0 ... LOCKS - 1] = PTHREAD_MUTEX_INITIALIZER};

static void let_in(struct belongings *w)
{
    if (w->lock)
        pthread_mutex_unlock(w->lock);
    w->lock = NULL;
}

int belongings_load(struct belongings *w, struct api *api, const char *thread_id, struct error *e)
{
    *w = (struct belongings){.thread_id = thread_id, .lock = &locks[hash_text(thread_id) % LOCKS]};
    pthread_mutex_lock(w->lock);
    int r = store_conversation_files_list(api->store, thread_id, &w->row, &w->rows, e);
    for (size_t i = 0; r == 0 && i < w->rows; i++) {
        const char *given, *id = w->row[i].source_id ? w->row[i].source_id : w->row[i].file_id;
        if (input_files_add(&w->files, w->row[i].path, id, NULL, 0, &given) < 0)
            r = no_memory_error(e);
    }
    w->known = w->files.count;
    return r;
}

int belongings_add(
    struct belongings *w, struct api *api, const char *project, const json_t *ids, struct error *e)
{
    struct project_files of = {api, project};
    struct file_source source = file_source_of(&of);
    const json_t *id;
    size_t i;
    json_array_foreach (ids, i, id) {
        cleanup_free char *name = NULL;
        char plain[512];
        const char *given;
        int64_t bytes;
        if (source.stat(source.context, json_string_value(id), &name, &bytes) < 0)
            continue; /* deleted since */
        int r = api_filename(name, "file_id", plain, e);
        if (r == 0 && input_files_add(&w->files, plain, json_string_value(id), NULL, 0, &given) < 0)
            r = no_memory_error(e);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool is_named(const json_t *ids, const char *id)
{
    const json_t *one;
    size_t i;
    json_array_foreach (ids, i, one)
        if (id && json_is_string(one) && strcmp(json_string_value(one), id) == 0)
            return true;
    return false;
}

int belongings_save(
    struct belongings *w, struct api *api, bool by_message, const json_t *named, struct error *e)
{
    size_t n = 0;
    cleanup_free struct store_conversation_file *rows = calloc(w->files.count + 1, sizeof *rows);
    if (!rows)
        return no_memory_error(e);
    for (size_t i = 0; i < w->known; i++)
        if (!w->row[i].by_message && is_named(named, w->row[i].source_id)) {
            rows[n] = w->row[i];
            rows[n++].by_message = true;
        }
    for (size_t i = w->known; i < w->files.count; i++) {
        const struct input_file *f = &w->files.file[i];
        rows[n++] = (struct store_conversation_file){.conversation_id = (char *)w->thread_id,
            .path = f->name,
            .file_id = (char *)f->file_id,
            .source_id = (char *)f->file_id,
            .by_message = by_message};
    }
    int r = n ? store_conversation_files_put(api->store, rows, n, e) : 0;
    let_in(w);
    return r;
}

void belongings_deinit(struct belongings *w)
{
    let_in(w);
    input_files_deinit(&w->files);
    store_conversation_files_free(w->row, w->rows);
    *w = (struct belongings){0};
}
