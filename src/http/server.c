/* Accepting, counting and ending connections. The lock guards the list alone and is taken twice in
 * the life of a connection, never for a request. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "http/internal.h"

static bool from_loopback(const struct sockaddr_storage *peer)
{
    if (peer->ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)peer)->sin_addr.s_addr) >> 24 == 127;
    if (peer->ss_family != AF_INET6)
        return peer->ss_family == AF_UNIX;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)peer)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

static struct http_connection *connection_new(
    struct http_server *s, int fd, const struct sockaddr_storage *peer)
{
    struct http_connection *c = malloc(sizeof *c);
    if (!c)
        return NULL;
    memset(c, 0,
        /* the buffer's pages stay untouched until used */
        offsetof(struct http_connection, buffer));
    c->server = s;
    c->fd = fd;
    c->unix_socket = peer->ss_family == AF_UNIX;
    c->loopback = from_loopback(peer);
    c->params = STRBUF_INIT(HTTP_HEAD_MAX + 64);
    c->extra = STRBUF_INIT(EXTRA_HEADERS_MAX);
    c->out = STRBUF_INIT(EXTRA_HEADERS_MAX + 1024);
    return c;
}

static struct http_connection *connection_free(struct http_connection *c)
{
    strbuf_deinit(&c->params);
    strbuf_deinit(&c->extra);
    strbuf_deinit(&c->out);
    strbuf_deinit(&c->unsent);
    close(c->fd);
    free(c);
    return NULL;
}

static bool connection_link(struct http_connection *c)
{
    struct http_server *s = c->server;
    pthread_mutex_lock(&s->lock);
    bool room = s->n_connections < s->config.max_connections + REFUSED_MAX;
    if (room) {
        c->refused = s->n_connections >= s->config.max_connections;
        s->n_connections++;
        c->next = s->connections;
        if (c->next)
            c->next->previous = c;
        s->connections = c;
    }
    pthread_mutex_unlock(&s->lock);
    return room;
}

/* After this the server may be freed at any moment. */
static void connection_end(struct http_connection *c)
{
    struct http_server *s = c->server;
    pthread_mutex_lock(&s->lock);
    if (c->next)
        c->next->previous = c->previous;
    *(c->previous ? &c->previous->next : &s->connections) = c->next;
    connection_free(c);
    s->n_connections--;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void *connection_main(void *argument)
{
    struct http_connection *c = argument;
    http_connection_serve(c);
    connection_end(c);
    return NULL;
}

static void refuse_at_once(int fd)
{
    static const char answer[] =
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n"
        "content-length: 0\r\n\r\n";
    send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void accept_one(struct http_server *s, int listener, const pthread_attr_t *attributes)
{
    struct sockaddr_storage peer = {0};
    socklen_t length = sizeof peer;
    int fd = accept4(listener, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            log_line(LOG_WARN, "http", "cannot accept", "error=\"%s\"", strerrordesc_np(errno));
            poll(NULL, 0, 50); /* descriptors come back when connections end */
        }
        return;
    }
    struct http_connection *c = connection_new(s, fd, &peer);
    if (!c) {
        close(fd);
        return;
    }
    if (!connection_link(c)) {
        refuse_at_once(fd);
        connection_free(c);
        return;
    }
    pthread_t thread;
    int r = pthread_create(&thread, attributes, connection_main, c);
    if (r != 0) {
        log_line(LOG_WARN, "http", "cannot start a thread", "error=\"%s\"", strerrordesc_np(r));
        refuse_at_once(fd);
        connection_end(c);
    }
}

static void *acceptor_main(void *argument)
{
    struct http_server *s = argument;
    size_t n = s->config.n_listeners;
    struct pollfd *polls = calloc(n + 1, sizeof *polls);
    if (!polls)
        abort(); /* at the start of the process, for a few bytes */
    for (size_t i = 0; i < n; i++)
        polls[i] = (struct pollfd){.fd = s->config.listeners[i], .events = POLLIN};
    polls[n] = (struct pollfd){.fd = s->wake, .events = POLLIN};
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, s->config.stack_bytes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    while (atomic_load(&s->accepting)) {
        if (poll(polls, n + 1, -1) < 0)
            continue;
        for (size_t i = 0; i < n; i++) {
            if (polls[i].revents & POLLIN)
                accept_one(s, polls[i].fd, &attributes);
            else if (polls[i].revents) /* the listener itself has failed: leave it alone */
                polls[i].fd = -1;
        }
    }
    pthread_attr_destroy(&attributes);
    free(polls);
    return NULL;
}

static void apply_defaults(struct http_config *config)
{
    if (!config->max_connections)
        config->max_connections = 4096;
    if (!config->stack_bytes)
        config->stack_bytes = 256 * 1024;
#ifdef CLOCHE_SANITIZED
    config->stack_bytes *= 4;
#endif
    if (!config->head_timeout_ms)
        config->head_timeout_ms = 10 * 1000;
    if (!config->idle_timeout_ms)
        config->idle_timeout_ms = 75 * 1000;
    if (!config->body_timeout_ms)
        config->body_timeout_ms = 30 * 1000;
    if (!config->send_timeout_ms)
        config->send_timeout_ms = 30 * 1000;
    if (!config->keep_alive_ms)
        config->keep_alive_ms = 15 * 1000;
}

/* Signals are the main thread's: a handler thread is never interrupted by SIGTERM or SIGCHLD. */
static int start_acceptor(struct http_server *s)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&s->acceptor, NULL, acceptor_main, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -r;
}

