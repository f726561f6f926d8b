#include "http/multipart.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/parser.h"

enum { AT_START, IN_PART, PART_ENDED, ALL_ENDED };

static int refuse(struct error *e, const char *why)
{
    return error_set(e, ERROR_BAD_REQUEST, EPROTO, "Malformed multipart body: %s.", why);
}

/* ---- parameters of a field: ; name=token ; name="quoted" ---- */

/* One character of a quoted string at *p. Escapes are \" and \\ only: browsers of old sent whole
 * paths with plain backslashes. %22 is what today's clients (WHATWG) send for a quote. */
static char take_quoted(const char **p, bool filename)
{
    if (**p == '\\' && ((*p)[1] == '"' || (*p)[1] == '\\'))
        ++*p;
    else if (filename && !strncmp(*p, "%22", 3)) {
        *p += 3;
        return '"';
    }
    return *(*p)++;
}

/* Takes the next parameter off *p. 1; 0 at the end; -EPROTO. A quoted value comes out unquoted. */
static int take_parameter(const char **p, char name[32], char *value, size_t size)
{
    *p += strspn(*p, " \t");
    if (**p == 0)
        return 0;
    if (*(*p)++ != ';')
        return -EPROTO;
    *p += strspn(*p, " \t");
    size_t n = 0;
    while (http_is_token(*p, 1) && n < 31)
        name[n++] = *(*p)++;
    name[n] = 0;
    if (n == 0 || *(*p)++ != '=')
        return -EPROTO;
    size_t length = 0;
    if (**p == '"') {
        ++*p;
        while (**p && **p != '"' && length + 1 < size)
            value[length++] =
                take_quoted(p, !strcasecmp(name, "filename") || !strcasecmp(name, "name"));
        if (*(*p)++ != '"')
            return -EPROTO;
    } else {
        while (http_is_token(*p, 1) && length + 1 < size)
            value[length++] = *(*p)++;
        if (length == 0 || (**p && !strchr("; \t", **p)))
            return -EPROTO;
    }
    value[length] = 0;
    return 1;
}

