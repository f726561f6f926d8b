/* program.c - fills in the templates of programs/, which are Python themselves.
 *
 *   count = 10  # @            the value is replaced by the fill "count", or stays without one
 *   low, high = 1, 100  # @bounds   by the fill "bounds"
 *   # @if plot … # @end        stays only with the fill "plot"; with "!plot" only without it */
#include <string.h>

#include "provider/offline/offline.h"

static const char *fill_of(const struct offline_fill *fills, const char *name, size_t n)
{
    for (; fills->name != NULL; fills++)
        if (strlen(fills->name) == n && memcmp(fills->name, name, n) == 0)
            return fills->value;
    return NULL;
}

static bool kept(const struct offline_fill *fills, const char *flag, size_t n)
{
    bool not = n > 0 && flag[0] == '!';
    return (fill_of(fills, flag + not, n - not ) != NULL) != not ;
}

/* One line, its end not included. */
static void put_line(
    struct strbuf *out, const char *line, size_t n, const struct offline_fill *fills)
{
    const char *mark = memmem(line, n, "  # @", 5), *equals = memmem(line, n, " = ", 3);
    if (mark == NULL || equals == NULL || equals > mark) {
        strbuf_append(out, line, n);
        strbuf_puts(out, "\n");
        return;
    }
    const char *name = mark + 5, *indented = line + strspn(line, " ");
    size_t length = (size_t)(line + n - name);
    if (length == 0) {
        name = indented;
        length = (size_t)(equals - indented);
    }
    const char *value = fill_of(fills, name, length);
    strbuf_append(out, line, (size_t)(equals + 3 - line));
    if (value != NULL)
        strbuf_puts(out, value);
    else
        strbuf_append(out, equals + 3, (size_t)(mark - equals - 3));
    strbuf_puts(out, "\n");
}

void offline_template(struct strbuf *out, const char *name, const struct offline_fill *fills)
{
    const struct offline_source *t = offline_templates;
    while (t->name != NULL && strcmp(t->name, name) != 0)
        t++;
    if (t->name == NULL)
        abort();
    bool shown[8] = {true};
    size_t depth = 0;
    for (const char *line = t->text; *line != 0;) {
        size_t n = strcspn(line, "\n"), indent = strspn(line, " ");
        const char *text = line + indent;
        if (strncmp(text, "# @if ", 6) == 0 && depth + 1 < sizeof(shown)) {
            shown[depth + 1] = shown[depth] && kept(fills, text + 6, n - indent - 6);
            depth++;
        } else if (strncmp(text, "# @end", 6) == 0 && depth > 0) {
            depth--;
        } else if (shown[depth]) {
            put_line(out, line, n, fills);
        }
        line += n + (line[n] == '\n');
    }
}
