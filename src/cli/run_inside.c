/* run_inside.c - `cloche __run`: the unprivileged process below a one-shot supervisor that runs one
 * script in one session and tells the receiver (run.c) what came of it.
 *
 * The main thread makes the session, executes and hands files over; a second one listens to the
 * receiver, for Ctrl-C and answers to input(). When the receiver is gone, so is the point of all
 * this: the process ends, and with it the supervisor and everything below. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/confine.h"
#include "cli/plan_build.h"
#include "cli/run.h"
#include "env/environment.h"
#include "ipc/message.h"
#include "session/session.h"

enum {
    LINK = PLAN_KEEP_FIRST,
    ARGUMENTS_MAX = 1 << 20,
    RECORD_MAX = 192 << 20,
    FILE_STEP = 1 << 20
};

struct inside {
    struct inheritance inherited;
    struct sessions *sessions;
    struct session *session;
    char environment[ENVIRONMENT_NAME_SIZE];
    int64_t timeout_ms;
    uint64_t flags;
    struct strbuf code, arguments, stdin_data;
    bool has_stdin;
    struct strbuf line; /* of an answer to input(), as it comes */
};

static const struct permit permits[] = {
    {RUN_START, 2, 4, true},
    {RUN_FILE, 1, 1, true},
    {RUN_GO, 0, 0, false},
    {RUN_KILL, 0, 0, false},
    {RUN_INTERRUPT, 0, 0, false},
    {RUN_LINE, 0, 0, true},
};

static int tell(const struct message *m, int fd)
{
    return message_send(LINK, m, &fd, fd >= 0 ? 1 : 0);
}

/* The last word to the receiver. */
static int ended(int code, const char *why)
{
    struct message m = {.op = RUN_END, .word = {(uint64_t)code}};
    message_text(&m, "%s", why);
    tell(&m, -1);
    return 0;
}

/* ---- what to run ----------------------------------------------------------------------------------- */

static int slurp(int fd, size_t max, struct strbuf *to)
{
    *to = STRBUF_INIT(max + 1);
    for (;;) {
        char *at = strbuf_reserve(to, 64 << 10);
        if (at == NULL)
            return -E2BIG;
        ssize_t n = read(fd, at, 64 << 10);
        if (n <= 0)
            return n < 0 ? -errno : 0;
        to->length += (size_t)n;
        to->data[to->length] = '\0';
    }
}

/* The one that offers what the code imports, when none was named. */
static void environment_pick(struct inside *in, const char *named)
{
    struct environment *list = NULL;
    size_t n = 0;
    struct imports *needed = calloc(1, sizeof(*needed));
    snprintf(
        in->environment, sizeof(in->environment), "%.63s", named[0] ? named : ENVIRONMENT_BASE);
    if (named[0] == '\0' && needed != NULL &&
        environment_list(in->inherited.environments_dir, &list, &n) == 0 && n > 0) {
        imports_scan(strbuf_text(&in->code), in->code.length, needed);
        size_t best = environment_for_imports(list, n, needed);
        snprintf(in->environment, sizeof(in->environment), "%s", list[best].name);
    }
    environment_list_free(list, n);
    free(needed);
}

static int start_taken(
    struct inside *in, const struct message *m, const int *fds, int n, struct error *e)
{
    in->timeout_ms = (int64_t)m->word[0];
    in->flags = m->word[1];
    bool folder = in->flags & RUN_FOLDER;
    in->has_stdin = n > (folder ? 3 : 2);
    if (slurp(fds[0], RUN_CODE_MAX, &in->code) < 0 ||
        slurp(fds[1], ARGUMENTS_MAX, &in->arguments) < 0 ||
        (in->has_stdin && slurp(fds[2], RUN_STDIN_MAX, &in->stdin_data) < 0))
        return error_set(
            e, ERROR_INVALID_VALUE, 0, "The program, its arguments or its input are too long.");
    environment_pick(in, m->text);
    struct sessions_config config;
    sessions_config_defaults(&config);
    config.one_shot = true;
    config.folder = folder ? fds[n - 1] : -1;
    config.default_environment = in->environment;
    int r = sessions_start(&config, NULL, &in->inherited, &in->sessions, e);
    if (r == 0 && (r = sessions_announce(in->sessions)) < 0)
        error_set(e, ERROR_INTERNAL, -r, "The supervisor does not answer.");
    struct session_spec spec = {.project = "default", .environment = in->environment};
    return r < 0 ? r : session_create(in->sessions, &spec, &in->session, e);
}

