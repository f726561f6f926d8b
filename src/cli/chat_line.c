/* chat_line.c - libedit's line editor over a terminal; plain lines over anything else. */
#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/chat.h"

enum { HISTORY_LINES = 1000 };

struct chat_line {
    EditLine *edit; /* NULL: no terminal */
    History *history;
    char path[4096]; /* of the history, or "" */
    char *line;      /* plain reading */
    size_t room;
};

static char *prompt(EditLine *edit)
{
    (void)edit;
    static char text[] = "> ";
    return text;
}

/* $XDG_STATE_HOME/cloche/chat-history, private: it holds what a person asked. */
static void history_path(char *to, size_t size)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char directory[3000] = "";
    if (state && state[0] == '/')
        snprintf(directory, sizeof(directory), "%.2900s", state);
    else if (home && home[0] == '/')
        snprintf(directory, sizeof(directory), "%.2900s/.local/state", home);
    to[0] = '\0';
    if (!directory[0])
        return;
    for (char *at = directory + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        mkdir(directory, 0700);
        *at = '/';
    }
    mkdir(directory, 0700);
    snprintf(to, size, "%.2990s/cloche", directory);
    mkdir(to, 0700);
    snprintf(to, size, "%.2990s/cloche/chat-history", directory);
}

static void edit_begin(struct chat_line *l)
{
    HistEvent event;
    l->edit = el_init("cloche", stdin, stdout, stderr);
    l->history = l->edit ? history_init() : NULL;
    if (!l->history)
        return;
    history(l->history, &event, H_SETSIZE, HISTORY_LINES);
    history(l->history, &event, H_SETUNIQUE, 1);
    history_path(l->path, sizeof(l->path));
    if (l->path[0])
        history(l->history, &event, H_LOAD, l->path);
    el_set(l->edit, EL_PROMPT, prompt);
    el_set(l->edit, EL_EDITOR, "emacs");
    el_set(l->edit, EL_HIST, history, l->history);
    el_set(l->edit, EL_SIGNAL, 0);
    el_set(l->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(l->edit, NULL); /* ~/.editrc */
}

struct chat_line *chat_line_new(void)
{
    struct chat_line *l = calloc(1, sizeof(*l));
    if (l && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
        edit_begin(l);
    return l;
}

struct chat_line *chat_line_free(struct chat_line *l)
{
    HistEvent event;
    if (!l)
        return NULL;
    if (l->history && l->path[0]) {
        mode_t before = umask(077);
        history(l->history, &event, H_SAVE, l->path);
        umask(before);
    }
    if (l->history)
        history_end(l->history);
    if (l->edit)
        el_end(l->edit);
    free(l->line);
    free(l);
    return NULL;
}

bool chat_line_is_terminal(const struct chat_line *l) { return l->edit != NULL; }

static const char *read_plain(struct chat_line *l)
{
    ssize_t n = getline(&l->line, &l->room, stdin);
    if (n < 0)
        return NULL;
    l->line[strcspn(l->line, "\r\n")] = '\0';
    return l->line;
}

const char *chat_line_read(struct chat_line *l)
{
    HistEvent event;
    int n = 0;
    if (!l->edit)
        return read_plain(l);
    const char *line = el_gets(l->edit, &n);
    if (!line) {
        if (n < 0 && errno == EINTR) { /* Ctrl-C: the line is given up, the conversation is not */
            el_reset(l->edit);
            fputs("\n", stdout);
            return "";
        }
        return NULL;
    }
    free(l->line);
    l->line = strdup(line);
    if (!l->line)
        return NULL;
    l->line[strcspn(l->line, "\r\n")] = '\0';
    if (l->line[0] && l->history)
        history(l->history, &event, H_ENTER, l->line);
    return l->line;
}
