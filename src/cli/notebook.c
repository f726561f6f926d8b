/* notebook.c - `cloche notebook`: new, run, export. Runs go through a server, its own or the one at --url. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/ids.h"
#include "base/json_writer.h"
#include "cli/commands.h"
#include "cli/own_server.h"
#include "cli/remote.h"
#include "cli/run.h"
#include "notebook/notebook.h"

static const char help[] =
    "usage: cloche notebook new FILE.ipynb [FILE.py]\n"
    "       cloche notebook run FILE.ipynb [--out FILE] [FLAG]...\n"
    "       cloche notebook export ID [--format ipynb|py|html] [--out FILE] [FLAG]...\n\n"
    "new     makes a notebook that is empty, or holds a script's `# %%` cells; never overwrites\n"
    "run     runs its code cells in order, in one fresh session, and writes it with what they showed:\n"
    "        to --out, or back to FILE. Stops at the first cell that fails, unless --keep-going\n"
    "export  writes what was run in a container (cntr_...), a response (resp_...) or a thread\n"
    "        (thread_...) of a server: to --out, or to standard output\n\n"
    "  --out FILE          where to write; - is standard output\n"
    "  --file PATH         run: put this file beside the notebook's code; may be repeated\n"
    "  --environment NAME  run: whose packages it sees\n"
    "  --timeout S         run: of each cell. Default: 60\n"
    "  --keep-going        run: go on after a cell that failed\n"
    "  --format FORMAT     export: ipynb, py or html. Default: by --out's name, else ipynb\n"
    "  --url URL           the server to use (CLOCHE_URL; key from CLOCHE_API_KEY). Without it, `run` starts\n"
    "                      one of its own and `export` asks http://127.0.0.1:8000\n"
    "  --environments DIR  where environments are (CLOCHE_ENVIRONMENTS)\n\n"
    "exit codes: 0 done; 1 a cell failed, or it could not be done; 2 wrong usage\n";

enum {
    OPTION_OUT = COMMAND_LONG,
    OPTION_FILE,
    OPTION_ENVIRONMENT,
    OPTION_TIMEOUT,
    OPTION_KEEP_GOING,
    OPTION_FORMAT,
    OPTION_URL,
    OPTION_ENVIRONMENTS,
};
static const struct option longs[] = {
    {"out", required_argument, NULL, OPTION_OUT},
    {"file", required_argument, NULL, OPTION_FILE},
    {"environment", required_argument, NULL, OPTION_ENVIRONMENT},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"keep-going", no_argument, NULL, OPTION_KEEP_GOING},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"url", required_argument, NULL, OPTION_URL},
    {"environments", required_argument, NULL, OPTION_ENVIRONMENTS},
    {0},
};
enum { FILES_MAX = 256, DOCUMENT_MAX = 256 << 20 };

struct options {
    const char *out, *environment, *format, *url, *environments;
    const char *file[FILES_MAX];
    size_t files;
    long long timeout_s;
    bool keep_going;
};

static int fail(const struct error *e)
{
    char shown[256];
    return command_fail("notebook", EXIT_FAILED, "%s", run_printable(e->message, shown));
}

/* ---- files of the user -------------------------------------------------------------------------------- */

static int read_file(const char *path, struct strbuf *to)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;
    char *at;
    while (fd >= 0 && (at = strbuf_reserve(to, 64 << 10)) && (n = read(fd, at, 64 << 10)) > 0) {
        to->length += (size_t)n;
        to->data[to->length] = '\0';
    }
    if (fd < 0 || n != 0)
        return command_fail("notebook", EXIT_FAILED, "Cannot read %s: %s.", path,
            to->failed ? "it is too large" : strerror(errno));
    return 0;
}

/* Whole or not at all: beside its place, then renamed. `exclusive`: what is there stays. */
static int write_file(const char *path, const struct strbuf *text, bool exclusive)
{
    if (strcmp(path, "-") == 0)
        return fd_write_all(STDOUT_FILENO, text->data, text->length) < 0 ? EXIT_FAILED : 0;
    char part[4096];
    snprintf(part, sizeof(part), "%.4000s.part-%d", path, (int)getpid());
    cleanup_fd int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    int r = fd < 0 ? -errno : fd_write_all(fd, text->data, text->length);
    if (r == 0 && (exclusive ? link(part, path) : rename(part, path)) < 0)
        r = -errno;
    if (fd >= 0 && (r < 0 || exclusive))
        unlink(part);
    return r < 0 ? command_fail("notebook", EXIT_FAILED, "Cannot write %s: %s.", path, strerror(-r))
                 : 0;
}

