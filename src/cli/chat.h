/* chat.h - `cloche chat`: what its parts share. chat.c is the conversation, chat_view.c what a terminal shows of
 * an answer while it comes, chat_line.c how a person types. All go through a server's Responses API. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/ids.h"
#include "base/strbuf.h"
#include "cli/remote.h"
#include "cli/run.h"

/* ---- chat_view.c: one answer -------------------------------------------------------------------------- */

struct chat_view {
    bool color;
    bool begun; /* something of this answer stands on the terminal */
    enum { VIEW_NOTHING, VIEW_TEXT, VIEW_CODE, VIEW_OUTPUT } in;
    bool line_open; /* the last line has no line break yet */
    bool executing; /* Ctrl-C interrupts the code, not the answer */
    char response[ID_SIZE], container[ID_SIZE];
    char status[32];   /* the response's, "" until it ended */
    char failure[300]; /* what went wrong, for a person, or "" */
    json_t *citations; /* array of container_file_citation */
};
void chat_view_init(struct chat_view *v, bool color);
void chat_view_deinit(struct chat_view *v);
/* One event of the stream. */
void chat_view_event(struct chat_view *v, json_t *event);
/* Ends the last line. */
void chat_view_end(struct chat_view *v);

/* ---- chat_line.c: typing ------------------------------------------------------------------------------ */

struct chat_line;
/* With line editing and a history that is kept, when standard input is a terminal; else plain reading. */
struct chat_line *chat_line_new(void);
struct chat_line *chat_line_free(struct chat_line *l); /* NULL is allowed; returns NULL */
bool chat_line_is_terminal(const struct chat_line *l);
/* The next line without its line break, borrowed until the next call; NULL at the end. On Ctrl-C: "". */
const char *chat_line_read(struct chat_line *l);
