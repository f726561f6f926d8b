/* notebook.h - a conversation or a session's executions as a notebook: Jupyter's .ipynb (nbformat 4.5),
 * a script in the percent format (.py), or one self-contained page (.html).
 *
 * Used by the server's dialects and by the command line. Cells go in one after another; the writer then
 * makes one of the three out of them. What code showed is an attacker's: in the page it is escaped, or
 * shut into a frame without scripts and without the network. Reading (`notebook_read`) is for .ipynb files
 * that a person hands us: bounded, and mended where Jupyter would not open them. No I/O here, no threads. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

enum notebook_format { NOTEBOOK_IPYNB, NOTEBOOK_PY, NOTEBOOK_HTML };
/* "ipynb", "py", "html"; NULL reads as "ipynb". 0 or -EINVAL. */
int notebook_format_parse(const char *text, enum notebook_format *ret);
const char *notebook_media_type(enum notebook_format f);
const char *notebook_extension(enum notebook_format f); /* ".ipynb" … */

struct notebook;
/* `title` heads the page and names the file; borrowed during the call. NULL when out of memory. */
struct notebook *notebook_new(const char *title);
struct notebook *notebook_free(struct notebook *n); /* NULL is allowed; returns NULL */

/* One cell of markdown, any bytes. 0 or -ENOMEM. `role` "user" and "assistant" tell a conversation's
 * turns apart in the page and in the cell's metadata; NULL: just text. */
int notebook_markdown(struct notebook *n, const char *role, const char *text, size_t length);
/* One cell of code. `outputs` is an array as API.md's executions have it (borrowed; NULL: none),
 * `execution_count` 0 when it never ran. 0 or -ENOMEM. */
int notebook_code(
    struct notebook *n, const char *code, size_t length, int64_t execution_count, json_t *outputs);
/* Counts bytes that somebody puts into it, and answers how many that are in all: for who has to stop somewhere. */
size_t notebook_weigh(struct notebook *n, size_t bytes);

/* Appends the whole document. 0, or the buffer's -errno. */
int notebook_write(const struct notebook *n, enum notebook_format f, struct strbuf *out);

/* ---- reading ---- */

enum { NOTEBOOK_CELLS_MAX = 10000, NOTEBOOK_BYTES_MAX = 64 << 20, NOTEBOOK_DEPTH_MAX = 64 };
/* Reads an .ipynb (nbformat 4) into a new notebook: its cells without outputs, and of what else it has
 * (metadata, attachments, cells' ids) all that nbformat's schema knows. INVALID_JSON, PAYLOAD_TOO_LARGE,
 * INVALID_VALUE (not a notebook, not version 4, too many cells, a cell without a source), UNSUPPORTED_LANGUAGE. */
int notebook_read(const char *text, size_t length, struct notebook **ret, struct error *e);

/* ---- running ---- */

/* Gives the code of each cell that has some to `run`, in order: which answers 0 (it completed), 1 (it did not:
 * the rest is left out, unless `keep_going`), or negative (nothing more is run). 0, 1 when one did not
 * complete, or what was negative. */
int notebook_each_code(struct notebook *n, bool keep_going,
    int (*run)(void *context, size_t i, const char *code, size_t length), void *context);
/* Puts what the i-th cell showed in its place: `execution` is an object as API.md has it (borrowed). One that
 * did not complete and shows no error gets one that says why. 0, 1 when it did not complete, or -ENOMEM. */
int notebook_set_execution(struct notebook *n, size_t i, json_t *execution);
const char *notebook_cell_id(const struct notebook *n, size_t i);
/* The notebook's own metadata get a value under that key. 0 or -ENOMEM. Takes `value`. */
int notebook_set_metadata(struct notebook *n, const char *key, json_t *value);
