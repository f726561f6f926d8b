/* settings_doc.c - the table of settings as text for people: --help and docs/settings.md. */
#include "cli/commands.h"
#include "cli/settings_table.h"

static void wrapped(FILE *to, const char *text, int column, int width)
{
    int at = column;
    while (*text != '\0') {
        int n = (int)strcspn(text, " ");
        if (at > column && at + 1 + n > width) {
            fprintf(to, "\n%*s", column, "");
            at = column;
        }
        at += fprintf(to, "%s%.*s", at > column ? " " : "", n, text);
        text += n + (text[n] == ' ');
    }
}

static void default_text(const struct setting_row *row, char *out, size_t size)
{
    if (row->fallback == NULL || row->fallback[0] == '\0' || strcmp(row->fallback, "-1") == 0)
        out[0] = '\0';
    else if (row->type != TYPE_CHOICE && row->unit[0] != '\0')
        snprintf(out, size, "%s %s", row->fallback, row->unit);
    else
        snprintf(out, size, "%s", row->fallback);
}

void settings_help(FILE *to)
{
    for (int i = 0; i < SETTINGS_COUNT; i++) {
        const struct setting_row *row = &setting_rows[i];
        if (!(row->where & FLAG))
            continue;
        char help[512], value[64];
        default_text(row, value, sizeof(value));
        snprintf(help, sizeof(help), "%s%s%s%s%s%s%s", row->help,
            row->type == TYPE_CHOICE ? " One of " : "", row->type == TYPE_CHOICE ? row->unit : "",
            row->type == TYPE_CHOICE ? "." : "", value[0] ? " Default: " : "", value,
            value[0] ? "." : "");
        int n = fprintf(to, "  --%s %s", row->name, row->placeholder);
        fprintf(to, n > 30 ? "\n%*s" : "%*s", n > 30 ? 32 : 32 - n, "");
        wrapped(to, help, 32, 96);
        fputc('\n', to);
    }
}

static void markdown_cell(FILE *to, const char *text)
{
    for (; *text != '\0'; text++)
        fputs(*text == '|' ? "\\|" : (char[]){*text, '\0'}, to);
}

static void markdown_row(FILE *to, int i)
{
    const struct setting_row *row = &setting_rows[i];
    char name[64], value[64], least[32], most[32];
    fprintf(to, "| `--%s", row->name);
    fprintf(to, " ");
    markdown_cell(to, row->placeholder);
    fprintf(to, "` | ");
    setting_variable(i, name);
    const char *other = setting_variable_other(i);
    if (other != NULL)
        fprintf(to, "`%s` or `%s` | ", name, other);
    else
        fprintf(to, row->where & ENVIRONMENT ? "`%s` | " : "| ", name);
    setting_key(i, name);
    fprintf(to, row->where & CONFIG ? "`%s` | " : "| ", name);
    default_text(row, value, sizeof(value));
    fprintf(to, "%s | ", value);
    if (row->type == TYPE_BYTES) {
        setting_bytes_text(row->minimum, least);
        setting_bytes_text(row->maximum, most);
        fprintf(to, "%s to %s", least, most);
    } else if (row->type == TYPE_CHOICE) {
        markdown_cell(to, row->unit);
    } else if (row->type != TYPE_TEXT && row->type != TYPE_LIST) {
        fprintf(to, row->type == TYPE_OCTAL ? "%llo to %llo" : "%lld to %lld",
            (long long)row->minimum, (long long)row->maximum);
    }
    fprintf(to, " | %s | ", row->reload ? "yes" : "");
    markdown_cell(to, row->help);
    fprintf(to, " |\n");
}

void settings_markdown(FILE *to)
{
    fprintf(to,
        "# Settings\n\n"
        "Every setting of `cloche serve`. A flag wins over the environment, that over the config file\n"
        "(`--config FILE`, one JSON object), that over the default. The config file also holds the tables\n"
        "`providers`, `models`, `prices` ([models.md](models.md)) and `redaction`. Sizes take `k`, `m`, `g`, `t` (powers of\n"
        "1,024). A list is given by repeating the flag, by commas in the environment, by an array in the\n"
        "config file. Unknown and duplicate keys of the config file are errors. SIGHUP reads the config file\n"
        "again: rows marked so take effect for new work, the others with the next start; a file with a\n"
        "mistake is logged and the old settings stay.\n\n"
        "This page is written by `cloche __settings-doc` from the one table in `src/cli/settings.h`.\n\n"
        "| flag | environment | config key | default | allowed | on SIGHUP | what it is |\n"
        "|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < SETTINGS_COUNT; i++)
        markdown_row(to, i);
}

int command_settings_doc(int argc, char **argv)
{
    if (argc > 1)
        return command_fail(argv[0], EXIT_USAGE, "takes no arguments.");
    settings_markdown(stdout);
    return fflush(stdout) == 0 ? 0 : EXIT_FAILED;
}
