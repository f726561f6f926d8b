/* fence.c - one line at a time. A line that may be a fence is held until it is clear whether it is one;
 * all others go out as they come. */
#include "agent/fence.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum state { TEXT, OTHER /* another language's block */, CODE, CLOSED };
enum { LINE_MAX = 64 };

void fence_init(struct fence *f) { *f = (struct fence){.held = STRBUF_INIT(2 * LINE_MAX)}; }
void fence_deinit(struct fence *f) { strbuf_deinit(&f->held); }
bool fence_closed(const struct fence *f) { return f->state == CLOSED; }

/* May a line that begins so, with this byte behind it, be a fence? Up to three blanks, backticks, a word.
 * What is held is ASCII, so that no character is ever cut. */
static bool may_be_fence(const char *line, char next)
{
    size_t blanks = strspn(line, " \t"), ticks = strspn(line + blanks, "`");
    bool begun = line[blanks] != 0, in_word = line[blanks + ticks] != 0;
    if (strlen(line) >= LINE_MAX || (next < ' ' && next != '\t' && next != '\r'))
        return false;
    if (!begun && (next == ' ' || next == '\t'))
        return blanks < 3;
    if (next == '`')
        return !in_word;
    return ticks >= 3;
}

/* Is the whole line a fence? `*word` is what follows the backticks. */
static bool is_fence(const char *line, const char **word)
{
    size_t blanks = strspn(line, " \t"), ticks = strspn(line + blanks, "`");
    *word = line + blanks + ticks;
    *word += strspn(*word, " \t");
    return ticks >= 3;
}

static bool means_python(const char *word)
{
    static const char *const names[] = {"python", "py", "python3", "ipython", "tool_code"};
    size_t n = strcspn(word, " \t\r\n");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == n && strncasecmp(names[i], word, n) == 0)
            return true;
    return false;
}

static int pass(struct fence *f, const char *text, size_t n, fence_sink *sink, void *context)
{
    return n ? sink(context, f->state == CODE ? FENCE_CODE : FENCE_TEXT, text, n) : 0;
}

static int pass_held(struct fence *f, fence_sink *sink, void *context)
{
    int r = pass(f, strbuf_text(&f->held), f->held.length, sink, context);
    strbuf_clear(&f->held);
    return r;
}

/* A whole line is held that may be a fence; `end` is "\n", or "" at the text's end. */
static int line(struct fence *f, const char *end, fence_sink *sink, void *context)
{
    const char *word;
    if (!is_fence(strbuf_text(&f->held), &word)) {
        strbuf_puts(&f->held, end);
        return pass_held(f, sink, context);
    }
    bool bare = word[strspn(word, " \t\r")] == 0;
    if (f->state == CODE && bare) {
        f->state = CLOSED;
        strbuf_clear(&f->held);
        return sink(context, FENCE_CLOSE, NULL, 0);
    }
    if (f->state == TEXT && means_python(word) && *end) {
        f->state = CODE;
        strbuf_clear(&f->held);
        return sink(context, FENCE_OPEN, NULL, 0);
    }
    strbuf_puts(&f->held, end);
    int r = pass_held(f, sink, context);
    if (f->state != CODE)
        f->state = f->state == TEXT ? OTHER : bare ? TEXT : OTHER;
    return r;
}

int fence_feed(struct fence *f, const char *text, size_t n, fence_sink *sink, void *context)
{
    size_t i = 0;
    int r = 0;
    while (i < n && r == 0 && f->state != CLOSED) {
        if (f->middle) {
            const char *newline = memchr(text + i, '\n', n - i);
            size_t length = newline ? (size_t)(newline - text) + 1 - i : n - i;
            f->middle = !newline;
            r = pass(f, text + i, length, sink, context);
            i += length;
            continue;
        }
        char c = text[i];
        if (c == '\n') {
            r = line(f, "\n", sink, context);
            i++;
        } else if (may_be_fence(strbuf_text(&f->held), c)) {
            strbuf_append(&f->held, &c, 1);
            i++;
        } else {
            f->middle = true;
            r = pass_held(f, sink, context);
        }
    }
    f->taken += i;
    return r;
}

int fence_finish(struct fence *f, fence_sink *sink, void *context)
{
    int r = 0;
    if (f->state != CLOSED && f->held.length > 0)
        r = line(f, "", sink, context);
    if (r == 0 && f->state == CODE) {
        f->state = CLOSED;
        r = sink(context, FENCE_CLOSE, NULL, 0);
    }
    return r;
}
