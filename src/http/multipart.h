/* multipart.h - multipart/form-data (RFC 7578) pulled part by part, never held whole.
 *
 * Used by handlers that take uploads, over http_body_read or, in tests, over memory. Strict about
 * borders: a part ends at CR LF "--" boundary followed by CR LF or "--" and nowhere else; no text
 * before the first or after the last. Names come from a stranger: they are UTF-8 without control
 * bytes here, but whether a filename may name a file is the caller's to judge. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "http/http.h"

enum { MULTIPART_PARTS_MAX = 64, MULTIPART_HEAD_MAX = 8 * 1024, MULTIPART_BUFFER = 64 * 1024 };

/* Up to n bytes; 0 at the end; negative errno. */
typedef ssize_t multipart_source(void *context, void *to, size_t n);

struct multipart_part {
    char name[256];         /* "" never: such a part is refused */
    char filename[1024];    /* "" when there is none; see has_filename */
    char content_type[256]; /* "" when there is none */
    bool has_filename;
};

struct multipart {
    multipart_source *source;
    void *context;
    char *buffer; /* MULTIPART_BUFFER bytes */
    size_t start, end;
    size_t clean;       /* bytes from start known to be the present part's */
    char delimiter[80]; /* CR LF "--" boundary */
    size_t delimiter_length;
    unsigned parts;
    uint8_t state;
    bool source_ended;
};

/* Over the body of a request; the source's own errors (413, 408 …) then answer themselves as
 * http_body_read says. -EINVAL when the request is not multipart/form-data with a sound boundary,
 * -ENOMEM. `e` is filled. */
int multipart_init(struct multipart *m, struct http_exchange *x, struct error *e);
/* The same over any source and the value of a content-type field (NULL allowed). */
int multipart_init_source(struct multipart *m, const char *content_type, multipart_source *source,
    void *context, struct error *e);
void multipart_deinit(struct multipart *m);

/* Goes to the next part, skipping what is left of the present one. 1 with *ret_part filled, 0 after
 * the last, -EPROTO or -EINVAL with `e` filled (400), or the source's error with `e` untouched. */
int multipart_next(struct multipart *m, struct multipart_part *ret_part, struct error *e);
/* Up to n bytes of the present part; 0 at its end; errors as above. */
ssize_t multipart_read(struct multipart *m, void *to, size_t n, struct error *e);
/* The rest of the present part as text of at most `max` bytes, appended; beyond: -E2BIG with `e`
 * filled (400: a field, not a file). */
int multipart_text(struct multipart *m, size_t max, struct strbuf *to, struct error *e);