static int write_notebook(
    const struct notebook *book, enum notebook_format f, const char *path, bool exclusive)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(DOCUMENT_MAX);
    if (notebook_write(book, f, &text) < 0)
        return command_fail("notebook", EXIT_FAILED, "The notebook is too large to write.");
    return write_file(path, &text, exclusive);
}

/* ---- new ---------------------------------------------------------------------------------------------- */

/* A script's cells: between lines that begin with `# %%`; those marked [markdown] without their `# `. */
static int script_cells(struct notebook *book, const char *text)
{
    int r = 0;
    while (*text && r == 0) {
        const char *next = strstr(text, "\n# %%");
        size_t n = next ? (size_t)(next + 1 - text) : strlen(text);
        const char *body = text;
        bool markdown = false;
        if (strncmp(text, "# %%", 4) == 0) {
            const char *line = memchr(text, '\n', n);
            body = line ? line + 1 : text + n;
            markdown = memmem(text, (size_t)(body - text), "[markdown]", 10) != NULL;
        }
        size_t length = n - (size_t)(body - text);
        while (length && (body[length - 1] == '\n' || body[length - 1] == '\r'))
            length--;
        cleanup_strbuf struct strbuf plain = STRBUF_INIT(DOCUMENT_MAX);
        for (size_t i = 0; markdown && i < length;) {
            size_t skip = body[i] == '#' ? (i + 1 < length && body[i + 1] == ' ' ? 2 : 1) : 0;
            const char *end = memchr(body + i, '\n', length - i);
            size_t line = end ? (size_t)(end - body) + 1 - i : length - i;
            strbuf_append(&plain, body + i + skip, line - skip);
            i += line;
        }
        if (markdown)
            r = notebook_markdown(book, NULL, strbuf_text(&plain), plain.length);
        else if (length)
            r = notebook_code(book, body, length, 0, NULL);
        text += n;
    }
    return r;
}

static int notebook_make(int argc, char **argv)
{
    if (argc < 1 || argc > 2)
        return command_fail("notebook", EXIT_USAGE, "new: needs FILE.ipynb, and perhaps FILE.py.");
    cleanup_strbuf struct strbuf script = STRBUF_INIT(16 << 20);
    int r = argc == 2 ? read_file(argv[1], &script) : 0;
    struct notebook *book = r == 0 ? notebook_new(NULL) : NULL;
    if (r == 0 && (book == NULL || script_cells(book, strbuf_text(&script)) < 0))
        r = command_fail("notebook", EXIT_FAILED, "Out of memory.");
    if (r == 0)
        r = write_notebook(book, NOTEBOOK_IPYNB, argv[0], true);
    notebook_free(book);
    return r;
}

/* ---- run ---------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

struct cell_run {
    struct remote *server;
    const char *container;
    json_t *record;
    bool passed; /* Ctrl-C was passed on */
};

static void cell_event(void *context, json_t *data)
{
    struct cell_run *c = context;
    const char *type = json_string_value(json_object_get(data, "type"));
    if (type && strcmp(type, "execution.completed") == 0 && c->record == NULL)
        c->record = json_incref(json_object_get(data, "execution"));
}

static int cell_tick(void *context)
{
    struct cell_run *c = context;
    char path[200];
    if (!interrupted || c->passed)
        return 0;
    c->passed = true;
    json_t *answer = NULL;
    snprintf(path, sizeof(path), "/containers/%s/interrupt", c->container);
    remote_json(c->server, "POST", path, "", &answer, NULL);
    json_decref(answer);
    return 0;
}

/* What runs a notebook's cells. */
struct cells_run {
    const struct options *options;
    struct remote *server;
    const char *container;
    struct notebook *book;
    struct error *e;
};

