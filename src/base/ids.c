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

enum { FAMILY_HEX = 44, CHILD_HEX = 4 };

/* The digits behind the last '_' when they are as long as a parent's or a child's, else NULL. */
static const char *family_digits(const char *id)
{
    const char *digits = strrchr(id, '_');
    if (!digits || strlen(++digits) != FAMILY_HEX + CHILD_HEX ||
        strspn(digits, "0123456789abcdef") != FAMILY_HEX + CHILD_HEX)
        return NULL;
    return digits;
}

void id_new_parent(char out[ID_SIZE], const char *prefix)
{
    id_new(out, prefix, FAMILY_HEX);
    size_t n = strlen(out);
    memcpy(out + n, "0000", CHILD_HEX + 1);
}

void id_child(char out[ID_SIZE], const char *prefix, const char *parent, unsigned n)
{
    const char *digits = family_digits(parent);
    if (!digits || strcmp(digits + FAMILY_HEX, "0000") != 0 || n == 0 || n > 0xffff)
        id_new(out, prefix, FAMILY_HEX + CHILD_HEX);
    else
        snprintf(out, ID_SIZE, "%s%.*s%04x", prefix, FAMILY_HEX, digits, n);
}

bool id_parent(char out[ID_SIZE], const char *prefix, const char *child, unsigned *ret_n)
{
    const char *digits = family_digits(child);
    unsigned long n = digits ? strtoul(digits + FAMILY_HEX, NULL, 16) : 0;
    if (n == 0)
        return false;
    snprintf(out, ID_SIZE, "%s%.*s0000", prefix, FAMILY_HEX, digits);
    if (ret_n)
        *ret_n = (unsigned)n;
    return true;
}

bool id_valid(const char *id)
{
    size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return n > 0 && n <= 64 && id[n] == 0;
}

/* FNV-1a. */
unsigned hash_text(const char *text)
{
    unsigned hash = 2166136261u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash;
}
