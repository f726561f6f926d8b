/* upstream.h - HTTP calls to one provider, over connections that stay open between calls.
 *
 * Server only; the one file here that knows libcurl. Any number of threads call at once: each call
 * borrows a handle, with the connection in it, from the provider's idle ones and gives it back, so a
 * provider that was called a moment ago costs no new TCP or TLS handshake. HTTP/1.1 over http and
 * https alone; no redirects (a body with keys goes where the configuration says, nowhere else); no
 * compression. All that arrives is bounded. Neither keys nor bodies are ever logged. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct upstream;

struct upstream_config {
    const char *name;    /* for messages: "openai" */
    const char *ca_file; /* NULL: the system's */
    bool direct;         /* never by a proxy: a server on this machine */
    int connect_timeout_ms;
};
/* 0 or -ENOMEM. Text is copied. */
int upstream_new(const struct upstream_config *config, struct upstream **ret);
/* No call may be under way. Returns NULL. */
struct upstream *upstream_free(struct upstream *u);

/* What stands before a reply's body. */
struct upstream_head {
    int status;             /* 0: there was no reply */
    char content_type[128]; /* "" when not said */
    int64_t retry_after_ms; /* -1: not said */
    int should_retry;       /* x-should-retry: 1, 0, or -1 */
};
struct upstream_request {
    const char *url;
    const char *const *headers; /* "name: value", keys among them */
    size_t n_headers;
    const char *body; /* sent by POST as application/json; NULL: GET */
    size_t length;
    int64_t deadline_us;   /* clock_monotonic_us; 0: none */
    int silence_ms;        /* the longest without a byte, once connected; 0: any */
    uint64_t body_maximum; /* of the reply */
    atomic_bool *cancel;   /* or NULL; seen within 100 ms */
    /* asked as often, in the calling thread: true ends the call like `cancel`; or NULL */
    bool (*unwanted)(void *context);
    /* Once, before the first data; then any number of data. Negative ends the call and is forwarded.
     * 1: enough; data is not called again and the call ends well, after a moment in which upstream may end its
     * reply, so that the connection can be kept. */
    int (*head)(void *context, const struct upstream_head *head);
    int (*data)(void *context, const char *data, size_t n);
    void *context;
};
/* Blocks until the reply is whole. 0 whatever the status; -ECANCELED (nothing in `e`); what a callback
 * said; else `e` is PROVIDER_UNREACHABLE (no connection, or it broke: `head->status` says whether
 * within the reply), PROVIDER_TIMEOUT, PROVIDER_MALFORMED (no HTTP, or too long). */
int upstream_call(struct upstream *u, const struct upstream_request *q,
    struct upstream_head *ret_head, struct error *e);
