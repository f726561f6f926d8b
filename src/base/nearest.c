#include "nearest.h"

enum { WORD_MAX = 64 };

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Optimal string alignment: the three last rows of the table are enough. */
static size_t distance(const char *a, size_t la, const char *b, size_t lb)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *previous = rows[1], *row = rows[2];
    for (size_t j = 0; j <= lb; j++)
        previous[j] = j;
    for (size_t i = 1; i <= la; i++) {
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t replaced = previous[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(replaced, least(previous[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        size_t *spare = before;
        before = previous;
        previous = row;
        row = spare;
    }
    return previous[lb];
}

const char *nearest_word(const char *word, const char *const *words, size_t n)
{
    size_t length = strlen(word);
    if (length == 0 || length > WORD_MAX)
        return NULL;
    const char *best = NULL;
    size_t least_edits =
        length / 3 + 2; /* exclusive: one edit for short words, more for long ones */
    for (size_t i = 0; i < n; i++) {
        size_t other = strlen(words[i]);
        if (other > WORD_MAX)
            continue;
        size_t edits = distance(word, length, words[i], other);
        if (edits < least_edits && edits < other) {
            least_edits = edits;
            best = words[i];
        }
    }
    return best;
}
