#include "api/explorer/explorer.h"

const struct http_route explorer_routes[] = {
    {"POST", "/api/thread/create", explorer_thread_create, 0, 0},
    {"GET", "/api/thread/{thread_id}/messages", explorer_messages, 0, 0},
    {"POST", "/api/chat", explorer_chat, 0, 0},
    {"POST", "/api/analyze", explorer_analyze, 0, 0},
    {"POST", "/api/upload", explorer_upload, 0, BODY_UPLOAD},
    {"GET", "/api/file/{file_id}", explorer_file, 0, 0},
    {"GET", "/api/ws", explorer_live, 0, 0},
    {"POST", "/api/examples/data-analysis", explorer_example_data, 0, 0},
    {"POST", "/api/examples/math-computation", explorer_example_math, 0, 0},
    {"POST", "/api/examples/image-generation", explorer_example_images, 0, 0},
};
const size_t explorer_route_count = sizeof explorer_routes / sizeof *explorer_routes;
