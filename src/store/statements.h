/* statements.h - every statement that is prepared once and kept, in one table. Lists, whose text
 * depends on the page asked for, are prepared each time (query.c). Seen only inside src/store. */
#pragma once

#define CONTAINER_COLUMNS \
    "id, project, name, environment, status, created_at, last_active_at, ended_at, expires_minutes," \
    " memory_limit_bytes, memory_limit, metadata, network_policy, settings, end_reason, ground_id," \
    " sandbox, kernel_serial, pipe_set, execution_count, flags"
#define CONTAINER_FILE_COLUMNS \
    "id, container_id, path, bytes, created_at, by_user, mime_type, inode, ctime_ns, size"
#define EXECUTION_COLUMNS \
    "id, container_id, project, created_at, status, note, record_bytes, record_blob, code, record"
#define FILE_COLUMNS "id, project, filename, purpose, bytes, created_at, expires_at, blob"
#define UPLOAD_COLUMNS \
    "id, project, filename, purpose, mime_type, status, file_id, bytes, parts_bytes, created_at," \
    " expires_at, file_seconds"
#define UPLOAD_PART_COLUMNS "id, upload_id, blob, bytes, created_at"
#define RUN_COLUMNS \
    "id, project, dialect, status, model, container_id, conversation_id, previous_id, created_at," \
    " completed_at, background, error, usage, request, input, output, expires_at"
#define RUN_UNFINISHED "status IN ('queued', 'in_progress')"
#define RUN_ACTIVE "status IN ('queued', 'in_progress', 'requires_action')"
#define CONVERSATION_COLUMNS "id, project, kind, created_at, metadata, data"
#define ASSISTANT_COLUMNS "id, project, created_at, data"
#define CONVERSATION_FILE_COLUMNS \
    "conversation_id, path, file_id, source_id, container_id, by_message"
#define ITEM_COLUMNS "id, conversation_id, run_id, created_at, json, transcript"
#define FIGURE_COLUMNS "id, container_id, mime_type, blob, bytes, created_at"
#define WEBHOOK_COLUMNS "id, project, url, events, secret, created_at"
#define DELIVERY_COLUMNS \
    "id, webhook_id, type, body, created_at, status, attempts, next_at, http_status, error"
/* to all webhooks w of a project that want to hear of such an event */
#define DELIVERY_INSERT \
    "INSERT INTO deliveries(id, webhook_id, type, body, created_at, status, attempts, next_at," \
    " leased_until, http_status)"
#define WEBHOOK_WANTS(type) "EXISTS (SELECT 1 FROM json_each(w.events) WHERE value = " type ")"
#define KEY_COLUMNS "id, name, project, created_at, revoked_at"

#define STATEMENTS(X) \
    X(BEGIN, "BEGIN IMMEDIATE") \
    X(COMMIT, "COMMIT") \
    X(ROLLBACK, "ROLLBACK") \
    X(DATA_VERSION, "PRAGMA data_version") \
    X(SETTING_GET, "SELECT value FROM settings WHERE name = ?1") \
    X(SETTING_SET, "INSERT INTO settings VALUES(?1, ?2)" \
                   " ON CONFLICT(name) DO UPDATE SET value = excluded.value") \
    X(SETTING_FORGET, "DELETE FROM settings WHERE name = ?1") \
\
    X(KEY_INSERT, "INSERT INTO keys(id, name, project, own_project, hash, created_at)" \
                  " VALUES(?1, ?2, ?3, ?4, ?5, ?6)") \
    X(KEY_ANY_OWN, "SELECT 1 FROM keys WHERE own_project = 1 LIMIT 1") \
    X(KEY_UNDO, "DELETE FROM keys WHERE id = ?1") \
    X(KEY_REVOKE, \
        "UPDATE keys SET revoked_at = iif(revoked_at = 0, ?2, revoked_at) WHERE id = ?1") \
