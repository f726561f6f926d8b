#include "retry.h"

#include <curl/curl.h>
#include <stdlib.h>

static const int64_t FIRST_US = 500000, LONGEST_US = 8000000;

static bool worth_it(const struct retry_failure *f)
{
    if (f->given)
        return false;
    if (f->should_retry >= 0)
        return f->should_retry;
    switch (f->code) {
    case ERROR_PROVIDER_RATE_LIMITED:
    case ERROR_PROVIDER_OVERLOADED:
    case ERROR_PROVIDER_UNREACHABLE:
    case ERROR_PROVIDER_FAILED:
    case ERROR_PROVIDER_MALFORMED: /* cut short, most often: the connection was closed in the answer */
        return true;
    default: return f->status == 408 || f->status == 409 || f->status == 504;
    }
}

int64_t retry_delay_us(const struct retry_failure *f, unsigned attempts, unsigned attempts_max,
    uint32_t random, int64_t now_us, int64_t deadline_us)
{
    if (attempts >= attempts_max || !worth_it(f))
        return -1;
    int64_t delay;
    if (f->retry_after_ms > RETRY_AFTER_MAX_MS)
        return -1;
    if (f->retry_after_ms >= 0) {
        delay = f->retry_after_ms * 1000;
    } else {
        unsigned steps = attempts > 0 ? attempts - 1 : 0;
        delay = steps > 10 ? LONGEST_US : FIRST_US << steps;
        delay = delay > LONGEST_US ? LONGEST_US : delay;
        delay -= (int64_t)((double)random / 4294967296.0 * (double)delay / 4);
    }
    return deadline_us > 0 && now_us + delay >= deadline_us ? -1 : delay;
}

int64_t retry_after_parse(const char *value, int64_t now_s)
{
    char *end;
    double seconds = strtod(value, &end);
    while (*end == ' ')
        end++;
    if (end != value && *end == '\0')
        return seconds >= 0 && seconds < 1e9 ? (int64_t)(seconds * 1000) : -1;
    time_t date = curl_getdate(value, NULL);
    if (date < 0)
        return -1;
    return date > now_s ? (int64_t)(date - now_s) * 1000 : 0;
}
