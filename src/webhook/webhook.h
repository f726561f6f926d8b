/* webhook.h - tells others that a run has ended: takes deliveries out of the store's queue, signs them by the
 * Standard Webhooks convention, sends them by libcurl, and tries again later when that fails.
 *
 * Server only. A URL is a stranger's word: only http and https, no redirects, no proxy, and no connection to
 * an address that is not public, unless the server's owner allows it. That is judged when a connection is
 * opened, on the very address it goes to, so a name that resolves differently the second time gains nothing.
 * What a receiver answers but for its status is not kept. Secrets are never logged. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"

struct store;
struct webhooks; /* the threads that deliver */

int webhooks_start(struct store *store, bool allow_private, struct webhooks **ret, struct error *e);
/* Cuts attempts under way off (they are made again by the next server) and waits for the threads. NULL is allowed. */
void webhooks_stop(struct webhooks *w);

/* ---- address.c ------------------------------------------------------------------------------------------ */

/* An address of the internet at large: not loopback, private, link-local, shared, reserved, multicast. */
bool address_public(const struct sockaddr *address);
/* Whether a webhook may have this URL: http or https, a host, no credentials, and no address written out that
 * is not public unless `allow_private`. 0, or ERROR_INVALID_VALUE naming "url". */
int webhook_url_check(const char *url, bool allow_private, struct error *e);

/* ---- sign.c --------------------------------------------------------------------------------------------- */

enum { WEBHOOK_SECRET_SIZE = 64, WEBHOOK_SIGNATURE_SIZE = 64 };
/* "whsec_" and 32 random bytes in base64. */
void webhook_secret_new(char out[WEBHOOK_SECRET_SIZE]);
/* "v1," and the HMAC-SHA256 of "id.timestamp.body" in base64. 0, or -EINVAL: no such secret. */
int webhook_sign(const char *secret, const char *id, int64_t timestamp, const char *body,
    char out[WEBHOOK_SIGNATURE_SIZE]);

/* ---- deliver.c ------------------------------------------------------------------------------------------ */

/* How long after the n-th attempt (from 1) the next one is made, in seconds; 0: there is none. */
int64_t webhook_backoff_s(int64_t attempts);
