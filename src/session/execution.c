/* One loop: look at what has come, at what others asked, at the clock; then poll. A kernel is believed
 * nothing: every wait has an end, a frame against the rules ends it, and its death is the warden's to
 * tell, because its pipes may live on in processes that it left. */
#include "execution.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "ipc/protocol.h"
#include "session/kernel.h"
#include "session/outputs.h"

enum {
    GRACE_US = 2000000,  /* between SIGINT and SIGKILL */
    READY_US = 60000000, /* a forked kernel's first frame */
    CLOSED_US = 300000,  /* between the end of its frames and the news of its death */
    DEATH_US = 1000000,  /* between its death as init sees it and the warden's word */
    SLOW_US = 5000,
    LONG_US =
        100000, /* from here on it gives way to others: nobody notices a tenth of a second more */
    CLIENT_US = 1000000, /* between looks at whether the client is there */
    WHOLE_US = 5000000,  /* for a stream's file to be closed by its writer */
    AGAIN_US = 20000, /* between looks at what a client has left, where there is nothing to poll */
    LATE_US = 100000, /* after the time limit, to read what was held back until then */
    CHUNK = 32 << 10,
};

/* ---- one run ------------------------------------------------------------------------------------------ */

enum cause {
    CAUSE_NONE,
    CAUSE_TIMEOUT,
    CAUSE_INTERRUPT,
    CAUSE_STOPPED,
    CAUSE_VIOLATION,
    CAUSE_CLIENT,
    CAUSE_NOT_READY
};

struct run {
    struct engine *x;
    struct kernel *k;
    struct outputs out;
    struct frame_writer writer;
    bool writing, writer_broken;
    char *reply; /* what the writer writes, when it is an answer to input() */
    enum cause cause;
    bool done, signalled, killed;
    bool out_closed, stream_closed[2];
    int64_t started_us, ended_us; /* started: 0 until the kernel is ready */
    int64_t begun_us, kill_at_us, death_by_us, client_at_us;
    int64_t rest_until_us; /* until then what the kernel says is left in its pipes, see pace.h */
    bool held;             /* it is left there now, for that or for the client */
    int64_t late_until_us; /* the time is over: until then for what was held. 0: not yet */
    bool slow_told, is_long;
    char done_status[16];
    struct death death;
    bool dead;
    struct init_write whole[2];
    bool whole_begun[2];
};

static void violate(struct run *r, const char *what)
{
    if (r->cause == CAUSE_NONE) {
        r->cause = CAUSE_VIOLATION;
        outputs_note(&r->out, "The interpreter was ended: it %s.", what);
    }
    r->kill_at_us = 1; /* now */
}

static int open_whole(void *context, enum output_kind stream)
{
    struct run *r = context;
    char path[ID_SIZE + 40];
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    snprintf(path, sizeof path, "data/.output/%s.%s.txt", r->x->execution->id,
        stream == OUTPUT_STDOUT ? "stdout" : "stderr");
    int rc = init_write_begin(
        r->x->sandbox->init, path, 0644, INIT_WRITE_MKDIR, ends[0], &r->whole[stream]);
    close(ends[0]);
    if (rc < 0 || fd_set_nonblock(ends[1], true) < 0) {
        close(ends[1]);
        return -1;
    }
    r->whole_begun[stream] = true;
    return ends[1];
}

/* Reads what lies in a stream now, at most `limit` bytes. */
static void read_stream(struct run *r, int which, size_t limit)
{
    char chunk[CHUNK];
    int fd = r->k->pipes.server[PIPE_STDOUT + which];
    while (limit > 0 && !r->stream_closed[which]) {
        ssize_t n = read(fd, chunk, limit < sizeof chunk ? limit : sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            r->stream_closed[which] = true;
            return;
        }
        outputs_text(&r->out, (enum output_kind)which, chunk, (size_t)n);
        limit -= (size_t)n;
    }
}

/* Everything that was written before now. What is written meanwhile does not count, so this ends. */
static void drain(struct run *r)
{
    for (int which = 0; which < 2; which++) {
        int have = 0;
        if (ioctl(r->k->pipes.server[PIPE_STDOUT + which], FIONREAD, &have) == 0 && have > 0)
            read_stream(r, which, (size_t)have);
    }
}

