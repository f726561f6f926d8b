#include "api/native/native.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

/* A page ends early, saying that there is more, when its records together grow beyond this. */
enum { PAGE_BYTES_MAX = 32 << 20 };

/* ---- records -------------------------------------------------------------------------------------------- */

static enum execution_status status_of(const char *name)
{
    if (!name)
        return EXECUTION_RUNNING;
    for (int s = EXECUTION_COMPLETED; s <= EXECUTION_KILLED; s++)
        if (strcmp(execution_status_name(s), name) == 0)
            return s;
    return EXECUTION_KILLED;
}

/* The object of an execution that has no record: it runs, or was cut short. */
static int bare_record(const struct store_execution *row, struct strbuf *out)
{
    struct execution bare = {.created_at = row->created_at, .status = status_of(row->status)};
    bare.reset = bare.status == EXECUTION_KILLED;
    bare.note = &(char *){row->note};
    bare.notes = row->note != NULL;
    snprintf(bare.id, sizeof bare.id, "%s", row->id);
    snprintf(bare.container_id, sizeof bare.container_id, "%s",
        row->container_id ? row->container_id : "");
    return execution_to_json(&bare, out);
}

/* Whether the query has include=code: answers do not repeat what was sent unless they are asked to. */
static bool includes_code(struct http_exchange *x)
{
    const char *name;
    for (unsigned i = 0; (name = http_query_nth(x, "include", i)); i++)
        if (strcmp(name, "code") == 0)
            return true;
    return false;
}

/* Appends `record`, an object, with the row's code as its first member. */
static int append_with_code(
    const struct store_execution *row, const char *record, size_t length, struct strbuf *out)
{
    struct json_writer w = JSON_WRITER(out);
    strbuf_puts(out, "{\"code\":");
    jw_text(&w, row->code);
    strbuf_puts(out, ",");
    return strbuf_append(out, record + 1, length - 1);
}

/* Appends the execution object of a row. 0 or -errno with `e`. */
static int append_record(struct store *store, const struct store_execution *row, bool code,
    struct strbuf *out, struct error *e)
{
    cleanup_free char *record = NULL;
    size_t length = 0;
    int r = store_execution_record(store, row, &record, &length, e);
    if (r == -ENOENT) {
        cleanup_strbuf struct strbuf bare = STRBUF_INIT(REPLY_MAX);
        r = bare_record(row, &bare);
        if (r == 0)
            r = code ? append_with_code(row, bare.data, bare.length, out)
                     : strbuf_append(out, bare.data, bare.length);
    } else if (r == 0) {
        r = code ? append_with_code(row, record, length, out) : strbuf_append(out, record, length);
    }
    if (out->failed)
        return error_set(e, ERROR_INTERNAL, 0, "The record is too large.");
    return r;
}

void executions_list(struct http_exchange *x)
{
    cleanup_session struct session *session = api_session(x);
    struct api *api = api_of(x);
    struct store_executions rows = {0};
    struct store_page page;
    struct error e = {0};
    if (!session || api_page(x, 20, 100, &page) < 0)
        return;
    if (store_execution_list(api->store, http_param(x, "container_id"), &page, &rows, &e) < 0) {
        http_error(x, &e);
        return;
    }
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX), one = STRBUF_INIT(REPLY_MAX);
    struct json_writer w = JSON_WRITER(&text);
    size_t n = 0;
    list_begin(&w);
    for (; n < rows.count && (n == 0 || text.length < PAGE_BYTES_MAX); n++) {
        strbuf_clear(&one);
        if (append_record(api->store, &rows.items[n], includes_code(x), &one, &e) < 0) {
            strbuf_clear(&one);
            bare_record(&rows.items[n], &one); /* its blob was lost with the power */
        }
        if (n && text.length + one.length > PAGE_BYTES_MAX)
            break;
        jw_raw(&w, strbuf_text(&one), one.length);
    }
    list_end(&w, n ? rows.items[0].id : NULL, n ? rows.items[n - 1].id : NULL,
        rows.has_more || n < rows.count);
    store_executions_deinit(&rows);
    http_respond_json(x, 200, &text);
}

/* The record of {execution_id}. 0; else answered. */
static int find_record(struct http_exchange *x, struct strbuf *out)
{
    cleanup_session struct session *session = api_session(x);
    const char *id = http_param(x, "execution_id");
    struct store_execution row = {0};
    struct error e = {0};
    if (!session)
        return -ENOENT;
    int r = id_valid(id)
                ? store_execution_get(api_of(x)->store, http_param(x, "container_id"), id, &row, &e)
                : error_set(&e, ERROR_NOT_FOUND, ENOENT, "No such execution.");
    if (r == 0)
        r = append_record(api_of(x)->store, &row, includes_code(x), out, &e);
    store_execution_deinit(&row);
    if (r < 0 && e.code == ERROR_NOT_FOUND) {
        char execution[72], container[72];
        http_fail(x, ERROR_NOT_FOUND, NULL, "Execution with id '%s' not found on container '%s'.",
            json_in_brief(execution, id), json_in_brief(container, http_param(x, "container_id")));
    } else if (r < 0) {
        http_error(x, &e);
    }
    return r;
}

