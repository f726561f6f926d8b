/* bench_rows.c - what is measured. Every number is that of a client over HTTP, keep-alive, with one
 * thread for each client; pauses between samples stand where a row says so, because a loop without
 * them hides costs that a calm machine has. */
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "cli/bench.h"

#define PANDAS_FIRST "import pandas as pd\\npd.DataFrame({'a': [1, 2, 3]}).a.sum()"
#define PANDAS_STATELESS "import pandas as pd\\nprint(pd.DataFrame({'a': [1, 2, 3]}).a.sum())"

enum {
    POOL_LOOK_US = 2000, /* between looks whether the pools are full */
    POOL_WAIT_US = 30000000,
    CREATES_LEAST = 50,
    CALM_PAUSE_US = 80000,
    SETTLE_US = 3000000,
    SESSION_BYTES = 8 << 20, /* more than a session that ran a statement takes */
};

static double now_ms(void) { return (double)clock_monotonic_us() / 1000; }

/* ---- requests ------------------------------------------------------------------------------------------ */

static int refused(int status, const char *what, const char *body, size_t n, struct error *e)
{
    return error_set(e, ERROR_UNAVAILABLE, status < 0 ? -status : EPROTO, "%s: %s%d %.*s", what,
        status < 0 ? "no answer, errno " : "the server answered ", status < 0 ? -status : status,
        status < 0 || n > 120 ? (n > 120 ? 120 : 0) : (int)n, body);
}

static int create(struct http_client *c, const char *environment, char id[80], struct error *e)
{
    char body[160];
    const char *answer = "";
    size_t n = 0;
    snprintf(body, sizeof(body), "{\"name\":\"bench\",\"environment\":\"%s\"}", environment);
    int status = http_client_request(c, "POST", "/v1/containers", body, &answer, &n);
    if (status != 200 && status != 201)
        return refused(status, "create", answer, n, e);
    json_t *root = json_loadb(answer, n, 0, NULL);
    const char *found = json_string_value(json_object_get(root, "id"));
    snprintf(id, 80, "%s", found != NULL ? found : "");
    json_decref(root);
    return 0;
}

static int post_execute(struct http_client *c, const char *path, const char *body, struct error *e)
{
    const char *answer = "";
    size_t n = 0;
    int status = http_client_request(c, "POST", path, body, &answer, &n);
    if (status != 200)
        return refused(status, "execute", answer, n, e);
    return memmem(answer, n, "\"completed\"", 11) != NULL
               ? 0
               : refused(status, "not completed", answer, n, e);
}

static int execute(struct http_client *c, const char *id, const char *code, struct error *e)
{
    char path[160], body[512];
    snprintf(path, sizeof(path), "/v1/containers/%s/execute", id);
    snprintf(body, sizeof(body), "{\"code\":\"%s\"}", code);
    return post_execute(c, path, body, e);
}

static void destroy(struct http_client *c, const char *id)
{
    char path[120];
    const char *answer;
    size_t n;
    snprintf(path, sizeof(path), "/v1/containers/%s", id);
    http_client_request(c, "DELETE", path, NULL, &answer, &n);
}

static bool has_pandas(struct http_client *c)
{
    const char *answer;
    size_t n;
    return http_client_request(c, "GET", "/v1/environments", NULL, &answer, &n) == 200 &&
           memmem(answer, n, "\"data-science\"", 14) != NULL;
}

/* ---- creating ------------------------------------------------------------------------------------------ */

/* Until a new session would find the pools full. */
static int pools_wait(struct http_client *c, struct error *e)
{
    const char *answer = "";
    size_t n = 0;
    int64_t until = clock_monotonic_us() + POOL_WAIT_US;
    for (;;) {
        int status = http_client_request(c, "GET", "/readyz", NULL, &answer, &n);
        if (status != 200)
            return refused(status, "readyz", answer, n, e);
        if (memmem(answer, n, "\"full\"", 6) != NULL)
            return 0;
        if (clock_monotonic_us() > until)
            return error_set(e, ERROR_UNAVAILABLE, ETIMEDOUT, "The pools do not get full.");
        usleep(POOL_LOOK_US);
    }
}

