#include <stdio.h>
#include <string.h>

#include "api/responses/request.h"
#include "session/session.h"

enum { TOOLS_MAX = 128, FUNCTION_NAME_MAX = 64, DESCRIPTION_MAX = 1 << 20, PATH_SIZE = 64 };

void response_tools_deinit(struct response_tools *t)
{
    json_decref(t->functions);
    json_decref(t->choice);
    json_decref(t->echo);
    json_decref(t->choice_echo);
    *t = (struct response_tools){0};
}

/* Reads on within a member, called `path` in messages. */
static void sub_begin(
    struct json_in *sub, const struct json_in *outer, json_t *object, const char *path)
{
    char prefix[PATH_SIZE + 2];
    snprintf(prefix, sizeof prefix, "%s.", path);
    json_in_begin(sub, object, prefix, outer->manners, outer->e);
    sub->failed = outer->failed;
}

static void sub_end(struct json_in *sub, struct json_in *outer)
{
    if (json_in_end(sub) < 0)
        outer->failed = true;
}

/* ---- the interpreter's container ---- */

static void read_network_policy(struct json_in *in)
{
    json_t *policy = json_in_object(in, "network_policy", JSON_OPTIONAL);
    const char *type = json_string_value(json_object_get(policy, "type"));
    if (policy && (!type || strcmp(type, "disabled") != 0))
        json_in_fail(in, ERROR_UNSUPPORTED_PARAMETER, "network_policy",
            "Unsupported parameter: '%snetwork_policy' other than 'disabled' is not supported by "
            "this server.",
            in->prefix);
}

static void read_memory_limit(struct json_in *in, struct response_tools *t)
{
    char brief[72];
    const char *text = json_in_string(in, "memory_limit", JSON_OPTIONAL, 64);
    if (!text)
        return;
    t->memory_limit_bytes = memory_parse(text);
    if (!t->memory_limit_bytes)
        json_in_fail(in, ERROR_INVALID_VALUE, "memory_limit",
            "Invalid value: '%s'. Supported values are: '1g', '4g', '16g', '64g', and other sizes "
            "such as '512m'.",
            json_in_brief(brief, text));
}

/* OpenAI's four sizes are echoed; typed clients know no others. */
static json_t *echoed_auto(json_t *container)
{
    static const char *const sizes[] = {"1g", "4g", "16g", "64g"};
    json_t *echo = json_copy(container);
    const char *limit = json_string_value(json_object_get(container, "memory_limit"));
    bool known = false;
    for (size_t i = 0; limit && i < sizeof sizes / sizeof *sizes; i++)
        known |= strcmp(limit, sizes[i]) == 0;
    if (limit && !known)
        json_object_set_new(echo, "memory_limit", json_null());
    return echo;
}

static json_t *read_auto(struct json_in *in, struct response_tools *t)
{
    static const char *const types[] = {"auto", NULL};
    size_t n;
    json_in_string(in, "type", JSON_REQUIRED, 1 << 20);
    json_in_word(in, "type", types, NULL);
    t->file_ids = json_in_strings(in, "file_ids", TOOL_FILES_MAX, 64, &n);
    read_memory_limit(in, t);
    read_network_policy(in);
    json_in_unsupported(in, "skills");
    return in->failed ? NULL : echoed_auto(in->object);
}

/* What the echo shows as its container. */
static json_t *read_container(struct json_in *in, struct response_tools *t)
{
    json_t *container = json_in_any(in, "container");
    if (!container)
        return json_pack("{s:s}", "type", "auto");
    if (json_is_object(container)) {
        struct json_in sub;
        char path[PATH_SIZE];
        snprintf(path, sizeof path, "%scontainer", in->prefix);
        sub_begin(&sub, in, container, path);
        json_t *echo = read_auto(&sub, t);
        sub_end(&sub, in);
        return echo;
    }
    t->container_id = json_in_string(in, "container", JSON_REQUIRED, 64);
    return t->container_id ? json_incref(container) : NULL;
}

