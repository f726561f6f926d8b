/* Chat completions put a function into a member of its own where Responses have it flat; nothing else differs. */
#include <stdio.h>
#include <string.h>

#include "api/chat/chat.h"

enum { TOOLS_MAX = 128, PREFIX_SIZE = 48 };

static const char *type_of(const json_t *object)
{
    const char *type = json_string_value(json_object_get(object, "type"));
    return type ? type : "";
}

/* {"type":T,T:{…}} as {"type":T,…}: a new reference. */
static json_t *flat(struct json_in *in, const char *path, json_t *object, const char *inner)
{
    struct json_in sub;
    char prefix[PREFIX_SIZE];
    snprintf(prefix, sizeof prefix, "%s.", path);
    chat_sub_begin(&sub, in, object, prefix);
    json_t *made = json_copy(json_in_object(&sub, inner, JSON_REQUIRED));
    chat_sub_end(&sub, in);
    if (made && json_object_set(made, "type", json_object_get(object, "type")) < 0) {
        json_decref(made);
        return NULL;
    }
    return made;
}

static json_t *tool_words(struct json_in *in, const char *path, json_t *tool)
{
    if (strcmp(type_of(tool), "function") == 0)
        return flat(in, path, tool, "function");
    return json_incref(tool); /* of whatever type: it is looked at where tools are read */
}

static json_t *list_words(struct json_in *in, const char *name, json_t *list)
{
    json_t *words = json_array(), *tool;
    size_t i;
    json_array_foreach (list, i, tool) {
        char path[PREFIX_SIZE];
        snprintf(path, sizeof path, "%s[%zu]", name, i);
        json_t *made = tool_words(in, path, tool);
        if (in->failed || json_array_append(words, made) < 0) {
            json_decref(made);
            break;
        }
        json_decref(made);
    }
    return words;
}

static json_t *choice_words(struct json_in *in, json_t *choice)
{
    const char *type = type_of(choice);
    if (strcmp(type, "function") == 0)
        return flat(in, "tool_choice", choice, type);
    if (strcmp(type, "allowed_tools") != 0)
        return json_incref(choice);
    json_t *made = flat(in, "tool_choice", choice, type);
    json_t *list = json_object_get(made, "tools");
    if (json_is_array(list))
        json_object_set_new(made, "tools", list_words(in, "tool_choice.tools", list));
    return made;
}

void chat_tools_read(struct json_in *in, struct response_tools *ret, json_t **ret_words)
{
    struct json_in sub;
    json_t *tools = json_in_array(in, "tools", TOOLS_MAX), *choice = json_in_any(in, "tool_choice");
    *ret_words = json_object();
    if (tools)
        json_object_set_new(*ret_words, "tools", list_words(in, "tools", tools));
    if (choice && !in->failed)
        json_object_set_new(*ret_words, "tool_choice", choice_words(in, choice));
    chat_sub_begin(&sub, in, *ret_words, "");
    response_tools_read(&sub, ret);
    chat_sub_end(&sub, in);
}
