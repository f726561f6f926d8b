/* internal.h - the cells, to the writers of this folder. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "notebook/notebook.h"

struct cell {
    bool is_code;
    char role[12]; /* "user", "assistant" or "" */
    char *text;    /* valid UTF-8 is not promised: writers mend it */
    size_t length;
    int64_t execution_count; /* 0: never ran */
    json_t *outputs;         /* or NULL */
};
struct notebook {
    char title[200];
    struct cell *cell;
    size_t cells, capacity;
};

int ipynb_write(const struct notebook *n, struct strbuf *out);
int script_write(const struct notebook *n, struct strbuf *out);
int page_write(const struct notebook *n, struct strbuf *out);
