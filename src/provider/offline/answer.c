/* answer.c - the written answer, made of what the programs printed.
 *
 * A tool's result is the text that agent/tool_result.c makes for models: what was printed, then lines about
 * how it ended, figures and files. Those lines are taken off and said in this analyst's own words. What
 * cloche_analyst prints between marked lines is the answer itself (cloche_analyst/report.py, planning.py). */
#include <ctype.h>
#include <string.h>

#include "provider/items.h"
#include "provider/offline/offline.h"
#include "provider/result_words.h"

enum { SHOWN_MAX = 8000, FILES_MAX = 40, ANSWER_MAX = 1 << 20 };

static const char summary_begin[] = "----- summary -----\n",
                  summary_end[] = "\n----- end of summary -----",
                  code_begin[] = "----- code -----\n", code_end[] = "\n----- end of code -----";

/* ---- a result's parts -------------------------------------------------------------------------------- */

/* The text between the last pair of marks. NULL: none. */
static const char *between(const char *text, const char *begin, const char *end, size_t *ret_length)
{
    const char *found = NULL;
    for (const char *at = text; (at = strstr(at, begin)) != NULL; at++)
        if (at == text || at[-1] == '\n')
            found = at + strlen(begin);
    const char *stop = found != NULL ? strstr(found, end) : NULL;
    if (stop == NULL)
        return NULL;
    *ret_length = (size_t)(stop - found);
    return found;
}

bool offline_offered(const char *result, struct strbuf *says, struct strbuf *ret)
{
    size_t length;
    const char *code = between(result, code_begin, code_end, &length);
    if (code == NULL || length == 0 || length >= OFFLINE_CODE_MAX)
        return false;
    strbuf_append(ret, code, length);
    strbuf_puts(ret, "\n");
    const char *line =
        code - strlen(code_begin); /* the line before the mark says what was understood */
    const char *end = line > result ? line - 1 : line, *begin = end;
    while (begin > result && begin[-1] != '\n')
        begin--;
    strbuf_append(says, begin, (size_t)(end - begin));
    return true;
}

static bool begins(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
}

/* Is it one of the lines that are not the program's? */
static bool remark(const char *line, size_t n)
{
    static const char *const ours[] = {RESULT_FILE_CREATED RESULT_WORKSPACE,
        RESULT_FILE_CHANGED RESULT_WORKSPACE, RESULT_NOTE, RESULT_NOTHING};
    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
        if (begins(line, ours[i]))
            return true;
    if (memmem(line, n, RESULT_MORE_FILES, strlen(RESULT_MORE_FILES)) != NULL &&
        begins(line, RESULT_MORE))
        return true;
    size_t digits = strspn(line, "0123456789");
    return digits > 0 &&
           (begins(line + digits, RESULT_FIGURE) || begins(line + digits, RESULT_FIGURES));
}

/* How much of a result is what the program printed. */
static size_t printed(const char *text)
{
    size_t length = strlen(text);
    while (length > 0) {
        size_t end = length;
        while (end > 0 && text[end - 1] == '\n')
            end--;
        size_t begin = end;
        while (begin > 0 && text[begin - 1] != '\n')
            begin--;
        if (end > begin && !remark(text + begin, end - begin))
            return end;
        length = begin;
        if (begin == 0)
            return 0;
    }
    return 0;
}

/* ---- words ---------------------------------------------------------------------------------------------- */

