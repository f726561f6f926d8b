#include "json_writer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_escape.h"

static bool in_object(const struct json_writer *w)
{
    return w->depth > 0 && (w->objects >> (w->depth - 1) & 1);
}

/* What goes before a value. */
static void before_value(struct json_writer *w)
{
    if (in_object(w) != w->keyed)
        abort(); /* a value without its key: a bug of ours in every build */
    if (w->comma && !w->keyed)
        strbuf_append(w->out, ",", 1);
    w->keyed = false;
    w->comma = true;
}

static void begin(struct json_writer *w, bool object)
{
    before_value(w);
    if (w->depth == JSON_WRITER_DEPTH)
        abort();
    uint64_t bit = UINT64_C(1) << w->depth++;
    w->objects = object ? w->objects | bit : w->objects & ~bit;
    w->comma = false;
    strbuf_append(w->out, object ? "{" : "[", 1);
}

void jw_begin_object(struct json_writer *w) { begin(w, true); }
void jw_begin_array(struct json_writer *w) { begin(w, false); }

void jw_end(struct json_writer *w)
{
    if (w->depth == 0 || w->keyed)
        abort();
    strbuf_append(w->out, in_object(w) ? "}" : "]", 1);
    w->depth--;
    w->comma = true;
}

void jw_string_piece(struct json_writer *w, const char *text, size_t n)
{
    if (n == 0)
        return;
    const char *p = text, *end = p + n, *plain = p;
    while (p < end) {
        if (json_plain(*p)) {
            p++;
            continue;
        }
        char escape[JSON_ESCAPE_MAX + 1];
        size_t length, taken = json_escape(p, (size_t)(end - p), escape, &length);
        if (length > 0) {
            if (p > plain)
                strbuf_append(w->out, plain, (size_t)(p - plain));
            if (strbuf_append(w->out, escape, length) < 0)
                return; /* too long: no need to look at the rest */
            plain = p + taken;
        }
        p += taken;
    }
    if (p > plain)
        strbuf_append(w->out, plain, (size_t)(p - plain));
}

void jw_string_begin(struct json_writer *w)
{
    before_value(w);
    strbuf_append(w->out, "\"", 1);
}

void jw_string_end(struct json_writer *w) { strbuf_append(w->out, "\"", 1); }

void jw_string(struct json_writer *w, const char *text, size_t n)
{
    jw_string_begin(w);
    jw_string_piece(w, text, n);
    jw_string_end(w);
}

void jw_text(struct json_writer *w, const char *text)
{
    if (text)
        jw_string(w, text, strlen(text));
    else
        jw_null(w);
}

void jw_key(struct json_writer *w, const char *key)
{
    if (!in_object(w) || w->keyed)
        abort();
    strbuf_puts(w->out, w->comma ? ",\"" : "\"");
    jw_string_piece(w, key, strlen(key));
    strbuf_append(w->out, "\":", 2);
    w->keyed = true;
}

static void plain_value(struct json_writer *w, const char *text, size_t n)
{
    before_value(w);
    strbuf_append(w->out, text, n);
}

void jw_int(struct json_writer *w, int64_t value)
{
    char text[24];
    plain_value(w, text, (size_t)snprintf(text, sizeof text, "%" PRId64, value));
}

void jw_uint(struct json_writer *w, uint64_t value)
{
    char text[24];
    plain_value(w, text, (size_t)snprintf(text, sizeof text, "%" PRIu64, value));
}

void jw_double(struct json_writer *w, double value)
{
    if (!isfinite(value)) {
        jw_null(w);
        return;
    }
    char text[40];
    int n = 0;
    for (int precision = 15; precision <= 17; precision++) {
        n = snprintf(text, sizeof text, "%.*g", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    char *comma = strchr(text, ','); /* the decimal point of a locale that somebody set */
    if (comma)
        *comma = '.';
    if (!strpbrk(text, ".e") && n < 30) /* so that a reader keeps it a float */
        memcpy(text + n, ".0", 3), n += 2;
    plain_value(w, text, (size_t)n);
}

void jw_bool(struct json_writer *w, bool value)
{
    plain_value(w, value ? "true" : "false", 5 - (size_t)value);
}
void jw_null(struct json_writer *w) { plain_value(w, "null", 4); }
void jw_raw(struct json_writer *w, const char *json, size_t n) { plain_value(w, json, n); }

void jw_base64(struct json_writer *w, const void *data, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *p = data;
    jw_string_begin(w);
    char *to = n < SIZE_MAX / 2 ? strbuf_reserve(w->out, (n + 2) / 3 * 4) : NULL;
    if (!to)
        return; /* out->failed says so */
    for (; n >= 3; n -= 3, p += 3) {
        uint32_t bits = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = digits[bits >> 6 & 63];
        *to++ = digits[bits & 63];
    }
    if (n > 0) {
        uint32_t bits = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0);
        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = n > 1 ? digits[bits >> 6 & 63] : '=';
        *to++ = '=';
    }
    *to = 0;
    w->out->length = (size_t)(to - w->out->data);
    jw_string_end(w);
}

void jw_field_string(struct json_writer *w, const char *key, const char *text)
{
    jw_key(w, key), jw_text(w, text);
}
void jw_field_bytes(struct json_writer *w, const char *key, const char *text, size_t n)
{
    jw_key(w, key), jw_string(w, text, n);
}
void jw_field_int(struct json_writer *w, const char *key, int64_t value)
{
    jw_key(w, key), jw_int(w, value);
}
void jw_field_uint(struct json_writer *w, const char *key, uint64_t value)
{
    jw_key(w, key), jw_uint(w, value);
}
void jw_field_double(struct json_writer *w, const char *key, double value)
{
    jw_key(w, key), jw_double(w, value);
}
void jw_field_bool(struct json_writer *w, const char *key, bool value)
{
    jw_key(w, key), jw_bool(w, value);
}
void jw_field_null(struct json_writer *w, const char *key) { jw_key(w, key), jw_null(w); }
void jw_field_raw(struct json_writer *w, const char *key, const char *json, size_t n)
{
    jw_key(w, key), jw_raw(w, json, n);
}
void jw_field_object(struct json_writer *w, const char *key) { jw_key(w, key), jw_begin_object(w); }
void jw_field_array(struct json_writer *w, const char *key) { jw_key(w, key), jw_begin_array(w); }
