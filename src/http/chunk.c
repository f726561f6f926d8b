#include "http/chunk.h"

#include <errno.h>
#include <string.h>

#include "http/parser.h"

enum {
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START,
    TRAILER,
    TRAILER_LF,
    LAST_LF,
    DONE,
};

static int refuse(struct error *e, const char *why)
{
    return error_set(e, ERROR_BAD_REQUEST, EPROTO, "Malformed chunked body: %s.", why);
}

bool http_chunk_done(const struct http_chunk *c) { return c->state == DONE; }

static int take_size(struct http_chunk *c, char b, struct error *e)
{
    int digit = b >= '0' && b <= '9'   ? b - '0'
                : b >= 'a' && b <= 'f' ? b - 'a' + 10
                : b >= 'A' && b <= 'F' ? b - 'A' + 10
                                       : -1;
    if (digit >= 0) {
        if (++c->digits > 15)
            return refuse(e, "a chunk size of more than 15 digits");
        c->left = c->left << 4 | (unsigned)digit;
        return 0;
    }
    if (c->digits == 0)
        return refuse(e, "a chunk without a size");
    if (b != '\r' && b != ';')
        return refuse(e, "a chunk size that is not hexadecimal");
    c->state = b == '\r' ? SIZE_LF : EXTENSION;
    return 0;
}

static bool field_byte(char b) { return b == '\t' || ((unsigned char)b >= 0x20 && b != 0x7f); }

static int take_trailer(struct http_chunk *c, char b, struct error *e)
{
    if (++c->trailer > CHUNK_TRAILER_MAX)
        return refuse(e, "trailers beyond 4 KiB");
    if (c->state == TRAILER_START) {
        c->value_seen = false;
        c->line = 0;
        if (b == '\r') {
            c->state = LAST_LF;
            return 0;
        }
        c->state = TRAILER;
    }
    if (!c->value_seen) {
        if (b == ':' && c->line > 0)
            c->value_seen = true;
        else if (!http_is_token(&b, 1))
            return refuse(e, "a trailer that is not a field");
        c->line++;
        return 0;
    }
    if (b == '\r')
        c->state = TRAILER_LF;
    else if (!field_byte(b))
        return refuse(e, "a control byte in a trailer");
    return 0;
}

/* One byte of what is not body. */
static int take_byte(struct http_chunk *c, char b, struct error *e)
{
    switch (c->state) {
    case SIZE: return take_size(c, b, e);
    case EXTENSION:
        if (++c->line > CHUNK_LINE_MAX || ++c->extensions > CHUNK_EXTENSIONS_MAX)
            return refuse(e, "chunk extensions beyond their bound");
        if (b == '\r')
            c->state = SIZE_LF;
        else if (!field_byte(b))
            return refuse(e, "a control byte in a chunk extension");
        return 0;
    case TRAILER_START:
    case TRAILER: return take_trailer(c, b, e);
    case DATA_CR:
        c->state = DATA_LF;
        return b == '\r' ? 0 : refuse(e, "a chunk longer than its size");
    }
    /* What is left are the states after a CR. */
    if (b != '\n')
        return refuse(e, "a CR that is not followed by LF");
    switch (c->state) {
    case SIZE_LF: c->state = c->left > 0 ? DATA : TRAILER_START; break;
    case DATA_LF:
        c->state = SIZE;
        c->digits = 0;
        c->line = 0;
        break;
    case TRAILER_LF: c->state = TRAILER_START; break;
    case LAST_LF: c->state = DONE; break;
    }
    return 0;
}

long http_chunk_take(struct http_chunk *c, const char *bytes, size_t n, const char **ret_data,
    size_t *ret_length, struct error *e)
{
    size_t i = 0;
    *ret_data = NULL;
    *ret_length = 0;
    while (i < n && c->state != DONE) {
        if (c->state == DATA) {
            size_t length = n - i < c->left ? n - i : (size_t)c->left;
            *ret_data = bytes + i;
            *ret_length = length;
            c->left -= length;
            if (c->left == 0)
                c->state = DATA_CR;
            return (long)(i + length);
        }
        int r = take_byte(c, bytes[i++], e);
        if (r < 0)
            return r;
    }
    return (long)i;
}
