#include "kernel.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json_writer.h"

enum {
    HEAD_DEPTH = 64,
    HEAD_VALUES_MAX = 128 << 10, /* as JSON_VALUES_MAX; 64 Ki characters of metadata hold fewer */
    CONTAINER_VALUES = 4,
    STRAY_BYTES_MAX = 16 << 20,
    STRAY_FRAME_BYTES = 256, /* each costs that much work, however short */
    REHEARSAL_TEXT_MAX = 16 << 20,
    VARIABLES_MAX = 1000,
    ASKED_MAX = 4000, /* with its prefix below PIPE_BUF: a pipe takes all of it or nothing */
};

static const char *const names[FRAME_TYPES] = {
    [FRAME_READY] = "ready",
    [FRAME_BARRIER] = "barrier",
    [FRAME_CLEAR_OUTPUT] = "clear_output",
    [FRAME_DISPLAY_DATA] = "display_data",
    [FRAME_EXECUTE_RESULT] = "execute_result",
    [FRAME_ERROR] = "error",
    [FRAME_INPUT_REQUEST] = "input_request",
    [FRAME_DONE] = "done",
    [FRAME_REHEARSED] = "rehearsed",
    [FRAME_VARIABLES] = "variables",
    [FRAME_PREVIEW] = "preview",
    [FRAME_SYNC] = "sync",
};

/* Whether brackets outside of strings nest no deeper than we allow, and values are no more than `*values`,
 * which are used up: before jansson, whose recursion, memory and time, and ours, it bounds. 0, -EBADMSG: too
 * deep, -E2BIG. */
static int bounded(const char *text, size_t n, size_t *values)
{
    size_t count = 1;
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            count += CONTAINER_VALUES;
            if (++depth > HEAD_DEPTH)
                return -EBADMSG;
        } else if (c == '}' || c == ']') {
            depth--;
        } else if (c == ',' || c == ':') {
            count++;
        }
    }
    if (count > *values)
        return -E2BIG;
    *values -= count;
    return 0;
}

int kernel_head_parse(const char *text, size_t n, struct kernel_head *ret)
{
    size_t values = HEAD_VALUES_MAX;
    if (bounded(text, n, &values) < 0)
        return -EBADMSG;
    json_t *json = json_loadb(text, n, JSON_ALLOW_NUL, NULL);
    const char *type = json_string_value(json_object_get(json, "type"));
    json_t *id = json_object_get(json, "id");
    int found = 0;
    while (type && found < FRAME_TYPES && strcmp(names[found], type) != 0)
        found++;
    if (!type || found == FRAME_TYPES || (id && !json_is_string(id))) {
        json_decref(json);
        return -EBADMSG;
    }
    *ret = (struct kernel_head){(enum frame_type)found, id ? json_string_value(id) : "", json};
    return 0;
}

void kernel_head_deinit(struct kernel_head *h)
{
    json_decref(h->json);
    h->json = NULL;
}

int kernel_stray(struct kernel *k, const struct frame *f)
{
    k->stray_bytes +=
        f->head_length + STRAY_FRAME_BYTES; /* what its buffers are costs nothing more */
    return k->stray_bytes > STRAY_BYTES_MAX ? -EBADMSG : 0;
}

int json_check(const char *text, size_t n, size_t *values, struct strbuf *out)
{
    int rc = bounded(text, n, values);
    if (rc < 0)
        return rc;
    json_t *json =
        json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    if (!json)
        return -EBADMSG;
    json_decref(json);
    bool quoted = false;
    size_t from = 0;
    for (size_t i = 0; out && i <= n; i++) {
        bool white = i < n && !quoted && memchr(" \t\r\n", text[i], 4);
        if (i == n || white) {
            strbuf_append(out, text + from, i - from);
            from = i + 1;
        } else if (quoted && text[i] == '\\') {
            i++;
        } else if (text[i] == '"') {
            quoted = !quoted;
        }
    }
    return out && out->failed ? -ENOMEM : 0;
}

