/* access.h - who is asking. The HTTP server's authorize hook: it looks for a key before a byte of the
 * body is read, and leaves the caller's project with the request. While no key was ever made everybody
 * is project "default"; from the first key on only its holders pass. Host and Origin are the HTTP
 * gate's affair. Server only. It never logs or repeats a whole key. */
#pragma once
#include <stdbool.h>

struct http_exchange;

/* What a browser has in the place of a key; see api/login.h. */
#define ACCESS_COOKIE "cloche_session"

/* For http_config.authorize. */
int access_authorize(struct http_exchange *x, unsigned flags);
/* For http_config.keys_exist; `user` is the struct api. */
bool access_keys_exist(void *user);
/* A handler of a public route that shows some things to key holders alone: 0, or -EACCES after
 * answering 401. */
int access_require(struct http_exchange *x);
/* Asks once more, for a connection that outlives its request: 0, or -EACCES when the key was revoked since.
 * Does not answer. */
int access_again(struct http_exchange *x);
/* Whether the caller may see what key holders see. Does not answer. */
bool access_granted(struct http_exchange *x);
/* The caller's project; good until the handler returns. "default" without keys. */
const char *access_project(struct http_exchange *x);