static void run_writer(struct run *r)
{
    if (!r->writing)
        return;
    int rc = frame_writer_run(&r->writer, r->k->pipes.server[PIPE_IN]);
    if (rc == 0)
        return;
    r->writing = false;
    free(r->reply);
    r->reply = NULL;
    if (rc < 0) /* it has closed its end: it is dying, or will answer nothing any more */
        r->writer_broken = true;
}

static void begin_write(
    struct run *r, const char *head, const struct frame_buffer *buffers, size_t n)
{
    if (r->writing) {
        violate(r, "asked for something before it had read what it was sent");
        return;
    }
    if (frame_writer_init(&r->writer, head, strlen(head), buffers, n) < 0)
        return;
    r->writing = true;
    run_writer(r);
}

/* An answer without a line: input() raises KeyboardInterrupt where it stands. SIGINT alone does not
 * reach it: the kernel's C layer reads on until it has a frame. */
static void answer_interrupted(struct run *r)
{
    begin_write(r, "{\"type\":\"input_reply\"}", NULL, 0);
}

static void on_input_request(struct run *r, const json_t *head)
{
    struct engine *x = r->x;
    const json_t *prompt = json_object_get(head, "prompt");
    if (!x->spec->streamed || (prompt && !json_is_string(prompt))) {
        violate(r, "asked for input although it was told not to");
        return;
    }
    drain(r);
    if (r->signalled) { /* it is to end, not to ask */
        answer_interrupted(r);
        return;
    }
    pthread_mutex_lock(&x->control->lock);
    x->control->asking = true;
    pthread_mutex_unlock(&x->control->lock);
    if (x->spec->callbacks.on_input)
        x->spec->callbacks.on_input(x->spec->callbacks.context, x->execution,
            prompt ? json_string_value(prompt) : "",
            json_is_true(json_object_get(head, "password")));
}

static void on_done(struct run *r, const json_t *head)
{
    struct execution *e = r->x->execution;
    const char *status = json_string_value(json_object_get(head, "status"));
    const json_t *cpu = json_object_get(head, "cpu_us"), *notes = json_object_get(head, "notes");
    if (!status || (strcmp(status, "ok") != 0 && strcmp(status, "error") != 0 &&
                       strcmp(status, "interrupted") != 0 && strcmp(status, "exit") != 0)) {
        violate(r, "sent a frame that breaks the rules");
        return;
    }
    snprintf(r->done_status, sizeof r->done_status, "%s", status);
    if (json_is_integer(cpu) && json_integer_value(cpu) > 0)
        e->cpu_us = json_integer_value(cpu);
    e->exited = strcmp(status, "exit") == 0;
    e->exit_code =
        e->exited ? (int)(json_integer_value(json_object_get(head, "exit_code")) & 0xff) : 0;
    for (size_t i = 0; i < json_array_size(notes) && i < 20; i++)
        if (json_string_length(json_array_get(notes, i)) < 1000)
            outputs_note(&r->out, "%s", json_string_value(json_array_get(notes, i)));
    r->ended_us = clock_monotonic_us();
    r->done = true;
}

/* One frame of this execution. */
static void on_frame(struct run *r, const struct kernel_head *h, const struct frame *f)
{
    int rc = 0;
    switch (h->type) {
    case FRAME_BARRIER:
        drain(r);
        begin_write(r, "{\"type\":\"ack\"}", NULL, 0);
        break;
    case FRAME_CLEAR_OUTPUT: rc = outputs_clear(&r->out, h->json); break;
    case FRAME_DISPLAY_DATA: rc = outputs_display(&r->out, OUTPUT_DISPLAY, h->json, f); break;
    case FRAME_EXECUTE_RESULT: rc = outputs_display(&r->out, OUTPUT_RESULT, h->json, f); break;
    case FRAME_ERROR: rc = outputs_error(&r->out, h->json); break;
    case FRAME_INPUT_REQUEST: on_input_request(r, h->json); break;
    case FRAME_DONE:
        drain(r);
        on_done(r, h->json);
        break;
    default: break; /* an answer that came too late for who asked */
    }
    if (rc < 0)
        violate(r, "sent a frame that breaks the rules");
}

