#include "api/json_in.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json_text.h"

/* ------------------------------------------------------------------ text */

/* Length of the well-formed UTF-8 character at p, or 0. Table 3-7 of the Unicode standard. */
static size_t utf8_step(const unsigned char *p, size_t n)
{
    if (p[0] < 0x80)
        return 1;
    size_t want = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
                  : p[0] >= 0xe0 && p[0] <= 0xef ? 3
                  : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                                 : 0;
    if (!want || want > n)
        return 0;
    unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < want; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return want;
}

bool json_in_utf8(const char *text, size_t length)
{
    for (size_t i = 0, step; i < length; i += step)
        if (!(step = utf8_step((const unsigned char *)text + i, length - i)))
            return false;
    return true;
}

const char *json_in_brief(char out[72], const char *text)
{
    size_t n = strlen(text), at = 0;
    for (size_t i = 0; i < n;) {
        size_t step = utf8_step((const unsigned char *)text + i, n - i);
        if (at + (step ? step : 1) > 60) {
            memcpy(out + at, "...", 3);
            at += 3;
            break;
        }
        if (!step || (unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            out[at++] = '?';
            i++;
            continue;
        }
        memcpy(out + at, text + i, step);
        at += step;
        i += step;
    }
    out[at] = 0;
    return out;
}

/* ------------------------------------------------------------------ parsing */

/* What one pass over the bytes knows before the parser runs. `end` stops it early: the same pass then
 * answers which field a position belongs to. */
struct scan {
    size_t key_at, key_length; /* the last string that a colon followed */
    size_t bad_utf8;           /* offset + 1 of the first malformed byte, 0 when there is none */
};

static void scan_body(struct scan *s, const char *body, size_t end)
{
    bool quoted = false;
    size_t from = 0, length = 0;
    *s = (struct scan){0};
    for (size_t i = 0; i < end;) {
        size_t step = utf8_step((const unsigned char *)body + i, end - i);
        if (!step) {
            s->bad_utf8 = i + 1;
            return;
        }
        char c = body[i];
        if (quoted && c == '\\') {
            i += 2;
            continue;
        }
        if (c == '"') {
            quoted = !quoted;
            if (quoted)
                from = i + 1;
            else
                length = i - from;
        } else if (!quoted && c == ':') {
            s->key_at = from;
            s->key_length = length;
        }
        i += step;
    }
}

/* The key before a position, as text for a message; "" when there is none. */
static const char *scan_key(char out[72], const struct scan *s, const char *body)
{
    char key[64];
    size_t n = s->key_length < sizeof key - 1 ? s->key_length : sizeof key - 1;
    memcpy(key, body + s->key_at, n);
    key[n] = 0;
    return json_in_brief(out, key);
}

static int parse_failed(const json_error_t *why, const char *body, size_t length, struct error *e)
{
    struct scan s;
    char key[72];
    size_t position = why->position > 0 ? (size_t)why->position : 0;
    scan_body(&s, body, position < length ? position : length);
    const char *param = scan_key(key, &s, body);
    switch (json_error_code(why)) {
    case json_error_numeric_overflow:
        return error_param(
            e, ERROR_INVALID_VALUE, param, "Invalid '%s': the number is out of range.", param);
    case json_error_duplicate_key:
        return error_set(e, ERROR_INVALID_JSON, 0,
            "We could not parse the JSON body of your request: a key appears twice in one "
            "object (line %d, column %d).",
            why->line, why->column);
    case json_error_null_byte_in_key:
        return error_set(e, ERROR_INVALID_JSON, 0,
            "We could not parse the JSON body of your request: a key contains a NUL "
            "character (line %d, column %d).",
            why->line, why->column);
    case json_error_end_of_input_expected:
        return error_set(e, ERROR_INVALID_JSON, 0,
            "We could not parse the JSON body of your request: there is something behind "
            "its end (line %d, column %d).",
            why->line, why->column);
    case json_error_premature_end_of_input:
        return error_set(e, ERROR_INVALID_JSON, 0,
            "We could not parse the JSON body of your request: it ends too early.");
    default: {
        char text[72];
        return error_set(e, ERROR_INVALID_JSON, 0,
            "We could not parse the JSON body of your request: %s (line %d, column %d).",
            json_in_brief(text, why->text), why->line, why->column);
    }
    }
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a decimal";
    case JSON_NULL: return "null";
    default: return "a boolean";
    }
}

