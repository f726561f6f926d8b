/* Calls against a real server on loopback: connections kept, failures repeated, cancel, deadlines, bounds. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "provider/listing.h"
#include "provider/providers.h"
#include "provider_stream.h"

/* ---- the upstream ------------------------------------------------------------------------------------------ */

#define STREAM \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
#define SAY(word) "data: {\"choices\":[{\"delta\":{\"content\":\"" word "\"}}]}\n\n"
#define STOP "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"

/* What is done for each request, in order; the last for all that follow. BREAK resets the connection in the
 * middle of the reply, STALL is silent until the test ends. */
struct turn {
    const char *head; /* NULL: the connection is closed. "…Content-Length: " goes on by itself */
    const char *body; /* sent in a chunk of its own when the head is STREAM */
    enum after { KEEP, CLOSE, BREAK, STALL } then;
};
static struct {
    const struct turn *turns;
    size_t n;
    atomic_uint requests, connections;
    int listener;
    int stall[2];    /* closed to let stalled connections go */
    char last[8192]; /* the latest request */
    pthread_mutex_t lock;
    char url[64];
} upstream;

static int read_request(int fd, char *to, size_t size)
{
    size_t n = 0;
    char *end;
    to[0] = '\0';
    while ((end = strstr(to, "\r\n\r\n")) == NULL) {
        ssize_t got = recv(fd, to + n, size - 1 - n, 0);
        if (got <= 0)
            return -1;
        n += (size_t)got;
        to[n] = '\0';
    }
    const char *length = strcasestr(to, "content-length: ");
    size_t whole = (size_t)(end + 4 - to) + (length != NULL ? strtoul(length + 16, NULL, 10) : 0);
    while (n < whole && whole < size) {
        ssize_t got = recv(fd, to + n, size - 1 - n, 0);
        if (got <= 0)
            return -1;
        n += (size_t)got;
        to[n] = '\0';
    }
    return 0;
}

static void put(int fd, const char *text) { (void)!send(fd, text, strlen(text), MSG_NOSIGNAL); }

