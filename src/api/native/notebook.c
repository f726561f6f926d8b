/* notebook.c - what was run, as a file to take away: GET …/notebook all of a container, POST /v1/notebooks what its maker names,
 * in an order of his own and with notes between: how a notebook is arranged is its reader's, not the store's. */
#include "api/native/native.h"

#include <errno.h>
#include <string.h>

void container_notebook(struct http_exchange *x)
{
    cleanup_session struct session *session = api_session(x);
    struct session_info info = {0};
    enum notebook_format format;
    struct error e = {0};
    if (!session || api_notebook_format(x, &format) < 0)
        return;
    session_info(session, &info);
    struct notebook *book = notebook_new(info.name && info.name[0] ? info.name : info.id);
    int r = book ? api_notebook_container(api_of(x)->store, info.id, book, &e)
                 : error_set(&e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    if (r < 0)
        http_error(x, &e);
    else
        api_notebook_respond(x, book, format, info.id);
    notebook_free(book);
    session_info_deinit(&info);
}

/* ---- POST /v1/notebooks ------------------------------------------------------------------------------------ */

static const char MARKDOWN[] = "markdown", CODE[] = "code";

struct arranged {
    struct api *api;
    const char *project;
    struct notebook *book;
    char container[ID_SIZE]; /* the one that was last seen to be the caller's, or "" */
    struct error *e;
};

/* 0 when the container is the caller's. -ENOENT, or negative with `e`. */
static int check_container(struct arranged *a, const char *id)
{
    cleanup_session struct session *session = NULL;
    struct error e = {.code = ERROR_NOT_FOUND};
    if (a->container[0] && strcmp(id, a->container) == 0)
        return 0;
    int r = id_valid(id) ? session_find(a->api->sessions, a->project, id, &session, &e) : -ENOENT;
    if (r == 0)
        snprintf(a->container, sizeof a->container, "%s", id);
    else if (e.code != ERROR_NOT_FOUND)
        *a->e = e;
    return r < 0 && e.code == ERROR_NOT_FOUND ? -ENOENT : r;
}

static int add_execution(
    struct arranged *a, struct json_in *in, const char *container, const char *id)
{
    char brief[72], of[72];
    struct error e = {.code = ERROR_NOT_FOUND};
    int r = check_container(a, container);
    if (r == -ENOENT)
        json_in_fail(in, ERROR_NOT_FOUND, "container_id", "Container with id '%s' not found.",
            json_in_brief(brief, container));
    if (r < 0)
        return r;
    r = id_valid(id) ? api_notebook_execution(a->api->store, container, id, a->book, &e) : -ENOENT;
    if (r < 0 && e.code == ERROR_NOT_FOUND)
        json_in_fail(in, ERROR_NOT_FOUND, "execution_id",
            "Execution with id '%s' not found on container '%s'.", json_in_brief(brief, id),
            json_in_brief(of, container));
    else if (r < 0)
        *a->e = e;
    return r;
}

static int add_code(struct arranged *a, const char *code)
{
    return notebook_code(a->book, code, strlen(code), 0, NULL) == 0
               ? 0
               : error_set(a->e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
}

/* A text, or code: as an execution ran it, or as nothing did. */
static int add_cell(struct arranged *a, json_t *object, const char *prefix)
{
    static const char *const types[] = {MARKDOWN, CODE, NULL};
    static const char *const roles[] = {"user", "assistant", NULL};
    struct json_in in;
    json_in_begin(&in, object, prefix, JSON_OURS, a->e);
    const char *type = json_in_word(&in, "type", types, NULL), *role = NULL, *container = NULL,
               *execution = NULL;
    if (!type)
        json_in_fail(
            &in, ERROR_MISSING_PARAMETER, "type", "Missing required parameter: '%stype'.", prefix);
    if (type == CODE)
        execution = json_in_string(&in, "execution_id", JSON_OPTIONAL, 100);
    if (execution)
        container = json_in_string(&in, "container_id", JSON_REQUIRED, 100);
    const char *source =
        execution ? NULL : json_in_string(&in, "source", JSON_REQUIRED, BODY_JSON_MAX);
    if (type == MARKDOWN)
        role = json_in_word(&in, "role", roles, NULL);
    int r = json_in_end(&in);
    if (r < 0)
        return r;
    if (execution)
        return add_execution(a, &in, container, execution);
    return type == CODE ? add_code(a, source)
                        : api_notebook_text(a->book, role, source, strlen(source), a->e);
}

static int add_cells(struct arranged *a, json_t *cells)
{
    json_t *cell;
    size_t i;
    json_array_foreach (cells, i, cell) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "cells[%zu]", i);
        if (!json_is_object(cell))
            return error_param(a->e, ERROR_INVALID_TYPE, prefix,
                "Invalid type for '%s': expected an object.", prefix);
        snprintf(prefix, sizeof prefix, "cells[%zu].", i);
        int r = add_cell(a, cell, prefix);
        if (r < 0)
            return r;
    }
    return 0;
}

void notebooks_create(struct http_exchange *x)
{
    cleanup_json json_t *root = NULL;
    enum notebook_format format;
    struct error e = {0};
    struct json_in in;
    if (api_notebook_format(x, &format) < 0 || api_body_json(x, &root) < 0)
        return;
    json_in_begin(&in, root, "", JSON_OURS, &e);
    const char *title = json_in_string(&in, "title", JSON_OPTIONAL, 2048);
    json_t *cells = json_in_array(&in, "cells", NOTEBOOK_CELLS_MAX);
    if (!cells)
        json_in_fail(&in, ERROR_MISSING_PARAMETER, "cells", "Missing required parameter: 'cells'.");
    int r = json_in_end(&in);
    struct arranged a = {.api = api_of(x), .project = access_project(x), .e = &e};
    if (r == 0 && !(a.book = notebook_new(title)))
        r = error_set(&e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
    if (r == 0)
        r = add_cells(&a, cells);
    if (r < 0)
        http_error(x, &e);
    else
        api_notebook_respond(x, a.book, format, "notebook");
    notebook_free(a.book);
}