static json_t *read_interpreter(struct json_in *in, struct response_tools *t)
{
    if (t->interpreter)
        json_in_fail(in, ERROR_INVALID_VALUE, "type",
            "Invalid '%stype': one code_interpreter for each request.", in->prefix);
    t->interpreter = t->offered = true;
    json_t *container = read_container(in, t);
    return container ? json_pack("{s:s,s:o}", "type", "code_interpreter", "container", container)
                     : NULL;
}

/* ---- functions ---- */

static void check_name(struct json_in *in, const char *name, const struct response_tools *t)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    const json_t *other;
    size_t i;
    if (!name)
        return;
    if (!*name || name[strspn(name, letters)])
        json_in_fail(in, ERROR_INVALID_VALUE, "name",
            "Invalid '%sname': string does not match pattern. Expected a string that matches the "
            "pattern '^[a-zA-Z0-9_-]+$'.",
            in->prefix);
    json_array_foreach (t->functions, i, other)
        if (strcmp(json_string_value(json_object_get(other, "name")), name) == 0)
            json_in_fail(in, ERROR_INVALID_VALUE, "name",
                "Invalid '%sname': another function has this name.", in->prefix);
}

static json_t *read_function(struct json_in *in, struct response_tools *t)
{
    const char *name = json_in_string(in, "name", JSON_REQUIRED, FUNCTION_NAME_MAX);
    const char *description = json_in_string(in, "description", JSON_OPTIONAL, DESCRIPTION_MAX);
    json_t *parameters = json_in_object(in, "parameters", JSON_OPTIONAL);
    bool strict_said = json_in_has(in, "strict"), strict = json_in_bool(in, "strict", true);
    check_name(in, name, t);
    if (in->failed)
        return NULL;
    json_t *tool = json_pack(
        "{s:s,s:s?,s:O?}", "name", name, "description", description, "parameters", parameters);
    if (strict_said)
        json_object_set_new(tool, "strict", json_boolean(strict));
    if (!t->functions)
        t->functions = json_array();
    if (json_array_append_new(t->functions, tool) < 0)
        return NULL;
    return json_pack("{s:s,s:s,s:s?,s:O?,s:b}", "type", "function", "name", name, "description",
        description, "parameters", parameters, "strict", strict);
}

/* ---- all tools ---- */

/* Tools of OpenAI's that are not here. */
static const char *const elsewhere[] = {"file_search", "computer", "computer_use",
    "computer_use_preview", "web_search", "web_search_2025_08_26", "web_search_preview",
    "web_search_preview_2025_03_11", "mcp", "image_generation", "local_shell", "shell", "custom",
    "namespace", "tool_search", "apply_patch", "programmatic_tool_calling"};

static bool is_elsewhere(const char *type)
{
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (strcmp(elsewhere[i], type) == 0)
            return true;
    return false;
}

/* The type of a tool or of a choice, one of `types`; NULL when it was refused. */
static const char *read_type(struct json_in *in, const char *const types[])
{
    const char *type = json_in_string(in, "type", JSON_REQUIRED, 1 << 20);
    if (type && is_elsewhere(type))
        json_in_fail(in, ERROR_UNSUPPORTED_TOOL, "type",
            "Unsupported tool: '%s' is not available on this server. Supported values are: "
            "'code_interpreter' and 'function'.",
            type);
    type = json_in_word(in, "type", types, NULL);
    return in->failed ? NULL : type;
}

static json_t *read_tool(struct json_in *in, struct response_tools *t)
{
    static const char *const types[] = {"code_interpreter", "function", NULL};
    const char *type = read_type(in, types);
    if (!type)
        return NULL;
    return strcmp(type, "function") == 0 ? read_function(in, t) : read_interpreter(in, t);
}

static void read_tools(struct json_in *in, struct response_tools *t)
{
    json_t *array = json_in_array(in, "tools", TOOLS_MAX), *value;
    size_t i;
    json_array_foreach (array, i, value) {
        struct json_in sub;
        char path[PATH_SIZE];
        snprintf(path, sizeof path, "tools[%zu]", i);
        if (!json_is_object(value))
            json_in_fail(
                in, ERROR_INVALID_TYPE, path, "Invalid type for '%s': expected an object.", path);
        sub_begin(&sub, in, value, path);
        json_t *echo = in->failed ? NULL : read_tool(&sub, t);
        sub_end(&sub, in);
        if (in->failed) {
            json_decref(echo);
            return;
        }
        if (!echo || json_array_append_new(t->echo, echo) < 0) {
            json_in_fail(in, ERROR_INTERNAL, path, "Out of memory.");
            return;
        }
    }
    json_t *function;
    json_array_foreach (t->functions, i, function)
        if (t->interpreter &&
            strcmp(json_string_value(json_object_get(function, "name")), "python") == 0)
            json_in_fail(in, ERROR_INVALID_VALUE, "tools",
                "Invalid 'tools': 'python' is the interpreter's own name. Give the function "
                "another one.");
}