static int file_taken(struct inside *in, const char *path, int fd, struct error *e)
{
    struct upload *u;
    struct session_file made = {0};
    char *part = malloc(FILE_STEP);
    int r = part == NULL ? -ENOMEM : session_upload_begin(in->session, path, &u, e);
    if (r < 0) {
        free(part);
        return r;
    }
    ssize_t n = 0;
    while (r == 0 && (n = read(fd, part, FILE_STEP)) > 0)
        r = upload_write(u, part, (size_t)n, e);
    free(part);
    if (r == 0 && n < 0)
        r = error_set(
            e, ERROR_INVALID_VALUE, errno, "Cannot read %.100s: %s.", path, strerror(errno));
    if (r < 0) {
        upload_abort(u);
        return r;
    }
    r = upload_commit(u, &made, e);
    if (r == 0)
        session_file_deinit(&made);
    return r;
}

/* Everything the receiver sends before RUN_GO. */
static int prepare(struct inside *in, struct error *e)
{
    static struct message m;
    for (;;) {
        int fds[4];
        int n = message_receive(LINK, &m, fds, 4);
        int r = n < 0 ? n : message_permitted(permits, sizeof(permits) / sizeof(permits[0]), &m, n);
        if (r < 0)
            return error_set(e, ERROR_INTERNAL, -r, "The command went away.");
        if (m.op == RUN_START)
            r = in->session != NULL ? -EBADMSG : start_taken(in, &m, fds, n, e);
        else if (m.op == RUN_FILE)
            r = in->session == NULL ? -EBADMSG : file_taken(in, m.text, fds[0], e);
        else if (m.op == RUN_KILL || m.op == RUN_INTERRUPT)
            r = error_set(e, ERROR_UNAVAILABLE, EINTR, "Interrupted.");
        fds_close(fds, 4);
        if (r < 0 || m.op == RUN_GO)
            return r;
    }
}

/* ---- while it runs ---------------------------------------------------------------------------------- */

static void line_taken(struct inside *in, const struct message *m)
{
    strbuf_append(&in->line, m->text, m->length);
    if (m->word[0] != 0)
        return;
    session_input(in->session, strbuf_text(&in->line), in->line.length, NULL);
    strbuf_clear(&in->line);
}

static void *listen_to_receiver(void *context)
{
    struct inside *in = context;
    static struct message m;
    for (;;) {
        int fd, n = message_receive(LINK, &m, &fd, 1);
        bool running;
        char id[ID_SIZE];
        if (n < 0)
            _exit(EXIT_CLOCHE); /* nobody is there to hear of it */
        fd_close(&fd);
        if (m.op == RUN_INTERRUPT)
            session_interrupt(in->session, &running, id, NULL);
        else if (m.op == RUN_KILL)
            session_restart(in->session, NULL);
        else if (m.op == RUN_LINE)
            line_taken(in, &m);
    }
    return NULL;
}

static void on_raw(void *context, enum output_kind kind, const void *data, size_t n)
{
    (void)context;
    if (fd_write_all(kind == OUTPUT_STDERR ? STDERR_FILENO : STDOUT_FILENO, data, n) != -EPIPE)
        return;
    ended(128 + SIGPIPE, ""); /* nobody reads on, as in `cloche run x.py | head` */
    _exit(0);
}

