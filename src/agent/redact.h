/* redact.h - masks what a tool's output and previews of files may not carry to a remote model.
 *
 * The config's "redaction" table says what: named patterns, a person's own regular expressions, columns
 * of tables by name. What is masked is replaced by its name in brackets ("[email]"), and counted. It is a
 * filter, not a proof: code may print a value in a form that no pattern knows. A text that a pattern
 * cannot be applied to within its limits is withheld whole. Rules are compiled once and shared by all
 * threads; nothing here logs what it sees. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

struct redaction;

/* From {"patterns":["email","phone","card","ssn","iban"],"custom":{"NAME":"REGEX"},"columns":["NAME"],
 * "local":false,"figures":true}; NULL: *ret is NULL, nothing is masked. INVALID_VALUE, UNKNOWN_PARAMETER. */
int redaction_new(const json_t *config, struct redaction **ret, struct error *e);
struct redaction *redaction_free(struct redaction *r); /* NULL is allowed; returns NULL */
/* Is anything masked on the way to a model that is local, or not? */
bool redaction_applies(const struct redaction *r, bool local);
/* May pictures that code displayed be shown to it? */
bool redaction_figures(const struct redaction *r);
/* Appends the text with everything masked, and adds to `counts` ({"email": 2}; or NULL). 0 or -ENOMEM. */
int redact(
    const struct redaction *r, const char *text, size_t n, struct strbuf *out, json_t *counts);

/* ---- the parts, for their tests ---- */

/* Is this match what its pattern's name says? Checksums and the like. */
typedef bool redact_check(const char *text, size_t n);
bool redact_is_card(const char *text, size_t n);
bool redact_is_iban(const char *text, size_t n);
bool redact_is_phone(const char *text, size_t n);
/* Masks the values of that column, wherever the text is a table or names it as a key: delimited, aligned,
 * JSON, one key a line. Adds their number to *count. */
int redact_column(const char *name, const char *text, size_t n, struct strbuf *out, int64_t *count);
