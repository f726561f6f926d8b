/* redact.c - the rules: compiled from the config, applied one after the other. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "agent/redact.h"

#include <errno.h>
#include <pcre2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/ids.h"
#include "base/nearest.h"

enum {
    RULES_MAX = 64,
    PATTERN_MAX = 1024,
    MATCH_LIMIT = 50000, /* steps of one match: a pattern that needs more is not worth its time */
    DEPTH_LIMIT = 2000,
    HEAP_LIMIT_KIB = 4096,
    TEXT_MAX = 8 << 20,
};

struct rule {
    char name[64];
    pcre2_code *code;    /* or NULL: a column */
    redact_check *check; /* or NULL */
};
struct redaction {
    struct rule rule[RULES_MAX];
    size_t rules;
    bool local, figures;
};

/* No match within a longer number or word, where that would be something else. */
static const struct {
    const char *name, *pattern;
    redact_check *check;
} named[] = {
    {"iban", "\\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\\b", redact_is_iban},
    {"card", "(?<![\\w.])[0-9](?:[ -]?[0-9]){12,18}(?!\\w)(?!\\.[0-9])", redact_is_card},
    {"ssn", "(?<![\\w-])(?!000|666|9[0-9]{2})[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![\\w-])",
        NULL},
    {"email",
        "[A-Za-z0-9._%+'-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\\.){1,8}"
        "[A-Za-z]{2,24}(?![A-Za-z0-9-])",
        NULL},
    {"phone",
        "(?<![\\w.])(?:\\+[0-9](?:[ ().\\/-]{0,2}[0-9]){6,14}|\\([0-9]{3}\\)[ -]?[0-9]{3}[ .-][0-9]{4}|"
        "[0-9]{3}[-. ][0-9]{3}[-. ][0-9]{4})(?!\\w)(?!\\.[0-9])",
        redact_is_phone},
};

/* ---- compiling ------------------------------------------------------------------------------------------- */

static struct rule *new_rule(struct redaction *r, const char *name, struct error *e)
{
    if (r->rules == RULES_MAX) {
        error_set(e, ERROR_INVALID_VALUE, 0, "\"redaction\" has more than %d rules.", RULES_MAX);
        return NULL;
    }
    struct rule *rule = &r->rule[r->rules++];
    snprintf(rule->name, sizeof rule->name, "%s", name);
    return rule;
}

static int add_pattern(struct redaction *r, const char *name, const char *pattern,
    redact_check *check, struct error *e)
{
    int number;
    PCRE2_SIZE at;
    struct rule *rule = new_rule(r, name, e);
    if (!rule)
        return -EINVAL;
    rule->check = check;
    rule->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
        PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_MULTILINE, &number, &at, NULL);
    if (rule->code)
        return 0;
    char why[120] = "";
    pcre2_get_error_message(number, (PCRE2_UCHAR *)why, sizeof why);
    return error_set(e, ERROR_INVALID_VALUE, 0,
        "\"redaction\": the pattern \"%.40s\" is none, at character %zu: %s.", name, at, why);
}

