/* json_in.h - reading the JSON that clients send, strictly, and saying what is wrong with it in the
 * words OpenAI's API uses ("Missing required parameter: 'code'."), so that people and programs that
 * know those words are served. Every dialect decodes its requests through this. Server only. It never
 * keeps what it reads and never decides anything but the form of a field.
 *
 * A decoder opens an object, reads each field once, and closes it:
 *
 *     json_in_begin(&in, root, "", JSON_OURS, e);
 *     code = json_in_string(&in, "code", JSON_REQUIRED, CODE_MAX);
 *     timeout = json_in_number(&in, "timeout", 30, 1, 600);
 *     r = json_in_end(&in);
 *
 * The first thing that is wrong stays; after it the getters answer their fallback and go on, so a
 * decoder has one place where it looks. Null counts as absent everywhere. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"

enum { JSON_DEPTH_MAX = 64, JSON_FIELDS_MAX = 40 };

/* On OpenAI's endpoints unknown fields are ignored (SDKs add new ones) and a bound names itself in
 * the code ("integer_above_max_value"); on ours an unknown field is a typing mistake worth naming. */
enum json_manners { JSON_OPENAI, JSON_OURS };
enum json_need { JSON_OPTIONAL, JSON_REQUIRED };

struct json_in {
    json_t *object; /* borrowed; NULL reads as an object without fields */
    struct error *e;
    const char *known[JSON_FIELDS_MAX]; /* borrowed literals: what was asked for */
    unsigned known_count;
    enum json_manners manners;
    bool failed;
    char prefix[48]; /* "files[0]." or "" */
};

static inline void json_cleanup(json_t **j) { json_decref(*j); }
#define cleanup_json __attribute__((cleanup(json_cleanup)))

/* Parses a whole body: one object, depth at most JSON_DEPTH_MAX (checked before the parser runs),
 * no duplicate keys, valid UTF-8, nothing behind it. An empty body reads as {}. 0 and a new reference
 * in *ret_root; -EINVAL with `e` filled (naming the field at fault where one can be told). */
int json_in_parse(const char *body, size_t length, json_t **ret_root, struct error *e);

/* `prefix` is what stands before this object's fields in messages: "" or "expires_after." or
 * "files[0].". `object` and `e` are borrowed until json_in_end(). */
void json_in_begin(struct json_in *in, json_t *object, const char *prefix,
    enum json_manners manners, struct error *e);
/* 0, or -EINVAL with `e` filled. Where unknown fields count, they are reported before anything else:
 * a misspelt name is the reason why the right one is missing. */
int json_in_end(struct json_in *in);

/* The string, without NUL bytes and at most max_bytes long, or NULL when absent or wrong. Borrowed. */
const char *json_in_string(
    struct json_in *in, const char *name, enum json_need need, size_t max_bytes);
/* One of a NULL-terminated list of words, or `fallback`. The list's own pointer is returned. */
const char *json_in_word(
    struct json_in *in, const char *name, const char *const words[], const char *fallback);
int64_t json_in_integer(
    struct json_in *in, const char *name, int64_t fallback, int64_t min, int64_t max);
double json_in_number(
    struct json_in *in, const char *name, double fallback, double min, double max);
bool json_in_bool(struct json_in *in, const char *name, bool fallback);
/* Borrowed, or NULL when absent or wrong. */
json_t *json_in_array(struct json_in *in, const char *name, size_t max_items);
json_t *json_in_object(struct json_in *in, const char *name, enum json_need need);
/* An object whose values are strings without NUL bytes, or NULL. */
json_t *json_in_map(
    struct json_in *in, const char *name, size_t max_properties, size_t max_key, size_t max_value);
/* An array of strings: its length is *ret_count (0 when absent). Each is json_string_value()d. */
json_t *json_in_strings(
    struct json_in *in, const char *name, size_t max_items, size_t max_bytes, size_t *ret_count);
/* A field of a feature that is not there: anything but null and false is refused by name. */
void json_in_unsupported(struct json_in *in, const char *name);
/* True when the field is there and not null; counts as asked for. */
bool json_in_has(struct json_in *in, const char *name);
/* Any value, or NULL when absent. Borrowed. */
json_t *json_in_any(struct json_in *in, const char *name);
/* Says what is wrong with a field in the caller's own words, if nothing was wrong before. */
void json_in_fail(struct json_in *in, enum error_code code, const char *name, const char *format,
    ...) __attribute__((format(printf, 4, 5)));

/* An integer in text, as in a query string: range messages as above. 0 or -EINVAL. NULL text leaves
 * *value as it is. */
int json_in_integer_text(const char *name, const char *text, enum json_manners manners, int64_t min,
    int64_t max, int64_t *value, struct error *e);
/* At most 60 bytes of a client's text, for use in a message: cut at a character, control bytes as
 * '?'. `out` has room for 72. Returns out. */
const char *json_in_brief(char out[72], const char *text);
/* Whether all of it is well-formed UTF-8 (no surrogates, nothing overlong). */
bool json_in_utf8(const char *text, size_t length);

/* ---- of what is known to be right ---- */

/* The string at `key`, or NULL. */
static inline const char *json_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}
/* Whether its "type" is this. */
static inline bool item_is(const json_t *item, const char *type)
{
    const char *of = json_text(item, "type");
    return of && strcmp(of, type) == 0;
}