\
    X(CONTAINER_INSERT, \
        "INSERT INTO containers(" CONTAINER_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6," \
        " ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)") \
    X(CONTAINER_UPDATE, \
        "UPDATE containers SET name = ?3, environment = ?4, status = ?5," \
        " last_active_at = ?7, ended_at = ?8, expires_minutes = ?9," \
        " memory_limit_bytes = ?10, memory_limit = ?11, metadata = ?12," \
        " network_policy = ?13, settings = ?14, end_reason = ?15, ground_id = ?16," \
        " sandbox = ?17, kernel_serial = ?18, pipe_set = ?19, execution_count = ?20," \
        " flags = ?21 WHERE id = ?1") \
    X(CONTAINER_TOUCH, "UPDATE containers SET last_active_at = ?2 WHERE id = ?1") \
    X(CONTAINER_MEMORY, \
        "UPDATE containers SET memory_limit = iif(memory_limit_bytes < ?2, ?3, memory_limit)," \
        " memory_limit_bytes = max(memory_limit_bytes, ?2) WHERE id = ?1") \
    X(CONTAINER_COUNT, \
        "UPDATE containers SET last_active_at = ?2, execution_count = ?3 WHERE id = ?1") \
    X(CONTAINER_SET_LIVE, \
        "UPDATE containers SET ground_id = ?2, sandbox = ?3, kernel_serial = ?4," \
        " pipe_set = ?5, execution_count = ?6, flags = ?7 WHERE id = ?1") \
    X(CONTAINER_END, "UPDATE containers SET status = ?2, end_reason = ?3, ended_at = ?4" \
                     " WHERE id = ?1 AND status = 0") \
    X(CONTAINER_HIDE, \
        "UPDATE containers SET status = 2, ended_at = iif(ended_at = 0, ?2, ended_at)" \
        " WHERE id = ?1") \
    X(CONTAINER_DELETE, "DELETE FROM containers WHERE id = ?1") \
    X(CONTAINER_GET, "SELECT " CONTAINER_COLUMNS " FROM containers" \
                     " WHERE id = ?1 AND (?2 IS NULL OR project = ?2) AND status <> 2") \
    X(CONTAINER_ENDED, \
        "SELECT id FROM containers WHERE ended_at > 0 AND ended_at <= ?1 AND status = 1" \
        " LIMIT 1") \
\
    X(CFILE_PUT, "INSERT OR REPLACE INTO container_files(" CONTAINER_FILE_COLUMNS ")" \
                 " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)") \
    X(CFILE_GET, "SELECT " CONTAINER_FILE_COLUMNS " FROM container_files" \
                 " WHERE container_id = ?1 AND id = ?2") \
    X(CFILE_FIND, "SELECT " CONTAINER_FILE_COLUMNS " FROM container_files" \
                  " WHERE container_id = ?1 AND path = ?2") \
    X(CFILE_DELETE, "DELETE FROM container_files WHERE container_id = ?1 AND id = ?2") \
    X(CFILE_DELETE_SOME, "DELETE FROM container_files WHERE seq IN (SELECT seq FROM" \
                         " container_files WHERE container_id = ?1 LIMIT ?2)") \
\
    X(EXEC_INSERT, "INSERT INTO executions(" EXECUTION_COLUMNS ")" \
                   " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)") \
    X(EXEC_FINISH, "UPDATE executions SET status = ?3, record_bytes = ?4, record = ?5" \
                   " WHERE container_id IS ?1 AND id = ?2") \
    X(EXEC_FINISH_BLOB, "UPDATE executions SET status = ?3, record_bytes = ?4, record_blob = ?5" \
                        " WHERE container_id IS ?1 AND id = ?2") \
    X(EXEC_CUT_ONE, "UPDATE executions SET status = ?3, note = ?4" \
                    " WHERE container_id IS ?1 AND id = ?2 AND status IS NULL") \
    X(EXEC_CUT_CONTAINER, "UPDATE executions SET status = ?2, note = ?3" \
                          " WHERE container_id = ?1 AND status IS NULL") \
    X(EXEC_CUT_ALL, "UPDATE executions SET status = ?1, note = ?2 WHERE status IS NULL") \
    X(EXEC_GET, \
        "SELECT " EXECUTION_COLUMNS " FROM executions WHERE container_id IS ?1 AND id = ?2") \
    X(EXEC_DELETE_ALL, "DELETE FROM executions WHERE container_id = ?1") \
    X(EXEC_NEWEST_TOO_MANY, "SELECT seq FROM executions WHERE container_id IS ?1" \
                            " ORDER BY seq DESC LIMIT 1 OFFSET ?2") \
    X(EXEC_TRIM, "DELETE FROM executions WHERE seq IN (SELECT seq FROM executions" \
                 " WHERE container_id IS ?1 AND seq <= ?2 AND status IS NOT NULL LIMIT ?3)") \
    X(EXEC_OLD, \
        "DELETE FROM executions WHERE seq IN (SELECT seq FROM executions" \
        " WHERE container_id IS NULL AND created_at <= ?1 AND status IS NOT NULL LIMIT ?2)") \
\
    X(FILE_INSERT, "INSERT INTO files(" FILE_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)") \
    X(FILE_GET, "SELECT " FILE_COLUMNS " FROM files WHERE id = ?1 AND project = ?2" \
                " AND (expires_at = 0 OR expires_at > ?3)") \
    X(FILE_DELETE, "DELETE FROM files WHERE id = ?1 AND project = ?2") \
    X(FILE_EXPIRE, "DELETE FROM files WHERE seq IN (SELECT seq FROM files" \
                   " WHERE expires_at > 0 AND expires_at <= ?1 LIMIT ?2)") \
