/* http.h - our HTTP/1.1 server: listeners in, exchanges out, plain blocking code in handlers.
 *
 * One thread for each connection reads a request into a fixed buffer, parses it strictly
 * (http/parser.h), asks the gate about Host and Origin (http/gate.h), finds the route, asks the
 * authorize hook, and only then calls the handler, which may pull the body and answers once. Used
 * by the server alone. It must never guess what an ambiguous request meant: such a request gets
 * one 4xx and the connection ends. It knows nothing of keys, projects, sessions or JSON beyond the
 * error envelope, and never logs bodies, queries or credentials.
 *
 * Everything that takes a `struct http_exchange` belongs to the thread that runs the handler; other
 * threads hand their events to it (a queue, an eventfd in the same poll as http_client_fd).
 * Nothing that an exchange hands out outlives the handler. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strbuf.h"

enum {
    HTTP_HEAD_MAX = 32 * 1024, /* request line and fields together */
    HTTP_FIELDS_MAX = 100,
    HTTP_PARAMS_MAX = 8,         /* {names} in one pattern */
    HTTP_QUERY_MAX = 64,         /* name=value pairs in one query */
    HTTP_DRAIN_MAX = 256 * 1024, /* of a body nobody read, for the sake of keep-alive */
    HTTP_BODY_DEFAULT = 16 * 1024 * 1024,
    HTTP_BEHIND = 1024 * 1024,          /* kept for a client that should not be sent more */
    HTTP_UNSENT_MAX = 64 * 1024 * 1024, /* kept when more comes: the client is gone */
};

struct http_server;
struct http_exchange;
struct json_writer;

typedef void http_handler(struct http_exchange *x);

enum http_route_flags {
    HTTP_PUBLIC = 1 << 0, /* needs no key: handed to the authorize hook, which decides */
};

/* One row of the table. `pattern` starts with '/'; a segment `{name}` takes one non-empty segment
 * (percent-decoded after splitting, never "." or ".."), a last segment `{name*}` takes the rest of
 * the path, slashes included, maybe empty. Each pattern under /v1/ is also served without /v1.
 * The first row that fits wins, so rows without parameters go before rows with. `body_max` bytes,
 * 0 stands for HTTP_BODY_DEFAULT. A GET row serves HEAD too. */
struct http_route {
    const char *method, *pattern;
    http_handler *handler;
    unsigned flags;
    uint64_t body_max;
};

/* What a server is made of; all borrowed and alive until http_server_free. Times of 0 stand for the
 * defaults in brackets. */
struct http_config {
    /* bound and listening stream sockets (IPv4, IPv6, unix); made non-blocking */
    const int *listeners;
    size_t n_listeners;
    const struct http_route *routes;
    size_t n_routes;
    void *user; /* appears as x->user */
    /* Called for every request whose head is sound, unknown paths included (flags 0), before
     * anything of the body is read. 0: go on. Anything else: it has answered (http_error). */
    int (*authorize)(struct http_exchange *x, unsigned flags);
    /* Whether any key was ever made: then `hosts` count too. NULL: never. Called for each request
     * that arrives by TCP under a Host that is not loopback. */
    bool (*keys_exist)(void *user);
    /* Writes the body of an error (an object, whole) for a dialect with an envelope of its own, and returns
     * its status; 0: it has nothing to say to this path. NULL: OpenAI's envelope everywhere. */
    int (*error_body)(const struct http_exchange *x, const struct error *e, struct json_writer *w);
    const char *const *hosts; /* names from --host, with or without port */
    size_t n_hosts;
    unsigned max_connections; /* [4096] beyond: 503 and close */
    size_t stack_bytes;       /* [256 KiB, four times as much under sanitizers] */
    int head_timeout_ms;      /* [10 s] first byte to end of head: 408 */
    int idle_timeout_ms;      /* [75 s] nothing between requests: silent close */
    int body_timeout_ms;      /* [30 s] no byte of the body: 408 */
    int send_timeout_ms; /* [30 s] the peer takes less than 1 KiB/s for so long: the connection ends */
    int keep_alive_ms; /* [15 s] a silent answer is due a comment: http_sse_due */
};

