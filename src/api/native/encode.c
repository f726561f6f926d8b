#include "api/native/native.h"

#include <string.h>

static void encode_usage(struct json_writer *w, const struct session_usage *usage)
{
    if (!usage) {
        jw_field_null(w, "usage");
        return;
    }
    jw_field_object(w, "usage");
    jw_field_uint(w, "memory_bytes", usage->memory_bytes);
    jw_field_uint(w, "memory_limit_bytes", usage->memory_limit_bytes);
    jw_field_uint(w, "disk_bytes", usage->disk_bytes);
    jw_field_uint(w, "pids", usage->pids);
    jw_field_int(w, "cpu_ms", usage->cpu_us / 1000);
    jw_end(w);
}

void encode_container(
    struct json_writer *w, const struct session_info *info, const struct session_usage *usage)
{
    char memory[24];
    memory_format(info->memory_limit_bytes, memory);
    jw_begin_object(w);
    jw_field_string(w, "id", info->id);
    jw_field_string(w, "object", "container");
    jw_field_int(w, "created_at", info->created_at);
    jw_field_string(w, "status", info->expired ? "expired" : "running");
    jw_field_object(w, "expires_after");
    jw_field_string(w, "anchor", "last_active_at");
    jw_field_uint(w, "minutes", info->idle_minutes);
    jw_end(w);
    jw_field_int(w, "last_active_at", info->last_active_at);
    jw_field_int(w, "expires_at", info->expires_at);
    jw_field_string(w, "memory_limit", memory);
    jw_field_string(w, "name", info->name);
    jw_field_object(w, "network_policy");
    jw_field_string(w, "type", "disabled");
    jw_end(w);
    jw_field_string(w, "environment", info->environment);
    jw_field_null(w, "branched_from");
    const char *metadata = info->metadata ? info->metadata : "{}";
    jw_field_raw(w, "metadata", metadata, strlen(metadata));
    if (info->why && *info->why)
        jw_field_string(w, "status_reason", info->why);
    encode_usage(w, usage);
    jw_end(w);
}

void encode_container_file(
    struct json_writer *w, const struct session_file *file, const char *container_id)
{
    jw_begin_object(w);
    jw_field_string(w, "id", file->id);
    jw_field_string(w, "object", "container.file");
    jw_field_int(w, "created_at", file->created_at);
    jw_field_uint(w, "bytes", file->bytes);
    jw_field_string(w, "container_id", container_id);
    jw_key(w, "path");
    jw_string_begin(w);
    jw_string_piece(w, "/mnt/data/", 10);
    jw_string_piece(w, file->path, strlen(file->path));
    jw_string_end(w);
    jw_field_string(w, "filename", base_name_of(file->path));
    jw_field_string(w, "source", file->from_user ? "user" : "assistant");
    jw_end(w);
}

void encode_file(struct json_writer *w, const struct store_file *file)
{
    jw_begin_object(w);
    jw_field_string(w, "id", file->id);
    jw_field_string(w, "object", "file");
    jw_field_int(w, "bytes", file->bytes);
    jw_field_int(w, "created_at", file->created_at);
    if (file->expires_at)
        jw_field_int(w, "expires_at", file->expires_at);
    else
        jw_field_null(w, "expires_at");
    jw_field_string(w, "filename", file->filename);
    jw_field_string(w, "purpose", file->purpose);
    jw_field_string(w, "status", "processed");
    jw_field_null(w, "status_details");
    jw_end(w);
}

void respond_container(struct http_exchange *x, struct session *session)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(1 << 20);
    struct json_writer w = JSON_WRITER(&text);
    struct session_info info;
    struct session_usage usage;
    session_info(session, &info);
    session_usage(session, &usage);
    encode_container(&w, &info, &usage);
    session_info_deinit(&info);
    http_respond_json(x, 200, &text);
}