\
    X(UPLOAD_COUNT, "SELECT count(*) FROM uploads WHERE project = ?1 AND status = 'pending'" \
                    " AND expires_at > ?2") \
    X(UPLOAD_INSERT, \
        "INSERT INTO uploads(" UPLOAD_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, 'pending', NULL, ?6," \
        " 0, ?7, ?8, ?9)") \
    X(UPLOAD_GET, "SELECT " UPLOAD_COLUMNS " FROM uploads WHERE id = ?1 AND project = ?2") \
    X(UPLOAD_GROW, \
        "UPDATE uploads SET parts = parts + 1, parts_bytes = parts_bytes + ?2 WHERE id = ?1" \
        " AND status = 'pending' AND expires_at > ?3 AND parts < ?4 AND parts_bytes + ?2 <= ?5") \
    X(UPLOAD_PART_INSERT, \
        "INSERT INTO upload_parts(" UPLOAD_PART_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5)") \
    X(UPLOAD_PART_GET, \
        "SELECT " UPLOAD_PART_COLUMNS " FROM upload_parts WHERE upload_id = ?1 AND id = ?2") \
    X(UPLOAD_END, "UPDATE uploads SET status = ?2, file_id = ?3" \
                  " WHERE id = ?1 AND status = 'pending'") \
    X(UPLOAD_UNDO, "UPDATE uploads SET status = 'pending', file_id = NULL WHERE id = ?1") \
    X(UPLOAD_DROP_PARTS, "DELETE FROM upload_parts WHERE seq IN (SELECT seq FROM upload_parts" \
                         " WHERE upload_id = ?1 LIMIT ?2)") \
    X(UPLOAD_EMPTY, "UPDATE uploads SET parts = 0 WHERE id = ?1") \
    X(UPLOAD_EXPIRE, \
        "UPDATE uploads SET status = 'expired' WHERE status = 'pending' AND expires_at <= ?1") \
    X(UPLOAD_TO_EMPTY, \
        "SELECT id FROM uploads WHERE status <> 'pending' AND parts > 0 ORDER BY seq LIMIT 1") \
    X(UPLOAD_OLD, "DELETE FROM uploads WHERE seq IN (SELECT seq FROM uploads" \
                  " WHERE created_at <= ?1 AND parts = 0 AND status <> 'pending' LIMIT ?2)") \
\
    /* ?18: only if its conversation has no other that is active */ \
    X(RUN_INSERT, "INSERT INTO runs(" RUN_COLUMNS ") SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9," \
                  " ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17 WHERE ?18 = 0 OR NOT EXISTS (SELECT 1" \
                  " FROM runs WHERE conversation_id = ?7 AND " RUN_ACTIVE ")") \
    X(RUN_ACTIVE_OF, \
        "SELECT id FROM runs WHERE project = ?1 AND conversation_id = ?2 AND " RUN_ACTIVE \
        " ORDER BY created_at DESC LIMIT 1") \
    X(RUN_CONTAINER_OF, \
        "SELECT container_id FROM runs WHERE project = ?1 AND conversation_id = ?2" \
        " AND container_id IS NOT NULL ORDER BY created_at DESC, seq DESC LIMIT 1") \
    X(RUN_DUE, "SELECT id, expires_at, seq FROM runs WHERE status = 'requires_action'" \
               " AND expires_at > 0 AND expires_at <= ?1 AND (expires_at, seq) > (?2, ?3)" \
               " ORDER BY expires_at, seq LIMIT 1") \
    X(RUN_SET_REQUEST, "UPDATE runs SET request = ?2 WHERE id = ?1") \
    X(RUN_UPDATE, "UPDATE runs SET status = ?2, model = ?3, container_id = ?4, completed_at = ?5," \
                  " error = ?6, usage = ?7, output = ?8 WHERE id = ?1") \
    X(RUN_GET, "SELECT " RUN_COLUMNS " FROM runs WHERE id = ?1 AND (?2 IS NULL OR project = ?2)" \
               " AND (?3 IS NULL OR dialect = ?3)") \
    X(RUN_DELETE, "DELETE FROM runs WHERE id = ?1 AND project = ?2") \
    X(RUN_OLD, "DELETE FROM runs WHERE seq IN (SELECT seq FROM runs" \
               " WHERE created_at <= ?1 AND NOT (" RUN_UNFINISHED ") LIMIT ?2)") \
    X(RUN_CUT_EVENTS, \
        "INSERT INTO run_events SELECT seq, ifnull((SELECT max(number) + 1 FROM run_events" \
        " WHERE run = seq), 0), ?1 FROM runs WHERE " RUN_UNFINISHED) \
    X(RUN_CUT, "UPDATE runs SET status = 'failed', error = ?1, completed_at = ?2" \
               " WHERE " RUN_UNFINISHED) \
    X(EVENT_APPEND, "INSERT INTO run_events SELECT seq, ?2, ?3 FROM runs WHERE id = ?1") \