int json_in_parse(const char *body, size_t length, json_t **ret_root, struct error *e)
{
    struct scan s;
    char key[72];
    size_t blank = 0;
    while (blank < length && strchr(" \t\r\n", body[blank]) && body[blank])
        blank++;
    if (blank == length) {
        *ret_root = json_object();
        return *ret_root ? 0 : error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    }
    scan_body(&s, body, length);
    if (s.bad_utf8)
        return error_param(e, ERROR_INVALID_JSON, scan_key(key, &s, body),
            "We could not parse the JSON body of your request: it is not valid UTF-8 "
            "(byte %zu).",
            s.bad_utf8 - 1);
    if (json_text_depth(body, length) > JSON_DEPTH_MAX)
        return error_set(e, ERROR_INVALID_JSON, 0,
            "We could not parse the JSON body of your request: it is nested more than %d "
            "levels deep.",
            JSON_DEPTH_MAX);
    json_error_t why;
    /* NUL is let through here and refused by the getters, which can name the field. */
    json_t *root =
        json_loadb(body, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &why);
    if (!root)
        return parse_failed(&why, body, length, e);
    if (!json_is_object(root)) {
        error_set(e, ERROR_INVALID_TYPE, 0,
            "Invalid type for the request body: expected an object, but got %s instead.",
            type_name(root));
        json_decref(root);
        return -EINVAL;
    }
    *ret_root = root;
    return 0;
}

/* ------------------------------------------------------------------ fields */

void json_in_begin(struct json_in *in, json_t *object, const char *prefix,
    enum json_manners manners, struct error *e)
{
    *in = (struct json_in){.object = object, .e = e, .manners = manners};
    snprintf(in->prefix, sizeof in->prefix, "%s", prefix);
}

static const char *full_name(const struct json_in *in, const char *name, char out[72])
{
    char path[192];
    snprintf(path, sizeof path, "%s%s", in->prefix, name);
    return json_in_brief(out, path);
}

void json_in_fail(
    struct json_in *in, enum error_code code, const char *name, const char *format, ...)
{
    if (in->failed)
        return;
    char param[72], text[sizeof in->e->message];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    error_param(in->e, code, full_name(in, name, param), "%s", text);
    in->failed = true;
}

json_t *json_in_any(struct json_in *in, const char *name)
{
    if (in->known_count < JSON_FIELDS_MAX)
        in->known[in->known_count++] = name;
    json_t *value = in->object ? json_object_get(in->object, name) : NULL;
    return value && !json_is_null(value) ? value : NULL;
}

bool json_in_has(struct json_in *in, const char *name) { return json_in_any(in, name) != NULL; }

static void missing(struct json_in *in, const char *name)
{
    json_in_fail(
        in, ERROR_MISSING_PARAMETER, name, "Missing required parameter: '%s%s'.", in->prefix, name);
}

static void wrong_type(
    struct json_in *in, const char *name, const char *expected, const json_t *got)
{
    json_in_fail(in, ERROR_INVALID_TYPE, name,
        "Invalid type for '%s%s': expected %s, but got %s instead.", in->prefix, name, expected,
        type_name(got));
}

static enum error_code bound_code(const struct json_in *in, enum error_code openai)
{
    return in->manners == JSON_OPENAI ? openai : ERROR_INVALID_VALUE;
}

/* Whether a value is a string fit for use; `name` may be "file_ids[3]". */
static bool good_string(struct json_in *in, const char *name, const json_t *value, size_t max_bytes)
{
    if (!json_is_string(value)) {
        wrong_type(in, name, "a string", value);
        return false;
    }
    size_t length = json_string_length(value);
    if (length > max_bytes) {
        json_in_fail(in, bound_code(in, ERROR_STRING_TOO_LONG), name,
            "Invalid '%s%s': string too long. Expected a string with maximum length %zu, but "
            "got a string with length %zu instead.",
            in->prefix, name, max_bytes, length);
        return false;
    }
    if (memchr(json_string_value(value), 0, length)) {
        json_in_fail(in, ERROR_INVALID_VALUE, name,
            "Invalid '%s%s': the string contains a NUL character.", in->prefix, name);
        return false;
    }
    return true;
}

const char *json_in_string(
    struct json_in *in, const char *name, enum json_need need, size_t max_bytes)
{
    json_t *value = json_in_any(in, name);
    if (!value) {
        if (need == JSON_REQUIRED)
            missing(in, name);
        return NULL;
    }
    return good_string(in, name, value, max_bytes) ? json_string_value(value) : NULL;
}

/* "'a'", "'a' and 'b'", "'a', 'b', and 'c'" - OpenAI's commas. */
static void join_words(const char *const words[], char *out, size_t size)
{
    size_t count = 0, at = 0;
    while (words[count])
        count++;
    out[0] = 0;
    for (size_t i = 0; i < count && at < size; i++) {
        const char *before = i == 0 ? "" : i + 1 < count ? ", " : count == 2 ? " and " : ", and ";
        int n = snprintf(out + at, size - at, "%s'%s'", before, words[i]);
        at += n > 0 ? (size_t)n : 0;
    }
}

