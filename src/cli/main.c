/* main.c - `cloche`: the table of its commands, and nothing else. */
#include "cli/commands.h"
#include "base/nearest.h"

static const struct command commands[] = {
    {"serve", command_serve, "answer the HTTP API"},
    {"run", command_run, "run one Python file in a fresh sandbox"},
    {"chat", command_chat, "talk to a model that runs code"},
    {"notebook", command_notebook, "make, run and export notebooks"},
    {"env", command_env, "list, build and remove environments"},
    {"key", command_key, "create, list and revoke API keys"},
    {"doctor", command_doctor, "say what this machine offers and what is missing"},
    {"attack", command_attack, "attack a server, and say what held"},
    {"bench", command_bench, "measure a server"},
    {"__server", command_server, NULL},
    {"__run", command_run_inside, NULL},
    {"__settings-doc", command_settings_doc, NULL},
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int help(FILE *to, int code)
{
    fprintf(to,
        "Cloche runs Python that a language model wrote: safely, with state, files and plots.\n\n"
        "usage: cloche COMMAND [FLAG]...\n\n");
    for (size_t i = 0; i < COMMANDS; i++)
        if (commands[i].summary != NULL)
            fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fprintf(to, "\n  cloche COMMAND --help   flags and exit codes of a command\n"
                "  cloche --version        the version\n");
    return fflush(to) == 0 ? code : EXIT_FAILED;
}

static int unknown(const char *word)
{
    const char *names[COMMANDS];
    size_t n = 0;
    for (size_t i = 0; i < COMMANDS; i++)
        if (commands[i].summary != NULL)
            names[n++] = commands[i].name;
    const char *near = nearest_word(word, names, n);
    fprintf(stderr, "cloche: there is no command \"%s\"%s%s%s\n", word,
        near != NULL ? "; did you mean \"" : "; see `cloche --help`.", near != NULL ? near : "",
        near != NULL ? "\"?" : "");
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return help(stderr, EXIT_USAGE);
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
        return help(stdout, 0);
    if (strcmp(word, "--version") == 0)
        return printf("cloche %s\n", CLOCHE_VERSION) > 0 && fflush(stdout) == 0 ? 0 : EXIT_FAILED;
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(word, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    return unknown(word);
}