/* ---- tool_choice ---- */

static const json_t *function_named(const struct response_tools *t, const char *name)
{
    const json_t *function;
    size_t i;
    json_array_foreach (t->functions, i, function)
        if (strcmp(json_string_value(json_object_get(function, "name")), name) == 0)
            return function;
    return NULL;
}

static void not_among_tools(struct json_in *in, const char *what)
{
    char brief[72];
    json_in_fail(in, ERROR_INVALID_VALUE, "tool_choice",
        "Tool choice '%s' not found in 'tools' parameter.", json_in_brief(brief, what));
}

/* Leaves only the tools of the list. */
static void read_allowed(struct json_in *in, struct json_in *outer, struct response_tools *t)
{
    static const char *const modes[] = {"auto", "required", NULL};
    const char *mode = json_in_word(in, "mode", modes, "auto");
    json_t *list = json_in_array(in, "tools", TOOLS_MAX), *entry, *kept = json_array();
    size_t i;
    t->offered = false;
    json_array_foreach (list, i, entry) {
        const char *type = json_string_value(json_object_get(entry, "type"));
        const char *name = json_string_value(json_object_get(entry, "name"));
        const json_t *function = name ? function_named(t, name) : NULL;
        if (type && strcmp(type, "code_interpreter") == 0 && t->interpreter)
            t->offered = true;
        else if (type && strcmp(type, "function") == 0 && function)
            json_array_append(kept, (json_t *)function);
        else
            not_among_tools(outer, name ? name : type ? type : "");
    }
    json_decref(t->functions);
    t->functions = json_array_size(kept) ? kept : NULL;
    if (!t->functions)
        json_decref(kept);
    if (strcmp(mode, "required") == 0)
        t->choice = json_string(mode);
}

static void read_choice_object(struct json_in *in, struct json_in *outer, struct response_tools *t)
{
    static const char *const types[] = {"code_interpreter", "function", "allowed_tools", NULL};
    const char *type = read_type(in, types);
    if (!type)
        return;
    if (strcmp(type, "allowed_tools") == 0) {
        read_allowed(in, outer, t);
    } else if (strcmp(type, "code_interpreter") == 0) {
        if (!t->interpreter)
            not_among_tools(outer, type);
        t->choice = json_pack("{s:s}", "name", "python");
    } else {
        const char *name = json_in_string(in, "name", JSON_REQUIRED, FUNCTION_NAME_MAX);
        if (name && !function_named(t, name))
            not_among_tools(outer, name);
        if (name)
            t->choice = json_pack("{s:s}", "name", name);
    }
}

static void read_choice(struct json_in *in, struct response_tools *t)
{
    static const char *const words[] = {"none", "auto", "required", NULL};
    json_t *choice = json_in_any(in, "tool_choice");
    if (json_is_object(choice)) {
        struct json_in sub;
        sub_begin(&sub, in, choice, "tool_choice");
        read_choice_object(&sub, in, t);
        sub_end(&sub, in);
        t->choice_echo = json_incref(choice);
        return;
    }
    const char *word = json_in_word(in, "tool_choice", words, "auto");
    t->choice_echo = json_string(word);
    if (strcmp(word, "required") == 0 && !t->interpreter && !t->functions)
        json_in_fail(in, ERROR_INVALID_VALUE, "tool_choice",
            "Tool choice 'required' must be specified with 'tools' parameter.");
    if (strcmp(word, "auto") != 0)
        t->choice = json_string(word);
}

void response_tools_read(struct json_in *in, struct response_tools *ret)
{
    *ret = (struct response_tools){.echo = json_array()};
    read_tools(in, ret);
    read_choice(in, ret);
}
