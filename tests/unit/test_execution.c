/* The engine against kernels that lie, die, hang and hoard: a forked child plays the kernel over real
 * pipes, a thread plays init, another tells of the child's death as a warden would. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "session/execution.h"
#include "session/grounds_private.h"
#include "session/kernel.h"

struct pipes_of_kernel {
    int in, out, text[2];
};
typedef void kernel_double(struct pipes_of_kernel p);

static struct stage {
    struct grounds grounds;
    struct ground ground;
    struct sandbox sandbox;
    pid_t kernel;
    int init_end, warden_end;
    struct link *link;
    pthread_t init, warden;
} stage;

/* ---- the kernel's side: after fork, system calls only ------------------------------------------------ */

static void send_frame(struct pipes_of_kernel p, const char *head, const char *buffer)
{
    uint32_t prefix[3] = {
        (uint32_t)strlen(head), buffer != NULL, buffer ? (uint32_t)strlen(buffer) : 0};
    fd_write_all(p.out, prefix, buffer ? 12 : 8);
    fd_write_all(p.out, head, strlen(head));
    if (buffer)
        fd_write_all(p.out, buffer, strlen(buffer));
}

static void skip_frame(struct pipes_of_kernel p, char *first, size_t size)
{
    uint32_t prefix[2], length[64], total;
    char byte;
    fd_read_all(p.in, prefix, 8);
    fd_read_all(p.in, length, 4 * prefix[1]);
    total = prefix[0];
    for (uint32_t i = 0; i < prefix[1]; i++)
        total += length[i];
    for (uint32_t i = 0; i < total; i++) {
        fd_read_all(p.in, &byte, 1);
        if (first && i >= prefix[0] && i - prefix[0] + 1 < size)
            first[i - prefix[0]] = byte;
    }
}

static void barrier(struct pipes_of_kernel p)
{
    send_frame(p, "{\"type\":\"barrier\",\"id\":\"exec_test\"}", NULL);
    skip_frame(p, NULL, 0);
}

static void done(struct pipes_of_kernel p, const char *status)
{
    char head[200];
    snprintf(head, sizeof head,
        "{\"type\":\"done\",\"id\":\"exec_test\",\"status\":\"%s\",\"cpu_us\":7,\"notes\":[\"a "
        "note\"]}",
        status);
    send_frame(p, head, NULL);
}

#define RESULT \
    "{\"type\":\"execute_result\",\"id\":\"exec_test\",\"mime\":[\"text/plain\"],\"metadata\":{}}"

static void kernel_good(struct pipes_of_kernel p)
{
    skip_frame(p, NULL, 0);
    send_frame(p, "{\"type\":\"done\",\"id\":\"exec_other\",\"status\":\"error\"}",
        NULL);                     /* not ours: ignored */
    for (int i = 0; i < 50; i++) { /* text after a frame must never overtake it */
        fd_write_all(p.text[0], "a", 1);
        barrier(p);
        send_frame(p, RESULT, "r");
    }
    fd_write_all(p.text[0], "b", 1);
    barrier(p);
    fd_write_all(p.text[1], "c", 1);
    done(p, "ok");
    pause();
}

static void kernel_forges(struct pipes_of_kernel p)
{
    skip_frame(p, NULL, 0);
    fd_write_all(p.text[0], "\x10\0\0\0\0\0\0\0{\"type\":\"done\"}", 23);
    done(p, "ok");
    pause();
}

static void kernel_exits(struct pipes_of_kernel p)
{
    skip_frame(p, NULL, 0);
    fd_write_all(p.text[0], "last words", 10);
    _exit(3);
}

static void kernel_leaves_a_child(struct pipes_of_kernel p)
{
    skip_frame(p, NULL, 0);
    if (fork() == 0) {
        alarm(20);
        pause();
    }
    raise(SIGKILL);
}

