#include "ids.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"

enum { TIME_DIGITS = 13 };

void id_new(char out[ID_SIZE], const char *prefix, int hex)
{
    uint8_t bytes[32];
    if (hex > 2 * (int)sizeof bytes || hex < TIME_DIGITS || strlen(prefix) + (size_t)hex >= ID_SIZE)
        abort(); /* a caller's mistake, in every build */
    if (getrandom(bytes, sizeof bytes, 0) != (long)sizeof bytes)
        abort(); /* cannot happen for 32 bytes after boot */
    int64_t now_us = clock_realtime_us();
    int n = snprintf(out, ID_SIZE, "%s%08x%05x", prefix, (unsigned)(now_us / 1000000),
        (unsigned)(now_us % 1000000));
    for (int i = 0; i < hex - TIME_DIGITS; i++)
        out[n + i] = "0123456789abcdef"[bytes[i / 2] >> (i % 2 * 4) & 15];
    out[n + hex - TIME_DIGITS] = 0;
}

bool id_valid(const char *id)
{
    size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return n > 0 && n <= 64 && id[n] == 0;
}
