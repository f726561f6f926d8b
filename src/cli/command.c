#include "cli/commands.h"

#include <errno.h>
#include <stdarg.h>

#include "base/nearest.h"

int command_fail(const char *command, int code, const char *format, ...)
{
    char line[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    fprintf(stderr, "cloche %s: %s\n", command, line);
    return code;
}

static void unknown_flag(const char *command, const char *given, const struct option *longs)
{
    const char *names[128];
    size_t n = 0;
    for (const struct option *o = longs; o->name != NULL && n < 127; o++)
        names[n++] = o->name;
    names[n++] = "help";
    char word[80];
    snprintf(word, sizeof(word), "%.*s", (int)strcspn(given + 2, "="), given + 2);
    const char *near = nearest_word(word, names, n);
    if (near != NULL)
        command_fail(command, 0,
            "there is no flag --%s; did you mean --%s? See `cloche %s --help`.", word, near,
            command);
    else
        command_fail(command, 0, "there is no flag --%s; see `cloche %s --help`.", word, command);
}

int command_option(int argc, char **argv, const char *shorts, const struct option *longs)
{
    char letters[32];
    snprintf(letters, sizeof(letters), ":h%s", shorts);
    opterr = 0;
    int option = getopt_long(argc, argv, letters, longs, NULL);
    if (option != '?' && option != ':')
        return option;
    const char *given = argv[optind - 1]; /* getopt has stepped over the flag it complains about */
    if (option == ':')
        command_fail(argv[0], 0, "%s needs a value; see `cloche %s --help`.", given, argv[0]);
    else if (optopt > 0 && optopt < COMMAND_LONG)
        command_fail(argv[0], 0, "there is no flag -%c; see `cloche %s --help`.", optopt, argv[0]);
    else if (optopt >= COMMAND_LONG)
        command_fail(argv[0], 0, "%.*s takes no value.", (int)strcspn(given, "="), given);
    else if (strcmp(given, "--help") == 0)
        return 'h';
    else
        unknown_flag(argv[0], given, longs);
    return '?';
}

int command_number(const char *text, long long minimum, long long maximum, long long *ret)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || (errno != 0 && errno != ERANGE))
        return -EINVAL;
    if (errno == ERANGE || value < minimum || value > maximum)
        return -ERANGE;
    *ret = value;
    return 0;
}
