/* ended.c - a run's end: its files become Files, its messages the thread's. Called in the run's thread,
 * before anybody else sees the end. */
#include <stdlib.h>
#include <string.h>

#include "agent/reader.h"
#include "api/explorer/explorer.h"
#include "api/native/native.h"
#include "api/responses/items.h"

struct ending {
    struct publishing files;
    json_t *entries;  /* what the thread gets */
    json_t *paths;    /* {path: null} of files made, in order: the last content of each is kept */
    json_t *figures;  /* [{"file_id","media_type"}] */
    json_t *messages; /* item.completed events */
};

static void note_execution(struct ending *x, const json_t *event)
{
    const json_t *file;
    size_t i;
    json_array_foreach (json_object_get(json_object_get(event, "execution"), "files"), i, file)
        if (json_text(file, "path"))
            json_object_set_new(x->paths, workspace_relative(json_text(file, "path")), json_null());
    json_array_extend(x->figures, json_object_get(event, "images"));
}

static int note(void *context, const struct run_event *event, uint64_t number)
{
    (void)number;
    struct ending *x = context;
    bool execution = strcmp(event->type, "execution.completed") == 0;
    if (!execution && strcmp(event->type, "item.completed") != 0)
        return 0;
    cleanup_json json_t *json = json_loadb(event->json, event->length, JSON_ALLOW_NUL, NULL);
    const char *kind = json_text(json, "kind");
    if (execution)
        note_execution(x, json);
    else if (kind && strcmp(kind, "message") == 0)
        json_array_append(x->messages, json);
    return 0;
}

static json_t *file_json(const struct published *f)
{
    return json_pack(
        "{s:s,s:s}", "file_id", f->file_id, "type", f->image ? "image_file" : "file_path");
}

/* All that code made, figures first: they are what is looked at. */
static json_t *publish_all(struct ending *x)
{
    json_t *list = json_array();
    const json_t *figure;
    const char *path;
    json_t *nothing;
    size_t i;
    json_array_foreach (x->figures, i, figure) {
        const char *id = json_text(figure, "file_id"), *mime = json_text(figure, "media_type");
        const struct published *f = id && mime ? publish_figure(&x->files, id, mime) : NULL;
        if (f)
            json_array_append_new(list, file_json(f));
    }
    json_object_foreach (x->paths, path, nothing) {
        const struct published *f = publish_path(&x->files, path);
        if (f)
            json_array_append_new(list, file_json(f));
    }
    return list;
}

/* One annotation for each file that the text names. */
static json_t *annotations_of(struct ending *x, const json_t *message)
{
    json_t *list = json_array(), *said = json_object();
    const json_t *a;
    size_t i;
    json_array_foreach (json_object_get(message, "annotations"), i, a) {
        const char *path = json_text(a, "path");
        /* a figure at 0,0 is shown beside the text, not named by it */
        if (!path || json_integer_value(json_object_get(a, "end")) == 0)
            continue;
        const struct published *f = publish_path(&x->files, workspace_relative(path));
        if (!f || json_object_get(said, f->file_id))
            continue;
        json_object_set_new(said, f->file_id, json_true());
        json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "type", "file_path", "file_id",
                                        f->file_id, "text", f->name));
    }
    json_decref(said);
    return list;
}

static void add_message(
    struct ending *x, const json_t *event, const char *run_id, json_t *files, json_t *transcript)
{
    const char *id = json_text(event, "id");
    const json_t *text = json_object_get(event, "text");
    json_t *content =
        text ? json_incref((json_t *)text) : json_incref(json_object_get(event, "refusal"));
    json_array_append_new(x->entries,
        json_pack("{s:s,s:{s:s,s:o,s:o,s:O,s:s},s:O}", "id", id, "json", "role", "assistant",
            "content", content ? content : json_string(""), "annotations", annotations_of(x, event),
            "files", files, "run_id", run_id, "transcript", transcript));
}

static void add_messages(struct ending *x, struct run *run, const struct run_info *info)
{
    cleanup_json json_t *files = publish_all(x), *none = json_array();
    /* a model may end without a word: what its code made hangs on an empty message then */
    if (json_array_size(x->messages) == 0 && json_array_size(files) > 0 &&
        (info->status == RUN_COMPLETED || info->status == RUN_INCOMPLETE))
        json_array_append_new(x->messages, json_pack("{s:s,s:i}", "text", "", "item", -1));
    size_t n = json_array_size(x->messages);
    json_t *input = NULL, *output = NULL;
    if (run_transcript(run, &input, &output, NULL) < 0)
        return;
    for (size_t i = 0; i < n; i++) {
        json_t *event = json_array_get(x->messages, i);
        char id[ID_SIZE];
        /* its id by its place among the run's items, as item.started said it */
        id_child(
            id, "msg_", info->id, (unsigned)json_integer_value(json_object_get(event, "item")) + 1);
        json_object_set_new(event, "id", json_string(id));
        add_message(x, event, info->id, i + 1 == n ? files : none, i + 1 == n ? output : none);
    }
    json_decref(input);
    json_decref(output);
}

json_t *explorer_ended(void *context, struct run *run)
{
    struct run_info info;
    struct ending x = {.entries = json_array(),
        .paths = json_object(),
        .figures = json_array(),
        .messages = json_array()};
    run_info(run, &info);
    publishing_init(&x.files, context, info.project, info.container_id);
    struct run_reader reader = {.run = run};
    run_reader_catch_up(&reader, note, &x, NULL);
    add_messages(&x, run, &info);
    publishing_deinit(&x.files);
    json_decref(x.paths);
    json_decref(x.figures);
    json_decref(x.messages);
    run_info_deinit(&info);
    return x.entries;
}
