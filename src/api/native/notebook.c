/* notebook.c - GET …/notebook: what was run in a container, as a file to take away. */
#include "api/native/native.h"

#include <errno.h>

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
    int r = book ? api_notebook_container(api_of(x)->store, info.id, book, &e)
                 : error_set(&e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    if (r < 0)
        http_error(x, &e);
    else
        api_notebook_respond(x, book, format, info.id);
    notebook_free(book);
    session_info_deinit(&info);
}
