/* Why a multi handle for each call, and not curl_easy_perform: that one looks at its progress
 * callback only about once a second while nothing arrives, too seldom for a cancel within 100 ms. And
 * why not one multi for all, or a shared connection cache: libcurl's cache is not safe to share
 * between threads that use it at once, and one thread for all calls would put a hop between upstream
 * and the caller's thread, which is what the first token waits for. */
#include "upstream.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/fd.h"
#include "provider/retry.h"

enum {
    IDLE_MAX = 256, /* handles kept for later calls; each holds at most CONNECTIONS open */
    CONNECTIONS = 1,
    POLL_MS = 50,      /* how often a silent call looks at its cancel flag */
    LINGER_US = 50000, /* for the end of a reply that has said all */
    BUFFER = 64 << 10,
    CONNECT_DEFAULT_MS = 10000,
};
static const int64_t IDLE_US = 100000000; /* what nobody used so long goes; servers close it soon */

struct handle {
    struct handle *next;
    int64_t since_us; /* idle since */
    CURLM *multi;
    CURL *easy;
    char error[CURL_ERROR_SIZE];
};

struct upstream {
    char name[64];
    char *ca_file;
    bool direct;
    int connect_timeout_ms;
    pthread_mutex_t lock;
    struct handle *idle; /* the latest used first: the others may close */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void curl_begin(void) { curl_global_init(CURL_GLOBAL_DEFAULT); }

int upstream_new(const struct upstream_config *config, struct upstream **ret)
{
    struct upstream *u = calloc(1, sizeof(*u));
    if (u == NULL)
        return -ENOMEM;
    pthread_once(&once, curl_begin);
    pthread_mutex_init(&u->lock, NULL);
    snprintf(u->name, sizeof(u->name), "%s", config->name);
    u->direct = config->direct;
    u->connect_timeout_ms =
        config->connect_timeout_ms > 0 ? config->connect_timeout_ms : CONNECT_DEFAULT_MS;
    if (config->ca_file != NULL && (u->ca_file = strdup(config->ca_file)) == NULL) {
        upstream_free(u);
        return -ENOMEM;
    }
    *ret = u;
    return 0;
}

static struct handle *handle_free(struct handle *h)
{
    if (h == NULL)
        return NULL;
    curl_easy_cleanup(h->easy);
    curl_multi_cleanup(h->multi);
    free(h);
    return NULL;
}

static void handles_free(struct handle *h)
{
    for (struct handle *next; h != NULL; h = next) {
        next = h->next;
        handle_free(h);
    }
}

struct upstream *upstream_free(struct upstream *u)
{
    if (u == NULL)
        return NULL;
    handles_free(u->idle);
    pthread_mutex_destroy(&u->lock);
    free(u->ca_file);
    free(u);
    return NULL;
}

static struct handle *handle_new(void)
{
    struct handle *h = calloc(1, sizeof(*h));
    if (h == NULL || (h->easy = curl_easy_init()) == NULL || (h->multi = curl_multi_init()) == NULL)
        return handle_free(h);
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS);
    return h;
}

static struct handle *handle_take(struct upstream *u)
{
    pthread_mutex_lock(&u->lock);
    struct handle *h = u->idle;
    if (h != NULL)
        u->idle = h->next;
    pthread_mutex_unlock(&u->lock);
    return h != NULL ? h : handle_new();
}

static void handle_give(struct upstream *u, struct handle *h)
{
    curl_easy_reset(h->easy); /* forgets options, bodies and keys; connections live in the multi */
    h->error[0] = '\0';
    h->since_us = clock_monotonic_us();
    pthread_mutex_lock(&u->lock);
    h->next = u->idle;
    u->idle = h;
    struct handle **at = &u->idle;
    unsigned n = 0;
    for (; *at != NULL && n < IDLE_MAX && h->since_us - (*at)->since_us < IDLE_US; n++)
        at = &(*at)->next;
    struct handle *old = take_ptr(*at); /* by age, as they lie: the rest is older still */
    pthread_mutex_unlock(&u->lock);
    handles_free(old);
}

/* ---- one call ------------------------------------------------------------------------------------ */

