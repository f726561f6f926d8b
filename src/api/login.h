/* login.h - a browser's way in: a key once, a cookie from then on. POST /api/login, POST /api/logout. The cookie is
 * no key: it is random, stored hashed, hidden from scripts, not sent from other sites, ends after 30 days, at
 * logout, and with its key. Server only. */
#pragma once
#include "http/http.h"

extern const struct http_route login_routes[];
extern const size_t login_route_count;
