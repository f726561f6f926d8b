/* chat.c - `cloche chat`: a conversation with a model that has a code interpreter, on a terminal.
 *
 * A client like any other: it streams POST /v1/responses of the server at --url, or of one of its own, and
 * fetches the files that answers cite into the current folder. */
#include "cli/chat.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json_writer.h"
#include "cli/commands.h"
#include "cli/own_server.h"
#include "notebook/notebook.h"

static const char help[] =
    "usage: cloche chat [FLAG]... [FILE]...\n\n"
    "Talks to a language model that runs Python in a sandbox, and shows its code and what comes of it while\n"
    "that happens. Files that answers name land in the current folder; nothing is overwritten. Without any\n"
    "model configured the offline analyst answers, by rules. If standard input is no terminal, each of its\n"
    "lines is a message.\n\n"
    "  --model NAME        who answers: openai/gpt-…, anthropic/claude-…, ollama/…, offline (MODEL)\n"
    "  --environment NAME  whose packages the code sees\n"
    "  --url URL           a server that runs already (CLOCHE_URL; key from CLOCHE_API_KEY); else one is\n"
    "                      started, and gone at the end\n"
    "  --environments DIR  where environments are (CLOCHE_ENVIRONMENTS)\n\n"
    "FILEs lie in the session from the first message on. In the conversation:\n\n"
    "  /file PATH          put a file into the session\n"
    "  /model [NAME]       say or change who answers\n"
    "  /save FILE          write the conversation as .ipynb, .py or .html\n"
    "  /new                begin another conversation, in a fresh session\n"
    "  /quit               end (also Ctrl-D)\n\n"
    "Ctrl-C interrupts the code that runs, and the session keeps its variables; when none runs, it ends the\n"
    "answer.\n\n"
    "environment: TEMPERATURE, and MAX_ITERATIONS (12), the most executions for one message\n"
    "exit codes: 0 ended; 1 it could not go on; 2 wrong usage\n";

enum {
    OPTION_MODEL = COMMAND_LONG,
    OPTION_ENVIRONMENT,
    OPTION_URL,
    OPTION_ENVIRONMENTS,
};
static const struct option longs[] = {
    {"model", required_argument, NULL, OPTION_MODEL},
    {"environment", required_argument, NULL, OPTION_ENVIRONMENT},
    {"url", required_argument, NULL, OPTION_URL},
    {"environments", required_argument, NULL, OPTION_ENVIRONMENTS},
    {0},
};

struct chat {
    struct remote server;
    struct chat_line *line;
    struct run_out out; /* the current folder */
    char model[256];    /* "": the server's default */
    const char *environment;
    double temperature;      /* NAN: the model's own */
    long long most;          /* executions for one message */
    char previous[ID_SIZE];  /* the last response, or "" */
    char container[ID_SIZE]; /* the session, or "" */
    char *shown[4096];       /* ids of the container's files that were fetched */
    size_t shown_count;
    struct chat_view view;
    sig_atomic_t passed;
};

static volatile sig_atomic_t interrupts;

static void on_signal(int number)
{
    (void)number;
    interrupts++;
}

static int say(const struct error *e)
{
    char shown[256];
    return command_fail("chat", EXIT_FAILED, "%s", run_printable(e->message, shown));
}

/* ---- the session and its files ------------------------------------------------------------------------- */

static int session_begin(struct chat *c, struct error *e)
{
    json_t *container = NULL;
    cleanup_strbuf struct strbuf body = STRBUF_INIT(4096);
    struct json_writer w = JSON_WRITER(&body);
    if (c->container[0])
        return 0;
    jw_begin_object(&w);
    jw_field_string(&w, "name", "chat");
    if (c->environment)
        jw_field_string(&w, "environment", c->environment);
    jw_end(&w);
    int r = remote_json(&c->server, "POST", "/containers", strbuf_text(&body), &container, e);
    const char *id = json_string_value(json_object_get(container, "id"));
    if (r == 0 && id && id_valid(id))
        snprintf(c->container, sizeof(c->container), "%s", id);
    else if (r == 0)
        r = error_set(e, ERROR_INTERNAL, EPROTO, "The server's answer names no container.");
    json_decref(container);
    return r;
}