/* Reads and drops what is in both streams now. How much that was. */
static size_t drop_streams(struct kernel *k)
{
    char waste[16384];
    size_t dropped = 0;
    for (int i = PIPE_STDOUT; i <= PIPE_STDERR; i++) {
        int have = 0;
        if (ioctl(k->pipes.server[i], FIONREAD, &have) < 0)
            continue;
        while (have > 0) {
            ssize_t n = read(k->pipes.server[i], waste, sizeof waste);
            if (n <= 0)
                break;
            have -= (int)n;
            dropped += (size_t)n;
        }
    }
    return dropped;
}

static int poll_ms(int64_t deadline_us)
{
    int64_t left = deadline_us - clock_monotonic_us();
    return left <= 0 ? 0 : left > 3600000000LL ? 3600000 : (int)((left + 999) / 1000);
}

int kernel_send(struct kernel *k, const char *head, const struct frame_buffer *buffers, size_t n,
    int64_t deadline_us)
{
    struct frame_writer w;
    int rc = frame_writer_init(&w, head, strlen(head), buffers, n);
    while (rc == 0) {
        rc = frame_writer_run(&w, k->pipes.server[PIPE_IN]);
        if (rc != 0)
            break;
        struct pollfd p = {k->pipes.server[PIPE_IN], POLLOUT, 0};
        if (poll(&p, 1, poll_ms(deadline_us)) == 0)
            rc = -ETIMEDOUT;
    }
    return rc < 0 ? rc : 0;
}

/* A frame of that type, whose `key`, if that is not NULL, has that value. */
struct awaited {
    enum frame_type type;
    const char *key, *value;
};

/* Looks at the frames that have come. 1: the wanted one; 0: not yet; -EBADMSG. */
static int look(struct kernel *k, const struct awaited *a, struct kernel_head *ret)
{
    struct frame f;
    int rc;
    while ((rc = frame_reader_next(&k->frames, &f)) == 1) {
        struct kernel_head h;
        rc = kernel_head_parse(f.head, f.head_length, &h);
        if (rc < 0)
            return rc;
        const char *have = a->key ? json_string_value(json_object_get(h.json, a->key)) : "";
        bool wanted = h.type == a->type && have && (!a->key || strcmp(have, a->value) == 0);
        k->ready |= h.type == FRAME_READY;
        if (wanted && ret)
            *ret = h;
        else
            kernel_head_deinit(&h);
        if (wanted)
            return 1;
        if (kernel_stray(k, &f) < 0)
            return -EBADMSG;
    }
    return rc;
}

/* Text beyond `text_max` bytes is -EBADMSG. What comes decides how much work this is, so it is on the sandbox's
 * account, and while that rests nothing is read: who asks waits no longer for it than until the deadline. */
static int await_with(struct sandbox *s, int wake_fd, const struct awaited *a, size_t text_max,
    int64_t deadline_us, struct kernel_head *ret)
{
    struct kernel *k = &s->kernel;
    int64_t rest_until_us = 0;
    k->stray_bytes = 0;
    for (;;) {
        int rc = look(k, a, ret);
        if (rc != 0)
            return rc < 0 ? rc : 0;
        if (!sandbox_kernel_alive(s))
            return -EPIPE;
        struct pollfd p[] = {{k->pipes.server[PIPE_OUT], POLLIN, 0}, {wake_fd, POLLIN, 0},
            {k->pipes.server[PIPE_STDOUT], POLLIN, 0}, {k->pipes.server[PIPE_STDERR], POLLIN, 0}};
        for (int i = 0; i < 4; i++)
            if (i != 1 && rest_until_us)
                p[i].fd = -1;
        if (clock_monotonic_us() >= deadline_us)
            return -ETIMEDOUT;
        bool rests = rest_until_us && rest_until_us < deadline_us;
        if (poll(p, 4, poll_ms(rests ? rest_until_us : deadline_us)) < 0 && errno != EINTR)
            return -errno;
        if (p[1].revents)
            eventfd_read(wake_fd, &(eventfd_t){0}); /* it may have been of an earlier kernel */
        if (p[2].revents || p[3].revents) {
            size_t dropped = drop_streams(k);
            if (dropped > text_max)
                return -EBADMSG;
            text_max -= dropped;
            if ((p[2].revents | p[3].revents) & POLLHUP && !(p[0].revents & POLLIN))
                return -EPIPE;
        }
        if (p[0].revents) {
            long n = frame_reader_fill(&k->frames, k->pipes.server[PIPE_OUT]);
            if (n == 0)
                return -EPIPE;
            if (n < 0 && n != -EAGAIN)
                return (int)n;
        }
        rest_until_us = pace_look(&s->pace, true);
    }
}

