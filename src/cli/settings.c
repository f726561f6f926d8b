#include "cli/settings.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "base/nearest.h"
#include "cli/paths.h"
#include "cli/settings_table.h"

enum { ENV_FILE_MAX = 1 << 20 };
static const double CPU_LEAST = 0.1;          /* less, and a kernel may not be ready in its time */
static const int64_t KERNEL_FLOOR = 32 << 20; /* a fresh kernel must always fit beside the files */
/* below it nothing is left beside the zygotes and pools */
static const int64_t MEMORY_TOTAL_LEAST = 256 << 20;

const struct setting_row setting_rows[SETTINGS_COUNT] = {
#define X(name, field, type, fallback, minimum, maximum, unit, where, reload, placeholder, help) \
    {name, TYPE_##type, offsetof(struct settings, field), fallback, minimum, maximum, unit, where, \
        reload, placeholder, help},
    SETTINGS_TABLE(X)
#undef X
};

static int64_t *number_of(struct settings *s, const struct setting_row *row)
{
    return (int64_t *)((char *)s + row->offset);
}
static char **text_of(struct settings *s, const struct setting_row *row)
{
    return (char **)((char *)s + row->offset);
}
static struct text_list *list_of(struct settings *s, const struct setting_row *row)
{
    return (struct text_list *)((char *)s + row->offset);
}

const char *setting_flag(enum setting_index i) { return setting_rows[i].name; }
bool setting_reloads(enum setting_index i) { return setting_rows[i].reload; }

void setting_variable(enum setting_index i, char out[64])
{
    snprintf(out, 64, "CLOCHE_%s", setting_rows[i].name);
    for (char *at = out; *at != '\0'; at++)
        *at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
}

/* Names that scripts have set since before Cloche. */
const char *setting_variable_other(enum setting_index i)
{
    return i == SETTING_model            ? "MODEL"
           : i == SETTING_temperature    ? "TEMPERATURE"
           : i == SETTING_max_iterations ? "MAX_ITERATIONS"
                                         : NULL;
}

void setting_key(enum setting_index i, char out[64])
{
    snprintf(out, 64, "%s", setting_rows[i].name);
    for (char *at = out; *at != '\0'; at++)
        *at = *at == '-' ? '_' : *at;
}

/* ---- values ------------------------------------------------------------------------------------ */

static const char suffixes[] = "kmgtp";

void setting_bytes_text(int64_t bytes, char out[32])
{
    int steps = 0;
    while (bytes > 0 && bytes % 1024 == 0 && steps < 5) {
        bytes /= 1024;
        steps++;
    }
    snprintf(out, 32, "%lld%.*s", (long long)bytes, steps > 0 ? 1 : 0,
        &suffixes[steps > 0 ? steps - 1 : 0]);
}

int setting_bytes_parse(const char *text, int64_t *ret)
{
    if (!isdigit((unsigned char)text[0]))
        return -EINVAL;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0)
        return -EINVAL;
    int shift = 0;
    const char *suffix = *end != '\0' ? strchr(suffixes, tolower((unsigned char)*end)) : NULL;
    if (suffix != NULL) {
        shift = 10 * (int)(suffix - suffixes + 1);
        end++;
        if (strcasecmp(end, "ib") == 0)
            end += 2;
    }
    if (strcasecmp(end, "b") == 0)
        end++;
    if (*end != '\0' || value > INT64_MAX >> shift)
        return -EINVAL;
    *ret = (int64_t)value << shift;
    return 0;
}

static int choice_parse(const char *words, const char *text, int64_t *ret)
{
    size_t length = strlen(text);
    for (int64_t i = 0; length > 0; i++, words++) {
        size_t n = strcspn(words, "|");
        if (n == length && strncasecmp(words, text, n) == 0) {
            *ret = i;
            return 0;
        }
        words += n;
        if (*words == '\0')
            break;
    }
    return -EINVAL;
}

