/* chat_view.c - an answer on a terminal, while it comes: text as it is, code behind a bar, what code printed
 * behind a dot. Everything here was written by a model or a program, so control bytes never reach the terminal. */
#include <stdio.h>
#include <string.h>

#include "cli/chat.h"

void chat_view_init(struct chat_view *v, bool color)
{
    *v = (struct chat_view){.color = color, .citations = json_array()};
}

void chat_view_deinit(struct chat_view *v)
{
    json_decref(v->citations);
    v->citations = NULL;
}

static const struct {
    const char *mark, *color;
} looks[] = {
    [VIEW_NOTHING] = {"", ""},
    [VIEW_TEXT] = {"", ""},
    [VIEW_CODE] = {"  │ ", "\033[36m"},
    [VIEW_OUTPUT] = {"  · ", "\033[2m"},
};

static void mark(const struct chat_view *v)
{
    fputs(v->color ? looks[v->in].color : "", stdout);
    fputs(looks[v->in].mark, stdout);
}

static void line_end(struct chat_view *v)
{
    if (v->line_open)
        fputs(v->color && looks[v->in].color[0] ? "\033[0m\n" : "\n", stdout);
    v->line_open = false;
}

/* Steps into another kind of text, with an empty line between. */
static void enter(struct chat_view *v, int kind)
{
    if ((int)v->in == kind)
        return;
    line_end(v);
    if (v->begun && kind != VIEW_OUTPUT)
        fputs("\n", stdout);
    v->in = kind;
    v->begun = true;
}

/* Control bytes but line breaks and tabs are left out: C0, DEL, and C1 in its UTF-8 form. */
static void show(struct chat_view *v, int kind, const char *text, size_t length)
{
    enter(v, kind);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\n') {
            if (!v->line_open)
                mark(v);
            v->line_open = true;
            line_end(v);
            continue;
        }
        if ((c < ' ' && c != '\t') || c == 0x7f)
            continue;
        if (c == 0xc2 && i + 1 < length && (unsigned char)text[i + 1] < 0xa0) {
            i++;
            continue;
        }
        if (!v->line_open)
            mark(v);
        v->line_open = true;
        putchar(c);
    }
    fflush(stdout);
}

static void show_field(struct chat_view *v, int kind, json_t *object, const char *field)
{
    json_t *text = json_object_get(object, field);
    if (json_is_string(text))
        show(v, kind, json_string_value(text), json_string_length(text));
}

static void show_output(struct chat_view *v, json_t *output)
{
    json_t *data = json_object_get(output, "data"), *line;
    size_t i;
    show_field(v, VIEW_OUTPUT, output, "text");
    if (json_object_get(data, "image/png"))
        show(v, VIEW_OUTPUT, "[figure]\n", 9);
    else if (data) {
        show_field(v, VIEW_OUTPUT, data, "text/plain");
        line_end(v);
    }
    json_array_foreach (json_object_get(output, "traceback"), i, line)
        if (json_is_string(line)) {
            show(v, VIEW_OUTPUT, json_string_value(line), json_string_length(line));
            line_end(v);
        }
}

static void copy_text(char *to, size_t size, json_t *object, const char *field)
{
    const char *text = json_string_value(json_object_get(object, field));
    if (text)
        snprintf(to, size, "%s", text);
}

static void ended(struct chat_view *v, json_t *response)
{
    copy_text(v->status, sizeof(v->status), response, "status");
    copy_text(v->response, sizeof(v->response), response, "id");
    copy_text(v->failure, sizeof(v->failure), json_object_get(response, "error"), "message");
    if (!v->failure[0] && strcmp(v->status, "incomplete") == 0) {
        copy_text(v->failure, sizeof(v->failure), json_object_get(response, "incomplete_details"),
            "reason");
    }
}

void chat_view_event(struct chat_view *v, json_t *event)
{
    const char *type = json_string_value(json_object_get(event, "type"));
    json_t *item = json_object_get(event, "item");
    if (!type)
        return;
    if (strcmp(type, "response.created") == 0) {
        copy_text(v->response, sizeof(v->response), json_object_get(event, "response"), "id");
    } else if (strcmp(type, "response.output_text.delta") == 0 ||
               strcmp(type, "response.refusal.delta") == 0) {
        show_field(v, VIEW_TEXT, event, "delta");
    } else if (strcmp(type, "response.code_interpreter_call_code.delta") == 0) {
        show_field(v, VIEW_CODE, event, "delta");
    } else if (strcmp(type, "response.output_item.added") == 0) {
        copy_text(v->container, sizeof(v->container), item, "container_id");
        v->in = VIEW_NOTHING; /* an item begins with an empty line, also after one of its kind */
        line_end(v);
    } else if (strcmp(type, "response.code_interpreter_call.interpreting") == 0) {
        line_end(v);
        v->executing = true;
    } else if (strcmp(type, "response.code_interpreter_call.completed") == 0) {
        v->executing = false;
    } else if (strcmp(type, "cloche.execution.output") == 0) {
        show_output(v, json_object_get(event, "output"));
    } else if (strcmp(type, "response.output_text.annotation.added") == 0) {
        json_array_append(v->citations, json_object_get(event, "annotation"));
    } else if (strcmp(type, "error") == 0) {
        copy_text(v->failure, sizeof(v->failure), json_object_get(event, "error"), "message");
    } else if (strcmp(type, "response.completed") == 0 || strcmp(type, "response.failed") == 0 ||
               strcmp(type, "response.incomplete") == 0) {
        ended(v, json_object_get(event, "response"));
    }
}

void chat_view_end(struct chat_view *v)
{
    line_end(v);
    fflush(stdout);
}