const char *json_in_word(
    struct json_in *in, const char *name, const char *const words[], const char *fallback)
{
    const char *text = json_in_string(in, name, JSON_OPTIONAL, 1 << 20);
    if (!text)
        return fallback;
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], text) == 0)
            return words[i];
    char list[160], brief[72];
    join_words(words, list, sizeof list);
    json_in_fail(in, ERROR_INVALID_VALUE, name, "Invalid value: '%s'. Supported values are: %s.",
        json_in_brief(brief, text), list);
    return fallback;
}

int64_t json_in_integer(
    struct json_in *in, const char *name, int64_t fallback, int64_t min, int64_t max)
{
    json_t *value = json_in_any(in, name);
    if (!value)
        return fallback;
    if (!json_is_integer(value)) {
        wrong_type(in, name, "an integer", value);
        return fallback;
    }
    int64_t n = json_integer_value(value);
    if (n < min)
        json_in_fail(in, bound_code(in, ERROR_INTEGER_BELOW_MIN), name,
            "Invalid '%s%s': integer below minimum value. Expected a value >= %lld, but got "
            "%lld instead.",
            in->prefix, name, (long long)min, (long long)n);
    else if (n > max)
        json_in_fail(in, bound_code(in, ERROR_INTEGER_ABOVE_MAX), name,
            "Invalid '%s%s': integer above maximum value. Expected a value <= %lld, but got "
            "%lld instead.",
            in->prefix, name, (long long)max, (long long)n);
    else
        return n;
    return fallback;
}

double json_in_number(struct json_in *in, const char *name, double fallback, double min, double max)
{
    json_t *value = json_in_any(in, name);
    if (!value)
        return fallback;
    if (!json_is_number(value)) {
        wrong_type(in, name, in->manners == JSON_OPENAI ? "a decimal" : "a number", value);
        return fallback;
    }
    double n = json_number_value(value);
    bool whole = json_is_integer(value) && in->manners == JSON_OURS;
    const char *kind = whole ? "integer" : "decimal";
    if (n < min)
        json_in_fail(in, bound_code(in, ERROR_DECIMAL_BELOW_MIN), name,
            "Invalid '%s%s': %s below minimum value. Expected a value >= %g, but got %g "
            "instead.",
            in->prefix, name, kind, min, n);
    else if (!(n <= max))
        json_in_fail(in, bound_code(in, ERROR_DECIMAL_ABOVE_MAX), name,
            "Invalid '%s%s': %s above maximum value. Expected a value <= %g, but got %g "
            "instead.",
            in->prefix, name, kind, max, n);
    else
        return n;
    return fallback;
}

bool json_in_bool(struct json_in *in, const char *name, bool fallback)
{
    json_t *value = json_in_any(in, name);
    if (!value)
        return fallback;
    if (!json_is_boolean(value)) {
        wrong_type(in, name, "a boolean", value);
        return fallback;
    }
    return json_is_true(value);
}

json_t *json_in_array(struct json_in *in, const char *name, size_t max_items)
{
    json_t *value = json_in_any(in, name);
    if (!value)
        return NULL;
    if (!json_is_array(value)) {
        wrong_type(in, name, "an array", value);
        return NULL;
    }
    if (json_array_size(value) > max_items) {
        json_in_fail(in, bound_code(in, ERROR_ARRAY_TOO_LONG), name,
            "Invalid '%s%s': array too long. Expected an array with maximum length %zu, but "
            "got an array with length %zu instead.",
            in->prefix, name, max_items, json_array_size(value));
        return NULL;
    }
    return value;
}

json_t *json_in_object(struct json_in *in, const char *name, enum json_need need)
{
    json_t *value = json_in_any(in, name);
    if (!value) {
        if (need == JSON_REQUIRED)
            missing(in, name);
        return NULL;
    }
    if (!json_is_object(value)) {
        wrong_type(in, name, "an object", value);
        return NULL;
    }
    return value;
}

json_t *json_in_map(
    struct json_in *in, const char *name, size_t max_properties, size_t max_key, size_t max_value)
{
    json_t *map = json_in_object(in, name, JSON_OPTIONAL), *value;
    const char *key;
    if (!map)
        return NULL;
    if (json_object_size(map) > max_properties) {
        json_in_fail(in, bound_code(in, ERROR_OBJECT_TOO_LARGE), name,
            "Invalid '%s%s': too many properties. Expected an object with at most %zu "
            "properties, but got an object with %zu properties instead.",
            in->prefix, name, max_properties, json_object_size(map));
        return NULL;
    }
    json_object_foreach (map, key, value) {
        char brief[72], path[128];
        json_in_brief(brief, key);
        snprintf(path, sizeof path, "%s.%s", name, brief);
        if (strlen(key) > max_key) {
            json_in_fail(in, bound_code(in, ERROR_STRING_TOO_LONG), name,
                "Invalid '%s%s': a key is too long. Expected keys with maximum length %zu, but "
                "got '%s' with length %zu instead.",
                in->prefix, name, max_key, brief, strlen(key));
            return NULL;
        }
        if (!good_string(in, path, value, max_value))
            return NULL;
    }
    return map;
}

