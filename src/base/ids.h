/* ids.h - identifiers as OpenAI's look, so that clients that check prefixes are content. */
#pragma once
#include <stdbool.h>

enum { ID_SIZE = 72 };

/* "<prefix>" + 13 hex digits of time + random hex, `hex` digits in all: id_new(out, "cntr_", 48).
 * At most ID_SIZE bytes with the NUL. Random from the kernel. Time in microseconds, so that ids made
 * together stand together in an index: 100,000 files of one cell are 2,500 pages of it, in order. */
void id_new(char out[ID_SIZE], const char *prefix, int hex);
/* Letters, digits, '_' and '-', 1 to 64 of them. */
bool id_valid(const char *id);