/* pause_us: between samples; 0: until the pools are full again. */
static int create_row(struct bench *b, const char *url, const char *row, const char *environment,
    const char *code, const char *what, unsigned pause_us, struct error *e)
{
    struct http_client c;
    struct samples s = {0};
    char id[80];
    int r = http_client_init(&c, url, b->key, e);
    double end = 0;
    /* three to warm up */
    for (int i = -3; r == 0 && (i < CREATES_LEAST || now_ms() < end); i++) {
        if (i == 0)
            end = now_ms() + b->seconds * 1000;
        if (pause_us > 0)
            usleep(pause_us);
        else if ((r = pools_wait(&c, e)) < 0)
            break;
        double begin = now_ms();
        r = create(&c, environment, id, e);
        if (r == 0)
            r = execute(&c, id, code, e);
        if (r == 0 && i >= 0)
            samples_add(&s, now_ms() - begin);
        destroy(&c, id);
        if (i < 0)
            end = now_ms() + b->seconds * 1000;
    }
    if (r == 0)
        bench_result_add(b, row, what, 1, &s, 0);
    samples_free(&s);
    http_client_deinit(&c);
    return r;
}

static int pandas_there(struct bench *b, const char *url, struct error *e)
{
    struct http_client c;
    int r = http_client_init(&c, url, b->key, e);
    bool there = r == 0 && has_pandas(&c);
    http_client_deinit(&c);
    return r < 0 ? r : there;
}

static int row_create(struct bench *b, const char *url, struct error *e)
{
    int r = pandas_there(b, url, e);
    if (r > 0)
        r = create_row(b, url, "create", "data-science", PANDAS_FIRST,
            "new session + first pandas statement, pool", 0, e);
    return r < 0 ? r
                 : create_row(b, url, "create-plain", "base", "x=1+1",
                       "new session + x=1+1 in base, pool", 0, e);
}

static int row_create_empty(struct bench *b, const char *url, struct error *e)
{
    int r = pandas_there(b, url, e);
    if (r > 0)
        r = create_row(b, url, "create-empty", "data-science", PANDAS_FIRST,
            "new session + first pandas statement, pool empty", CALM_PAUSE_US, e);
    return r < 0 ? r
                 : create_row(b, url, "create-empty-plain", "base", "x=1+1",
                       "new session + x=1+1 in base, pool empty", CALM_PAUSE_US, e);
}

/* ---- a live session ------------------------------------------------------------------------------------- */

static int live(struct bench *b, struct http_client *c, const char *id, const char *code,
    const char *what, unsigned pause_us, struct error *e)
{
    struct samples s = {0};
    int r = 0;
    for (int i = 0; i < 50 && r == 0; i++)
        r = execute(c, id, code, e);
    double begin = now_ms(), end = begin + b->seconds * 1000;
    while (r == 0 && now_ms() < end) {
        usleep(pause_us);
        double at = now_ms();
        r = execute(c, id, code, e);
        samples_add(&s, now_ms() - at);
    }
    if (r == 0)
        bench_result_add(b, "execute", what, 1, &s, pause_us > 0 ? 0 : (now_ms() - begin) / 1000);
    samples_free(&s);
    return r;
}

static int row_execute(struct bench *b, const char *url, struct error *e)
{
    struct http_client c;
    char id[80];
    int r = http_client_init(&c, url, b->key, e);
    const char *environment = r == 0 && has_pandas(&c) ? "data-science" : "base";
    if (r == 0)
        r = create(&c, environment, id, e);
    if (r == 0)
        r = live(b, &c, id, "x=1+1", "x=1+1 in a live session", 0, e);
    if (r == 0)
        r = live(b, &c, id, "1+1", "1+1 in a live session", 0, e);
    if (r == 0)
        r = live(b, &c, id, "x=1+1", "x=1+1, 80 ms apart", CALM_PAUSE_US, e);
    if (r == 0)
        r = live(b, &c, id, "1+1", "1+1, 80 ms apart", CALM_PAUSE_US, e);
    if (r == 0)
        destroy(&c, id);
    http_client_deinit(&c);
    return r;
}

