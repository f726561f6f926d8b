/* inputs.c - Files that are copied into a session under their own names. */
#include "api/native/native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

void inputs_deinit(struct inputs *in)
{
    for (size_t i = 0; i < in->count; i++) {
        free(in->path[i]);
        fd_close(&in->fd[i]);
    }
    free(in->path);
    free(in->fd);
    *in = (struct inputs){0};
}

int inputs_open(
    struct inputs *in, struct api *api, const char *project, json_t *ids, struct error *e)
{
    size_t n = json_array_size(ids);
    in->path = calloc(n ? n : 1, sizeof *in->path);
    in->fd = calloc(n ? n : 1, sizeof *in->fd);
    if (!in->path || !in->fd)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    for (size_t i = 0; i < n; i++) {
        struct store_file file;
        char param[32];
        snprintf(param, sizeof param, "file_ids[%zu]", i);
        int r = api_file_open(
            api, project, json_string_value(json_array_get(ids, i)), param, &file, &in->fd[i], e);
        if (r < 0)
            return r;
        in->path[i] = strdup(file.filename);
        in->count = i + 1;
        store_file_deinit(&file);
        if (!in->path[i] || api_distinct_path(&in->path[i], in->path, i) < 0)
            return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    }
    return 0;
}

int inputs_copy(const struct inputs *in, struct session *session, struct error *e)
{
    for (size_t i = 0; i < in->count; i++) {
        struct session_file file;
        int r = session_upload_fd(session, in->path[i], in->fd[i], &file, e);
        if (r < 0)
            return r;
        session_file_deinit(&file);
    }
    return 0;
}
