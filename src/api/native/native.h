/* native.h - Cloche's own dialect, one row for each route: OpenAI's containers, container files and
 * Files, and what lies beyond them (execute, archive, variables, environments). Handlers decode, ask
 * the core, encode. Server only; internal to src/api/native but for the table. */
#pragma once
#include "api/access.h"
#include "api/api.h"
#include "api/json_in.h"

extern const struct http_route native_routes[];
extern const size_t native_route_count;

/* ---- encode.c: objects as they look on the wire -------------------------------------------------- */

/* The container object; `usage` NULL leaves it to be null. */
void encode_container(
    struct json_writer *w, const struct session_info *info, const struct session_usage *usage);
void encode_container_file(
    struct json_writer *w, const struct session_file *file, const char *container_id);
void encode_file(struct json_writer *w, const struct store_file *file);
/* The container object of a session as the whole answer. */
void respond_container(struct http_exchange *x, struct session *session);

/* ---- transfer.c: bytes from one place to another ------------------------------------------------------ */

/* Makes a File of what a writer holds (borrowed): project, filename, purpose, and if said id, are `as`
 * says; expires_at counts from now, 0 is for ever. */
int file_keep(struct api *api, struct blob_writer *writer, const struct store_file *as,
    struct store_file *ret, struct error *e);
/* Takes the file of a form's part as it comes, within the server's bound, into *writer (which must be NULL
 * before: one file for each request), its plain name into `filename`. */
int file_receive(struct api *api, struct multipart *form, const struct multipart_part *part,
    struct blob_writer **writer, char filename[512], struct error *e);
/* Puts a file of the workspace into Files, for good. */
int copy_to_files(struct api *api, const char *project, struct session *session, const char *path,
    const char *purpose, struct store_file *ret, struct error *e);
/* The name that follows the last slash. */
const char *base_name_of(const char *path);
/* The path below the workspace that a client means by "a/b" or "/mnt/data/a/b". */
const char *workspace_relative(const char *path);

/* ---- inputs.c: Files that a request names, on their way into a session ------------------------------------ */

enum { FILE_IDS_MAX = 100 };
struct inputs {
    size_t count;
    char **path;
    int *fd;
};
/* Opens what `ids` (an array of strings, NULL allowed) names; *in was zeroed. What cannot be opened names its
 * field, as "file_ids[0]". inputs_deinit also after a failure. */
int inputs_open(
    struct inputs *in, struct api *api, const char *project, json_t *ids, struct error *e);
int inputs_copy(const struct inputs *in, struct session *session, struct error *e);
void inputs_deinit(struct inputs *in);

/* ---- execute.c, stream.c: what executions have in common ------------------------------------------------- */

/* The fields of an execution's request, for both ways to run code. */
struct execute_request {
    struct execute_spec spec;
    const char **env; /* owned: pairs borrowed from the body */
    bool stream;
};
/* Reads the common fields of `in`; what is wrong stays in `in`. */
void execute_request_read(struct json_in *in, struct api *api, struct execute_request *ret);
void execute_request_deinit(struct execute_request *r);

/* One execution's answer: plain, as server-sent events, or as messages of the live wire. */
struct execution_stream {
    struct http_exchange *x;
    struct strbuf text; /* of the event being written */
    uint64_t sequence;
    bool streamed, begun, gone;
    /* the live wire: where events go instead (n = 0: is anybody there?), and whose they are; NULL */
    int (*send)(void *context, const char *json, size_t n);
    bool (*behind)(void *context); /* whether whoever sends should wait */
    void *context;
    const char *id;
};
/* Sets spec->callbacks. `s` must outlive the execution. */
void stream_init(
    struct execution_stream *s, struct http_exchange *x, bool streamed, struct execute_spec *spec);
/* The same for the live wire; `send` answers negative when nobody is there any more, which it is asked
 * now and then with nothing to send, and never waits while the execution runs: `behind` says when it would. */
void stream_init_live(struct execution_stream *s, const char *id,
    int (*send)(void *context, const char *json, size_t n), bool (*behind)(void *context),
    void *context, struct execute_spec *spec);
void stream_deinit(struct execution_stream *s);
/* Sends the end: the execution object whole (JSON text), or the error. */
void stream_finish(struct execution_stream *s, const struct strbuf *execution);
void stream_fail(struct execution_stream *s, int result, const struct error *e);

/* ---- files.c: what holds for a File however it comes ------------------------------------------------------- */

enum { FILE_SECONDS_MIN = 3600, FILE_SECONDS_MAX = 2592000 }; /* of expires_after */
/* 0, or -EINVAL with the words OpenAI has for it. */
int file_purpose_check(const char *purpose, struct error *e);
/* After how many seconds such a File expires when nobody says; 0: never. */
int64_t file_seconds_of(const char *purpose);

/* ---- environments.c ---------------------------------------------------------------------------------------- */

/* Whether the caller may have this environment (NULL: none was named). 0, or ENVIRONMENT_NOT_BUILT when it is
 * another project's: to a stranger it is not there. */
int environment_allowed(struct http_exchange *x, const char *name, struct error *e);

/* ---- handlers ----------------------------------------------------------------------------------------------- */

void containers_create(struct http_exchange *x);
void containers_list(struct http_exchange *x);
void containers_get(struct http_exchange *x);
void containers_change(struct http_exchange *x);
void containers_delete(struct http_exchange *x);
void containers_restart(struct http_exchange *x);

void container_files_create(struct http_exchange *x);
void container_files_list(struct http_exchange *x);
void container_files_get(struct http_exchange *x);
void container_files_content(struct http_exchange *x);
void container_files_delete(struct http_exchange *x);
void container_archive(struct http_exchange *x);
void container_notebook(struct http_exchange *x);

void container_execute(struct http_exchange *x);
void container_input(struct http_exchange *x);
void container_interrupt(struct http_exchange *x);
void container_variables(struct http_exchange *x);
void executions_list(struct http_exchange *x);
void executions_get(struct http_exchange *x);
void executions_output(struct http_exchange *x);
void stateless_post(struct http_exchange *x);

void environments_get(struct http_exchange *x);
void environments_post(struct http_exchange *x);

void files_create(struct http_exchange *x);
void files_list(struct http_exchange *x);
void files_get(struct http_exchange *x);
void files_content(struct http_exchange *x);
void files_delete(struct http_exchange *x);

void notebooks_create(struct http_exchange *x);
void notebooks_run(struct http_exchange *x);

void uploads_create(struct http_exchange *x);
void upload_parts_create(struct http_exchange *x);
void uploads_complete(struct http_exchange *x);
void uploads_cancel(struct http_exchange *x);
enum { UPLOAD_PART_MAX = 64 << 20 };

void welcome(struct http_exchange *x);
void healthz(struct http_exchange *x);
void readyz(struct http_exchange *x);
