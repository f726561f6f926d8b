/* internal.h - the cells, to the writers of this folder. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "notebook/notebook.h"

enum { CELL_ID_SIZE = 72 };

struct cell {
    bool is_code,
        is_raw; /* raw: for another program; shown as markdown where there is no such thing */
    char id[CELL_ID_SIZE];          /* "": the writer makes one */
    json_t *metadata, *attachments; /* of a notebook that was read; or NULL */
    char role[12];                  /* "user", "assistant" or "" */
    char *text;                     /* valid UTF-8 is not promised: writers mend it */
    size_t length;
    int64_t execution_count; /* 0: never ran */
    json_t *outputs;         /* or NULL */
};
struct notebook {
    char title[200];
    json_t *metadata;
    struct cell *cell;
    size_t cells, capacity, weight;
};

int ipynb_write(const struct notebook *n, struct strbuf *out);
int script_write(const struct notebook *n, struct strbuf *out);
int page_write(const struct notebook *n, struct strbuf *out);

/* ---- mend.c: what is kept of a notebook that was read ---- */

/* A new reference, NULL when out of memory. */
json_t *mend_cell_metadata(json_t *given);
/* The same; NULL also when there are none. */
json_t *mend_attachments(json_t *given);
/* Sets what is right of the notebook's `given` in place of what `into` has. */
void mend_metadata(json_t *into, json_t *given);
/* Ids are unique within `taken`, an object. */
int mend_id(json_t *taken, const json_t *given, size_t place, char out[CELL_ID_SIZE]);