static int decimal_parse(
    const struct setting_row *row, const char *text, double *ret, struct error *e)
{
    char *end;
    if (text[0] == '\0') { /* the default: not said */
        *ret = NAN;
        return 0;
    }
    double value = strtod(text, &end);
    if (*end != '\0' || !isdigit((unsigned char)text[text[0] == '-']))
        return error_set(e, ERROR_INVALID_VALUE, 0, "%.60s is not a number such as 0.7.", text);
    if (!(value >= (double)row->minimum && value <= (double)row->maximum))
        return error_set(e, ERROR_INVALID_VALUE, 0, "%.60s is not between %lld and %lld.", text,
            (long long)row->minimum, (long long)row->maximum);
    *ret = value;
    return 0;
}

static int number_parse(
    const struct setting_row *row, const char *text, int64_t *ret, struct error *e)
{
    if (row->type == TYPE_CHOICE) {
        if (choice_parse(row->unit, text, ret) < 0)
            return error_set(e, ERROR_INVALID_VALUE, 0, "%.60s is none of %s.", text, row->unit);
        return 0;
    }
    int64_t value = 0;
    int r;
    if (row->type == TYPE_BYTES) {
        r = setting_bytes_parse(text, &value);
    } else {
        char *end;
        errno = 0;
        value = strtoll(text, &end, row->type == TYPE_OCTAL ? 8 : 10);
        r = errno != 0 || end == text || *end != '\0' || isspace((unsigned char)text[0]) ? -EINVAL
                                                                                         : 0;
    }
    if (r < 0)
        return error_set(e, ERROR_INVALID_VALUE, 0, "%.60s is not %s.", text[0] ? text : "Nothing",
            row->type == TYPE_BYTES   ? "a size such as 512m or 4g"
            : row->type == TYPE_OCTAL ? "an octal number such as 0660"
                                      : "a whole number");
    if (value < row->minimum || value > row->maximum) {
        char least[32], most[32];
        if (row->type == TYPE_BYTES) {
            setting_bytes_text(row->minimum, least);
            setting_bytes_text(row->maximum, most);
        } else {
            snprintf(least, sizeof(least), row->type == TYPE_OCTAL ? "0%llo" : "%lld",
                (long long)row->minimum);
            snprintf(most, sizeof(most), row->type == TYPE_OCTAL ? "0%llo" : "%lld",
                (long long)row->maximum);
        }
        return error_set(e, ERROR_INVALID_VALUE, 0, "%.60s is not between %s and %s%s%s.", text,
            least, most, row->unit[0] ? " " : "", row->unit);
    }
    *ret = value;
    return 0;
}

static void list_clear(struct text_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->items[i]);
    free(l->items);
    *l = (struct text_list){0};
}

static int list_add(struct text_list *l, const char *item, size_t length)
{
    char **items = reallocarray(l->items, l->n + 1, sizeof(*items));
    if (items == NULL)
        return -ENOMEM;
    l->items = items;
    items[l->n] = strndup(item, length);
    return items[l->n] == NULL ? -ENOMEM : (l->n++, 0);
}

static int list_parse(
    const struct setting_row *row, struct text_list *l, const char *text, struct error *e)
{
    for (const char *at = text; *at != '\0';) {
        size_t n = strcspn(at, ",");
        if (n > 0 && list_add(l, at, n) < 0)
            return -ENOMEM;
        at += n + (at[n] == ',');
    }
    if ((int64_t)l->n < row->minimum || (int64_t)l->n > row->maximum)
        return error_set(e, ERROR_INVALID_VALUE, 0, "%zu are given; %lld to %lld are allowed.",
            l->n, (long long)row->minimum, (long long)row->maximum);
    return 0;
}

int settings_set(struct settings *s, enum setting_index i, enum setting_source from,
    const char *text, struct error *e)
{
    const struct setting_row *row = &setting_rows[i];
    if (from < s->source[i])
        return 0;
    int r = 0;
    if (row->type == TYPE_LIST) {
        struct text_list *l = list_of(s, row);
        if (from != FROM_FLAG || s->source[i] != FROM_FLAG)
            list_clear(l);
        r = list_parse(row, l, text, e);
    } else if (row->type == TYPE_TEXT) {
        int64_t length = (int64_t)strlen(text);
        if (length < row->minimum || length > row->maximum)
            return error_set(e, ERROR_INVALID_VALUE, 0, "The value is %s.",
                length < row->minimum ? "empty" : "too long");
        char *copy = strdup(text);
        if (copy == NULL)
            return -ENOMEM;
        free(*text_of(s, row));
        *text_of(s, row) = copy;
    } else if (row->type == TYPE_DECIMAL) {
        r = from != FROM_DEFAULT && text[0] == '\0'
                ? error_set(e, ERROR_INVALID_VALUE, 0, "The value is empty.")
                : decimal_parse(row, text, (double *)number_of(s, row), e);
    } else {
        r = number_parse(row, text, number_of(s, row), e);
    }
    if (r == 0)
        s->source[i] = (unsigned char)from;
    return r;
}

