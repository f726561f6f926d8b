/* The head, whole and torn, then the rest as a chunked body, in steps and at once: two ways of
 * arriving must not be two meanings. Aborts when they are. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/chunk.h"
#include "http/gate.h"
#include "http/parser.h"
#include "http/router.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void nothing(struct http_exchange *x) { (void)x; }
static const struct http_route routes[] = {
    {"GET", "/", nothing},
    {"GET", "/v1/containers/{id}/files/{file_id}/content", nothing},
    {"POST", "/assets/{path*}", nothing},
};

static void insist(bool truth)
{
    if (!truth)
        abort();
}

/* What the parser says when bytes arrive `step` at a time. */
static ssize_t head_length(const char *bytes, size_t n, size_t step, size_t *ret_start)
{
    struct http_scan scan = {0};
    struct error e;
    ssize_t length = 0;
    for (size_t have = 0; length == 0 && have < n;) {
        have = n - have < step ? n : have + step;
        length = http_head_scan(&scan, bytes, have, &e);
    }
    *ret_start = scan.start;
    return length;
}

static void use_head(const struct http_head *h)
{
    struct http_match match;
    struct error e;
    struct http_gate gate = {NULL, 0, false, true};
    char *decoded = malloc(strlen(h->path) + 1);
    insist(decoded != NULL);
    insist(h->n_fields <= HTTP_FIELDS_MAX && !(h->chunked && h->has_length));
    insist(http_percent_decode(decoded, h->path, strlen(h->path), false) >= 0);
    insist(h->content_length <= INT64_MAX);
    http_route_match(routes, sizeof routes / sizeof *routes, h->method, h->path, &match);
    for (unsigned i = 0; i < match.n_params; i++)
        insist(!match.route || match.params[i].offset + match.params[i].length <= strlen(h->path));
    (void)http_gate_check(&gate, h->host, http_head_field(h, "origin"), &e);
    for (unsigned i = 0; i < h->n_fields; i++)
        (void)http_list_has(h->fields[i].value, "close");
    free(decoded);
}

/* The body's bytes and the place where it ends: sums are enough to compare two readings. */
struct reading {
    long result;
    size_t used, length;
    uint64_t sum;
};

static struct reading dechunk(const char *bytes, size_t n, size_t step)
{
    struct http_chunk c = {0};
    struct reading r = {0};
    struct error e;
    while (r.used < n && !http_chunk_done(&c)) {
        const char *piece;
        size_t length, give = n - r.used < step ? n - r.used : step;
        r.result = http_chunk_take(&c, bytes + r.used, give, &piece, &length, &e);
        if (r.result < 0)
            return (struct reading){.result = -1};
        insist(r.result > 0 && (size_t)r.result <= give && length <= give);
        r.used += (size_t)r.result;
        for (size_t i = 0; i < length; i++)
            r.sum = r.sum * 31 + (unsigned char)piece[i];
        r.length += length;
    }
    r.result = http_chunk_done(&c);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_head head;
    struct error e;
    const char *bytes = (const char *)data;
    size_t start, other_start;
    ssize_t length = head_length(bytes, size, size ? size : 1, &start);
    for (size_t step = 1; step < 8; step += 3) {
        insist(head_length(bytes, size, step, &other_start) == length);
        insist(length <= 0 || other_start == start);
    }
    size_t body = length > 0 ? (size_t)length : 0;
    if (length > 0) {
        char *copy = malloc((size_t)length);
        insist(copy != NULL && (size_t)length <= size);
        memcpy(copy, bytes, (size_t)length);
        if (http_head_parse(copy + start, (size_t)length - start, &head, &e) == 0)
            use_head(&head);
        free(copy);
    }
    struct reading whole = dechunk(bytes + body, size - body, size + 1),
                   torn = dechunk(bytes + body, size - body, 1);
    insist(whole.result == torn.result && whole.used == torn.used && whole.length == torn.length &&
           whole.sum == torn.sum);
    return 0;
}
