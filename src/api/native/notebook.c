/* notebook.c - GET …/notebook: what was run in a container, as a file to take away. */
#include "api/native/native.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "notebook/notebook.h"

enum { PAGE = 100 };

/* One execution as a cell; one whose record was lost keeps its code. */
static int add_execution(
    struct store *store, const struct store_execution *row, struct notebook *book, struct error *e)
{
    cleanup_free char *record = NULL;
    size_t length = 0;
    int r = store_execution_record(store, row, &record, &length, e);
    if (r < 0 && r != -ENOENT && r != -EIO)
        return r;
    cleanup_json json_t *root = r == 0 ? json_loadb(record, length, 0, NULL) : NULL;
    const char *code = row->code ? row->code : "";
    r = notebook_code(book, code, strlen(code),
        json_integer_value(json_object_get(root, "execution_count")),
        json_object_get(root, "outputs"));
    return r < 0 ? error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.") : 0;
}

static int add_all(
    struct store *store, const char *container_id, struct notebook *book, struct error *e)
{
    char after[ID_SIZE] = "";
    bool more = true;
    while (more) {
        struct store_page page = {
            .limit = PAGE, .ascending = true, .after = after[0] ? after : NULL};
        struct store_executions rows = {0};
        int r = store_execution_list(store, container_id, &page, &rows, e);
        for (size_t i = 0; r == 0 && i < rows.count; i++)
            r = add_execution(store, &rows.items[i], book, e);
        if (rows.count)
            snprintf(after, sizeof after, "%s", rows.items[rows.count - 1].id);
        more = rows.has_more && rows.count;
        store_executions_deinit(&rows);
        if (r < 0)
            return r;
    }
    return 0;
}

void container_notebook(struct http_exchange *x)
{
    cleanup_session struct session *session = api_session(x);
    struct session_info info = {0};
    enum notebook_format format;
    struct error e = {0};
    if (!session || api_notebook_format(x, &format) < 0)
        return;
    session_info(session, &info);
    struct notebook *book = notebook_new(info.name && info.name[0] ? info.name : info.id);
    int r = book ? add_all(api_of(x)->store, info.id, book, &e)
                 : error_set(&e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    if (r < 0)
        http_error(x, &e);
    else
        api_notebook_respond(x, book, format, info.id);
    notebook_free(book);
    session_info_deinit(&info);
}
