#include "api/explorer/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/native/native.h"

static const char *const types[] = {"chat", "execute", "cancel", "resume", NULL};

void live_error(struct live *l, const char *id, const struct error *e)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(8192);
    struct json_writer w = JSON_WRITER(&text);
    jw_begin_object(&w);
    jw_field_string(&w, "type", "error");
    jw_field_string(&w, "id", id);
    http_error_field(&w, e);
    jw_end(&w);
    websocket_send(l->socket, strbuf_text(&text), text.length);
}

/* ---- what each message asks for: reads the job, which is then ready to start ------------------------------- */

static int read_chat(struct job *job, struct json_in *in)
{
    job->ask = (struct explorer_ask){.project = job->live->project};
    job->ask.interpreter = json_in_bool(in, "use_code_interpreter", true);
    explorer_ask_read(in, "message", &job->ask);
    job->work = job_chat;
    return json_in_end(in);
}

static int read_execute(struct job *job, struct json_in *in, struct error *e)
{
    char brief[72];
    double timeout = json_in_number(in, "timeout", 0, 1, (double)job->live->api->timeout_max_s);
    const char *id = json_in_string(in, "container_id", JSON_REQUIRED, 64);
    job->execute.code = json_in_string(in, "code", JSON_REQUIRED, CODE_MAX);
    job->execute.code_length = job->execute.code ? strlen(job->execute.code) : 0;
    job->execute.timeout_ms = (int64_t)(timeout * 1000);
    job->work = job_execute;
    int r = json_in_end(in);
    if (r < 0)
        return r;
    r = id_valid(id)
            ? session_find(job->live->api->sessions, job->live->project, id, &job->session, e)
            : -ENOENT;
    return r == -ENOENT ? error_set(e, ERROR_NOT_FOUND, ENOENT, "Container with id '%s' not found.",
                              json_in_brief(brief, id))
                        : r;
}

/* The run of {run_id}, of whichever dialect. */
static int find_run(struct job *job, struct json_in *in, struct error *e)
{
    const char *id = json_in_string(in, "run_id", JSON_REQUIRED, 64);
    int r = json_in_end(in);
    return r < 0 ? r : run_find(job->live->api->runs, job->live->project, NULL, id, &job->run, e);
}

static int read_resume(struct job *job, struct json_in *in, struct error *e)
{
    job->next_event = (uint64_t)(json_in_integer(in, "starting_after", -1, -1, INT64_MAX - 1) + 1);
    job->work = job_follow;
    return find_run(job, in, e);
}

/* A run by its id, or a chat or an execution by the id of the message that asked for it, also while it waits. */
static int cancel(struct job *job, struct json_in *in, struct error *e)
{
    bool by_run = json_in_has(in, "run_id") || !job->id;
    int r = by_run ? find_run(job, in, e) : json_in_end(in);
    if (r < 0)
        return r;
    if (by_run)
        run_cancel(job->run);
    else if (!job_cancel(job->live, job->id))
        return error_set(
            e, ERROR_NOT_FOUND, ENOENT, "No chat or execution with this id is under way.");
    return 0;
}

/* Does what a message says. Takes `root`. */
static void obey(struct live *l, json_t *root)
{
    struct job *job = calloc(1, sizeof *job);
    struct json_in in;
    struct error e = {0};
    if (!job) {
        json_decref(root);
        error_set(&e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
        live_error(l, NULL, &e);
        return;
    }
    job->live = l;
    job->root = root;
    json_in_begin(&in, root, "", JSON_OURS, &e);
    job->id = json_in_string(&in, "id", JSON_OPTIONAL, LIVE_ID_MAX);
    const char *type = json_in_has(&in, "type") ? json_in_word(&in, "type", types, types[0]) : "";
    int r = strcmp(type, "chat") == 0      ? read_chat(job, &in)
            : strcmp(type, "execute") == 0 ? read_execute(job, &in, &e)
            : strcmp(type, "resume") == 0  ? read_resume(job, &in, &e)
            : strcmp(type, "cancel") == 0  ? cancel(job, &in, &e)
                                           : error_param(&e, ERROR_MISSING_PARAMETER, "type",
                                                 "Missing required parameter: 'type'.");
    if (r < 0)
        live_error(l, job->id, &e);
    if (r == 0 && job->work)
        job_start(l, job);
    else
        job_free(job);
}

/* ---- the connection -------------------------------------------------------------------------------------- */

static void converse(struct http_exchange *x, struct live *l)
{
    char *text = NULL;
    size_t n;
    int r;
    for (; (r = websocket_receive(l->socket, &text, &n)) > 0; text = NULL) {
        struct error e = {0};
        json_t *root = NULL;
        if (access_again(x) < 0) { /* also of who only listens */
            websocket_close(l->socket, WEBSOCKET_CLOSE_POLICY, "The key is not valid any more.");
        } else if (r == 2) {
            continue;
        } else if (json_in_parse(text, n, &root, &e) < 0) {
            live_error(l, NULL, &e);
        } else {
            obey(l, root);
        }
        free(text);
    }
}

void explorer_live(struct http_exchange *x)
{
    struct live l = {.api = api_of(x)};
    if (websocket_accept(x, BODY_JSON_MAX, &l.socket) < 0)
        return;
    snprintf(l.project, sizeof l.project, "%s", access_project(x));
    pthread_mutex_init(&l.lock, NULL);
    pthread_cond_init(&l.idle, NULL);
    converse(x, &l);
    jobs_wait(&l);
    pthread_cond_destroy(&l.idle);
    pthread_mutex_destroy(&l.lock);
    websocket_free(l.socket);
}
