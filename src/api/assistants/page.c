/* page.c - pages of objects that are all at hand: a run's steps, the files of an assistant or a message. */
#include <string.h>

#include "api/assistants/assistants.h"

static size_t place_of(const json_t *objects, const char *id)
{
    const json_t *object;
    size_t i;
    json_array_foreach (objects, i, object)
        if (strcmp(json_text(object, "id"), id) == 0)
            return i;
    return SIZE_MAX;
}

const json_t *object_of_id(const json_t *objects, const char *id)
{
    size_t i = place_of(objects, id);
    return i == SIZE_MAX ? NULL : json_array_get(objects, i);
}

/* Of n objects in the list's order: from *first on, *count of them. True: there are more. */
static bool page_of(
    const struct store_page *page, size_t n, size_t cursor, size_t *first, size_t *count)
{
    size_t limit = (size_t)page->limit;
    if (page->before) {
        size_t end = cursor == SIZE_MAX ? 0 : cursor;
        *first = end > limit ? end - limit : 0;
        *count = end - *first;
        return *first > 0;
    }
    *first = !page->after ? 0 : cursor == SIZE_MAX ? n : cursor + 1;
    *count = n - *first < limit ? n - *first : limit;
    return *first + *count < n;
}

void respond_page(struct http_exchange *x, const json_t *objects, const struct store_page *page)
{
    json_t *shown[100];
    size_t first, count, n = json_array_size(objects);
    const char *id = page->after ? page->after : page->before;
    size_t cursor = id ? place_of(objects, id) : SIZE_MAX;
    if (!page->ascending && cursor != SIZE_MAX)
        cursor = n - 1 - cursor;
    bool more = page_of(page, n, cursor, &first, &count);
    for (size_t i = 0; i < count; i++)
        shown[i] =
            json_incref(json_array_get(objects, page->ascending ? first + i : n - 1 - (first + i)));
    respond_list(x, shown, count, more);
}