/* One cell: 0 it completed, 1 it did not, or -errno with `e`. After Ctrl-C the rest is left out. */
static int run_cell(void *context, size_t i, const char *code, size_t length)
{
    struct cells_run *all = context;
    char path[200], shown[256];
    if (interrupted)
        return 0;
    cleanup_strbuf struct strbuf body = STRBUF_INIT(32 << 20);
    struct json_writer w = JSON_WRITER(&body);
    jw_begin_object(&w);
    jw_field_bytes(&w, "code", code, length);
    jw_field_bool(&w, "stream", true);
    jw_field_int(&w, "timeout", all->options->timeout_s);
    jw_end(&w);
    struct cell_run c = {.server = all->server, .container = all->container};
    struct remote_stream stream = {.context = &c, .event = cell_event, .tick = cell_tick};
    snprintf(path, sizeof(path), "/containers/%s/execute", all->container);
    int r = remote_stream(all->server, path, strbuf_text(&body), &stream, all->e);
    if (r == 0 && c.record == NULL)
        r = error_set(all->e, ERROR_INTERNAL, EPROTO, "The server's answer ended too early.");
    if (r == 0 && (r = notebook_set_execution(all->book, i, c.record)) < 0)
        r = error_set(all->e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    if (r == 1) {
        const char *status = json_string_value(json_object_get(c.record, "status"));
        command_fail("notebook", 0, "cell %zu: %s.", i + 1,
            run_printable(status ? status : "no status", shown));
    }
    json_decref(c.record);
    return r;
}

static int files_sent(
    const struct options *o, struct remote *server, const char *container, struct error *e)
{
    char path[200];
    snprintf(path, sizeof(path), "/containers/%s/files", container);
    for (size_t i = 0; i < o->files; i++) {
        char name[4096];
        cleanup_strbuf struct strbuf answer = STRBUF_INIT(1 << 20);
        cleanup_fd int fd = open(o->file[i], O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return error_set(e, ERROR_INVALID_VALUE, errno, "Cannot read %.150s: %s.", o->file[i],
                strerror(errno));
        snprintf(name, sizeof(name), "%s", o->file[i]);
        int r = remote_upload(server, path, basename(name), fd, NULL, &answer, e);
        if (r < 0)
            return r;
    }
    return 0;
}

static int container_made(
    const struct options *o, struct remote *server, json_t **ret, struct error *e)
{
    cleanup_strbuf struct strbuf body = STRBUF_INIT(4096);
    struct json_writer w = JSON_WRITER(&body);
    jw_begin_object(&w);
    jw_field_string(&w, "name", "notebook");
    if (o->environment)
        jw_field_string(&w, "environment", o->environment);
    jw_end(&w);
    return remote_json(server, "POST", "/containers", strbuf_text(&body), ret, e);
}

/* All cells on that server. 0, 1 when a cell failed, or -errno with `e`. */
static int run_cells(
    const struct options *o, struct remote *server, struct notebook *book, struct error *e)
{
    json_t *container = NULL, *gone = NULL;
    int r = container_made(o, server, &container, e);
    const char *id = json_string_value(json_object_get(container, "id"));
    if (r == 0 && (id == NULL || !id_valid(id)))
        r = error_set(e, ERROR_INTERNAL, EPROTO, "The server's answer names no container.");
    if (r == 0)
        r = files_sent(o, server, id, e);
    struct cells_run all = {o, server, id, book, e};
    if (r == 0)
        r = notebook_each_code(book, o->keep_going, run_cell, &all);
    if (id != NULL && id_valid(id)) {
        char path[200];
        struct error ignored;
        snprintf(path, sizeof(path), "/containers/%.64s", id);
        remote_json(server, "DELETE", path, NULL, &gone, &ignored);
    }
    json_decref(gone);
    json_decref(container);
    return r < 0 ? r : r || interrupted;
}

static int notebook_run(const struct options *o, int argc, char **argv)
{
    struct error e = {0};
    struct own_server own = {0};
    struct own_server_spec spec = {.environments = o->environments};
    struct remote server = {0};
    struct notebook *book = NULL;
    if (argc != 1)
        return command_fail("notebook", EXIT_USAGE, "run: needs one FILE.ipynb.");
    cleanup_strbuf struct strbuf text = STRBUF_INIT(DOCUMENT_MAX);
    int r = read_file(argv[0], &text);
    if (r != 0)
        return r;
    r = notebook_read(strbuf_text(&text), text.length, &book, &e);
    sigaction(SIGINT, &(struct sigaction){.sa_handler = on_signal}, NULL);
    bool here = o->url == NULL || o->url[0] == '\0';
    if (r == 0 && here)
        r = own_server_start(&spec, &own, &e);
    if (r == 0)
        r = remote_init(
            &server, here ? own.url : o->url, here ? NULL : getenv("CLOCHE_API_KEY"), &e);
    if (r == 0)
        r = run_cells(o, &server, book, &e);
    remote_deinit(&server);
    own_server_stop(&own);
    int code = r < 0 ? fail(&e) : r;
    /* what was run is written, also when a cell failed: its traceback is in there */
    if (r >= 0 && write_notebook(book, NOTEBOOK_IPYNB, o->out ? o->out : argv[0], false) != 0)
        code = EXIT_FAILED;
    notebook_free(book);
    return code;
}

/* ---- export ------------------------------------------------------------------------------------------- */

static const char *format_of(const struct options *o)
{
    const char *dot = o->out ? strrchr(o->out, '.') : NULL;
    enum notebook_format f;
    if (o->format)
        return o->format;
    return dot && notebook_format_parse(dot + 1, &f) == 0 ? dot + 1 : "ipynb";
}

static int notebook_export(const struct options *o, int argc, char **argv)
{
    static const struct {
        const char *prefix, *path;
    } kinds[] = {{"cntr_", "containers"}, {"resp_", "responses"}, {"thread_", "threads"}};
    enum notebook_format f;
    struct error e = {0};
    struct remote server = {0};
    const char *path = NULL;
    char at[300];
    if (argc != 1)
        return command_fail("notebook", EXIT_USAGE, "export: needs one ID.");
    if (notebook_format_parse(format_of(o), &f) < 0)
        return command_fail("notebook", EXIT_USAGE, "--format: ipynb, py or html.");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strncmp(argv[0], kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
            path = kinds[i].path;
    if (path == NULL || !id_valid(argv[0]))
        return command_fail("notebook", EXIT_USAGE,
            "export: \"%.80s\" is no id of a container, a response or a thread.", argv[0]);
    snprintf(at, sizeof(at), "/%s/%s/notebook?format=%s", path, argv[0], format_of(o));
    cleanup_strbuf struct strbuf text = STRBUF_INIT(DOCUMENT_MAX);
    int r = remote_init(&server, o->url, getenv("CLOCHE_API_KEY"), &e);
    if (r == 0)
        r = remote_request(&server, "GET", at, NULL, &text, &e);
    remote_deinit(&server);
    return r < 0 ? fail(&e) : write_file(o->out ? o->out : "-", &text, false);
}

/* 0, an exit code, or -1 when help was printed. */
static int parse(int argc, char **argv, struct options *o)
{
    int option;
    while ((option = command_option(argc, argv, "", longs)) != -1) {
        switch (option) {
        case OPTION_OUT: o->out = optarg; break;
        case OPTION_FILE:
            if (o->files == FILES_MAX)
                return command_fail("notebook", EXIT_USAGE, "--file: at most %d.", FILES_MAX);
            o->file[o->files++] = optarg;
            break;
        case OPTION_ENVIRONMENT: o->environment = optarg; break;
        case OPTION_TIMEOUT:
            if (command_number(optarg, 1, 86400, &o->timeout_s) < 0)
                return command_fail("notebook", EXIT_USAGE, "--timeout: 1 to 86400 seconds.");
            break;
        case OPTION_KEEP_GOING: o->keep_going = true; break;
        case OPTION_FORMAT: o->format = optarg; break;
        case OPTION_URL: o->url = optarg; break;
        case OPTION_ENVIRONMENTS: o->environments = optarg; break;
        case 'h': fputs(help, stdout); return -1;
        default: return EXIT_USAGE;
        }
    }
    return 0;
}

int command_notebook(int argc, char **argv)
{
    struct options o = {.url = getenv("CLOCHE_URL"),
        .environments = getenv("CLOCHE_ENVIRONMENTS"),
        .timeout_s = 60};
    int r = parse(argc, argv, &o);
    if (r != 0)
        return r < 0 ? 0 : r;
    if (optind >= argc)
        return command_fail(
            "notebook", EXIT_USAGE, "new, run or export? See `cloche notebook --help`.");
    const char *verb = argv[optind++];
    argc -= optind;
    argv += optind;
    if (strcmp(verb, "new") == 0)
        return notebook_make(argc, argv);
    if (strcmp(verb, "run") == 0)
        return notebook_run(&o, argc, argv);
    if (strcmp(verb, "export") == 0)
        return notebook_export(&o, argc, argv);
    return command_fail(
        "notebook", EXIT_USAGE, "there is no `notebook %.40s`: new, run or export.", verb);
}
