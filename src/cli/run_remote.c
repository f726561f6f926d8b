/* run_remote.c - `cloche run --session`: the same job against a live session of a server, by HTTP.
 *
 * The code runs as a cell of that session, its outputs arrive as server-sent events. The server is
 * believed no more than the sandbox: sizes are bounded, names go through run_out.c. */
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json_writer.h"
#include "cli/commands.h"
#include "cli/run.h"

enum { ANSWER_MAX = 256 << 20, EVENT_MAX = 64 << 20 };

struct remote {
    const struct run_options *o;
    char base[1024];                           /* URL of the session, without a slash at the end */
    struct curl_slist *headers, *json_headers; /* the latter with a content type */
    struct strbuf event;                       /* one server-sent event, as it comes */
    json_t *record;                            /* the execution object, once it is complete */
    struct run_out out;
    bool failed;
};

static volatile sig_atomic_t interrupts;

static void on_signal(int number)
{
    (void)number;
    interrupts++;
}

/* ---- one request --------------------------------------------------------------------------------- */

static size_t into_buffer(char *data, size_t size, size_t n, void *to)
{
    return strbuf_append(to, data, size * n) == 0 ? n : 0;
}

static CURL *request(const struct remote *r, const char *path, const struct curl_slist *headers,
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
    if (strncmp(r->o->url, "unix:", 5) == 0)
        curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, r->o->url + 5);
    return c;
}

/* Says why a request failed: what the server wrote, or what curl met. */
static int complain(
    const struct remote *r, CURLcode code, long status, const char *error, const char *body)
{
    char shown[256];
    json_t *root = json_loads(body, 0, NULL);
    const char *message =
        json_string_value(json_object_get(json_object_get(root, "error"), "message"));
    if (code != CURLE_OK)
        command_fail("run", 0, "%s: %s.", r->o->url, error[0] ? error : curl_easy_strerror(code));
    else
        command_fail("run", 0, "the server answered %ld: %s", status,
            run_printable(message ? message : "", shown));
    json_decref(root);
    return -EIO;
}

/* A request with a body of JSON (NULL: GET) and an answer of at most ANSWER_MAX. */
static int exchange(
    const struct remote *r, const char *path, const char *body, struct strbuf *answer)
{
    char error[CURL_ERROR_SIZE];
    long status = 0;
    CURL *c = request(r, path, r->json_headers, error);
    if (c == NULL)
        return -ENOMEM;
    if (body != NULL)
        curl_easy_setopt(c, CURLOPT_COPYPOSTFIELDS, body);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, into_buffer);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, answer);
    CURLcode code = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(c);
    return code == CURLE_OK && status / 100 == 2
               ? 0
               : complain(r, code, status, error, strbuf_text(answer));
}

static size_t from_file(char *to, size_t size, size_t n, void *context)
{
    ssize_t got = read(*(const int *)context, to, size * n);
    return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

static int upload(const struct remote *r, struct run_file *f)
{
    char error[CURL_ERROR_SIZE];
    long status = 0;
    struct stat st;
    cleanup_strbuf struct strbuf answer = STRBUF_INIT(1 << 20);
    CURL *c = request(r, "/files", r->headers, error);
    if (c == NULL)
        return -ENOMEM;
    curl_mime *form = curl_mime_init(c);
    curl_mimepart *part = curl_mime_addpart(form);
    bool sized = fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode);
    curl_mime_name(part, "file");
    curl_mime_filename(part, f->name);
    curl_mime_data_cb(part, sized ? st.st_size : -1, from_file, NULL, NULL, &f->fd);
    curl_easy_setopt(c, CURLOPT_MIMEPOST, form);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, into_buffer);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &answer);
    CURLcode code = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_mime_free(form);
    curl_easy_cleanup(c);
    return code == CURLE_OK && status / 100 == 2
               ? 0
               : complain(r, code, status, error, strbuf_text(&answer));
}

/* ---- events ---------------------------------------------------------------------------------------- */

