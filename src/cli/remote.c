#include "cli/remote.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int remote_init(struct remote *r, const char *url, const char *key, struct error *e)
{
    char field[512];
    *r = (struct remote){.event = STRBUF_INIT(REMOTE_EVENT_MAX)};
    if (url == NULL || url[0] == '\0')
        url = "http://127.0.0.1:8000";
    size_t length = strlen(url);
    while (length > 0 && url[length - 1] == '/')
        length--;
    snprintf(r->address, sizeof(r->address), "%.*s", (int)length, url);
    if (strncmp(url, "unix:", 5) == 0)
        snprintf(r->socket, sizeof(r->socket), "%.*s", (int)length - 5, url + 5);
    snprintf(r->base, sizeof(r->base), "%.*s/v1", r->socket[0] ? 16 : (int)length,
        r->socket[0] ? "http://localhost" : url);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "The HTTP library does not start.");
    /* no `Expect: 100-continue`: it costs a round trip */
    r->headers = curl_slist_append(NULL, "Expect:");
    r->json_headers =
        curl_slist_append(curl_slist_append(NULL, "Content-Type: application/json"), "Expect:");
    if (key != NULL && key[0] != '\0') {
        snprintf(field, sizeof(field), "Authorization: Bearer %.400s", key);
        r->headers = curl_slist_append(r->headers, field);
        r->json_headers = curl_slist_append(r->json_headers, field);
    }
    return r->headers == NULL || r->json_headers == NULL
               ? error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.")
               : 0;
}

void remote_deinit(struct remote *r)
{
    curl_slist_free_all(r->headers);
    curl_slist_free_all(r->json_headers);
    strbuf_deinit(&r->event);
    *r = (struct remote){0};
}

static size_t into_buffer(char *data, size_t size, size_t n, void *to)
{
    return strbuf_append(to, data, size * n) == 0 ? n : 0;
}

static CURL *prepare(const struct remote *r, const char *path, const struct curl_slist *headers,
    char error[CURL_ERROR_SIZE])
{
    char url[4096];
    CURL *c = curl_easy_init();
    if (c == NULL)
        return NULL;
    snprintf(url, sizeof(url), "%s%s", r->base, path);
    error[0] = '\0';
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 10L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, r->timeout_s);
    if (r->socket[0])
        curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, r->socket);
    return c;
}

/* Runs it and says why it failed: what the server wrote, or what curl met. Frees `c`. */
static int finish(const struct remote *r, CURL *c, const char *error, const struct strbuf *answer,
    struct error *e)
{
    long status = 0;
    CURLcode code = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(c);
    if (code == CURLE_OK && status / 100 == 2)
        return 0;
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return error_set(e, ERROR_UNAVAILABLE, ECANCELED, "Interrupted.");
    if (code == CURLE_COULDNT_CONNECT)
        return error_set(e, ERROR_UNAVAILABLE, ECONNREFUSED,
            "No server answers at %.120s; `cloche serve` starts one, --url names another.",
            r->address);
    if (code != CURLE_OK)
        return error_set(e, ERROR_UNAVAILABLE, EIO, "%.80s: %.140s.", r->address,
            error[0] ? error : curl_easy_strerror(code));
    json_t *root = json_loads(strbuf_text(answer), 0, NULL);
    const char *message =
        json_string_value(json_object_get(json_object_get(root, "error"), "message"));
    error_set(e, ERROR_BAD_REQUEST, EIO, "The server answered %ld: %.200s", status,
        message ? message : "(no reason given)");
    json_decref(root);
    return -EIO;
}

int remote_request(struct remote *r, const char *method, const char *path, const char *body,
    struct strbuf *answer, struct error *e)
{
    char error[CURL_ERROR_SIZE];
    CURL *c = prepare(r, path, r->json_headers, error);
    if (c == NULL)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    if (strcmp(method, "POST") == 0)
        curl_easy_setopt(c, CURLOPT_COPYPOSTFIELDS, body ? body : "");
    else if (strcmp(method, "GET") != 0)
        curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, into_buffer);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, answer);
    return finish(r, c, error, answer, e);
}

int remote_json(struct remote *r, const char *method, const char *path, const char *body,
    json_t **ret, struct error *e)
{
    cleanup_strbuf struct strbuf answer = STRBUF_INIT(REMOTE_ANSWER_MAX);
    int result = remote_request(r, method, path, body, &answer, e);
    if (result < 0)
        return result;
    json_t *root = json_loadb(strbuf_text(&answer), answer.length, 0, NULL);
    if (root == NULL)
        return error_set(e, ERROR_INTERNAL, EPROTO, "The server's answer is not JSON.");
    *ret = root;
    return 0;
}

static size_t from_file(char *to, size_t size, size_t n, void *context)
{
    ssize_t got = read(*(const int *)context, to, size * n);
    return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

int remote_upload(struct remote *r, const char *path, const char *name, int fd, const char *purpose,
    struct strbuf *answer, struct error *e)
{
    char error[CURL_ERROR_SIZE];
    struct stat st;
    CURL *c = prepare(r, path, r->headers, error);
    if (c == NULL)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    curl_mime *form = curl_mime_init(c);
    curl_mimepart *part = curl_mime_addpart(form);
    bool sized = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    curl_mime_name(part, "file");
    curl_mime_filename(part, name);
    curl_mime_data_cb(part, sized ? st.st_size : -1, from_file, NULL, NULL, &fd);
    if (purpose != NULL) {
        part = curl_mime_addpart(form);
        curl_mime_name(part, "purpose");
        curl_mime_data(part, purpose, CURL_ZERO_TERMINATED);
    }
    curl_easy_setopt(c, CURLOPT_MIMEPOST, form);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, into_buffer);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, answer);
    int result = finish(r, c, error, answer, e);
    curl_mime_free(form);
    return result;
}

/* ---- events ---------------------------------------------------------------------------------------- */

struct streaming {
    struct remote *remote;
    const struct remote_stream *stream;
};

/* A whole event: its lines, NUL-terminated. */
static void event_taken(const struct streaming *s, char *text)
{
    char *data = strncmp(text, "data:", 5) == 0 ? text : strstr(text, "\ndata:");
    if (data == NULL)
        return;
    data = strchr(data, ':') + 1;
    data[strcspn(data, "\n")] = '\0';
    json_t *root = json_loads(data, 0, NULL);
    if (root != NULL)
        s->stream->event(s->stream->context, root);
    json_decref(root);
}

static size_t into_events(char *data, size_t size, size_t n, void *context)
{
    const struct streaming *s = context;
    struct strbuf *b = &s->remote->event;
    char *end;
    if (strbuf_append(b, data, size * n) < 0)
        return 0;
    while (b->length > 0 && (end = memmem(b->data, b->length, "\n\n", 2)) != NULL) {
        size_t used = (size_t)(end - b->data) + 2;
        *end = '\0';
        event_taken(s, b->data);
        memmove(b->data, b->data + used, b->length - used);
        b->length -= used;
        b->data[b->length] = '\0';
    }
    return n;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct streaming *s = context;
    (void)a, (void)b, (void)c, (void)d;
    return s->stream->tick == NULL ? 0 : s->stream->tick(s->stream->context);
}

int remote_stream(struct remote *r, const char *path, const char *body,
    const struct remote_stream *stream, struct error *e)
{
    char error[CURL_ERROR_SIZE];
    struct streaming s = {r, stream};
    CURL *c = prepare(r, path, r->json_headers, error);
    if (c == NULL)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    strbuf_clear(&r->event);
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, into_events);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &s);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, &s);
    return finish(r, c, error, &r->event, e);
}
