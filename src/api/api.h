/* api.h - what every dialect stands on: the pieces of the server a handler may reach, who is asking,
 * the body as JSON, pages of a list. A dialect is one folder of decoders and encoders beside this
 * file; it decides nothing itself and reaches the core only by session.h, store.h and environment.h.
 * Server only. Handlers run each in the thread of their connection and hold nothing between requests. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/run.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/json_writer.h"
#include "base/strbuf.h"
#include "http/http.h"
#include "http/multipart.h"
#include "notebook/notebook.h"
#include "session/session.h"
#include "store/store.h"

/* http_config.user: all borrowed, alive as long as the HTTP server. */
struct api {
    struct sessions *sessions;
    struct store *store;
    struct providers *providers;
    struct runs *runs;
    int environments_dir; /* -1: there is none */
    const char *version;
    const char *default_environment;
    uint64_t upload_max_bytes;             /* of one file */
    int64_t upload_parts_max_bytes;        /* of one file that comes in parts */
    int64_t timeout_max_s;                 /* of one execution */
    unsigned environments_max_per_project; /* that are built over HTTP */
    unsigned idle_minutes_max;             /* of expires_after.minutes */
    uint64_t memory_default_bytes;
    bool webhook_private;      /* webhooks may go to private addresses */
    double temperature;        /* of Explorer's chats; NAN: the model's own */
    unsigned max_iterations;   /* rounds of an Explorer's chat */
    struct turns *turns;       /* who speaks in which of Explorer's threads */
    struct http_route *routes; /* api_routes() */
    size_t n_routes;
    struct run_dialect run_dialects[3]; /* api_run_dialects() */
};

/* In a route table: the largest upload and a little for the form around it. */
#define BODY_UPLOAD UINT64_MAX

enum {
    CODE_MAX = 1 << 20,
    INLINE_FILES_MAX = 8 << 20, /* content of a stateless answer's files together */
    REPLY_MAX = 192 << 20,      /* one JSON reply: 32 MiB of displays in base64, and text */
    BODY_JSON_MAX = HTTP_BODY_DEFAULT,
    BODY_MODEL_MAX = 128 << 20, /* what is meant for a model carries files and images */
};

/* For http_config.error_body: the dialects whose errors are not in OpenAI's envelope. */
int api_error_body(const struct http_exchange *x, const struct error *e, struct json_writer *w);
/* Builds api->routes out of the dialects' tables, for http_config, and what else dialects need. 0 or
 * -ENOMEM. */
int api_routes(struct api *api);
/* What the dialects do when runs of theirs end, for runs_config: n of them, good as long as `api`. They
 * look at `api` when a run ends, not before. */
const struct run_dialect *api_run_dialects(struct api *api, size_t *ret_n);
void api_deinit(struct api *api);

static inline struct api *api_of(struct http_exchange *x) { return x->user; }

/* Reads the body as one JSON object. 0 and a new reference; else it was answered (or the connection
 * is the server's to close) and the handler returns. */
int api_body_json(struct http_exchange *x, json_t **ret_root);
/* The same with another bound, which the route's body_max allows. */
int api_body_json_max(struct http_exchange *x, size_t max, json_t **ret_root);
/* True when the request carries a form (multipart/form-data). */
bool api_is_form(struct http_exchange *x);
/* The session of {container_id} if it is the caller's, the holder's reference; else NULL and answered. */
struct session *api_session(struct http_exchange *x);
/* Counts looking at a session as its use, unless the query has touch=false: a page that shows a session
 * does not keep it alive. 0; else answered. */
int api_look(struct http_exchange *x, struct session *session);
/* Says that a container is not there, in OpenAI's words. */
void api_no_container(struct http_exchange *x, const char *id);

static inline void session_cleanup(struct session **s)
{
    if (*s)
        session_unref(*s);
}
#define cleanup_session __attribute__((cleanup(session_cleanup)))

/* ---- lists ------------------------------------------------------------------------------------- */

/* limit, order and after of the query. 0; else answered. `page.after` is borrowed from the exchange. */
int api_page(struct http_exchange *x, int default_limit, int max_limit, struct store_page *ret);
/* {"object":"list","data":[ … ],"first_id","last_id","has_more"}: begin, one object for each element,
 * end with the ids of the first and last of them (NULL when there is none). */
void list_begin(struct json_writer *w);
void list_end(struct json_writer *w, const char *first_id, const char *last_id, bool has_more);

/* What the store listed, as a page of such a list: n rows of `size` bytes, each beginning with its id (char *);
 * `write` writes one as an object. All borrowed. */