static void picture(struct remote *r, const char *extension, const char *mime, const char *text)
{
    size_t length = strlen(text), n = length;
    cleanup_free unsigned char *data = malloc(length + 1);
    if (data == NULL)
        return;
    memcpy(data, text, length);
    if (strcmp(mime, "image/svg+xml") != 0 && sodium_base642bin(data, length, text, length, "\r\n",
                                                  &n, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
        return;
    cleanup_fd int fd = memfd_create("figure", MFD_CLOEXEC);
    if (fd >= 0 && fd_write_all(fd, data, n) == 0)
        run_out_figure(&r->out, extension, fd);
}

static void display(struct remote *r, const json_t *data)
{
    const char *mime;
    json_t *value;
    json_object_foreach ((json_t *)data, mime, value) {
        const char *extension = run_picture_extension(mime);
        if (extension != NULL && json_is_string(value)) {
            picture(r, extension, mime, json_string_value(value));
            return;
        }
    }
    value = json_object_get(data, "text/plain");
    if (json_is_string(value))
        printf("%s\n", json_string_value(value));
}

static void output(struct remote *r, const json_t *o)
{
    const char *type = json_string_value(json_object_get(o, "type"));
    const json_t *text = json_object_get(o, "text");
    if (type == NULL || r->o->json)
        return;
    if (strcmp(type, "stdout") == 0 || strcmp(type, "stderr") == 0) {
        FILE *to = strcmp(type, "stdout") == 0 ? stdout : stderr;
        fwrite(json_string_value(text) ? json_string_value(text) : "", 1, json_string_length(text),
            to);
        fflush(to);
    } else if (strcmp(type, "error") == 0) {
        size_t i;
        json_t *line;
        json_array_foreach (json_object_get(o, "traceback"), i, line)
            fprintf(stderr, "%s\n", json_is_string(line) ? json_string_value(line) : "");
    } else if (strcmp(type, "display_data") == 0) {
        display(r, json_object_get(o, "data"));
    }
    fflush(stdout);
}

static void asked(struct remote *r, const json_t *event)
{
    cleanup_strbuf struct strbuf line = STRBUF_INIT(1 << 20), body = STRBUF_INIT(8 << 20),
                                 answer = STRBUF_INIT(1 << 20);
    const char *prompt = json_string_value(json_object_get(event, "prompt"));
    char shown[256];
    run_read_line(run_printable(prompt ? prompt : "", shown),
        json_is_true(json_object_get(event, "password")), &line);
    struct json_writer w = JSON_WRITER(&body);
    jw_begin_object(&w);
    jw_field_bytes(&w, "text", strbuf_text(&line), line.length);
    jw_end(&w);
    exchange(r, "/input", strbuf_text(&body), &answer);
}

/* A whole event: its lines, NUL-terminated. */
static void event(struct remote *r, char *text)
{
    char *data = strncmp(text, "data:", 5) == 0 ? text : strstr(text, "\ndata:");
    if (data == NULL)
        return;
    data = strchr(data, ':') + 1;
    data[strcspn(data, "\n")] = '\0';
    json_t *root = json_loads(data, 0, NULL);
    const char *type = json_string_value(json_object_get(root, "type"));
    if (type == NULL)
        ;
    else if (strcmp(type, "execution.output") == 0)
        output(r, json_object_get(root, "output"));
    else if (strcmp(type, "execution.input_requested") == 0)
        asked(r, root);
    else if (strcmp(type, "execution.completed") == 0 && r->record == NULL)
        r->record = json_incref(json_object_get(root, "execution"));
    json_decref(root);
}

static size_t into_events(char *data, size_t size, size_t n, void *context)
{
    struct remote *r = context;
    if (strbuf_append(&r->event, data, size * n) < 0)
        return 0;
    char *end;
    while (
        r->event.length > 0 && (end = memmem(r->event.data, r->event.length, "\n\n", 2)) != NULL) {
        size_t used = (size_t)(end - r->event.data) + 2;
        *end = '\0';
        event(r, r->event.data);
        memmove(r->event.data, r->event.data + used, r->event.length - used);
        r->event.length -= used;
        r->event.data[r->event.length] = '\0';
    }
    return n;
}

/* Called by curl about once a second and whenever something moves: passes Ctrl-C on. */
static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    static sig_atomic_t passed;
    (void)a, (void)b, (void)c, (void)d;
    if (interrupts > passed) {
        cleanup_strbuf struct strbuf answer = STRBUF_INIT(1 << 20);
        exchange(context, passed == 0 ? "/interrupt" : "/restart", "", &answer);
        passed = interrupts;
    }
    return 0;
}

static int execute(
    struct remote *r, const char *code, size_t length, bool stream, struct strbuf *answer)
{
    char error[CURL_ERROR_SIZE];
    long status = 0;
    cleanup_strbuf struct strbuf body = STRBUF_INIT(16 << 20);
    struct json_writer w = JSON_WRITER(&body);
    jw_begin_object(&w);
    jw_field_bytes(&w, "code", code, length);
    jw_field_bool(&w, "stream", stream);
    if (r->o->timeout_ms > 0)
        jw_field_double(&w, "timeout", (double)r->o->timeout_ms / 1000);
    jw_end(&w);
    if (!stream)
        return exchange(r, "/execute", strbuf_text(&body), answer);
    CURL *c = request(r, "/execute", r->json_headers, error);
    if (c == NULL)
        return -ENOMEM;
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, strbuf_text(&body));
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)body.length);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, into_events);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, r);
    CURLcode result = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(c);
    return result == CURLE_OK && status / 100 == 2
               ? 0
               : complain(r, result, status, error, strbuf_text(&r->event));
}

