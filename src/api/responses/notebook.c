/* notebook.c - GET …/notebook: a response and those before it, as a file to take away. */
#include <errno.h>

#include "api/responses/responses.h"

void responses_notebook(struct http_exchange *x)
{
    struct run *run = response_of(x);
    enum notebook_format format;
    struct error e = {0};
    if (!run)
        return;
    if (api_notebook_format(x, &format) < 0) {
        run_unref(run);
        return;
    }
    const char *id = http_param(x, "response_id");
    struct notebook *book = notebook_new(id);
    int r = book ? api_notebook_chain(api_of(x), access_project(x), run, book, &e)
                 : error_set(&e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    if (r < 0)
        http_error(x, &e);
    else
        api_notebook_respond(x, book, format, id);
    notebook_free(book);
    run_unref(run);
}