int settings_init(struct settings *s)
{
    *s = (struct settings){0};
    for (int i = 0; i < SETTINGS_COUNT; i++) {
        const struct setting_row *row = &setting_rows[i];
        if (row->fallback != NULL && settings_set(s, i, FROM_DEFAULT, row->fallback, NULL) < 0) {
            settings_deinit(s);
            return -ENOMEM;
        }
    }
    return 0;
}

void settings_deinit(struct settings *s)
{
    for (int i = 0; i < SETTINGS_COUNT; i++) {
        if (setting_rows[i].type == TYPE_TEXT)
            free(*text_of(s, &setting_rows[i]));
        else if (setting_rows[i].type == TYPE_LIST)
            list_clear(list_of(s, &setting_rows[i]));
    }
    json_decref(s->tables);
    *s = (struct settings){0};
}

void settings_copy_number(struct settings *to, const struct settings *from, enum setting_index i)
{
    const struct setting_row *row = &setting_rows[i];
    if (row->type == TYPE_TEXT || row->type == TYPE_LIST)
        abort(); /* the table marks only numbers */
    *number_of(to, row) = *(const int64_t *)((const char *)from + row->offset);
    to->source[i] = from->source[i];
}

bool settings_same(const struct settings *a, const struct settings *b, enum setting_index i)
{
    const struct setting_row *row = &setting_rows[i];
    const void *x = (const char *)a + row->offset, *y = (const char *)b + row->offset;
    if (row->type == TYPE_TEXT) {
        const char *t = *(char *const *)x, *u = *(char *const *)y;
        return t == u || (t != NULL && u != NULL && strcmp(t, u) == 0);
    }
    if (row->type != TYPE_LIST)
        return *(const int64_t *)x == *(const int64_t *)y;
    const struct text_list *l = x, *m = y;
    for (size_t k = 0; k < l->n && l->n == m->n; k++)
        if (strcmp(l->items[k], m->items[k]) != 0)
            return false;
    return l->n == m->n;
}

/* ---- sources ----------------------------------------------------------------------------------- */

int settings_flags(struct settings *s, int argc, char **argv)
{
    struct option longs[SETTINGS_COUNT + 1] = {{0}};
    int n = 0;
    for (int i = 0; i < SETTINGS_COUNT; i++)
        if (setting_rows[i].where & FLAG)
            longs[n++] =
                (struct option){setting_rows[i].name, required_argument, NULL, COMMAND_LONG + i};
    int option;
    while ((option = command_option(argc, argv, "", longs)) != -1) {
        if (option == 'h' || option == '?')
            return option == 'h' ? 'h' : -EINVAL;
        struct error e = {0};
        int r = settings_set(s, option - COMMAND_LONG, FROM_FLAG, optarg, &e);
        if (r < 0) {
            command_fail(argv[0], 0, "--%s: %s", setting_rows[option - COMMAND_LONG].name,
                r == -ENOMEM ? "Out of memory." : e.message);
            return -EINVAL;
        }
    }
    if (optind < argc) {
        command_fail(argv[0], 0, "\"%s\" is one word too many; see `cloche %s --help`.",
            argv[optind], argv[0]);
        return -EINVAL;
    }
    return 0;
}

/* One line of an env file: NAME=VALUE, `export ` before it and quotes around the value allowed. */
static int env_line(char *line)
{
    line += strspn(line, " \t");
    line[strcspn(line, "\r")] = '\0';
    if (*line == '\0' || *line == '#')
        return 0;
    if (strncmp(line, "export ", 7) == 0)
        line += 7 + strspn(line + 7, " ");
    size_t n = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    if (n == 0 || line[n] != '=')
        return -EINVAL;
    line[n] = '\0';
    char *value = line + n + 1;
    size_t length = strlen(value);
    while (length > 0 && isspace((unsigned char)value[length - 1]))
        value[--length] = '\0';
    if (length >= 2 && (value[0] == '"' || value[0] == '\'') && value[length - 1] == value[0]) {
        value[length - 1] = '\0';
        value++;
    }
    return setenv(line, value, 0) < 0 ? -errno : 0;
}

