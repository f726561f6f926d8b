#include "http/websocket.h"

#include <errno.h>
#include <poll.h>
#include <sha1.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wslay/wslay.h>

#include "base/clock.h"
#include "base/fd.h"
#include "http/internal.h"

enum {
    PING_MS = 20000,
    SILENT_MS = 65000,        /* three pings and nothing back: it is gone */
    TICK_MS = 1000,           /* receiving looks up so often */
    GOODBYE_MS = 2000,        /* for the peer's answer to our close */
    PIECE_BYTES = 256 * 1024, /* read at once, before something is written again */
    /* what answers to pings may add before nothing more is read */
    REPLIES_MAX = WEBSOCKET_QUEUED_MAX + 64 * 1024,
    MESSAGES_MAX = 16 * 1024, /* those without content count, too */
    FRAGMENTS_MAX = 4096,     /* of one message: wslay keeps 100 bytes about each */
};

struct message {
    struct message *next;
    size_t length;
    char text[];
};

struct websocket {
    struct http_connection *c;
    pthread_t owner; /* the exchange's thread: the only one that moves bytes */
    int wake;        /* eventfd: something is to be sent */
    int64_t heard_us, pinged_us;
    struct taking taking;
    size_t piece;                 /* what may still be read at once */
    unsigned fragments;           /* of the message that comes */
    bool deaf;                    /* nothing more is read: what is queued goes out, then it ends */
    int64_t closed_us;            /* we have said goodbye; 0: not yet */
    struct message *first, **end; /* received and not given out; the exchange's thread */
    pthread_mutex_t lock;         /* what is below */
    pthread_cond_t room;
    wslay_event_context_ptr wslay;
    bool over; /* nothing can be sent any more */
};

/* ---- the handshake -------------------------------------------------------------------------------------- */

/* Whether a list of tokens, as in Connection, names this one. */
static bool names(const char *list, const char *token)
{
    size_t length = strlen(token);
    while (list && *list) {
        list += strspn(list, ", \t");
        size_t n = strcspn(list, ", \t");
        if (n == length && strncasecmp(list, token, n) == 0)
            return true;
        list += n;
    }
    return false;
}