static void session_end(struct chat *c)
{
    char path[128];
    struct error ignored;
    json_t *answer = NULL;
    if (!c->container[0])
        return;
    snprintf(path, sizeof(path), "/containers/%s", c->container);
    remote_json(&c->server, "DELETE", path, NULL, &answer, &ignored);
    json_decref(answer);
    c->container[0] = c->previous[0] = '\0';
}

static int file_sent(struct chat *c, const char *given)
{
    char name[4096], path[128];
    struct error e = {0};
    cleanup_strbuf struct strbuf answer = STRBUF_INIT(1 << 20);
    cleanup_fd int fd = open(given, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return command_fail("chat", EXIT_FAILED, "Cannot read %s: %s.", given, strerror(errno));
    snprintf(name, sizeof(name), "%s", given);
    int r = session_begin(c, &e);
    snprintf(path, sizeof(path), "/containers/%s/files", c->container);
    if (r == 0)
        r = remote_upload(&c->server, path, basename(name), fd, NULL, &answer, &e);
    if (r == 0)
        printf("%s is in the session.\n", given);
    return r < 0 ? say(&e) : 0;
}

static bool seen_before(struct chat *c, const char *id)
{
    for (size_t i = 0; i < c->shown_count; i++)
        if (strcmp(c->shown[i], id) == 0)
            return true;
    if (c->shown_count < sizeof(c->shown) / sizeof(c->shown[0]))
        c->shown[c->shown_count++] = strdup(id);
    return false;
}

/* A file that the answer cites, into the current folder. */
static void file_fetched(struct chat *c, json_t *citation)
{
    char path[300];
    struct error e = {0};
    const char *id = json_string_value(json_object_get(citation, "file_id"));
    const char *container = json_string_value(json_object_get(citation, "container_id"));
    const char *name = json_string_value(json_object_get(citation, "filename"));
    if (!id || !container || !name || !id_valid(id) || !id_valid(container) || seen_before(c, id))
        return;
    cleanup_strbuf struct strbuf content = STRBUF_INIT(REMOTE_ANSWER_MAX);
    snprintf(path, sizeof(path), "/containers/%s/files/%s/content", container, id);
    if (remote_request(&c->server, "GET", path, NULL, &content, &e) < 0) {
        say(&e);
        return;
    }
    cleanup_fd int fd = memfd_create("file", MFD_CLOEXEC);
    if (fd < 0 || fd_write_all(fd, strbuf_text(&content), content.length) < 0)
        return;
    bool figure = json_integer_value(json_object_get(citation, "end_index")) == 0;
    const char *dot = strrchr(name, '.');
    if (figure && dot && (strcmp(dot, ".png") == 0 || strcmp(dot, ".jpg") == 0))
        run_out_figure(&c->out, dot + 1, fd);
    else
        run_out_file(&c->out, name, fd, content.length);
}

/* ---- one message ---------------------------------------------------------------------------------------- */

static void event(void *context, json_t *data)
{
    struct chat *c = context;
    chat_view_event(&c->view, data);
}

static int tick(void *context)
{
    struct chat *c = context;
    char path[128];
    struct error ignored;
    json_t *answer = NULL;
    if (interrupts == c->passed)
        return 0;
    c->passed = interrupts;
    if (!c->view.executing)
        return 1; /* the server ends an answer that nobody reads */
    snprintf(path, sizeof(path), "/containers/%s/interrupt", c->container);
    remote_json(&c->server, "POST", path, "", &answer, &ignored);
    json_decref(answer);
    return 0;
}

static void request_write(const struct chat *c, const char *text, struct strbuf *to)
{
    struct json_writer w = JSON_WRITER(to);
    jw_begin_object(&w);
    jw_field_string(&w, "model", c->model[0] ? c->model : "default");
    jw_field_string(&w, "input", text);
    jw_field_bool(&w, "stream", true);
    jw_field_object(&w, "stream_options");
    jw_field_bool(&w, "cloche_events", true);
    jw_end(&w);
    jw_field_array(&w, "tools");
    jw_begin_object(&w);
    jw_field_string(&w, "type", "code_interpreter");
    jw_field_string(&w, "container", c->container);
    jw_end(&w);
    jw_end(&w);
    jw_field_int(&w, "max_tool_calls", c->most);
    if (!isnan(c->temperature))
        jw_field_double(&w, "temperature", c->temperature);
    if (c->previous[0])
        jw_field_string(&w, "previous_response_id", c->previous);
    jw_end(&w);
}

static int message_sent(struct chat *c, const char *text)
{
    char status[256], why[256];
    struct error e = {0};
    size_t i;
    json_t *citation;
    cleanup_strbuf struct strbuf body = STRBUF_INIT(16 << 20);
    const struct remote_stream stream = {.context = c, .event = event, .tick = tick};
    if (session_begin(c, &e) < 0)
        return say(&e);
    request_write(c, text, &body);
    chat_view_init(&c->view, isatty(STDOUT_FILENO) && !getenv("NO_COLOR"));
    c->passed = interrupts;
    int r = remote_stream(&c->server, "/responses", strbuf_text(&body), &stream, &e);
    chat_view_end(&c->view);
    printf("\n");
    if (r == 0 && strcmp(c->view.status, "completed") == 0 && id_valid(c->view.response))
        snprintf(c->previous, sizeof(c->previous), "%s", c->view.response);
    else if (r == 0)
        command_fail("chat", 0, "the answer is %s: %s",
            run_printable(c->view.status[0] ? c->view.status : "cut off", status),
            run_printable(c->view.failure[0] ? c->view.failure : "No reason was given.", why));
    json_array_foreach (c->view.citations, i, citation)
        file_fetched(c, citation);
    chat_view_deinit(&c->view);
    if (r == -ECANCELED) {
        printf("(interrupted)\n");
        return 0;
    }
    return r < 0 ? say(&e) : 0;
}

/* ---- commands ------------------------------------------------------------------------------------------- */

static int conversation_saved(struct chat *c, const char *to)
{
    enum notebook_format f;
    char path[256];
    struct error e = {0};
    const char *dot = strrchr(to, '.');
    if (!dot || notebook_format_parse(dot + 1, &f) < 0)
        return command_fail(
            "chat", EXIT_FAILED, "/save: name a file that ends in .ipynb, .py or .html.");
    if (!c->previous[0])
        return command_fail("chat", EXIT_FAILED, "There is nothing to save yet.");
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REMOTE_ANSWER_MAX);
    snprintf(path, sizeof(path), "/responses/%s/notebook?format=%s", c->previous, dot + 1);
    if (remote_request(&c->server, "GET", path, NULL, &text, &e) < 0)
        return say(&e);
    cleanup_fd int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 || fd_write_all(fd, strbuf_text(&text), text.length) < 0)
        return command_fail("chat", EXIT_FAILED, "Cannot write %s: %s.", to, strerror(errno));
    printf("Saved %s.\n", to);
    return 0;
}

