/* env_check.c - asks the new interpreter what it has become, and whether its warm-up is fit.
 *
 * The report comes from an interpreter full of strangers' code: it is parsed with bounds, and only
 * strings of it are ever used. */
#include <errno.h>

#include "cli/env_internal.h"

enum { CHECK_TIMEOUT_MS = 300000 };

static void keep_last(void *context, const char *line) { snprintf(context, 200, "%s", line); }

static const char *text_of(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL && *text != '\0' ? text : otherwise;
}

/* "thread jemalloc_bg_thd, child sleep" */
static void list_left(const json_t *left, char *to, size_t size)
{
    const char *kind;
    json_t *names, *name;
    size_t i, used = 0;
    to[0] = '\0';
    json_object_foreach ((json_t *)left, kind, names)
        json_array_foreach (names, i, name)
            if (json_is_string(name) && used < size)
                used += snprintf(to + used, size - used, "%s%s %.40s", used > 0 ? ", " : "", kind,
                    json_string_value(name));
}

static int say_wrong(const json_t *wrong, struct error *e)
{
    char module[80], what[120], left[120];
    env_clean(module, sizeof(module), text_of(wrong, "module", "its own code"));
    const json_t *remains = json_object_get(wrong, "left");
    if (json_is_object(remains)) {
        list_left(remains, what, sizeof(what));
        env_clean(left, sizeof(left), what);
        return error_set(e, ERROR_BAD_REQUEST, EPROTO,
            "The warm-up leaves something behind that kernels cannot inherit: %s (from %s).", left,
            module);
    }
    env_clean(what, sizeof(what), text_of(wrong, "error", "it failed"));
    return error_set(e, ERROR_BAD_REQUEST, EPROTO, "The warm-up failed in %s: %s", module, what);
}

int env_check(struct env_sandbox *s, json_t **ret, struct error *e)
{
    static const char *const argv[] = {
        "/opt/env/bin/python3", "-I", "/build/check.py", "--warm-up", "/build/warmup.py", NULL};
    char last[200] = "";
    struct strbuf report = STRBUF_INIT(ENV_REPORT_MAX);
    struct env_command c = {.argv = argv,
        .sealed = true,
        .timeout_ms = CHECK_TIMEOUT_MS,
        .on_line = keep_last,
        .context = last,
        .report = &report};
    int status, r = env_sandbox_run(s, &c, &status, e);
    if (r < 0) {
        strbuf_deinit(&report);
        return r;
    }
    json_t *parsed =
        report.failed ? NULL : json_loads(strbuf_text(&report), JSON_REJECT_DUPLICATES, NULL);
    strbuf_deinit(&report);
    const json_t *wrong = json_object_get(parsed, "wrong");
    if (!json_is_object(parsed) || !json_is_object(json_object_get(parsed, "packages")) ||
        !json_is_array(json_object_get(parsed, "imports")))
        r = error_set(e, ERROR_BAD_REQUEST, EPROTO,
            "The new interpreter could not be checked (exit %d): %.120s", status, last);
    else if (json_is_object(wrong))
        r = say_wrong(wrong, e);
    if (r < 0) {
        json_decref(parsed);
        return r;
    }
    *ret = parsed;
    return 0;
}

json_t *env_check_missing(const json_t *report, const struct env_requirements *wanted)
{
    json_t *missing = json_array();
    for (size_t i = 0; i < wanted->count; i++) {
        bool there = wanted->project[i][0] == '\0'; /* a URL or a path: nothing to compare */
        const char *name;
        json_t *version;
        json_object_foreach (json_object_get(report, "packages"), name, version) {
            char project[256];
            env_project_name(project, sizeof(project), name, strlen(name));
            there |= strcmp(project, wanted->project[i]) == 0;
        }
        if (!there)
            json_array_append_new(missing, json_string(wanted->project[i]));
    }
    return missing;
}
