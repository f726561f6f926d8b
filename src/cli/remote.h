/* remote.h - a server's API, for commands that work through one: `run --session`, `chat`, `notebook`.
 *
 * libcurl below, JSON above. The server is believed no more than a stranger: sizes are bounded, what it says
 * reaches a terminal only through run_printable and its like. One thread at a time uses a remote. */
#pragma once
#include <jansson.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

enum { REMOTE_ANSWER_MAX = 256 << 20, REMOTE_EVENT_MAX = 64 << 20 };

struct curl_slist;
struct remote {
    char base[1024];    /* http://HOST:PORT/v1 */
    char socket[256];   /* a unix socket's path, or "" */
    char address[1024]; /* as a person would say it, for messages */
    struct curl_slist *headers, *json_headers;
    long timeout_s;      /* of a whole request; 0: none */
    struct strbuf event; /* one server-sent event, as it comes */
};

/* `url`: http(s)://HOST:PORT or unix:PATH; NULL or "": http://127.0.0.1:8000. `key` may be NULL. */
int remote_init(struct remote *r, const char *url, const char *key, struct error *e);
void remote_deinit(struct remote *r);

/* One request below /v1 with a body of JSON (NULL: none) and an answer of at most REMOTE_ANSWER_MAX bytes.
 * 0; or -EIO with the server's message, or what the network met. */
int remote_request(struct remote *r, const char *method, const char *path, const char *body,
    struct strbuf *answer, struct error *e);
/* The same, with the answer parsed; the reference is the caller's. */
int remote_json(struct remote *r, const char *method, const char *path, const char *body,
    json_t **ret, struct error *e);
/* Sends the file `fd`, from where it stands, as a form; `purpose` may be NULL. */
int remote_upload(struct remote *r, const char *path, const char *name, int fd, const char *purpose,
    struct strbuf *answer, struct error *e);

/* A streamed answer: `event` for each server-sent event that holds JSON, `tick` about once a second and
 * whenever something moves (it may make requests of its own; nonzero ends the stream with -ECANCELED). */
struct remote_stream {
    void *context;
    void (*event)(void *context, json_t *data);
    int (*tick)(void *context); /* or NULL */
};
int remote_stream(struct remote *r, const char *path, const char *body,
    const struct remote_stream *stream, struct error *e);
