/* control.c - how other threads speak to a running execution, and how it is put to the kernel. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "ipc/frame.h"
#include "session/execution.h"

int control_init(struct control *c)
{
    *c = (struct control){.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (c->wake_fd < 0)
        return -errno;
    pthread_mutex_init(&c->lock, NULL);
    return 0;
}

void control_deinit(struct control *c)
{
    fd_close(&c->wake_fd);
    free(c->reply);
    c->reply = NULL;
    pthread_mutex_destroy(&c->lock);
}

/* Lock held. */
static void control_wake(struct control *c)
{
    uint64_t one = 1;
    if (write(c->wake_fd, &one, sizeof one) < 0)
        log_line(LOG_WARN, "session", "wake failed", "errno=%d", errno);
}

void control_interrupt(struct control *c)
{
    pthread_mutex_lock(&c->lock);
    c->interrupt = true;
    control_wake(c);
    pthread_mutex_unlock(&c->lock);
}

void control_stop(struct control *c, enum stop_reason why)
{
    pthread_mutex_lock(&c->lock);
    if (c->stop != STOP_DELETED)
        c->stop = why;
    control_wake(c);
    pthread_mutex_unlock(&c->lock);
}

int control_input(struct control *c, const char *text, size_t n, struct error *e)
{
    char *copy = malloc(n + 1);
    if (!copy)
        return error_set(e, ERROR_UNAVAILABLE, ENOMEM, "The server is out of memory.");
    memcpy(copy, text, n);
    pthread_mutex_lock(&c->lock);
    bool asking = c->asking;
    if (asking) {
        c->asking = false;
        free(c->reply);
        c->reply = take_ptr(copy);
        c->reply_length = n;
        control_wake(c);
    }
    pthread_mutex_unlock(&c->lock);
    free(copy);
    return asking ? 0 : error_set(e, ERROR_NOT_WAITING, 0, "No execution waits for input.");
}

bool control_stop_asking(struct control *c)
{
    pthread_mutex_lock(&c->lock);
    bool asked = c->asking;
    c->asking = false;
    pthread_mutex_unlock(&c->lock);
    return asked;
}

/* ---- the execute frame ------------------------------------------------------------------------------ */

int execution_head(const struct execute_spec *spec, const char *id, unsigned count,
    const char *zone, struct strbuf *out, struct error *e)
{
    struct json_writer w = JSON_WRITER(out);
    jw_begin_object(&w);
    jw_field_string(&w, "type", "execute");
    jw_field_string(&w, "id", id);
    jw_field_uint(&w, "count", count);
    jw_field_string(&w, "mode", spec->script ? "script" : "cell");
    if (spec->script) {
        jw_field_array(&w, "argv");
        for (size_t i = 0; i < spec->argc; i++)
            jw_text(&w, spec->argv[i]);
        jw_end(&w);
    }
    jw_field_object(&w, "env");
    bool zoned = !zone || strcmp(zone, "UTC") == 0;
    for (size_t i = 0; i < spec->env_n; i++) {
        zoned |= strcmp(spec->env[2 * i], "TZ") == 0;
        jw_field_string(&w, spec->env[2 * i], spec->env[2 * i + 1]);
    }
    if (!zoned)
        jw_field_string(&w, "TZ", zone);
    jw_end(&w);
    jw_field_bool(&w, "ask", spec->streamed && !spec->stdin_data);
    jw_field_bool(&w, "stdin", spec->stdin_data != NULL);
    jw_end(&w);
    if (out->failed || out->length > FRAME_HEAD_MAX)
        return error_param(e, ERROR_INVALID_VALUE, "env", "'env' is too long.");
    if (spec->stdin_length > FRAME_BUFFERS_BYTES_MAX - spec->code_length)
        return error_param(e, ERROR_INVALID_VALUE, "stdin", "'stdin' is longer than 64 MiB.");
    return 0;
}
