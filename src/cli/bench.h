/* bench.h - `cloche bench`: what its parts share.
 *
 * bench.c parses flags and prints; bench_rows.c has the rows. Each row touches what it measures before it measures, and gives percentiles with how
 * many samples they stand on. Nothing here is part of a server. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/error.h"
#include "cli/http_client.h"

enum { BENCH_RESULTS_MAX = 128, BENCH_CLIENTS_MAX = 256, BENCH_SAMPLES_MAX = 1 << 20 };

struct bench_result {
    char row[40], what[100], unit[16]; /* unit of p50 …: "ms", "MB" */
    unsigned clients;
    size_t n;
    double p50, p90, p99;
    double per_second; /* 0: does not apply */
};

struct bench {
    const char *url, *key, *environments; /* url NULL: a server of its own */
    double seconds;                       /* of each measurement */
    unsigned clients;                     /* 0: 1, 2, 8 and 64 */
    unsigned sessions;                    /* live ones for the memory row */
    unsigned many;                        /* the last of the create-latency row */
    const char *rows;                     /* comma-separated, NULL: all */
    bool json;
    struct bench_result result[BENCH_RESULTS_MAX];
    size_t results;
    unsigned failures;
};

/* ---- samples ------------------------------------------------------------------------------------ */

struct samples {
    float *ms;
    size_t n, room;
};
void samples_add(struct samples *s, double ms);
void samples_append(struct samples *s, const struct samples *more);
void samples_free(struct samples *s);
/* Adds a result from samples (which it sorts): one row of the table. seconds: 0, or how long it all
 * took, for a rate. */
void bench_result_add(struct bench *b, const char *row, const char *what, unsigned clients,
    struct samples *s, double seconds);
/* Adds one number without percentiles. */
void bench_number_add(
    struct bench *b, const char *row, const char *what, const char *unit, size_t n, double value);

/* ---- rows ------------------------------------------------------------------------------------------- */

struct bench_row {
    const char *name, *help;
    /* Flags of the server it needs (NULL: the ordinary ones), only without --url. */
    const char *const *flags;
    int (*measure)(struct bench *b, const char *url, struct error *e);
};
extern const struct bench_row bench_rows[];
extern const size_t bench_rows_count;

/* Machine-wide memory that programs could have, in bytes: MemAvailable and the per-cpu free lists of
 * /proc/zoneinfo. */
int64_t bench_memory_free(void);
/* Touches and gives back so many bytes, so that a VM's host has them backed. */
void bench_memory_touch(uint64_t bytes);
