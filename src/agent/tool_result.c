/* tool_result.c - what an execution was, in words: for people (its log) and for the model (its result).
 *
 * The model reads everything it needs to go on, and no more than it can use: long output keeps its head
 * and its end, with a mark between; then how it ended, what it displayed, what files it made, and what to
 * do about a module that is not there. */
#include <stdarg.h>
#include <string.h>

#include "agent/loop.h"
#include "base/utf8.h"
#include "env/environment.h"
#include "provider/result_words.h"

enum {
    HEAD_BYTES = 16 << 10,
    TAIL_BYTES = 8 << 10,
    CUT_BYTES = 4000, /* how far from there it is cut at most */
    FILES_NAMED = 40,
    PACKAGES_BYTES = 3000,
    BODY_MAX = 4 << 20,
};

/* ---- the log ----------------------------------------------------------------------------------------------- */

/* Text without NULs, on a line of its own unless it goes on with what is there. */
static void put(struct strbuf *out, const char *text, size_t n, bool own_line)
{
    if (own_line && out->length > 0 && out->data[out->length - 1] != '\n')
        strbuf_puts(out, "\n");
    for (size_t i = 0; i < n;) {
        const char *nul = memchr(text + i, 0, n - i);
        size_t length = nul ? (size_t)(nul - text) - i : n - i;
        strbuf_append(out, text + i, length);
        if (nul)
            strbuf_puts(out, "\xef\xbf\xbd");
        i += length + (nul != NULL);
    }
}

static void put_display(struct strbuf *out, const struct output *o)
{
    const struct output_part *text = NULL;
    for (size_t i = 0; i < o->parts; i++) {
        if (figure_type(o->part[i].mime))
            return; /* it is seen, not read */
        if (strcmp(o->part[i].mime, "text/plain") == 0)
            text = &o->part[i];
    }
    if (text)
        put(out, text->data, text->length, true);
}

void result_log_add(struct strbuf *out, const struct output *o, bool goes_on)
{
    switch (o->kind) {
    case OUTPUT_STDOUT:
    case OUTPUT_STDERR: put(out, o->text, o->text_length, !goes_on); break;
    case OUTPUT_DISPLAY:
    case OUTPUT_RESULT: put_display(out, o); break;
    case OUTPUT_ERROR:
        for (size_t k = 0; k < o->traceback_lines; k++)
            put(out, o->traceback[k], strlen(o->traceback[k]), true);
        break;
    }
}

static void put_outputs(struct strbuf *out, const struct execution *e)
{
    const struct output *before = NULL;
    for (size_t i = 0; i < e->outputs; i++) {
        const struct output *o = &e->output[i];
        result_log_add(out, o, before && before->kind <= OUTPUT_STDERR && o->kind <= OUTPUT_STDERR);
        before = o;
    }
}

/* How it ended, when that is not said by a traceback. NULL: well. */
static const char *ending(enum execution_status s)
{
    switch (s) {
    case EXECUTION_TIMEOUT: return "[timeout: the code took too long and was stopped]";
    case EXECUTION_INTERRUPTED: return "[interrupted: the code was stopped]";
    case EXECUTION_OUT_OF_MEMORY:
        return "[out_of_memory: the memory limit was reached and the interpreter was killed]";
    case EXECUTION_KILLED: return "[killed: the interpreter ended]";
    default: return NULL;
    }
}

void result_logs(const struct execution *e, struct strbuf *out)
{
    put_outputs(out, e);
    const char *end = ending(e->status);
    if (end)
        put(out, end, strlen(end), true);
}

/* ---- the result -------------------------------------------------------------------------------------------- */

static bool separates(char c) { return c == ' ' || c == ',' || c == ';' || c == '\t' || c == '\n'; }

/* Of a number or what is between its groups. */
static bool of_number(char c) { return c && strchr(" 0123456789().+/-", c) != NULL; }

/* Where the head ends, `at` at most, and the end begins, `at` at least: between lines, or else between words
 * and not within a number, since what masks a result sees the halves of what was cut as something else. */
static size_t head_end(const char *text, size_t at)
{
    const char *newline = memrchr(text + at - CUT_BYTES, '\n', CUT_BYTES);
    size_t end = at, least = at - CUT_BYTES;
    if (newline)
        return (size_t)(newline - text) + 1;
    while (end > least && !separates(text[end - 1]))
        end--;
    while (end > least && (separates(text[end - 1]) || of_number(text[end - 1])))
        end--;
    return utf8_floor(text, at, end);
}

static size_t tail_start(const char *text, size_t at)
{
    const char *newline = memchr(text + at, '\n', CUT_BYTES);
    size_t start = at, most = at + CUT_BYTES;
    if (newline)
        return (size_t)(newline - text) + 1;
    while (start < most && text[start] != ',' && text[start] != ';')
        start++;
    if (start == most)
        for (start = at; start < most && !separates(text[start]);)
            start++;
    while (start < most && (separates(text[start]) || of_number(text[start])))
        start++;
    return utf8_floor(text, most, start);
}

/* Head and end of a long text. */
static void put_short(struct strbuf *out, const struct strbuf *body)
{
    const char *text = strbuf_text(body);
    size_t n = body->length;
    if (n <= HEAD_BYTES + TAIL_BYTES + 200) {
        strbuf_append(out, text, n);
        return;
    }
    size_t head = utf8_floor(text, n, HEAD_BYTES), tail = utf8_floor(text, n, n - TAIL_BYTES);
    head = head_end(text, head);
    tail = tail_start(text, tail);
    strbuf_append(out, text, head);
    strbuf_printf(out,
        "%s" RESULT_LEFT_OUT "%zu characters" RESULT_LEFT_OUT_HERE
        ": print less, or write it to a file and look at parts …]\n",
        head && text[head - 1] == '\n' ? "" : RESULT_CUT "\n", tail - head);
    strbuf_append(out, text + tail, n - tail);
}

