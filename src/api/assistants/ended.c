/* What a run leaves behind: its messages in the thread, and what its code made among the Files. */
#include <string.h>

#include "api/assistants/request.h"
#include "api/native/native.h"
#include "base/log.h"

/* A message as a model reads it that knows nothing of what was done for it. */
static json_t *plain(const json_t *message)
{
    json_t *parts = json_array();
    const json_t *part;
    size_t i;
    json_array_foreach (json_object_get(message, "content"), i, part) {
        json_t *text = json_object_get(json_object_get(part, "text"), "value");
        if (json_string_length(text) > 0)
            json_array_append_new(parts, json_pack("{s:s,s:O}", "type", "text", "text", text));
    }
    if (json_array_size(parts) == 0) {
        json_decref(parts);
        return NULL;
    }
    return json_pack("{s:s,s:s,s:o}", "type", "message", "role", "assistant", "content", parts);
}

json_t *assistants_ended(void *context, struct run *run)
{
    struct run_state s;
    json_t *input = NULL, *output = NULL, *entries = NULL;
    const json_t *message;
    size_t i;
    (void)context;
    if (run_state_init(&s, run_ref(run), NULL, NULL, 0, NULL) < 0)
        return NULL;
    enum run_status status = s.info.status;
    bool worked =
        status == RUN_COMPLETED || status == RUN_INCOMPLETE || status == RUN_REQUIRES_ACTION;
    if (run_state_catch_up(&s, NULL) == 0 && run_transcript(run, &input, &output, NULL) == 0 &&
        (entries = json_array())) {
        json_array_foreach (run_encoder_messages(s.encoder), i, message) {
            entries_add(entries, message);
            json_t *said = worked ? NULL : plain(message);
            if (said)
                json_array_append_new(
                    json_object_get(json_array_get(entries, i), "transcript"), said);
        }
        if (worked)
            entries_spread(entries, 0, output);
    }
    json_decref(input);
    json_decref(output);
    run_state_deinit(&s);
    return entries;
}

/* What a session has to be given again when this one is gone. */
static void note_file(struct api *api, const struct run_info *info, const char *path, char *file_id)
{
    struct error e = {0};
    struct store_conversation_file row = {.conversation_id = info->conversation_id,
        .path = (char *)path,
        .file_id = file_id,
        .container_id = info->container_id};
    if (info->conversation_id && store_conversation_files_put(api->store, &row, 1, &e) < 0 &&
        e.code != ERROR_NOT_FOUND)
        log_line(
            LOG_WARN, "assistants", "a file of a thread was not noted", "why=\"%s\"", e.message);
}

bool assistants_publish(void *context, struct run *run, struct session *session, const char *path,
    bool figure, char ret_id[ID_SIZE])
{
    struct api *api = context;
    struct store_file file;
    struct run_info info;
    struct error e = {0};
    run_info(run, &info);
    int r = copy_to_files(api, info.project, session, path, "assistants_output", &file, &e);
    if (r == 0) {
        snprintf(ret_id, ID_SIZE, "%s", file.id);
        if (!figure)
            note_file(api, &info, path, file.id);
        store_file_deinit(&file);
    } else if (e.code != ERROR_NOT_FOUND) { /* deleted again: nothing to keep */
        log_line(LOG_WARN, "assistants", "a file of a run was not kept", "run=%s why=\"%s\"",
            info.id, e.message);
    }
    run_info_deinit(&info);
    return r == 0;
}
