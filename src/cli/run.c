/* run.c - `cloche run`: the command line, what is opened before anything runs, and the receiver. */
#include "cli/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/commands.h"
#include "cli/paths.h"
#include "cli/plan_build.h"
#include "cli/run_input.h"
#include "env/generation.h"
#include "ipc/message.h"

static const char help[] =
    "usage: cloche run FILE.py|- [FLAG]... [-- ARGUMENT...]\n\n"
    "Runs one Python file as __main__ in a fresh sandbox that is gone afterwards; needs no server. Its\n"
    "working directory is /mnt/data, standard input and output are its own, sys.argv is FILE and the\n"
    "ARGUMENTs.\n\n"
    "  --file PATH         put this file beside the program, under its own name; may be repeated\n"
    "  --out DIR           keep what it makes, and figures it shows as figure-1.png ...; never\n"
    "                      overwrites (`name (2).ext`). Without it, what was made is named and dropped\n"
    "  --dir DIR           work on a folder of yours: it is mounted as /mnt/data, its owner the program's\n"
    "  --copy              with --dir: copy the files in and changed ones back instead; the way of an\n"
    "                      ordinary user, of file systems that cannot map owners, and with --file\n"
    "  --environment NAME  whose packages it sees; without it, the smallest that holds its imports\n"
    "  --timeout S         end it after so many seconds; without it, never\n"
    "  --json              print the execution object (status, outputs, files) and nothing else\n"
    "  --session ID        run it in a live session of the server at --url instead\n"
    "  --url URL           that server (CLOCHE_URL; key from CLOCHE_API_KEY). Default:\n"
    "                      http://127.0.0.1:8000\n"
    "  --environments DIR  where environments are (CLOCHE_ENVIRONMENTS)\n\n"
    "A pipe as standard input is read to its end before the program starts, if the program mentions\n"
    "stdin, input or a subprocess. Ctrl-C interrupts the program, a second one kills it.\n\n"
    "exit codes: the program's own; 1 an exception (traceback on standard error); 124 out of time;\n"
    "137 out of memory; 128+n killed by signal n; 125 Cloche could not run it, or wrong usage\n";

enum {
    OPTION_FILE = COMMAND_LONG,
    OPTION_OUT,
    OPTION_DIR,
    OPTION_COPY,
    OPTION_SESSION,
    OPTION_ENVIRONMENT,
    OPTION_TIMEOUT,
    OPTION_JSON,
    OPTION_URL,
    OPTION_ENVIRONMENTS
};

static const struct option longs[] = {
    {"file", required_argument, NULL, OPTION_FILE},
    {"out", required_argument, NULL, OPTION_OUT},
    {"dir", required_argument, NULL, OPTION_DIR},
    {"copy", no_argument, NULL, OPTION_COPY},
    {"session", required_argument, NULL, OPTION_SESSION},
    {"environment", required_argument, NULL, OPTION_ENVIRONMENT},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"json", no_argument, NULL, OPTION_JSON},
    {"url", required_argument, NULL, OPTION_URL},
    {"environments", required_argument, NULL, OPTION_ENVIRONMENTS},
    {0},
};

static int timeout_parse(const char *text, int64_t *ret_ms)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds >= 0.001 && seconds <= 1e7))
        return command_fail("run", EXIT_CLOCHE, "--timeout: \"%s\" is no number of seconds.", text);
    *ret_ms = (int64_t)(seconds * 1000);
    return 0;
}

/* 0, an exit code, or -1 when help was printed. */
static int parse(int argc, char **argv, struct run_options *o)
{
    int option, r = 0;
    while (r == 0 && (option = command_option(argc, argv, "", longs)) != -1) {
        switch (option) {
        case OPTION_FILE: r = run_input_file(o, optarg); break;
        case OPTION_OUT: o->out = optarg; break;
        case OPTION_DIR: o->dir = optarg; break;
        case OPTION_COPY: o->copies = true; break;
        case OPTION_SESSION: o->session = optarg; break;
        case OPTION_ENVIRONMENT: o->environment = optarg; break;
        case OPTION_TIMEOUT: r = timeout_parse(optarg, &o->timeout_ms); break;
        case OPTION_JSON: o->json = true; break;
        case OPTION_URL: o->url = optarg; break;
        case OPTION_ENVIRONMENTS: o->environments = optarg; break;
        case 'h': fputs(help, stdout); return -1;
        default: return EXIT_CLOCHE;
        }
    }
    if (r != 0)
        return r;
    if (optind >= argc)
        return command_fail("run", EXIT_CLOCHE, "needs a file to run, or - for standard input.");
    o->script = argv[optind++];
    /* words behind FILE are its arguments, with or without "--" before them */
    o->args = argv + optind;
    o->n_args = argc - optind;
    if (o->environment != NULL && !environment_name_valid(o->environment))
        return command_fail(
            "run", EXIT_CLOCHE, "\"%s\" is no name of an environment.", o->environment);
    if (o->out != NULL && o->dir != NULL)
        return command_fail("run", EXIT_CLOCHE, "--out and --dir exclude each other.");
    if (o->copies && o->dir == NULL)
        return command_fail("run", EXIT_CLOCHE, "--copy goes with --dir.");
    if (o->session != NULL && (o->dir != NULL || o->environment != NULL))
        return command_fail("run", EXIT_CLOCHE,
            "A session has its environment and folder already: "
            "--session goes without --dir and --environment.");
    return 0;
}

