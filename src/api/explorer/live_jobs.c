/* live_jobs.c - requests of the live wire under way, a thread each. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/explorer/live.h"
#include "api/native/native.h"

enum { STACK_BYTES = 1 << 20, LOOK_MS = 1000 };

void job_free(struct job *job)
{
    json_decref(job->root);
    if (job->session)
        session_unref(job->session);
    run_unref(job->run);
    free(job);
}

static bool enter(struct live *l, struct job *job)
{
    pthread_mutex_lock(&l->lock);
    bool room = l->n_jobs < LIVE_JOBS_MAX;
    if (room) {
        l->n_jobs++;
        job->next = l->jobs;
        l->jobs = job;
    }
    pthread_mutex_unlock(&l->lock);
    return room;
}

/* Nothing of the connection is touched after this. */
static void leave(struct live *l, struct job *job)
{
    pthread_mutex_lock(&l->lock);
    struct job **at = &l->jobs;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    job_free(job);
    l->n_jobs--;
    pthread_cond_broadcast(&l->idle);
    pthread_mutex_unlock(&l->lock);
}

void jobs_wait(struct live *l)
{
    pthread_mutex_lock(&l->lock);
    while (l->n_jobs > 0)
        pthread_cond_wait(&l->idle, &l->lock);
    pthread_mutex_unlock(&l->lock);
}

bool job_cancel(struct live *l, const char *id)
{
    struct session *session = NULL;
    struct run *run = NULL;
    char execution[ID_SIZE] = "";
    pthread_mutex_lock(&l->lock);
    struct job *job = l->jobs;
    while (job && (job->work == job_follow || !job->id || strcmp(job->id, id) != 0))
        job = job->next;
    bool found = job != NULL;
    if (found) {
        job->cancelled = true; /* it looks, if it waits */
        run = job->run ? run_ref(job->run) : NULL;
        session = job->session ? session_ref(job->session) : NULL;
        memcpy(execution, job->execution_id, sizeof execution);
    }
    pthread_mutex_unlock(&l->lock);
    if (run)
        run_cancel(run);
    else if (session && execution[0])
        session_interrupt_one(session, execution);
    else if (found)
        turns_look(l->api->turns);
    run_unref(run);
    if (session)
        session_unref(session);
    return found;
}

static bool is_cancelled(struct job *job)
{
    pthread_mutex_lock(&job->live->lock);
    bool cancelled = job->cancelled;
    pthread_mutex_unlock(&job->live->lock);
    return cancelled;
}

/* What was asked for will not begin. */
static void tell_dropped(struct job *job, const char *type)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(1024);
    struct json_writer w = JSON_WRITER(&text);
    jw_begin_object(&w);
    jw_field_string(&w, "type", type);
    jw_field_string(&w, "id", job->id);
    jw_end(&w);
    websocket_send(job->live->socket, strbuf_text(&text), text.length);
}

static void *job_main(void *context)
{
    struct job *job = context;
    job->work(job);
    leave(job->live, job);
    return NULL;
}

void job_start(struct live *l, struct job *job)
{
    pthread_attr_t attributes;
    pthread_t thread;
    struct error e = {0};
    if (!enter(l, job)) {
        error_set(&e, ERROR_QUEUE_FULL, EAGAIN,
            "%d requests of this connection are under way, the most there may be.", LIVE_JOBS_MAX);
        live_error(l, job->id, &e);
        job_free(job);
        return;
    }
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    int failure = pthread_create(&thread, &attributes, job_main, job);
    pthread_attr_destroy(&attributes);
    if (failure) {
        error_set(&e, ERROR_UNAVAILABLE, failure, "The server has no thread left.");
        live_error(l, job->id, &e);
        leave(l, job);
    }
}

/* ---- runs ------------------------------------------------------------------------------------------------ */

/* A stored event with what tells runs and events apart, behind its type: {"type":"…","run_id":…,…}. The first
 * of a chat says whose it is, too. */
static int send_event(
    struct job *job, const char *run_id, const char *thread_id, const struct run_event *event)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX), more = STRBUF_INIT(4096);
    struct json_writer w = JSON_WRITER(&more);
    size_t head = strlen("{\"type\":\"\"") + strlen(event->type);
    jw_begin_object(&w);
    if (strcmp(event->type, "run.started") == 0 && job->id)
        jw_field_string(&w, "id", job->id);
    jw_field_string(&w, "run_id", run_id);
    if (thread_id && strcmp(event->type, "run.started") == 0)
        jw_field_string(&w, "thread_id", thread_id);
    jw_field_uint(&w, "sequence_number", job->next_event);
    jw_end(&w);
    strbuf_append(&text, event->json, head);
    strbuf_append(&text, ",", 1);
    strbuf_append(&text, strbuf_text(&more) + 1, more.length - 2);
    strbuf_append(&text, event->json + head, event->length - head);
    job->next_event++;
    return text.failed ? -EPIPE
                       : websocket_send(job->live->socket, strbuf_text(&text), text.length);
}

