#include "estimate.h"

enum { IMAGE_TOKENS = 1000, ITEM_TOKENS = 4 /* what roles and separators take */, DEPTH_MAX = 64 };

int64_t provider_estimate_tokens(const char *text, size_t length)
{
    size_t ascii = 0, other = 0;
    for (size_t i = 0; i < length; i++) {
        ascii += (unsigned char)text[i] < 0x80;
        other += (unsigned char)text[i] >= 0xc0; /* one for each character's first byte */
    }
    return (int64_t)((ascii + 3) / 4 + other);
}

/* All strings below, keys included, but for images' data. */
static int64_t estimate_json(const json_t *value, int depth)
{
    int64_t sum = 0;
    const char *key;
    json_t *member;
    size_t i;
    if (depth > DEPTH_MAX)
        return 0;
    switch (json_typeof(value)) {
    case JSON_STRING:
        return provider_estimate_tokens(json_string_value(value), json_string_length(value));
    case JSON_OBJECT:
        if (json_object_get(value, "media_type") != NULL)
            return IMAGE_TOKENS;
        json_object_foreach ((json_t *)value, key, member)
            sum += provider_estimate_tokens(key, strlen(key)) + estimate_json(member, depth + 1);
        return sum;
    case JSON_ARRAY:
        json_array_foreach (value, i, member)
            sum += estimate_json(member, depth + 1);
        return sum;
    default: return 1;
    }
}

static int64_t estimate_parts(const json_t *content)
{
    int64_t sum = 0;
    size_t i;
    json_t *part;
    json_array_foreach (content, i, part) {
        const json_t *text = json_object_get(part, "text");
        const char *type = json_string_value(json_object_get(part, "type"));
        sum += json_is_string(text)                         ? estimate_json(text, 0)
               : type != NULL && strcmp(type, "image") == 0 ? IMAGE_TOKENS
                                                            : estimate_json(part, 0);
    }
    return sum;
}

int64_t estimate_items(const json_t *items)
{
    static const char *const said[] = {"arguments", "name", "text", "data"};
    int64_t sum = 0;
    size_t i;
    json_t *item;
    json_array_foreach (items, i, item) {
        sum += ITEM_TOKENS + estimate_parts(json_object_get(item, "content")) +
               (int64_t)json_array_size(json_object_get(item, "images")) * IMAGE_TOKENS;
        for (size_t k = 0; k < sizeof(said) / sizeof(said[0]); k++) {
            const json_t *value = json_object_get(item, said[k]);
            sum += value != NULL ? estimate_json(value, 0) : 0;
        }
    }
    return sum;
}

int64_t estimate_request(const struct provider_request *q)
{
    int64_t sum = estimate_items(q->transcript);
    if (q->instructions != NULL)
        sum += provider_estimate_tokens(q->instructions, strlen(q->instructions));
    return q->tools != NULL ? sum + estimate_json(q->tools, 0) : sum;
}

bool estimate_too_much(const struct model_route *r, int64_t tokens, double budget_usd)
{
    enum { TOKENS = 100 * 1000, USD = 10 };
    double cost = (double)tokens * r->price_input / 1e6;
    return tokens > (r->context_tokens ? r->context_tokens : TOKENS) ||
           (r->priced && cost > (budget_usd > 0 ? budget_usd : USD));
}