int http_server_start(struct http_server **ret_server, const struct http_config *config)
{
    http_routes_check(config->routes, config->n_routes);
    struct http_server *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->config = *config;
    apply_defaults(&s->config);
    atomic_store(&s->accepting, true);
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = s->wake < 0 ? -errno : 0;
    for (size_t i = 0; r == 0 && i < config->n_listeners; i++)
        r = fd_set_nonblock(config->listeners[i], true);
    signal(SIGPIPE, SIG_IGN); /* sendfile has no flag for it */
    if (r == 0)
        r = start_acceptor(s);
    s->acceptor_joined = r < 0;
    if (r < 0)
        http_server_free(s);
    else
        *ret_server = s;
    return r;
}

static void end_accepting(struct http_server *s)
{
    uint64_t one = 1;
    atomic_store(&s->accepting, false);
    (void)!write(s->wake, &one, sizeof one);
}

/* Closes what waits for a request; what comes behind an answer under way closes by itself. */
static void end_idle(struct http_server *s)
{
    atomic_store(&s->closing, true);
    pthread_mutex_lock(&s->lock);
    for (struct http_connection *c = s->connections; c; c = c->next)
        if (atomic_load(&c->idle))
            shutdown(c->fd, SHUT_RD);
    pthread_mutex_unlock(&s->lock);
}

void http_server_stop(struct http_server *s, bool refuse_new)
{
    if (refuse_new) {
        atomic_store(&s->refusing, true);
        return;
    }
    end_accepting(s);
    end_idle(s);
}

/* Until no connection is left or the time has passed. The lock is held. */
static void wait_for_none(struct http_server *s, int timeout_ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t ns = t.tv_nsec + timeout_ms % 1000 * INT64_C(1000000);
    t.tv_sec += timeout_ms / 1000 + ns / 1000000000;
    t.tv_nsec = ns % 1000000000;
    while (s->n_connections > 0 && pthread_cond_timedwait(&s->changed, &s->lock, &t) != ETIMEDOUT)
        ;
}

int http_server_join(struct http_server *s, int timeout_ms)
{
    end_accepting(s);
    if (!s->acceptor_joined)
        pthread_join(s->acceptor, NULL);
    s->acceptor_joined = true;
    end_idle(s);
    pthread_mutex_lock(&s->lock);
    wait_for_none(s, timeout_ms);
    for (struct http_connection *c = s->connections; c; c = c->next)
        shutdown(c->fd, SHUT_RDWR);
    wait_for_none(s, 1000);
    unsigned left = s->n_connections;
    pthread_mutex_unlock(&s->lock);
    return (int)left;
}

struct http_server *http_server_free(struct http_server *s)
{
    if (!s || s->n_connections > 0 || !s->acceptor_joined)
        return NULL;
    fd_close(&s->wake);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
    return NULL;
}

unsigned http_server_connections(struct http_server *s)
{
    pthread_mutex_lock(&s->lock);
    unsigned n = s->n_connections;
    pthread_mutex_unlock(&s->lock);
    return n;
}

uint64_t http_server_requests(struct http_server *s)
{
    return atomic_load_explicit(&s->requests, memory_order_relaxed);
}
