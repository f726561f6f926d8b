/* prompt.c - what the model is told besides the conversation: that it can run code, where, with what files,
 * and how what it makes reaches the person. Kept short: it is paid for with every call. */
#include <string.h>

#include "agent/loop.h"

enum { FILES_NAMED = 100, PROMPT_MAX = 1 << 20 };

static const char about_python[] =
    "You can run Python in a stateful Jupyter-like session (IPython semantics: the last value is shown, "
    "`!command` works). Variables and imports stay between calls. The working directory is /mnt/data: "
    "files of the conversation are there, and files that you save there can be given to the person. "
    "There is no network, and nothing can be installed. One call may take %lld seconds.\n"
    "- Look at data before you compute with it; compute instead of guessing.\n"
    "- Only what is printed, or is the last value, is seen by you: print what you need, briefly.\n"
    "- Show figures with matplotlib's plt.show(): the person sees them at once. Do not save them to "
    "files besides, unless asked for.\n"
    "- To give a file to the person, save it in /mnt/data and link it in your answer as "
    "[name](sandbox:/mnt/data/name).\n";

static const char how_to_call[] = "Call the tool `python` with the code.\n";

static const char how_to_fence[] =
    "To run code, write exactly one block that begins with a line ```python and ends with a line ```, "
    "and stop there: the block is run, and you get its result in the next message. Never write "
    "what the result might be. When you know the answer, write it without such a block.\n";

static const char no_more_code[] =
    "Code can not be run any more in this conversation's turn. Answer with what is known so far, "
    "without a block of code.\n";

/* A path as the model may read it: a name that code gave can be made of what code read. */
static void put_path(const struct loop *l, const struct session_file *f, struct strbuf *out)
{
    cleanup_strbuf struct strbuf masked = STRBUF_INIT(1 << 16);
    if (!l->redacted || f->from_user)
        strbuf_puts(out, f->path);
    else if (redact(l->run->all->redaction, f->path, strlen(f->path), &masked, NULL) < 0)
        strbuf_puts(out, "[withheld]");
    else
        strbuf_puts(out, strbuf_text(&masked));
}

static void put_files(
    const struct loop *l, struct strbuf *out, const struct session_file *files, size_t n)
{
    if (n == 0) {
        strbuf_puts(out, "There are no files yet.\n");
        return;
    }
    strbuf_puts(out, "Files that are there:\n");
    for (size_t i = 0; i < n; i++) {
        if (i == FILES_NAMED) {
            strbuf_printf(out, "- … and %zu more (list them with os.listdir)\n", n - i);
            return;
        }
        strbuf_puts(out, "- /mnt/data/");
        put_path(l, &files[i], out);
        strbuf_printf(out, " (%llu bytes)\n", (unsigned long long)files[i].bytes);
    }
}

char *prompt_instructions(struct loop *l, const struct session_file *files, size_t n)
{
    cleanup_strbuf struct strbuf out = STRBUF_INIT(PROMPT_MAX + (16 << 20));
    const struct plan *p = l->plan;
    if (p->interpreter) {
        strbuf_printf(
            &out, about_python, (long long)l->run->all->config.execution_timeout_ms / 1000);
        strbuf_puts(&out, p->route.tools ? how_to_call : how_to_fence);
        put_files(l, &out, files, n);
    }
    if (p->told)
        strbuf_printf(&out, "\n%s\n", p->told);
    if (p->instructions) {
        strbuf_puts(&out, out.length ? "\n" : "");
        strbuf_puts(&out, p->instructions);
    }
    strbuf_puts(&out, "");
    return out.failed ? NULL : out.length ? strbuf_take(&out) : strdup("");
}

const char *prompt_no_more_code(void) { return no_more_code; }

json_t *prompt_python_tool(void)
{
    return json_pack("{ss ss s{ss s{s{ss ss}} s[s] sb}}", "name", "python", "description",
        "Runs Python code in the session and answers with what it printed, the last value, errors, and "
        "the files it made.",
        "parameters", "type", "object", "properties", "code", "type", "string", "description",
        "The code, as it would be typed into one cell.", "required", "code", "additionalProperties",
        0);
}
