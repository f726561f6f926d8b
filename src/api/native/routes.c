#include "api/native/native.h"

#define CONTAINER "/v1/containers/{container_id}"

const struct http_route native_routes[] = {
    {"GET", "/", welcome, HTTP_PUBLIC, 0},
    {"GET", "/healthz", healthz, HTTP_PUBLIC, 0},
    {"GET", "/readyz", readyz, HTTP_PUBLIC, 0},

    {"POST", "/v1/containers", containers_create, 0, 0},
    {"GET", "/v1/containers", containers_list, 0, 0},
    {"GET", CONTAINER, containers_get, 0, 0},
    {"POST", CONTAINER, containers_change, 0, 0},
    {"DELETE", CONTAINER, containers_delete, 0, 0},
    {"POST", CONTAINER "/restart", containers_restart, 0, 0},

    {"POST", CONTAINER "/files", container_files_create, 0, BODY_UPLOAD},
    {"GET", CONTAINER "/files", container_files_list, 0, 0},
    {"GET", CONTAINER "/files/{file_id}", container_files_get, 0, 0},
    {"GET", CONTAINER "/files/{file_id}/content", container_files_content, 0, 0},
    {"DELETE", CONTAINER "/files/{file_id}", container_files_delete, 0, 0},
    {"GET", CONTAINER "/archive", container_archive, 0, 0},
    {"GET", CONTAINER "/notebook", container_notebook, 0, 0},

    {"POST", CONTAINER "/execute", container_execute, 0, 0},
    {"POST", CONTAINER "/input", container_input, 0, 0},
    {"POST", CONTAINER "/interrupt", container_interrupt, 0, 0},
    {"GET", CONTAINER "/variables", container_variables, 0, 0},
    {"GET", CONTAINER "/executions", executions_list, 0, 0},
    {"GET", CONTAINER "/executions/{execution_id}", executions_get, 0, 0},
    {"GET", CONTAINER "/executions/{execution_id}/outputs/{n}", executions_output, 0, 0},
    {"POST", "/v1/execute", stateless_post, 0, 0},

    {"GET", "/v1/environments", environments_get, 0, 0},
    {"POST", "/v1/environments", environments_post, 0, 0},

    {"POST", "/v1/files", files_create, 0, BODY_UPLOAD},
    {"GET", "/v1/files", files_list, 0, 0},
    {"GET", "/v1/files/{file_id}", files_get, 0, 0},
    {"GET", "/v1/files/{file_id}/content", files_content, 0, 0},
    {"DELETE", "/v1/files/{file_id}", files_delete, 0, 0},

    {"POST", "/v1/notebooks", notebooks_create, 0, 0},
    {"POST", "/v1/notebooks/run", notebooks_run, 0, NOTEBOOK_BYTES_MAX + 64 * 1024},

    {"POST", "/v1/uploads", uploads_create, 0, 0},
    {"POST", "/v1/uploads/{upload_id}/parts", upload_parts_create, 0, UPLOAD_PART_MAX + 64 * 1024},
    {"POST", "/v1/uploads/{upload_id}/complete", uploads_complete, 0, 0},
    {"POST", "/v1/uploads/{upload_id}/cancel", uploads_cancel, 0, 0},
};
const size_t native_route_count = sizeof native_routes / sizeof *native_routes;
