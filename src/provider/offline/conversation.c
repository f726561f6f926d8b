/* conversation.c - the turns of a transcript: what the user said, which files were attached or made. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "provider/items.h"
#include "provider/offline/offline.h"

enum { RAW_MAX = 1 << 20, PATH_BYTES_MAX = 1024, TURNS_MAX = 32 };

static void file_add(struct offline_file *files, size_t *n, const char *path, const char *name)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(files[i].path, path) == 0)
            return;
    if (*n == OFFLINE_FILES_MAX || path[0] == 0 || strlen(path) > PATH_BYTES_MAX)
        return;
    struct offline_file f = {strdup(path), strdup(name)};
    if (f.path != NULL && f.name != NULL) {
        files[(*n)++] = f;
        return;
    }
    free(f.path);
    free(f.name);
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* A part of a message: text is added, a file is remembered. */
static void part_take(struct offline_turn *t, struct strbuf *raw, const json_t *part)
{
    if (item_is(part, "text")) {
        const json_t *text = json_object_get(part, "text");
        if (raw->length > 0)
            strbuf_puts(raw, "\n");
        strbuf_append(raw, json_string_value(text), json_string_length(text));
        if (raw->failed) /* too long: what fits counts */
            raw->failed = false;
    } else if (item_is(part, "file")) {
        const char *path = item_text(part, "path"), *name = item_text(part, "filename");
        char made[PATH_BYTES_MAX];
        if (path[0] == 0 && name[0] != 0 && strlen(name) < 512) {
            snprintf(made, sizeof(made), "/mnt/data/%s", base_of(name));
            path = made;
        }
        file_add(t->files, &t->n_files, path, name[0] != 0 ? name : base_of(path));
    }
}

/* Text without fenced blocks: rules read prose. */
static void prose_of(struct offline_turn *t)
{
    cleanup_strbuf struct strbuf prose = STRBUF_INIT(RAW_MAX);
    bool inside = false;
    for (const char *line = t->raw; *line != 0;) {
        size_t n = strcspn(line, "\n"), indent = strspn(line, " ");
        bool fence = indent < 4 && (strncmp(line + indent, "```", 3) == 0 ||
                                       strncmp(line + indent, "~~~", 3) == 0);
        if (!fence && !inside) {
            strbuf_append(&prose, line, n);
            strbuf_puts(&prose, " ");
        }
        inside ^= fence;
        line += n + (line[n] == '\n');
    }
    offline_text_init(&t->text, strbuf_text(&prose), prose.length);
}

static bool table_name(const char *path)
{
    static const char *const endings[] = {
        ".csv", ".tsv", ".xlsx", ".xls", ".json", ".jsonl", ".parquet"};
    size_t n = strlen(path);
    for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
        size_t m = strlen(endings[i]);
        if (n > m && strcasecmp(path + n - m, endings[i]) == 0)
            return true;
    }
    return false;
}

/* Tables that an answer of ours links to: a later turn may ask about them. */
static void links_take(struct offline_file *made, size_t *n, const char *text)
{
    for (const char *at = text; (at = strstr(at, "sandbox:/mnt/data/")) != NULL;) {
        at += strlen("sandbox:");
        size_t length = strcspn(at, ")\n \"'>");
        char path[PATH_BYTES_MAX];
        if (length < sizeof(path)) {
            memcpy(path, at, length);
            path[length] = 0;
            if (table_name(path))
                file_add(made, n, path, base_of(path));
        }
        at += length;
    }
}

static void files_free(struct offline_file *files, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(files[i].path);
        free(files[i].name);
    }
}

static int turn_add(struct offline_conversation *c, const json_t *message)
{
    struct offline_turn *t = &c->turns[c->n];
    cleanup_strbuf struct strbuf raw = STRBUF_INIT(RAW_MAX);
    size_t i;
    const json_t *part, *content = json_object_get(message, "content");
    *t = (struct offline_turn){0};
    json_array_foreach (content, i, part)
        part_take(t, &raw, part);
    t->raw = strbuf_take(&raw);
    if (t->raw == NULL)
        return -ENOMEM;
    c->n++;
    prose_of(t);
    return 0;
}

/* Which files each turn may mean: its own, those made since, or the newest before. */
static void know(struct offline_conversation *c)
{
    for (size_t i = 0; i < c->n; i++) {
        struct offline_turn *t = &c->turns[i], *before = i > 0 ? &c->turns[i - 1] : NULL;
        t->before = before;
        if (t->n_files > 0) {
            t->known = t->files;
            t->n_known = t->n_files;
        } else if (t->n_made > 0) {
            t->known = t->made;
            t->n_known = t->n_made;
        } else if (before != NULL) {
            t->known = before->known;
            t->n_known = before->n_known;
        }
    }
}

static bool is_turn(const json_t *item)
{
    return item_is(item, "message") && strcmp(item_text(item, "role"), "user") == 0;
}

/* Where the newest TURNS_MAX turns begin: what is older is forgotten. */
static size_t beginning(const json_t *transcript)
{
    size_t n = 0, i = json_array_size(transcript);
    while (i > 0 && n < TURNS_MAX)
        n += is_turn(json_array_get(transcript, --i));
    return i;
}

int offline_conversation_init(struct offline_conversation *c, const json_t *transcript)
{
    size_t i, n_made = 0, size = json_array_size(transcript);
    json_t *item;
    struct offline_file made[OFFLINE_FILES_MAX] = {0};
    *c = (struct offline_conversation){
        .turns = calloc(TURNS_MAX, sizeof(*c->turns)), .results = json_array()};
    int r = c->turns != NULL && c->results != NULL ? 0 : -ENOMEM;
    for (i = beginning(transcript); r == 0 && i < size; i++) {
        item = json_array_get(transcript, i);
        if (item_is(item, "tool_result"))
            r = json_array_append(c->results, item) < 0 ? -ENOMEM : 0;
        if (is_turn(item)) {
            r = turn_add(c, item);
            if (r == 0) {
                memcpy(c->turns[c->n - 1].made, made, sizeof(made));
                c->turns[c->n - 1].n_made = n_made;
                n_made = 0;
            }
            json_array_clear(c->results);
        } else if (item_is(item, "message") && strcmp(item_text(item, "role"), "assistant") == 0) {
            size_t k;
            const json_t *part;
            json_array_foreach (json_object_get(item, "content"), k, part)
                links_take(made, &n_made, item_text(part, "text"));
        }
    }
    files_free(made, n_made);
    know(c);
    return r;
}

void offline_conversation_deinit(struct offline_conversation *c)
{
    for (size_t i = 0; i < c->n; i++) {
        files_free(c->turns[i].files, c->turns[i].n_files);
        files_free(c->turns[i].made, c->turns[i].n_made);
        free(c->turns[i].raw);
    }
    free(c->turns);
    json_decref(c->results);
}
