/* The shape of a head is found first (http_head_scan), the meaning second (http_head_parse). The
 * scan alone decides where the head ends, and it knows one line end only, CR LF; so nothing that
 * the second step reads can move that border. That is the whole defence against desynchronised
 * connections: one border for the head, one length for the body, or a refusal. */
#include "http/parser.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

enum { METHOD_MAX = 24, LINES_MAX = HTTP_FIELDS_MAX + 1 };

/* RFC 9110, section 5.6.2. */
static const bool token_bytes[256] = {
    ['!'] = 1,
    ['#'] = 1,
    ['$'] = 1,
    ['%'] = 1,
    ['&'] = 1,
    ['\''] = 1,
    ['*'] = 1,
    ['+'] = 1,
    ['-'] = 1,
    ['.'] = 1,
    ['^'] = 1,
    ['_'] = 1,
    ['`'] = 1,
    ['|'] = 1,
    ['~'] = 1,
    ['0' ... '9'] = 1,
    ['A' ... 'Z'] = 1,
    ['a' ... 'z'] = 1,
};

bool http_is_token(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!token_bytes[(unsigned char)text[i]])
            return false;
    return n > 0;
}

static int refuse(struct error *e, const char *why)
{
    return error_set(e, ERROR_BAD_REQUEST, EPROTO, "Malformed HTTP request: %s.", why);
}

static int too_large(struct error *e)
{
    return error_set(e, ERROR_HEADERS_TOO_LARGE, EPROTO,
        "The request's head is larger than %d KiB or has more than %d fields.",
        HTTP_HEAD_MAX / 1024, HTTP_FIELDS_MAX);
}

ssize_t http_head_scan(struct http_scan *s, const char *bytes, size_t n, struct error *e)
{
    for (; s->offset < n; s->offset++) {
        unsigned char c = (unsigned char)bytes[s->offset];
        if (s->offset >= HTTP_HEAD_MAX)
            return too_large(e);
        if (s->after_cr) {
            if (c != '\n')
                return refuse(e, "a CR that is not followed by LF");
            s->after_cr = false;
            if (s->in_line) {
                s->in_line = false;
                if (++s->lines > LINES_MAX)
                    return too_large(e);
            } else if (s->lines > 0) {
                return (ssize_t)++s->offset;
            } else if (s->start > 0) {
                return refuse(e, "empty lines before the request");
            } else {
                s->start = s->offset + 1;
            }
        } else if (c == '\r') {
            s->after_cr = true;
        } else if (c == '\n') {
            return refuse(e, "a line that ends in a bare LF");
        } else if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return refuse(e, "a control byte in the head");
        } else {
            s->in_line = true;
        }
    }
    return s->offset >= HTTP_HEAD_MAX ? too_large(e) : 0;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