/* Returns how many frames there were. */
static unsigned read_frames(struct run *r)
{
    struct frame f;
    unsigned frames = 0;
    bool strays = false;
    int rc = 0;
    long n = frame_reader_fill(&r->k->frames, r->k->pipes.server[PIPE_OUT]);
    if (n == 0 || (n < 0 && n != -EAGAIN)) {
        r->out_closed = true;
        r->death_by_us = clock_monotonic_us() + CLOSED_US;
    }
    while (!strays && !r->done && r->kill_at_us != 1 &&
           (rc = frame_reader_next(&r->k->frames, &f)) == 1) {
        struct kernel_head h;
        frames++;
        if (kernel_head_parse(f.head, f.head_length, &h) < 0) {
            rc = -EBADMSG;
            break;
        }
        if (h.type == FRAME_READY)
            r->k->ready = true;
        else if (strcmp(h.id, r->x->execution->id) == 0)
            on_frame(r, &h, &f);
        else
            strays = kernel_stray(r->k, &f) < 0;
        kernel_head_deinit(&h);
    }
    if (rc < 0)
        violate(r, "sent a frame that breaks the rules");
    if (strays)
        violate(r, "sent too much that belongs to no execution");
    return frames;
}

/* ---- ending it ------------------------------------------------------------------------------------------ */

static void kill_now(struct run *r)
{
    sandbox_give_way(r->x->sandbox, false); /* to die takes a core, too */
    int rc = init_kill(r->x->sandbox->init);
    drain(r);
    r->killed = true;
    r->x->kernel_lost = true;
    if (rc < 0) {
        log_line(LOG_WARN, "session", "init does not answer", "errno=%d", -rc);
        r->x->sandbox_lost = true;
    }
}

/* SIGINT, and the time after which it is SIGKILL. */
static void interrupt_now(struct run *r, enum cause cause)
{
    if (r->cause == CAUSE_NONE)
        r->cause = cause;
    if (r->signalled)
        return;
    r->signalled = true;
    r->is_long = true;
    r->rest_until_us = 0;
    sandbox_give_way(r->x->sandbox, false); /* its time is short from here on */
    int rc = init_signal(r->x->sandbox->init, SIGINT);
    int64_t now = clock_monotonic_us(); /* its time begins when it has been told */
    r->kill_at_us = now + GRACE_US;
    if (rc == -ESRCH)
        r->kill_at_us = now + DEATH_US; /* it is dead; the warden will say so */
    else if (rc < 0) {
        r->x->sandbox_lost = r->x->kernel_lost = true;
        r->killed = true;
    } else if (control_stop_asking(r->x->control)) {
        answer_interrupted(r); /* after the signal, so that it is one interrupt and not two */
    }
}

static void look_at_death(struct run *r)
{
    struct death d = sandbox_death(r->x->sandbox);
    if (d.sandbox) {
        r->x->sandbox_lost = r->x->kernel_lost = true;
        r->dead = true;
    } else if (d.kernel_serial == r->k->serial) {
        r->x->kernel_lost = true;
        r->dead = true;
    }
    if (r->dead) {
        read_frames(r); /* it may have said the last word before it died */
        drain(r);
        r->death = d;
    }
}