static int env_file(const char *path, struct error *e)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT(ENV_FILE_MAX);
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *to = fd < 0 ? NULL : strbuf_reserve(&text, ENV_FILE_MAX - 1);
    if (to == NULL)
        return error_set(e, ERROR_INVALID_VALUE, fd < 0 ? errno : ENOMEM, "Cannot read %s: %s.",
            path, strerror(fd < 0 ? errno : ENOMEM));
    size_t length = 0;
    ssize_t n;
    while (length < ENV_FILE_MAX - 1 && (n = read(fd, to + length, ENV_FILE_MAX - 1 - length)) > 0)
        length += (size_t)n;
    to[length] = '\0';
    int number = 1;
    for (char *line = to, *next; line != NULL; line = next, number++) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        if (env_line(line) < 0)
            return error_set(
                e, ERROR_INVALID_VALUE, 0, "%s, line %d: expected NAME=VALUE.", path, number);
    }
    return 0;
}

int settings_environment(struct settings *s, struct error *e)
{
    int r = s->env_file[0] != '\0' ? env_file(s->env_file, e) : 0;
    for (int i = 0; i < SETTINGS_COUNT && r == 0; i++) {
        char name[64];
        setting_variable(i, name);
        const char *value = setting_rows[i].where & ENVIRONMENT ? getenv(name) : NULL;
        const char *other = setting_variable_other(i);
        if ((value == NULL || value[0] == '\0') && other != NULL && (value = getenv(other)) != NULL)
            snprintf(name, sizeof(name), "%s", other);
        if (value == NULL || value[0] == '\0')
            continue;
        struct error why = {0};
        r = settings_set(s, i, FROM_ENVIRONMENT, value, &why);
        if (r < 0)
            error_set(e, ERROR_INVALID_VALUE, -r, "%s: %s", name, why.message);
    }
    return r;
}

int settings_finish(struct settings *s, struct error *e)
{
    if (s->state == NULL && (s->state = paths_state(e)) == NULL)
        return -EINVAL;
    if (s->environments == NULL && (s->environments = paths_environments(e)) == NULL)
        return -EINVAL;
    if (s->default_environment == NULL) {
        cleanup_free char *built = NULL;
        struct stat st;
        bool there =
            asprintf(&built, "%s/data-science/current/manifest.json", s->environments) > 0 &&
            stat(built, &st) == 0;
        s->default_environment = strdup(there ? "data-science" : "base");
        if (s->default_environment == NULL)
            return -ENOMEM;
    }
    if (s->timeout_s > s->timeout_max_s)
        return error_set(e, ERROR_INVALID_VALUE, 0,
            "timeout (%lld s) is above timeout-max (%lld s).", (long long)s->timeout_s,
            (long long)s->timeout_max_s);
    if (s->idle_minutes > s->idle_max_minutes)
        return error_set(e, ERROR_INVALID_VALUE, 0,
            "idle (%lld minutes) is above idle-max (%lld minutes).", (long long)s->idle_minutes,
            (long long)s->idle_max_minutes);
    if (s->memory_total > 0 && s->memory_total < MEMORY_TOTAL_LEAST)
        return error_set(e, ERROR_INVALID_VALUE, 0, "memory-total is below %lld MiB.",
            (long long)(MEMORY_TOTAL_LEAST >> 20));
    if (s->cpu_limit > 0 && s->cpu_limit < CPU_LEAST)
        return error_set(e, ERROR_INVALID_VALUE, 0,
            "cpu-limit is below %g cores, with which a session starts too slowly; 0 is no limit.",
            CPU_LEAST);
    if (s->memory_limit * (100 - s->scratch_percent) / 100 < KERNEL_FLOOR)
        return error_set(e, ERROR_INVALID_VALUE, 0,
            "memory-limit less scratch-share leaves a kernel less than %lld MiB.",
            (long long)(KERNEL_FLOOR >> 20));
    return 0;
}
