#include "api/assistants/assistants.h"
#include "api/assistants/export.h"

#define ASSISTANT "/v1/assistants/{assistant_id}"
#define THREAD "/v1/threads/{thread_id}"
#define RUN THREAD "/runs/{run_id}"
#define MESSAGE THREAD "/messages/{message_id}"

const struct http_route assistants_routes[] = {
    {"POST", "/v1/assistants", assistants_create, 0, 0},
    {"GET", "/v1/assistants", assistants_list, 0, 0},
    {"GET", ASSISTANT, assistants_get, 0, 0},
    {"POST", ASSISTANT, assistants_modify, 0, 0},
    {"DELETE", ASSISTANT, assistants_delete, 0, 0},
    {"POST", ASSISTANT "/files", assistant_files_create, 0, 0},
    {"GET", ASSISTANT "/files", assistant_files_list, 0, 0},
    {"GET", ASSISTANT "/files/{file_id}", assistant_files_get, 0, 0},
    {"DELETE", ASSISTANT "/files/{file_id}", assistant_files_delete, 0, 0},

    {"POST", "/v1/threads", threads_create, 0, BODY_MODEL_MAX},
    {"POST", "/v1/threads/runs", runs_create_with_thread, 0, BODY_MODEL_MAX},
    {"GET", THREAD, threads_get, 0, 0},
    {"POST", THREAD, threads_modify, 0, 0},
    {"DELETE", THREAD, threads_delete, 0, 0},
    {"GET", THREAD "/notebook", threads_notebook, 0, 0},
    {"GET", THREAD "/results", threads_results, 0, 0},

    {"POST", THREAD "/messages", messages_create, 0, BODY_MODEL_MAX},
    {"GET", THREAD "/messages", messages_list, 0, 0},
    {"GET", MESSAGE, messages_get, 0, 0},
    {"POST", MESSAGE, messages_modify, 0, 0},
    {"DELETE", MESSAGE, messages_delete, 0, 0},
    {"GET", MESSAGE "/files", message_files_list, 0, 0},
    {"GET", MESSAGE "/files/{file_id}", message_files_get, 0, 0},

    {"POST", THREAD "/runs", runs_create, 0, BODY_MODEL_MAX},
    {"GET", THREAD "/runs", runs_list, 0, 0},
    {"GET", RUN, runs_get, 0, 0},
    {"POST", RUN, runs_modify, 0, 0},
    {"POST", RUN "/cancel", runs_cancel, 0, 0},
    {"POST", RUN "/submit_tool_outputs", runs_submit, 0, BODY_MODEL_MAX},
    {"GET", RUN "/steps", steps_list, 0, 0},
    {"GET", RUN "/steps/{step_id}", steps_get, 0, 0},
};
const size_t assistants_route_count = sizeof assistants_routes / sizeof *assistants_routes;
