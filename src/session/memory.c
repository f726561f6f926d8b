/* memory.c - how much memory a session may have, and more of it while it lives. */
#include <errno.h>

#include "session/internal.h"

int memory_check(const struct sessions *all, uint64_t bytes, struct error *e)
{
    uint64_t most = all->config->memory_max_bytes;
    if (bytes > most)
        return error_param(e, ERROR_INVALID_VALUE, "memory_limit",
            "'memory_limit' is more than this host can give (%llu MiB).",
            (unsigned long long)(most >> 20));
    if (bytes < SESSION_MEMORY_LEAST)
        return error_param(e, ERROR_INVALID_VALUE, "memory_limit",
            "'memory_limit' must be at least 64m: files and the interpreter must fit in it.");
    return 0;
}

/* Two may raise it at once: the warden keeps the larger one, and so do session and store. */
static void remember(struct session *s, uint64_t bytes)
{
    pthread_mutex_lock(&s->lock);
    if (s->memory_limit_bytes < bytes)
        s->memory_limit_bytes = bytes;
    pthread_mutex_unlock(&s->lock);
}

int session_raise_memory(struct session *s, uint64_t bytes, struct error *e)
{
    struct sandbox *b;
    char text[24];
    int rc = memory_check(s->all, bytes, e);
    if (rc == 0)
        session_touch(s);
    if (rc == 0)
        rc = session_sandbox(s, &b, e);
    if (rc < 0)
        return rc;
    uint64_t now = b->memory_bytes;
    if (bytes < now) {
        memory_format(now, text);
        rc = error_param(e, ERROR_INVALID_VALUE, "memory_limit",
            "'memory_limit' of a live container can only be raised: it is '%s' now.", text);
    } else if (bytes == now || (rc = sandbox_raise_memory(b, bytes, &now, e)) == 0) {
        /* the same again is stored again: the disk may have been full */
        remember(s, now);
        memory_format(now, text);
        rc = store_container_raise_memory(s->all->store, s->id, (int64_t)now, text, e);
    }
    sandbox_unref(b);
    return rc;
}