/* ---- without a session, by many clients -------------------------------------------------------------------- */

struct worker {
    pthread_t thread;
    struct http_client client;
    const char *body;
    double end_ms;
    struct samples samples;
    int result;
    struct error error;
};

static void *work(void *context)
{
    struct worker *w = context;
    while (w->result == 0 && now_ms() < w->end_ms) {
        double at = now_ms();
        w->result = post_execute(&w->client, "/v1/execute", w->body, &w->error);
        samples_add(&w->samples, now_ms() - at);
    }
    return NULL;
}

static int crowd(struct bench *b, const char *url, const char *row, const char *what,
    const char *body, unsigned clients, double seconds, struct error *e)
{
    struct worker *w = calloc(clients, sizeof(*w));
    struct samples all = {0};
    int r = w == NULL ? -ENOMEM : 0;
    double begin = now_ms();
    unsigned started = 0;
    for (; r == 0 && started < clients; started++) {
        w[started] = (struct worker){.body = body, .end_ms = begin + seconds * 1000};
        r = http_client_init(&w[started].client, url, b->key, e);
        if (r == 0)
            r = -pthread_create(&w[started].thread, NULL, work, &w[started]);
    }
    for (unsigned i = 0; i < started; i++) {
        pthread_join(w[i].thread, NULL);
        if (r == 0 && w[i].result < 0) {
            r = w[i].result;
            *e = w[i].error;
        }
        samples_append(&all, &w[i].samples);
        samples_free(&w[i].samples);
        http_client_deinit(&w[i].client);
    }
    if (r == 0 && row != NULL)
        bench_result_add(b, row, what, clients, &all, (now_ms() - begin) / 1000);
    samples_free(&all);
    free(w);
    return r;
}