/* Until the run's end, or the client's. 0: all was sent. */
static int follow(struct job *job, struct run *run, const char *thread_id)
{
    struct run_info info;
    struct error e = {0};
    int r = 0, sent = 0;
    run_info(run, &info);
    while (r == 0 && sent == 0) {
        struct run_event *events = NULL;
        size_t n = 0;
        r = run_events(run, job->next_event, LOOK_MS, &events, &n, &e);
        for (size_t i = 0; i < n && sent == 0; i++)
            sent = send_event(job, info.id, thread_id, &events[i]);
        run_events_free(events, n);
        if (r == 0 && n == 0) /* is anybody there? */
            sent = websocket_gone(job->live->socket) ? -EPIPE : 0;
    }
    if (r < 0)
        live_error(job->live, job->id, &e);
    run_info_deinit(&info);
    return r < 0 ? r : sent;
}

/* What POST /api/chat would have answered, for a run of a thread that came to an end. */
static void send_answer(struct job *job, struct run *run)
{
    struct run_info info;
    run_info(run, &info);
    if (info.conversation_id && info.dialect && strcmp(info.dialect, EXPLORER_DIALECT) == 0 &&
        (info.status == RUN_COMPLETED || info.status == RUN_INCOMPLETE)) {
        cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
        struct json_writer w = JSON_WRITER(&text);
        jw_begin_object(&w);
        jw_field_string(&w, "type", "chat.completed");
        if (job->id)
            jw_field_string(&w, "id", job->id);
        jw_field_string(&w, "run_id", info.id);
        explorer_answer_write(job->live->api, info.conversation_id, info.id, &w);
        jw_end(&w);
        if (!text.failed)
            websocket_send(job->live->socket, strbuf_text(&text), text.length);
    }
    run_info_deinit(&info);
}

void job_follow(struct job *job)
{
    if (follow(job, job->run, NULL) == 0)
        send_answer(job, job->run);
}

static bool no_use(void *context)
{
    struct job *job = context;
    return is_cancelled(job) || websocket_gone(job->live->socket);
}

void job_chat(struct job *job)
{
    struct live *l = job->live;
    struct explorer_run r = {0};
    struct error e = {0};
    int rc = explorer_run_begin(l->api, &job->ask, no_use, job, &r, &e);
    if (rc < 0) {
        if (e.code != ERROR_NONE)
            live_error(l, job->id, &e);
        else if (is_cancelled(job))
            tell_dropped(job, "chat.cancelled");
        return;
    }
    pthread_mutex_lock(&l->lock);
    job->run = run_ref(r.run);
    bool too_late = job->cancelled;
    pthread_mutex_unlock(&l->lock);
    if (too_late) /* to be dropped: it had begun */
        run_cancel(job->run);
    int sent = follow(job, job->run, r.thread_id);
    explorer_run_end(l->api, &r);
    if (sent == 0)
        send_answer(job, job->run);
}

/* ---- executions ------------------------------------------------------------------------------------------ */

static int send_text(void *context, const char *json, size_t n)
{
    struct job *job = context;
    if (n == 0) /* what has begun is interrupted, and its end is told */
        return (job->execution_id[0] ? websocket_gone(job->live->socket) : no_use(job)) ? -EPIPE
                                                                                        : 0;
    return job->has_run ? websocket_send(job->live->socket, json, n)
                        : websocket_offer(job->live->socket, json, n);
}

static bool behind(void *context)
{
    struct job *job = context;
    return websocket_behind(job->live->socket);
}

/* From here on it can be interrupted. */
static void on_started(void *context, const struct execution *e)
{
    struct execution_stream *stream = context;
    struct job *job = stream->context;
    pthread_mutex_lock(&job->live->lock);
    memcpy(job->execution_id, e->id, sizeof job->execution_id);
    bool too_late = job->cancelled;
    pthread_mutex_unlock(&job->live->lock);
    stream->gone = websocket_gone(job->live->socket);
    job->tell_started(context, e);
    if (too_late)
        session_interrupt_one(job->session, e->id);
}

void job_execute(struct job *job)
{
    struct execution_stream stream;
    struct execution execution = {0};
    struct error e = {0};
    stream_init_live(&stream, job->id, send_text, behind, job, &job->execute);
    job->tell_started = job->execute.callbacks.on_started;
    job->execute.callbacks.on_started = on_started;
    int r = session_execute(job->session, &job->execute, &execution, &e);
    job->has_run = true;
    /* also when its turn came at that moment and it failed: whoever cancelled is answered */
    if (r < 0 && is_cancelled(job) && (r == -ECANCELED || !job->execution_id[0])) {
        tell_dropped(job, "execution.cancelled");
    } else if (r < 0) {
        stream_fail(&stream, r, &e);
    } else {
        cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
        execution_to_json(&execution, &text);
        stream_finish(&stream, &text);
        execution_deinit(&execution);
    }
    stream_deinit(&stream);
}
