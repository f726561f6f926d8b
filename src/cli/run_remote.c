/* run_remote.c - `cloche run --session`: the same job against a live session of a server, by HTTP.
 *
 * The code runs as a cell of that session, its outputs arrive as server-sent events. The server is
 * believed no more than the sandbox: sizes are bounded, names go through run_out.c. */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json_writer.h"
#include "cli/commands.h"
#include "cli/remote.h"
#include "cli/run.h"

struct job {
    const struct run_options *o;
    struct remote server;
    char at[200];   /* path of the session */
    json_t *record; /* the execution object, once it is complete */
    struct run_out out;
};

static volatile sig_atomic_t interrupts;

static void on_signal(int number)
{
    (void)number;
    interrupts++;
}

/* ---- one request --------------------------------------------------------------------------------- */

/* A request below the session; what went wrong was said. */
static int ask(struct job *j, const char *below, const char *body, struct strbuf *answer)
{
    char path[500], shown[256];
    struct error e = {0};
    snprintf(path, sizeof(path), "%s%s", j->at, below);
    int r = remote_request(&j->server, body ? "POST" : "GET", path, body, answer, &e);
    return r < 0 ? command_fail("run", r, "%s", run_printable(e.message, shown)) : 0;
}

static int upload(struct job *j, const struct run_file *f)
{
    char path[300], shown[256];
    struct error e = {0};
    cleanup_strbuf struct strbuf answer = STRBUF_INIT(1 << 20);
    snprintf(path, sizeof(path), "%s/files", j->at);
    int r = remote_upload(&j->server, path, f->name, f->fd, NULL, &answer, &e);
    return r < 0 ? command_fail("run", r, "%s", run_printable(e.message, shown)) : 0;
}

/* ---- events ---------------------------------------------------------------------------------------- */

static void picture(struct job *j, const char *extension, const char *mime, const char *text)
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
        run_out_figure(&j->out, extension, fd);
}

static void display(struct job *j, const json_t *data)
{
    const char *mime;
    json_t *value;
    json_object_foreach ((json_t *)data, mime, value) {
        const char *extension = run_picture_extension(mime);
        if (extension != NULL && json_is_string(value)) {
            picture(j, extension, mime, json_string_value(value));
            return;
        }
    }
    value = json_object_get(data, "text/plain");
    if (json_is_string(value))
        printf("%s\n", json_string_value(value));
}

static void output(struct job *j, const json_t *o)
{
    const char *type = json_string_value(json_object_get(o, "type"));
    const json_t *text = json_object_get(o, "text");
    if (type == NULL || j->o->json)
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
        display(j, json_object_get(o, "data"));
    }
    fflush(stdout);
}

static void asked(struct job *j, const json_t *event)
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
    ask(j, "/input", strbuf_text(&body), &answer);
}

static void event(void *context, json_t *data)
{
    struct job *j = context;
    const char *type = json_string_value(json_object_get(data, "type"));
    if (type == NULL)
        return;
    if (strcmp(type, "execution.output") == 0)
        output(j, json_object_get(data, "output"));
    else if (strcmp(type, "execution.input_requested") == 0)
        asked(j, data);
    else if (strcmp(type, "execution.completed") == 0 && j->record == NULL)
        j->record = json_incref(json_object_get(data, "execution"));
}

/* Passes Ctrl-C on. */
static int tick(void *context)
{
    static sig_atomic_t passed;
    if (interrupts > passed) {
        cleanup_strbuf struct strbuf answer = STRBUF_INIT(1 << 20);
        ask(context, passed == 0 ? "/interrupt" : "/restart", "", &answer);
        passed = interrupts;
    }
    return 0;
}

