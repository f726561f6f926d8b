/* code.c - Python and data that stand in the message itself: run as they are, or profiled. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "provider/offline/offline.h"

struct block {
    const char *language, *text;
    size_t language_length, length;
};

/* The next fenced block from `*at` on. */
static bool next_block(const char **at, struct block *ret)
{
    for (const char *line = *at; *line != 0;) {
        size_t n = strcspn(line, "\n"), indent = strspn(line, " ");
        const char *fence = line + indent;
        size_t ticks = strspn(fence, *fence == '~' ? "~" : "`");
        line += n + (line[n] == '\n');
        if (indent > 3 || ticks < 3)
            continue;
        const char *language = fence + ticks + strspn(fence + ticks, " {.");
        ret->language = language;
        ret->language_length = strcspn(language, " \n\r}");
        ret->text = line;
        while (*line != 0) {
            size_t length = strcspn(line, "\n"), in = strspn(line, " ");
            if (in <= 3 && strspn(line + in, (char[]){*fence, 0}) >= ticks)
                break;
            line += length + (line[length] == '\n');
        }
        ret->length = (size_t)(line - ret->text);
        *at = line + strcspn(line, "\n");
        return ret->length > 0;
    }
    return false;
}

static bool language_is(const struct block *b, const char *names)
{
    for (const char *name = names;; name++) {
        size_t n = strcspn(name, "|");
        if (n == b->language_length && strncasecmp(name, b->language, n) == 0)
            return true;
        name += n;
        if (*name == 0)
            return false;
    }
}

/* ---- is it Python? ------------------------------------------------------------------------------------ */

static size_t identifier(const char *at)
{
    size_t n = isalpha((unsigned char)*at) || *at == '_' ? 1 : 0;
    while (n > 0 && (isalnum((unsigned char)at[n]) || at[n] == '_' || at[n] == '.'))
        n++;
    return n;
}

/* Does a line begin as a statement does, and as no sentence? */
static bool statement(const char *line, size_t n)
{
    static const char *const opened[] = {"for ", "while ", "if ", "elif ", "else", "with ", "def ",
        "class ", "try", "except", "async "};
    char text[400];
    snprintf(text, sizeof(text), "%.*s", (int)(n < sizeof(text) ? n : sizeof(text) - 1), line);
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        text[--length] = 0;
    if (strncmp(text, "import ", 7) == 0 && identifier(text + 7) > 0)
        return strchr(text + 7, ' ') == NULL || strstr(text, " as ") != NULL ||
               strchr(text, ';') != NULL || strchr(text, ',') != NULL;
    if (strncmp(text, "from ", 5) == 0)
        return strstr(text, " import ") != NULL;
    if (text[0] == '@' || text[0] == '%' || text[0] == '!')
        return identifier(text + 1) > 0;
    for (size_t i = 0; i < sizeof(opened) / sizeof(*opened); i++)
        if (strncmp(text, opened[i], strlen(opened[i])) == 0)
            return text[length - 1] == ':';
    size_t name = identifier(text);
    const char *after = text + name;
    if (name == 0)
        return false;
    if (*after == '(')
        return text[length - 1] == ')' || text[length - 1] == '(' || text[length - 1] == ',';
    if (*after == '[')
        after += strcspn(after, "=");
    after += strspn(after, " ");
    after += strspn(after, "+-*/") & 1;
    return after[0] == '=' && after[1] != '=' && strchr(after, '^') == NULL &&
           (strchr(after, '"') || strchr(after, '\'') || strchr(after, '[') || strchr(after, '{') ||
               strchr(after, '(') || isdigit((unsigned char)after[1 + strspn(after + 1, " -")]) ||
               identifier(after + 1 + strspn(after + 1, " ")) > 0);
}

/* A message that is nothing but Python: its first line and most others are statements, indented or comments. */
static bool python(const char *raw)
{
    size_t lines = 0, good = 0;
    bool first = true;
    for (const char *line = raw; *line != 0;) {
        size_t n = strcspn(line, "\n"), indent = strspn(line, " \t");
        if (indent < n && line[indent] != '\r') {
            bool ok = statement(line + indent, n - indent) || (indent > 0 && !first) ||
                      line[indent] == '#' || strchr(")]}", line[indent]) != NULL ||
                      line[indent] == '"' || line[indent] == '\'';
            if (first && (!ok || line[indent] == '"' || line[indent] == '#'))
                return line[indent] == '#' && strstr(line, "\nimport ") != NULL;
            first = false;
            lines++;
            good += ok;
        }
        line += n + (line[n] == '\n');
    }
    if (lines == 1 && strchr(raw, '(') == NULL && strchr(raw, '"') == NULL &&
        strchr(raw, '[') == NULL)
        return strncmp(raw, "import ", 7) == 0; /* "y = 2x" is mathematics */
    return lines > 0 && good * 10 >= lines * 8;
}

/* ---- rules ------------------------------------------------------------------------------------------------ */

static void add_code(struct offline_plan *plan, const char *says, const char *text, size_t n)
{
    struct offline_step *s = offline_step(plan, OFFLINE_USER, says);
    if (s != NULL)
        strbuf_append(&s->code, text, n);
}

bool offline_own_code(const struct offline_turn *turn, struct offline_plan *plan)
{
    const char *at = turn->raw;
    struct block b;
    while (next_block(&at, &b))
        if (language_is(&b, "python|py|python3|ipython|pycon") ||
            (language_is(&b, "") && (statement(b.text, strcspn(b.text, "\n")) || python(b.text))))
            add_code(plan,
                plan->n == 0 ? "I run the code of your message." : "Then the next block.", b.text,
                b.length);
    if (plan->n == 0 && strstr(turn->raw, "```") == NULL && python(turn->raw))
        add_code(plan, "I run the code of your message.", turn->raw, strlen(turn->raw));
    plan->named = true;
    return plan->n > 0;
}

bool offline_pasted_data(const struct offline_turn *turn, struct offline_plan *plan)
{
    static const char *const forms[][2] = {{"csv", "pasted.csv"}, {"tsv", "pasted.tsv"},
        {"json", "pasted.json"}, {"jsonl|ndjson", "pasted.jsonl"}, {"text|txt|log", "pasted.txt"}};
    const char *at = turn->raw;
    struct block b;
    while (next_block(&at, &b))
        for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
            if (language_is(&b, forms[i][0])) {
                struct offline_step *s = offline_step(plan, OFFLINE_PROFILE,
                    "I save the data of your message as a file and profile it.");
                cleanup_strbuf struct strbuf text = STRBUF_INIT(OFFLINE_CODE_MAX),
                                             path = STRBUF_INIT(64);
                offline_quote(&text, b.text, b.length);
                offline_quote(&path, forms[i][1], strlen(forms[i][1]));
                if (s != NULL && !text.failed)
                    OFFLINE_TEMPLATE(&s->code, "paste", {"text", text.data}, {"path", path.data});
            }
    plan->named = true;
    return plan->n > 0;
}
