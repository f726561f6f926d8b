/* ids.h - identifiers as OpenAI's look, so that clients that check prefixes are content. */
#pragma once
#include <stdbool.h>

enum { ID_SIZE = 72 };

/* "<prefix>" + 13 hex digits of time + random hex, `hex` digits in all: id_new(out, "cntr_", 48).
 * At most ID_SIZE bytes with the NUL. Random from the kernel. Time in microseconds, so that ids made
 * together stand together in an index: 100,000 files of one cell are 2,500 pages of it, in order. */
void id_new(char out[ID_SIZE], const char *prefix, int hex);
/* Ids that know where they belong: a parent is "<prefix>" + 44 hex + "0000", its n-th child (1..65535) has
 * another prefix and n in the last four digits. So an item is found by its id alone, without an index. A
 * parent that was not made so, or an n beyond, gives the child a plain new id of 48 digits. */
void id_new_parent(char out[ID_SIZE], const char *prefix);
void id_child(char out[ID_SIZE], const char *prefix, const char *parent, unsigned n);
/* The id of the parent that `child` would have under `prefix`, and n (NULL is allowed). False: it has none. */
bool id_parent(char out[ID_SIZE], const char *prefix, const char *child, unsigned *ret_n);
/* Letters, digits, '_' and '-', 1 to 64 of them. */
bool id_valid(const char *id);
/* A number of a text, the same within a process: to spread things over buckets or locks. */
unsigned hash_text(const char *text);
