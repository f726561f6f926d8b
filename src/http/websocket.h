/* websocket.h - a connection that became a WebSocket (RFC 6455): whole text messages in and out.
 *
 * wslay does the framing: masks, fragments, control frames, UTF-8, closes. Here are the handshake, the socket and
 * the bounds. The thread of the exchange receives; any thread sends. Between them is one lock, which is
 * never held while anybody waits for the peer. What is sent waits in memory, 1 MiB at most: then senders
 * wait, and a peer that takes too little (taking_enough) is cut off. Host, Origin and key were
 * judged before the handler ran, as for any request. Used by handlers of the server. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "http/http.h"

struct websocket;

enum {
    WEBSOCKET_QUEUED_MAX = 1 << 20, /* bytes that wait to be sent before senders wait */
    WEBSOCKET_CLOSE_NORMAL = 1000,
    WEBSOCKET_CLOSE_POLICY = 1008,
};

/* Answers 101 if the request asks for a WebSocket, else 400 and -EINVAL. After success the exchange's own
 * answers are over; end with websocket_free in the handler. Messages beyond `message_max` bytes close the
 * connection (1009). */
int websocket_accept(struct http_exchange *x, size_t message_max, struct websocket **ret);
/* Waits for the next text message, a second at most: 1 with *ret malloc'ed and NUL-terminated (valid UTF-8; NULs
 * may be within), 2 when none has come yet, or 0 when there will be none: closed by either side, cut off, or
 * the server stops. The exchange's thread alone. */
int websocket_receive(struct websocket *w, char **ret, size_t *ret_n);
/* Sends a text message (valid UTF-8); waits while the queue is full. Any thread. 0, or -EPIPE when the peer
 * is gone: nothing more will arrive. */
int websocket_send(struct websocket *w, const char *text, size_t n);
/* The same without waiting; a peer for which more than HTTP_UNSENT_MAX waits already is cut off. */
int websocket_offer(struct websocket *w, const char *text, size_t n);
/* Whether so much waits that websocket_send would. Any thread. */
bool websocket_behind(struct websocket *w);
/* Whether nothing sent would arrive any more. Any thread. */
bool websocket_gone(struct websocket *w);
/* Says goodbye; receive returns soon after. Any thread. `reason` at most 120 bytes. */
void websocket_close(struct websocket *w, uint16_t code, const char *reason);
/* Nobody may send any more. Returns NULL. */
struct websocket *websocket_free(struct websocket *w);