struct call {
    CURL *easy;
    const struct upstream_request *q;
    struct upstream_head *head;
    bool told; /* head was called */
    uint64_t received;
    int64_t heard_us;  /* when the last byte came, or the request began */
    int stopped;       /* what a callback said */
    int64_t enough_us; /* when one said that it has all it wants; 0: not yet */
};

static int tell_head(struct call *c)
{
    long status = 0;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    c->head->status = (int)status;
    c->told = true;
    if (c->stopped == 0 && c->q->head != NULL)
        c->stopped = c->q->head(c->q->context, c->head);
    return c->stopped;
}

static size_t on_data(char *data, size_t size, size_t n, void *context)
{
    struct call *c = context;
    n *= size;
    c->heard_us = clock_monotonic_us();
    c->received += n;
    if (c->received > c->q->body_maximum) {
        c->stopped = -E2BIG;
        return CURL_WRITEFUNC_ERROR;
    }
    if (!c->told && tell_head(c) != 0)
        return CURL_WRITEFUNC_ERROR;
    int r = c->enough_us > 0 ? 1 : c->q->data(c->q->context, data, n);
    if (r > 0 && c->enough_us == 0)
        c->enough_us = clock_monotonic_us();
    c->stopped = r < 0 ? r : 0;
    return r < 0 ? CURL_WRITEFUNC_ERROR : n;
}

/* The value when the line is that field, without spaces around it, cut to `size`. */
static bool field(const char *line, size_t n, const char *name, char *out, size_t size)
{
    size_t length = strlen(name);
    if (n <= length || line[length] != ':' || strncasecmp(line, name, length) != 0)
        return false;
    line += length + 1;
    n -= length + 1;
    while (n > 0 && (*line == ' ' || *line == '\t')) {
        line++;
        n--;
    }
    while (n > 0 && strchr(" \t\r\n", line[n - 1]) != NULL)
        n--;
    snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1), line);
    return true;
}

static size_t on_header(char *line, size_t size, size_t n, void *context)
{
    struct call *c = context;
    char value[128];
    n *= size;
    c->heard_us = clock_monotonic_us();
    if (n > 5 && memcmp(line, "HTTP/", 5) == 0) /* also what follows a 100 */
        *c->head = (struct upstream_head){.retry_after_ms = -1, .should_retry = -1};
    else if (field(line, n, "content-type", value, sizeof(value)))
        memcpy(c->head->content_type, value, sizeof(value));
    else if (field(line, n, "retry-after-ms", value, sizeof(value)))
        c->head->retry_after_ms = retry_after_parse(value, 0) / 1000;
    else if (field(line, n, "retry-after", value, sizeof(value)) && c->head->retry_after_ms < 0)
        c->head->retry_after_ms = retry_after_parse(value, clock_realtime_s());
    else if (field(line, n, "x-should-retry", value, sizeof(value)))
        c->head->should_retry = strcasecmp(value, "true") == 0;
    return n;
}

static struct curl_slist *header_list(const struct upstream_request *q)
{
    /* curl waits up to a second for "100 Continue" before it sends a large body */
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; i <= q->n_headers && list != NULL; i++) {
        const char *line = i < q->n_headers  ? q->headers[i]
                           : q->body != NULL ? "Content-Type: application/json"
                                             : "Accept: application/json";
        struct curl_slist *longer = curl_slist_append(list, line);
        if (longer == NULL)
            curl_slist_free_all(list);
        list = longer;
    }
    return list;
}

static void prepare(
    struct upstream *u, struct handle *h, struct call *c, struct curl_slist *headers)
{
    CURL *easy = h->easy;
    curl_easy_setopt(easy, CURLOPT_URL, c->q->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a cancel does not wait for a name server */
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, h->error);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)u->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BUFFER);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "cloche/" CLOCHE_VERSION);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, c);
    if (u->direct)
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    if (u->ca_file != NULL)
        curl_easy_setopt(easy, CURLOPT_CAINFO, u->ca_file);
    if (c->q->body != NULL) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->q->length);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, c->q->body);
    }
}