/* ---- the whole ------------------------------------------------------------------------------------- */

static int code_read(int fd, struct strbuf *to)
{
    struct stat st;
    *to = STRBUF_INIT(RUN_CODE_MAX + 1);
    char *at = fstat(fd, &st) == 0 && st.st_size <= RUN_CODE_MAX
                   ? strbuf_reserve(to, (size_t)st.st_size)
                   : NULL;
    if (at == NULL || pread(fd, at, (size_t)st.st_size, 0) != st.st_size)
        return -EIO;
    to->length = (size_t)st.st_size;
    at[st.st_size] = '\0';
    return 0;
}

/* sys.argv is set by a cell of its own, so that line numbers stay the file's. */
static int arguments_set(struct remote *r)
{
    cleanup_strbuf struct strbuf list = STRBUF_INIT(8 << 20), code = STRBUF_INIT(8 << 20),
                                 answer = STRBUF_INIT(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&list);
    jw_begin_array(&w);
    jw_text(&w, r->o->script);
    for (int i = 0; i < r->o->n_args; i++)
        jw_text(&w, r->o->args[i]);
    jw_end(&w);
    strbuf_printf(&code, "import sys\nsys.argv = %s\n", strbuf_text(&list));
    return r->o->n_args == 0 ? 0 : execute(r, strbuf_text(&code), code.length, false, &answer);
}

static void made(struct remote *r)
{
    size_t i;
    json_t *file;
    json_array_foreach (json_object_get(r->record, "files"), i, file) {
        const char *id = json_string_value(json_object_get(file, "id"));
        const char *path = json_string_value(json_object_get(file, "path"));
        uint64_t bytes = (uint64_t)json_integer_value(json_object_get(file, "bytes"));
        char at[256];
        if (id == NULL || path == NULL ||
            id[strspn(id, "abcdefghijklmnopqrstuvwxyz_-0123456789")] != '\0')
            continue;
        path += strncmp(path, "/mnt/data/", 10) == 0 ? 10 : 0;
        cleanup_fd int fd = -1;
        cleanup_strbuf struct strbuf content = STRBUF_INIT(ANSWER_MAX);
        snprintf(at, sizeof(at), "/files/%.100s/content", id);
        if (r->o->out_fd >= 0 && exchange(r, at, NULL, &content) == 0) {
            fd = memfd_create("made", MFD_CLOEXEC);
            if (fd >= 0 && fd_write_all(fd, strbuf_text(&content), content.length) < 0)
                fd_close(&fd);
            bytes = content.length;
        }
        r->out.failed |= r->o->out_fd >= 0 && fd < 0;
        run_out_file(&r->out, path, fd, bytes);
    }
}