/* Waits for it, dropping text and all other frames. `ret` may be NULL. 0, -ETIMEDOUT, -EPIPE (it died), -EBADMSG. */
static int await(struct sandbox *s, const struct awaited *a, size_t text_max, int64_t deadline_us,
    struct kernel_head *ret)
{
    cleanup_fd int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0)
        return -errno;
    pace_begin(&s->pace);
    sandbox_wake(s, wake_fd);
    int rc = await_with(s, wake_fd, a, text_max, deadline_us, ret);
    sandbox_wake(s, -1);
    pace_end(&s->pace);
    return rc;
}

int kernel_rehearse(struct sandbox *s, int64_t timeout_us)
{
    int64_t deadline = clock_monotonic_us() + timeout_us;
    const struct awaited ready = {.type = FRAME_READY}, rehearsed = {.type = FRAME_REHEARSED};
    int rc = s->kernel.ready ? 0 : await(s, &ready, REHEARSAL_TEXT_MAX, deadline, NULL);
    if (rc == 0)
        rc = kernel_send(&s->kernel, "{\"type\":\"rehearse\"}", NULL, 0, deadline);
    if (rc == 0)
        rc = await(s, &rehearsed, REHEARSAL_TEXT_MAX, deadline, NULL);
    if (rc == 0)
        drop_streams(&s->kernel);
    s->kernel.rehearsed = rc == 0;
    return rc;
}

static void write_variable(struct json_writer *w, const json_t *v)
{
    static const char *const keys[] = {"name", "type", "shape", "preview"};
    jw_begin_object(w);
    for (int i = 0; i < 4; i++) {
        const json_t *x = json_object_get(v, keys[i]);
        if (json_is_string(x)) {
            jw_field_bytes(w, keys[i], json_string_value(x), json_string_length(x));
        } else if (json_is_array(x) && i == 2) {
            jw_field_array(w, keys[i]);
            for (size_t d = 0; d < json_array_size(x) && d < 32; d++)
                jw_int(w, json_integer_value(json_array_get(x, d)));
            jw_end(w);
        } else {
            jw_field_null(w, keys[i]);
        }
    }
    jw_end(w);
}

int kernel_variables(struct sandbox *s, int64_t timeout_us, char **ret)
{
    char id[ID_SIZE], head[160];
    int64_t deadline = clock_monotonic_us() + timeout_us;
    struct kernel_head h;
    id_new(id, "vars_", 24);
    snprintf(head, sizeof head, "{\"type\":\"variables\",\"id\":\"%s\"}", id);
    int rc = kernel_send(&s->kernel, head, NULL, 0, deadline);
    if (rc == 0)
        rc = await(s, &(struct awaited){FRAME_VARIABLES, "id", id}, SIZE_MAX, deadline, &h);
    if (rc < 0)
        return rc;
    struct strbuf out = STRBUF_INIT(FRAME_HEAD_MAX * 8);
    struct json_writer w = JSON_WRITER(&out);
    const json_t *data = json_object_get(h.json, "data");
    jw_begin_array(&w);
    for (size_t i = 0; i < json_array_size(data) && i < VARIABLES_MAX; i++)
        if (json_is_object(json_array_get(data, i)))
            write_variable(&w, json_array_get(data, i));
    jw_end(&w);
    kernel_head_deinit(&h);
    if (out.failed) {
        strbuf_deinit(&out);
        return -ENOMEM;
    }
    *ret = strbuf_take(&out);
    return 0;
}

