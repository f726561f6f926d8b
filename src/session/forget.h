/* forget.h - the forgetter deletes the rows that ended sessions leave in the store, beside everything
 * else. */
#pragma once
#include <stdbool.h>

#include "store/store.h"

struct forgetter;
struct forgotten;

/* Starts the thread. NULL: no memory, or no thread. */
struct forgetter *forgetter_new(struct store *store);
/* What is to be forgotten of a container: its files' rows, and with `row` its own. NULL: no memory, or
 * `f` is NULL; the rows then stay until the next start, or until the container's goes. */
struct forgotten *forgotten_new(struct forgetter *f, const char *id, bool row);
/* Hands it to the forgetter, which must live. Does not wait. Takes a struct forgotten *, or NULL, as a
 * callback does. */
void forgotten_submit(void *forgotten);
/* Ends the thread within one piece of work; what is left stays in the store. NULL is nothing. */
void forgetter_free(struct forgetter *f);
