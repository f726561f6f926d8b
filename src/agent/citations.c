/* citations.c - links first, then names that no link leads to. */
#include "agent/citations.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

enum {
    CITATIONS_MAX = 1000,
    LINKS_MAX = 5000, /* looked at */
    LINK_MAX = 1024,
    NAMES_BYTES_MAX = 256 << 10, /* of the text, that plain names are looked for in */
};

/* Where each file's path and name are, sorted for lookups. */
struct index {
    const struct citation_file *files;
    size_t n;
    size_t *by_path, *by_length; /* the longest first, so that no name hides within another */
};

struct found {
    struct citation *citation; /* with byte offsets until the end */
    size_t n, capacity;
    bool *linked;
};

static int compare_paths(const void *a, const void *b, void *files)
{
    const struct citation_file *f = files;
    return strcmp(f[*(const size_t *)a].path, f[*(const size_t *)b].path);
}

static int compare_lengths(const void *a, const void *b, void *files)
{
    const struct citation_file *f = files;
    size_t x = strlen(f[*(const size_t *)a].path), y = strlen(f[*(const size_t *)b].path);
    return x > y ? -1 : x < y;
}

/* The file of that path, or -1. */
static long lookup(const struct index *x, const char *path, size_t length)
{
    size_t low = 0, high = x->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const char *other = x->files[x->by_path[middle]].path;
        int order = strncmp(path, other, length);
        if (order == 0 && other[length] == 0)
            return (long)x->by_path[middle];
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static int add(struct found *f, size_t file, size_t start, size_t end)
{
    if (f->n == CITATIONS_MAX)
        return 0;
    if (f->n == f->capacity) {
        size_t room = f->capacity ? f->capacity * 2 : 16;
        struct citation *larger = realloc(f->citation, room * sizeof *larger);
        if (!larger)
            return -ENOMEM;
        f->citation = larger;
        f->capacity = room;
    }
    f->citation[f->n++] = (struct citation){file, start, end};
    return 0;
}

/* ---- links --------------------------------------------------------------------------------------------- */

/* Undoes %20 and the like. `offset[i]` is where byte i of the text has gone; no escape is ever cut by an
 * end, so that every link's decoded form is a beginning of this one. */
static void percent_decode(const char *from, size_t n, char *to, unsigned short *offset)
{
    size_t length = 0;
    for (size_t i = 0; i < n; i++) {
        offset[i] = (unsigned short)length;
        if (from[i] == '%' && i + 2 < n && isxdigit((unsigned char)from[i + 1]) &&
            isxdigit((unsigned char)from[i + 2])) {
            char hex[3] = {from[i + 1], from[i + 2], 0};
            offset[i + 1] = offset[i + 2] = (unsigned short)length;
            to[length++] = (char)strtoul(hex, NULL, 16);
            i += 2;
        } else {
            to[length++] = from[i];
        }
    }
    offset[n] = (unsigned short)length;
}

/* May a link end before this byte? */
static bool ends_link(const char *text, size_t at, size_t length)
{
    if (at == length)
        return true;
    unsigned char c = (unsigned char)text[at];
    return isspace(c) || strchr(")]}>\"'`*,;:!?#|<", c) ||
           (c == '.' && (at + 1 == length || isspace((unsigned char)text[at + 1]))) || c >= 0x80;
}

/* The longest stretch from `at` on that is some file's path. */
static long link_target(
    const struct index *x, const char *text, size_t at, size_t length, size_t *ret_end)
{
    char decoded[LINK_MAX];
    unsigned short offset[LINK_MAX + 1];
    long best = -1;
    size_t last = length - at < LINK_MAX ? length : at + LINK_MAX;
    const char *newline = memchr(text + at, '\n', last - at);
    if (newline)
        last = (size_t)(newline - text);
    percent_decode(text + at, last - at, decoded, offset);
    for (size_t end = at + 1; end <= last; end++) {
        if (!ends_link(text, end, length))
            continue;
        long file = lookup(x, text + at, end - at);
        if (file < 0 && offset[end - at] != end - at)
            file = lookup(x, decoded, offset[end - at]);
        if (file >= 0) {
            best = file;
            *ret_end = end;
        }
    }
    return best;
}

/* Behind "sandbox:": slashes, then mnt/data/. The offset of what follows, or 0. */
static size_t link_path(const char *text, size_t at, size_t length)
{
    static const char workspace[] = "mnt/data/";
    while (at < length && text[at] == '/')
        at++;
    if (length - at <= sizeof workspace - 1 ||
        memcmp(text + at, workspace, sizeof workspace - 1) != 0)
        return 0;
    return at + sizeof workspace - 1;
}

static int find_links(const struct index *x, const char *text, size_t length, struct found *f)
{
    static const char scheme[] = "sandbox:";
    const char *at = text;
    for (int links = 0; links < LINKS_MAX; links++) {
        at = memmem(at, length - (size_t)(at - text), scheme, sizeof scheme - 1);
        if (!at)
            break;
        size_t start = (size_t)(at - text), end = 0;
        size_t path = link_path(text, start + sizeof scheme - 1, length);
        long file = path ? link_target(x, text, path, length, &end) : -1;
        at += sizeof scheme - 1;
        if (file < 0)
            continue;
        f->linked[file] = true;
        if (add(f, (size_t)file, start, end) < 0)
            return -ENOMEM;
        at = text + end;
    }
    return 0;
}

/* ---- names --------------------------------------------------------------------------------------------- */

static bool part_of_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '/' || c == '.' ||
           (unsigned char)c >= 0x80;
}