static bool serve_turn(int fd, const struct turn *t)
{
    char size[32], byte;
    if (t->head == NULL)
        return false;
    put(fd, t->head);
    if (strcmp(t->head, STREAM) == 0) {
        snprintf(size, sizeof(size), "%zx\r\n", strlen(t->body));
        put(fd, size);
        put(fd, t->body);
        put(fd, t->then == KEEP ? "\r\n0\r\n\r\n" : "\r\n");
    } else {
        snprintf(size, sizeof(size), "%zu\r\n\r\n", strlen(t->body));
        if (strstr(t->head, "Content-Length: ") != NULL)
            put(fd, size);
        put(fd, t->body);
    }
    if (t->then == STALL)
        (void)!read(upstream.stall[0], &byte, 1);
    if (t->then == BREAK) {
        struct linger now = {.l_onoff = 1};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    return t->then == KEEP;
}

static void *serve(void *context)
{
    int fd = (int)(intptr_t)context;
    char request[8192];
    while (read_request(fd, request, sizeof(request)) == 0) {
        pthread_mutex_lock(&upstream.lock);
        unsigned i = atomic_fetch_add(&upstream.requests, 1);
        const struct turn *t = &upstream.turns[i < upstream.n ? i : upstream.n - 1];
        memcpy(upstream.last, request, sizeof(request));
        pthread_mutex_unlock(&upstream.lock);
        if (!serve_turn(fd, t))
            break;
    }
    close(fd);
    return NULL;
}

static void *accept_all(void *context)
{
    (void)context;
    int fd, one = 1;
    while ((fd = accept4(upstream.listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        pthread_t thread;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        atomic_fetch_add(&upstream.connections, 1);
        pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd);
        pthread_detach(thread);
    }
    return NULL;
}

static int set_up(void **state)
{
    (void)state;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    pthread_t thread;
    pthread_mutex_init(&upstream.lock, NULL);
    upstream.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (pipe(upstream.stall) < 0 || bind(upstream.listener, (struct sockaddr *)&a, n) < 0 ||
        listen(upstream.listener, 512) < 0 ||
        getsockname(upstream.listener, (struct sockaddr *)&a, &n) < 0)
        return -1;
    snprintf(upstream.url, sizeof(upstream.url), "http://127.0.0.1:%d/v1", ntohs(a.sin_port));
    return pthread_create(&thread, NULL, accept_all, NULL);
}

/* ---- the caller ------------------------------------------------------------------------------------------------ */

static struct providers *ps;
static struct model_route route;

static const char *no_variable(const char *name)
{
    return strcmp(name, "ACME_KEY") == 0 ? "sk-hush" : NULL;
}

/* The turns of the upstream from now on, and a provider that leads to it; `more` is added to its row. */
static void plays(const struct turn *turns, size_t n, const char *more)
{
    char text[1000];
    struct error e = {0};
    pthread_mutex_lock(&upstream.lock);
    upstream.turns = turns;
    upstream.n = n;
    pthread_mutex_unlock(&upstream.lock);
    atomic_store(&upstream.requests, 0);
    atomic_store(&upstream.connections, 0);
    snprintf(text, sizeof(text),
        "{\"providers\":{\"acme\":{\"base_url\":\"%s\",\"api_key_env\":\"ACME_KEY\"%s}}}",
        upstream.url, more);
    json_t *config = json_of(text);
    struct providers_config c = {.config = config, .getenv_hook = no_variable};
    ps = providers_free(ps);
    if (providers_new(&c, &ps, &e) < 0 || providers_route(ps, "acme/m", &route, &e) < 0)
        fail_msg("%s", e.message);
    json_decref(config);
}
#define PLAYS(more, ...) \
    static const struct turn turns[] = {__VA_ARGS__}; \
    plays(turns, sizeof(turns) / sizeof(turns[0]), more)

/* The code of what came of a call, and how long it took. */
static enum error_code calls(struct provider_request *q, struct error *e, int64_t *ret_us)
{
    struct provider_answer answer = {0};
    int64_t began = clock_monotonic_us();
    q->transcript = json_array();
    *e = (struct error){0};
    int r = provider_chat(q, &answer, e);
    *ret_us = clock_monotonic_us() - began;
    json_decref(q->transcript);
    provider_answer_deinit(&answer);
    assert_null(strstr(e->message, "sk-hush"));
    if (r == -ECANCELED)
        assert_int_equal(e->code, ERROR_NONE);
    else
        assert_int_equal(r < 0, e->code != ERROR_NONE);
    return r == -ECANCELED ? ERROR_COUNT : e->code;
}

static enum error_code call(struct error *e)
{
    struct provider_request q = request_of(&route);
    int64_t us;
    return calls(&q, e, &us);
}

static void connections_are_kept(void **state)
{
    (void)state;
    struct error e;
    PLAYS("", {STREAM, SAY("a") STOP, KEEP});
    for (int i = 0; i < 20; i++)
        assert_int_equal(call(&e), ERROR_NONE);
    assert_int_equal(upstream.requests, 20);
    assert_int_equal(upstream.connections, 1);
    assert_non_null(strstr(upstream.last, "POST /v1/chat/completions HTTP/1.1\r\n"));
    assert_non_null(strstr(upstream.last, "Authorization: Bearer sk-hush\r\n"));
    assert_null(strcasestr(upstream.last, "\r\nexpect:"));
    assert_null(strcasestr(upstream.last, "\r\naccept-encoding:"));
}

static void *calls_of_a_thread(void *context)
{
    struct error e;
    for (int i = 0; i < 10; i++)
        if (call(&e) != ERROR_NONE)
            *(int *)context = 1;
    return NULL;
}

static void threads_share_them(void **state)
{
    (void)state;
    enum { THREADS = 16 };
    pthread_t threads[THREADS];
    int failed[THREADS] = {0};
    PLAYS("", {STREAM, SAY("a") STOP, KEEP});
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, calls_of_a_thread, &failed[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(failed[i], 0);
    }
    assert_int_equal(upstream.requests, THREADS * 10);
    assert_in_range(upstream.connections, 1, THREADS);
}

/* A server that says [DONE] and then leaves the connection open does not hold the answer back. */
static void the_end_is_not_waited_for(void **state)
{
    (void)state;
    struct provider_request q = request_of(&route);
    struct error e;
    int64_t us;
    PLAYS("", {STREAM, SAY("a") STOP, STALL});
    assert_int_equal(calls(&q, &e, &us), ERROR_NONE);
    assert_in_range(us, 0, 3000000);
}

static void failures_are_repeated(void **state)
{
    (void)state;
    struct error e;
    PLAYS("", {"HTTP/1.1 429 X\r\nRetry-After-Ms: 20\r\nContent-Length: ", "", KEEP},
        {"HTTP/1.1 503 X\r\nRetry-After: 0\r\nContent-Length: ", "{}", KEEP},
        {STREAM, SAY("a") STOP, KEEP});
    assert_int_equal(call(&e), ERROR_NONE);
    assert_int_equal(upstream.requests, 3);
    assert_int_equal(upstream.connections, 1);
}

static void but_not_for_ever(void **state)
{
    (void)state;
    struct error e;
    PLAYS("", {"HTTP/1.1 500 X\r\nRetry-After-Ms: 1\r\nContent-Length: ",
                  "{\"error\":{\"message\":\"sk-hush\"}}", KEEP});
    assert_int_equal(call(&e), ERROR_PROVIDER_FAILED);
    assert_int_equal(upstream.requests, 3);
}

static void nor_what_would_fail_again(void **state)
{
    (void)state;
    struct error e;
    PLAYS("", {"HTTP/1.1 401 X\r\nContent-Length: ", "", KEEP});
    assert_int_equal(call(&e), ERROR_PROVIDER_AUTHENTICATION);
    assert_int_equal(upstream.requests, 1);
}

static void nor_against_upstreams_word(void **state)
{
    (void)state;
    struct error e;
    PLAYS("", {"HTTP/1.1 503 X\r\nX-Should-Retry: false\r\nContent-Length: ", "", KEEP});
    assert_int_equal(call(&e), ERROR_PROVIDER_OVERLOADED);
    assert_int_equal(upstream.requests, 1);
}

/* A connection that breaks before anything was given on is tried anew; later it is an error. */
static void broken_streams(void **state)
{
    (void)state;
    struct error e;
    struct heard heard = {.text = STRBUF_INIT(1 << 16), .kind = -1};
    struct provider_request q = request_of(&route);
    int64_t us;
    PLAYS("", {STREAM, "data: {\"choices\":[]}\n\n", CLOSE}, {STREAM, SAY("a"), BREAK});
    q.sink = hear;
    q.context = &heard;
    assert_int_equal(calls(&q, &e, &us), ERROR_PROVIDER_UNREACHABLE);
    assert_int_equal(upstream.requests, 2);
    assert_string_equal(strbuf_text(&heard.text), "\ntext a");
    strbuf_deinit(&heard.text);
}

static int refuse(void *context, const struct provider_piece *piece)
{
    (void)context;
    (void)piece;
    return 1;
}

static void the_sink_ends_a_call(void **state)
{
    (void)state;
    struct error e;
    struct provider_request q = request_of(&route);
    int64_t us;
    PLAYS("", {STREAM, SAY("a"), STALL});
    q.sink = refuse;
    assert_int_equal(calls(&q, &e, &us), ERROR_COUNT);
    assert_int_equal(upstream.requests, 1);
}

static void *cancel_soon(void *context)
{
    while (atomic_load(&upstream.requests) == 0)
        sched_yield();
    atomic_store((atomic_bool *)context, true);
    return NULL;
}

static void cancel(void **state)
{
    (void)state;
    struct error e;
    atomic_bool flag = false;
    struct provider_request q = request_of(&route);
    int64_t us;
    pthread_t thread;
    PLAYS("", {STREAM, ": working\n\n", STALL});
    q.cancel = &flag;
    pthread_create(&thread, NULL, cancel_soon, &flag);
    assert_int_equal(calls(&q, &e, &us), ERROR_COUNT);
    pthread_join(thread, NULL);
    assert_in_range(us, 0, 5000000);
    assert_int_equal(calls(&q, &e, &us), ERROR_COUNT); /* before it began */
    assert_int_equal(upstream.requests, 1);
}

static void cancel_while_waiting_to_repeat(void **state)
{
    (void)state;
    struct error e;
    atomic_bool flag = false;
    struct provider_request q = request_of(&route);
    int64_t us;
    pthread_t thread;
    PLAYS("", {"HTTP/1.1 429 X\r\nRetry-After: 50\r\nContent-Length: ", "", KEEP});
    q.cancel = &flag;
    pthread_create(&thread, NULL, cancel_soon, &flag);
    assert_int_equal(calls(&q, &e, &us), ERROR_COUNT);
    pthread_join(thread, NULL);
    assert_in_range(us, 0, 5000000);
}

static void time_limits(void **state)
{
    (void)state;
    struct error e;
    struct provider_request q = request_of(&route);
    int64_t us;
    PLAYS(",\"silence\":1", {STREAM, ": working\n\n", STALL});
    q.deadline_us = clock_monotonic_us() + 200000;
    assert_int_equal(calls(&q, &e, &us), ERROR_PROVIDER_TIMEOUT);
    assert_in_range(us, 190000, 900000);
    q.deadline_us = 0;
    assert_int_equal(calls(&q, &e, &us), ERROR_PROVIDER_TIMEOUT);
    assert_non_null(strstr(e.message, "silent"));
    assert_in_range(us, 900000, 5000000); /* a machine may be busy */
    assert_int_equal(upstream.requests, 2);
}

static void what_is_no_answer(void **state)
{
    (void)state;
    static const struct turn rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ", "<html>", KEEP},
        {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ", "<html>", KEEP},
        {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ", "{}", KEEP},
        {STREAM, "data: nonsense\n\n", KEEP},
        {STREAM, "", CLOSE},
        {"SSH-2.0-OpenSSH\r\n", "", CLOSE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error e;
        plays(&rows[i], 1, ",\"retries\":0");
        enum error_code code = call(&e);
        if (code != ERROR_PROVIDER_MALFORMED && code != ERROR_PROVIDER_UNREACHABLE)
            fail_msg("row %zu: %s", i, error_wire_code(code));
    }
}

static void a_whole_answer_where_a_stream_was_asked_for(void **state)
{
    (void)state;
    struct error e;
    PLAYS("",
        {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ",
            "{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}], \"x\":1}",
            CLOSE});
    assert_int_equal(call(&e), ERROR_NONE);
}

static void redirects_are_not_followed(void **state)
{
    (void)state;
    struct error e;
    PLAYS("", {"HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: ", "", KEEP});
    assert_int_equal(call(&e), ERROR_PROVIDER_REFUSED);
    assert_non_null(strstr(e.message, "redirects"));
}

static void nobody_there(void **state)
{
    (void)state;
    struct error e;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    cleanup_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* never listens */
    assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
    getsockname(fd, (struct sockaddr *)&a, &n);
    PLAYS(",\"retries\":1", {NULL, "", CLOSE});
    struct provider *p = providers_find(ps, "acme", 4);
    snprintf(p->base_url, strlen(p->base_url) + 1, "http://127.0.0.1:%d", ntohs(a.sin_port));
    assert_int_equal(call(&e), ERROR_PROVIDER_UNREACHABLE);
    assert_non_null(strstr(e.message, "acme"));
    assert_int_equal(upstream.requests, 0);
}

/* ---- servers on this machine ------------------------------------------------------------------------------------- */

static const char *ollama_variable(const char *name)
{
    return strcmp(name, "OLLAMA_HOST") == 0 ? upstream.url + strlen("http://") : NULL;
}

/* Nothing is configured; a local server may answer at the upstream's address. */
static void finds(const struct turn *turns, size_t n, const char *tables)
{
    plays(turns, n, "");
    struct error e = {0};
    json_t *config = json_of(tables);
    struct providers_config c = {
        .config = config, .find_local = true, .getenv_hook = ollama_variable};
    ps = providers_free(ps);
    if (providers_new(&c, &ps, &e) < 0)
        fail_msg("%s", e.message);
    json_decref(config);
}

static void default_is(const char *expected)
{
    struct error e = {0};
    if (providers_route(ps, NULL, &route, &e) < 0)
        fail_msg("%s", e.message);
    assert_string_equal(route.name, expected);
}

#define JSON(body) \
    { \
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ", body, KEEP \
    }
#define NOTHING \
    { \
        NULL, "", CLOSE \
    }

static void ollama_is_found(void **state)
{
    (void)state;
    static const struct turn turns[] = {NOTHING,     /* not yet started */
        JSON("{\"object\":\"list\",\"data\":null}"), /* without a model */
        JSON("{\"object\":\"list\",\"data\":[{\"id\":\"see:4b\",\"owned_by\":\"library\"}]}"),
        JSON("{\"capabilities\":[\"completion\",\"vision\"]}"), NOTHING};
    finds(turns, sizeof(turns) / sizeof(turns[0]), "{}");
    default_is("offline");
    default_is("offline");
    assert_int_equal(upstream.requests, 1); /* remembered for a while */
    clock_advance_us(6000000);
    default_is("offline");
    clock_advance_us(31000000);
    default_is("ollama/see:4b");
    assert_true(route.local && route.images && !route.tools);
    assert_int_equal(upstream.requests, 4);
    default_is("ollama/see:4b");
    assert_int_equal(upstream.requests, 4);
    clock_advance_us(31000000);
    default_is("offline"); /* gone again */
}

static void cloud_models_are_not_local(void **state)
{
    (void)state;
    static const struct turn turns[] = {
        JSON("{\"data\":[{\"id\":\"gpt-oss:120b-cloud\"}]}"), NOTHING};
    finds(turns, 2, "{}");
    default_is("ollama/gpt-oss:120b-cloud");
    assert_false(route.local);
}

static void only_a_llama_cpp_is_taken_for_one(void **state)
{
    (void)state;
    char tables[200];
    static const struct turn other[] = {
        JSON("{\"data\":[{\"id\":\"x\",\"owned_by\":\"somebody\"}]}"), NOTHING};
    static const struct turn real[] = {
        JSON("{\"data\":[{\"id\":\"g.gguf\",\"owned_by\":\"llamacpp\"}]}"),
        JSON("{\"default_generation_settings\":{\"n_ctx\":4096},\"modalities\":{\"vision\":true},"
             "\"chat_template_caps\":{\"supports_tools\":true}}"),
        NOTHING};
    snprintf(tables, sizeof(tables),
        "{\"providers\":{\"llama.cpp\":{\"base_url\":\"%s\"},\"ollama\":{\"base_url\":\"http://127.0.0.1:1\"}}}",
        upstream.url);
    finds(other, 2, tables);
    default_is("offline");
    finds(real, 3, tables);
    default_is("llama.cpp/g.gguf");
    assert_true(route.local && route.images && route.tools);
    assert_int_equal(route.context_tokens, 4096);
}

/* ---- lists and the pass-through ------------------------------------------------------------------------------------ */

static void lists_are_remembered(void **state)
{
    (void)state;
    json_t *models = NULL;
    PLAYS("",
        {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ",
            "{\"data\":[{\"id\":\"m1\",\"created\":5},{\"id\":7},{\"id\":\"m2\"}]}", KEEP},
        {"HTTP/1.1 500 X\r\nContent-Length: ", "", KEEP});
    for (int i = 0; i < 3; i++) {
        assert_int_equal(providers_models(ps, &models, NULL), 0);
        assert_int_equal(json_array_size(models), 3);
        assert_member(json_array_get(models, 0), "id", "\"m1\"");
        assert_member(json_array_get(models, 0), "created", "5");
        assert_member(json_array_get(models, 1), "id", "\"m2\"");
        assert_member(json_array_get(models, 2), "id", "\"offline\"");
        json_decref(models);
    }
    assert_int_equal(upstream.requests, 1);
    clock_advance_us(61000000);
    assert_int_equal(providers_models(ps, &models, NULL), 0);
    assert_int_equal(json_array_size(models), 1); /* what is reachable now */
    json_decref(models);
    assert_int_equal(upstream.requests, 2);
}

struct passed {
    int status;
    char type[64];
    int64_t retry_after_ms;
    struct strbuf body;
};

static int pass_head(void *context, int status, const char *type, int64_t retry_after_ms)
{
    struct passed *p = context;
    p->status = status;
    p->retry_after_ms = retry_after_ms;
    snprintf(p->type, sizeof(p->type), "%s", type);
    return 0;
}

static int pass_write(void *context, const char *data, size_t n)
{
    return strbuf_append(&((struct passed *)context)->body, data, n);
}

static bool pass_wanted(void *context)
{
    (void)context;
    return false;
}

static void the_pass_through(void **state)
{
    (void)state;
    struct error e = {0};
    struct passed p = {.body = STRBUF_INIT(1 << 16)};
    struct provider_pass_to to = {
        .head = pass_head, .write = pass_write, .unwanted = pass_wanted, .context = &p};
    json_t *body = json_of("{\"model\":\"acme/m\",\"messages\":[],\"n\":2}");
    PLAYS(",\"extra\":{\"n\":null,\"seed\":1}", {STREAM, SAY("a") STOP, KEEP},
        {"HTTP/1.1 429 X\r\nRetry-After: 7\r\nContent-Type: application/json\r\nContent-Length: ",
            "{}", KEEP});
    assert_int_equal(provider_pass(&route, body, &to, &e), 0);
    assert_int_equal(p.status, 200);
    assert_string_equal(p.type, "text/event-stream");
    assert_string_equal(strbuf_text(&p.body), SAY("a") STOP);
    assert_non_null(strstr(upstream.last, "{\"model\":\"m\",\"messages\":[],\"seed\":1}"));
    assert_member(body, "model", "\"acme/m\""); /* borrowed, not changed */
    strbuf_clear(&p.body);
    assert_true(provider_pass(&route, body, &to, &e) < 0);
    assert_int_equal(e.code, ERROR_PROVIDER_RATE_LIMITED);
    assert_int_equal(p.body.length, 0); /* upstream's words about our key are not handed on */
    assert_int_equal(p.status, 429);    /* the client repeats, not we */
    assert_int_equal(p.retry_after_ms, 7000);
    assert_int_equal(upstream.requests, 2);
    strbuf_deinit(&p.body);
    json_decref(body);
}

static int tear_down(void **state)
{
    (void)state;
    ps = providers_free(ps);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_kept),
        cmocka_unit_test(threads_share_them),
        cmocka_unit_test(the_end_is_not_waited_for),
        cmocka_unit_test(failures_are_repeated),
        cmocka_unit_test(but_not_for_ever),
        cmocka_unit_test(nor_what_would_fail_again),
        cmocka_unit_test(nor_against_upstreams_word),
        cmocka_unit_test(broken_streams),
        cmocka_unit_test(the_sink_ends_a_call),
        cmocka_unit_test(cancel),
        cmocka_unit_test(cancel_while_waiting_to_repeat),
        cmocka_unit_test(time_limits),
        cmocka_unit_test(what_is_no_answer),
        cmocka_unit_test(a_whole_answer_where_a_stream_was_asked_for),
        cmocka_unit_test(redirects_are_not_followed),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(ollama_is_found),
        cmocka_unit_test(cloud_models_are_not_local),
        cmocka_unit_test(only_a_llama_cpp_is_taken_for_one),
        cmocka_unit_test(lists_are_remembered),
        cmocka_unit_test(the_pass_through),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