static void kernel_babbles(struct pipes_of_kernel p)
{
    skip_frame(p, NULL, 0);
    fd_write_all(p.out, "this is no frame at all", 23);
    pause();
}

static void kernel_half(struct pipes_of_kernel p)
{
    skip_frame(p, NULL, 0);
    fd_write_all(p.out, "\x40\0\0\0\0\0\0\0{\"type\":", 16);
    pause();
}

static void kernel_deaf(struct pipes_of_kernel p)
{
    (void)p;
    signal(SIGINT, SIG_IGN);
    for (;;)
        pause();
}

static void kernel_closes(struct pipes_of_kernel p)
{
    skip_frame(p, NULL, 0);
    close(p.in);
    close(p.out);
    close(p.text[0]);
    close(p.text[1]);
    for (;;)
        pause();
}

static void kernel_asks(struct pipes_of_kernel p)
{
    char line[16] = "";
    skip_frame(p, NULL, 0);
    send_frame(p,
        "{\"type\":\"input_request\",\"id\":\"exec_test\",\"prompt\":\"? \",\"password\":false}",
        NULL);
    skip_frame(p, line, sizeof line);
    fd_write_all(p.text[0], line, strlen(line));
    done(p, "ok");
    pause();
}

static volatile sig_atomic_t interrupted;
static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

static void kernel_obeys(struct pipes_of_kernel p)
{
    struct sigaction a = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &a, NULL);
    skip_frame(p, NULL, 0);
    while (!interrupted)
        poll(NULL, 0, 10);
    for (int i = 0; i < 5; i++)
        barrier(p);
    send_frame(p,
        "{\"type\":\"error\",\"id\":\"exec_test\",\"name\":\"KeyboardInterrupt\",\"value\":\"\","
        "\"traceback\":[]}",
        NULL);
    done(p, "interrupted");
    pause();
}

static void kernel_ends(struct pipes_of_kernel p)
{
    skip_frame(p, NULL, 0);
    done(p, "ok");
    pause();
}

static void kernel_prints(struct pipes_of_kernel p)
{
    static char chunk[65536];
    skip_frame(p, NULL, 0);
    memset(chunk, 'z', sizeof chunk);
    for (int i = 0; i < 1024; i++) /* 64 MiB */
        fd_write_all(p.text[0], chunk, sizeof chunk);
    done(p, "ok");
    pause();
}

/* Little work to write, much to read. */
static void kernel_floods(struct pipes_of_kernel p)
{
    static char head[32 << 10];
    skip_frame(p, NULL, 0);
    size_t n = (size_t)snprintf(
        head, sizeof head, "{\"type\":\"clear_output\",\"id\":\"exec_test\",\"a\":[[]");
    while (n < sizeof head - 10)
        n += (size_t)snprintf(head + n, sizeof head - n, ",[]");
    memcpy(head + n, "]}", 3);
    for (;;)
        send_frame(p, head, NULL);
}

/* Text without end, and never a word of what it is asked. */
static void kernel_drowns(struct pipes_of_kernel p)
{
    static char chunk[65536];
    int which = fork() == 0;
    alarm(30); /* the child has nobody else to end it */
    for (;;)
        fd_write_all(p.text[which], chunk, sizeof chunk);
}

static void kernel_strays(struct pipes_of_kernel p)
{
    static char head[(1 << 20) - 1000];
    skip_frame(p, NULL, 0);
    int n = snprintf(head, sizeof head, "{\"type\":\"barrier\",\"id\":\"exec_other\",\"a\":\"");
    memset(head + n, 'a', sizeof head - (size_t)n);
    memcpy(head + sizeof head - 3, "\"}", 3);
    for (;;)
        send_frame(p, head, NULL);
}

/* ---- init and warden ------------------------------------------------------------------------------------ */

