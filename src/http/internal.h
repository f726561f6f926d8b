/* internal.h - a connection, as the files of this folder share it. Nobody else includes this. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <sys/uio.h>

#include "http/chunk.h"
#include "http/http.h"
#include "http/parser.h"
#include "http/router.h"

enum {
    BUFFER_SIZE =
        HTTP_HEAD_MAX + 8 * 1024, /* the longest head, and room to read a body behind it */
    EXTRA_HEADERS_MAX = 8 * 1024,
    LINGER_MS = 2000, /* for a refused client to read its answer before the reset */
    REFUSED_MAX = 32, /* connections beyond the maximum that are told so */
};

struct http_server {
    struct http_config config;
    int wake; /* eventfd: the acceptor looks at `accepting` */
    pthread_t acceptor;
    bool acceptor_joined;
    atomic_bool refusing; /* new requests: 503 */
    atomic_bool closing;  /* connections end after the answer under way, idle ones at once */
    atomic_bool accepting;
    atomic_ulong requests;
    pthread_mutex_t lock; /* what is below */
    pthread_cond_t changed;
    struct http_connection *connections;
    unsigned n_connections;
};

/* Whether a peer takes what it is sent; all zero: nothing waits to be taken. */
struct taking {
    int64_t since_us;
    uint64_t bytes;
};

enum answer { ANSWER_NONE, ANSWER_STREAM, ANSWER_EVENTS, ANSWER_DONE };

struct http_pair {
    const char *name, *value;
};

struct http_connection {
    struct http_server *server;
    struct http_connection *next, *previous; /* server's lock */
    int fd;
    bool unix_socket, loopback, refused;
    atomic_bool idle;

    /* The request. Everything here but `buffer`, `start` and `end` begins anew with each. */
    struct http_exchange x;
    struct http_head head;
    struct http_match match;
    struct http_pair query[HTTP_QUERY_MAX];
    unsigned n_query;
    struct strbuf params; /* decoded, each with its NUL */
    size_t param_offset[HTTP_PARAMS_MAX];
    char request_id[40];
    int64_t started_us;
    int64_t said_us; /* the last byte of a stream; before it, the request */

    /* The body. */
    struct http_chunk chunk;
    uint64_t body_left; /* of content-length */
    uint64_t body_taken, body_max;
    bool body_done;          /* read to its end, or there is none */
    bool continue_due;       /* the client waits for 100 Continue */
    struct error body_error; /* code ERROR_NONE: sound so far */

    /* The answer. */
    enum answer answer;
    int status;
    bool close; /* after this answer */
    bool gone;  /* the client is */
    bool half_closed, probed;
    bool has_retry_after, has_should_retry;
    struct strbuf extra; /* fields set by the handler, as they go out */
    struct strbuf out;   /* the head of an answer */
    bool keeps;          /* what the client does not take at once is kept: unsent.c */
    struct strbuf unsent;
    size_t unsent_at; /* what of it has left */
    struct taking taking;
    int64_t date_s;
    char date[32];

    size_t head_end;   /* where bodies may be read to */
    size_t start, end; /* what has arrived and nobody has read */
    char buffer[BUFFER_SIZE + 1];
};

/* connection.c */
void http_connection_serve(struct http_connection *c); /* until it ends; not the close */
/* Waits for `events` until the deadline (monotonic, us). 1, 0 when it has passed, -EPIPE. */
int http_wait(struct http_connection *c, short events, int64_t deadline_us);

/* request.c: makes ready what the accessors answer from. 0, or -EINVAL with `e` filled. */
int http_request_prepare(struct http_connection *c, struct error *e);

/* body.c */
void http_body_begin(struct http_connection *c);
/* Whether the connection can go on although the handler left a body; judged before the answer's head. */
bool http_body_drainable(const struct http_connection *c);
int http_body_drain(struct http_connection *c); /* 0, or negative: close */

/* unsent.c: the rule for answers, streams and WebSockets: while something waits, the peer takes 1 KiB/s
 * of it, counted over the send timeout; so one that takes nothing for that long does not. `taken` bytes
 * went just now. When nothing waits any more, clear `t`. */
bool taking_enough(struct taking *t, size_t taken, int64_t now_us, int timeout_ms);
void http_unsent_begin(struct http_connection *c); /* for a new request, and to free what is kept */
int http_unsent_send(
    struct http_connection *c, struct iovec *iov, int n); /* keeps what does not go at once */
/* response.c: sends all, or marks the client gone: -EPIPE. The array is used up. */
int http_send(struct http_connection *c, struct iovec *iov, int n, int flags);
/* The head of an answer into c->out. `length` -1: chunked, or until close. */
int http_write_head(
    struct http_connection *c, int status, const char *content_type, int64_t length);
int http_begin_answer(struct http_connection *c); /* 0 or -EALREADY */