/* One line more. */
static void __attribute__((format(printf, 2, 3))) say(struct strbuf *out, const char *format, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, format);
    int n = vasprintf(&text, format, ap);
    va_end(ap);
    if (n >= 0)
        put(out, text, (size_t)n, true);
    free(n >= 0 ? text : NULL);
}

static void say_ending(struct loop *l, const struct execution *e, struct strbuf *out)
{
    const char *variables =
        e->reset
            ? "The interpreter was restarted: all variables and imports are gone; files are there."
            : "Variables are as they were; files are there.";
    struct session_info info;
    switch (e->status) {
    case EXECUTION_TIMEOUT:
        say(out, "The code ran longer than %lld seconds and was stopped. %s Do less at once.",
            (long long)l->run->all->config.execution_timeout_ms / 1000, variables);
        return;
    case EXECUTION_OUT_OF_MEMORY:
        session_info(l->run->session, &info);
        say(out,
            "The code needed more than the %llu MiB of memory there are, and the interpreter was "
            "killed. %s Work in pieces: fewer columns, chunks, smaller types.",
            (unsigned long long)(info.memory_limit_bytes >> 20), variables);
        session_info_deinit(&info);
        return;
    case EXECUTION_KILLED:
        say(out, "The interpreter ended while the code ran (it crashed or was killed). %s",
            variables);
        return;
    case EXECUTION_INTERRUPTED: say(out, "The code was interrupted. %s", variables); return;
    default:
        if (e->reset)
            say(out,
                "Before this code ran, the interpreter was restarted: variables and imports from earlier "
                "calls are gone; files are there.");
    }
}

static void say_figures(
    const struct loop *l, const struct figure *figures, size_t n, struct strbuf *out)
{
    if (n == 0)
        return;
    say(out, "%zu%s to the person", n, n == 1 ? RESULT_FIGURE : RESULT_FIGURES);
    for (size_t i = 0; i < n && i < FILES_NAMED; i++)
        strbuf_printf(out, "%s%s", i ? ", " : " (", figures[i].id);
    strbuf_puts(out, l->plan->route.images
                         ? "); you see them below."
                         : "). You cannot see them: do not describe what you have not computed.");
}

void result_unkept(size_t n, struct strbuf *out)
{
    if (n > 0)
        say(out,
            "%zu%s but not kept, and nobody can open %s: larger than 16 MiB, beyond the "
            "200 of one answer, or beyond what the figures of one container may take together.",
            n, n == 1 ? RESULT_FIGURE : RESULT_FIGURES, n == 1 ? "it" : "them");
}

static void say_files(const struct execution *e, struct strbuf *out)
{
    for (size_t i = 0; i < e->files; i++) {
        const struct file_change *f = &e->file[i];
        if (i == FILES_NAMED) {
            say(out, RESULT_MORE "%zu" RESULT_MORE_FILES, e->files - i);
            return;
        }
        say(out, "%s" RESULT_WORKSPACE "%s (%llu bytes)",
            f->modified ? RESULT_FILE_CHANGED : RESULT_FILE_CREATED, f->file.path,
            (unsigned long long)f->file.bytes);
    }
}

/* "No module named 'foo.bar'": foo. "" when it says something else. */
static void missing_module(const struct execution *e, char name[128])
{
    const char *quote = e->error && e->error->value ? strchr(e->error->value, '\'') : NULL;
    size_t n = quote ? strcspn(quote + 1, ".'") : 0;
    name[0] = 0;
    if (n > 0 && n < 128 && e->error->name && strcmp(e->error->name, "ModuleNotFoundError") == 0 &&
        strspn(quote + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == n)
        snprintf(name, 128, "%.*s", (int)n, quote + 1);
}

static void say_installed(const struct environment *env, struct strbuf *out)
{
    const char *package;
    const json_t *version;
    size_t before = out->length;
    say(out, "Installed in the environment '%s': ", env->name);
    json_object_foreach (env->packages, package, version) {
        if (out->length - before > PACKAGES_BYTES) {
            strbuf_puts(out, "…, ");
            break;
        }
        strbuf_printf(out, "%.60s, ", package);
    }
    strbuf_puts(out, "and Python's own modules.");
}

static void say_missing(const struct loop *l, const struct execution *e, struct strbuf *out)
{
    char module[128];
    struct session_info info;
    struct environment env;
    missing_module(e, module);
    if (!module[0])
        return;
    say(out,
        "'%s' is not installed, and cannot be from here: there is no network, so pip does not help. Use "
        "what is there.",
        module);
    session_info(l->run->session, &info);
    if (environment_load(l->run->all->config.environments_dir, info.environment, &env, NULL) == 0) {
        say_installed(&env, out);
        environment_deinit(&env);
    }
    say(out,
        "If the task needs it, say so: whoever runs this server can add it with `cloche env build "
        "NAME --requirements FILE` and name that environment.");
    session_info_deinit(&info);
}

void result_text(struct loop *l, const struct execution *e, const struct figure *figures,
    size_t n_figures, struct strbuf *out)
{
    cleanup_strbuf struct strbuf body = STRBUF_INIT(BODY_MAX);
    put_outputs(&body, e);
    put_short(out, &body);
    say_ending(l, e, out);
    say_figures(l, figures, n_figures, out);
    say_files(e, out);
    for (size_t i = 0; i < e->notes; i++)
        say(out, RESULT_NOTE "%s", e->note[i]);
    say_missing(l, e, out);
    if (out->length == 0)
        strbuf_puts(out, RESULT_NOTHING);
}
