/* Every object has a project, because that is what keeps strangers apart; every list is ordered by
 * (created_at, seq), because clocks have a coarse second and may go back. Identifiers are text as
 * clients see them. References to blobs are counted by triggers, so that no deletion, cascades
 * included, can forget one. */
#include "schema.h"

static const char version_1[] =
    "CREATE TABLE settings(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"

    /* Keys are revoked, never deleted: access stays closed once there was one. */
    "CREATE TABLE keys("
    "  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, project TEXT NOT NULL,"
    "  own_project INTEGER NOT NULL, hash BLOB NOT NULL UNIQUE, created_at INTEGER NOT NULL,"
    "  revoked_at INTEGER NOT NULL DEFAULT 0) STRICT;"

    "CREATE TABLE containers("
    "  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, project TEXT NOT NULL, name TEXT NOT NULL,"
    "  environment TEXT NOT NULL, status INTEGER NOT NULL, created_at INTEGER NOT NULL,"
    "  last_active_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, expires_minutes INTEGER NOT NULL,"
    "  memory_limit_bytes INTEGER NOT NULL, memory_limit TEXT, metadata TEXT, network_policy TEXT,"
    "  settings TEXT, end_reason TEXT, ground_id INTEGER NOT NULL, sandbox INTEGER NOT NULL,"
    "  kernel_serial INTEGER NOT NULL, pipe_set INTEGER NOT NULL, execution_count INTEGER NOT NULL,"
    "  flags INTEGER NOT NULL) STRICT;"
    "CREATE INDEX containers_by_project ON containers(project, created_at);"
    "CREATE INDEX containers_ended ON containers(ended_at) WHERE ended_at > 0;"

    "CREATE TABLE container_files("
    "  seq INTEGER PRIMARY KEY, id TEXT NOT NULL,"
    "  container_id TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE, path TEXT NOT NULL,"
    "  bytes INTEGER NOT NULL, created_at INTEGER NOT NULL, by_user INTEGER NOT NULL, mime_type TEXT,"
    "  inode INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, size INTEGER NOT NULL,"
    "  UNIQUE(container_id, path), UNIQUE(container_id, id)) STRICT;"

    /* One index, not three: each costs every execution a page. What is small stands before what may
     * overflow, so that walking the rows never reads records. */
    "CREATE TABLE executions("
    "  seq INTEGER PRIMARY KEY, id TEXT NOT NULL,"
    "  container_id TEXT REFERENCES containers(id) ON DELETE CASCADE, project TEXT NOT NULL,"
    "  created_at INTEGER NOT NULL, status TEXT, note TEXT, record_bytes INTEGER NOT NULL,"
    "  record_blob TEXT, code TEXT NOT NULL, record TEXT, UNIQUE(container_id, id)) STRICT;"

    "CREATE TABLE files("
    "  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, project TEXT NOT NULL, filename TEXT NOT NULL,"
    "  purpose TEXT NOT NULL, bytes INTEGER NOT NULL, created_at INTEGER NOT NULL,"
    "  expires_at INTEGER NOT NULL, blob TEXT NOT NULL) STRICT;"
    "CREATE INDEX files_by_project ON files(project, created_at);"
    "CREATE INDEX files_expiring ON files(expires_at) WHERE expires_at > 0;"

    "CREATE TABLE blobs(sha256 TEXT PRIMARY KEY, bytes INTEGER NOT NULL,"
    "  refs INTEGER NOT NULL CHECK (refs >= 0)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX blobs_unreferenced ON blobs(sha256) WHERE refs = 0;"

    "CREATE TRIGGER files_take_blob AFTER INSERT ON files BEGIN"
    "  INSERT INTO blobs VALUES(new.blob, new.bytes, 1)"
    "    ON CONFLICT(sha256) DO UPDATE SET refs = refs + 1; END;"
    "CREATE TRIGGER files_leave_blob AFTER DELETE ON files BEGIN"
    "  UPDATE blobs SET refs = refs - 1 WHERE sha256 = old.blob; END;"
    "CREATE TRIGGER executions_take_blob AFTER INSERT ON executions"
    "  WHEN new.record_blob IS NOT NULL BEGIN"
    "  INSERT INTO blobs VALUES(new.record_blob, new.record_bytes, 1)"
    "    ON CONFLICT(sha256) DO UPDATE SET refs = refs + 1; END;"
    "CREATE TRIGGER executions_change_blob AFTER UPDATE OF record_blob ON executions"
    "  WHEN new.record_blob IS NOT old.record_blob BEGIN"
    "  UPDATE blobs SET refs = refs - 1 WHERE sha256 = old.record_blob;"
    "  INSERT INTO blobs SELECT new.record_blob, new.record_bytes, 1 WHERE new.record_blob IS NOT NULL"
    "    ON CONFLICT(sha256) DO UPDATE SET refs = refs + 1; END;"
    "CREATE TRIGGER executions_leave_blob AFTER DELETE ON executions"
    "  WHEN old.record_blob IS NOT NULL BEGIN"
    "  UPDATE blobs SET refs = refs - 1 WHERE sha256 = old.record_blob; END;";