/* What others asked for. */
static void look_at_control(struct run *r)
{
    struct control *c = r->x->control;
    uint64_t count;
    if (read(c->wake_fd, &count, sizeof count) < 0)
        return;
    pthread_mutex_lock(&c->lock);
    bool interrupt = c->interrupt;
    enum stop_reason stop = c->stop;
    char *reply = take_ptr(c->reply);
    size_t n = c->reply_length;
    pthread_mutex_unlock(&c->lock);
    look_at_death(r);
    if (r->dead && stop == STOP_EXPIRED)
        stop = STOP_NONE; /* the housekeeper heard of it first: its death says more */
    if (reply) {
        struct frame_buffer b = {reply, n};
        free(r->reply);
        r->reply = reply;
        begin_write(r, "{\"type\":\"input_reply\"}", &b, 1);
    }
    if (stop != STOP_NONE && r->cause != CAUSE_STOPPED) {
        r->cause = CAUSE_STOPPED;
        if (stop == STOP_RESTARTED)
            outputs_note(&r->out, "The session was restarted.");
        else if (stop == STOP_DELETED)
            outputs_note(&r->out, "The session was deleted.");
        else
            outputs_note(&r->out, "The session expired.");
        r->kill_at_us = 1;
        if (stop == STOP_DELETED) {
            /* The sandbox is being ended by who deleted it; nobody needs init's word. */
            r->x->kernel_lost = r->x->sandbox_lost = true;
            r->killed = true;
            drain(r);
        }
    }
    if (interrupt && !r->dead && !r->killed)
        interrupt_now(r, CAUSE_INTERRUPT);
}

/* The code's time is over. Its last word may lie in its pipes, where we held it back: that is read before
 * it is judged. */
static void time_is_over(struct run *r, int64_t now)
{
    if (!r->late_until_us)
        r->late_until_us = r->held || r->rest_until_us ? now + LATE_US : now;
    else if (now >= r->late_until_us)
        interrupt_now(r, CAUSE_TIMEOUT);
}

/* Whether it has no time for rests and slow clients any more. */
static bool must_hurry(const struct run *r) { return r->signalled || r->late_until_us; }

/* What the clock asks for. */
static void look_at_clock(struct run *r, int64_t now)
{
    struct engine *x = r->x;
    if (!r->started_us && r->k->ready)
        r->started_us = now;
    if (!r->started_us && now - r->begun_us > READY_US && r->cause == CAUSE_NONE) {
        r->cause = CAUSE_NOT_READY;
        outputs_note(&r->out, "The interpreter did not start in time.");
        r->kill_at_us = 1;
    }
    if (r->started_us && x->timeout_us >= 0 && now - r->started_us >= x->timeout_us)
        time_is_over(r, now);
    if (r->out_closed && now >= r->death_by_us)
        violate(r, "closed its connection");
    if (!r->slow_told && now - r->begun_us >= SLOW_US) {
        r->slow_told = true;
        if (x->on_slow)
            x->on_slow(x->on_slow_context);
    }
    if (!r->is_long && now - r->begun_us >= LONG_US) {
        r->is_long = true;
        sandbox_give_way(x->sandbox, true);
    }
    if (x->spec->callbacks.client_gone && now >= r->client_at_us) {
        r->client_at_us = now + CLIENT_US;
        if (x->spec->callbacks.client_gone(x->spec->callbacks.context) && x->ends_with_client) {
            r->cause = CAUSE_CLIENT;
            x->canceled = true;
            r->kill_at_us = 1;
        }
    }
    if (r->kill_at_us && now >= r->kill_at_us && !r->killed && !r->done && !r->dead)
        kill_now(r);
}

/* The next moment at which look_at_clock has something to do. */
static int64_t next_moment(const struct run *r)
{
    const struct engine *x = r->x;
    int64_t at = r->started_us ? INT64_MAX : r->begun_us + READY_US + 1;
    if (r->started_us && x->timeout_us >= 0 && !r->signalled)
        at = r->late_until_us ? r->late_until_us : r->started_us + x->timeout_us;
    if (r->kill_at_us && r->kill_at_us < at)
        at = r->kill_at_us;
    if (r->out_closed && r->death_by_us < at)
        at = r->death_by_us;
    if (!r->slow_told && r->begun_us + SLOW_US < at)
        at = r->begun_us + SLOW_US;
    if (!r->is_long && r->begun_us + LONG_US < at)
        at = r->begun_us + LONG_US;
    if (x->spec->callbacks.client_gone && r->client_at_us < at)
        at = r->client_at_us;
    if (r->rest_until_us && r->rest_until_us < at)
        at = r->rest_until_us;
    return at;
}

/* Text is read only as far as it was there before the frames were: then whatever frame it followed has
 * been seen. When there were frames, their barriers have read it already, and it is looked at anew. */