/* A fence longer than any run of backticks in the text. */
static void fenced(struct strbuf *out, const char *text, size_t n, const char *language)
{
    size_t longest = 2, run = 0;
    for (size_t i = 0; i < n; i++) {
        run = text[i] == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    char fence[40];
    longest = longest > 30 ? 30 : longest;
    memset(fence, '`', longest + 1);
    fence[longest + 1] = 0;
    size_t shown = n;
    if (n > SHOWN_MAX) {
        shown = SHOWN_MAX;
        while (shown > 0 && text[shown] != '\n' && shown > SHOWN_MAX - 500)
            shown--;
        while (shown > 0 && ((unsigned char)text[shown] & 0xc0) == 0x80)
            shown--;
    }
    strbuf_printf(out, "%s%s\n", fence, language);
    strbuf_append(out, text, shown);
    strbuf_printf(out, "\n%s%s\n", fence, shown < n ? "\n\nThe rest is in the output above." : "");
}

/* A sentence, as our programs print them, rather than a row of a table. */
static bool sentence(const char *line, size_t n)
{
    while (n > 0 && line[n - 1] == ' ')
        n--;
    return n > 1 && line[0] != ' ' && strchr(".:!?", line[n - 1]) != NULL &&
           memmem(line, n, "  ", 2) == NULL;
}

/* One empty line at the end, unless nothing was said yet. */
static void gap(struct strbuf *out)
{
    size_t n = out->length;
    if (n > 0 && out->data[n - 1] != '\n')
        strbuf_puts(out, "\n");
    if (n > 1 && strcmp(out->data + out->length - 2, "\n\n") != 0)
        strbuf_puts(out, "\n");
}

/* Sentences as they are, everything else in a fence. */
static void worded(struct strbuf *out, const char *text, size_t n)
{
    const char *end = text + n, *block = NULL, *block_end = NULL;
    for (const char *line = text; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *stop = newline != NULL ? newline : end;
        bool blank = stop == line, prose = !blank && sentence(line, (size_t)(stop - line));
        if (prose && block != NULL) {
            gap(out);
            fenced(out, block, (size_t)(block_end - block), "");
            gap(out);
            block = NULL;
        }
        if (prose) {
            strbuf_append(out, line, (size_t)(stop - line));
            strbuf_puts(out, "\n");
        } else if (blank && block == NULL) {
            gap(out);
        } else if (!blank) {
            block = block != NULL ? block : line;
            block_end = stop;
        }
        line = newline != NULL ? newline + 1 : end;
    }
    if (block != NULL) {
        gap(out);
        fenced(out, block, (size_t)(block_end - block), "");
    }
}

/* The last line of a traceback: what went wrong. */
static void failed(struct strbuf *out, const char *text, size_t n, const struct offline_step *step)
{
    const char *end = text + n, *line = end;
    static const char missing[] = "ModuleNotFoundError: No module named ";
    const char *module = memmem(text, n, missing, strlen(missing));
    if (module != NULL && step->kind != OFFLINE_USER) {
        size_t length = strcspn(module, "\n");
        strbuf_printf(out,
            "It did not work: `%.*s`. This needs a session in the environment `data-science`, which has it.\n",
            (int)length, module);
        return;
    }
    while (line > text && line[-1] != '\n')
        line--;
    for (const char *at = text; at < end;
         at += strcspn(at, "\n") + 1) { /* "ValueError: …" at the start of a line */
        size_t name =
            strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.0123456789");
        if (name > 4 && name < 80 && isupper((unsigned char)*at) &&
            (at[name] == ':' || at[name] == '\n') &&
            (memmem(at, name, "Error", 5) != NULL || memmem(at, name, "Exit", 4) != NULL ||
                memmem(at, name, "Exception", 9) != NULL ||
                memmem(at, name, "Interrupt", 9) != NULL || memmem(at, name, "Warning", 7) != NULL))
            line = at;
    }
    size_t length = strcspn(line, "\n");
    strbuf_printf(out, "The code stopped: `%.*s`\n\n", (int)(length > 300 ? 300 : length), line);
    fenced(out, text, n, "");
}

/* "/mnt/data/a b.csv" as a link's target. */
static void put_target(struct strbuf *out, const char *path, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strchr(" ()<>\"'`[]%", path[i]) != NULL)
            strbuf_printf(out, "%%%02X", (unsigned)(unsigned char)path[i]);
        else
            strbuf_append(out, path + i, 1);
}

static void put_label(struct strbuf *out, const char *name, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strchr("[]*_`<>\\", name[i]) != NULL)
            strbuf_puts(out, "\\");
        strbuf_append(out, name + i, 1);
    }
}

/* Links to the files that the program made. */
static void files(struct strbuf *out, const char *remarks)
{
    size_t n = 0;
    for (const char *line = remarks; *line != 0 && n < FILES_MAX;
         line += strcspn(line, "\n"), line += *line == '\n') {
        const char *path = begins(line, RESULT_FILE_CREATED)   ? line + strlen(RESULT_FILE_CREATED)
                           : begins(line, RESULT_FILE_CHANGED) ? line + strlen(RESULT_FILE_CHANGED)
                                                               : NULL;
        size_t length = path != NULL ? strcspn(path, "\n") : 0;
        const char *size = length > 0 ? memrchr(path, '(', length) : NULL;
        if (size == NULL || size - path < 11)
            continue;
        length = (size_t)(size - 1 - path);
        strbuf_puts(out, n++ > 0 ? " \xc2\xb7 [" : "\nFiles: [");
        put_label(out, path + 10, length - 10); /* below /mnt/data/ */
        strbuf_puts(out, "](sandbox:");
        put_target(out, path, length);
        strbuf_puts(out, ")");
    }
    strbuf_puts(out, n > 0 ? "\n" : "");
}

/* ---- the whole -------------------------------------------------------------------------------------------- */

static void of_step(struct strbuf *out, const struct offline_step *step, const json_t *result)
{
    const char *text = item_text(result, "text");
    size_t length, n = printed(text);
    const char *summary = step->kind == OFFLINE_PROFILE || step->kind == OFFLINE_PLAN
                              ? between(text, summary_begin, summary_end, &length)
                              : NULL;
    if (summary != NULL) {
        strbuf_append(out, summary, length);
        strbuf_puts(out, "\n");
        return;
    }
    if (json_is_true(json_object_get(result, "is_error")))
        failed(out, text, n, step);
    else if (n == 0)
        strbuf_puts(out, "It ran, and printed nothing.\n");
    else if (step->kind == OFFLINE_USER)
        fenced(out, text, n, "");
    else
        worded(out, text, n);
    files(out, text + n);
}

void offline_answer(const struct offline_plan *plan, const json_t *results, struct strbuf *out)
{
    size_t n = json_array_size(results);
    for (size_t i = 0; i < n && i < plan->n; i++) {
        if (plan->steps[i].kind == OFFLINE_PLAN && i + 1 < n)
            continue; /* its code has been run: the next result answers */
        if (out->length > 0)
            strbuf_puts(out, "\n");
        of_step(out, &plan->steps[i], json_array_get(results, i));
    }
    for (size_t i = n; i < plan->n; i++) { /* what could not be run any more */
        strbuf_puts(
            out, i == n && n > 0
                     ? "\nNo further code may be run in this answer. It would go on with:\n\n"
                     : "\n");
        fenced(out, strbuf_text(&plan->steps[i].code), plan->steps[i].code.length, "python");
    }
}
