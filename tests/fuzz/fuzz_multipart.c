/* The first byte says in what pieces the body arrives; reading it in other pieces must give the same
 * parts or the same refusal. The boundary is XX; up to a NUL the input may give a content-type. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory {
    const char *data;
    size_t left, step;
};

static ssize_t from_memory(void *context, void *to, size_t n)
{
    struct memory *m = context;
    n = n < m->left ? n : m->left;
    n = n < m->step ? n : m->step;
    memcpy(to, m->data, n);
    m->data += n;
    m->left -= n;
    return (ssize_t)n;
}

static void insist(bool truth)
{
    if (!truth)
        abort();
}

struct reading {
    int result;
    unsigned parts;
    size_t length;
    uint64_t sum;
};

static void add(struct reading *r, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        r->sum = r->sum * 31 + (unsigned char)bytes[i];
    r->length += n;
}

static struct reading read_all(
    const char *type, const char *body, size_t n, size_t step, size_t piece_size)
{
    struct memory memory = {body, n, step};
    struct multipart m;
    struct multipart_part part;
    struct error e;
    struct reading r = {0};
    char piece[512];
    r.result = multipart_init_source(&m, type, from_memory, &memory, &e);
    while (r.result >= 0 && (r.result = multipart_next(&m, &part, &e)) > 0) {
        insist(part.name[0] && strlen(part.filename) < sizeof part.filename &&
               ++r.parts <= MULTIPART_PARTS_MAX);
        add(&r, part.name, strlen(part.name));
        add(&r, part.filename, strlen(part.filename));
        add(&r, part.content_type, strlen(part.content_type));
        ssize_t got;
        while ((got = multipart_read(&m, piece, piece_size, &e)) > 0)
            add(&r, piece, (size_t)got);
        if (got < 0)
            r.result = (int)got;
    }
    multipart_deinit(&m);
    if (r.result < 0)
        return (struct reading){.result = r.result};
    insist(r.length <= 4 * n + 64);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char usual[] = "multipart/form-data; boundary=XX";
    if (size < 1)
        return 0;
    size_t step = data[0] % 61 + 1;
    const char *rest = (const char *)data + 1;
    size_t n = size - 1;
    const char *nul = memchr(rest, 0, n < 256 ? n : 256);
    bool typed =
        nul && !strncmp(rest, "multipart/", 10 < (size_t)(nul - rest) ? 10 : (size_t)(nul - rest));
    const char *type = typed ? rest : usual;
    if (typed) {
        n -= (size_t)(nul + 1 - rest);
        rest = nul + 1;
    }
    struct reading a = read_all(type, rest, n, step, 512), b = read_all(type, rest, n, n + 1, step);
    insist(a.result == b.result && a.parts == b.parts && a.length == b.length && a.sum == b.sum);
    return 0;
}