static void *init_main(void *arg)
{
    struct message m;
    int fd;
    (void)arg;
    while (message_receive(stage.init_end, &m, &fd, 1) >= 0) {
        m.status = 0;
        if (m.op == INIT_SIGNAL)
            m.status = kill(stage.kernel, (int)m.word[0]) < 0 ? -errno : 0;
        else if (m.op == INIT_KILL)
            kill(stage.kernel, SIGKILL);
        else if (m.op == INIT_WRITE) {
            char waste[4096];
            for (ssize_t n; (n = read(fd, waste, sizeof waste)) > 0;)
                m.word[0] += (uint64_t)n;
            fd_close(&fd);
        }
        m.length = 0;
        message_send(stage.init_end, &m, NULL, 0);
    }
    return NULL;
}

static void *warden_main(void *arg)
{
    siginfo_t info = {0};
    (void)arg;
    waitid(P_PID, (id_t)stage.kernel, &info, WEXITED);
    pthread_mutex_lock(&stage.grounds.lock);
    stage.sandbox.death = (struct death){1, info.si_code, info.si_status, 0, false};
    wake_sandbox(&stage.sandbox);
    pthread_mutex_unlock(&stage.grounds.lock);
    return NULL;
}

/* A link whose other end only collects what it is told. */
static void unheard(void *context) { (void)context; }
static void play_link(void)
{
    static const struct link_handlers none = {.gone = unheard};
    int s[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s), 0);
    assert_int_equal(link_new(s[0], "test", NULL, 0, &none, &stage.link), 0);
    stage.ground.link = stage.link;
    stage.warden_end = s[1];
}

/* What the warden was told of giving way, in order: "10" is to, and not to any more. */
static void hear_warden(char told[8])
{
    struct message m;
    size_t n = 0;
    while (n < 7 && recv(stage.warden_end, &m, sizeof m, MSG_DONTWAIT) > 0)
        if (m.op == WARDEN_GIVE_WAY)
            told[n++] = m.word[0] ? '1' : '0';
    told[n] = 0;
}

static void play(kernel_double *kernel)
{
    int p[KERNEL_PIPES][2], s[2];
    stage = (struct stage){.ground.grounds = &stage.grounds, .ground.weight.idle_fd = -1};
    pthread_mutex_init(&stage.grounds.lock, NULL);
    for (int i = 0; i < KERNEL_PIPES; i++)
        assert_int_equal(pipe2(p[i], O_CLOEXEC), 0);
    stage.kernel = fork();
    if (stage.kernel == 0) {
        for (int i = 0; i < KERNEL_PIPES; i++)
            close(p[i][i == PIPE_IN]);
        kernel((struct pipes_of_kernel){
            p[PIPE_IN][0], p[PIPE_OUT][1], {p[PIPE_STDOUT][1], p[PIPE_STDERR][1]}});
        _exit(0);
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s), 0);
    stage.init_end = s[1];
    play_link();
    stage.sandbox = (struct sandbox){.ground = &stage.ground,
        .memory_bytes = 1 << 30,
        .init = init_link_new(s[0]),
        .refs = 1,
        .wake_fd = -1,
        .death.kernel_serial = UINT64_MAX};
    stage.sandbox.kernel = (struct kernel){.there = true, .ready = true, .serial = 1};
    for (int i = 0; i < KERNEL_PIPES; i++) {
        close(p[i][i != PIPE_IN]);
        stage.sandbox.kernel.pipes.server[i] = p[i][i == PIPE_IN];
        fd_set_nonblock(p[i][i == PIPE_IN], true);
    }
    pthread_create(&stage.init, NULL, init_main, NULL);
    pthread_create(&stage.warden, NULL, warden_main, NULL);
}

static void strike(void)
{
    kill(stage.kernel, SIGKILL);
    pthread_join(stage.warden, NULL);
    init_link_shutdown(stage.sandbox.init);
    link_free(stage.link);
    close(stage.warden_end);
    pthread_join(stage.init, NULL);
    init_link_free(stage.sandbox.init);
    close(stage.init_end);
    fds_close(stage.sandbox.kernel.pipes.server, KERNEL_PIPES);
    frame_reader_deinit(&stage.sandbox.kernel.frames);
    pthread_mutex_destroy(&stage.grounds.lock);
}