/* Events are clustered by their run, and named by its number, not its id: there are thousands of them
 * in a long run. What a run and an item carry as JSON stands last, so that walking the rows never reads it. */
static const char version_2[] =
    "CREATE TABLE runs("
    "  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, project TEXT NOT NULL, dialect TEXT NOT NULL,"
    "  status TEXT NOT NULL, model TEXT NOT NULL, container_id TEXT, conversation_id TEXT,"
    "  previous_id TEXT, created_at INTEGER NOT NULL, completed_at INTEGER NOT NULL,"
    "  background INTEGER NOT NULL, error TEXT, usage TEXT, request TEXT, input TEXT, output TEXT) STRICT;"
    "CREATE INDEX runs_by_project ON runs(project, created_at);"
    "CREATE INDEX runs_by_age ON runs(created_at);"
    "CREATE INDEX runs_of_conversation ON runs(conversation_id, created_at)"
    "  WHERE conversation_id IS NOT NULL;"
    "CREATE INDEX runs_unfinished ON runs(seq) WHERE status IN ('queued', 'in_progress');"

    "CREATE TABLE run_events("
    "  run INTEGER NOT NULL REFERENCES runs(seq) ON DELETE CASCADE, number INTEGER NOT NULL,"
    "  text TEXT NOT NULL, PRIMARY KEY(run, number)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE conversations("
    "  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, project TEXT NOT NULL, kind TEXT NOT NULL,"
    "  created_at INTEGER NOT NULL, metadata TEXT, data TEXT) STRICT;"
    "CREATE INDEX conversations_by_project ON conversations(project, kind, created_at);"

    "CREATE TABLE items("
    "  seq INTEGER PRIMARY KEY, id TEXT NOT NULL,"
    "  conversation_id TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE, run_id TEXT,"
    "  created_at INTEGER NOT NULL, json TEXT NOT NULL, transcript TEXT,"
    "  UNIQUE(conversation_id, id)) STRICT;"
    "CREATE INDEX items_by_conversation ON items(conversation_id, created_at);"

    "CREATE TABLE figures("
    "  seq INTEGER PRIMARY KEY, id TEXT NOT NULL,"
    "  container_id TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,"
    "  mime_type TEXT NOT NULL, blob TEXT NOT NULL, bytes INTEGER NOT NULL,"
    "  created_at INTEGER NOT NULL, UNIQUE(container_id, id)) STRICT;"
    "CREATE TRIGGER figures_take_blob AFTER INSERT ON figures BEGIN"
    "  INSERT INTO blobs VALUES(new.blob, new.bytes, 1)"
    "    ON CONFLICT(sha256) DO UPDATE SET refs = refs + 1; END;"
    "CREATE TRIGGER figures_leave_blob AFTER DELETE ON figures BEGIN"
    "  UPDATE blobs SET refs = refs - 1 WHERE sha256 = old.blob; END;";

/* Parts of files that come in pieces. What an upload's parts are in all is counted in its row: thousands of
 * them are added one by one, under the lock that everybody waits for. */
static const char version_3[] =
    "CREATE TABLE uploads("
    "  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, project TEXT NOT NULL, filename TEXT NOT NULL,"
    "  purpose TEXT NOT NULL, mime_type TEXT NOT NULL, status TEXT NOT NULL, file_id TEXT,"
    "  bytes INTEGER NOT NULL, parts INTEGER NOT NULL DEFAULT 0,"
    "  parts_bytes INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL,"
    "  expires_at INTEGER NOT NULL, file_seconds INTEGER NOT NULL) STRICT;"
    "CREATE INDEX uploads_pending ON uploads(project, expires_at) WHERE status = 'pending';"
    "CREATE INDEX uploads_to_empty ON uploads(seq) WHERE status <> 'pending' AND parts > 0;"
    "CREATE INDEX uploads_by_age ON uploads(created_at);"

    "CREATE TABLE upload_parts("
    "  seq INTEGER PRIMARY KEY, id TEXT NOT NULL,"
    "  upload_id TEXT NOT NULL REFERENCES uploads(id) ON DELETE CASCADE, blob TEXT NOT NULL,"
    "  bytes INTEGER NOT NULL, created_at INTEGER NOT NULL, UNIQUE(upload_id, id)) STRICT;"
    "CREATE TRIGGER upload_parts_take_blob AFTER INSERT ON upload_parts BEGIN"
    "  INSERT INTO blobs VALUES(new.blob, new.bytes, 1)"
    "    ON CONFLICT(sha256) DO UPDATE SET refs = refs + 1; END;"
    "CREATE TRIGGER upload_parts_leave_blob AFTER DELETE ON upload_parts BEGIN"
    "  UPDATE blobs SET refs = refs - 1 WHERE sha256 = old.blob; END;";