/* "/word rest": true when the line is that command; `rest` stands at its argument. */
static bool is_command(const char *line, const char *word, const char **rest)
{
    size_t n = strlen(word);
    if (strncmp(line, word, n) != 0 || (line[n] != '\0' && line[n] != ' '))
        return false;
    *rest = line + n + strspn(line + n, " ");
    return true;
}

/* false: the conversation is over. */
static bool command(struct chat *c, const char *line)
{
    const char *rest;
    if (is_command(line, "/quit", &rest) || is_command(line, "/exit", &rest))
        return false;
    if (is_command(line, "/file", &rest)) {
        if (rest[0])
            file_sent(c, rest);
        else
            command_fail("chat", 0, "/file: name a file.");
    } else if (is_command(line, "/model", &rest)) {
        if (rest[0])
            snprintf(c->model, sizeof(c->model), "%s", rest);
        printf("%s answers.\n", c->model[0] ? c->model : "The server's default model");
    } else if (is_command(line, "/save", &rest)) {
        conversation_saved(c, rest);
    } else if (is_command(line, "/new", &rest)) {
        session_end(c);
        printf("A fresh session.\n");
    } else if (is_command(line, "/help", &rest)) {
        fputs(strstr(help, "  /file PATH"), stdout);
    } else {
        command_fail("chat", 0, "there is no command \"%.40s\"; /help lists them.", line);
    }
    return true;
}