ssize_t http_percent_decode(char *out, const char *in, size_t n, bool plus)
{
    size_t length = 0;
    for (size_t i = 0; i < n; i++) {
        char c = in[i];
        if (c == '%') {
            int high = n - i > 2 ? hex_value(in[i + 1]) : -1,
                low = high < 0 ? -1 : hex_value(in[i + 2]);
            if (low < 0 || (high | low) == 0)
                return -EINVAL;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        out[length++] = c;
    }
    out[length] = 0;
    return (ssize_t)length;
}

static bool percent_valid(const char *text)
{
    for (const char *p = text; (p = strchr(p, '%')); p += 3) {
        int high = hex_value(p[1]), low = high < 0 ? -1 : hex_value(p[2]);
        if (low < 0 || (high | low) == 0)
            return false;
    }
    return true;
}

/* origin-form, absolute-form of the http scheme, or `OPTIONS *`; RFC 9112, section 3.2. The
 * authority of absolute-form is left in `ret_authority` to be held against Host. */
static int parse_target(struct http_head *h, char *target, char **ret_authority, struct error *e)
{
    for (const char *p = target; *p; p++)
        if ((unsigned char)*p >= 0x80 || *p == '#')
            return refuse(e, "a byte that does not belong into a URL");
    if (!strncasecmp(target, "http://", 7)) {
        char *slash = target + 7 + strcspn(target + 7, "/?");
        if (*slash != '/')
            return refuse(e, "an absolute URL without a path");
        /* The authority moves one byte to the left, to make room for its NUL. */
        size_t n = (size_t)(slash - target - 7);
        memmove(target + 6, target + 7, n);
        target[6 + n] = 0;
        *ret_authority = target + 6;
        target = slash;
    } else if (target[0] != '/' && !(!strcmp(target, "*") && !strcmp(h->method, "OPTIONS"))) {
        return refuse(e, "the target is neither a path nor a URL of this server");
    }
    h->path = target;
    h->query = strchr(target, '?');
    if (h->query)
        *h->query++ = 0;
    return percent_valid(h->path) ? 0 : refuse(e, "invalid percent-encoding in the path");
}

static int parse_request_line(
    struct http_head *h, char *line, char *end, char **ret_authority, struct error *e)
{
    char *space = memchr(line, ' ', (size_t)(end - line));
    char *second = space ? memchr(space + 1, ' ', (size_t)(end - space - 1)) : NULL;
    if (!second || second == space + 1 || end - second != 9 ||
        memchr(line, '\t', (size_t)(end - line)))
        return refuse(
            e, "the request line is not method, target and version with one blank between");
    if (!http_is_token(line, (size_t)(space - line)) || space - line > METHOD_MAX)
        return refuse(e, "the method is not a token");
    const char *version = second + 1;
    if (memcmp(version, "HTTP/", 5) != 0 || version[6] != '.' || (unsigned)(version[5] - '0') > 9 ||
        (unsigned)(version[7] - '0') > 9)
        return refuse(e, "the version is not one of HTTP");
    if (version[5] != '1' || version[7] > '1')
        return error_set(e, ERROR_HTTP_VERSION, EPROTO, "This server speaks HTTP 1.1 and 1.0.");
    h->minor = version[7] - '0';
    *space = *second = 0;
    h->method = line;
    return parse_target(h, space + 1, ret_authority, e);
}

static int parse_field(struct http_head *h, char *line, char *end, struct error *e)
{
    if (*line == ' ' || *line == '\t')
        return refuse(e, "a folded field");
    char *colon = memchr(line, ':', (size_t)(end - line));
    if (!colon)
        return refuse(e, "a field without a colon");
    if (!http_is_token(line, (size_t)(colon - line)))
        return refuse(e, "a field name that is not a token");
    if (h->n_fields == HTTP_FIELDS_MAX)
        return too_large(e);
    char *value = colon + 1;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *colon = *end = 0;
    h->fields[h->n_fields++] = (struct http_field){line, value};
    return 0;
}

const char *http_head_field(const struct http_head *h, const char *name)
{
    for (unsigned i = 0; i < h->n_fields; i++)
        if (!strcasecmp(h->fields[i].name, name))
            return h->fields[i].value;
    return NULL;
}

bool http_list_has(const char *list, const char *item)
{
    size_t n = strlen(item);
    while (*list) {
        list += strspn(list, ", \t");
        size_t length = strcspn(list, ",");
        size_t trimmed = length;
        while (trimmed > 0 && (list[trimmed - 1] == ' ' || list[trimmed - 1] == '\t'))
            trimmed--;
        if (trimmed == n && !strncasecmp(list, item, n))
            return true;
        list += length;
    }
    return false;
}

static int parse_length(struct http_head *h, const char *value, struct error *e)
{
    size_t digits = strspn(value, "0123456789");
    if (digits == 0 || digits > 19 || value[digits])
        return refuse(e, "Content-Length is not a number of at most 19 digits");
    uint64_t length = 0;
    for (size_t i = 0; i < digits; i++)
        length = length * 10 + (uint64_t)(value[i] - '0'); /* 19 digits fit */
    if (length > INT64_MAX)
        return refuse(e, "Content-Length is out of range");
    h->has_length = true;
    h->content_length = length;
    return 0;
}

/* Fields that mean something to the framing, or of which two would be two meanings. */
enum {
    FIELD_HOST,
    FIELD_LENGTH,
    FIELD_CODING,
    FIELD_EXPECT,
    FIELD_TYPE,
    FIELD_AUTHORIZATION,
    FIELD_ORIGIN,
    FIELD_COUNT
};
static const char *const single_fields[FIELD_COUNT] = {
    "host",
    "content-length",
    "transfer-encoding",
    "expect",
    "content-type",
    "authorization",
    "origin",
};

static int judge_fields(struct http_head *h, struct error *e)
{
    const char *single[FIELD_COUNT] = {NULL};
    for (unsigned i = 0; i < h->n_fields; i++) {
        for (int k = 0; k < FIELD_COUNT; k++) {
            if (strcasecmp(h->fields[i].name, single_fields[k]) != 0)
                continue;
            if (single[k])
                return error_set(e, ERROR_BAD_REQUEST, EPROTO,
                    "Malformed HTTP request: two %s fields.", single_fields[k]);
            single[k] = h->fields[i].value;
        }
        if (!strcasecmp(h->fields[i].name, "connection") &&
            http_list_has(h->fields[i].value, "close"))
            h->close = true;
    }
    h->host = single[FIELD_HOST];
    if (!h->host && h->minor == 1)
        return refuse(e, "no Host field");
    const char *coding = single[FIELD_CODING], *length = single[FIELD_LENGTH],
               *expect = single[FIELD_EXPECT];
    if (coding && length)
        return refuse(e, "both Content-Length and Transfer-Encoding");
    if (coding && (h->minor == 0 || strcmp(coding, "chunked") != 0))
        return refuse(e, "a Transfer-Encoding other than chunked");
    h->chunked = coding != NULL;
    if (expect && h->minor == 1) {
        h->expect_continue = !strcasecmp(expect, "100-continue");
        h->expect_unknown = !h->expect_continue;
    }
    return length ? parse_length(h, length, e) : 0;
}

int http_head_parse(char *bytes, size_t n, struct http_head *h, struct error *e)
{
    *h = (struct http_head){.minor = 1};
    char *authority = NULL, *end = bytes + n, *line = bytes;
    for (bool first = true; line < end; first = false) {
        char *cr = memchr(line, '\r', (size_t)(end - line));
        if (!cr || cr + 1 >= end || cr[1] != '\n')
            return refuse(e, "a line that does not end in CR LF"); /* the scan has seen to it */
        if (cr == line)
            break;
        int r =
            first ? parse_request_line(h, line, cr, &authority, e) : parse_field(h, line, cr, e);
        if (r < 0)
            return r;
        line = cr + 2;
    }
    if (!h->method)
        return refuse(e, "no request line");
    int r = judge_fields(h, e);
    if (r < 0)
        return r;
    h->close |= h->minor == 0;
    if (authority && (!h->host || strcasecmp(authority, h->host) != 0))
        return refuse(e, "the URL names another host than Host does");
    return 0;
}