json_t *json_in_strings(
    struct json_in *in, const char *name, size_t max_items, size_t max_bytes, size_t *ret_count)
{
    json_t *array = json_in_array(in, name, max_items), *value;
    size_t i;
    *ret_count = 0;
    if (!array)
        return NULL;
    json_array_foreach (array, i, value) {
        char path[64];
        snprintf(path, sizeof path, "%s[%zu]", name, i);
        if (!good_string(in, path, value, max_bytes))
            return NULL;
    }
    *ret_count = json_array_size(array);
    return array;
}

void json_in_unsupported(struct json_in *in, const char *name)
{
    json_t *value = json_in_any(in, name);
    if (value && !json_is_false(value))
        json_in_fail(in, ERROR_UNSUPPORTED_PARAMETER, name,
            "Unsupported parameter: '%s%s' is not supported by this server.", in->prefix, name);
}

/* ------------------------------------------------------------------ unknown fields */

/* Levenshtein's distance, letters' case apart; names longer than 40 bytes are far from everything. */
static int distance(const char *a, const char *b)
{
    int row[42];
    size_t n = strlen(a), m = strlen(b);
    if (n > 40 || m > 40)
        return 99;
    for (size_t j = 0; j <= m; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int above = row[j];
            int cost =
                diagonal + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
            if (above + 1 < cost)
                cost = above + 1;
            if (row[j - 1] + 1 < cost)
                cost = row[j - 1] + 1;
            diagonal = above;
            row[j] = cost;
        }
    }
    return row[m];
}

static bool is_known(const struct json_in *in, const char *key)
{
    for (unsigned i = 0; i < in->known_count; i++)
        if (strcmp(in->known[i], key) == 0)
            return true;
    return false;
}

static void unknown(struct json_in *in, const char *key)
{
    const char *nearest = NULL;
    int best = 3; /* OpenAI suggests names up to two letters away */
    for (unsigned i = 0; i < in->known_count; i++) {
        int d = distance(key, in->known[i]);
        if (d < best && d < (int)strlen(in->known[i])) {
            best = d;
            nearest = in->known[i];
        }
    }
    char brief[72], param[72];
    json_in_brief(brief, key);
    full_name(in, brief, param);
    if (nearest)
        error_param(in->e, ERROR_UNKNOWN_PARAMETER, param,
            "Unknown parameter: '%s%s'. Did you mean '%s%s'?", in->prefix, brief, in->prefix,
            nearest);
    else
        error_param(
            in->e, ERROR_UNKNOWN_PARAMETER, param, "Unknown parameter: '%s%s'.", in->prefix, brief);
    in->failed = true;
}

int json_in_end(struct json_in *in)
{
    const char *key;
    json_t *value;
    if (in->manners == JSON_OURS && in->object)
        json_object_foreach (in->object, key, value)
            if (!is_known(in, key)) {
                unknown(in, key);
                break;
            }
    return in->failed ? -EINVAL : 0;
}

/* ------------------------------------------------------------------ query strings */

int json_in_integer_text(const char *name, const char *text, enum json_manners manners, int64_t min,
    int64_t max, int64_t *value, struct error *e)
{
    if (!text)
        return 0;
    char *end, brief[72];
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (!*text || *end || isspace((unsigned char)*text))
        return error_param(e, ERROR_INVALID_TYPE, name,
            "Invalid type for '%s': expected an integer, but got '%s' instead.", name,
            json_in_brief(brief, text));
    if (n < min || (errno == ERANGE && n < 0))
        return error_param(e,
            manners == JSON_OPENAI ? ERROR_INTEGER_BELOW_MIN : ERROR_INVALID_VALUE, name,
            "Invalid '%s': integer below minimum value. Expected a value >= %lld, but got "
            "%s instead.",
            name, (long long)min, json_in_brief(brief, text));
    if (n > max)
        return error_param(e,
            manners == JSON_OPENAI ? ERROR_INTEGER_ABOVE_MAX : ERROR_INVALID_VALUE, name,
            "Invalid '%s': integer above maximum value. Expected a value <= %lld, but got "
            "%s instead.",
            name, (long long)max, json_in_brief(brief, text));
    *value = n;
    return 0;
}