static int converse(struct chat *c)
{
    const char *line;
    int r = 0;
    bool terminal = chat_line_is_terminal(c->line);
    if (terminal)
        printf("cloche chat: ask, or /help. Ctrl-D ends.\n");
    while ((line = chat_line_read(c->line))) {
        if (!line[strspn(line, " \t")])
            continue;
        if (line[0] == '/') {
            if (!command(c, line))
                break;
            continue;
        }
        r = message_sent(c, line);
        if (r != 0 && !terminal)
            return r; /* a script of messages stops at the first that failed */
    }
    return terminal ? 0 : r;
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

/* 0, an exit code, or -1 when help was printed. */
static int parse(int argc, char **argv, struct chat *c, const char **url, const char **environments)
{
    int option;
    while ((option = command_option(argc, argv, "", longs)) != -1) {
        switch (option) {
        case OPTION_MODEL: snprintf(c->model, sizeof(c->model), "%s", optarg); break;
        case OPTION_ENVIRONMENT: c->environment = optarg; break;
        case OPTION_URL: *url = optarg; break;
        case OPTION_ENVIRONMENTS: *environments = optarg; break;
        case 'h': fputs(help, stdout); return -1;
        default: return EXIT_USAGE;
        }
    }
    return 0;
}

/* 0 or an exit code: a value that is none is said, not replaced. */
static int environment_read(struct chat *c)
{
    const char *temperature = getenv("TEMPERATURE"), *rounds = getenv("MAX_ITERATIONS");
    char *end;
    c->temperature = NAN;
    c->most = 12;
    if (temperature && temperature[0]) {
        c->temperature = strtod(temperature, &end);
        if (*end || !(c->temperature >= 0 && c->temperature <= 2))
            return command_fail("chat", EXIT_USAGE, "TEMPERATURE: a number from 0 to 2.");
    }
    if (rounds && rounds[0] && command_number(rounds, 1, 1000, &c->most) < 0)
        return command_fail("chat", EXIT_USAGE, "MAX_ITERATIONS: a number from 1 to 1000.");
    return 0;
}

int command_chat(int argc, char **argv)
{
    static struct chat c;
    struct error e = {0};
    struct own_server own = {0};
    const char *url = getenv("CLOCHE_URL"), *model = getenv("MODEL");
    struct own_server_spec spec = {.environments = getenv("CLOCHE_ENVIRONMENTS")};
    snprintf(c.model, sizeof(c.model), "%s", model ? model : "");
    int r = parse(argc, argv, &c, &url, &spec.environments);
    if (r == 0)
        r = environment_read(&c);
    if (r != 0)
        return r < 0 ? 0 : r;
    bool here = !url || !url[0];
    c.line = chat_line_new();
    c.out.dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sigaction(SIGINT, &(struct sigaction){.sa_handler = on_signal}, NULL);
    r = here ? own_server_start(&spec, &own, &e) : 0;
    if (r == 0)
        r = remote_init(
            &c.server, here ? own.url : url, here ? NULL : getenv("CLOCHE_API_KEY"), &e);
    int code = r < 0 ? say(&e) : 0;
    for (int i = optind; i < argc && code == 0; i++)
        code = file_sent(&c, argv[i]);
    if (code == 0)
        code = converse(&c);
    session_end(&c);
    remote_deinit(&c.server);
    own_server_stop(&own);
    chat_line_free(c.line);
    for (size_t i = 0; i < c.shown_count; i++)
        free(c.shown[i]);
    fd_close(&c.out.dir);
    return code;
}