/* Assistants, and what a conversation has in its workspace: files of its messages and those that code made
 * there, each with the File that has its bytes, so that a new session can be given them. */
static const char version_4[] =
    "CREATE TABLE assistants("
    "  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, project TEXT NOT NULL,"
    "  created_at INTEGER NOT NULL, data TEXT NOT NULL) STRICT;"
    "CREATE INDEX assistants_by_project ON assistants(project, created_at);"

    "CREATE TABLE conversation_files("
    "  seq INTEGER PRIMARY KEY,"
    "  conversation_id TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,"
    "  path TEXT NOT NULL, file_id TEXT NOT NULL, source_id TEXT, container_id TEXT,"
    "  UNIQUE(conversation_id, path)) STRICT;";

/* Browsers that were let in by a key, and who wants to hear of runs. What is to be delivered is inserted in the
 * commit that ends a run; next_at is 0 when there is nothing left to do about it. */
static const char version_5[] =
    "CREATE TABLE logins("
    "  hash BLOB PRIMARY KEY, key_id TEXT NOT NULL REFERENCES keys(id) ON DELETE CASCADE,"
    "  expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;"

    "CREATE TABLE webhooks("
    "  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, project TEXT NOT NULL, url TEXT NOT NULL,"
    "  events TEXT NOT NULL, secret TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX webhooks_by_project ON webhooks(project, created_at);"

    "CREATE TABLE deliveries("
    "  seq INTEGER PRIMARY KEY, id TEXT NOT NULL, webhook_id TEXT NOT NULL"
    "    REFERENCES webhooks(id) ON DELETE CASCADE, type TEXT NOT NULL, body TEXT NOT NULL,"
    "  created_at INTEGER NOT NULL, status TEXT NOT NULL, attempts INTEGER NOT NULL,"
    "  next_at INTEGER NOT NULL, leased_until INTEGER NOT NULL, http_status INTEGER NOT NULL,"
    "  error TEXT, UNIQUE(webhook_id, id)) STRICT;"
    "CREATE INDEX deliveries_of ON deliveries(webhook_id, next_at) WHERE next_at > 0;"
    "CREATE INDEX deliveries_leased ON deliveries(webhook_id) WHERE leased_until > 0;"
    "CREATE INDEX deliveries_by_age ON deliveries(created_at);";

/* Runs that wait until a time; which run of a conversation is not over, and what a run has said, without a walk
 * through the conversation. */
static const char version_6[] =
    "ALTER TABLE runs ADD COLUMN expires_at INTEGER NOT NULL DEFAULT 0;"
    "UPDATE runs SET expires_at = ifnull(json_extract(request, '$.expires_at'), 0)"
    "  WHERE status = 'requires_action' AND dialect = 'assistants';"
    "CREATE INDEX runs_waiting ON runs(expires_at) WHERE status = 'requires_action' AND expires_at > 0;"
    "CREATE INDEX runs_active ON runs(conversation_id, created_at)"
    "  WHERE status IN ('queued', 'in_progress', 'requires_action');"
    "CREATE INDEX items_of_run ON items(conversation_id, run_id, created_at) WHERE run_id IS NOT NULL;";

/* Files that a thread's messages brought, told from those that lie there for its assistants. */
static const char version_7[] =
    "ALTER TABLE conversation_files ADD COLUMN by_message INTEGER NOT NULL DEFAULT 0;"
    "UPDATE conversation_files SET by_message = source_id IS NOT NULL;";

/* How many deliveries wait for a webhook, counted as they come and go, and which is the oldest: the end of every run
 * asks, under the lock that everybody waits for. */
static const char version_8[] =
    "ALTER TABLE webhooks ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0;"
    "UPDATE webhooks SET waiting ="
    "  (SELECT count(*) FROM deliveries WHERE webhook_id = webhooks.id AND next_at > 0);"
    "CREATE INDEX deliveries_waiting ON deliveries(webhook_id, seq) WHERE next_at > 0;"
    "CREATE TRIGGER deliveries_begin AFTER INSERT ON deliveries WHEN new.next_at > 0 BEGIN"
    "  UPDATE webhooks SET waiting = waiting + 1 WHERE id = new.webhook_id; END;"
    "CREATE TRIGGER deliveries_change AFTER UPDATE OF next_at ON deliveries"
    "  WHEN (new.next_at > 0) <> (old.next_at > 0) BEGIN"
    "  UPDATE webhooks SET waiting = waiting + (new.next_at > 0) - (old.next_at > 0)"
    "    WHERE id = new.webhook_id; END;"
    "CREATE TRIGGER deliveries_end AFTER DELETE ON deliveries WHEN old.next_at > 0 BEGIN"
    "  UPDATE webhooks SET waiting = waiting - 1 WHERE id = old.webhook_id; END;";

const char *const schema_migrations[] = {
    version_1, version_2, version_3, version_4, version_5, version_6, version_7, version_8};
const int schema_version = sizeof schema_migrations / sizeof *schema_migrations;