/* RFC 3629: no surrogates, nothing overlong, nothing beyond U+10FFFF. */
static bool utf8_valid(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    while (*p) {
        unsigned n = *p < 0x80                 ? 0
                     : *p >= 0xc2 && *p < 0xe0 ? 1
                     : (*p & 0xf0) == 0xe0     ? 2
                     : *p >= 0xf0 && *p < 0xf5 ? 3
                                               : 9;
        if (n == 9 || (*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
            (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
            return false;
        for (p++; n > 0; n--, p++)
            if ((*p & 0xc0) != 0x80)
                return false;
    }
    return true;
}

static bool name_valid(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            return false;
    return utf8_valid(text);
}

/* filename*=UTF-8'en'%e2%82%ac (RFC 5987); UTF-8 alone is asked of senders today. */
static int decode_extended(char *value)
{
    if (strncasecmp(value, "utf-8'", 6) != 0)
        return -EPROTO;
    char *text = strchr(value + 6, '\'');
    if (!text || http_percent_decode(value, text + 1, strlen(text + 1), false) < 0)
        return -EPROTO;
    return 0;
}

static int parse_disposition(const char *p, struct multipart_part *part, struct error *e)
{
    bool named = false, extended = false;
    char name[32], value[4096];
    if (strncasecmp(p, "form-data", 9) != 0)
        return refuse(e, "a part that is not form-data");
    p += 9;
    for (int r; (r = take_parameter(&p, name, value, sizeof value)) != 0;) {
        if (r < 0)
            return refuse(e, "a content-disposition that cannot be read");
        bool is_name = !strcasecmp(name, "name"), is_file = !strcasecmp(name, "filename"),
             is_extended = !strcasecmp(name, "filename*");
        if (is_extended && decode_extended(value) < 0)
            return refuse(e, "a filename* that is not UTF-8'' and percent-encoded");
        if ((is_name && named) || (is_extended && extended) ||
            (is_file && part->has_filename && !extended))
            return refuse(e, "a parameter twice in one content-disposition");
        char *to = is_name                                 ? part->name
                   : is_extended || (is_file && !extended) ? part->filename
                                                           : NULL;
        if (!to)
            continue;
        if (!name_valid(value))
            return refuse(e, "a name with control bytes or invalid UTF-8");
        size_t size = is_name ? sizeof part->name : sizeof part->filename;
        if (strlen(value) >= size)
            return refuse(e, "a name that is too long");
        memcpy(to, value, strlen(value) + 1);
        named |= is_name;
        extended |= is_extended;
        part->has_filename |= !is_name;
    }
    return named && part->name[0] ? 0 : refuse(e, "a part without a name");
}

static int parse_field(char *line, struct multipart_part *part, bool *disposed, struct error *e)
{
    char *colon = strchr(line, ':');
    if (!colon || !http_is_token(line, (size_t)(colon - line)))
        return refuse(e, "a part's head that is not made of fields");
    *colon = 0;
    char *value = colon + 1 + strspn(colon + 1, " \t");
    for (size_t n = strlen(value); n > 0 && strchr(" \t", value[n - 1]); n--)
        value[n - 1] = 0;
    if (!strcasecmp(line, "content-disposition")) {
        if (*disposed)
            return refuse(e, "two content-dispositions in one part");
        *disposed = true;
        return parse_disposition(value, part, e);
    }
    if (!strcasecmp(line, "content-type")) {
        if (strlen(value) >= sizeof part->content_type || !utf8_valid(value))
            return refuse(e, "a content-type that cannot be read");
        memcpy(part->content_type, value, strlen(value) + 1);
    } else if (!strcasecmp(line, "content-transfer-encoding") && strcasecmp(value, "binary") != 0 &&
               strcasecmp(value, "8bit") != 0 && strcasecmp(value, "7bit") != 0) {
        return refuse(e, "a content-transfer-encoding, which RFC 7578 has given up");
    }
    return 0;
}

static int parse_head(char *head, size_t n, struct multipart_part *part, struct error *e)
{
    bool disposed = false;
    *part = (struct multipart_part){.name = ""};
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)head[i];
        bool line_end = c == '\r' && i + 1 < n && head[i + 1] == '\n';
        if (line_end)
            i++;
        else if ((c < 0x20 && c != '\t') || c == 0x7f)
            return refuse(e, "a control byte in a part's head");
    }
    for (char *line = head; line < head + n;) {
        char *end = memchr(line, '\r', (size_t)(head + n - line)); /* each line has its CR LF */
        *end = 0;
        int r = *line == ' ' || *line == '\t' ? refuse(e, "a folded field")
                                              : parse_field(line, part, &disposed, e);
        if (r < 0)
            return r;
        line = end + 2;
    }
    return disposed ? 0 : refuse(e, "a part without content-disposition");
}

/* ---- the buffer ---- */

int multipart_init_source(struct multipart *m, const char *content_type, multipart_source *source,
    void *context, struct error *e)
{
    static const char wanted[] = "multipart/form-data";
    *m = (struct multipart){.source = source, .context = context};
    char name[32], value[128], boundary[128] = "";
    const char *p = content_type ? content_type : "";
    if (strncasecmp(p, wanted, sizeof wanted - 1) != 0 ||
        (p[sizeof wanted - 1] && !strchr("; \t", p[sizeof wanted - 1])))
        return error_set(e, ERROR_BAD_REQUEST, EINVAL, "The body must be multipart/form-data.");
    p += sizeof wanted - 1;
    for (int r; (r = take_parameter(&p, name, value, sizeof value)) != 0;) {
        if (r < 0 || (!strcasecmp(name, "boundary") && boundary[0]))
            return error_set(
                e, ERROR_BAD_REQUEST, EINVAL, "The content-type of the body cannot be read.");
        if (!strcasecmp(name, "boundary"))
            memcpy(boundary, value, strlen(value) + 1);
    }
    /* RFC 2046, section 5.1.1. */
    size_t n = strspn(
        boundary, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'()+_,-./:=? ");
    if (n == 0 || n > 70 || boundary[n] || boundary[n - 1] == ' ')
        return error_set(e, ERROR_BAD_REQUEST, EINVAL, "The multipart body has no sound boundary.");
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary, n);
    m->delimiter_length = n + 4;
    m->buffer = malloc(MULTIPART_BUFFER);
    if (!m->buffer)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    /* The first delimiter has no line before it: give it one. */
    memcpy(m->buffer, "\r\n", 2);
    m->end = 2;
    return 0;
}

static ssize_t from_exchange(void *context, void *to, size_t n)
{
    return http_body_read(context, to, n);
}

int multipart_init(struct multipart *m, struct http_exchange *x, struct error *e)
{
    return multipart_init_source(m, http_header(x, "content-type"), from_exchange, x, e);
}

void multipart_deinit(struct multipart *m)
{
    free(m->buffer);
    m->buffer = NULL;
}

/* Makes room and reads once. The number; 0 at the source's end. */
static ssize_t fill(struct multipart *m)
{
    if (m->source_ended)
        return 0;
    if (m->start > 0 && MULTIPART_BUFFER - m->end < MULTIPART_BUFFER / 2) {
        memmove(m->buffer, m->buffer + m->start, m->end - m->start);
        m->end -= m->start;
        m->start = 0;
    }
    ssize_t n = m->source(m->context, m->buffer + m->end, MULTIPART_BUFFER - m->end);
    if (n > 0)
        m->end += (size_t)n;
    m->source_ended = n == 0;
    return n;
}

/* At least n bytes in the buffer. 0, -EPROTO when the body ends before, or the source's error. */
static ssize_t need(struct multipart *m, size_t n, struct error *e)
{
    while (m->end - m->start < n) {
        ssize_t got = fill(m);
        if (got < 0)
            return got;
        if (got == 0)
            return refuse(e, "it ended before its last boundary");
    }
    return 0;
}

/* Behind a delimiter: another part or the end of all. */
static int after_delimiter(struct multipart *m, struct error *e)
{
    ssize_t r = need(m, 2, e);
    if (r < 0)
        return (int)r;
    const char *p = m->buffer + m->start;
    m->start += 2;
    if (p[0] == '\r' && p[1] == '\n') {
        if (++m->parts > MULTIPART_PARTS_MAX)
            return refuse(e, "more than 64 parts");
        m->state = IN_PART;
        return 1;
    }
    if (p[0] != '-' || p[1] != '-')
        return refuse(e, "a boundary that goes on");
    m->state = ALL_ENDED;
    ssize_t got;
    while (m->end - m->start <= 2 && (got = fill(m)) != 0)
        if (got < 0)
            return (int)got;
    size_t left = m->end - m->start;
    if (left != 0 && !(left == 2 && !memcmp(m->buffer + m->start, "\r\n", 2)))
        return refuse(e, "bytes behind the last boundary");
    return 0;
}

/* The head of the part that begins at m->start. */
static int take_head(struct multipart *m, struct multipart_part *part, struct error *e)
{
    size_t looked = 0;
    for (;;) {
        char *head = m->buffer + m->start;
        size_t n = m->end - m->start;
        char *end = n > looked ? memmem(head + looked, n - looked, "\r\n\r\n", 4) : NULL;
        if (end && end - head + 4 <= MULTIPART_HEAD_MAX) {
            m->start += (size_t)(end - head) + 4;
            return parse_head(head, (size_t)(end - head) + 2, part, e);
        }
        if (end || n >= MULTIPART_HEAD_MAX)
            return refuse(e, "a part's head beyond 8 KiB");
        looked = n > 3 ? n - 3 : 0;
        ssize_t r = need(m, n + 1, e);
        if (r < 0)
            return (int)r;
    }
}

/* A stretch of the present part at m->start: its length, 0 when the part has ended (the delimiter
 * taken), or negative. */
static ssize_t stretch(struct multipart *m, struct error *e)
{
    if (m->state != IN_PART)
        return 0;
    if (m->clean > 0)
        return (ssize_t)m->clean;
    for (;;) {
        char *p = m->buffer + m->start;
        size_t n = m->end - m->start;
        char *found =
            n >= m->delimiter_length ? memmem(p, n, m->delimiter, m->delimiter_length) : NULL;
        if (found == p && n > 0) {
            m->start += m->delimiter_length;
            m->state = PART_ENDED;
            return 0;
        }
        if (found)
            return (ssize_t)(m->clean = (size_t)(found - p));
        /* All but what could be the beginning of a delimiter. */
        if (n >= m->delimiter_length)
            return (ssize_t)(m->clean = n - m->delimiter_length + 1);
        ssize_t r = need(m, n + 1, e);
        if (r < 0)
            return r;
    }
}

ssize_t multipart_read(struct multipart *m, void *to, size_t n, struct error *e)
{
    if (n == 0)
        return 0;
    ssize_t length = stretch(m, e);
    if (length <= 0)
        return length;
    n = n < (size_t)length ? n : (size_t)length;
    memcpy(to, m->buffer + m->start, n);
    m->start += n;
    m->clean -= n;
    return (ssize_t)n;
}

int multipart_next(struct multipart *m, struct multipart_part *ret_part, struct error *e)
{
    if (m->state == AT_START) {
        ssize_t r = need(m, m->delimiter_length, e);
        if (r < 0)
            return (int)r;
        if (memcmp(m->buffer + m->start, m->delimiter, m->delimiter_length) != 0)
            return refuse(e, "it does not begin with its boundary");
        m->start += m->delimiter_length;
        m->state = PART_ENDED;
    }
    ssize_t length;
    while ((length = stretch(m, e)) != 0) {
        if (length < 0)
            return (int)length;
        m->start += (size_t)length;
        m->clean = 0;
    }
    if (m->state == ALL_ENDED)
        return 0;
    int r = after_delimiter(m, e);
    if (r <= 0)
        return r;
    r = take_head(m, ret_part, e);
    return r < 0 ? r : 1;
}

int multipart_text(struct multipart *m, size_t max, struct strbuf *to, struct error *e)
{
    char piece[1024];
    size_t total = 0;
    for (ssize_t n; (n = multipart_read(m, piece, sizeof piece, e)) != 0;) {
        if (n < 0)
            return (int)n;
        total += (size_t)n;
        if (total > max || strbuf_append(to, piece, (size_t)n) < 0)
            return error_set(e, ERROR_INVALID_VALUE, E2BIG,
                "A field of the form is longer than %zu bytes.", max);
    }
    return 0;
}