/* Checks the routes (a bad pattern aborts), ignores SIGPIPE in the process and starts accepting.
 * Takes nothing: listeners stay the caller's, close them after http_server_free. 0 or -errno. */
int http_server_start(struct http_server **ret_server, const struct http_config *config);
/* Begins the end; returns at once, may be called again. With `refuse_new` the listeners go on and
 * every new request is answered 503 with retry-after and connection: close; without, accepting
 * stops. Requests under way go on either way and their connections close after the answer. */
void http_server_stop(struct http_server *s, bool refuse_new);
/* Stops accepting, closes idle connections and waits up to `timeout_ms` for the answers under way;
 * then cuts the remaining connections (their handlers see -EPIPE) and waits one second more.
 * 0, or the number of connections whose handlers still run. */
int http_server_join(struct http_server *s, int timeout_ms);
/* After a join that returned 0; takes NULL; returns NULL. If handlers still run it leaks on purpose. */
struct http_server *http_server_free(struct http_server *s);
/* Connections now, and requests answered since the start. Any thread. */
unsigned http_server_connections(struct http_server *s);
uint64_t http_server_requests(struct http_server *s);

/* ---- the request ---- */

struct http_exchange {
    void *user;                     /* http_config.user */
    const struct http_route *route; /* NULL in the authorize hook for an unknown path */
    /* zeroed for each request: from the authorize hook to the handler */
    _Alignas(16) char scratch[256];
    struct http_connection *connection; /* private */
};

/* All borrowed until the handler returns. */
/* "HEAD" where the handler is a GET row's */
const char *http_method(const struct http_exchange *x);
bool http_is_head(const struct http_exchange *x);
const char *http_path(const struct http_exchange *x); /* as sent, without the query */
/* The decoded segment for {name}, NULL when the pattern has none. Any bytes but NUL. */
const char *http_param(const struct http_exchange *x, const char *name);
/* A field's value, outer blanks removed; names in any case; the first when repeated; NULL if absent.
 * Fields of which two would be ambiguous (host, content-length, transfer-encoding, content-type,
 * authorization, origin, expect) are never repeated: such a request was refused. */
const char *http_header(const struct http_exchange *x, const char *name);
/* The decoded value of `name` in the query, the first when repeated; NULL if absent. `+` is a blank. */
const char *http_query(const struct http_exchange *x, const char *name);
/* The n-th (from 0) value of an array: `include[]=a&include[]=b`, also `include=a&include=b`;
 * called with "include". NULL beyond the last. */
const char *http_query_nth(const struct http_exchange *x, const char *name, unsigned n);
/* One cookie's value into `out`; 0, or -ENOENT (also when longer than size - 1). */
int http_cookie(const struct http_exchange *x, const char *name, char *out, size_t size);
const char *http_request_id(const struct http_exchange *x); /* "req_" + 32 hex digits */
bool http_from_unix_socket(const struct http_exchange *x);
/* peer's address is loopback, or a unix socket */
bool http_from_loopback(const struct http_exchange *x);

/* ---- the body: pulled by the handler ---- */

/* -1 for chunked; 0 when there is none. */
int64_t http_content_length(const struct http_exchange *x);
/* Up to n bytes; blocks. The number read, 0 at the end; -E2BIG beyond the route's maximum, -EPROTO
 * for a malformed chunk or an early end, -ETIMEDOUT after 30 s without a byte, -EPIPE when the
 * client is gone. After a negative answer the handler cleans up and returns without answering: the
 * server then sends the fitting 413, 400 or 408 and closes. (It may answer itself; the connection
 * closes then too.) The first call answers `Expect: 100-continue`. */
ssize_t http_body_read(struct http_exchange *x, void *to, size_t n);
/* The whole body, appended to `to`, at most `max` bytes and at most the route's maximum (to->maximum
 * must allow for it). 0 or the errors above; -ENOMEM answers itself as 500. */
int http_body_all(struct http_exchange *x, size_t max, struct strbuf *to);

/* ---- the answer: exactly once ---- */

/* A field for the answer to come. Name a token, value without control bytes, else -EINVAL and
 * nothing is set; -E2BIG beyond 8 KiB together. Setting a name again adds a second field. Not for
 * content-length, connection, transfer-encoding, date, x-request-id: those are ours (-EINVAL). */