static struct control control;
static int64_t owed_us; /* by what runs, of the server's time, when it begins */
static char told[8];    /* what the warden was told in the last run */

static struct execution run_spec(
    kernel_double *kernel, int64_t timeout_us, struct execute_spec spec, struct engine *ret)
{
    struct execution e = {.id = "exec_test", .execution_count = 1};
    struct strbuf head = STRBUF_INIT(1 << 20);
    struct error error;
    play(kernel);
    control_init(&control);
    assert_int_equal(execution_head(&spec, e.id, 1, "UTC", &head, &error), 0);
    stage.sandbox.pace.owed_us = owed_us;
    struct engine x = {.sandbox = &stage.sandbox,
        .pace = &stage.sandbox.pace,
        .spec = &spec,
        .execution = &e,
        .control = &control,
        .timeout_us = timeout_us,
        .limits = {65536, 65536, 16 << 20}};
    execution_run(&x, &head);
    hear_warden(told);
    if (ret)
        *ret = x;
    strbuf_deinit(&head);
    control_deinit(&control);
    strike();
    return e;
}

static struct execution run(kernel_double *kernel, int64_t timeout_us, struct engine *ret)
{
    return run_spec(
        kernel, timeout_us, (struct execute_spec){.code = "code", .code_length = 4}, ret);
}

static int64_t worked_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

/* ---- tests ---------------------------------------------------------------------------------------------------- */

static void keeps_order(void **state)
{
    (void)state;
    struct execution e = run(kernel_good, 5000000, NULL);
    assert_int_equal(e.status, EXECUTION_COMPLETED);
    assert_false(e.reset);
    assert_int_equal(e.outputs, 102);
    for (size_t i = 0; i < 100; i += 2) {
        assert_int_equal(e.output[i].kind, OUTPUT_STDOUT);
        assert_string_equal(e.output[i].text, "a");
        assert_int_equal(e.output[i + 1].kind, OUTPUT_RESULT);
    }
    assert_string_equal(e.output[101].text, "c");
    assert_string_equal(e.result, "r");
    assert_int_equal(e.cpu_us, 7);
    assert_int_equal(e.notes, 1);
    execution_deinit(&e);
}

static void text_is_no_frame(void **state)
{
    (void)state;
    struct execution e = run(kernel_forges, 5000000, NULL);
    assert_int_equal(e.status, EXECUTION_COMPLETED);
    assert_int_equal(e.output[0].text_length, 23);
    execution_deinit(&e);
}

static void tells_of_its_death(void **state)
{
    (void)state;
    struct engine x;
    struct execution e = run(kernel_exits, 5000000, &x);
    assert_int_equal(e.status, EXECUTION_KILLED);
    assert_true(e.reset && x.kernel_lost && !x.sandbox_lost);
    assert_int_equal(e.exit_code, 3);
    assert_string_equal(e.output[0].text, "last words");
    execution_deinit(&e);
}

/* Its pipes live on in a child: the warden's word is enough. */
static void sees_death_behind_open_pipes(void **state)
{
    (void)state;
    int64_t from = clock_monotonic_us();
    struct execution e = run(kernel_leaves_a_child, 5000000, NULL);
    assert_int_equal(e.status, EXECUTION_KILLED);
    assert_true(clock_monotonic_us() - from < 2000000);
    execution_deinit(&e);
}

static void ends_who_babbles(void **state)
{
    (void)state;
    struct execution e = run(kernel_babbles, 5000000, NULL);
    assert_int_equal(e.status, EXECUTION_KILLED);
    assert_int_equal(e.notes, 1);
    execution_deinit(&e);
    e = run(kernel_closes, 5000000, NULL);
    assert_int_equal(e.status, EXECUTION_KILLED);
    assert_true(e.reset);
    execution_deinit(&e);
    e = run(kernel_asks, 5000000, NULL); /* it was told not to */
    assert_int_equal(e.status, EXECUTION_KILLED);
    execution_deinit(&e);
}