/* ---- the sandbox ------------------------------------------------------------------------------------- */

static int supervisor_plan(const struct run_options *o, struct plan *plan)
{
    struct error e = {0};
    cleanup_free char *path =
        o->environments != NULL ? strdup(o->environments) : paths_environments(&e);
    cleanup_free char *resolved = path == NULL ? NULL : realpath(path, NULL);
    if (resolved != NULL && strlen(resolved) >= sizeof(plan->environments_dir))
        return command_fail("run", EXIT_CLOCHE, "The path of the environments is too long.");
    snprintf(plan->environments_dir, sizeof(plan->environments_dir), "%s",
        resolved != NULL ? resolved : "/nonexistent");
    plan->flags = PLAN_ONE_SHOT;
    plan->keep_first = plan->keep_last = PLAN_KEEP_FIRST;
    struct stat st;
    if (o->mounted && fstat(o->out_fd, &st) == 0) {
        plan->folder_device = st.st_dev;
        plan->folder_inode = st.st_ino;
    }
    plan_argument(plan, "cloche");
    plan_argument(plan, "__run");
    return plan_programs(plan, "run") == 0 ? 0 : EXIT_CLOCHE;
}

/* In the child: a process group of its own, so that a terminal's Ctrl-C reaches the receiver alone. */
static void supervisor_become(const struct plan *plan, int link, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(EXIT_CLOCHE);
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(link, PLAN_KEEP_FIRST) < 0)
        _exit(command_fail("run", EXIT_CLOCHE, "Cannot place descriptors: %s.", strerror(errno)));
    plan_exec(plan, "run");
    _exit(EXIT_CLOCHE);
}

static int supervisor_start(const struct run_options *o, pid_t *ret_pid, int *ret_link)
{
    int pair[2];
    struct plan *plan = plan_new();
    if (plan == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        free(plan);
        return command_fail("run", EXIT_CLOCHE, "Cannot start: %s.", strerror(errno));
    }
    int r = supervisor_plan(o, plan);
    pid_t parent = getpid();
    fflush(NULL);
    pid_t pid = r == 0 ? fork() : -1;
    if (pid == 0)
        supervisor_become(plan, pair[1], parent);
    free(plan);
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return r != 0 ? r
                      : command_fail(
                            "run", EXIT_CLOCHE, "Cannot start a process: %s.", strerror(errno));
    }
    *ret_pid = pid;
    *ret_link = pair[0];
    return 0;
}

static int arguments_memory(const struct run_options *o)
{
    int fd = memfd_create("arguments", MFD_CLOEXEC);
    const char *name = strcmp(o->script, "-") == 0 ? "-" : o->script;
    int r = fd < 0 ? -errno : fd_write_all(fd, name, strlen(name) + 1);
    for (int i = 0; i < o->n_args && r == 0; i++)
        r = fd_write_all(fd, o->args[i], strlen(o->args[i]) + 1);
    if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
        fd_close(&fd);
    return fd;
}

/* All that the other side needs before the program starts. */
static int send_all(const struct run_options *o, int link)
{
    static struct message m;
    cleanup_fd int arguments = arguments_memory(o);
    uint64_t flags = (o->asks && !o->json ? RUN_ASKS : 0) |
                     (o->out_fd >= 0 && !o->mounted ? RUN_KEEPS : 0) | (o->json ? RUN_JSON : 0) |
                     (o->mounted ? RUN_FOLDER : 0);
    m = (struct message){.op = RUN_START, .word = {(uint64_t)o->timeout_ms, flags}};
    message_text(&m, "%s", o->environment != NULL ? o->environment : "");
    int fds[4] = {o->code, arguments};
    size_t n = 2;
    if (o->stdin_fd >= 0)
        fds[n++] = o->stdin_fd;
    if (o->mounted)
        fds[n++] = o->out_fd;
    int r = arguments < 0 ? -EIO : message_send(link, &m, fds, n);
    for (size_t i = 0; i < o->files && r == 0; i++) {
        m = (struct message){.op = RUN_FILE};
        message_text(&m, "%s", o->file[i].name);
        r = message_send(link, &m, &o->file[i].fd, 1);
    }
    m = (struct message){.op = RUN_GO};
    return r < 0 ? r : message_send(link, &m, NULL, 0);
}

/* ---- the receiver ------------------------------------------------------------------------------------ */

struct receiver {
    int link, signals;
    unsigned interrupts;
    int killed_by; /* the user's signal that ended it, or 0 */
    struct run_out out;
    int code; /* -1 until RUN_END */
};