struct api_rows {
    const void *items;
    size_t n, size;
    bool has_more;
    void (*write)(struct json_writer *w, const void *item);
};
void api_respond_rows(struct http_exchange *x, const struct api_rows *rows);

/* {"id", "object", "deleted": true} */
void api_respond_deleted(struct http_exchange *x, const char *id, const char *object);

/* ---- forms ----------------------------------------------------------------------------------------- */

/* The whole present part as text: at most size - 1 bytes, valid UTF-8, no NUL; else -EINVAL with `e`
 * naming `name`. 0, or as multipart_text. */
int form_text(struct multipart *form, const char *name, char *out, size_t size, struct error *e);
/* A sent file's name without its directories ("C:\data\a.csv" and "../a.csv" are "a.csv"), checked as a
 * path of a workspace. 0, or -EINVAL with `e` naming "file". */
int form_filename(const struct multipart_part *part, char out[512], struct error *e);
/* The same for a name that came in another way, naming `param`. */
int api_filename(const char *name, const char *param, char out[512], struct error *e);

/* ---- tell.c: what a run said and did ---------------------------------------------------------------------- */

/* One execution. All borrowed for the call. */
struct api_ran {
    const char *code;
    size_t length;
    int64_t execution_count; /* 0: not known */
    json_t *outputs;         /* as API.md's executions have them, or NULL */
    const char *status;      /* or NULL: not known */
    size_t bytes;            /* about as much memory as its outputs take */
};
/* Called in the order in which it happened; each answers 0, or what ends the telling: -ENOMEM, or -E2BIG
 * (PAYLOAD_TOO_LARGE). Whoever keeps what is told counts its bytes: a thread may have thousands of figures. */
struct api_listener {
    void *context;
    int (*said)(void *context, const char *text, size_t length);
    int (*ran)(void *context, const struct api_ran *ran);
};
/* All that is stored of a run so far: each answer, each execution. Does not wait. */
int api_run_tell(
    struct store *store, struct run *run, const struct api_listener *to, struct error *e);
/* One execution by its row; `said` is not called. */
int api_execution_tell(struct store *store, const struct store_execution *row,
    const struct api_listener *to, struct error *e);

/* ---- notebooks --------------------------------------------------------------------------------------- */

/* `format` of the query. 0; else answered. */
int api_notebook_format(struct http_exchange *x, enum notebook_format *ret);
/* Adds what was run in a container, one cell for each execution that is remembered. */
int api_notebook_container(
    struct store *store, const char *container_id, struct notebook *book, struct error *e);
/* Adds one execution of a container. 0, NOT_FOUND, or as api_notebook_text. */
int api_notebook_execution(struct store *store, const char *container_id, const char *execution_id,
    struct notebook *book, struct error *e);
/* Adds what somebody said. 0, PAYLOAD_TOO_LARGE when the notebook has more than an answer may, INTERNAL. */
int api_notebook_text(
    struct notebook *book, const char *role, const char *text, size_t length, struct error *e);
/* Adds one run: the user's messages, the code with what it showed, the answers. */
int api_notebook_run(struct store *store, struct run *run, struct notebook *book, struct error *e);
/* The same without the user's messages. */
int api_notebook_said(struct store *store, struct run *run, struct notebook *book, struct error *e);
/* api_notebook_run for it and all runs before it, as far as they are there, oldest first. */
int api_notebook_chain(
    struct api *api, const char *project, struct run *run, struct notebook *book, struct error *e);
/* Answers with the notebook as a download named `name` (an id) and the format's extension. */
void api_notebook_respond(struct http_exchange *x, const struct notebook *book,
    enum notebook_format format, const char *name);

/* ---- names of input files ------------------------------------------------------------------------ */

/* As path_distinct. */
static inline int api_distinct_path(char **path, char *const *taken, size_t n)
{
    return path_distinct(path, taken, n);
}

/* ---- bytes ---------------------------------------------------------------------------------------- */

/* Opens the blob of a File of the caller's project. 0 with *ret_fd the holder's and *ret_file filled;
 * ERROR_NOT_FOUND ("No such File object: …") naming `param`. */
int api_file_open(struct api *api, const char *project, const char *id, const char *param,
    struct store_file *ret_file, int *ret_fd, struct error *e);
/* Decodes base64, padded or not, blanks allowed: *ret is the caller's. 0, -EINVAL, -ENOMEM. */
int api_base64(const char *text, size_t n, void **ret, size_t *ret_n);