static int add_named(struct redaction *r, const json_t *list, struct error *e)
{
    const char *names[sizeof named / sizeof *named];
    const size_t n = sizeof named / sizeof *named;
    bool wanted[sizeof named / sizeof *named] = {false};
    size_t i;
    const json_t *value;
    for (i = 0; i < n; i++)
        names[i] = named[i].name;
    json_array_foreach (list, i, value) {
        const char *name = json_string_value(value) ? json_string_value(value) : "";
        size_t k = 0;
        while (k < n && strcmp(names[k], name) != 0)
            k++;
        const char *near = k == n ? nearest_word(name, names, n) : NULL;
        if (k == n)
            return error_set(e, ERROR_INVALID_VALUE, 0,
                "\"redaction\": there is no pattern \"%.40s\"%s%s%s", name,
                near ? "; did you mean \"" : "; there are email, phone, card, ssn and iban.",
                near ? near : "", near ? "\"?" : "");
        wanted[k] = true;
    }
    for (i = 0; i < n; i++) { /* in our order: what is longest first */
        int rc = wanted[i] ? add_pattern(r, named[i].name, named[i].pattern, named[i].check, e) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int add_custom(struct redaction *r, const json_t *table, struct error *e)
{
    const char *name;
    const json_t *pattern;
    json_object_foreach ((json_t *)table, name, pattern) {
        const char *text = json_string_value(pattern);
        if (!text || strlen(text) > PATTERN_MAX || !*text || !id_valid(name))
            return error_set(e, ERROR_INVALID_VALUE, 0,
                "\"redaction\": \"custom\" has a name of letters, digits, - and _ for each regular "
                "expression of at most %d characters.",
                PATTERN_MAX);
        int rc = add_pattern(r, name, text, NULL, e);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int add_columns(struct redaction *r, const json_t *list, struct error *e)
{
    size_t i;
    const json_t *value;
    json_array_foreach (list, i, value) {
        const char *name = json_string_value(value);
        if (!name || !*name || strlen(name) >= sizeof r->rule->name)
            return error_set(e, ERROR_INVALID_VALUE, 0,
                "\"redaction\": \"columns\" has names of at most %zu characters.",
                sizeof r->rule->name - 1);
        if (!new_rule(r, name, e))
            return -EINVAL;
    }
    return 0;
}

static int check_keys(const json_t *config, struct error *e)
{
    static const struct {
        const char *name;
        json_type type;
    } keys[] = {{"patterns", JSON_ARRAY}, {"custom", JSON_OBJECT}, {"columns", JSON_ARRAY},
        {"local", JSON_TRUE}, {"figures", JSON_TRUE}};
    const char *names[sizeof keys / sizeof *keys], *name;
    const json_t *value;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        names[i] = keys[i].name;
    json_object_foreach ((json_t *)config, name, value) {
        size_t k = 0;
        while (k < sizeof keys / sizeof *keys && strcmp(names[k], name) != 0)
            k++;
        if (k == sizeof keys / sizeof *keys) {
            const char *near = nearest_word(name, names, k);
            return error_set(e, ERROR_UNKNOWN_PARAMETER, 0, "\"redaction\" has no \"%.40s\"%s%s%s",
                name, near ? "; did you mean \"" : ".", near ? near : "", near ? "\"?" : "");
        }
        bool right =
            keys[k].type == JSON_TRUE ? json_is_boolean(value) : json_typeof(value) == keys[k].type;
        if (!right)
            return error_set(e, ERROR_INVALID_TYPE, 0, "\"redaction\": \"%s\" must be %s.", name,
                keys[k].type == JSON_ARRAY    ? "an array"
                : keys[k].type == JSON_OBJECT ? "an object"
                                              : "true or false");
    }
    return 0;
}

int redaction_new(const json_t *config, struct redaction **ret, struct error *e)
{
    if (!config) {
        *ret = NULL;
        return 0;
    }
    struct redaction *r = calloc(1, sizeof *r);
    if (!r)
        return error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    r->local = json_is_true(json_object_get(config, "local"));
    r->figures = !json_is_false(json_object_get(config, "figures"));
    int rc = check_keys(config, e);
    if (rc == 0) /* columns first: they rely on a table's alignment, and keep it */
        rc = add_columns(r, json_object_get(config, "columns"), e);
    if (rc == 0)
        rc = add_named(r, json_object_get(config, "patterns"), e);
    if (rc == 0)
        rc = add_custom(r, json_object_get(config, "custom"), e);
    if (rc < 0) {
        redaction_free(r);
        return rc;
    }
    *ret = r;
    return 0;
}

struct redaction *redaction_free(struct redaction *r)
{
    for (size_t i = 0; r && i < r->rules; i++)
        pcre2_code_free(r->rule[i].code);
    free(r);
    return NULL;
}

bool redaction_applies(const struct redaction *r, bool local) { return r && (!local || r->local); }
bool redaction_figures(const struct redaction *r) { return !r || r->figures; }

/* ---- applying -------------------------------------------------------------------------------------------- */

static int add_count(json_t *counts, const char *key, int64_t n)
{
    int64_t before = json_integer_value(json_object_get(counts, key));
    return counts && n > 0 && json_object_set_new(counts, key, json_integer(before + n)) < 0
               ? -ENOMEM
               : 0;
}

/* The end of what passes its check: of a match in groups, the last ones may belong to something else.
 * `start` when nothing does. */
static size_t checked_end(const struct rule *rule, const char *text, size_t start, size_t end)
{
    while (rule->check && !rule->check(text + start, end - start)) {
        const char *blank = memrchr(text + start, ' ', end - start);
        if (!blank)
            return start;
        end = (size_t)(blank - text);
    }
    return end;
}

/* 0, -ENOMEM, or -ELOOP: the pattern cannot be applied within its limits. */
static int mask_matches(const struct rule *rule, pcre2_match_context *limits,
    pcre2_match_data *match, const char *text, size_t n, struct strbuf *out, int64_t *count)
{
    size_t from = 0, kept = 0;
    while (from <= n) {
        int rc = pcre2_match(rule->code, (PCRE2_SPTR)text, n, from,
            kept || from ? PCRE2_NO_UTF_CHECK : 0, match, limits);
        if (rc == PCRE2_ERROR_NOMATCH)
            break;
        if (rc < 0)
            return -ELOOP;
        const PCRE2_SIZE *span = pcre2_get_ovector_pointer(match);
        size_t start = span[0], end = span[1];
        if (end <= start || start < from) { /* nothing, or looking back: step on */
            from++;
            while (from < n && ((unsigned char)text[from] & 0xc0) == 0x80)
                from++;
            continue;
        }
        end = checked_end(rule, text, start, end);
        if (end == start) {
            from = start + 1;
            continue;
        }
        from = end;
        strbuf_append(out, text + kept, start - kept);
        strbuf_printf(out, "[%s]", rule->name);
        kept = end;
        ++*count;
    }
    strbuf_append(out, text + kept, n - kept);
    return out->failed ? -ENOMEM : 0;
}

static int apply(const struct rule *rule, pcre2_match_context *limits, const struct strbuf *in,
    struct strbuf *out, json_t *counts)
{
    char key[80];
    int64_t count = 0;
    const char *text = strbuf_text(in);
    if (!rule->code) {
        snprintf(key, sizeof key, "column:%s", rule->name);
        int r = redact_column(rule->name, text, in->length, out, &count);
        return r < 0 ? r : add_count(counts, key, count);
    }
    pcre2_match_data *match = pcre2_match_data_create_from_pattern(rule->code, NULL);
    int r = match ? mask_matches(rule, limits, match, text, in->length, out, &count) : -ENOMEM;
    pcre2_match_data_free(match);
    if (r == -ELOOP) {
        strbuf_clear(out);
        strbuf_printf(
            out, "[withheld: the pattern '%s' could not be applied to this text]", rule->name);
        count = 1;
        r = out->failed ? -ENOMEM : 0;
    }
    return r < 0 ? r : add_count(counts, rule->name, count);
}

int redact(
    const struct redaction *r, const char *text, size_t n, struct strbuf *out, json_t *counts)
{
    struct strbuf in = STRBUF_INIT(TEXT_MAX), to = STRBUF_INIT(TEXT_MAX);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    int rc = limits ? strbuf_append(&in, text, n) : -ENOMEM;
    if (rc == 0) {
        pcre2_set_match_limit(limits, MATCH_LIMIT);
        pcre2_set_depth_limit(limits, DEPTH_LIMIT);
        pcre2_set_heap_limit(limits, HEAP_LIMIT_KIB);
    }
    for (size_t i = 0; i < r->rules && rc == 0; i++) {
        rc = apply(&r->rule[i], limits, &in, &to, counts);
        struct strbuf swap = in;
        in = to;
        to = swap;
        strbuf_clear(&to);
    }
    if (rc == 0)
        rc = strbuf_append(out, strbuf_text(&in), in.length);
    pcre2_match_context_free(limits);
    strbuf_deinit(&in);
    strbuf_deinit(&to);
    return rc < 0 ? -ENOMEM : 0;
}