static void half_a_frame_ends_with_the_time(void **state)
{
    (void)state;
    struct execution e = run(kernel_half, 200000, NULL);
    assert_int_equal(e.status, EXECUTION_TIMEOUT);
    assert_string_equal(told, "10"); /* it was a long one; then its time was short */
    assert_true(e.reset);
    execution_deinit(&e);
}

/* It never reads what it is sent, and ignores SIGINT. */
static void the_deaf_are_killed(void **state)
{
    (void)state;
    char *big = calloc(1, 1 << 20);
    int64_t from = clock_monotonic_us();
    struct execution e = run_spec(kernel_deaf, 100000,
        (struct execute_spec){
            .code = "x", .code_length = 1, .stdin_data = big, .stdin_length = 1 << 20},
        NULL);
    int64_t took = clock_monotonic_us() - from;
    assert_int_equal(e.status, EXECUTION_TIMEOUT);
    assert_true(e.reset);
    assert_true(took > 2000000 && took < 60000000);
    execution_deinit(&e);
    free(big);
}

/* The server goes before all sandboxes: what a session makes it do is bounded by the time, too. */
static void a_flood_takes_a_quarter_of_a_core(void **state)
{
    (void)state;
    int64_t from = clock_monotonic_us(), worked = worked_us();
    struct execution e = run(kernel_floods, 1500000, NULL);
    int64_t took = clock_monotonic_us() - from;
    worked = worked_us() - worked;
    assert_int_equal(e.status, EXECUTION_TIMEOUT); /* seen while it rests */
    assert_in_range(worked, 0, took / 2);
    execution_deinit(&e);
}

/* So it is with whatever else is asked of a kernel: its variables, a look at a file, is it ours. */
static void what_waits_for_a_kernel_rests_as_well(void **state)
{
    (void)state;
    const struct preview_ask ask = {.path = "a.csv", .limit = 100};
    for (int asked = 0; asked < 3; asked++) {
        char *text = NULL;
        json_t *data = NULL;
        play(kernel_drowns);
        stage.sandbox.pace.owed_us = 100000000;
        int64_t from = clock_monotonic_us(), worked = worked_us();
        int rc = asked == 0   ? kernel_variables(&stage.sandbox, 1500000, &text)
                 : asked == 1 ? kernel_previews(&stage.sandbox, &ask, 1, 1500000, &data)
                              : kernel_sync(&stage.sandbox, 1500000);
        int64_t took = clock_monotonic_us() - from;
        worked = worked_us() - worked;
        strike();
        assert_int_equal(rc, -ETIMEDOUT);
        assert_in_range(took, 1500000, 2500000); /* its rests end with its time */
        assert_in_range(worked, 0, took / 10);
    }
}

static void a_rehearsal_says_little(void **state)
{
    (void)state;
    play(kernel_drowns);
    int rc = kernel_rehearse(&stage.sandbox, 20000000);
    strike();
    assert_int_equal(rc, -EBADMSG);
}

static void strays_are_bounded(void **state)
{
    (void)state;
    struct execution e = run(kernel_strays, 120000000, NULL);
    assert_int_equal(e.status, EXECUTION_KILLED);
    assert_string_equal(
        e.note[0], "The interpreter was ended: it sent too much that belongs to no execution.");
    execution_deinit(&e);
}

static void answer(void *context, const struct execution *e, const char *prompt, bool password)
{
    struct error error;
    (void)e;
    assert_string_equal(prompt, "? ");
    assert_false(password);
    assert_int_equal(control_input(context, "a line", 6, &error), 0);
    assert_true(control_input(context, "too many", 8, &error) < 0);
}