static void read_all(struct run *r, const struct pollfd *out, const struct pollfd stream[2])
{
    size_t limit[2] = {0, 0};
    for (int which = 0; which < 2; which++) {
        int have = 0;
        if (stream[which].revents && ioctl(stream[which].fd, FIONREAD, &have) == 0)
            limit[which] = have > 0 ? (size_t)have : 1; /* 1: to see its end */
    }
    if (out->revents || limit[0] || limit[1])
        if (!r->out_closed && read_frames(r) > 0)
            return;
    for (int which = 0; which < 2; which++)
        read_stream(r, which, limit[which]);
}

/* A client that does not take what it was sent holds its code back, by the pipes; nobody else, and only
 * while the code may run. And so does whoever makes us work too much. */
static void wait_and_read(struct run *r)
{
    const int *fd = r->k->pipes.server;
    const struct execution_callbacks *c = &r->x->spec->callbacks;
    bool behind = false;
    const int unsent = c->unsent ? c->unsent(c->context, &behind) : -1;
    const bool holds = r->held = !must_hurry(r) && (behind || r->rest_until_us);
    int64_t left = next_moment(r) - clock_monotonic_us();
    if (unsent == -EAGAIN && left > AGAIN_US)
        left = AGAIN_US;
    struct timespec timeout = {left / 1000000, left % 1000000 * 1000};
    if (left < 0)
        timeout = (struct timespec){0, 0};
    struct pollfd p[] = {
        {holds || r->out_closed ? -1 : fd[PIPE_OUT], POLLIN, 0},
        {holds || r->stream_closed[0] ? -1 : fd[PIPE_STDOUT], POLLIN, 0},
        {holds || r->stream_closed[1] ? -1 : fd[PIPE_STDERR], POLLIN, 0},
        {r->x->control->wake_fd, POLLIN, 0},
        {r->writing ? fd[PIPE_IN] : -1, POLLOUT, 0},
        {unsent, POLLOUT, 0},
    };
    if (ppoll(p, 6, left > 3600000000LL ? &(struct timespec){3600, 0} : &timeout, NULL) < 0)
        return;
    read_all(r, &p[0], &p[1]);
    if (p[4].revents)
        run_writer(r);
    if (p[3].revents)
        look_at_control(r);
    r->rest_until_us = pace_look(r->x->pace, !must_hurry(r));
}

/* ---- what it was ------------------------------------------------------------------------------------------ */

/* A kernel that somebody killed may have died with all of its sandbox: then init, whose socket closed
 * first, does not answer, and the warden's word is still to come. */
static bool sandbox_is_gone(struct run *r)
{
    struct init_scan scan;
    return (r->death.sandbox && r->death.kernel_serial != r->k->serial) ||
           (r->death.code != CLD_EXITED && r->death.status == SIGKILL && r->death.oom_kills == 0 &&
               init_scan(r->x->sandbox->init, INIT_SCAN_USAGE_ONLY, NULL, &scan) < 0);
}

static void describe_death(struct run *r)
{
    struct execution *e = r->x->execution;
    const struct death *d = &r->death;
    char words[DEATH_WORDS];
    e->status = EXECUTION_KILLED;
    if (sandbox_is_gone(r)) {
        r->x->sandbox_lost = true;
        e->exit_code = 128 + SIGKILL;
        sandbox_death_words(r->x->sandbox, words);
    } else {
        if (d->code != CLD_EXITED && d->status == SIGKILL && d->oom_kills > 0)
            e->status = EXECUTION_OUT_OF_MEMORY;
        e->exit_code = d->code == CLD_EXITED ? d->status & 0xff : 128 + (d->status & 0x7f);
        kernel_death_words(r->x->sandbox, words);
    }
    outputs_note(&r->out, "%s", words);
}

static enum execution_status plain_status(struct run *r)
{
    struct execution *e = r->x->execution;
    bool failed = strcmp(r->done_status, "error") == 0 ||
                  strcmp(r->done_status, "interrupted") == 0 || (e->exited && e->exit_code != 0);
    if (e->exited && e->exit_code != 0) {
        char code[16];
        bool told = false;
        for (size_t i = 0; i < r->out.nodes; i++)
            told |= outputs_kind(&r->out, i) == OUTPUT_ERROR;
        snprintf(code, sizeof code, "%d", e->exit_code);
        if (!told)
            outputs_error_text(&r->out, "SystemExit", code);
    }
    return failed ? EXECUTION_ERROR : EXECUTION_COMPLETED;
}