static int exit_code(const json_t *record)
{
    const char *status = json_string_value(json_object_get(record, "status"));
    const json_t *error = json_object_get(record, "error");
    const char *name = json_string_value(json_object_get(error, "name"));
    const char *value = json_string_value(json_object_get(error, "value"));
    if (status == NULL)
        return EXIT_CLOCHE;
    if (strcmp(status, "completed") == 0)
        return 0;
    if (strcmp(status, "timeout") == 0)
        return 124;
    if (strcmp(status, "interrupted") == 0)
        return 130;
    if (strcmp(status, "error") != 0)
        return 137;
    bool number = name != NULL && strcmp(name, "SystemExit") == 0 && value != NULL &&
                  isdigit((unsigned char)value[0]);
    return number ? (int)(strtol(value, NULL, 10) & 255) : 1;
}

static int session_used(struct remote *r)
{
    cleanup_strbuf struct strbuf code = {0};
    int result = code_read(r->o->code, &code);
    for (size_t i = 0; i < r->o->files && result == 0; i++)
        result = upload(r, &r->o->file[i]);
    if (result == 0)
        result = arguments_set(r);
    if (result == 0)
        result = execute(r, strbuf_text(&code), code.length, true, NULL);
    if (result == 0 && r->record == NULL)
        result = command_fail("run", -EIO, "The server's answer ended too early.");
    if (result < 0)
        return EXIT_CLOCHE;
    if (r->o->json) {
        json_dumpf(r->record, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
        putchar('\n');
    }
    made(r);
    run_out_end(&r->out);
    int code_of_program = exit_code(r->record);
    return r->out.failed && code_of_program == 0 ? EXIT_CLOCHE : code_of_program;
}

int run_remote(struct run_options *o)
{
    const char *key = getenv("CLOCHE_API_KEY");
    char field[512];
    struct remote r = {.o = o, .event = STRBUF_INIT(EVENT_MAX), .out = {.dir = o->out_fd}};
    if (o->url == NULL || o->url[0] == '\0')
        o->url = "http://127.0.0.1:8000";
    if (o->session[strspn(o->session,
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-0123456789")] != '\0')
        return command_fail("run", EXIT_CLOCHE, "\"%s\" is no session's id.", o->session);
    int length = (int)strlen(o->url);
    while (length > 0 && o->url[length - 1] == '/')
        length--;
    bool local = strncmp(o->url, "unix:", 5) == 0;
    snprintf(r.base, sizeof(r.base), "%.*s/v1/containers/%s", local ? 16 : length,
        local ? "http://localhost" : o->url, o->session);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (sodium_init() < 0)
        return command_fail("run", EXIT_CLOCHE, "libsodium cannot start.");
    r.json_headers =
        curl_slist_append(curl_slist_append(NULL, "Content-Type: application/json"), "Expect:");
    r.headers = curl_slist_append(NULL, "Expect:");
    if (key != NULL && key[0] != '\0') {
        snprintf(field, sizeof(field), "Authorization: Bearer %.400s", key);
        r.headers = curl_slist_append(r.headers, field);
        r.json_headers = curl_slist_append(r.json_headers, field);
    }
    sigaction(SIGINT, &(struct sigaction){.sa_handler = on_signal}, NULL);
    int code = session_used(&r);
    curl_slist_free_all(r.headers);
    curl_slist_free_all(r.json_headers);
    json_decref(r.record);
    strbuf_deinit(&r.event);
    curl_global_cleanup();
    return code;
}