void executions_get(struct http_exchange *x)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    if (find_record(x, &text) == 0)
        http_respond_json(x, 200, &text);
}

/* ---- one output ------------------------------------------------------------------------------------------- */

/* How much each media type shows, richest first; what is not here stands before the last. */
static const char *const richness[] = {
    "text/html",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/gif",
    "application/pdf",
    "text/markdown",
    "text/latex",
    "application/json",
    NULL,
    "text/plain",
};
enum { RICHNESS = sizeof richness / sizeof *richness };

static int rank(const char *mime)
{
    int other = 0;
    for (int i = 0; i < RICHNESS; i++) {
        if (richness[i] && strcmp(richness[i], mime) == 0)
            return i;
        if (!richness[i])
            other = i;
    }
    return other;
}

/* type/subtype of RFC 6838's letters: the only form that goes into a header. */
static bool media_type_valid(const char *mime)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&-^_.+";
    size_t type = strspn(mime, letters),
           sub = mime[type] == '/' ? strspn(mime + type + 1, letters) : 0;
    return type && sub && mime[type + 1 + sub] == 0 && type + sub < 126;
}

/* These a browser only draws; everything else is shut in. */
static bool harmless(const char *mime)
{
    static const char *const drawn[] = {
        "image/png", "image/jpeg", "image/webp", "image/gif", "text/plain"};
    for (size_t i = 0; i < sizeof drawn / sizeof *drawn; i++)
        if (strcmp(drawn[i], mime) == 0)
            return true;
    return false;
}

static void respond_media(struct http_exchange *x, const char *mime, const void *data, size_t n)
{
    char type[160];
    if (!media_type_valid(mime))
        mime = "application/octet-stream";
    snprintf(
        type, sizeof type, "%s%s", mime, strncmp(mime, "text/", 5) == 0 ? "; charset=utf-8" : "");
    if (!harmless(mime))
        http_set_header(x, "content-security-policy",
            "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src "
            "'unsafe-inline'; img-src data:");
    http_respond(x, 200, type, data, n);
}

static bool is_text(const char *mime)
{
    size_t n = strlen(mime);
    return strncmp(mime, "text/", 5) == 0 || (n > 4 && strcmp(mime + n - 4, "+xml") == 0) ||
           strcmp(mime, "application/javascript") == 0;
}

/* One member of a display's data: text as it is, JSON as JSON, everything else out of base64. */
static void respond_display(struct http_exchange *x, const char *mime, json_t *value)
{
    if (!json_is_string(value)) {
        cleanup_free char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        respond_media(x, mime, text ? text : "null", strlen(text ? text : "null"));
        return;
    }
    const char *text = json_string_value(value);
    size_t length = json_string_length(value), n = 0;
    cleanup_free unsigned char *bytes = is_text(mime) ? NULL : malloc(length + 1);
    if (bytes && sodium_base642bin(bytes, length + 1, text, length, "\r\n", &n, NULL,
                     sodium_base64_VARIANT_ORIGINAL) == 0)
        respond_media(x, mime, bytes, n);
    else
        respond_media(x, mime, text, length);
}

static void respond_richest(struct http_exchange *x, json_t *data)
{
    const char *mime, *best = NULL;
    json_t *value;
    json_object_foreach (data, mime, value)
        if (!best || rank(mime) < rank(best))
            best = mime;
    if (best)
        respond_display(x, best, json_object_get(data, best));
    else
        http_fail(x, ERROR_NOT_FOUND, NULL, "This output shows nothing.");
}

static void respond_traceback(struct http_exchange *x, json_t *lines)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    json_t *line;
    size_t i;
    json_array_foreach (lines, i, line) {
        strbuf_append(&text, json_string_value(line), json_string_length(line));
        if (text.length && text.data[text.length - 1] != '\n')
            strbuf_puts(&text, "\n");
    }
    respond_media(x, "text/plain", strbuf_text(&text), text.length);
}

void executions_output(struct http_exchange *x)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    const char *number = http_param(x, "n");
    struct error e = {0};
    int64_t n = 0;
    if (json_in_integer_text("n", number, JSON_OURS, 0, INT32_MAX, &n, &e) < 0) {
        http_error(x, &e);
        return;
    }
    if (find_record(x, &text) < 0)
        return;
    cleanup_json json_t *record = json_loadb(strbuf_text(&text), text.length, JSON_ALLOW_NUL, NULL);
    json_t *output = json_array_get(json_object_get(record, "outputs"), (size_t)n);
    if (!output) {
        http_fail(x, ERROR_NOT_FOUND, NULL, "Execution '%s' has no output %lld.",
            http_param(x, "execution_id"), (long long)n);
        return;
    }
    json_t *plain = json_object_get(output, "text"), *data = json_object_get(output, "data");
    if (plain)
        respond_media(x, "text/plain", json_string_value(plain), json_string_length(plain));
    else if (data)
        respond_richest(x, data);
    else
        respond_traceback(x, json_object_get(output, "traceback"));
}