static bool key_valid(const char *key)
{
    unsigned char bytes[24];
    size_t n = 0;
    return key && strlen(key) == 24 &&
           sodium_base642bin(
               bytes, sizeof bytes, key, 24, NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
           n == 16;
}

static int refuse(struct http_exchange *x, const char *why)
{
    http_set_header(x, "sec-websocket-version", "13");
    http_fail(x, ERROR_BAD_REQUEST, NULL, "This is an address for WebSockets: %s", why);
    return -EINVAL;
}

static int check(struct http_exchange *x)
{
    const char *version = http_header(x, "sec-websocket-version");
    if (strcmp(x->connection->head.method, "GET") != 0 || x->connection->head.minor < 1)
        return refuse(x, "it takes a GET request of HTTP/1.1.");
    if (!names(http_header(x, "upgrade"), "websocket") ||
        !names(http_header(x, "connection"), "upgrade"))
        return refuse(x, "the request asks for no upgrade.");
    if (!version || strcmp(version, "13") != 0)
        return refuse(x, "it speaks version 13.");
    if (!key_valid(http_header(x, "sec-websocket-key")))
        return refuse(x, "Sec-WebSocket-Key is not 16 bytes in base64.");
    if (http_content_length(x) != 0)
        return refuse(x, "the request may have no body.");
    return 0;
}

/* RFC 6455, section 4.2.2: proof that somebody who knows WebSockets read the request. */
static void accept_key(const char *key, char out[32])
{
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char digest[SHA1_DIGEST_LENGTH];
    SHA1_CTX sha;
    SHA1Init(&sha);
    SHA1Update(&sha, (const uint8_t *)key, strlen(key));
    SHA1Update(&sha, (const uint8_t *)magic, sizeof magic - 1);
    SHA1Final(digest, &sha);
    sodium_bin2base64(out, 32, digest, sizeof digest, sodium_base64_VARIANT_ORIGINAL);
}

static int switch_protocols(struct http_exchange *x)
{
    struct http_connection *c = x->connection;
    char key[32];
    int r = http_begin_answer(c);
    if (r < 0)
        return r;
    accept_key(http_header(x, "sec-websocket-key"), key);
    c->answer = ANSWER_DONE;
    c->status = 101;
    c->close = true;
    strbuf_clear(&c->out);
    strbuf_printf(&c->out,
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        "sec-websocket-accept: %s\r\nx-request-id: %s\r\n\r\n",
        key, c->request_id);
    struct iovec iov = {c->out.data, c->out.length};
    return c->out.failed ? -ENOMEM : http_send(c, &iov, 1, 0);
}

/* ---- wslay's callbacks: the lock is held ----------------------------------------------------------------- */

static void queue_close(struct websocket *w, uint16_t code, const char *reason)
{
    wslay_event_queue_close(w->wslay, code, (const uint8_t *)reason, strlen(reason));
}

/* Whether so much waits for the peer that nothing more of it is read. */
static bool full(wslay_event_context_ptr wslay)
{
    return wslay_event_get_queued_msg_length(wslay) > REPLIES_MAX ||
           wslay_event_get_queued_msg_count(wslay) > MESSAGES_MAX;
}

static ssize_t on_recv(
    wslay_event_context_ptr wslay, uint8_t *to, size_t n, int flags, void *context)
{
    struct websocket *w = context;
    struct http_connection *c = w->c;
    (void)flags;
    if (w->piece == 0 || full(wslay)) {
        wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    n = n < w->piece ? n : w->piece;
    if (c->start < c->end) { /* came together with the request */
        n = n < c->end - c->start ? n : c->end - c->start;
        memcpy(to, c->buffer + c->start, n);
        c->start += n;
        w->piece -= n;
        return (ssize_t)n;
    }
    ssize_t got = recv(c->fd, to, n, MSG_DONTWAIT);
    if (got > 0) {
        w->piece -= (size_t)got;
        w->heard_us = clock_monotonic_us();
        return got;
    }
    bool later = got < 0 && (errno == EAGAIN || errno == EINTR);
    if (!later && atomic_load(&c->server->closing)) /* which ended our receiving */
        queue_close(w, WSLAY_CODE_GOING_AWAY, "The server stops.");
    wslay_event_set_error(wslay, later ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static ssize_t on_send(
    wslay_event_context_ptr wslay, const uint8_t *data, size_t n, int flags, void *context)
{
    struct websocket *w = context;
    ssize_t sent = send(
        w->c->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL | (flags & WSLAY_MSG_MORE ? MSG_MORE : 0));
    if (sent > 0) {
        w->taking.bytes += (uint64_t)sent;
        return sent;
    }
    bool later = sent < 0 && (errno == EAGAIN || errno == EINTR);
    wslay_event_set_error(wslay, later ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static void on_frame(wslay_event_context_ptr wslay,
    const struct wslay_event_on_frame_recv_start_arg *arg, void *context)
{
    struct websocket *w = context;
    (void)wslay;
    if (wslay_is_ctrl_frame(arg->opcode))
        return;
    w->fragments = arg->opcode == WSLAY_CONTINUATION_FRAME ? w->fragments + 1 : 0;
    if (w->fragments > FRAGMENTS_MAX && !w->deaf) {
        queue_close(w, WEBSOCKET_CLOSE_POLICY, "Too many fragments.");
        w->deaf = true;
    }
}

static void on_message(
    wslay_event_context_ptr wslay, const struct wslay_event_on_msg_recv_arg *arg, void *context)
{
    struct websocket *w = context;
    if (wslay_is_ctrl_frame(arg->opcode) || wslay_event_get_close_sent(wslay))
        return; /* wslay answers pings and closes itself */
    if (arg->opcode != WSLAY_TEXT_FRAME) {
        queue_close(w, WSLAY_CODE_UNSUPPORTED_DATA, "Messages are text.");
        return;
    }
    struct message *m = malloc(sizeof *m + arg->msg_length + 1);
    if (!m) {
        queue_close(w, WSLAY_CODE_INTERNAL_SERVER_ERROR, "Out of memory.");
        return;
    }
    *m = (struct message){.length = arg->msg_length};
    if (arg->msg_length > 0)
        memcpy(m->text, arg->msg, arg->msg_length);
    m->text[arg->msg_length] = 0;
    *w->end = m;
    w->end = &m->next;
}

/* ---- the life of one ------------------------------------------------------------------------------------- */

int websocket_accept(struct http_exchange *x, size_t message_max, struct websocket **ret)
{
    static const struct wslay_event_callbacks callbacks = {.recv_callback = on_recv,
        .send_callback = on_send,
        .on_frame_recv_start_callback = on_frame,
        .on_msg_recv_callback = on_message};
    if (check(x) < 0)
        return -EINVAL;
    struct websocket *w = calloc(1, sizeof *w);
    int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!w || wake < 0 || wslay_event_context_server_init(&w->wslay, &callbacks, w) != 0) {
        free(w);
        fd_close(&wake);
        http_fail(x, ERROR_INTERNAL, NULL, "Out of memory.");
        return -ENOMEM;
    }
    wslay_event_config_set_max_recv_msg_length(w->wslay, message_max);
    w->c = x->connection;
    w->owner = pthread_self();
    w->wake = wake;
    w->end = &w->first;
    w->heard_us = w->pinged_us = clock_monotonic_us();
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->room, NULL);
    int r = switch_protocols(x);
    if (r < 0)
        websocket_free(w);
    else
        *ret = w;
    return r;
}

struct websocket *websocket_free(struct websocket *w)
{
    while (w->first) {
        struct message *m = w->first;
        w->first = m->next;
        free(m);
    }
    w->c->gone = true; /* no request will follow */
    wslay_event_context_free(w->wslay);
    pthread_cond_destroy(&w->room);
    pthread_mutex_destroy(&w->lock);
    close(w->wake);
    free(w);
    return NULL;
}

/* Lock held. */
static void end(struct websocket *w)
{
    w->over = true;
    pthread_cond_broadcast(&w->room);
}

static void wake(struct websocket *w)
{
    uint64_t one = 1;
    (void)!write(w->wake, &one, sizeof one);
}

static bool move(struct websocket *w, short ready);
static short wait_ready(struct websocket *w, bool wants_read, bool wants_write);

static int send_when(struct websocket *w, const char *text, size_t n, size_t queued_max)
{
    const struct wslay_event_msg message = {WSLAY_TEXT_FRAME, (const uint8_t *)text, n};
    pthread_mutex_lock(&w->lock);
    while (!w->over && wslay_event_get_queued_msg_length(w->wslay) > queued_max) {
        if (!pthread_equal(w->owner, pthread_self())) {
            pthread_cond_wait(&w->room, &w->lock); /* the owner bounds the time */
        } else if (!move(w, 0)) {
            end(w);
        } else {
            pthread_mutex_unlock(&w->lock);
            wait_ready(w, false, true);
            pthread_mutex_lock(&w->lock);
        }
    }
    int queued = w->over ? WSLAY_ERR_NO_MORE_MSG : wslay_event_queue_msg(w->wslay, &message);
    if (queued != 0 && queued != WSLAY_ERR_NO_MORE_MSG)
        end(w); /* else a close is on its way, which shall arrive */
    int r = queued != 0 ? -EPIPE : 0;
    pthread_mutex_unlock(&w->lock);
    wake(w);
    return r;
}

int websocket_send(struct websocket *w, const char *text, size_t n)
{
    return send_when(w, text, n, WEBSOCKET_QUEUED_MAX);
}

int websocket_offer(struct websocket *w, const char *text, size_t n)
{
    pthread_mutex_lock(&w->lock);
    if (wslay_event_get_queued_msg_length(w->wslay) > HTTP_UNSENT_MAX)
        end(w);
    pthread_mutex_unlock(&w->lock);
    return send_when(w, text, n, SIZE_MAX);
}

bool websocket_behind(struct websocket *w)
{
    pthread_mutex_lock(&w->lock);
    bool behind = !w->over && wslay_event_get_queued_msg_length(w->wslay) > WEBSOCKET_QUEUED_MAX;
    pthread_mutex_unlock(&w->lock);
    return behind;
}

bool websocket_gone(struct websocket *w)
{
    pthread_mutex_lock(&w->lock);
    bool gone = w->over;
    pthread_mutex_unlock(&w->lock);
    return gone;
}

void websocket_close(struct websocket *w, uint16_t code, const char *reason)
{
    pthread_mutex_lock(&w->lock);
    queue_close(w, code, reason);
    pthread_mutex_unlock(&w->lock);
    wake(w);
}

/* ---- receiving ------------------------------------------------------------------------------------------- */

static void ping(struct websocket *w, int64_t now_us)
{
    static const struct wslay_event_msg message = {WSLAY_PING, NULL, 0};
    if (now_us - w->pinged_us < PING_MS * INT64_C(1000))
        return;
    w->pinged_us = now_us;
    wslay_event_queue_msg(w->wslay, &message);
}

/* Reads and writes what goes without waiting. Lock held. False: it is over. */
static bool move(struct websocket *w, short ready)
{
    int64_t now_us = clock_monotonic_us();
    w->piece = PIECE_BYTES;
    if (!w->deaf && (ready & (POLLIN | POLLHUP | POLLERR)) && wslay_event_want_read(w->wslay) &&
        wslay_event_recv(w->wslay) != 0)
        w->deaf = true; /* broken rules, or the peer's end: wslay has queued a close */
    ping(w, now_us);
    if (wslay_event_want_write(w->wslay) && wslay_event_send(w->wslay) != 0)
        return false;
    if (wslay_event_get_queued_msg_length(w->wslay) <= WEBSOCKET_QUEUED_MAX)
        pthread_cond_broadcast(&w->room);
    if (wslay_event_get_close_sent(w->wslay) && w->closed_us == 0)
        w->closed_us = now_us;
    if (w->closed_us > 0 && now_us - w->closed_us > GOODBYE_MS * INT64_C(1000))
        return false;
    if (!wslay_event_want_write(w->wslay)) {
        w->taking = (struct taking){0};
        return !w->deaf && wslay_event_want_read(w->wslay) &&
               now_us - w->heard_us < SILENT_MS * INT64_C(1000);
    }
    return taking_enough(&w->taking, 0, now_us, w->c->server->config.send_timeout_ms);
}

/* Waits for the socket, or for something to send. */
static short wait_ready(struct websocket *w, bool wants_read, bool wants_write)
{
    struct pollfd p[2] = {
        {.fd = w->c->fd,
            .events = (short)((wants_read ? POLLIN : 0) | (wants_write ? POLLOUT : 0))},
        {.fd = w->wake, .events = POLLIN},
    };
    uint64_t count;
    if (wants_read && w->c->start < w->c->end)
        return POLLIN;
    poll(p, 2, TICK_MS);
    if (p[1].revents)
        (void)!read(w->wake, &count, sizeof count);
    return p[0].revents;
}

int websocket_receive(struct websocket *w, char **ret, size_t *ret_n)
{
    short ready = POLLIN;
    const int64_t until_us = clock_monotonic_us() + TICK_MS * INT64_C(1000);
    atomic_store(&w->c->idle, true); /* a server that stops ends our receiving */
    if (atomic_load(&w->c->server->closing))
        shutdown(w->c->fd, SHUT_RD);
    while (!w->first) {
        pthread_mutex_lock(&w->lock);
        if (w->over || !move(w, ready))
            end(w);
        bool over = w->over, wants_write = wslay_event_want_write(w->wslay);
        bool wants_read = !w->deaf && !full(w->wslay);
        pthread_mutex_unlock(&w->lock);
        if (w->first)
            break;
        if (over) {
            shutdown(w->c->fd, SHUT_WR); /* the peer shall not wait for what threads still do */
            return 0;
        }
        if (clock_monotonic_us() >= until_us)
            return 2;
        ready = wait_ready(w, wants_read, wants_write);
    }
    struct message *m = w->first;
    w->first = m->next;
    if (!w->first)
        w->end = &w->first;
    *ret_n = m->length;
    memmove(m, m->text, m->length + 1);
    *ret = (char *)m;
    return 1;
}