static void on_input(void *context, const struct execution *x, const char *prompt, bool password)
{
    (void)context;
    (void)x;
    struct message m = {.op = RUN_ASK, .word = {password}};
    message_text(&m, "%s", prompt);
    tell(&m, -1);
}

static void figure_sent(const char *extension, const struct output_part *part)
{
    struct message m = {.op = RUN_FIGURE};
    message_text(&m, "%s", extension);
    cleanup_fd int fd = memfd_create("figure", MFD_CLOEXEC);
    if (fd >= 0 && fd_write_all(fd, part->data, part->length) == 0)
        tell(&m, fd);
}

/* A picture goes to the receiver; of anything else its plain text is printed, as a terminal would. */
static void shown(const struct output *o)
{
    for (size_t i = 0; i < o->parts; i++) {
        const char *extension = run_picture_extension(o->part[i].mime);
        if (extension != NULL) {
            figure_sent(extension, &o->part[i]);
            return;
        }
    }
    for (size_t i = 0; i < o->parts; i++)
        if (strcmp(o->part[i].mime, "text/plain") == 0) {
            fd_write_all(STDOUT_FILENO, o->part[i].data, o->part[i].length);
            fd_write_all(STDOUT_FILENO, "\n", 1);
        }
}

static void traceback_shown(const struct output *o)
{
    for (size_t i = 0; i < o->traceback_lines; i++) {
        size_t n = strlen(o->traceback[i]);
        fd_write_all(STDERR_FILENO, o->traceback[i], n);
        if (n == 0 || o->traceback[i][n - 1] != '\n')
            fd_write_all(STDERR_FILENO, "\n", 1);
    }
}

/* As python3 itself: SystemExit shows nothing but a message it carries. A module that is missing is the
 * one error that Cloche can say more about than Python. */
static void error_shown(const struct inside *in, const struct output *o)
{
    if (strcmp(o->name, "SystemExit") != 0)
        traceback_shown(o);
    if (strcmp(o->name, "ModuleNotFoundError") == 0)
        dprintf(STDERR_FILENO,
            "cloche run: the environment '%s' has no such module. `cloche env list` says what is built where it "
            "looks (--environments), `cloche env build data-science` builds the usual one, and --environment NAME "
            "chooses.\n",
            in->environment);
    else if (o->value[strspn(o->value, "-0123456789")] != '\0' && strcmp(o->value, "None") != 0)
        dprintf(STDERR_FILENO, "%s\n", o->value);
}

static void on_output(void *context, const struct execution *x, const struct output *o)
{
    const struct inside *in = context;
    (void)x;
    bool json = in->flags & RUN_JSON;
    if (o->kind == OUTPUT_DISPLAY || o->kind == OUTPUT_RESULT) {
        if (!json)
            shown(o);
    } else if (o->kind == OUTPUT_ERROR && !json) {
        error_shown(in, o);
    }
}

static int execute(struct inside *in, struct execution *ret, struct error *e)
{
    size_t n = 0;
    const char *end = strbuf_text(&in->arguments) + in->arguments.length;
    for (const char *at = strbuf_text(&in->arguments); at < end; at += strlen(at) + 1)
        n++;
    const char **argv = calloc(n + 1, sizeof(*argv));
    if (argv == NULL)
        return -ENOMEM;
    n = 0;
    for (const char *at = strbuf_text(&in->arguments); at < end; at += strlen(at) + 1)
        argv[n++] = at;
    struct execute_spec spec = {
        .code = strbuf_text(&in->code),
        .code_length = in->code.length,
        .script = true,
        .argv = argv,
        .argc = n,
        .timeout_ms = in->timeout_ms > 0 ? in->timeout_ms : -1,
        .stdin_data = in->has_stdin ? strbuf_text(&in->stdin_data) : NULL,
        .stdin_length = in->stdin_data.length,
        .streamed = in->flags & RUN_ASKS,
        .callbacks = {.context = in, .on_output = on_output},
    };
    if (!(in->flags & RUN_JSON))
        spec.callbacks.on_raw = on_raw;
    if (in->flags & RUN_ASKS)
        spec.callbacks.on_input = on_input;
    int r = session_execute(in->session, &spec, ret, e);
    free(argv);
    return r;
}

