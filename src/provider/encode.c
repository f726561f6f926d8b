/* encode.c - what the adapters' encoders share. */
#include <errno.h>

#include "provider/internal.h"

/* Sets or, by a null, takes away each of `more`'s members. */
static int merge(json_t *body, json_t *more)
{
    const char *key;
    json_t *value;
    if (more == NULL)
        return 0;
    json_object_foreach (more, key, value) {
        if (json_is_null(value))
            json_object_del(body, key);
        else if (json_object_set(body, key, value) < 0)
            return -ENOMEM;
    }
    return 0;
}

int provider_extra_merge(json_t *body, const struct provider_request *q)
{
    int r = merge(body, q->route->provider->extra);
    if (r == 0)
        r = merge(body, q->route->extra);
    return r == 0 ? merge(body, q->extra) : r;
}

static int append(const char *text, size_t n, void *context)
{
    return strbuf_append(context, text, n);
}

int provider_body_dump(json_t *body, struct strbuf *ret)
{
    int r = body == NULL ? -ENOMEM : json_dump_callback(body, append, ret, JSON_COMPACT);
    json_decref(body);
    return r < 0 ? (ret->failed ? -E2BIG : -ENOMEM) : 0;
}

json_t *provider_image_url(const json_t *image)
{
    json_t *url = json_object_get(image, "url");
    const char *data = json_string_value(json_object_get(image, "data"));
    const char *type = json_string_value(json_object_get(image, "media_type"));
    if (json_is_string(url))
        return json_incref(url);
    return json_sprintf("data:%s;base64,%s", type != NULL ? type : "image/png", data ? data : "");
}

json_t *provider_file_text(const json_t *part)
{
    const char *name = json_string_value(json_object_get(part, "filename"));
    const char *path = json_string_value(json_object_get(part, "path"));
    return json_sprintf("[file %s, %lld bytes%s%s]", name != NULL ? name : "without a name",
        (long long)json_integer_value(json_object_get(part, "bytes")), path != NULL ? ", at " : "",
        path != NULL ? path : "");
}

json_t *provider_arguments_object(const char *text, size_t n)
{
    json_t *object = json_loadb(text, n, 0, NULL);
    if (json_is_object(object))
        return object;
    json_decref(object);
    return strspn(text, " \t\r\n") == n ? json_object() : json_pack("{s:s%}", "code", text, n);
}
