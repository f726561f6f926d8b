/* notebook.c - what every dialect needs to hand out a notebook: the format asked for, and the file. */
#include <errno.h>

#include "api/api.h"
#include "api/json_in.h"

void api_notebook_respond(struct http_exchange *x, const struct notebook *book,
    enum notebook_format format, const char *name)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    char disposition[200];
    if (notebook_write(book, format, &text) < 0) {
        http_fail(x, ERROR_PAYLOAD_TOO_LARGE, NULL, "The notebook is larger than %d MiB.",
            REPLY_MAX >> 20);
        return;
    }
    snprintf(disposition, sizeof disposition, "attachment; filename=\"%s%s\"", name,
        notebook_extension(format));
    http_set_header(x, "content-disposition", disposition);
    http_respond(x, 200, notebook_media_type(format), text.data, text.length);
}

int api_notebook_format(struct http_exchange *x, enum notebook_format *ret)
{
    char brief[72];
    const char *asked = http_query(x, "format");
    if (notebook_format_parse(asked, ret) == 0)
        return 0;
    http_fail(x, ERROR_INVALID_VALUE, "format",
        "Invalid value: '%s'. Supported values are: 'ipynb', 'py', and 'html'.",
        json_in_brief(brief, asked));
    return -EINVAL;
}