static void answers_input(void **state)
{
    (void)state;
    struct execution e = run_spec(kernel_asks, 5000000,
        (struct execute_spec){.code = "x",
            .code_length = 1,
            .streamed = true,
            .callbacks = {.context = &control, .on_input = answer}},
        NULL);
    assert_int_equal(e.status, EXECUTION_COMPLETED);
    assert_string_equal(e.output[0].text, "a line");
    execution_deinit(&e);
}

static void state_survives_sigint(void **state)
{
    (void)state;
    struct engine x;
    struct execution e = run(kernel_obeys, 100000, &x);
    assert_int_equal(e.status, EXECUTION_TIMEOUT);
    assert_false(e.reset);
    assert_string_equal(e.error->name, "KeyboardInterrupt");
    execution_deinit(&e);
}

/* A rest of a second after each look would take the time that it has to end, and its variables with it. */
static void an_interrupt_ends_the_rests(void **state)
{
    (void)state;
    struct engine x;
    owed_us = 100000000;
    struct execution e = run(kernel_obeys, 100000, &x);
    owed_us = 0;
    assert_int_equal(e.status, EXECUTION_TIMEOUT);
    assert_false(e.reset);
    assert_false(x.kernel_lost);
    assert_string_equal(e.error->name, "KeyboardInterrupt");
    execution_deinit(&e);
}

/* Until the kernel's last word lies in its pipe; then all of its time is over at once. */
static int behind_beyond_the_end(void *context, bool *behind)
{
    int *const advanced_s = context;
    struct pollfd said = {stage.sandbox.kernel.pipes.server[PIPE_OUT], POLLIN, 0};
    *behind = true;
    if (*advanced_s == 0 && poll(&said, 1, 0) > 0) {
        *advanced_s = 600;
        clock_advance_us(*advanced_s * INT64_C(1000000));
    }
    return -EAGAIN;
}

/* It ended in time; its last word was held back because its client reads slowly. */
static void what_was_held_back_is_read_before_the_judgement(void **state)
{
    (void)state;
    int advanced_s = 0;
    struct execution e = run_spec(kernel_ends, 600000000,
        (struct execute_spec){.code = "x",
            .code_length = 1,
            .streamed = true,
            .callbacks = {.unsent = behind_beyond_the_end, .context = &advanced_s}},
        NULL);
    assert_int_equal(advanced_s, 600);
    assert_int_equal(e.status, EXECUTION_COMPLETED);
    assert_false(e.reset);
    assert_true(e.duration_us >= 600000000); /* what it waited for its client counts */
    execution_deinit(&e);
}

static void a_flood_is_cut(void **state)
{
    (void)state;
    struct execution e = run(kernel_prints, 60000000, NULL);
    assert_int_equal(e.status, EXECUTION_COMPLETED);
    assert_int_equal(e.truncations, 1);
    assert_int_equal(e.truncated[0].total_bytes, 64 << 20);
    assert_true(e.truncated[0].file_id[0]);
    execution_deinit(&e);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order),
        cmocka_unit_test(text_is_no_frame),
        cmocka_unit_test(tells_of_its_death),
        cmocka_unit_test(sees_death_behind_open_pipes),
        cmocka_unit_test(ends_who_babbles),
        cmocka_unit_test(half_a_frame_ends_with_the_time),
        cmocka_unit_test(the_deaf_are_killed),
        cmocka_unit_test(a_flood_takes_a_quarter_of_a_core),
        cmocka_unit_test(what_waits_for_a_kernel_rests_as_well),
        cmocka_unit_test(a_rehearsal_says_little),
        cmocka_unit_test(strays_are_bounded),
        cmocka_unit_test(answers_input),
        cmocka_unit_test(state_survives_sigint),
        cmocka_unit_test(an_interrupt_ends_the_rests),
        cmocka_unit_test(what_was_held_back_is_read_before_the_judgement),
        cmocka_unit_test(a_flood_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
