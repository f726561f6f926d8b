#include "sse.h"

#include <errno.h>

#include "base/utf8.h"

void sse_init(struct sse *s)
{
    *s = (struct sse){.line = STRBUF_INIT(SSE_EVENT_MAX),
        .data = STRBUF_INIT(SSE_EVENT_MAX),
        .mended = STRBUF_INIT(3 * (size_t)SSE_EVENT_MAX)};
}

void sse_deinit(struct sse *s)
{
    strbuf_deinit(&s->line);
    strbuf_deinit(&s->data);
    strbuf_deinit(&s->mended);
}

/* Hands over the event that was gathered and begins the next. */
static int dispatch(struct sse *s, sse_sink *sink, void *context)
{
    int r = 0;
    if (s->has_data && !utf8_valid(strbuf_text(&s->data), s->data.length)) {
        struct utf8_mender mender = {0};
        strbuf_clear(&s->mended);
        utf8_mend(&mender, s->data.data, s->data.length, true, &s->mended);
        r = s->mended.failed ? -ENOMEM
                             : sink(context, s->event, strbuf_text(&s->mended), s->mended.length);
    } else if (s->has_data) {
        r = sink(context, s->event, strbuf_text(&s->data), s->data.length);
    }
    strbuf_clear(&s->data);
    s->event[0] = '\0';
    s->has_data = false;
    return r;
}

static int line_end(struct sse *s, sse_sink *sink, void *context)
{
    const char *line = strbuf_text(&s->line);
    size_t n = s->line.length;
    if (!s->begun && n >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3;
        n -= 3;
    }
    s->begun = true;
    if (n == 0) {
        strbuf_clear(&s->line);
        return dispatch(s, sink, context);
    }
    const char *colon = memchr(line, ':', n);
    size_t name = colon != NULL ? (size_t)(colon - line) : n;
    const char *value = colon != NULL ? colon + 1 : line + n;
    size_t length = n - (size_t)(value - line);
    if (length > 0 && value[0] == ' ') {
        value++;
        length--;
    }
    int r = 0;
    if (name == 4 && memcmp(line, "data", 4) == 0) {
        if (s->has_data)
            r = strbuf_append(&s->data, "\n", 1);
        if (r == 0)
            r = strbuf_append(&s->data, value, length);
        s->has_data = true;
    } else if (name == 5 && memcmp(line, "event", 5) == 0) {
        snprintf(s->event, sizeof(s->event), "%.*s", (int)(length < 63 ? length : 63), value);
    }
    strbuf_clear(&s->line);
    return r;
}

int sse_feed(struct sse *s, const char *bytes, size_t n, sse_sink *sink, void *context)
{
    int r = 0;
    size_t i = 0;
    if (s->after_cr && n > 0) {
        i = bytes[0] == '\n';
        s->after_cr = false;
    }
    while (i < n && r == 0) {
        size_t start = i;
        while (i < n && bytes[i] != '\n' && bytes[i] != '\r')
            i++;
        if (i > start && (r = strbuf_append(&s->line, bytes + start, i - start)) < 0)
            return r;
        if (i == n)
            break;
        if (bytes[i] == '\r') {
            s->after_cr = i + 1 == n;
            i += i + 1 < n && bytes[i + 1] == '\n';
        }
        i++;
        r = line_end(s, sink, context);
    }
    return r;
}

int sse_end(struct sse *s, sse_sink *sink, void *context)
{
    int r = s->line.length > 0 ? line_end(s, sink, context) : 0;
    return r != 0 ? r : dispatch(s, sink, context);
}