/* ---- afterwards ------------------------------------------------------------------------------------- */

static void made_sent(struct inside *in, const struct execution *x)
{
    for (size_t i = 0; i < x->files; i++) {
        const struct session_file *f = &x->file[i].file;
        struct message m = {.op = RUN_MADE, .word = {f->bytes, x->file[i].modified}};
        struct file_reader reader = {.fd = -1};
        struct error e = {0};
        message_text(&m, "%s", f->path);
        if (strlen(f->path) > MESSAGE_TEXT_MAX)
            continue;
        if ((in->flags & RUN_KEEPS) && session_file_open(in->session, f->path, &reader, &e) < 0) {
            char text[256];
            command_fail(
                "run", 0, "%s could not be read: %s", run_printable(f->path, text), e.message);
            continue;
        }
        tell(&m, reader.fd);
        if (reader.fd >= 0)
            file_reader_deinit(&reader);
    }
}

static int json_printed(const struct execution *x)
{
    struct strbuf text = STRBUF_INIT(RECORD_MAX);
    int r = execution_to_json(x, &text);
    if (r == 0)
        r = strbuf_puts(&text, "\n");
    if (r == 0)
        r = fd_write_all(STDOUT_FILENO, text.data, text.length);
    strbuf_deinit(&text);
    return r;
}

/* Why it ended is among the execution's notes. */
static int exit_code(const struct execution *x)
{
    switch (x->status) {
    case EXECUTION_TIMEOUT: return 124;
    case EXECUTION_OUT_OF_MEMORY: return 137;
    case EXECUTION_INTERRUPTED:
        if (!x->exited)
            return x->error != NULL || x->reset ? 130 : 0; /* the program may have caught it */
        return x->exit_code & 255;
    case EXECUTION_KILLED: return x->exit_code & 255;
    case EXECUTION_ERROR: return x->exited ? x->exit_code & 255 : 1;
    default: return x->exited ? x->exit_code & 255 : 0;
    }
}

static int run(struct inside *in)
{
    struct error e = {0};
    struct execution x = {0};
    pthread_t listener;
    int r = prepare(in, &e);
    if (r == 0 && pthread_create(&listener, NULL, listen_to_receiver, in) != 0)
        r = error_set(&e, ERROR_INTERNAL, EAGAIN, "No thread can be had.");
    if (r == 0)
        r = execute(in, &x, &e);
    if (r < 0)
        return ended(EXIT_CLOCHE, e.message[0] ? e.message : strerror(-r));
    if (in->flags & RUN_JSON)
        r = json_printed(&x);
    for (size_t i = 0; i < x.notes && !(in->flags & RUN_JSON); i++)
        fprintf(stderr, "cloche run: %s\n", x.note[i]);
    made_sent(in, &x);
    return r < 0 ? ended(EXIT_CLOCHE, "The result could not be printed.")
                 : ended(exit_code(&x), "");
}

int command_run_inside(int argc, char **argv)
{
    static struct inside in;
    struct error e = {0};
    (void)argc;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    log_configure(LOG_WARN, LOG_TEXT);
    in.line = STRBUF_INIT(4 << 20);
    if (fcntl(LINK, F_GETFD) < 0)
        return command_fail(argv[0], EXIT_USAGE, "is started by `cloche run`, not by people.");
    fcntl(LINK, F_SETFD, FD_CLOEXEC);
    int r = inheritance_receive(SERVER_LINK_FD, &in.inherited, &e);
    if (r == 0)
        r = confine_self(-1, &e); /* what it makes of outputs goes out by messages */
    if (r < 0)
        return ended(EXIT_CLOCHE, e.message);
    /* Nothing is freed: the end of this process is the end of the supervisor and all below it. */
    r = run(&in);
    fflush(NULL);
    _exit(r);
}