/* Does the name stand alone at `at`? A full stop may follow it. */
static bool stands_alone(const char *text, size_t at, size_t n, size_t length)
{
    if (at > 0 && part_of_name(text[at - 1]) && (unsigned char)text[at - 1] < 0x80)
        return false; /* scripts without blanks put names anywhere */
    if (at + n == length)
        return true;
    char next = text[at + n];
    if (next == '.')
        return at + n + 1 == length || !part_of_name(text[at + n + 1]);
    return !part_of_name(next) || (unsigned char)next >= 0x80;
}

/* Is it within what was found already? */
static bool taken(const struct found *f, size_t at, size_t n)
{
    for (size_t i = 0; i < f->n; i++)
        if (at < f->citation[i].end && at + n > f->citation[i].start)
            return true;
    return false;
}

static bool find_name(
    const struct found *f, const char *text, size_t length, const char *name, size_t *ret)
{
    size_t n = strlen(name);
    const char *at = text;
    while (n > 0 && (at = memmem(at, length - (size_t)(at - text), name, n))) {
        size_t start = (size_t)(at - text);
        if (stands_alone(text, start, n, length) && !taken(f, start, n)) {
            *ret = start;
            return true;
        }
        at++;
    }
    return false;
}

/* Full path, path below the workspace, plain name: the first of these that is said. A name without an
 * extension could be any word, so it needs its full path. */
static int find_names(const struct index *x, const char *text, size_t length, struct found *f)
{
    length = length < NAMES_BYTES_MAX ? length : NAMES_BYTES_MAX;
    for (size_t k = 0; k < x->n; k++) {
        size_t i = x->by_length[k];
        const char *path = x->files[i].path, *slash = strrchr(path, '/');
        const char *name = slash ? slash + 1 : path;
        char full[LINK_MAX];
        size_t at;
        if (!x->files[i].by_name || f->linked[i] || strlen(path) + 16 > sizeof full)
            continue;
        snprintf(full, sizeof full, "/mnt/data/%s", path);
        const char *forms[] = {full, path, name};
        bool dotted = strchr(name + (*name != 0), '.') != NULL;
        for (size_t form = 0; form < (dotted ? 3 : 1); form++)
            if (find_name(f, text, length, forms[form], &at)) {
                if (add(f, i, at, at + strlen(forms[form])) < 0)
                    return -ENOMEM;
                break;
            }
    }
    return 0;
}

/* ---- all together ---------------------------------------------------------------------------------------- */

static int compare_starts(const void *a, const void *b)
{
    const struct citation *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

/* Bytes to code points, in one walk: starts are sorted, and nothing overlaps. */
static void to_code_points(const char *text, struct found *f)
{
    size_t at = 0, points = 0;
    for (size_t i = 0; i < 2 * f->n; i++) {
        size_t *offset = i % 2 ? &f->citation[i / 2].end : &f->citation[i / 2].start;
        for (; at < *offset; at++)
            points += ((unsigned char)text[at] & 0xc0) != 0x80;
        *offset = points;
    }
}

int citations_find(const char *text, size_t length, const struct citation_file *files, size_t n,
    struct citation **ret, size_t *ret_n)
{
    struct index x = {
        files, n, calloc(n + 1, sizeof *x.by_path), calloc(n + 1, sizeof *x.by_length)};
    struct found f = {.linked = calloc(n + 1, sizeof *f.linked)};
    int r = x.by_path && x.by_length && f.linked ? 0 : -ENOMEM;
    for (size_t i = 0; i < n && r == 0; i++)
        x.by_path[i] = x.by_length[i] = i;
    if (r == 0) {
        qsort_r(x.by_path, n, sizeof *x.by_path, compare_paths, (void *)files);
        qsort_r(x.by_length, n, sizeof *x.by_length, compare_lengths, (void *)files);
        r = find_links(&x, text, length, &f);
    }
    if (r == 0)
        r = find_names(&x, text, length, &f);
    if (r == 0 && f.n > 0) {
        qsort(f.citation, f.n, sizeof *f.citation, compare_starts);
        to_code_points(text, &f);
    }
    free(x.by_path);
    free(x.by_length);
    free(f.linked);
    if (r < 0) {
        free(f.citation);
        return r;
    }
    *ret = f.citation;
    *ret_n = f.n;
    return 0;
}