int http_set_header(struct http_exchange *x, const char *name, const char *value);
/* A complete answer in one send. `content_type` NULL only for 204 and 304. 0, or -EPIPE when the client is
 * gone (nothing left to do then), -EALREADY when there was an answer: a bug, logged. */
int http_respond(
    struct http_exchange *x, int status, const char *content_type, const void *data, size_t n);
/* The same with application/json from a strbuf; a `failed` buffer answers 500. Borrows. */
int http_respond_json(struct http_exchange *x, int status, const struct strbuf *json);
int http_respond_empty(struct http_exchange *x, int status); /* 204 and the like */
/* OpenAI's envelope with the status of error.h's table, unless http_config.error_body has another. Adds
 * `retry-after: 1` to 429 and 503 and `x-should-retry: false` to 409, 501, 507 and
 * provider_authentication, unless the handler has set them. */
int http_error(struct http_exchange *x, const struct error *e);
/* The member `error` of that envelope, into an open object: for events, which have more beside it. */
void http_error_field(struct json_writer *w, const struct error *e);
/* The same from a format: http_fail(x, ERROR_NOT_FOUND, "container_id", "No such container: %s", id).
 * `param` may be NULL. */
int http_fail(struct http_exchange *x, enum error_code code, const char *param, const char *format,
    ...) __attribute__((format(printf, 4, 5)));
/* `size` bytes of `fd` from its beginning (borrowed; read by offset, its position stays). With
 * `download_name` (any UTF-8) a content-disposition: attachment. If the file turns out shorter, the
 * connection is cut so that the client notices. */
int http_respond_file(struct http_exchange *x, int fd, uint64_t size, const char *content_type,
    const char *download_name);
bool http_answered(const struct http_exchange *x); /* an answer was begun */

/* An answer of unknown length: chunked, or until close for HTTP/1.0. Each write is one send; pieces
 * of n = 0 send nothing. A stream the handler did not end is cut, so that the client notices. */
int http_stream_begin(struct http_exchange *x, int status, const char *content_type);
int http_stream_write(struct http_exchange *x, const void *data, size_t n);
int http_stream_end(struct http_exchange *x);

/* Who must not wait for a client: from here on, what it does not take of a stream at once is kept. One for
 * which more than HTTP_UNSENT_MAX is kept when something else comes counts as gone. `keep` false: what is
 * kept goes out, and writes wait again, as http_stream_end's does. */
void http_stream_keep(struct http_exchange *x, bool keep);
/* Sends what goes. While something is left, the descriptor to poll for POLLOUT, at least once a second;
 * else -1. *ret_behind: more than HTTP_BEHIND is. */
int http_stream_unsent(struct http_exchange *x, bool *ret_behind);

/* Server-sent events: a stream of text/event-stream. `event` (may be NULL) and `json` hold no line
 * breaks; json written by json_writer never does (-EINVAL otherwise). One send each; -EPIPE when the
 * client is gone. http_sse_comment is the keep-alive of idle streams; like everything here it is
 * called by the exchange's own thread, between events. End with http_stream_end. */
int http_sse_begin(struct http_exchange *x);
int http_sse_event(struct http_exchange *x, const char *event, const char *json, size_t n);
int http_sse_comment(struct http_exchange *x, const char *text);
/* Whether the answer (or, before it has begun, the server) has said nothing for so long that a comment is
 * due. Who waits for something to stream asks now and then. */
bool http_sse_due(const struct http_exchange *x);

/* ---- a client that goes away ---- */

/* Whether nobody is there to read the answer. Takes no pipelined bytes, does not block. TCP cannot
 * tell a client that closed from one that only finished sending and still listens; so when the
 * peer has finished sending, this puts a harmless `100 Continue` (a comment in an event stream) on
 * the wire, which a closed peer answers with a reset. Ask again later if it says no. */
bool http_client_gone(struct http_exchange *x);
/* To wait for that beside other descriptors: poll http_client_fd for http_client_events; when it
 * reports anything, call http_client_gone, and fetch the events anew before the next poll (they
 * become 0, POLLHUP and POLLERR alone, once the client has finished sending, so no busy loop). */
int http_client_fd(const struct http_exchange *x);
short http_client_events(const struct http_exchange *x);