static void conclude(struct run *r)
{
    struct execution *e = r->x->execution;
    int64_t end = r->ended_us ? r->ended_us : clock_monotonic_us();
    e->duration_us = r->started_us ? end - r->started_us : 0;
    e->reset = r->x->kernel_lost;
    if (!r->done)
        e->exit_code = 128 + SIGKILL;
    switch (r->cause) {
    case CAUSE_TIMEOUT:
        e->status = EXECUTION_TIMEOUT;
        outputs_note(
            &r->out, "The time limit of %g seconds was reached.", (double)r->x->timeout_us / 1e6);
        break;
    case CAUSE_INTERRUPT: e->status = EXECUTION_INTERRUPTED; break;
    case CAUSE_NONE:
        if (r->done)
            e->status = plain_status(r);
        else
            describe_death(r);
        break;
    default: e->status = EXECUTION_KILLED; break;
    }
}

/* Waits for the files that keep streams whole, and says so when they could not. */
static void finish_outputs(struct run *r)
{
    const char *where[2] = {NULL, NULL};
    char path[2][ID_SIZE + 40];
    outputs_close(&r->out);
    for (int i = 0; i < 2; i++) {
        struct output_stream *st = &r->out.stream[i];
        const char *name = i == OUTPUT_STDOUT ? "stdout" : "stderr";
        uint64_t bytes = 0;
        int rc = -EIO;
        if (r->whole_begun[i])
            rc = init_write_finish(r->x->sandbox->init, &r->whole[i], WHOLE_US, &bytes);
        if (rc >= 0 && !st->whole_failed) {
            snprintf(
                path[i], sizeof path[i], "/mnt/data/.output/%s.%s.txt", r->x->execution->id, name);
            where[i] = path[i];
        } else if (st->dropped_bytes > 0) {
            outputs_note(&r->out,
                "The whole of %s (%llu bytes) could not be kept in the session: %s.", name,
                (unsigned long long)st->total_bytes,
                rc == -ENOSPC || rc == -EDQUOT ? "its disk is full" : "its writer failed");
        }
    }
    if (outputs_finish(&r->out, r->x->execution, where) < 0)
        log_line(LOG_ERROR, "session", "outputs lost", "execution=%s", r->x->execution->id);
    for (size_t i = 0; i < r->x->execution->truncations; i++)
        if (where[r->x->execution->truncated[i].stream])
            id_new(r->x->execution->truncated[i].file_id, "cfile_", 32);
}

void execution_run(struct engine *x, const struct strbuf *head)
{
    struct run r = {.x = x, .k = &x->sandbox->kernel, .begun_us = clock_monotonic_us()};
    struct frame_buffer buffers[2] = {
        {x->spec->code, x->spec->code_length}, {x->spec->stdin_data, x->spec->stdin_length}};
    outputs_init(&r.out, x->execution, &x->spec->callbacks, &x->limits, open_whole, &r);
    r.client_at_us = r.begun_us + CLIENT_US;
    r.k->stray_bytes = 0;
    pace_begin(x->pace);
    if (r.k->ready)
        r.started_us = r.begun_us;
    sandbox_wake(x->sandbox, x->control->wake_fd);
    if (!x->sandbox->left_running)
        sandbox_give_way(x->sandbox, false);
    look_at_death(&r); /* before anybody was to be woken */
    if (!r.dead)
        begin_write(&r, strbuf_text(head), buffers, x->spec->stdin_data ? 2 : 1);
    while (!r.done && !r.dead && !r.killed) {
        wait_and_read(&r);
        if (!r.done && !r.dead && !r.killed)
            look_at_clock(&r, clock_monotonic_us());
    }
    sandbox_wake(x->sandbox, -1);
    if (!r.started_us)
        r.started_us = r.begun_us;
    conclude(&r);
    finish_outputs(&r);
    pace_end(x->pace);
    free(r.reply);
    outputs_deinit(&r.out);
}
