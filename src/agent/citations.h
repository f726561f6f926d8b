/* citations.h - where an answer speaks of files. Pure; the text is a model's, so anything may be in it.
 *
 * Two ways count: a link as models are asked to write it (sandbox:/mnt/data/a.csv, percent-encoded or not,
 * with blanks and brackets if a file of that name is there), cited wherever it stands; and the plain name
 * or path of a file, cited once, if no link leads to it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct citation_file {
    const char *path; /* below the workspace */
    bool by_name;     /* its plain name counts as well: files that code made */
};
struct citation {
    size_t file;       /* index */
    size_t start, end; /* code points of the text, end exclusive */
};
/* `*ret` is malloc'ed, in the order of the text. 0 or -ENOMEM. */
int citations_find(const char *text, size_t length, const struct citation_file *files, size_t n,
    struct citation **ret, size_t *ret_n);