static const struct permit permits[] = {
    {RUN_ASK, 0, 0, true},
    {RUN_MADE, 0, 1, true},
    {RUN_FIGURE, 1, 1, true},
    {RUN_END, 0, 0, true},
};

static void answer_question(struct receiver *rx, const struct message *asked)
{
    static struct message m;
    cleanup_strbuf struct strbuf line = STRBUF_INIT(1 << 20);
    char prompt[256];
    if (!run_read_line(run_printable(asked->text, prompt), asked->word[0] != 0, &line))
        return;
    const char *text = strbuf_text(&line);
    size_t left = line.length;
    do {
        size_t n = left < MESSAGE_TEXT_MAX / 2 ? left : MESSAGE_TEXT_MAX / 2;
        m = (struct message){.op = RUN_LINE, .word = {left > n}};
        memcpy(m.text, text, n);
        m.length = (uint16_t)n;
        message_send(rx->link, &m, NULL, 0);
        text += n;
        left -= n;
    } while (left > 0);
}

/* One message from inside. 0, or -errno when there will be no more. */
static int receive_one(struct receiver *rx)
{
    static struct message m;
    int fd, n = message_receive(rx->link, &m, &fd, 1);
    int r = n < 0 ? n : message_permitted(permits, sizeof(permits) / sizeof(permits[0]), &m, n);
    if (r < 0)
        return r;
    if (m.op == RUN_ASK)
        answer_question(rx, &m);
    else if (m.op == RUN_MADE)
        run_out_file(&rx->out, m.text, fd, m.word[0]);
    else if (m.op == RUN_FIGURE)
        run_out_figure(&rx->out, m.text, fd);
    fd_close(&fd);
    if (m.op != RUN_END)
        return 0;
    rx->code = (int)(m.word[0] & 255);
    if (m.text[0] != '\0')
        fprintf(stderr, "cloche run: %s\n", m.text);
    return -EPIPE;
}

static void signalled(struct receiver *rx)
{
    struct signalfd_siginfo info;
    if (read(rx->signals, &info, sizeof(info)) != sizeof(info))
        return;
    bool gentle = info.ssi_signo == SIGINT && rx->interrupts++ == 0;
    struct message m = {.op = gentle ? RUN_INTERRUPT : RUN_KILL};
    rx->killed_by = gentle ? 0 : (int)info.ssi_signo;
    message_send(rx->link, &m, NULL, 0);
}

static int receive_all(const struct run_options *o, pid_t supervisor, int link, int signals)
{
    struct receiver rx = {.link = link,
        .signals = signals,
        .code = -1,
        .out = {.dir = o->out_fd, .replace = o->dir != NULL}};
    int r = 0, status;
    while (r == 0) {
        struct pollfd ready[] = {{.fd = link, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
        if (poll(ready, 2, -1) < 0 && errno != EINTR)
            break;
        if (ready[1].revents & POLLIN)
            signalled(&rx);
        if (ready[0].revents != 0)
            r = receive_one(&rx);
    }
    close(link);
    kill(supervisor, SIGTERM); /* what is left of it is of no use to anybody */
    while (waitpid(supervisor, &status, 0) < 0 && errno == EINTR)
        ;
    run_out_end(&rx.out);
    if (rx.killed_by != 0)
        return 128 + rx.killed_by;
    if (rx.code < 0 && WIFEXITED(status) && WEXITSTATUS(status) == PLAN_EXIT_START)
        return EXIT_CLOCHE; /* the supervisor has said why */
    if (rx.code < 0)
        return command_fail("run", EXIT_CLOCHE, "Cloche could not run it.");
    return rx.out.failed && rx.code == 0 ? EXIT_CLOCHE : rx.code;
}

static int run_here(struct run_options *o)
{
    sigset_t caught;
    pid_t supervisor = -1;
    int link = -1;
    sigemptyset(&caught);
    sigaddset(&caught, SIGINT);
    sigaddset(&caught, SIGTERM);
    sigaddset(&caught, SIGHUP);
    sigprocmask(SIG_BLOCK, &caught, NULL);
    signal(SIGPIPE, SIG_IGN);
    cleanup_fd int signals = signalfd(-1, &caught, SFD_CLOEXEC);
    int r = signals < 0 ? EXIT_CLOCHE : supervisor_start(o, &supervisor, &link);
    if (r != 0)
        return r;
    r = send_all(o, link);
    if (r < 0 && r != -EPIPE) /* a broken pipe is explained by what is read from it */
        command_fail("run", 0, "Cannot hand over the program: %s.", strerror(-r));
    return receive_all(o, supervisor, link, signals);
}

int command_run(int argc, char **argv)
{
    struct run_options o = {
        .url = getenv("CLOCHE_URL"),
        .environments = getenv("CLOCHE_ENVIRONMENTS"),
        .code = -1,
        .stdin_fd = -1,
        .out_fd = -1,
    };
    int r = parse(argc, argv, &o);
    if (r == 0)
        r = run_input_open(&o);
    if (r == 0)
        r = o.session != NULL ? run_remote(&o) : run_here(&o);
    run_input_close(&o);
    return r < 0 ? 0 : r;
}
