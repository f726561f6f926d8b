/* A few threads, each with one attempt at a time. One of them looks once a second whether anything is due; who finds
 * something wakes another, so that a slow receiver holds up nobody else's events. */
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/store.h"
#include "webhook/webhook.h"

enum {
    THREADS = 4,
    STACK_BYTES = 1 << 20,
    ATTEMPT_MS = 15000,
    CONNECT_MS = 5000,
    LEASE_S = 60, /* longer than an attempt; after a crash the next one is made then */
    ANSWER_BYTES = 64 * 1024,
    RETRY_AFTER_MAX_S = 3600,
};

struct webhooks {
    struct store *store;
    bool allow_private;
    atomic_bool stopping;
    pthread_mutex_t lock;
    pthread_cond_t work;
    pthread_t thread[THREADS];
    int threads;
    bool looking; /* somebody is the one who looks */
};

int64_t webhook_backoff_s(int64_t attempts)
{
    static const int64_t after[] = {1, 5, 30, 300, 1800, 7200, 18000, 36000, 86400};
    enum { N = sizeof after / sizeof *after };
    return attempts >= 1 && attempts <= N ? after[attempts - 1] : 0;
}

/* ---- one attempt ------------------------------------------------------------------------------------------ */

struct attempt {
    struct webhooks *all;
    bool refused; /* an address that may not be called */
    size_t answered;
};

/* The one place where connections begin: judged here is the address that is called, however its name was resolved. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct attempt *a = context;
    (void)purpose;
    if (!a->all->allow_private && !address_public(&address->addr)) {
        a->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t discard(char *data, size_t size, size_t n, void *context)
{
    struct attempt *a = context;
    (void)data;
    a->answered += size * n;
    return a->answered > ANSWER_BYTES ? 0 : size * n;
}

static int look(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct attempt *attempt = context;
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(&attempt->all->stopping);
}

static struct curl_slist *headers_of(
    const struct store_webhook *to, const struct store_delivery *d, int64_t now_s)
{
    char signature[WEBHOOK_SIGNATURE_SIZE], line[256];
    struct curl_slist *list = curl_slist_append(NULL, "content-type: application/json");
    if (webhook_sign(to->secret, d->id, now_s, d->body, signature) < 0)
        return list;
    snprintf(line, sizeof line, "webhook-id: %s", d->id);
    list = curl_slist_append(list, line);
    snprintf(line, sizeof line, "webhook-timestamp: %lld", (long long)now_s);
    list = curl_slist_append(list, line);
    snprintf(line, sizeof line, "webhook-signature: %s", signature);
    return curl_slist_append(list, line);
}

static void set_options(CURL *curl, struct attempt *a, const struct store_webhook *to,
    const struct store_delivery *d, struct curl_slist *headers)
{
    curl_easy_setopt(curl, CURLOPT_URL, to->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "cloche/" CLOCHE_VERSION);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, d->body);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)ATTEMPT_MS);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, a);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, a);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, a);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
}

/* Sends it once: the receiver's status, 0 when there is none; `why` says what stood in the way. */
static long send_once(struct webhooks *w, const struct store_webhook *to,
    const struct store_delivery *d, char why[200], int64_t *ret_after_s)
{
    struct attempt a = {.all = w};
    struct curl_slist *headers = headers_of(to, d, clock_realtime_s());
    CURL *curl = curl_easy_init();
    curl_off_t after = 0;
    long status = 0;
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (curl && headers) {
        set_options(curl, &a, to, d, headers);
        code = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &after);
    }
    if (a.refused)
        snprintf(why, 200, "The address is private; --webhook-private on allows it.");
    else if (status / 100 != 2 && status > 0)
        snprintf(why, 200, "The receiver answered %ld.", status);
    else if (code != CURLE_OK && status == 0)
        snprintf(why, 200, "%s.", curl_easy_strerror(code));
    *ret_after_s = after < RETRY_AFTER_MAX_S ? after : RETRY_AFTER_MAX_S;
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return status;
}

