/* Errors as the Explorer says them: one sentence. What went wrong on the server's side is a 500, whatever
 * it was; a server that stops says 503 like everywhere. */
#include <string.h>

#include "api/explorer/explorer.h"

int explorer_error_body(const struct error *e, struct json_writer *w)
{
    bool no_key = e->code == ERROR_PROVIDER_NOT_CONFIGURED;
    int status = error_http_status(e->code);
    jw_begin_object(w);
    jw_field_string(w, "detail", no_key ? "OpenAI API key not configured" : e->message);
    jw_end(w);
    if (no_key)
        return 500;
    return status >= 500 && e->code != ERROR_UNAVAILABLE ? 500 : status;
}
