#include "strbuf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void strbuf_deinit(struct strbuf *b)
{
    free(b->data);
    *b = STRBUF_INIT(b->maximum);
}

void strbuf_clear(struct strbuf *b)
{
    b->length = 0;
    b->failed = false;
    if (b->data)
        b->data[0] = 0;
}

char *strbuf_reserve(struct strbuf *b, size_t n)
{
    if (b->failed || n > b->maximum || b->length > b->maximum - n) {
        b->failed = true;
        return NULL;
    }
    size_t need = b->length + n + 1;
    if (need > b->capacity) {
        size_t capacity = b->capacity ? b->capacity : 256;
        while (capacity < need)
            capacity *= 2;
        char *p = realloc(b->data, capacity);
        if (!p) {
            b->failed = true;
            return NULL;
        }
        b->data = p;
        b->capacity = capacity;
    }
    return b->data + b->length;
}

int strbuf_append(struct strbuf *b, const void *data, size_t n)
{
    bool over = n > b->maximum || b->length > b->maximum - n;
    char *p = strbuf_reserve(b, n);
    if (!p)
        return over ? -E2BIG : -ENOMEM;
    if (n)
        memcpy(p, data, n);
    b->length += n;
    b->data[b->length] = 0;
    return 0;
}

int strbuf_puts(struct strbuf *b, const char *text) { return strbuf_append(b, text, strlen(text)); }

int strbuf_printf(struct strbuf *b, const char *format, ...)
{
    va_list ap, again;
    va_start(ap, format);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : strbuf_reserve(b, (size_t)n);
    if (p) {
        vsnprintf(p, (size_t)n + 1, format, again);
        b->length += (size_t)n;
    }
    va_end(again);
    return p ? 0 : -E2BIG;
}

const char *strbuf_text(const struct strbuf *b) { return b->data ? b->data : ""; }

char *strbuf_take(struct strbuf *b)
{
    char *p = b->data ? b->data : calloc(1, 1);
    *b = STRBUF_INIT(b->maximum);
    return p;
}