/* A fifth more or less, so that what failed together does not come back together. */
static int64_t jitter(int64_t s)
{
    return s < 5 ? s : s * 4 / 5 + randombytes_uniform((uint32_t)(s * 2 / 5 + 1));
}

/* Writes down how it went. */
static void settle(
    struct webhooks *w, struct store_delivery *d, long status, const char *why, int64_t after_s)
{
    int64_t wait_s = webhook_backoff_s(d->attempts);
    bool delivered = status / 100 == 2, over = status == 410 || wait_s == 0;
    struct store_delivery done = *d;
    wait_s = jitter(wait_s);
    done.status = (char *)(delivered ? "delivered" : over ? "failed" : "pending");
    done.http_status = status;
    done.error = delivered ? NULL : (char *)why;
    done.next_at =
        delivered || over ? 0 : clock_realtime_s() + (wait_s > after_s ? wait_s : after_s);
    store_delivery_done(w->store, &done, NULL);
    if (!delivered)
        log_line(over ? LOG_WARN : LOG_INFO, "webhook", over ? "given up" : "will be tried again",
            "webhook=%s event=%s attempts=%lld why=\"%s\"", d->webhook_id, d->id,
            (long long)d->attempts, why);
}

static void deliver(struct webhooks *w, struct store_delivery *d)
{
    struct store_webhook to;
    char why[200] = "";
    int64_t after_s = 0;
    if (store_webhook_get(w->store, NULL, d->webhook_id, &to, NULL) < 0)
        return; /* deleted meanwhile, and this with it */
    long status = send_once(w, &to, d, why, &after_s);
    if (!atomic_load(&w->stopping) ||
        status > 0) /* else the lease ends, and the next server tries */
        settle(w, d, status, why, after_s);
    store_webhook_deinit(&to);
}

/* ---- the threads ------------------------------------------------------------------------------------------ */

/* Until there may be something to do: one looks each second, the others are woken. */
static void rest(struct webhooks *w)
{
    pthread_mutex_lock(&w->lock);
    if (w->looking) {
        pthread_cond_wait(&w->work, &w->lock);
    } else {
        struct timespec until;
        w->looking = true;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec++;
        if (!atomic_load(&w->stopping))
            pthread_cond_timedwait(&w->work, &w->lock, &until);
        w->looking = false;
    }
    pthread_mutex_unlock(&w->lock);
}

static void *deliver_main(void *context)
{
    struct webhooks *w = context;
    while (!atomic_load(&w->stopping)) {
        struct store_delivery d;
        if (store_delivery_claim(w->store, clock_realtime_s(), LEASE_S, &d, NULL) < 0) {
            rest(w);
            continue;
        }
        pthread_mutex_lock(&w->lock);
        pthread_cond_signal(&w->work); /* somebody else looks while this one delivers */
        pthread_mutex_unlock(&w->lock);
        deliver(w, &d);
        store_delivery_deinit(&d);
    }
    return NULL;
}

int webhooks_start(struct store *store, bool allow_private, struct webhooks **ret, struct error *e)
{
    struct webhooks *w = calloc(1, sizeof *w);
    if (!w)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    w->store = store;
    w->allow_private = allow_private;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    int failure = 0;
    while (w->threads < THREADS && failure == 0) {
        failure = pthread_create(&w->thread[w->threads], &attributes, deliver_main, w);
        w->threads += failure == 0;
    }
    pthread_attr_destroy(&attributes);
    if (failure) {
        webhooks_stop(w);
        return error_set(e, ERROR_INTERNAL, failure, "Cannot start a thread for webhooks.");
    }
    *ret = w;
    return 0;
}

void webhooks_stop(struct webhooks *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    atomic_store(&w->stopping, true);
    pthread_cond_broadcast(&w->work);
    pthread_mutex_unlock(&w->lock);
    for (int i = 0; i < w->threads; i++)
        pthread_join(w->thread[i], NULL);
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
