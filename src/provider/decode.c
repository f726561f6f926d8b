/* decode.c - what the adapters' decoders share. */
#include "base/strbuf.h"
#include "provider/internal.h"
#include "provider/items.h"

/* The code unit of an escape "\uXXXX" at `at`, or -1. */
static long unit(const char *at, const char *end)
{
    char digits[5] = {0};
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    memcpy(digits, at + 2, 4);
    return strspn(digits, "0123456789abcdefABCDEF") == 4 ? strtol(digits, NULL, 16) : -1;
}

/* Copies JSON with every escape that names no character replaced. */
static void escapes_mend(const char *at, const char *end, struct strbuf *out)
{
    while (at < end) {
        const char *next = memchr(at, '\\', (size_t)(end - at));
        next = next != NULL ? next : end;
        strbuf_append(out, at, (size_t)(next - at));
        at = next;
        if (end - at < 2) {
            strbuf_append(out, at, (size_t)(end - at));
            return;
        }
        long first = unit(at, end);
        long second = first >= 0xd800 && first <= 0xdbff ? unit(at + 6, end) : -1;
        bool pair = second >= 0xdc00 && second <= 0xdfff;
        bool bad = first == 0 || (first >= 0xd800 && first <= 0xdfff && !pair);
        size_t length = first < 0 ? 2 : pair ? 12 : 6;
        if (bad)
            strbuf_puts(out, "\\ufffd");
        else
            strbuf_append(out, at, length);
        at += length;
    }
}

json_t *provider_event_json(const char *data, size_t n)
{
    json_t *root = json_loadb(data, n, 0, NULL);
    if (root != NULL || memchr(data, '\\', n) == NULL)
        return root;
    cleanup_strbuf struct strbuf mended = STRBUF_INIT(n + 1);
    escapes_mend(data, data + n, &mended);
    return mended.failed ? NULL : json_loadb(strbuf_text(&mended), mended.length, 0, NULL);
}

int provider_event_object(const struct provider *p, const char *name, const char *data, size_t n,
    int (*decoded)(void *decoder, const char *type, json_t *root, struct error *e), void *decoder,
    struct error *e)
{
    json_t *root = provider_event_json(data, n);
    if (!json_is_object(root)) {
        json_decref(root);
        return provider_malformed(p, "an event that is no JSON object", e);
    }
    const char *type = item_text(root, "type");
    int r = decoded(decoder, type[0] != '\0' ? type : name, root, e);
    json_decref(root);
    return r;
}
