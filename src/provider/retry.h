/* retry.h - what of an upstream's failures is worth asking again, and when.
 *
 * Nothing is repeated once a piece of the answer was given on, nor what would fail again. Delays are
 * 0.5, 1, 2 … s, at most 8, less up to a quarter at random (so that many who failed together do
 * not return together); an upstream that says when is believed up to a minute. Used by the
 * adapters' driver; pure. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { RETRY_ATTEMPTS = 3, RETRY_AFTER_MAX_MS = 60000 };

/* How one attempt failed. */
struct retry_failure {
    enum error_code code;   /* as mapped */
    int status;             /* upstream's, 0: no reply */
    int64_t retry_after_ms; /* what upstream asks for; -1: nothing */
    int should_retry;       /* x-should-retry: 1, 0; -1: not said */
    bool given;             /* pieces have reached the caller */
};
/* How long to wait before the next attempt, in microseconds; -1: give up. `attempts` have been made;
 * `random` is 32 random bits. Never beyond the deadline (0: none). */
int64_t retry_delay_us(const struct retry_failure *f, unsigned attempts, unsigned attempts_max,
    uint32_t random, int64_t now_us, int64_t deadline_us);
/* The value of a retry-after header, seconds or an HTTP date, in milliseconds from `now_s`; -1: neither. */
int64_t retry_after_parse(const char *value, int64_t now_s);