\
    X(CONVERSATION_INSERT, \
        "INSERT INTO conversations(" CONVERSATION_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6)") \
    X(CONVERSATION_UPDATE, "UPDATE conversations SET metadata = ?3, data = ?4" \
                           " WHERE id = ?1 AND project = ?2") \
    X(CONVERSATION_DELETE, "DELETE FROM conversations WHERE id = ?1 AND project = ?2") \
    X(CONVERSATION_GET, "SELECT " CONVERSATION_COLUMNS " FROM conversations" \
                        " WHERE id = ?1 AND project = ?2 AND (?3 IS NULL OR kind = ?3)") \
    X(ASSISTANT_INSERT, "INSERT INTO assistants(" ASSISTANT_COLUMNS ") VALUES(?1, ?2, ?3, ?4)") \
    X(ASSISTANT_UPDATE, "UPDATE assistants SET data = ?3 WHERE id = ?1 AND project = ?2") \
    X(ASSISTANT_GET, \
        "SELECT " ASSISTANT_COLUMNS " FROM assistants WHERE id = ?1 AND project = ?2") \
    X(ASSISTANT_DELETE, "DELETE FROM assistants WHERE id = ?1 AND project = ?2") \
    X(CONVERSATION_FILE_PUT, \
        "INSERT INTO conversation_files(" CONVERSATION_FILE_COLUMNS \
        ") VALUES(?1, ?2, ?3, ?4, ?5, ?6)" \
        " ON CONFLICT(conversation_id, path) DO UPDATE SET file_id = excluded.file_id," \
        " source_id = ifnull(source_id, excluded.source_id), container_id = excluded.container_id," \
        " by_message = max(by_message, excluded.by_message)") \
    X(CONVERSATION_FILES_PLACED, \
        "UPDATE conversation_files SET container_id = ?2 WHERE conversation_id = ?1") \
    /* never before what is there, whatever the clock did */ \
    X(ITEM_APPEND, "INSERT INTO items(" ITEM_COLUMNS ") VALUES(?1, ?2, ?3, max(?4," \
                   " ifnull((SELECT max(created_at) FROM items WHERE conversation_id = ?2), 0))," \
                   " ?5, ?6)") \
    X(ITEM_UPDATE, \
        "UPDATE items SET json = ?3, transcript = ?4 WHERE conversation_id = ?1 AND id = ?2") \
    X(ITEM_SET_TRANSCRIPT, \
        "UPDATE items SET transcript = ?3 WHERE conversation_id = ?1 AND id = ?2") \
    X(ITEM_GET, "SELECT " ITEM_COLUMNS " FROM items WHERE conversation_id = ?1 AND id = ?2") \
    X(ITEM_DELETE, "DELETE FROM items WHERE conversation_id = ?1 AND id = ?2") \
\
    /* ?7: what all of its container's may take */ \
    X(FIGURE_INSERT, "INSERT INTO figures(" FIGURE_COLUMNS ") SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE" \
                     " (SELECT coalesce(sum(bytes), 0) FROM figures WHERE container_id = ?2) + ?5" \
                     " <= ?7") \
    X(FIGURE_GET, "SELECT " FIGURE_COLUMNS " FROM figures WHERE container_id = ?1 AND id = ?2") \
    X(FIGURE_DELETE, "DELETE FROM figures WHERE container_id = ?1 AND id = ?2") \
    X(FIGURE_DELETE_ALL, "DELETE FROM figures WHERE container_id = ?1") \
\
    X(LOGIN_INSERT, "INSERT INTO logins(hash, key_id, expires_at) VALUES(?1, ?2, ?3)") \
    X(LOGIN_GET, "SELECT k.project, k.id FROM logins l JOIN keys k ON k.id = l.key_id" \
                 " WHERE l.hash = ?1 AND l.expires_at > ?2 AND k.revoked_at = 0") \
    X(LOGIN_DELETE, "DELETE FROM logins WHERE hash = ?1") \
    X(LOGIN_EXPIRE, "DELETE FROM logins WHERE expires_at <= ?1") \
\
    X(WEBHOOK_INSERT, \
        "INSERT INTO webhooks(" WEBHOOK_COLUMNS ") SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE" \
        " (SELECT count(*) FROM webhooks WHERE project = ?2) < ?7") \
    X(WEBHOOK_GET, \
        "SELECT " WEBHOOK_COLUMNS " FROM webhooks WHERE id = ?1 AND (?2 IS NULL OR project = ?2)") \
    X(WEBHOOK_DELETE, "DELETE FROM webhooks WHERE id = ?1 AND project = ?2") \
    X(DELIVERY_QUEUE, \
        DELIVERY_INSERT " SELECT ?1, w.id, ?2, ?3, ?4, 'pending', 0, ?4, 0, 0" \
                        " FROM webhooks w WHERE w.project = ?5 AND " WEBHOOK_WANTS("?2")) \
    X(DELIVERY_QUEUE_CUT, /* materialized: a subquery would be flattened, and each mention of its id be another id */ \
        DELIVERY_INSERT \
        " WITH e AS MATERIALIZED (SELECT 'evt_' || lower(hex(randomblob(16))) id," \
        " w.id webhook_id, r.id run FROM runs r JOIN webhooks w ON w.project = r.project WHERE r." RUN_UNFINISHED \
        " AND " WEBHOOK_WANTS( \
            "'response.failed'") ")" \
                                 " SELECT e.id, e.webhook_id, 'response.failed', json_object('id', e.id," \
                                 " 'object', 'event', 'created_at', ?1, 'type', 'response.failed', 'data'," \
                                 " json_object('id', e.run)), ?1, 'pending', 0, ?1, 0, 0 FROM e") \
    X(DELIVERY_DROP, /* the oldest of each webhook with too many: its `waiting` is counted, never looked up */ \
        "UPDATE deliveries SET status = 'dropped', next_at = 0, error = ?3 WHERE seq IN" \
        " (SELECT (SELECT d.seq FROM deliveries d WHERE d.webhook_id = w.id AND d.next_at > 0" \
        " ORDER BY d.seq LIMIT 1) FROM webhooks w WHERE (?1 IS NULL OR w.project = ?1)" \
        " AND w.waiting > ?2)") \
    X(DELIVERY_CLAIM, \
        "UPDATE deliveries SET attempts = attempts + 1, leased_until = ?1 + ?2 WHERE seq =" \
        " (SELECT d.seq FROM webhooks w JOIN deliveries d ON d.seq = (SELECT seq FROM deliveries" \
        " WHERE webhook_id = w.id AND next_at > 0 AND next_at <= ?1 ORDER BY next_at LIMIT 1)" \
        " WHERE NOT EXISTS (SELECT 1 FROM deliveries o WHERE o.webhook_id = w.id" \
        " AND o.leased_until > 0 AND o.leased_until > ?1) ORDER BY d.next_at LIMIT 1)" \
        " RETURNING " DELIVERY_COLUMNS) \
    /* what was dropped while an attempt was made is not tried again; ?4: when it would be */ \
    X(DELIVERY_DONE, \
        "UPDATE deliveries SET status = iif(status = 'dropped' AND ?4 > 0, status, ?3)," \
        " error = iif(status = 'dropped' AND ?4 > 0, error, ?6)," \
        " next_at = iif(status = 'dropped', 0, ?4), http_status = ?5, leased_until = 0" \
        " WHERE webhook_id = ?1 AND id = ?2") \
    X(DELIVERY_EXPIRE, "DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries" \
                       " WHERE created_at <= ?1 AND next_at = 0 LIMIT ?2)") \
\
    X(BLOB_KNOWN, "SELECT 1 FROM blobs WHERE sha256 = ?1 AND refs > 0") \
    X(BLOB_UNREFERENCED, \
        "SELECT sha256 FROM blobs WHERE refs = 0 AND sha256 > ?1 ORDER BY sha256 LIMIT 1") \
    X(BLOB_FORGET, "DELETE FROM blobs WHERE sha256 = ?1 AND refs = 0")

enum statement {
#define X(name, sql) SQL_##name,
    STATEMENTS(X)
#undef X
        SQL_COUNT
};