static int stateless(struct bench *b, const char *url, const char *row, const char *what,
    const char *body, struct error *e)
{
    static const unsigned steps[] = {1, 2, 8, 64};
    int r = crowd(b, url, NULL, what, body, 2, 1, e); /* warm up */
    for (size_t i = 0; r == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
        if (b->clients == 0 || i == 0)
            r = crowd(
                b, url, row, what, body, b->clients != 0 ? b->clients : steps[i], b->seconds, e);
    return r;
}

static int stateless_rows(struct bench *b, const char *url, bool recycled, struct error *e)
{
    int r = stateless(b, url, recycled ? "stateless-recycled-plain" : "stateless-fresh-plain",
        recycled ? "stateless, sandbox recycled, plain" : "stateless, fresh sandbox, plain",
        "{\"code\":\"print(1+1)\",\"environment\":\"base\"}", e);
    if (r == 0)
        r = pandas_there(b, url, e);
    if (r > 0)
        r = stateless(b, url, recycled ? "stateless-recycled-pandas" : "stateless-fresh-pandas",
            recycled ? "stateless, sandbox recycled, pandas" : "stateless, fresh sandbox, pandas",
            "{\"code\":\"" PANDAS_STATELESS "\",\"environment\":\"data-science\"}", e);
    return r;
}

static int row_fresh(struct bench *b, const char *url, struct error *e)
{
    return stateless_rows(b, url, false, e);
}
static int row_recycled(struct bench *b, const char *url, struct error *e)
{
    return stateless_rows(b, url, true, e);
}

/* ---- many sessions ------------------------------------------------------------------------------------------- */

/* Makes n sessions that each answered once; ids is the caller's (n × 80). */
static int populate(struct http_client *c, const char *environment, unsigned n, char (*ids)[80],
    struct samples *s, struct error *e)
{
    int r = 0;
    for (unsigned i = 0; i < n && r == 0; i++) {
        double at = now_ms();
        r = create(c, environment, ids[i], e);
        if (s != NULL)
            samples_add(s, now_ms() - at);
        if (r == 0)
            r = execute(c, ids[i], "x=1+1", e);
    }
    return r;
}

static int memory_of(
    struct bench *b, const char *url, const char *environment, const char *what, struct error *e)
{
    struct http_client c;
    char(*ids)[80] = calloc(b->sessions, sizeof(*ids));
    int r = ids == NULL ? -ENOMEM : http_client_init(&c, url, b->key, e);
    if (r < 0) {
        free(ids);
        return r;
    }
    bench_memory_touch((uint64_t)b->sessions * SESSION_BYTES);
    r = populate(&c, environment, 1, ids, NULL, e); /* the zygote is warm, the pool full */
    destroy(&c, ids[0]);
    usleep(SETTLE_US);
    int64_t before = bench_memory_free();
    if (r == 0)
        r = populate(&c, environment, b->sessions, ids, NULL, e);
    usleep(SETTLE_US); /* the pool is as full as before */
    int64_t after = bench_memory_free();
    if (r == 0)
        bench_number_add(
            b, "memory", what, "MB", b->sessions, (double)(before - after) / b->sessions / 1e6);
    for (unsigned i = 0; i < b->sessions; i++)
        if (ids[i][0] != '\0')
            destroy(&c, ids[i]);
    http_client_deinit(&c);
    free(ids);
    usleep(SETTLE_US);
    return r;
}

static int row_memory(struct bench *b, const char *url, struct error *e)
{
    int r = memory_of(b, url, "base", "memory of an idle session, plain", e);
    if (r == 0)
        r = pandas_there(b, url, e);
    return r <= 0 ? r : memory_of(b, url, "data-science", "memory of an idle session, pandas", e);
}

/* The latency of creating the k-th session while k - 1 live: the median of 50 around each mark. */
static int row_many(struct bench *b, const char *url, struct error *e)
{
    static const unsigned marks[] = {10, 100, 500, 1000, 2000, 4000, 9000};
    enum { WINDOW = 50 };
    struct http_client c;
    unsigned total = b->many + WINDOW;
    char(*ids)[80] = calloc(total, sizeof(*ids));
    struct samples all = {0};
    int r = pandas_there(b, url, e);
    const char *environment = r > 0 ? "data-science" : "base";
    if (r >= 0)
        r = ids == NULL ? -ENOMEM : http_client_init(&c, url, b->key, e);
    if (r < 0) {
        free(ids);
        return r;
    }
    bench_memory_touch((uint64_t)total * SESSION_BYTES);
    r = populate(&c, environment, total, ids, &all, e);
    for (size_t i = 0; r == 0 && i < sizeof(marks) / sizeof(marks[0]) && marks[i] <= b->many; i++) {
        struct samples window = {0};
        char what[100];
        for (unsigned k = 0; k < WINDOW; k++)
            samples_add(&window, all.ms[marks[i] + k]);
        snprintf(what, sizeof(what), "create in %s with %u live sessions", environment, marks[i]);
        bench_result_add(b, "many", what, 1, &window, 0);
        samples_free(&window);
    }
    for (unsigned i = 0; i < total; i++)
        if (ids[i][0] != '\0')
            destroy(&c, ids[i]);
    samples_free(&all);
    http_client_deinit(&c);
    free(ids);
    return r;
}

static const char *const no_pool[] = {
    "--pool-sandboxes", "0", "--pool-kernels", "0", "--pool-kernels-plain", "0", NULL};
static const char *const no_recycling[] = {"--recycle", "off", NULL};

const struct bench_row bench_rows[] = {
    {"create", "new session and its first statement, from the pool", NULL, row_create},
    {"create-empty", "the same with no pool", no_pool, row_create_empty},
    {"execute", "one statement in a live session, back to back and 80 ms apart", NULL, row_execute},
    {"fresh", "stateless executions, a fresh sandbox each", no_recycling, row_fresh},
    {"recycled", "stateless executions, sandboxes recycled within the project", NULL, row_recycled},
    {"memory", "memory of an idle session", NULL, row_memory},
    {"many", "create latency as live sessions grow", NULL, row_many},
};
const size_t bench_rows_count = sizeof(bench_rows) / sizeof(bench_rows[0]);
