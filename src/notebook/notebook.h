/* notebook.h - a conversation or a session's executions as a notebook: Jupyter's .ipynb (nbformat 4.5),
 * a script in the percent format (.py), or one self-contained page (.html).
 *
 * Used by the server's dialects and by the command line. Cells go in one after another; the writer then
 * makes one of the three out of them. What code showed is an attacker's: in the page it is escaped, or
 * shut into a frame without scripts and without the network. Reading (`notebook_read`) is for .ipynb files
 * that a person hands us: bounded, and only the parts that can be run are kept. No I/O here, no threads. */
#pragma once
#include <jansson.h>
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
size_t notebook_cells(const struct notebook *n);

/* Appends the whole document. 0, or the buffer's -errno. */
int notebook_write(const struct notebook *n, enum notebook_format f, struct strbuf *out);

/* ---- reading ---- */

enum { NOTEBOOK_CELLS_MAX = 10000 };
/* Reads an .ipynb (nbformat 4) into a new notebook without outputs: markdown and code cells; raw cells
 * become markdown. INVALID_JSON, INVALID_VALUE (not a notebook, not version 4, too many cells). */
int notebook_read(const char *text, size_t length, struct notebook **ret, struct error *e);
/* The i-th cell: its code (borrowed), or NULL for markdown. */
const char *notebook_cell_code(const struct notebook *n, size_t i, size_t *ret_length);
/* Puts what the i-th cell's code showed, in place of what was there. */
int notebook_set_outputs(struct notebook *n, size_t i, int64_t execution_count, json_t *outputs);