int kernel_previews(
    struct sandbox *s, const struct preview_ask *ask, size_t n, int64_t timeout_us, json_t **ret)
{
    char id[ID_SIZE];
    int64_t deadline = clock_monotonic_us() + timeout_us;
    cleanup_strbuf struct strbuf head = STRBUF_INIT(FRAME_HEAD_MAX);
    struct json_writer w = JSON_WRITER(&head);
    struct kernel_head h;
    id_new(id, "look_", 24);
    jw_begin_object(&w);
    jw_field_string(&w, "type", "preview");
    jw_field_string(&w, "id", id);
    jw_field_array(&w, "files");
    for (size_t i = 0; i < n; i++) {
        jw_begin_object(&w);
        jw_field_string(&w, "path", ask[i].path);
        jw_field_bool(&w, "sample", ask[i].sample);
        jw_field_int(&w, "limit", (int64_t)ask[i].limit);
        jw_end(&w);
    }
    jw_end(&w);
    jw_end(&w);
    if (!head.failed && head.length > ASKED_MAX)
        return -E2BIG;
    int rc = head.failed ? -ENOMEM : kernel_send(&s->kernel, strbuf_text(&head), NULL, 0, deadline);
    if (rc == 0)
        rc = await(s, &(struct awaited){FRAME_PREVIEW, "id", id}, SIZE_MAX, deadline, &h);
    if (rc < 0)
        return rc;
    *ret = json_incref(json_object_get(h.json, "data"));
    kernel_head_deinit(&h);
    return 0;
}

/* What lies in the pipe may begin in the middle of a frame that the earlier server had begun to
 * read: the token is looked for as bytes, and the stream is taken up behind it. */
static int take_up(struct sandbox *s, const char *token, int64_t deadline)
{
    char window[65536 + 4096];
    size_t have = 0;
    while (clock_monotonic_us() < deadline && sandbox_kernel_alive(s)) {
        struct pollfd p[] = {{s->kernel.pipes.server[PIPE_OUT], POLLIN, 0},
            {s->kernel.pipes.server[PIPE_STDOUT], POLLIN, 0},
            {s->kernel.pipes.server[PIPE_STDERR], POLLIN, 0}};
        bool rests = pace_look(&s->pace, true) != 0;
        int64_t left = deadline - clock_monotonic_us();
        if (poll(p, rests ? 0 : 3, left > 50000 ? 50 : (int)(left / 1000) + 1) < 0 || rests)
            continue;
        drop_streams(&s->kernel);
        if (!p[0].revents)
            continue;
        ssize_t n = read(p[0].fd, window + have, sizeof window - have);
        if (n == 0)
            return -EPIPE;
        if (n < 0)
            continue;
        have += (size_t)n;
        char *at = memmem(window, have, token, strlen(token));
        /* The token ends the head, but for what closes the JSON object; a sync has no buffers. */
        char *end = at ? memchr(at, '}', (size_t)(window + have - at)) : NULL;
        if (end) {
            frame_reader_deinit(&s->kernel.frames);
            s->kernel.ready = true;
            return frame_reader_push(&s->kernel.frames, end + 1, (size_t)(window + have - end - 1));
        }
        size_t keep = at ? (size_t)(window + have - at) : have < 64 ? have : 64;
        memmove(window, window + have - keep, keep);
        have = keep;
    }
    return sandbox_kernel_alive(s) ? -ETIMEDOUT : -EPIPE;
}

int kernel_sync(struct sandbox *s, int64_t timeout_us)
{
    char token[ID_SIZE], head[160];
    int64_t deadline = clock_monotonic_us() + timeout_us;
    id_new(token, "", 32);
    snprintf(head, sizeof head, "{\"type\":\"sync\",\"token\":\"%s\"}", token);
    int rc = kernel_send(&s->kernel, head, NULL, 0, deadline);
    if (rc < 0)
        return rc;
    pace_begin(&s->pace);
    rc = take_up(s, token, deadline);
    pace_end(&s->pace);
    return rc;
}