/* Why the wait for upstream ended early: 0 while it need not. */
static int interrupted(const struct upstream *u, const struct call *c, struct error *e)
{
    int64_t now = clock_monotonic_us();
    if (c->q->cancel != NULL && atomic_load_explicit(c->q->cancel, memory_order_relaxed))
        return -ECANCELED;
    if (c->q->unwanted != NULL && c->q->unwanted(c->q->context))
        return -ECANCELED;
    if (c->q->deadline_us > 0 && now >= c->q->deadline_us)
        return error_set(e, ERROR_PROVIDER_TIMEOUT, ETIMEDOUT,
            "The provider %s had not answered in full when the time was up.", u->name);
    if (c->q->silence_ms > 0 && now - c->heard_us > (int64_t)c->q->silence_ms * 1000)
        return error_set(e, ERROR_PROVIDER_TIMEOUT, ETIMEDOUT,
            "The provider %s has been silent for %d s.", u->name, c->q->silence_ms / 1000);
    return 0;
}

/* Runs the transfer to its end. 0 with *ret_code set, or as interrupted(). */
static int transfer(
    struct upstream *u, struct handle *h, const struct call *c, CURLcode *ret_code, struct error *e)
{
    int running = 1;
    *ret_code = CURLE_FAILED_INIT;
    while (curl_multi_perform(h->multi, &running) == CURLM_OK && running > 0) {
        if (c->enough_us > 0 && clock_monotonic_us() - c->enough_us > LINGER_US) {
            *ret_code = CURLE_OK; /* removing the handle closes the connection */
            return 0;
        }
        int r = c->enough_us > 0 ? 0 : interrupted(u, c, e);
        if (r < 0)
            return r;
        if (curl_multi_poll(h->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK)
            break;
    }
    int left;
    CURLMsg *m;
    while ((m = curl_multi_info_read(h->multi, &left)) != NULL)
        if (m->msg == CURLMSG_DONE)
            *ret_code = m->data.result;
    return 0;
}

static int failure(const struct upstream *u, const struct handle *h, const struct call *c,
    CURLcode code, struct error *e)
{
    const char *why = h->error[0] != '\0' ? h->error : curl_easy_strerror(code);
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return error_set(e, ERROR_PROVIDER_UNREACHABLE, ETIMEDOUT,
            "The provider %s cannot be reached: no connection within %d s.", u->name,
            u->connect_timeout_ms / 1000);
    case CURLE_URL_MALFORMAT:
        return error_set(e, ERROR_PROVIDER_NOT_CONFIGURED, EINVAL,
            "The address of the provider %s is no http or https URL.", u->name);
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: /* what curl calls a reply without a status line */
        return error_set(e, ERROR_PROVIDER_MALFORMED, EPROTO,
            "The provider %s does not speak HTTP/1.1.", u->name);
    default:
        return error_set(e, ERROR_PROVIDER_UNREACHABLE, c->told ? ECONNRESET : EHOSTUNREACH,
            c->head->status > 0 ? "The connection to the provider %s broke in its answer: %.150s."
                                : "The provider %s cannot be reached: %.150s.",
            u->name, why);
    }
}

int upstream_call(struct upstream *u, const struct upstream_request *q,
    struct upstream_head *ret_head, struct error *e)
{
    struct call c = {.q = q, .head = ret_head, .heard_us = clock_monotonic_us()};
    *ret_head = (struct upstream_head){.retry_after_ms = -1, .should_retry = -1};
    int r = interrupted(u, &c, e);
    if (r < 0)
        return r;
    struct curl_slist *headers = header_list(q);
    struct handle *h = headers != NULL ? handle_take(u) : NULL;
    if (h == NULL) {
        curl_slist_free_all(headers);
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    }
    c.easy = h->easy;
    prepare(u, h, &c, headers);
    CURLcode code = CURLE_FAILED_INIT;
    if (curl_multi_add_handle(h->multi, h->easy) == CURLM_OK)
        r = transfer(u, h, &c, &code, e);
    if (r == 0 && code == CURLE_OK && !c.told)
        tell_head(&c);
    if (r == 0 && c.stopped != 0)
        r = c.stopped == -E2BIG ? error_set(e, ERROR_PROVIDER_MALFORMED, E2BIG,
                                      "The provider %s answers without end.", u->name)
                                : c.stopped;
    else if (r == 0 && code != CURLE_OK && c.enough_us == 0)
        r = failure(u, h, &c, code, e);
    curl_multi_remove_handle(h->multi, h->easy);
    handle_give(u, h);
    curl_slist_free_all(headers);
    return r;
}
