/* thread.c - what is known of a thread: its messages, what a model reads of them, its session. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/explorer/explorer.h"
#include "api/responses/items.h"
#include "base/clock.h"
#include "base/fd.h"

enum { TITLE_BYTES = 120, RUNS_LOOKED_AT = 20 };

int thread_create(struct api *api, const char *project, char ret_id[ID_SIZE], struct error *e)
{
    id_new(ret_id, "thread_", 24);
    const struct store_conversation c = {
        .id = ret_id,
        .project = (char *)project,
        .kind = (char *)EXPLORER_KIND,
        .created_at = clock_realtime_s(),
    };
    return store_conversation_insert(api->store, &c, e);
}

int thread_check(struct api *api, const char *project, const char *id, struct error *e)
{
    struct store_conversation c;
    char brief[72];
    int r = id_valid(id) ? store_conversation_get(api->store, project, EXPLORER_KIND, id, &c, e)
                         : -ENOENT;
    if (r == -ENOENT)
        return error_set(
            e, ERROR_NOT_FOUND, ENOENT, "No thread found with id '%s'.", json_in_brief(brief, id));
    if (r == 0)
        store_conversation_deinit(&c);
    return r;
}

/* A title: the beginning of the first line, cut between words. */
static void title_of(const char *message, char out[TITLE_BYTES + 8])
{
    message += strspn(message, " \t\r\n");
    size_t n = strcspn(message, "\r\n");
    bool cut = n > TITLE_BYTES;
    if (cut) {
        n = TITLE_BYTES;
        while (n > TITLE_BYTES / 2 && message[n] != ' ')
            n--;
        if (message[n] != ' ') /* one long word: to a character's border */
            for (n = TITLE_BYTES; n > 0 && ((unsigned char)message[n] & 0xc0) == 0x80;)
                n--;
    }
    memcpy(out, message, n);
    snprintf(out + n, 8, "%s", cut ? "…" : "");
}

int thread_entitle(struct api *api, const char *project, const char *id, const char *message)
{
    struct store_conversation c;
    char title[TITLE_BYTES + 8];
    int r = store_conversation_get(api->store, project, EXPLORER_KIND, id, &c, NULL);
    if (r < 0)
        return r;
    if (!c.data) {
        title_of(message, title);
        json_t *data = json_pack("{s:s}", "title", title);
        c.data = data ? json_dumps(data, JSON_COMPACT) : NULL;
        r = c.data ? store_conversation_update(api->store, &c, NULL) : -ENOMEM;
        json_decref(data);
    }
    store_conversation_deinit(&c);
    return r;
}

/* ---- items -------------------------------------------------------------------------------------------- */

static int add_transcript(void *context, const struct store_item *item)
{
    cleanup_json json_t *said =
        item->transcript ? json_loads(item->transcript, JSON_ALLOW_NUL, NULL) : NULL;
    return said && json_array_extend(context, said) < 0 ? -ENOMEM : 0;
}

int thread_context(struct api *api, const char *id, json_t *context, struct error *e)
{
    int r = store_items_each(api->store, id, false, STORE_ITEMS_MANY, add_transcript, context, e);
    return r == -ENOMEM ? error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.") : r;
}

int thread_answer(struct api *api, const char *id, const char *run_id, json_t **ret)
{
    struct store_page page = {.limit = 1};
    struct store_items items;
    *ret = NULL;
    int r = store_item_list(api->store, id, run_id, &page, &items, NULL);
    if (r < 0)
        return r;
    if (items.count > 0)
        *ret = json_loads(items.items[0].json, JSON_ALLOW_NUL, NULL);
    store_items_deinit(&items);
    return 0;
}

/* ---- its session --------------------------------------------------------------------------------------- */

static struct session *live(struct api *api, const char *project, const char *id)
{
    struct session *session;
    struct session_info info;
    if (session_find(api->sessions, project, id, &session, NULL) < 0)
        return NULL;
    session_info(session, &info);
    bool expired = info.expired;
    session_info_deinit(&info);
    if (!expired)
        return session;
    session_unref(session);
    return NULL;
}

struct session *thread_session(struct api *api, const char *project, const char *id)
{
    char after[ID_SIZE] = "";
    /* one at a time: a row carries all that its run said, and the first is nearly always the one */
    for (int i = 0; i < RUNS_LOOKED_AT; i++) {
        struct store_page page = {.limit = 1, .after = after[0] ? after : NULL};
        struct store_runs runs;
        if (store_run_list(api->store, project, EXPLORER_DIALECT, id, &page, &runs, NULL) < 0)
            return NULL;
        if (runs.count == 0)
            return NULL;
        bool had_one = runs.items[0].container_id != NULL;
        struct session *session = had_one ? live(api, project, runs.items[0].container_id) : NULL;
        snprintf(after, sizeof after, "%s", runs.items[0].id);
        store_runs_deinit(&runs);
        if (had_one)
            return session;
    }
    return NULL;
}

/* ---- handlers ------------------------------------------------------------------------------------------ */

void explorer_thread_create(struct http_exchange *x)
{
    char id[ID_SIZE];
    struct error e = {0};
    if (thread_create(api_of(x), access_project(x), id, &e) < 0) {
        http_error(x, &e);
        return;
    }
    cleanup_strbuf struct strbuf text = STRBUF_INIT(4096);
    struct json_writer w = JSON_WRITER(&text);
    jw_begin_object(&w);
    jw_field_string(&w, "thread_id", id);
    jw_field_string(&w, "status", "created");
    jw_end(&w);
    http_respond_json(x, 200, &text);
}

static int write_message(void *context, const struct store_item *item)
{
    struct json_writer *w = context;
    cleanup_json json_t *m = json_loads(item->json, JSON_ALLOW_NUL, NULL);
    const json_t *content = json_object_get(m, "content");
    jw_begin_object(w);
    jw_field_string(w, "id", item->id);
    jw_field_string(w, "role", json_text(m, "role"));
    jw_field_bytes(w, "content", json_string_value(content), json_string_length(content));
    jw_field_json(w, "annotations", json_object_get(m, "annotations"));
    jw_field_int(w, "created_at", item->created_at);
    jw_end(w);
    return 0;
}

void explorer_messages(struct http_exchange *x)
{
    const char *id = http_param(x, "thread_id");
    cleanup_strbuf struct strbuf text = STRBUF_INIT(REPLY_MAX);
    struct json_writer w = JSON_WRITER(&text);
    struct error e = {0};
    int r = thread_check(api_of(x), access_project(x), id, &e);
    jw_begin_object(&w);
    jw_field_array(&w, "messages");
    if (r == 0)
        r = store_items_each(api_of(x)->store, id, false, STORE_ITEMS_MANY, write_message, &w, &e);
    jw_end(&w);
    jw_end(&w);
    if (r < 0)
        http_error(x, &e);
    else
        http_respond_json(x, 200, &text);
}