static int execute(struct job *j, const char *code, size_t length, bool stream)
{
    char path[300], shown[256];
    struct error e = {0};
    cleanup_strbuf struct strbuf body = STRBUF_INIT(16 << 20);
    struct json_writer w = JSON_WRITER(&body);
    jw_begin_object(&w);
    jw_field_bytes(&w, "code", code, length);
    jw_field_bool(&w, "stream", stream);
    if (j->o->timeout_ms > 0)
        jw_field_double(&w, "timeout", (double)j->o->timeout_ms / 1000);
    jw_end(&w);
    if (!stream) {
        cleanup_strbuf struct strbuf answer = STRBUF_INIT(REMOTE_ANSWER_MAX);
        return ask(j, "/execute", strbuf_text(&body), &answer);
    }
    struct remote_stream events = {.context = j, .event = event, .tick = tick};
    snprintf(path, sizeof(path), "%s/execute", j->at);
    int r = remote_stream(&j->server, path, strbuf_text(&body), &events, &e);
    return r < 0 ? command_fail("run", r, "%s", run_printable(e.message, shown)) : 0;
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
static int arguments_set(struct job *j)
{
    cleanup_strbuf struct strbuf list = STRBUF_INIT(8 << 20), code = STRBUF_INIT(8 << 20);
    struct json_writer w = JSON_WRITER(&list);
    jw_begin_array(&w);
    jw_text(&w, j->o->script);
    for (int i = 0; i < j->o->n_args; i++)
        jw_text(&w, j->o->args[i]);
    jw_end(&w);
    strbuf_printf(&code, "import sys\nsys.argv = %s\n", strbuf_text(&list));
    return j->o->n_args == 0 ? 0 : execute(j, strbuf_text(&code), code.length, false);
}

static void made(struct job *j)
{
    size_t i;
    json_t *file;
    json_array_foreach (json_object_get(j->record, "files"), i, file) {
        const char *id = json_string_value(json_object_get(file, "id"));
        const char *path = json_string_value(json_object_get(file, "path"));
        uint64_t bytes = (uint64_t)json_integer_value(json_object_get(file, "bytes"));
        char at[256];
        if (id == NULL || path == NULL ||
            id[strspn(id, "abcdefghijklmnopqrstuvwxyz_-0123456789")] != '\0')
            continue;
        path += strncmp(path, "/mnt/data/", 10) == 0 ? 10 : 0;
        cleanup_fd int fd = -1;
        cleanup_strbuf struct strbuf content = STRBUF_INIT(REMOTE_ANSWER_MAX);
        snprintf(at, sizeof(at), "/files/%.100s/content", id);
        if (j->o->out_fd >= 0 && ask(j, at, NULL, &content) == 0) {
            fd = memfd_create("made", MFD_CLOEXEC);
            if (fd >= 0 && fd_write_all(fd, strbuf_text(&content), content.length) < 0)
                fd_close(&fd);
            bytes = content.length;
        }
        j->out.failed |= j->o->out_fd >= 0 && fd < 0;
        run_out_file(&j->out, path, fd, bytes);
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

static int session_used(struct job *j)
{
    cleanup_strbuf struct strbuf code = {0};
    int result = code_read(j->o->code, &code);
    for (size_t i = 0; i < j->o->files && result == 0; i++)
        result = upload(j, &j->o->file[i]);
    if (result == 0)
        result = arguments_set(j);
    if (result == 0)
        result = execute(j, strbuf_text(&code), code.length, true);
    if (result == 0 && j->record == NULL)
        result = command_fail("run", -EIO, "The server's answer ended too early.");
    if (result < 0)
        return EXIT_CLOCHE;
    if (j->o->json) {
        json_dumpf(j->record, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
        putchar('\n');
    }
    made(j);
    run_out_end(&j->out);
    int code_of_program = exit_code(j->record);
    return j->out.failed && code_of_program == 0 ? EXIT_CLOCHE : code_of_program;
}

int run_remote(struct run_options *o)
{
    struct error e = {0};
    struct job j = {.o = o, .out = {.dir = o->out_fd}};
    if (o->session[strspn(o->session,
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-0123456789")] != '\0' ||
        strlen(o->session) > 64)
        return command_fail("run", EXIT_CLOCHE, "\"%.100s\" is no session's id.", o->session);
    snprintf(j.at, sizeof(j.at), "/containers/%s", o->session);
    if (remote_init(&j.server, o->url, getenv("CLOCHE_API_KEY"), &e) < 0)
        return command_fail("run", EXIT_CLOCHE, "%s", e.message);
    if (sodium_init() < 0)
        return command_fail("run", EXIT_CLOCHE, "libsodium cannot start.");
    sigaction(SIGINT, &(struct sigaction){.sa_handler = on_signal}, NULL);
    int code = session_used(&j);
    json_decref(j.record);
    remote_deinit(&j.server);
    return code;
}
